"""A review: a version that was sent to colleagues, who must approve it, and what each of them answered."""

import uuid

from django.db import models
from django.db.models import F, Q

from tokenportal.models.guard import GuardedModel
from tokenportal.models.people import Team, User
from tokenportal.models.token_request import TokenRequest


class Review(GuardedModel):
    """One round: the version and digest that were sent, why, and what became of it.

    It is live as long as its outcome is OPEN or APPROVED; what ends it voids its approvals. ``lapses_at`` is when approvals
    that were given count no more.
    """

    class Outcome(models.TextChoices):
        OPEN = "", "Waiting"
        APPROVED = "approved", "Approved"
        CHANGES = "changes", "Changes requested"
        DENIED = "denied", "Denied"
        WITHDRAWN = "withdrawn", "Withdrawn"
        VOIDED = "voided", "Taken back after approval"
        EXPIRED = "expired", "Expired"

    LIVE = (Outcome.OPEN, Outcome.APPROVED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token_request = models.ForeignKey(TokenRequest, on_delete=models.CASCADE, related_name="reviews")
    number = models.PositiveIntegerField()
    version = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    reason = models.CharField(max_length=2000, blank=True)
    sent_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    approved_at = models.DateTimeField(null=True)
    lapses_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=16, choices=Outcome, default=Outcome.OPEN, blank=True)
    asked = models.ManyToManyField(User, through="ReviewAsked", related_name="asked_reviews")

    class Meta:
        ordering = ["number"]
        indexes = [models.Index(fields=["outcome", "sent_at"])]
        constraints = [
            models.UniqueConstraint(fields=["token_request", "number"], name="reviews_are_numbered"),
            models.UniqueConstraint(
                fields=["token_request"], condition=Q(outcome__in=["", "approved"]), name="one_live_review_a_request"
            ),
            models.CheckConstraint(condition=~Q(digest="") & Q(version__gt=0), name="what_is_reviewed_has_a_digest"),
            models.CheckConstraint(
                condition=~Q(outcome="approved") | Q(approved_at__isnull=False, lapses_at__isnull=False),
                name="approved_says_since_when_and_until",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["", "approved"], ended_at__isnull=True)
                | (~Q(outcome__in=["", "approved"]) & Q(ended_at__isnull=False)),
                name="an_ended_review_has_an_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"review {self.number} of {self.token_request_id}"

    @property
    def is_live(self) -> bool:
        return self.outcome in self.LIVE


class Demand(GuardedModel):
    """Approvals that one rule asked for when the review was sent: ``count`` of them, from the approvers of ``team``, or from
    the admins where there is none. ``met_at`` is when there were enough; that is asked again when the token is created.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="demands")
    rule = models.CharField(max_length=64)
    title = models.CharField(max_length=120)
    because = models.CharField(max_length=400, blank=True)
    count = models.PositiveIntegerField()
    team = models.ForeignKey(Team, null=True, on_delete=models.PROTECT, related_name="+")
    met_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["title", "pk"]
        constraints = [models.UniqueConstraint(fields=["review", "rule"], name="a_rule_demands_once_a_review")]

    def __str__(self) -> str:
        return self.title


class ReviewAsked(GuardedModel):
    """Somebody who was asked by name. That lets them see the request; whether they may approve it is asked of the rules."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="asked_rows")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["review", "user"], name="asked_once_a_review")]

    def __str__(self) -> str:
        return f"{self.user_id} for {self.review_id}"


class Answer(GuardedModel):
    """What a reviewer said of exactly this version and digest. ``requester`` stands here too, so that the database itself
    refuses an approval of one's own request.
    """

    class Verdict(models.TextChoices):
        APPROVE = "approve", "Approved"
        CHANGES = "changes", "Requested changes"
        DENY = "deny", "Denied"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="answers")
    requester = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="answers")
    verdict = models.CharField(max_length=16, choices=Verdict)
    version = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    comment = models.CharField(max_length=2000, blank=True)
    at = models.DateTimeField()
    voided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["at"]
        constraints = [
            models.UniqueConstraint(fields=["review", "by"], condition=Q(verdict="approve"), name="one_approval_a_person"),
            models.CheckConstraint(condition=~Q(by=F("requester")) | ~Q(verdict="approve"), name="approver_is_not_requester"),
            models.CheckConstraint(condition=~Q(digest="") & Q(version__gt=0), name="an_answer_is_about_a_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} by {self.by_id}"

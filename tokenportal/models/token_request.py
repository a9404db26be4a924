"""A token request: the one row from a draft to a created token, and the attempts made for it."""

import secrets
import uuid
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.urls import reverse

from tokenportal import clock
from tokenportal.models.deed import DEEDS, Deed
from tokenportal.models.guard import GuardedModel, GuardedQuerySet, require_recording
from tokenportal.models.people import Team, User
from tokenportal.models.status import LABELS, TONES, TRANSITIONS, WAITS_ON, Status

# Crockford's base 32: no I, L, O or U, so that it can be read aloud.
REFERENCE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
REFERENCE_LENGTH = 10


def new_reference() -> str:
    return "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(REFERENCE_LENGTH))


class IllegalMove(RuntimeError):
    """The table of transitions has no such arrow. A bug, never a person's mistake."""


class MovedMeanwhile(Exception):
    """The row was no longer in the state, or at the version, from which it should have moved."""


def colleagues_of(user: User) -> Any:
    """Everybody who is in one of this person's teams, now."""
    return User.objects.filter(memberships__team__memberships__user=user)


def shared_with(user: User, now: datetime, role: str = "") -> Q:
    """Requests open to this person by a share, a team or a link that is still good, with just this role if one is given.

    Only as long as they are a colleague of the requester: in one of their teams, now. What was discarded is its requester's alone.
    """
    by_person, by_team = Q(shares__user=user), Q(shares__team__memberships__user=user)
    by_link = Q(links__guests__user=user, links__revoked_at=None, links__expires_at__gt=now)
    if role:
        by_person, by_team, by_link = (
            by_person & Q(shares__role=role),
            by_team & Q(shares__role=role),
            by_link & Q(links__role=role),
        )
    return (by_person | by_team | by_link) & Q(requester__in=colleagues_of(user).values("pk")) & ~Q(status=Status.DISCARDED)


class TokenRequestQuerySet(GuardedQuerySet):
    def visible_to(self, user: User) -> "TokenRequestQuerySet":
        """Drafts: the requester and those it is shared with. From review or issuing on: the team, auditors, admins too.
        What was discarded: the requester.

        While it is reviewed, also those who were asked by name and the approvers of each team that a rule names; of these, who
        answered it, for longer. What has an alarm is an admin's to resolve, whatever its state.
        """
        own = Q(requester=user) | shared_with(user, clock.now())
        private = Q(status__in=[Status.DRAFT, Status.DISCARDED])
        left = ~private if user.is_admin or user.is_auditor else ~private & (_of_team(user) | _reviewed_by(user))
        alarmed = ~Q(alarm="") if user.is_admin else Q(pk__in=())
        return self.filter(pk__in=TokenRequest.objects.filter(own | left | alarmed).values("pk"))


def _of_team(user: User) -> Q:
    return Q(team__memberships__user=user)


def _reviewed_by(user: User) -> Q:
    """Those in review, or approved, for which this person approves for a team that a rule names, or was asked by name.

    An approver who answered sees on what became of it, as long as their answer stands and they are one.
    """
    approves = Q(reviews__demands__team__memberships__user=user, reviews__demands__team__memberships__is_approver=True)
    asked, answered = Q(reviews__asked=user), Q(reviews__answers__by=user)
    under_way = Q(status__in=[Status.IN_REVIEW, Status.APPROVED])
    return ((under_way & (approves | asked)) | (approves & answered)) & Q(reviews__outcome__in=["", "approved"])


class TokenRequest(GuardedModel):
    """``version`` is the number of the newest version; ``digest`` is what that version compiles to, and what is agreed: "" where
    the newest is none that could be agreed to.

    ``reference`` ends the token's name at Cloudflare, so that a token whose answer was lost can be found again.
    ``target`` is the token that an edit changes or a replacement succeeds; ``base`` is the body that an edit began with,
    so that a change made elsewhere meanwhile is not overwritten unseen.
    ``reason`` is why it is needed, where a rule asks for that. An adoption (``Kind.ADOPT``) sends nothing to Cloudflare.
    ``accepted_strays`` are ids at Cloudflare: tokens with this reference that an admin knows of and leaves alone.
    """

    class Kind(models.TextChoices):
        CREATE = "create", "Create"
        EDIT = "edit", "Edit"
        REPLACE = "replace", "Replace"
        ADOPT = "adopt", "Adopt"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reference = models.CharField(max_length=REFERENCE_LENGTH, unique=True, default=new_reference, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="token_requests")
    requester = models.ForeignKey(User, on_delete=models.PROTECT, related_name="token_requests")
    template = models.CharField(max_length=64, blank=True)
    template_version = models.PositiveIntegerField(null=True)
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.CREATE)
    target = models.ForeignKey("tokenportal.Token", null=True, on_delete=models.PROTECT, related_name="later_requests")
    base = models.JSONField(null=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.DRAFT)
    version = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    cloudflare_id = models.CharField(max_length=32, blank=True)
    reason = models.CharField(max_length=2000, blank=True)
    alarm = models.CharField(max_length=400, blank=True)
    accepted_strays = models.JSONField(default=list)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    objects = TokenRequestQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        ordering = ["-changed_at"]
        indexes = [models.Index(fields=["status", "changed_at"]), models.Index(fields=["team", "status"])]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=Status.values), name="request_status_is_known"),
            models.CheckConstraint(
                condition=Q(kind="create", target__isnull=True) | (~Q(kind="create") & Q(target__isnull=False)),
                name="what_is_not_a_creation_has_a_target",
            ),
            models.CheckConstraint(condition=~Q(status=Status.ISSUED) | ~Q(cloudflare_id=""), name="issued_has_a_cloudflare_id"),
            models.CheckConstraint(
                condition=Q(digest="") | Q(version__gt=0),
                name="a_digest_is_that_of_a_version",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[Status.DRAFT, Status.DISCARDED]) | ~Q(digest=""),
                name="what_leaves_draft_has_a_digest",
            ),
        ]

    def __str__(self) -> str:
        return f"request {self.reference}"

    def get_absolute_url(self) -> str:
        return reverse("request", args=[self.pk])

    @property
    def state(self) -> Status:
        return Status(self.status)

    @property
    def trail(self) -> uuid.UUID:
        """What its events are found by, as a token has it."""
        return self.pk

    @property
    def is_edit(self) -> bool:
        return self.kind == self.Kind.EDIT

    @property
    def is_adoption(self) -> bool:
        return self.kind == self.Kind.ADOPT

    @property
    def deed(self) -> Deed:
        """What carrying it out is called."""
        return DEEDS[self.kind]

    @property
    def state_label(self) -> str:
        """The state in words: what is created or not in a request for a new token, is changed or not in a change."""
        return str(LABELS.get(self.kind, {}).get(self.state, self.state.label))

    @property
    def tone(self) -> str:
        return TONES.get(self.state, "warn")

    @property
    def result(self) -> Any:
        """The token that it made, changed or adopted, where it is done."""
        return None if self.status != Status.ISSUED else self.target if self.is_of_target else getattr(self, "token", None)

    @property
    def is_of_target(self) -> bool:
        """Whether it is about a token that exists, and makes none."""
        return self.is_edit or self.is_adoption

    @property
    def name_reference(self) -> str:
        """What ends the token's name at Cloudflare: one that exists keeps the one that it was created with, if any."""
        if not self.is_of_target:
            return self.reference
        made_by = self.target.token_request if self.target else None
        return made_by.reference if made_by else ""

    @property
    def kept_status(self) -> str:
        """The status that a change leaves as it was; "" for what creates a token, which is active."""
        return self.base["status"] if self.is_edit and self.base else ""

    @property
    def waits_on(self) -> str:
        return WAITS_ON[self.state]

    def move(self, to: Status, **fields: Any) -> None:
        """Go to another state, together with ``fields``, if the row is still where this object believes it to be.

        An alarm that was raised meanwhile counts as having moved, and so does a draft that was handed to somebody else.

        Raises IllegalMove for an arrow that is not in TRANSITIONS, MovedMeanwhile when another process was first.
        """
        require_recording(type(self))
        if to not in TRANSITIONS[self.state]:
            raise IllegalMove(f"{self.status} -> {to}")
        as_known = {name: getattr(self, name) for name in ("status", "version", "alarm", "requester_id")}
        here = TokenRequest.objects.filter(pk=self.pk, **as_known)
        if here.update(status=to, **fields) != 1:
            raise MovedMeanwhile
        self.status = to
        for name, value in fields.items():
            setattr(self, name, value)


class Attempt(GuardedModel):
    """One POST to Cloudflare for a request: written before it leaves, completed when an answer is understood.

    ``answer`` holds safe words only. An attempt without ``ended_at`` is open: sent perhaps, answer unknown.
    """

    class Outcome(models.TextChoices):
        OPEN = "", "Open"
        CREATED = "created", "Created"
        ADOPTED = "adopted", "Found by looking it up"
        NEVER_SENT = "never_sent", "Never sent"
        REFUSED = "refused", "Refused"
        NOT_FOUND = "not_found", "Not found after the settle window"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token_request = models.ForeignKey(TokenRequest, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    version = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=16, choices=Outcome, default=Outcome.OPEN, blank=True)
    answer = models.CharField(max_length=400, blank=True)
    ray = models.CharField(max_length=64, blank=True)
    empty_listings = models.PositiveIntegerField(default=0)
    looked_up_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["token_request", "number"], name="attempts_are_numbered"),
            models.UniqueConstraint(
                fields=["token_request"], condition=Q(ended_at__isnull=True), name="one_open_attempt_a_request"
            ),
            models.CheckConstraint(
                condition=(Q(ended_at__isnull=True) & Q(outcome="")) | (Q(ended_at__isnull=False) & ~Q(outcome="")),
                name="an_ended_attempt_has_an_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.token_request_id}"

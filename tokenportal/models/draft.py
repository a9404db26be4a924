"""What a request asks for: the working copy that people edit, its numbered versions, and what is said about them."""

import uuid

from django.db import models

from tokenportal.models.connection import Connection
from tokenportal.models.guard import FreeModel, GuardedModel
from tokenportal.models.people import User
from tokenportal.models.token_request import TokenRequest
from tokenportal.policy.spec import TokenSpec


class WorkingCopy(FreeModel):
    """The draft as it stands. ``revision`` rises at every save; a save that names an older one is stale.

    ``put_down`` is the newest revision that stands in a version, or that says the same as the newest one.
    ``edited_by`` are the ids of everybody who ever saved it, or the draft that it is a copy of: what they wrote they do not approve.
    """

    WHY_FREE = "It is saved while somebody types; the version made from it is the event (design, sections 1 and 6)."

    token_request = models.OneToOneField(TokenRequest, on_delete=models.CASCADE, primary_key=True, related_name="working_copy")
    spec_json = models.JSONField(default=dict)
    connection = models.ForeignKey(Connection, null=True, on_delete=models.PROTECT, related_name="+")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    backup_owner = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    revision = models.PositiveIntegerField(default=1)
    put_down = models.PositiveIntegerField(default=0)
    saved_at = models.DateTimeField()
    saved_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    edited_by = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"working copy of {self.token_request_id}"

    @property
    def spec(self) -> TokenSpec:
        return TokenSpec.from_json(self.spec_json)

    @property
    def name(self) -> str:
        return self.spec.name.strip() or "Untitled"

    @property
    def editors(self) -> frozenset[str]:
        """The ids of all who wrote what stands here."""
        return frozenset({*self.edited_by, str(self.saved_by_id)})


class Version(GuardedModel):
    """A numbered state of a draft, made when a sitting ends, when its summary is opened, or when an earlier one is restored.

    ``payload`` is the body that Cloudflare would receive for it, as far as it says one. Only what a summary was opened of
    is agreed to: it has exact moments, a connection and a ``digest``; what was merely put down may lack all three.
    """

    class Reason(models.TextChoices):
        CHECKED = "checked", "The summary was opened"
        SITTING = "sitting", "A sitting ended"
        RESTORED = "restored", "An earlier version was restored"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token_request = models.ForeignKey(TokenRequest, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    revision = models.PositiveIntegerField()
    reason = models.CharField(max_length=16, choices=Reason, default=Reason.CHECKED)
    restored = models.PositiveIntegerField(null=True)
    spec_json = models.JSONField()
    connection = models.ForeignKey(Connection, null=True, on_delete=models.PROTECT, related_name="+")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    backup_owner = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    payload = models.JSONField()
    digest = models.CharField(max_length=64, blank=True)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["token_request", "number"], name="versions_are_numbered"),
            models.CheckConstraint(
                condition=models.Q(digest="") | models.Q(connection__isnull=False), name="what_is_agreed_has_a_connection"
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.number} of {self.token_request_id}"

    @property
    def short_digest(self) -> str:
        """The first digits of what it compiles to, as people compare them."""
        return " ".join((self.digest[:4], self.digest[4:8], self.digest[8:12]))

    @property
    def agreed_connection(self) -> Connection:
        """The connection of a version that can be agreed to, which always has one."""
        assert self.connection is not None  # noqa: S101
        return self.connection

    @property
    def spec(self) -> TokenSpec:
        return TokenSpec.from_json(self.spec_json)


class Comment(GuardedModel):
    """Something said about a draft as a whole (``section`` is "") or one section of its builder, at a version of it.

    The section of an access block is "access-" and its key (``policy.spec.places``).

    ``answers`` is the comment that began the thread; a thread is resolved by its first comment.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token_request = models.ForeignKey(TokenRequest, on_delete=models.CASCADE, related_name="comments")
    section = models.CharField(max_length=32, blank=True)
    version = models.PositiveIntegerField(default=0)
    answers = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="replies")
    text = models.TextField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    resolved_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(resolved_at__isnull=True, resolved_by__isnull=True)
                | models.Q(resolved_at__isnull=False, resolved_by__isnull=False),
                name="somebody_resolves_a_comment",
            )
        ]

    def __str__(self) -> str:
        return f"comment on {self.token_request_id}"


class Presence(FreeModel):
    """That somebody has a draft open: ``seen_at`` is their last ping, ``revision`` the one that their page shows."""

    WHY_FREE = "It says who looks at a draft right now, and is forgotten within a minute."

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token_request = models.ForeignKey(TokenRequest, on_delete=models.CASCADE, related_name="present")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    revision = models.PositiveIntegerField(default=0)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["token_request", "user"], name="present_once")]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.token_request_id}"

"""What a request asks for: the working copy that people edit, its numbered versions, and who may see or edit it."""

import uuid

from django.db import models
from django.db.models import Q

from tokenportal.models.connection import Connection
from tokenportal.models.guard import FreeModel, GuardedModel
from tokenportal.models.people import User
from tokenportal.models.token_request import TokenRequest
from tokenportal.policy.spec import TokenSpec


class WorkingCopy(FreeModel):
    """The draft as it stands. ``revision`` rises at every save; a save that names an older one is stale."""

    WHY_FREE = "It is saved while somebody types; the version made from it is the event (design, sections 1 and 6)."

    token_request = models.OneToOneField(TokenRequest, on_delete=models.CASCADE, primary_key=True, related_name="working_copy")
    spec_json = models.JSONField(default=dict)
    connection = models.ForeignKey(Connection, null=True, on_delete=models.PROTECT, related_name="+")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    backup_owner = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    revision = models.PositiveIntegerField(default=1)
    saved_at = models.DateTimeField()
    saved_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"working copy of {self.token_request_id}"

    @property
    def spec(self) -> TokenSpec:
        return TokenSpec.from_json(self.spec_json)

    @property
    def name(self) -> str:
        return self.spec.name.strip() or "Untitled"


class Version(GuardedModel):
    """A numbered state of a draft with exact moments, and the very body that Cloudflare would receive for it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token_request = models.ForeignKey(TokenRequest, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    revision = models.PositiveIntegerField()
    spec_json = models.JSONField()
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    backup_owner = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    payload = models.JSONField()
    digest = models.CharField(max_length=64)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["token_request", "number"], name="versions_are_numbered")]

    def __str__(self) -> str:
        return f"version {self.number} of {self.token_request_id}"

    @property
    def spec(self) -> TokenSpec:
        return TokenSpec.from_json(self.spec_json)


class Share(GuardedModel):
    """A named colleague who may see or edit a draft. It never lets anybody create the token."""

    class Role(models.TextChoices):
        VIEWER = "viewer", "Can view"
        EDITOR = "editor", "Can edit"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token_request = models.ForeignKey(TokenRequest, on_delete=models.CASCADE, related_name="shares")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="shares")
    role = models.CharField(max_length=16, choices=Role, default=Role.VIEWER)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["user__username"]
        constraints = [
            models.UniqueConstraint(fields=["token_request", "user"], name="one_share_a_person"),
            models.CheckConstraint(condition=Q(role__in=["viewer", "editor"]), name="share_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} on {self.token_request_id}"

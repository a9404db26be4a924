"""A connection: a credential that can create tokens at Cloudflare, and the teams that may use it."""

import uuid

from django.db import models

from tokenportal.models.guard import GuardedModel
from tokenportal.models.people import Team


class Connection(GuardedModel):
    """``sealed_credential`` is bound to this very row (see crypto); nothing ever shows it again.

    ``report`` is the last test, as ``[{"ok": true | false | null, "line": str, "detail": str}, ...]``.
    ``owner_id`` is the account's id for an account-owned connection, the Cloudflare user's id otherwise.
    """

    class Kind(models.TextChoices):
        ACCOUNT = "account", "Account-owned"
        USER = "user", "User token"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=16, choices=Kind)
    owner_id = models.CharField(max_length=32, blank=True)
    owner_name = models.CharField(max_length=200, blank=True)
    sealed_credential = models.TextField()
    last_four = models.CharField(max_length=4)
    parent_token_id = models.CharField(max_length=32, blank=True)
    is_active = models.BooleanField(default=True)
    report = models.JSONField(default=list)
    tested_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    teams = models.ManyToManyField(Team, through="ConnectionGrant", related_name="connections")

    known_generation: uuid.UUID | None = None
    """The snapshot's generation, where it was asked for together with this row."""

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def owner_path(self) -> str:
        """The part of Cloudflare's addresses that says whose tokens these are."""
        return f"accounts/{self.owner_id}" if self.kind == self.Kind.ACCOUNT else "user"


class ConnectionGrant(GuardedModel):
    """A team that may use a connection."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="grants")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="connection_grants")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "team"], name="one_grant_a_team")]

    def __str__(self) -> str:
        return f"{self.connection} for {self.team}"

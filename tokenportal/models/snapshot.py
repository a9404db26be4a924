"""What Cloudflare last told us through a connection: permission groups, accounts, zones."""

import uuid

from django.db import models

from tokenportal.models.connection import Connection
from tokenportal.models.guard import FreeModel


class Snapshot(FreeModel):
    """``groups`` is the list of permission groups as the API answered: id, name, scopes, category.

    A refresh writes the next snapshot's rows under a new ``generation`` and switches over at its end, so that a
    reader never sees half of one and a refresh that fails leaves the old one standing. ``zones_complete`` is said of
    what stands: false where there are more zones than a reading takes.
    """

    WHY_FREE = "It repeats what Cloudflare says; who asked for a refresh is an event."

    class State(models.TextChoices):
        NEVER = "never", "Never read"
        READING = "reading", "Being read"
        READY = "ready", "Read"
        FAILED = "failed", "Could not be read"

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, primary_key=True, related_name="snapshot")
    generation = models.UUIDField(default=uuid.uuid4)
    groups = models.JSONField(default=list)
    read_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=16, choices=State, default=State.NEVER)
    started_at = models.DateTimeField(null=True)
    zones_read = models.PositiveIntegerField(default=0)
    zones_total = models.PositiveIntegerField(null=True)
    zones_complete = models.BooleanField(default=True)
    error = models.CharField(max_length=400, blank=True)

    def __str__(self) -> str:
        return f"snapshot of {self.connection}"


class KnownAccount(FreeModel):
    WHY_FREE = "Part of a snapshot."

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="known_accounts")
    generation = models.UUIDField()
    account_id = models.CharField(max_length=32)
    name = models.CharField(max_length=200)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["connection", "generation", "account_id"], name="account_once_a_snapshot")]

    def __str__(self) -> str:
        return self.name


class KnownZone(FreeModel):
    WHY_FREE = "Part of a snapshot."

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="known_zones")
    generation = models.UUIDField()
    zone_id = models.CharField(max_length=32)
    name = models.CharField(max_length=253)
    account_id = models.CharField(max_length=32)
    status = models.CharField(max_length=32, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["connection", "generation", "zone_id"], name="zone_once_a_snapshot")]
        indexes = [
            models.Index(fields=["connection", "generation", "name"]),
            models.Index(fields=["connection", "generation", "account_id"]),
        ]

    def __str__(self) -> str:
        return self.name

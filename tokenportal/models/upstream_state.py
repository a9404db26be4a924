"""What all processes share about a connection's calls: how many were made, and whether Cloudflare wants to be left alone."""

from django.db import models

from tokenportal.models.connection import Connection
from tokenportal.models.guard import FreeModel


class UpstreamState(FreeModel):
    """``slots`` counts calls by slices of the budget's period: ``{"<slice number>": calls}``.

    ``blocked_until``: Cloudflare said when to come back. ``failures`` in a row open the breaker until ``open_until``;
    then one call is let through, at ``probing_since``, to see whether it works again.
    """

    WHY_FREE = "It counts calls; what a call did is an event of its own."

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, primary_key=True, related_name="upstream_state")
    slots = models.JSONField(default=dict)
    blocked_until = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    open_until = models.DateTimeField(null=True)
    probing_since = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"calls through {self.connection_id}"


class TokenReading(FreeModel):
    """How far the reading of a connection's tokens has come, and what the last one could tell.

    ``complete``: the list was read to its end. ``sentence`` says why not, or what the connection cannot list.
    """

    WHY_FREE = "It tells how far a reading has come; what a reading finds is an event."

    class State(models.TextChoices):
        NEVER = "never", "Never read"
        READING = "reading", "Being read"
        READY = "ready", "Read"
        FAILED = "failed", "Could not be read"

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, primary_key=True, related_name="token_reading")
    state = models.CharField(max_length=16, choices=State, default=State.NEVER)
    started_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(null=True)
    complete = models.BooleanField(default=False)
    sentence = models.CharField(max_length=400, blank=True)

    def __str__(self) -> str:
        return f"tokens of {self.connection_id}"

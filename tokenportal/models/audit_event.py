"""One thing that happened. Rows are appended by audit.chain and never changed or removed."""

from typing import Any

from django.db import models

from tokenportal.models.guard import FreeModel, GuardedModel, GuardedQuerySet, require_recording


class AppendOnly(RuntimeError):
    """Somebody tried to change or remove an event."""


class AuditEventQuerySet(GuardedQuerySet):
    def update(self, **values: Any) -> int:
        raise AppendOnly("Events are never changed.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly("Events are never removed.")

    def bulk_update(self, *args: Any, **options: Any) -> int:
        raise AppendOnly("Events are never changed.")

    def bulk_create(self, *args: Any, **options: Any) -> list[Any]:
        raise AppendOnly("Events are appended one by one: in bulk, one could take another's place.")


class AuditEvent(GuardedModel):
    """``changes`` is ``{field: [before, after]}``; ``details`` holds what else is known, such as digest and ray id.

    ``trail`` is the id of the token request that the event belongs to, so that a token's history is one query.
    """

    class Outcome(models.TextChoices):
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"

    number = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    by_id = models.UUIDField(null=True, db_index=True)
    by_name = models.CharField(max_length=64, blank=True)
    channel = models.CharField(max_length=16)
    session = models.CharField(max_length=16, blank=True)
    address = models.CharField(max_length=45, blank=True)
    action = models.CharField(max_length=64, db_index=True)
    object_type = models.CharField(max_length=32, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_name = models.CharField(max_length=200, blank=True)
    trail = models.UUIDField(null=True, db_index=True)
    outcome = models.CharField(max_length=16, choices=Outcome, default=Outcome.DONE)
    reason = models.CharField(max_length=400, blank=True)
    changes = models.JSONField(default=dict)
    details = models.JSONField(default=dict)
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    key_id = models.CharField(max_length=16)
    mac = models.CharField(max_length=64)

    objects = AuditEventQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        ordering = ["-number"]
        indexes = [models.Index(fields=["object_type", "object_id"])]

    def __str__(self) -> str:
        return f"{self.number} {self.action}"

    def _save_table(self, raw: bool = False, cls: Any = None, force_insert: Any = False, *args: Any, **options: Any) -> bool:
        require_recording(type(self))
        if not self._state.adding:
            raise AppendOnly("Events are never changed.")
        return super()._save_table(raw, cls, True, *args, **options)

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnly("Events are never removed.")


class AuditHead(FreeModel):
    """The number and hash of the newest event. Its row is the lock under which writers take turns."""

    WHY_FREE = "It repeats the newest event, and the verifier does not believe it."

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_audit_head")]

    def __str__(self) -> str:
        return f"head {self.number}"

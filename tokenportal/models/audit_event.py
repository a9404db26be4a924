"""One thing that happened. Rows are appended by audit.chain and never changed or removed."""

import json
import uuid
from typing import Any

from django.db import models

from tokenportal.models.guard import FreeModel, GuardedModel, GuardedQuerySet, require_recording


def canonical_json(value: Any) -> str:
    """One text for each value: keys sorted, no blanks, no escapes but those that JSON demands."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class CanonicalJSONField(models.TextField):
    """JSON kept as its canonical text, which is what the chain hashes: a database's own JSON type would rewrite it."""

    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def from_db_value(self, value: str, expression: Any, connection: Any) -> Any:
        return json.loads(value)

    def to_python(self, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> str:
        return canonical_json(value)

    def value_to_string(self, obj: models.Model) -> str:
        return canonical_json(self.value_from_object(obj))


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
    """``changes`` is ``{field: [before, after]}``; ``details`` holds what else is known and has no column.

    ``trail`` is the id of the token request that the event belongs to, so that a token's history is one query.
    ``session`` names the person's session from its beginning to its end, and ``sign_in`` is how it was begun. ``digest`` is that of the
    request to Cloudflare, ``ray`` and ``cloudflare_id`` what it answered. ``fingerprint`` is a keyed one of a secret that
    was handed out (audit.fingerprints). What a later release added is hashed only where it says something, so
    earlier events keep their hashes.
    """

    class Outcome(models.TextChoices):
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"

    number = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    by_id = models.UUIDField(null=True)
    by_name = models.CharField(max_length=64, blank=True)
    channel = models.CharField(max_length=16)
    sign_in = models.CharField(max_length=16, blank=True)
    session = models.CharField(max_length=16, blank=True)
    address = models.CharField(max_length=45, blank=True)
    action = models.CharField(max_length=64)
    object_type = models.CharField(max_length=32, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_name = models.CharField(max_length=200, blank=True)
    trail = models.UUIDField(null=True)
    outcome = models.CharField(max_length=16, choices=Outcome, default=Outcome.DONE)
    reason = models.CharField(max_length=400, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    ray = models.CharField(max_length=64, blank=True)
    cloudflare_id = models.CharField(max_length=32, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    changes = CanonicalJSONField(default=dict)
    details = CanonicalJSONField(default=dict)
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    key_id = models.CharField(max_length=16)
    mac = models.CharField(max_length=64)

    objects = AuditEventQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        ordering = ["-number"]
        # Each ends with the number: a page of what a filter finds is read from its index, however long the log is.
        indexes = [
            models.Index(fields=[*fields, "number"], name=f"audit_by_{name}")
            for name, fields in (
                ("person", ["by_id"]),
                ("name", ["by_name"]),
                ("action", ["action"]),
                ("object", ["object_id"]),
                ("object_name", ["object_name"]),
                ("trail", ["trail"]),
                ("outcome", ["outcome"]),
                ("session", ["session"]),
                ("fingerprint", ["fingerprint"]),
            )
        ]

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
    """Number, hash and key of the newest event. Its row is the lock under which writers take turns."""

    WHY_FREE = "It repeats the newest event, and the verifier does not believe it."

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64)
    key_id = models.CharField(max_length=16, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_audit_head")]

    def __str__(self) -> str:
        return f"head {self.number}"


class Verification(FreeModel):
    """One look at the chain: asked for, under way, or done. ``mac`` seals the result with the audit key (audit.verifying).

    ``events`` and ``total`` are how many events have been looked at and how many there were; ``unprotected`` how many came
    after the newest checkpoint; ``first_bad`` is the number of the first event at which the chain does not hold.
    ``seen_at`` is when whoever does it wrote down how far it is. ``by_id`` and ``by_name`` are empty for the worker's own.
    """

    WHY_FREE = "That somebody asked is an event, and so is what a person's check found; the worker's own would fill the log."

    class Scope(models.TextChoices):
        NEWEST = "newest", "The newest part"
        WHOLE = "whole", "The whole log"

    class Result(models.TextChoices):
        OPEN = "", "Not known yet"
        CLEAN = "clean", "Holds"
        TAMPERED = "tampered", "Does not hold"
        UNKNOWN = "unknown", "Nobody can tell"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scope = models.CharField(max_length=16, choices=Scope)
    by_id = models.UUIDField(null=True)
    by_name = models.CharField(max_length=64, blank=True)
    asked_at = models.DateTimeField()
    began_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    events = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    unprotected = models.BigIntegerField(default=0)
    result = models.CharField(max_length=16, choices=Result, default=Result.OPEN, blank=True)
    first_bad = models.BigIntegerField(null=True)
    kind = models.CharField(max_length=16, blank=True)
    sentence = models.CharField(max_length=400, blank=True)
    mac = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-asked_at"]
        indexes = [models.Index(fields=["scope", "ended_at"])]

    def __str__(self) -> str:
        return f"verification of {self.get_scope_display().lower()}"

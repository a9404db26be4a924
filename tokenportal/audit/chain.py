"""The chain: events are numbered under a lock, each is linked to the one before it, sealed and saved (see seals).

What this proves is said where it is recomputed (see following).
"""

from django.db import DatabaseError, transaction

from tokenportal import clock
from tokenportal.audit import checkpoints
from tokenportal.audit.events import Event
from tokenportal.audit.following import Finding, follow
from tokenportal.audit.seals import START, AuditUnavailable, canonical, digest, keyring, mac, seal
from tokenportal.models import AuditEvent, AuditHead
from tokenportal.models.guard import origin

__all__ = ["START", "AuditUnavailable", "Finding", "append", "canonical", "digest", "keyring", "mac", "verify"]


def append(*events: AuditEvent) -> None:
    """Number, link, seal and save events inside the transaction that they describe.

    The head's row is locked until that transaction ends, so numbers are contiguous whatever the number of writers. The
    keys are read under that lock; where another one has become the current one, an event that says so is put before.
    Raises AuditUnavailable, which undoes the transaction.
    """
    try:
        AuditHead.objects.get_or_create(id=1, defaults={"number": 0, "hash": START})
        head = AuditHead.objects.select_for_update().get(id=1)
        ring, before = keyring(), head.number
        if head.number and head.key_id not in ring.keys:
            raise AuditUnavailable("The key that sealed the newest event is not in the key file.")
        rotated = [_rotated(head.key_id, ring.current)] if head.number and head.key_id != ring.current else []
        for event in (*rotated, *events):
            seal(event, head.number + 1, head.hash, ring)
            event.save()
            head.number, head.hash = event.number, event.hash
        AuditHead.objects.filter(id=1).update(number=head.number, hash=head.hash, key_id=ring.current)
    except DatabaseError as error:
        raise AuditUnavailable from error
    if before // checkpoints.EVERY != head.number // checkpoints.EVERY:
        transaction.on_commit(checkpoints.try_to_make)


def take_turn() -> None:
    """Take the head's row before there is an event: whatever else is recorded is committed by now, or waits for this transaction.

    Whoever records holds the rows that they change while they wait for it, so the rows that will be changed are locked before.
    """
    AuditHead.objects.select_for_update().filter(id=1).first()


def _rotated(before: str, after: str) -> AuditEvent:
    """The event that says that another key seals from here on. The verifier takes no change of keys without it."""
    where = origin.get()
    return AuditEvent(
        at=clock.now(), channel=where.channel, action=Event.AUDIT_KEY_ROTATED.value, details={"from": before, "to": after}
    )


def verify() -> tuple[int, Finding | None]:
    """How many events hold, and the first that does not. Raises AuditUnavailable when a key is not here."""
    result = follow()
    return result.events, result.finding

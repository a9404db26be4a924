"""The chain: each event's hash covers its content and the hash before it, and a keyed MAC covers that hash.

Canonical JSON (sorted keys, no blanks, UTF-8) is hashed with SHA-256. Somebody who can write the database can
recompute hashes, but not MACs: their key is a file outside it. What this proves: no event up to the newest was changed,
removed, added or reordered without the key. What it does not prove alone: that the tail was not cut off.
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError

from tokenportal import keys
from tokenportal.models import AuditEvent, AuditHead
from tokenportal.models.audit_event import canonical_json

START = hashlib.sha256(b"tokenportal audit chain 1").hexdigest()
"""What the first event names as the hash before it."""

HASHED = (
    "number", "by_id", "by_name", "channel", "session", "address", "action", "object_type", "object_id",
    "object_name", "trail", "outcome", "reason", "changes", "details", "previous", "key_id",
)  # fmt: skip
ADDED = ("sign_in", "digest", "ray", "cloudflare_id", "fingerprint")
"""What a later release added: hashed where it says something, so that earlier events keep their hashes."""


class AuditUnavailable(Exception):
    """The event cannot be written, so what needed it did not happen."""


@dataclass(frozen=True)
class Finding:
    """The first event at which the chain does not hold, and what is wrong with it."""

    number: int
    kind: str
    sentence: str


def keyring() -> keys.Keyring:
    """The audit keys. Never made where events exist: a new key would make them all look forged."""
    directory = Path(settings.KEYS_DIR)
    try:
        if settings.KEYS_ARE_MADE_ON_DEMAND and not AuditEvent.objects.exists():
            return keys.load_or_make(directory, "audit")
        return keys.load(directory, "audit")
    except keys.KeyMissing as error:
        raise AuditUnavailable(str(error)) from None


def canonical(event: AuditEvent) -> bytes:
    content: dict[str, Any] = {name: getattr(event, name) for name in HASHED}
    content |= {name: value for name in ADDED if (value := getattr(event, name))}
    content["by_id"] = str(event.by_id) if event.by_id else None
    content["trail"] = str(event.trail) if event.trail else None
    content["at"] = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    return canonical_json(content).encode()


def digest(event: AuditEvent) -> str:
    return hashlib.sha256(canonical(event)).hexdigest()


def mac(event_hash: str, key: bytes) -> str:
    return hmac.new(key, event_hash.encode(), hashlib.sha256).hexdigest()


def append(*events: AuditEvent) -> None:
    """Number, link, seal and save events inside the transaction that they describe.

    The head's row is locked until that transaction ends, so numbers are contiguous whatever the number of writers.
    Raises AuditUnavailable, which undoes the transaction.
    """
    ring = keyring()
    try:
        AuditHead.objects.get_or_create(id=1, defaults={"number": 0, "hash": START})
        head = AuditHead.objects.select_for_update().get(id=1)
        for event in events:
            event.number, event.previous, event.key_id = head.number + 1, head.hash, ring.current
            event.hash = digest(event)
            event.mac = mac(event.hash, ring.current_key)
            event.save()
            head.number, head.hash = event.number, event.hash
        AuditHead.objects.filter(id=1).update(number=head.number, hash=head.hash, key_id=ring.current)
    except DatabaseError as error:
        raise AuditUnavailable("The audit log cannot be written.") from error


def wrong_with(event: AuditEvent, expected_number: int, previous: str, ring: keys.Keyring) -> Finding | None:
    """What is wrong with one event, given its place and the hash before it."""
    if event.number != expected_number:
        return Finding(expected_number, "missing", f"Event {expected_number} is missing.")
    if event.previous != previous:
        return Finding(event.number, "link", f"Event {event.number} does not follow the event before it.")
    if event.hash != digest(event):
        return Finding(event.number, "content", f"The content of event {event.number} was changed.")
    if event.key_id not in ring.keys:
        return Finding(event.number, "key", f"Event {event.number} names the key {event.key_id!r}, which is not here.")
    if not hmac.compare_digest(event.mac, mac(event.hash, ring.keys[event.key_id])):
        return Finding(event.number, "mac", f"Event {event.number} was not sealed with this portal's key.")
    return None


UNREADABLE = (ValueError, TypeError, AttributeError, OverflowError)
"""What reading a row raises that holds something the portal never writes, such as text where JSON should be."""


class Unreadable(Exception):
    """An event that cannot even be read."""

    def __init__(self, number: int) -> None:
        super().__init__(f"Event {number} cannot be read.")
        self.number = number


def in_chunks() -> Iterator[AuditEvent]:
    return AuditEvent.objects.order_by("number").iterator(chunk_size=1000)


def one_by_one() -> Iterator[AuditEvent]:
    """The same much slower, to find out which one is Unreadable."""
    return map(one, AuditEvent.objects.order_by("number").values_list("number", flat=True))


def one(number: int) -> AuditEvent:
    try:
        event = AuditEvent.objects.get(number=number)
        digest(event)
        event.mac.encode("ascii")
    except UNREADABLE:
        raise Unreadable(number) from None
    return event


def follow(events: Iterator[AuditEvent], ring: keys.Keyring) -> tuple[int, Finding | None]:
    number, previous = 0, START
    for event in events:
        finding = wrong_with(event, number + 1, previous, ring)
        if finding:
            return number, finding
        number, previous = event.number, event.hash
    head = AuditHead.objects.filter(id=1).first()
    if head and (head.number > number):
        return number, Finding(number + 1, "missing", f"Event {number + 1} is missing: the log should reach {head.number}.")
    return number, None


def verify() -> tuple[int, Finding | None]:
    """Recompute every link. Returns how many events hold, and the first that does not.

    Raises AuditUnavailable when the key is not here, for then nobody can tell.
    """
    ring = keyring()
    try:
        return follow(in_chunks(), ring)
    except UNREADABLE:
        pass
    try:
        return follow(one_by_one(), ring)
    except Unreadable as found:
        sentence = f"The content of event {found.number} was changed: it cannot be read any more."
        return found.number - 1, Finding(found.number, "content", sentence)

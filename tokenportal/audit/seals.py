"""What seals one event: canonical bytes, SHA-256 over them with the hash before, and an HMAC whose key is a file.

Canonical JSON has sorted keys, no blanks, and is UTF-8. Somebody who can write the database can recompute hashes, but not
MACs, because their key lies outside it.
"""

import hashlib
import hmac
from datetime import UTC
from pathlib import Path
from typing import Any

from django.conf import settings

from tokenportal import keys
from tokenportal.models import AuditEvent
from tokenportal.models.audit_event import canonical_json

START = hashlib.sha256(b"tokenportal audit chain 1").hexdigest()
"""What the first event names as the hash before it."""

HASHED = (
    "number", "by_id", "by_name", "channel", "session", "address", "action", "object_type", "object_id",
    "object_name", "trail", "outcome", "reason", "changes", "details", "previous", "key_id",
)  # fmt: skip
ADDED = ("sign_in", "digest", "ray", "cloudflare_id", "fingerprint")
"""What a later release added: hashed where it says something, so that earlier events keep their hashes."""


UNWRITABLE = "The audit log cannot be written."


class AuditUnavailable(Exception):
    """The event cannot be written, so what needed it did not happen."""

    def __init__(self, sentence: str = UNWRITABLE) -> None:
        super().__init__(sentence)


def keyring() -> keys.Keyring:
    """The audit keys, read anew each time. Never made where events exist: a new key would make them all look forged.

    Raises AuditUnavailable where they cannot be read.
    """
    directory = Path(settings.KEYS_DIR)
    try:
        if settings.KEYS_ARE_MADE_ON_DEMAND and not AuditEvent.objects.exists():
            return keys.load_or_make(directory, "audit")
        return keys.load(directory, "audit")
    except (keys.KeyMissing, OSError) as error:
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


def mac(text: str, key: bytes) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()


def seal(event: AuditEvent, number: int, previous: str, ring: keys.Keyring) -> None:
    """Give an event its number, its link to the event before it and its seal."""
    event.number, event.previous, event.key_id = number, previous, ring.current
    event.hash = digest(event)
    event.mac = mac(event.hash, ring.current_key)

"""One event looked at by itself: whether what it says is what was sealed, and all of it as JSON."""

import hmac
import json
from typing import Any

from tokenportal.audit import reading, seals
from tokenportal.models import AuditEvent


def wrong_with(event: AuditEvent) -> str:
    """What is wrong with its content, its seal or its link to the event before it, as a sentence; empty where all holds.

    Raises AuditUnavailable where the keys are not here. Whether events are missing elsewhere only the whole chain tells.
    """
    ring = seals.keyring()
    if event.at is None:
        return "It cannot be read any more, so its content was changed."
    if event.previous != (seals.START if event.number == 1 else reading.hash_of(event.number - 1)):
        return "It does not follow the event before it."
    if event.hash != seals.digest(event):
        return "Its content was changed."
    if event.key_id not in ring.keys:
        return "It names a key that is not here."
    if not hmac.compare_digest(event.mac.encode(), seals.mac(event.hash, ring.keys[event.key_id]).encode()):
        return "It was not sealed with this portal’s key."
    return ""


def as_json(event: AuditEvent) -> dict[str, Any]:
    """All fields as they were hashed (the empty ones of ``seals.ADDED`` aside), then the hash and the seal.

    So whoever has such a line can recompute its hash, and with the key its seal.
    """
    if event.at is None:
        return {"number": event.number, "unreadable": True}
    content = json.loads(seals.canonical(event))
    return {"number": content.pop("number"), "at": content.pop("at"), **content, "hash": event.hash, "mac": event.mac}

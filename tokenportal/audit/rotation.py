"""Rotating the key that seals events and the one that signs checkpoints. Earlier keys stay in their files."""

from pathlib import Path

from django.conf import settings
from django.db import transaction

from tokenportal import keys
from tokenportal.audit import chain
from tokenportal.models.guard import recording_open


def rotate(name: str) -> str:
    """Add a key to the file of this name; its id. Raises AuditUnavailable or OSError.

    Where it seals events, the event that says so is written now, and not with whatever happens next.
    """
    try:
        ring = keys.rotate(Path(settings.KEYS_DIR), name)
    except keys.KeyMissing as error:
        raise chain.AuditUnavailable(str(error)) from None
    if name == "audit":
        begin()
    return ring.current


def begin() -> None:
    """Say that another key seals events from here on, where that is so and no event says it yet."""
    with transaction.atomic():
        token = recording_open.set(True)
        try:
            chain.append()
        finally:
            recording_open.reset(token)

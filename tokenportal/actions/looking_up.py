"""What a person asked Cloudflare about a token is an event by itself, whatever was found and wherever that stands."""

from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from django.db import models

from tokenportal import audit
from tokenportal.audit import Event
from tokenportal.models import AuditEvent, User


class Told(Protocol):
    """What was found out, as a sentence for the person who asked."""

    @property
    def sentence(self) -> str: ...


def asked[Found: Told](ask: Callable[[], Found], *, by: User | None, subject: models.Model, trail: UUID) -> Found:
    """What ``ask`` gives. Where a person asks, it leaves one event of looking up, with what was found as its reason.

    Raises what ``ask`` raises, and AuditUnavailable.
    """
    if by is None:
        return ask()
    with audit.attempting() as attempt:
        found = ask()
    if not attempt.has(Event.TOKEN_LOOKED_UP):
        known = bool(attempt.events)
        with audit.recording(Event.TOKEN_LOOKED_UP, by=by, subject=subject, trail=trail) as record:
            record.reason = found.sentence
            record.outcome = AuditEvent.Outcome.DONE if known else AuditEvent.Outcome.FAILED
    return found

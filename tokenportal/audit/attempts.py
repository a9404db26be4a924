"""One attempt of a person to do something: what it is about, which events it has led to, and why it was refused."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from django.db import DatabaseError, models

from tokenportal.audit.chain import AuditUnavailable
from tokenportal.audit.events import Event
from tokenportal.audit.recording import refused, written
from tokenportal.models import AuditEvent, User

log = logging.getLogger("tokenportal.audit")


@dataclass
class Attempt:
    """``event`` is what it would write if it worked. ``subject`` is a row that the person may know of, or None.

    ``reason`` is the sentence that the person gets, "" as long as nothing was refused.
    """

    event: Event | None = None
    subject: models.Model | None = None
    reason: str = ""
    events: list[AuditEvent] = field(default_factory=list)

    @property
    def is_told(self) -> bool:
        """Whether an event says already that it was refused."""
        return any(event.outcome == AuditEvent.Outcome.REFUSED for event in self.events)

    def has(self, action: Event) -> bool:
        return any(event.action == action for event in self.events)


present: ContextVar[Attempt | None] = ContextVar("present_attempt", default=None)


@contextmanager
def attempting(event: Event | None = None) -> Iterator[Attempt]:
    """Collect what is written meanwhile. One inside another: both collect."""
    attempt, outer = Attempt(event), written.get()
    events, here = written.set(attempt.events), present.set(attempt)
    try:
        yield attempt
    finally:
        written.reset(events)
        present.reset(here)
        if outer is not None:
            outer += attempt.events


def means(event: Event) -> None:
    """Say which of several events the present attempt would write."""
    if attempt := present.get():
        attempt.event = event


def about[Row: models.Model](row: Row) -> Row:
    """Say which row the present attempt is about. The first that is named counts."""
    attempt = present.get()
    if attempt and attempt.subject is None:
        attempt.subject = row
    return row


def refusing(sentence: str) -> str:
    """Say why the present attempt is refused, in the words that the person gets."""
    if attempt := present.get():
        attempt.reason = sentence
    return sentence


def refuse(
    event: Event, *, by: User, reason: str, subject: models.Model | None = None, named: tuple[str, str] = ("", ""), form: str = ""
) -> None:
    """Record a refusal, if that is possible: without its event, it is a refusal all the same.

    ``named``: type and id of what an address names, where nobody may know whether it exists. ``form``: the address's pattern.
    """
    details = {"form": form} if form else {}
    try:
        refused(event, by=by, reason=reason, subject=subject, named=named, trail=getattr(subject, "trail", None), **details)
    except (AuditUnavailable, DatabaseError):
        log.exception("A refusal could not be recorded: %s.", event.value)

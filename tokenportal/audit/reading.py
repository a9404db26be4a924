"""Events as pages and exports read them; whoever may read the log may read all of it (rules.may_read_audit).

The log begins with event 1. What somebody put in before it has no page: the verification tells of it, and exports hold it.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connection, models
from django.db.models.functions import Coalesce

from tokenportal.audit.raw import UNREADABLE
from tokenportal.audit.seals import ADDED, HASHED
from tokenportal.models import AuditEvent, User, append_only
from tokenportal.models.audit_event import canonical_json

LONG = ("changes", "details")
"""What no list shows."""
TOLD = tuple(name for name in (*HASHED, *ADDED, "hash", "mac") if name not in {"by_id", "trail"})
"""What of an event is text, a number or JSON."""


def events() -> Any:
    return AuditEvent.objects.all()


def newest() -> int:
    """Its number, or 0."""
    return AuditEvent.objects.order_by("-number").values_list("number", flat=True).first() or 0


def first() -> AuditEvent | None:
    return next(iter(read(AuditEvent.objects.filter(number__gt=0).order_by("number")[:1], *LONG)), None)


def hash_of(number: int) -> str:
    """The hash of this event; empty where there is none, or none that can be read."""
    try:
        found = AuditEvent.objects.filter(number=number).values_list("hash", flat=True).first()
    except (DatabaseError, *UNREADABLE):
        return ""
    return found if isinstance(found, str) else ""


def exists(number: int) -> bool:
    return AuditEvent.objects.filter(number=number).exists()


def readable(numbers: Iterable[int], *deferred: str) -> list[AuditEvent]:
    """These events, oldest first, as ``read`` gives them."""
    numbers = [number for number in numbers if number <= models.BigIntegerField.MAX_BIGINT]  # beyond it there can be none
    return read(AuditEvent.objects.filter(number__in=numbers).order_by("number"), *deferred)


def read(events: Any, *deferred: str) -> list[AuditEvent]:
    """What a query of events finds. One that cannot be read any more, because somebody wrote into it, has no moment and says so."""
    try:
        return _read(events, *deferred)
    except (DatabaseError, *UNREADABLE):
        # Either the database does not answer, which the next query says again, or a row of these is spoilt.
        numbers = list(events.values_list("number", flat=True))
    return [one for number in numbers for one in _alone(number, *deferred)]


def _alone(number: int, *deferred: str) -> list[AuditEvent]:
    try:
        return _read(AuditEvent.objects.filter(number=number), *deferred)
    except (DatabaseError, *UNREADABLE):
        return [AuditEvent(number=number, outcome=AuditEvent.Outcome.FAILED, reason="It cannot be read any more.")]


def _read(events: Any, *deferred: str) -> list[AuditEvent]:
    found = list(events.defer(*deferred) if deferred else events)
    for event in found:
        _require_whole(event)
    return found


def _require_whole(event: AuditEvent) -> None:
    """Raises one of UNREADABLE where a page or an export would: at bytes, half a character, or a moment at the end of time."""
    told = vars(event)
    canonical_json([told[name] for name in TOLD if name in told]).encode()
    for days in (-1, 1):
        event.at + timedelta(days)


def detail(event: AuditEvent, name: str) -> Any:
    """What its details say of this; None as well where somebody left something else in their place."""
    return event.details.get(name) if isinstance(event.details, dict) else None


def change(event: AuditEvent, name: str) -> list[Any] | None:
    """What this was before and after; None as well where somebody left something else in their place."""
    pair = event.changes.get(name) if isinstance(event.changes, dict) else None
    return pair if isinstance(pair, list) and len(pair) == 2 else None


def done_by(person: User) -> Any:
    """What this person did, newest first."""
    return AuditEvent.objects.filter(by_id=person.pk, number__gt=0).defer(*LONG).order_by("-number")


def refused_sign_ins(person: User) -> Any:
    """Failed sign-ins for this account, newest first."""
    about = AuditEvent.objects.filter(object_id=str(person.pk), number__gt=0, action="session.refused")
    return about.defer(*LONG).order_by("-number")


def last_sign_in(person: User) -> AuditEvent | None:
    """The action is hidden from the planner, which would else read all sign-ins to find none of a person who never came."""
    done = done_by(person).alias(plain_action=Coalesce("action", "action"))
    return next(iter(read(done.filter(plain_action="session.started")[:1], *LONG)), None)


def triggers_in_place() -> bool:
    """Whether the database itself refuses to change or remove events."""
    return append_only.installed(connection)

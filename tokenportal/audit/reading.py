"""Events as pages and exports read them; whoever may read the log may read all of it (rules.may_read_audit)."""

from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.models.functions import Coalesce

from tokenportal.audit.raw import UNREADABLE
from tokenportal.models import AuditEvent, User, append_only

LONG = ("changes", "details")
"""What no list shows."""


def events() -> Any:
    return AuditEvent.objects.all()


def newest() -> int:
    """Its number, or 0."""
    return AuditEvent.objects.order_by("-number").values_list("number", flat=True).first() or 0


def first() -> AuditEvent | None:
    return AuditEvent.objects.order_by("number").defer(*LONG).first()


def exists(number: int) -> bool:
    return AuditEvent.objects.filter(number=number).exists()


def readable(numbers: Iterable[int], *deferred: str) -> list[AuditEvent]:
    """These events, oldest first. One that cannot be read any more, because somebody wrote into it, has no moment and says so."""
    numbers = list(numbers)
    try:
        return list(AuditEvent.objects.filter(number__in=numbers).defer(*deferred).order_by("number"))
    except UNREADABLE:
        if len(numbers) > 1:
            return [one for number in sorted(numbers) for one in readable([number], *deferred)]
    failed = AuditEvent.Outcome.FAILED
    return [AuditEvent(number=number, outcome=failed, reason="It cannot be read any more.") for number in numbers]


def done_by(person: User) -> Any:
    """What this person did, newest first."""
    return AuditEvent.objects.filter(by_id=person.pk).defer(*LONG).order_by("-number")


def refused_sign_ins(person: User) -> Any:
    """Failed sign-ins for this account, newest first."""
    about = AuditEvent.objects.filter(object_id=str(person.pk), action="session.refused")
    return about.defer(*LONG).order_by("-number")


def last_sign_in(person: User) -> AuditEvent | None:
    """The action is hidden from the planner, which would else read all sign-ins to find none of a person who never came."""
    done = done_by(person).alias(plain_action=Coalesce("action", "action"))
    return done.filter(plain_action="session.started").first()


def triggers_in_place() -> bool:
    """Whether the database itself refuses to change or remove events."""
    return append_only.installed(connection)

"""How events are told: in words, with links to what they are about as far as the reader may open it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.urls import reverse

from tokenportal import clock, rules
from tokenportal.audit.events import WORDS
from tokenportal.forms.log_filter import uuid_of
from tokenportal.models import AuditEvent, User
from tokenportal.policy import moments
from tokenportal.views import access
from tokenportal.views.audit_rows import who
from tokenportal.views.token_rows import short

KINDS = {
    "user": "Person", "tokenrequest": "Request", "token": "Token", "team": "Team", "connection": "Connection",
    "membership": "Membership", "share": "Share", "guardrail": "Guardrail", "connectiongrant": "Grant", "reviewasked": "Asked",
}  # fmt: skip
CHANNELS = {"web": "in a browser", "command": "by a command on the server", "work": "by the portal’s own worker"}
SIGN_INS = {"password": "with a password"}
TONES = {"done": "ok", "refused": "warn", "failed": "bad"}
FIELDS = {
    "username": "Sign-in name", "email": "E-mail address", "is_active": "Active", "is_admin": "Admin", "is_auditor": "Auditor",
    "is_requester": "Requester", "is_approver": "Approver", "must_change_password": "Must change the password",
    "owner_id": "Owner’s id at Cloudflare", "cloudflare_id": "Id at Cloudflare", "ray": "Cloudflare’s ray", "user": "Person",
    "not_before": "Begins to work", "expires_on": "Ends", "backup_owner": "Back-up owner", "last_four": "Last four characters",
    "token_id": "Id at Cloudflare",
    "met": "Rules that have their approvals", "voided": "Approvals that count no more", "rules": "Rules that ask for approval",
    "when": "What it is about", "then": "What it asks for", "is_on": "On", "value_lost": "Secret lost", "doing": "Under way",
}  # fmt: skip
STATES = {"status", "outcome", "verdict", "doing", "kind"}
"""Fields whose values are words of ours, and no names."""
A_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*")


@dataclass(frozen=True)
class Line:
    """A row of the log. A link is empty where there is no page, or the reader may not open it."""

    event: AuditEvent
    words: str
    tone: str
    by: str
    by_url: str
    thing: str
    thing_url: str


@dataclass(frozen=True)
class Day:
    """Rows of one day in UTC that follow each other. ``day`` is None where no row can be read; ``ago`` is ``today``, ``3 days ago``."""

    day: date | None
    ago: str
    lines: list[Line]

    @property
    def is_today(self) -> bool:
        return self.ago == moments.TODAY


@dataclass(frozen=True)
class Change:
    """A field before and after, as it is told; a moment is a datetime."""

    name: str
    before: Any
    after: Any


def words_of(event: AuditEvent) -> str:
    return WORDS.get(event.action, event.action)


def lines(events: Iterable[AuditEvent], user: User) -> list[Line]:
    """Rows of the log, with as many queries for many as for one."""
    events = list(events)
    urls = urls_of(events, user)
    return [
        Line(
            event, words_of(event), TONES.get(event.outcome, "warn"), who(event),
            reverse("audit-person", args=[event.by_id]) if event.by_id else "",
            thing_of(event), urls.get((event.object_type, event.object_id), ""),
        )
        for event in events
    ]  # fmt: skip


def by_day(lines: list[Line]) -> list[Day]:
    """The rows under the days on which they happened. One that cannot be read stays with the row before it."""
    days: list[date | None] = []
    for line in lines:
        days.append(line.event.at.astimezone(UTC).date() if line.event.at else days[-1] if days else None)
    today = clock.now().date()
    return [
        Day(day, moments.relative_day(day, today) if day else "", [line for _, line in rows])
        for day, rows in groupby(zip(days, lines, strict=True), key=itemgetter(0))
    ]


def thing_of(event: AuditEvent) -> str:
    """A token without the reference that ends its name."""
    return short(event.object_name) if event.object_type == "token" else event.object_name


def urls_of(events: Iterable[AuditEvent], user: User) -> dict[tuple[str, str], str]:
    """Pages of what the events are about, where there is one that this person may open."""
    ids: dict[str, set[str]] = {}
    for event in events:
        # Whoever can write the database may have left something else there, and no page has such an address.
        if str(uuid_of(event.object_id)) == event.object_id:
            ids.setdefault(event.object_type, set()).add(event.object_id)
    found = {("token", str(pk)): reverse("token", args=[pk]) for pk in access.openable_tokens(user, ids.get("token", ()))}
    for pk in access.openable_requests(user, ids.get("tokenrequest", ())):
        found["tokenrequest", str(pk)] = reverse("request", args=[pk])
    found |= {("user", pk): reverse("audit-person", args=[pk]) for pk in ids.get("user", ())}
    if rules.may_read_audit(user):
        found |= {("guardrail", pk): reverse("guardrails") for pk in ids.get("guardrail", ())}
    if rules.may_administer(user):
        for kind in ("team", "connection"):
            found |= {(kind, pk): reverse(kind, args=[pk]) for pk in ids.get(kind, ())}
    return found


def changes_of(event: AuditEvent) -> list[Change]:
    """What changed, by field. Whoever can write the database may have left something else there: it is told as it is."""
    if not isinstance(event.changes, dict):
        return [Change("Not readable", "", str(event.changes))]
    found = []
    for name, pair in sorted(event.changes.items(), key=_in_order):
        before, after = pair if isinstance(pair, list) and len(pair) == 2 else ("", pair)
        is_state = name.rpartition(".")[2] in STATES
        told = (value.replace("_", " ") if is_state and isinstance(value, str) else value for value in (before, after))
        found.append(Change(field_name(name), *map(value_told, told)))
    return found


def details_of(event: AuditEvent) -> list[tuple[str, Any]]:
    if not isinstance(event.details, dict):
        return [("Not readable", str(event.details))]
    return [(field_name(name), value_told(value)) for name, value in sorted(event.details.items()) if value not in (None, "", [])]


def _in_order(change: tuple[str, Any]) -> tuple[str, int, str, str]:
    """The tenth row of a kind after the second, each with its fields."""
    prefix, _, last = change[0].rpartition(".")
    kind, _, place = prefix.partition(" ")
    return kind or last, len(place), place, last


def field_name(name: str) -> str:
    """``membership.is_admin`` as a person reads it, and ``share 2.role`` of the second share that an event is about."""
    prefix, _, last = name.rpartition(".")
    told = FIELDS.get(last) or last.replace("_", " ").capitalize()
    kind, *place = prefix.partition(" ")
    words = KINDS.get(kind, kind.replace("_", " ").capitalize()) + "".join(place)
    return f"{words}: {told[:1].lower()}{told[1:]}" if prefix else told


def value_told(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, str) and A_MOMENT.fullmatch(value):
        return _moment(value)
    return "" if value is None else value


def _moment(text: str) -> datetime | str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return at if at.tzinfo else at.replace(tzinfo=UTC)

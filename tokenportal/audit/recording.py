"""The only way to change anything: inside a recording, which ends with its event or undoes the change."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.conf import settings
from django.db import Error, models, transaction

from tokenportal import clock
from tokenportal.audit import chain
from tokenportal.audit.events import Event
from tokenportal.models import AuditEvent, User
from tokenportal.models.guard import origin, recording_open
from tokenportal.models.outage import is_outage, waiting_at_most

# The fields whose values an event may hold. Any other field that changes is named, its values are not.
SHOWN_FIELDS = frozenset({
    "username", "email", "is_active", "is_admin", "is_auditor", "must_change_password", "time_zone", "name", "team",
    "user", "is_requester", "is_approver", "kind", "owner_id", "owner_name", "last_four", "status", "version", "digest",
    "cloudflare_id", "owner", "backup_owner", "role", "template", "reference", "requester", "connection", "number",
    "outcome", "answer", "ray", "value_lost", "alarm", "not_before", "expires_on", "purpose", "token_request",
    "empty_listings", "looked_up_at", "target", "drifted", "doing", "ended_at", "replaces", "days",
    "expires_at", "revoked_at", "retired_at", "title", "section", "resolved_by", "resolved_at",
    "reason", "comment", "verdict", "by", "rule", "count", "explanation", "when", "then", "is_on", "approved_at", "lapses_at", "voided_at",
    "met_at", "because", "slug",
})  # fmt: skip
# What an event may hold beside the fields that changed. Any other detail is named, its value is not.
SHOWN_DETAILS = frozenset({
    "anew", "changed", "ciphertext", "connections", "days", "events", "events_up_to", "filter", "first_bad",
    "first_day", "form", "format", "found", "from", "guardrails", "key", "kind", "last_day", "left_alone", "made_by", "member",
    "people", "public_key", "restored", "result", "role", "rows", "scope", "section", "sessions", "shared_with",
    "met", "rules", "state", "teams", "to", "tokens", "told", "up_to", "version", "voided", "zones",
})  # fmt: skip
HIDDEN = "changed, not shown"
UNSHOWN = "not shown"
PATIENCE = 2
COLUMNS = ("digest", "ray", "cloudflare_id")
"""What a recording may be told that has a column of its own."""

written: ContextVar[list[AuditEvent] | None] = ContextVar("written", default=None)
"""Where the events are collected that are written just now (audit.attempts)."""


class NotedTwice(ValueError):
    """A field of a row changes a second time in one recording. Raised in tests; elsewhere its first and its last value are kept."""


class UnknownDetail(ValueError):
    """A detail that is not on the list of those that an event may hold. Raised in tests; elsewhere its value is left out."""


def showable(value: Any) -> Any:
    """A value as JSON that is the same on every database. Of a list each entry is cut, and none is left out."""
    if isinstance(value, list):
        return [showable(one) for one in value]
    if isinstance(value, models.Model):
        return str(value)
    if isinstance(value, date | uuid.UUID):
        return value.isoformat() if isinstance(value, date) else str(value)
    return value if value is None or isinstance(value, bool | int) else str(value)[:400]


def shown_details(details: dict[str, Any]) -> dict[str, Any]:
    unknown = details.keys() - SHOWN_DETAILS - set(COLUMNS)
    if unknown and settings.MODE == "test":
        raise UnknownDetail(f"No event may hold {', '.join(sorted(unknown))}: see SHOWN_DETAILS.")
    return {name: UNSHOWN if name in unknown else showable(value) for name, value in details.items() if name not in COLUMNS}


@dataclass
class Record:
    """What the event will say. ``subject`` may be set until the recording ends, as a new row's is.

    ``named`` is the type and the id of what has no row here, or none that the person may know of.
    """

    action: Event
    by: User | None
    subject: models.Model | None = None
    trail: uuid.UUID | None = None
    outcome: str = AuditEvent.Outcome.DONE
    reason: str = ""
    changes: dict[str, list[Any]] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    named: tuple[str, str] = ("", "")
    event: AuditEvent | None = None
    others: list["Record"] = field(default_factory=list)
    _places: dict[str, dict[Any, int]] = field(default_factory=dict)

    def _note(self, row: models.Model, name: str, before: Any, after: Any) -> None:
        """Nothing that is noted takes another's place. Of values that are not shown one note does for all rows of a kind."""
        if name not in SHOWN_FIELDS:
            self.changes[f"{self._prefix(row)}{name}"] = [None, HIDDEN]
            return
        key, pair = f"{self._prefix(row, is_told=True)}{name}", [showable(before), showable(after)]
        noted = self.changes.setdefault(key, pair)
        if noted != pair:
            if settings.MODE == "test":
                raise NotedTwice(f"{key} was {noted}, and would be {pair}.")
            self.changes[key] = [noted[0], pair[1]]

    def _prefix(self, row: models.Model, *, is_told: bool = False) -> str:
        """Nothing for the subject; ``share.`` for the first share beside it of which values are told, ``share 2.`` for the next."""
        if row is self.subject:
            return ""
        kind = str(row._meta.model_name)
        rows = self._places.setdefault(kind, {})
        place = rows.setdefault(row.pk, len(rows) + 1) if is_told else 1
        return f"{kind}." if place == 1 else f"{kind} {place}."

    def add(self, row: models.Model) -> None:
        """Save a new row and note its fields."""
        row.save()
        for one in row._meta.concrete_fields:
            value = getattr(row, one.name, None)
            if one.name in SHOWN_FIELDS and value not in (None, ""):
                self._note(row, one.name, None, value)

    def change(self, row: models.Model, **values: Any) -> None:
        """Set fields of a row, note those that differ, and save just those."""
        if differing := self.set(row, **values):
            row.save(update_fields=differing)

    def set(self, row: models.Model, **values: Any) -> list[str]:
        """The same without saving, for rows that are written in bulk: the names of the fields that differ."""
        differing = {name: value for name, value in values.items() if getattr(row, name) != value}
        for name, value in differing.items():
            self._note(row, name, getattr(row, name), value)
            setattr(row, name, value)
        return list(differing)

    def also(self, action: Event, *, subject: models.Model, trail: uuid.UUID | None, reason: str = "") -> "Record":
        """A further event of this recording, about one of the things that change in it; by the same person."""
        other = Record(action, self.by, subject, trail, reason=reason)
        self.others.append(other)
        return other

    def remove(self, row: models.Model) -> None:
        for one in row._meta.concrete_fields:
            if one.name in SHOWN_FIELDS:
                self._note(row, one.name, getattr(row, one.name), None)
        row.delete()


@contextmanager
def _or_unavailable() -> Iterator[None]:
    """A database that cannot be written raises AuditUnavailable, whether at the beginning, in the middle or at the commit."""
    try:
        yield
    except Error as error:
        if is_outage(error):
            raise chain.AuditUnavailable from error
        raise


@contextmanager
def recording(
    action: Event, *, by: User | None, subject: models.Model | None = None, trail: uuid.UUID | None = None,
    durable: bool = False, **details: Any,
) -> Iterator[Record]:  # fmt: skip
    """Change guarded rows as one event: both are committed, or neither.

    ``durable`` insists on the outermost transaction, so that leaving the block means the event is on disk. Raises
    AuditUnavailable where the event, or anything else, cannot be written; the change is undone then.
    """
    record = Record(action, by, subject, trail, details=details)
    with _or_unavailable(), transaction.atomic(durable=durable):
        token = recording_open.set(True)
        try:
            yield record
            record.event, *others = map(event_of, (record, *record.others))
            chain.append(record.event, *others)
        finally:
            recording_open.reset(token)
    if (collected := written.get()) is not None:
        collected += [record.event, *others]


def event_of(record: Record) -> AuditEvent:
    where = origin.get()
    subject = record.subject
    kind, pk = record.named if subject is None else (str(subject._meta.model_name), str(subject.pk))
    return AuditEvent(
        at=clock.now(),
        by_id=record.by.pk if record.by else None,
        by_name=record.by.username if record.by else "",
        channel=where.channel,
        sign_in=where.sign_in,
        session=where.session,
        address=where.address,
        action=record.action.value,
        object_type=kind,
        object_id=pk,
        object_name=str(subject)[:200] if subject is not None else "",
        trail=record.trail,
        outcome=record.outcome,
        reason=record.reason[:400],
        fingerprint=record.fingerprint,
        changes=record.changes,
        details=shown_details(record.details),
        digest=record.details.get("digest") or "",
        ray=record.details.get("ray") or "",
        cloudflare_id=record.details.get("cloudflare_id") or str(getattr(subject, "cloudflare_id", "")),
    )


def note(action: Event, *, by: User | None, subject: models.Model | None = None, **details: Any) -> None:
    """An event that changes nothing else."""
    with recording(action, by=by, subject=subject, **details):
        pass


def can_record() -> bool:
    """Whether an event could be written now. One is, with its number and its seal, and is taken back: it leaves no trace.

    Who asks does not want to wait: a lock that somebody keeps for longer than PATIENCE seconds is an answer, too.
    """
    try:
        with waiting_at_most(PATIENCE):
            note(Event.PORTAL_SEEDED, by=None)
            transaction.set_rollback(True)
    except (chain.AuditUnavailable, Error):
        return False
    return True


def refused(
    action: Event, *, by: User | None, reason: str, subject: models.Model | None = None,
    trail: uuid.UUID | None = None, named: tuple[str, str] = ("", ""), **details: Any,
) -> None:  # fmt: skip
    """An event for what somebody tried and was not allowed to do. ``named`` as Record has it."""
    with recording(action, by=by, subject=subject, trail=trail, **details) as record:
        record.named = named
        record.outcome = AuditEvent.Outcome.REFUSED
        record.reason = reason

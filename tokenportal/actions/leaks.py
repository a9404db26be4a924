"""Whose a leaked value is: found by its keyed fingerprint, which is all that the portal keeps of what it handed out."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from tokenportal import audit, clock, rules
from tokenportal.actions import noticing
from tokenportal.actions.invalid import Invalid
from tokenportal.audit import Event, fingerprints, reading
from tokenportal.models import AuditEvent, Connection, Token, User
from tokenportal.secret import Secret

TEXT_LIMIT = 20_000
MOST = 100
"""How many values are looked for in one text."""
WITH_PREFIX = re.compile(r"cf[au]t_[A-Za-z0-9_-]{40,75}")
SO_LONG = re.compile(r"cf[au]t_[A-Za-z0-9]{48}")
WITHOUT_PREFIX = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{40}(?![A-Za-z0-9_-])")
"""Sources: CLOUDFLARE.md, section 5. Older tokens are 40 characters and nothing else."""
NO_VALUE = "There is no API token in this text. Paste the whole value: it begins with cfat_ or cfut_, or is 40 characters long."
UNREADABLE = (
    "The portal handed it out or uses it. Whose it is cannot be read any more: treat it as one that works, and verify the log."
)
TOO_MANY = "There are too many values in this text. Paste the lines that matter."


@dataclass(frozen=True)
class Leak:
    """A value that the portal handed out or holds. ``event`` is when; ``state`` is ``works``, ``perhaps``, ``stopped`` or ``dead``.

    ``row`` is the token, or the connection whose credential it is or was; None where the event does not say so any more.
    """

    event: AuditEvent
    row: Token | Connection | None
    state: str
    sentence: str

    @property
    def is_token(self) -> bool:
        return isinstance(self.row, Token)


def values_in(text: str) -> list[Secret]:
    """What looks like a token in a text: each once, in order. Raises Invalid where there is none, or too much."""
    if len(text) > TEXT_LIMIT:
        raise Invalid("value", TOO_MANY)
    found = list(dict.fromkeys(_candidates(text)))
    if not found:
        raise Invalid("value", NO_VALUE)
    if len(found) > MOST:
        raise Invalid("value", TOO_MANY)
    return [Secret(value) for value in found]


def _candidates(text: str) -> Iterator[str]:
    for match in WITH_PREFIX.finditer(text):
        yield match[0]
        # What follows a value without a blank may look like more of it.
        if value := SO_LONG.match(match[0]):
            yield value[0]
    for match in WITHOUT_PREFIX.finditer(text):
        yield match[0]


def look_up(text: str, *, by: User) -> list[Leak]:
    """Whose the values in a text are, the newest first; what is not the portal's is left out. Nothing of them is kept.

    Raises NotAllowed, Invalid, AuditUnavailable: whoever is told has been recorded.
    """
    rules.require(rules.may_read_audit(by))
    values = values_in(text)
    marks = fingerprints.under_every_key(values)
    events = reading.read(AuditEvent.objects.filter(fingerprint__in=marks).order_by("-number"), *reading.LONG)
    found = [leak for event in events if (leak := _leak(event))]
    counts = Counter(leak.state for leak in found)
    result = ", ".join(f"{state}: {count}" for state, count in counts.items()) or "not handed out here"
    with audit.recording(Event.VALUE_LOOKED_UP, by=by, found=len(found), result=result) as record:
        _on_its_own_trail(record, found)
    return found


def _on_its_own_trail(record: audit.Record, found: list[Leak]) -> None:
    """An event for each thing that was found, of nothing else: whoever may see a token reads its trail."""
    states: dict[Token | Connection, list[str]] = {}
    for leak in found:
        if leak.row:
            states.setdefault(leak.row, []).append(leak.state)
    for row, told in states.items():
        about = record.also(Event.VALUE_LOOKED_UP, subject=row, trail=row.trail if isinstance(row, Token) else None)
        about.details = {"found": len(told), "result": ", ".join(told)}


def _leak(event: AuditEvent) -> Leak | None:
    try:
        pk = UUID(event.object_id)
    except ValueError:
        return Leak(event, None, "perhaps", UNREADABLE)
    token = Token.objects.select_related("owner", "backup_owner", "team").filter(pk=pk).first()
    if token:
        return Leak(event, token, *_of_token(token, event))
    connection = Connection.objects.filter(pk=pk).first()
    return Leak(event, connection, *_of_connection(event)) if connection else None


def _later(event: AuditEvent) -> bool:
    """Whether something took this value's place."""
    return AuditEvent.objects.filter(object_id=event.object_id, number__gt=event.number).exclude(fingerprint="").exists()


def _of_token(token: Token, event: AuditEvent) -> tuple[str, str]:
    status = token.status_at(clock.now())
    if not token.is_alive:
        return "dead", f"It is dead: the token is {token.get_status_display().lower()}."
    if _later(event):
        return "dead", "It is dead: the token was rolled since, and has another secret."
    if status == Token.Status.EXPIRED:
        return (
            "stopped",
            "It does not work: the token has expired. It would work again if the token got a new end. Roll it first.",
        )
    if status == Token.Status.DISABLED:
        return "stopped", "It does not work: the token is disabled. It would work again once it is enabled. Roll it first."
    rolled_elsewhere = AuditEvent.objects.filter(
        object_id=event.object_id, number__gt=event.number, action=Event.TOKEN_CHANGED_OUTSIDE, reason__contains=noticing.ROLLED
    )
    if token.value_lost or rolled_elsewhere.exists():
        return "perhaps", "It may be dead: the token was rolled perhaps. Treat it as one that works, and roll the token."
    return "works", "It works: it is the token’s present secret. Roll the token, or revoke it, now."


def _of_connection(event: AuditEvent) -> tuple[str, str]:
    if _later(event):
        return (
            "perhaps",
            "The portal no longer uses it, and Cloudflare may still take it. Make sure in its dashboard that it is revoked.",
        )
    return "works", (
        "It works: the portal itself makes tokens with it. Roll it in Cloudflare’s dashboard now, then give the connection the new one."
    )

"""A token's life on one line: what happened to it, what Cloudflare told, and what is still to come."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tokenportal import rules
from tokenportal.audit import reading
from tokenportal.models import AuditEvent, Token, User
from tokenportal.views import access

UNTOLD = {"draft.checked"}
"""Opening the summary is agreed to by what follows; by itself it changes nothing."""
AGREED = {"token.issuing": "Agreed to", "token.changing": "Agreed to", "review.approved": "Approved"}
"""What is sent is what was agreed to, and these name it by version and digest."""
CREATED = {"token.issued", "token.adopted"}
ENDED = {"token.revoked", "token.gone"}
FIRST, LAST = 3, 8
"""How many entries stand before and after the folded middle of a long life."""


@dataclass(frozen=True)
class Entry:
    """``words`` is empty where ``action`` names an event whose words are known. ``ahead`` is what has not happened yet."""

    at: datetime | None
    words: str = ""
    action: str = ""
    by: str = ""
    sub: str = ""
    tone: str = ""
    number: int | None = None
    ahead: bool = False
    outcome: str = ""


def shown(user: User, token: Token, now: datetime) -> dict[str, Any]:
    """What the token's page says about its life: the entries before, in and after its fold, in order of time."""
    events = list(access.life(user, token))
    told = entries(token, events, now)
    folded = told[FIRST:-LAST] if len(told) > FIRST + LAST + 1 else []
    parts = (told[:FIRST], folded, told[-LAST:]) if folded else (told, [], [])
    return {"timeline": parts, "may_read_audit": rules.may_read_audit(user), "timeline_is_cut": len(events) == access.LIFE_LIMIT}


def entries(token: Token, events: Iterable[AuditEvent], now: datetime) -> list[Entry]:
    """One entry for each event, and those that no event tells: created elsewhere, last used, begins, ends."""
    events = list(events)
    actions = {event.action for event in events}
    found = [of_event(event) for event in events if event.action not in UNTOLD]
    if not actions & CREATED and token.issued_on:
        found.append(Entry(token.issued_on, "Created at Cloudflare", tone="ok"))
    if token.last_used_on:
        found.append(Entry(token.last_used_on, "Last used", sub="as Cloudflare told", tone="ok"))
    if token.ended_at and not actions & ENDED:
        found.append(Entry(token.ended_at, Token.Status(token.status).label, tone="warn"))
    if token.not_before and token.is_alive:
        found.append(_dated(token.not_before, "Begins to work", "Began to work", now))
    if token.expires_on and (token.is_alive or token.expires_on <= now):
        found.append(_dated(token.expires_on, "Ends", "Ended", now))
    before = came_after(events)
    found.sort(key=lambda entry: entry.at or before[entry.number])
    if not token.expires_on and token.is_alive:
        found.append(Entry(None, "Never ends", tone="warn", ahead=True))
    return found


def came_after(events: Iterable[AuditEvent]) -> dict[int | None, datetime]:
    """A moment for each event, oldest first: one that cannot be read has its place after the one before it."""
    found: dict[int | None, datetime] = {}
    at = datetime.min.replace(tzinfo=UTC)
    for event in events:
        at = event.at or at
        found[event.number] = at
    return found


def _dated(at: datetime, coming: str, past: str, now: datetime) -> Entry:
    return Entry(at, coming, ahead=True) if at > now else Entry(at, past)


def of_event(event: AuditEvent) -> Entry:
    """An event as an entry. What was agreed to is named by its version and the first digits of its digest."""
    done = event.outcome == AuditEvent.Outcome.DONE
    digest, version = event.digest or str(reading.detail(event, "digest") or ""), reading.detail(event, "version")
    agreed = f"{AGREED[event.action]} version {version}" if event.action in AGREED and digest and version else ""
    words = agreed if event.at else f"Event {event.number}"
    people = [
        f"{label}: {pair[1] or 'nobody'}"
        for name, label in (("owner", "Owner"), ("backup_owner", "Back-up owner"))
        if event.action == "token.owner_set" and (pair := reading.change(event, name))
    ]
    sub = f"digest {digest[:4]} {digest[4:8]} {digest[8:12]}" if agreed else ". ".join(people) or event.reason
    return Entry(
        event.at, words, action=event.action, by=event.by_name, sub=sub, tone="ok" if done else "warn", number=event.number,
        outcome=event.outcome,
    )  # fmt: skip

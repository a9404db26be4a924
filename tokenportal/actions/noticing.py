"""One token as it is known here against what a list tells of it now: what to write down, and what happened meanwhile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tokenportal import clock, visible
from tokenportal.audit import Event
from tokenportal.cloudflare import TokenRecord
from tokenportal.models import Token
from tokenportal.models.token import status_at
from tokenportal.policy import moments
from tokenportal.policy.compile import same_grant

LAST_USE_STEP = timedelta(hours=1)
"""A last use that moved by less is written down only together with something else: no event for every call of a token."""
TOLD_STATUSES = {Token.Status.ACTIVE.value, Token.Status.DISABLED.value, Token.Status.EXPIRED.value}
"""What Cloudflare may say of a token; that one is gone is for the portal to find out."""
ROLLED = "Something that no list shows was changed at Cloudflare: its secret may have been rolled."

NAME_LIMIT = 120

Tell = Callable[[Mapping[str, Any], Mapping[str, Any]], str]
"""The differences between two bodies, in words."""


@dataclass(frozen=True)
class Noticed:
    """Fields of a token that differ, and the events that say so: each with its reason."""

    values: dict[str, Any]
    events: list[tuple[Event, str]] = field(default_factory=list)


def noticed(token: Token, seen: TokenRecord, *, at: datetime, is_parent: bool, exact: bool, tell: Tell) -> Noticed | None:
    """None where nothing is to be written. ``at``: when the list was asked for. ``exact``: the smallest step of use counts.

    What the portal itself does to the token is not noticed: it is under way (``doing``), or was seen since the list was
    asked for, or has left ``modified_on`` as Cloudflare told it, or unknown.
    """
    if token.doing or at < token.seen_at <= clock.now():
        return None
    values = _values(token, seen, is_parent=is_parent)
    differing = {name: value for name, value in values.items() if getattr(token, name) != value}
    if set(differing) == {"last_used_on"} and not exact and (is_parent or not _moved(token.last_used_on, seen.last_used_on)):
        return None
    if not differing:
        return None
    return Noticed({**differing, "seen_at": at}, _events(token, values, differing, tell))


def token_name(seen: TokenRecord, otherwise: str) -> str:
    """The name by which a token is shown: on one line, and with nothing hidden in it. Its body keeps the name as it is."""
    return visible.on_one_line(seen.name or otherwise, NAME_LIMIT)


def told_status(seen: TokenRecord, otherwise: str = Token.Status.ACTIVE) -> str:
    """Active, disabled or expired, also where its end has passed and the list does not say so yet."""
    status = seen.status if seen.status in TOLD_STATUSES else otherwise
    return status_at(status, seen.expires_on, clock.now())


def _values(token: Token, seen: TokenRecord, *, is_parent: bool) -> dict[str, Any]:
    body = _body(token, seen)
    return {
        "name": token_name(seen, token.name),
        "status": told_status(seen, token.status if token.is_alive else Token.Status.ACTIVE),
        "body": body,
        "drifted": token.approved is not None and not same_grant(token.approved, body),
        "is_parent": is_parent,
        "issued_on": seen.issued_on or token.issued_on,
        "modified_on": seen.modified_on,
        "last_used_on": seen.last_used_on,
        "not_before": seen.not_before,
        "expires_on": seen.expires_on,
        "ended_at": None,
    }


def _body(token: Token, seen: TokenRecord) -> dict[str, Any]:
    """The body as it is now; the very same as before where it grants the same, whatever its order."""
    body = seen.body
    if not seen.policies:
        # What it grants was left out of the answer; when it ends was told, and the two are shown together.
        body |= {name: token.body[name] for name in ("policies", "condition") if name in token.body}
    if same_grant(body, token.body):
        body = token.body
    return body if body.get("name") == seen.name or not seen.name else {**body, "name": seen.name}


def _moved(before: datetime | None, after: datetime | None) -> bool:
    return before is None or after is None or abs(after - before) >= LAST_USE_STEP


def _events(token: Token, values: dict[str, Any], differing: dict[str, Any], tell: Tell) -> list[tuple[Event, str]]:
    body = values["body"]
    grants_otherwise = not same_grant(body, token.body)
    outside = _outside(token, differing)
    found: list[tuple[Event, str]] = []
    if token.approved is None and grants_otherwise:
        outside.append(tell(token.body, body))
    if values["drifted"] and (grants_otherwise or not token.drifted):
        found.append((Event.TOKEN_DRIFTED, tell(token.approved or {}, body)))
    elif token.drifted and not values["drifted"]:
        found.append((Event.TOKEN_DRIFT_ENDED, ""))
    if values["status"] == Token.Status.EXPIRED and "status" in differing and token.is_alive:
        end = values["expires_on"]
        found.append((Event.TOKEN_EXPIRED, f"It ended {moments.in_words(end)}." if end else ""))
    modified = "modified_on" in differing and None not in (token.modified_on, values["modified_on"])
    if modified and not (outside or found or grants_otherwise or "is_parent" in differing):
        outside.append(ROLLED)
    return [*([(Event.TOKEN_CHANGED_OUTSIDE, " ".join(outside))] if outside else []), *found]


def _outside(token: Token, differing: dict[str, Any]) -> list[str]:
    """What somebody did past the portal and is no difference in what the token grants."""
    words = []
    if "name" in differing:
        words.append(f"Renamed from “{token.name}” to “{differing['name']}”.")
    match differing.get("status"), token.is_alive:
        case None, _:
            pass
        case _, False:
            words.append("It is in Cloudflare’s list again.")
        case Token.Status.DISABLED, _:
            words.append("Disabled.")
        case Token.Status.ACTIVE, _ if token.status == Token.Status.DISABLED:
            words.append("Enabled.")
    return words

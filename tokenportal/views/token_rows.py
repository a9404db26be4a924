"""The rows of the list of tokens. Drawing a row costs more than asking for it, so each is kept, by all that it shows.

The cache stands in each process and can be wrong in nothing: what a row says is drawn from its key alone.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.template import loader

from tokenportal.actions.findings import SOON
from tokenportal.actions.gists import gists
from tokenportal.models import Token
from tokenportal.models.token import status_at
from tokenportal.models.token_request import REFERENCE_ALPHABET, REFERENCE_LENGTH
from tokenportal.policy import moments

ENDS_WITH_REFERENCE = re.compile(rf" \([{REFERENCE_ALPHABET}]{{{REFERENCE_LENGTH}}}\)\Z")
KEPT = 4000
COLUMNS = (
    "pk", "name", "purpose", "status", "expires_on", "last_used_on", "value_lost", "seen_at", "connection__name",
    "connection__kind", "team__name", "owner__username", "drifted", "is_parent", "ended_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """What one row shows: a token in few words. The moments stand beside their relative words, which age."""

    pk: UUID
    name: str
    purpose: str
    connection: str
    is_user_token: bool
    team: str
    owner: str
    can_do: str
    risk: str
    status: str
    label: str
    value_lost: bool
    expires_on: datetime | None
    expires: str
    soon: bool
    last_used_on: datetime | None
    last_used: str
    unmanaged: bool
    drifted: bool
    is_parent: bool
    ended_at: datetime | None


def drawn(found: list[dict[str, Any]], now: datetime) -> list[str]:
    """The rows of these tokens (``COLUMNS`` of each) as HTML, with at most one query for all of them."""
    told = gists((one["pk"], one["seen_at"]) for one in found)
    return [draw(row(one, *told[one["pk"]], now)) for one in found]


def row(one: dict[str, Any], can_do: str, risk: str, now: datetime) -> Row:
    expires_on, last_used_on = one["expires_on"], one["last_used_on"]
    status = status_at(one["status"], expires_on, now)
    return Row(
        pk=one["pk"], name=short(one["name"]), purpose=one["purpose"], connection=one["connection__name"],
        is_user_token=one["connection__kind"] == "user", team=one["team__name"] or "", owner=one["owner__username"] or "",
        can_do=can_do, risk=risk, status=status, label=label(status), value_lost=one["value_lost"],
        expires_on=expires_on, expires=moments.relative(expires_on, now) if expires_on else "",
        soon=bool(expires_on and timedelta(0) < expires_on - now <= SOON),
        last_used_on=last_used_on, last_used=moments.relative(last_used_on, now) if last_used_on else "",
        unmanaged=one["team__name"] is None, drifted=one["drifted"], is_parent=one["is_parent"], ended_at=one["ended_at"],
    )  # fmt: skip


def label(status: str) -> str:
    """A status in a narrow column."""
    return "Gone" if status == Token.Status.GONE else str(Token.Status(status).label)


def short(name: str) -> str:
    """A token's name without the reference that ends it."""
    return ENDS_WITH_REFERENCE.sub("", name) or name


@lru_cache(maxsize=KEPT)
def draw(shown: Row) -> str:
    return loader.get_template("tokens/index.html#row").render({"row": shown})

"""The rows of the list of tokens. Putting a body into words and drawing a row cost more than all queries: both are kept.

Both caches stand in each process and can be wrong in nothing: what a row says is drawn from its key alone, and a body is
known by its token and the moment at which it was last seen.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.template import loader

from tokenportal.actions import snapshots
from tokenportal.models import Token
from tokenportal.models.token import status_at
from tokenportal.models.token_request import REFERENCE_ALPHABET, REFERENCE_LENGTH
from tokenportal.policy import moments, words
from tokenportal.policy.surroundings import Surroundings
from tokenportal.upstream import owner as owner_of
from tokenportal.views import access

ENDS_WITH_REFERENCE = re.compile(rf" \([{REFERENCE_ALPHABET}]{{{REFERENCE_LENGTH}}}\)\Z")
SOON = timedelta(days=14)
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


_gists: dict[tuple[UUID, datetime], tuple[str, str]] = {}


def gists(wanted: Iterable[tuple[UUID, datetime]]) -> dict[UUID, tuple[str, str]]:
    """For each token, seen at that moment, what it can do in a few words, and its risk."""
    wanted = list(wanted)
    missing = [pk for pk, seen_at in wanted if (pk, seen_at) not in _gists]
    if len(_gists) > KEPT:
        _gists.clear()
        missing = [pk for pk, _ in wanted]
    fresh = {token.pk: gist(token) for token in access.bodies(missing)} if missing else {}
    _gists.update({(pk, seen_at): fresh[pk] for pk, seen_at in wanted if pk in fresh})
    return {pk: fresh.get(pk) or _gists[pk, seen_at] for pk, seen_at in wanted}


def gist(token: Token) -> tuple[str, str]:
    catalogue = snapshots.all_known_groups()
    around = Surroundings(owner_of(token.connection))
    return words.brief(token.body, catalogue, around), words.risk(token.body, catalogue)

"""What each token can do in a few words, and its risk. Putting a body into words costs more than a query, so it is kept.

It stands in each process and can be wrong in nothing: a body is known by its token and the moment at which it was last seen.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tokenportal import upstream
from tokenportal.actions import snapshots
from tokenportal.models import Token
from tokenportal.policy import words
from tokenportal.policy.surroundings import Surroundings

KEPT = 4000
_gists: dict[tuple[UUID, datetime], tuple[str, str]] = {}


def gists(wanted: Iterable[tuple[UUID, datetime]]) -> dict[UUID, tuple[str, str]]:
    """For each token, seen at that moment, what it can do in a few words, and its risk. One query at most."""
    wanted = list(wanted)
    known = {pk: found for pk, seen_at in wanted if (found := _gists.get((pk, seen_at)))}
    missing = [pk for pk, _ in wanted if pk not in known]
    fresh = {token.pk: gist(token) for token in _bodies(missing)} if missing else {}
    if len(_gists) > KEPT:
        _gists.clear()
    _gists.update({(pk, seen_at): fresh[pk] for pk, seen_at in wanted if pk in fresh})
    return known | fresh


def gist(token: Token) -> tuple[str, str]:
    catalogue = snapshots.all_known_groups()
    around = Surroundings(upstream.owner(token.connection))
    return words.brief(token.body, catalogue, around), words.risk(token.body, catalogue)


def _bodies(pks: Iterable[UUID]) -> Iterable[Token]:
    wanted = ("body", "seen_at", "connection__kind", "connection__owner_id", "connection__owner_name")
    return Token.objects.filter(pk__in=pks).select_related("connection").only(*wanted)

"""Tokens that already hold what somebody asks for, or some of it, as far as a person may see them.

They are found by the words of their reach, so that thousands cost one query, and then compared exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import islice
from operator import and_
from typing import Any, Final

from django.db.models import Case, Q, Value, When

from tokenportal import clock
from tokenportal.actions import findings, gists, snapshots
from tokenportal.models import Connection, Token, TokenRequest, User
from tokenportal.models.token import reaches
from tokenportal.policy import diff, reach
from tokenportal.policy.body import atoms, named_zones
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.finding import Alike
from tokenportal.policy.likeness import How, likeness
from tokenportal.policy.resources import Resource
from tokenportal.policy.surroundings import Surroundings

COMPARED: Final = 30
"""How many tokens are compared exactly, those first that have every one of the first words."""
SOUGHT: Final = 20
"""How many permissions and places of a large body are looked for."""
FIRST: Final = 4
"""How many of them a token must all have to be compared before others."""
NAMED: Final = 3
ORDER: Final[tuple[How, ...]] = ("same", "more", "overlaps")
FIELDS: Final = (
    "name", "body", "seen_at", "issued_on", "last_used_on", "expires_on", "team__name", "owner__username", "connection__name",
    "connection__kind", "connection__owner_id", "connection__owner_name",
)  # fmt: skip


@dataclass(frozen=True)
class Like:
    """A token and what it is to what is asked for; ``can_do`` says in a few words what it holds."""

    token: Token
    how: How
    can_do: str


def like(
    user: User, body: Mapping[str, Any], connection: Connection, *, besides: TokenRequest | None = None, at_most: int = 5
) -> tuple[Like, ...]:  # fmt: skip
    """Working tokens that this person may see and that grant the same as ``body``, more, or part of it, in this order.

    ``besides``: a request whose own token, and the token that it is about, are left out. Two queries, however many tokens.
    """
    granted = {(group, resource) for effect, group, resource in atoms(body) if effect == "allow"}
    if not granted:
        return ()
    catalogue, around = snapshots.catalogue(connection), snapshots.surroundings(connection, named_zones(body))
    groups = _groups(sorted({group for group, _ in granted}), catalogue)
    places = _places(sorted({resource for _, resource in granted}), around)
    whole = reduce(and_, map(reaches, (*groups[:FIRST], *places[:FIRST])))
    found = _working(user, besides).filter(_any_of(groups), _any_of(places))
    found = found.annotate(whole=Case(When(whole, then=Value(0)), default=Value(1))).order_by("whole", "-issued_on", "pk")
    tokens = list(found.select_related("team", "owner", "connection").only(*FIELDS)[:COMPARED])
    around = snapshots.surroundings(connection, named_zones(body).union(*(named_zones(token.body) for token in tokens)))
    told = ((token, likeness(token.body, body, catalogue, around)) for token in tokens)
    rows = [Like(token, how, gists.gist(token)[0]) for token, how in told if how]
    return tuple(sorted(rows, key=lambda one: ORDER.index(one.how))[:at_most])


def same(
    user: User, body: Mapping[str, Any], around: Surroundings, *, besides: TokenRequest | None = None
) -> tuple[Alike, ...]:  # fmt: skip
    """A few working tokens of this owner that grant just the same, as far as this person may see them. One query.

    None for a body that grants nothing, without a query.
    """
    column = reach.column(body, {id: zone.account_id for id, zone in around.zones.items()})
    if not column:
        return ()
    owned = _working(user, besides).filter(connection__kind=around.owner.kind, connection__owner_id=around.owner.id)
    rows = owned.filter(reach=column).order_by("name", "pk").values_list("name", "pk", "body")[:COMPARED]
    wanted = atoms(body)
    return tuple(islice((Alike(name, str(pk)) for name, pk, held in rows if atoms(held) == wanted), NAMED))


def _working(user: User, besides: TokenRequest | None) -> Any:
    found = Token.objects.visible_to(user).alive().filter(findings.works(clock.now()), is_parent=False)
    return found.exclude(pk=besides.target_id).exclude(token_request=besides) if besides else found


def _groups(ids: list[str], catalogue: Catalogue) -> list[tuple[str, ...]]:
    """For each group the words of itself and of what includes it or is included in it."""
    edits = diff.edits(catalogue)
    reads = {edit: read for read, edit in edits.items()}
    related = [(id, *(other for other in (edits.get(id), reads.get(id)) if other)) for id in ids[:SOUGHT]]
    return [tuple(dict.fromkeys(word for id in alike for word in reach.of_group(id))) for alike in related]


def _places(resources: list[Resource], around: Surroundings) -> list[tuple[str, ...]]:
    accounts = {id: zone.account_id for id, zone in around.zones.items()}
    return [reach.meeting(resource, accounts.get(resource.id, "")) for resource in resources[:SOUGHT]]


def _any_of(words: list[tuple[str, ...]]) -> Q:
    return reaches(dict.fromkeys(word for one in words for word in one))

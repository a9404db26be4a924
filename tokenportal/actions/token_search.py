"""A token's reach and exposure as words, and from what people type to the words that are searched."""

from collections.abc import Iterable
from typing import Any

from tokenportal.actions import snapshots
from tokenportal.models import Connection
from tokenportal.policy import exposure, reach

ZONES_TRIED = 20
"""Of how many zones a part of a name may be the name, so that a search stays one query."""


def words_of(body: dict[str, Any], connection: Connection) -> dict[str, str]:
    """The columns of a token that say its body in words: to be written wherever the body is."""
    return words_of_all([body], connection)[0]


def words_of_all(bodies: Iterable[dict[str, Any]], connection: Connection) -> list[dict[str, str]]:
    """The same for many bodies, with one look at their zones."""
    bodies = list(bodies)
    named = {id for body in bodies for id in reach.zones_in(body)}
    zones = snapshots.surroundings(connection, named).zones if named else {}
    account_of, catalogue = {id: zone.account_id for id, zone in zones.items()}, snapshots.all_known_groups()
    return [{"reach": reach.column(body, account_of), "exposure": exposure.column(body, catalogue)} for body in bodies]


def words_for_permission(text: str) -> tuple[str, ...]:
    """The words of the permissions that this text finds; none where it finds none."""
    found = snapshots.all_known_groups().search(text)
    return tuple(dict.fromkeys(word for group in found for word in reach.of_group(group.id)))


def words_for_place(text: str, connections: Iterable[Connection]) -> tuple[str, ...]:
    """The words of the accounts and zones of this name, seen through these connections; none where there are none.

    A zone is meant by its whole name where there is one, else by any part of it; an account by any part.
    """
    words: list[str] = []
    for connection in connections:
        around = snapshots.surroundings(connection)
        accounts = {**around.accounts, connection.owner_id: around.account_name(connection.owner_id)}
        words += [word for id, name in accounts.items() if text.casefold() in name.casefold() for word in reach.of_account(id)]
        exact = snapshots.zones_by_name(connection, [text]).values()
        zones = [(zone.id, zone.account_id) for named in exact for zone in named]
        if not zones:
            found, _ = snapshots.search_zones(connection, text, limit=ZONES_TRIED)
            zones = [(zone.zone_id, zone.account_id) for zone in found]
        words += [word for id, account_id in zones for word in reach.of_zone(id, account_id)]
    return tuple(dict.fromkeys(words))

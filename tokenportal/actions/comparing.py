"""How two bodies of a connection's tokens differ, with the names that its snapshot knows."""

from collections.abc import Mapping
from typing import Any

from tokenportal.actions import snapshots
from tokenportal.models import Connection, User
from tokenportal.policy import diff
from tokenportal.policy.body import named_zones
from tokenportal.policy.diff import Change, Difference

type Answering = tuple[User | None, User | None, str]
"""Who answers for a token here, and who where that person is away, and what it is for."""


def answering(was: Answering, now: Answering) -> tuple[Change, ...]:
    """What differs in that, which Cloudflare knows nothing of."""
    labels = ("The owner is", "The back-up owner is", "Used by")
    pairs = zip(labels, map(_named, was), map(_named, now), strict=True)
    return tuple(Change(f"{what} {new}; before, {old}.", "same") for what, old, new in pairs if old != new)


def _named(one: User | str | None) -> str:
    if isinstance(one, str):
        return f"“{' '.join(one.split())}”" if one.strip() else "nobody"
    return str(one or "nobody")


def difference(connection: Connection, old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
    around = snapshots.surroundings(connection, named_zones(old) | named_zones(new))
    return diff.compare(old, new, snapshots.catalogue(connection), around)


def drift(connection: Connection, agreed: Mapping[str, Any], live: Mapping[str, Any]) -> Difference:
    """The same for what is granted: a name is told apart, since whoever renames a token changes nothing that it may do."""
    return difference(connection, {**agreed, "name": ""}, {**live, "name": ""})

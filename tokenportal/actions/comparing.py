"""How two bodies of a connection's tokens differ, with the names that its snapshot knows."""

from collections.abc import Mapping
from typing import Any

from tokenportal.actions import snapshots
from tokenportal.models import Connection
from tokenportal.policy import diff
from tokenportal.policy.body import named_zones
from tokenportal.policy.diff import Difference


def difference(connection: Connection, old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
    around = snapshots.surroundings(connection, named_zones(old) | named_zones(new))
    return diff.compare(old, new, snapshots.catalogue(connection), around)


def drift(connection: Connection, agreed: Mapping[str, Any], live: Mapping[str, Any]) -> Difference:
    """The same for what is granted: a name is told apart, since whoever renames a token changes nothing that it may do."""
    return difference(connection, {**agreed, "name": ""}, {**live, "name": ""})

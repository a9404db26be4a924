"""A payload as a list beneath its sentence: for each policy its permissions and places, by name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenportal.policy.body import policies_of
from tokenportal.policy.catalogue import Catalogue, PermissionGroup
from tokenportal.policy.resources import Resource
from tokenportal.policy.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Line:
    """What one policy says. `section` is where on the form it comes from, "" where that is not known.

    `unknown` is the policy itself, as JSON, where it has a shape that this portal does not know; the rest is then what
    of it could be read, and may be only a part.
    """

    effect: str
    groups: tuple[PermissionGroup, ...]
    places: tuple[str, ...]
    section: str = ""
    unknown: str = ""


def listed(
    body: Mapping[str, Any], catalogue: Catalogue, surroundings: Surroundings, origins: tuple[str, ...] = ()
) -> tuple[Line, ...]:
    """A line for each policy, in the order of the form where `origins` (Payload.origins) tells it, allows before denies."""
    lines = [
        Line(
            effect=policy.effect,
            groups=tuple(sorted((named(id, catalogue) for id in policy.groups), key=lambda group: (group.label, group.level))),
            places=tuple(sorted(place(resource, surroundings) for resource in policy.resources)),
            section=origins[index] if index < len(origins) else "",
            unknown=json.dumps(raw, sort_keys=True, default=str) if policy.unknown else "",
        )
        for index, (raw, policy) in enumerate(zip(_rows(body), policies_of(body), strict=True))
    ]
    return tuple(sorted(lines, key=_in_order))


def _rows(body: Mapping[str, Any]) -> list[Any]:
    rows = body.get("policies")
    return list(rows) if isinstance(rows, list | tuple) else [rows] if rows else []


def _in_order(line: Line) -> tuple[int, str, bool]:
    return len(line.section), line.section, line.effect != "allow"


def named(id: str, catalogue: Catalogue) -> PermissionGroup:
    """The group of this id; one that nobody knows is called by its id and taken for the worst."""
    return catalogue.known(id) or PermissionGroup(id, id, f"permission {id}", "other", "edit", risk="creates")


def place(resource: Resource, surroundings: Surroundings) -> str:
    """Where a permission applies, in words."""
    match resource.kind:
        case "zone":
            return surroundings.zone_name(resource.id)
        case "zones of":
            count = surroundings.zone_counts.get(resource.id)
            number = f"{count} " if count is not None and count > 1 else ""
            return f"all {number}zones of {surroundings.account_name(resource.id)}, also those added later"
        case "every zone":
            return "all zones of every account, also those added later"
        case "account":
            return surroundings.account_name(resource.id)
        case "every account":
            return "all accounts, also those added later"
        case "user":
            return f"the user {surroundings.owner.name or resource.id}, as whom it acts"
        case _:
            return f"R2 bucket {resource.id}"

"""Which resource lies in which other."""

from collections.abc import Iterable

from tokenportal.policy.resources import Resource
from tokenportal.policy.surroundings import Surroundings


def covers(wide: Resource, one: Resource, around: Surroundings) -> bool:
    """Whether all of `one` lies in `wide`, as far as is known."""
    if wide.kind in ("every zone", "every account"):
        return wide.scope == one.scope
    within = wide.kind == "zones of" and one.kind == "zone" and _account(one, around) == wide.id
    return within or wide == one


def meets(resources: Iterable[Resource], one: Resource, around: Surroundings) -> bool:
    """Whether something may lie in `one` and in any of these. A zone whose account is not known may lie anywhere."""
    return any(covers(a, one, around) or covers(one, a, around) or _in_doubt(a, one, around) for a in resources)


def _in_doubt(a: Resource, b: Resource, around: Surroundings) -> bool:
    return {a.kind, b.kind} == {"zone", "zones of"} and not _account(a if a.kind == "zone" else b, around)


def _account(zone: Resource, around: Surroundings) -> str:
    known = around.zones.get(zone.id)
    return known.account_id if known else ""

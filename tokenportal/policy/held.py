"""What a body holds, as guardrails look at it: always the most that it can be read as."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Final, Literal, NamedTuple

from tokenportal import facts
from tokenportal.policy import moments, networks
from tokenportal.policy.body import Restrictions
from tokenportal.policy.catalogue import Catalogue, PermissionGroup
from tokenportal.policy.evaluate import grants
from tokenportal.policy.networks import Network
from tokenportal.policy.resources import Resource

Breadth = Literal["one", "several", "account", "all"]
BREADTHS: Final[Mapping[Breadth, str]] = {
    "one": "one zone or bucket",
    "several": "several zones or buckets",
    "account": "a whole account, or all its zones",
    "all": "everything, in every account",
}
"""How far a permission reaches, from the least to the most; an account's own settings are the whole account."""
WIDEST_IPV4: Final = 8
WIDEST_IPV6: Final = 32
"""Prefix lengths: allowed ranges that hold more addresses than one of these together restrict nothing worth the name."""
IPV4_IN_IPV6: Final = (IPv6Network("::ffff:0:0/96"), 128 - 32)
WITHIN_EDIT: Final = frozenset({"read", "edit"})
DOES_MORE: Final = frozenset({"edit", "admin"})
"""Levels that let one do what other levels of the same thing do."""


class Held(NamedTuple):
    """A group that is granted, None where nobody knows it, and what it applies to."""

    id: str
    group: PermissionGroup | None
    on: frozenset[Resource]


def held(body: Mapping[str, Any], catalogue: Catalogue) -> tuple[Held, ...]:
    """What the body grants. A group of an unknown kind may apply to anything; what is excluded makes nothing smaller."""
    found = []
    for grant in grants(body):
        group = catalogue.known(grant.group_id)
        filled = group is not None and group.scope != "other"
        applies = frozenset(r for r in grant.allowed if r.scope == group.scope) if group and filled else grant.allowed
        if applies:
            found.append(Held(grant.group_id, group if filled else None, applies))
    return tuple(found)


def levels_of(group: PermissionGroup) -> frozenset[str]:
    """The levels that a group amounts to: Edit reads too, and Admin does all that the others do."""
    if group.level == "admin":
        return WITHIN_EDIT | {"admin"}
    return WITHIN_EDIT if group.level == "edit" else frozenset({group.level})


def does_at(group: PermissionGroup, levels: Iterable[str], catalogue: Catalogue) -> bool:
    """Whether it lets one do what a group of one of these levels does: Edit runs too, where there is something to run."""
    wanted = set(levels)
    if levels_of(group) & wanted:
        return True
    return group.level in DOES_MORE and any(other.level in wanted and does(group, other) for other in catalogue.all_known)


def categories_of(group: PermissionGroup) -> frozenset[str]:
    """As Cloudflare says now, and as it is publicly known: a category that was renamed there takes no rule away."""
    fact = facts.permission_groups().get(group.id)
    return frozenset({group.category, fact.category} if fact else {group.category})


def does(group: PermissionGroup, other: PermissionGroup) -> bool:
    """Whether `group` lets one do what `other` does: Edit reads and purges the same thing, an account's storage every bucket."""
    if group.id == other.id:
        return True
    alike = (group.label, group.scope) == (other.label, other.scope)
    buckets = (group.scope, other.scope) == ("account", "bucket") and other.label.startswith(group.label)
    if not (alike or buckets):
        return False
    if group.level == other.level:
        return True
    return group.level == "admin" or (group.level == "edit" and other.level != "admin")


def breadth_of(resources: Iterable[Resource]) -> Breadth:
    """How far these reach, taken together."""
    found = set(resources)
    kinds = {resource.kind for resource in found}
    if kinds & {"every zone", "every account"}:
        return "all"
    if kinds - {"zone", "bucket"}:
        return "account"
    return "several" if len(found) > 1 else "one"


def reach_in_words(resources: Iterable[Resource]) -> str:
    """How far these reach, for people; "" where there are none. What is a user's own reaches as far as that user."""
    found = set(resources)
    if {resource.kind for resource in found} == {"user"}:
        return "the user as whom it acts"
    return BREADTHS[breadth_of(found)] if found else ""


def from_anywhere(restrictions: Restrictions) -> bool:
    """Whether the ranges that are allowed leave out next to nothing, of either IP version; what is blocked makes none smaller."""
    if restrictions.unknown or not restrictions.allow:
        return True
    typed = [network for text in restrictions.allow if (network := networks.parse(text, host_bits=True))]
    found = [one for network in typed for one in _with_ipv4(network)]
    many = {4: 0, 6: 0}
    for network in networks.joined(found):
        many[network.version] += network.num_addresses
    return many[4] > 2 ** (32 - WIDEST_IPV4) or many[6] > 2 ** (128 - WIDEST_IPV6)


def _with_ipv4(network: Network) -> tuple[Network, ...]:
    """IPv4 addresses that are written for an IPv6 socket are IPv4 addresses, also in a range that holds others beside them."""
    outer, bits = IPV4_IN_IPV6
    if not isinstance(network, IPv6Network) or not network.overlaps(outer):
        return (network,)
    if network.prefixlen < bits:
        return network, IPv4Network("0.0.0.0/0")
    return (IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - bits)),)


def ends_within(restrictions: Restrictions, days: int, now: datetime) -> bool:
    end = restrictions.expires_on
    return not restrictions.unknown and end is not None and end <= moments.end_of_lifetime(now, days)

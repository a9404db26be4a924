"""What a payload lets a token do: the decision for one call, and everything that is granted.

Explicit deny, then explicit allow, then deny (CLOUDFLARE.md, section 2). A group applies to the resource type of its
scope alone; a deny counts for the whole token. An unknown shape never allows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Any, Literal

from tokenportal.policy import moments
from tokenportal.policy.body import Policy, Restrictions, policies_of, restrictions_of
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.resources import Resource


@dataclass(frozen=True, slots=True)
class Call:
    """One call: any one of `group_ids` suffices for it. Name the resource that it touches; a zone with its account."""

    group_ids: frozenset[str]
    zone_id: str = ""
    account_id: str = ""
    user_id: str = ""
    bucket: str = ""
    address: str = ""
    moment: datetime | None = None


Cause = Literal["granted", "unknown", "restricted", "missing", "elsewhere", "excluded"]


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a call is allowed, and why or why not: `cause` for programs, `reason` as a sentence."""

    allowed: bool
    reason: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class Grant:
    """What one group is allowed on, and what is cut from it again."""

    group_id: str
    allowed: frozenset[Resource]
    denied: frozenset[Resource]
    policy_indexes: tuple[int, ...]


def decide(body: Mapping[str, Any], call: Call, catalogue: Catalogue) -> Decision:
    """The decision for one call. Total: any body, however strange, gives one."""
    found = policies_of(body)
    restrictions = restrictions_of(body)
    if any(policy.unknown for policy in found) or restrictions.unknown:
        return Decision(False, "The token has a policy or a condition of an unknown kind, so nothing can be promised.", "unknown")
    refusal = _outside(restrictions, call)
    if refusal:
        return Decision(False, refusal, "restricted")
    suitable = {id for id in call.group_ids if _applies(id, call, catalogue)}
    allowing = {id for id in suitable if _touched(found, "allow", id, call)}
    if not allowing:
        held = any(call.group_ids & policy.groups for policy in found if policy.effect == "allow")
        why = "on other resources only" if held else "not at all"
        return Decision(False, f"The permission that this call needs is granted {why}.", "elsewhere" if held else "missing")
    standing = {id for id in allowing if not _touched(found, "deny", id, call)}
    if standing and call.zone_id and not call.account_id:
        standing = {id for id in standing if not _excludes_an_account(found, id)}
    if not standing:
        return Decision(False, "It is granted, and excluded again for this resource. An exclusion always wins.", "excluded")
    named = catalogue.known(min(standing))
    return Decision(True, f"Granted by {named.name if named else 'a permission of the token'}.", "granted")


def grants(body: Mapping[str, Any]) -> tuple[Grant, ...]:
    """For each allowed group, in the order of the policies, what it is allowed on and what an exclusion cuts."""
    found = policies_of(body)
    order: dict[str, None] = {}
    for policy in found:
        if policy.effect == "allow":
            order.update(dict.fromkeys(sorted(policy.groups)))
    return tuple(
        Grant(
            id,
            frozenset(item for policy in found if policy.effect == "allow" and id in policy.groups for item in policy.resources),
            frozenset(item for policy in found if policy.effect == "deny" and id in policy.groups for item in policy.resources),
            tuple(index for index, policy in enumerate(found) if policy.effect == "allow" and id in policy.groups),
        )
        for id in order
    )  # fmt: skip


def _outside(restrictions: Restrictions, call: Call) -> str:
    if call.moment is not None:
        if restrictions.not_before and call.moment < restrictions.not_before:
            return f"The token does not work before {moments.in_words(restrictions.not_before)}."
        if restrictions.expires_on and call.moment >= restrictions.expires_on:
            return f"The token ended on {moments.in_words(restrictions.expires_on)}."
    if call.address:
        try:
            typed = ip_address(call.address)
        except ValueError:
            return "That is not an IP address."
        # ::ffff:203.0.113.7 is 203.0.113.7 written for an IPv6 socket
        address = getattr(typed, "ipv4_mapped", None) or typed
        if any(address in ip_network(text) for text in restrictions.block):
            return f"The token is blocked from {call.address}."
        if restrictions.allow and not any(address in ip_network(text) for text in restrictions.allow):
            return f"The token does not work from {call.address}."
    return ""


def _applies(group_id: str, call: Call, catalogue: Catalogue) -> bool:
    """Whether the group is of the scope that the call's resource has."""
    group = catalogue.known(group_id)
    scope = "bucket" if call.bucket else "zone" if call.zone_id else "user" if call.user_id else "account"
    return group is not None and group.scope == scope


def _touched(found: tuple[Policy, ...], effect: str, group_id: str, call: Call) -> bool:
    return any(
        _covers(resource, call)
        for policy in found
        if policy.effect == effect and group_id in policy.groups
        for resource in policy.resources
    )


def _excludes_an_account(found: tuple[Policy, ...], group_id: str) -> bool:
    """Whether all zones of some account are excluded: then a zone whose account nobody named may be one of them."""
    return any(
        resource.kind == "zones of"
        for policy in found
        if policy.effect == "deny" and group_id in policy.groups
        for resource in policy.resources
    )


def _covers(resource: Resource, call: Call) -> bool:
    match resource.kind:
        case "zone":
            return bool(call.zone_id) and resource.id == call.zone_id
        case "zones of":
            return bool(call.zone_id) and resource.id == call.account_id
        case "every zone":
            return bool(call.zone_id)
        case "account":
            return not call.zone_id and not call.bucket and resource.id == call.account_id
        case "every account":
            return not call.zone_id and not call.bucket and bool(call.account_id)
        case "user":
            return bool(call.user_id) and resource.id == call.user_id
        case _:
            return bool(call.bucket) and resource.id == call.bucket

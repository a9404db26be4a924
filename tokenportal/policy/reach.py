"""What a token reaches, as words for a column that can be searched: ids only, for names change and ids do not.

Who writes the column and who searches it meet here. An exclusion is not counted: a token that may do something on all
zones except one is found for that one as well, and its row says "with exceptions".
"""

from collections.abc import Mapping
from typing import Any, Final

from tokenportal.policy.body import UNKNOWN, policies_of
from tokenportal.policy.resources import Resource

EVERY_ZONE: Final = "every-zone"
EVERY_ACCOUNT: Final = "every-account"


def column(body: Mapping[str, Any], account_of: Mapping[str, str] | None = None) -> str:
    """The words of a body, each between blanks: " account:<id> group:<id> ". `account_of`: the accounts of its zones."""
    words: set[str] = set()
    for policy in policies_of(body):
        if policy.unknown:
            words.add(UNKNOWN)
        elif policy.effect == "allow":
            words |= {f"group:{id}" for id in policy.groups}
            for resource in policy.resources:
                words |= _words(resource, account_of or {})
    return f" {' '.join(sorted(words))} " if words else ""


def zones_in(body: Mapping[str, Any]) -> set[str]:
    """The ids of the zones that a body names."""
    return {resource.id for policy in policies_of(body) for resource in policy.resources if resource.kind == "zone"}


def of_group(id: str) -> tuple[str, ...]:
    """The words of which a token that holds this permission has one. A policy of an unknown kind may hold anything."""
    return (f"group:{id}", UNKNOWN)


def of_zone(id: str, account_id: str) -> tuple[str, ...]:
    """The words of which a token that may do something to this zone has one."""
    return (f"zone:{id}", f"zones-of:{account_id}", EVERY_ZONE, UNKNOWN)


def of_account(id: str) -> tuple[str, ...]:
    """The words of which a token that may do something to this account, or to anything in it, has one."""
    return (f"account:{id}", f"zones-of:{id}", f"in:{id}", EVERY_ACCOUNT, EVERY_ZONE, UNKNOWN)


def meeting(resource: Resource, account_id: str = "") -> tuple[str, ...]:
    """The words of which a token that may do something where this resource is has one. `account_id`: a zone's account."""
    match resource.kind:
        case "zone":
            return of_zone(resource.id, account_id)
        case "zones of":
            return (f"zones-of:{resource.id}", f"in:{resource.id}", EVERY_ZONE, UNKNOWN)
        case "account":
            return (f"account:{resource.id}", EVERY_ACCOUNT, UNKNOWN)
        case _:
            return (*sorted(_words(resource, {})), UNKNOWN)


def _words(resource: Resource, account_of: Mapping[str, str]) -> set[str]:
    match resource.kind:
        case "every zone":
            return {EVERY_ZONE}
        case "every account":
            return {EVERY_ACCOUNT}
        case "zone":
            account_id = account_of.get(resource.id)
            return {f"zone:{resource.id}", *([f"in:{account_id}"] if account_id else [])}
        case "bucket":
            return {f"in:{resource.id.split('/')[0]}"}
        case "zones of":
            return {f"zones-of:{resource.id}"}
        case kind:
            return {f"{kind}:{resource.id}"}

"""Reads the body that creates or replaces a token, as strictly as Cloudflare does or more so.

What Cloudflare might let pass in silence (an unknown key, a group next to a resource that it cannot apply to) is refused here:
an imitation that forgives would teach people bodies that do nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

from django.utils import timezone

from tokenportal.sandbox import grants, groups, refusals
from tokenportal.sandbox.models import PermissionGroup, Token, new_id

NAME_LIMIT = 120
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z")
KEYS = {"name", "policies", "condition", "not_before", "expires_on", "status"}
READ_ONLY = {
    "id",
    "issued_on",
    "modified_on",
    "last_used_on",
    "value",
    "creator_email_at_creation",
    "provisioner_type",
    "provisioner_id",
}


@dataclass(frozen=True, slots=True)
class TokenBody:
    """A body that passed: policies carry ids, times are aware, the condition is `{}` or `{"request_ip": {...}}`."""

    name: str
    policies: list[dict[str, Any]]
    condition: dict[str, Any]
    not_before: datetime | None
    expires_on: datetime | None
    disabled: bool


def read(body: Any, *, kind: str, replacing: Token | None = None) -> TokenBody:
    """The body of a create, or of a PUT when `replacing` is given; `kind` is "user" or "account". Raises Refusal (400).

    A PUT replaces the whole: what it leaves out is gone, and a left-out status means active.
    """
    if not isinstance(body, dict):
        raise refusals.bad_body("The body must be a JSON object.")
    for key in body:
        if key not in KEYS and not (replacing and key in READ_ONLY):
            raise refusals.bad_body(f"Unknown field {key!r}.")
    not_before = _moment(body, "not_before")
    expires_on = _moment(body, "expires_on")
    if expires_on and not (replacing and replacing.expires_on == expires_on):
        if expires_on <= timezone.now():
            raise refusals.bad_body("expires_on must be in the future.")
        if not_before and expires_on <= not_before:
            raise refusals.bad_body("expires_on must be after not_before.")
    return TokenBody(
        name=_name(body.get("name")),
        policies=_policies(body.get("policies"), kind=kind, creating=replacing is None),
        condition=_condition(body.get("condition")),
        not_before=not_before,
        expires_on=expires_on,
        disabled=_disabled(body.get("status", "active"), creating=replacing is None),
    )


def _name(name: Any) -> str:
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_LIMIT or not name.strip():
        raise refusals.bad_name()
    return name


def _disabled(status: Any, *, creating: bool) -> bool:
    if status not in ("active", "disabled") or (creating and status != "active"):
        raise refusals.bad_body("status must be active or disabled, and a new token is active.")
    return status == "disabled"


def _moment(body: Mapping[str, Any], field: str) -> datetime | None:
    text = body.get(field)
    if text is None:
        return None
    if not isinstance(text, str) or not MOMENT.match(text):
        raise refusals.bad_body(f"{field} must be a time such as 2027-01-31T23:59:59Z.")
    try:
        return datetime.fromisoformat(text).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        raise refusals.bad_body(f"{field} is not a time that exists.") from None


def _condition(condition: Any) -> dict[str, Any]:
    """Older texts write the key with a dot; both are read, one is kept."""
    if condition is None or condition == {}:
        return {}
    if not isinstance(condition, dict) or len(condition) != 1 or not set(condition) <= {"request_ip", "request.ip"}:
        raise refusals.bad_body("condition may hold request_ip only.")
    (lists,) = condition.values()
    if not isinstance(lists, dict) or not set(lists) <= {"in", "not_in"}:
        raise refusals.bad_body("request_ip may hold in and not_in only.")
    for name, ranges in lists.items():
        if not isinstance(ranges, list):
            raise refusals.bad_body(f"request_ip.{name} must be a list.")
        for text in ranges:
            _network(text)
    return {"request_ip": lists} if lists else {}


def _network(text: Any) -> None:
    try:
        if not isinstance(text, str) or "/" not in text:
            raise ValueError
        ip_network(text, strict=False)
    except ValueError:
        raise refusals.bad_body(f"{text!r} is not an IP range in CIDR form.") from None


def _policies(policies: Any, *, kind: str, creating: bool) -> list[dict[str, Any]]:
    """The server gives each policy an id and an order of its own, so nobody may rely on the order that was sent."""
    if not isinstance(policies, list) or not policies:
        raise refusals.bad_body("policies must be a list with at least one policy.")
    names = dict(PermissionGroup.objects.values_list("pk", "scope"))
    read_policies = [_policy(policy, scopes=names, kind=kind, creating=creating) for policy in policies]
    return sorted(read_policies, key=lambda policy: policy["id"])


def _policy(policy: Any, *, scopes: Mapping[str, str], kind: str, creating: bool) -> dict[str, Any]:
    if not isinstance(policy, dict) or not set(policy) <= {"id", "effect", "permission_groups", "resources"}:
        raise refusals.bad_body("A policy holds effect, permission_groups and resources.")
    if creating and "id" in policy:
        raise refusals.bad_body("A policy id cannot be set when a token is created.")
    if policy.get("effect") not in ("allow", "deny"):
        raise refusals.bad_body("effect must be allow or deny.")
    chosen = _groups(policy.get("permission_groups"), scopes)
    resource_scopes = _resources(policy.get("resources"))
    for group_id in chosen:
        scope = scopes[group_id]
        if kind == "account" and scope == groups.USER:
            raise refusals.bad_body(f"Permission group {group_id} acts on a user; an account-owned token cannot hold it.")
        if resource_scopes != {scope}:
            raise refusals.bad_body(
                f"Permission group {group_id} has scope {scope} and does not apply to every resource of its policy."
            )
    given_id = policy.get("id")
    return {
        "id": given_id if isinstance(given_id, str) and grants.HEX_ID.match(given_id) else new_id(),
        "effect": policy["effect"],
        "permission_groups": [{"id": group_id} for group_id in sorted(chosen)],
        "resources": policy["resources"],
    }


def _groups(chosen: Any, scopes: Mapping[str, str]) -> set[str]:
    if not isinstance(chosen, list) or not chosen:
        raise refusals.bad_body("permission_groups must be a list with at least one permission group.")
    found: set[str] = set()
    for group in chosen:
        group_id = group.get("id") if isinstance(group, dict) else None
        if not isinstance(group_id, str):
            raise refusals.bad_body("A permission group needs an id.")
        if group_id not in scopes:
            raise refusals.unknown_group(group_id[:64])
        found.add(group_id)
    return found


def _resources(resources: Any) -> set[str]:
    """The scopes that one policy's resources are of. Flat and nested entries cannot stand in one policy."""
    if not isinstance(resources, dict) or not resources:
        raise refusals.bad_body("resources must be an object with at least one resource.")
    nested = [isinstance(value, dict) for value in resources.values()]
    if any(nested) and not all(nested):
        raise refusals.bad_body("Flat and nested resources cannot stand in one policy.")
    found: set[str] = set()
    for key, value in resources.items():
        outer = grants.read_key(key)
        if outer is None or (outer[0] == groups.USER and outer[1] == grants.ANY):
            raise refusals.bad_body(f"{key[:120]!r} is not a resource.")
        if not isinstance(value, dict):
            _must_be_all(value)
            found.add(outer[0])
            continue
        if outer[0] != groups.ACCOUNT or not value:
            raise refusals.bad_body("Only an account's resources can be nested, and at least one must be named.")
        for inner_key, inner_value in value.items():
            inner = grants.read_key(inner_key)
            if inner is None or inner[0] != groups.ZONE:
                raise refusals.bad_body(f"{inner_key[:120]!r} is not a resource within an account.")
            _must_be_all(inner_value)
            found.add(groups.ZONE)
    return found


def _must_be_all(value: Any) -> None:
    if value != grants.ANY:
        raise refusals.bad_body('The value of a resource must be "*".')

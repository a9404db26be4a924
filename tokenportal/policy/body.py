"""A token's body taken apart: who may do what to which resource, and under which restrictions.

Works on our own payloads and on what Cloudflare answers: policy ids and group names are ignored, `request.ip` is read
like `request_ip`, a bare address like its range. What has a shape that we do not know is kept as `UNKNOWN`, so that
nobody mistakes it for nothing.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tokenportal.policy import moments, networks
from tokenportal.policy.resources import Resource, parse

UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy: `unknown` says that some part of it has a shape that we do not know."""

    effect: str
    groups: frozenset[str]
    resources: frozenset[Resource]
    unknown: bool


@dataclass(frozen=True, slots=True)
class Restrictions:
    """`allow` and `block` in CIDR; times aware in UTC. `unknown`: a condition or time that
    we cannot read, as its JSON, so that it equals only its own like."""

    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    not_before: datetime | None = None
    expires_on: datetime | None = None
    unknown: str = ""


def policies_of(body: Mapping[str, Any]) -> tuple[Policy, ...]:
    """The policies in their order; anything that is no policy is an unknown one."""
    rows = body.get("policies")
    return tuple(map(_policy, rows)) if isinstance(rows, list | tuple) else (_policy(rows),) if rows else ()


def named_zones(body: Mapping[str, Any]) -> frozenset[str]:
    """The ids of the zones that the policies name one by one, allowed or excluded."""
    return frozenset(item.id for policy in policies_of(body) for item in policy.resources if item.kind == "zone")


def atoms(body: Mapping[str, Any]) -> frozenset[tuple[str, str, Any]]:
    """Every (effect, group id, resource); an unknown policy is one atom that equals only its own like."""
    found: set[tuple[str, str, Any]] = set()
    rows = body.get("policies")
    for row in rows if isinstance(rows, list | tuple) else [rows] if rows else []:
        policy = _policy(row)
        if policy.unknown:
            found.add((UNKNOWN, "", json.dumps(row, sort_keys=True, default=str)))
        found |= {(policy.effect, group, resource) for group in policy.groups for resource in policy.resources}
    return frozenset(found)


def restrictions_of(body: Mapping[str, Any]) -> Restrictions:
    """The condition and the times of a body."""
    raw = {name: body.get(name) for name in ("condition", "not_before", "expires_on")}
    unread = Restrictions(unknown=json.dumps(raw, sort_keys=True, default=str))
    condition = body.get("condition") or {}
    if not isinstance(condition, Mapping) or len(condition) > 1 or set(condition) - {"request_ip", "request.ip"}:
        return unread
    rules = next(iter(condition.values()), None) or {}
    if not isinstance(rules, Mapping) or set(rules) - {"in", "not_in"}:
        return unread
    allow, allow_reads = _ranges(rules.get("in"))
    block, block_reads = _ranges(rules.get("not_in"))
    times = {name: moments.parse(body.get(name)) for name in ("not_before", "expires_on")}
    if not (allow_reads and block_reads and all(times[name] or not body.get(name) for name in times)):
        return unread
    return Restrictions(allow, block, times["not_before"], times["expires_on"])


def _ranges(rows: Any) -> tuple[tuple[str, ...], bool]:
    if rows is None:
        return (), True
    if not isinstance(rows, list | tuple):
        return (), False
    found = [networks.parse(row, host_bits=True) for row in rows]
    return networks.normal(network for network in found if network), None not in found


def _policy(row: Any) -> Policy:
    if not isinstance(row, Mapping):
        return Policy("", frozenset(), frozenset(), unknown=True)
    effect = row.get("effect")
    resources = row.get("resources")
    found = list(_resources(resources))
    groups, groups_read = _groups(row.get("permission_groups"))
    parts_known = set(row) <= {"id", "effect", "permission_groups", "resources"}
    shaped = parts_known and effect in ("allow", "deny") and groups_read and bool(found) and None not in found
    return Policy(
        effect if isinstance(effect, str) else "", groups, frozenset(item for item in found if item), unknown=not shaped
    )


def _groups(rows: Any) -> tuple[frozenset[str], bool]:
    if not isinstance(rows, list | tuple):
        return frozenset(), False
    ids = [row.get("id") if isinstance(row, Mapping) else None for row in rows]
    return frozenset(id for id in ids if isinstance(id, str)), bool(ids) and all(isinstance(id, str) for id in ids)


def _resources(found: Any) -> Iterator[Resource | None]:
    if not isinstance(found, Mapping):
        yield None
        return
    for key, value in found.items():
        if isinstance(value, Mapping) and len(value) > 1:
            for inner, star in value.items():
                yield parse(key, {inner: star})
        else:
            yield parse(key, value)

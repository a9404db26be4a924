"""From a spec to the body that Cloudflare receives (CLOUDFLARE.md, section 2).

Total on half-filled specs: what is incomplete grants nothing and is left out. A restriction that was typed but cannot
be read must not widen the token by its absence, so then nothing at all is granted; `problems` says what to mend.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from tokenportal.policy import moments, networks, resources
from tokenportal.policy.body import atoms, restrictions_of
from tokenportal.policy.catalogue import Catalogue, Scope
from tokenportal.policy.spec import AccessBlock, ClientIPs, TokenSpec, Validity, is_frozen
from tokenportal.policy.surroundings import Owner

NAME_LIMIT: Final = 120
REFERENCE_LENGTH: Final = 10
NAME_MAX: Final = NAME_LIMIT - REFERENCE_LENGTH - len(" ()")

Resources = dict[str, Any]


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: the one text of a value. ValueError where there is none (NaN)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Payload:
    """A body, held as its canonical JSON, so that nobody changes it after it was agreed to.

    `origins` says for each policy which section of the form it came from ("access-2"); it is no part of the body, the
    digest or equality, and is empty for a payload that came from elsewhere.
    """

    canonical: str
    origins: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def from_body(cls, body: Mapping[str, Any], origins: Iterable[str] = ()) -> Self:
        return cls(canonical_json(body), tuple(origins))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """From the JSON text of a body. ValueError for anything but a JSON object."""
        value = json.loads(text)
        if not isinstance(value, dict):
            raise ValueError("a payload is a JSON object")
        return cls.from_body(value)

    @property
    def body(self) -> dict[str, Any]:
        """A fresh copy of the body."""
        return json.loads(self.canonical)

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON, as 64 hex digits. A lone surrogate (a name may hold one) has a digest too."""
        return hashlib.sha256(self.canonical.encode("utf-8", "surrogatepass")).hexdigest()


def name_at_cloudflare(name: str, reference: str = "") -> str:
    """The token's name there: trimmed, and with the reference that finds it again when an answer was lost."""
    return f"{name.strip()} ({reference})" if reference else name.strip()


def name_without(name: str, reference: str = "") -> str:
    """The name that a person gave: the one at Cloudflare without the reference, where it ends with that."""
    return name.removesuffix(f" ({reference})") if reference else name


def compile(spec: TokenSpec, catalogue: Catalogue, owner: Owner, *, reference: str = "", status: str = "") -> Payload:
    """The payload of a frozen spec. ValueError for one whose lifetime still counts from today: `freeze` it first.

    `status` is what a change leaves as it is: a body that replaces a token and does not name it would enable a disabled one.
    """
    if not is_frozen(spec):
        raise ValueError("freeze the spec before compiling it")
    condition, condition_reads = _condition(spec.client_ips)
    times, times_read = _times(spec.validity)
    found: dict[str, tuple[dict[str, Any], str]] = {}
    if condition_reads and times_read:
        for number, block in enumerate(spec.blocks, start=1):
            for policy in _policies(block, catalogue, owner):
                found.setdefault(canonical_json(policy), (policy, f"access-{number}"))
    in_order = [found[text] for text in sorted(found)]
    body: dict[str, Any] = {
        "name": name_at_cloudflare(spec.name, reference),
        "policies": [policy for policy, _ in in_order],
        **({"condition": {"request_ip": condition}} if condition else {}),
        **times,
        **({"status": status} if status else {}),
    }
    return Payload.from_body(body, (origin for _, origin in in_order))


def same_grant(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether two bodies grant the same: policies, condition and times, whatever their order, ids, names and spelling.

    Exact as to what each group may do to each resource; how these are spread over policies does not matter.
    """
    return atoms(a) == atoms(b) and restrictions_of(a) == restrictions_of(b)


def _condition(client_ips: ClientIPs) -> tuple[dict[str, list[str]], bool]:
    """The condition, and whether it keeps what was typed: one unread allowed range narrows, an unread block widens."""
    allow_rows = [row for row in client_ips.allow if row.strip()]
    block_rows = [row for row in client_ips.block if row.strip()]
    allow = networks.normal(network for row in allow_rows if (network := networks.parse(row)))
    block = [networks.parse(row) for row in block_rows]
    blocked = networks.normal(network for network in block if network)
    condition = {key: list(rows) for key, rows in (("in", allow), ("not_in", blocked)) if rows}
    return condition, (bool(allow) or not allow_rows) and None not in block


def _times(validity: Validity) -> tuple[dict[str, str], bool]:
    starts = moments.parse(validity.starts)
    until = moments.parse(validity.until, end_of_day=True) if validity.lifetime == "until" else None
    times = {key: moments.as_cloudflare(moment) for key, moment in (("not_before", starts), ("expires_on", until)) if moment}
    starts_reads = starts is not None or not validity.starts.strip()
    return times, starts_reads and (until is not None or validity.lifetime == "never")


def _policies(block: AccessBlock, catalogue: Catalogue, owner: Owner) -> list[dict[str, Any]]:
    by_scope: dict[Scope, set[str]] = {}
    for id in block.permissions:
        if group := catalogue.get(id):
            by_scope.setdefault(group.scope, set()).add(id)
    reach = {
        "account": _account_resources(block, owner),
        "zone": _zone_resources(block, owner),
        "user": ([{resources.user(owner.id): "*"}] if owner.kind == "user" else [], []),
        "bucket": ([_bucket_resources(block, owner)], []),
    }
    policies = []
    for scope, ids in by_scope.items():
        allowed, denied = reach.get(scope, ([], []))
        allows = [_policy("allow", ids, found) for found in allowed if found]
        policies += allows + [_policy("deny", ids, found) for found in denied if found and allows]
    return policies


def _policy(effect: str, ids: set[str], found: Resources) -> dict[str, Any]:
    return {"effect": effect, "permission_groups": [{"id": id} for id in sorted(ids)], "resources": found}


def _own(ids: Iterable[str], owner: Owner) -> list[str]:
    """The ids of accounts that the token can reach at all: an account-owned one reaches its own."""
    return [id for id in ids if resources.is_id(id) and (owner.kind == "user" or id == owner.id)]


def _account_resources(block: AccessBlock, owner: Owner) -> tuple[list[Resources], list[Resources]]:
    choice = block.accounts
    if choice.mode == "all":
        allowed = {resources.account(owner.id) if owner.kind == "account" else resources.EVERY_ACCOUNT: "*"}
    else:
        allowed = {resources.account(id): "*" for id in _own(choice.accounts, owner)}
    return [allowed], [{resources.account(id): "*" for id in _own(choice.except_accounts, owner)}]


def _zone_resources(block: AccessBlock, owner: Owner) -> tuple[list[Resources], list[Resources]]:
    choice = block.zones
    allowed: Resources
    if choice.mode == "all" and owner.kind == "user":
        allowed = {resources.EVERY_ZONE: "*"}
    elif choice.mode == "all":
        allowed = resources.zones_of([owner.id])
    elif choice.mode == "accounts":
        allowed = resources.zones_of(_own(choice.accounts, owner))
    else:
        allowed = {resources.zone(id): "*" for id in choice.zones if resources.is_id(id)}
    return [allowed], [
        {resources.zone(id): "*" for id in choice.except_zones if resources.is_id(id)},
        resources.zones_of(_own(choice.except_accounts, owner)),
    ]


def _bucket_resources(block: AccessBlock, owner: Owner) -> Resources:
    found = [resources.parse_bucket(text) for text in block.buckets]
    return {bucket.key: "*" for bucket in found if bucket and _own([bucket.account_id], owner)}

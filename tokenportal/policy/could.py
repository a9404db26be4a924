"""What could this token do? One operation on one resource: allowed, refused, or not stated by Cloudflare, and why.

The decision is `evaluate.decide`'s. What this module adds is which group ids an operation's names stand for, and words.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final, Literal

from tokenportal.policy import moments, networks, operations
from tokenportal.policy.body import restrictions_of
from tokenportal.policy.catalogue import Catalogue, Scope
from tokenportal.policy.evaluate import Call, Decision, decide, grants
from tokenportal.policy.operations import Operation

State = Literal["allowed", "refused", "nothing", "unstated"]
WORDS: Final[Mapping[State, str]] = {
    "allowed": "Allowed",
    "refused": "Refused",
    "nothing": "Empty answer",
    "unstated": "Not stated",
}
NAMED_AT_MOST: Final = 4
TRIED_AT_MOST: Final = 60

ANY_ZONE: Final = "0" * 32
"""The id of no zone: only a permission on all zones of an account holds for it, as for one that is yet to come."""
_LISTS: Final = frozenset({"/zones", "/accounts", "/memberships"})
_DISPUTED: Final = {
    "/radar/": "Cloudflare’s schema names User Details for this, its template for Radar names Radar Read. Try it with the token.",
}
_USUAL: Final = (
    "GET /zones/{zone_id}/dns_records",
    "POST /zones/{zone_id}/dns_records",
    "POST /zones/{zone_id}/purge_cache",
    "PATCH /zones/{zone_id}/settings/{setting_id}",
    "GET /zones",
    "PUT /accounts/{account_id}/workers/scripts/{script_name}",
    "GET /accounts/{account_id}/members",
    "DELETE /zones/{zone_id}",
    "GET /user",
    "POST /user/tokens",
)


@dataclass(frozen=True, slots=True)
class Target:
    """What a call touches, and how to say it. A zone comes with its account where that is known."""

    name: str
    zone_id: str = ""
    account_id: str = ""
    account_name: str = ""
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """`conditions`: from where and when it holds, a sentence each, where the token is restricted."""

    state: State
    reason: str
    conditions: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        return WORDS[self.state]


@cache
def _facts() -> Catalogue:
    return Catalogue.from_facts()


def could(
    body: Mapping[str, Any], operation: Operation, target: Target, catalogue: Catalogue, *, moment: datetime | None = None
) -> Answer:
    """Whether a token with this body may call the operation on the target. Total: every body gives an answer."""
    conditions = conditions_of(body)
    disputed = next((sentence for prefix, sentence in _DISPUTED.items() if operation.path.startswith(prefix)), "")
    listing = operation.kind == "all zones" and operation.method == "GET"
    scope, ids = _wanted(operation, target, catalogue)
    open_question = disputed or listing or not ids
    decision = decide(
        body, Call(frozenset(), moment=moment) if open_question else _call(operation, target, scope, ids, moment), catalogue
    )
    if decision.cause in ("unknown", "restricted"):
        return Answer("refused", decision.reason)
    if disputed:
        return Answer("unstated", disputed, conditions)
    if listing:
        return _listing(body, ids, conditions)
    if not ids:
        return Answer("unstated", _elsewhere(operation, catalogue) if operation.groups else _unstated(operation), conditions)
    if decision.allowed:
        return Answer("allowed", decision.reason, conditions)
    doubt = _doubt(body, operation, target, scope, catalogue)
    if doubt:
        return Answer("unstated", doubt, conditions)
    return Answer("refused", _refusal(decision, operation, target, scope, ids, body))


def conditions_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """From where and when the token works, where it does not work always and everywhere."""
    limits = restrictions_of(body)
    told = []
    if limits.allow and networks.everything([found for text in limits.allow if (found := networks.parse(text))]) != {4, 6}:
        told.append(f"Only from {_listed(limits.allow, 'networks')}.")
    if limits.block:
        told.append(f"Not from {_listed(limits.block, 'networks')}.")
    if limits.not_before:
        told.append(f"Not before {moments.in_words(limits.not_before)}.")
    if limits.expires_on:
        told.append(f"Until {moments.in_words(limits.expires_on)}.")
    return tuple(told)


def examples(
    body: Mapping[str, Any], targets: Mapping[str, Target], catalogue: Catalogue, *, each: int = 2, moment: datetime | None = None
) -> tuple[tuple[Operation, Answer], ...]:
    """A few operations that it may call, and a few that it may not. `targets`: a target for each kind of operation."""
    found: dict[str, list[tuple[Operation, Answer]]] = {"allowed": [], "refused": []}
    for operation in _tried(body, catalogue):
        if all(len(some) >= each for some in found.values()):
            break
        if target := targets.get(operation.kind):
            answer = could(body, operation, target, catalogue, moment=moment)
            some = found.get(answer.state)
            if some is not None and len(some) < each:
                some.append((operation, answer))
    return (*found["allowed"], *found["refused"])


def _tried(body: Mapping[str, Any], catalogue: Catalogue) -> Iterator[Operation]:
    """The usual operations; then those that name a group which the token holds, first those that few groups open."""
    usual = [operation for name in _USUAL if (operation := operations.get(name))]
    yield from usual
    held = {group.name for grant in grants(body) if (group := catalogue.known(grant.group_id))}
    naming = [operation for operation in operations.known() if held.intersection(operation.groups)]
    naming.sort(key=lambda operation: (len(operation.groups) > NAMED_AT_MOST, operation.path.count("/"), operation.path))
    yield from (operation for operation in naming[:TRIED_AT_MOST] if operation not in usual)


def _ids(names: Iterable[str], scope: Scope, catalogue: Catalogue) -> dict[str, str]:
    """The id of each name that is known at this scope, offered by the connection or only publicly known."""
    found = {}
    for name in names:
        group = catalogue.named(name, scope) or _facts().named(name, scope)
        if group:
            found[group.id] = group.name
    return found


def _wanted(operation: Operation, target: Target, catalogue: Catalogue) -> tuple[Scope, dict[str, str]]:
    """The scope at which the operation's groups count for this target, and their ids with names.

    The path's kind of resource decides. A few paths of zones name groups of accounts only, such as Billing: those are
    asked of the zone's account.
    """
    scope: Scope = "user"
    if operation.kind in ("zone", "all zones") or (operation.kind == "either" and target.zone_id):
        scope = "zone"
    elif operation.kind in ("account", "either"):
        scope = "account"
    ids = _ids(operation.groups, scope, catalogue)
    if not ids and operation.kind == "zone" and target.account_id:
        return "account", _ids(operation.groups, "account", catalogue)
    return scope, ids


def _call(operation: Operation, target: Target, scope: Scope, ids: Mapping[str, str], moment: datetime | None) -> Call:
    zone_id = ANY_ZONE if operation.kind == "all zones" else target.zone_id
    return Call(
        frozenset(ids),
        zone_id=zone_id if scope == "zone" else "",
        account_id=target.account_id if scope != "user" else "",
        user_id=target.user_id if scope == "user" else "",
        moment=moment,
    )


def _listing(body: Mapping[str, Any], ids: Mapping[str, str], conditions: tuple[str, ...]) -> Answer:
    """Listing zones is never refused: what the token cannot see is missing from the answer."""
    seen = {item for grant in grants(body) if grant.group_id in ids for item in grant.allowed if item.scope == "zone"}
    needed = _listed(tuple(sorted(ids.values())), "permissions")
    if not seen:
        return Answer(
            "nothing", f"Cloudflare does not refuse this, but lists no zone: the token holds {needed} on none.", conditions
        )
    single = sum(item.kind == "zone" for item in seen)
    reach = "all that it covers" if single < len(seen) else f"{single} zone{'s' if single > 1 else ''}"
    return Answer("allowed", f"It lists only the zones on which the token holds {needed}: {reach}.", conditions)


def _doubt(body: Mapping[str, Any], operation: Operation, target: Target, scope: Scope, catalogue: Catalogue) -> str:
    """Why a refusal is not certain, or ""."""
    if scope == "zone" and target.zone_id and target.account_id:
        ids = _ids(operation.groups, "account", catalogue)
        if ids and decide(body, Call(frozenset(ids), account_id=target.account_id), catalogue).allowed:
            held = next(ids[grant.group_id] for grant in grants(body) if grant.group_id in ids)
            doubt = f"Whether that counts for {target.name} is not stated."
            return f"Cloudflare names {held} for this too, which the token holds on the account. {doubt}"
    if "/r2/buckets/{bucket_name}/objects" in operation.path and _holds_buckets(body):
        return "The token holds permissions on single R2 buckets. Whether they count for this call is not stated."
    return ""


def _holds_buckets(body: Mapping[str, Any]) -> bool:
    return any(item.kind == "bucket" for grant in grants(body) for item in grant.allowed)


def _refusal(
    decision: Decision, operation: Operation, target: Target, scope: Scope, ids: Mapping[str, str], body: Mapping[str, Any]
) -> str:
    names = _nearest_first(operation, ids.values())
    where = _where(operation, target, scope)
    needs = f"Needs {'one of ' if len(names) > 1 else ''}{_listed(names, 'permissions', 'or')} on {where}."
    if decision.cause == "excluded":
        return f"{needs} {decision.reason}"
    held = tuple(ids[grant.group_id] for grant in grants(body) if grant.group_id in ids)
    if held:
        return f"{needs} The token holds {_listed(held, 'permissions')}, but not there."
    none = {1: "does not hold it", 2: "holds neither"}.get(len(names), "holds none of them")
    return f"{needs} The token {none}."


def _where(operation: Operation, target: Target, scope: Scope) -> str:
    if operation.kind == "all zones":
        return f"all zones of {target.account_name or 'the account'}, those added later included"
    if scope == "account" and target.zone_id:
        return target.account_name or "the zone’s account"
    return target.name


def _nearest_first(operation: Operation, names: Iterable[str]) -> tuple[str, ...]:
    """The names that share most words with the path first, and those that read before those that change."""
    words = operation.words | {word.removesuffix("s") for word in operation.words}

    def place(name: str) -> tuple[int, int, int, str]:
        parts = name.casefold().replace(":", " ").split()
        return -len(words.intersection(parts)), len(parts), not name.endswith("Read"), name

    return tuple(sorted(names, key=place))


def _unstated(operation: Operation) -> str:
    shorter = " It answers with what the token may see, an empty list at worst." if operation.path in _LISTS else ""
    return f"Cloudflare does not state which permission this needs. Try it with the token.{shorter}"


def _elsewhere(operation: Operation, catalogue: Catalogue) -> str:
    """Why the named groups cannot be asked of the target: they are of another kind of resource, or nobody knows their ids."""
    scopes: tuple[tuple[Scope, str], ...] = (("account", "accounts"), ("zone", "zones"), ("user", "users"))
    names = _listed(_nearest_first(operation, operation.groups), "permissions", "or")
    kind = next((plural for scope, plural in scopes if _ids(operation.groups, scope, catalogue)), "")
    if kind:
        return (
            f"Cloudflare names {names} for this, which is granted on {kind}, and does not state on which. Try it with the token."
        )
    return f"Cloudflare names {names} for this, which this portal does not know. Try it with the token."


def _listed(items: tuple[str, ...], many: str, last: str = "and") -> str:
    """ "a", "a and b", "a, b, c and 7 more networks"."""
    shown = list(items[:NAMED_AT_MOST]) if len(items) > NAMED_AT_MOST + 1 else list(items)
    if len(shown) < len(items):
        shown.append(f"{len(items) - len(shown)} more {many}")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} {last} {shown[-1]}"

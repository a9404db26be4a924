"""The addresses by which Cloudflare's dashboard prefills a token, read and written (CLOUDFLARE.md, section 6).

`https://dash.cloudflare.com/profile/api-tokens?permissionGroupKeys=[{"key":"dns","type":"edit"}]&accountId=*&zoneId=all&name=...`
for a user's token, `https://dash.cloudflare.com/?to=/:account/api-tokens&permissionGroupKeys=...` for an account-owned one. Such an
address holds one list of permissions, at most one account and one zone, and a name: what it cannot hold is said.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from tokenportal import facts
from tokenportal.policy.catalogue import Catalogue, PermissionGroup
from tokenportal.policy.resources import is_id
from tokenportal.policy.spec import AccessBlock, AccountChoice, TokenSpec, ZoneChoice
from tokenportal.policy.surroundings import OwnerKind

DASHBOARD: Final = "https://dash.cloudflare.com"
USER_PATH: Final = "/profile/api-tokens"
ACCOUNT_TO: Final = "/:account/api-tokens"
KNOWN: Final = {"to", "permissionGroupKeys", "accountId", "zoneId", "name"}
KEYS_AT_MOST: Final = 500
_NOT_KEPT: Final = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What such an address asks for. `unknown` are its pairs of key and type that stand for no permission here, as "key (type)".

    `notes` say what else of it could not be taken.
    """

    spec: TokenSpec
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoTemplate:
    """Why a text is no such address, as a sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Address:
    """The query that says as much of a spec as it can; `unsaid` are sentences about the rest."""

    query: str
    kind: OwnerKind
    unsaid: tuple[str, ...] = ()

    def at(self, host: str) -> str:
        """The whole address at a host such as `https://dash.cloudflare.com`."""
        if self.kind == "user":
            return f"{host}{USER_PATH}?{self.query}"
        return f"{host}/?{urlencode({'to': ACCOUNT_TO}, safe='/:')}&{self.query}"


def parse(text: str, catalogue: Catalogue) -> Parsed | NoTemplate:
    """What an address, or its query alone, asks for. Total: any text."""
    text = text.strip()
    try:
        query = urlsplit(text).query if "?" in text else text
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=50)
        found = {_kept(name): _kept(value) for name, value in pairs}
        wanted = json.loads(found["permissionGroupKeys"])
    except KeyError:
        return NoTemplate("There is no permissionGroupKeys in it. Copy the whole address of a Cloudflare token template.")
    except (ValueError, RecursionError):
        return NoTemplate("Its permissionGroupKeys is not a list in JSON. Copy the whole address again.")
    if not isinstance(wanted, list) or len(wanted) > KEYS_AT_MOST:
        return NoTemplate("Its permissionGroupKeys is not a list in JSON. Copy the whole address again.")
    groups, unknown = _groups(wanted, catalogue)
    zones, zone_notes = _zones(found.get("zoneId", ""))
    accounts, account_notes = _accounts(found.get("accountId", ""))
    ignored = sorted(set(found) - KNOWN)
    notes = [*zone_notes, *account_notes, *(f"{name[:40]} is not known here and was left out." for name in ignored)]
    block = AccessBlock(permissions=tuple(dict.fromkeys(group.id for group in groups)), zones=zones, accounts=accounts)
    return Parsed(TokenSpec(name=found.get("name", "")[:200], blocks=(block,)), unknown, tuple(notes))


def _kept(text: str) -> str:
    """The text with U+FFFD for what no database keeps and no page shows: NUL, and halves of a pair of surrogates."""
    return _NOT_KEPT.sub("\ufffd", text)


def _groups(wanted: Iterable[Any], catalogue: Catalogue) -> tuple[list[PermissionGroup], tuple[str, ...]]:
    groups, unknown = [], []
    for one in wanted:
        pair = one if isinstance(one, dict) else {}
        key, kind = (_kept(str(pair.get(name, ""))[:60]) for name in ("key", "type"))
        group = group_of(key, kind, catalogue)
        if group:
            groups.append(group)
        else:
            unknown.append(f"{key or 'without a key'} ({kind or 'without a type'})")
    return groups, tuple(dict.fromkeys(unknown))


def group_of(key: str, type: str, catalogue: Catalogue) -> PermissionGroup | None:
    """The offered permission group that a pair of key and type stands for; older keys count as what replaced them."""
    key = facts.older_aliases().get(key, key)
    fact = _by_pair().get((key, type))
    if fact is None:
        return None
    by_key = (group for group in catalogue if group.key == key and group.level == type)
    return (catalogue.get(fact.id) if fact.id else None) or next(by_key, None)


@cache
def _by_pair() -> dict[tuple[str, str], facts.TemplateKey]:
    return {(row.key, row.type): row for row in facts.template_keys()}


@cache
def _pairs_by_id() -> dict[str, tuple[tuple[str, str], ...]]:
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for row in facts.template_keys():
        found[row.id] = (*found.get(row.id, ()), (row.key, row.type))
    return found


def _zones(value: str) -> tuple[ZoneChoice, list[str]]:
    if value in ("", "all", "*"):
        return ZoneChoice(mode="all" if value else "these"), []
    if is_id(value):
        return ZoneChoice(zones=(value,)), []
    return ZoneChoice(), ["Its zoneId is no zone’s id. Choose the zone in the draft."]


def _accounts(value: str) -> tuple[AccountChoice, list[str]]:
    if value in ("", "*", "all"):
        return AccountChoice(mode="all" if value else "these"), []
    if is_id(value):
        return AccountChoice(accounts=(value,)), []
    return AccountChoice(), ["Its accountId is no account’s id. Choose the account in the draft."]


def address_of(spec: TokenSpec, catalogue: Catalogue, kind: OwnerKind) -> Address:
    """The address that says as much of a spec as such an address can."""
    ids = dict.fromkeys(id for block in spec.blocks for id in block.permissions)
    groups = [catalogue.known(id) for id in ids]
    pairs = {group.id: pair for group in groups if group and (pair := _pair(group, catalogue))}
    keys = [{"key": key, "type": type} for key, type in dict.fromkeys(pairs.values())]
    account, zone = _one_account(spec), _one_zone(spec)
    said = {
        "permissionGroupKeys": json.dumps(keys, separators=(",", ":")),
        **({"accountId": account} if account else {}),
        **({"zoneId": zone} if zone else {}),
        **({"name": spec.name.strip()} if spec.name.strip() else {}),
    }
    nameless = [group.name if group else id for id, group in zip(ids, groups, strict=True) if id not in pairs]
    return Address(urlencode(said), kind, tuple(_unsaid(spec, nameless, account, zone)))


def _pair(group: PermissionGroup, catalogue: Catalogue) -> tuple[str, str] | None:
    """Its key and type, if reading them gives just this group again."""
    pairs = _pairs_by_id().get(group.id) or ((group.key, group.level),)
    return next((pair for pair in pairs if (found := group_of(*pair, catalogue)) and found.id == group.id), None)


def _one_zone(spec: TokenSpec) -> str:
    """ "all", the one zone of all blocks, or "" where an address cannot say it."""
    choices = {block.zones for block in spec.blocks}
    if len(choices) != 1:
        return ""
    [zones] = choices
    if zones.except_zones or zones.except_accounts:
        return ""
    return "all" if zones.mode == "all" else zones.zones[0] if zones.mode == "these" and len(zones.zones) == 1 else ""


def _one_account(spec: TokenSpec) -> str:
    choices = {block.accounts for block in spec.blocks}
    if len(choices) != 1:
        return ""
    [accounts] = choices
    if accounts.except_accounts:
        return ""
    return "*" if accounts.mode == "all" else accounts.accounts[0] if len(accounts.accounts) == 1 else ""


def _unsaid(spec: TokenSpec, nameless: list[str], account: str, zone: str) -> Iterator[str]:
    """What the address leaves out, so that nobody believes that it says all."""
    if nameless:
        yield f"Cloudflare has no key for {', '.join(nameless[:3])}{' and more' if len(nameless) > 3 else ''}."
    if len({(block.zones, block.accounts, block.buckets) for block in spec.blocks}) > 1:
        yield "Which permissions are for which resources: it holds one list for all."
    if not zone and any(block.zones != ZoneChoice() for block in spec.blocks):
        yield "The choice of zones: it holds one zone or all."
    if not account and any(block.accounts != AccountChoice() for block in spec.blocks):
        yield "The choice of accounts: it holds one account or all."
    if any(block.buckets for block in spec.blocks):
        yield "The R2 buckets."
    if spec.client_ips.allow or spec.client_ips.block:
        yield "From which addresses it works."
    yield "How long it lives: Cloudflare’s form begins without an end."

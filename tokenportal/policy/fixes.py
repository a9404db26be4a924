"""What mends a finding: small changes of a spec, each named by a code and what it is about, so that a button can carry it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from tokenportal.policy import moments
from tokenportal.policy.body import Restrictions
from tokenportal.policy.held import from_anywhere
from tokenportal.policy.resources import is_id
from tokenportal.policy.spec import AccessBlock, TokenSpec

EVERY_IPV6: Final = "::/0"
EVERY_IPV4: Final = "0.0.0.0/0"


@dataclass(frozen=True, slots=True)
class Fix:
    """`label` is the button's; `code` and `argument` say what `apply` does. An empty code changes nothing by itself: the
    label says what a person does, and the finding's field is where."""

    label: str
    code: str = ""
    argument: str = ""

    @property
    def press(self) -> str:
        """The value of the button, from which a form makes `code` and `argument` again; "" where there is none."""
        return f"fix:{self.code}:{self.argument}" if self.code else ""


def apply(spec: TokenSpec, code: str, argument: str) -> TokenSpec:
    """The spec after a fix. Total: what is not known, or no longer fits, gives the spec back."""
    if code in _OF_SPEC:
        return _OF_SPEC[code](spec, argument)
    number, _, rest = argument.partition(":")
    index = int(number) - 1 if number.isdecimal() and len(number) < 4 else -1
    if code not in _OF_BLOCK or not 0 <= index < len(spec.blocks):
        return spec
    block = _OF_BLOCK[code](spec.blocks[index], tuple(rest.split(",")))
    return replace(spec, blocks=(*spec.blocks[:index], block, *spec.blocks[index + 1 :]))


def _days(spec: TokenSpec, argument: str) -> TokenSpec:
    days = int(argument) if argument.isdecimal() and len(argument) < 5 else 0
    return replace(spec, validity=replace(spec.validity, lifetime="days", days=days)) if days else spec


def _until(spec: TokenSpec, argument: str) -> TokenSpec:
    if moments.parse(argument, end_of_day=True) is None:
        return spec
    return replace(spec, validity=replace(spec.validity, lifetime="until", until=argument))


def _allow(spec: TokenSpec, argument: str) -> TokenSpec:
    """One range more; those that are as good as anywhere go, each or together, for beside them it would restrict nothing."""
    typed = tuple(row for row in spec.client_ips.allow if row.strip())
    kept = tuple(row for row in typed if not from_anywhere(Restrictions(allow=(row,))))
    rows = _and(() if from_anywhere(Restrictions(allow=kept)) else kept, (argument[:64],))
    return replace(spec, client_ips=replace(spec.client_ips, allow=rows))


def _block_range(spec: TokenSpec, argument: str) -> TokenSpec:
    return replace(spec, client_ips=replace(spec.client_ips, block=tuple(dict.fromkeys((*spec.client_ips.block, argument[:64])))))


def _no_allow(spec: TokenSpec, argument: str) -> TokenSpec:
    """Without the rows that say just this; the last one stays, for without any the token would work from anywhere."""
    rows = tuple(row for row in spec.client_ips.allow if row.strip() != argument)
    return replace(spec, client_ips=replace(spec.client_ips, allow=rows)) if any(row.strip() for row in rows) else spec


def _one_allow_less(spec: TokenSpec, argument: str) -> TokenSpec:
    """Without the row in this place, from 0; the last one stays."""
    place = int(argument) if argument.isdecimal() and len(argument) < 4 else -1
    rows = tuple(row for index, row in enumerate(spec.client_ips.allow) if index != place)
    return replace(spec, client_ips=replace(spec.client_ips, allow=rows)) if any(row.strip() for row in rows) else spec


def _no_block_range(spec: TokenSpec, argument: str) -> TokenSpec:
    rows = tuple(row for row in spec.client_ips.block if row.strip() != argument)
    return replace(spec, client_ips=replace(spec.client_ips, block=rows))


def _no_access_block(spec: TokenSpec, argument: str) -> TokenSpec:
    kept = tuple(block for number, block in enumerate(spec.blocks, start=1) if str(number) != argument)
    return replace(spec, blocks=kept) if kept else spec


def _with_permission(block: AccessBlock, ids: tuple[str, ...]) -> AccessBlock:
    return replace(block, permissions=tuple(dict.fromkeys((*block.permissions, *(id[:64] for id in ids if id)))))


def _without_permissions(block: AccessBlock, ids: tuple[str, ...]) -> AccessBlock:
    return replace(block, permissions=tuple(id for id in block.permissions if id not in ids))


def _instead(block: AccessBlock, ids: tuple[str, ...]) -> AccessBlock:
    """The second permission in the place of the first."""
    if len(ids) != 2 or ids[0] not in block.permissions:
        return block
    return replace(block, permissions=tuple(dict.fromkeys(ids[1] if id == ids[0] else id for id in block.permissions)))


def _without_zones(block: AccessBlock, ids: tuple[str, ...]) -> AccessBlock:
    """Without these zones, the zones of these accounts, or typed names that are no zone's."""
    zones = block.zones
    return replace(
        block,
        zones=replace(
            zones, zones=_left(zones.zones, ids), accounts=_left(zones.accounts, ids), unknown=_left(zones.unknown, ids)
        ),
    )


def _without_accounts(block: AccessBlock, ids: tuple[str, ...]) -> AccessBlock:
    return replace(block, accounts=replace(block.accounts, accounts=_left(block.accounts.accounts, ids)))


def _one_bucket_less(block: AccessBlock, places: tuple[str, ...]) -> AccessBlock:
    """Without the row in this place, from 0."""
    return replace(block, buckets=tuple(row for place, row in enumerate(block.buckets) if str(place) not in places))


def _no_exclusion(block: AccessBlock, ids: tuple[str, ...]) -> AccessBlock:
    """Without exclusions of these zones, accounts or typed names, which exclude nothing."""
    zones, accounts = block.zones, block.accounts
    return replace(
        block,
        zones=replace(
            zones, except_zones=_left(zones.except_zones, ids), except_accounts=_left(zones.except_accounts, ids),
            unknown_except=_left(zones.unknown_except, ids),
        ),
        accounts=replace(accounts, except_accounts=_left(accounts.except_accounts, ids)),
    )  # fmt: skip


def _exclude(block: AccessBlock, places: tuple[str, ...]) -> AccessBlock:
    """These places ("zone/", "zones of/" or "account/", and an id) excluded too."""
    pairs = [place.partition("/") for place in places]
    more = {kind: tuple(id for one, _, id in pairs if one == kind and is_id(id)) for kind in ("zone", "zones of", "account")}
    zones, accounts = block.zones, block.accounts
    return replace(
        block,
        zones=replace(
            zones, except_zones=_and(zones.except_zones, more["zone"]), except_accounts=_and(zones.except_accounts, more["zones of"])
        ),
        accounts=replace(accounts, except_accounts=_and(accounts.except_accounts, more["account"])),
    )  # fmt: skip


def _and(found: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*found, *more)))


def _left(found: tuple[str, ...], taken: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one for one in found if one not in taken)


_OF_SPEC: Final[Mapping[str, Callable[[TokenSpec, str], TokenSpec]]] = {
    "days": _days,
    "until": _until,
    "allow": _allow,
    "block": _block_range,
    "no-allow": _no_allow,
    "no-row": _one_allow_less,
    "no-block": _no_block_range,
    "no-access": _no_access_block,
}
_OF_BLOCK: Final[Mapping[str, Callable[[AccessBlock, tuple[str, ...]], AccessBlock]]] = {
    "permission": _with_permission,
    "no-permission": _without_permissions,
    "instead": _instead,
    "no-zone": _without_zones,
    "no-account": _without_accounts,
    "no-bucket": _one_bucket_less,
    "exclude": _exclude,
    "no-exclusion": _no_exclusion,
}

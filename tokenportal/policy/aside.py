"""Choices that are kept but do not count, because they do not apply to what else is chosen. Nothing is dropped silently."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.spec import AccessBlock, AccountChoice, TokenSpec, ZoneChoice


@dataclass(frozen=True, slots=True)
class SetAside:
    """`count` things in a `field` of a section that do not count, and why. `key` names them for `dropped`."""

    section: str
    key: str
    count: int
    sentence: str

    @property
    def field(self) -> str:
        """The field of the form that they stand in."""
        return self.key.partition("-")[0]


def set_aside(spec: TokenSpec, catalogue: Catalogue) -> tuple[SetAside, ...]:
    """The choices that `compile` ignores because they do not apply, so that a page can say so."""
    found: list[SetAside] = []
    for number, block in enumerate(spec.blocks, start=1):
        groups = [catalogue.get(id) for id in block.permissions]
        scopes = {group.scope for group in groups if group}
        zones, accounts = block.zones, block.accounts
        every_zone = (*zones.zones, *zones.accounts, *zones.except_zones, *zones.except_accounts)
        idle = {
            "zones": ("zone" not in scopes, every_zone, "No chosen permission is about zones."),
            "zones-these": (
                "zone" in scopes and zones.mode != "these",
                zones.zones,
                "All zones are chosen, so the list of single zones does not count.",
            ),
            "zones-accounts": (
                "zone" in scopes and zones.mode != "accounts",
                zones.accounts,
                "The choice is not by account, so the list of accounts does not count.",
            ),
            "accounts": (
                "account" not in scopes,
                (*accounts.accounts, *accounts.except_accounts),
                "No chosen permission is about accounts.",
            ),
            "accounts-these": (
                "account" in scopes and accounts.mode != "these",
                accounts.accounts,
                "All accounts are chosen, so the list of single accounts does not count.",
            ),
            "buckets": ("bucket" not in scopes, block.buckets, "No chosen permission is about R2 buckets."),
        }
        found += [
            SetAside(f"access-{number}", key, len(things), sentence)
            for key, (applies, things, sentence) in idle.items()
            if applies and things
        ]
    validity = spec.validity
    if validity.until.strip() and validity.lifetime != "until":
        found.append(SetAside("restrictions", "until", 1, "The lifetime is chosen otherwise, so the end date does not count."))
    return tuple(found)


_DROP: Final[Mapping[str, Callable[[AccessBlock], AccessBlock]]] = {
    "zones": lambda block: replace(block, zones=ZoneChoice()),
    "zones-these": lambda block: replace(block, zones=replace(block.zones, zones=(), unknown=())),
    "zones-accounts": lambda block: replace(block, zones=replace(block.zones, accounts=())),
    "accounts": lambda block: replace(block, accounts=AccountChoice()),
    "accounts-these": lambda block: replace(block, accounts=replace(block.accounts, accounts=())),
    "buckets": lambda block: replace(block, buckets=()),
}


def dropped(block: AccessBlock, key: str) -> AccessBlock:
    """The block without what is set aside under this key, for somebody who does not want it kept. Unknown keys change nothing."""
    return _DROP.get(key, lambda same: same)(block)

"""What stands in a field of a draft, as entries that somebody can compare."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenportal.forms import builder as form
from tokenportal.policy import listing, moments
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.spec import AccessBlock, AccountChoice, Validity, ZoneChoice
from tokenportal.policy.surroundings import Surroundings

LISTS = {"allow", "never", "permissions", "zones", "accounts", "buckets", "whole"}
EMPTY = {
    "allow": "Anywhere", "never": "Nowhere", "permissions": "None", "buckets": "None", "starts": "As soon as it is created",
    "backup_owner": "Nobody", "connection": "None yet",
}  # fmt: skip

NOTHING = {"None", "Empty"}
"""Said of an empty field, where there is nothing that could be taken away."""


@dataclass(frozen=True)
class FieldWords:
    """``people`` and ``connections`` are names by id."""

    catalogue: Catalogue
    around: Surroundings
    people: Mapping[str, str]
    connections: Mapping[str, str]

    def lines(self, kind: str, value: Any) -> list[str]:
        """The entries of a field of this kind (policy.merge.Field), at least one."""
        match value:
            case None:
                return ["Removed"]
            case AccessBlock():
                return self._block(value)
            case ZoneChoice():
                return self._zones(value) or ["None"]
            case AccountChoice():
                return self._accounts(value) or ["None"]
            case Validity():
                return [_end(value)]
            case tuple():
                return [self._entry(kind, one) for one in value] or [EMPTY[kind]]
            case _:
                return [self._text(kind, value)]

    def _entry(self, kind: str, value: str) -> str:
        if kind != "permissions":
            return value
        group = listing.named(value, self.catalogue)
        return f"{group.label}: {group.level_label}"

    def _text(self, kind: str, value: str) -> str:
        if not value.strip():
            return EMPTY.get(kind, "Empty")
        if kind in ("owner", "backup_owner"):
            return self.people.get(value, "Somebody who is no longer in the team")
        if kind == "connection":
            return self.connections.get(value, "A connection that is no longer open to the team")
        moment = moments.parse(value) if kind == "starts" else None
        return moments.in_words(moment) if moment else value

    def _block(self, block: AccessBlock) -> list[str]:
        return [
            *([block.label] if block.label.strip() else []),
            *(self._entry("permissions", id) for id in block.permissions),
            *self._zones(block.zones), *self._accounts(block.accounts), *block.buckets,
        ] or ["Empty"]  # fmt: skip

    def _zones(self, choice: ZoneChoice) -> list[str]:
        around = self.around
        wide = ["All zones"] if choice.mode == "all" else []
        aside = {mode: "" if choice.mode == mode else " (kept aside)" for mode in ("these", "accounts")}
        return [
            *wide,
            *(f"All zones of {around.account_name(id)}{aside['accounts']}" for id in choice.accounts),
            *(f"{around.zone_name(id)}{aside['these']}" for id in choice.zones),
            *(f"“{name}”, which is no zone" for name in choice.unknown),
            *(f"Except {around.zone_name(id)}" for id in choice.except_zones),
            *(f"Except every zone of {around.account_name(id)}" for id in choice.except_accounts),
            *(f"Except “{name}”, which is no zone" for name in choice.unknown_except),
            *(["All zones of chosen accounts"] if choice.mode == "accounts" and not choice.accounts else []),
        ]

    def _accounts(self, choice: AccountChoice) -> list[str]:
        around = self.around
        aside = "" if choice.mode == "these" else " (kept aside)"
        return [
            *(["All accounts"] if choice.mode == "all" else []),
            *(f"{around.account_name(id)}{aside}" for id in choice.accounts),
            *(f"Except {around.account_name(id)}" for id in choice.except_accounts),
        ]


def _end(validity: Validity) -> str:
    moment = moments.parse(validity.until, end_of_day=True)
    typed = moments.in_words(moment) if moment else validity.until.strip()
    if validity.lifetime == "until":
        return typed or "Empty"
    words = (
        "No end" if validity.lifetime == "never" else dict(form.PRESETS).get(validity.days, moments.days_in_words(validity.days))
    )
    return f"{words} ({typed}, kept aside)" if typed else words

"""What the section of an access block shows: chosen permissions with their levels, zones and accounts, messages, what is aside."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tokenportal.actions.standing import Standing
from tokenportal.policy import aside
from tokenportal.policy.aside import SetAside
from tokenportal.policy.catalogue import PermissionGroup
from tokenportal.policy.problems import Problem
from tokenportal.policy.spec import AccessBlock
from tokenportal.policy.surroundings import Surroundings

STATE_WORDS = {"not started": "Not started", "complete": "Complete", "problem": "There is a problem"}
SHOWN_ROWS = 12
"""So many chosen permissions are shown in full; the rest in short."""


@dataclass(frozen=True)
class Section:
    """A section of the form. ``folded``: it is complete and needs no look, so its gist stands for it."""

    slug: str
    name: str
    state: str
    gist: str = ""
    folded: bool = False

    @property
    def words(self) -> str:
        return STATE_WORDS[self.state]


@dataclass(frozen=True)
class PermissionRow:
    """A chosen permission with the levels that its family has."""

    index: int
    group: PermissionGroup
    levels: tuple[PermissionGroup, ...]


@dataclass(frozen=True)
class Named:
    """A chosen zone or account. ``count``: how many zones an account has today, where that is known."""

    id: str
    name: str
    about: str = ""
    count: int | None = None


@dataclass(frozen=True)
class BlockView:
    """An access block as its section shows it. ``echoes`` are what was typed into fields that are no part of a spec."""

    section: Section
    number: int
    block: AccessBlock
    rows: tuple[PermissionRow, ...]
    scopes: frozenset[str]
    zones: tuple[Named, ...]
    excluded: tuple[Named, ...]
    messages: tuple[tuple[str, tuple[str, ...]], ...]
    aside: tuple[SetAside, ...]
    echoes: tuple[tuple[str, str], ...] = ()
    offer: PermissionGroup | None = None

    @property
    def errors(self) -> dict[str, tuple[str, ...]]:
        """The messages of each field."""
        return dict(self.messages)

    @property
    def echo(self) -> dict[str, str]:
        """What stands in the fields that only look something up."""
        return dict(self.echoes)

    @property
    def shows_zones(self) -> bool:
        return "zone" in self.scopes or bool(self.block.zones.unknown)

    @property
    def has_exceptions(self) -> bool:
        choice = self.block.zones
        return bool(choice.except_zones or choice.except_accounts or choice.unknown_except)

    @property
    def shows_accounts(self) -> bool:
        return "account" in self.scopes

    @property
    def shows_buckets(self) -> bool:
        return "bucket" in self.scopes

    def slots(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The places for messages that this section has on the page, with what belongs into each."""
        shown = {
            "label": True, "permissions": True, "zones": self.shows_zones,
            "except": self.shows_zones, "accounts": self.shows_accounts, "accounts-except": self.shows_accounts,
            "buckets": self.shows_buckets,
        }  # fmt: skip
        return ((f"b{self.number}-{name}-slot", self.errors.get(name, ())) for name, is_shown in shown.items() if is_shown)


def block_views(
    found: Standing, shown: list[Problem], sections: Mapping[str, Section], echo: Mapping[str, str]
) -> list[BlockView]:
    set_aside = aside.set_aside(found.spec, found.catalogue)
    return [
        block_view(number, block, found, shown, sections[f"access-{number}"], echo, set_aside)
        for number, block in enumerate(found.spec.blocks or (AccessBlock(),), start=1)
    ]


def block_view(
    number: int, block: AccessBlock, found: Standing, shown: list[Problem], section: Section, echo: Mapping[str, str],
    set_aside: tuple[SetAside, ...],
) -> BlockView:  # fmt: skip
    catalogue, around = found.catalogue, found.around
    groups = [catalogue.known(id) or PermissionGroup(id, id, id, "other", "edit") for id in block.permissions]
    errors: dict[str, list[str]] = {}
    for problem in shown:
        if problem.section == section.slug:
            errors.setdefault(problem.field, []).append(problem.sentence)
    prefix = f"b{number}-"
    return BlockView(
        # A folded section would hide what is kept aside, and what is being looked for.
        section=replace(section, folded=section.folded and not any(item.section == section.slug for item in set_aside)),
        number=number,
        block=block,
        rows=tuple(
            PermissionRow(index, group, catalogue.family_of(group).groups if index < SHOWN_ROWS else (group,))
            for index, group in enumerate(groups)
        ),
        scopes=frozenset(group.scope for group in groups),
        zones=named_zones(block.zones.zones, around),
        excluded=named_zones(block.zones.except_zones, around),
        messages=tuple((name, tuple(sentences)) for name, sentences in errors.items()),
        aside=tuple(item for item in set_aside if item.section == section.slug),
        echoes=tuple((name.removeprefix(prefix), text) for name, text in echo.items() if name.startswith(prefix)),
        offer=zone_read_beside(found, groups),
    )


def zone_read_beside(found: Standing, groups: list[PermissionGroup]) -> PermissionGroup | None:
    """Zone: Read, to be offered where only DNS is held: many tools look their zone up by its name (CLOUDFLARE.md, section 7)."""
    held = {group.key for policy in found.spec.blocks for id in policy.permissions if (group := found.catalogue.known(id))}
    if "zone" in held or not any(group.key == "dns" for group in groups):
        return None
    return found.catalogue.named("Zone Read", "zone")


def named_zones(ids: tuple[str, ...], around: Surroundings) -> tuple[Named, ...]:
    return tuple(
        Named(id, around.zone_name(id), around.account_name(around.zones[id].account_id) if id in around.zones else "not seen")
        for id in ids
    )

"""Finding a permission or a zone while one types: parts of the builder's page, asked for at its own address."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from tokenportal.actions import snapshots
from tokenportal.forms import builder as form
from tokenportal.models import WorkingCopy
from tokenportal.policy.catalogue import Catalogue, Family, PermissionGroup
from tokenportal.policy.spec import AccessBlock
from tokenportal.views.builder_blocks import BlockView

FAMILIES_SHOWN = 12
ZONES_SHOWN = 8
WANTED = re.compile(r"b([1-9][0-9]{0,2})-(found|zone-list|xzone-list)")


@dataclass(frozen=True)
class FoundFamily:
    """A row of the finder. ``held``: the levels of it that the block has; ``older``: an earlier name, if that was what matched."""

    family: Family
    held: tuple[PermissionGroup, ...]
    older: str


@dataclass(frozen=True)
class Found:
    """What a search for permissions gave: rows by category, how many there are in all, and how many of them are shown."""

    text: str
    categories: tuple[tuple[str, tuple[FoundFamily, ...]], ...]
    total: int
    shown: int


def is_wanted(target: str) -> bool:
    return WANTED.fullmatch(target) is not None


def answer(request: HttpRequest, copy: WorkingCopy) -> HttpResponse:
    """The part that HX-Target names, for what is typed in its field so far."""
    wanted = WANTED.fullmatch(request.headers["HX-Target"])
    assert wanted is not None  # noqa: S101
    number, what = int(wanted[1]), wanted[2]
    blocks = copy.spec.blocks
    block = blocks[number - 1] if number <= len(blocks) else AccessBlock()
    if what == "found":
        context = {"n": number, "found": permissions(copy, block, form.text(request.GET, f"b{number}-find", 200))}
        response = render(request, "builder/page.html#found", {**context, "builder_url": copy.token_request.get_absolute_url()})
    else:
        context = zones(copy, block, number, what.removesuffix("-list"), request)
        response = render(request, "builder/page.html#zones", context)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def finds(copy: WorkingCopy, blocks: Iterable[BlockView]) -> dict[int, Found]:
    """By number of block, what the finder of each finds in which something stands."""
    return {view.number: permissions(copy, view.block, text) for view in blocks if (text := view.echo.get("find", "")).strip()}


def permissions(copy: WorkingCopy, block: AccessBlock, text: str) -> Found:
    catalogue = snapshots.catalogue(copy.connection) if copy.connection else Catalogue.from_facts()
    families = catalogue.find(text) if text.strip() else ()
    held = set(block.permissions)
    rows = [
        FoundFamily(family, tuple(group for group in family.groups if group.id in held), older_name(family, text))
        for family in ranked(families, text)[:FAMILIES_SHOWN]
    ]
    categories: dict[str, list[FoundFamily]] = {}
    for row in rows:
        categories.setdefault(row.family.groups[0].category_label, []).append(row)
    return Found(text.strip(), tuple((name, tuple(found)) for name, found in categories.items()), len(families), len(rows))


def ranked(families: Iterable[Family], text: str) -> list[Family]:
    """Those first of which a name is what was typed, then those of which one begins so, then those in which it stands."""
    sought = text.strip().casefold()

    def distance(name: str) -> int:
        return 0 if name == sought else 1 if name.startswith(sought) else 2 if sought in name else 3

    def place(family: Family) -> tuple[int, str]:
        return min(distance(name.casefold()) for name in present_names(family)), family.label.casefold()

    return sorted(families, key=place)


def present_names(family: Family) -> list[str]:
    return [family.label, *(group.name for group in family.groups)]


def older_name(family: Family, text: str) -> str:
    """An earlier name that holds what was typed, where no present name does."""
    words = text.casefold().split()
    present = " ".join(present_names(family)).casefold()
    if all(word in present for word in words):
        return ""
    names = (alias for group in family.groups for alias in group.aliases)
    return next((alias for alias in names if all(word in alias.casefold() for word in words)), "")


def zones(copy: WorkingCopy, block: AccessBlock, number: int, field: str, request: HttpRequest) -> dict[str, Any]:
    text = form.text(request.GET, f"b{number}-{field}-add", 253).strip()
    rows, total = snapshots.search_zones(copy.connection, text, limit=ZONES_SHOWN) if copy.connection else ([], 0)
    chosen = set(block.zones.zones if field == "zone" else block.zones.except_zones)
    names = snapshots.surroundings(copy.connection).accounts if copy.connection else {}
    return {
        "n": number, "field": field, "text": text, "total": total,
        "options": [(zone, names.get(zone.account_id, ""), zone.zone_id in chosen) for zone in rows],
    }  # fmt: skip

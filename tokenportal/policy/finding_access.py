"""What there is to say of the access blocks: permissions that are too many, too few, or of no effect."""

from collections.abc import Iterator
from typing import Final

from tokenportal.policy.catalogue import PermissionGroup
from tokenportal.policy.diff import NAMED_AT_MOST
from tokenportal.policy.finding import Finding, Seen
from tokenportal.policy.fixes import Fix
from tokenportal.policy.held import levels_of
from tokenportal.policy.spec import AccessBlock

FINDS_ZONES: Final = "Zone Read"
LISTING_NEEDS: Final = frozenset({
    "API Tokens Read", "API Tokens Write", "Account API Tokens Read", "Account API Tokens Write", FINDS_ZONES, "Account Settings Read",
    "User Details Read", "Memberships Read",
})  # fmt: skip
"""What a token that creates tokens may hold beside it (CLOUDFLARE.md, section 5), by API name."""


def of_blocks(seen: Seen) -> Iterator[Finding]:
    """The findings of every block, in the order of the form."""
    held = [group for block in seen.spec.blocks for group in _groups(seen, block)]
    creates = [group for group in held if group.risk == "creates"]
    for number, block in enumerate(seen.spec.blocks, start=1):
        groups = _groups(seen, block)
        yield from _of_groups(seen, number, groups)
        yield from _of_pairs(number, block, groups, seen)
        yield from _too_much(seen, number, groups, creates=bool(creates))
        earlier = [other for other, one in enumerate(seen.spec.blocks[: number - 1], start=1) if _says_the_same(one, block)]
        if earlier and groups:
            yield Finding(
                "suggestion", "block-twice", f"access-{number}", "permissions", f"Access {number} says the same as access {earlier[0]}.",
                fix=Fix(f"Remove access {number}", "no-access", str(number)),
            )  # fmt: skip


def _groups(seen: Seen, block: AccessBlock) -> tuple[PermissionGroup, ...]:
    return tuple(group for id in block.permissions if (group := seen.catalogue.get(id)))


def _says_the_same(a: AccessBlock, b: AccessBlock) -> bool:
    return set(a.permissions) == set(b.permissions) and (a.zones, a.accounts, a.buckets) == (b.zones, b.accounts, b.buckets)


def _name(group: PermissionGroup) -> str:
    return f"{group.label}: {group.level_label}"


def _listed(groups: list[PermissionGroup]) -> str:
    names = [_name(group) for group in groups]
    return (
        ", ".join(names)
        if len(names) <= NAMED_AT_MOST
        else f"{', '.join(names[:NAMED_AT_MOST])} and {len(names) - NAMED_AT_MOST} more"
    )


def _of_groups(seen: Seen, number: int, groups: tuple[PermissionGroup, ...]) -> Iterator[Finding]:
    section = f"access-{number}"
    for group in groups:
        fix = removing(seen, number, [group])
        if group.risk == "creates":
            yield Finding(
                "security", "creates-tokens", section, "permissions", f"{_name(group)} lets it create tokens.",
                "Whoever holds it can make tokens with other rights, which outlive this one.", fix,
            )  # fmt: skip
        if group.refused_product and seen.around.owner.kind == "account":
            yield Finding(
                "warning", "not-for-accounts", section, "permissions",
                f"{group.refused_product} does not take tokens that an account owns, so {_name(group)} will not work.",
                "A token of a user connection can do it.", fix,
            )  # fmt: skip
        if not group.selectable:
            yield Finding(
                "warning", "not-offered", section, "permissions", f"Cloudflare does not offer {_name(group)} in its own form.",
                "It may refuse the token, or stop knowing the permission.", fix,
            )  # fmt: skip
        read = _read_of(seen, group)
        if group.risk == "deletes" and read and read.id not in {other.id for other in groups}:
            yield Finding(
                "suggestion", "edit-deletes", section, "permissions", f"{_name(group)} lets it delete too.",
                "If it only has to look, Read is enough.", Fix("Only read", "instead", f"{number}:{group.id},{read.id}"),
            )  # fmt: skip


def _read_of(seen: Seen, group: PermissionGroup) -> PermissionGroup | None:
    if group.level == "read" or "read" not in levels_of(group):
        return None
    return next((one for one in seen.catalogue.family_of(group).groups if one.level == "read"), None)


def _of_pairs(number: int, block: AccessBlock, groups: tuple[PermissionGroup, ...], seen: Seen) -> Iterator[Finding]:
    section = f"access-{number}"
    alike = [
        one for one in seen.spec.blocks if (one.zones, one.accounts, one.buckets) == (block.zones, block.accounts, block.buckets)
    ]
    around = [group for one in alike for group in _groups(seen, one)]
    for group in groups:
        edit = next((one for one in around if (read := _read_of(seen, one)) and read.id == group.id), None)
        if edit:
            yield Finding(
                "suggestion", "read-beside-edit", section, "permissions", f"{_name(edit)} includes {_name(group)}.",
                fix=removing(seen, number, [group]),
            )  # fmt: skip
        wider = [
            one
            for one in groups
            if (one.label, one.level) == (group.label, group.level) and one.scope == "account" != group.scope
        ]
        if wider and group.scope == "zone":
            yield Finding(
                "warning", "both-scopes", section, "permissions", f"{_name(group)} is chosen for zones and for accounts.",
                "They are two permissions of one name; the one for accounts reaches the whole account.",
                removing(seen, number, wider, "Remove the one for accounts"),
            )  # fmt: skip
    edits = [group for group in groups if group.scope == "zone" and group.level == "edit" and group.key == "dns"]
    finds = seen.catalogue.named(FINDS_ZONES, "zone")
    held = {group.name for one in seen.spec.blocks for group in _groups(seen, one)}
    if edits and finds and not held & {FINDS_ZONES, "Zone Write"}:
        yield Finding(
            "suggestion", "finds-no-zone", section, "permissions", "It can change DNS records, and cannot find a zone by its name.",
            "A tool that is told the zone’s name, not its id, needs Zone: Read as well.",
            Fix("Add Zone: Read", "permission", f"{number}:{finds.id}"),
        )  # fmt: skip


def _too_much(seen: Seen, number: int, groups: tuple[PermissionGroup, ...], *, creates: bool) -> Iterator[Finding]:
    section, template = f"access-{number}", seen.beside.template
    beyond = [group for group in groups if creates and group.name not in LISTING_NEEDS]
    if beyond:
        yield Finding(
            "security", "creates-and-more", section, "permissions", f"It can create tokens, and holds {_listed(beyond)} beside that.",
            "A token that creates tokens should do nothing else.", removing(seen, number, beyond),
        )  # fmt: skip
    added = [group for group in groups if template is not None and group.id not in template]
    added = [group for group in added if not any(_read_of_id(seen, id) == group.id for id in template or ())]
    if added:
        yield Finding(
            "warning", "beyond-template", section, "permissions", f"{_listed(added)} goes beyond the template.",
            "What the template was made for works without it.", removing(seen, number, added),
        )  # fmt: skip


def _read_of_id(seen: Seen, id: str) -> str:
    group = seen.catalogue.get(id)
    read = _read_of(seen, group) if group else None
    return read.id if read else ""


def removing(seen: Seen, number: int, groups: list[PermissionGroup], label: str = "") -> Fix:
    """Without these permissions; without the block where it would hold none; by hand where the token would hold none."""
    taken = {group.id for group in groups}
    if any(id not in taken for id in seen.spec.blocks[number - 1].permissions):
        what = _name(groups[0]) if len(groups) == 1 else f"these {len(groups)}"
        return Fix(label or f"Remove {what}", "no-permission", f"{number}:{','.join(group.id for group in groups)}")
    if len(seen.spec.blocks) > 1:
        return Fix(f"Remove access {number}", "no-access", str(number))
    return Fix("Choose another permission")

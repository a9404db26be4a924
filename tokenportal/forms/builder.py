"""The builder's form: from a POST to a spec, and back. It keeps everything that was typed, right or wrong.

Names of controls: ``b<n>-...`` for access block n, from 1. A pressed button is ``do`` with its operands after colons,
such as ``add:1:<group id>``; it is applied after the fields, so that no press loses what was typed beside it.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from django.http import QueryDict

from tokenportal.policy import aside, fixes
from tokenportal.policy.spec import AccessBlock, AccountChoice, ClientIPs, TokenSpec, Validity, ZoneChoice

FindZones = Callable[[list[str]], Mapping[str, str]]
"""Names as typed -> ids of those that exist, keyed by the lower-case name."""

PRESETS = ((7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "1 year"))
TEXT_LIMIT = 5000
LIST_LIMIT = 300_000
"""Characters of a pasted list of domains: a thousand of the longest names that there can be."""
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
KEY = re.compile(r"[^0-9a-z]")
MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2})(?::[0-9]{2})?Z")


@dataclass(frozen=True)
class Pressed:
    """The button that sent the form: ``verb``, then what it is about (a block's number or a field), then its operand."""

    verb: str = "save"
    about: str = ""
    value: str = ""

    @property
    def block(self) -> int:
        """The number of the access block that it is about, 0 where it is about none."""
        return int(self.about) if self.about.isdecimal() and len(self.about) < 4 else 0


def pressed(post: QueryDict, name: str = "do") -> Pressed:
    """The pressed button; ``autosave`` where none was. ``name`` is another field that holds one."""
    verb, _, rest = post.get(name, "autosave").partition(":")
    about, _, value = rest.partition(":")
    return Pressed(verb, about, value)


def text(post: QueryDict, name: str, limit: int = TEXT_LIMIT) -> str:
    """A text field; NUL, which PostgreSQL cannot keep, becomes the mark for an unshowable character."""
    return shown(post.get(name, "")[:limit])


def shown(typed: str) -> str:
    return typed.replace("\x00", "\ufffd")


def parts(typed: str, separators: str) -> tuple[str, ...]:
    """The entries of a list, one a line or between separators, without blank ones."""
    for separator in separators:
        typed = typed.replace(separator, "\n")
    return tuple(line.strip() for line in typed.splitlines() if line.strip())


def some(post: QueryDict, name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(shown(value[:300]) for value in post.getlist(name) if value))


def spec_from(post: QueryDict, find_zones: FindZones, *, half_typed: bool = False) -> TokenSpec:
    """The spec that the posted form describes, before the pressed button is applied.

    ``half_typed``: somebody is still typing, so the fields in which a zone is looked for do not count yet.
    """
    count = post.get("blocks", "1")
    number = min(int(count), 40) if count.isdecimal() and len(count) < 4 else 1
    return TokenSpec(
        name=text(post, "name"),
        purpose=text(post, "purpose").replace("\r\n", "\n"),
        blocks=tuple(_block(post, f"b{n}", find_zones, half_typed) for n in range(1, number + 1)),
        client_ips=ClientIPs(allow=_ranges(post, "allow"), block=_ranges(post, "block")),
        validity=_validity(post),
    )


def _ranges(post: QueryDict, name: str) -> tuple[str, ...]:
    """The rows of ranges, each in a field of its own; several pasted into one become rows of their own."""
    return tuple(row for typed in post.getlist(name) for row in parts(shown(typed[:TEXT_LIMIT]), ", ;\t"))


def _block(post: QueryDict, prefix: str, find_zones: FindZones, half_typed: bool) -> AccessBlock:
    rows = post.get(f"{prefix}-rows", "0")
    count = min(int(rows), 600) if rows.isdecimal() and len(rows) < 5 else 0
    chosen = [post.get(f"{prefix}-p{row}", "")[:64] for row in range(count)]
    zones, unknown = _named(post, f"{prefix}-zone", find_zones, half_typed)
    excluded, unknown_except = _named(post, f"{prefix}-xzone", find_zones, half_typed)
    zone_mode = post.get(f"{prefix}-zmode", "these")
    account_mode = post.get(f"{prefix}-amode", "these")
    return AccessBlock(
        key=KEY.sub("", post.get(f"{prefix}-key", ""))[:16], label=text(post, f"{prefix}-label")[:60],
        permissions=tuple(dict.fromkeys(id for id in chosen if id)),
        zones=ZoneChoice(
            mode="all" if zone_mode == "all" else "accounts" if zone_mode == "accounts" else "these",
            zones=zones, accounts=some(post, f"{prefix}-zacc"), except_zones=excluded,
            except_accounts=some(post, f"{prefix}-xacc"), unknown=unknown, unknown_except=unknown_except,
        ),
        accounts=AccountChoice(
            mode="all" if account_mode == "all" else "these",
            accounts=some(post, f"{prefix}-acc"), except_accounts=some(post, f"{prefix}-axacc"),
        ),
        buckets=parts(text(post, f"{prefix}-buckets"), ","),
    )  # fmt: skip


def _named(post: QueryDict, name: str, find_zones: FindZones, half_typed: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Chosen ids with those that the typed and pasted names stand for, and the names that stand for nothing."""
    looked_for = "" if half_typed else text(post, f"{name}-add", LIST_LIMIT)
    typed = list(dict.fromkeys(parts(f"{text(post, f'{name}-paste', LIST_LIMIT)}\n{looked_for}", ", ;\t")))
    found = find_zones(typed) if typed else {}
    keys = [(one, one.lower().rstrip(".")) for one in typed]
    ids = tuple(dict.fromkeys((*some(post, name), *(found[key] for _, key in keys if key in found))))
    return ids, tuple(one for one, key in keys if key not in found)


def _moment(post: QueryDict, name: str) -> str:
    """A day, or with a time beside it a moment in UTC. What is no day is kept as it was typed."""
    day, time = text(post, name).strip(), text(post, f"{name}-time").strip()
    return f"{day}T{time}Z" if time and DAY.fullmatch(day) else day


def day_and_time(typed: str) -> tuple[str, str]:
    """A typed day or moment as the two fields show it."""
    found = MOMENT.fullmatch(typed)
    return (found[1], found[2]) if found else (typed, "")


def is_day(typed: str) -> bool:
    """Whether a date field can show it; it would drop anything else."""
    return not typed or DAY.fullmatch(typed) is not None


def _validity(post: QueryDict) -> Validity:
    chosen = post.get("lifetime", "90")
    starts, until = _moment(post, "starts"), _moment(post, "until")
    if chosen in ("until", "never"):
        return Validity(starts=starts, lifetime="until" if chosen == "until" else "never", until=until)
    days = int(chosen) if chosen.isdecimal() and len(chosen) < 6 else 90
    return Validity(starts=starts, lifetime="days", days=days, until=until)


def apply(spec: TokenSpec, press: Pressed) -> TokenSpec:
    """The spec after the pressed button: a permission, zone, range or block added, something removed, a finding mended."""
    match press.verb:
        case "add-block":
            return replace(spec, blocks=(*spec.blocks, AccessBlock(key=secrets.token_hex(4))))
        case "add-range" | "remove-range":
            return replace(spec, client_ips=_with_ranges(spec.client_ips, press))
        case "fix":
            return fixes.apply(spec, press.about, press.value)
    index = press.block - 1
    if not 0 <= index < len(spec.blocks):
        return spec
    if press.verb == "remove-block":
        return replace(spec, blocks=(*spec.blocks[:index], *spec.blocks[index + 1 :]) or (AccessBlock(),))
    block = _changed(spec.blocks[index], press)
    return replace(spec, blocks=(*spec.blocks[:index], block, *spec.blocks[index + 1 :]))


def _with_ranges(client_ips: ClientIPs, press: Pressed) -> ClientIPs:
    if press.about not in ("allow", "block"):
        return client_ips
    rows = client_ips.allow if press.about == "allow" else client_ips.block
    if press.verb == "add-range":
        changed = tuple(dict.fromkeys((*rows, press.value[:64]))) if press.value else rows
    else:
        number = int(press.value) if press.value.isdecimal() and len(press.value) < 5 else -1
        changed = tuple(row for index, row in enumerate(rows) if index != number)
    return replace(client_ips, allow=changed) if press.about == "allow" else replace(client_ips, block=changed)


def _changed(block: AccessBlock, press: Pressed) -> AccessBlock:
    zones, value = block.zones, press.value[:64]

    def with_one(ids: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*ids, value))) if value else ids

    def without(ids: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(id for id in ids if id != value)

    match press.verb:
        case "add":
            return replace(block, permissions=with_one(block.permissions))
        case "remove":
            return replace(block, permissions=without(block.permissions))
        case "add-zone":
            return replace(block, zones=replace(zones, zones=with_one(zones.zones)))
        case "remove-zone":
            return replace(block, zones=replace(zones, zones=without(zones.zones)))
        case "add-xzone":
            return replace(block, zones=replace(zones, except_zones=with_one(zones.except_zones)))
        case "remove-xzone":
            return replace(block, zones=replace(zones, except_zones=without(zones.except_zones)))
        case "drop":
            return aside.dropped(block, value)
        case _:
            return block

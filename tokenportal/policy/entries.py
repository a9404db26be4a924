"""What an access block says, entry by entry, and which of its entries make a difference to what a token may do."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from tokenportal.policy import listing
from tokenportal.policy.body import atoms
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.compile import compile
from tokenportal.policy.diff import Change, some
from tokenportal.policy.resources import Resource
from tokenportal.policy.spec import AccessBlock, TokenSpec, Validity
from tokenportal.policy.surroundings import Owner, Surroundings

type Entry = tuple[str, str]
"""A field of a block and one value in it."""
type Atoms = frozenset[tuple[str, str, Any]]

IDLE: Final = "; that alone allows and refuses nothing."
_ZONE_MODES: Final = {"these": "single zones", "accounts": "the zones of chosen accounts", "all": "all zones"}
_ACCOUNT_MODES: Final = {"these": "single accounts", "all": "all accounts"}


@dataclass(frozen=True, slots=True)
class Side:
    """The blocks of one spec, what its connection offers, who would own the token, and all that they grant together."""

    blocks: tuple[AccessBlock, ...]
    catalogue: Catalogue
    owner: Owner

    @property
    def policies(self) -> list[dict[str, Any]]:
        spec = TokenSpec(blocks=self.blocks, validity=Validity(lifetime="never"))
        return compile(spec, self.catalogue, self.owner).body["policies"]

    @property
    def grants(self) -> Atoms:
        return atoms({"policies": self.policies})

    def grant_of(self, block: AccessBlock) -> Atoms:
        """What one block grants by itself."""
        return replace(self, blocks=(block,)).grants


def entries(block: AccessBlock) -> frozenset[Entry]:
    """Everything that a block says, whatever its order and repetitions; nothing for one in which nothing was entered."""
    zones, accounts = block.zones, block.accounts
    lists = {
        "permission": block.permissions, "zone": zones.zones, "zones of": zones.accounts, "except zone": zones.except_zones,
        "except zones of": zones.except_accounts, "unknown": _typed(zones.unknown), "except unknown": _typed(zones.unknown_except),
        "account": accounts.accounts, "except account": accounts.except_accounts, "bucket": _typed(block.buckets),
        "label": _typed((block.label,)),
    }  # fmt: skip
    found = {(field, value) for field, values in lists.items() for value in values}
    modes = {("zones", zones.mode), ("accounts", accounts.mode)}
    return frozenset(found | {mode for mode in modes if mode[1] != "these"})


def _typed(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text.strip() for text in texts if text.strip())


def alike(old: tuple[AccessBlock, ...], new: tuple[AccessBlock, ...]) -> bool:
    """Whether blocks say the same in whatever order; empty ones say nothing."""
    before, after = (Counter(said for block in blocks if (said := entries(block))) for blocks in (old, new))
    return before == after


def untold(old: Side, new: Side, around: Surroundings) -> Iterator[Change]:
    """The entries that changed though what is granted does not tell so, each as a sentence."""
    was, now = old.grants, new.grants
    appeared, vanished = now - was, was - now
    for before, after in _pairs(old.blocks, new.blocks):
        place = _place(old.blocks, before) if after is None else _place(new.blocks, after)
        pair = _Pair(
            old.blocks[before] if before is not None else AccessBlock(), new.blocks[after] if after is not None else AccessBlock()
        )
        yield from _label(place, pair, is_new=before is None, is_gone=after is None)
        yield from _modes(place, pair, old, new, appeared, vanished)
        went, came = old.grant_of(pair.old) & vanished, new.grant_of(pair.new) & appeared
        gone = entries(pair.old) - entries(pair.new) - _telling(pair.old, went)
        come = entries(pair.new) - entries(pair.old) - _telling(pair.new, came)
        # What is allowed already may still be what makes an exclusion count.
        idle = "." if any(effect == "deny" for effect, _, _ in went | came) else IDLE
        for found, verb, catalogue in ((come, "now also holds", new.catalogue), (gone, "no longer holds", old.catalogue)):
            if things := _things(found, catalogue, around):
                yield Change(f"{place} {verb} {things}{idle}", "same")


@dataclass(frozen=True, slots=True)
class _Pair:
    old: AccessBlock
    new: AccessBlock


def _pairs(old: tuple[AccessBlock, ...], new: tuple[AccessBlock, ...]) -> list[tuple[int | None, int | None]]:
    """The blocks that differ, by number, each with the one that it has most in common with; None where it has none."""
    before = {number: said for number, block in enumerate(old) if (said := entries(block))}
    after = {number: said for number, block in enumerate(new) if (said := entries(block))}
    for number, said in list(before.items()):
        twin = next((other for other, its in after.items() if its == said), None)
        if twin is not None:
            del before[number], after[twin]
    found: list[tuple[int | None, int | None]] = []
    common = sorted((-len(a & b), m, n) for m, a in before.items() for n, b in after.items() if a & b)
    for _, number, other in common:
        if number in before and other in after:
            found.append((number, other))
            del before[number], after[other]
    return [*found, *((number, None) for number in before), *((None, number) for number in after)]


def _place(blocks: tuple[AccessBlock, ...], number: int | None) -> str:
    return f"Access {(number or 0) + 1}" if len(blocks) > 1 else "Access"


def _label(place: str, pair: _Pair, *, is_new: bool, is_gone: bool) -> Iterator[Change]:
    was, now = pair.old.label.strip(), pair.new.label.strip()
    if was != now:
        sentence = f"{place} is labelled “{now}”" if now else f"{place} has no label any more"
        if is_new:
            sentence = f"{place} is new, with the label “{now}”"
        elif is_gone:
            sentence = f"{place}, labelled “{was}”, is no more"
        yield Change(f"{sentence}; before, “{was}”." if was and not is_gone else f"{sentence}.", "same")


def _modes(place: str, pair: _Pair, old: Side, new: Side, appeared: Atoms, vanished: Atoms) -> Iterator[Change]:
    """A choice between single things and all of them that changes nothing about what is granted."""
    ways = (
        (_ZONE_MODES, pair.old.zones.mode, pair.new.zones.mode, _with_zones),
        (_ACCOUNT_MODES, pair.old.accounts.mode, pair.new.accounts.mode, _with_accounts),
    )
    for words, was, now, turned in ways:
        if was == now:
            continue
        came = new.grant_of(pair.new) - new.grant_of(turned(pair.new, was))
        went = old.grant_of(pair.old) - old.grant_of(turned(pair.old, now))
        if not (came & appeared or went & vanished):
            yield Change(f"{place} is for {words[now]} instead of {words[was]}{IDLE}", "same")


def _with_zones(block: AccessBlock, mode: Any) -> AccessBlock:
    return replace(block, zones=replace(block.zones, mode=mode))


def _with_accounts(block: AccessBlock, mode: Any) -> AccessBlock:
    return replace(block, accounts=replace(block.accounts, mode=mode))


def _telling(block: AccessBlock, changed: Atoms) -> set[Entry]:
    """The entries of a block that what changed in its grant speaks of. Modes and labels are told apart."""
    told: set[Entry] = set()
    for effect, group, resource in changed:
        told |= {("permission", group), *_entries_of(block, effect, resource)}
    return told


def _entries_of(block: AccessBlock, effect: str, resource: Resource) -> set[Entry]:
    field, id = resource.kind, resource.id
    if effect == "deny":
        return {(f"except {field}", id)}
    if field == "bucket":
        return {("bucket", id)}
    counts = {
        "zone": block.zones.mode == "these",
        "zones of": block.zones.mode == "accounts",
        "account": block.accounts.mode == "these",
    }
    return {(str(field), id)} if counts.get(field) else set()


def _things(found: frozenset[Entry] | set[Entry], catalogue: Catalogue, around: Surroundings) -> str:
    said = []
    for field, words in _FIELDS.items():
        values = sorted(value for name, value in found if name == field)
        if values:
            said.append(f"{words[len(values) > 1]} {some([_named(field, value, catalogue, around) for value in values])}")
    return ", ".join(said)


_FIELDS: Final = {
    "permission": ("the permission", "the permissions"), "zone": ("the zone", "the zones"),
    "zones of": ("the zones of", "the zones of"), "except zone": ("the exclusion of", "the exclusions of"),
    "except zones of": ("the exclusion of the zones of", "the exclusion of the zones of"),
    "unknown": ("the unknown zone", "the unknown zones"), "except unknown": ("the unknown exclusion", "the unknown exclusions"),
    "account": ("the account", "the accounts"), "except account": ("the exclusion of", "the exclusions of"),
    "bucket": ("the R2 bucket", "the R2 buckets"),
}  # fmt: skip


def _named(field: str, value: str, catalogue: Catalogue, around: Surroundings) -> str:
    if field == "permission":
        group = listing.named(value, catalogue)
        return f"{group.label}: {group.level_label}"
    if field in ("zone", "except zone"):
        return around.zone_name(value)
    if field in ("unknown", "except unknown"):
        return f"“{value}”"
    return value if field == "bucket" else around.account_name(value)

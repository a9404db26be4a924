"""What two people made of one draft, brought together. What only one of them changed is taken; what both changed is a clash.

A field is the smallest thing that is chosen as a whole. A list (permissions, zones, ranges) is one field: each of two additions
may be right, and their sum still something that nobody has looked at. So they clash, and "both" is on offer. For the same reason
both are asked about where one changed what an access block allows and the other where: together they may allow more than either.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal

from tokenportal.policy.spec import AccessBlock, AccountChoice, TokenSpec, ZoneChoice, keyed

Side = Literal["mine", "theirs"]
Choice = Literal["mine", "theirs", "both"]

WHAT, WHERE = ("permissions",), ("zones", "accounts", "buckets")
OF_A_BLOCK: Final = ("label", *WHAT, *WHERE)


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that a draft holds: its spec, and by id, or "", what is chosen beside it."""

    spec: TokenSpec
    connection: str = ""
    owner: str = ""
    backup_owner: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """`kind` is name, purpose, owner, backup_owner, connection, allow, never, starts or ends; or, with the key of an access
    `block`, one of OF_A_BLOCK, or whole for the block as such."""

    kind: str
    block: str = ""

    @property
    def id(self) -> str:
        return f"{self.kind}-{self.block}" if self.block else self.kind


@dataclass(frozen=True, slots=True)
class Clash:
    """What both changed, each to something else, or what only one changed and is asked about with it.

    A block that is not there is None, as is `both` where it is not on offer.
    """

    field: Field
    base: Any
    mine: Any
    theirs: Any
    both: Any = None

    @property
    def is_one_sided(self) -> bool:
        """Whether only one changed it, and the other what goes with it."""
        return self.base is not None and _plain(self.base) in (_plain(self.mine), _plain(self.theirs))


@dataclass(frozen=True, slots=True)
class Taken:
    """What only one `side` changed."""

    field: Field
    side: Side
    base: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Merged:
    """`sheet` holds theirs where a clash is still to be decided. Without `base_known`, whatever differs clashes."""

    sheet: Sheet
    clashes: tuple[Clash, ...]
    taken: tuple[Taken, ...]
    base_known: bool

    @property
    def theirs(self) -> tuple[Taken, ...]:
        """What only the others changed."""
        return tuple(one for one in self.taken if one.side == "theirs")


NO_CHOICES: Final[Mapping[str, str]] = {}


def merge(
    base: Sheet | None, mine: Sheet, theirs: Sheet, choices: Mapping[str, str] = NO_CHOICES, *, rest: str = ""
) -> Merged:  # fmt: skip
    """Both changes of what both began with, or of nobody knows what (None).

    `choices` decide clashes, by the id of the field; `rest` decides all others. Choices that are not on offer decide nothing.
    """
    began = keyed(base.spec) if base else None
    mine = replace(mine, spec=keyed(mine.spec, like=began))
    theirs = replace(theirs, spec=keyed(theirs.spec, like=began))
    pick = _Picking(choices, rest, base is not None)
    before = _outside(replace(base, spec=began)) if base and began else {}
    said, told = _outside(mine), _outside(theirs)
    picked = {kind: pick(Field(kind), before.get(kind), said[kind], told[kind]) for kind in said}
    blocks = _blocks(began, mine.spec, theirs.spec, pick)
    ends = picked["ends"]
    spec = TokenSpec(
        name=picked["name"],
        purpose=picked["purpose"],
        blocks=blocks or (AccessBlock(key="1"),),
        client_ips=replace(mine.spec.client_ips, allow=picked["allow"], block=picked["never"]),
        validity=replace(ends, starts=picked["starts"]),
    )
    sheet = Sheet(spec, picked["connection"], picked["owner"], picked["backup_owner"])
    return Merged(sheet, tuple(pick.clashes), tuple(pick.taken), base is not None)


def _outside(sheet: Sheet) -> dict[str, Any]:
    """The fields that belong to no block, in the order of the form."""
    spec = sheet.spec
    return {
        "name": spec.name, "purpose": spec.purpose, "owner": sheet.owner, "backup_owner": sheet.backup_owner,
        "connection": sheet.connection, "allow": spec.client_ips.allow, "never": spec.client_ips.block,
        "starts": spec.validity.starts, "ends": replace(spec.validity, starts=""),
    }  # fmt: skip


def _blocks(base: TokenSpec | None, mine: TokenSpec, theirs: TokenSpec, pick: "_Picking") -> tuple[AccessBlock, ...]:
    before, said, told = ({block.key: block for block in spec.blocks} if spec else {} for spec in (base, mine, theirs))
    merged: list[AccessBlock] = []
    added: list[AccessBlock] = []
    for key in dict.fromkeys((*told, *said)):
        was, own, other = before.get(key), said.get(key), told.get(key)
        if own is None or other is None:
            kept = pick(Field("whole", key), was, own, other)
            merged += [kept] if kept else []
        elif pick.base_known and was is None and own != other:
            # Added by both, and called alike by chance: two blocks.
            merged.append(other)
            added.append(replace(own, key=""))
        else:
            asked = (*WHAT, *WHERE) if _crossed(was, own, other) else ()
            values = {
                name: pick(
                    Field(name, key), getattr(was, name, None), getattr(own, name), getattr(other, name), ask=name in asked
                )
                for name in OF_A_BLOCK
            }
            merged.append(replace(other, **values))
    return keyed(TokenSpec(blocks=(*merged, *added))).blocks


def _crossed(was: AccessBlock | None, own: AccessBlock, other: AccessBlock) -> bool:
    """Whether one changed what a block allows, and the other where; what both changed alike counts for neither."""

    def differs(name: str, one: AccessBlock | None, another: AccessBlock) -> bool:
        return _plain(getattr(one, name, None)) != _plain(getattr(another, name))

    def changed(block: AccessBlock, names: tuple[str, ...]) -> bool:
        return any(differs(name, was, block) and differs(name, own, other) for name in names)

    return (changed(own, WHAT) and changed(other, WHERE)) or (changed(other, WHAT) and changed(own, WHERE))


class _Picking:
    """Picks for one field after another, and keeps what clashed and what was taken."""

    def __init__(self, choices: Mapping[str, str], rest: str, base_known: bool) -> None:
        self.choices, self.rest, self.base_known = choices, rest, base_known
        self.clashes: list[Clash] = []
        self.taken: list[Taken] = []

    def __call__(self, field: Field, base: Any, mine: Any, theirs: Any, *, ask: bool = False) -> Any:
        """``ask``: also about what only one changed."""
        takes = self.base_known and not ask
        if _plain(mine) == _plain(theirs):
            return theirs
        if takes and _plain(mine) == _plain(base):
            self.taken.append(Taken(field, "theirs", base, theirs))
            return theirs
        if takes and _plain(theirs) == _plain(base):
            self.taken.append(Taken(field, "mine", base, mine))
            return mine
        both = _both(base, mine, theirs)
        choice = self.choices.get(field.id, self.rest)
        if choice == "mine":
            return mine
        if choice == "both" and both is not None:
            return both
        if choice != "theirs":
            self.clashes.append(Clash(field, base, mine, theirs, both))
        return theirs


def _plain(value: Any) -> Any:
    """What of a value counts when it is compared: the order of a list does not."""
    if isinstance(value, tuple):
        return tuple(sorted(value))
    if isinstance(value, ZoneChoice | AccountChoice | AccessBlock):
        return tuple(_plain(getattr(value, field.name)) for field in fields(value) if field.name != "key")
    return value


def _both(base: Any, mine: Any, theirs: Any) -> Any:
    """The changes of both together, where they are lists and that is neither of the two; else None.

    None also where nothing would be left of what neither has emptied: an empty list of ranges, for one, means anywhere.
    """
    found: Any = None
    if isinstance(mine, tuple) and isinstance(theirs, tuple):
        found = _summed(base or (), mine, theirs)
    elif isinstance(mine, ZoneChoice | AccountChoice) and mine.mode == theirs.mode:
        names = [field.name for field in fields(mine) if field.name != "mode"]
        parts: dict[str, Any] = {
            name: _summed(getattr(base, name, ()), getattr(mine, name), getattr(theirs, name)) for name in names
        }
        found = replace(mine, **parts) if None not in parts.values() else None
    return None if _plain(found) in (_plain(mine), _plain(theirs)) else found


def _summed(base: tuple[str, ...], mine: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[str, ...] | None:
    """What both kept and what either added; None where that is nothing though neither is empty."""
    kept = tuple(item for item in base if item in mine and item in theirs)
    found = tuple(dict.fromkeys((*kept, *(item for item in (*theirs, *mine) if item not in base))))
    return found if found or not (mine and theirs) else None

"""A conflict as its page shows it: for each field that both changed, what it was, what the others made of it, and mine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tokenportal import clock
from tokenportal.actions import drafts, standing
from tokenportal.actions.together import Clashing
from tokenportal.models import TokenRequest, WorkingCopy, earlier
from tokenportal.policy import diff
from tokenportal.policy import merge as merging
from tokenportal.policy import spec as specs
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.merge import Clash, Field, Merged, Taken
from tokenportal.policy.spec import TokenSpec
from tokenportal.policy.surroundings import Surroundings
from tokenportal.views.builder_page import name_of
from tokenportal.views.field_words import LISTS, NOTHING, FieldWords

NAMES = {
    "name": "Name", "purpose": "What will use it", "owner": "Owner", "backup_owner": "Back-up owner", "connection": "Connection",
    "allow": "Works only from", "never": "But never from", "starts": "Start", "ends": "Lifetime", "label": "what it is for",
    "permissions": "permissions", "zones": "zones", "accounts": "accounts", "buckets": "R2 buckets",
}  # fmt: skip
SAID_OF_MINE = {
    "wider": "Mine allows more than theirs", "narrower": "Mine allows less than theirs",
    "both": "Each allows something that the other does not", "same": "",
}  # fmt: skip
SAME_SHOWN = 8
"""So many entries that nobody changed are shown of a long list; the rest is counted."""

Mark = Literal["", "added", "removed"]


@dataclass(frozen=True)
class Line:
    """An entry of a field. ``mark`` says how it differs from what both began with."""

    text: str
    mark: Mark = ""


@dataclass(frozen=True)
class Side:
    """A choice that is on offer, with what it means."""

    choice: str
    heading: str
    words: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class ClashView:
    """``before`` is empty where nobody knows any more what both began with."""

    id: str
    title: str
    note: str
    before: tuple[Line, ...]
    sides: tuple[Side, ...]
    chosen: str


@dataclass(frozen=True)
class TakenView:
    """What one side alone changed, in the entries that differ."""

    mine: bool
    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Panel:
    """``copy`` is what stands now, and ``names`` who saved it. ``crossed``: one changed what a block allows, the other where."""

    copy: WorkingCopy
    names: tuple[str, ...]
    base_known: bool
    crossed: bool
    clashes: tuple[ClashView, ...]
    taken: tuple[TakenView, ...]

    @property
    def undecided(self) -> list[dict[str, str]]:
        """For each field without a choice what to do, as parts/errors.html lists it."""
        return [
            {"href": f"#clash-{clash.id}", "sentence": f"Choose what to keep: {clash.title}."}
            for clash in self.clashes
            if not clash.chosen
        ]


def panel(token_request: TokenRequest, clash: Clashing, posted: Mapping[str, Any]) -> Panel:
    """``posted`` are choices that were made already, as ``keep-<field>``."""
    mine, theirs = clash.mine, clash.copy
    known = [mine.spec, theirs.spec, *([clash.base.spec] if clash.base else [])]
    catalogue, around = standing.offered(theirs.connection, *known)
    words = FieldWords(
        catalogue, around, people={str(pk): name for pk, name in drafts.owner_choices(theirs)},
        connections={str(pk): name for pk, name, *_ in drafts.connection_choices(token_request.team_id)},
    )  # fmt: skip
    notes = Notes(token_request, clash, catalogue, around)
    return Panel(
        copy=theirs,
        names=clash.others,
        base_known=clash.merged.base_known,
        crossed=any(one.is_one_sided for one in clash.merged.clashes),
        clashes=tuple(
            clash_view(one, known, words, notes.of(one), posted.get(f"keep-{one.field.id}", "")) for one in clash.merged.clashes
        ),
        taken=tuple(taken_view(one, known, words) for one in clash.merged.taken),
    )


def title(field: Field, known: list[TokenSpec]) -> str:
    """What a field is called on the page; an access block by its place in the first of these specs that has it."""
    if not field.block:
        return NAMES[field.kind]
    for spec in known:
        keys = [block.key for block in specs.keyed(spec).blocks]
        if field.block in keys:
            name = name_of(f"access-{keys.index(field.block) + 1}", spec.blocks)
            return name if field.kind == "whole" else f"{name}, {NAMES[field.kind]}"
    return "Access"


def clash_view(clash: Clash, known: list[TokenSpec], words: FieldWords, note: str, chosen: str) -> ClashView:
    kind = clash.field.kind
    before = words.lines(kind, clash.base) if clash.base is not None else []
    offers = [("theirs", "Theirs, saved", "Use theirs", clash.theirs), ("mine", "Mine, not saved", "Keep mine", clash.mine)]
    if clash.both is not None:
        offers.append(("both", "Both changes", "Keep both", clash.both))
    sides = tuple(
        Side(choice, heading, label, marked(kind, before, words.lines(kind, value))) for choice, heading, label, value in offers
    )
    on_offer = chosen if chosen in [side.choice for side in sides] else ""
    return ClashView(clash.field.id, title(clash.field, known), note, shortened(map(Line, before)), sides, on_offer)


def taken_view(taken: Taken, known: list[TokenSpec], words: FieldWords) -> TakenView:
    kind = taken.field.kind
    before = words.lines(kind, taken.base) if taken.base is not None or kind != "whole" else []
    after = words.lines(kind, taken.value)
    removed = [Line(text, "removed") for text in before if text not in (*after, *NOTHING)]
    added = [Line(text, "added") for text in after if text not in before]
    return TakenView(taken.side == "mine", title(taken.field, known), shortened([*removed, *added]))


def marked(kind: str, before: list[str], after: list[str]) -> tuple[Line, ...]:
    """The entries with what is new among them, and of a list with what is gone."""
    if not before:
        return shortened(map(Line, after))
    lines = [Line(text, "" if text in before else "added") for text in after]
    gone = [Line(text, "removed") for text in before if text not in after] if kind in LISTS else []
    return shortened([*lines, *gone])


def shortened(lines: Any) -> tuple[Line, ...]:
    """What differs, and of the rest as much as one can take in."""
    every = list(lines)
    same = [line for line in every if not line.mark]
    if len(same) <= SAME_SHOWN + 1:
        return tuple(every)
    shown = same[:SAME_SHOWN]
    return (*shown, Line(f"and {len(same) - SAME_SHOWN} more"), *(line for line in every if line.mark))


class Notes:
    """Which side of a clash lets the token do more, told from what each would compile to."""

    def __init__(self, token_request: TokenRequest, clash: Clashing, catalogue: Catalogue, around: Surroundings) -> None:
        self.token_request, self.catalogue, self.around = token_request, catalogue, around
        self.sheets = (clash.base, earlier.sheet_of(clash.mine), earlier.sheet_of(clash.copy))
        self.theirs = self.body({})

    def body(self, choices: Mapping[str, str]) -> dict[str, Any]:
        base, mine, theirs = self.sheets
        spec = merging.merge(base, mine, theirs, choices, rest="theirs").sheet.spec
        frozen = specs.freeze(spec, clock.now())
        return standing.compiled(self.token_request, frozen, self.catalogue, self.around.owner).body

    def of(self, clash: Clash) -> str:
        mine = self.body({clash.field.id: "mine"})
        return SAID_OF_MINE[diff.compare(self.theirs, mine, self.catalogue, self.around).verdict]


def news(merged: Merged, others: tuple[str, ...]) -> str:
    """What came from others into a save, in one sentence."""
    known = [merged.sheet.spec]
    changed = [title(taken.field, known) for taken in merged.theirs]
    whose = f"the changes of {' and '.join(others)}" if others else "what you changed in another window"
    return f"Saved together with {whose}{': ' if changed else ''}{'; '.join(changed)}."


def sections_from_others(copy: WorkingCopy, entries: Mapping[str, Any]) -> set[str]:
    """The sections of the page that hold something else now than was posted."""
    mine, now = entries["spec"], copy.spec
    keys = [[block.key for block in spec.blocks] for spec in (specs.keyed(mine), now)]
    people = [
        [entries[name].pk if entries[name] else None for name in ("owner", "backup_owner")],
        [copy.owner_id, copy.backup_owner_id],
    ]
    connection = entries["connection"].pk if entries["connection"] else None
    found = {
        "purpose": (mine.name, mine.purpose, people[0]) != (now.name, now.purpose, people[1]),
        "connection": connection != copy.connection_id,
        "blocks": mine.blocks != now.blocks or keys[0] != keys[1] or connection != copy.connection_id,
        "addresses": mine.client_ips != now.client_ips,
        "lifetime": mine.validity != now.validity,
    }
    return {name for name, differs in found.items() if differs}

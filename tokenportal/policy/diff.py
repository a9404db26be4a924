"""How two bodies differ: each change as a sentence, and whether the new one allows more, less, both or the same.

Bodies are compared as sets, so that reordered, split or merged policies are no change. "narrower" is a promise: nothing is
allowed that was refused before (and "wider" the reverse), as far as `evaluate` knows; where that is in doubt it is "both".
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from tokenportal.policy import listing, moments, networks, within
from tokenportal.policy.body import UNKNOWN, Restrictions, atoms, restrictions_of
from tokenportal.policy.catalogue import Catalogue, PermissionGroup
from tokenportal.policy.resources import Resource
from tokenportal.policy.surroundings import Surroundings

Direction = Literal["wider", "narrower", "both", "same"]
NAMED_AT_MOST: Final = 3
_WIDE: Final = {"zones of", "every zone", "every account"}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference, and in which direction it moves what the token may do. `section` is where a form says it, if known."""

    sentence: str
    direction: Direction
    section: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """All changes, what the token may do first. None at all where the bodies say the same."""

    changes: tuple[Change, ...]

    @property
    def sentence(self) -> str:
        """All changes as one text, for where there is a line and no list."""
        return " ".join(change.sentence for change in self.changes)

    @property
    def verdict(self) -> Direction:
        return _direction(
            wider=any(change.direction in ("wider", "both") for change in self.changes),
            narrower=any(change.direction in ("narrower", "both") for change in self.changes),
        )


@dataclass(frozen=True, slots=True)
class _Held:
    """Where a group is allowed and denied, in one body."""

    allowed: frozenset[Resource] = frozenset()
    denied: frozenset[Resource] = frozenset()


def compare(old: Mapping[str, Any], new: Mapping[str, Any], catalogue: Catalogue, around: Surroundings) -> Difference:
    """From `old` to `new`. Total: any two bodies. `around` knows to which account each zone belongs that either of them names."""
    return Difference((
        *_access(old, new, catalogue, around), *_unknown(old, new), *_restrictions(restrictions_of(old), restrictions_of(new)),
        *_status(old, new), *_name(old, new),
    ))  # fmt: skip


def _direction(*, wider: bool, narrower: bool) -> Direction:
    return "both" if wider and narrower else "wider" if wider else "narrower" if narrower else "same"


def lacking(
    held: Mapping[str, Any], wanted: Mapping[str, Any], catalogue: Catalogue, around: Surroundings
) -> tuple[str, ...]:  # fmt: skip
    """The ids of the groups that `wanted` allows somewhere where `held` does not, whatever either of them excludes."""
    body = _Body(_held(held), edits(catalogue), around)
    return tuple(sorted(id for id, one in _held(wanted).items() if not body.includes(id, one.allowed)))


def _held(body: Mapping[str, Any]) -> dict[str, _Held]:
    found: dict[tuple[str, str], set[Resource]] = defaultdict(set)
    for effect, group, resource in atoms(body):
        if effect != UNKNOWN:
            found[group, effect].add(resource)
    return {
        group: _Held(frozenset(found.get((group, "allow"), ())), frozenset(found.get((group, "deny"), ())))
        for group, _ in [*found]
    }


def _access(
    old: Mapping[str, Any], new: Mapping[str, Any], catalogue: Catalogue, around: Surroundings
) -> tuple[Change, ...]:  # fmt: skip
    """The changes of what may be done where. Groups that change alike share their sentences."""
    wide = edits(catalogue)
    before, after = _Body(_held(old), wide, around), _Body(_held(new), wide, around)
    alike: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for id in {*before.held, *after.held}:
        was, now = before.of(id), after.of(id)
        if was != now:
            alike[was, now, before.includes(id, now.allowed), after.includes(id, was.allowed)].append(id)
    found = [
        (tuple(sorted((listing.named(id, catalogue) for id in ids), key=lambda group: (group.label, group.level))), ids[0])
        for ids in alike.values()
    ]
    ordered = sorted(found, key=lambda one: (one[0][0].label, one[0][0].level, one[1]))
    return tuple(change for groups, id in ordered for change in _of_groups(groups, id, before, after))


def edits(catalogue: Catalogue) -> dict[str, str]:
    """For each Read group the Edit of the same thing, which includes it."""
    levels = {(group.label, group.scope, group.level): group.id for group in catalogue}
    found = {id: levels.get((label, scope, "edit")) for (label, scope, level), id in levels.items() if level == "read"}
    return {read: edit for read, edit in found.items() if edit}


class _Body:
    """What one body holds, by group, and what that includes. `edits` gives for each Read group the Edit of the same thing."""

    def __init__(self, held: dict[str, _Held], edits: Mapping[str, str], around: Surroundings) -> None:
        self.held, self.edits, self.around = held, edits, around

    def of(self, id: str) -> _Held:
        return self.held.get(id, _Held())

    def includes(self, id: str, resources: Iterable[Resource]) -> bool:
        """Whether the group is allowed on all of these, by itself or because its Edit, of which nothing is denied, includes Read."""
        edit = self.of(self.edits.get(id, ""))
        allowed = self.of(id).allowed | (edit.allowed if not edit.denied else frozenset())
        return all(any(within.covers(one, resource, self.around) for one in allowed) for resource in resources)


def _of_groups(groups: tuple[PermissionGroup, ...], id: str, before: _Body, after: _Body) -> list[Change]:
    was, now, around = before.of(id), after.of(id), before.around
    able = _abilities(groups)
    if not (was.allowed or now.allowed):
        return [Change(f"Its exclusions change without any effect: nothing else lets it {able}.", "same")]
    wider, narrower = not before.includes(id, now.allowed), not after.includes(id, was.allowed)
    if not was.allowed:
        but = f", except on {_places(now.denied, around)}" if now.denied else ""
        return [Change(f"Can now {able} on {_places(now.allowed, around)}{but}.", _direction(wider=wider, narrower=False))]
    if not now.allowed:
        return [
            Change(f"Can no longer {able} on {_places(was.allowed, around)}.", _direction(wider=False, narrower=narrower))
        ]  # fmt: skip
    added, removed = now.allowed - was.allowed, was.allowed - now.allowed
    changes = []
    if any(resource.kind in _WIDE for resource in added | removed):
        sentence = f"Can {able} on {_places(now.allowed, around)}; before, on {_places(was.allowed, around)}."
        changes.append(Change(sentence, _direction(wider=wider, narrower=narrower)))
    else:
        if added:
            sentence = f"Can now {able} on {_places(added, around)} too."
            changes.append(Change(sentence, _direction(wider=wider, narrower=False)))
        if removed:
            sentence = f"Can no longer {able} on {_places(removed, around)}."
            changes.append(Change(sentence, _direction(wider=False, narrower=narrower)))
    return [*changes, *_exclusions(able, was, now, before)]


def _exclusions(able: str, was: _Held, now: _Held, body: _Body) -> list[Change]:
    changes = []
    for excluded, kept, allowed, words, direction in (
        (now.denied - was.denied, was.denied, was.allowed, "Can no longer {} on {}: excluded from now on.", "narrower"),
        (was.denied - now.denied, now.denied, now.allowed, "Can now {} on {}: no longer excluded.", "wider"),
    ):
        moves = {
            one
            for one in excluded
            if within.meets(allowed, one, body.around) and not any(within.covers(wide, one, body.around) for wide in kept)
        }
        if moves:
            sentence = words.format(able, _places(moves, body.around))
            changes.append(Change(sentence, "wider" if direction == "wider" else "narrower"))
        if idle := excluded - moves:
            how = "is excluded too" if direction == "narrower" else "needs no exclusion any more"
            changes.append(
                Change(f"To {able}, {_places(idle, body.around)} {how}; that alone allows and refuses nothing.", "same")
            )
    return changes


def _abilities(groups: tuple[PermissionGroup, ...]) -> str:
    by_verb: dict[str, list[str]] = defaultdict(list)
    for group in groups:
        by_verb[group.verb].append(group.noun)
    said = []
    for verb, nouns in by_verb.items():
        different = list(dict.fromkeys(nouns))
        said.append(f"{verb} {_listed(different) if len(different) <= NAMED_AT_MOST else f'{len(different)} kinds of things'}")
    return "; ".join(said)


def _places(resources: Iterable[Resource], around: Surroundings) -> str:
    return some([listing.place(resource, around) for resource in sorted(resources)])


def some(names: list[str]) -> str:
    """Names in order; the first three and how many more where they are many."""
    names = sorted(names)
    return _listed(names if len(names) <= NAMED_AT_MOST + 1 else [*names[:NAMED_AT_MOST], f"{len(names) - NAMED_AT_MOST} more"])


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _unknown(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    was, now = ({atom for atom in atoms(body) if atom[0] == UNKNOWN} for body in (old, new))
    if was == now:
        return ()
    words = "Holds a policy" if now - was else "No longer holds a policy"
    return (Change(f"{words} of a kind that this portal does not know, so nothing can be promised.", "both"),)


def _restrictions(old: Restrictions, new: Restrictions) -> tuple[Change, ...]:
    if old.unknown or new.unknown:
        words = "Its condition or its times change in a way that this portal cannot read."
        return () if old.unknown == new.unknown else (Change(words, "both"),)
    return (*_addresses(old, new), *_start(old.not_before, new.not_before), *_end(old.expires_on, new.expires_on))


def _addresses(old: Restrictions, new: Restrictions) -> tuple[Change, ...]:
    wider = bool(networks.without(_reach(new), _reach(old)))
    narrower = bool(networks.without(_reach(old), _reach(new)))
    more: Direction = "wider" if wider else "same"
    fewer: Direction = "narrower" if narrower else "same"
    found = []
    added, removed = (some([*set(a) - set(b)]) if set(a) - set(b) else "" for a, b in _pairs(old.allow, new.allow))
    if old.allow and new.allow:
        found += [Change(f"Works from {added} too.", more)] if added else []
        found += [Change(f"No longer works from {removed}.", fewer)] if removed else []
    elif added:
        found.append(Change(f"Works from {added} only; before, from anywhere.", fewer))
    elif removed:
        found.append(Change(f"Works from anywhere; before, from {removed} only.", more))
    blocked, freed = (some([*set(a) - set(b)]) if set(a) - set(b) else "" for a, b in _pairs(old.block, new.block))
    found += [Change(f"Is blocked from {blocked}.", fewer)] if blocked else []
    found += [Change(f"Is no longer blocked from {freed}.", more)] if freed else []
    return tuple(found)


def _pairs(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    return (new, old), (old, new)


def _reach(restrictions: Restrictions) -> list[networks.Span]:
    """The addresses from which a token works."""
    allowed = restrictions.allow or ("0.0.0.0/0", "::/0")
    return networks.without(networks.spans(allowed), networks.spans(restrictions.block))


def _start(old: datetime | None, new: datetime | None) -> tuple[Change, ...]:
    if old == new:
        return ()
    if new is None:
        return (Change("Works at once; before, not until its start.", "wider"),)
    later = old is None or new > old
    return (Change(f"Does not work before {moments.in_words(new)}{_was(old)}.", "narrower" if later else "wider"),)


def _end(old: datetime | None, new: datetime | None) -> tuple[Change, ...]:
    if old == new:
        return ()
    later = new is None or (old is not None and new > old)
    words = f"Ends on {moments.in_words(new)}" if new else "Never ends"
    return (Change(f"{words}{_was(old, 'on ') if old else '; before, it never ended'}.", "wider" if later else "narrower"),)


def _was(old: datetime | None, word: str = "") -> str:
    return f"; before, {word}{moments.in_words(old)}" if old else ""


def _status(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    was, now = (body.get("status") == "disabled" for body in (old, new))
    if was == now:
        return ()
    return (Change("Is disabled.", "narrower") if now else Change("Is enabled.", "wider"),)


def _name(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    was, now = (body.get("name") or "" for body in (old, new))
    return () if was == now else (Change(f"Is called “{now}”; before, “{was}”.", "same"),)

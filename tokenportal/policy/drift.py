"""How what a token holds differs from what was agreed to: each difference as a sentence, whatever the order of policies."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from tokenportal.policy import listing, moments
from tokenportal.policy.body import UNKNOWN, atoms, restrictions_of
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.resources import Resource
from tokenportal.policy.surroundings import Surroundings

Direction = Literal["wider", "narrower", "other"]
LABELS: Final[Mapping[Direction, str]] = {"wider": "More", "narrower": "Less", "other": "Other"}
PLACES_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as agreed. `direction` says whether the token can do more for it, or less."""

    direction: Direction
    sentence: str

    @property
    def label(self) -> str:
        return LABELS[self.direction]


def differences(
    agreed: Mapping[str, Any], live: Mapping[str, Any], catalogue: Catalogue, surroundings: Surroundings
) -> tuple[Difference, ...]:
    """What the live body grants otherwise than the agreed one, the widening first; nothing where both grant the same."""
    before, after = atoms(agreed), atoms(live)
    found = [
        *_grants(after - before, catalogue, surroundings, came=True),
        *_grants(before - after, catalogue, surroundings, came=False),
        *_restrictions(agreed, live),
    ]
    return tuple(sorted(found, key=lambda one: (list(LABELS).index(one.direction), one.sentence)))


def in_words(found: Iterable[Difference]) -> str:
    """All differences as one text, for where there is a line and no list."""
    return " ".join(one.sentence for one in found)


def _grants(
    changed: Iterable[tuple[str, str, Any]], catalogue: Catalogue, surroundings: Surroundings, *, came: bool
) -> list[Difference]:
    by_group: dict[tuple[str, str], set[Resource]] = {}
    unread = False
    for effect, group, resource in changed:
        if effect == UNKNOWN:
            unread = True
        else:
            by_group.setdefault((effect, group), set()).add(resource)
    by_places: dict[tuple[str, frozenset[Resource]], list[str]] = {}
    for (effect, group), places in by_group.items():
        by_places.setdefault((effect, frozenset(places)), []).append(_permission(group, catalogue))
    found = [
        Difference(
            "wider" if came == (effect != "deny") else "narrower", _grant(effect, sorted(names), places, surroundings, came)
        )
        for (effect, places), names in by_places.items()
    ]
    if unread:
        words = "It holds a policy" if came else "It no longer holds a policy"
        found.append(Difference("wider" if came else "other", f"{words} of a kind that this portal does not know."))
    return found


def _permission(id: str, catalogue: Catalogue) -> str:
    group = listing.named(id, catalogue)
    return f"{group.label} {group.level_label}"


def _grant(effect: str, names: list[str], places: frozenset[Resource], surroundings: Surroundings, came: bool) -> str:
    what = _listed(names)
    where = _listed(sorted(listing.place(place, surroundings) for place in places))
    if effect == "deny":
        return f"{'Excluded now' if came else 'No longer excluded'}: {what} on {where}."
    return f"{'Added' if came else 'Taken away'}: {what} on {where}."


def _listed(items: list[str]) -> str:
    more = len(items) - PLACES_NAMED
    return f"{', '.join(items[:PLACES_NAMED])} and {more} more" if more > 0 else ", ".join(items)


def _restrictions(agreed: Mapping[str, Any], live: Mapping[str, Any]) -> list[Difference]:
    before, after = restrictions_of(agreed), restrictions_of(live)
    if before.unknown or after.unknown:
        same = before.unknown == after.unknown
        return [] if same else [Difference("wider", "It stands under a condition of a kind that this portal does not know.")]
    found = []
    if before.allow != after.allow:
        words = f"Works from {_ranges(after.allow)} instead of from {_ranges(before.allow)}."
        found.append(Difference("wider" if not after.allow else "narrower" if not before.allow else "other", words))
    if before.block != after.block:
        words = (
            f"Refused from {_listed(list(after.block)) or 'nowhere'} instead of from {_listed(list(before.block)) or 'nowhere'}."
        )
        gone, came = set(before.block) - set(after.block), set(after.block) - set(before.block)
        found.append(Difference("other" if gone and came else "wider" if gone else "narrower", words))
    if before.not_before != after.not_before:
        later = bool(after.not_before and (before.not_before is None or after.not_before > before.not_before))
        words = f"Starts {_start(after.not_before)} instead of {_start(before.not_before)}."
        found.append(Difference("narrower" if later else "wider", words))
    if before.expires_on != after.expires_on:
        earlier = bool(after.expires_on and (before.expires_on is None or after.expires_on < before.expires_on))
        words = f"Ends {_end(after.expires_on)} instead of {_end(before.expires_on)}."
        found.append(Difference("narrower" if earlier else "wider", words))
    return found


def _ranges(ranges: tuple[str, ...]) -> str:
    return _listed(list(ranges)) or "anywhere"


def _start(moment: datetime | None) -> str:
    return moments.in_words(moment) if moment else "at once"


def _end(moment: datetime | None) -> str:
    return moments.in_words(moment) if moment else "never"

"""A guardrail in words: what it is about, and what it asks for."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tokenportal import facts
from tokenportal.policy.catalogue import Catalogue, PermissionGroup
from tokenportal.policy.default_rules import A_YEAR, MORE_THAN_READING
from tokenportal.policy.guardrails import Effects, Match, Rule, approvals_in_words

SCOPES: Final[Mapping[str, str]] = {"zone": "zones", "account": "accounts", "user": "the user", "bucket": "R2 buckets"}
REACHING: Final[Mapping[str, str]] = {
    "one": "a zone or a bucket, or more",
    "several": "several zones or buckets, or more",
    "account": "a whole account or all its zones, or more",
    "all": "every account",
}
NAMED: Final = 6
"""So many permissions are named one by one; of more, the number is told."""


@dataclass(frozen=True, slots=True)
class Names:
    """What permission groups, connections and teams are called, by their ids."""

    group: Callable[[str], PermissionGroup | None] = Catalogue(()).known
    connections: Mapping[str, str] = field(default_factory=dict)
    teams: Mapping[str, str] = field(default_factory=dict)


def said(rule: Rule, names: Names) -> tuple[str, ...]:
    """What it is about, as one sentence, and one for each thing that it asks for."""
    return (about(rule.when, names), *asked(rule.then, names))


def about(when: Match, names: Names) -> str:
    parts = [*_held(when, names)]
    if when.breadth:
        parts.append(f"reaching {REACHING[when.breadth]}")
    if when.longer_than:
        parts.append(f"lasting more than {days(when.longer_than)} or without an end")
    if when.from_anywhere:
        parts.append("working from anywhere")
    if when.connections:
        parts.append(f"made through {_one_of(names.connections.get(id, 'a connection that is gone') for id in when.connections)}")
    if when.teams:
        parts.append(f"asked for by {_one_of(names.teams.get(id, 'a team that is gone') for id in when.teams)}")
    return f"About {'tokens ' if parts else 'every token'}{', '.join(parts)}."


def asked(then: Effects, names: Names) -> tuple[str, ...]:
    found = []
    if then.refuse:
        found.append(f"Nobody gets one: “{then.refuse}”")
    if then.approvals:
        found.append(approvals_in_words(then, names.teams))
    if then.reason:
        found.append("Whoever asks says why it is needed, or names the ticket.")
    if then.end_within:
        found.append(f"It must end within {days(then.end_within)}.")
    if then.addresses:
        found.append("It must work from certain addresses only.")
    if then.warn:
        found.append(f"A warning: “{then.warn}”")
    return tuple(found)


def days(number: int) -> str:
    return {1: "a day", 365: "a year", A_YEAR: "a year"}.get(number, f"{number} days")


def _held(when: Match, names: Names) -> Iterable[str]:
    if when.creates_tokens:
        yield "that can create tokens"
    if when.groups:
        if len(when.groups) > NAMED:
            yield f"with any of {len(when.groups)} permissions, or with one that includes such a one"
        else:
            known = (names.group(id) for id in when.groups)
            called = (f"{group.label}: {group.level_label}" if group else "a permission that is gone" for group in known)
            yield f"with {_one_of(called)}, or with what includes it"
    if when.levels or when.categories or when.scopes:
        categories = [facts.words().categories.get(category, category) for category in when.categories]
        where = f" in {_one_of(categories)}" if categories else ""
        scopes = f" for {_one_of(SCOPES.get(scope, scope) for scope in when.scopes)}" if when.scopes else ""
        yield f"with a permission{_level(when.levels)}{where}{scopes}"


def _level(levels: tuple[str, ...]) -> str:
    if set(levels) == set(MORE_THAN_READING):
        return " that does more than read"
    known = facts.words().levels
    return f" at level {_one_of(known[level].label if level in known else level for level in levels)}" if levels else ""


def _one_of(words: Iterable[str]) -> str:
    *rest, last = words
    return f"{', '.join(rest)} or {last}" if rest else last

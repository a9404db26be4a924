"""What the pages of guardrails draw: a rule in words, and the choices of its form."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from tokenportal.actions import rulemaking
from tokenportal.actions.guarding import Standing
from tokenportal.forms.guardrails import MANY, Choices, GuardrailForm
from tokenportal.policy import guardrail_words
from tokenportal.policy.guardrail_words import SCOPES, Names
from tokenportal.policy.guardrails import Match
from tokenportal.views import access

GONE = "No longer there"


@dataclass(frozen=True)
class Shown:
    """A rule as the list tells it."""

    standing: Standing
    about: str
    asks: tuple[str, ...]


@dataclass(frozen=True)
class Box:
    value: str
    words: str
    is_ticked: bool


@dataclass(frozen=True)
class Boxes:
    """Check boxes under one heading."""

    heading: str
    boxes: tuple[Box, ...]

    @property
    def ticked(self) -> int:
        return sum(box.is_ticked for box in self.boxes)


def shown(standing: Standing, names: Names) -> Shown:
    rule = standing.rule
    return Shown(standing, guardrail_words.about(rule.when, names), guardrail_words.asked(rule.then, names))


def choices(standing: Standing | None) -> dict[str, Choices]:
    """For each field of many: ids and words. What the rule names and is gone stays on the list, so that it can be let go."""
    every = sorted(rulemaking.every_group().values(), key=lambda group: (group.category_label, group.label))
    found: dict[str, Choices] = {
        "groups": [(group.id, f"{group.label}: {group.level_label}{_scope(group.scope)}") for group in every],
        "levels": sorted({(group.level, group.level_label) for group in every}, key=lambda pair: pair[1]),
        "categories": sorted({(group.category, group.category_label) for group in every}, key=lambda pair: pair[1]),
        "scopes": [(slug, text[0].upper() + text[1:]) for slug, text in SCOPES.items()],
        "connections": [(str(one.pk), one.name) for one in access.connections()],
        "teams": [(str(one.pk), one.name) for one in access.teams()],
    }
    when = standing.rule.when if standing else Match()
    for name in MANY:
        known = {id for id, _ in found[name]}
        found[name] += [(id, f"{GONE}: {id}") for id in getattr(when, name) if id not in known]
    return found


def _scope(scope: str) -> str:
    return f" ({SCOPES.get(scope, scope)})"


def boxes(form: GuardrailForm) -> dict[str, Any]:
    """The check boxes of each field of many; those of groups by category."""
    drawn: dict[str, Any] = {}
    for name in MANY:
        ticked = {str(value) for value in form[name].value() or ()}
        drawn[name] = tuple(Box(id, words, id in ticked) for id, words in form.fields[name].choices)  # type: ignore[attr-defined]
    of = {id: group.category_label for id, group in rulemaking.every_group().items()}
    by_category = groupby(drawn["groups"], key=lambda box: of.get(box.value, GONE))
    drawn["groups"] = tuple(Boxes(heading, tuple(rows)) for heading, rows in by_category)
    return drawn

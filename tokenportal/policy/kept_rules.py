"""A guardrail as it is kept. What cannot be read of it makes it stricter: a rule that asks for nothing would let everything pass."""

from dataclasses import replace
from typing import Any, Final, get_args

from tokenportal import facts
from tokenportal.policy.catalogue import Scope
from tokenportal.policy.guardrails import Effects, Match, Rule

REFUSAL: Final = (
    "What this rule asks for is kept in a form that cannot be read. Ask an admin to look at the rule and save it again."
)


def read(id: str, title: str, when: Any, then: Any, explanation: str = "") -> Rule:
    """The rule that `when` and `then` say, as `Rule.to_json` made them. What they leave out asks for nothing.

    A `when` that cannot be read is about every token, and a `then` that cannot be read, or asks for nothing, refuses. Total.
    """
    rule = Rule(id, title, Match.from_json(when), Effects.from_json(then), explanation)
    said = rule.to_json()
    if not _is_said(when, said["when"]) or not _can_match(rule.when):
        rule = replace(rule, when=Match())
    if not _is_said(then, said["then"]) or not rule.then.asks:
        rule = replace(rule, then=Effects(refuse=REFUSAL))
    return rule


def _is_said(kept: Any, said: dict[str, Any]) -> bool:
    """Whether reading has left nothing out and taken nothing for something else, such as `true` for 1."""
    return isinstance(kept, dict) and all(
        name in said and type(value) is type(said[name]) and value == said[name] for name, value in kept.items()
    )


def _can_match(when: Match) -> bool:
    """Whether permissions have all the levels and scopes it names. Groups, categories, connections and teams come and go."""
    return set(when.levels) <= set(facts.words().levels) and set(when.scopes) <= set(get_args(Scope))

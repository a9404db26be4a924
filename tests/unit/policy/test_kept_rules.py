"""Guardrails as rows hold them: read as they were kept, and stricter, never looser, where they cannot be read."""

from typing import Any

import pytest
from hypothesis import given

from tests.unit.policy.policy_world import CATALOGUE, json_values
from tests.unit.policy.test_guardrails import NOW, body
from tokenportal.policy import kept_rules
from tokenportal.policy.default_rules import DEFAULT_RULES
from tokenportal.policy.guardrails import ADMINS, Effects, Judged, Match, judge
from tokenportal.policy.kept_rules import REFUSAL

REFUSES = Effects(refuse=REFUSAL)
TWO = {"approvals": 2}


@pytest.mark.parametrize("rule", DEFAULT_RULES, ids=lambda rule: rule.id)
def test_what_was_kept_is_read_as_it_was(rule: Any) -> None:
    assert kept_rules.read(rule.id, rule.title, **rule.to_json(), explanation=rule.explanation) == rule


def test_what_is_left_out_asks_for_nothing() -> None:
    found = kept_rules.read("a", "A", {"levels": ["edit"]}, {"approvals": 1, "source": "admins"})
    assert (found.when, found.then) == (Match(levels=("edit",)), Effects(approvals=1, source=ADMINS))


@pytest.mark.parametrize(
    "then",
    [
        {}, None, [], "refuse", {"approvals": "2"}, {"approvals": 200_000}, {"approvals": True, "reason": True}, {"approvals": 1.0},
        {"refuse": True, "warn": "Careful."}, {"Refuse": "Never."}, {"approvals": 1, "of": "everybody"}, {"source": "admins"},
        {"reason": 1}, {"end_within": -1, "warn": "Careful."},
    ],
)  # fmt: skip
def test_a_rule_whose_effects_cannot_be_read_refuses(then: Any) -> None:
    found = kept_rules.read("a", "A", {"levels": ["edit"]}, then)
    assert (found.when, found.then) == (Match(levels=("edit",)), REFUSES)


@pytest.mark.parametrize(
    "when",
    [
        None, [], "all", {"breadth": "planet"}, {"levels": "edit"}, {"levels": ["edit", 1]}, {"longer_than": "90"},
        {"creates_tokens": "yes", "levels": ["edit"]}, {"levels": ["edit"], "accounts": ["a"]}, {"from_anywhere": 1},
        {"levels": ["Edit"]}, {"levels": ["edit", "wirte"]}, {"scopes": ["zones"]}, {"scopes": ["zone", ""]},
    ],
)  # fmt: skip
def test_a_rule_about_nobody_knows_what_is_about_everything(when: Any) -> None:
    found = kept_rules.read("a", "A", when, TWO)
    assert (found.when, found.then) == (Match(), Effects(approvals=2))


@given(when=json_values, then=json_values)
def test_whatever_a_row_holds_it_is_a_rule_that_asks_for_something(when: Any, then: Any) -> None:
    found = kept_rules.read("a", "A", when, then)
    assert found.then.asks
    if found.when == Match():
        judgement = judge(body("0" * 32), (found,), CATALOGUE, Judged(NOW))
        assert judgement.rulings
        assert bool(judgement.demands) == bool(found.then.approvals)

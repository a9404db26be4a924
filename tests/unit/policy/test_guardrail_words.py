"""A guardrail in words: every part of it is said, and what is gone is called gone."""

from typing import Any

import pytest

from tests.unit.policy.policy_world import CACHE_PURGE, CATALOGUE, DNS_EDIT, DNS_READ
from tokenportal.policy.default_rules import MORE_THAN_READING
from tokenportal.policy.guardrail_words import Names, about, asked, days, said
from tokenportal.policy.guardrails import ADMINS, Effects, Match, Rule

NAMES = Names(CATALOGUE.known, {"c1": "Acme production", "c2": "Acme staging"}, {"t1": "Web", "t2": "Platform"})


@pytest.mark.parametrize(
    ("when", "sentence"),
    [
        ({}, "About every token."),
        ({"creates_tokens": True}, "About tokens that can create tokens."),
        ({"groups": (DNS_EDIT,)}, "About tokens with DNS: Edit, or with what includes it."),
        (
            {"groups": (DNS_READ, CACHE_PURGE, "f" * 32)},
            "About tokens with DNS: Read, Cache Purge: Purge or a permission that is gone, or with what includes it.",
        ),
        (
            {"groups": tuple(group.id for group in CATALOGUE)[:7]},
            "About tokens with any of 7 permissions, or with one that includes such a one.",
        ),
        ({"levels": MORE_THAN_READING}, "About tokens with a permission that does more than read."),
        ({"levels": ("edit", "purge", "mystery")}, "About tokens with a permission at level Edit, Purge or mystery."),
        (
            {"categories": ("account_and_billing", "mystery"), "scopes": ("zone", "planet")},
            "About tokens with a permission in Account and billing or mystery for zones or planet.",
        ),
        ({"breadth": "account"}, "About tokens reaching a whole account or all its zones, or more."),
        ({"longer_than": 1}, "About tokens lasting more than a day or without an end."),
        ({"from_anywhere": True}, "About tokens working from anywhere."),
        (
            {"connections": ("c2", "c3"), "teams": ("t1", "t2", "t3")},
            "About tokens made through Acme staging or a connection that is gone, asked for by Web, Platform or a team that is gone.",
        ),
        (
            {"creates_tokens": True, "breadth": "all", "longer_than": 40, "teams": ("t1",)},
            "About tokens that can create tokens, reaching every account, lasting more than 40 days or without an end, asked for by Web.",
        ),
    ],
)
def test_what_a_rule_is_about_is_one_sentence(when: dict[str, Any], sentence: str) -> None:
    assert about(Match(**when), NAMES) == sentence


@pytest.mark.parametrize(
    ("then", "sentences"),
    [
        ({}, ()),
        ({"refuse": "Use a service."}, ("Nobody gets one: “Use a service.”",)),
        ({"approvals": 1}, ("One person among the team’s approvers and the admins must approve it.",)),
        ({"approvals": 3, "source": ADMINS}, ("3 people among the admins must approve it.",)),
        ({"approvals": 2, "source": "t1"}, ("2 people among the approvers of Web and the admins must approve it.",)),
        (
            {"approvals": 2, "source": "t9"},
            ("2 people among the approvers of a team that is gone, so only admins count, must approve it.",),
        ),
        (
            {"reason": True, "end_within": 366, "addresses": True, "warn": "Mind it."},
            (
                "Whoever asks says why it is needed, or names the ticket.", "It must end within a year.",
                "It must work from certain addresses only.", "A warning: “Mind it.”",
            ),
        ),
    ],
)  # fmt: skip
def test_what_a_rule_asks_is_a_sentence_each(then: dict[str, Any], sentences: tuple[str, ...]) -> None:
    assert asked(Effects(**then), NAMES) == sentences


def test_a_whole_rule_is_what_it_is_about_and_then_what_it_asks() -> None:
    rule = Rule("a-rule", "A rule", Match(from_anywhere=True), Effects(end_within=7))
    assert said(rule, Names()) == ("About tokens working from anywhere.", "It must end within 7 days.")


def test_a_number_of_days_is_called_what_people_call_it() -> None:
    assert [days(number) for number in (1, 2, 365, 366, 730)] == ["a day", "2 days", "a year", "a year", "730 days"]

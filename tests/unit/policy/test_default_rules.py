"""The guardrails that a new installation has: what they let through, what takes two people, and docs that say so."""

from pathlib import Path

import pytest

from tokenportal.management.commands import guardrails as command
from tokenportal.policy import guardrail_table, templates
from tokenportal.policy.default_rules import DEFAULT_RULES
from tokenportal.policy.guardrails import ADMINS, TEAM, Rule
from tokenportal.policy.spec import ClientIPs, Validity
from tokenportal.policy.surroundings import OwnerKind
from tokenportal.policy.templates import TEMPLATES, Template

DNS, MINTER = (templates.get(slug) for slug in ("edit-zone-dns", "create-additional-tokens"))
OFFICE = ClientIPs(allow=("203.0.113.0/24",))
A_WARNING, AN_APPROVAL = {"account-wide": ("warn",)}, ("reason", "approvals")

ASKED: dict[str, dict[OwnerKind, dict[str, tuple[str, ...]]]] = {
    "edit-zone-dns": {"account": {}, "user": {}},
    "read-billing-info": {"account": {}, "user": {}},
    "read-analytics-and-logs": {"account": {}, "user": {}},
    "edit-cloudflare-workers": {"account": A_WARNING, "user": A_WARNING},
    "edit-load-balancing-configuration": {"account": A_WARNING, "user": A_WARNING},
    "wordpress": {"account": {"all-zones": AN_APPROVAL}, "user": {"everything": AN_APPROVAL, "all-zones": AN_APPROVAL}},
    "create-additional-tokens": {
        "account": {},
        "user": {
            "creates-tokens": AN_APPROVAL, "creates-tokens-admin": ("addresses", "approvals"), "people-and-money": AN_APPROVAL,
            **A_WARNING,
        },
    },
    "read-all-resources": {"account": {}, "user": {}},
    "read-and-write-to-cloudflare-stream-and-images": {"account": A_WARNING, "user": A_WARNING},
    "read-cloudflare-radar-data": {"account": {}, "user": {}},
    "workers-ai": {"account": A_WARNING, "user": A_WARNING},
}  # fmt: skip
"""Written by hand: what each template is still asked for, by rule."""


def by_id(asked: tuple[tuple[Rule, tuple[str, ...]], ...]) -> dict[str, tuple[str, ...]]:
    return {rule.id: effects for rule, effects in asked}


def test_the_eleven_templates_are_asked_for_what_the_table_by_hand_says() -> None:
    found: dict[str, dict[OwnerKind, dict[str, tuple[str, ...]]]] = {}
    for row in guardrail_table.rows():
        for kind in row.kinds:
            found.setdefault(row.template.slug, {})[kind] = by_id(row.asked)
    assert found == ASKED
    assert [*found] == [template.slug for template in TEMPLATES]


def test_an_account_owned_token_can_hold_nothing_of_the_template_that_creates_tokens() -> None:
    row = next(row for row in guardrail_table.rows() if row.template == MINTER and row.kinds == ("account",))
    assert (row.reach, row.asked) == ("", ())


@pytest.mark.parametrize("kind", ["account", "user"])
@pytest.mark.parametrize("days", [1, 30, 90])
def test_edit_zone_dns_for_one_zone_with_an_end_within_90_days_asks_for_nothing(kind: OwnerKind, days: int) -> None:
    assert DNS
    found = guardrail_table.judged(guardrail_table.body_of(DNS, kind, validity=Validity(days=days)))
    assert (found.unmet, found.demands, found.warnings) == ((), (), ())


@pytest.mark.parametrize("validity", [Validity(lifetime="never"), Validity(days=367)])
def test_edit_zone_dns_without_an_end_within_a_year_does_not_pass(validity: Validity) -> None:
    assert DNS
    found = guardrail_table.judged(guardrail_table.body_of(DNS, "account", validity=validity))
    assert [(ruling.rule.id, ruling.effect) for ruling in found.unmet] == [("ends", "end")]


def test_creating_additional_tokens_takes_two_people_one_of_them_an_admin() -> None:
    assert MINTER
    found = guardrail_table.judged(guardrail_table.body_of(MINTER, "user", client_ips=OFFICE))
    demands = {demand.rule.id: (demand.count, demand.source) for demand in found.demands}
    assert demands == {"creates-tokens": (2, TEAM), "creates-tokens-admin": (1, ADMINS), "people-and-money": (1, TEAM)}
    assert {ruling.effect for ruling in found.unmet} == {"reason"}


def everything(template: Template) -> list[str]:
    return [ruling.rule.id for ruling in guardrail_table.judged(guardrail_table.body_of(template, "user")).rulings]


def test_every_default_rule_has_something_to_say_of_some_template() -> None:
    assert {id for template in TEMPLATES for id in everything(template)} == {rule.id for rule in DEFAULT_RULES}


def test_the_page_about_guardrails_is_fresh() -> None:
    assert (Path(__file__).parents[3] / "docs" / "guardrails.md").read_text("utf-8") == command.document()

"""`manage.py seed` takes guardrails: made, changed and switched as described, once, and refused where nobody knows what is meant."""

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests import arrange
from tests.integration.test_guardrail_pages import meanwhile
from tokenportal.actions import guarding, rulemaking, seeding
from tokenportal.actions.seeding import BadSeed
from tokenportal.models import AuditEvent, Guardrail
from tokenportal.policy.default_rules import DEFAULT_RULES, MORE_THAN_READING
from tokenportal.policy.guardrails import ADMINS, Effects, Match

pytestmark = pytest.mark.django_db

OWN = {
    "title": "Web’s settings", "explanation": "They run it.", "when": {"levels": ["edit"], "teams": ["Web"]},
    "then": {"approvals": 1, "source": "admins", "reason": True},
}  # fmt: skip


def seed(*rules: dict[str, Any]) -> dict[str, str]:
    return seeding.seed({"guardrails": [*rules]})["guardrails"]


def actions() -> list[str]:
    return list(AuditEvent.objects.filter(action__startswith="guardrail.").order_by("number").values_list("action", flat=True))


def test_a_rule_is_made_with_names_for_ids_and_its_id_is_printed(portal: None, tmp_path: Any) -> None:
    web, through = arrange.team("Web"), arrange.connection()
    theirs = {"title": "Theirs", "when": {"connections": [through.name]}, "then": {"approvals": 2, "source": "Web"}, "on": False}
    file, out, err = tmp_path / "seed.json", io.StringIO(), io.StringIO()
    file.write_text(json.dumps({"guardrails": [OWN, theirs, {"slug": "ends"}]}))
    call_command("seed", str(file), stdout=out, stderr=err)
    made, off = Guardrail.objects.get(title="Web’s settings"), Guardrail.objects.get(title="Theirs")
    assert json.loads(out.getvalue())["guardrails"] == {"Web’s settings": str(made.pk), "Theirs": str(off.pk), "ends": "ends"}
    assert err.getvalue() == ""
    assert (made.rule.when, made.rule.then, made.explanation, made.is_on, made.changed_by) == (
        Match(levels=("edit",), teams=(str(web.pk),)), Effects(approvals=1, source=ADMINS, reason=True), "They run it.", True, None,
    )  # fmt: skip
    assert (off.rule.when, off.rule.then, off.is_on) == (
        Match(connections=(str(through.pk),)), Effects(approvals=2, source=str(web.pk)), False,
    )  # fmt: skip
    assert AuditEvent.objects.latest("number").details["guardrails"] == 3


def test_a_default_is_changed_switched_and_left_alone(portal: None) -> None:
    found = seed({"slug": "ends", "then": {"end_within": 180}}, {"slug": "account-wide", "on": False}, {"slug": "everything"})
    assert found == {"ends": "ends", "account-wide": "account-wide", "everything": "everything"}
    assert {row.slug: (row.title, row.is_on) for row in Guardrail.objects.all()} == {
        "ends": ("What can change things ends within a year", True),
        "account-wide": ("More than reading on a whole account", False),
    }
    ends = rulemaking.find("ends")
    assert ends
    assert (ends.rule.when.levels, ends.rule.then) == (MORE_THAN_READING, Effects(end_within=180))
    assert [rule.id for rule in guarding.active()] == [rule.id for rule in DEFAULT_RULES if rule.id != "account-wide"]


def test_doing_it_twice_changes_nothing_more(portal: None) -> None:
    described = [OWN, {"slug": "ends", "then": {"end_within": 180}, "on": False}, {"slug": "all-zones"}]
    first, rows = seed(*described), list(Guardrail.objects.values())
    assert actions() == ["guardrail.set", "guardrail.set", "guardrail.switched"]
    assert (seed(*described), list(Guardrail.objects.values())) == (first, rows)
    assert len(actions()) == 3


def test_what_an_admin_changed_since_becomes_what_is_described_again(portal: None) -> None:
    seed(OWN, {"slug": "ends"})
    admin, own = arrange.person("admin"), rulemaking.find(str(Guardrail.objects.get().pk))
    ends = rulemaking.find("ends")
    assert own
    assert ends
    rulemaking.switch(own, by=admin, on=False, revision=1)
    rulemaking.switch(ends, by=admin, on=False, revision=0)
    seed({**OWN, "then": {"reason": True}}, {"slug": "ends"})
    assert {row.slug: (row.is_on, row.rule.then, row.revision) for row in Guardrail.objects.all()} == {
        None: (True, Effects(reason=True), 4), "ends": (True, guarding.DEFAULTS["ends"].then, 2),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("described", "sentence"),
    [
        ({**OWN, "than": {}}, "The guardrail 'Web’s settings': Nobody knows what than is."),
        ({**OWN, "on": "no"}, "The guardrail 'Web’s settings': Say true or false for on."),
        ({**OWN, "when": {"level": ["edit"]}}, "Nobody knows what level is as ['edit']."),
        ({**OWN, "when": {"level": None}}, "Nobody knows what level is as None."),
        ({**OWN, "when": {"levels": "edit"}}, "Nobody knows what levels is as 'edit'."),
        ({**OWN, "when": {"breadth": "wide"}}, "Nobody knows what breadth is as 'wide'."),
        ({**OWN, "when": {"creates_tokens": 1}}, "Nobody knows what creates_tokens is as 1."),
        ({**OWN, "then": {"approvals": True}}, "Nobody knows what approvals is as True."),
        ({**OWN, "then": {"approvals": -1}}, "Nobody knows what approvals is as -1."),
        ({**OWN, "then": {"approvals": 10}}, "Enter a number from 1 to 9, or leave it empty."),
        ({**OWN, "then": {}}, "Choose at least one thing that the rule asks for."),
        ({**OWN, "when": {"teams": ["Nobody"]}}, "This names a team that does not exist."),
        ({**OWN, "then": {"approvals": 1, "source": "Nobody"}}, "This names a team that does not exist."),
        ({**OWN, "title": "More than reading, everywhere"}, "There is a rule with this title already."),
        ({**OWN, "title": ""}, "The guardrail '': Enter a title."),
        ({"slug": "end"}, "The guardrail 'end': A slug is that of a default (creates-tokens, creates-tokens-admin, everything,"),
        ({"then": {"reason": True}}, "The description is not of the expected form: 'title'."),
        ({**OWN, "when": ["edit"]}, "The description is not of the expected form"),
        ({**OWN, "title": 5}, "The description is not of the expected form"),
        ("ends", "The description is not of the expected form"),
    ],
)  # fmt: skip
def test_what_nobody_knows_is_refused_with_its_place(portal: None, tmp_path: Any, described: Any, sentence: str) -> None:
    file = tmp_path / "seed.json"
    file.write_text(json.dumps({"guardrails": [described]}))
    with pytest.raises(CommandError) as raised:
        call_command("seed", str(file), stdout=io.StringIO())
    assert sentence in str(raised.value)
    assert not Guardrail.objects.exists()


def test_who_was_second_does_it_again(portal: None) -> None:
    with meanwhile(lambda: arrange.without_rule("ends")), pytest.raises(BadSeed, match="'ends' was changed by somebody just now"):
        seed({"slug": "ends", "on": False})

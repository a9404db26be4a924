"""What the rules of this installation say on the pages: whose approval they ask for, and what comes next where they are not met."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tests.integration.review_world import answer, at, fresh, page, wide
from tests.integration.test_approvals import other_rule
from tokenportal import rules
from tokenportal.actions import guarding, issuing, reviewing, rulemaking
from tokenportal.forms.guardrails import filled
from tokenportal.models import AuditEvent, Guardrail, TokenRequest
from tokenportal.policy.spec import Validity

pytestmark = pytest.mark.django_db
ELSEWHERE = "Web"
WANTED = "One person among the approvers of Web and the admins must approve it."


def asks_elsewhere(title: str = "They look too") -> Guardrail:
    return other_rule(title, when={}, then={"approvals": 1, "source": str(arrange.team(ELSEWHERE).pk)})


def approved_though_no_rule_asks() -> TokenRequest:
    asked = arrange.checked(arrange.draft())
    reviewing.send(asked, by=asked.requester, **arrange.confirming(asked))
    answer(asked, "approve", "approver")
    return fresh(asked)


def refusal(token_request: TokenRequest) -> str:
    with pytest.raises(rules.NotAllowed) as refused:
        issuing.issue(token_request, by=token_request.requester, **arrange.confirming(token_request))
    return str(refused.value)


def test_a_rule_that_asks_another_team_names_it_and_the_admins(portal: None) -> None:
    asks_elsewhere()
    asked = arrange.checked(arrange.draft())
    assert refusal(asked) == f"It has to be approved first. {WANTED} (They look too)"
    assert WANTED in page(arrange.signed_in("requester"), at(asked, ""))


def test_more_rules_that_ask_a_team_cost_the_summary_no_query(portal: None) -> None:
    asked, web = arrange.checked(wide()), arrange.signed_in("requester")

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            page(web, at(asked, "summary/"))
        return len(found)

    asks_elsewhere()
    queries()
    with_one = queries()
    for number in range(5):
        asks_elsewhere(f"Rule {number}")
    assert queries() == with_one


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ({"reason": True}, "Say why it is needed, or name the ticket. (A new rule) Take it back and send it for review again."),
        ({"end_within": 1}, "It must end within 1 day. (A new rule) Take it back and send it for review again."),
        ({"refuse": "Nobody gets one."}, "Nobody gets one. (A new rule)"),
    ],
)
def test_what_a_new_rule_lacks_of_what_was_approved_says_what_to_do(portal: None, then: dict[str, Any], said: str) -> None:
    approved = approved_though_no_rule_asks()
    other_rule("A new rule", when={}, then=then)
    assert refusal(approved) == said
    assert said in page(arrange.signed_in("requester"), at(approved, "summary/"))


HERE = "/settings/guardrails/ends/"


def of_its_form(**changes: Any) -> dict[str, Any]:
    """The rule about ends as its own form would post it, with these changes."""
    standing = rulemaking.find("ends")
    assert standing is not None
    beginning = {
        name: value
        for name, value in filled(standing.rule, standing.revision).items()
        if value is not None and value is not False
    }
    return {**beginning, "save": "yes", **changes}


def told(web: Client, sent: dict[str, Any]) -> list[str]:
    return [str(message) for message in web.post(HERE, sent, follow=True).context["messages"]]


def test_a_rule_that_is_saved_as_it_is_stays_as_it_ships(portal: None) -> None:
    office, title = arrange.signed_in("admin"), guarding.DEFAULTS["ends"].title
    assert told(office, of_its_form(levels=of_its_form()["levels"][::-1])) == [f"“{title}” is as it was."]
    assert (Guardrail.objects.count(), AuditEvent.objects.filter(action="guardrail.set").count()) == (0, 0)
    assert told(office, of_its_form(end_within="30"))[0].startswith(f"“{title}” is saved. It counts from now on")
    assert told(office, of_its_form()) == [f"“{title}” is as it was."]
    assert (Guardrail.objects.get().revision, AuditEvent.objects.filter(action="guardrail.set").count()) == (1, 1)


def test_a_rule_that_is_switched_off_is_not_said_to_count_when_it_is_saved(portal: None) -> None:
    arrange.without_rule("ends")
    sent = of_its_form(title="Ends", end_within="30")
    assert told(arrange.signed_in("admin"), sent) == ["“Ends” is saved. It counts once it is switched on."]
    assert not Guardrail.objects.get().is_on


def test_one_day_is_never_told_as_days(portal: None) -> None:
    other_rule("A day", when={}, then={"end_within": 1})
    begun = arrange.draft(validity=Validity(lifetime="days", days=1))
    told = page(arrange.signed_in("requester"), at(begun, ""))
    assert (told.count(">1 day</label>"), told.count("1 days")) == (1, 0)
    longer = page(arrange.signed_in("requester"), at(arrange.draft(), ""))
    assert (longer.count("End it in 1 day<"), longer.count("1 days")) == (2, 0)  # beside the field, and among the findings

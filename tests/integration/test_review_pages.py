"""The review of a request through its pages: sent from the summary, answered, taken back; whom it refuses, and what it keeps."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tests.integration.review_world import (
    OFFICE,
    WHY,
    answer,
    at,
    edit,
    events,
    fresh,
    minter,
    newcomer,
    page,
    text,
    texts,
    typed,
    wide,
)
from tokenportal import rules
from tokenportal.actions import alarms, carrying_out, people, reviewing
from tokenportal.models import Answer, AuditEvent, Notice, Review, Status, TokenRequest
from tokenportal.policy.problems import PURPOSE_MAX
from tokenportal.policy.spec import Validity
from tokenportal.views import access_reviews

pytestmark = pytest.mark.django_db

VERBS = ("approve", "changes", "deny")
NO_STANDING = "Only approvers of the team Platform, or whom the rules name, can answer this."
CREDENTIAL = "cfat_" + "x" * 40
POSTS = ("send/", *(f"review/{verb}/" for verb in (*VERBS, "withdraw", "ask")))
IN_PLACE = {"HX-Request": "true", "HX-Target": "main"}


@pytest.fixture
def ready(portal: None) -> TokenRequest:
    """Checked, and not sent yet."""
    return arrange.checked(wide())


@pytest.fixture
def waiting(portal: None) -> TokenRequest:
    return arrange.sent(wide(), WHY)


def confirming(token_request: TokenRequest, **more: Any) -> dict[str, Any]:
    return {**arrange.confirming(fresh(token_request)), **more}


def answering(token_request: TokenRequest, **more: Any) -> dict[str, Any]:
    return {**arrange.answering(fresh(token_request)), **more}


def shown_state(markup: str, token_request: TokenRequest) -> bool:
    return f'data-state="{fresh(token_request).status}" data-version="{token_request.version}"' in markup


def test_the_summary_says_which_rule_asks_for_whose_approval_and_sends(ready: TokenRequest) -> None:
    web = arrange.signed_in("requester")
    summary = page(web, at(ready, "summary/"))
    [demand] = texts(summary, "demands")
    assert demand.startswith("1 approval from the approvers of Platform and the admins. The rule “More than reading on all zones")
    assert (texts(summary, "create"), texts(summary, "send")) == ([], ["Send for review"])
    assert re.findall(r'name="asked" value="[^"]*"><span>(\w+)', summary) == ["admin", "approver", "teammate"]
    sent = web.post(at(ready, "send/"), confirming(ready, reason=WHY, asked=[str(arrange.person("approver").pk)]))
    assert (sent.status_code, sent["Location"]) == (302, at(ready))
    here = fresh(ready)
    assert (here.status, here.reason, [one.username for one in here.reviews.get().asked.all()]) == (
        "in_review",
        WHY,
        ["approver"],
    )
    markup = page(web, at(ready))
    assert "It is in review. You are told as soon as somebody answers." in markup
    assert (text(markup, "reason"), text(markup, "asked"), shown_state(markup, ready)) == (WHY, "Asked by name: approver.", True)
    assert events(ready) == [("review.sent", "done")]


@pytest.mark.parametrize("reason", ["", " \n", "\x00why", "x" * (PURPOSE_MAX + 1), CREDENTIAL])
def test_a_reason_that_cannot_be_taken_is_asked_for_again_and_kept(ready: TokenRequest, reason: str) -> None:
    chosen = str(arrange.person("admin").pk)
    again = arrange.signed_in("requester").post(at(ready, "send/"), confirming(ready, reason=reason, asked=chosen))
    markup = again.content.decode()
    assert (again.status_code, typed(markup, "reason"), fresh(ready).status) == (422, reason, Status.DRAFT)
    assert f'value="{chosen}" checked' in markup
    assert "<title>Error: " in markup
    assert 'aria-describedby="reason-hint reason-error"' in markup
    assert events(ready) == []


@pytest.mark.parametrize("fields", [{"digest": ""}, {"digest": "0" * 64}, {"version": ""}, {"version": "9"}, {"digest": "\x00"}])
def test_what_was_not_on_the_screen_is_not_sent_and_the_reason_is_shown_again(
    ready: TokenRequest, fields: dict[str, str]
) -> None:
    refused = arrange.signed_in("requester").post(at(ready, "send/"), confirming(ready, reason=WHY, **fields))
    markup = refused.content.decode()
    assert (refused.status_code, fresh(ready).status, Review.objects.count()) == (409, Status.DRAFT, 0)
    assert "Check it again" in markup
    assert WHY in text(markup, "typed")
    assert events(ready) == [("review.sent", "refused")]


def test_nobody_but_its_requester_sends_or_creates_it(ready: TokenRequest) -> None:
    newcomer("outsider")
    assert arrange.signed_in("outsider").post(at(ready, "send/"), confirming(ready)).status_code == 404
    sharing = page(arrange.signed_in("requester"), at(ready, "summary/"))
    assert 'data-testid="send"' in sharing
    sent = arrange.sent(ready)
    again = arrange.signed_in("requester").post(at(sent, "send/"), confirming(sent, reason=WHY))
    assert (again.status_code, text(again.content.decode(), "refusal")) == (403, "Only a draft can be sent for review.")
    other = arrange.signed_in("approver").post(at(sent, "send/"), confirming(sent, reason=WHY))
    assert (other.status_code, text(other.content.decode(), "refusal")) == (
        403, "Only the person who asked for this can send it for review.",
    )  # fmt: skip
    assert WHY in text(other.content.decode(), "typed")


def test_where_no_rule_asks_one_may_still_ask_somebody_to_look_first(portal: None) -> None:
    small = arrange.checked(arrange.draft())
    web = arrange.signed_in("requester")
    summary = page(web, at(small, "summary/"))
    assert (texts(summary, "create"), texts(summary, "send"), texts(summary, "demands")) == (
        ["Create token"],
        ["Send for review"],
        [],
    )
    web.post(at(small, "send/"), confirming(small))
    [told] = texts(page(web, at(small)), "progress")
    assert told == (
        "0 of 1 approval from the approvers of Platform and the admins. No rule asks for it; requester would like somebody to look."
    )


def test_who_is_asked_by_name_is_of_the_team_or_could_approve_it(ready: TokenRequest) -> None:
    outsider = newcomer("outsider")
    web = arrange.signed_in("requester")
    odd = ["", "\x00", "no-id", str(outsider.pk), str(ready.pk)]
    web.post(at(ready, "send/"), confirming(ready, reason=WHY, asked=odd))
    assert list(ready.reviews.get().asked.all()) == []
    refused = web.post(at(ready, "review/ask/"), {"person": str(outsider.pk)})
    markup = refused.content.decode()
    assert (refused.status_code, texts(markup, "errors")) == (422, ["There is a problem Choose whom to ask."])
    asked = web.post(at(ready, "review/ask/"), {"person": str(arrange.person("teammate").pk)})
    assert (asked.status_code, asked["Location"]) == (302, at(ready))
    markup = page(web, at(ready))
    assert "teammate is told that you ask." in markup
    assert text(markup, "asked") == "Asked by name: teammate."
    twice = web.post(at(ready, "review/ask/"), {"person": str(arrange.person("teammate").pk)})
    assert (twice.status_code, "teammate has been asked already" in twice.content.decode()) == (422, True)
    assert page(arrange.signed_in("outsider"), at(ready), 404)


def test_it_is_approved_and_its_requester_creates_what_was_approved(waiting: TokenRequest) -> None:
    web, mine = arrange.signed_in("approver"), arrange.signed_in("requester")
    markup = page(web, at(waiting))
    assert (text(markup, "your-turn"), text(markup, "approve")) == ("Your turn", "Approve version 1")
    assert texts(markup, "found") == [
        "It works from anywhere. Whoever finds its secret can use it. Where it runs at fixed addresses, name them."
    ]
    done = web.post(at(waiting, "review/approve/"), answering(waiting, comment="Fine."))
    assert (done.status_code, done["Location"]) == (302, at(waiting))
    markup = page(web, at(waiting))
    assert "You approved version 1." in markup
    assert text(markup, "answers").startswith("approver Approved version 1, ")
    assert text(markup, "answers").endswith(" Fine.")
    own = page(mine, at(waiting))
    assert (shown_state(own, waiting), texts(own, "go-on")) == (True, ["Check and create the token"])
    assert text(own, "your-turn") == "Your turn"
    summary = page(mine, at(waiting, "summary/"))
    assert text(summary, "approved-by").startswith("Approved by approver, ")
    assert "The approval lapses in" in text(summary, "approved-by")
    assert texts(summary, "create") == ["Create token"]
    created = mine.post(at(waiting, "create/"), confirming(waiting))
    assert (created.status_code, fresh(waiting).status) == (200, Status.ISSUED)
    assert "secret" in created.content.decode()
    over = page(web, at(waiting))
    assert "Its review is over." in over
    assert 'data-testid="decision"' not in over


def test_two_approvals_are_counted_and_the_summary_lets_nobody_create_before(portal: None) -> None:
    hard = arrange.sent(minter(), WHY)
    web = arrange.signed_in("approver")
    web.post(at(hard, "review/approve/"), answering(hard))
    markup = page(web, at(hard))
    assert "You approved version 1. It needs further approvals." in markup
    counted = re.findall(r'data-met="(yes|no)">.*?<strong>(.*?)</strong> from (.*?)\. ', markup, re.DOTALL)
    assert counted == [
        ("yes", "1 of 1 approval", "the approvers of Platform and the admins"),
        ("no", "1 of 2 approvals", "the approvers of Platform and the admins"),
        ("no", "0 of 1 approval", "the admins"),
    ]
    assert texts(markup, "why-not") == ["You have approved it already."]
    refused = web.post(at(hard, "review/approve/"), answering(hard))
    assert (refused.status_code, text(refused.content.decode(), "refusal")) == (403, "You have approved it already.")
    assert arrange.signed_in("requester").get(at(hard, "summary/"))["Location"] == f"/requests/{hard.pk}/"
    early = arrange.signed_in("requester").post(at(hard, "create/"), confirming(hard))
    assert (early.status_code, fresh(hard).status) == (403, Status.IN_REVIEW)
    answer(hard, "approve", "admin")
    assert fresh(hard).status == Status.APPROVED


def test_changes_are_asked_for_and_stand_where_the_requester_goes_on(waiting: TokenRequest) -> None:
    web, mine = arrange.signed_in("approver"), arrange.signed_in("requester")
    done = web.post(at(waiting, "review/changes/"), answering(waiting, comment="Name <the> zones."))
    assert (done.status_code, done["Location"], fresh(waiting).status) == (302, "/review/", Status.DRAFT)
    assert "You asked for changes. It is a draft again, and requester is told." in page(web, "/review/")
    assert page(web, at(waiting), 404)
    builder = page(mine, at(waiting, ""))
    assert texts(builder, "returned")[0].startswith("approver asks for changes to version 1,")
    assert "Name &lt;the&gt; zones." in builder
    assert mine.get(at(waiting))["Location"] == at(waiting, "")


def test_after_an_edit_the_page_shows_what_changed_since_it_was_reviewed(waiting: TokenRequest) -> None:
    answer(waiting, "request_changes", "approver", "Restrict it.")
    again = fresh(waiting)
    again = edit(again, client_ips=OFFICE)
    sent = arrange.sent(again, WHY)
    markup = page(arrange.signed_in("approver"), at(sent))
    assert 'data-testid="against-version" data-verdict="narrower"' in markup
    assert "Compared with version 1, reviewed before" in markup
    assert "1 earlier round" in markup
    assert "Restrict it." in texts(markup, "answers")[0]
    assert text(markup, "approve") == f"Approve version {sent.version}"


def test_it_is_denied_with_a_reason_and_a_draft_like_it_begun(waiting: TokenRequest) -> None:
    web, mine = arrange.signed_in("approver"), arrange.signed_in("requester")
    done = web.post(at(waiting, "review/deny/"), answering(waiting, comment="Shops are off limits."))
    assert (done.status_code, done["Location"], fresh(waiting).status) == (302, "/review/", Status.REJECTED)
    markup = page(mine, at(waiting))
    assert text(markup, "ended").startswith("It was denied Shops are off limits. approver, ")
    assert texts(markup, "like-it") == ["Make a draft like it"]
    assert mine.get(at(waiting, ""))["Location"] == at(waiting)
    assert "Nothing more happens with it." in page(web, at(waiting))


@pytest.mark.parametrize(("verb", "says"), [("changes", "Say what should change."), ("deny", "Say why, so that the next")])
@pytest.mark.parametrize("comment", ["", "  ", "\x00", "y" * (PURPOSE_MAX + 1)])
def test_a_comment_that_cannot_be_taken_is_kept_and_nothing_is_answered(
    waiting: TokenRequest, verb: str, says: str, comment: str
) -> None:  # fmt: skip
    refused = arrange.signed_in("approver").post(at(waiting, f"review/{verb}/"), answering(waiting, comment=comment))
    markup = refused.content.decode()
    assert (refused.status_code, typed(markup, "comment"), fresh(waiting).status) == (422, comment, Status.IN_REVIEW)
    assert (says in text(markup, "errors")) is not bool(comment.strip())
    assert 'href="#comment"' in markup
    assert "<title>Error: " in markup
    assert (Answer.objects.count(), events(waiting)) == (0, [("review.sent", "done")])


@pytest.mark.parametrize("comment", ["\x00", "y" * (PURPOSE_MAX + 1), CREDENTIAL])
def test_an_approval_takes_no_comment_that_cannot_be_kept(waiting: TokenRequest, comment: str) -> None:
    refused = arrange.signed_in("approver").post(at(waiting, "review/approve/"), answering(waiting, comment=comment))
    assert (refused.status_code, typed(refused.content.decode(), "comment"), Answer.objects.count()) == (422, comment, 0)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "fields",
    [{"digest": ""}, {"digest": "0" * 64}, {"version": "x"}, {"version": "2"}, {"digest": "\x00"}, {"review_number": ""},
     {"review_number": "2"}, {"review_number": "\x00"}],
)  # fmt: skip
def test_an_answer_to_something_else_is_not_taken_and_its_comment_is_kept(
    waiting: TokenRequest, verb: str, fields: dict[str, str]
) -> None:  # fmt: skip
    refused = arrange.signed_in("approver").post(at(waiting, f"review/{verb}/"), answering(waiting, comment="Well &.", **fields))
    markup = refused.content.decode()
    assert (refused.status_code, typed(markup, "comment"), Answer.objects.count()) == (409, "Well &.", 0)
    assert text(markup, "errors") == "There is a problem What you looked at is not what is under review now. Read it again."
    assert events(waiting)[-1][1] == "refused"


@pytest.mark.parametrize("verb", VERBS)
def test_the_page_of_an_earlier_round_answers_nothing_of_the_same_version_sent_for_another_reason(
    waiting: TokenRequest, verb: str
) -> None:  # fmt: skip
    web = arrange.signed_in("approver")
    seen = dict(re.findall(r'name="(version|digest|review_number)" value="([^"]*)"', page(web, at(waiting))))
    reviewing.withdraw(fresh(waiting), by=waiting.requester)
    here = fresh(waiting)
    reviewing.send(here, by=here.requester, reason="To change every shop.", **arrange.confirming(here))
    refused = web.post(at(waiting, f"review/{verb}/"), {**seen, "comment": "Well &."})
    markup = refused.content.decode()
    assert (refused.status_code, typed(markup, "comment"), fresh(waiting).status) == (409, "Well &.", Status.IN_REVIEW)
    assert text(markup, "errors") == "There is a problem What you looked at is not what is under review now. Read it again."
    seen = dict(re.findall(r'name="(version|digest|review_number)" value="([^"]*)"', markup))
    assert web.post(at(waiting, f"review/{verb}/"), {**seen, "comment": "Well &."}).status_code == 302


def test_without_any_digest_nothing_is_answered(waiting: TokenRequest) -> None:
    web = arrange.signed_in("approver")
    assert [web.post(at(waiting, f"review/{verb}/"), {"comment": "x"}).status_code for verb in VERBS] == [409, 409, 409]
    assert fresh(waiting).status == Status.IN_REVIEW


@pytest.mark.parametrize("verb", VERBS)
def test_an_outsider_finds_nothing_and_who_has_no_standing_is_told_so(waiting: TokenRequest, verb: str) -> None:
    newcomer("outsider")
    newcomer("idle", "Platform")
    there = at(waiting, f"review/{verb}/")
    for path in (at(waiting), there):
        assert page(arrange.signed_in("outsider"), at(waiting), 404), path
    lost = arrange.signed_in("outsider").post(there, answering(waiting, comment="Mine."))
    assert (lost.status_code, text(lost.content.decode(), "typed")) == (404, "What was typed Comment Mine.")
    for name, says in (
        ("idle", NO_STANDING),
        ("teammate", NO_STANDING),
        ("auditor", NO_STANDING),
        ("requester", reviewing.rules.reviews.OWN),
    ):
        web = arrange.signed_in(name)
        assert texts(page(web, at(waiting)), "decision") == []
        for comment in ("", "Mine."):
            refused = web.post(there, answering(waiting, comment=comment))
            assert (refused.status_code, text(refused.content.decode(), "refusal")) == (403, says), (name, comment)
    assert (fresh(waiting).status, Answer.objects.count()) == (Status.IN_REVIEW, 0)


def test_an_auditor_reads_it_all_and_is_told_who_can_answer(waiting: TokenRequest) -> None:
    markup = page(arrange.signed_in("auditor"), at(waiting))
    assert (text(markup, "why-not"), text(markup, "reason"), 'data-testid="own"' in markup) == (NO_STANDING, WHY, False)
    assert (texts(markup, "approve"), texts(markup, "withdraw"), texts(markup, "deny")) == ([], [], [])


def test_who_is_asked_and_cannot_approve_sees_it_and_what_they_can_do(waiting: TokenRequest) -> None:
    reviewing.ask(waiting, by=waiting.requester, person=arrange.person("auditor"))
    markup = page(arrange.signed_in("auditor"), at(waiting))
    assert (text(markup, "asked-me").split(" What do")[0], text(markup, "why-not")) == (
        "requester asks you to look at it", NO_STANDING,
    )  # fmt: skip
    assert 'data-testid="asked-me"' not in page(arrange.signed_in("approver"), at(waiting))


def test_who_is_asked_and_cannot_approve_answers_with_a_comment_after_which_nothing_waits_on_them(waiting: TokenRequest) -> None:
    people = {name: arrange.person(name) for name in ("teammate", "approver", "requester")}
    there, comment = at(waiting, "comments/"), {"text": "Looks fine.", "section": ""}
    for name in people:
        refused = arrange.signed_in(name).post(there, comment)
        assert (name, refused.status_code) == (name, 403), "nobody asked them"
    for name in ("teammate", "approver"):
        reviewing.ask(fresh(waiting), by=waiting.requester, person=people[name])
    web = arrange.signed_in("teammate")
    assert access_reviews.count_waiting(people["teammate"]) == 1
    assert web.post(there, {"text": " ", "section": ""}).status_code == 422
    said = web.post(there, comment)
    assert (said.status_code, said["Location"].split("#")[0]) == (302, there)
    assert access_reviews.count_waiting(people["teammate"]) == 0
    markup = page(web, at(waiting))
    assert (texts(markup, "asked-me"), texts(markup, "opinion")) == ([], [])
    assert text(markup, "has-said") == (
        "You have said what you think requester was told. While it is in review, you can say more among the comments ."
    )
    told = Notice.objects.filter(user=people["requester"]).latest("at").sentence
    assert told == "teammate commented on shop-plugin: “Looks fine.”"
    arrange.signed_in("approver").post(there, comment)
    assert access_reviews.count_waiting(people["approver"]) == 1, "an approval is still lacking"
    assert texts(page(arrange.signed_in("approver"), at(waiting)), "has-said") == []
    reviewing.withdraw(fresh(waiting), by=waiting.requester)
    assert web.post(there, comment).status_code == 404


def test_who_is_asked_and_has_approved_is_asked_for_nothing_more(portal: None) -> None:
    hard = arrange.sent(minter(), WHY)
    reviewing.ask(hard, by=hard.requester, person=arrange.person("approver"))
    answer(hard, "approve", "approver")
    markup = page(arrange.signed_in("approver"), at(hard))
    assert (texts(markup, "asked-me"), texts(markup, "has-said")) == ([], [])
    assert text(markup, "why-not") == "You have approved it already."


def test_who_may_deny_and_whose_approval_the_rules_do_not_ask_for_is_told_why(portal: None) -> None:
    hard = arrange.sent(minter(), WHY)
    for demand in hard.reviews.get().demands.exclude(team=None):
        with reviewing.audit.recording(reviewing.Event.REVIEW_SENT, by=None, subject=hard) as record:
            record.remove(demand)
    web = arrange.signed_in("approver")
    markup = page(web, at(hard))
    says = "The rules ask for the approval of others. You can deny it, or ask for changes."
    assert text(markup, "why-not") == says
    assert 'aria-disabled="true" aria-describedby="why-not" data-testid="approve"' in markup
    refused = web.post(at(hard, "review/approve/"), answering(hard))
    assert (refused.status_code, text(refused.content.decode(), "refusal")) == (403, says)
    web.post(at(hard, "review/deny/"), answering(hard, comment="No."))
    assert fresh(hard).status == Status.REJECTED


def test_it_is_taken_back_and_what_was_approved_counts_no_more(waiting: TokenRequest) -> None:
    answer(waiting, "approve", "approver")
    web = arrange.signed_in("requester")
    for name in ("approver", "admin", "teammate", "auditor"):
        refused = arrange.signed_in(name).post(at(waiting, "review/withdraw/"))
        assert (refused.status_code, text(refused.content.decode(), "refusal")) == (
            403, "Only the person who asked for this can take it back.",
        )  # fmt: skip
    done = web.post(at(waiting, "review/withdraw/"))
    assert (done.status_code, done["Location"], fresh(waiting).status) == (302, at(waiting, ""), Status.DRAFT)
    assert "It is a draft again. What was approved of it counts no more." in page(web, at(waiting, ""))
    again = web.post(at(waiting, "review/withdraw/"))
    assert (again.status_code, text(again.content.decode(), "refusal")) == (
        403,
        "It is not in review, so there is nothing to take back.",
    )
    assert web.post(at(waiting, "review/ask/"), {"person": str(arrange.person("admin").pk)}).status_code == 403


def test_an_answer_that_comes_after_it_was_taken_back_is_shown_again(waiting: TokenRequest) -> None:
    web = arrange.signed_in("approver")
    reviewing.withdraw(fresh(waiting), by=waiting.requester)
    late = web.post(at(waiting, "review/deny/"), {**arrange.answering(waiting), "comment": "A long thought."})
    assert (late.status_code, text(late.content.decode(), "typed")) == (404, "What was typed Comment A long thought.")


def test_an_answer_that_comes_after_anothers_is_shown_again(waiting: TokenRequest) -> None:
    answer(waiting, "deny", "admin")
    late = arrange.signed_in("approver").post(at(waiting, "review/approve/"), {**arrange.answering(waiting), "comment": "Good."})
    markup = late.content.decode()
    assert (late.status_code, text(markup, "typed")) == (403, "What was typed Comment Good.")
    assert text(markup, "refusal") == "It is not in review any more. Reload the page to see how it stands."


def test_what_was_approved_can_be_denied_after_all(waiting: TokenRequest) -> None:
    answer(waiting, "approve", "approver")
    web = arrange.signed_in("admin")
    markup = page(web, at(waiting))
    assert (texts(markup, "after-all"), texts(markup, "why-not")) == (
        ["It should not be carried out after all"], [],
    )  # fmt: skip
    web.post(at(waiting, "review/deny/"), answering(waiting, comment="An incident."))
    assert (fresh(waiting).status, Answer.objects.get(verdict="approve").voided_at is None) == (Status.REJECTED, False)


@pytest.mark.parametrize(("verb", "ends"), [("deny", Status.REJECTED), ("changes", Status.DRAFT)])
def test_what_was_approved_can_be_denied_or_sent_back_after_an_attempt_that_failed(
    waiting: TokenRequest, verb: str, ends: Status
) -> None:  # fmt: skip
    answer(waiting, "approve", "approver")
    mine = arrange.signed_in("requester")
    call_command("sandbox_fault", "forbidden", method="POST")
    mine.post(at(waiting, "create/"), confirming(waiting))
    assert fresh(waiting).status == Status.FAILED
    web = arrange.signed_in("approver")
    assert 'data-testid="see-review"' in page(web, at(waiting, ""))
    markup = page(web, at(waiting))
    assert text(markup, "after-all") == "It should not be carried out after all"
    assert "Not created It did not work yet. requester can try again until the approval lapses" in text(markup, "approved")
    assert web.post(at(waiting, f"review/{verb}/"), answering(waiting, comment="An incident.")).status_code == 302
    assert (fresh(waiting).status, Answer.objects.get(verdict="approve").voided_at is None) == (ends, False)
    assert mine.post(at(waiting, "create/"), confirming(waiting)).status_code == 403
    assert fresh(waiting).status == ends


def test_after_a_failed_attempt_with_an_alarm_an_admin_comes_before_any_answer(waiting: TokenRequest) -> None:
    answer(waiting, "approve", "approver")
    call_command("sandbox_fault", "forbidden", method="POST")
    arrange.signed_in("requester").post(at(waiting, "create/"), confirming(waiting))
    alarms.sound(fresh(waiting), "Something with its reference is there.", by=None)
    refused = arrange.signed_in("approver").post(at(waiting, "review/deny/"), answering(waiting, comment="No."))
    assert (refused.status_code, text(refused.content.decode(), "refusal")) == (403, rules.verdicts.ALARMED)
    assert fresh(waiting).status == Status.FAILED


def test_what_waited_too_long_says_so_and_takes_no_answer(waiting: TokenRequest) -> None:
    with reviewing.clock.at(waiting.reviews.get().expires_at):
        late = arrange.signed_in("approver").post(at(waiting, "review/approve/"), answering(waiting, comment="Yes."))
        assert (late.status_code, "It has waited too long, so it has expired." in late.content.decode()) == (409, True)
        assert typed(late.content.decode(), "comment") == "Yes."
        assert reviewing.expire_due() == 1
    markup = page(arrange.signed_in("requester"), at(waiting))
    assert text(markup, "ended").startswith("It has expired Nobody answered in time.")


def test_an_approval_that_nobody_used_says_so(waiting: TokenRequest) -> None:
    answer(waiting, "approve", "approver")
    with reviewing.clock.at(waiting.reviews.get().lapses_at):
        assert reviewing.expire_due() == 1
    assert "It was approved, and nobody created it in time." in page(arrange.signed_in("requester"), at(waiting))


def test_a_change_of_a_token_is_held_against_the_token_and_carried_out_by_its_requester(portal: None) -> None:
    made = arrange.issue(wide(client_ips=OFFICE, validity=Validity(days=30)))
    assert made
    change = arrange.change(made.token, validity=Validity(days=90))
    mine = arrange.signed_in("requester")
    assert texts(page(mine, at(change, "summary/")), "send") == ["Send for review"]
    mine.post(at(change, "send/"), confirming(change, reason=WHY))
    markup = page(arrange.signed_in("approver"), at(change))
    assert 'data-testid="against-token" data-verdict="wider"' in markup
    answer(change, "approve", "approver")
    assert texts(page(mine, at(change)), "go-on") == ["Check and change the token"]
    assert texts(page(mine, at(change, "summary/")), "create") == ["Change token"]
    done = mine.post(at(change, "create/"), confirming(change))
    assert (done.status_code, fresh(change).status) == (302, Status.ISSUED)


def test_a_change_that_changes_nothing_is_not_sent_and_the_reason_is_shown_again(portal: None) -> None:
    made = arrange.issue(arrange.draft())
    assert made
    unchanged = arrange.change(made.token)
    web = arrange.signed_in("requester")
    refused = web.post(at(unchanged, "send/"), {**arrange.confirming(unchanged), "reason": WHY})
    here = fresh(unchanged)
    assert (refused.status_code, here.status, here.reviews.count()) == (409, Status.DRAFT, 0)
    assert carrying_out.NO_DIFFERENCE in refused.content.decode()
    assert text(refused.content.decode(), "typed") == f"What was typed Reason {WHY}"
    assert events(unchanged) == [("review.sent", "refused")]


def test_where_a_rule_stands_in_the_way_the_summary_leads_to_its_section_and_sends_nothing(portal: None) -> None:
    endless = arrange.checked(wide(validity=Validity(lifetime="never")))
    web = arrange.signed_in("requester")
    summary = page(web, at(endless, "summary/"))
    assert (texts(summary, "create"), texts(summary, "send")) == ([], [])
    assert (text(summary, "stopped"), text(summary, "ruling")) == (
        "A rule stands in the way",
        "It must end within 366 days. The rule “What can change things ends within a year” asks for it, because of Zone Settings: Edit, "
        "Cache Purge: Purge on a whole account, or all its zones. Set an end",
    )  # fmt: skip
    assert f'href="/requests/{endless.pk}/#lifetime"' in summary
    refused = web.post(at(endless, "send/"), confirming(endless, reason=WHY))
    assert (refused.status_code, fresh(endless).status, WHY in text(refused.content.decode(), "typed")) == (
        409,
        Status.DRAFT,
        True,
    )


def test_where_only_a_reason_is_asked_for_creating_needs_one_and_keeps_what_was_typed(portal: None) -> None:
    row = reviewing.guarding.Guardrail(
        title="Say why", when={"levels": ["edit"]}, then={"reason": True}, changed_at=reviewing.clock.now()
    )  # fmt: skip
    with reviewing.audit.recording(reviewing.Event.GUARDRAIL_SET, by=None, subject=row) as record:
        record.add(row)
    small = arrange.checked(arrange.draft())
    web = arrange.signed_in("requester")
    summary = page(web, at(small, "summary/"))
    assert (texts(summary, "create"), "The rule “Say why” asks for it." in summary) == (["Create token"], True)
    for reason in ("", " ", "\x00", "z" * (PURPOSE_MAX + 1)):
        again = web.post(at(small, "create/"), confirming(small, reason=reason))
        assert (again.status_code, typed(again.content.decode(), "reason"), fresh(small).status) == (422, reason, Status.DRAFT)
    stale = web.post(at(small, "create/"), confirming(small, reason=WHY, digest="0" * 64))
    assert (stale.status_code, WHY in text(stale.content.decode(), "typed")) == (409, True)
    made = web.post(at(small, "create/"), confirming(small, reason=WHY))
    assert (made.status_code, fresh(small).status, fresh(small).reason) == (200, Status.ISSUED, WHY)


@pytest.mark.parametrize("rest", POSTS)
def test_what_changes_something_is_only_posted(waiting: TokenRequest, rest: str) -> None:
    web = arrange.signed_in("approver")
    assert [web.generic(method, at(waiting, rest)).status_code for method in ("GET", "HEAD", "PUT", "DELETE")] == [405] * 4
    assert web.post(at(waiting)).status_code == 405
    assert web.post("/review/").status_code == 405


def test_looking_changes_nothing_for_anybody(waiting: TokenRequest) -> None:
    webs = [arrange.signed_in(name) for name in ("requester", "teammate", "approver", "auditor", "admin")]
    before = (AuditEvent.objects.count(), list(TokenRequest.objects.values()), list(Review.objects.values()))
    for web in webs:
        page(web, "/review/")
        assert web.head(at(waiting)).status_code == 200
    assert (AuditEvent.objects.count(), list(TokenRequest.objects.values()), list(Review.objects.values())) == before


def test_with_htmx_the_page_is_whole_or_just_the_part_that_was_asked_for(waiting: TokenRequest) -> None:
    web = arrange.signed_in("approver")
    whole = web.get(at(waiting)).content.decode()
    assert web.get(at(waiting), headers={"HX-Request": "true", "HX-Boosted": "true"}).content.decode().startswith(whole[:200])
    part = web.get(f"{at(waiting)}?as=curl", headers={"HX-Request": "true", "HX-Target": "machines"})
    assert part.status_code == 200
    assert "<html" not in part.content.decode()
    assert 'data-testid="as-curl"' in part.content.decode()
    assert part["Vary"].count("HX-Target") == 1


@pytest.mark.parametrize(("verb", "by"), [("approve", "auditor"), ("withdraw", "approver")])
def test_with_htmx_a_refusal_stands_in_the_page_as_it_is(waiting: TokenRequest, verb: str, by: str) -> None:
    refused = arrange.signed_in(by).post(at(waiting, f"review/{verb}/"), answering(waiting), headers=IN_PLACE)
    assert (refused.status_code, refused["HX-Retarget"], "<html" in refused.content.decode()) == (403, "#messages", False)


def queries(ask: Callable[[], Any]) -> int:
    ask()
    with CaptureQueriesContext(connection) as found:
        assert ask().status_code == 200
    return len(found)


def test_the_page_asks_equally_often_for_one_answer_and_for_three(portal: None) -> None:
    hard = arrange.sent(minter(), WHY)
    web: Client = arrange.signed_in("auditor")
    for name in ("second", "third", "fourth"):
        newcomer(name, "Platform", is_approver=True)
    for name in ("second", "third"):
        reviewing.ask(fresh(hard), by=hard.requester, person=arrange.person(name))
    answer(hard, "approve", "second")
    few = queries(lambda: web.get(at(hard)))
    for name in ("third", "fourth"):
        answer(hard, "approve", name)
    reviewing.ask(fresh(hard), by=hard.requester, person=arrange.person("fourth"))
    people.set_active(arrange.person("teammate"), by=arrange.person("admin"), active=False)
    assert queries(lambda: web.get(at(hard))) == few


def test_the_summary_says_what_differs_from_the_template_and_from_what_was_reviewed(portal: None) -> None:
    draft = arrange.checked(arrange.draft("edit-zone-dns"))
    web = arrange.signed_in("requester")
    assert b"against-template" not in web.get(f"/requests/{draft.pk}/summary/").content
    reviewing.send(draft, by=draft.requester, **arrange.confirming(draft))
    reviewing.withdraw(draft, by=draft.requester)
    edit(draft, validity=Validity(days=30))
    arrange.checked(fresh(draft))
    found = web.get(f"/requests/{draft.pk}/summary/")
    assert [(one.against, one.name, one.difference.verdict) for one in found.context["comparisons"]] == [
        ("version", "1", "narrower"), ("template", "Edit zone DNS", "narrower"),
    ]  # fmt: skip
    assert b'data-testid="against-version" data-verdict="narrower"' in found.content

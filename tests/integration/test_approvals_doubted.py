"""What the rows of a review say is doubted where an approval is given and where it counts: each check stands by itself."""

from dataclasses import replace
from typing import Any

import pytest

from tests import arrange
from tests.integration.review_world import answer, fresh, minter, newcomer, wide
from tokenportal import audit, clock, rules
from tokenportal.actions import alarms, guarding, issuing, people, reviewing
from tokenportal.audit import Event
from tokenportal.models import Answer, Review, Status, TokenRequest, Version, WorkingCopy

pytestmark = pytest.mark.django_db

OTHER = "0" * 64


def issue(token_request: TokenRequest) -> Any:
    ready = fresh(token_request)
    return issuing.issue(ready, by=ready.requester, **arrange.confirming(ready))


def written(rows: Any, **values: Any) -> None:
    """As somebody writes it who holds the database, and nothing of the portal."""
    with audit.recording(Event.PORTAL_SEEDED, by=None):
        rows.update(**values)


@pytest.mark.parametrize(
    "values",
    [{"digest": OTHER}, {"version": 7}, {"voided_at": clock.now()}, {"verdict": "deny"}],
    ids=lambda values: next(iter(values)),
)
def test_an_approval_of_something_else_or_a_void_one_lets_nothing_be_created(portal: None, values: dict[str, Any]) -> None:
    ready = arrange.approved(wide())
    written(Answer.objects.filter(review__token_request=ready), **values)
    with pytest.raises(rules.NotAllowed, match="Its approvals are not enough"):
        issue(ready)
    assert fresh(ready).status == Status.APPROVED


def test_an_approval_by_who_is_found_to_have_written_it_lets_nothing_be_created(portal: None) -> None:
    ready = arrange.approved(wide())
    copy = WorkingCopy.objects.filter(pk=ready.pk)
    copy.update(edited_by=[*copy.get().edited_by, str(arrange.person("approver").pk)])
    with pytest.raises(rules.NotAllowed, match="Its approvals are not enough"):
        issue(ready)


@pytest.mark.parametrize("values", [{"digest": OTHER}, {"version": 7}], ids=["digest", "version"])
def test_a_review_of_something_else_lets_nothing_be_created(portal: None, values: dict[str, Any]) -> None:
    ready = arrange.approved(wide())
    written(Review.objects.filter(token_request=ready), **values)
    with pytest.raises(rules.NotAllowed, match="What was approved is not what would be sent"):
        issue(ready)


def test_what_is_in_review_is_approved_as_what_the_request_says_it_is(portal: None) -> None:
    waiting = arrange.sent(wide())
    looked_at = arrange.answering(waiting)
    written(TokenRequest.objects.filter(pk=waiting.pk), digest=OTHER)
    with pytest.raises(issuing.Changed, match="is not what is under review"):
        reviewing.approve(fresh(waiting), by=arrange.person("approver"), **looked_at)


def test_an_approver_who_was_deactivated_since_their_page_was_loaded_approves_nothing(portal: None) -> None:
    waiting, left = arrange.sent(wide()), arrange.person("approver")
    people.set_active(arrange.person("approver"), by=arrange.person("admin"), active=False)
    with pytest.raises(rules.NotAllowed, match="Only approvers of the team"):
        reviewing.approve(waiting, by=left, **arrange.answering(waiting))


def test_an_admin_who_is_one_no_more_since_their_page_was_loaded_approves_nothing(portal: None) -> None:
    waiting, boss = arrange.sent(wide()), newcomer("boss")
    changed = {"username": "boss", "email": boss.email, "is_auditor": False}
    people.change_person(boss, by=arrange.person("admin"), is_admin=True, **changed)
    people.change_person(arrange.person("boss"), by=arrange.person("admin"), is_admin=False, **changed)
    with pytest.raises(rules.NotAllowed, match="Only approvers of the team"):
        reviewing.approve(waiting, by=boss, **arrange.answering(waiting))


def test_nothing_is_sent_for_review_through_a_connection_that_the_team_may_not_use_any_more(portal: None) -> None:
    ready = arrange.checked(wide())
    with audit.recording(Event.CONNECTION_GRANTED, by=None) as record:
        record.remove(arrange.connection().grants.get(team=arrange.team()))
    with pytest.raises(rules.NotAllowed, match="is not open to this team"):
        reviewing.send(ready, by=ready.requester, reason="The build needs it.", **arrange.confirming(ready))


def test_what_somebody_narrowed_past_the_portal_is_not_widened_again_without_being_asked_for(portal: None) -> None:
    made = arrange.issue(wide())
    assert made
    change = arrange.change(made.token, owner=arrange.person("teammate"))
    body = change.versions.get().payload
    assert guarding.case_of(change, body) == "lowering"
    with audit.recording(Event.DRAFT_STARTED, by=None, subject=change) as record:
        record.change(change, base={**(change.base or {}), "condition": {"request_ip": {"in": ["203.0.113.0/24"]}}})
    assert guarding.case_of(change, body) == "new"


@pytest.mark.parametrize("how", ["stands", "deactivated", "demoted", "void", "denied"])
def test_the_queue_counts_the_approvals_that_count_when_it_is_created(portal: None, how: str) -> None:
    """One in SQL for many reviews, the other for one: what the one counts and the other does not would wait for nobody."""
    waiting = arrange.sent(minter())
    answer(waiting, "approve", "approver")
    review, approver, given = fresh(waiting).reviews.get(), arrange.person("approver"), Answer.objects.all()
    if how == "deactivated":
        people.set_active(approver, by=arrange.person("admin"), active=False)
    elif how == "demoted":
        people.set_membership(by=None, team=arrange.team(), person=approver, is_requester=True, is_approver=False)
    elif how != "stands":
        written(given, **({"voided_at": clock.now()} if how == "void" else {"verdict": "deny"}))
    counted = {one.rule: vars(one)["given"] for one in guarding.demands().filter(review=review)}
    standing = guarding.counting(review, fresh(waiting))
    assert counted == {
        one.rule: sum(rules.approves_for(person, one.team_id) for person in standing) for one in review.demands.all()
    }
    assert counted["creates-tokens"] == (how == "stands")


def test_a_draft_with_an_alarm_is_not_sent_for_review(portal: None) -> None:
    ready = arrange.checked(wide())
    alarms.sound(ready, "Something with its reference is there.", by=None)
    with pytest.raises(rules.NotAllowed, match="An admin"):
        reviewing.send(fresh(ready), by=ready.requester, reason="The build needs it.", **arrange.confirming(ready))


def test_a_version_whose_spec_says_something_else_than_its_bytes_is_not_created(portal: None) -> None:
    ready = arrange.checked(arrange.draft())
    other = replace(ready.versions.get().spec, name="another")
    written(Version.objects.filter(token_request=ready), spec_json=other.to_json())
    with pytest.raises(issuing.Changed, match="is not what this summary showed"):
        issue(ready)
    assert fresh(ready).status == Status.DRAFT


def test_a_request_that_names_other_bytes_than_its_version_is_not_created(portal: None) -> None:
    ready = arrange.checked(arrange.draft())
    looked_at = arrange.confirming(ready)
    written(TokenRequest.objects.filter(pk=ready.pk), digest=OTHER)
    with pytest.raises(issuing.Changed, match="since this summary was opened"):
        issuing.issue(fresh(ready), by=ready.requester, **looked_at)


def test_the_reason_that_its_reviewers_read_is_not_changed_when_it_is_created(portal: None) -> None:
    ready = arrange.approved(wide())
    read = ready.reason
    assert issuing.issue(ready, by=ready.requester, reason="Another one.", **arrange.confirming(ready))
    assert (fresh(ready).reason, read) == (read, "A test needs it.")

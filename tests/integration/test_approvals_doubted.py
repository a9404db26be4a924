"""What the rows of a review say is doubted where an approval is given and where it counts: each check stands by itself."""

from typing import Any

import pytest

from tests import arrange
from tests.integration.review_world import fresh, newcomer, wide
from tokenportal import audit, clock, rules
from tokenportal.actions import issuing, people, reviewing
from tokenportal.audit import Event
from tokenportal.models import Answer, Review, Status, TokenRequest, WorkingCopy

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

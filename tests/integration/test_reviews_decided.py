"""What stays to be read of a review that is over, and of a request by somebody who may not see the token that it is about."""

import re

import pytest

from tests import arrange
from tests.integration.review_world import answer, at, fresh, newcomer, page, text, texts, wide
from tests.integration.test_approvals import other_rule
from tokenportal.actions import guarding, issuing, people, reviewing
from tokenportal.models import TokenRequest
from tokenportal.policy.spec import Validity

pytestmark = pytest.mark.django_db


def created(token_request: TokenRequest) -> TokenRequest:
    made = issuing.issue(token_request, by=token_request.requester, **arrange.confirming(token_request))
    assert made is not None
    return fresh(token_request)


def counted(token_request: TokenRequest) -> list[tuple[str, list[str], bool]]:
    review = token_request.reviews.prefetch_related("demands__team").last()
    assert review is not None
    found = guarding.progress(review, token_request)
    return [(f"{one.number} of {one.demand.count}", sorted(map(str, one.people)), one.is_met) for one in found]


def test_what_let_a_token_be_created_is_told_as_it_was_when_the_approver_has_left(portal: None) -> None:
    ready = arrange.approved(wide())
    [given] = ready.reviews.get().answers.all()
    done = created(ready)
    people.set_active(given.by, by=arrange.person("admin"), active=False)
    assert counted(done) == [("1 of 1", [str(given.by)], True)]
    said = text(page(arrange.signed_in("requester"), at(done)), "progress")
    assert (said.split(" approval")[0], said.rsplit("Given by ")[1]) == ("1 of 1", f"{given.by}.")


def test_what_is_approved_and_not_created_yet_counts_its_approvers_as_they_are_now(portal: None) -> None:
    ready = arrange.approved(wide())
    [given] = ready.reviews.get().answers.all()
    people.set_active(given.by, by=arrange.person("admin"), active=False)
    assert counted(ready) == [("0 of 1", [], False)]


def test_an_approval_by_somebody_who_went_to_another_team_is_still_told_as_given(portal: None) -> None:
    data = people.create_team(by=None, name="Data")
    other_rule("Data looks too", when={}, then={"approvals": 1, "source": str(data.pk)})
    mover = newcomer("mover", "Data", is_approver=True)
    asked = arrange.sent(wide())
    answer(asked, "approve", "mover")
    answer(asked, "approve", "approver")
    done, in_data, in_platform = created(fresh(asked)), ("1 of 1", ["mover"], True), ("1 of 1", ["approver"], True)
    assert counted(done) == [in_data, in_platform]
    people.set_membership(by=None, team=data, person=mover, is_requester=True, is_approver=False)
    assert counted(done) == [in_data, in_platform], "it can have been for nothing else"
    people.set_membership(by=None, team=arrange.team(), person=mover, is_requester=False, is_approver=True)
    assert counted(done) == [("1 of 1", [], True), ("2 of 1", ["approver", "mover"], True)]


def test_a_review_that_is_over_shows_no_preflight(portal: None) -> None:
    ready, web = arrange.approved(wide()), arrange.signed_in("requester")
    assert len(texts(page(web, at(ready)), "check-permissions")) == 1
    assert texts(page(web, at(created(ready))), "check-permissions") == []


def test_what_was_taken_back_after_it_was_approved_is_not_said_to_be_edited(portal: None) -> None:
    ready = arrange.approved(wide())
    reviewing.withdraw(ready, by=ready.requester)
    assert ready.reviews.get().get_outcome_display() == "Taken back after approval"


def of_another_team(token_request: TokenRequest) -> set[str]:
    """Addresses on the page of a review that answer the approver of another team with anything but a page."""
    web = arrange.signed_in("elsewhere")
    found: set[str] = set()
    for rest in ("review/", ""):
        shown = web.get(at(token_request, rest), follow=True).content.decode()
        found |= {path for path in re.findall(r'href="(/(?!static/)[^"#?]*)', shown) if web.get(path).status_code >= 400}
    return found


def test_who_approves_for_another_team_gets_no_link_to_a_token_that_is_not_for_them(portal: None) -> None:
    newcomer("elsewhere", "Web", is_approver=True)
    other_rule("Web looks too", when={}, then={"approvals": 1, "source": str(arrange.team("Web").pk)})
    first = arrange.sent(wide())
    answer(first, "approve", "elsewhere")
    answer(first, "approve", "approver")
    assert of_another_team(first) == set()
    made = created(fresh(first))
    assert of_another_team(made) == set()
    changed = arrange.change(made.token, validity=Validity(lifetime="days", days=200))
    reviewing.send(changed, by=changed.requester, reason="Longer.", **arrange.confirming(changed))
    assert of_another_team(changed) == set()
    assert text(page(arrange.signed_in("elsewhere"), at(changed)), "about-token").startswith(f"This changes {made.token.name}")

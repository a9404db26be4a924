"""A request that lacks no approval any more is approved, also where nobody gives one: somebody's standing has changed."""

from collections.abc import Callable

import pytest
from django.core.management import call_command

from tests import arrange
from tests.integration.review_world import WHY, answer, at, fresh, minter, newcomer, page, text, texts
from tokenportal.actions import people, recounting, reviewing
from tokenportal.management.commands import work
from tokenportal.models import AuditEvent, Notice, Status, TokenRequest

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(portal: None) -> TokenRequest:
    return lacking_nothing()


def lacking_nothing() -> TokenRequest:
    """Approved by two of its team, of whom one has become the admin that it takes."""
    second = newcomer("second", "Platform", is_approver=True)
    found = arrange.sent(minter(name="minter"), WHY)
    for name in ("approver", "second"):
        answer(found, "approve", name)
    assert (fresh(found).status, recounting.approve_due()) == (Status.IN_REVIEW, 0)
    people.change_person(
        second, by=arrange.person("admin"), username="second", email=second.email, is_admin=True, is_auditor=False
    )
    return fresh(found)


def test_the_worker_approves_what_lacks_nothing_since_an_approver_became_an_admin(lasting_portal: None) -> None:
    waiting = lacking_nothing()
    call_command("work", "--once")
    here = fresh(waiting)
    review = here.reviews.get()
    assert (here.status, review.outcome, review.lapses_at is None) == (Status.APPROVED, "approved", False)
    assert list(review.demands.filter(met_at=None)) == []
    event = AuditEvent.objects.filter(trail=waiting.pk, action="review.approved").latest("number")
    assert (event.by_id, event.reason, event.changes["status"]) == (None, recounting.WHY, ["in_review", "approved"])
    told = Notice.objects.filter(user=waiting.requester).latest("at").sentence
    assert told == "All approvals are there for “minter”. It can be created now."
    shown = page(arrange.signed_in("requester"), at(waiting))
    assert texts(shown, "go-on") == ["Check and create the token"]


def test_until_the_worker_approves_it_it_waits_on_nobody(waiting: TokenRequest) -> None:
    for name in ("admin", "requester"):
        assert text(page(arrange.signed_in(name), at(waiting)), "turn") == "Has its approvals, and is approved in a moment"
        assert "Has its approvals, and is approved in a moment" in page(arrange.signed_in(name), "/review/")


def test_the_worker_says_how_many_it_approved(waiting: TokenRequest) -> None:
    assert (work.count_anew(), work.count_anew()) == ("1 request approved", "")


def taken_back(waiting: TokenRequest) -> None:
    reviewing.withdraw(fresh(waiting), by=waiting.requester)


def sent_anew(waiting: TokenRequest) -> None:
    taken_back(waiting)
    here = fresh(waiting)
    reviewing.send(here, by=here.requester, reason=WHY, **arrange.confirming(here))


@pytest.mark.parametrize(("happens", "ends"), [(taken_back, Status.DRAFT), (sent_anew, Status.IN_REVIEW)])
def test_what_was_taken_back_since_it_was_found_to_lack_nothing_is_not_approved(
    waiting: TokenRequest, monkeypatch: pytest.MonkeyPatch, happens: Callable[[TokenRequest], None], ends: Status
) -> None:
    approve = recounting._approve

    def meanwhile(found: TokenRequest) -> bool:
        happens(waiting)
        return approve(found)

    monkeypatch.setattr(recounting, "_approve", meanwhile)
    assert (recounting.approve_due(), fresh(waiting).status) == (0, ends)


def test_what_has_waited_too_long_is_not_approved(waiting: TokenRequest) -> None:
    with reviewing.clock.at(waiting.reviews.get().expires_at):
        assert (recounting.approve_due(), reviewing.expire_due(), fresh(waiting).status) == (0, 1, Status.EXPIRED)

"""What a review says by mail: each step to those it concerns, with a link that leads them to the right page."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from tests import arrange
from tests.integration.review_world import WHY, answer, at, fresh, minter, newcomer, wide
from tokenportal import clock
from tokenportal.actions import mailing, people, reviewing
from tokenportal.models import Notice, TokenRequest

pytestmark = pytest.mark.django_db

ORIGIN = "https://portal.example"
TO_THE_QUEUE = "/review/"
type Letter = tuple[str, str, str, str]


@pytest.fixture(autouse=True)
def by_mail(settings: Any, portal: None) -> None:
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    settings.PUBLIC_ORIGIN = ORIGIN


def letters() -> list[Letter]:
    """Send what is due: to whom each letter went, what it says, where it leads, and why they get it; by their readers."""
    mail.outbox.clear()
    mailing.send_due()
    found = []
    for letter in mail.outbox:
        [address] = letter.to
        sentence, *_ = letter.body.split("\n")
        [link] = re.findall(rf"^{ORIGIN}(\S+)$", letter.body, re.MULTILINE)
        [why] = re.findall(r"^You get this because you (.*)\.$", letter.body, re.MULTILINE)
        assert letter.subject == (sentence if len(sentence) <= 120 else f"{sentence[:119]}…")
        found.append((address.split("@")[0], sentence, link, why))
    return sorted(found)


def leads(name: str, link: str) -> tuple[int, str]:
    """Where a person who is signed in ends up by a link of a letter."""
    page = arrange.signed_in(name).get(link, follow=True)
    return page.status_code, page.redirect_chain[-1][0] if page.redirect_chain else link


def ready(make: Callable[..., TokenRequest] = wide) -> TokenRequest:
    return arrange.checked(make(name="shop-plugin"))


def sent(make: Callable[..., TokenRequest] = wide, *, asked: tuple[str, ...] = ()) -> TokenRequest:
    """In review, with the letters of that sent already."""
    one = ready(make)
    named = [arrange.person(name) for name in asked]
    reviewing.send(one, by=one.requester, reason=WHY, asked=named, **arrange.confirming(one))
    letters()
    return fresh(one)


TAKES_PART = "asked for this, or can answer it"


def test_that_it_was_sent_goes_to_all_whose_approval_counts_and_leads_them_to_the_review() -> None:
    newcomer("web-approver", "Web", is_approver=True)
    newcomer("idle", "Platform")
    one = ready()
    reviewing.send(one, by=one.requester, reason=WHY, **arrange.confirming(one))
    says, link = "requester asks you to review “shop-plugin”.", at(one, "")
    assert letters() == [("admin", says, link, TAKES_PART), ("approver", says, link, TAKES_PART)]
    assert leads("approver", link) == (200, at(one))
    assert letters() == [], "each goes out once"


def test_who_is_asked_by_name_is_written_to_alone_where_their_approvals_are_all_it_takes() -> None:
    newcomer("second", "Platform", is_approver=True)
    one = sent(asked=("approver",))
    assert told(one) == {"approver"}
    takes_two = ready(minter)
    named = [arrange.person(name) for name in ("approver", "second")]
    reviewing.send(takes_two, by=takes_two.requester, reason=WHY, asked=named, **arrange.confirming(takes_two))
    assert told(takes_two) == {"approver", "second", "admin"}, "one of them must be an admin"


def told(token_request: TokenRequest) -> set[str]:
    return {
        str(notice.user) for notice in Notice.objects.filter(token_request=token_request).exclude(user=token_request.requester)
    }


def test_who_is_asked_by_name_and_cannot_approve_it_is_written_to_beside_those_who_can_and_can_open_it() -> None:
    one = ready()
    reviewing.send(one, by=one.requester, reason=WHY, asked=[arrange.person("teammate")], **arrange.confirming(one))
    says, link = "requester asks you to review “shop-plugin”.", at(one, "")
    assert letters() == [(name, says, link, TAKES_PART) for name in ("admin", "approver", "teammate")]
    newcomer("web-approver", "Web", is_approver=True)
    reviewing.ask(fresh(one), by=one.requester, person=arrange.person("web-approver"))
    assert letters() == [("web-approver", says, link, TAKES_PART)]
    assert [leads(name, link) for name in ("teammate", "web-approver")] == [(200, at(one))] * 2


def test_that_it_is_approved_goes_to_its_requester_with_the_last_approval() -> None:
    one = sent(minter)
    answer(one, "approve", "approver", "")
    assert (letters(), Notice.objects.filter(user=one.requester).count()) == ([], 1), "the first is a notice, not yet a letter"
    answer(one, "approve", "admin", "")
    assert letters() == [("requester", "admin approved “shop-plugin”. It can be created now.", at(one, ""), TAKES_PART)]
    assert leads("requester", at(one, "")) == (200, at(one))


def test_that_changes_are_asked_for_goes_to_its_requester_and_leads_to_the_draft() -> None:
    one = sent()
    answer(one, "request_changes", "approver", "Name the zones.\nPlease.")
    says = "approver asks for changes of “shop-plugin”: Name the zones. Please."
    assert letters() == [("requester", says, at(one, ""), TAKES_PART)]
    assert leads("requester", at(one, "")) == (200, at(one, ""))


def test_that_it_is_denied_goes_to_its_requester_with_the_reason() -> None:
    one = sent()
    answer(one, "deny", "approver", "Shops are off limits.")
    assert letters() == [("requester", "approver denied “shop-plugin”: Shops are off limits.", at(one, ""), TAKES_PART)]
    assert leads("requester", at(one, "")) == (200, at(one))


def test_that_it_is_taken_back_goes_to_who_was_asked_or_has_answered_and_leads_to_what_else_waits() -> None:
    one = sent(minter, asked=("teammate", "admin"))
    answer(one, "approve", "approver")
    letters()
    reviewing.withdraw(fresh(one), by=one.requester)
    says, why = "requester took back “shop-plugin”. Nothing is left to answer.", "answered this, or were asked to"
    assert letters() == [(name, says, TO_THE_QUEUE, why) for name in ("admin", "approver", "teammate")]
    assert [leads(name, at(one, ""))[0] for name in ("approver", "teammate")] == [404, 404], "a draft is not for their eyes"
    assert leads("approver", TO_THE_QUEUE) == (200, TO_THE_QUEUE)
    page = arrange.signed_in("teammate").get("/notices/").content.decode()
    assert re.findall(r"New</span> ([^<]+)</p>", page) == [
        "requester took back “shop-plugin”. Nothing is left to answer.",
        "About a draft or request that is not open to you any more.",
    ], "who was asked hears that it was taken back, and what else was said about it is no longer for their eyes"


def test_that_an_approval_is_given_up_is_told_to_who_gave_it() -> None:
    one = sent()
    answer(one, "approve", "approver")
    letters()
    reviewing.withdraw(fresh(one), by=one.requester)
    assert [name for name, *_ in letters()] == ["approver"]


def test_that_it_has_expired_goes_to_its_requester() -> None:
    one = sent()
    with clock.at(one.reviews.get().expires_at):
        assert reviewing.expire_due() == 1
        says = "“shop-plugin” waited too long and has expired. Make a draft like it if it is still needed."
        assert letters() == [("requester", says, at(one, ""), TAKES_PART)]
    assert leads("requester", at(one, "")) == (200, at(one))


def test_an_approval_that_lapsed_is_told_to_its_requester() -> None:
    one = sent()
    answer(one, "approve", "approver", "")
    letters()
    with clock.at(one.reviews.get().lapses_at or clock.now()):
        assert reviewing.expire_due() == 1
        assert [(name, link) for name, _, link, _ in letters()] == [("requester", at(one, ""))]


def test_what_was_taken_back_before_its_letters_left_asks_nobody_any_more() -> None:
    one = ready()
    reviewing.send(one, by=one.requester, reason=WHY, **arrange.confirming(one))
    reviewing.withdraw(fresh(one), by=one.requester)
    assert letters() == []


def test_who_is_deactivated_or_hears_of_it_too_late_gets_no_letter() -> None:
    one = sent(asked=("teammate", "approver"))
    reviewing.withdraw(fresh(one), by=one.requester)
    people.set_active(arrange.person("teammate"), by=arrange.person("admin"), active=False)
    assert [name for name, *_ in letters()] == ["approver"]
    later = sent(asked=("approver",))
    reviewing.withdraw(fresh(later), by=later.requester)
    with clock.at(clock.now() + timedelta(days=2)):
        assert letters() == []


def test_a_letter_tells_a_long_comment_in_part_and_neither_the_reason_nor_what_is_asked_for() -> None:
    one = sent(asked=("approver",))
    answer(one, "deny", "approver", "A\r\nBcc: x@example.com\n" + "long " * 99)
    [(_, sentence, _, _)] = letters()
    assert sentence.startswith("approver denied “shop-plugin”: A Bcc: x@example.com long long")
    assert (sentence[-1], len(sentence)) == ("…", 191)
    [letter] = mail.outbox
    assert (len(letter.subject), "\n" in letter.subject, letter.bcc) == (120, False, [])
    assert (WHY in letter.body, fresh(one).digest in letter.body) == (False, False)

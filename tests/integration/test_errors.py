"""Pages for what went wrong: in one look, with a way on, in place where htmx asked, also with the database down."""

import re
from typing import Any

import pytest
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client

from tests import arrange
from tokenportal.audit import AuditUnavailable

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true", "HX-Target": "told"}


def told(answer: Any) -> tuple[str, str]:
    """The heading and the sentence."""
    text = answer.content.decode()
    title = re.findall(r"<h1>(?:<svg.*?</svg>)? ?(?:<span>)?([^<]+)", text, re.DOTALL)[0]
    return title.strip(), re.findall(r'data-testid="refusal">.*?([A-Z][^<]+)</p>', text, re.DOTALL)[0]


def in_place(answer: Any) -> tuple[str, str, str, str]:
    """What htmx is told to do with a banner, and its two lines."""
    text = answer.content.decode()
    assert "<html" not in text
    title, sentence = re.findall(r"<p>(?:<strong>)?([^<]+)", text)
    return answer["HX-Retarget"], answer["HX-Reswap"], title, sentence


def test_what_is_not_there_and_what_is_not_allowed_say_so_and_lead_on(portal: None) -> None:
    web = arrange.signed_in("requester")
    missing, refused = web.get("/nowhere/"), web.get("/settings/people/")
    assert (missing.status_code, refused.status_code) == (404, 403)
    assert told(missing)[0] == "Not found"
    assert told(refused) == ("You cannot do this", "Only admins can do this. Ask an admin of this portal.")
    for answer in (missing, refused):
        assert 'href="/">Go to the tokens' in answer.content.decode()


def test_who_comes_too_late_to_a_review_is_told_what_may_have_become_of_it_and_led_back(portal: None) -> None:
    taken_back = arrange.draft()
    answer = arrange.signed_in("approver").post(f"/requests/{taken_back.pk}/review/approve/", {"comment": "A long thought."})
    assert (answer.status_code, told(answer)[0]) == (404, "Not found")
    assert "If you have seen this request before, its requester may have taken it back." in answer.content.decode()
    assert 'href="/review/">Go to Review</a>' in answer.content.decode()


@pytest.mark.parametrize("path", ["/nowhere/", "/settings/people/"])
def test_where_htmx_asked_the_error_stands_at_the_head_of_the_page_that_stays(portal: None, path: str) -> None:
    where, how, title, _ = in_place(arrange.signed_in("requester").get(path, headers=HTMX))
    assert (where, how) == ("#messages", "innerHTML show:#messages:top")
    assert title in {"Not found", "You cannot do this"}
    whole = arrange.signed_in("requester").get(path, headers={**HTMX, "HX-Boosted": "true"})
    assert "<html" in whole.content.decode()


def test_htmx_does_something_with_every_error_that_the_portal_makes(portal: None) -> None:
    page = Client().get("/sign-in/").content.decode()
    rules = re.findall(r'\{"code": "([^"]+)", "swap": (true|false)', page)
    for status in (400, 403, 404, 409, 422, 429, 500, 503):
        assert next(swap for code, swap in rules if re.search(code, str(status))) == "true", status
    for status in (204, 405, 413, 502, 504):  # empty, or from a proxy: no part of ours is in it
        assert next(swap for code, swap in rules if re.search(code, str(status))) == "false", status


def test_the_signed_out_are_told_in_place_and_not_led_into_the_middle_of_a_page(portal: None) -> None:
    answer = Client().get("/", headers={"HX-Request": "true", "HX-Target": "list"})
    assert answer.status_code == 403
    assert in_place(answer)[2:] == (
        "You are signed out", "Sign in again in another window. What you typed stays here until you leave this page.",
    )  # fmt: skip
    assert Client().get("/", headers={"HX-Request": "true", "HX-Boosted": "true"}).status_code == 302


def test_a_form_that_is_too_old_loses_nothing_that_was_typed(portal: None) -> None:
    draft = arrange.draft()
    web = Client(enforce_csrf_checks=True)
    web.force_login(draft.requester)
    posted = {
        "name": "shop <b>dns</b>", "purpose": "certbot", "allow": "203.0.113.0/24", "b1-label": "shop", "b1-zone-add": "a.example",
        "until": " ", "password": "not this", "b1-p0": "f" * 32,
    }  # fmt: skip
    answer = web.post(f"/requests/{draft.pk}/", posted)
    assert answer.status_code == 403
    assert told(answer)[0] == "Nothing was changed"
    text = answer.content.decode()
    assert re.findall(r'<dt>([^<]+)</dt><dd class="typed">([^<]+)</dd>', text) == [
        ("Name", "shop &lt;b&gt;dns&lt;/b&gt;"), ("What will use it", "certbot"), ("Works only from", "203.0.113.0/24"),
        ("Access 1, label", "shop"), ("Access 1, zone", "a.example"),
    ]  # fmt: skip
    assert "not this" not in text
    banner = in_place(web.post(f"/requests/{draft.pk}/", posted, headers=HTMX))
    assert banner[2] == "Nothing was changed"
    draft.working_copy.refresh_from_db()
    assert draft.working_copy.spec.name == "a-token"


def test_a_request_that_makes_no_sense_gets_a_page(portal: None) -> None:
    answer = Client().get("/sign-in/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert told(answer)[0] == "The request made no sense"
    assert 'href="/">Go to the tokens' in answer.content.decode()


def test_with_the_database_down_there_is_still_a_page_in_the_chosen_theme(portal: None, monkeypatch: Any) -> None:
    web = arrange.signed_in("requester")
    web.raise_request_exception = False
    web.cookies["theme"] = "dark"

    def down(self: BaseDatabaseWrapper) -> None:
        raise OperationalError("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(BaseDatabaseWrapper, "cursor", down)
        answers = [web.get("/"), web.get("/nowhere/"), web.get("/", headers=HTMX)]
    assert [answer.status_code for answer in answers] == [500, 500, 500]
    assert told(answers[0]) == (
        "Something went wrong",
        "This is a fault of the portal. Look whether your last step took effect before you repeat it.",
    )
    assert '<html lang="en" data-theme="dark">' in answers[0].content.decode()
    assert in_place(answers[2])[2] == "Something went wrong"


def test_what_cannot_be_recorded_is_told_as_not_done(portal: None, monkeypatch: Any) -> None:
    web = arrange.signed_in("requester")

    def broken(record: Any) -> None:
        raise AuditUnavailable("The audit cannot be written.")

    monkeypatch.setattr("tokenportal.audit.chain.append", broken)
    for headers in ({}, HTMX):
        answer = web.post("/templates/start/", {"template": "scratch"}, headers=headers)
        assert answer.status_code == 503
        title = in_place(answer)[2] if headers else told(answer)[0]
        assert title == "Nothing was changed"

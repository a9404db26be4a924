"""Notices: counted in the header, listed newest first, read all at once, each leading to its token."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tokenportal import clock
from tokenportal.actions import notices, people
from tokenportal.models import AuditEvent, Notice, Token

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(portal: None) -> Token:
    made = arrange.issue(arrange.draft())
    assert made
    return made.token


def tell(token: Token, *sentences: str, name: str = "requester") -> None:
    for number, sentence in enumerate(sentences):
        with clock.at(clock.now() - timedelta(minutes=len(sentences) - number)):
            notices.tell([arrange.person(name)], token, sentence)


def unread(web: Client, path: str = "/drafts/") -> str:
    page = web.get(path).content.decode()
    found = re.search(r'data-testid="notices".*?</a>', page, re.DOTALL)
    assert found
    count = re.search(r'class="count turn">(\S+?)<', found[0])
    return count[1] if count else ""


def listed(web: Client, query: str = "") -> list[tuple[bool, str]]:
    page = web.get(f"/notices/{query}").content.decode()
    rows = re.findall(r'data-testid="notice"( class="unread")?>.*?<p>(.*?)</p>', page, re.DOTALL)
    return [(bool(new), re.sub(r"<span.*?</span> ", "", sentence)) for new, sentence in rows]


def until(page: str) -> str:
    found = re.search(r'name="until" value="([^"]+)"', page)
    assert found
    return found[1]


def test_nobody_told_anything_finds_an_empty_page_and_no_number(portal: None) -> None:
    web = arrange.signed_in("requester")
    page = web.get("/notices/").content.decode()
    assert (unread(web), listed(web)) == ("", [])
    assert "No notices" in page
    assert 'data-testid="read-all"' not in page
    assert 'aria-current="page"' in page.split('data-testid="notices"')[1].split(">")[0]


def test_notices_are_listed_newest_first_and_read_all_at_once_by_their_reader_alone(token: Token) -> None:
    web = arrange.signed_in("requester")
    tell(token, "first", "second")
    tell(token, "theirs", name="teammate")
    assert (unread(web), listed(web)) == ("2", [(True, "second"), (True, "first")])
    page = web.get("/notices/").content.decode()
    assert page.count(f'href="/tokens/{token.pk}/"') == 2
    events = AuditEvent.objects.count()
    answer = web.post("/notices/", {"until": until(page)})
    assert (answer.status_code, answer["Location"]) == (302, "/notices/")
    assert "2 notices marked as read." in web.get("/notices/").content.decode()
    assert (unread(web), listed(web)) == ("", [(False, "second"), (False, "first")])
    assert unread(arrange.signed_in("teammate")) == "1"
    assert AuditEvent.objects.count() == events + 1  # the teammate signed in


def test_a_notice_that_came_after_the_page_stays_unread(token: Token) -> None:
    web = arrange.signed_in("requester")
    tell(token, "shown")
    page = web.get("/notices/").content.decode()
    notices.tell([arrange.person("requester")], token, "later")
    web.post("/notices/", {"until": until(page)})
    assert "1 notice marked as read." in web.get("/notices/").content.decode()
    assert listed(web) == [(True, "later"), (False, "shown")]


@pytest.mark.parametrize("typed", ["", "yesterday", "9999999"])
def test_without_a_moment_that_makes_sense_all_are_read(token: Token, typed: str) -> None:
    web = arrange.signed_in("requester")
    tell(token, "one")
    web.post("/notices/", {"until": typed})
    assert unread(web) == ""


def test_many_are_paged_and_counted_no_further_than_ninety_nine(token: Token) -> None:
    web = arrange.signed_in("requester")
    tell(token, *(f"notice {number}" for number in range(120)))
    assert unread(web) == "99+"
    assert listed(web)[0] == (True, "notice 119")
    assert listed(web, "?page=5") == [(True, f"notice {number}") for number in range(19, -1, -1)]
    assert "101 to 120 of 120" in web.get("/notices/?page=99").content.decode()


def test_a_token_that_one_may_no_longer_see_is_not_linked(token: Token) -> None:
    tell(token, "about it", name="teammate")
    web = arrange.signed_in("teammate")
    assert str(token.pk) in web.get("/notices/").content.decode()
    people.remove_membership(arrange.team().memberships.get(user__username="teammate"), by=arrange.person("admin"))
    page = arrange.signed_in("teammate").get("/notices/").content.decode()
    assert ("about it" in page, str(token.pk) in page) == (True, False)


def test_only_who_may_change_the_token_is_offered_to_renew_it(token: Token) -> None:
    tell(token, "it ends")
    tell(token, "it ends", name="teammate")
    renew = f'action="/tokens/{token.pk}/renew/"'
    assert renew in arrange.signed_in("requester").get("/notices/").content.decode()
    assert renew not in arrange.signed_in("teammate").get("/notices/").content.decode()


def test_the_page_asks_equally_often_for_one_notice_and_for_three(token: Token) -> None:
    web = arrange.signed_in("requester")

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert web.get("/notices/").status_code == 200
        return len(queries)

    tell(token, "one")
    one = count()
    for _ in range(2):
        made = arrange.issue(arrange.draft())
        assert made
        tell(made.token, "another")
    assert (count(), Notice.objects.count()) == (one, 3)


def test_a_part_of_a_page_counts_no_notices(token: Token) -> None:
    web: Any = arrange.signed_in("requester")
    with CaptureQueriesContext(connection) as queries:
        web.get("/?q=a", headers={"HX-Request": "true", "HX-Target": "list"})
    assert not any("notice" in query["sql"] for query in queries)


def test_the_wrong_method_is_refused(portal: None) -> None:
    assert arrange.signed_in("requester").put("/notices/").status_code == 405

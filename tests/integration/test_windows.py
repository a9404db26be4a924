"""The tables at /admin/: admins look at them, nobody changes anything, and others' drafts stay private."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests import arrange
from tokenportal import audit, urls
from tokenportal.audit import Event
from tokenportal.models import AuditEvent, Token, TokenRequest

pytestmark = pytest.mark.django_db

CSS = Path(__file__).parents[2] / "static" / "css"


@pytest.fixture
def addresses(portal: None) -> list[str]:
    """Every address of the tables, with the key of a row where it needs one."""
    issued = arrange.issue(arrange.draft())
    assert issued
    keys = {"token": issued.token.pk, "tokenrequest": TokenRequest.objects.get().pk, "auditevent": 1}
    found = []
    for route in urls.ROUTES:
        if route.name.startswith("admin:"):
            key = keys.get(route.name.split("_")[1]) if route.name.endswith("_change") else None
            found.append(reverse(route.name, args=[key] if key else []))
    assert len(found) == 8
    return found


@pytest.mark.parametrize(("name", "status"), [("admin", 200), ("auditor", 403), ("requester", 403), ("approver", 403)])
def test_only_admins_look(addresses: list[str], name: str, status: int) -> None:
    web = arrange.signed_in(name)
    assert [web.get(where).status_code for where in addresses] == [status] * len(addresses)
    assert [web.head(where).status_code for where in addresses] == [status] * len(addresses)


def test_the_signed_out_are_led_to_the_portal_s_own_sign_in(addresses: list[str]) -> None:
    for where in addresses:
        for answer in (Client().get(where), Client().post(where)):
            assert (answer.status_code, answer.headers["Location"]) == (302, f"/sign-in/?next={where}")


@pytest.mark.parametrize("name", ["admin", "auditor", "requester"])
def test_nothing_but_looking_is_answered(addresses: list[str], name: str) -> None:
    web = arrange.signed_in(name)
    before = (list(Token.objects.values()), list(TokenRequest.objects.values()), AuditEvent.objects.count())
    sent = {"name": "stolen", "action": "delete_selected", "_selected_action": [str(Token.objects.get().pk)], "_save": "Save"}
    for where in addresses:
        for method in ("post", "put", "patch", "delete"):
            answer = getattr(web, method)(where, sent if method == "post" else "")
            assert answer.status_code == 405, (method, where)
    assert (list(Token.objects.values()), list(TokenRequest.objects.values()), AuditEvent.objects.count()) == before


def test_django_s_own_ways_in_and_to_change_are_not_there(addresses: list[str]) -> None:
    web = arrange.signed_in("admin")
    token = Token.objects.get().pk
    for where in ("login/", "logout/", "password_change/", "jsi18n/", "autocomplete/", "r/1/1/", "tokenportal/token/add/",
                  f"tokenportal/token/{token}/delete/", f"tokenportal/token/{token}/change/", f"tokenportal/token/{token}/history/",
                  "tokenportal/user/", "tokenportal/connection/", "auth/", "admin/logentry/"):  # fmt: skip
        assert web.get(f"/admin/{where}").status_code == 404, where


def test_a_draft_is_shown_to_whom_it_belongs_and_no_other_admin(portal: None) -> None:
    theirs, own = arrange.draft(), arrange.draft(by="admin") if arrange.person("admin").requester_team_ids else None
    web = arrange.signed_in("admin")
    listed = web.get("/admin/tokenportal/tokenrequest/").content.decode()
    assert theirs.reference not in listed
    assert web.get(f"/admin/tokenportal/tokenrequest/{theirs.pk}/").status_code == 404
    assert own is None or own.reference in listed


def test_a_row_is_shown_whole_and_offers_nothing_to_press(addresses: list[str]) -> None:
    web, token = arrange.signed_in("admin"), Token.objects.get()
    page = web.get(f"/admin/tokenportal/token/{token.pk}/").content.decode()
    assert token.cloudflare_id in page
    assert "<script" not in page
    assert 'type="submit"' not in page
    assert "<style" not in page
    assert "sealed" not in page


@pytest.mark.parametrize(
    ("sought", "action"),
    [("token.issued", {"token.issued"}), ("1", {"portal.set_up", "person.created", "team.created"}), ("nobody", set())],
)
def test_events_are_searched_exactly(addresses: list[str], sought: str, action: set[str]) -> None:
    answer = arrange.signed_in("admin").get("/admin/tokenportal/auditevent/", {"q": sought})
    found = {event.action for event in answer.context["cl"].result_list}
    assert found <= action
    assert bool(found) == bool(action)


def test_events_are_found_by_a_thing_and_by_a_person(addresses: list[str]) -> None:
    web, token = arrange.signed_in("admin"), Token.objects.get()
    for sought, filtered in ((str(token.pk), {"object_id": str(token.pk)}), ("requester", {"by_name": "requester"})):
        listed = web.get("/admin/tokenportal/auditevent/", {"q": sought}).context["cl"].result_list
        assert [event.number for event in listed] == list(
            AuditEvent.objects.filter(**filtered).values_list("number", flat=True)[:50]
        )


def test_a_long_log_is_listed_as_quickly_as_a_short_one(portal: None, django_assert_num_queries: Any) -> None:
    web = arrange.signed_in("admin")
    where = "/admin/tokenportal/auditevent/"

    def asked() -> list[str]:
        with django_assert_num_queries(4) as captured:
            assert web.get(where).status_code == 200
        return [query["sql"] for query in captured.captured_queries]

    asked()
    for _ in range(60):
        audit.note(Event.PORTAL_SEEDED, by=None)
    assert all("COUNT" not in sql or "LIMIT 1000" in sql for sql in asked())
    assert len(web.get(where, {"p": "2"}).context["cl"].result_list) > 0
    assert web.get(where, {"p": "99"}).headers["Location"] == f"{where}?e=1"


def test_moments_are_told_to_the_second_and_their_columns_say_utc(addresses: list[str]) -> None:
    web, token, event = arrange.signed_in("admin"), Token.objects.get(), AuditEvent.objects.get(number=1)
    for where, column, at in (
        ("/admin/tokenportal/auditevent/", "At, UTC", AuditEvent.objects.latest("number").at),
        ("/admin/tokenportal/auditevent/1/", "At, UTC:", event.at),
        (f"/admin/tokenportal/token/{token.pk}/", "Issued on, UTC:", token.issued_on),
        ("/admin/tokenportal/tokenrequest/", "Changed at, UTC", TokenRequest.objects.get().changed_at),
    ):
        shown = web.get(where).content.decode()
        assert (column in shown, f"{at:%Y-%m-%d %H:%M:%S}" in shown) == (True, True), where


@pytest.mark.parametrize("theme", ["", "light", "dark"])
def test_the_tables_wear_the_portal_s_colours_and_the_theme_that_was_chosen(addresses: list[str], theme: str) -> None:
    web = arrange.signed_in("admin")
    web.cookies["theme"] = theme
    for where in addresses:
        shown = web.get(where).content.decode()
        assert "css/windows.css" in shown, where
        assert [name for name in ("light", "dark") if f'content="{name}"' in shown] == ([theme] if theme else []), where


def test_the_tables_have_no_colour_that_the_portal_lacks() -> None:
    ours, portal = (set(re.findall(r"#[0-9a-f]{6}\b", (CSS / name).read_text())) for name in ("windows.css", "portal.css"))
    assert ours
    assert ours <= portal


def test_all_is_offered_again_only_where_something_was_looked_for(addresses: list[str]) -> None:
    web, where = arrange.signed_in("admin"), "/admin/tokenportal/auditevent/"
    offered = [
        ">Show all</a>" in web.get(where, query).content.decode()
        for query in ({}, {"q": "requester"}, {"outcome__exact": "done"})
    ]
    assert offered == [False, True, True]

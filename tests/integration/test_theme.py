"""Light, dark or as the system has it: kept in a cookie, drawn without JavaScript, signed in or not."""

import re
from typing import Any

import pytest
from django.test import Client

from tests import arrange
from tokenportal.models import AuditEvent

pytestmark = pytest.mark.django_db


def drawn(web: Client, path: str = "/sign-in/") -> tuple[str, str, str]:
    """The page's theme, its colour scheme, and the button that is pressed."""
    page = web.get(path).content.decode()
    theme = re.findall(r'<html lang="en"(?: data-theme="(\w+)")?>', page)[0]
    scheme = re.findall(r'<meta name="color-scheme" content="([^"]+)">', page)[0]
    return theme, scheme, re.findall(r'name="theme" value="(\w+)" aria-pressed="true"', page)[0]


@pytest.mark.parametrize("who", ["", "requester"])
def test_a_choice_is_kept_and_drawn_and_taken_back(portal: None, who: str) -> None:
    web = arrange.signed_in(who) if who else Client()
    here = "/" if who else "/sign-in/"
    assert drawn(web, here) == ("", "light dark", "system")
    events = AuditEvent.objects.count()
    for theme in ("dark", "light"):
        answer = web.post("/theme/", {"theme": theme, "next": here})
        assert (answer.status_code, answer["Location"]) == (302, here)
        assert drawn(web, here) == (theme, theme, theme)
    assert AuditEvent.objects.count() == events
    web.post("/theme/", {"theme": "system", "next": here})
    assert drawn(web, here) == ("", "light dark", "system")


def test_the_cookie_lasts_a_year_and_no_script_reads_it(portal: None) -> None:
    cookie = Client().post("/theme/", {"theme": "dark"}).cookies["theme"]
    assert (cookie.value, cookie["max-age"], cookie["samesite"], cookie["httponly"], cookie["path"]) == (
        "dark", 31536000, "Lax", True, "/",
    )  # fmt: skip


@pytest.mark.parametrize("value", ["sepia", '"><script>', ""])
def test_what_is_no_theme_is_as_the_system_has_it(portal: None, value: str) -> None:
    web = Client()
    web.cookies["theme"] = value
    assert drawn(web) == ("", "light dark", "system")
    assert web.post("/theme/", {"theme": value}).cookies["theme"]["max-age"] == 0


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_the_way_back_stays_in_the_portal(portal: None, elsewhere: str) -> None:
    assert Client().post("/theme/", {"theme": "dark", "next": elsewhere})["Location"] == "/"


def test_a_page_that_must_not_be_left_offers_no_theme(portal: None) -> None:
    ready = arrange.checked(arrange.draft())
    web = arrange.signed_in("requester")
    created: Any = web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))
    assert 'name="theme"' not in created.content.decode()
    assert 'name="theme"' in web.get(f"/requests/{ready.pk}/").content.decode()

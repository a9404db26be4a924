"""Every form of every page, field by field, with what nobody should type: no traceback, and nothing typed is lost."""

import re
import uuid
from html import unescape
from typing import Any, NamedTuple

import pytest
from django.test import Client

from tests import arrange
from tests.integration.test_routes import filled, listed, things  # noqa: F401
from tokenportal import visible

pytestmark = pytest.mark.django_db

NASTY = (
    "",
    "x" * 5000,
    "9" * 5000,
    "\u00b2",
    "bell\x07",
    "nul\x00",
    "turn\u202ename",
    '<b id="x">bold</b>',
    str(uuid.UUID(int=0)),
    "-1",
    "\u0663",
)
NEVER_SHOWN_AGAIN = {"password", "hidden", "checkbox", "radio", "submit"}


CONTROLS = re.compile(
    r"<(input [^>]*|select [^>]*|textarea [^>]*)>((?:(?!<input|<select|<textarea)[\s\S])*?</(?:select|textarea)>)?"
)


class Form(NamedTuple):
    """``fields`` is what a browser would send; ``kinds`` says how each is shown: text, password, select, textarea..."""

    action: str
    fields: dict[str, str]
    kinds: dict[str, str]


def attributes(tag: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in re.findall(r'([a-z-]+)="([^"]*)"', tag)}


def forms_on(page: str, address: str) -> list[Form]:
    found = []
    for head, inside in re.findall(r"<form ([^>]*)>(.*?)</form>", page, re.DOTALL):
        about = attributes(head)
        if about.get("method") != "post":
            continue
        fields, kinds = {}, {}
        for tag, body in CONTROLS.findall(inside):
            one, element = attributes(tag), tag.split()[0]
            name, kind = one.get("name", ""), one.get("type", "text") if element == "input" else element
            if not name or name == "csrfmiddlewaretoken":
                continue
            kinds[name] = "hidden" if " hidden" in tag or " readonly" in tag else kind
            if kind in ("checkbox", "radio") and " checked" not in tag:
                continue
            chosen = re.search(r'value="([^"]*)"[^>]*selected', body)
            fields[name] = (
                unescape(chosen[1])
                if chosen
                else unescape(body.partition("</")[0].strip())
                if kind == "textarea"
                else one.get("value", "")
            )
        found.append(Form(about.get("action") or address, fields, kinds))
    return found


def pages(things: dict[str, Any]) -> list[str]:  # noqa: F811
    """Every page that has a form and can be looked at, but the builder, whose fields have tests of their own."""
    return [filled(row["path"], things) for row in listed() if "GET" in row["methods"] and row["name"] != "request"]


def shown(page: str, typed: str) -> bool:
    """Whether it is still there, what nobody can see of it in visible form."""
    return any(visible.in_page(text) in unescape(page) for text in (typed, typed.replace("\x00", "\ufffd")))


@pytest.mark.parametrize("name", ["admin", "requester"])
def test_whatever_is_sought_is_answered(things: dict[str, Any], name: str) -> None:  # noqa: F811
    """PostgreSQL takes no NUL, SQLite anything."""
    web, asked = arrange.signed_in(name), 0
    for row in listed():
        if "GET" in row["methods"]:
            page = web.get(filled(row["path"], things))
            names = {
                "q",
                *re.findall(r'<(?:input|select)[^>]* name="([^"]+)"', getattr(page, "content", b"").decode(errors="replace")),
            }
            for typed in ("a\0b", "\u202e%_\\"):
                asked += 1
                assert web.get(filled(row["path"], things), dict.fromkeys(names, typed)).status_code < 500, row["path"]
    assert asked > 100


@pytest.mark.parametrize("name", ["admin", "requester"])
def test_whatever_is_typed_ends_in_a_page_that_says_what_to_do(things: dict[str, Any], name: str) -> None:  # noqa: F811
    web = arrange.signed_in(name)
    tried = 0
    for address in pages(things):
        page = web.get(address)
        for form in forms_on(page.content.decode(), address) if page.status_code == 200 else []:
            for field, kind in form.kinds.items():
                for typed in NASTY:
                    answer = web.post(form.action, {**form.fields, field: typed})
                    tried += 1
                    assert answer.status_code in (200, 302, 403, 404, 409, 422, 429), (form.action, field, typed[:20])
                    if answer.status_code == 422 and kind != "hidden":
                        text = answer.content.decode()
                        assert "<title>Error: " in text, (form.action, field, typed[:20])
                        assert '<b id="x">' not in text
                        # A value that leaked may still work, so it is shown to nobody again.
                        if typed and kind not in (*NEVER_SHOWN_AGAIN, "select") and form.action != "/audit/value/":
                            assert shown(text, typed), (form.action, field, typed[:20])
    assert tried > (300 if name == "admin" else 40), tried


def test_the_pages_before_a_sign_in_take_whatever_is_typed_too(db: None) -> None:
    web = Client()
    tried = 0
    for address in ("/set-up/", "/sign-in/"):
        for form in forms_on(web.get(address, follow=True).content.decode(), "/set-up/"):
            for field in form.kinds:
                for typed in NASTY:
                    answer = web.post(form.action, {**form.fields, field: typed})
                    tried += 1
                    assert answer.status_code == 422, (form.action, field, typed[:20])
                    if typed and form.kinds[field] not in NEVER_SHOWN_AGAIN:
                        assert shown(answer.content.decode(), typed), (form.action, field, typed[:20])
    assert tried >= 2 * 4 * len(NASTY)

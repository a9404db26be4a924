"""What goes over the wire: little, compressed where that gives nothing away, and nothing from anybody else."""

import gzip
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.test import Client

from tests import arrange

pytestmark = pytest.mark.django_db

FIRST_VISIT = 60_000
PART = 15_000


@pytest.fixture
def collected(settings: Any, tmp_path: Path) -> None:
    """Static files as a demo and an installation serve them: compressed beforehand, with hashed names."""
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.COLLECTED
    settings.WHITENOISE_USE_FINDERS = False
    call_command("collectstatic", "--noinput", verbosity=0)


def browser() -> Client:
    return Client(headers={"Accept-Encoding": "gzip, deflate, br"})


def wire(answer: Any) -> int:
    """The bytes of an answer, its headers too."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return len(body) + sum(len(name) + len(value) + 4 for name, value in answer.headers.items())


def linked(page: Any) -> list[str]:
    """Whatever a browser fetches for a page."""
    text = gzip.decompress(page.content).decode()
    return re.findall(r'<(?:script|img|iframe)[^>]*\ssrc="([^"]+)', text) + re.findall(r'<link[^>]*\shref="([^"]+)', text)


def test_a_first_visit_is_small_and_asks_nobody_else(portal: None, collected: None) -> None:
    for _ in range(3):
        arrange.issue(arrange.draft())
    web = browser()
    entrance = web.get("/sign-in/")
    signed_in = web.post("/sign-in/", {"username": "requester", "password": arrange.PASSWORD})
    home = web.get("/")
    assert (entrance.status_code, signed_in.status_code, home.status_code) == (200, 302, 200)
    fetched = {*linked(entrance), *linked(home)}
    assert [address for address in fetched if urlsplit(address).netloc or not address.startswith("/static/")] == []
    files = {address: web.get(address) for address in sorted(fetched)}
    for address, file in files.items():
        assert (file.status_code, file.headers.get("Content-Encoding")) == (200, "gzip"), address
        assert re.search(r"\.[0-9a-f]{12}\.\w+$", address), address
        assert file.headers["Cache-Control"] == "max-age=315360000, public, immutable", address
    spent = wire(entrance) + wire(signed_in) + wire(home) + sum(wire(file) for file in files.values())
    assert 20_000 < spent <= FIRST_VISIT


def test_a_page_is_compressed_for_a_browser_that_can_read_it(portal: None) -> None:
    answer = browser().get("/sign-in/")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert b"Sign in" in gzip.decompress(answer.content)
    assert "Content-Encoding" not in Client().get("/sign-in/").headers


def test_what_shows_a_secret_is_never_compressed(portal: None) -> None:
    ready = arrange.checked(arrange.draft())
    web = arrange.signed_in("requester")
    created = web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready), headers={"Accept-Encoding": "gzip"})
    person = arrange.person("teammate")
    admin = arrange.signed_in("admin")
    reset = admin.post(f"/settings/people/{person.pk}/password/", headers={"Accept-Encoding": "gzip"})
    for answer, mark in ((created, "cfat_"), (reset, "one-time-password")):
        assert mark in answer.content.decode()
        assert "no-transform" in answer.headers["Cache-Control"]
        assert "Content-Encoding" not in answer.headers


def test_the_sandbox_s_answers_are_never_compressed(portal: None) -> None:
    issued = arrange.issue(arrange.draft())
    assert issued
    [zone] = arrange.zone_ids(arrange.zone_names()[0])
    bearer = {"Authorization": f"Bearer {issued.secret.reveal()}"}
    answer = browser().get(f"/sandbox/client/v4/zones/{zone}/dns_records", headers=bearer)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert len(answer.content) > 400
    assert "Content-Encoding" not in answer.headers


def test_two_answers_to_one_question_are_not_of_one_size(portal: None) -> None:
    web = browser()
    assert len({len(web.get("/sign-in/").content) for _ in range(12)}) > 1


def test_every_page_says_what_it_is_about(portal: None) -> None:
    for page in (Client().get("/sign-in/"), arrange.signed_in("requester").get("/")):
        assert re.findall(r'<meta name="description" content="([^"]{50,160})">', page.content.decode()) != []

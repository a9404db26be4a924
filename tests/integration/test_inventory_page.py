"""The list of tokens as the inventory: who sees what nobody answers for, filters, what could be read, and reading anew."""

import re
from datetime import timedelta

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tests.integration.test_inventory import at_sandbox, found_outside, issued, later, many, sync
from tokenportal import clock
from tokenportal.actions import reading, syncing
from tokenportal.models import AuditEvent, Connection, Token
from tokenportal.policy.spec import Validity

pytestmark = pytest.mark.django_db

PART = {"HX-Request": "true", "HX-Target": "coverage"}


def page(web: Client, **query: str) -> str:
    return web.get("/", query).content.decode()


def listed(web: Client, **query: str) -> list[str]:
    return sorted(re.findall(r'<a class="name"[^>]*>([^<]+)</a>', page(web, **query)))


def badges(web: Client, **query: str) -> dict[str, list[str]]:
    rows = re.findall(r'<th role="rowheader".*?</th>', page(web, **query), re.DOTALL)
    return {re.findall(r'class="name"[^>]*>([^<]+)', row)[0]: re.findall(r'class="badge[^"]*">([^<]+)', row) for row in rows}


def tabs(web: Client) -> dict[str, str]:
    found = re.search(r'<nav class="tabs".*?</nav>', page(web), re.DOTALL)
    assert found
    return dict(re.findall(r'">([A-Z][a-z ]+) <span class="count">(\d+)</span>', found[0]))


def test_the_tab_of_unmanaged_tokens_is_for_auditors_and_admins(portal: None) -> None:
    found_outside()
    for name in ("auditor", "admin"):
        web = arrange.signed_in(name)
        assert listed(web, tab="unmanaged") == ["outside"]
        assert tabs(web)["Unmanaged"] == "1"
        assert tabs(web)["Team"] == "1"
        assert listed(web, tab="team") == ["a-token"]
    web = arrange.signed_in("requester")
    assert tabs(web) == {"Mine": "1", "Team": "1", "Expiring soon": "0"}
    assert listed(web, tab="unmanaged") == listed(web, tab="mine") == ["a-token"]
    assert 'data-testid="sync"' not in page(web)


def test_badges_say_what_is_no_ordinary_token(portal: None) -> None:
    found_outside()
    call_command("sandbox_alter", "widen", "a-token")
    sync()
    web = arrange.signed_in("admin")
    assert badges(web, tab="unmanaged") == {"outside": ["Unmanaged"]}
    assert badges(web, tab="team") == {"a-token": ["Drifted"]}
    parents = badges(web, tab="unmanaged", status="parent")
    assert parents == {"Token Portal (Acme production)": ["Connection’s own credential"]}


FILTERED: tuple[tuple[dict[str, str], list[str]], ...] = (
    ({}, ["drifted", "endless", "never-used", "old-unused", "used-lately"]),
    ({"use": "never"}, ["drifted", "endless", "never-used", "old-unused"]),
    ({"use": "90"}, ["old-unused"]),
    ({"expiry": "never"}, ["drifted", "endless"]),
    ({"status": "drifted"}, ["drifted"]),
    ({"status": "gone"}, ["a-token"]),
    ({"status": "revoked"}, []),
    ({"status": "parent"}, []),
    ({"status": "active", "use": "never", "expiry": "never"}, ["drifted", "endless"]),
    ({"connection": "Acme production"}, ["drifted", "never-used", "old-unused", "used-lately"]),
    ({"connection": "Acme staging"}, ["endless"]),
    ({"use": "x", "connection": "x"}, ["drifted", "endless", "never-used", "old-unused", "used-lately"]),
)


def test_each_filter_finds_what_it_says(portal: None) -> None:
    tokens = {}
    for name in ("never-used", "used-lately", "old-unused", "drifted", "deleted"):
        tokens[name] = issued()
        at_sandbox(tokens[name], name=name)
    tokens["endless"] = issued(template="workers-ai", through="Acme staging", validity=Validity(lifetime="never"))
    at_sandbox(tokens["endless"], name="endless")
    now = clock.now()
    at_sandbox(tokens["used-lately"], last_used_on=now - timedelta(days=89))
    at_sandbox(tokens["old-unused"], issued_on=now - timedelta(days=91))
    call_command("sandbox_alter", "widen", "drifted")
    call_command("sandbox_alter", "delete", "deleted")
    with later():
        sync()
        syncing.sync(arrange.connection("Acme staging"))
    web = arrange.signed_in("requester")
    for query, expected in FILTERED:
        if query.get("connection", "").startswith("Acme"):
            query = {"connection": str(arrange.connection(query["connection"]).pk)}
        assert listed(web, tab="team", **query) == expected, query


def test_a_token_that_has_ended_shows_what_happened_and_when(portal: None) -> None:
    issued()
    call_command("sandbox_alter", "delete", "a-token")
    with later():
        sync()
    token, web = Token.objects.managed().get(), arrange.signed_in("requester")
    assert listed(web) == []
    assert tabs(web)["Mine"] == "0"
    shown = page(web, status="gone")
    assert 'data-state="gone"' in shown
    assert f'Gone</span><small><time datetime="{token.ended_at:%Y-%m-%dT%H:%M:%SZ}">' in shown


def test_nothing_unmanaged_is_said_and_is_no_failure(portal: None) -> None:
    web = arrange.signed_in("admin")
    assert "No token is unmanaged" in page(web, tab="unmanaged")


# What the connections could list


def covered(shown: str) -> dict[str, tuple[str, str]]:
    rows = re.findall(r'data-testid="coverage-([a-z-]+)" data-state="(\w+)">(.*?)</li>', shown, re.DOTALL)
    return {name: (state, " ".join(re.sub("<.*?>", " ", text).split())) for name, state, text in rows}


def test_what_cannot_be_listed_is_never_shown_as_empty(portal: None) -> None:
    media, web = arrange.connection("Acme media"), arrange.signed_in("auditor")
    assert {state for state, _ in covered(page(web, tab="unmanaged")).values()} == {"never"}
    assert 'data-testid="not-covered"' in page(web, tab="unmanaged")
    call_command("sandbox_fault", "html", method="GET", path=f"/accounts/{media.owner_id}")
    answer = web.post("/tokens/sync/", follow=True)
    shown = answer.content.decode()
    assert answer.redirect_chain == [("/?tab=unmanaged", 302)]
    assert "Not every connection’s tokens could be read." in shown
    assert 'data-testid="not-covered"' in shown
    found = covered(shown)
    assert {name: state for name, (state, _) in found.items()} == {
        "acme-media": "failed", "acme-production": "ready", "acme-staging": "ready", "acme-user": "ready",
    }  # fmt: skip
    assert "It is not known whether Cloudflare did it" in found["acme-media"][1]
    assert found["acme-media"][1].endswith("Not read yet. At least 0 of 500 tokens")
    assert found["acme-user"][1].endswith("UTC . 1 of 50 tokens")
    answer = web.post("/tokens/sync/", follow=True)
    assert "The tokens have been read anew." in answer.content.decode()
    assert 'data-testid="not-covered"' not in answer.content.decode()
    events = AuditEvent.objects.filter(action="tokens.synced", by_name="auditor")
    assert events.count() == 8


def test_a_quota_that_fills_up_stands_out(portal: None) -> None:
    many(400)
    sync()
    shown = page(arrange.signed_in("admin"), tab="unmanaged")
    assert '<span class="quota text warn">401 of 500 tokens</span>' in shown


def test_a_long_reading_shows_how_far_it_is_and_asks_again_until_it_is_done(portal: None) -> None:
    web, ours = arrange.signed_in("admin"), reading.begin(arrange.connection())
    assert ours
    ours.progress(150, 500, False)
    for shown in (page(web, tab="unmanaged"), web.get("/", headers=PART).content.decode()):
        state, words = covered(shown)["acme-production"]
        assert (state, words.startswith("Acme production Account-owned Being read: 150 of 500 tokens.")) == ("reading", True)
        assert '<progress max="500" value="150"' in shown
        assert "every 1s" in shown
    part = web.post("/tokens/sync/", headers=PART).content.decode()
    assert "<html" not in part
    assert covered(part)["acme-production"][0] == "reading"
    assert covered(part)["acme-staging"][0] == "ready"
    ours.ready(count=500, problem="")
    assert "every 1s" not in web.get("/", headers=PART).content.decode()


@pytest.mark.parametrize(("name", "status"), [("requester", 403), ("approver", 403), ("auditor", 302), ("admin", 302)])
def test_who_may_read_anew(portal: None, name: str, status: int) -> None:
    web = arrange.signed_in(name)
    before = apps.get_model("sandbox", "Call").objects.count()
    assert web.post("/tokens/sync/").status_code == status
    assert (apps.get_model("sandbox", "Call").objects.count() > before) == (status == 302)
    assert web.get("/tokens/sync/").status_code == 405
    part = web.get("/", headers=PART).content.decode()
    assert bool(covered(part)) == (status == 302)


def test_without_a_connection_the_page_says_so(db: None) -> None:
    arrange.demo.cast(arrange.PASSWORD)
    assert not Connection.objects.exists()
    assert "There is no connection yet, so no token can be listed." in page(arrange.signed_in("admin"))


# Queries


def queries(web: Client, address: str) -> int:
    assert web.get(address).status_code == 200
    with CaptureQueriesContext(database) as asked:
        assert web.get(address).status_code == 200
    return len(asked)


@pytest.mark.parametrize("name", ["requester", "admin"])
def test_3_tokens_and_500_take_the_same_number_of_queries(portal: None, name: str) -> None:
    web = arrange.signed_in(name)
    addresses = [f"/?tab={tab}" for tab in ("mine", "team", "soon", "unmanaged")] + ["/?tab=team&use=never&status=drifted"]
    issued()
    many(2)
    sync()
    few = {address: queries(web, address) for address in addresses}
    issued()
    apps.get_model("sandbox", "Token").objects.filter(name__startswith="many-").delete()
    many(497)
    sync()
    assert Token.objects.alive().count() == 500
    assert {address: queries(web, address) for address in addresses} == few

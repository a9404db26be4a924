"""The list of tokens: whose they are, filters that find what reaches a zone, empty states, and a live part of the page."""

import re
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.test import Client

from tests import arrange
from tokenportal import audit, clock
from tokenportal.actions import people
from tokenportal.audit import Event
from tokenportal.models import Token
from tokenportal.policy.spec import Validity, ZoneChoice

pytestmark = pytest.mark.django_db


def token(name: str, template: str = "edit-zone-dns", **wanted: Any) -> Token:
    issued = arrange.issue(renamed(arrange.draft(template, **wanted), name))
    assert issued
    return issued.token


def renamed(token_request: Any, name: str) -> Any:
    copy = token_request.working_copy
    copy.spec_json = {**copy.spec_json, "name": name}
    copy.save()
    return token_request


def listed(web: Client, **query: str) -> list[str]:
    """The short names of the rows, in their order."""
    page = web.get("/", query).content.decode()
    return re.findall(r'<a class="name"[^>]*>([^<]+)</a>', page)


def test_the_newest_token_stands_first(portal: None) -> None:
    for days, name in ((3, "older"), (1, "newer"), (2, "between")):
        made = token(name)
        with audit.recording(Event.TOKEN_ISSUED, by=None, subject=made) as record:
            record.change(made, issued_on=clock.now() - timedelta(days=days))
    assert listed(arrange.signed_in("requester")) == ["newer", "between", "older"]


def test_mine_and_the_team_s_and_those_that_end_soon_are_three_lists_with_counts(portal: None) -> None:
    token("mine-soon", validity=Validity(lifetime="days", days=13))
    token("mine-later", validity=Validity(lifetime="days", days=15))
    token("other", by="teammate")
    web = arrange.signed_in("requester")
    assert sorted(listed(web)) == ["mine-later", "mine-soon"]
    assert sorted(listed(web, tab="team")) == ["mine-later", "mine-soon", "other"]
    assert listed(web, tab="soon") == ["mine-soon"]
    page = web.get("/").content.decode()
    assert re.findall(r'<span class="count">(\d+)</span>', page) == ["2", "3", "1"]
    assert listed(web, tab="nonsense") == listed(web)


def test_a_token_of_another_team_is_not_listed_and_an_auditor_sees_every_one(portal: None) -> None:
    token("platform-token")
    people.create_person(by=None, username="outsider", email="outsider@example.com", password=arrange.PASSWORD)
    assert listed(arrange.signed_in("outsider"), tab="team") == []
    assert listed(arrange.signed_in("auditor"), tab="team") == ["platform-token"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "DNS"}, ["dns-one"]),
        ({"q": "%"}, []),
        ({"place": "ZONE-ONE"}, ["all-zones", "dns-one"]),
        ({"place": "one-part"}, ["all-zones", "dns-one"]),
        ({"place": "zone-two"}, ["all-zones"]),
        ({"place": "Acme prod"}, ["account-wide", "all-zones", "dns-one"]),
        ({"place": "nowhere.example"}, []),
        ({"permission": "dns edit"}, ["all-zones", "dns-one"]),
        ({"permission": "Workers AI"}, ["account-wide"]),
        ({"permission": "no such thing"}, []),
        ({"status": "active"}, ["account-wide", "all-zones", "dns-one"]),
        ({"status": "disabled"}, []),
        ({"status": "expired"}, ["ended"]),
        ({"expiry": "14"}, ["dns-one"]),
        ({"expiry": "90"}, ["account-wide", "dns-one"]),
        ({"expiry": "never"}, ["all-zones"]),
        ({"q": "dns", "place": "zone-two"}, []),
        ({"status": "nonsense", "expiry": "x", "owner": "x", "page": "x"}, ["account-wide", "all-zones", "dns-one", "ended"]),
        ({"q": "\x00"}, ["account-wide", "all-zones", "dns-one", "ended"]),
    ],
)
def test_filters_find_what_they_say(portal: None, query: dict[str, str], expected: list[str]) -> None:
    one, two = arrange.zone_names(2)
    named = {"ZONE-ONE": one.upper(), "one-part": one[:-2], "zone-two": two}
    [one_id] = arrange.zone_ids(one)
    token("dns-one", validity=Validity(lifetime="days", days=10), zones=1)
    wide = arrange.draft(validity=Validity(lifetime="never"))
    spec = wide.working_copy.spec
    block = arrange.replace(spec.blocks[0], zones=ZoneChoice(mode="all"))
    wide.working_copy.spec_json = arrange.replace(spec, name="all-zones", blocks=(block,)).to_json()
    wide.working_copy.save()
    assert arrange.issue(wide)
    token("account-wide", "workers-ai", validity=Validity(lifetime="days", days=60))
    token("ended", "read-cloudflare-radar-data", validity=Validity(lifetime="days", days=1))
    assert one_id in Token.objects.get(name__startswith="dns-one").reach
    wanted = {**query, **({"place": named[query["place"]]} if query.get("place") in named else {})}
    with clock.at(clock.now() + timedelta(days=3)):
        found = sorted(listed(arrange.signed_in("requester"), **wanted))
    if query == {"place": "Acme prod"}:
        expected = [*expected, "ended"]
    assert found == sorted(expected)


def test_the_owner_is_a_filter(portal: None) -> None:
    token("mine")
    token("other", by="teammate")
    web = arrange.signed_in("requester")
    assert listed(web, tab="team", owner=str(arrange.person("teammate").pk)) == ["other"]
    assert listed(web, tab="team", owner=str(arrange.person("admin").pk)) == []


def test_nothing_yet_and_nothing_here_and_no_match_are_three_states(portal: None) -> None:
    web = arrange.signed_in("requester")

    def says(web: Client, **query: str) -> str:
        page = web.get("/", query).content.decode()
        return re.findall(r'data-testid="empty">.*?<h2>(.*?)</h2>', page, re.DOTALL)[0]

    assert says(web) == "No tokens yet"
    assert 'data-testid="filters"' not in web.get("/").content.decode()
    token("other", by="teammate")
    assert says(web) == "No token is yours"
    assert says(web, tab="soon") == "Nothing ends within 14 days"
    assert says(web, tab="team", q="nothing") == "No token matches"
    page = web.get("/", {"tab": "team", "q": "nothing"}).content.decode()
    assert 'href="/?tab=team">Clear the filters' in page
    people.create_person(by=None, username="outsider", email="outsider@example.com", password=arrange.PASSWORD)
    outsider = arrange.signed_in("outsider")
    assert says(outsider) == "No tokens yet"
    assert "Choose a template" not in outsider.get("/").content.decode()


def test_an_end_that_is_near_and_no_end_at_all_stand_out(portal: None) -> None:
    for name, days in (("near", 16), ("far", 18), ("ended", 1)):
        token(name, validity=Validity(lifetime="days", days=days))
    token("endless", validity=Validity(lifetime="never"))
    with clock.at(clock.now() + timedelta(days=3)):
        page = arrange.signed_in("requester").get("/").content.decode()
    ends = dict(re.findall(r'class="name"[^>]*>([^<]+)</a>.*?data-label="Expires"><span( class="text warn")?>', page, re.DOTALL))
    assert {name: bool(warned) for name, warned in ends.items()} == {"near": True, "far": False, "endless": True, "ended": False}


def test_htmx_gets_the_list_alone_and_everybody_else_the_page(portal: None) -> None:
    token("a-token")
    web = arrange.signed_in("requester")
    part = web.get("/?q=a-tok", headers={"HX-Request": "true", "HX-Target": "list"}).content.decode()
    assert "<html" not in part
    assert re.findall(r'<a class="name"[^>]*>([^<]+)</a>', part) == ["a-token"]
    assert '<p id="spoken" hx-swap-oob="innerHTML">1 token</p>' in part
    for headers in (
        {"HX-Request": "true", "HX-Target": "main"},
        {"HX-Request": "true", "HX-Target": "list", "HX-Boosted": "true"},
    ):
        whole = web.get("/?q=a-tok", headers=headers).content.decode()
        assert "<html" in whole
        assert "hx-swap-oob" not in whole


def test_pages_keep_the_filters(portal: None) -> None:
    first = token("many-0")
    with audit.recording(Event.TOKEN_ISSUED, by=None, subject=first):
        for number in range(1, 30):
            copy = Token.objects.get(pk=first.pk)
            copy.pk, copy.token_request, copy.name, copy.cloudflare_id = None, None, f"many-{number}", f"{number:032x}"
            copy._state.adding = True
            copy.pk = Token._meta.pk.get_default()
            copy.save()
    web = arrange.signed_in("requester")
    page = web.get("/?tab=team&q=many").content.decode()
    assert len(listed(web, tab="team", q="many")) == 25
    assert 'href="/?tab=team&amp;q=many&amp;page=2">Older' in page
    assert len(listed(web, tab="team", q="many", page="2")) == 5
    assert len(listed(web, tab="team", q="many", page="99")) == 5
    part = web.get(
        "/?tab=team&q=many", headers={"HX-Request": "true", "HX-Target": "list", "Accept-Encoding": "gzip"}
    )  # fmt: skip
    assert len(part.content) <= 15_000


def test_the_tokens_of_an_older_version_get_their_reach(portal: None) -> None:
    made = token("old")
    before = made.reach
    with audit.recording(Event.TOKEN_ISSUED, by=None, subject=made) as record:
        record.change(made, reach="")
    import_module("tokenportal.migrations.0002_token_reach").fill(MigrationLoader(connection).project_state().apps, None)
    assert Token.objects.get(pk=made.pk).reach == before != ""

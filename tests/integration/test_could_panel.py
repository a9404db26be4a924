"""The panel "What could this token do?" on the summary and on a token's page, held against the sandbox."""

import json
import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tokenportal import clock
from tokenportal.actions import snapshots
from tokenportal.models import TokenRequest
from tokenportal.policy import could, moments, operations
from tokenportal.policy.could import Target
from tokenportal.policy.spec import ClientIPs, ZoneChoice
from tokenportal.upstream import owner
from tokenportal.views import could as panel

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true", "HX-Target": "could"}
TYPING = {"HX-Request": "true", "HX-Target": "could-found"}


@pytest.fixture
def web(portal: None) -> Client:
    return arrange.signed_in("requester")


def summary_of(token_request: TokenRequest) -> str:
    return f"/requests/{arrange.checked(token_request).pk}/summary/"


def answer(page: str) -> tuple[str, str]:
    """The state and the text of the answer, in one line."""
    found = re.search(r'data-testid="could-answer" data-state="(\w+)".*?>(.*?)</div>', page, re.DOTALL)
    assert found, page
    return found[1], " ".join(unescape(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", found[2], flags=re.DOTALL)).split())


def asked(web: Client, url: str, call: str, on: str = "", **headers: str) -> str:
    return web.get(url, {"call": call, "on": on}, headers=headers).content.decode()


def choices(page: str) -> list[str]:
    return [unescape(re.sub("<[^>]+>", "", row)) for row in re.findall(r'<span class="mono"><b>.*?</span>', page)]


def test_a_typed_call_is_answered_for_the_token_s_first_zone_or_for_the_one_that_is_named(web: Client) -> None:
    names = arrange.zone_names(3)
    url = summary_of(arrange.draft(zones=2, client_ips=ClientIPs(allow=("203.0.113.0/24",))))
    first = min(arrange.zone_ids(*names[:2]))
    mine = next(name for name in names if arrange.zone_ids(name) == [first])
    state, text = answer(asked(web, url, "GET /zones/{zone_id}/dns_records"))
    assert state == "allowed"
    assert text.startswith(
        f"Allowed GET /zones/{{zone_id}}/dns_records on {mine} Granted by DNS Write. Only from 203.0.113.0/24. Until "
    )
    state, text = answer(asked(web, url, "GET /zones/{zone_id}/dns_records", on=names[2].upper()))
    assert (state, text) == (
        "refused",
        f"Refused GET /zones/{{zone_id}}/dns_records on {names[2]} Needs one of DNS Read or DNS Write on {names[2]}. "
        "The token holds DNS Write, but not there.",
    )
    (id,) = arrange.zone_ids(names[2])
    for call, on in (
        (f"https://api.cloudflare.com/client/v4/zones/{id}/dns_records?page=2", mine),
        ("/zones/{zone_id}/dns_records", id),
    ):
        assert answer(asked(web, url, call, on)) == (state, text)
    state, text = answer(asked(web, url, f"/zones/{'f' * 32}/dns_records"))
    assert (state, text.split(" Needs")[0]) == ("refused", f"Refused GET /zones/{{zone_id}}/dns_records on {'f' * 32}")


def test_an_account_may_be_named_and_a_zone_s_account_is_taken_with_it(web: Client) -> None:
    url = summary_of(arrange.draft("read-billing-info", through="Acme user"))
    account = arrange.connection().owner_id
    seen = snapshots.accounts(arrange.connection("Acme user"))
    other = next(one for one in seen if one.account_id != account)
    call = "GET /accounts/{account_id}/billing/profile"
    for on in (other.name, other.account_id):
        assert answer(asked(web, url, call, on)) == (
            "allowed", f"Allowed {call} on {other.name} Granted by Billing Read. Until {ends(url)}."
        )  # fmt: skip
    zone = arrange.zone_names(1)[0]
    assert answer(asked(web, url, call, zone))[1].startswith(f"Allowed {call} on Acme production")
    page = asked(web, url, "GET /zones/{zone_id}/dns_records", other.name)
    assert f"{other.name} is an account. Name a zone." in page
    assert 'data-testid="could-answer"' not in page


def ends(url: str) -> str:
    version = TokenRequest.objects.get(pk=url.split("/")[2]).versions.get()
    return could.conditions_of(version.payload)[-1].removeprefix("Until ").rstrip(".")


def test_a_name_that_several_hold_is_offered_and_one_that_nobody_holds_is_said(web: Client) -> None:
    url = summary_of(arrange.draft())
    page = asked(web, url, "GET /zones/{zone_id}/dns_records", "acme")
    assert "Several names hold “acme”. Choose one." in page
    offered = re.findall(r'<a class="btn mini" href="\?([^"]*)#could"[^>]*>([^<]*)</a>', page)
    assert len(offered) == panel.MATCHES
    state, text = answer(web.get(f"{url}?{unescape(offered[0][0])}").content.decode())
    assert f"on {offered[0][1]} " in text
    assert state in ("allowed", "refused")
    page = asked(web, url, "GET /zones/{zone_id}/dns_records", "nowhere.example")
    assert "This connection sees no zone or account called “nowhere.example”." in page
    assert choices(page) == []


def test_words_find_operations_and_each_says_its_answer(web: Client) -> None:
    url = summary_of(arrange.draft())
    page = asked(web, url, "dns record")
    assert choices(page)[:2] == ["GET /zones/{zone_id}/dns_records", "POST /zones/{zone_id}/dns_records"]
    assert len(choices(page)) == 10
    assert re.findall(r'class="verdict (\w+)"', page)[:2] == ["allowed", "allowed"]
    link = re.search(r'href="([^"]*)#could"[^>]*><span class="mono"><b>POST', page)
    assert link
    assert answer(web.get(url + unescape(link[1])).content.decode())[1].startswith(
        "Allowed POST /zones/{zone_id}/dns_records on "
    )
    assert "No operation matches." in asked(web, url, "zebra crossing")
    assert "<script>x" not in asked(web, url, "<script>x", "<script>x")


def test_before_anything_is_asked_there_are_examples_of_both_kinds(web: Client) -> None:
    page = web.get(summary_of(arrange.draft())).content.decode()
    assert list(zip(choices(page), re.findall(r'class="verdict (\w+)"', page), strict=True)) == [
        ("GET /zones/{zone_id}/dns_records", "allowed"), ("POST /zones/{zone_id}/dns_records", "allowed"),
        ("POST /zones/{zone_id}/purge_cache", "refused"), ("PATCH /zones/{zone_id}/settings/{setting_id}", "refused"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "through", "name"),
    [
        ("accounts", "Acme production", "any zone of Acme production"), ("all", "Acme production", "any zone of Acme production"),
        ("all", "Acme user", "any zone"),
    ],
)  # fmt: skip
def test_a_token_for_all_zones_is_asked_about_any_of_them(web: Client, mode: Any, through: str, name: str) -> None:
    draft = arrange.draft(through=through)
    choice = ZoneChoice(mode=mode, accounts=(arrange.connection().owner_id,))
    blocks = tuple(replace(block, zones=choice) for block in draft.working_copy.spec.blocks)
    url = summary_of(arrange.draft(through=through, blocks=blocks))
    state, text = answer(asked(web, url, "POST /zones/{zone_id}/dns_records"))
    assert (state, text.split(" Granted")[0]) == ("allowed", f"Allowed POST /zones/{{zone_id}}/dns_records on {name}")


def test_htmx_gets_the_panel_alone_and_while_typing_only_what_is_under_the_form(web: Client) -> None:
    issued = arrange.issue(arrange.draft())
    assert issued
    for url in (summary_of(arrange.draft()), issued.token.get_absolute_url()):
        whole = web.get(url, {"call": "GET /zones"})
        alone = web.get(url, {"call": "GET /zones"}, headers=HTMX)
        below = web.get(url, {"call": "zones"}, headers=TYPING)
        assert "<!doctype html>" in whole.content.decode()
        assert alone.content.decode().strip().startswith('<section id="could"')
        assert alone.content.decode().strip().endswith("</section>")
        assert " data-focus" in alone.content.decode()
        assert "<form" not in below.content.decode()
        assert 'hx-swap-oob="innerHTML:#spoken">10 operations<' in below.content.decode()
        assert "data-focus" not in web.get(url, {"call": "GET /zones"}, headers=TYPING).content.decode()
        assert max(len(alone.content), len(below.content)) < 15_000
        assert "HX-Target" in alone["Vary"]


def test_a_token_that_has_ended_may_do_nothing(web: Client) -> None:
    issued = arrange.issue(arrange.draft())
    assert issued
    url, end = issued.token.get_absolute_url(), issued.token.expires_on
    assert end
    assert answer(asked(web, url, "GET /zones/{zone_id}/dns_records"))[0] == "allowed"
    with clock.at(end.replace(year=end.year + 1)):
        state, text = answer(asked(arrange.signed_in("requester"), url, "GET /zones/{zone_id}/dns_records"))
    assert (state, text.partition(" The ")[2]) == ("refused", f"token ended on {moments.in_words(end)}.")


def test_a_token_that_is_stopped_may_do_nothing(portal: None) -> None:
    version = arrange.checked(arrange.draft()).versions.get()
    known = snapshots.catalogue(version.connection), snapshots.surroundings(version.connection)
    for asked in ({}, {"call": "GET /zones"}):
        request = RequestFactory().get("/", asked)
        told = panel.panel(request, version.payload, version.connection, *known, stopped="The token is disabled.")
        assert (told.problem, told.answer, told.examples) == ("The token is disabled.", None, ())


def test_an_outsider_finds_no_panel(web: Client) -> None:
    url = summary_of(arrange.draft())
    assert arrange.signed_in("approver").get(url, {"call": "GET /zones"}, headers=HTMX).status_code == 404


def queries(web: Client, url: str, **asked: str) -> int:
    with CaptureQueriesContext(
        database,
    ) as captured:
        assert web.get(url, asked, headers=HTMX).status_code == 200
    return len(captured)


def test_the_number_of_queries_does_not_grow_with_zones_or_results(web: Client) -> None:
    one, three = summary_of(arrange.draft(zones=1)), summary_of(arrange.draft(zones=3))
    for call, on in (("", ""), ("dns", ""), ("zone", "acme"), ("GET /zones/{zone_id}/dns_records", arrange.zone_names(1)[0])):
        queries(web, one, call=call, on=on)
        assert queries(web, one, call=call, on=on) == queries(web, three, call=call, on=on)


CALLS = (
    "GET /zones/{zone_id}", "GET /zones/{zone_id}/dns_records", "POST /zones/{zone_id}/dns_records", "POST /zones/{zone_id}/purge_cache",
    "GET /zones/{zone_id}/settings", "PATCH /zones/{zone_id}/settings/{setting_id}", "GET /accounts/{account_id}/tokens",
    "GET /user/tokens", "GET /user",
)  # fmt: skip
BODIES: dict[str, Any] = {
    "POST /zones/{zone_id}/dns_records": {"type": "TXT", "name": "x", "content": "y", "ttl": 60},
    "POST /zones/{zone_id}/purge_cache": {"purge_everything": True},
    "PATCH /zones/{zone_id}/settings/{setting_id}": {"value": "on"},
}


@pytest.mark.parametrize(
    ("template", "through"),
    [
        ("edit-zone-dns", "Acme production"), ("wordpress", "Acme production"), ("edit-cloudflare-workers", "Acme user"),
        ("read-analytics-and-logs", "Acme user"), ("wordpress", "Acme user"),
    ],
)  # fmt: skip
def test_the_sandbox_allows_and_refuses_what_the_panel_says(portal: None, template: str, through: str) -> None:
    issued = arrange.issue(arrange.draft(template, through=through))
    assert issued
    connection = arrange.connection(through)
    zones = snapshots.zones_by_name(connection, arrange.zone_names(2))
    catalogue = snapshots.catalogue(connection)
    who = owner(connection)
    account_id = arrange.connection().owner_id
    for zone, *_ in zones.values():
        for call in CALLS:
            operation = operations.get(call)
            assert operation
            target = Target(
                "it", zone_id=zone.id if operation.kind == "zone" else "", account_id=zone.account_id if operation.kind == "zone" else account_id,
                user_id=who.id if who.kind == "user" else "",
            )  # fmt: skip
            path = operation.path.format(zone_id=zone.id, account_id=account_id, setting_id="always_online")
            sent = Client().generic(
                operation.method, f"/sandbox/client/v4{path}", data=json.dumps(BODIES.get(call, {})),
                content_type="application/json", headers={"Authorization": f"Bearer {issued.secret.reveal()}"},
            )  # fmt: skip
            said = could.could(issued.token.body, operation, target, catalogue)
            assert (said.state, call) == ({200: "allowed", 403: "refused"}[sent.status_code], call), sent.content

"""The page of every token: numbers that filter, findings with what ends them, and the export of what is filtered."""

import csv
import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tests.integration.care_world import issued
from tests.integration.test_holdings import OFFICE, closed, leave
from tests.integration.test_inventory import at_sandbox, found_outside, later, many, sync
from tokenportal import audit, clock
from tokenportal.actions import findings, holdings, ownership, people
from tokenportal.audit import Event
from tokenportal.models import AuditEvent, Token
from tokenportal.policy.spec import ClientIPs, Validity
from tokenportal.views.token_rows import short

pytestmark = pytest.mark.django_db

HERE, EXPORT = "/audit/tokens/", "/audit/tokens/export/"
PART = {"HX-Request": "true", "HX-Target": "list"}


def page(web: Client, **query: str) -> str:
    answer = web.get(HERE, query)
    assert answer.status_code == 200
    return answer.content.decode()


def listed(web: Client, **query: str) -> list[str]:
    return re.findall(r'<a class="name"[^>]*>([^<]+)</a>', page(web, **query))


def rows(shown: str) -> dict[str, str]:
    found = re.findall(r'<tr role="row" data-testid="holding".*?</tr>', shown, re.DOTALL)
    return {re.findall(r'class="name"[^>]*>([^<]+)', row)[0]: row for row in found}


def lines(row: str) -> list[tuple[list[str], list[str], str]]:
    """Of one row: for each line of findings their names, the buttons, and who can do it instead."""
    found = []
    for line in re.findall(r"<li>(.*?)</li>", row, re.DOTALL):
        instead = re.findall(r'data-testid="instead"><small>([^<]+)', line)
        found.append(
            (re.findall(r'data-testid="finding-([\w-]+)', line), re.findall(r'data-testid="act-(\w+)', line), "".join(instead))
        )
    return found


def named(token: Token, name: str) -> Token:
    at_sandbox(token, name=name)
    return token


def export(web: Client, **posted: str) -> str:
    answer = web.post(EXPORT, posted)
    assert (answer.status_code, answer.streaming) == (200, True)
    return b"".join(answer.streaming_content).decode()


@pytest.fixture
def four(portal: None) -> None:
    """A closed token, an open one that never ends, one of a user's connection that creates tokens, and one from outside."""
    named(closed(), "closed")
    named(issued(validity=Validity(lifetime="never")).token, "open")
    closed(template="create-additional-tokens", through="Acme user", by="teammate", validity=Validity(lifetime="days", days=7))
    found_outside()


# Who may see it


@pytest.mark.parametrize(("name", "status"), [("auditor", 200), ("admin", 200), ("requester", 403), ("approver", 403)])
def test_auditors_and_admins_see_every_token_and_others_do_not(four: None, name: str, status: int) -> None:
    web = arrange.signed_in(name)
    exported = AuditEvent.objects.filter(action="tokens.exported", outcome="done")
    assert web.get(HERE).status_code == status
    assert web.post(EXPORT, {"format": "csv"}).status_code == status
    assert exported.count() == (status == 200)
    assert (web.post(HERE).status_code, web.get(EXPORT).status_code) == (405, 405)
    assert web.head(HERE).status_code == status


def test_an_auditor_is_told_who_can_act_and_gets_no_button_that_acts(four: None) -> None:
    found = rows(page(arrange.signed_in("auditor")))
    assert lines(found["outside"]) == [(["unmanaged", "no-expiry", "no-ip"], [], "An admin can adopt it or revoke it.")]
    assert lines(found["open"]) == [(["no-expiry", "no-ip"], [], "Its owner can edit it.")]
    assert lines(found["a-token"]) == [(["creates"], [], "An admin or its owner can disable it or revoke it.")]
    assert lines(found["closed"]) == []
    assert "Nothing found" in found["closed"]
    parent = found["Token Portal (Acme production)"]
    assert lines(parent) == [
        (["creates", "wide-edit", "no-expiry", "no-ip"], [], "An admin can replace it at Cloudflare and under Connections."),
    ]  # fmt: skip


def test_an_admin_gets_a_button_for_each_finding_that_leads_to_what_ends_it(four: None) -> None:
    web = arrange.signed_in("admin")
    found = rows(page(web))
    assert lines(found["outside"]) == [(["unmanaged", "no-expiry", "no-ip"], ["adopt", "revoke"], "")]
    assert lines(found["open"]) == [(["no-expiry", "no-ip"], ["edit"], "")]
    assert lines(found["a-token"]) == [(["creates"], ["disable", "revoke"], "")]
    assert lines(found["Token Portal (Acme production)"]) == [
        (["creates", "wide-edit", "no-expiry", "no-ip"], ["connection"], ""),
    ]  # fmt: skip
    for row in found.values():
        for address in re.findall(r'href="([^"]+)"[^>]*data-testid="act-', row):
            assert web.get(address).status_code in (200, 302), address
    [edit] = re.findall(r'action="([^"]+)"', found["open"])
    assert web.post(edit).headers["Location"].startswith("/requests/")


def test_an_admin_who_is_no_requester_of_the_team_is_told_so(four: None) -> None:
    leave("admin")
    found = rows(page(arrange.signed_in("admin")))
    assert lines(found["open"]) == [(["no-expiry", "no-ip"], [], "You are not a requester in that team.")]


def test_a_team_that_lost_the_connection_cannot_edit(four: None) -> None:
    source = arrange.connection()
    with audit.recording(Event.CONNECTION_CHANGED, by=None, subject=source) as record:
        record.change(source, is_active=False)
    found = rows(page(arrange.signed_in("admin")))
    why = "The connection Acme production is not open to its team any more, so it cannot be changed."
    assert lines(found["open"]) == [(["no-expiry", "no-ip"], [], why)]


def test_owners_who_left_and_drift_lead_to_their_pages(portal: None) -> None:
    token = named(closed(by="teammate"), "left")
    other = named(closed(), "drifts")
    admin = arrange.person("admin")
    ownership.set_owners(token, by=admin, owner=arrange.person("teammate"), backup_owner=arrange.person("requester"), purpose="x")
    leave("teammate")
    sync()
    call_command("sandbox_alter", "widen", "drifts")
    sync()
    found = rows(page(arrange.signed_in("admin")))
    assert lines(found["left"]) == [(["owner-left"], ["owners"], "")]
    assert lines(found["drifts"]) == [(["wide-edit", "no-expiry", "no-ip"], ["edit"], ""), (["drifted"], ["difference"], "")]
    found = rows(page(arrange.signed_in("auditor")))
    assert lines(found["left"]) == [(["owner-left"], [], "An admin or its owner can change its owners.")]
    assert lines(found["drifts"])[1] == (["drifted"], ["difference"], "")
    assert f'href="/tokens/{other.pk}/#differs-title"' in found["drifts"]
    people.set_active(arrange.person("requester"), by=admin, active=False)
    assert lines(rows(page(arrange.signed_in("auditor")))["left"]) == [(["no-owner"], [], "An admin can change its owners.")]


def test_a_row_says_who_holds_it_who_asked_and_who_agreed(four: None) -> None:
    shown = {
        name: " ".join(re.sub(r"<[^>]+>", " ", row).split()) for name, row in rows(page(arrange.signed_in("auditor"))).items()
    }
    made = f"{clock.now():%b %Y}"
    assert "closed A test uses it. DNS: edit on 1 zone Can delete Acme production requester Platform" in shown["closed"]
    assert re.search(rf"Asked and agreed: requester, \d+ {made} \d\d:\d\d Never used", shown["closed"])
    assert (
        "Nobody said what uses it DNS: edit on 1 zone Can delete Acme production Nobody Nobody agreed to it" in shown["outside"]
    )
    assert "Connection’s own credential The portal works with it" in shown["Token Portal (Acme production)"]


# Numbers and filters


def number_links(shown: str) -> dict[str, tuple[int, str]]:
    found = re.findall(r'<a href="([^"]+)" data-testid="number-([\w-]+)"[^>]*>(.*?)</a>', shown, re.DOTALL)
    return {
        slug: (int(re.findall(r"<strong[^>]*>(\d+)", inner)[0]), address.replace("&amp;", "&")) for address, slug, inner in found
    }


def test_each_number_leads_to_a_list_of_as_many(four: None) -> None:
    named(closed(), "gone")
    sync()
    call_command("sandbox_alter", "delete", "gone")
    with later():
        sync()
    web = arrange.signed_in("auditor")
    links = number_links(page(web))
    assert {slug: number for slug, (number, _) in links.items() if number} == {
        "all": 5, "soon": 1, "nobody": 1, "risk-creates": 2, "risk-deletes": 3, "creates": 2, "unmanaged": 1, "wide-edit": 1,
        "no-expiry": 3, "no-ip": 3,
    }  # fmt: skip
    assert set(links) >= {"all", "soon", "nobody", *findings.BY_SLUG}
    for slug, (number, address) in links.items():
        assert len(rows(web.get(address).content.decode())) == number, slug


def test_each_filter_finds_what_it_says(four: None) -> None:
    web = arrange.signed_in("auditor")
    parent = "Token Portal (Acme production)"
    ids = {
        "user": str(arrange.connection("Acme user").pk),
        "platform": str(arrange.team().pk),
        "teammate": str(arrange.person("teammate").pk),
    }
    filters: list[tuple[dict[str, str], list[str]]] = [
        ({}, ["a-token", "closed", "open", "outside", parent]),
        ({"finding": "any"}, ["a-token", "open", "outside", parent]),
        ({"finding": "nobody"}, ["outside"]),
        ({"finding": "no-ip"}, ["open", "outside", parent]),
        ({"team": ids["platform"]}, ["a-token", "closed", "open"]),
        ({"owner": ids["teammate"]}, ["a-token"]),
        ({"connection": ids["user"]}, ["a-token"]),
        ({"risk": "creates"}, ["a-token", parent]),
        ({"risk": "reads"}, []),
        ({"status": "parent"}, [parent]),
        ({"status": "revoked"}, []),
        ({"expiry": "14"}, ["a-token"]),
        ({"q": "OUT"}, ["outside"]),
        ({"place": arrange.zone_names()[0], "risk": "deletes"}, ["closed", "open", "outside"]),
        ({"permission": "dns edit", "finding": "unmanaged"}, ["outside"]),
        ({"finding": "x", "team": "x", "risk": "x", "sort": "x", "page": "99"}, ["a-token", "closed", "open", "outside", parent]),
    ]
    for query, expected in filters:
        assert sorted(listed(web, **query), key=str.lower) == sorted(expected, key=str.lower), query


def test_the_orders(four: None) -> None:
    parent = "Token Portal (Acme production)"
    at_sandbox(Token.objects.get(name="closed"), last_used_on=clock.now())
    sync()
    web = arrange.signed_in("auditor")
    assert listed(web) == ["a-token", "outside", "open", "closed", parent]
    assert listed(web, sort="risk") == [parent, "a-token", "outside", "open", "closed"]
    assert listed(web, sort="end")[:2] == ["a-token", "closed"]
    assert set(listed(web, sort="used")[-2:]) == {"closed", parent}
    assert sorted(listed(web, sort="name"), key=str.lower) == sorted(listed(web), key=str.lower)


def test_what_a_finding_means_stands_above_its_list(four: None) -> None:
    web = arrange.signed_in("auditor")
    assert "<strong>No IP restriction.</strong> A lost secret works from anywhere." in page(web, finding="no-ip")
    assert 'data-testid="about-finding"' not in page(web, finding="any")


def test_htmx_gets_the_list_alone_and_everybody_else_the_page(four: None) -> None:
    web = arrange.signed_in("auditor")
    part = web.get(HERE, {"finding": "unmanaged"}, headers=PART)
    shown = part.content.decode()
    assert ("<html" in shown, list(rows(shown))) == (False, ["outside"])
    assert '<p id="spoken" hx-swap-oob="innerHTML">1 token</p>' in shown
    assert '<input type="hidden" name="finding" value="unmanaged">' in shown
    assert set(part.headers["Vary"].split(", ")) >= {"HX-Request", "HX-Target"}
    whole = web.get(HERE, headers={**PART, "HX-Boosted": "true"}).content.decode()
    assert "<html" in whole


def test_no_match_and_nothing_yet_are_two_states(portal: None) -> None:
    web = arrange.signed_in("auditor")
    assert "No tokens yet" in page(web)
    closed()
    assert "No token matches" in page(web, finding="creates")


def test_pages_keep_the_filter(portal: None) -> None:
    closed()
    many(30)
    sync()
    web = arrange.signed_in("auditor")
    shown = page(web, finding="unmanaged", sort="name")
    assert (len(rows(shown)), "1 to 25 of 30" in shown) == (25, True)
    [address] = re.findall(r'href="([^"]+page=2[^"]*)"', shown)
    second = web.get(address.replace("&amp;", "&")).content.decode()
    assert (len(rows(second)), "26 to 30 of 30" in second, ">Previous<" in second, ">Next<" in second) == (5, True, True, False)


def test_3_tokens_and_500_take_the_same_number_of_queries(portal: None) -> None:
    web = arrange.signed_in("admin")
    addresses = (HERE, f"{HERE}?finding=any&risk=creates&sort=used", f"{HERE}?status=drifted")

    def queries(address: str, **headers: str) -> int:
        assert web.get(address, headers=headers).status_code == 200
        with CaptureQueriesContext(connection) as asked:
            assert web.get(address, headers=headers).status_code == 200
        return len(asked)

    closed()
    many(1)
    sync()
    assert Token.objects.count() == 3
    few = {address: (queries(address), queries(address, **PART)) for address in addresses}
    apps.get_model("sandbox", "Token").objects.filter(name__startswith="many-").delete()
    many(498)
    sync()
    assert Token.objects.alive().count() == 500
    assert {address: (queries(address), queries(address, **PART)) for address in addresses} == few
    assert few[HERE][0] <= 14


# A token's own page


def test_a_token_s_page_shows_the_same_findings_with_the_same_actions(four: None) -> None:
    token = Token.objects.get(name="open")

    def card(name: str) -> list[tuple[list[str], list[str], str]]:
        shown = arrange.signed_in(name).get(f"/tokens/{token.pk}/").content.decode()
        found = re.search(r'data-testid="findings">.*?</section>', shown, re.DOTALL)
        return lines(found[0]) if found else []

    assert card("requester") == card("admin") == [(["no-expiry", "no-ip"], ["edit"], "")]
    assert card("auditor") == [(["no-expiry", "no-ip"], [], "Its owner can edit it.")]
    assert card("teammate") == []
    shown = arrange.signed_in("requester").get(f"/tokens/{Token.objects.get(name='closed').pk}/").content.decode()
    assert 'data-testid="findings"' not in shown


def test_nothing_is_offered_while_something_is_done_with_a_token(four: None) -> None:
    token = Token.objects.get(name="open")
    with audit.recording(Event.TOKEN_ROLLING, by=None, subject=token):
        token.begin(Token.Doing.ROLLING, at=clock.now())
    found = rows(page(arrange.signed_in("admin")))["open"]
    why = "Something is being done with this token just now. Wait a moment and reload the page."
    assert lines(found) == [(["no-expiry", "no-ip"], [], why)]


# Export


def test_what_is_filtered_is_exported_and_the_export_is_an_event_first(four: None) -> None:
    web = arrange.signed_in("auditor")
    told = [
        json.loads(line) for line in export(web, format="jsonl", finding="any", risk="deletes", sort="name", q="").splitlines()
    ]
    assert [(one["token"], one["findings"]) for one in told] == [
        ("open", ["no-expiry", "no-ip"]), ("outside", ["unmanaged", "no-expiry", "no-ip"]),
    ]  # fmt: skip
    event = AuditEvent.objects.get(action="tokens.exported")
    assert (event.by_name, event.outcome, event.details["format"], event.details["rows"]) == ("auditor", "done", "jsonl", 2)
    assert set(event.details["filter"].split("&")) == {"finding=any", "risk=deletes", "sort=name"}
    whole = list(csv.DictReader(io.StringIO(export(web, format="csv"))))
    assert [short(row["token"]) for row in whole] == listed(web)
    assert tuple(whole[0]) == holdings.COLUMNS


def test_a_file_is_named_by_its_moment_and_kept_by_nobody(four: None) -> None:
    web = arrange.signed_in("auditor")
    for form, kind in (("csv", "text/csv; charset=utf-8"), ("jsonl", "application/jsonl; charset=utf-8")):
        answer = web.post(EXPORT, {"format": form})
        assert answer.headers["Content-Type"] == kind
        assert re.fullmatch(
            rf'attachment; filename="tokens-\d{{4}}-\d\d-\d\dT\d{{4}}Z\.{form}"', answer.headers["Content-Disposition"]
        )
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("form", ["", "xlsx"])
def test_an_unknown_format_exports_nothing(four: None, form: str) -> None:
    answer = arrange.signed_in("auditor").post(EXPORT, {"format": form})
    assert (answer.status_code, "Choose CSV or JSON Lines." in answer.content.decode()) == (422, True)
    assert not AuditEvent.objects.filter(action="tokens.exported").exists()


def test_what_cannot_be_recorded_is_not_exported(four: None, settings: Any, tmp_path: Any) -> None:
    web = arrange.signed_in("auditor")
    settings.KEYS_DIR = tmp_path
    answer = web.post(EXPORT, {"format": "csv"})
    assert (answer.status_code, answer.streaming, b"outside" in answer.content) == (503, False, False)


HOSTILE = ('=HYPERLINK("http://x","y")', "two\r\nlines", "\x1b[31mred", "a\u202eb", "<script>alert(1)</script>", "@SUM(A1)")


def test_hostile_names_come_through_harmless_and_visible(portal: None) -> None:
    closed()
    token = Token.objects.get(token_request__isnull=False)
    web = arrange.signed_in("auditor")
    for name in HOSTILE:
        with audit.recording(Event.TOKEN_CHANGED, by=None, subject=token) as record:
            record.change(token, name=name, purpose=name)
        written = export(web, format="csv")
        [row] = csv.DictReader(io.StringIO(written))
        assert len(written.splitlines()) == 2, name
        for cell in (row["token"], row["purpose"]):
            assert cell.isprintable(), name
            assert not cell.startswith(("=", "@", "\t")), name
        line = export(web, format="jsonl")
        assert (line.isascii(), line.count("\n"), json.loads(line)["token"]) == (True, 1, name)
        assert "<script>alert" not in page(web)


def test_an_export_reads_the_same_few_rows_at_a_time_however_many_there_are(
    portal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed(client_ips=OFFICE)
    many(450)
    sync()
    monkeypatch.setattr(holdings, "CHUNK", 100)
    answer = arrange.signed_in("auditor").post(EXPORT, {"format": "jsonl"})
    with CaptureQueriesContext(connection) as asked:
        pieces = iter(answer.streaming_content)
        next(pieces)
        first = len(asked)
        rest = sum(1 for _ in pieces)
    assert (first, rest) == (5, 451)
    assert len(asked) <= 1 + 5 * 4


def test_an_unused_token_counts_from_the_90th_day(portal: None) -> None:
    token = named(closed(client_ips=ClientIPs()), "idle")
    at_sandbox(token, last_used_on=clock.now() - timedelta(days=90))
    sync()
    assert listed(arrange.signed_in("auditor"), finding="unused") == ["idle"]

"""The log: searched, paged, opened, exported; a person's activity, a token's trail, and the page of the chain."""

import csv
import hashlib
import io
import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tests.arrange import person
from tokenportal import audit, clock
from tokenportal.actions import people, sessions, verifying
from tokenportal.audit import Event, seals
from tokenportal.models import AuditEvent, Team, Token, TokenRequest, User, Verification
from tokenportal.models.audit_event import canonical_json
from tokenportal.views import audit_rows

pytestmark = pytest.mark.django_db

PART = {"HX-Request": "true", "HX-Target": "log"}


def page(web: Client, path: str = "/audit/", **query: Any) -> str:
    answer = web.get(path, query)
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def numbers(shown: str) -> list[int]:
    """Of the rows of a list, as they stand there."""
    return [int(number) for number in re.findall(r'class="name" href="/audit/(\d+)/"', shown)]


def found(web: Client, **query: Any) -> list[int]:
    return numbers(page(web, **query))


def expected(**fields: Any) -> list[int]:
    return list(AuditEvent.objects.filter(**fields).order_by("-number").values_list("number", flat=True))[:50]


def told(shown: str, term: str) -> str:
    match = re.search(rf"<dt>{term}</dt><dd[^>]*>(.*?)</dd>", shown, re.DOTALL)
    assert match, shown
    return " ".join(re.sub("<.*?>", " ", match[1]).split())


def sql(text: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, values)


def issued(**changes: Any) -> Token:
    made = arrange.issue(arrange.draft(**changes))
    assert made
    return made.token


def teams(count: int, called: str = "team") -> None:
    for number in range(count):
        with audit.recording(Event.TEAM_CREATED, by=None, subject=Team(name=f"{called} {number}")) as record:
            record.add(record.subject)  # type: ignore[arg-type]


@pytest.fixture
def auditor(portal: None) -> Client:
    return arrange.signed_in("auditor")


def test_the_log_shows_the_newest_events_first_with_links_to_what_they_are_about(auditor: Client) -> None:
    token = issued()
    shown = page(auditor)
    assert numbers(shown) == expected()
    row = next(
        row for row in re.findall(r'<tr role="row" data-testid="event">.*?</tr>', shown, re.DOTALL) if "Created a token" in row
    )
    links = re.findall(r'href="([^"]+)"', row)
    event = AuditEvent.objects.get(action="token.issued")
    assert links == [f"/audit/people/{person('requester').pk}/", f"/audit/{event.number}/", f"/tokens/{token.pk}/"]
    assert ">a-token<" in row  # without the reference that ends its name


def test_a_draft_that_the_reader_may_not_see_is_a_name_without_a_link(auditor: Client) -> None:
    draft = arrange.draft()
    shown = page(auditor)
    assert str(draft) in shown
    assert f"/requests/{draft.pk}/" not in shown


@pytest.mark.parametrize(
    ("typed", "fields"),
    [
        ("actor:requester", {"by_name": "requester"}),
        ('actor:"the portal"', {"by_name": ""}),
        ("action:token.issued", {"action": "token.issued"}),
        ("action:token", {"action__startswith": "token."}),
        ("action:session", {"action__startswith": "session."}),
        ("outcome:refused", {"outcome": "refused"}),
        ("actor:requester action:token", {"by_name": "requester", "action__startswith": "token."}),
        ("action:draft outcome:done", {"action__startswith": "draft.", "outcome": "done"}),
        ("Wrong password", {"reason__contains": "Wrong"}),
        ("actor:nobody", {"by_name": "nobody"}),
        ("created:2001-01-01", {"number": 0}),
        ("created:>=2001-01-01 actor:requester", {"by_name": "requester"}),
        ("created:<2001-01-01", {"number": 0}),
    ],
)
def test_a_qualifier_finds_what_a_plain_query_finds(auditor: Client, typed: str, fields: dict[str, Any]) -> None:
    issued()
    with pytest.raises(sessions.WrongPassword):
        sessions.check(username="requester", password="wrong")
    assert found(auditor, q=typed) == expected(**fields)
    wanted = audit_rows.wanted(audit_rows.QueryDict(f"q={typed.replace('=', '%3D').replace('>', '%3E')}"))
    assert list(audit_rows.matching(wanted).values_list("number", flat=True)[:50]) == expected(**fields)


def test_an_object_is_found_by_id_and_by_name_with_the_request_that_made_it(auditor: Client) -> None:
    token, other = issued(), issued(name="other-token")
    whole = expected(trail=token.trail)
    assert found(auditor, object="a-token") == found(auditor, object=token.name) == found(auditor, object=str(token.pk)) == whole
    assert found(auditor, object="other-token") == expected(trail=other.trail)
    assert found(auditor, object=str(person("requester").pk)) == expected(object_id=str(person("requester").pk))
    assert found(auditor, object="request") == []


def test_a_zone_finds_the_events_of_the_tokens_that_reach_it(auditor: Client) -> None:
    token = issued(zones=1)
    [name] = arrange.zone_names(1)
    assert found(auditor, zone=name) == expected(trail=token.trail)
    assert found(auditor, q=f"zone:{name} action:token.issued") == expected(trail=token.trail, action="token.issued")
    assert found(auditor, zone="no-such-zone.example") == []


def test_session_and_trail_are_found_from_the_page_of_an_event(auditor: Client) -> None:
    token = issued()
    auditor.post("/audit/export/", {"format": "csv"})
    event = AuditEvent.objects.latest("number")
    ways = dict(re.findall(r'<li><a href="/audit/\?([^"]+)">([^<]+)</a></li>', page(auditor, f"/audit/{event.number}/")))
    assert set(ways.values()) == {"The same person", "The same kind of event", "The same session"}
    for query in ways:
        assert event.number in numbers(auditor.get(f"/audit/?{query}").content.decode())
    assert found(auditor, q=f"session:{event.session}") == expected(session=event.session)
    assert found(auditor, trail=str(token.trail)) == expected(trail=token.trail)
    shown = page(auditor, f"/audit/{expected(trail=token.trail)[0]}/")
    assert f'href="/audit/?object={token.pk}">The same thing' in shown
    assert f'href="/audit/?q=trail%3A{token.trail}">The whole trail' in shown


def test_what_was_typed_shows_in_its_control_and_an_error_beside_the_box(auditor: Client) -> None:
    shown = page(auditor, q="actor:requester foo:bar")
    assert 'name="actor" value="requester"' in shown
    assert 'name="q" value="foo:bar"' in shown
    assert "<title>Error: Audit" in shown
    assert shown.count("“foo:” is no qualifier.") == 2  # in the summary and beside the box
    assert (numbers(shown), "Nothing was looked for" in shown) == ([], True)


def test_with_htmx_the_list_comes_alone_and_the_address_is_tidied(auditor: Client) -> None:
    answer = auditor.get("/audit/", {"q": "actor:requester", "zone": "", "action": ""}, headers=PART)
    shown = answer.content.decode()
    assert ("<html" in shown, numbers(shown)) == (False, expected(by_name="requester"))
    assert answer["HX-Replace-Url"] == "/audit/?actor=requester"
    assert "HX-Target" in answer["Vary"]
    assert "<title>Audit log · Token Portal</title>" in shown


def test_with_htmx_a_mistake_stands_in_the_address_and_the_title_as_without(auditor: Client) -> None:
    wrong = auditor.get("/audit/", {"q": "foo:bar", "outcome": "done"}, headers=PART)
    assert wrong["HX-Replace-Url"] == "/audit/?q=foo%3Abar&outcome=done"
    shown = wrong.content.decode()
    assert 'role="alert"' in shown
    assert "<title>Error: Audit log · Token Portal</title>" in shown
    assert numbers(auditor.get(wrong["HX-Replace-Url"]).content.decode()) == []


def test_pages_follow_each_other_without_a_gap_and_lead_back(auditor: Client) -> None:
    teams(120)
    everything = list(AuditEvent.objects.order_by("-number").values_list("number", flat=True))
    walked, shown, forth = [], page(auditor), []
    while True:
        walked += numbers(shown)
        forth.append(numbers(shown))
        older = re.search(r'href="([^"]+)" data-testid="older"', shown)
        if not older:
            break
        shown = auditor.get(older[1].replace("&amp;", "&")).content.decode()
    assert walked == everything
    for earlier in forth[-2::-1]:
        newer = re.search(r'href="([^"]+)" data-testid="newer"', shown)
        assert newer
        shown = auditor.get(newer[1].replace("&amp;", "&")).content.decode()
        assert numbers(shown) == earlier
    assert 'data-testid="newer"' not in shown


@pytest.mark.parametrize("cursor", ["0", "-3", "x", "99999999999999999999", "1e3"])
def test_a_cursor_that_makes_no_sense_is_the_first_page(auditor: Client, cursor: str) -> None:
    assert found(auditor, before=cursor) == expected()


@pytest.mark.parametrize("typed", ["nowhere-to-be-found", "actor:requester action:team", "action:token nowhere"])
def test_what_is_rare_is_looked_for_a_window_at_a_time_and_the_page_says_how_far(
    auditor: Client, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setattr(audit_rows, "WINDOW", 3)
    issued()
    teams(15)
    shown, looked = page(auditor, q=typed), []
    while (older := re.search(r'href="([^"]+)" data-testid="older">([^<]+)', shown)) and len(looked) < 60:
        assert older[2] == "Look further back"
        match = re.search(r'data-testid="looked-to">Looked back to event (\d+), ', shown)
        assert match
        looked.append(int(match[1]))
        shown = auditor.get(older[1].replace("&amp;", "&")).content.decode()
    assert looked == sorted(set(looked), reverse=True)
    assert looked
    assert "No older event matches" in shown


def test_a_window_finds_what_lies_in_it_from_both_sides(auditor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_rows, "WINDOW", 30)
    monkeypatch.setattr(audit_rows, "PER_PAGE", 5)
    teams(100)
    shown, walked = page(auditor, q="team"), []
    everything = list(
        AuditEvent.objects.filter(object_name__contains="team").order_by("-number").values_list("number", flat=True)
    )
    while older := re.search(r'href="([^"]+)" data-testid="older"', shown):
        walked += numbers(shown)
        shown = auditor.get(older[1].replace("&amp;", "&")).content.decode()
    walked += numbers(shown)
    assert [number for number in walked if number in everything] == everything
    newer = re.search(r'href="([^"]+)" data-testid="newer"', shown)
    assert newer
    back = numbers(auditor.get(newer[1].replace("&amp;", "&")).content.decode())
    assert back == [number for number in walked if number in back]


def followed(web: Client, shown: str, way: str) -> list[str]:
    """The page and those that follow it this way."""
    pages = [shown]
    while (link := re.search(rf'href="([^"]+)" data-testid="{way}"', pages[-1])) and len(pages) < 60:
        pages.append(web.get(link[1].replace("&amp;", "&")).content.decode())
    return pages


def test_the_way_back_to_the_newest_passes_over_nothing_that_is_rare(auditor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_rows, "WINDOW", 30)
    monkeypatch.setattr(audit_rows, "PER_PAGE", 5)
    for name in "abcde":
        teams(1, f"rare {name}")
        teams(50, f"team {name}")
    rare = expected(object_name__startswith="rare")
    there = followed(auditor, page(auditor, q="rare"), "older")
    assert [number for shown in there for number in numbers(shown)] == rare
    back = followed(auditor, page(auditor, q="rare", before=rare[-1] + 1), "newer")
    assert list(dict.fromkeys(number for shown in back for number in numbers(shown))) == rare[::-1]
    assert {re.search(r'data-testid="newer">([^<]+)', shown)[1] for shown in back[1:-1]} == {"Look further on"}  # type: ignore[index]
    looked = [re.search(r'data-testid="looked-to">Looked on to event (\d+), ', shown) for shown in back[1:-1]]
    assert [int(match[1]) for match in looked if match] == [rare[-1] + 30 * step for step in range(1, len(back) - 1)]
    assert numbers(followed(auditor, back[1], "older")[1]) == rare[-1:]


def count(web: Client, path: str) -> int:
    assert web.get(path).status_code == 200
    with CaptureQueriesContext(connection) as queries:
        assert web.get(path).status_code == 200
    return len(queries)


@pytest.mark.parametrize("query", ["", "?actor=requester", "?object=a-token", "?q=actor:requester+a-token"])
def test_one_event_three_and_fifty_take_the_same_number_of_queries(auditor: Client, query: str) -> None:
    first = issued()
    counts = [count(auditor, f"/audit/{query}")]
    for _ in range(2):
        issued()
    counts.append(count(auditor, f"/audit/{query}"))
    for number in range(50):
        subject = first if number % 2 else first.token_request
        with audit.recording(Event.TOKEN_TRIED, by=person("requester"), subject=subject, trail=first.trail):
            pass
    counts.append(count(auditor, f"/audit/{query}"))
    assert len(set(counts)) == 1, counts


def test_an_event_opens_to_its_fields_before_and_after_and_its_seal(auditor: Client) -> None:
    one = person("teammate")
    people.change_person(
        one, by=person("admin"), username=one.username, email="other@example.com", is_admin=False, is_auditor=False
    )  # fmt: skip
    event = AuditEvent.objects.filter(action="person.changed").latest("number")
    shown = page(auditor, f"/audit/{event.number}/")
    assert f"Event {event.number}: Changed a person" in shown
    cells = re.search(r"E-mail address</th>\s*<td[^>]*>(.*?)</td>\s*<td[^>]*>(.*?)</td>", shown, re.DOTALL)
    assert cells
    assert (cells[1].strip(), cells[2].strip()) == tuple(event.changes["email"])
    assert told(shown, "Person") == "admin"
    assert told(shown, "Hash") == f"{event.hash} after {event.previous}"
    assert "This event’s seal holds." in shown
    assert f'href="/audit/{event.number - 1}/" data-testid="previous"' in shown


@pytest.mark.parametrize(
    ("tampering", "sentence"),
    [
        ("reason = 'other'", "Its content was changed."),
        ("previous = 'x'", "It does not follow the event before it."),
        (f"mac = '{'0' * 64}'", "It was not sealed with this portal’s key."),
    ],
)
def test_an_event_that_was_tampered_with_says_so(auditor: Client, tampering: str, sentence: str) -> None:
    sql(f"UPDATE tokenportal_auditevent SET {tampering} WHERE number = 5")
    assert f"seal does not hold.</strong> {sentence}" in page(auditor, "/audit/5/")


def test_an_event_under_a_key_that_is_not_here_says_so(auditor: Client) -> None:
    event = AuditEvent.objects.get(number=5)
    event.key_id = "other"
    sql("UPDATE tokenportal_auditevent SET key_id = 'other', hash = %s WHERE number = 5", seals.digest(event))
    assert "It names a key that is not here." in page(auditor, "/audit/5/")


def test_without_the_key_nobody_can_tell_whether_a_seal_holds(auditor: Client, settings: Any, tmp_path: Any) -> None:
    settings.KEYS_DIR = tmp_path
    settings.KEYS_ARE_MADE_ON_DEMAND = False
    assert "Nobody can tell whether this event’s seal holds." in page(auditor, "/audit/5/")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite keeps text that is not of its column's type")
def test_a_row_that_cannot_be_read_is_told_as_such_on_every_page(auditor: Client) -> None:
    sql("PRAGMA ignore_check_constraints = ON")
    sql("UPDATE tokenportal_auditevent SET changes = '{', at = 'never' WHERE number = 5")
    sql("PRAGMA ignore_check_constraints = OFF")
    assert found(auditor)[-1] == 1
    assert "Not readable" in page(auditor)
    assert "cannot be read any more, so its content was changed" in page(auditor, "/audit/5/")
    lines = [json.loads(line) for line in exported(auditor, "jsonl").splitlines()]
    assert lines[4] == {"number": 5, "unreadable": True}


def test_what_is_not_as_the_portal_writes_it_is_told_as_it_is(auditor: Client) -> None:
    sql("UPDATE tokenportal_auditevent SET changes = '[1]', details = '7' WHERE number = 5")
    sql("""UPDATE tokenportal_auditevent SET changes = '{"name":3,"at":[null,"2026-99-99T00:00:00"]}' WHERE number = 6""")
    shown = page(auditor, "/audit/5/")
    assert (told(shown, "Not readable"), "[1]" in shown) == ("7", True)
    assert "2026-99-99T00:00:00" in page(auditor, "/audit/6/")


def test_what_was_agreed_to_is_shown_and_compared_with_its_digest(auditor: Client) -> None:
    token = issued()
    event = AuditEvent.objects.get(action="token.issuing")
    shown = page(auditor, f"/audit/{event.number}/")
    assert "What was agreed to: version 1" in shown
    assert "Has the digest that the event names" in shown
    assert "DNS records on 1 zone" in re.sub("<.*?>", "", shown)
    payload = canonical_json({**token.body, "name": "other"})
    sql("UPDATE tokenportal_version SET payload = %s", payload)
    assert "Has another digest than the event names" in page(auditor, f"/audit/{event.number}/")


def test_what_a_draft_holds_is_private_on_the_page_of_an_event_too(auditor: Client) -> None:
    arrange.checked(arrange.draft())
    event = AuditEvent.objects.get(action="draft.checked")
    shown = page(auditor, f"/audit/{event.number}/")
    assert "private to whoever drafts it" in shown
    assert 'data-testid="agreed"' not in shown


def test_a_person_s_activity_tells_who_they_are_what_they_hold_and_what_they_did(auditor: Client) -> None:
    issued()
    with pytest.raises(sessions.WrongPassword):
        sessions.check(username="requester", password="wrong")
    arrange.signed_in("requester")
    one = person("requester")
    shown = page(auditor, f"/audit/people/{one.pk}/")
    assert told(shown, "E-mail") == one.email
    assert told(shown, "May sign in") == "Yes"
    assert told(shown, "Teams") == "Platform (requester) , Web (requester)"
    last, refused = (
        AuditEvent.objects.filter(action="session.started").latest("number"),
        AuditEvent.objects.get(outcome="refused"),
    )
    assert f"/audit/{last.number}/" in shown
    assert f"/audit/{refused.number}/" in shown
    assert re.findall(r'data-label="Part">([^<]+)', shown) == ["owner, asked for it, agreed to it"]
    assert numbers(shown) == expected(by_id=one.pk)[:20]
    assert f'href="/audit/?actor={one.pk}" data-testid="all-events"' in shown
    nobody = page(arrange.signed_in("admin"), f"/audit/people/{person('approver').pk}/")
    assert (told(nobody, "Last sign-in"), told(nobody, "Refused sign-ins")) == ("Never", "None")
    assert "They own no token" in nobody
    assert f"/settings/people/{person('approver').pk}/" in nobody


def test_all_that_a_person_did_is_found_whatever_they_or_others_are_called_since(auditor: Client) -> None:
    one, admin = person("requester"), person("admin")
    issued()
    people.change_person(one, by=admin, username="renamed", email=one.email, is_admin=False, is_auditor=False)
    heir, _ = people.create_person(by=admin, username="requester", email="heir@example.com")
    people.choose_time_zone(by=heir, time_zone="Europe/Berlin")
    for who in (one, heir):
        link = re.search(r'href="([^"]+)" data-testid="all-events"', page(auditor, f"/audit/people/{who.pk}/"))
        assert link
        assert numbers(page(auditor, link[1])) == expected(by_id=who.pk)
        event = AuditEvent.objects.filter(by_id=who.pk).latest("number")
        assert f'href="/audit/?actor={who.pk}">The same person' in page(auditor, f"/audit/{event.number}/")


def test_what_a_stranger_tried_is_not_told_as_done_by_the_portal(auditor: Client) -> None:
    Client().post("/sign-in/", {"username": "nobody-known", "password": "x"})
    issued()
    tried = AuditEvent.objects.get(action="session.refused")
    assert found(auditor, q='actor:"somebody not signed in"') == [tried.number]
    assert found(auditor, q='actor:"the portal"') == expected(by_name="", address="")
    shown = page(auditor, f"/audit/{tried.number}/")
    assert told(shown, "Person") == "somebody not signed in"
    assert 'href="/audit/?actor=somebody+not+signed+in">Whoever was not signed in' in shown
    own = AuditEvent.objects.filter(by_name="", address="").latest("number")
    shown = page(auditor, f"/audit/{own.number}/")
    assert told(shown, "Person") == "the portal"
    assert 'href="/audit/?actor=the+portal">The portal itself' in shown


@pytest.mark.parametrize("number", [10**6, 2**63 - 1, 2**63, 10**30])
def test_an_event_that_never_was_has_no_page(auditor: Client, number: int) -> None:
    assert auditor.get(f"/audit/{number}/").status_code == 404


def test_a_person_with_one_token_and_with_three_takes_the_same_number_of_queries(auditor: Client) -> None:
    issued()
    path = f"/audit/people/{person('requester').pk}/"
    few = count(auditor, path)
    issued(), issued()
    assert count(auditor, path) == few


def steps(shown: str) -> list[str]:
    return re.findall(r"<li class=\"\w*\"><strong>([^<]+)</strong>", shown)


def test_the_trail_of_a_token_goes_from_its_draft_to_now_for_its_team(portal: None) -> None:
    token = issued()
    web = arrange.signed_in("requester")
    shown = page(web, f"/tokens/{token.pk}/trail/")
    assert steps(shown) == ["Draft begun", "Summary opened", "Sent to Cloudflare", "Created"]
    assert "/audit/" not in shown
    assert f'href="/tokens/{token.pk}/trail/" data-testid="whole-trail"' in page(web, f"/tokens/{token.pk}/")
    full = page(arrange.signed_in("auditor"), f"/tokens/{token.pk}/trail/")
    assert re.findall(r">Event (\d+)<", full) == [str(number) for number in expected(trail=token.trail)[::-1]]


def test_a_trail_of_somebody_else_s_token_does_not_exist(portal: None) -> None:
    token = issued()
    people.create_person(by=None, username="outsider", email="outsider@example.com", password=arrange.PASSWORD)
    assert arrange.signed_in("outsider").get(f"/tokens/{token.pk}/trail/").status_code == 404


def test_a_long_trail_has_pages(portal: None) -> None:
    token = issued()
    for _ in range(60):
        with audit.recording(Event.TOKEN_TRIED, by=None, subject=token, trail=token.trail):
            pass
    web = arrange.signed_in("requester")
    shown = page(web, f"/tokens/{token.pk}/trail/")
    later = re.search(r'href="([^"]+)" data-testid="later"', shown)
    assert later
    rest = web.get(later[1]).content.decode()
    assert (len(steps(shown)), len(steps(rest)), "From the beginning" in rest) == (50, 14, True)


def exported(web: Client, form: str, **query: str) -> str:
    answer = web.post("/audit/export/", {"format": form, **query})
    assert answer.status_code == 200
    return answer.getvalue().decode()


def test_json_lines_hold_all_that_was_hashed_so_that_a_line_can_be_checked(auditor: Client) -> None:
    issued()
    before = AuditEvent.objects.count()
    lines = [json.loads(line) for line in exported(auditor, "jsonl").splitlines()]
    assert [line["number"] for line in lines] == list(range(1, before + 1))
    assert [line["hash"] for line in lines] == list(AuditEvent.objects.order_by("number").values_list("hash", flat=True))[:before]
    for line, previous in zip(lines, [seals.START, *(line["hash"] for line in lines)], strict=False):
        content = {name: value for name, value in line.items() if name not in ("hash", "mac")}
        assert hashlib.sha256(canonical_json(content).encode()).hexdigest() == line["hash"]
        assert line["previous"] == previous


def test_an_export_is_an_event_that_says_what_was_filtered_and_how_much(auditor: Client) -> None:
    issued()
    rows = list(csv.DictReader(io.StringIO(exported(auditor, "csv", actor="requester", action="token"))))
    wanted = AuditEvent.objects.filter(by_name="requester", action__startswith="token.").order_by("number")
    assert [int(row["number"]) for row in rows] == list(wanted.values_list("number", flat=True))
    event = AuditEvent.objects.get(action="audit.exported")
    assert event.details == {
        "format": "csv", "filter": "actor:requester action:token", "rows": len(rows), "up_to": event.number - 1,
    }  # fmt: skip
    assert json.loads(rows[-1]["changes"]) == wanted.last().changes  # type: ignore[union-attr]
    assert re.fullmatch(
        r'attachment; filename="audit-[\dT:-]+Z\.jsonl"',
        auditor.post("/audit/export/", {"format": "jsonl"})["Content-Disposition"],
    )


@pytest.mark.parametrize("sent", [{"format": "xml"}, {"format": "csv", "q": "foo:bar"}])
def test_an_export_that_was_not_understood_gives_no_file_and_no_event(auditor: Client, sent: dict[str, str]) -> None:
    assert auditor.post("/audit/export/", sent).status_code == 422
    assert not AuditEvent.objects.filter(action="audit.exported").exists()


def test_the_export_of_the_page_carries_its_filter(auditor: Client) -> None:
    issued()
    shown = page(auditor, q="actor:requester token")
    form = shown.split('data-testid="export"')[1].split("</form>")[0]
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
    assert {name: value for name, value in hidden.items() if name != "csrfmiddlewaretoken"} == {
        "q": "token",
        "actor": "requester",
    }


def test_the_chain_is_verified_on_demand_with_one_event_for_the_press_and_one_for_the_result(auditor: Client) -> None:
    shown = page(auditor, "/audit/chain/")
    assert 'data-state="unknown"' in shown
    assert "The log has not been verified yet." in shown
    answer = auditor.post("/audit/chain/verify/")
    assert (answer.status_code, answer["Location"]) == (302, "/audit/chain/#standing")
    shown = page(auditor, "/audit/chain/")
    assert 'data-state="holds"' in shown
    assert "asked for by auditor" in told(shown, "Whole log")
    written = AuditEvent.objects.filter(action__startswith="audit.").order_by("number").values_list("action", "by_name")
    assert list(written) == [("audit.verifying", "auditor"), ("audit.verified", "auditor")]
    part = auditor.post("/audit/chain/verify/", headers={"HX-Request": "true", "HX-Target": "standing"}).content.decode()
    assert ("<html" in part, 'data-state="holds"' in part) == (False, True)


def test_a_chain_that_does_not_hold_is_told_on_every_page_of_the_audit(auditor: Client) -> None:
    sql("UPDATE tokenportal_auditevent SET reason = 'other' WHERE number = 5")
    assert 'data-testid="broken"' not in page(auditor)
    auditor.post("/audit/chain/verify/")
    shown = page(auditor, "/audit/chain/")
    assert 'data-state="broken"' in shown
    assert 'href="/audit/5/" data-testid="first-bad"' in shown
    for path in ("/audit/", "/audit/5/", "/audit/tokens/", f"/audit/people/{person('requester').pk}/"):
        assert "The content of event 5 was changed." in page(auditor, path), path
    assert 'data-testid="broken"' not in page(arrange.signed_in("requester"), "/")


def test_a_long_log_is_verified_by_the_worker_and_the_page_shows_how_far_it_is(
    auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "AT_ONCE", 0)
    assert auditor.post("/audit/chain/verify/")["Location"] == "/audit/chain/#running"
    shown = page(auditor, "/audit/chain/")
    assert "Waiting for the portal’s worker to begin." in shown
    assert 'hx-trigger="every 2s"' in shown
    assert 'data-testid="verify"' not in shown
    asked = Verification.objects.get()
    Verification.objects.filter(pk=asked.pk).update(began_at=clock.now(), seen_at=clock.now(), events=3)
    assert f"Looked at 3 of {asked.total} events." in page(auditor, "/audit/chain/")
    Verification.objects.filter(pk=asked.pk).update(began_at=None, seen_at=None)
    verifying.run_next()
    shown = page(auditor, "/audit/chain/")
    assert ('data-state="holds"' in shown, "every 2s" in shown) == (True, False)


def test_missing_triggers_are_told(auditor: Client) -> None:
    assert told(page(auditor, "/audit/chain/"), "Triggers").startswith("Missing")


def test_nobody_but_auditors_and_admins_reads_or_exports(portal: None) -> None:
    for name in ("requester", "approver"):
        web = arrange.signed_in(name)
        one = f"/audit/people/{person(name).pk}/"
        for path in ("/audit/", "/audit/1/", "/audit/chain/", one):
            assert web.get(path).status_code == 403, (name, path)
        for path in ("/audit/export/", "/audit/chain/verify/"):
            assert web.post(path, {"format": "csv"}).status_code == 403, (name, path)
    events = AuditEvent.objects.filter(action__in=["audit.exported", "audit.verifying"])
    assert list(events.values_list("outcome", flat=True)) == ["refused"] * 4
    assert not Verification.objects.exists()
    assert (User.objects.count(), TokenRequest.objects.count()) == (5, 0)

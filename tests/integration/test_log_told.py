"""How the log is laid out for whoever reads it: days, ways back, what is known of the chain, and where the reader is."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from tests import arrange
from tests.integration.test_log_pages import numbers, page, teams
from tests.integration.test_verifying import spoil
from tokenportal import audit, clock
from tokenportal.actions import verifying
from tokenportal.audit import Event
from tokenportal.models import AuditEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor(portal: None) -> Client:
    return arrange.signed_in("auditor")


def test_events_stand_under_their_days_to_the_second(auditor: Client) -> None:
    now = clock.now().replace(hour=12, minute=0, second=7)
    for days in (9, 1, 1, 0):
        with clock.at(now - timedelta(days=days)):
            audit.note(Event.TOKENS_SYNCED, by=arrange.person("requester"), subject=arrange.connection())
    with clock.at(now):
        shown = page(auditor, action="tokens.synced", actor="requester")
    days = re.findall(r'class="day"[^>]*><time datetime="([^"]+)">[^<]+</time><span>, ([^<]+)', shown)
    ago = ((0, "today"), (1, "yesterday"), (9, "9 days ago"))
    assert days == [((now - timedelta(days=count)).date().isoformat(), words) for count, words in ago]
    assert len(re.findall(r">12:00:07</time>", shown)) == 4
    assert shown.count("just now</time></small>") == 1  # of another day, its heading says how long ago


def test_a_page_of_one_event_says_its_second(auditor: Client) -> None:
    event = AuditEvent.objects.latest("number")
    assert f"{event.at:%H:%M:%S} UTC" in page(auditor, f"/audit/{event.number}/")


@pytest.mark.parametrize(
    ("query", "title", "target"),
    [({}, "No event is older", "/audit/"), ({"actor": "requester"}, "No older event matches", "/audit/?actor=requester")],
)
def test_a_page_before_the_first_event_leads_back_to_the_newest(auditor: Client, query: Any, title: str, target: str) -> None:
    shown = page(auditor, before=1, **query)
    assert (numbers(shown), title in shown, f'href="{target}">Go to the newest' in shown) == ([], True, True)


def test_a_page_that_is_not_the_newest_leads_to_it_in_one_step(auditor: Client) -> None:
    teams(60)
    newest = page(auditor)
    older = re.search(r'href="([^"]+)" data-testid="older"', newest)
    assert older
    assert 'href="/audit/" data-testid="newest"' in page(auditor, older[1])
    assert 'data-testid="newest"' not in newest


def chain_told(shown: str) -> str:
    match = re.search(r'data-testid="chain">(.*?)</p>', shown, re.DOTALL)
    return " ".join(re.sub("<.*?>", " ", match[1]).split()) if match else ""


def test_the_log_says_how_much_of_it_is_known_to_hold_and_how_much_came_since(auditor: Client) -> None:
    assert chain_told(page(auditor)).startswith("Nobody can tell whether the chain holds.")
    done = verifying.ask(by=arrange.person("auditor"))
    begun = AuditEvent.objects.get(number=1).at
    since = f"{begun.day} {begun:%b %Y %H:%M} UTC"
    sentence = f"The chain holds. {done.events} events since {since}, verified just now ."
    for later, words in ((1, "1 newer one is"), (3, "3 newer ones are")):
        teams(later - (AuditEvent.objects.latest("number").number - done.events))
        assert chain_told(page(auditor)) == f"{sentence} {words} not verified yet. See the chain"
        standing = page(auditor, "/audit/chain/")
        assert f"{words} not verified yet." in standing


@pytest.mark.parametrize(("name", "section"), [("auditor", "Audit"), ("admin", "Settings")])
def test_guardrails_belong_to_the_section_in_whose_tabs_they_stand(portal: None, name: str, section: str) -> None:
    shown = page(arrange.signed_in(name), "/settings/guardrails/")
    assert re.findall(r'aria-current="page">(Audit|Settings|Tokens)<', shown) == [section]


def test_a_request_is_not_called_a_request_twice(auditor: Client) -> None:
    draft = arrange.draft()
    number = AuditEvent.objects.filter(object_id=str(draft.pk)).latest("number").number
    shown = page(auditor, f"/audit/{number}/")
    assert "Request request" not in re.sub("<.*?>", "", shown)


def test_a_filtered_list_leads_back_to_all_of_it_and_a_whole_one_does_not(auditor: Client) -> None:
    made = arrange.issue(arrange.draft())
    assert made
    for path, query, whole in (
        ("/audit/", {"actor": "requester"}, "/audit/"),
        ("/audit/tokens/", {"q": made.token.name[:4]}, "/audit/tokens/"),
        ("/", {"tab": "team", "q": made.token.name[:4]}, "/?tab=team"),
    ):
        clear = re.findall(r'href="([^"]*)" data-testid="clear"', page(auditor, path, **query))
        assert clear == [whole], path
        assert 'data-testid="clear"' not in page(auditor, whole), path


def test_exports_say_whether_they_are_of_all_or_of_what_matches(auditor: Client) -> None:
    arrange.issue(arrange.draft())
    for path in ("/audit/", "/audit/tokens/"):
        assert ("Export all:" in page(auditor, path), "Export all that match:" in page(auditor, path)) == (True, False)
    shown = page(auditor, actor="requester") + page(auditor, "/audit/tokens/", owner=str(arrange.person("requester").pk))
    assert (shown.count("Export all that match:"), "Export all:" in shown) == (2, False)


def test_words_of_ours_are_told_without_underscores_and_names_as_they_are(auditor: Client) -> None:
    with audit.recording(Event.DRAFT_VERSIONED, by=None, subject=arrange.draft()) as record:
        record.changes |= {"status": ["draft", "in_review"], "name": ["", "my_own_zone"]}
    shown = page(auditor, f"/audit/{AuditEvent.objects.latest('number').number}/")
    assert (">in review<" in shown.replace("\n", ""), "in_review" in shown, "my_own_zone" in shown) == (True, False, True)


def test_a_chain_that_does_not_hold_says_what_to_do_and_promises_nothing(auditor: Client) -> None:
    made = arrange.issue(arrange.draft())
    assert made
    where, trail = "/audit/chain/", f"/tokens/{made.token.pk}/trail/"
    verifying.ask(by=arrange.person("auditor"))
    assert 'data-testid="now"' not in page(auditor, where)
    assert "The chain does not hold." not in page(auditor, trail)
    number = AuditEvent.objects.get(action="token.issued").number
    spoil(number)
    verifying.ask(by=arrange.person("auditor"))
    shown = page(auditor, where)
    assert f"The events before event {number} hold. Rely on nothing from event {number} on" in shown
    assert "What a chain that holds proves" in shown
    assert "The chain does not hold." in page(auditor, trail)
    assert "The chain does not hold." not in page(arrange.signed_in("requester"), trail)  # it is not theirs to look into


def test_what_was_found_is_spoken_and_not_the_whole_page(auditor: Client) -> None:
    part = {"HX-Request": "true", "HX-Target": "standing"}
    answer = auditor.post("/audit/chain/verify/", headers=part).content.decode()
    assert '<p id="spoken" hx-swap-oob="innerHTML">The chain holds.</p>' in answer
    assert "aria-live" not in page(auditor, "/audit/chain/")
    spoil(2)
    answer = auditor.post("/audit/chain/verify/", headers=part).content.decode()
    assert "The chain does not hold. The content of event 2 was changed.</p>" in answer


def test_progress_is_not_spoken_again_and_again(auditor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "AT_ONCE", 0)
    part = {"HX-Request": "true", "HX-Target": "standing"}
    begun = auditor.post("/audit/chain/verify/", headers=part).content.decode()
    assert '<p id="spoken" hx-swap-oob="innerHTML">Being verified</p>' in begun
    assert 'id="spoken"' not in auditor.get("/audit/chain/", headers=part).content.decode()


def test_the_notice_of_a_log_that_does_not_hold_leads_to_what_was_found(auditor: Client) -> None:
    spoil(2)
    verifying.ask(by=arrange.person("auditor"))
    see = 'href="/audit/chain/" data-testid="see-chain"'
    assert [see in page(arrange.signed_in(name), "/notices/") for name in ("auditor", "admin", "requester")] == [
        True,
        True,
        False,
    ]
    with audit.recording(Event.PERSON_CHANGED, by=None, subject=arrange.person("auditor")) as record:
        record.change(arrange.person("auditor"), is_auditor=False)
    shown = page(arrange.signed_in("auditor"), "/notices/")
    assert ("The audit log does not hold." in shown, see in shown) == (True, False)


def test_a_trail_leads_auditors_to_the_people_in_it(auditor: Client) -> None:
    made = arrange.issue(arrange.draft())
    assert made
    trail, link = f"/tokens/{made.token.pk}/trail/", f'by <a href="/audit/people/{arrange.person("requester").pk}/">requester</a>'
    assert link in page(auditor, trail)
    theirs = page(arrange.signed_in("requester"), trail)
    assert ("by requester" in theirs, "/audit/people/" in theirs) == (True, False)

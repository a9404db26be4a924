"""The timeline of a token: what happened in order of time, who did it, and what is still to come."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tokenportal import audit, clock
from tokenportal.actions import changing, drafts, ownership, people, reminding, syncing
from tokenportal.audit import Event
from tokenportal.models import AuditEvent, Token, TokenRequest
from tokenportal.policy.spec import Validity

pytestmark = pytest.mark.django_db

BEGAN = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def token(portal: None) -> Token:
    with clock.at(BEGAN):
        made = arrange.issue(arrange.draft(validity=Validity(lifetime="days", days=20)))
    assert made
    return made.token


def recorded(token: Token, event: Event = Event.TOKENS_SYNCED, **changes: Any) -> None:
    with audit.recording(event, by=None, subject=token, trail=token.pk) as record:
        record.change(token, **changes)


def entries(web: Client, token: Token, now: datetime) -> list[tuple[str, bool]]:
    """Each entry in one line, and whether it is still to come."""
    with clock.at(now):
        page = web.get(token.get_absolute_url()).content.decode()
    rows = re.findall(r'<li class="[^"]*"( data-testid="ahead")?>\s*(<strong>.*?)</li>', page, re.DOTALL)
    return [(" ".join(unescape(re.sub("<[^>]+>", " ", text)).split()).replace(" ,", ","), bool(ahead)) for ahead, text in rows]


def test_a_life_is_told_from_the_draft_to_the_end_that_is_still_to_come(token: Token) -> None:
    web = arrange.signed_in("requester")
    now = BEGAN + timedelta(days=14)
    apps.get_model("sandbox", "Token").objects.filter(pk=token.cloudflare_id).update(last_used_on=BEGAN + timedelta(days=3))
    with clock.at(BEGAN + timedelta(days=4)):
        syncing.sync(token.connection)
    with clock.at(BEGAN + timedelta(days=5)):
        ownership.set_owners(
            token, by=arrange.person("admin"), owner=arrange.person("requester"), backup_owner=arrange.person("teammate"),
            purpose=token.purpose,
        )  # fmt: skip
    with clock.at(now):
        reminding.remind_all()
    digest = AuditEvent.objects.get(action="token.issuing").digest
    assert entries(web, token, now) == [
        ("Draft begun by requester 14 days ago, Mon 1 Mar 2027 09:00 UTC", False),
        (
            f"Agreed to version 1 by requester 14 days ago, Mon 1 Mar 2027 09:00 UTC digest {digest[:4]} {digest[4:8]} {digest[8:12]}",
            False,
        ),
        ("Created by requester 14 days ago, Mon 1 Mar 2027 09:00 UTC", False),
        ("Last used 11 days ago, Thu 4 Mar 2027 09:00 UTC as Cloudflare told", False),
        ("Owners changed by admin 9 days ago, Sat 6 Mar 2027 09:00 UTC Back-up owner: teammate", False),
        ("Owners reminded of the end just now, Mon 15 Mar 2027 09:00 UTC", False),
        ("Ends To come in 6 days, Sun 21 Mar 2027 23:59 UTC", True),
    ]
    assert entries(web, token, BEGAN + timedelta(days=30))[-1] == ("Ended 9 days ago, Sun 21 Mar 2027 23:59 UTC", False)


def test_times_stand_in_the_reader_s_own_zone_as_well(token: Token) -> None:
    people.choose_time_zone(by=arrange.person("requester"), time_zone="Asia/Tokyo")
    assert entries(arrange.signed_in("requester"), token, BEGAN + timedelta(days=1))[0] == (
        "Draft begun by requester yesterday, Mon 1 Mar 2027 09:00 UTC (18:00 for you)", False,
    )  # fmt: skip


def test_those_who_read_the_audit_log_find_each_event_linked_and_nobody_else(token: Token) -> None:
    for name, linked in (("auditor", True), ("admin", True), ("requester", False)):
        page = arrange.signed_in(name).get(token.get_absolute_url()).content.decode()
        told = AuditEvent.objects.filter(trail=token.token_request_id).exclude(action="draft.checked")
        assert [f'href="/audit/{event.number}/"' in page for event in told] == [linked] * 3, name


def test_a_token_that_never_ends_and_one_that_begins_later_say_so(token: Token) -> None:
    web, now = arrange.signed_in("requester"), BEGAN + timedelta(days=1)
    recorded(token, expires_on=None, not_before=BEGAN + timedelta(days=2))
    told = entries(web, token, now)
    assert told[-2:] == [
        ("Begins to work To come tomorrow, Wed 3 Mar 2027 09:00 UTC", True), ("Never ends", True),
    ]  # fmt: skip
    assert entries(web, token, BEGAN + timedelta(days=3))[-2][0].startswith("Began to work yesterday")


def test_what_is_gone_has_nothing_ahead(token: Token) -> None:
    web, now = arrange.signed_in("requester"), BEGAN + timedelta(days=5)
    recorded(token, status="gone", ended_at=BEGAN + timedelta(days=4))
    assert entries(web, token, now)[-1] == ("Gone from Cloudflare yesterday, Fri 5 Mar 2027 09:00 UTC", False)
    with clock.at(BEGAN + timedelta(days=4)):
        recorded(token, Event.TOKEN_GONE, value_lost=True)
    assert entries(web, token, now)[-1] == ("Gone from Cloudflare yesterday, Fri 5 Mar 2027 09:00 UTC", False)


def test_an_adopted_token_without_a_request_has_a_life_too(token: Token) -> None:
    with clock.at(BEGAN + timedelta(days=1)), audit.recording(Event.TOKEN_TAKEN_OVER, by=None, trail=token.pk) as record:
        record.subject = adopted = Token(
            connection=token.connection, team=token.team, owner=token.owner, cloudflare_id="f" * 32, name="adopted",
            body=token.body, issued_on=BEGAN - timedelta(days=400), seen_at=BEGAN,
        )  # fmt: skip
        record.trail = adopted.pk
        record.add(adopted)
    told = entries(arrange.signed_in("requester"), adopted, BEGAN + timedelta(days=2))
    assert [text.split(",")[0] for text, _ in told] == [
        "Created at Cloudflare 402 days ago", "Adopted yesterday", "Never ends",
    ]  # fmt: skip


def test_an_open_edit_is_told_to_those_who_may_see_it_and_nobody_else(token: Token) -> None:
    now = BEGAN + timedelta(days=1)
    with clock.at(now):
        changing.begin_edit(token, by=arrange.person("requester"))
    begun = ("Draft begun by requester just now, Tue 2 Mar 2027 09:00 UTC", False)
    assert begun in entries(arrange.signed_in("requester"), token, now)
    assert begun not in entries(arrange.signed_in("teammate"), token, now)
    assert begun not in entries(arrange.signed_in("admin"), token, now)


def test_a_replacement_is_another_token_s_life(token: Token) -> None:
    before = entries(arrange.signed_in("requester"), token, BEGAN)
    with clock.at(BEGAN):
        changing.begin_replacement(token, by=arrange.person("requester"))
    assert entries(arrange.signed_in("requester"), token, BEGAN) == before


def test_a_long_life_is_folded_in_the_middle_and_asks_no_more_often(token: Token) -> None:
    web, now = arrange.signed_in("requester"), BEGAN + timedelta(days=10)

    def page() -> tuple[int, str]:
        with clock.at(now), CaptureQueriesContext(connection) as queries:
            found = web.get(token.get_absolute_url()).content.decode()
        return len(queries), found

    page()
    few, short = page()
    for number in range(60):
        with clock.at(BEGAN + timedelta(hours=number + 1)):
            recorded(token, Event.TOKEN_ROLLED)
    many, long = page()
    assert many == few
    assert 'data-testid="folded"' not in short
    told = entries(web, token, now)
    assert len(told) == 64
    assert "<summary>53 more</summary>" in long
    assert [text.split(" by")[0] for text, _ in told[:3]] == ["Draft begun", "Agreed to version 1", "Created"]
    assert told[-1][1] is True


def test_a_life_too_long_for_a_page_says_where_the_rest_is(token: Token) -> None:
    for _ in range(200):
        recorded(token, Event.TOKEN_LOOKED_UP)
    told = entries(arrange.signed_in("requester"), token, clock.now())
    assert len(told) == 202  # two hundred events, its creation and its end
    page = arrange.signed_in("requester").get(token.get_absolute_url()).content.decode()
    assert f'What happened before this is in the <a href="/tokens/{token.pk}/trail/">whole trail</a>.' in page


def test_what_failed_says_why(token: Token) -> None:
    by, now = arrange.person("requester"), BEGAN + timedelta(days=1)
    with clock.at(now), audit.recording(Event.TOKEN_ROLL_FAILED, by=by, subject=token, trail=token.pk) as record:
        record.outcome, record.reason = "failed", "Cloudflare refused."
    assert entries(arrange.signed_in("requester"), token, now)[-2] == (
        "Not rolled by requester just now, Tue 2 Mar 2027 09:00 UTC Cloudflare refused.", False,
    )  # fmt: skip


def test_opening_a_summary_by_itself_is_not_told(token: Token) -> None:
    assert AuditEvent.objects.filter(action="draft.checked", trail=token.token_request_id).count() == 1
    assert [text.split(" by")[0] for text, _ in entries(arrange.signed_in("requester"), token, BEGAN)[:2]] == [
        "Draft begun", "Agreed to version 1",
    ]  # fmt: skip


def test_an_agreed_change_is_told_with_its_version(token: Token) -> None:
    by, now = arrange.person("requester"), BEGAN + timedelta(days=1)
    with clock.at(now):
        begun = TokenRequest.objects.get(pk=changing.begin_edit(token, by=by, days=30).pk)
        version = drafts.check(begun, by=by, revision=begun.working_copy.revision)
        with audit.recording(
            Event.TOKEN_CHANGING, by=by, subject=token, trail=token.pk, digest=version.digest, version=version.number
        ):  # fmt: skip
            pass
    assert entries(arrange.signed_in("auditor"), token, now)[-2][0].startswith("Agreed to version 1 by requester just now")

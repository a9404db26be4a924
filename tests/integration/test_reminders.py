"""Reminders: 30, 14, 7 and 1 days before a token ends, once each, to those who answer for it."""

import io
import smtplib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core import mail
from django.core.management import call_command
from django.db import close_old_connections

from tests import arrange
from tokenportal import audit, clock
from tokenportal.actions import letters, ownership, people, reminding, syncing
from tokenportal.audit import Event
from tokenportal.models import AuditEvent, Notice, Reminder, Token
from tokenportal.policy.spec import Validity

START = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def world(portal: None) -> Iterator[None]:
    with clock.at(START):
        yield


def token_for(days: int, **changes: Any) -> Token:
    """A token of the requester, with the teammate as back-up owner, that ends in the last second of the day in so many days."""
    made = arrange.issue(arrange.draft(validity=Validity(lifetime="days", days=days), **changes))
    assert made
    ownership.set_owners(
        made.token, by=arrange.person("admin"), owner=arrange.person("requester"), backup_owner=arrange.person("teammate"),
        purpose="certbot renews the shop’s certificates.",
    )  # fmt: skip
    mail.outbox.clear()
    apps.get_model("tokenportal", "Notice").objects.all().delete()
    return Token.objects.get(pk=made.token.pk)


def rounds(start: datetime, end: datetime, step: timedelta) -> None:
    now = start
    while now < end:
        with clock.at(now):
            reminding.remind_all()
        now += step


def given(token: Token) -> list[int]:
    return list(Reminder.objects.filter(token=token).order_by("at").values_list("days", flat=True))


def told(name: str) -> int:
    return Notice.objects.filter(user=arrange.person(name)).count()


def test_a_month_of_rounds_reminds_four_times_and_each_owner_once_each_time(world: None) -> None:
    token = token_for(45)
    assert token.expires_on
    rounds(START, START + timedelta(days=14), timedelta(hours=4))
    assert given(token) == []
    rounds(START + timedelta(days=14), token.expires_on, timedelta(minutes=37))
    assert given(token) == [30, 14, 7, 1]
    times = list(Reminder.objects.order_by("at").values_list("at", flat=True))
    assert all(
        timedelta(0) <= at - (token.expires_on - timedelta(days=days)) < timedelta(minutes=37)
        for at, days in zip(times, reminding.DAYS, strict=True)
    )
    assert (told("requester"), told("teammate"), told("admin")) == (4, 4, 0)
    assert sorted(letter.to[0] for letter in mail.outbox) == sorted(
        [arrange.person(name).email for name in ("requester", "teammate")] * 4
    )
    assert AuditEvent.objects.filter(action="token.reminded", trail=token.token_request_id).count() == 4
    rounds(token.expires_on, token.expires_on + timedelta(days=2), timedelta(hours=1))
    assert len(mail.outbox) == 8


@pytest.mark.parametrize(("days_left", "expected"), [(31, []), (30, [30]), (15, [30]), (14, [14]), (7, [7]), (2, [7]), (1, [1])])
def test_what_was_missed_is_made_up_for_by_the_most_urgent_reminder_alone(
    world: None, days_left: int, expected: list[int]
) -> None:
    token = token_for(60)
    assert token.expires_on
    with clock.at(token.expires_on - timedelta(days=days_left)):
        assert (reminding.remind_all(), reminding.remind_all()) == (len(expected), 0)
    assert given(token) == expected
    assert len(mail.outbox) == 2 * len(expected)


def test_a_letter_says_what_ends_when_and_what_to_do(world: None, settings: Any) -> None:
    settings.PUBLIC_ORIGIN = "https://tokens.example.com"
    token = token_for(20)
    assert token.expires_on
    with clock.at(token.expires_on - timedelta(days=6)):
        reminding.remind_all()
    mine, theirs = mail.outbox
    assert mine.subject == f"{token.name} ends in 6 days"
    assert (
        mine.body
        == f"""\
The token {token.name} ends on Sun 21 Mar 2027 23:59 UTC (in 6 days).
Then whatever uses it stops working.

What uses it:
certbot renews the shop’s certificates.

Team: Platform
Owner: requester
Back-up owner: teammate

If it is still needed, open its page and press Renew. Its secret stays the same, so nothing else has to change:
https://tokens.example.com/tokens/{token.pk}/

If it is not needed any more, do nothing, or revoke it on the same page.

You get this because you are its owner. Another reminder comes the day before the end.
"""
    )
    assert "you are its back-up owner" in theirs.body
    assert mine.content_subtype == "plain"


@pytest.mark.parametrize(
    ("later", "words"),
    [
        ((14, 7, 1), "Other reminders come 14, 7 and 1 days before the end."),
        ((7, 1), "Other reminders come 7 and 1 days before the end."),
        ((), "This is the last reminder."),
    ],
)
def test_a_letter_says_how_many_more_will_come(world: None, later: tuple[int, ...], words: str) -> None:
    assert words in letters.reminder(token_for(20), arrange.person("requester"), START, later).body


def test_a_name_from_cloudflare_breaks_no_header_and_a_purpose_none_of_the_text(world: None) -> None:
    token = token_for(20)
    apps.get_model("sandbox", "Token").objects.filter(pk=token.cloudflare_id).update(name="a\r\nBcc: all@example.com\u202e")
    syncing.sync(token.connection)
    token = Token.objects.get(pk=token.pk)
    assert token.name == "a␍␊Bcc: all@example.com⟦U+202E⟧"
    assert letters.one_line("b\r\nBcc: x" + "y" * 200) == ("b␍␊Bcc: x" + "y" * 200)[:119] + "…"
    with clock.at(START + timedelta(days=10)):
        reminding.remind_all()
    sent = [letter.message() for letter in mail.outbox]
    assert [str(message["Subject"]) for message in sent] == [f"{letters.one_line(token.name)} ends in 10 days"] * 2
    assert all(message["Bcc"] is None and len(message.get_all("To")) == 1 for message in sent)
    assert all(letter.body.splitlines()[0].startswith("The token ") for letter in mail.outbox)


def test_nobody_s_purpose_is_said_to_be_unknown(world: None) -> None:
    token = token_for(20)
    ownership.set_owners(token, by=arrange.person("admin"), owner=arrange.person("requester"), backup_owner=None, purpose="")
    text = letters.reminder(Token.objects.get(pk=token.pk), arrange.person("admin"), START, (7, 1)).body
    assert "What uses it:\nNobody said.\n" in text
    assert "Back-up owner: nobody\n" in text
    assert "you are an admin, and none of its owners is active" in text


@pytest.mark.parametrize(
    ("gone", "expected"),
    [(["requester"], ["teammate"]), (["teammate"], ["requester"]), (["requester", "teammate"], ["admin"])],
)
def test_who_is_deactivated_or_has_left_is_not_reminded_and_admins_are_where_nobody_is_left(
    world: None, gone: list[str], expected: list[str]
) -> None:
    token_for(20)
    people.set_active(arrange.person(gone[0]), by=arrange.person("admin"), active=False)
    for name in gone[1:]:
        people.remove_membership(arrange.team().memberships.get(user__username=name), by=arrange.person("admin"))
    with clock.at(START + timedelta(days=10)):
        assert reminding.remind_all() == 1
    assert [letter.to for letter in mail.outbox] == [[arrange.person(name).email] for name in expected]
    assert [notice.user.username for notice in Notice.objects.all()] == expected


def test_a_token_with_a_new_end_is_reminded_of_anew(world: None) -> None:
    token = token_for(20)
    with clock.at(START + timedelta(days=14)):
        reminding.remind_all()
    later = datetime(2027, 5, 1, tzinfo=UTC)
    apps.get_model("sandbox", "Token").objects.filter(pk=token.cloudflare_id).update(expires_on=later)
    syncing.sync(token.connection)
    rounds(START + timedelta(days=14), later, timedelta(hours=3))
    assert given(token) == [7, 30, 14, 7, 1]


def test_disabled_unmanaged_ended_and_endless_tokens_are_left_alone(world: None) -> None:
    for changes in ({"status": "disabled"}, {"status": "revoked"}, {"team": None}, {"expires_on": None}):
        token = token_for(20)
        with audit.recording(Event.TOKENS_SYNCED, by=None, subject=token) as record:
            record.change(token, **changes)
    with clock.at(START + timedelta(days=15)):
        assert reminding.remind_all() == 0
    assert (mail.outbox, Reminder.objects.count(), Notice.objects.count()) == ([], 0, 0)


def test_what_was_renewed_since_it_was_looked_at_is_not_reminded_of(world: None) -> None:
    token = token_for(20)
    looked_at = Token.objects.get(pk=token.pk)
    with audit.recording(Event.TOKENS_SYNCED, by=None, subject=token) as record:
        record.change(token, expires_on=START + timedelta(days=100))
    assert reminding.remind(looked_at, 30, START) == []
    assert (Reminder.objects.count(), Notice.objects.count()) == (0, 0)


class Broken:
    """A mail server that fails in one of its two ways, and counts how often somebody knocked."""

    def __init__(self, *, at: str, error: Exception) -> None:
        self.at, self.error, self.knocked = at, error, 0

    def open(self) -> None:
        self.knocked += 1
        if self.at == "open":
            raise self.error

    def send_messages(self, letters: Any) -> None:
        raise self.error

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("broken", "sentence", "knocks"),
    [
        (Broken(at="open", error=OSError("10.0.0.1 refused")), "The mail server could not be reached.", 1),
        (Broken(at="send", error=smtplib.SMTPDataError(550, b"no")), "The mail server did not take the letter.", 4),
        (Broken(at="send", error=ValueError("a header")), "The mail server did not take the letter.", 4),
    ],
)
def test_mail_that_fails_is_noted_and_never_sent_again(
    world: None, monkeypatch: Any, caplog: Any, broken: Broken, sentence: str, knocks: int
) -> None:
    first = token_for(20)
    token_for(20)
    caplog.set_level("WARNING", "tokenportal.mail")
    monkeypatch.setattr(type(mail.mailers), "default", broken)
    with clock.at(START + timedelta(days=15)):
        assert (reminding.remind_all(), reminding.remind_all()) == (2, 0)
    assert broken.knocked == knocks
    assert Notice.objects.count() == 4
    failed = AuditEvent.objects.filter(action="token.reminded", outcome="failed", trail=first.token_request_id)
    assert [event.reason for event in failed.order_by("number")] == [
        f"No mail went to {name}. {sentence} The notice stands in the portal." for name in ("requester", "teammate")
    ]
    assert caplog.messages
    assert not any("10.0.0.1" in line for line in caplog.messages)


def test_without_a_mail_server_notices_are_all_there_is(world: None, settings: Any) -> None:
    settings.SENDS_MAIL = False
    token_for(20)
    with clock.at(START + timedelta(days=15)):
        assert reminding.remind_all() == 1
    assert (mail.outbox, Notice.objects.count()) == ([], 2)
    assert not AuditEvent.objects.filter(outcome="failed").exists()


def test_the_event_is_committed_before_a_letter_leaves_and_without_it_none_does(
    world: None, settings: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    token = token_for(20)
    seen: list[bool] = []

    class Watching(Broken):
        def send_messages(self, letters: Any) -> None:
            seen.append(bool(given(token)))

    monkeypatch.setattr(type(mail.mailers), "default", Watching(at="never", error=OSError()))
    with clock.at(START + timedelta(days=15)):
        keys, settings.KEYS_DIR = settings.KEYS_DIR, tmp_path
        with pytest.raises(audit.AuditUnavailable):
            reminding.remind_all()
        assert (seen, Notice.objects.count()) == ([], 0)
        settings.KEYS_DIR = keys
        reminding.remind_all()
    assert seen == [True, True]


def test_eight_runners_at_once_remind_once(lasting_portal: None) -> None:
    with clock.at(clock.now()):
        token = token_for(20)
    assert token.expires_on
    now, barrier, counts = token.expires_on - timedelta(days=5), threading.Barrier(8), []

    def run() -> None:
        with clock.at(now):
            try:
                found = reminding.due(now)
                barrier.wait()
                counts.extend(bool(reminding.remind(one, days, now)) for one, days in found)
            finally:
                close_old_connections()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == [False] * 7 + [True]
    assert (given(token), Notice.objects.count()) == ([7], 2)


def test_one_person_who_is_both_owners_is_reminded_once(world: None) -> None:
    token = token_for(20)
    with audit.recording(Event.TOKEN_OWNER_SET, by=None, subject=token) as record:
        record.change(token, backup_owner=token.owner)
    with clock.at(START + timedelta(days=15)):
        assert reminding.remind_all() == 1
    assert ["you are its owner" in letter.body for letter in mail.outbox] == [True]
    assert told("requester") == 1


def test_the_command_and_the_runner_remind(lasting_portal: None) -> None:
    token_for(20)
    token_for(40)
    printed, now = io.StringIO(), clock.now()
    with clock.at(now + timedelta(days=15)):
        call_command("remind", stdout=printed)
        call_command("work", "--once")
    assert printed.getvalue() == "Reminders given: 2\n"
    assert (len(mail.outbox), AuditEvent.objects.filter(action="token.reminded", channel="work").count()) == (4, 0)
    with clock.at(now + timedelta(days=28)):
        call_command("work", "--once")
    assert (len(mail.outbox), AuditEvent.objects.filter(action="token.reminded", channel="work").count()) == (6, 1)

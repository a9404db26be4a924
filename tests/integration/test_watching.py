"""Rounds of settling and watching: one listing a connection, ever more rarely, for a day."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

from tests import arrange
from tests.integration.test_syncing import failed_but_there
from tokenportal import clock
from tokenportal.actions import alarms, issuing, settling, watching
from tokenportal.management.commands import work
from tokenportal.models import AuditEvent, Status, TokenRequest
from tokenportal.sandbox import faults

pytestmark = pytest.mark.django_db


def fresh(token_request: TokenRequest) -> TokenRequest:
    return TokenRequest.objects.get(pk=token_request.pk)


def answered(fault: str) -> TokenRequest:
    draft = arrange.draft()
    call_command("sandbox_fault", fault, method="POST")
    assert arrange.issue(draft) is None
    return fresh(draft)


def listings() -> int:
    return apps.get_model("sandbox", "Call").objects.filter(method="GET", path__endswith="/tokens").count()


def due_after(seconds: int, read_at: dict[UUID, datetime], now: datetime) -> bool:
    with clock.at(now + timedelta(seconds=seconds)):
        return bool(watching.rounds(read_at))


def test_one_listing_a_round_settles_all_that_is_uncertain_on_a_connection(portal: None) -> None:
    requests = [answered("drop") for _ in range(3)]
    before = listings()
    told = watching.pass_over()
    assert listings() == before + 1
    assert sorted(what for what, _ in told) == sorted(one.reference for one in requests)
    assert {fresh(one).status for one in requests} == {Status.ISSUED}


def test_what_was_refused_is_watched_often_at_first_and_then_ever_more_rarely(portal: None, settings: Any) -> None:
    settings.WORK_INTERVAL_SECONDS, settings.SYNC_INTERVAL_SECONDS = 15, 900
    answered("forbidden")
    now, read_at = clock.now(), dict[UUID, datetime]()
    assert due_after(0, read_at, now), "a runner that starts reads at once"
    assert [due_after(seconds, read_at, now) for seconds in (5, 16, 20, 32)] == [False, True, False, True]
    assert due_after(3600, read_at, now)
    assert [due_after(seconds, read_at, now) for seconds in (3700, 4000, 4200)] == [False, False, True]
    assert due_after(20 * 3600, read_at, now)
    assert [due_after(20 * 3600 + seconds, read_at, now) for seconds in (890, 910)] == [False, True]
    assert not due_after(25 * 3600, read_at, now)


def test_what_was_created_as_it_should_be_is_watched_as_often_as_tokens_are_synced(portal: None, settings: Any) -> None:
    settings.SYNC_INTERVAL_SECONDS = 900
    assert arrange.issue(arrange.draft())
    now, read_at = clock.now(), dict[UUID, datetime]()
    assert [due_after(seconds, read_at, now) for seconds in (0, 60, 890, 901)] == [True, False, False, True]


def test_what_is_uncertain_is_read_in_every_round(portal: None) -> None:
    answered("late")
    now, read_at = clock.now(), dict[UUID, datetime]()
    assert [due_after(seconds, read_at, now) for seconds in (0, 1, 2)] == [True, True, True]


def test_an_effect_that_comes_late_is_an_alarm_after_the_next_round_of_the_runner(portal: None) -> None:
    one = failed_but_there()
    work.read_at.clear()
    work.settle()
    assert fresh(one).alarm == alarms.STRAY
    work.settle()
    assert AuditEvent.objects.filter(action="token.alarm", trail=one.pk).count() == 1


def test_a_list_that_cannot_be_read_is_told_and_decides_nothing(portal: None) -> None:
    one = answered("drop")
    faults.arm("html", method="GET")
    ((what, sentence),) = watching.pass_over()
    assert (what, sentence[:57]) == ("Acme production", "Cloudflare could not be asked, so nothing is known yet. I")
    assert fresh(one).status == Status.UNCERTAIN


@contextmanager
def just_before(look: str, deed: Callable[[], Any]) -> Iterator[None]:
    """Somebody else does something right before the portal sends this SQL."""
    waiting = [deed]

    def between(execute: Any, sql: str, *rest: Any) -> Any:
        if waiting and look in sql:
            waiting.pop()()
        return execute(sql, *rest)

    with connection.execute_wrapper(between):
        yield
    assert not waiting, "nobody looked"


def test_what_somebody_settles_while_a_round_begins_is_left_to_them(portal: None) -> None:
    one = answered("drop")
    with just_before('FROM "tokenportal_attempt"', lambda: settling.look_up(fresh(one))):
        assert [found.open for found in watching.rounds()] == [[]]
    assert fresh(one).status == Status.ISSUED


def test_what_comes_back_just_when_it_is_taken_for_left_behind_is_not_touched(portal: None) -> None:
    ready = arrange.checked(arrange.draft())
    agreed = issuing.agreed_version(ready, number=ready.version, digest=ready.digest)
    issuing._begin(ready, agreed, number=1, by=ready.requester)

    with (
        clock.at(clock.now() + timedelta(minutes=1)),
        just_before("SAVEPOINT", lambda: settling._left_behind(fresh(ready), by=None)),
    ):
        assert watching.rounds() == []
    assert fresh(ready).status == Status.UNCERTAIN

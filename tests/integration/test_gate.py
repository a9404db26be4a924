"""What every call through a connection passes, with its state in the database: budget, waits, breaker."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import Error, connection

from tests import arrange
from tokenportal import clock, upstream
from tokenportal.actions import connections
from tokenportal.cloudflare import Answer, HeldBack, NeverSent, OutcomeUnknown, Refused
from tokenportal.management.commands import work
from tokenportal.models import Connection, UpstreamState
from tokenportal.sandbox import faults
from tokenportal.secret import Secret
from tokenportal.upstream.budget import Budget
from tokenportal.upstream.gate import Gate

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
BUDGET = Budget(900, 300)
FINE = Answer({}, {}, "")


@pytest.fixture
def gate(portal: None, settings: Any) -> Gate:
    """Of a connection through which nothing was called yet."""
    settings.UPSTREAM_BREAKER_FAILURES, settings.UPSTREAM_BREAKER_SECONDS = 3, 30
    UpstreamState.objects.all().delete()
    return Gate(arrange.connection().pk)


def at(seconds: float) -> Any:
    return clock.at(NOON + timedelta(seconds=seconds))


def fine() -> Answer:
    return FINE


def lost() -> Answer:
    raise OutcomeUnknown("there was no answer in time")


def broken(status: int) -> Callable[[], Answer]:
    def send() -> Answer:
        raise OutcomeUnknown("it answered with an error page", status=status)

    return send


def refused() -> Answer:
    raise Refused(403, (10000,), ("Authentication error",))


def quiet(seconds: float, status: int = 200) -> Callable[[], Answer]:
    def send() -> Answer:
        if status == 200:
            return Answer({}, {}, "", quiet=seconds)
        error = OutcomeUnknown("it answered with an error page", status=status)
        error.quiet = seconds
        raise error

    return send


def never() -> Answer:
    raise AssertionError("this call was to be held back")


def passes(gate: Gate, send: Callable[[], Answer], ask: Callable[[], Answer] | None = None) -> None:
    """Make a call of which only what it leaves behind matters."""
    with suppress(OutcomeUnknown, Refused):
        gate(send, ask)


def held_back(gate: Gate, ask: Callable[[], Answer] | None = None) -> HeldBack:
    with pytest.raises(HeldBack) as raised:
        gate(never, ask)
    assert raised.value.safe.endswith("Nothing was sent.")
    return raised.value


def standing(gate: Gate) -> upstream.Standing:
    return upstream.standing(Connection.objects.get(pk=gate.connection_id))


def test_a_call_is_counted_and_costs_one_short_transaction(gate: Gate, django_assert_num_queries: Any) -> None:
    with at(0):
        assert gate(fine, None) is FINE
        assert standing(gate) == upstream.Standing(BUDGET, 1)
        with django_assert_num_queries(5):  # a savepoint and its end, the row, its counts; then a look without a lock
            gate(fine, None)
        assert standing(gate).used == 2
    with at(400):
        assert standing(gate).used == 0


def test_the_budget_holds_back_and_says_when_it_goes_on(gate: Gate, settings: Any) -> None:
    settings.UPSTREAM_BUDGET_CALLS, settings.UPSTREAM_BUDGET_SECONDS = 5, 60
    background = Gate(gate.connection_id, background=True)
    with at(0):
        for _ in range(4):
            background(fine, None)
        found = held_back(background)
        assert found.safe.startswith(
            "What is left of the portal's calls to Cloudflare is kept for people. It goes on at 12:01:02 UTC."
        )
        gate(fine, None)
        found = held_back(gate)
    assert found.until == NOON + timedelta(seconds=62)
    assert found.safe == (
        "The portal has made all the calls to Cloudflare that it allows itself: 5 in 1 minute. "
        "It goes on at 12:01:02 UTC. Nothing was sent."
    )
    with at(61.9):
        held_back(gate)
    with at(62):
        gate(fine, None)


@pytest.mark.parametrize("status", [200, 429])
def test_while_cloudflare_wants_no_calls_none_is_made_whoever_asks(gate: Gate, status: int) -> None:
    with at(0):
        passes(gate, quiet(90, status))
        passes(Gate(arrange.connection("Acme user").pk), fine)
        found = held_back(Gate(gate.connection_id))
        assert found.safe == (
            "Cloudflare takes no calls from the portal until 12:01:30 UTC, because there were too many. Nothing was sent."
        )
        assert (found.until, standing(gate).blocked_until) == (NOON + timedelta(seconds=90),) * 2
    with at(89.9):
        held_back(gate)
    with at(90):
        gate(fine, None)
        assert standing(gate).blocked_until is None


def test_of_two_waits_the_longer_one_counts(gate: Gate) -> None:
    def both_at_once() -> Answer:
        passes(gate, quiet(90))
        return quiet(20)()

    with at(0):
        passes(gate, both_at_once)
        assert standing(gate).blocked_until == NOON + timedelta(seconds=90)


@pytest.mark.parametrize("send", [lost, broken(502), broken(200), broken(302)])
def test_a_few_calls_in_a_row_without_an_answer_open_the_breaker_and_one_that_is_answered_closes_it(
    gate: Gate, send: Callable[[], Answer]
) -> None:
    with at(0):
        for _ in range(3):
            assert not standing(gate).is_silent
            passes(gate, send)
        assert standing(gate) == upstream.Standing(BUDGET, 3, None, 3, True, NOON + timedelta(seconds=30))
        found = held_back(gate)
        assert found.safe == "Cloudflare has not answered lately. It is asked again at 12:00:30 UTC. Nothing was sent."
    with at(29.9):
        held_back(gate)
    with at(30):
        assert (standing(gate).is_silent, standing(gate).open_until) == (True, None)
        gate(fine, None)
        assert standing(gate) == upstream.Standing(BUDGET, 4)


@pytest.mark.parametrize("send", [fine, refused, broken(403), broken(429)])
def test_an_answer_in_between_begins_the_count_anew(gate: Gate, send: Callable[[], Answer]) -> None:
    with at(0):
        for _ in range(3):
            passes(gate, lost), passes(gate, lost), passes(gate, send)
        assert not standing(gate).is_silent


def test_one_call_at_a_time_finds_out_and_where_it_is_lost_the_breaker_stays_open(gate: Gate) -> None:
    with at(0):
        for _ in range(3):
            passes(gate, lost)

    def meanwhile() -> Answer:
        assert held_back(gate).safe == (
            "Cloudflare has not answered lately. The portal is finding out just now whether it does again. Nothing was sent."
        )
        return lost()

    with at(31):
        passes(gate, meanwhile)
        assert held_back(gate).until == NOON + timedelta(seconds=61)
    with at(61):
        gate(fine, None)
        assert not standing(gate).is_silent


def test_a_probe_that_was_ended_with_its_process_is_not_waited_for(gate: Gate, settings: Any) -> None:
    with at(0):
        for _ in range(3):
            passes(gate, lost)

    def killed() -> Answer:
        raise KeyboardInterrupt

    with at(31), pytest.raises(KeyboardInterrupt):
        gate(killed, None)
    with at(40):
        held_back(gate)
    with at(32 + 2 * settings.UPSTREAM_DEADLINE_SECONDS + 5):
        gate(fine, None)
        assert not standing(gate).is_silent


def test_a_write_is_never_the_probe_a_harmless_read_goes_first(gate: Gate) -> None:
    with at(0):
        for _ in range(3):
            passes(gate, lost)
    with at(31):
        found = held_back(gate, ask=lost)
        assert found.safe == ("Cloudflare has not answered lately. It was asked once more, and did not answer. Nothing was sent.")
        held_back(gate, ask=never)
    with at(62):
        made: list[str] = []
        gate(lambda: made.append("write") or FINE, lambda: made.append("read") or FINE)
        assert made == ["read", "write"]
        assert standing(gate) == upstream.Standing(BUDGET, 6)


def test_a_read_that_is_refused_is_an_answer_and_the_write_goes_out(gate: Gate) -> None:
    with at(0):
        for _ in range(3):
            passes(gate, lost)
    with at(31):
        assert gate(fine, refused) is FINE


def test_a_call_that_left_before_the_breaker_opened_does_not_keep_it_open(gate: Gate) -> None:
    def slow() -> Answer:
        for _ in range(3):
            passes(gate, lost)
        with at(29):
            return lost()

    with at(0):
        passes(gate, slow)
        assert standing(gate).open_until == NOON + timedelta(seconds=30)


def test_a_clock_that_was_put_back_blocks_nobody_for_good(gate: Gate) -> None:
    with clock.at(NOON + timedelta(days=365)):
        for _ in range(3):
            passes(gate, lost)
        UpstreamState.objects.update(blocked_until=clock.now() + timedelta(seconds=90))
    with at(0):
        gate(fine, None)
        assert standing(gate) == upstream.Standing(BUDGET, 1)
        passes(gate, quiet(10))
        assert standing(gate).blocked_until == NOON + timedelta(seconds=10)


@contextmanager
def database_that_fails(part: str) -> Iterator[None]:
    def fail(run: Any, sql: str, *rest: Any) -> Any:
        if part in sql:
            raise Error("the disk is full")
        return run(sql, *rest)

    with connection.execute_wrapper(fail):
        yield


def test_a_call_that_cannot_be_counted_is_not_made(gate: Gate) -> None:
    with database_that_fails("upstreamstate"):
        assert held_back(gate).safe == "The portal's database did not take down this call. Nothing was sent."


def test_what_cannot_be_written_down_after_a_call_does_not_hide_its_answer(gate: Gate, caplog: Any) -> None:
    with ExitStack() as broken:

        def answered() -> Answer:
            broken.enter_context(database_that_fails("upstreamstate"))
            return Answer({"value": "a secret"}, {}, "", quiet=5)

        assert gate(answered, None).result == {"value": "a secret"}
    assert "could not be written down" in caplog.text
    assert "a secret" not in caplog.text


def test_a_connection_s_own_calls_and_trials_with_another_secret_pass_its_gate(portal: None) -> None:
    here = arrange.connection()
    before = upstream.standing(here).used
    upstream.client(here).verify()
    with pytest.raises(Refused):
        upstream.client(here, secret=Secret("cfat_" + "n" * 48)).verify()
    assert upstream.standing(here).used == before + 2


def test_the_breaker_closes_by_itself_where_nobody_presses_anything(portal: None, settings: Any) -> None:
    settings.UPSTREAM_BREAKER_FAILURES = 2
    here = arrange.connection()
    faults.arm("refuse_connection", times=3, method="GET")
    with at(0):
        for _ in range(2):
            with pytest.raises(NeverSent):
                upstream.client(here).verify()
        assert connections.ask_again() == [here]
    with at(31):
        assert connections.ask_again() == [here]
    with at(62):
        assert connections.ask_again() == []
        assert not upstream.standing(here).is_silent
        assert connections.ask_again() == []


def test_the_runner_asks_again_and_tells_who_is_silent(portal: None, settings: Any) -> None:
    settings.UPSTREAM_BREAKER_FAILURES = 1
    here = arrange.connection()
    faults.arm("refuse_connection", method="GET")
    with at(0), pytest.raises(NeverSent):
        upstream.client(here).verify()
    with at(1):
        assert work.ask_again() == f"{here}: Cloudflare does not answer."
    with at(31):
        assert work.ask_again() == ""


def page_of_the_connection(web: Any) -> tuple[str, str]:
    """The state that the box on calls shows, and its sentences."""
    page = web.get(f"/settings/connections/{arrange.connection().pk}/").content.decode()
    found = re.search(r'data-testid="calls" data-state="([a-z-]+)">(.*?)</section>', page, re.DOTALL)
    assert found
    return found[1], " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"<(svg|h2)\b.*?</\1>", "", found[2], flags=re.DOTALL)).split())


def test_the_page_of_a_connection_tells_how_its_calls_stand(gate: Gate) -> None:
    web = arrange.signed_in("admin")
    with at(0):
        gate(fine, None)
        budget = "of the 900 calls that the portal allows itself in any 5 minutes."
        assert page_of_the_connection(web) == ("closed", f"1 {budget}")
        passes(gate, quiet(90))
        assert page_of_the_connection(web) == (
            "blocked",
            f"2 {budget} Cloudflare takes no calls until 12:01:30 UTC, because there were too many. "
            "Nothing is sent before; the pages work from what was read.",
        )
    with at(100):
        for _ in range(3):
            passes(gate, lost)
        assert page_of_the_connection(web) == (
            "open",
            f"5 {budget} Cloudflare has not answered the last 3 calls. It is asked again at 12:02:10 UTC; "
            "until then nothing is sent. The pages work from what was read.",
        )
    with at(131):
        assert page_of_the_connection(web)[0] == "half-open"
        assert "The next call finds out whether it does again." in page_of_the_connection(web)[1]


def test_readiness_tells_of_paused_connections_and_does_not_fail(gate: Gate, client: Any) -> None:
    other = Gate(arrange.connection("Acme user").pk)
    with at(0):
        for _ in range(3):
            passes(gate, lost)
        passes(other, quiet(60))
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["paused"]) == (200, {"silent": 1, "blocked": 1})
    with at(100):
        assert client.get("/readyz").json()["paused"] == {"silent": 1, "blocked": 0}


def test_what_does_not_answer_now_is_not_said_to_work(portal: None, client: Any, settings: Any) -> None:
    settings.UPSTREAM_BREAKER_FAILURES = 1
    assert client.get("/readyz").json()["checks"]["upstream"] is True
    for one in Connection.objects.all():
        passes(Gate(one.pk), lost)
    assert client.get("/readyz").json()["checks"]["upstream"] is False

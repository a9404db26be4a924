"""The bulkhead: few calls at a time, a short wait while calls are quick, none while they hang."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tokenportal.cloudflare import HeldBack
from tokenportal.upstream.seats import Seats

ONE, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)


@pytest.fixture
def taken() -> Iterator[Callable[[Seats, uuid.UUID], None]]:
    """Takes a seat until the test ends."""
    with ExitStack() as stack:
        yield lambda seats, connection: stack.enter_context(seats.seat(connection))


def test_more_calls_than_seats_are_held_back_at_once_where_the_others_hang(taken: Callable[[Seats, uuid.UUID], None]) -> None:
    seats = Seats(a_connection=2, all=3, patience=0.05)
    taken(seats, ONE), taken(seats, ONE)
    time.sleep(0.06)
    began = time.monotonic()
    with pytest.raises(HeldBack, match="under way at once"), seats.seat(ONE):
        pass
    assert time.monotonic() - began < 0.05
    taken(seats, OTHER)
    with pytest.raises(HeldBack), seats.seat(OTHER):
        pass


def test_a_seat_that_becomes_free_soon_is_waited_for() -> None:
    seats = Seats(a_connection=2, all=2, patience=5)
    most, now, lock = 0, 0, threading.Lock()

    def call() -> None:
        nonlocal most, now
        with seats.seat(ONE):
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.01)
            with lock:
                now -= 1

    with ThreadPoolExecutor(12) as pool:
        for done in [pool.submit(call) for _ in range(12)]:
            done.result()
    assert (most, now) == (2, 0)


def test_nobody_waits_longer_than_patience(taken: Callable[[Seats, uuid.UUID], None]) -> None:
    seats = Seats(a_connection=1, all=1, patience=0.1)
    taken(seats, ONE)
    began = time.monotonic()
    with pytest.raises(HeldBack), seats.seat(ONE):
        pass
    assert 0.05 < time.monotonic() - began < 1


def test_a_call_that_fails_gives_its_seat_back() -> None:
    seats = Seats(a_connection=1, all=1, patience=0.01)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), seats.seat(ONE):
            raise ZeroDivisionError
    with seats.seat(ONE):
        pass

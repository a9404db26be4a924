"""Moments in relative words."""

from datetime import UTC, datetime, timedelta

import pytest

from tokenportal.policy import moments

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=-59), "just now"),
        (timedelta(seconds=59), "in less than a minute"),
        (timedelta(minutes=1), "in 1 minute"),
        (timedelta(minutes=-4), "4 minutes ago"),
        (timedelta(minutes=59, seconds=59), "in 59 minutes"),
        (timedelta(hours=-1), "1 hour ago"),
        (timedelta(hours=23), "in 23 hours"),
        (timedelta(days=-1), "yesterday"),
        (timedelta(days=1), "tomorrow"),
        (timedelta(days=1, hours=11), "tomorrow"),
        (timedelta(days=1, hours=23), "in 2 days"),
        (timedelta(days=-1, hours=-13), "2 days ago"),
        (timedelta(days=2), "in 2 days"),
        (timedelta(days=-60), "60 days ago"),
    ],
)
def test_a_moment_is_told_by_its_distance(away: timedelta, words: str) -> None:
    assert moments.relative(NOW + away, NOW) == words


@pytest.mark.parametrize(
    ("days", "words"),
    [(0, "today"), (-1, "yesterday"), (1, "tomorrow"), (-2, "2 days ago"), (9, "in 9 days")],
)
def test_a_day_is_told_by_the_calendar(days: int, words: str) -> None:
    assert moments.relative_day(NOW.date() + timedelta(days=days), NOW.date()) == words

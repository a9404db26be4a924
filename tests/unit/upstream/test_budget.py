"""The budget of calls: never more than so many in any period, and a call that may go out later does then."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenportal.upstream.budget import Budget

BEGIN = datetime(2026, 11, 25, 12, 0, 0, 123456, tzinfo=UTC)

budgets = st.builds(Budget, calls=st.integers(1, 25), seconds=st.sampled_from([1, 2, 7, 60, 300]))
pauses = st.lists(st.tuples(st.floats(0, 1.2), st.booleans()), min_size=1, max_size=120)
"""Before each attempt, as a part of the period; and whether it is one in the background."""


@settings(deadline=None)
@given(budgets, pauses)
def test_no_period_wherever_it_begins_holds_more_calls_than_the_budget(
    budget: Budget, attempts: list[tuple[float, bool]]
) -> None:
    now, slots = BEGIN, {}
    made: list[datetime] = []
    for pause, background in attempts:
        now += timedelta(seconds=pause**4 * budget.seconds)
        if budget.goes_on_at(slots, now, background=background) is None:
            slots = budget.spent(slots, now)
            made.append(now)
    for last in range(len(made)):
        window = [at for at in made[: last + 1] if at >= made[last] - timedelta(seconds=budget.seconds)]
        assert len(window) <= budget.calls


@settings(deadline=None)
@given(budgets, pauses)
def test_a_call_that_is_held_back_may_go_out_at_the_moment_that_is_told_and_not_before(
    budget: Budget, attempts: list[tuple[float, bool]]
) -> None:
    now, slots = BEGIN, {}
    for pause, background in attempts:
        now += timedelta(seconds=pause**4 * budget.seconds)
        until = budget.goes_on_at(slots, now, background=background)
        if until is None:
            slots = budget.spent(slots, now)
            continue
        assert now < until <= now + timedelta(seconds=budget.seconds * 32 / 30 + 0.001)
        assert budget.goes_on_at(slots, until, background=background) is None
        assert budget.goes_on_at(slots, until - timedelta(microseconds=1), background=background) == until


@settings(deadline=None)
@given(budgets, st.integers(0, 60))
def test_what_counts_no_more_is_not_kept(budget: Budget, periods: int) -> None:
    now, slots = BEGIN, {}
    for _ in range(periods):
        slots = budget.spent(slots, now)
        now += timedelta(seconds=budget.seconds / 7)
    assert len(slots) <= 31
    assert budget.used(slots, now + timedelta(seconds=2 * budget.seconds)) == 0


@pytest.mark.parametrize(("calls", "background"), [(900, 720), (10, 8), (2, 1), (1, 1)])
def test_reading_in_the_background_leaves_a_fifth_to_people_and_is_never_forbidden(calls: int, background: int) -> None:
    budget = Budget(calls, 300)
    assert (budget.most(background=False), budget.most(background=True)) == (calls, background)


def test_a_clock_that_is_put_back_a_little_frees_no_call_and_one_that_is_put_back_far_blocks_none() -> None:
    budget, slots = Budget(3, 300), {}
    for _ in range(3):
        slots = budget.spent(slots, BEGIN)
    assert budget.goes_on_at(slots, BEGIN - timedelta(seconds=20)) is not None
    assert budget.goes_on_at(slots, BEGIN - timedelta(days=1)) is None


@pytest.mark.parametrize(("seconds", "words"), [(300, "5 minutes"), (60, "1 minute"), (1, "1 second"), (90, "90 seconds")])
def test_its_period_is_told_in_words(seconds: int, words: str) -> None:
    assert Budget(900, seconds).period == words

"""Exactly one token for each confirmation: thousands of sequences of what can go wrong, against a model of the upstream."""

from collections import Counter
from typing import Any

import pytest
from django.db import connection

from tests import exactly_one

pytestmark = pytest.mark.django_db

SEQUENCES = 5000 if connection.vendor == "sqlite" else 1000
"""What goes wrong upstream does so whatever the database; that PostgreSQL locks and compares alike is seen by a fifth of them."""
PARTS = SEQUENCES // 1000


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_happens_there_is_one_token_for_a_confirmation_and_none_is_lost_sight_of(
    portal: None, settings: Any, part: int
) -> None:
    ready = exactly_one.prepared(settings)
    numbers = range(part, SEQUENCES // exactly_one.ENDS, PARTS)
    ended: Counter = Counter()
    for number in numbers:
        ended += exactly_one.run(number, ready)
    assert ended.total() == SEQUENCES // PARTS
    states, posts = {state for state, _ in ended}, {posts for _, posts in ended}
    assert states == {"issued", "failed", "draft", "alarm"}, "the sequences reach every end"
    assert posts >= {0, 1, 2}

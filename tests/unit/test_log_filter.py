"""What somebody types into the box of the log, or chooses beside it, and what is made of it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from tokenportal.audit.events import WORDS
from tokenportal.forms.log_filter import LogFilter

TRAIL = "0ef27abd-1c83-44f4-85ef-665d0099867c"


def read(**query: str) -> LogFilter:
    made = QueryDict(mutable=True)
    made.update(query)
    return LogFilter.of(made, WORDS)


def day(year: int, month: int, number: int) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


def test_an_empty_address_asks_for_everything() -> None:
    assert (read().narrows, read().query(), read().words(), read().problems) == (False, {}, "", ())


@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        ("actor:requester", "actor", "requester"),
        ("Actor:Requester", "actor", "requester"),
        ('actor:"the portal"', "actor", "the portal"),
        ("action:token.issued", "action", "token.issued"),
        ("action:token", "action", "token"),
        ('object:"shop dns"', "object", "shop dns"),
        ("zone:shop.example", "zone", "shop.example"),
        ("outcome:refused", "outcome", "refused"),
    ],
)
def test_a_qualifier_says_what_its_control_says(typed: str, name: str, value: str) -> None:
    wanted = read(q=typed)
    assert getattr(wanted, name) == value
    assert wanted.controls[name] in (value, value.capitalize())
    assert (wanted.box, wanted.problems) == ("", ())
    assert getattr(read(**{name: value}), name) == value


@pytest.mark.parametrize(
    ("typed", "since", "until"),
    [
        ("2026-11-01..2026-11-30", day(2026, 11, 1), day(2026, 12, 1)),
        ("2026-11-01", day(2026, 11, 1), day(2026, 11, 2)),
        (">=2026-11-01", day(2026, 11, 1), None),
        (">2026-11-01", day(2026, 11, 2), None),
        ("<=2026-11-30", None, day(2026, 12, 1)),
        ("<2026-11-30", None, day(2026, 11, 30)),
        ("..2026-11-30", None, day(2026, 12, 1)),
        ("2026-11-01..", day(2026, 11, 1), None),
        ("2026-11-01..*", day(2026, 11, 1), None),
    ],
)
def test_days_become_moments_with_the_last_day_included(typed: str, since: Any, until: Any) -> None:
    wanted = read(q=f"created:{typed}")
    assert (wanted.since, wanted.until, wanted.box, wanted.problems) == (since, until, "", ())


def test_days_of_the_controls_mean_the_same() -> None:
    wanted = read(**{"from": "2026-11-01", "to": "2026-11-30"})
    assert (wanted.since, wanted.until) == (day(2026, 11, 1), day(2026, 12, 1))
    assert wanted.words() == "created:2026-11-01..2026-11-30"


def test_the_rest_is_text_and_stays_in_the_box_with_what_has_no_control() -> None:
    wanted = read(q=f'timed out "two words" session:abcd trail:{TRAIL} "foo:bar" 2001:db8::1')
    assert wanted.text == ("timed", "out", "two words", "foo:bar", "2001:db8::1")
    assert (wanted.session, wanted.trail) == ("abcd", UUID(TRAIL))
    assert wanted.box == f'timed out "two words" session:abcd trail:{TRAIL} "foo:bar" 2001:db8::1'
    assert wanted.problems == ()


def test_session_and_trail_may_stand_in_the_address_by_themselves() -> None:
    assert read(session="abcd").box == "session:abcd"
    assert read(trail=TRAIL).trail == UUID(TRAIL)


def test_the_box_was_typed_last_and_so_wins_over_a_control() -> None:
    wanted = read(q="actor:admin", actor="requester", outcome="done")
    assert (wanted.actor, wanted.outcome) == ("admin", "done")


@pytest.mark.parametrize(
    ("query", "field", "sentence"),
    [
        ({"q": "foo:bar"}, "q", "“foo:” is no qualifier. There are actor:, action:, object:, zone:, outcome:, created:, session:, "
         "trail:. To look for it as a text, put it into quotes."),
        ({"q": "actor:a actor:b"}, "q", "“actor:” stands there twice. Leave one of them."),
        ({"q": "created:2026-01-01 created:2026-01-02"}, "q", "“created:” stands there twice. Leave one of them."),
        ({"q": "created:soon"}, "q", "“created:soon” has no days that can be read. Write them like "
         "created:2026-11-01..2026-11-30, created:>=2026-11-01 or created:2026-11-01."),
        ({"q": "created:.."}, "q", "“created:..” has no days that can be read. Write them like "
         "created:2026-11-01..2026-11-30, created:>=2026-11-01 or created:2026-11-01."),
        ({"q": "trail:here"}, "q", "“trail:” needs the id of a request or a token, with its hyphens."),
        ({"action": "token.eaten"}, "action", "No event is called “token.eaten”. Choose one under What, or a noun such as token."),
        ({"outcome": "fine"}, "outcome", "“fine” is no outcome. There are done, refused, failed."),
        ({"from": "yesterday"}, "from", "“yesterday” is no day. Write it like 2026-11-30."),
        ({"to": "9999-12-31"}, "to", "“9999-12-31” is no day. Write it like 2026-11-30."),
        ({"from": "2026-11-30", "to": "2026-11-01"}, "from", "The first day comes after the last one. Swap them."),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_said_and_kept(query: dict[str, str], field: str, sentence: str) -> None:
    wanted = read(**query)
    assert [(one.field, one.sentence, one.href) for one in wanted.problems] == [(field, sentence, f"#{field}")]
    assert all(value in wanted.words() or value in wanted.query().values() for value in query.values() if " " not in value)


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=12))
def test_an_address_made_from_a_filter_means_the_same_filter(box: str, actor: str, first: str) -> None:
    wanted = read(q=box, actor=actor, **{"from": first})
    again = read(**wanted.query())
    if not wanted.problems:
        assert (again.problems, again.text, again.actor, again.session, again.trail) == (
            (), wanted.text, wanted.actor, wanted.session, wanted.trail,
        )  # fmt: skip
    assert {one.field for one in again.problems} == {one.field for one in wanted.problems}


def test_without_a_list_of_events_any_action_is_believed() -> None:
    assert LogFilter.of(QueryDict("action=token.eaten")).problems == ()

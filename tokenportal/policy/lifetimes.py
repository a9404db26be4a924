"""How two lifetimes differ, in words: ends that are counted from a day as well as ends that are days, read or not."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from tokenportal.policy import moments
from tokenportal.policy.diff import Change, Direction
from tokenportal.policy.spec import Validity

_ANY_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
type _End = tuple[str, str, datetime | None]
"""Which kind of end (never, days, until, unread), what was typed, and the moment, where there is one."""


def changes(old: Validity, new: Validity, at: datetime) -> Iterator[Change]:
    """From `old` to `new`: start, end, and an end date that is set aside. `at` is the moment from which days are counted.

    Nothing is said of what reads the same: a day, and its last second.
    """
    yield from _start(old.starts, new.starts)
    yield from _ends(old, new, at)
    yield from _aside(old, new)


def is_stuck(validity: Validity) -> bool:
    """Whether a start or an end cannot be read or is still to be chosen."""
    starts = validity.starts.strip()
    return (bool(starts) and moments.parse(starts) is None) or _end(validity, _ANY_DAY)[0] == "unread"


def _start(old: str, new: str) -> Iterator[Change]:
    was, now = (moments.parse(text) or text.strip() for text in (old, new))
    if was == now:
        return
    before = f"; before, not before {_start_said(was)}" if was else ""
    if isinstance(now, datetime):
        direction: Direction = "same" if isinstance(was, str) and was else "narrower" if not was or now > was else "wider"
        yield Change(f"Does not work before {_start_said(now)}{before}.", direction)
    elif now:
        yield Change(f"Does not work before {_start_said(now)}{before}.", "same")
    else:
        yield Change(f"Works at once{before}.", "wider" if isinstance(was, datetime) else "same")


def _start_said(start: datetime | str) -> str:
    return moments.in_words(start) if isinstance(start, datetime) else f"“{start}”, which is no day that can be read"


def _end(validity: Validity, at: datetime) -> _End:
    if validity.lifetime == "never":
        return "never", "", None
    if validity.lifetime == "days":
        return "days", str(validity.days), moments.end_of_lifetime(at, validity.days)
    found = moments.parse(validity.until, end_of_day=True)
    return ("until", "", found) if found else ("unread", validity.until.strip(), None)


def _ends(old: Validity, new: Validity, at: datetime) -> Iterator[Change]:
    was, now = _end(old, at), _end(new, at)
    if was == now:
        return
    direction: Direction = "same"
    if "unread" not in (was[0], now[0]):
        first, last = was[2] or _NEVER, now[2] or _NEVER
        direction = "wider" if last > first else "narrower" if last < first else "same"
    yield Change(f"{_now(now)}; before, {_before(was)}{_by(was, now)}.", direction)


_NEVER: Final = datetime.max.replace(tzinfo=UTC)


def _now(end: _End) -> str:
    kind, typed, moment = end
    if kind == "days":
        return f"Ends after {moments.days_in_words(int(typed))}"
    if kind == "unread":
        return f"Its end is “{typed}”, which is no day that can be read" if typed else "Its end is still to be chosen"
    return f"Ends on {moments.in_words(moment)}" if moment else "Never ends"


def _before(end: _End) -> str:
    kind, typed, moment = end
    if kind == "days":
        return f"it ended after {moments.days_in_words(int(typed))}"
    if kind == "unread":
        return f"its end was “{typed}”, which is no day that can be read" if typed else "its end was still to be chosen"
    return f"it ended on {moments.in_words(moment)}" if moment else "it never ended"


def _by(was: _End, now: _End) -> str:
    """By how much an end moved, where both are of one kind."""
    if was[0] != now[0] or was[2] is None or now[2] is None:
        return ""
    days = abs(now[2] - was[2]) // _DAY
    return f": {moments.days_in_words(days)} {'later' if now[2] > was[2] else 'earlier'}" if days else ""


def _aside(old: Validity, new: Validity) -> Iterator[Change]:
    was, now = old.until.strip(), new.until.strip()
    if was == now:
        return
    if now and new.lifetime != "until":
        yield Change(f"The end “{now}” is kept aside and does not count.", "same")
    elif was and old.lifetime != "until" and not now:
        yield Change(f"The end “{was}”, which did not count, is no longer kept aside.", "same")

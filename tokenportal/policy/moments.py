"""Dates as people type them and as Cloudflare takes them: UTC, whole seconds, `2026-01-01T00:00:00Z`."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|\+00:00)")
_LAST_SECOND: Final = time(23, 59, 59)
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse(text: object, *, end_of_day: bool = False) -> datetime | None:
    """A typed day (its first second, or its last with `end_of_day`) or a full moment in UTC; None for anything else."""
    if not isinstance(text, str):
        return None
    typed = text.strip()
    try:
        if _DAY.fullmatch(typed):
            return datetime.combine(date.fromisoformat(typed), _LAST_SECOND if end_of_day else time(), UTC)
        if _MOMENT.fullmatch(typed):
            return datetime.fromisoformat(typed).astimezone(UTC).replace(microsecond=0)
    except ValueError:
        return None
    return None


def end_of_lifetime(now: datetime, days: int) -> datetime:
    """The last second of the day that is so many days after today, in UTC; the calendar's end where there is no such day."""
    try:
        last_day = now.astimezone(UTC).date() + timedelta(days=days)
    except OverflowError:
        last_day = date.max if days > 0 else date.min
    return datetime.combine(last_day, _LAST_SECOND, UTC)


def as_cloudflare(moment: datetime) -> str:
    """`2026-11-05T23:59:59Z`."""
    return f"{moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()}Z"


def as_typed(moment: datetime, *, end_of_day: bool = False) -> str:
    """As a person would type it: a day where it is a day's first second, or its last with `end_of_day`; else the moment."""
    utc = moment.astimezone(UTC).replace(microsecond=0)
    whole = utc.time() == (_LAST_SECOND if end_of_day else time())
    return utc.date().isoformat() if whole else as_cloudflare(utc)


def days_in_words(number: int) -> str:
    """`1 day`, `90 days`."""
    return f"{number} day{'' if number == 1 else 's'}"


TODAY: Final = "today"
_UNITS: Final = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))


def relative(moment: datetime, now: datetime) -> str:
    """How far away a moment is: `just now`, `4 minutes ago`, `yesterday`, `in 60 days`."""
    distance = abs(moment - now)
    for unit, word in _UNITS:
        count = distance // unit
        if count:
            if word == "day" and count == 1:  # by the calendar: what is 40 hours away may be the day after tomorrow
                return relative_day(moment.astimezone(UTC).date(), now.astimezone(UTC).date())
            words = f"{count} {word}{'' if count == 1 else 's'}"
            return f"in {words}" if moment > now else f"{words} ago"
    return "in less than a minute" if moment > now else "just now"


def relative_day(day: date, today: date) -> str:
    """How far away a day is on the calendar: `today`, `yesterday`, `3 days ago`, `in 3 days`."""
    distance = (day - today).days
    if abs(distance) <= 1:
        return ("yesterday", TODAY, "tomorrow")[distance + 1]
    return f"in {distance} days" if distance > 0 else f"{-distance} days ago"


def in_words(moment: datetime) -> str:
    """`Thu 5 Nov 2026 23:59 UTC`, the same on every machine."""
    utc = moment.astimezone(UTC)
    return f"{_WEEKDAYS[utc.weekday()]} {utc.day} {_MONTHS[utc.month - 1]} {utc.year} {utc:%H:%M} UTC"

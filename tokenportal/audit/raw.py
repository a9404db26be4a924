"""Events as the database holds them, a page at a time, and the canonical bytes of each, without making models of them.

A row is read as text and hashed as it stands, so whatever differs from what was written shows: another order of keys, other
blanks, a letter that only looks the same. Dates and ids are the exception: each database has its own form for
them, and only the one that the portal writes is read.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from json.encoder import encode_basestring as quoted
from typing import Any

from django.db import DatabaseError, connection

from tokenportal.audit.seals import ADDED, HASHED

TABLE = "tokenportal_auditevent"
PAGE = 1000
UNREADABLE = (ValueError, TypeError, AttributeError, OverflowError, RecursionError)
"""What reading a row raises that holds something the portal never writes, such as a number where text should be, or too deep JSON."""

type Row = Sequence[Any]

NAMES = tuple(sorted((*HASHED, *ADDED, "at")))
COLUMNS = ("number", "previous", "hash", "key_id", "mac", "action", "details", *(
    name for name in NAMES if name not in {"number", "previous", "key_id", "action", "details"}
))  # fmt: skip
NUMBER, PREVIOUS, HASH, KEY_ID, MAC, ACTION, DETAILS = range(7)


def _selected() -> str:
    # As an expression the moment has no declared type, so that SQLite's driver leaves the text alone.
    at = "\"at\" || ''" if connection.vendor == "sqlite" else '"at"'
    return ", ".join(at if name == "at" else f'"{name}"' for name in COLUMNS)


def pages(after: int) -> Iterator[list[Row]]:
    """The rows with greater numbers, in their order. A row that cannot be read is its number alone.

    Each page is a query of its own, so no long transaction stands in anybody's way.
    """
    sql = f"SELECT {_selected()} FROM {TABLE} WHERE number > %s ORDER BY number LIMIT {PAGE}"  # noqa: S608
    while True:
        page = _page(sql, [after])
        if not page:
            return
        yield page
        if len(page) < PAGE:
            return
        after = page[-1][NUMBER]


def _fetched(sql: str, values: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def _page(sql: str, values: list[Any]) -> list[Row]:
    try:
        return _fetched(sql, values)
    except (DatabaseError, *UNREADABLE):
        # Either the database does not answer, which the next query says again, or a row of this page is spoilt.
        numbers = _fetched(sql.replace(_selected(), '"number"'), values)
    return [_one(number) for (number,) in numbers]


def _one(number: int) -> Row:
    try:
        [row] = _fetched(f"SELECT {_selected()} FROM {TABLE} WHERE number = %s", [number])  # noqa: S608
    except (DatabaseError, *UNREADABLE):
        return (number,)
    return row


def _sqlite_id(value: str | None) -> str:
    if value is None:
        return "null"
    if len(value) != 32:
        raise ValueError("not an id")
    return f'"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"'


def _sqlite_moment(value: str) -> str:
    if value[10:11] != " " or len(value) not in (19, 26):
        raise ValueError("not a moment")
    return f'"{value[:10]}T{value[11:]}{".000000" if len(value) == 19 else ""}+00:00"'


def _id(value: Any) -> str:
    return "null" if value is None else f'"{value}"'


def _moment(value: Any) -> str:
    return f'"{value.astimezone(UTC).isoformat(timespec="microseconds")}"'


def _json(text: str) -> str:
    """The text as it stands. It must be one JSON value, or it could hold the field after it as well."""
    if text != "{}":
        json.loads(text)
    return text


def canonical() -> Callable[[Row], bytes]:
    """A function from a row to the bytes that seals.canonical gives for the same event; it raises one of UNREADABLE."""
    sqlite = connection.vendor == "sqlite"
    an_id, moment = (_sqlite_id, _sqlite_moment) if sqlite else (_id, _moment)
    forms: dict[str, Callable[[Any], str]] = {
        "at": moment, "by_id": an_id, "trail": an_id, "changes": _json, "details": _json, "number": int.__str__,
    }  # fmt: skip
    steps = [(f'"{name}":', COLUMNS.index(name), forms.get(name, quoted), name in ADDED) for name in NAMES]

    def of(row: Row) -> bytes:
        parts = [f"{name}{form(row[at])}" for name, at, form, optional in steps if not optional or row[at] != ""]
        return f"{{{','.join(parts)}}}".encode()

    return of

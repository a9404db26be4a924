"""When the database cannot be written, and how long one waits for somebody else's lock.

A database that is locked, read-only, full or gone is nobody's mistake: what needed it did not happen, and the person is told.
Everything else that a database refuses is a fault of the program, and stays one.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction

SQLITE = {
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL,
}  # fmt: skip
POSTGRESQL = ("08", "25006", "40", "42501", "53", "55P03", "57", "58")
"""Beginnings of SQLSTATE codes (PostgreSQL documentation, appendix A): connections, a read-only transaction, one that was rolled
back for another's sake, a missing privilege, too few resources, a lock that did not come, an operator's or the system's doing."""


def is_outage(error: BaseException) -> bool:
    """Whether the database could not be written or reached, by the error of its driver that led to this one."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, sqlite3.Error):
            # The low byte is the kind; what is above it says more about the same.
            return getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in SQLITE
        if state := getattr(cause, "sqlstate", None):
            return state.startswith(POSTGRESQL)
        cause = cause.__cause__ or cause.__context__
    return isinstance(error, OperationalError)


@contextmanager
def waiting_at_most(seconds: int) -> Iterator[None]:
    """A transaction that waits so long for somebody else's lock, and no longer. What it wrote is for the caller to keep."""
    if connection.vendor == "sqlite":
        before = _say("PRAGMA busy_timeout")
        _say(f"PRAGMA busy_timeout = {min(seconds * 1000, before)}")
        try:
            with transaction.atomic():
                yield
        finally:
            _say(f"PRAGMA busy_timeout = {before}")
    else:
        with transaction.atomic():
            _say("SELECT set_config('lock_timeout', %s, true)", f"{seconds}s")
            yield


def _say(statement: str, *values: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()[0]

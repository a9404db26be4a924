"""How sure a commit must be. Everything waits for the disk, but what is saved while somebody types."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.db import connection, transaction

BEFORE = {"sqlite": "PRAGMA synchronous=NORMAL"}
WITHIN = {"postgresql": "SET LOCAL synchronous_commit TO OFF"}
AFTER = {"sqlite": "PRAGMA synchronous=FULL"}
"""By database, since SQLite refuses the pragma inside a transaction and PostgreSQL forgets the setting with it."""


@contextmanager
def committed_soon() -> Iterator[None]:
    """A transaction whose commit does not wait for the disk, for rows that may change without an event.

    It is as atomic as any, and survives the end of every process. Only when the machine itself loses power may the last
    moments be missing, and never out of order: both databases write their logs in sequence, so the next commit that waits
    takes this one along. Inside another transaction it is a part of that one, and waits with it.
    """
    if connection.in_atomic_block:
        with transaction.atomic():
            yield
        return
    say(BEFORE)
    try:
        with transaction.atomic():
            say(WITHIN)
            yield
    finally:
        say(AFTER)


def say(statements: Mapping[str, str]) -> None:
    """Tell the database its statement, if there is one for its kind."""
    if statement := statements.get(connection.vendor):
        with connection.cursor() as cursor:
            cursor.execute(statement)

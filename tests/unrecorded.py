"""Ways in which nothing can be recorded, each put in place and taken away again as by somebody outside the portal."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from django.db import connection

from tokenportal.models.append_only import TABLE

SQLITE = connection.vendor == "sqlite"
IMPATIENT = 50
"""Milliseconds for which the tests wait for a lock that nobody gives back."""


def say(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def connecting_with(sqlite: str, postgresql: str) -> Iterator[None]:
    """Whatever connects from now on does so with these settings."""
    name, more = ("init_command", sqlite) if SQLITE else ("options", f" {postgresql}")
    options = connection.settings_dict["OPTIONS"]
    before = options[name]
    connection.close()
    options[name] = f"{before}{more}"
    try:
        yield
    finally:
        options[name] = before
        connection.close()


def read_only(_: Path) -> AbstractContextManager[None]:
    """What a file opened read-only or a standby answers."""
    return connecting_with("PRAGMA query_only = ON", "-c default_transaction_read_only=on")


@contextmanager
def aborting_trigger(_: Path) -> Iterator[None]:
    if SQLITE:
        say(f"CREATE TRIGGER no_events BEFORE INSERT ON {TABLE} BEGIN SELECT RAISE(ABORT, 'not today'); END")
    else:
        say(
            "CREATE FUNCTION no_events() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not today'; END $$",
            f"CREATE TRIGGER no_events BEFORE INSERT ON {TABLE} FOR EACH ROW EXECUTE FUNCTION no_events()",
        )
    try:
        yield
    finally:
        say("DROP TRIGGER no_events" if SQLITE else "DROP FUNCTION no_events CASCADE")


@contextmanager
def held_by_somebody() -> Iterator[None]:
    """Another connection keeps the lock that every event needs: SQLite's one for writing, or PostgreSQL's on the head's row."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            for statement in ("BEGIN IMMEDIATE",) if SQLITE else ("BEGIN", "SELECT 1 FROM tokenportal_audithead FOR UPDATE"):
                cursor.execute(statement)
            yield
            cursor.execute("ROLLBACK")
    finally:
        other.close()


@contextmanager
def locked(_: Path) -> Iterator[None]:
    with connecting_with(f"PRAGMA busy_timeout = {IMPATIENT}", f"-c lock_timeout={IMPATIENT}"), held_by_somebody():
        yield


@contextmanager
def full() -> Iterator[None]:
    """No room for another page of the file. PostgreSQL has nothing alike that a test could do to it."""
    say("VACUUM")  # free pages inside the file would be used first
    with connecting_with("PRAGMA max_page_count = 1", ""):
        yield


def key_file(put: Callable[[Path], Any]) -> Callable[[Path], AbstractContextManager[None]]:
    """The audit's key file moved away, and something else in its place, or nothing."""

    @contextmanager
    def without_key(keys: Path) -> Iterator[None]:
        here, away = keys / "audit.key", keys / "away"
        here.rename(away)
        put(here)
        try:
            yield
        finally:
            if here.is_dir():
                here.rmdir()
            away.replace(here)

    return without_key


WAYS: dict[str, Callable[[Path], AbstractContextManager[None]]] = {
    "the database is read-only": read_only,
    "a trigger refuses events": aborting_trigger,
    "somebody holds the lock": locked,
    "the key is missing": key_file(lambda here: None),
}
MORE = {
    "the key is malformed": key_file(lambda here: here.write_text("k1 not-base64\n")),
    "the key cannot be read": key_file(Path.mkdir),
}
WHOLE = ("the database is read-only", "somebody holds the lock") if SQLITE else ("the database is read-only",)
"""Those in which nothing at all can be written, an autosave neither."""


def own_keys(settings: Any, tmp_path: Path) -> Path:
    """A copy of the test's keys that may be moved about."""
    copied = Path(shutil.copytree(settings.KEYS_DIR, tmp_path / "keys"))
    settings.KEYS_DIR = copied
    return copied

"""Triggers that keep events as they were written, whoever has a connection to the database.

An event goes in with the next number and never changes or leaves. Whoever owns the tables can drop the triggers:
they stop a slip, and the chain shows the rest. A migration that alters the table on SQLite, which makes it anew, must call
``install`` again.
"""

from typing import Any

TABLE = "tokenportal_auditevent"
NEXT = f"(SELECT COALESCE(MAX(number), 0) + 1 FROM {TABLE})"  # noqa: S608
NAMES = ("audit_never_changed", "audit_never_removed", "audit_next_number")

SQLITE = tuple(
    f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {when} BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
    for name, when, sentence in (
        (NAMES[0], f"UPDATE ON {TABLE}", "events are never changed"),
        (NAMES[1], f"DELETE ON {TABLE}", "events are never removed"),
        # Also what stops INSERT OR REPLACE, which removes a row without asking the trigger above.
        (NAMES[2], f"INSERT ON {TABLE} WHEN NEW.number <> {NEXT}", "an event takes the next number"),
    )
)
POSTGRESQL = (
    """CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'events are never changed and never removed'; END $$""",
    f"""CREATE OR REPLACE FUNCTION audit_next() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.number <> {NEXT} THEN RAISE EXCEPTION 'an event takes the next number'; END IF;
      RETURN NEW;
    END $$""",
    f"CREATE OR REPLACE TRIGGER {NAMES[0]} BEFORE UPDATE OR DELETE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    f"CREATE OR REPLACE TRIGGER {NAMES[1]} BEFORE TRUNCATE ON {TABLE} FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    f"CREATE OR REPLACE TRIGGER {NAMES[2]} BEFORE INSERT ON {TABLE} FOR EACH ROW EXECUTE FUNCTION audit_next()",
)


def _run(connection: Any, statements: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def install(connection: Any) -> None:
    """Put the triggers in place; doing it twice changes nothing."""
    _run(connection, SQLITE if connection.vendor == "sqlite" else POSTGRESQL)


def remove(connection: Any) -> None:
    """Take them away, for a migration that rewrites the table and for tests, which empty it."""
    on = "" if connection.vendor == "sqlite" else f" ON {TABLE}"
    _run(connection, tuple(f"DROP TRIGGER IF EXISTS {name}{on}" for name in NAMES))


def installed(connection: Any) -> bool:
    """Whether all of them are in place."""
    if connection.vendor == "sqlite":
        asked = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s"
    else:
        asked = "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND tgenabled <> 'D'"
    with connection.cursor() as cursor:
        cursor.execute(asked, [TABLE])
        return set(NAMES) <= {name for (name,) in cursor.fetchall()}

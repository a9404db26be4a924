"""Triggers that keep events and versions as they were written, whoever has a connection to the database.

An event goes in with the next number and never changes or leaves; nor does a version, which is what was agreed to. Whoever
owns the tables can drop the triggers: they stop a slip, and the chain shows the rest. A migration that alters one of the tables
on SQLite, which makes it anew, must call ``install`` again.
"""

from typing import Any

TABLE = "tokenportal_auditevent"
KEPT = {"audit": TABLE, "version": "tokenportal_version"}
NEXT = f"(SELECT COALESCE(MAX(number), 0) + 1 FROM {TABLE})"  # noqa: S608
NUMBERED, NEW = "audit_next_number", "version_is_new"
NAMES = {
    **{f"{prefix}_never_{what}": table for prefix, table in KEPT.items() for what in ("changed", "removed")},
    NUMBERED: TABLE,
}


def _sqlite_trigger(name: str, when: str, sentence: str) -> str:
    return f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {when} BEGIN SELECT RAISE(ABORT, '{sentence}'); END"


SQLITE = (
    *(
        _sqlite_trigger(f"{prefix}_never_{what}", f"{verb} ON {table}", f"{prefix}: never {what}")
        for prefix, table in KEPT.items()
        for what, verb in (("changed", "UPDATE"), ("removed", "DELETE"))
    ),
    # These two also stop INSERT OR REPLACE, which removes a row without asking the triggers above.
    _sqlite_trigger(NUMBERED, f"INSERT ON {TABLE} WHEN NEW.number <> {NEXT}", "an event takes the next number"),
    _sqlite_trigger(
        NEW,
        f"INSERT ON {KEPT['version']} WHEN EXISTS (SELECT 1 FROM {KEPT['version']} WHERE id = NEW.id"  # noqa: S608
        " OR (token_request_id = NEW.token_request_id AND number = NEW.number))",
        "version: never replaced",
    ),
)
POSTGRESQL = (
    """CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '%: never changed and never removed', TG_TABLE_NAME; END $$""",
    f"""CREATE OR REPLACE FUNCTION audit_next() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.number <> {NEXT} THEN RAISE EXCEPTION 'an event takes the next number'; END IF;
      RETURN NEW;
    END $$""",
    *(
        f"CREATE OR REPLACE TRIGGER {prefix}_never_{what} BEFORE {verbs} ON {table} FOR EACH {each} EXECUTE FUNCTION audit_refuse()"
        for prefix, table in KEPT.items()
        for what, verbs, each in (("changed", "UPDATE OR DELETE", "ROW"), ("removed", "TRUNCATE", "STATEMENT"))
    ),
    f"CREATE OR REPLACE TRIGGER {NUMBERED} BEFORE INSERT ON {TABLE} FOR EACH ROW EXECUTE FUNCTION audit_next()",
)


def _names(connection: Any) -> dict[str, str]:
    """The triggers of this kind of database, with their tables."""
    return {**NAMES, NEW: KEPT["version"]} if connection.vendor == "sqlite" else NAMES


def _run(connection: Any, statements: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def install(connection: Any) -> None:
    """Put the triggers in place; doing it twice changes nothing."""
    _run(connection, SQLITE if connection.vendor == "sqlite" else POSTGRESQL)


def remove(connection: Any) -> None:
    """Take them away, for a migration that rewrites the tables and for tests, which empty them."""
    on = "" if connection.vendor == "sqlite" else " ON {}"
    _run(connection, tuple(f"DROP TRIGGER IF EXISTS {name}{on.format(table)}" for name, table in _names(connection).items()))


def installed(connection: Any) -> bool:
    """Whether all of them are in place, and at work."""
    if connection.vendor == "sqlite":
        asked = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
    else:
        asked = "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE tgenabled IN ('O', 'A')"
    with connection.cursor() as cursor:
        cursor.execute(asked)
        return _names(connection).items() <= set(cursor.fetchall())

"""Events and versions cannot be changed by SQL either, the portal works with that, and an old database comes to have it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from tests import arrange, unrecorded
from tests.integration.care_world import works
from tokenportal.actions import caring, changing, drafts
from tokenportal.audit import chain
from tokenportal.audit.chain import START
from tokenportal.models import AuditEvent, AuditHead, Token, Version, append_only

pytestmark = pytest.mark.django_db(transaction=True)

EVENTS, VERSIONS = append_only.TABLE, append_only.KEPT["version"]
COLUMNS = ", ".join(f'"{field.column}"' for field in AuditEvent._meta.concrete_fields)
ANOTHER = COLUMNS.replace('"number"', "number + {}", 1)
ANYWHERE = [
    f"UPDATE {EVENTS} SET reason = 'nothing happened' WHERE number = 3",
    f"UPDATE {EVENTS} SET number = number + 1000",
    f"DELETE FROM {EVENTS} WHERE number = (SELECT MAX(number) FROM {EVENTS})",
    f"DELETE FROM {EVENTS}",
    f"INSERT INTO {EVENTS} ({COLUMNS}) SELECT {ANOTHER.format(1000)} FROM {EVENTS} WHERE number = 3",
    f"INSERT INTO {EVENTS} ({COLUMNS}) SELECT {ANOTHER.format(-3)} FROM {EVENTS} WHERE number = 3",
    f"INSERT INTO {EVENTS} ({COLUMNS}) SELECT {COLUMNS} FROM {EVENTS} WHERE number = 3"
    " ON CONFLICT (number) DO UPDATE SET reason = 'nothing happened'",
    f"UPDATE {VERSIONS} SET payload = '{{}}'",
    f"DELETE FROM {VERSIONS}",
    f"INSERT INTO {VERSIONS} SELECT * FROM {VERSIONS} WHERE true ON CONFLICT (id) DO UPDATE SET payload = '{{}}'",
]  # fmt: skip
THERE = {
    "sqlite": [f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1" for table in (EVENTS, VERSIONS)]
    + [f"UPDATE OR REPLACE {EVENTS} SET number = 2 WHERE number = 3"],
    "postgresql": [f"TRUNCATE {table} CASCADE" for table in (EVENTS, VERSIONS)],
}[connection.vendor]


@pytest.fixture
def kept(lasting_portal: None) -> Iterator[None]:
    """With the triggers in place, as in every database but the tests'."""
    assert not append_only.installed(connection)
    append_only.install(connection)
    append_only.install(connection)
    assert append_only.installed(connection)
    yield
    append_only.remove(connection)
    assert not append_only.installed(connection)


def test_the_portal_works_and_what_it_wrote_stays(kept: None) -> None:
    made = arrange.issue(arrange.draft())
    assert made
    owner, token = made.token.owner, made.token
    assert owner
    rolled = caring.roll(token, by=owner)
    assert rolled
    assert works(token, rolled.secret)
    change = arrange.change(token, purpose="Something else.")
    drafts.discard(change, by=owner)
    changing.begin_replacement(token, by=owner)
    caring.revoke(token, by=owner)
    assert Token.objects.get(pk=token.pk).status == "revoked"
    before = list(AuditEvent.objects.values_list("number", "hash")), list(Version.objects.values_list())
    for statement in ANYWHERE + THERE:
        with pytest.raises(DatabaseError, match=r"never|next number"), transaction.atomic():
            unrecorded.say(statement)
    assert (list(AuditEvent.objects.values_list("number", "hash")), list(Version.objects.values_list())) == before
    assert chain.verify() == (len(before[0]), None)


def test_readiness_says_whether_the_triggers_are_there(kept: None, client: Any) -> None:
    assert client.get("/readyz").json()["append_only"] is True
    unrecorded.say(f"DROP TRIGGER audit_never_changed{'' if unrecorded.SQLITE else f' ON {EVENTS}'}")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"], answer.json()["append_only"]) == (200, True, False)


@pytest.fixture
def empty_database(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """A database with nothing in it, in place of the test's."""
    settings = connection.settings_dict
    usual, here = settings["NAME"], str(tmp_path / "old.sqlite3") if unrecorded.SQLITE else f"{settings['NAME']}_old"
    if not unrecorded.SQLITE:
        unrecorded.say(f'DROP DATABASE IF EXISTS "{here}"', f'CREATE DATABASE "{here}"')
    connection.close()
    settings["NAME"] = here
    yield
    connection.close()
    settings["NAME"] = usual
    if not unrecorded.SQLITE:
        unrecorded.say(f'DROP DATABASE "{here}"')


NAME = "é, a <b>name</b> with “quotes”"
CHANGES = {"name": [None, NAME], "aliases": [1, {"b": None, "a": True}]}


def in_the_former_layout(number: int, previous: str) -> tuple[AuditEvent, dict[str, Any]]:
    """An event, and the row that the releases before kept of it: JSON as the database's own type writes it."""
    ring = chain.keyring()
    event = AuditEvent(
        number=number, at=datetime(2026, 1, number, 12, 0, 0, 250_000, tzinfo=UTC), by_name=NAME, channel="web", action="team.created",
        object_type="team", object_id="7", object_name=NAME, changes=CHANGES, details={"z": 1, "a": "é"}, previous=previous,
        key_id=ring.current,
    )  # fmt: skip
    event.hash = chain.digest(event)
    event.mac = chain.mac(event.hash, ring.current_key)
    later = {"sign_in", "digest", "ray", "cloudflare_id", "fingerprint"}
    row = {
        field.column: field.get_db_prep_save(getattr(event, field.attname), connection)
        for field in event._meta.concrete_fields
        if field.column not in later
    }
    return event, row | {"changes": json.dumps(event.changes), "details": json.dumps(event.details)}


def test_events_of_an_earlier_release_verify_after_the_migration_and_are_kept_then(empty_database: None) -> None:
    """It takes some seconds: all migrations run on a database of its own."""
    call_command("migrate", "tokenportal", "0011", verbosity=0)
    assert not append_only.installed(connection)
    previous = START
    for number in range(1, 4):
        event, row = in_the_former_layout(number, previous)
        previous = event.hash
        names = ", ".join(f'"{name}"' for name in row)
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {EVENTS} ({names}) VALUES ({', '.join(['%s'] * len(row))})", list(row.values()))
            if number == 1:
                cursor.execute("INSERT INTO tokenportal_audithead (id, number, hash) VALUES (1, 3, '')")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tokenportal_audithead SET hash = %s", [previous])
    call_command("migrate", verbosity=0)
    assert append_only.installed(connection)
    assert chain.verify() == (3, None)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT changes, details FROM {EVENTS} WHERE number = 2")
        assert cursor.fetchone() == (
            f'{{"aliases":[1,{{"a":true,"b":null}}],"name":[null,"{NAME}"]}}', '{"a":"é","z":1}',
        )  # fmt: skip
    assert AuditHead.objects.get().key_id == chain.keyring().current
    with pytest.raises(DatabaseError, match="never"), transaction.atomic():
        unrecorded.say(f"DELETE FROM {EVENTS}")
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)

"""Whoever writes past the portal into rows of the log spoils what these say, and nothing else: all that reads events goes on."""

import csv
import io
import json
import re
import zipfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tests import arrange
from tests.integration.care_world import fresh, issued
from tests.integration.test_adopting import adopt
from tests.integration.test_inventory import found_outside
from tests.integration.test_log_pages import numbers, page, sql
from tests.integration.test_verifying import command, events
from tokenportal import clock
from tokenportal.actions import caring, checkpointing, credentials, holdings, reminding, syncing, verifying
from tokenportal.actions.issuing import Issued
from tokenportal.audit import checkpoints
from tokenportal.models import AuditEvent, Token

pytestmark = pytest.mark.django_db

SQLITE, DEEP = connection.vendor == "sqlite", "[" * 200_000 + "]" * 200_000
UNREADABLE = {
    "half a value": "changes = '{'",
    "no JSON": "details = ''",
    "nested without end": f"details = '{DEEP}'",
    "half a character": """details = '{"a":"\\ud800"}'""",
    "the first moment": "at = '0001-01-01 00:00:00'",
    "the last moment": "at = '9999-12-31 23:59:59'",
    **({
        "no moment": "at = 'never'",
        "no id": "by_id = 'x'",
        "no text": "reason = CAST(x'ff' AS TEXT)",
        "bytes": "reason = CAST(x'3132' AS BLOB)",
        "no hash": "hash = CAST(x'ff' AS TEXT)",
        "a hash of bytes": "hash = CAST(x'3132' AS BLOB)",
        "a seal of bytes": "mac = CAST(x'3132' AS BLOB)",
    } if SQLITE else {"no moment": "at = 'infinity'", "before all moments": "at = '-infinity'"}),
}  # fmt: skip
AS_IT_IS = {
    "lists": "changes = '[1]', details = '[1]'",
    "numbers": "changes = '7', details = '7'",
    "no pairs": """changes = '{"version":3,"owner":[]}', details = '{"version":[1],"digest":{},"key":[]}'""",
    "a person of no id": "object_type = 'user', object_id = 'x'",
    "a token of no id": "object_type = 'token', object_id = 'x'",
    "an id in other letters": "object_type = 'user', object_id = upper(object_id)",
    "nothing that is known": "object_type = 'x', action = 'x', outcome = 'x', channel = 'x', key_id = 'é', mac = 'é'",
}


LATE = "No checkpoint was written lately, although there are new events. Is manage.py work running?"
KINDS = pytest.mark.parametrize("how", [*UNREADABLE.values(), *AS_IT_IS.values()], ids=[*UNREADABLE, *AS_IT_IS])


def exported(web: Client, form: str) -> str:
    return b"".join(web.post("/audit/export/", {"format": form})).decode()  # type: ignore[arg-type]


def spoil(how: str, *spoilt: int) -> None:
    for number in spoilt:
        sql(f"UPDATE tokenportal_auditevent SET {how} WHERE number = %s", number)


def newest(**fields: Any) -> int:
    return AuditEvent.objects.filter(**fields).latest("number").number


@dataclass(frozen=True)
class Log:
    """``spoilt`` are the first event, those of a credential, of the checkpoints' key, of a token, of a sign-in and of a refused one."""

    made: Issued
    web: Client
    spoilt: list[int]
    issued: int
    lost: bool


@pytest.fixture
def log(portal: None, how: str) -> Log:
    checkpointing.make()
    arrange.signed_in("requester").post("/sign-in/", {"username": "requester", "password": "x"})
    made, web = issued(), arrange.signed_in("admin")
    actions = ("connection.created", "checkpoint_key.set", "token.issuing", "token.issued", "session.refused")
    last = newest(action="token.issued")
    spoilt = [1, newest(action="session.started", by_name="requester"), *(newest(action=action) for action in actions)]
    spoil(how, *spoilt)
    return Log(made, web, sorted(spoilt), last, how in UNREADABLE.values())


@KINDS
def test_a_spoilt_row_is_named_on_every_page_and_takes_nothing_else_with_it(log: Log) -> None:
    token, person = log.made.token, arrange.person("requester")
    of_token = [f"/tokens/{token.pk}/", f"/tokens/{token.pk}/trail/", f"/requests/{token.token_request_id}/"]
    for path in ("/", "/audit/chain/", "/audit/evidence/", "/audit/tokens/", f"/audit/people/{person.pk}/", "/readyz"):
        assert page(log.web, path)
    assert numbers(page(log.web)) == [*range(newest(), 0, -1)]
    rows = re.findall(r'auditevent/(\d+)/"', page(log.web, "/admin/tokenportal/auditevent/"))
    assert [int(number) for number in rows] == [*range(newest(), 0, -1)]
    for number in log.spoilt:
        shown = page(log.web, f"/audit/{number}/")
        assert "seal does not hold.</strong>" in shown
        assert ("cannot be read any more, so its content was changed" in shown) is log.lost
        assert page(log.web, f"/audit/{number + 1}/")
        assert ("It cannot be read any more." in page(log.web, f"/admin/tokenportal/auditevent/{number}/")) is log.lost
    assert [f"Event {log.issued}<" in page(log.web, path) for path in of_token] == [log.lost, True, log.lost]


@KINDS
def test_a_spoilt_row_is_named_in_every_file(log: Log) -> None:
    up_to = newest()
    lines = [json.loads(line) for line in exported(log.web, "jsonl").splitlines()]
    assert [line["number"] for line in lines] == [*range(1, up_to + 1)]
    assert [line for line in lines if "unreadable" in line] == [
        {"number": number, "unreadable": True} for number in log.spoilt if log.lost
    ]
    cells = list(csv.DictReader(io.StringIO(exported(log.web, "csv"), newline="")))
    assert [cell["number"] for cell in cells] == [str(number) for number in range(1, up_to + 2)]
    assert [cell["number"] for cell in cells if cell["reason"] == "It cannot be read any more."] == [
        str(number) for number in log.spoilt if log.lost
    ]
    answer = log.web.post("/audit/evidence/")
    with zipfile.ZipFile(io.BytesIO(b"".join(answer))) as archive:  # type: ignore[arg-type]
        assert archive.testzip() is None
        files = {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()}
    packed = [json.loads(line) for line in files["events.jsonl"].splitlines()]
    assert packed[:up_to] == lines
    assert [*json.loads(files["manifest.json"])["files"]] == [*files][:-2]
    assert json.loads(files["verification.json"])["first_bad"] == 1


@KINDS
def test_a_spoilt_row_stops_neither_the_worker_nor_a_command(log: Log) -> None:
    assert (command()[0], command()[1]["first_bad"]) == (1, 1)
    with clock.at(clock.now() + timedelta(hours=1)):
        syncing.sync_all()
        reminding.remind_all()
        done = verifying.run_next()
        assert done
        assert (done.result, done.first_bad) == ("tampered", 1)
        assert checkpointing.keep_up() == ""
        assert checkpoints.standing().unprotected <= 1  # the event that says anew which key signs, where the old one was spoilt


@pytest.mark.parametrize(
    ("how", "known"), [("at = '9999-12-31 23:59:59'", False), ("object_id = 'x'", False), ("details = '{'", True)]
)
def test_a_leaked_value_is_known_though_the_event_that_tells_of_it_is_spoilt(log: Log, known: bool) -> None:
    shown = log.web.post("/audit/value/", {"value": log.made.secret.reveal()}).content.decode()
    assert shown.count('data-testid="leak"') == 1
    assert (f'Event <a href="/audit/{log.issued}/">' in shown, f'href="/tokens/{log.made.token.pk}/"' in shown) == (
        not known,
        known,
    )


@pytest.mark.parametrize("how", UNREADABLE.values(), ids=UNREADABLE)
def test_checkpoints_go_on_after_a_row_that_cannot_be_read(own_keys: Path, settings: Any, how: str) -> None:
    settings.CHECKPOINT_INTERVAL_SECONDS = 300
    events(3)
    checkpointing.make()
    made = checkpointing.make()
    events(5)
    assert made
    assert checkpoints.standing().unprotected == 5
    spoil(how, made.size + 1)
    assert checkpoints.standing().trouble == ""
    with clock.at(clock.now() + timedelta(minutes=30)):
        assert checkpoints.standing().trouble == LATE
        assert checkpointing.keep_up() == ""
        assert checkpoints.standing().newest.size == newest()  # type: ignore[union-attr]


@pytest.mark.parametrize("how", [how for how in UNREADABLE.values() if how.startswith("at")])
def test_the_first_checkpoint_is_missed_though_the_first_event_cannot_be_read(own_keys: Path, how: str) -> None:
    events(3)
    assert checkpoints.standing().trouble == ""
    spoil(how, 1)
    assert checkpoints.standing().trouble == LATE


NO_HASHES = {"empty": "hash = ''"} | ({name: UNREADABLE[name] for name in ("no hash", "a hash of bytes")} if SQLITE else {})


@pytest.mark.parametrize("how", NO_HASHES.values(), ids=NO_HASHES)
def test_a_log_whose_first_hash_cannot_be_read_is_known_by_the_checkpoint_before(own_keys: Path, how: str) -> None:
    events(3)
    kept = AuditEvent.objects.get(number=1).hash
    spoil(how, 1)
    assert checkpoints.try_to_make() is None
    spoil(f"hash = '{kept}'", 1)
    made = checkpointing.make()
    spoil(how, 1)
    events(1)
    again = checkpoints.make()
    assert made
    assert again
    assert (again.origin, again.size) == (kept, newest())
    spoil(f"hash = '{kept}'", 1)
    assert verifying.verify().finding is None


@pytest.mark.parametrize("how", NO_HASHES.values(), ids=NO_HASHES)
def test_no_checkpoint_is_signed_over_a_hash_that_cannot_be_read(own_keys: Path, how: str) -> None:
    events(3)
    spoil(how, 3)
    assert checkpoints.try_to_make() is None
    events(1)
    made = checkpoints.make()
    assert made
    assert made.size == 4


@pytest.mark.parametrize("how", ["at = '9999-12-31 23:59:59'", "details = '{'"])
def test_the_newest_part_names_a_spoilt_event_that_tells_of_a_credential(portal: None, how: str) -> None:
    number = min(AuditEvent.objects.filter(action="connection.created").values_list("number", flat=True))
    spoil(how, number)
    assert credentials.put_back() == (
        number, f"The connection {arrange.connection()} holds another credential than the one that was stored by event {number}.",
    )  # fmt: skip


def before_the_beginning(token: Token) -> None:
    columns = ", ".join(f'"{field.column}"' for field in AuditEvent._meta.concrete_fields if field.column != "number")
    for number, action in ((-1, "token.issued"), (0, "session.started")):
        sql(
            f"INSERT INTO tokenportal_auditevent (number, {columns}) SELECT {number}, {columns} FROM tokenportal_auditevent"
            " WHERE number = %s",
            newest(action=action, by_name="requester"),
        )


def test_rows_put_in_before_the_beginning_take_nothing_with_them(portal: None) -> None:
    arrange.signed_in("requester").post("/sign-in/", {"username": "requester", "password": "x"})
    token, web = issued().token, arrange.signed_in("admin")
    before_the_beginning(token)
    web.post("/audit/chain/verify/")
    person = arrange.person("requester")
    assert "Event -1 was put in before the beginning." in page(web, "/audit/chain/")
    for path in (
        "/audit/", f"/audit/people/{person.pk}/", f"/tokens/{token.pk}/", f"/tokens/{token.pk}/trail/",
        f"/requests/{token.token_request_id}/", "/admin/tokenportal/auditevent/",
    ):  # fmt: skip
        assert page(web, path)
    assert [json.loads(line)["number"] for line in exported(web, "jsonl").splitlines()][:3] == [-1, 0, 1]


@pytest.mark.parametrize(
    ("how", "taken_by", "ended_by"),
    [
        ("at = '9999-12-31 23:59:59'", None, "somebody"),
        ("object_id = 'x'", None, "somebody"),
        ("details = '['", None, "requester"),
        ("details = '[1]'", "admin", "requester"),
        ("changes = '{'", "admin", "requester"),
    ],
)
def test_who_took_a_token_over_and_ended_it_is_told_as_far_as_it_can_be_read(
    portal: None, how: str, taken_by: str | None, ended_by: str
) -> None:
    token, web = found_outside(), arrange.signed_in("admin")
    adopt(token)
    token = fresh(token)
    caring.revoke(token, by=arrange.person("requester"))
    spoil(how, newest(action="token.taken_over"), newest(action="token.revoking"))
    [holding] = holdings.holdings(Token.objects.filter(pk=token.pk))
    assert (holding.agreed and holding.agreed.by) == taken_by
    assert re.findall(r'data-testid="ending">By (\w+),', page(web, f"/tokens/{token.pk}/")) == [ended_by]

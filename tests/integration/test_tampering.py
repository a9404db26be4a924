"""Whoever can write the database and the checkpoint file, and has no key, changes nothing unseen: each way is found where it begins."""

import json
import random
import tracemalloc
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenportal import audit, clock
from tokenportal.actions import checkpointing
from tokenportal.audit import Event, chain, checkpoints, following, seals
from tokenportal.models import AuditEvent, AuditHead, Team

pytestmark = pytest.mark.django_db

T = "tokenportal_auditevent"
TEXTS = (
    "by_name", "channel", "session", "address", "action", "object_type", "object_name", "outcome", "reason", "digest", "ray",
    "cloudflare_id", "fingerprint", "sign_in",
)  # fmt: skip
FOREIGN = b"a key of somebody else, 32 bytes"


def sql(text: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, values)


def rows(what: str, number: int) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {what} FROM {T} WHERE number = %s", [number])
        return cursor.fetchone()


def put(number: int, **values: Any) -> None:
    sql(f"UPDATE {T} SET {', '.join(f'{name} = %s' for name in values)} WHERE number = %s", *values.values(), number)


class Log:
    """An honest log: 240 events, an audit key and a signing key that were rotated in it, and six checkpoints."""

    def __init__(self) -> None:
        for number in range(240):
            if number in (90, 170):
                checkpointing.rotate("audit" if number == 90 else "checkpoint")
            team = Team(name=f"Équipe {number}")
            with audit.recording(Event.TEAM_CREATED, by=None, subject=team, version=number) as record:
                record.add(team)
                record.changes |= {"b": [None, number], "a": [number, None]}
            if number % 40 == 35:
                checkpointing.make()
        self.size = AuditHead.objects.get().number
        self.file = Path(checkpoints.path())
        self.lines = self.file.read_text().splitlines()
        self.signed = [checkpoints.parse(line).size for line in self.lines]

    def write(self, lines: list[str]) -> None:
        self.file.write_text("".join(f"{line}\n" for line in lines))

    def shift(self, after: int, by: int) -> None:
        """Renumber what comes after an event, from the far end, as no two may meet on the way."""
        numbers = range(self.size, after, -1) if by > 0 else range(after + 1, self.size + 1)
        for number in numbers:
            sql(f"UPDATE {T} SET number = number + %s WHERE number = %s", by, number)

    def copy(self, number: int, to: int) -> None:
        event = AuditEvent.objects.get(number=number)
        event.number = to
        insert(event)

    def forge(self, first: int, key: bytes | None) -> None:
        """Link and hash everything from an event on, sealed with a key of one's own or with the seals that there are."""
        previous = rows("hash", first - 1)[0] if first > 1 else seals.START
        for event in AuditEvent.objects.filter(number__gte=first).order_by("number"):
            event.previous = previous
            previous = seals.digest(event)
            put(event.number, previous=event.previous, hash=previous, **({"mac": seals.mac(previous, key)} if key else {}))
        AuditHead.objects.update(hash=previous)


def insert(event: AuditEvent) -> None:
    names = [field.column for field in AuditEvent._meta.concrete_fields]
    values = [field.get_db_prep_save(getattr(event, field.attname), connection) for field in AuditEvent._meta.concrete_fields]
    marks = ", ".join(["%s"] * len(names))
    sql(f"INSERT INTO {T} ({', '.join(names)}) VALUES ({marks})", *values)


type Tampering = Callable[[Log, random.Random], int]
"""Does it, and gives back the number of the first event that is bad then."""
WAYS: list[Tampering] = []


def way(tampering: Tampering) -> Tampering:
    WAYS.append(tampering)
    return tampering


def anywhere(log: Log, chance: random.Random) -> int:
    return chance.randint(2, log.size - 1)


@way
def change_a_text(log: Log, chance: random.Random) -> int:
    number, name = chance.randint(1, log.size), chance.choice(TEXTS)
    put(number, **{name: f"{rows(name, number)[0]}x"[-16:]})
    return number


@way
def empty_a_text(log: Log, chance: random.Random) -> int:
    number = chance.randint(1, log.size)
    put(number, **{chance.choice(("action", "channel", "outcome")): ""})
    return number


@way
def change_the_moment(log: Log, chance: random.Random) -> int:
    number = chance.randint(1, log.size)
    at = AuditEvent.objects.get(number=number).at + timedelta(microseconds=chance.choice((1, -1, 86_400_000_000)))
    put(number, at=connection.ops.adapt_datetimefield_value(at))
    return number


@way
def change_what_changed(log: Log, chance: random.Random) -> int:
    number = chance.randint(1, log.size)
    put(number, changes='{"name":[null,"another"]}')
    return number


@way
def change_a_detail(log: Log, chance: random.Random) -> int:
    number = chance.randint(1, log.size)
    put(number, details='{"version":999}')
    return number


@way
def change_who(log: Log, chance: random.Random) -> int:
    number = chance.randint(1, log.size)
    put(number, by_id="0" * 32)
    return number


@way
def move_to_another_object(log: Log, chance: random.Random) -> int:
    number = anywhere(log, chance)
    put(number, object_id=rows("object_id", number - 1)[0] + "0", object_name="Another")
    return number


@way
def move_to_another_trail(log: Log, chance: random.Random) -> int:
    number = chance.randint(1, log.size)
    put(number, trail="1" * 32)
    return number


@way
def delete_the_first(log: Log, chance: random.Random) -> int:
    sql(f"DELETE FROM {T} WHERE number = 1")
    return 1


@way
def delete_one_in_the_middle(log: Log, chance: random.Random) -> int:
    number = anywhere(log, chance)
    sql(f"DELETE FROM {T} WHERE number = %s", number)
    return number


@way
def delete_one_and_close_the_gap(log: Log, chance: random.Random) -> int:
    number = anywhere(log, chance)
    sql(f"DELETE FROM {T} WHERE number = %s", number)
    log.shift(number, -1)
    AuditHead.objects.update(number=log.size - 1)
    return number


@way
def cut_the_tail_to_before_a_checkpoint(log: Log, chance: random.Random) -> int:
    kept = chance.randint(1, log.signed[-1] - 1)
    sql(f"DELETE FROM {T} WHERE number > %s", kept)
    AuditHead.objects.update(number=kept, hash=rows("hash", kept)[0], key_id=rows("key_id", kept)[0])
    return kept + 1


@way
def cut_the_last_that_a_checkpoint_covers(log: Log, chance: random.Random) -> int:
    kept = log.signed[-1] - 1
    sql(f"DELETE FROM {T} WHERE number > %s", kept)
    AuditHead.objects.update(number=kept, hash=rows("hash", kept)[0])
    return kept + 1


@way
def cut_the_tail_and_leave_the_head(log: Log, chance: random.Random) -> int:
    sql(f"DELETE FROM {T} WHERE number = %s", log.size)
    return log.size


@way
def insert_one(log: Log, chance: random.Random) -> int:
    number = anywhere(log, chance)
    log.shift(number, 1)
    log.copy(number, to=number + 1)
    return number + 1


@way
def duplicate_one_at_the_end(log: Log, chance: random.Random) -> int:
    log.copy(chance.randint(1, log.size), to=log.size + 1)
    return log.size + 1


@way
def swap_two(log: Log, chance: random.Random) -> int:
    first, second = sorted(chance.sample(range(1, log.size + 1), 2))
    for number, to in ((first, -1), (second, first), (-1, second)):
        sql(f"UPDATE {T} SET number = %s WHERE number = %s", to, number)
    return first


@way
def renumber_one(log: Log, chance: random.Random) -> int:
    number = anywhere(log, chance)
    sql(f"UPDATE {T} SET number = %s WHERE number = %s", log.size + 7, number)
    return number


@way
def recompute_hashes(log: Log, chance: random.Random) -> int:
    number = chance.randint(1, log.size)
    put(number, reason="rewritten")
    log.forge(number, None)
    return number


@way
def recompute_hashes_and_seal_with_another_key(log: Log, chance: random.Random) -> int:
    """As where the tail of another installation is spliced in."""
    number = chance.randint(2, log.size)
    put(number, reason="rewritten")
    log.forge(number, FOREIGN)
    return number


@way
def begin_anew(log: Log, chance: random.Random) -> int:
    kept = chance.randint(1, log.size - 1)
    sql(f"DELETE FROM {T} WHERE number <= %s", kept)
    log.shift(kept, -kept)
    AuditHead.objects.update(number=log.size - kept)
    log.forge(1, FOREIGN)
    return 1


@way
def blank_a_seal(log: Log, chance: random.Random) -> int:
    number = chance.randint(1, log.size)
    put(number, mac=chance.choice(("", "0" * 64)))
    return number


@way
def copy_a_seal(log: Log, chance: random.Random) -> int:
    number = anywhere(log, chance)
    put(number, mac=rows("mac", number - 1)[0])
    return number


@way
def change_a_hash(log: Log, chance: random.Random) -> int:
    number = chance.randint(1, log.size)
    put(number, hash=sha256(b"other").hexdigest())
    return number


@way
def change_a_link(log: Log, chance: random.Random) -> int:
    number = chance.randint(1, log.size)
    put(number, previous=sha256(b"other").hexdigest())
    return number


@way
def name_another_key(log: Log, chance: random.Random) -> int:
    number = chance.randint(1, log.size)
    other = [key for key in seals.keyring().keys if key != rows("key_id", number)[0]]
    put(number, key_id=chance.choice([*other, "nobody"]))
    return number


@way
def write_the_same_letters_otherwise(log: Log, chance: random.Random) -> int:
    number = chance.choice([one for one in range(1, log.size) if "É" in rows("object_name", one)[0]])
    put(number, object_name=unicodedata.normalize("NFD", rows("object_name", number)[0]))
    return number


@way
def put_keys_in_another_order(log: Log, chance: random.Random) -> int:
    number = chance.choice([one for one in range(1, log.size) if len(json.loads(rows("changes", one)[0])) > 1])
    found = json.loads(rows("changes", number)[0])
    put(number, changes=json.dumps(dict(reversed(found.items())), separators=(",", ":"), ensure_ascii=False))
    return number


@way
def put_blanks_into_json(log: Log, chance: random.Random) -> int:
    number = chance.choice([one for one in range(1, log.size) if len(rows("changes", one)[0]) > 2])
    put(number, changes=rows("changes", number)[0].replace(":", ": ", 1))
    return number


@way
def nest_json_deeper_than_a_parser_goes(log: Log, chance: random.Random) -> int:
    number = chance.randint(1, log.size)
    put(number, **{chance.choice(("changes", "details")): "[" * 200_000 + "]" * 200_000})
    return number


def after(log: Log, place: int) -> int:
    """The first event after the checkpoint before this one."""
    return (log.signed[place - 1] if place else 0) + 1


@way
def alter_a_checkpoint(log: Log, chance: random.Random) -> int:
    place = chance.randrange(len(log.lines))
    found = checkpoints.parse(log.lines[place])
    changed = chance.choice((
        {"size": found.size - 1}, {"size": found.size + 1}, {"head": "0" * 64}, {"at": "2020-01-01T00:00:00+00:00"},
        {"signature": "0" * 128}, {"origin": "0" * 64},
    ))  # fmt: skip
    log.write([*log.lines[:place], replace(found, **changed).line, *log.lines[place + 1 :]])
    return after(log, place)


@way
def sign_a_checkpoint_with_another_key(log: Log, chance: random.Random) -> int:
    """The public key is swapped: whoever signs so would have it believed, if it were read from anywhere but the key file."""
    place = chance.randrange(len(log.lines))
    honest = checkpoints.parse(log.lines[place])
    found = replace(honest, head="1" * 64, key=chance.choice((honest.key, "mine")))
    signed = replace(found, signature=Ed25519PrivateKey.from_private_bytes(FOREIGN).sign(found.signed).hex())
    log.write([*log.lines[:place], signed.line, *log.lines[place + 1 :]])
    return after(log, place)


@way
def lose_the_checkpoint_file(log: Log, chance: random.Random) -> int:
    log.file.unlink()
    return 1


@way
def cut_the_checkpoints_of_the_newest_key(log: Log, chance: random.Random) -> int:
    newest = checkpoints.parse(log.lines[-1]).key
    kept = [line for line in log.lines if checkpoints.parse(line).key != newest]
    log.write(kept)
    return checkpoints.parse(kept[-1]).size + 1


@way
def repeat_a_checkpoint(log: Log, chance: random.Random) -> int:
    place = chance.randrange(len(log.lines))
    log.write([*log.lines, log.lines[place]])
    return log.signed[-1] + 1


@pytest.fixture
def log(db: None, settings: Any, tmp_path: Path) -> Log:
    settings.KEYS_DIR, settings.CHECKPOINTS_FILE = tmp_path, tmp_path / "checkpoints.jsonl"
    return Log()


def test_there_are_twenty_ways_and_more() -> None:
    assert len(WAYS) >= 30


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(which=st.integers(0, len(WAYS) - 1), chance=st.randoms(use_true_random=False))
def test_each_way_of_tampering_is_found_where_it_begins(log: Log, which: int, chance: random.Random) -> None:
    _found(log, WAYS[which], chance)


def test_no_way_is_left_out_by_chance(log: Log) -> None:
    for tampering in WAYS:
        for seed in range(3):
            _found(log, tampering, random.Random(seed))


def _found(log: Log, tampering: Tampering, chance: random.Random) -> None:
    with transaction.atomic():
        bad = tampering(log, chance)
        result = following.follow()
        transaction.set_rollback(True)
    log.write(log.lines)
    assert result.finding, tampering.__name__
    assert (result.finding.number, result.events) == (bad, bad - 1), (tampering.__name__, result.finding)


def test_the_honest_log_holds_and_says_how_much_of_its_end_nothing_covers(log: Log) -> None:
    result = following.follow()
    assert (result.finding, result.events, result.checkpoints) == (None, log.size, len(log.lines))
    assert result.unprotected == log.size - log.signed[-1]


def test_a_line_that_a_crash_cut_off_is_no_cause_for_alarm(log: Log) -> None:
    log.file.write_text(log.file.read_text() + log.lines[-1][:50])
    assert following.follow().finding is None
    made = checkpointing.make()
    assert made
    assert made.size > log.signed[-1]
    assert [line[:1] for line in log.file.read_text().splitlines()] == ["{"] * (len(log.lines) + 1)
    assert following.follow().finding is None


def test_a_tail_that_is_cut_with_the_checkpoint_file_shows_against_one_that_was_kept_elsewhere(log: Log) -> None:
    kept = checkpoints.parse(log.lines[-1])
    cut = log.signed[-2]
    log.write(log.lines[:-1])
    sql(f"DELETE FROM {T} WHERE number > %s", cut)
    AuditHead.objects.update(number=cut, hash=rows("hash", cut)[0])
    assert following.follow().finding is None, "nobody can know"
    found = following.follow(kept=[kept]).finding
    assert found
    assert (found.number, found.kind) == (cut + 1, "missing")


def test_ten_thousand_honest_events_give_no_alarm_and_take_no_more_memory_than_two_thousand(db: None) -> None:
    start = None
    for page in range(10):
        with audit.recording(Event.PORTAL_SEEDED, by=None):
            chain.append(*(
                AuditEvent(at=clock.now(), channel="command", action="portal.seeded", reason=f"{page} {number}")
                for number in range(999)
            ))  # fmt: skip
        made = checkpoints.make()
        start = made if page == 7 else start

    def peak(**options: Any) -> int:
        tracemalloc.start()
        result = following.follow(**options)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (result.finding, result.events) == (None, 10_000)
        return used

    following.follow()
    short = peak(start=start)
    assert peak() < 1.5 * short

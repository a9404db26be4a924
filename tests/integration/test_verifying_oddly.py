"""What hardly ever happens to a verification and to the checkpoint file, and must end well or be told all the same."""

import itertools
import resource
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, connection, models

from tests import arrange
from tests.integration.test_verifying import command, events
from tokenportal import clock, keys
from tokenportal.actions import checkpointing, connections, credentials, verifying
from tokenportal.audit import AuditUnavailable, Event, checkpoints, following, seals
from tokenportal.models import AuditEvent, AuditHead, Connection, Notice, Verification
from tokenportal.models.guard import recording_open

pytestmark = pytest.mark.django_db


def rows() -> models.QuerySet[Any]:
    """The rows without the guard: what somebody with the database's password has."""
    return models.QuerySet(AuditEvent)


def sql(text: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, values)


def finding() -> tuple[int, str]:
    found = following.follow().finding
    assert found
    return found.number, found.kind


def add_line(made: checkpoints.Checkpoint) -> None:
    with checkpoints.path().open("a", encoding="utf-8") as file:
        file.write(f"{made.line}\n")


def newest_checkpoint() -> checkpoints.Checkpoint:
    found = checkpoints.newest()
    assert found
    return found


@contextmanager
def before_query(part: str, deed: Callable[[], Any]) -> Iterator[None]:
    """Do something right before the first query that holds this text."""
    waiting = [deed]

    def around(run: Callable[..., Any], text: str, *rest: Any) -> Any:
        if part in text and waiting:
            waiting.pop()()
        return run(text, *rest)

    with connection.execute_wrapper(around):
        yield
    assert not waiting


# The newest part


def worker_looks(later: timedelta) -> Verification:
    with clock.at(clock.now() + later):
        done = verifying.run_next()
    assert done
    return done


def test_the_newest_part_begins_at_a_checkpoint_that_is_old_enough(own_keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "AT_LEAST_BACK", 5)
    for _ in range(3):
        events(5)
        checkpointing.make()
    assert verifying.run_next()
    rows().filter(number=2).update(reason="x")
    done = worker_looks(timedelta(minutes=6))
    assert (done.scope, done.result, done.events) == ("newest", "clean", AuditEvent.objects.count())
    assert done.unprotected == done.events - newest_checkpoint().size
    rows().filter(number=14).update(reason="x")
    done = worker_looks(timedelta(minutes=12))
    assert (done.scope, done.result, done.first_bad) == ("newest", "tampered", 14)


def test_the_newest_part_is_the_whole_where_its_checkpoint_is_not_ours(own_keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "AT_LEAST_BACK", 1)
    events(5)
    assert verifying.run_next()
    checkpoints.keyring()  # made before there is a line, as it always is
    add_line(checkpoints.sign("0" * 64, 2, "0" * 64, keys.Keyring("strange", {"strange": b"s" * 32})))
    with checkpoints.path().open("a") as file:
        file.write("not a checkpoint\n")
    done = worker_looks(timedelta(minutes=6))
    assert (done.scope, done.result, done.first_bad, done.kind) == ("newest", "tampered", 1, "checkpoint")


def test_what_the_newest_part_showed_stands_until_the_whole_log_was_looked_at(
    own_keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "AT_LEAST_BACK", 5)
    events(10)
    checkpointing.make()
    assert verifying.run_next()
    events(10)
    rows().filter(number=15).update(reason="x")
    found = worker_looks(timedelta(minutes=6))
    assert (found.scope, found.result, found.first_bad) == ("newest", "tampered", 15)
    checkpointing.make()
    events(10)
    with clock.at(clock.now() + timedelta(minutes=7)):
        clean = Verification.objects.create(scope="newest", asked_at=clock.now())
        assert verifying.run(clean).result == "clean", "the newest part begins after it by now"
        assert (verifying.state().holds, verifying.state().found) == (False, found)
        assert verifying.known_bad() == "The content of event 15 was changed."
    whole = worker_looks(timedelta(minutes=8))
    assert (whole.scope, whole.result, whole.first_bad) == ("whole", "tampered", 15), "and the whole does not wait for its day"
    with clock.at(clock.now() + timedelta(minutes=9)):
        assert (verifying.state().found, verifying.run_next()) == (whole, None)
    rows().filter(number=15).update(reason="")
    assert worker_looks(timedelta(days=1, minutes=9)).result == "clean"
    with clock.at(clock.now() + timedelta(days=1, minutes=10)):
        assert (verifying.state().holds, verifying.known_bad()) == (True, "")


def test_a_whole_log_that_nobody_could_tell_of_is_looked_at_again_soon_but_not_at_once(
    portal: None, settings: Any, tmp_path: Path
) -> None:
    kept, settings.KEYS_DIR = settings.KEYS_DIR, tmp_path
    looks = [(done.scope, done.result) if (done := verifying.run_next()) else None for _ in range(3)]
    assert looks == [("whole", "unknown"), ("newest", "unknown"), None]
    settings.KEYS_DIR = kept
    assert verifying.run_next() is None
    with clock.at(clock.now() + timedelta(minutes=6)):
        done = verifying.run_next()
        assert done
        assert (done.scope, done.result, verifying.state().holds, verifying.run_next()) == ("whole", "clean", True, None)


def test_the_worker_s_old_results_go_once_there_is_a_new_one(portal: None) -> None:
    first = verifying.run_next()
    assert first
    for later in (timedelta(days=31), timedelta(days=31, minutes=6)):
        assert worker_looks(later).result == "clean"
        assert Verification.objects.filter(pk=first.pk).exists() == (later == timedelta(days=31))


# Who verifies, and what stops them


def test_one_look_at_a_time_and_one_that_stopped_is_taken_over(portal: None) -> None:
    now = clock.now()
    dead = Verification.objects.create(scope="whole", asked_at=now, began_at=now, seen_at=now)
    mine = Verification.objects.create(scope="newest", asked_at=now)
    assert verifying.run(mine).began_at is None
    with clock.at(now + timedelta(minutes=2)):
        done = verifying.run_next()
        assert done
        assert (done.pk, done.result) == (dead.pk, "clean")
        ended = done.ended_at
    assert verifying.run(done).ended_at == ended


def test_a_look_or_a_result_that_is_dated_in_the_future_holds_nobody_up(portal: None) -> None:
    now, ahead = clock.now(), clock.now() + timedelta(days=9999)
    strange = Verification.objects.create(scope="whole", asked_at=now, began_at=now, seen_at=ahead)
    for scope in ("whole", "newest"):
        Verification.objects.create(scope=scope, asked_at=now, ended_at=ahead, result="clean")
    asked = verifying.ask(by=arrange.person("auditor"))
    assert (asked.by_name, asked.result, verifying.state().holds) == ("auditor", "clean", True)
    done = worker_looks(timedelta(minutes=6))
    assert (done.pk, done.result) == (strange.pk, "clean")
    assert [worker_looks(later).scope for later in (timedelta(minutes=12), timedelta(days=2))] == ["newest", "whole"]


def test_without_the_key_nobody_can_tell_until_it_is_back(portal: None, settings: Any, tmp_path: Path) -> None:
    kept, settings.KEYS_DIR = settings.KEYS_DIR, tmp_path
    told = verifying.run_next()
    assert told
    assert (told.result, told.mac, verifying.trusted(told)) == ("unknown", "", False)
    assert (verifying.state().holds, verifying.state().sentence) == (None, told.sentence)
    settings.KEYS_DIR = kept
    assert verifying.ask(by=arrange.person("auditor")).result == "clean"
    assert verifying.state().holds is True


def test_a_person_whose_result_cannot_be_recorded_is_told_so(portal: None, settings: Any, tmp_path: Path) -> None:
    def lose_the_keys() -> None:
        settings.KEYS_ARE_MADE_ON_DEMAND, settings.KEYS_DIR = False, tmp_path

    with before_query("LIMIT 1000", lose_the_keys), pytest.raises(AuditUnavailable):
        verifying.ask(by=arrange.person("auditor"))
    kept = Verification.objects.get()
    assert (kept.result, kept.mac) == ("clean", "")
    assert list(AuditEvent.objects.filter(action__startswith="audit.").values_list("action", flat=True)) == ["audit.verifying"]


@pytest.mark.parametrize("wrong", [OperationalError("gone"), RuntimeError("nobody thought of it")])
def test_whatever_stops_a_look_is_no_tampering_and_is_kept(portal: None, wrong: Exception) -> None:
    def around(run: Callable[..., Any], text: str, *rest: Any) -> Any:
        if "LIMIT 1000" in text:
            raise wrong
        return run(text, *rest)

    sentence = f"The audit log cannot be read: {type(wrong).__name__}."
    with connection.execute_wrapper(around):
        done = verifying.run_next()
        assert command() == (2, {"result": "unknown", "sentence": sentence})
    assert done
    assert (done.result, done.sentence, Verification.objects.get().result) == ("unknown", sentence, "unknown")


def test_a_finding_whose_event_cannot_be_written_is_kept(portal: None, settings: Any, tmp_path: Path) -> None:
    rows().filter(number=2).update(reason="x")
    kept = settings.KEYS_DIR

    def lose_the_keys() -> None:
        settings.KEYS_DIR = tmp_path

    with before_query('FROM "tokenportal_user"', lose_the_keys):
        done = verifying.run_next()
    settings.KEYS_DIR = kept
    assert done
    assert (done.result, done.first_bad) == ("tampered", 2)
    assert not AuditEvent.objects.filter(action="audit.verified").exists()


def test_a_finding_that_could_not_be_told_is_told_once_that_is_possible_again(portal: None) -> None:
    rows().filter(number=2).update(reason="x")
    told = AuditEvent.objects.filter(action="audit.verified")

    def full(run: Callable[..., Any], text: str, *rest: Any) -> Any:
        if text.startswith('INSERT INTO "tokenportal_auditevent"'):
            raise OperationalError("database or disk is full")
        return run(text, *rest)

    with connection.execute_wrapper(full):
        first = verifying.run_next()
        assert first
        assert (first.result, verifying.trusted(first), verifying.state().found) == ("tampered", True, first)
    assert (told.count(), Notice.objects.count()) == (0, 0)
    for later in (6, 12):
        assert worker_looks(timedelta(minutes=later)).first_bad == 2
        assert (told.count(), Notice.objects.count()) == (1, 2)


def test_what_was_not_looked_at_lately_says_nothing(portal: None) -> None:
    assert verifying.state().holds is None
    assert verifying.run_next()
    assert verifying.state().holds is True
    with clock.at(clock.now() + timedelta(hours=1)):
        assert (verifying.state().holds, verifying.state().overdue) == (None, True)


def test_how_far_it_is_is_written_down_about_once_a_second(portal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count(step=2)
    monkeypatch.setattr(verifying, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    total, seen = AuditEvent.objects.count(), []

    def look() -> None:
        seen.extend(Verification.objects.values_list("events", "total", "result"))

    with before_query('FROM "tokenportal_connection"', look):
        assert verifying.run_next()
    assert seen == [(total, total, "")]


def test_a_look_at_the_whole_log_puts_an_earlier_one_at_its_newest_part_aside(portal: None) -> None:
    assert verifying.run_next()
    rows().filter(number=2).update(reason="x")
    assert worker_looks(timedelta(minutes=6)).scope == "newest"
    with clock.at(clock.now() + timedelta(minutes=7)):
        assert verifying.known_bad() == "The content of event 2 was changed."
        rows().filter(number=2).update(reason="")
        assert verifying.ask(by=arrange.person("auditor")).result == "clean"
        assert (verifying.known_bad(), verifying.state().holds) == ("", True)


# Rows that no portal wrote


def test_a_row_that_the_database_itself_cannot_give_is_named(own_keys: Path) -> None:
    events(5)
    if connection.vendor == "sqlite":
        sql("UPDATE tokenportal_auditevent SET reason = CAST(x'ff' AS TEXT) WHERE number = 4")
    else:
        sql("UPDATE tokenportal_auditevent SET at = 'infinity' WHERE number = 4")
    result = following.follow()
    assert result.finding
    assert (result.events, result.finding.number, result.finding.kind) == (3, 4, "content")


def test_an_event_put_before_the_beginning_is_found(own_keys: Path) -> None:
    events(3)
    columns = ", ".join(field.column for field in AuditEvent._meta.concrete_fields if field.column != "number")
    sql(
        f"INSERT INTO tokenportal_auditevent (number, {columns}) SELECT -2, {columns} FROM tokenportal_auditevent WHERE number = 1"
    )
    assert finding() == (-2, "missing")


def test_a_new_key_without_its_event_is_found(own_keys: Path) -> None:
    events(3)
    event = AuditEvent(at=clock.now(), channel="command", action=Event.PORTAL_SEEDED.value)
    seals.seal(event, 4, AuditHead.objects.get().hash, keys.rotate(own_keys, "audit"))
    token = recording_open.set(True)
    event.save()
    recording_open.reset(token)
    assert finding() == (4, "key")


@pytest.mark.parametrize("text", ["{", "[" * 200_000 + "]" * 200_000], ids=["half", "deep"])
def test_an_event_of_the_signing_key_that_cannot_be_read_is_found(own_keys: Path, text: str) -> None:
    events(3)
    checkpointing.make()
    sql("UPDATE tokenportal_auditevent SET details = %s WHERE number = 4", text)
    assert finding() == (4, "content")
    assert command()[1]["first_bad"] == 4
    done = verifying.run_next()
    assert done
    assert (done.result, done.first_bad) == ("tampered", 4)


# Checkpoints


def test_checkpoints_neither_go_back_to_an_earlier_key_nor_come_from_another_log(own_keys: Path) -> None:
    events(3)
    old = checkpoints.keyring()
    checkpointing.make()
    checkpointing.rotate("checkpoint")
    covered = newest_checkpoint().size
    events(2)
    size, head = AuditEvent.objects.order_by("-number").values_list("number", "hash")[0]
    whole = checkpoints.path().read_bytes()
    add_line(checkpoints.sign(newest_checkpoint().origin, size, head, old))
    assert finding() == (covered + 1, "checkpoint")
    checkpoints.path().write_bytes(whole)
    add_line(checkpoints.sign("0" * 64, size, head, checkpoints.keyring()))
    assert finding() == (covered + 1, "checkpoint")


def test_a_log_that_was_rolled_back_and_went_on_is_not_the_one_that_was_signed(own_keys: Path) -> None:
    """As a backup does that is put back: each event is sealed, and some that were signed are gone."""
    for _ in range(2):
        events(4)
        checkpoints.make()
    rows().filter(number__gt=6)._raw_delete("default")
    last = AuditEvent.objects.get(number=6)
    AuditHead.objects.update(number=6, hash=last.hash)
    assert finding() == (7, "missing")
    events(5)
    found = following.follow()
    assert found.finding
    assert (found.events, found.finding.number, found.finding.kind) == (4, 5, "checkpoint")
    assert found.finding.sentence.startswith("The log is not the one of which the checkpoint of 8 events was signed at ")


def test_a_part_can_begin_at_a_checkpoint_that_only_was_kept_elsewhere(own_keys: Path) -> None:
    events(4)
    kept = checkpoints.make()
    events(2)
    checkpoints.path().unlink()
    result = following.follow(start=kept)
    assert (result.events, result.finding, result.unprotected) == (6, None, 2)


def test_a_line_after_the_last_event_counts_too(own_keys: Path) -> None:
    events(3)
    checkpoints.make()
    with checkpoints.path().open("a") as file:
        file.write("not a checkpoint\n")
    assert finding() == (4, "checkpoint")
    assert newest_checkpoint().size == 3


def test_a_full_disk_leaves_no_half_a_line(own_keys: Path) -> None:
    events(3)
    checkpoints.make()
    whole = checkpoints.path().read_bytes()
    events(1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 20, before[1]))
    try:
        assert checkpoints.try_to_make() is None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert following.follow().finding is None
    made = checkpoints.try_to_make()
    assert made
    assert checkpoints.path().read_text() == whole.decode() + made.line + "\n"


def test_a_checkpoint_file_that_cannot_be_read_is_said_and_nobody_can_tell(own_keys: Path) -> None:
    events(3)
    checkpoints.path().mkdir()
    assert checkpoints.standing().trouble == "The checkpoint file cannot be read: Is a directory."
    with pytest.raises(AuditUnavailable):
        following.follow()


def test_without_the_signing_key_there_is_no_checkpoint(own_keys: Path, settings: Any) -> None:
    events(3)
    settings.KEYS_ARE_MADE_ON_DEMAND = False
    with pytest.raises(AuditUnavailable):
        checkpoints.make()
    assert checkpoints.newest() is None


def test_events_that_nothing_covers_for_long_are_told(own_keys: Path) -> None:
    events(3)
    assert checkpoints.standing().trouble == ""
    with clock.at(clock.now() + timedelta(hours=1)):
        assert checkpoints.standing().trouble.startswith("No checkpoint was written lately")


def test_writers_of_checkpoints_take_turns(transactional_db: None, own_keys: Path) -> None:
    failed: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(6):
                events(1)
                checkpoints.make()
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    writers = [threading.Thread(target=write) for _ in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not failed
    sizes = [checkpoints.parse(line).size for line in checkpoints.lines()]
    assert sizes == sorted(set(sizes))
    result = following.follow()
    assert (result.events, result.finding, result.unprotected) == (36, None, 0)


# Credentials


def put_in(name: str) -> Connection:
    """A connection that is written past the portal."""
    one = Connection(pk=uuid.uuid4(), name=name, kind="account", sealed_credential="x", last_four="abcd", created_at=clock.now())
    models.QuerySet(Connection).bulk_create([one])
    return one


def test_a_connection_of_which_no_event_tells_shows(portal: None) -> None:
    put_in("Stranger")
    newest = AuditEvent.objects.count()
    assert credentials.put_back() == (newest, "The connection Stranger holds a credential of which no event tells.")


def test_a_credential_that_is_replaced_meanwhile_is_no_cause_for_alarm(portal: None) -> None:
    def replace() -> None:
        for one in Connection.objects.all():
            prefix = "cfat_" if one.kind == "account" else "cfut_"
            connections.replace_credential(one, by=None, pasted=prefix + "n" * 48)

    with before_query('WHERE "tokenportal_connection"."id" =', replace):
        assert credentials.put_back() is None


def test_a_connection_that_goes_meanwhile_is_no_cause_for_alarm(portal: None) -> None:
    gone = put_in("Gone")
    deed = lambda: models.QuerySet(Connection).filter(pk=gone.pk)._raw_delete("default")  # noqa: E731
    with before_query('FROM "tokenportal_auditevent"', deed):
        assert credentials.put_back() is None


def test_whoever_has_an_earlier_audit_key_only_cannot_go_back_to_it(own_keys: Path) -> None:
    """A key is rotated because it may have leaked: what it seals after that is not believed, though an event says so."""
    events(2)
    checkpointing.rotate("audit")
    ring, head = keys.load(own_keys, "audit"), AuditHead.objects.get()
    leaked = keys.Keyring(next(iter(ring.keys)), ring.keys)
    forged = AuditEvent(
        at=clock.now(), channel="command", action=Event.AUDIT_KEY_ROTATED, details={"from": ring.current, "to": leaked.current}
    )
    seals.seal(forged, head.number + 1, head.hash, leaked)
    models.QuerySet(AuditEvent).bulk_create([forged])
    models.QuerySet(AuditHead).update(number=forged.number, hash=forged.hash, key_id=leaked.current)
    assert finding() == (forged.number, "key")

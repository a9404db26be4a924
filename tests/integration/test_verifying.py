"""Verifying the log: by command, by a person, by the worker; what is kept of it, told of it, and believed of it."""

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from tests import arrange
from tokenportal import audit, clock, keys
from tokenportal.actions import checkpointing, verifying
from tokenportal.audit import Event, checkpoints
from tokenportal.models import AuditEvent, Notice, Verification
from tokenportal.models.guard import Origin, coming_from

pytestmark = pytest.mark.django_db


def events(count: int) -> None:
    for _ in range(count):
        audit.note(Event.PORTAL_SEEDED, by=None)


def spoil(number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tokenportal_auditevent SET reason = 'other' WHERE number = %s", [number])


def command(*arguments: str) -> tuple[int, dict[str, Any]]:
    printed = io.StringIO()
    try:
        call_command("verify_audit", "--json", *arguments, stdout=printed, stderr=io.StringIO())
        status = 0
    except SystemExit as stop:
        status = int(str(stop.code))
    return status, json.loads(printed.getvalue())


def test_the_command_tells_what_holds_and_what_nothing_covers(own_keys: Path) -> None:
    events(5)
    checkpointing.make()
    status, told = command("--progress")
    assert (status, told["result"], told["events"], told["unprotected"], told["checkpoints"]) == (0, "clean", 6, 1, 1)
    assert told["sentence"] == (
        "The chain holds: 6 events. The newest one came after the last checkpoint: whether later ones were cut off, it cannot tell."
    )
    checkpointing.make()
    assert command()[1]["sentence"] == "The chain holds: 6 events, all of them covered by a checkpoint."
    spoil(3)
    status, told = command()
    assert (status, told["result"], told["first_bad"], told["kind"], told["events"]) == (1, "tampered", 3, "content", 2)


def test_a_checkpoint_kept_elsewhere_is_asked_as_well(own_keys: Path, tmp_path: Path) -> None:
    events(3)
    printed = io.StringIO()
    call_command("checkpoint", "--make", stdout=printed)
    kept = tmp_path / "kept.jsonl"
    kept.write_text(printed.getvalue())
    assert command("--against", str(kept))[0] == 0
    again = io.StringIO()
    call_command("checkpoint", stdout=again)
    assert again.getvalue() == printed.getvalue()
    kept.write_text(printed.getvalue().replace('"size":', '"size": '))
    for source in (kept, tmp_path / "none"):
        status, told = command("--against", str(source))
        assert (status, told["result"]) == (2, "unknown")
        assert told["sentence"].startswith("The checkpoint that was kept elsewhere cannot be used.")


def test_an_empty_log_has_no_checkpoint(own_keys: Path) -> None:
    for arguments in ((), ("--make",)):
        with pytest.raises(CommandError, match="There is no checkpoint yet"):
            call_command("checkpoint", *arguments)
    assert checkpointing.keep_up() == ""


def test_a_signing_key_that_is_gone_is_not_made_anew_and_no_tampering(own_keys: Path) -> None:
    events(3)
    checkpointing.make()
    kept = (own_keys / "checkpoint.key").rename(own_keys / "elsewhere")
    status, told = command()
    assert (status, told["result"]) == (2, "unknown")
    assert "checkpoint.key cannot be read" in told["sentence"]
    events(1)
    assert checkpointing.keep_up()
    assert sorted(path.name for path in own_keys.glob("*.key")) == ["audit.key"]
    kept.rename(own_keys / "checkpoint.key")
    assert command()[0] == 0


def test_a_key_is_rotated_with_its_event_and_all_goes_on(own_keys: Path) -> None:
    events(2)
    for name in ("audit", "checkpoint"):
        before = keys.load(own_keys, name) if name == "audit" else checkpoints.keyring()
        printed = io.StringIO()
        call_command("rotate_key", name, stdout=printed)
        after = keys.load(own_keys, name)
        assert list(after.keys)[:-1] == list(before.keys)
        assert printed.getvalue().startswith(f"{after.current} is the current key of {name}.key.")
    events(1)
    actions = list(AuditEvent.objects.order_by("number").values_list("action", flat=True))
    assert actions == ["portal.seeded"] * 2 + ["audit_key.rotated", "checkpoint_key.set", "portal.seeded"]
    assert command()[0] == 0
    (own_keys / "audit.key").unlink()
    with pytest.raises(CommandError, match="The key was not rotated"):
        call_command("rotate_key", "audit")


def test_an_audit_key_is_not_taken_away(own_keys: Path) -> None:
    events(1)
    keys.rotate(own_keys, "audit")
    newest = (own_keys / "audit.key").read_text().splitlines()[-1]
    (own_keys / "audit.key").write_text(newest + "\n")
    with pytest.raises(audit.AuditUnavailable, match="The key that sealed the newest event is not in the key file"):
        events(1)
    assert command()[1]["kind"] == "key"


def test_a_checkpoint_is_made_after_a_hundred_events(own_keys: Path, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        events(101)
    newest = checkpoints.newest()
    assert newest
    assert newest.size == 101
    assert (own_keys / "checkpoints.jsonl").stat().st_mode & 0o777 == 0o600


def test_the_worker_signs_when_the_newest_is_old(own_keys: Path, settings: Any) -> None:
    events(1)
    assert checkpointing.keep_up() == ""
    assert checkpoints.standing().unprotected == 1, "the event that says which key signs"
    assert checkpointing.keep_up() == ""
    assert checkpoints.standing().unprotected == 1
    with clock.at(clock.now() + timedelta(seconds=settings.CHECKPOINT_INTERVAL_SECONDS + 1)):
        assert checkpointing.keep_up() == ""
        assert checkpoints.standing().unprotected == 0
        assert len((own_keys / "checkpoints.jsonl").read_text().splitlines()) == 2


def test_a_checkpoint_that_cannot_be_written_undoes_nothing_and_is_told(own_keys: Path, settings: Any) -> None:
    settings.CHECKPOINTS_FILE = own_keys / "audit.key" / "checkpoints.jsonl"
    events(1)
    assert checkpoints.try_to_make() is None
    with clock.at(clock.now() + timedelta(hours=1)):
        assert checkpointing.keep_up() != ""
    ready = Client().get("/readyz").json()
    assert ready["checks"]["audit"] is True


def written(kept: Verification) -> list[tuple[str, str, str, str, bool, dict[str, Any]]]:
    """The events about a verification: what, by whom, from where, with a session or without, and with which details."""
    return [
        (event.action, event.by_name, event.channel, event.address, bool(event.session), event.details)
        for event in AuditEvent.objects.filter(object_type="verification", object_id=str(kept.pk)).order_by("number")
    ]


PRESSED = ("audit.verifying", "auditor", "web", "127.0.0.1", True, {"scope": "whole"})


def test_that_a_person_asks_is_an_event_and_the_result_is_another(portal: None) -> None:
    web = arrange.signed_in("auditor")
    before = AuditEvent.objects.count()
    assert web.post("/audit/chain/verify/").status_code == 302
    kept = verifying.last(Verification.Scope.WHOLE)
    assert kept
    found = {"scope": "whole", "result": "clean", "events": before + 1}
    assert written(kept) == [PRESSED, ("audit.verified", "auditor", "web", "127.0.0.1", True, found)]
    assert (kept.by_name, kept.result, kept.events, verifying.trusted(kept)) == ("auditor", "clean", before + 1, True)
    assert verifying.state().holds is True


def test_a_person_who_leaves_it_to_the_worker_has_asked_with_their_session_and_address(
    portal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "AT_ONCE", 1)
    arrange.signed_in("auditor").post("/audit/chain/verify/")
    asked = Verification.objects.get()
    assert written(asked) == [PRESSED]
    with coming_from(Origin("work")):
        done = verifying.run_next()
    assert done
    found = {"scope": "whole", "result": "clean", "events": done.events}
    assert written(asked) == [PRESSED, ("audit.verified", "", "work", "", False, found)]


def test_a_person_who_comes_to_the_worker_s_own_look_has_asked_too(portal: None) -> None:
    now = clock.now()
    own = Verification.objects.create(scope="whole", asked_at=now, began_at=now, seen_at=now)
    arrange.signed_in("auditor").post("/audit/chain/verify/")
    assert written(own) == [PRESSED]
    with clock.at(now + timedelta(minutes=2)):
        assert verifying.run_next() == own
    assert [event[:3] for event in written(own)] == [PRESSED[:3], ("audit.verified", "", "command")]


def test_where_the_audit_cannot_be_written_nothing_is_begun(portal: None, settings: Any, tmp_path: Path) -> None:
    web = arrange.signed_in("auditor")
    settings.KEYS_DIR = tmp_path
    assert web.post("/audit/chain/verify/").status_code == 503
    assert not Verification.objects.exists()


def test_whoever_writes_that_all_is_well_is_not_believed(portal: None) -> None:
    spoil(4)
    verifying.ask(by=arrange.person("admin"))
    assert (verifying.state().holds, verifying.known_bad()) == (False, "The content of event 4 was changed.")
    Verification.objects.update(result="clean", sentence="The chain holds.", first_bad=None, kind="")
    state = verifying.state()
    assert (state.holds, state.sentence[:26]) == (None, "The last result was change")


def test_the_worker_verifies_and_tells_once(portal: None) -> None:
    done = verifying.run_next()
    assert done
    assert (done.scope, done.result, verifying.run_next()) == ("whole", "clean", None)
    spoil(2)
    with clock.at(clock.now() + timedelta(minutes=6)):
        found = verifying.run_next()
        assert found
        assert (found.scope, found.result, found.first_bad) == ("newest", "tampered", 2)
        told = Notice.objects.values_list("user__username", "sentence")
        assert set(told) == {
            (name, "The audit log does not hold. The content of event 2 was changed.") for name in ("admin", "auditor")
        }
    with clock.at(clock.now() + timedelta(minutes=12)):
        assert verifying.run_next()
        assert Notice.objects.count() == 2
    assert AuditEvent.objects.filter(action="audit.verified", outcome="failed").count() == 1


def test_a_long_log_is_left_to_the_worker_and_one_look_is_enough(portal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "AT_ONCE", 1)
    asked = verifying.ask(by=arrange.person("auditor"))
    assert (asked.result, verifying.ask(by=arrange.person("admin"))) == ("", asked)
    assert verifying.state().running == asked
    done = verifying.run_next()
    assert done
    assert (done.pk, done.result, verifying.running()) == (asked.pk, "clean", None)


def test_health_tells_of_the_chain_and_stays_ready(portal: None) -> None:
    spoil(2)
    verifying.ask(by=arrange.person("admin"))
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["chain"]) == (200, False)


def test_a_credential_that_was_put_back_shows(portal: None) -> None:
    one = arrange.connection()
    old = one.sealed_credential
    assert verifying.verify().finding is None
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tokenportal_connection SET sealed_credential = %s WHERE id = %s", [f"{old[:-4]}AAAA", one.pk.hex])
        if not cursor.rowcount:
            cursor.execute("UPDATE tokenportal_connection SET sealed_credential = %s WHERE id = %s", [f"{old[:-4]}AAAA", one.pk])
    found = verifying.verify().finding
    assert found
    told = AuditEvent.objects.filter(object_id=str(one.pk), action="connection.created").get()
    assert (found.number, found.kind) == (told.number, "credential")

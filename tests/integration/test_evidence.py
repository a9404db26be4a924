"""The evidence pack: one signed zip that somebody who trusts only the public key can check."""

import csv
import hashlib
import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests import arrange
from tokenportal import clock
from tokenportal.actions import evidence, verifying
from tokenportal.models import Attempt, AuditEvent, Token, TokenRequest, User, Verification

pytestmark = pytest.mark.django_db
HERE = "/audit/evidence/"
FILES = [
    "README.txt", "tokens.csv", "tokens.jsonl", "owners.csv", "reviews.csv", "approvals.csv", "events.jsonl", "verification.json", "checkpoint.json",
    "public-key.pem", "manifest.json", "manifest.sig",
]  # fmt: skip


def taken(name: str = "auditor", **typed: str) -> dict[str, bytes]:
    """The files of a pack, as this person downloads it."""
    answer = arrange.signed_in(name).post(HERE, typed)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(b"".join(answer))) as archive:  # type: ignore[arg-type]
        assert archive.testzip() is None
        return {found.rpartition("/")[2]: archive.read(found) for found in archive.namelist()}


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def rows(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.decode("ascii").splitlines()]


@pytest.fixture
def token(portal: None) -> Token:
    issued = arrange.issue(arrange.draft())
    assert issued
    return issued.token


@pytest.mark.parametrize("name", ["auditor", "admin"])
def test_auditors_and_admins_take_it_and_that_is_an_event_before_it_leaves(token: Token, name: str) -> None:
    assert list(taken(name)) == FILES
    event = AuditEvent.objects.get(action="evidence.exported")
    assert (event.by_name, event.outcome) == (name, "done")
    assert event.details == {
        "format": "zip", "first_day": None, "last_day": None, "tokens": Token.objects.count(), "events_up_to": event.number - 1,
    }  # fmt: skip


def test_the_page_says_what_it_holds_and_others_do_not_see_it(portal: None) -> None:
    asked = clock.now().date()
    page = arrange.signed_in("auditor").get(HERE)
    assert page.status_code == 200
    assert any(
        f'value="{today - timedelta(days=365):%Y-%m-%d}"' in page.content.decode() for today in (asked, clock.now().date())
    )
    for name in ("requester", "approver"):
        web = arrange.signed_in(name)
        assert (web.get(HERE).status_code, web.post(HERE).status_code) == (403, 403)
    assert arrange.signed_in("auditor").put(HERE).status_code == 405
    assert not AuditEvent.objects.filter(action="evidence.exported", outcome="done").exists()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"first": "2026-02-30"}, "Enter a day such as 2026-03-31, or leave it empty."),
        ({"last": "9999-12-31"}, "Enter a day such as 2026-03-31, or leave it empty."),
        ({"first": "2026-03-02", "last": "2026-03-01"}, "Enter a day that is not before the first one."),
    ],
)
def test_days_that_make_no_sense_are_told_and_nothing_leaves(portal: None, typed: dict[str, str], sentence: str) -> None:
    answer = arrange.signed_in("auditor").post(HERE, typed)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in page
    assert all(f'value="{day}"' in page for day in typed.values())
    assert not AuditEvent.objects.filter(action="evidence.exported", outcome="done").exists()


def test_its_signature_and_sums_hold_with_nothing_but_the_public_key(token: Token) -> None:
    files = taken()
    manifest = json.loads(files["manifest.json"])
    key = load_pem_public_key(files["public-key.pem"])
    assert isinstance(key, Ed25519PublicKey)
    key.verify(files["manifest.sig"], files["manifest.json"])
    assert manifest["public_key"] == key.public_bytes_raw().hex()
    told = AuditEvent.objects.filter(action="checkpoint_key.set").latest("number")
    assert (told.details["public_key"], told.details["key"]) == (manifest["public_key"], manifest["key"])
    assert manifest["files"] == {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in files.items()
        if name not in ("manifest.json", "manifest.sig")
    }
    assert (manifest["by"], manifest["events_up_to"]) == ("auditor", AuditEvent.objects.count())
    assert manifest["public_key"] in files["README.txt"].decode()


def test_its_events_are_a_chain_that_anybody_can_recompute(token: Token) -> None:
    files = taken()
    events, previous = rows(files["events.jsonl"]), None
    assert [event["number"] for event in events] == list(range(1, AuditEvent.objects.count() + 1))
    for event in events:
        found, _ = event.pop("hash"), event.pop("mac")
        text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert hashlib.sha256(text.encode()).hexdigest() == found
        assert previous in (None, event["previous"])
        previous = found
    checkpoint = json.loads(files["checkpoint.json"])
    assert checkpoint["head"] == AuditEvent.objects.get(number=checkpoint["size"]).hash
    assert checkpoint["size"] >= AuditEvent.objects.get(action="evidence.exported").number
    verified = json.loads(files["verification.json"])
    assert (verified["result"], verified["events"]) == ("clean", len(events))


def test_events_of_other_days_are_left_out(token: Token) -> None:
    """The days are those of the events: a run that goes past midnight has events of two."""
    oldest, day = AuditEvent.objects.earliest("number").at.date(), timedelta(days=1)
    assert rows(taken(first=f"{clock.now().date() + 2 * day}")["events.jsonl"]) == []
    assert rows(taken(last=f"{oldest - day}")["events.jsonl"]) == []
    of_that_day = [row["number"] for row in rows(taken(first=f"{oldest}", last=f"{oldest}")["events.jsonl"])]
    assert of_that_day == [*AuditEvent.objects.filter(at__date=oldest).order_by("number").values_list("number", flat=True)] != []


def test_tokens_are_told_with_who_asked_and_who_agreed_to_exactly_what(token: Token) -> None:
    files = taken()
    (mine,) = [row for row in table(files["tokens.csv"]) if row["id"] == str(token.pk)]
    assert (mine["owner"], mine["asked_by"], mine["agreed_by"]) == ("requester", "requester", "requester")
    assert mine["digest"] == Attempt.objects.get().digest
    assert len(rows(files["tokens.jsonl"])) == len(table(files["tokens.csv"])) == Token.objects.count()
    (review,) = table(files["reviews.csv"])
    attempt, request = Attempt.objects.get(), TokenRequest.objects.get()
    assert (review["request"], review["agreed_by"], review["digest"]) == (request.reference, "requester", attempt.digest)
    assert (review["outcome"], review["cloudflare_id"], review["version"]) == ("created", token.cloudflare_id, "1")


def test_approvals_are_told_with_who_asked_why_and_which_rule_did(portal: None) -> None:
    made = arrange.issue(arrange.draft("wordpress"))
    assert made
    files = taken()
    (given,) = table(files["approvals.csv"])
    assert (given["reviewer"], given["answer"], given["sent_by"], given["reason"]) == (
        "approver", "approve", "requester", "A test needs it.",
    )  # fmt: skip
    assert (given["rules"], given["outcome"]) == ("More than reading on all zones of an account (1)", "approved")
    (mine,) = [row for row in table(files["tokens.csv"]) if row["id"] == str(made.token.pk)]
    assert (mine["approved_by"], mine["digest"]) == ("approver", given["digest"])


def test_owners_are_told_with_their_roles_and_what_they_answer_for(token: Token) -> None:
    found = {row["person"]: row for row in table(taken()["owners.csv"])}
    assert len(found) == User.objects.count()
    assert (found["requester"]["owns"], found["requester"]["backs_up"], found["requester"]["state"]) == ("1", "0", "active")
    assert "Platform: requester" in found["requester"]["team_roles"]
    assert found["auditor"]["portal_roles"] == "auditor"


def test_drafts_and_secrets_are_not_in_it(portal: None) -> None:
    issued = arrange.issue(arrange.draft())
    assert issued
    assert issued.secret
    draft = arrange.draft(purpose="Nobody else may read this yet.")
    whole = b"".join(taken().values())
    assert issued.secret.reveal().encode() not in whole
    assert b"Nobody else may read this yet." not in whole
    assert draft.working_copy.spec.name.encode() not in b"".join(
        content for name, content in taken().items() if name in ("reviews.csv", "owners.csv")
    )


def test_where_it_cannot_be_recorded_or_signed_nothing_leaves(token: Token, settings: Any, tmp_path: Path) -> None:
    web = arrange.signed_in("auditor")
    settings.KEYS_ARE_MADE_ON_DEMAND, settings.KEYS_DIR = False, tmp_path
    answer = web.post(HERE)
    assert answer.status_code == 503
    assert "Nothing was changed" in answer.content.decode()


def test_a_long_log_is_not_verified_on_the_way_but_told_as_it_was_found_last(
    token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifying.ask(by=arrange.person("auditor"))
    monkeypatch.setattr(verifying, "AT_ONCE", 0)
    kept = verifying.last(verifying.Scope.WHOLE)
    assert kept
    assert json.loads(taken()["verification.json"]) | {"verified": ""} == {
        "verified": "", "result": "clean", "events": kept.events, "unprotected": kept.unprotected, "first_bad": None, "kind": "",
        "sentence": kept.sentence,
    }  # fmt: skip
    kept.mac = "0" * 64
    kept.save()
    assert json.loads(taken()["verification.json"]) == {"verified": None, "result": "unknown", "sentence": evidence.NO_RESULT}


def test_of_a_long_log_a_later_finding_counts_more_than_a_clean_look_at_the_whole(
    token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifying.ask(by=arrange.person("auditor"))
    monkeypatch.setattr(verifying, "AT_ONCE", 0)
    AuditEvent.objects.filter(number=3)._raw_delete("default")  # type: ignore[attr-defined]
    with clock.at(clock.now() + timedelta(minutes=6)):
        found = verifying.run(Verification.objects.create(scope=Verification.Scope.NEWEST, asked_at=clock.now()))
        told = evidence.verification()
    assert (found.result, told["result"], told["first_bad"], told["sentence"]) == ("tampered", "tampered", 3, found.sentence)


def test_a_log_that_was_tampered_with_is_told_as_that(token: Token) -> None:
    AuditEvent.objects.filter(number=3)._raw_delete("default")  # type: ignore[attr-defined]
    verified = json.loads(taken()["verification.json"])
    assert (verified["result"], verified["first_bad"], verified["kind"]) == ("tampered", 3, "missing")


def test_without_the_audit_keys_nobody_can_tell_and_without_a_checkpoint_it_says_so(
    token: Token, settings: Any, tmp_path: Path
) -> None:
    settings.KEYS_ARE_MADE_ON_DEMAND, settings.KEYS_DIR = False, tmp_path
    assert evidence.verification()["result"] == "unknown"
    settings.CHECKPOINTS_FILE = str(tmp_path / "none.jsonl")
    assert evidence.checkpoint() == {"sentence": "There is no checkpoint yet."}


def test_it_leaves_in_pieces_while_it_is_made(token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "PIECE", 100)
    answer = arrange.signed_in("auditor").post(HERE)
    sizes = [len(piece) for piece in answer]  # type: ignore[attr-defined]
    assert len(sizes) > 3
    assert max(sizes) < sum(sizes) / 2


def test_a_checkpoint_that_cannot_be_written_is_told_in_the_pack(token: Token, settings: Any, tmp_path: Path) -> None:
    settings.CHECKPOINTS_FILE = str(tmp_path)
    files = taken()
    assert json.loads(files["checkpoint.json"]) == {"sentence": "The checkpoint file cannot be read: Is a directory."}
    assert json.loads(files["verification.json"])["result"] == "unknown"

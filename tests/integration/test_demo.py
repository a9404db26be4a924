"""The demo: its cast can sign in, and their requests stand in every state."""

import io
import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client

from tests import arrange
from tokenportal import clock
from tokenportal.actions import demo, findings, seeding
from tokenportal.audit import chain
from tokenportal.management.commands import seed
from tokenportal.models import AuditEvent, Connection, Share, Status, Token, TokenRequest, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def parents(db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `make demo` has done before it calls the command."""
    monkeypatch.delenv("DEMO_PASSWORD", raising=False)
    settings.MODE, settings.STATE_DIR = "demo", tmp_path
    printed = io.StringIO()
    call_command("sandbox_seed", stdout=printed)
    seeding.seed(json.loads(printed.getvalue()))


def start() -> str:
    printed = io.StringIO()
    call_command("demo", stdout=printed)
    return printed.getvalue()


def passwords(told: str) -> dict[str, str]:
    lines = [line.split() for line in told.splitlines() if "sign in as" in line]
    return {words[3]: words[5] for words in lines}


def test_requests_stand_in_many_states(parents: None) -> None:
    start()
    states = Counter(TokenRequest.objects.values_list("status", flat=True))
    assert states == {
        Status.ISSUED: 9, Status.UNCERTAIN: 2, Status.FAILED: 1, Status.DRAFT: 3, Status.IN_REVIEW: 2, Status.APPROVED: 1,
        Status.REJECTED: 1,
    }  # fmt: skip
    soon = clock.now() + timedelta(days=14)
    assert set(Token.objects.managed().filter(expires_on__lt=soon).values_list("purpose", flat=True)) == {
        "The deploy job purges the API's cache.", "Logs into the warehouse.",
    }  # fmt: skip
    assert {token.purpose for token in Token.objects.managed().filter(expires_on=None)} == {
        "Monthly export for the finance sheet.", "Finds zones by name, edits the DNS of one.",
    }  # fmt: skip
    assert [token.purpose for token in Token.objects.filter(drifted=True)] == ["Finds zones by name, edits the DNS of one."]
    assert set(Token.objects.unmanaged().values_list("name", flat=True)) == {
        "old api-cache-purge", "old edge-logs-shipper", "old token-minter",
    }  # fmt: skip
    assert {slug for slug, count in findings.numbers(Token.objects.all(), clock.now()).by_finding.items() if not count} == set()
    assert Share.objects.get().user.username == "teammate"
    assert chain.verify()[1] is None


def test_the_cast_signs_in_with_what_was_printed_and_a_second_start_changes_nothing(parents: None) -> None:
    told = start()
    given = passwords(told)
    assert set(given) == set(demo.CAST)
    for name, password in given.items():
        assert Client().post("/sign-in/", {"username": name, "password": password}).status_code == 302
    requests = set(TokenRequest.objects.values_list("pk", flat=True))
    assert start() == told
    assert set(TokenRequest.objects.values_list("pk", flat=True)) == requests


def test_a_given_password_counts_from_the_next_start_on_however_short(parents: None, monkeypatch: pytest.MonkeyPatch) -> None:
    start()
    monkeypatch.setenv("DEMO_PASSWORD", "short")
    assert set(passwords(start()).values()) == {"short"}
    assert all(
        person.check_password("short") and not person.must_change_password for person in User.objects.filter(is_active=True)
    )


def test_only_the_demo_is_filled(portal: None) -> None:
    with pytest.raises(CommandError, match="demo mode only"):
        start()
    assert arrange.person("requester").check_password(arrange.PASSWORD)


def test_a_start_that_was_killed_before_it_stored_the_credentials_is_mended_by_new_ones(db: None, tmp_path: Path) -> None:
    file, printed = tmp_path / "seed.json", io.StringIO()
    call_command("sandbox_seed", stdout=io.StringIO())
    call_command("sandbox_seed", stdout=printed)
    file.write_text(printed.getvalue())
    with pytest.raises(CommandError) as told:
        call_command("seed", str(file), stdout=io.StringIO())
    assert (told.value.returncode, str(told.value)) == (
        seed.NO_CREDENTIAL, "The connection 'Acme production' is new and comes without a credential.",
    )  # fmt: skip
    assert f"test $$? -eq {seed.NO_CREDENTIAL} &&" in (settings.BASE_DIR / "Makefile").read_text("utf-8")
    printed = io.StringIO()
    call_command("sandbox_seed", "--rotate", stdout=printed)
    file.write_text(printed.getvalue())
    call_command("seed", str(file), stdout=io.StringIO())
    assert all(connection.report[0]["ok"] for connection in Connection.objects.all())
    assert Connection.objects.count() == 4


def test_the_log_runs_in_the_order_of_its_clock(parents: None) -> None:
    call_command("demo", stdout=io.StringIO())
    told = AuditEvent.objects.filter(trail__isnull=False).order_by("number").values_list("at", flat=True)
    days = [at.date() for at in told]
    assert len(set(days)) > 8
    assert days == sorted(days)

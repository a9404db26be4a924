"""What an installation relies on: every setting written down, honest exit statuses, tests that stay on this machine."""

import io
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from tests import mode
from tokenportal import environment

ROOT = Path(__file__).parents[2]
READ = re.compile(r"""\b(?:env|env_flag|env_number|env_list|environ\.get)\(\s*["']([A-Z_]+)["']""")
REFUSED = {"DEBUG"}


def test_every_setting_that_the_code_reads_is_in_the_example_and_no_other() -> None:
    read = {name for path in (ROOT / "tokenportal").rglob("*.py") for name in READ.findall(path.read_text("utf-8"))}
    assert set(mode.settings_by_name()) == read - REFUSED | {"BIND"}


def test_the_demo_keeps_out_of_what_a_shell_has_exported_for_a_real_installation() -> None:
    """A demo's checkpoints in the file of another log would look like tampering there."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    found = re.search(r"^DEMO := env (.*?) TOKENPORTAL_MODE=demo", makefile, re.MULTILINE)
    assert found
    assert re.findall(r"-u (\w+)", found[1]) == ["DATABASE_URL", "KEYS_DIR", "CHECKPOINTS_FILE"]


def test_a_log_that_cannot_be_read_is_not_called_tampered_with(transactional_db: None) -> None:
    printed = io.StringIO()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tokenportal_auditevent RENAME TO elsewhere")
    try:
        with pytest.raises(SystemExit) as stop:
            call_command("verify_audit", "--json", stdout=printed)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO tokenportal_auditevent")
    assert stop.value.code == 2
    assert json.loads(printed.getvalue())["result"] == "unknown"


def test_an_installation_without_its_keys_does_not_call_its_log_tampered_with(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"], "KEYS_DIR": str(tmp_path), "PUBLIC_ORIGIN": "https://tokens.example.com",
        "DATABASE_URL": f"sqlite:///{tmp_path}/portal.sqlite3",
    }  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "manage.py", "verify_audit", "--json"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("Token Portal does not start: The key file ")


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_a_test_that_reaches_for_an_address_in_the_world_fails(method: str) -> None:
    with socket.socket() as door, pytest.raises(AssertionError, match=re.escape("wanted to reach 192.0.2.1.")):
        getattr(door, method)(("192.0.2.1", 443))


def test_a_test_that_looks_up_a_name_fails() -> None:
    with pytest.raises(AssertionError, match=re.escape("wanted to reach example.com.")):
        socket.create_connection(("example.com", 443), timeout=1)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "ten", "\N{SUPERSCRIPT TWO}", "9" * 5000])
def test_a_number_that_is_none_is_refused_in_one_line(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SETTLE_WINDOW_SECONDS", text)
    with pytest.raises(SystemExit) as stop:
        environment.env_number("SETTLE_WINDOW_SECONDS", 120)
    assert stop.value.code == 2
    assert (
        capsys.readouterr().err
        == f"Token Portal does not start: SETTLE_WINDOW_SECONDS is a number above zero, not {text[:40]!r}.\n"
    )

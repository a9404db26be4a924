"""Mail as it leaves for a server on a real socket, and the settings that say which one."""

import json
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from tests import arrange
from tokenportal import clock
from tokenportal.actions import reminding
from tokenportal.models import AuditEvent, Notice
from tokenportal.policy.spec import Validity

ROOT = Path(__file__).parents[2]
SMTP = "django.core.mail.backends.smtp.EmailBackend"


class Server(socketserver.ThreadingTCPServer):
    """Takes letters, or answers DATA with a refusal; counts how often somebody came in."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, *, refuses: bool) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.refuses, self.visits, self.letters = refuses, 0, []


class Talk(socketserver.StreamRequestHandler):
    server: Server

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        self.server.visits += 1
        self.say("220 here")
        while line := self.rfile.readline().strip().upper():
            if line.startswith(b"QUIT"):
                break
            if line != b"DATA":
                self.say("250 fine")
            elif self.server.refuses:
                self.say("550 not today")
            else:
                self.take()
        self.say("221 bye")

    def take(self) -> None:
        self.say("354 go on")
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line)
        self.server.letters.append(message_from_bytes(b"".join(lines), policy=policy.default))
        self.say("250 taken")


@pytest.fixture
def ending(lasting_portal: None) -> Iterator[None]:
    """Two tokens whose reminder is due."""
    for _ in range(2):
        assert arrange.issue(arrange.draft(validity=Validity(lifetime="days", days=10)))
    with clock.at(clock.now() + timedelta(days=5)):
        yield


@pytest.fixture
def server(request: Any, settings: Any) -> Iterator[Server]:
    with Server(refuses=request.param) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        options = {"host": "127.0.0.1", "port": found.server_address[1], "timeout": 5}
        settings.MAILERS = {"default": {"BACKEND": SMTP, "OPTIONS": options}}
        yield found
        found.shutdown()


@pytest.mark.parametrize("server", [False], indirect=True)
def test_all_letters_of_a_round_leave_in_one_visit(ending: None, server: Server) -> None:
    assert reminding.remind_all() == 2
    assert server.visits == 1
    assert [letter["To"] for letter in server.letters] == [arrange.person("requester").email] * 2
    assert all("press Renew" in letter.get_content() for letter in server.letters)
    assert not AuditEvent.objects.filter(outcome="failed").exists()


@pytest.mark.parametrize("server", [True], indirect=True)
def test_a_letter_that_the_server_does_not_take_is_noted(ending: None, server: Server) -> None:
    assert (reminding.remind_all(), reminding.remind_all(), server.letters) == (2, 0, [])
    reasons = AuditEvent.objects.filter(action="token.reminded", outcome="failed").values_list("reason", flat=True)
    assert (
        list(reasons)
        == ["No mail went to requester. The mail server did not take the letter. The notice stands in the portal."] * 2
    )
    assert Notice.objects.count() == 2


@pytest.mark.parametrize("server", [False], indirect=True)
def test_a_server_that_is_away_costs_no_notice(ending: None, server: Server) -> None:
    server.shutdown()
    server.server_close()
    assert reminding.remind_all() == 2
    reasons = AuditEvent.objects.filter(action="token.reminded", outcome="failed").values_list("reason", flat=True)
    assert (
        list(reasons) == ["No mail went to requester. The mail server could not be reached. The notice stands in the portal."] * 2
    )
    assert Notice.objects.count() == 2


def read(**environment: str) -> Any:
    """What the settings make of an environment: the mailer, the sender and whether mail is sent; or why they refuse."""
    program = (
        "from tokenportal import settings as s; import json; print(json.dumps([s.MAILERS, s.DEFAULT_FROM_EMAIL, s.SENDS_MAIL]))"
    )
    given = {"PATH": os.environ["PATH"], "TOKENPORTAL_MODE": "test", "KEYS_DIR": os.environ["KEYS_DIR"], **environment}
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=given, capture_output=True, text=True)
    return ended.stderr.strip() if ended.returncode else json.loads(ended.stdout)


@pytest.mark.parametrize(
    ("environment", "starttls", "tls"),
    [
        ({}, True, False),
        ({"EMAIL_PORT": "465"}, False, True),
        ({"EMAIL_PORT": "25", "EMAIL_USE_TLS": "0"}, False, False),
        ({"EMAIL_HOST_USER": "portal", "EMAIL_HOST_PASSWORD": "word"}, True, False),
    ],
)
def test_a_mail_server_is_spoken_to_under_tls_unless_it_is_said_otherwise(
    environment: dict[str, str], starttls: bool, tls: bool
) -> None:
    [mailers, sender, sends] = read(EMAIL_HOST="mail.example.com", PUBLIC_ORIGIN="https://tokens.example.com", **environment)
    assert mailers["default"] == {
        "BACKEND": SMTP,
        "OPTIONS": {
            "host": "mail.example.com", "port": int(environment.get("EMAIL_PORT", "587")), "timeout": 10,
            "username": environment.get("EMAIL_HOST_USER", ""), "password": environment.get("EMAIL_HOST_PASSWORD", ""),
            "use_tls": starttls, "use_ssl": tls,
        },
    }  # fmt: skip
    assert (sender, sends) == ("token-portal@tokens.example.com", True)


def test_a_password_never_leaves_in_the_open() -> None:
    given = {"EMAIL_HOST_PASSWORD": "word", "EMAIL_USE_TLS": "0"}
    assert read(EMAIL_HOST="mail.example.com", **given) == (
        "Token Portal does not start: EMAIL_HOST_PASSWORD would leave in the open. Take EMAIL_USE_TLS=0 out."
    )
    assert read(EMAIL_HOST="127.0.0.1", **given)[2] is True


def test_without_a_host_the_demo_writes_letters_to_files_and_production_sends_none(tmp_path: Path) -> None:
    [mailers, sender, sends] = read(TOKENPORTAL_MODE="demo", DEFAULT_FROM_EMAIL="portal@example.com")
    assert mailers["default"]["OPTIONS"] == {"file_path": str(ROOT / "var" / "demo" / "mail")}
    assert (sender, sends) == ("portal@example.com", True)
    made = subprocess.run(
        [sys.executable, "manage.py", "make_keys", str(tmp_path)], cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True
    )
    assert made.returncode == 0
    [mailers, _, sends] = read(
        TOKENPORTAL_MODE="production",
        KEYS_DIR=str(tmp_path),
        DATABASE_URL="sqlite://:memory:",
        PUBLIC_ORIGIN="https://a.example.com",
    )
    assert (mailers["default"]["BACKEND"], sends) == ("django.core.mail.backends.dummy.EmailBackend", False)

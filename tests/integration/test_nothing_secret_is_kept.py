"""After a walk with forced errors, no secret and no parent credential lies in the database, its files, the caches or the logs."""

import base64
import io
import json
import logging
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.core.management import call_command

from tests import arrange
from tokenportal.actions import demo, seeding
from tokenportal.models import Connection, Snapshot, Token

ROOT = Path(__file__).parents[2]
VALUE = re.compile(r"cf[au]t_[A-Za-z0-9]{48}")
FAULTS = ("", "drop", "html", "forbidden", "truncate", "slow", "no_value", "error", "")


def in_base64(text: bytes) -> set[bytes]:
    """What of a text's base64 stands whatever came before and after it, in both alphabets."""
    found = set()
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + text)
        core = encoded[(0, 2, 3)[offset] : len(text + bytes(offset)) // 3 * 4]
        found |= {core, core.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def traces_of(secret: str) -> set[bytes]:
    return {secret.encode(), quote(secret, safe="").encode(), secret.encode("utf-16-le"), *in_base64(secret.encode())}


PREFIXES_IN_BASE64 = {core for prefix in (b"cfat_", b"cfut_") for core in in_base64(prefix) if len(core) > 5}
"""For secrets that nobody was shown, so that only how they begin is known. Shorter pieces occur by chance."""


@pytest.mark.parametrize("before", ["", "x", "xy", "Bearer "])
def test_the_scan_finds_a_secret_however_it_is_spelled(before: str) -> None:
    secret = "cfat_" + "aB3" * 16
    text = f"{before}{secret} and more"
    for spelling in (
        text.encode(), quote(text, safe="").encode(), base64.b64encode(text.encode()), base64.urlsafe_b64encode(text.encode()),
    ):  # fmt: skip
        assert any(trace in spelling for trace in traces_of(secret))
        assert not any(trace in spelling for trace in traces_of("cfat_" + "aB4" * 16))


def everything_stored() -> Iterator[str]:
    """Every value of every row of every table, what sessions hold once they are unpacked, and the caches."""
    for model in apps.get_models(include_auto_created=True):
        for row in model._default_manager.values_list():
            yield from (str(value) for value in row)
    for session in Session.objects.all():
        yield json.dumps(session.get_decoded())
    for cache in caches.all():
        yield repr(getattr(cache, "_cache", ""))


@pytest.mark.django_db
def test_no_secret_is_stored_or_logged(caplog: Any, settings: Any) -> None:
    caplog.set_level(logging.DEBUG)
    settings.UPSTREAM_DEADLINE_SECONDS = 1
    printed = io.StringIO()
    call_command("sandbox_seed", stdout=printed)
    seed = json.loads(printed.getvalue())
    secrets = {row["credential"] for row in seed["connections"]}
    demo.cast(arrange.PASSWORD)
    seeding.seed(seed)
    assert Snapshot.objects.filter(state="ready").count() == Connection.objects.count() == 4
    web = arrange.signed_in("requester")
    for fault in FAULTS:
        if fault:
            call_command("sandbox_fault", fault, method="POST", seconds=2)
        ready = arrange.checked(arrange.draft())
        page = web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready), follow=True).content.decode()
        secrets |= set(VALUE.findall(page))
        web.post(f"/requests/{ready.pk}/look-up/")
    assert len(secrets) == 6
    token = Token.objects.filter(value_lost=False, owner=arrange.person("requester")).latest("seen_at")
    for fault in FAULTS:
        if fault:
            call_command("sandbox_fault", fault, method="PUT", seconds=2)
        asked = web.get(f"/tokens/{token.pk}/roll/").content.decode()
        seen = re.findall(r'name="seen" value="(\d+)"', asked)
        page = web.post(f"/tokens/{token.pk}/roll/", {"seen": seen}, follow=True).content.decode()
        secrets |= set(VALUE.findall(page))
    assert len(secrets) == 8
    auditor = arrange.signed_in("auditor")
    for secret in secrets:
        answer = auditor.post("/audit/value/", {"value": f"password={secret}"})
        assert (answer.status_code, 'data-testid="leak"' in answer.content.decode()) == (200, True)
        assert secret not in answer.content.decode()
    stored = "\n".join(everything_stored()).encode()
    assert b"a-token" in stored
    assert b"signed_in_at" in stored
    for secret in secrets:
        for trace in traces_of(secret):
            assert trace not in stored
            assert trace not in caplog.text.encode()


class Demo:
    """`make demo` on a state of its own: the same commands, in the same order, and everything that they print."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "PATH": os.environ["PATH"], "TOKENPORTAL_MODE": "demo", "PORT": str(self.port), "DEMO_PASSWORD": arrange.PASSWORD,
            "DATABASE_URL": f"sqlite:///{folder}/portal.sqlite3", "KEYS_DIR": str(folder / "keys"), "WORK_INTERVAL_SECONDS": "1",
            "SYNC_INTERVAL_SECONDS": "1", "UPSTREAM_DEADLINE_SECONDS": "2",
        }  # fmt: skip

    def manage(self, *command: str, given: str = "") -> str:
        """What a command prints on standard output; what it says elsewhere goes to the log."""
        with (self.folder / "log").open("a") as log:
            return subprocess.run(
                [sys.executable, "manage.py", *command], cwd=ROOT, env=self.environment, input=given, stdout=subprocess.PIPE,
                stderr=log, text=True, check=True,
            ).stdout  # fmt: skip

    @contextmanager
    def running(self, *command: str) -> Iterator[None]:
        with (self.folder / "log").open("a") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
            try:
                yield
            finally:
                process.terminate()
                process.wait(10)

    def served(self) -> ExitStack:
        stack = ExitStack()
        stack.enter_context(self.running(sys.executable, "manage.py", "work"))
        gunicorn = (
            f"-m gunicorn tokenportal.wsgi --bind 127.0.0.1:{self.port} --worker-class gthread --threads 4 --no-control-socket"
        )
        stack.enter_context(self.running(sys.executable, *gunicorn.split(), "--log-level", "debug"))
        for _ in range(100):
            try:
                requests.get(f"{self.url}/healthz", timeout=2)
            except (requests.ConnectionError, requests.Timeout):
                time.sleep(0.1)
            else:
                break
        return stack

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}


class Visitor:
    """A person with a browser that knows no script."""

    def __init__(self, demo: Demo) -> None:
        self.url = demo.url
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str) -> str:
        return self.session.get(f"{self.url}{path}", timeout=20).text

    def post(self, path: str, page: str = "", **fields: str) -> requests.Response:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page or self.get(path))
        assert token
        return self.session.post(f"{self.url}{path}", {"csrfmiddlewaretoken": token[1], **fields}, timeout=20)

    def fields_of(self, page: str) -> dict[str, str]:
        """What the builder's form would send as it stands."""
        form = page.split('id="draft"')[1].split("</form>")[0]
        fields = {}
        for tag in re.findall(r"<input [^>]*>", form):
            found = dict(re.findall(r'([a-z-]+)="([^"]*)"', tag))
            if "name" in found and not (found.get("type") in ("radio", "checkbox") and " checked" not in tag):
                fields[found["name"]] = found.get("value", "")
        for name, options in re.findall(r'<select [^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
            chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
            fields[name] = chosen[1] if chosen else ""
        return fields

    def create(self, zone: str) -> str:
        """From a template to whatever answers the last step."""
        gallery = self.get("/templates/")
        choices = {
            name: re.findall(rf'name="{name}"[^>]*>.*?value="([^"]+)"', gallery, re.DOTALL)
            or re.findall(rf'<input[^>]*name="{name}"[^>]*value="([^"]+)"', gallery)
            for name in ("team", "connection")
        }
        begun = self.post(
            "/templates/start/", gallery, template="edit-zone-dns", **{name: found[0] for name, found in choices.items() if found}
        )
        here = begun.url.removeprefix(self.url)
        typed = {"name": "walked", "purpose": "A test.", "b1-zone-add": zone, "do": "check"}
        summary = self.post(here, begun.text, **{**self.fields_of(begun.text), **typed}).text
        confirming = dict(re.findall(r'name="(version|digest)" value="([^"]+)"', summary))
        answer = self.post(f"{here}create/", summary, **confirming)
        self.get(here)
        return answer.text


def test_the_demo_s_files_and_logs_hold_no_secret_after_a_walk_with_forced_errors(tmp_path: Path) -> None:
    running = Demo(tmp_path)
    running.manage("migrate", "--verbosity", "0")
    running.manage("collectstatic", "--noinput", "--verbosity", "0")
    printed = running.manage("sandbox_seed")
    secrets = {row["credential"] for row in json.loads(printed)["connections"]}
    running.manage("seed", "-", given=printed)
    running.manage("demo")
    with running.served():
        web = Visitor(running)
        web.post("/sign-in/", username="requester", password=arrange.PASSWORD)
        shown = 0
        for fault in FAULTS:
            if fault:
                web.post("/sandbox/faults/", web.get("/sandbox/"), kind=fault, method="POST", times="1", seconds="4")
            found = VALUE.findall(web.create("acme-api.example"))
            shown += bool(found)
            secrets |= set(found)
        assert shown == 2
        for path in ("/", "/?tab=team", "/drafts/", "/account/"):
            assert not VALUE.search(web.get(path))
        web.get(f"/nowhere/{next(iter(secrets))[:8]}")
        time.sleep(2)
        alive = running.files()
    stopped = running.files()
    assert set(alive) >= {"portal.sqlite3", "portal.sqlite3-wal", "portal.sqlite3-shm", "log"}
    assert b"walked" in b"".join(alive.values())
    assert len(secrets) == 6
    for files in (alive, stopped):
        for name, content in files.items():
            assert not VALUE.search(content.decode("latin-1")), name
            for secret in secrets:
                assert not [trace for trace in traces_of(secret) if trace in content], name
            # The secrets of the demo's own tokens were never shown, so that only their first characters are known.
            for prefix in (b"cfat_", b"cfut_"):
                assert not re.search(rb"%s(?:%%[0-9A-F]{2}|[A-Za-z0-9]){40}" % prefix, content), name
            assert not [core for core in PREFIXES_IN_BASE64 if core in content], name
    assert json.loads(running.manage("verify_audit", "--json"))["result"] == "clean"

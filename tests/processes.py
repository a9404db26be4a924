"""Server processes of their own on the test's database, and calls to them as a browser makes them."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.db import connection
from django.middleware.csrf import _get_new_csrf_string

from tests import arrange

HERE = Path(__file__).parents[1]
PATIENCE = 60
"""Seconds for a server to come up, on a slow machine too."""


def database_url() -> str:
    """Where the test's database is, for another process."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    signed = f"{found['USER']}:{found['PASSWORD']}" if found["PASSWORD"] else found["USER"]
    return f"postgres://{signed}@{found['HOST']}:{found['PORT']}/{found['NAME']}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server process. ``gunicorn`` as in production, or ``module``: one that serves by itself on the port it is told."""

    def __init__(self, *, module: str = "", **environment: str) -> None:
        self.port = free_port()
        env = {
            **os.environ, "TOKENPORTAL_MODE": "test", "DATABASE_URL": database_url(), "KEYS_DIR": str(settings.KEYS_DIR),
            "DJANGO_SETTINGS_MODULE": "tokenportal.settings", "PORT": str(self.port), **environment,
        }  # fmt: skip
        gunicorn = [
            "gunicorn", "tokenportal.wsgi", "--bind", f"127.0.0.1:{self.port}", "--worker-class", "gthread", "--workers", "1",
            "--threads", "12", "--no-control-socket", "--log-level", "warning",
        ]  # fmt: skip
        command = [sys.executable, "-m", *([module] if module else gunicorn)]
        self.process = subprocess.Popen(command, cwd=HERE, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def wait_until_up(self) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"{self.origin}/healthz", timeout=5).status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(f"The server did not come up: {self.stop()[-2000:]}")

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> str:
        """End it, and give back what it wrote to its standard error."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.communicate(timeout=20)[1].decode()
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.communicate()[1].decode()


@contextlib.contextmanager
def serving(number: int = 1, **options: Any) -> Iterator[list[Server]]:
    """So many servers, up and answering; they are ended at the end, whatever happened."""
    servers = [Server(**options) for _ in range(number)]
    try:
        for server in servers:
            server.wait_until_up()
        yield servers
    finally:
        for server in servers:
            server.stop()


class Browser:
    """A signed-in person's cookies, for calls to any of the servers: they share the database, and so the sessions."""

    def __init__(self, name: str) -> None:
        self.session = arrange.signed_in(name).cookies[settings.SESSION_COOKIE_NAME].value
        self.csrf = _get_new_csrf_string()

    def get(self, server: Server, path: str) -> requests.Response:
        cookies = {settings.SESSION_COOKIE_NAME: self.session}
        return requests.get(f"{server.origin}{path}", cookies=cookies, timeout=60, allow_redirects=False)

    def post(self, server: Server, path: str, data: dict[str, Any], *, timeout: float = 60) -> requests.Response:
        cookies = {settings.SESSION_COOKIE_NAME: self.session, settings.CSRF_COOKIE_NAME: self.csrf}
        sent = {**data, "csrfmiddlewaretoken": self.csrf}
        return requests.post(f"{server.origin}{path}", data=sent, cookies=cookies, timeout=timeout, allow_redirects=False)

"""What every test stands on: test mode, keys of its own, no network but loopback, and Chromium where it is installed."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests import kept
from tokenportal.models import append_only

CHROMIUM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser"))), "")
"""The shell is the same browser without windows, and takes half the processor's time for the same tests."""
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]  # fmt: skip
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
BROWSER_REQUIRED = os.environ.get("BROWSER") == "required"


def pytest_configure(config: pytest.Config) -> None:
    if BROWSER_REQUIRED and not CHROMIUM:
        raise pytest.UsageError("BROWSER=required, and Chromium is not installed.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in Path(str(item.fspath)).parts:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))
            if not CHROMIUM:
                item.add_marker(pytest.mark.skip(reason="Chromium is not installed"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not CHROMIUM:
        terminalreporter.write_line("BROWSER TESTS SKIPPED: Chromium is not installed.", red=True, bold=True)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {"executable_path": CHROMIUM, "args": ARGUMENTS, "headless": True}


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for the world fails, and says where it wanted to go. Names are not looked up either."""

    def guarded(real: Callable[..., Any], host_of: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            host = host_of(*args)
            if host and host not in LOOPBACK:
                raise AssertionError(f"A test wanted to reach {host}.")
            return real(*args, **options)

        return call

    def host_of_address(_: socket.socket, address: Any, *rest: Any) -> Any:
        return address[0] if isinstance(address, tuple) else None

    for method in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, method, guarded(getattr(socket.socket, method), host_of_address))
    monkeypatch.setattr(socket, "getaddrinfo", guarded(socket.getaddrinfo, lambda host, *rest: host))


@pytest.fixture(autouse=True)
def no_checkpoints_of_another_test(settings: Any) -> Iterator[None]:
    """Each test has a log of its own, to which the checkpoints of another do not belong."""
    file = Path(settings.CHECKPOINTS_FILE)
    yield
    file.unlink(missing_ok=True)


@pytest.fixture
def own_keys(settings: Any, tmp_path: Path) -> Path:
    """A folder for keys that are made there, and the checkpoint file beside them."""
    settings.KEYS_DIR, settings.CHECKPOINTS_FILE = tmp_path, tmp_path / "checkpoints.jsonl"
    return tmp_path


@pytest.fixture
def site(live_server: Any, settings: Any) -> str:
    """A live server whose printed addresses lead to itself."""
    settings.PUBLIC_ORIGIN = live_server.url
    settings.PUBLIC_API_BASE_URL = f"{live_server.url}/sandbox/client/v4"
    return live_server.url


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Without the triggers that keep events as they are: tests empty the tables, and some tamper with them."""
    with django_db_blocker.unblock():
        append_only.remove(connection)


@pytest.fixture(scope="session")
def kept_portal(django_db_setup: None, django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock():
        return kept.keep()


@pytest.fixture
def portal(kept_portal: Any, db: None) -> None:
    """The sandbox, its connections, two teams and the cast."""
    kept.lay_back(kept_portal)


@pytest.fixture
def lasting_portal(kept_portal: Any, transactional_db: None) -> None:
    """The same, committed, for tests that use threads, a live server or durable transactions."""
    kept.lay_back(kept_portal)


@pytest.fixture
def context(context: Any) -> Any:
    """A browser's context that gives up after twenty seconds rather than thirty."""
    context.set_default_timeout(20_000)
    return context


@pytest.fixture(scope="session", autouse=True)
def nobody_keeps_the_database(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """At the end, close what a live server's threads left open: PostgreSQL drops no database that is in use."""
    yield
    with django_db_blocker.unblock():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

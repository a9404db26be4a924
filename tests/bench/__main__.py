"""`make bench`: requests per second of the pages that must feel quick, side by side in one run.

Everything runs in this process, through the real WSGI handler and all middleware, with cached templates and collected
static files, in interleaved rounds, so that whatever slows the machine slows all rows alike. F is a plain signed-in
page with four queries; the aims are fractions of F, compared within each round. It measures and judges nothing: the tests hold the numbers of
queries, and no test holds a time.
"""

import argparse
import cProfile
import io
import logging
import os
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests import mode  # noqa: F401  first, since it points the settings at test mode and keys of their own

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokenportal.settings")

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection


@dataclass
class Call:
    """One measured row. ``{draft}`` is a checked draft's id, ``{typed}`` that of one in which somebody types.

    ``part`` is the HX-Target, ``aim`` a fraction of F; a call that ``saves`` posts the builder's form with another name.
    """

    name: str
    path: str
    part: str = ""
    aim: float | None = None
    saves: bool = False
    speeds: list[float] = field(default_factory=list)


F = "F: plain page, four queries"
CALLS = (
    Call("Empty view", "/bench/empty/"),
    Call(F, "/bench/plain/"),
    Call("Search: permissions", "/requests/{typed}/?b1-find=dns", part="b1-found", aim=0.5),
    Call("Search: zones, many match", "/requests/{typed}/?b1-zone-add=shop", part="b1-zone-list", aim=0.5),
    Call("Search: zones, none matches", "/requests/{typed}/?b1-zone-add=zzzz", part="b1-zone-list", aim=0.5),
    Call("Search: tokens", "/?tab=team&q=dns-1", part="list", aim=0.5),
    Call("Autosave", "/requests/{typed}/", part="told", aim=0.4, saves=True),
    Call("Builder", "/requests/{draft}/", aim=0.35),
    Call("Token list", "/?tab=team", aim=0.35),
    Call("Summary", "/requests/{draft}/summary/", aim=0.35),
    Call("Templates", "/templates/", aim=0.35),
    Call("Review queue", "/review/"),
)


class Fields(HTMLParser):
    """What a browser would post of the form with the id ``draft``."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self.inside, self.select, self.area = False, "", ""

    def handle_starttag(self, tag: str, found: list[tuple[str, str | None]]) -> None:
        at = {name: value or "" for name, value in found}
        if tag == "form":
            self.inside = at.get("id") == "draft"
        if not (self.inside or at.get("form") == "draft" or self.select):
            return
        if tag == "input" and at.get("name") and (at.get("type") not in ("radio", "checkbox") or "checked" in at):
            self.fields.append((at["name"], at.get("value", "on")))
        elif tag == "select":
            self.select = at.get("name", "")
        elif tag == "option" and "selected" in at:
            self.fields.append((self.select, at.get("value", "")))
        elif tag == "textarea":
            self.area = at.get("name", "")
            self.fields.append((self.area, ""))

    def handle_data(self, data: str) -> None:
        if self.area:
            name, value = self.fields[-1]
            self.fields[-1] = (name, (value + data).removeprefix("\n"))

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "form"
        self.select = "" if tag == "select" else self.select
        self.area = "" if tag == "textarea" else self.area


class Browser:
    """A signed-in browser without a network: WSGI environments in, whole answers out."""

    def __init__(self, application: Callable[..., Any], cookies: str = "") -> None:
        self.application, self.cookies = application, cookies

    def environ(self, path: str, part: str = "", body: bytes | None = None) -> dict[str, Any]:
        parts = urlsplit(path)
        return {
            "REQUEST_METHOD": "GET" if body is None else "POST", "SCRIPT_NAME": "", "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query, "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000", "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1:8000", "HTTP_COOKIE": self.cookies,
            "HTTP_ACCEPT_ENCODING": "gzip, deflate, br", "wsgi.version": (1, 0), "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body or b""), "wsgi.errors": sys.stderr, "wsgi.multithread": True,
            "wsgi.multiprocess": True, "wsgi.run_once": False, "CONTENT_LENGTH": str(len(body or b"")),
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            **({"HTTP_HX_REQUEST": "true", "HTTP_HX_TARGET": part} if part else {}),
        }  # fmt: skip

    def ask(self, path: str, part: str = "", body: bytes | None = None, *, unpacked: bool = False) -> tuple[str, bytes]:
        """The status and the body, as it goes over the wire."""
        status: list[str] = []
        environ = self.environ(path, part, body)
        if unpacked:
            del environ["HTTP_ACCEPT_ENCODING"]
        answer = self.application(environ, lambda told, headers, error=None: status.append(told))
        try:
            return status[0], b"".join(answer)
        finally:
            answer.close()


class Saving:
    """Autosaves of one draft, each with another name and the revision that the one before has left."""

    def __init__(self, browser: Browser, path: str) -> None:
        parser = Fields()
        parser.feed(browser.ask(path, unpacked=True)[1].decode())
        self.fields = dict(parser.fields)
        self.lists = [pair for pair in parser.fields if pair[0] not in ("name", "revision")]
        self.revision = int(self.fields["revision"])

    def body(self) -> bytes:
        body = urlencode([*self.lists, ("name", f"bench-{self.revision}"), ("revision", self.revision)]).encode()
        self.revision += 1
        return body


def prepare(folder: str) -> None:
    """Settings of a real installation, as far as they cost time, and a database of our own."""
    settings.ROOT_URLCONF = "tests.bench.urls"
    settings.STATIC_ROOT = folder
    settings.STORAGES = settings.COLLECTED
    settings.WHITENOISE_USE_FINDERS = False
    database = settings.DATABASES["default"]
    database["CONN_MAX_AGE"] = None
    database["TEST"] = {"NAME": f"{folder}/bench.sqlite3" if database["ENGINE"].endswith("sqlite3") else "tokenportal_bench"}
    settings.LOGGING_CONFIG = None
    django.setup()
    logging.disable()
    call_command("collectstatic", "--noinput", verbosity=0)


@contextmanager
def counted() -> Iterator[list[str]]:
    """The queries that are made meanwhile."""
    made: list[str] = []

    def noting(run: Callable[..., Any], sql: str, *rest: Any) -> Any:
        made.append(sql)
        return run(sql, *rest)

    with connection.execute_wrapper(noting):
        yield made


def measure(browser: Browser, typed_path: str, rounds: int, seconds: float) -> None:
    saving = Saving(browser, typed_path)

    def ask(call: Call) -> tuple[str, bytes]:
        return browser.ask(call.path, call.part, saving.body() if call.saves else None)

    lines, repeats = {}, {}
    for call in CALLS:
        ask(call), ask(call)
        with counted() as queries:
            status, body = ask(call)
        began = time.perf_counter()
        ask(call)
        repeats[call.name] = max(3, int(seconds / (time.perf_counter() - began)))
        lines[call.name] = (status.split()[0], len(queries), len(body))
    for _ in range(rounds):
        for call in CALLS:
            began = time.perf_counter()
            for _ in range(repeats[call.name]):
                status, _ = ask(call)
            call.speeds.append(repeats[call.name] / (time.perf_counter() - began))
            if status.split()[0] != lines[call.name][0]:
                raise SystemExit(f"{call.name} answered {status} in the middle of the run.")
    report(lines)


def report(lines: dict[str, tuple[str, int, int]]) -> None:
    speed = {call.name: statistics.median(call.speeds) for call in CALLS}
    [plain] = [call.speeds for call in CALLS if call.name == F]
    print(f"{'':30} {'status':>6} {'per second':>10} {'of F':>6} {'aim':>5} {'queries':>7} {'bytes':>7}")
    for call in CALLS:
        status, queries, size = lines[call.name]
        ratio = statistics.median(mine / other for mine, other in zip(call.speeds, plain, strict=True))
        short = call.aim is not None and ratio < call.aim
        mark = " not there" if status == "404" else " SHORT" if short else ""
        print(
            f"{call.name:30} {status:>6} {speed[call.name]:>10.0f} {ratio:>6.2f} {call.aim or '':>5} {queries:>7} {size:>7}{mark}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.12, help="how long each row is measured in each round")
    parser.add_argument("--profile", default="", help="the name of a row: profile it instead of measuring")
    parser.add_argument(
        "--hanging", type=float, default=0, help="seconds: pages while the upstream hangs, against their usual time"
    )
    parser.add_argument("--audit", action="store_true", help="pages of the log, with a short log and with a long one")
    parser.add_argument("--events", type=int, default=1_000_000, help="how many events the long log has")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as folder:
        prepare(folder)
        run(wanted)


def run(wanted: argparse.Namespace) -> None:
    # Only now: they need models, and those need the settings.
    from tests import arrange
    from tests.bench import hanging, log_pages, world

    if wanted.audit:
        with world.throw_away_database():
            arrange.sandbox_and_cast()
            browser = signed_in(arrange.signed_in("auditor"))
            log_pages.measure(browser.ask, long=wanted.events)
        return
    with world.throw_away_database():
        draft, typed = world.fill()
        for call in CALLS:
            call.path = call.path.format(draft=draft.pk, typed=typed.pk)
        web = arrange.signed_in("requester")
        web.get("/")
        browser = signed_in(web)
        print(f"{connection.vendor}, {world.GROUPS} groups, {world.ZONES} zones, {world.TOKENS} tokens")
        if wanted.profile:
            profile(browser, typed.get_absolute_url(), wanted.profile)
        elif wanted.hanging:
            looked_at = [call for call in CALLS if not call.saves]
            hanging.measure({call.name: partial(browser.ask, call.path, call.part) for call in looked_at}, wanted.hanging)
        else:
            measure(browser, typed.get_absolute_url(), wanted.rounds, wanted.seconds)


def signed_in(web: Any) -> Browser:
    """A browser with the session of this client."""
    return Browser(get_wsgi_application(), "; ".join(f"{name}={found.value}" for name, found in web.cookies.items()))


def profile(browser: Browser, typed_path: str, name: str) -> None:
    saving = Saving(browser, typed_path)
    [call] = [call for call in CALLS if call.name == name]
    for _warm in range(2):
        profiler = cProfile.Profile()
        profiler.enable()
        for _ in range(100):
            browser.ask(call.path, call.part, saving.body() if call.saves else None)
        profiler.disable()
    pstats.Stats(profiler).sort_stats("cumulative").print_stats(70)


main()

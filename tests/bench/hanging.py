"""Pages while the upstream hangs, against their usual time: people go on confirming requests, and each call is read and never answered."""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connections
from django.test import Client

from tests import arrange
from tests.cloudflare_server import Cloudflare
from tokenportal.models import TokenRequest

PEOPLE = 6
PAUSE = 2.0
"""Seconds that a person waits after an answer before trying again."""

type Pages = dict[str, Callable[[], object]]


def times(pages: Pages, until: float) -> dict[str, list[float]]:
    """Seconds for each page, in interleaved rounds until a moment of ``time.monotonic``."""
    found: dict[str, list[float]] = {name: [] for name in pages}
    while time.monotonic() < until:
        for name, ask in pages.items():
            began = time.perf_counter()
            ask()
            found[name].append(time.perf_counter() - began)
        time.sleep(0.02)
    return found


@contextmanager
def people_who_try(ready: list[TokenRequest]) -> Iterator[list[tuple[float, int]]]:
    """Persons who confirm and try again in threads of their own; how long each answer took, and its status."""
    stop = threading.Event()
    answers: list[tuple[float, int]] = []

    def person(web: Client, requests: list[TokenRequest]) -> None:
        try:
            while not stop.is_set():
                for one in requests:
                    began = time.perf_counter()
                    status = web.post(f"/requests/{one.pk}/create/", arrange.confirming(one)).status_code
                    answers.append((time.perf_counter() - began, status))
                    if stop.wait(PAUSE):
                        break
        finally:
            connections.close_all()

    threads = [threading.Thread(target=person, args=(arrange.signed_in("requester"), ready[at::PEOPLE])) for at in range(PEOPLE)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stop.set()
        settings.UPSTREAM_DEADLINE_SECONDS = 1
        for thread in threads:
            thread.join()


def measure(pages: Pages, seconds: float) -> None:
    ready = [arrange.checked(arrange.draft()) for _ in range(PEOPLE * 4)]
    server = Cloudflare()
    server.hang()
    settings.CLOUDFLARE_API_BASE_URL, settings.UPSTREAM_TRANSPORT = server.url, ""
    times(pages, time.monotonic() + 2)
    usual = times(pages, time.monotonic() + min(seconds, 30))
    with people_who_try(ready) as answers:
        hanging = times(pages, time.monotonic() + seconds)
        quick = sorted(took for took, _ in answers)
        calls = len(server.calls)
        server.recover()
    server.close()
    print(f"hanging for {seconds:.0f} s: {len(answers)} confirmations, {calls} calls that reached the server")
    print(f"a confirmation took {statistics.median(quick) * 1000:.0f} ms in the middle, {max(quick):.1f} s at most")
    print(f"{'':30} {'usual':>9} {'hanging':>9} {'slowest':>9}")
    for name in pages:
        before, during = statistics.median(usual[name]), statistics.median(hanging[name])
        slowest = statistics.quantiles(hanging[name], n=100)[98]
        print(
            f"{name:30} {before * 1000:>6.1f} ms {during * 1000:>6.1f} ms {slowest * 1000:>6.1f} ms {during / before:.2f} of usual"
        )

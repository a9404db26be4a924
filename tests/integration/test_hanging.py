"""While Cloudflare hangs: pages answer from what was read, creating fails at once, and it goes on by itself afterwards."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from tests import arrange
from tests.cloudflare_server import VALUE, Cloudflare
from tokenportal import clock, upstream
from tokenportal.models import Attempt, Status, TokenRequest
from tokenportal.upstream.seats import A_CONNECTION

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(lasting_portal: None, settings: Any) -> Iterator[Cloudflare]:
    """The portal with a token of the sandbox's; from now on it calls a server of the test's own."""
    arrange.issue(arrange.draft())
    made = Cloudflare()
    settings.CLOUDFLARE_API_BASE_URL, settings.UPSTREAM_TRANSPORT = made.url, ""
    settings.UPSTREAM_DEADLINE_SECONDS, settings.UPSTREAM_BREAKER_FAILURES = 60, A_CONNECTION
    yield made
    made.close()


def confirm(web: Client, ready: TokenRequest) -> Any:
    return web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))


def soon(what: Callable[[], bool]) -> None:
    for _ in range(1000):
        if what():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen in ten seconds")


@contextmanager
def confirmed_and_hanging(server: Cloudflare, ready: list[TokenRequest]) -> Iterator[list[Future[Any]]]:
    """Each confirmed by a person of its own; all their calls have reached the server and wait for its answer."""

    def person(web: Client, one: TokenRequest) -> Any:
        try:
            return confirm(web, one)
        finally:
            connections.close_all()

    people = [arrange.signed_in("requester") for _ in ready]
    server.hang()
    with ThreadPoolExecutor(len(ready)) as pool:
        try:
            waiting = [pool.submit(person, web, one) for web, one in zip(people, ready, strict=True)]
            soon(lambda: server.count("POST") == len(ready))
            yield waiting
        finally:
            server.recover()


def state_of(one: TokenRequest) -> str:
    return TokenRequest.objects.get(pk=one.pk).status


def test_pages_answer_while_calls_hang_and_make_none_themselves(server: Cloudflare) -> None:
    ready = [arrange.checked(arrange.draft()) for _ in range(A_CONNECTION + 1)]
    token = TokenRequest.objects.get(status=Status.ISSUED).token
    paths = ["/", "/?tab=team", "/drafts/", "/templates/", "/permissions/", "/account/", token.get_absolute_url()]
    paths += [f"/requests/{ready[-1].pk}/", f"/requests/{ready[-1].pk}/summary/", f"/requests/{ready[0].pk}/"]
    offices = ["/settings/connections/", f"/settings/connections/{arrange.connection().pk}/", "/audit/", "/readyz"]
    web, office = arrange.signed_in("requester"), arrange.signed_in("admin")
    with confirmed_and_hanging(server, ready[:-1]) as waiting:
        calls = list(server.calls)
        assert [web.get(path).status_code for path in paths] == [200] * len(paths)
        assert [office.get(path).status_code for path in offices] == [200] * len(offices)
        assert server.calls == calls
        assert not any(one.done() for one in waiting)


def test_one_more_call_than_may_hang_is_not_made_and_said_so(server: Cloudflare) -> None:
    *hanging, one_more = [arrange.checked(arrange.draft()) for _ in range(A_CONNECTION + 1)]
    web = arrange.signed_in("requester")
    with confirmed_and_hanging(server, hanging) as waiting:
        page = web.get(confirm(web, one_more)["Location"]).content.decode()
        assert "Too many of the portal&#x27;s calls to Cloudflare are under way at once" in page
        assert (state_of(one_more), server.count("POST")) == (Status.FAILED, A_CONNECTION)
        assert not any(one.done() for one in waiting)
    assert [state_of(one) for one in hanging] == [Status.UNCERTAIN] * A_CONNECTION


def test_once_nobody_answers_creating_fails_at_once_and_goes_on_by_itself(server: Cloudflare) -> None:
    *lost, next_one = [arrange.checked(arrange.draft()) for _ in range(A_CONNECTION + 1)]
    web = arrange.signed_in("requester")
    with confirmed_and_hanging(server, lost):
        pass
    assert upstream.standing(arrange.connection()).is_silent
    server.hang()
    calls, began = len(server.calls), time.monotonic()
    page = web.get(confirm(web, next_one)["Location"]).content.decode()
    assert time.monotonic() - began < 30  # half of a call's deadline, and no call was made
    assert 'data-state="failed"' in page
    assert re.search(r"Cloudflare has not answered lately\. It is asked again at [0-9:]{8} UTC\. Nothing was sent\.", page)
    assert 'data-testid="try-again"' in page
    assert (len(server.calls), state_of(next_one)) == (calls, Status.FAILED)
    assert Attempt.objects.get(token_request=next_one).outcome == Attempt.Outcome.NEVER_SENT
    server.recover()
    with clock.at(clock.now() + timedelta(seconds=31)):
        answer = confirm(web, next_one)
    assert (answer.status_code, VALUE in answer.content.decode()) == (200, True)
    assert [method for method, _ in server.calls[calls:]] == ["GET", "POST"]
    assert not upstream.standing(arrange.connection()).is_silent


@pytest.mark.long
@pytest.mark.skipif(os.environ.get("LONG") != "1", reason="takes six minutes; LONG=1 runs it")
def test_pages_stay_within_twice_their_usual_time_while_it_hangs_for_five_minutes() -> None:
    """In a process of its own, as `make bench` measures it."""
    printed = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--hanging", "300"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    ratios = [float(ratio) for ratio in re.findall(r" (\d+\.\d\d) of usual$", printed, re.MULTILINE)]
    assert ratios
    assert max(ratios) <= 2

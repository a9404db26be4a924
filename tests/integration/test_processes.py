"""Confirmations met by several server processes on one database, and server processes that end in the middle of one."""

import io
import json
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.apps import apps
from django.core.management import call_command

from tests import arrange, processes
from tests.dying import POINTS
from tokenportal import clock
from tokenportal.actions import issuing
from tokenportal.models import AuditEvent, Status, Token, TokenRequest

pytestmark = pytest.mark.django_db(transaction=True)

CONFIRMATIONS, SESSIONS = 200, 5


def posts_seen() -> int:
    return apps.get_model("sandbox", "Call").objects.filter(method="POST").count()


def made(token_request: TokenRequest) -> int:
    """How many tokens the sandbox has for this request."""
    return apps.get_model("sandbox", "Token").objects.filter(name__endswith=f"({token_request.reference})").count()


def audit_is_clean() -> bool:
    printed = io.StringIO()
    call_command("verify_audit", "--json", stdout=printed)
    return json.loads(printed.getvalue())["result"] == "clean"


def test_of_200_simultaneous_confirmations_at_two_processes_one_is_sent(lasting_portal: None) -> None:
    ready = arrange.checked(arrange.draft())
    browsers = [processes.Browser("requester") for _ in range(SESSIONS)]
    before, start = posts_seen(), threading.Barrier(CONFIRMATIONS)

    with processes.serving(2) as servers:

        def confirm(number: int) -> tuple[int, bool, bool]:
            start.wait(60)
            browser, server = browsers[number % SESSIONS], servers[number % len(servers)]
            answer = browser.post(server, f"/requests/{ready.pk}/create/", arrange.confirming(ready))
            told = "created already" in answer.text or "already under way" in answer.text
            return answer.status_code, "cfat_" in answer.text, told

        began = time.monotonic()
        with ThreadPoolExecutor(CONFIRMATIONS) as pool:
            answers = sorted(pool.map(confirm, range(CONFIRMATIONS)))
        took = time.monotonic() - began
    assert answers == [(200, True, False), *[(409, False, True)] * (CONFIRMATIONS - 1)]
    assert posts_seen() == before + 1
    assert (made(ready), Token.objects.filter(token_request=ready).count(), ready.attempts.count()) == (1, 1, 1)
    assert AuditEvent.objects.filter(action="token.issuing", outcome="done", trail=ready.pk).count() == 1
    assert audit_is_clean()
    assert took < 30


#                                         POSTs, tokens, state in the end, value lost
NOTHING, NOT_SENT = (0, 0, Status.DRAFT, None), (0, 0, Status.FAILED, None)
FOUND, SHOWN = (1, 1, Status.ISSUED, True), (1, 1, Status.ISSUED, False)
ENDS = {
    "before the intent": NOTHING,
    "before the intent is committed": NOTHING,
    "after the intent is committed": NOT_SENT,
    "before the request leaves": NOT_SENT,
    "before Cloudflare does it": NOT_SENT,
    "after Cloudflare did it": FOUND,
    "after the answer came": FOUND,
    "before the outcome is recorded": FOUND,
    "before the outcome is committed": FOUND,
    "after the outcome is committed": SHOWN,
    "after the page is made": SHOWN,
}


@pytest.mark.parametrize("point", POINTS)
def test_a_server_that_is_killed_leaves_a_state_that_becomes_true_within_the_settle_window(
    lasting_portal: None, settings: Any, point: str
) -> None:
    settings.UPSTREAM_DEADLINE_SECONDS, settings.SETTLE_WINDOW_SECONDS = 1, 12
    ready = arrange.checked(arrange.draft())
    before, browser = posts_seen(), processes.Browser("requester")
    with processes.serving(module="tests.dying", DIE_AT=point) as (server,):
        with pytest.raises(requests.ConnectionError):
            browser.post(server, f"/requests/{ready.pk}/create/", arrange.confirming(ready))
        assert server.process.wait(20) == -signal.SIGKILL
    posts, tokens, state, value_lost = ENDS[point]
    assert (posts_seen() - before, made(ready)) == (posts, tokens)
    killed = clock.now()
    for seconds in (8, 10, 13):
        with clock.at(killed + timedelta(seconds=seconds)):
            call_command("settle_tokens", stdout=io.StringIO())
    settled = TokenRequest.objects.get(pk=ready.pk)
    held = [token.value_lost for token in Token.objects.filter(token_request=ready)]
    assert (settled.status, settled.alarm, held) == (state, "", [value_lost] if tokens else [])
    assert (posts_seen() - before, made(ready)) == (posts, tokens)
    assert audit_is_clean()
    if state != Status.ISSUED:
        with clock.at(killed + timedelta(seconds=14)):
            assert issuing.issue(settled, by=settled.requester, version=settled.version, digest=settled.digest)
        assert made(ready) == 1

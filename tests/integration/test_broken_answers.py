"""Creating against a server on a real socket whose answers break: one POST each, the right state, a page that says what to do."""

import gzip
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from tests import arrange
from tests.cloudflare_server import VALUE, Cloudflare, Elsewhere, Script
from tests.wire import envelope, http, refusal
from tokenportal import clock
from tokenportal.models import Attempt, Status, Token, TokenRequest

pytestmark = pytest.mark.django_db


@pytest.fixture
def upstream(portal: None, settings: Any) -> Iterator[Cloudflare]:
    """The portal with its rows, calling a server of the test's own from now on."""
    server = Cloudflare()
    settings.CLOUDFLARE_API_BASE_URL, settings.UPSTREAM_TRANSPORT = server.url, ""
    settings.UPSTREAM_DEADLINE_SECONDS = 1
    yield server
    server.close()


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    server = Elsewhere()
    yield server
    server.close()


def drips(connection: socket.socket, text: bytes) -> None:
    for byte in text:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def resets(connection: socket.socket, whole: bytes) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def never_ends(connection: socket.socket, whole: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
    while True:
        connection.sendall(b" " * 65536)


def without_value(whole: bytes) -> bytes:
    return whole.replace(VALUE.encode(), b"").replace(b', "value": ""', b"")


def answers(status: int, body: bytes, *headers: str, length: int | None = None) -> Script:
    return lambda connection, whole: connection.sendall(http(status, body, *headers, length=length))


BROKEN: dict[str, Script] = {
    "reset": resets,
    "FIN before an answer": lambda connection, whole: None,
    "FIN in the middle of the head": lambda connection, whole: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "hang": lambda connection, whole: time.sleep(3),
    "head that drips": lambda connection, whole: drips(connection, http(200, whole)),
    "body that drips": lambda connection, whole: (
        connection.sendall(http(200, b"", length=len(whole))), drips(connection, whole)
    ),
    "truncated body": lambda connection, whole: connection.sendall(http(200, whole[:-20], length=len(whole))),
    "Content-Length too small": lambda connection, whole: connection.sendall(http(200, whole, length=20)),
    "Content-Length too large": lambda connection, whole: connection.sendall(http(200, whole, length=len(whole) + 1)),
    "Content-Length of too many digits": lambda connection, whole: connection.sendall(http(200, whole, length="9" * 5000)),
    "two Content-Lengths": lambda connection, whole: connection.sendall(http(200, whole, "Content-Length: 3")),
    "bad chunk": lambda connection, whole: connection.sendall(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n" + whole + b"\r\n0\r\n\r\n"
    ),
    "chunks without an end": lambda connection, whole: connection.sendall(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(whole), whole)
    ),
    "empty 200": answers(200, b""),
    "HTML 200": answers(200, b"<!doctype html><p>Sign in to this network</p>", "Content-Type: text/html"),
    "JSON that is a list": answers(200, b"[]"),
    "JSON that is a number": answers(200, b"7"),
    "JSON without success": answers(200, b'{"result": {"id": "0"}}'),
    "JSON with a result of another shape": answers(200, envelope(["a"])),
    "success that is false": answers(200, refusal(1001, "no")),
    "success without value": lambda connection, whole: connection.sendall(http(200, without_value(whole))),
    "success without id": lambda connection, whole: connection.sendall(http(200, whole.replace(b'"id"', b'"no"', 1))),
    "nested to the sky": answers(200, b'{"success": true, "errors": [], "result": ' + b"[" * 90_000 + b"]" * 90_000 + b"}"),
    "gzip bomb": answers(200, gzip.compress(b" " * 8_000_000), "Content-Encoding: gzip"),
    "gzip that is none": lambda connection, whole: connection.sendall(http(200, whole, "Content-Encoding: gzip")),
    "endless body": never_ends,
    "endless head": lambda connection, whole: connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000),
    "another protocol": lambda connection, whole: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "201": lambda connection, whole: connection.sendall(http(201, whole)),
    "204": answers(204, b""),
    **{f"{status} as JSON": answers(status, refusal(10001, "internal")) for status in (500, 501, 502, 503, 504, 520, 524, 599)},
    **{
        f"{status} as a page": answers(status, b"<html>error</html>", "Content-Type: text/html")
        for status in (400, 401, 403, 404, 407, 408, 409, 413, 415, 422, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524)
    },
}  # fmt: skip
LIES = (400, 401, 403, 404, 405, 409, 415, 422)


def confirm(ready: TokenRequest) -> tuple[Any, Any]:
    web = arrange.signed_in("requester")
    return web, web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))


def page_of(web: Any, answer: Any) -> str:
    assert (answer.status_code, VALUE in answer.content.decode()) == (302, False)
    page = web.get(answer["Location"])
    assert page.status_code == 200
    return page.content.decode()


def assert_uncertain_and_then_found(upstream: Cloudflare, ready: TokenRequest) -> None:
    """The page says that nobody knows and offers to look it up; looking it up finds the token, and sends no second POST."""
    web, answer = confirm(ready)
    assert upstream.count("POST") == 1
    page = page_of(web, answer)
    assert 'data-state="uncertain"' in page
    assert "Nobody knows yet whether the token was created" in page
    assert 'data-testid="look-up"' in page
    assert 'data-testid="try-again"' not in page
    web.post(f"/requests/{ready.pk}/look-up/")
    token = Token.objects.get(token_request=ready)
    assert (token.cloudflare_id, token.value_lost) == (upstream.tokens[0]["id"], True)
    assert (TokenRequest.objects.get(pk=ready.pk).status, upstream.count("POST")) == (Status.ISSUED, 1)
    again = web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))
    assert (again.status_code, upstream.count("POST")) == (409, 1)


def test_a_whole_answer_gives_the_secret(upstream: Cloudflare) -> None:
    _, answer = confirm(arrange.checked(arrange.draft()))
    assert (answer.status_code, VALUE in answer.content.decode(), upstream.count("POST")) == (200, True, 1)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_answer_leaves_one_post_and_a_request_that_is_looked_up(upstream: Cloudflare, name: str) -> None:
    upstream.script = BROKEN[name]
    began = time.monotonic()
    ready = arrange.checked(arrange.draft())
    told = assert_found_after_the_wait if "429" in name else assert_uncertain_and_then_found
    told(upstream, ready)
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("status", LIES)
def test_a_refusal_that_lies_is_found_out_by_one_look(upstream: Cloudflare, status: int) -> None:
    upstream.script = answers(status, refusal(1001, "No."))
    assert_uncertain_and_then_found(upstream, arrange.checked(arrange.draft()))


@pytest.mark.parametrize("status", LIES)
def test_a_refusal_that_is_true_is_a_failure_that_can_be_tried_again(upstream: Cloudflare, status: int) -> None:
    upstream.script, upstream.takes_effect = answers(status, refusal(1001, "No.")), False
    ready = arrange.checked(arrange.draft())
    web, answer = confirm(ready)
    page = page_of(web, answer)
    assert 'data-state="failed"' in page
    assert "The token was not created" in page
    assert 'data-testid="try-again"' in page
    assert (upstream.count("POST"), Attempt.objects.get(token_request=ready).outcome) == (1, Attempt.Outcome.REFUSED)
    upstream.script, upstream.takes_effect = (lambda connection, whole: connection.sendall(http(200, whole))), True
    early = web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))
    assert (early.status_code, upstream.count("POST")) == (409, 1)
    with clock.at(clock.now() + timedelta(seconds=settings.SETTLE_WINDOW_SECONDS + 1)):
        again = web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))
    assert (again.status_code, VALUE in again.content.decode(), upstream.count("POST")) == (200, True, 2)


def assert_found_after_the_wait(upstream: Cloudflare, ready: TokenRequest, seconds: int = 300) -> None:
    """Nothing is asked while Cloudflare wants no calls, not even whether the token exists."""
    web, answer = confirm(ready)
    assert 'data-state="uncertain"' in page_of(web, answer)
    told = web.post(f"/requests/{ready.pk}/look-up/", follow=True).content.decode()
    assert "Cloudflare takes no calls from the portal until" in told
    assert len(upstream.calls) == 1
    with clock.at(clock.now() + timedelta(seconds=seconds)):
        web.post(f"/requests/{ready.pk}/look-up/")
    assert TokenRequest.objects.get(pk=ready.pk).status == Status.ISSUED
    assert upstream.count("POST") == 1


@pytest.mark.parametrize(("header", "seconds"), [("Retry-After: 20", 20), ("X-None: 1", 300)])
def test_a_rate_limit_is_waited_for_before_anything_is_looked_up(upstream: Cloudflare, header: str, seconds: int) -> None:
    upstream.script = answers(429, refusal(971, "Please consider throttling"), header)
    assert_found_after_the_wait(upstream, arrange.checked(arrange.draft()), seconds)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_other_host_gets_not_one_byte(
    upstream: Cloudflare, elsewhere: Elsewhere, status: int
) -> None:
    upstream.script = answers(status, b"", f"Location: {elsewhere.url}/client/v4/user/tokens")
    assert_uncertain_and_then_found(upstream, arrange.checked(arrange.draft()))
    assert elsewhere.got == []


def test_where_nobody_listens_nothing_was_sent_and_the_page_says_so(upstream: Cloudflare) -> None:
    upstream.close()
    ready = arrange.checked(arrange.draft())
    web, answer = confirm(ready)
    page = page_of(web, answer)
    assert 'data-state="failed"' in page
    assert "Nothing was sent." in page
    assert (upstream.calls, Attempt.objects.get(token_request=ready).outcome) == ([], Attempt.Outcome.NEVER_SENT)

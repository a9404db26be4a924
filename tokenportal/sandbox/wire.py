"""The two doors: how an answer leaves, and how it fails to, over HTTP. The in-process door is in transport."""

import json
import socket
import time
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from tokenportal.sandbox import envelope, refusals
from tokenportal.sandbox.models import Fault

HUGE = 3 * 1024 * 1024
ELSEWHERE = "https://elsewhere.invalid/client/v4/"


class HttpDoor:
    """A caller at the other end of a socket."""

    def __init__(self, request: HttpRequest) -> None:
        self.meta = request.META

    @property
    def address(self) -> str:
        return self.meta.get("REMOTE_ADDR", "")

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def deliver(self, response: HttpResponse) -> HttpResponse:
        return response

    def drop(self) -> HttpResponse:
        """Break the connection. Without a socket to break (the test client) the answer is empty under a longer Content-Length."""
        self.hang_up()
        response = HttpResponse()
        response["Content-Length"] = "512"
        return response

    def cut(self, response: HttpResponse) -> HttpResponse:
        response = shortened(response)
        # Without this the caller would wait for the rest on a connection that is kept alive.
        response._resource_closers.append(self.hang_up)  # type: ignore[attr-defined]
        return response

    def refuse_connection(self) -> HttpResponse:
        return HttpResponse("The sandbox refuses the connection.", status=503, content_type="text/plain")

    def hang_up(self) -> None:
        """Shut the caller's socket, as gunicorn and the development server each hand it out."""
        connection = self.meta.get("gunicorn.socket")
        if connection is None:
            reader = getattr(getattr(self.meta.get("wsgi.input"), "_read", None), "__self__", None)
            connection = getattr(getattr(reader, "raw", None), "_sock", None)
        if isinstance(connection, socket.socket):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                return


def shortened(response: HttpResponse) -> HttpResponse:
    """Half of the body under the whole body's Content-Length."""
    whole = response.content
    response.content = whole[: len(whole) // 2]
    response["Content-Length"] = str(len(whole))
    return response


def instead(fault: Fault) -> HttpResponse:
    """The answer that stands where the real one should be."""
    match fault.kind:
        case "forbidden":
            return envelope.failure(refusals.unauthorized())
        case "invalid" | "lie":
            return envelope.failure(refusals.bad_body("The request is invalid."))
        case "rate_limit":
            return envelope.failure(refusals.too_many_calls(max(1, round(fault.seconds))))
        case "error":
            return envelope.failure(refusals.Refusal(500, 10001, "Internal server error."))
        case "html":
            return HttpResponse("<!doctype html><title>Hello</title><p>A page, not an API.")
        case "bad_gateway":
            return HttpResponse("<!doctype html><title>502 Bad Gateway</title><h1>Bad gateway</h1>", status=502)
        case "redirect":
            return HttpResponse(status=307, headers={"Location": ELSEWHERE})
    return HttpResponse(content_type="application/json")


def bent(fault: Fault, response: HttpResponse) -> HttpResponse:
    """The real answer, changed: without its value, or swollen."""
    if not response.headers.get("Content-Type", "").startswith("application/json") or not response.content:
        return response
    body: dict[str, Any] = json.loads(response.content)
    if fault.kind == "no_value":
        if isinstance(body["result"], dict):
            body["result"].pop("value", None)
        elif isinstance(body["result"], str):
            body["result"] = ""
    elif fault.kind == "huge":
        body["messages"] = [{"code": 10000, "message": "x" * HUGE}]
    changed = JsonResponse(body, status=response.status_code)
    for name, value in response.headers.items():
        if name.lower() != "content-length":
            changed[name] = value
    return changed

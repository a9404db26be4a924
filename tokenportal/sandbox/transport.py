"""The in-process door: a requests adapter that answers from the sandbox's own views, with no socket anywhere.

It calls the view through the URL resolver. A nested WSGI handler would do the same and reset the script prefix of the request
that is being served around it.
"""

import time
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.urls import resolve
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ReadTimeout
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from tokenportal.sandbox import wire

ADDRESS = "127.0.0.1"
URLCONF = "tokenportal.sandbox.urls"


class InProcessDoor:
    """A caller in the same process. It waits no longer than its read timeout; the work is done all the same, as at a server."""

    address = ADDRESS

    def __init__(self, request: PreparedRequest, timeout: float | None) -> None:
        self.request = request
        self.left = timeout

    def wait(self, seconds: float) -> None:
        if self.left is None or seconds < self.left:
            time.sleep(seconds)
            self.left = None if self.left is None else self.left - seconds
        else:
            time.sleep(self.left)
            self.left = 0.0

    def deliver(self, response: HttpResponse) -> HttpResponse:
        if self.left == 0.0:
            raise ReadTimeout("The sandbox was slower than the timeout.", request=self.request)
        return response

    def drop(self) -> HttpResponse:
        reason = ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))
        raise RequestsConnectionError(reason, request=self.request)

    def cut(self, response: HttpResponse) -> HttpResponse:
        return wire.shortened(response)

    def refuse_connection(self) -> HttpResponse:
        host = urlsplit(self.request.url or "").hostname or ""
        refused = NewConnectionError(HTTPSConnection(host), "[Errno 111] Connection refused")
        raise RequestsConnectionError(MaxRetryError(None, self.request.url or "", refused), request=self.request)  # type: ignore[arg-type]


class SandboxAdapter(BaseAdapter):
    """Mount it on the host of the base URL: `session.mount("https://sandbox.invalid", SandboxAdapter())`.

    Answers are streamed responses like a real adapter's, `iter_content` and `raw.read` included.
    """

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> Response:
        """Raises requests' own ConnectionError and ReadTimeout where a fault asks for them."""
        django_request = build_request(request)
        django_request.sandbox_door = InProcessDoor(request, read_timeout(timeout))  # type: ignore[attr-defined]
        match = resolve(django_request.path_info, urlconf=URLCONF)
        answer = match.func(django_request, *match.args, **match.kwargs)
        return build_response(request, answer)

    def close(self) -> None:
        """Nothing is open."""


def read_timeout(timeout: Any) -> float | None:
    """Seconds from what requests accepts: a number, a pair (connect, read), urllib3's Timeout, or None for ever."""
    if isinstance(timeout, tuple):
        return timeout[1]
    return getattr(timeout, "read_timeout", timeout)


def build_request(request: PreparedRequest) -> HttpRequest:
    parts = urlsplit(request.url or "")
    body = request.body or b""
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes):
        body = b"".join(body)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method or "GET",
        "PATH_INFO": unquote(parts.path, encoding="latin-1"),
        "QUERY_STRING": parts.query,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": parts.hostname or "",
        "SERVER_PORT": str(parts.port or 443),
        "REMOTE_ADDR": ADDRESS,
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": BytesIO(body),
    }
    for name, value in request.headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if name.lower() not in {"content-type", "content-length"}:
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = text
    return WSGIRequest(environ)


def build_response(request: PreparedRequest, answer: HttpResponse) -> Response:
    answer.headers.setdefault("Content-Length", str(len(answer.content)))
    response = Response()
    response.status_code = answer.status_code
    response.reason = answer.reason_phrase
    response.headers = CaseInsensitiveDict(answer.items())
    response.encoding = "utf-8"
    response.url = request.url or ""
    response.request = request
    response.raw = HTTPResponse(
        body=BytesIO(answer.content),
        headers=dict(answer.items()),
        status=answer.status_code,
        reason=answer.reason_phrase,
        preload_content=False,
        request_method=request.method,
        request_url=request.url,
    )
    return response

"""One HTTP exchange, bounded in time and size, never repeated, never redirected."""

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import requests
import urllib3
from requests import exceptions as broken

from tokenportal.cloudflare import deadline, quiet, shapes
from tokenportal.cloudflare.deadline import Watch
from tokenportal.cloudflare.errors import CloudflareError, NeverSent, OutcomeUnknown, RateLimited, Refused
from tokenportal.cloudflare.words import safe_documentation, safe_ray, safe_words
from tokenportal.secret import Secret

CHUNK = 16 * 1024
MOST_ROWS = 2**31
"""A total that is higher is not believed; it would not fit where it is kept either."""


class BearerAuth(requests.auth.AuthBase):
    """Puts the credential on a request at the last moment; nothing that is printed holds it."""

    def __init__(self, credential: Secret) -> None:
        self.credential = credential

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.credential.reveal()}"
        return request


def bytes_of(body: Any) -> bytes:
    """A body as it leaves: canonical JSON, so that the SHA-256 of these bytes is the digest that was agreed to."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete, well-formed success. ``quiet``: the seconds for which Cloudflare wants no further call (see quiet)."""

    result: Any
    info: dict[str, Any]
    ray: str
    quiet: float = 0.0

    @property
    def total(self) -> int | None:
        """How many rows there are on all pages together, where the answer says so."""
        told = self.info.get("total_count")
        return told if type(told) is int and 0 <= told < MOST_ROWS else None


Send = Callable[[], Answer]


class Gate(Protocol):
    """What stands before the door: it makes a call by calling ``send`` once, or raises NeverSent instead.

    ``ask`` is a harmless read that a gate may send before a write, where it is not known whether anybody answers;
    None where the call itself is a read.
    """

    def __call__(self, send: Send, ask: Send | None) -> Answer: ...


def no_gate(send: Send, ask: Send | None) -> Answer:
    return send()


@dataclass(frozen=True)
class Caller:
    """Makes calls to one base address with one credential. ``deadline`` is seconds for the whole of a call.

    ``harmless`` is the path of a read that changes nothing and is always allowed.
    """

    base_url: str
    credential: Secret
    session: requests.Session
    deadline: float
    max_bytes: int
    harmless: str
    gate: Gate = no_gate

    def call(self, method: str, path: str, *, body: Any = None, query: dict[str, Any] | None = None) -> Answer:
        """One exchange. Raises NeverSent, Refused, RateLimited or OutcomeUnknown, never a requests error."""
        ask = None if method == "GET" else partial(self._once, "GET", self.harmless, None, None)
        return self.gate(partial(self._once, method, path, body, query), ask)

    def _once(self, method: str, path: str, body: Any, query: dict[str, Any] | None) -> Answer:
        with deadline.within(self.deadline) as watch:
            return self._exchange(watch, method, path, body, query)

    def _exchange(self, watch: Watch, method: str, path: str, body: Any, query: dict[str, Any] | None) -> Answer:
        until = time.monotonic() + self.deadline
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        try:
            sent = None if body is None else bytes_of(body)
        except ValueError:
            raise NeverSent("It holds something that JSON cannot say.") from None
        headers |= {} if sent is None else {"Content-Type": "application/json"}
        try:
            response = self.session.request(
                method, f"{self.base_url}/{path}", data=sent, params=query,
                auth=BearerAuth(self.credential), headers=headers, timeout=self.deadline, allow_redirects=False, stream=True,
            )  # fmt: skip
        except broken.RequestException as error:
            raise self._no_answer(error, began=watch.began) from None
        except (OSError, urllib3.exceptions.HTTPError, ValueError):
            raise OutcomeUnknown("the connection broke") from None
        seconds = quiet.asked_for(response.status_code, response.headers)
        try:
            return replace(self._heard(response, until), quiet=seconds)
        except CloudflareError as error:
            error.quiet = seconds
            raise
        finally:
            response.close()

    def _heard(self, response: requests.Response, until: float) -> Answer:
        ray = safe_ray(response.headers.get("cf-ray"))
        try:
            text = self._read(response, until)
        except (broken.RequestException, urllib3.exceptions.HTTPError, OSError):
            raise OutcomeUnknown("the answer was cut off", ray=ray, status=response.status_code) from None
        return self._understand(response, text, ray)

    @staticmethod
    def _no_answer(error: broken.RequestException, *, began: bool) -> NeverSent | OutcomeUnknown:
        """Sort a failure by whether a byte can have left; what cannot be told counts as sent.

        TLS can fail after the request has left as well: an alert that refuses it, bytes that do not decrypt.
        """
        if began:
            timed_out = isinstance(error, broken.Timeout)
            return OutcomeUnknown("there was no answer in time" if timed_out else "the connection broke before an answer came")
        if isinstance(error, broken.InvalidURL | broken.MissingSchema | broken.InvalidSchema | broken.InvalidHeader):
            return NeverSent("The address of Cloudflare's API is not valid. Nothing was sent.")
        if isinstance(error, broken.ConnectTimeout):
            return NeverSent("Cloudflare could not be reached in time. Nothing was sent.")
        if isinstance(error, broken.SSLError):
            return NeverSent("Cloudflare's certificate could not be checked. Nothing was sent.")
        reason = getattr(error.args[0] if error.args else None, "reason", None)
        if isinstance(reason, urllib3.exceptions.NameResolutionError):
            return NeverSent("Cloudflare could not be found: its name does not resolve. Nothing was sent.")
        if isinstance(reason, urllib3.exceptions.NewConnectionError):
            return NeverSent("Cloudflare could not be reached: the connection was refused. Nothing was sent.")
        if isinstance(error, broken.Timeout):
            return OutcomeUnknown("there was no answer in time")
        return OutcomeUnknown("the connection broke before an answer came")

    def _read(self, response: requests.Response, until: float) -> bytes:
        """The body within the deadline and the bound; each read waits no longer than the rest of the deadline."""
        length = response.headers.get("Content-Length", "")
        parts, size = [], 0
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise OutcomeUnknown("the answer did not end in time", status=response.status_code)
            self._wait_at_most(response, left)
            part = response.raw.read1(CHUNK, decode_content=True)
            if not part:
                break
            parts.append(part)
            size += len(part)
            if size > self.max_bytes:
                raise OutcomeUnknown("the answer was too large", status=response.status_code)
        told = length.isascii() and length.isdigit() and not response.headers.get("Content-Encoding")
        if told and length.lstrip("0") != str(size or ""):  # as text: Python makes no number of thousands of digits
            raise OutcomeUnknown("the answer was cut off", status=response.status_code)
        return b"".join(parts)

    @staticmethod
    def _wait_at_most(response: requests.Response, seconds: float) -> None:
        connection = getattr(response.raw, "connection", None) or getattr(response.raw, "_connection", None)
        sock = getattr(connection, "sock", None)
        if isinstance(sock, socket.socket):
            sock.settimeout(seconds)

    def _understand(self, response: requests.Response, text: bytes, ray: str) -> Answer:
        status = response.status_code
        try:
            envelope = shapes.mapping(shapes.bounded(json.loads(text)))
            succeeded, errors = envelope.get("success"), shapes.rows(envelope.get("errors") or [])
            if not isinstance(succeeded, bool):
                raise shapes.WrongShape("success is neither true nor false")
        except (ValueError, RecursionError):
            why = "it answered with an error page" if status >= 400 else "its answer was not one of the API's"
            raise OutcomeUnknown(why, ray=ray, status=status) from None
        if status == 200 and succeeded and "result" in envelope:
            info = envelope.get("result_info")
            return Answer(envelope["result"], info if isinstance(info, dict) else {}, ray)
        if 400 <= status < 500 and not succeeded and errors:
            raise self._refusal(response, errors, ray)
        raise OutcomeUnknown(f"it answered with status {status}", ray=ray, status=status)

    def _refusal(self, response: requests.Response, errors: list[Any], ray: str) -> Refused:
        told = [error for row in errors[:3] for error in (row, *shapes.chained(row))]
        codes = tuple(error["code"] for error in told if type(error.get("code")) is int)
        messages = tuple(safe_words(error.get("message", ""), self.credential) for error in errors[:3])
        if response.status_code == 429:
            return RateLimited(codes, messages, seconds=quiet.asked_for(429, response.headers), ray=ray)
        pages = (safe_documentation(error.get("documentation_url"), self.credential) for error in errors[:3])
        read_on = next(filter(None, pages), "")
        return Refused(response.status_code, codes, messages, ray=ray, read_on=read_on)

"""One HTTP exchange, bounded in time and size, never repeated, never redirected."""

import json
import socket
import time
from dataclasses import dataclass
from typing import Any

import requests
import urllib3
from requests import exceptions as broken

from tokenportal.cloudflare import deadline, shapes
from tokenportal.cloudflare.deadline import Watch
from tokenportal.cloudflare.errors import NeverSent, OutcomeUnknown, RateLimited, Refused, safe_ray, safe_words
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


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete, well-formed success."""

    result: Any
    info: dict[str, Any]
    ray: str

    @property
    def total(self) -> int | None:
        """How many rows there are on all pages together, where the answer says so."""
        told = self.info.get("total_count")
        return told if type(told) is int and 0 <= told < MOST_ROWS else None


@dataclass(frozen=True)
class Caller:
    """Makes calls to one base address with one credential. ``deadline`` is seconds for the whole of a call."""

    base_url: str
    credential: Secret
    session: requests.Session
    deadline: float
    max_bytes: int

    def call(self, method: str, path: str, *, body: Any = None, query: dict[str, Any] | None = None) -> Answer:
        """One exchange. Raises NeverSent, Refused, RateLimited or OutcomeUnknown, never a requests error."""
        with deadline.within(self.deadline) as watch:
            return self._exchange(watch, method, path, body, query)

    def _exchange(self, watch: Watch, method: str, path: str, body: Any, query: dict[str, Any] | None) -> Answer:
        until = time.monotonic() + self.deadline
        try:
            response = self.session.request(
                method, f"{self.base_url}/{path}", json=body, params=query, auth=BearerAuth(self.credential),
                headers={"Accept": "application/json", "Accept-Encoding": "identity"}, timeout=self.deadline,
                allow_redirects=False, stream=True,
            )  # fmt: skip
        except broken.RequestException as error:
            raise self._no_answer(error, began=watch.began) from None
        except (OSError, urllib3.exceptions.HTTPError, ValueError):
            raise OutcomeUnknown("the connection broke") from None
        ray = safe_ray(response.headers.get("cf-ray"))
        try:
            text = self._read(response, until)
        except (broken.RequestException, urllib3.exceptions.HTTPError, OSError):
            raise OutcomeUnknown("the answer was cut off", ray=ray, status=response.status_code) from None
        finally:
            response.close()
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
        if length.isdigit() and not response.headers.get("Content-Encoding") and int(length) != size:
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
        codes = tuple(error["code"] for error in errors if type(error.get("code")) is int)
        messages = tuple(safe_words(error.get("message", ""), self.credential) for error in errors[:3])
        if response.status_code == 429:
            after = response.headers.get("Retry-After", "")
            return RateLimited(codes, messages, retry_after=int(after) if after.isdigit() and len(after) < 7 else None, ray=ray)
        return Refused(response.status_code, codes, messages, ray=ray)

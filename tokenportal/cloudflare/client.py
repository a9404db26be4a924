"""The one door out: Cloudflare's API as far as the portal needs it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import requests

from tokenportal.cloudflare import shapes
from tokenportal.cloudflare.call import Answer, Caller, Gate, no_gate
from tokenportal.cloudflare.deadline import new_session
from tokenportal.cloudflare.errors import CloudflareError, OutcomeUnknown
from tokenportal.cloudflare.shapes import Listing, NamedRecord, TokenRecord, Verified, ZoneRecord
from tokenportal.secret import Secret

PER_PAGE = 50
MAX_PAGES = 1000
Progress = Callable[[int, int | None, bool], None]


@dataclass(frozen=True)
class Created:
    """A token and its value, which is told this once."""

    token: TokenRecord
    secret: Secret


class Client:
    """``owner_path`` is ``user`` or ``accounts/<id>``: whose tokens these are. ``deadline`` is seconds a call.

    ``gate`` decides whether a call may go out (see call.Gate). Every method makes exactly one request per page or write,
    and raises a CloudflareError that says what is known. ``ray`` is Cloudflare's id of the newest answer, "" before one and
    where it had none.
    """

    def __init__(
        self, base_url: str, credential: Secret, *, owner_path: str, session: requests.Session | None = None,
        deadline: float = 15.0, max_bytes: int = 1024 * 1024, gate: Gate = no_gate,
    ) -> None:  # fmt: skip
        self.owner_path = owner_path
        self.ray = ""
        self._caller = Caller(
            base_url.rstrip("/"), credential, session or new_session(), deadline, max_bytes,
            harmless=self._verify_path, gate=gate,
        )  # fmt: skip

    def create_token(self, body: dict[str, Any]) -> Created:
        """POST one token, once. Anything but a success that carries id and value is OutcomeUnknown or a refusal."""
        answer = self._call("POST", f"{self.owner_path}/tokens", body=body)
        row = self._shaped(answer, shapes.mapping)
        value = self._shaped(answer, lambda result: shapes.secret_value(shapes.mapping(result).get("value")))
        return Created(self._shaped(answer, lambda _: shapes.token(row)), Secret(value))

    def get_token(self, token_id: str) -> TokenRecord:
        return self._shaped(self._call("GET", self._at(token_id)), shapes.token)

    def update_token(self, token_id: str, body: dict[str, Any]) -> TokenRecord:
        """PUT replaces the whole token; its value stays."""
        return self._shaped(self._call("PUT", self._at(token_id), body=body), shapes.token)

    def roll_token(self, token_id: str) -> Secret:
        """A new value; the old one dies at once."""
        answer = self._call("PUT", f"{self._at(token_id)}/value", body={})
        return Secret(self._shaped(answer, shapes.secret_value))

    def delete_token(self, token_id: str) -> None:
        answer = self._call("DELETE", self._at(token_id))
        self._shaped(answer, lambda result: shapes.identifier(shapes.mapping(result).get("id")))

    def list_tokens(self, progress: Progress = lambda done, total, last: None) -> Listing:
        """Every token of this owner, expired ones too; ``progress`` as for ``zones``."""
        found: dict[str, TokenRecord] = {}
        complete = False
        for answer, rows, last in self._pages(f"{self.owner_path}/tokens", {"include_expired": "true"}):
            for row in rows:
                token = self._row(answer, shapes.token, row)
                found[token.id] = token
            complete = last
            progress(len(found), answer.total, last)
        return Listing(tuple(found.values()), complete, self.ray)

    def verify(self) -> Verified:
        """Ask about the credential itself. The address must be of the credential's own kind."""
        return self._shaped(self._call("GET", self._verify_path), shapes.verified)

    def read(self, path: str) -> None:
        """GET an address below the API's, for whether it is allowed; what it says is not looked at."""
        self._call("GET", path)

    def permission_groups(self) -> list[dict[str, Any]]:
        answer = self._call("GET", f"{self.owner_path}/tokens/permission_groups")
        return self._shaped(answer, lambda result: [shapes.group(row) for row in shapes.rows(result)])

    def user(self) -> NamedRecord:
        return self._shaped(self._call("GET", "user"), lambda row: shapes.named(shapes.mapping(row), "email"))

    def accounts(self) -> list[NamedRecord]:
        return [self._row(answer, shapes.named, row) for answer, rows, _ in self._pages("accounts", {}) for row in rows]

    def zones(self, progress: Progress) -> Iterator[ZoneRecord]:
        """The zones that the credential sees; ``progress(done, total or None, last)`` is told after each page.

        Where no page was the last one, there are more than ``MAX_PAGES`` hold.
        """
        done = 0
        for answer, rows, last in self._pages("zones", {"order": "name", "direction": "asc"}):
            for row in rows:
                yield self._row(answer, shapes.zone, row)
            done += len(rows)
            progress(done, answer.total, last)

    def _call(self, method: str, path: str, **more: Any) -> Answer:
        self.ray = ""
        try:
            answer = self._caller.call(method, path, **more)
        except CloudflareError as error:
            self.ray = error.ray
            raise
        self.ray = answer.ray
        return answer

    @property
    def _verify_path(self) -> str:
        return f"{self.owner_path}/tokens/verify"

    def _at(self, token_id: str) -> str:
        return f"{self.owner_path}/tokens/{token_id}"

    def _pages(self, path: str, query: dict[str, Any]) -> Iterator[tuple[Answer, list[Any], bool]]:
        """Each page's answer and rows, and whether it is the last one.

        A short page is the last only where the answer does not say that there is more: a server may clamp ``per_page``,
        and a token that stands on a page nobody read must not count as absent.
        """
        seen = 0
        for page in range(1, MAX_PAGES + 1):
            answer = self._call("GET", path, query={**query, "page": page, "per_page": PER_PAGE})
            rows = self._shaped(answer, shapes.rows)
            seen += len(rows)
            last = not rows or (len(rows) < PER_PAGE and (answer.total is None or seen >= answer.total))
            yield answer, rows, last
            if last:
                return

    def _shaped(self, answer: Answer, read: Callable[[Any], Any]) -> Any:
        return self._row(answer, read, answer.result)

    @staticmethod
    def _row(answer: Answer, read: Callable[[Any], Any], row: Any) -> Any:
        try:
            return read(row)
        except shapes.WrongShape as error:
            raise OutcomeUnknown(f"its answer was not complete: {error}", ray=answer.ray, status=200) from None

"""Cloudflare's tokens as a model in memory, at the transport: what happened there is known exactly, at every moment.

It is told beforehand what the next POST shall do (a Plan), and keeps all that ever existed. No database, no socket.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ReadTimeout
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import MaxRetryError, NewConnectionError

VALUE = "cfat_" + "a1B2" * 10


class Killed(BaseException):
    """The process ends here, as by kill -9: nothing after it is done."""


@dataclass
class Plan:
    """What the next POST shall do: when its token exists and is listed, and what comes back.

    ``effect`` and ``lag`` are seconds, effect None for never. ``answer`` is one of ``ANSWERS``. ``killed`` is where the
    portal's process ends: before it sends, or once the upstream has done its work. ``widened``: what is made is not what was asked for.
    """

    effect: int | None = 0
    lag: int = 0
    answer: str = "success"
    killed: str = ""
    widened: bool = False
    stalled: int = 0


REFUSALS = {"forbidden": 403, "invalid": 400, "many": 429}
ANSWERS = ("success", "error", "gateway", "drop", "timeout", "html", "no_value", "empty", *REFUSALS)


@dataclass
class MadeToken:
    id: str
    body: dict[str, Any]
    exists_from: datetime
    listed_from: datetime
    attempt: int
    deleted: bool = False
    disabled: bool = False


@dataclass
class Model:
    """The upstream of one sequence. ``posting`` is asked at each POST which attempt it belongs to;
    ``care`` is what comes of the next roll or deletion: "", "drop" or "killed" after it was done, "refused" before.
    """

    now: datetime
    tokens: list[MadeToken] = field(default_factory=list)
    posts: list[int] = field(default_factory=list)
    plan: Plan = field(default_factory=Plan)
    listing_fails: int = 0
    care: str = ""
    posting: Callable[[], int] = lambda: 0
    meanwhile: Callable[[], None] = lambda: None

    def listed(self) -> list[MadeToken]:
        return [one for one in self.tokens if one.listed_from <= self.now and not one.deleted]

    def add(self, body: dict[str, Any], *, effect: int, lag: int, attempt: int = 0) -> MadeToken:
        exists = self.now + timedelta(seconds=effect)
        made = MadeToken(f"{len(self.tokens) + 1:032x}", body, exists, exists + timedelta(seconds=lag), attempt)
        self.tokens.append(made)
        return made

    def post(self, request: PreparedRequest) -> Response:
        plan, self.plan = self.plan, Plan()
        if plan.killed == "before":
            raise Killed
        if plan.answer == "never_sent":
            refused = NewConnectionError(HTTPSConnection("model.invalid"), "refused")
            raise RequestsConnectionError(MaxRetryError(None, "/", refused), request=request)  # type: ignore[arg-type]
        attempt = self.posting()
        self.posts.append(attempt)
        if plan.stalled:
            self.now += timedelta(seconds=plan.stalled)
            self.meanwhile()
        made = None
        if plan.effect is not None:
            body = json.loads(request.body or b"{}")
            made = self.add(widened(body) if plan.widened else body, effect=plan.effect, lag=plan.lag, attempt=attempt)
        if plan.killed == "after":
            raise Killed
        return self.answer(request, plan.answer, made)

    def answer(self, request: PreparedRequest, answer: str, made: MadeToken | None) -> Response:
        if answer == "drop":
            raise RequestsConnectionError("Connection aborted.", request=request)
        if answer == "timeout":
            raise ReadTimeout("The model was slower than the timeout.", request=request)
        if answer == "gateway":
            return response(request, 502, b"<html>Bad gateway</html>")
        if answer in ("html", "empty"):
            return response(request, 200, b"<html></html>" if answer == "html" else b"")
        if answer == "error":
            return envelope(request, 500, None, errors=[{"code": 10000, "message": "Internal error"}])
        if answer in REFUSALS:
            return envelope(request, REFUSALS[answer], None, errors=[{"code": 1001, "message": "No"}])
        told = told_of(made) if made else {"id": "f" * 32, "status": "active"}
        return envelope(request, 200, told if answer == "no_value" else told | {"value": VALUE})

    def get(self, request: PreparedRequest, path: str, query: dict[str, list[str]]) -> Response:
        if not path.endswith("/tokens"):
            found = [one for one in self.tokens if path.endswith(one.id) and one.exists_from <= self.now and not one.deleted]
            return envelope(request, 200, told_of(found[0])) if found else not_found(request)
        if self.listing_fails:
            self.listing_fails -= 1
            return response(request, 502, b"<html>Bad gateway</html>")
        size, page = int(query["per_page"][0]), int(query["page"][0])
        rows = [told_of(one) for one in self.listed()]
        info = {"page": page, "per_page": size, "total_count": len(rows), "count": len(rows[(page - 1) * size :])}
        return envelope(request, 200, rows[(page - 1) * size : page * size], info=info)

    def one(self, request: PreparedRequest, path: str) -> Response:
        """Roll, change or delete: of what exists."""
        parts = path.split("/")
        token_id = parts[parts.index("tokens") + 1]
        found = next((one for one in self.tokens if one.id == token_id and one.exists_from <= self.now and not one.deleted), None)
        care, self.care = self.care, ""
        if found is None:
            return not_found(request)
        if care == "refused":
            return envelope(request, 403, None, errors=[{"code": 9109, "message": "No"}])
        if request.method == "DELETE":
            found.deleted = True
        if care == "killed":
            raise Killed
        if care == "drop":
            raise RequestsConnectionError("Connection aborted.", request=request)
        if request.method == "DELETE":
            return envelope(request, 200, {"id": found.id})
        if path.endswith("/value"):
            return envelope(request, 200, VALUE)
        found.body = json.loads(request.body or b"{}")
        return envelope(request, 200, told_of(found))


class ModelAdapter(BaseAdapter):
    """What the settings name as the transport: it answers from the model that is the present one."""

    model: ClassVar[Model]

    def send(self, request: PreparedRequest, **options: Any) -> Response:  # type: ignore[override]
        parts = urlsplit(request.url or "")
        if request.method == "POST":
            return self.model.post(request)
        if request.method == "GET":
            return self.model.get(request, parts.path, parse_qs(parts.query))
        return self.model.one(request, parts.path)

    def close(self) -> None:
        """Nothing is open."""


def widened(body: dict[str, Any]) -> dict[str, Any]:
    """The same without an end and on everything: more than was asked for."""
    policies = [{**policy, "resources": {"com.cloudflare.api.account.zone.*": "*"}} for policy in body["policies"]]
    return {"name": body["name"], "policies": policies}


def told_of(token: MadeToken) -> dict[str, Any]:
    moment = token.exists_from.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"id": token.id, "status": "active", "issued_on": moment, "modified_on": moment, **token.body}


def not_found(request: PreparedRequest) -> Response:
    return envelope(request, 404, None, errors=[{"code": 1003, "message": "API token not found"}])


def envelope(
    request: PreparedRequest, status: int, result: Any, *, errors: list[Any] | None = None, info: dict[str, Any] | None = None
) -> Response:
    body = {"success": not errors, "errors": errors or [], "messages": [], "result": result}
    return response(request, status, json.dumps(body | ({"result_info": info} if info else {})).encode())


def response(request: PreparedRequest, status: int, body: bytes) -> Response:
    made = Response()
    made.status_code = status
    made.headers = CaseInsensitiveDict({"Content-Type": "application/json", "Content-Length": str(len(body))})
    made.url, made.request = request.url or "", request
    made.raw = HTTPResponse(body=BytesIO(body), status=status, preload_content=False)
    return made

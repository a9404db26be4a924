"""From a request to an answer: route, fault, credentials, budget, handler, envelope, log."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from tokenportal.sandbox import callers, envelope, faults, refusals, wire
from tokenportal.sandbox.grants import HEX_ID, Atom, Grants
from tokenportal.sandbox.models import Call, Fault, Token
from tokenportal.sandbox.refusals import Refusal

PREFIX = "/client/v4"
DOCUMENTATION = "https://developers.cloudflare.com/api/resources"
LOG_KEEPS = 2000


@dataclass
class Incoming:
    """One call whose token was let in. `late` and `lag` are the seconds by which a fault delays a new token, and its listing."""

    request: HttpRequest
    token: Token
    late: float = 0
    lag: float = 0

    @cached_property
    def grants(self) -> Grants:
        return Grants(self.token)

    @property
    def query(self) -> Any:
        return self.request.GET

    def body(self) -> Any:
        """The JSON body, `{}` when there is none. Raises Refusal (400) when it is not JSON."""
        raw = self.request.body
        if not raw.strip():
            return {}
        try:
            read = json.loads(raw)
            json.dumps(read, ensure_ascii=False).encode()  # half of a surrogate pair is no text, and no database keeps it
            return read
        except (ValueError, RecursionError):
            raise refusals.bad_json() from None

    def require(self, group_ids: Iterable[str], target: Atom, otherwise: Callable[[], Refusal] = refusals.unauthorized) -> None:
        """Raise Refusal (403) unless the token holds one of these permission groups on this one thing."""
        if not self.grants.allows(group_ids, target):
            raise otherwise()


Handler = Callable[..., envelope.Answer]


@dataclass
class Budget:
    """What the rate-limit headers say."""

    remaining: int = field(default_factory=callers.call_limit)
    resets_in: int = round(callers.WINDOW.total_seconds())


def endpoint(docs: str, *, verify: bool = False, **handlers: Handler) -> Callable[..., HttpResponse]:
    """A view over the handlers of one address, by method.

    `docs` names the resource in Cloudflare's reference: the documentation_url of a 403 is made from it.
    """

    @csrf_exempt
    @login_not_required
    def view(request: HttpRequest, **kwargs: str) -> HttpResponse:
        if not settings.SANDBOX:
            raise Http404
        method, path = request.method or "", api_path(request)
        door = getattr(request, "sandbox_door", None) or wire.HttpDoor(request)
        fault, lag = faults.take(method, path)
        used: list[Token] = []

        def work() -> HttpResponse:
            late = fault.seconds if fault and fault.kind == "late" else 0.0
            return answer(request, door.address, docs, handlers.get(method), kwargs, verify=verify, late=late, lag=lag, used=used)

        def log(status: int) -> None:
            write_down(method, path, status, used, fault)

        return through(door, fault, work, log)

    return view


def api_path(request: HttpRequest) -> str:
    """The path below /client/v4, whichever door the request came through."""
    return request.path_info.partition(PREFIX)[2] or "/"


def through(door: Any, fault: Fault | None, work: Callable[[], HttpResponse], log: Callable[[int], None]) -> HttpResponse:
    """Do the work and let the answer out, or let it fail as the fault says. No transaction is open while this waits."""
    if fault is None:
        response = work()
        log(response.status_code)
        return door.deliver(response)
    if fault.kind == "refuse_connection":
        log(0)
        return door.refuse_connection()
    if fault.kind == "slow" and not fault.after:
        door.wait(fault.seconds)
    real = fault.after or fault.kind in {"slow", "truncate", "no_value", "huge"}
    response = work() if real else wire.instead(fault)
    if fault.kind in {"drop", "late"}:
        log(0)
        return door.drop()
    if fault.kind == "slow" and fault.after:
        door.wait(fault.seconds)
    if fault.kind in {"no_value", "huge"}:
        response = wire.bent(fault, response)
    elif fault.kind not in {"slow", "truncate"}:
        response = wire.instead(fault)
    log(response.status_code)
    return door.deliver(door.cut(response) if fault.kind == "truncate" else response)


def answer(
    request: HttpRequest,
    address: str,
    docs: str,
    handler: Handler | None,
    identifiers: dict[str, str],
    *,
    verify: bool,
    late: float,
    lag: float,
    used: list[Token],
) -> HttpResponse:
    """The envelope for one call, with the headers that Cloudflare sets."""
    budget = Budget()
    try:
        if any(name.endswith("_id") and not HEX_ID.match(value) for name, value in identifiers.items()):
            raise refusals.no_route(api_path(request))
        if handler is None:
            raise refusals.method_not_allowed(request.method or "")
        if holds_nul(request):
            raise Refusal(400, 400, "The call holds a NUL character.")
        token = callers.identify(request.headers.get("Authorization", ""), verifying=verify)
        used.append(token)
        if not verify:
            callers.admit(token, address)
        budget = Budget(*callers.count(token))
        response = envelope.success(handler(Incoming(request, token, late=late, lag=lag), **identifiers))
    except Refusal as refusal:
        name = handler.__name__.strip("_") if handler else ""
        response = envelope.failure(refusal, documentation_url=f"{DOCUMENTATION}/{docs}/methods/{name}/")
        if refusal.status == 429:
            budget = Budget(0, refusal.retry_after)
    limit = callers.call_limit()
    response["cf-ray"] = envelope.ray()
    response["Ratelimit"] = f'"default";r={budget.remaining};t={budget.resets_in}'
    response["Ratelimit-Policy"] = f'"default";q={limit};w={round(callers.WINDOW.total_seconds())}'
    response["x-ratelimit-limit"] = str(limit)
    response["x-ratelimit-remaining"] = str(budget.remaining)
    response["x-ratelimit-reset"] = str(budget.resets_in)
    return response


def holds_nul(request: HttpRequest) -> bool:
    """Whether a query value or the body holds the one character that PostgreSQL keeps in no text.

    Raises Refusal (413) for a body that is larger than Django reads.
    """
    try:
        body = request.body
    except RequestDataTooBig:
        raise Refusal(413, 413, "The body is too large.") from None
    queried = any("\x00" in text for name, values in request.GET.lists() for text in (name, *values))
    return queried or b"\\u0000" in body or b"\x00" in body


def write_down(method: str, path: str, status: int, used: list[Token], fault: Fault | None) -> None:
    call = Call.objects.create(
        method=method[:10],
        path=path.replace("\x00", "\ufffd")[:300],
        status=status,
        token_id=used[0].pk if used else "",
        fault=fault.kind if fault else "",
    )
    if call.pk % 200 == 0:
        Call.objects.filter(pk__lte=call.pk - LOG_KEEPS).delete()


@csrf_exempt
@login_not_required
def no_route(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Every address that the imitation does not have."""
    if not settings.SANDBOX:
        raise Http404
    path = api_path(request)
    response = envelope.failure(refusals.no_route(path))
    response["cf-ray"] = envelope.ray()
    write_down(request.method or "", path, 404, [], None)
    return response

"""The control page: what stands in the sandbox, what was called, and the faults to arm. Plain forms, no script, no sign-in.

It is as open as the imitation is, and refuses everything where the sandbox is off.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from tokenportal.sandbox import envelope, faults, outside, seeding
from tokenportal.sandbox.described import described
from tokenportal.sandbox.models import Account, Call, Fault, Token, User, Zone

TOKENS_SHOWN = 50
CALLS_SHOWN = 50


def control_view(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Open to everybody while the sandbox is on, gone when it is off."""

    @login_not_required
    @wraps(view)
    def checked(request: HttpRequest, **kwargs: str) -> HttpResponse:
        if not settings.SANDBOX:
            raise Http404
        return view(request, **kwargs)

    return checked


@control_view
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    return rendered(request)


@control_view
@require_POST
def arm(request: HttpRequest) -> HttpResponse:
    try:
        faults.arm(
            request.POST.get("kind", ""),
            method=request.POST.get("method", ""),
            path=request.POST.get("path", "").strip()[:200],
            times=int(request.POST.get("times") or 1),
            seconds=float(request.POST["seconds"]) if request.POST.get("seconds") else None,
        )
    except ValueError:
        sentence = "Choose a fault; it strikes a whole number of times, and waits between 0 and 3600 seconds."
        return rendered(request, error=sentence, status=422)
    return back("faults")


@control_view
@require_POST
def clear(request: HttpRequest) -> HttpResponse:
    faults.clear()
    return back("faults")


@control_view
@require_POST
def change(request: HttpRequest, token_id: str, change: str) -> HttpResponse:
    token = Token.objects.filter(pk=token_id).first()
    if token is None or change not in outside.CHANGES:
        raise Http404
    outside.CHANGES[change](token)
    return back("tokens")


def back(section: str) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse('sandbox')}#{section}", status=303)


def rendered(request: HttpRequest, *, error: str = "", status: int = 200) -> HttpResponse:
    """The page, drawn without the portal's context processors: they know nothing of the sandbox, nor it of them."""
    tokens, info = envelope.paged(
        Token.objects.select_related("user", "account").order_by("-issued_on", "pk"), request.GET, default=TOKENS_SHOWN
    )
    context = {
        "csrf_token": get_token(request),
        "counts": counts(),
        "parents": parents(),
        "tokens": described(tokens, parent_ids()),
        "info": info,
        "kinds": faults.KINDS.values(),
        "methods": faults.METHODS,
        "armed": [
            {"fault": fault, "kind": faults.KINDS[fault.kind]} for fault in Fault.objects.filter(remaining__gt=0).order_by("pk")
        ],
        "typed": request.POST,
        "error": error,
        "calls": Call.objects.order_by("-pk")[:CALLS_SHOWN],
    }
    return HttpResponse(render_to_string("sandbox/control.html", context), status=status)


def counts() -> dict[str, int]:
    models: dict[str, Any] = {"accounts": Account, "users": User, "zones": Zone, "tokens": Token, "calls": Call}
    return {name: model.objects.count() for name, model in models.items()}


def parent_ids() -> set[str]:
    return {seeding.stable_id("token", name) for name in (*seeding.ACCOUNTS, seeding.USER_PARENT)}


def parents() -> list[Token]:
    return list(Token.objects.filter(pk__in=parent_ids()).select_related("user", "account").order_by("name"))

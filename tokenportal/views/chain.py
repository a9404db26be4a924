"""Whether the log holds: what was found when it was last verified, and the button that verifies it now."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from tokenportal import rules
from tokenportal.actions import verifying
from tokenportal.actions.verifying import State
from tokenportal.audit import reading
from tokenportal.models import User
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page, target_of


@answers
@require_http_methods(["GET", "HEAD"])
def page(request: HttpRequest) -> HttpResponse:
    user = access.person(request)
    rules.require(rules.may_read_audit(user))
    return answer(request, user)


@answers
@require_POST
def verify(request: HttpRequest) -> HttpResponse:
    """Where htmx asked, the part of the page that tells of it; else back to the page."""
    user = access.person(request)
    asked = verifying.ask(by=user)
    if target_of(request) == "standing":
        return answer(request, user)
    return redirect(f"{reverse('audit-chain')}#{'standing' if asked.ended_at else 'running'}")


def standing(state: State) -> dict[str, Any]:
    """Whether the chain holds, and how many events came after those of which that is known."""
    looked_at = state.furthest.events if state.furthest else 0
    return {"state": state, "first": reading.first(), "later": max(0, reading.newest() - looked_at)}


def answer(request: HttpRequest, user: User) -> HttpResponse:
    state = verifying.state()
    newest = state.checkpoints.newest
    context: dict[str, Any] = {
        **standing(state), "tab": "chain", "signed_at": datetime.fromisoformat(newest.at) if newest else None,
        "triggers": reading.triggers_in_place(), "part": target_of(request) == "standing", "asked": request.method == "POST",
    }  # fmt: skip
    return render_page(request, "audit/chain.html", context, partials=("standing",))

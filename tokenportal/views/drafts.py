"""The list of drafts, and what ends or reopens one."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from tokenportal import rules
from tokenportal.actions import drafts, sharing
from tokenportal.forms.parameters import typed
from tokenportal.models import WAITS_ON, Status
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page

PARTIALS = ("found",)
AT_MOST = 200
ENDED = (Status.REJECTED, Status.EXPIRED)
"""Where nothing more happens, until their requester discards them."""


@answers
@require_http_methods(["GET", "HEAD"])
def index(request: HttpRequest) -> HttpResponse:
    """What waits on this person first, then drafts, then what waits on others."""
    user = access.person(request)
    sought = typed(request.GET, "q")
    rows = list(access.drafts(user, sought)[: AT_MOST + 1])
    shared = [row for row in rows if row.requester_id != user.pk and row.status == Status.DRAFT]
    under_way = [row for row in rows if row.status not in (Status.DRAFT, *ENDED)]
    turn = [row for row in under_way if row.requester_id == user.pk and WAITS_ON[row.state] == "requester"]
    context = {
        "mine": [row for row in rows if row.requester_id == user.pk and row.status == Status.DRAFT],
        "shared": shared, "roles": sharing.roles(user, shared), "q": sought, "any": rows, "cut": len(rows) > AT_MOST,
        "may_start": rules.may_start(user), "turn": turn, "waiting": [row for row in under_way if row not in turn],
        "ended": [row for row in rows if row.status in ENDED],
    }  # fmt: skip
    return render_page(request, "drafts/index.html", context, partials=PARTIALS)


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def discard(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask first, then discard."""
    user = access.person(request)
    token_request = access.token_request(user, pk)
    rules.require(rules.may_discard(user, token_request))
    if request.method == "POST":
        drafts.discard(token_request, by=user)
        return redirect("drafts")
    return render_page(request, "drafts/discard.html", {"token_request": token_request, "copy": token_request.working_copy})


@answers
@require_POST
def reopen(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token_request = access.token_request(user, pk)
    drafts.reopen(token_request, by=user)
    return redirect(token_request)

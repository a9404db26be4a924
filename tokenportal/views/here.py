"""Who else has a draft open, and whether something newer was saved: asked again and again by the pages that show it."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_POST

from tokenportal import rules
from tokenportal.actions import together
from tokenportal.models import Status, TokenRequest, User
from tokenportal.views import access, errors
from tokenportal.views.answers import answers

LOST = (
    "Whoever shared it has taken it back, or there is nothing at this address any more. What you typed stays here until you "
    "leave this page, so copy what you want to keep."
)  # fmt: skip


@answers
@require_POST
def ping(request: HttpRequest, pk: UUID) -> HttpResponse:
    """I am here, and my page shows a certain revision. Whoever may not see the draft any more is told so, once."""
    user = access.person(request)
    try:
        token_request = access.token_request(user, pk)
    except Http404:
        return errors.page(request, 404, "This draft is not open to you", LOST)
    copy, is_draft = token_request.working_copy, token_request.status == Status.DRAFT
    shown = shown_revision(request)
    context: dict[str, Any] = {"token_request": token_request, "copy": copy, "over": not is_draft}
    if is_draft:
        together.ping(token_request, by=user, revision=shown)
        context["here"] = together.others_here(token_request, user)
        # One's own saves are on their way to the page already, or were made in another window of one's own.
        context["newer"] = copy.revision > shown and copy.saved_by_id != user.pk
        context["lost"] = rules.may_edit(user, token_request).sentence if request.POST.get("edits") else ""
    return render(request, "drafts/parts/here-now.html", context)


def shown_revision(request: HttpRequest) -> int:
    """The revision that the page shows: the builder's own, which moves on with each save, or what came with another page."""
    typed = request.POST.get("revision") or request.POST.get("shown", "")
    return int(typed) if typed.isdecimal() and len(typed) < 10 else 0


def others(token_request: TokenRequest, user: User) -> Any:
    """For a page that is being drawn: the names of who else is here, asked for where the page shows them."""
    return SimpleLazyObject(lambda: together.others_here(token_request, user))

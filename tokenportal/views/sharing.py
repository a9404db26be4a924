"""Sharing a draft with named colleagues, to view or to edit."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST

from tokenportal import rules
from tokenportal.actions import drafts
from tokenportal.models import Share
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token_request = access.token_request(user, pk)
    rules.require(rules.may_share(user, token_request))
    typed = request.POST.get("colleague", "").strip()
    role = request.POST.get("role", Share.Role.VIEWER)
    errors = []
    if request.method == "POST":
        colleague = next((person for person in drafts.colleagues(token_request) if person.username == typed.lower()), None)
        if colleague and role in Share.Role.values:
            drafts.share(token_request, by=user, colleague=colleague, role=role)
            return redirect("share", pk=pk)
        errors = [
            {"href": "#colleague", "sentence": f"No colleague in your teams is called {typed[:64]!r}. Choose one from the list."}
        ]
    colleagues = list(drafts.colleagues(token_request))
    context = {
        "token_request": token_request, "copy": token_request.working_copy, "shares": token_request.shares.select_related("user", "team"),
        "colleagues": colleagues, "roles": Share.Role.choices, "typed": typed, "role": role, "errors": errors,
    }  # fmt: skip
    return render_page(request, "drafts/share.html", context, status=422 if errors else 200)


@answers
@require_POST
def remove(request: HttpRequest, pk: UUID, share_pk: UUID) -> HttpResponse:
    user = access.person(request)
    token_request = access.token_request(user, pk)
    share = get_object_or_404(token_request.shares.select_related("token_request"), pk=share_pk)
    drafts.unshare(share, by=user)
    return redirect("share", pk=pk)

"""Renew: from a token, or from the reminder of its end, to the summary of a change that gives it a new one."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from tokenportal.actions import changing, renewing
from tokenportal.models import Token, User
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page


def shown(user: User, token: Token) -> dict[str, Any]:
    """What the token's page says about renewing: whether this person may, and for how many days."""
    if not token.is_managed or not token.is_alive:
        return {}
    return {"may_renew": renewing.may_renew(user, token), "renew_days": renewing.days_for(token)}


@answers
@require_POST
def renew(request: HttpRequest, pk: UUID) -> HttpResponse:
    token = access.token(access.person(request), pk)
    try:
        token_request = renewing.renew(token, by=access.person(request))
    except changing.CannotBegin as error:
        return render_page(request, "tokens/not-renewed.html", {"token": token, "sentence": str(error)}, status=409)
    return redirect("summary", pk=token_request.pk)

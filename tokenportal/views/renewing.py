"""Renew: from a token, or from the reminder of its end, to the summary of a change that gives it a new one."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_POST

from tokenportal import audit
from tokenportal.actions import changing, renewing
from tokenportal.models import Token
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page


def shown(token: Token) -> dict[str, Any]:
    """For how many days the token's page offers to renew it; asked for only where it does."""
    return {"renew_days": SimpleLazyObject(lambda: renewing.days_for(token))}


@answers
@require_POST
def renew(request: HttpRequest, pk: UUID) -> HttpResponse:
    token = access.token(access.person(request), pk)
    try:
        token_request = renewing.renew(token, by=access.person(request))
    except changing.CannotBegin as error:
        context = {"token": token, "sentence": audit.refusing(str(error))}
        return render_page(request, "tokens/not-renewed.html", context, status=409)
    return redirect("summary", pk=token_request.pk)

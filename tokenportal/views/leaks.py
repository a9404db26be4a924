"""Whose is a value that leaked: asked and answered in one POST, of which nothing is kept."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from tokenportal import rules
from tokenportal.actions import leaks
from tokenportal.actions.invalid import Invalid
from tokenportal.actions.leaks import Leak
from tokenportal.forms.leaks import LeakForm
from tokenportal.models import Token, User
from tokenportal.rules import Verdict
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page


@dataclass(frozen=True)
class Told:
    """A leak with what its reader can do about it: roll or revoke the token, or else who can (``instead``)."""

    leak: Leak
    may_roll: Verdict | None = None
    may_revoke: Verdict | None = None
    instead: str = ""


def told(leak: Leak, user: User) -> Told:
    if not isinstance(leak.row, Token) or leak.state == "dead":
        return Told(leak)
    token = leak.row
    may_roll, may_revoke = rules.may_roll(user, token), rules.may_care_for(user, token)
    if may_revoke:
        return Told(leak, may_roll, may_revoke)
    if rules.answers_for(user, token):
        return Told(leak, instead=may_revoke.sentence)
    who = "Its owner, its back-up owner or an admin" if token.owner_id else "An admin"
    return Told(leak, instead=f"{who} can do that. Tell them now.")


@answers
@sensitive_post_parameters("value")
@sensitive_variables()
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    user = access.person(request)
    rules.require(rules.may_read_audit(user))
    form = LeakForm(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {"form": form, "tab": "value"}
    if form.is_valid():
        try:
            context["leaks"] = [told(leak, user) for leak in leaks.look_up(form.cleaned_data["value"], by=user)]
        except Invalid as error:
            form.add_error(error.field, error.sentences[0])
    response = render_page(request, "audit/value.html", context, status=422 if form.errors else 200)
    response["Cache-Control"] = "no-store, no-transform"
    return response

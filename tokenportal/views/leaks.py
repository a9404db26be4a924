"""Whose is a value that leaked: asked and answered in one POST, of which nothing is kept."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from tokenportal import rules
from tokenportal.actions import leaks
from tokenportal.actions.invalid import Invalid
from tokenportal.forms.leaks import LeakForm
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page


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
            context["leaks"] = leaks.look_up(form.cleaned_data["value"], by=user)
        except Invalid as error:
            form.add_error(error.field, error.sentences[0])
    response = render_page(request, "audit/value.html", context, status=422 if form.errors else 200)
    response["Cache-Control"] = "no-store, no-transform"
    return response

"""The portal's addresses, and two that only the bench has: an empty view, and F, a plain signed-in page."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path

from tokenportal import urls
from tokenportal.views import access

PLAIN = """{% extends "base.html" %}{% block title %}Plain{% endblock %}{% block main %}
<div class="page-head"><div><h1>Plain</h1><p>{{ user.username }} is in {{ teams|join:", " }}.</p></div></div>{% endblock %}"""


@login_not_required
def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse("")


def plain(request: HttpRequest) -> HttpResponse:
    """Three queries: the session, the person, and one of its own."""
    teams = [str(membership.team) for membership in access.person(request).memberships.select_related("team")]
    return HttpResponse(compiled.render({"teams": teams}, request))


compiled = engines["django"].from_string(PLAIN)
urlpatterns = [path("bench/empty/", empty), path("bench/plain/", plain), *urls.urlpatterns]
handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500

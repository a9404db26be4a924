"""The plain list of events, for auditors and admins, and one event opened."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from tokenportal import rules
from tokenportal.audit.events import WORDS
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page

PER_PAGE = 50


@answers
@require_http_methods(["GET", "HEAD"])
def index(request: HttpRequest) -> HttpResponse:
    rules.require(rules.may_read_audit(access.person(request)))
    rows = access.events()
    actor, action = request.GET.get("actor", "").strip()[:64], request.GET.get("action", "")
    if actor:
        rows = rows.filter(by_name=actor)
    if action in WORDS:
        rows = rows.filter(action=action)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    for event in page:
        event.words = WORDS.get(event.action, event.action)
    context = {"page": page, "actor": actor, "action": action, "actions": sorted(WORDS.items(), key=lambda item: item[1])}
    return render_page(request, "audit/index.html", context)


@answers
@require_http_methods(["GET", "HEAD"])
def detail(request: HttpRequest, number: int) -> HttpResponse:
    rules.require(rules.may_read_audit(access.person(request)))
    event = access.event(number)
    changes = [(name, before, after) for name, (before, after) in sorted(event.changes.items())]
    context = {"event": event, "words": WORDS.get(event.action, event.action), "changes": changes}
    return render_page(request, "audit/detail.html", context)

"""The log, and one event opened, for auditors and admins."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tokenportal import rules
from tokenportal.actions import verifying
from tokenportal.audit.events import Event
from tokenportal.forms.log_filter import LogFilter
from tokenportal.models import AuditEvent, User
from tokenportal.views import access, audit_event, audit_rows, audit_told, chain
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page, target_of


@answers
@require_http_methods(["GET", "HEAD"])
def index(request: HttpRequest) -> HttpResponse:
    user = access.person(request)
    rules.require(rules.may_read_audit(user))
    wanted = audit_rows.wanted(request.GET)
    part = target_of(request) == "log"
    context = {**controls(wanted), **listed(request, wanted, user), "tab": "log", "part": part}
    if not part:
        context |= chain.standing(verifying.state())
    response = render_page(request, "audit/index.html", context, partials=("log",))
    if part:
        response["HX-Replace-Url"] = address(wanted)
    return response


def listed(request: HttpRequest, wanted: LogFilter, user: User) -> dict[str, Any]:
    """A page of the log as the address asks for it, and the addresses of the pages beside it."""
    before, after = cursor(request, "before"), cursor(request, "after")
    page = audit_rows.page(wanted, before=before, after=after)
    return {
        "filter": wanted, "query": wanted.query(), "export_url": reverse("audit-export"), "page": page,
        "days": audit_told.by_day(audit_told.lines(page.rows, user)), "shown": len(page.rows),
        "older_url": address(wanted, before=page.older) if page.older else "",
        "newer_url": address(wanted, after=page.newer) if page.newer else "",
        "newest_url": address(wanted) if page.newer or (not page.rows and before is not None) else "",
    }  # fmt: skip


def controls(wanted: LogFilter) -> dict[str, Any]:
    """What the controls offer. Events of one noun stand together, after the noun itself."""
    nouns: dict[str, list[Event]] = {}
    for event in Event:
        nouns.setdefault(event.partition(".")[0], []).append(event)
    return {
        "nouns": [(noun, noun.replace("_", " "), events) for noun, events in sorted(nouns.items())],
        "outcomes": AuditEvent.Outcome.choices, "people": access.names_of_people, "errors": wanted.problems,
    }  # fmt: skip


def address(wanted: LogFilter, **cursor: int | None) -> str:
    query = urlencode({**wanted.query(), **cursor})
    return f"{reverse('audit')}?{query}" if query else reverse("audit")


def cursor(request: HttpRequest, name: str) -> int | None:
    """A number of an event; None where the address holds none."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


@answers
@require_http_methods(["GET", "HEAD"])
def detail(request: HttpRequest, number: int) -> HttpResponse:
    user = access.person(request)
    rules.require(rules.may_read_audit(user))
    return render_page(request, "audit/detail.html", {**audit_event.opened(number, user), "tab": "log"})

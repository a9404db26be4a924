"""The trail of one token, from its draft to its end, for whoever may see the token."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tokenportal import rules
from tokenportal.audit import reading
from tokenportal.models import AuditEvent
from tokenportal.views import access, audit_told
from tokenportal.views.answers import answers
from tokenportal.views.audit import cursor
from tokenportal.views.audit_rows import who
from tokenportal.views.htmx import render_page
from tokenportal.views.token_rows import short

PER_PAGE = 50


@dataclass(frozen=True)
class Step:
    event: AuditEvent
    tone: str
    by: str
    by_url: str
    changes: list[audit_told.Change]
    details: list[tuple[str, Any]]


@answers
@require_http_methods(["GET", "HEAD"])
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Oldest first. Addresses and sessions are for those who may read the whole log."""
    user = access.person(request)
    token = access.token(user, pk)
    after = cursor(request, "after") or 0
    found = reading.read(access.life_events(user, token).filter(number__gt=after).order_by("number")[: PER_PAGE + 1])
    shown = found[:PER_PAGE]
    here = reverse("token-trail", args=[token.pk])
    context = {
        "token": token, "name": short(token.name), "steps": [step(event) for event in shown], "first_url": here if after else "",
        "next_url": f"{here}?after={shown[-1].number}" if len(found) > PER_PAGE else "",
        "may_read_audit": rules.may_read_audit(user), "log_url": f"{reverse('audit')}?object={token.pk}",
    }  # fmt: skip
    return render_page(request, "tokens/trail.html", context)


def step(event: AuditEvent) -> Step:
    tone = audit_told.TONES.get(event.outcome, "warn")
    by_url = reverse("audit-person", args=[event.by_id]) if event.by_id else ""
    return Step(event, tone, who(event), by_url, audit_told.changes_of(event), audit_told.details_of(event))

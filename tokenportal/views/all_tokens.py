"""The inventory for auditors and admins: every token, who answers for it, and what to look at first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from tokenportal import audit, clock, rules
from tokenportal.actions import findings, holdings
from tokenportal.actions.holdings import Holding
from tokenportal.audit import Event, export
from tokenportal.forms.holding_filter import SORTS, HoldingFilter
from tokenportal.forms.token_filter import ENDED, EXPIRIES, STATUSES
from tokenportal.models import User
from tokenportal.policy.words import RISK_ORDER, RISK_WORDS
from tokenportal.views import access, errors, finding_acts, token_list
from tokenportal.views.answers import answers
from tokenportal.views.finding_acts import Line
from tokenportal.views.htmx import render_page
from tokenportal.views.token_rows import short

PER_PAGE = 25
FINDINGS = (
    ("any", "With a finding"), ("nobody", "Without an owner"), *((finding.slug, finding.name) for finding in findings.FINDINGS),
)  # fmt: skip
FORMATS: dict[str, tuple[str, Callable[[Iterator[Holding]], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", lambda found: export.csv_lines(holdings.COLUMNS, map(holdings.as_row, found))),
    "jsonl": ("application/jsonl; charset=utf-8", lambda found: export.json_lines(map(holdings.as_json, found))),
}


@dataclass(frozen=True)
class Row:
    holding: Holding
    name: str
    lines: list[Line]


@answers
@require_http_methods(["GET", "HEAD"])
def index(request: HttpRequest) -> HttpResponse:
    user = access.person(request)
    rules.require(rules.may_read_audit(user))
    wanted, now = filter_of(request.GET), clock.now()
    page = Paginator(holdings.enriched(matching(user, wanted), now), PER_PAGE).get_page(request.GET.get("page"))
    told = holdings.told(page.object_list, now)
    context = {
        "tab": "tokens", "page": page, "filter": wanted, "query": wanted.query, "export_url": reverse("audit-tokens-export"),
        "rows": [Row(holding, short(holding.token.name), finding_acts.lines(user, holding)) for holding in told],
        "numbers": cache(lambda: numbers(user)), "choices": cache(lambda: choices(user)), "now": now,
        "found": findings.BY_SLUG.get(wanted.finding),
    }  # fmt: skip
    return render_page(request, "audit/tokens.html", context, partials=("list",))


@answers
@require_POST
def export_all(request: HttpRequest) -> HttpResponseBase:
    """The event is committed before the first byte leaves."""
    user = access.person(request)
    rules.require(rules.may_read_audit(user))
    wanted, form = filter_of(request.POST), request.POST.get("format", "")
    if form not in FORMATS:
        return errors.page(request, 422, "Error: nothing was exported", "Choose CSV or JSON Lines.")
    rows = matching(user, wanted)
    audit.note(Event.TOKENS_EXPORTED, by=user, format=form, filter=urlencode(wanted.query), rows=rows.count())
    content_type, written = FORMATS[form]
    name = f"tokens-{clock.now():%Y-%m-%dT%H%MZ}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(written(holdings.holdings(rows)), content_type=content_type, headers=headers)


def filter_of(query: QueryDict) -> HoldingFilter:
    return HoldingFilter.of_holdings(query, findings=FINDINGS, risks=RISK_ORDER)


def matching(user: User, wanted: HoldingFilter) -> Any:
    """The tokens that a filter means, in its order. Those that have ended only where their status is asked for."""
    now = clock.now()
    rows = access.tokens(user)
    rows = token_list.filtered(rows if wanted.status in ENDED else rows.alive(), wanted, user, now)
    if wanted.finding:
        rows = rows.filter(findings.condition(wanted.finding, now))
    if wanted.team:
        rows = rows.filter(team_id=wanted.team)
    if wanted.risk:
        rows = rows.filter(findings.with_risk(wanted.risk))
    danger, risk = findings.danger(now).desc(), findings.risk_order().desc()
    orders: dict[str, tuple[Any, ...]] = {
        "danger": ("is_parent", danger, risk), "risk": (risk, danger), "name": (), "end": (F("expires_on").asc(nulls_last=True),),
        "used": (F("last_used_on").asc(nulls_first=True), "issued_on"),
    }  # fmt: skip
    return rows.order_by(*orders[wanted.sort], "name", "pk")


def numbers(user: User) -> dict[str, Any]:
    """What the page says at a glance: (words, number, the query that lists them, a name for it), in three groups."""
    found = findings.numbers(access.tokens(user), clock.now())
    return {
        "whole": [
            ("Tokens", found.total, "", "all"),
            ("End within 14 days", found.soon, "expiry=14&sort=end", "soon"),
            ("Without an owner", found.nobody, "finding=nobody", "nobody"),
        ],
        "risks": [(risk, found.by_risk[risk], f"risk={risk}", RISK_WORDS[risk]) for risk in reversed(RISK_ORDER)],
        "findings": [(one, found.by_finding[one.slug], f"finding={one.slug}", one.slug) for one in findings.FINDINGS],
    }


def choices(user: User) -> dict[str, Any]:
    """What the filters offer, in one query: who owns tokens, which teams and connections have some."""
    names = {"owners": "owner", "teams": "team", "connections": "connection"}
    labels = {"owners": "owner__username", "teams": "team__name", "connections": "connection__name"}
    rows = list(access.tokens(user).order_by().values(*names.values(), *labels.values()).distinct())
    people = {
        kind: sorted({(str(row[names[kind]]), row[labels[kind]]) for row in rows if row[names[kind]]}, key=itemgetter(1))
        for kind in names
    }
    return {
        **people, "findings": FINDINGS, "risks": [(risk, RISK_WORDS[risk]) for risk in reversed(RISK_ORDER)],
        "statuses": STATUSES, "expiries": EXPIRIES, "sorts": SORTS, "any": bool(rows),
    }  # fmt: skip

"""The list of tokens, which is home: tabs, filters, and a row for each token in few words."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from operator import itemgetter
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tokenportal import clock, rules
from tokenportal.actions import findings, token_search
from tokenportal.forms.token_filter import ENDED, EXPIRIES, STATUSES, TABS, USES, TokenFilter
from tokenportal.models import Token, User
from tokenportal.views import access, token_rows
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page, target_of
from tokenportal.views.inventory import covered

PER_PAGE = 25


@answers
@require_http_methods(["GET", "HEAD"])
def index(request: HttpRequest) -> HttpResponse:
    """What only the whole page shows is looked up where its template asks for it, so that a keystroke is cheap."""
    user = access.person(request)
    if "permissionGroupKeys" in request.GET:
        # An address of Cloudflare's dashboard for account-owned tokens, with our host in place of its own.
        return redirect(f"{reverse('template-url')}?{request.META['QUERY_STRING']}")
    if target_of(request) == "coverage":
        return render_page(request, "tokens/index.html", {"coverage": covered(user)}, partials=("coverage",))
    wanted, now = TokenFilter.of(request.GET), clock.now()
    if wanted.tab == "unmanaged" and not rules.may_sync(user):
        wanted = replace(wanted, tab="mine")
    rows = filtered(in_tab(access.tokens(user), wanted, user, now), wanted, user, now)
    shown = rows.order_by("-issued_on", "-seen_at", "pk").values(*token_rows.COLUMNS)
    lists = cache(lambda: Lists(user, now))
    paginator = Paginator(shown, PER_PAGE)
    if not wanted.narrows:
        paginator.count = lists().counts[wanted.tab]
    page = paginator.get_page(request.GET.get("page"))
    context = {
        "page": page, "rows": token_rows.drawn(list(page), now), "filter": wanted, "lists": lists, "statuses": STATUSES,
        "expiries": EXPIRIES, "uses": USES, "waiting": lambda: access.waiting(user),
        "may_start": lambda: rules.may_start(user), "coverage": cache(lambda: covered(user)), "may_sync": rules.may_sync(user),
    }  # fmt: skip
    return render_page(request, "tokens/index.html", context, partials=("list",))


class Lists:
    """How many tokens each tab holds, who owns them and through which connections, in one query."""

    def __init__(self, user: User, now: datetime) -> None:
        alive, managed = ~Q(status__in=Token.ENDED), Q(team__isnull=False)
        counts = {
            "total": Count("pk", filter=alive & managed), "soon": Count("pk", filter=alive & managed & findings.ends_soon(now)),
            "unmanaged": Count("pk", filter=alive & ~managed & Q(is_parent=False)),
        }  # fmt: skip
        names = ("owner", "owner__username", "connection", "connection__name")
        found = list(access.tokens(user).order_by("owner__username", "connection__name").values(*names).annotate(**counts))
        self.any = bool(found)
        self.owners = list({str(one["owner"]): one["owner__username"] for one in found if one["owner"]}.items())
        self.connections = sorted({str(one["connection"]): one["connection__name"] for one in found}.items(), key=itemgetter(1))
        self.counts = {
            "mine": sum(one["total"] for one in found if one["owner"] == user.pk),
            "team": sum(one["total"] for one in found),
            "soon": sum(one["soon"] for one in found),
            "unmanaged": sum(one["unmanaged"] for one in found),
        }
        self.tabs = [(slug, name, self.counts[slug]) for slug, name in TABS if slug != "unmanaged" or rules.may_sync(user)]


def in_tab(rows: Any, wanted: TokenFilter, user: User, now: datetime) -> Any:
    """Tokens that have ended are there only where their status is asked for."""
    rows = rows if wanted.status in ENDED else rows.alive()
    if wanted.tab == "unmanaged":
        return rows.filter(team__isnull=True, is_parent=wanted.status == "parent")
    if wanted.tab == "mine":
        return rows.filter(owner=user, team__isnull=False)
    rows = rows.managed()
    return rows.filter(findings.ends_soon(now)) if wanted.tab == "soon" else rows


def filtered(rows: Any, wanted: TokenFilter, user: User, now: datetime) -> Any:
    if wanted.q:
        rows = rows.filter(name__icontains=wanted.q)
    if wanted.owner:
        rows = rows.filter(owner_id=wanted.owner)
    if wanted.place:
        rows = rows.reaching(token_search.words_for_place(wanted.place, access.token_connections(user)))
    if wanted.permission:
        rows = rows.reaching(token_search.words_for_permission(wanted.permission))
    if wanted.connection:
        rows = rows.filter(connection_id=wanted.connection)
    if wanted.status:
        rows = rows.filter(with_status(wanted.status, now))
    if wanted.use:
        rows = rows.filter(Q(last_used_on__isnull=True) if wanted.use == "never" else findings.unused(now))
    if wanted.expiry == "never":
        return rows.filter(expires_on__isnull=True)
    if wanted.expiry:
        return rows.filter(expires_on__gt=now, expires_on__lte=now + timedelta(days=int(wanted.expiry)))
    return rows


def with_status(status: str, now: datetime) -> Q:
    if status in ("drifted", "parent"):
        return Q(drifted=True) if status == "drifted" else Q(is_parent=True)
    if status in ENDED:
        return Q(status=status)
    past = findings.expired(now)
    return past if status == Token.Status.EXPIRED else ~past & Q(status=status)

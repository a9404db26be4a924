"""The list of tokens, which is home: tabs, filters, and a row for each token in few words."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from tokenportal import clock, rules
from tokenportal.actions import token_search
from tokenportal.forms.token_filter import EXPIRIES, STATUSES, TABS, TokenFilter
from tokenportal.models import Token, User
from tokenportal.views import access, token_rows
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page

PER_PAGE = 25


@answers
@require_http_methods(["GET", "HEAD"])
def index(request: HttpRequest) -> HttpResponse:
    """What only the whole page shows is looked up where its template asks for it, so that a keystroke is cheap."""
    user = access.person(request)
    wanted, now = TokenFilter.of(request.GET), clock.now()
    rows = filtered(in_tab(access.tokens(user), wanted.tab, user, now), wanted, user, now)
    shown = rows.order_by("-issued_on", "-seen_at", "pk").values(*token_rows.COLUMNS)
    lists = cache(lambda: Lists(user, now))
    paginator = Paginator(shown, PER_PAGE)
    if not wanted.narrows:
        paginator.count = lists().counts[wanted.tab]
    page = paginator.get_page(request.GET.get("page"))
    context = {
        "page": page, "rows": token_rows.drawn(list(page), now), "filter": wanted, "lists": lists, "statuses": STATUSES,
        "expiries": EXPIRIES, "waiting": lambda: access.waiting(user), "may_start": lambda: rules.may_start(user),
    }  # fmt: skip
    return render_page(request, "tokens/index.html", context, partials=("list",))


class Lists:
    """How many tokens each tab holds, and who owns them, in one query."""

    def __init__(self, user: User, now: datetime) -> None:
        soon = Count("pk", filter=ends_soon(now))
        groups = access.tokens(user).order_by("owner__username").values_list("owner", "owner__username")
        found = list(groups.annotate(total=Count("pk"), soon=soon))
        self.owners = [(str(owner), name) for owner, name, _, _ in found if owner]
        self.counts = {
            "mine": sum(total for owner, _, total, _ in found if owner == user.pk),
            "team": sum(total for _, _, total, _ in found),
            "soon": sum(number for _, _, _, number in found),
        }
        self.tabs = [(slug, name, self.counts[slug]) for slug, name in TABS]


def ends_soon(now: datetime) -> Q:
    return Q(expires_on__gt=now, expires_on__lte=now + token_rows.SOON)


def in_tab(rows: Any, slug: str, user: User, now: datetime) -> Any:
    if slug == "mine":
        return rows.filter(owner=user)
    return rows.filter(ends_soon(now)) if slug == "soon" else rows


def filtered(rows: Any, wanted: TokenFilter, user: User, now: datetime) -> Any:
    if wanted.q:
        rows = rows.filter(name__icontains=wanted.q)
    if wanted.owner:
        rows = rows.filter(owner_id=wanted.owner)
    if wanted.place:
        rows = rows.reaching(token_search.words_for_place(wanted.place, access.token_connections(user)))
    if wanted.permission:
        rows = rows.reaching(token_search.words_for_permission(wanted.permission))
    if wanted.status:
        ended = Q(expires_on__isnull=False, expires_on__lte=now)
        rows = rows.filter(ended) if wanted.status == Token.Status.EXPIRED else rows.filter(~ended, status=wanted.status)
    if wanted.expiry == "never":
        return rows.filter(expires_on__isnull=True)
    if wanted.expiry:
        return rows.filter(expires_on__gt=now, expires_on__lte=now + timedelta(days=int(wanted.expiry)))
    return rows

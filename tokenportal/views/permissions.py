"""Every permission under all its names: the dashboard's and the API's, its id, its key, and what it was called before."""

from collections.abc import Iterable
from functools import cache
from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_http_methods

from tokenportal.forms.parameters import typed
from tokenportal.policy.catalogue import Catalogue, PermissionGroup
from tokenportal.views.htmx import render_page, wanted_partial

SCOPES = {"account": "Account", "zone": "Zone", "user": "User", "bucket": "R2 bucket"}
WHILE_TYPING = 30
"""So many are shown as one types, which keeps the answer small; the plain page shows all that match."""

FAR = 2

Groups = tuple[PermissionGroup, ...]


@require_http_methods(["GET", "HEAD"])
def index(request: HttpRequest) -> HttpResponse:
    sought = typed(request.GET, "q")
    scope, category = request.GET.get("scope", ""), request.GET.get("category", "")
    found = matching(sought, scope, category)
    typing = bool(wanted_partial(request, ("found",)))
    shown = found[:WHILE_TYPING] if typing else found
    context = {
        "q": sought, "scope": scope, "category": category, "scopes": SCOPES.items(), "categories": categories(),
        "count": len(found), "shown": len(shown), "total": len(everything()), "typing": typing,
        "rows": all_rows() if len(shown) == len(everything()) else rows(shown),
    }  # fmt: skip
    return render_page(request, "permissions/index.html", context, partials=("found",))


@cache
def everything() -> Groups:
    """Every known group, by category and then by label, scope and level."""
    return tuple(sorted(Catalogue.from_facts(), key=lambda group: group.category_label))


@cache
def categories() -> tuple[tuple[str, str], ...]:
    return tuple(dict.fromkeys((group.category, group.category_label) for group in everything()))


def matching(sought: str, scope: str, category: str) -> Groups:
    """The groups of this scope and category (of all, where one is "") in whose names or id every word occurs.

    What is called exactly so comes first, and its category with it.
    """
    typed = sought.casefold()
    found = [
        group
        for group in everything()
        if scope in ("", group.scope)
        and category in ("", group.category)
        and all(word in haystack(group) for word in typed.split())
    ]
    best: dict[str, int] = {}
    for group in found:
        best[group.category_label] = min(distance(group, typed), best.get(group.category_label, FAR))
    return tuple(sorted(found, key=lambda group: (best[group.category_label], group.category_label, distance(group, typed))))


def distance(group: PermissionGroup, typed: str) -> int:
    """How far what was typed is from the group's names: it is one, begins one, or occurs in them."""
    names = haystack(group).split("\n")
    return 0 if typed in names else 1 if any(name.startswith(typed) for name in names) else FAR


@cache
def haystack(group: PermissionGroup) -> str:
    names = (group.label, group.level_label, group.name, *group.aliases, group.key, group.key.replace("_", " "), group.id)
    return "\n".join(names).casefold()


def rows(groups: Iterable[PermissionGroup]) -> str:
    by_category = [(label, list(members)) for label, members in groupby(groups, lambda group: group.category_label)]
    context: dict[str, Any] = {"by_category": by_category, "scope_names": SCOPES}
    return render_to_string("permissions/index.html#rows", context)


@cache
def all_rows() -> str:
    """The rows of the whole list, which is the same for everybody until the program starts anew."""
    return rows(everything())

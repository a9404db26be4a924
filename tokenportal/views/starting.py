"""Beginning a draft from what there is: an address of Cloudflare's dashboard, another draft or request.

The addresses are answered under Cloudflare's own paths, so that swapping the host is all there is to do.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from tokenportal import rules
from tokenportal.actions import beginning, drafts, snapshots
from tokenportal.models import Connection, Team
from tokenportal.policy import template_urls
from tokenportal.policy.spec import TokenSpec
from tokenportal.policy.template_urls import NoTemplate, Parsed
from tokenportal.upstream import owner
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.care import chosen
from tokenportal.views.htmx import render_page
from tokenportal.views.templates import choices, my_teams

LONGEST = 20_000


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def from_address(request: HttpRequest) -> HttpResponse:
    """Show what an address asks for, then begin it; ``url`` is one that was pasted whole."""
    user = access.person(request)
    rules.require(rules.may_start(user))
    posted = request.POST if request.method == "POST" else request.GET
    text = posted.get("url", "") if "url" in posted else request.META.get("QUERY_STRING", "")
    if not text.strip():
        return render_page(request, "templates/from-url.html", {"url": ""})
    found = template_urls.parse(text[:LONGEST], snapshots.all_known_groups())
    if isinstance(found, NoTemplate):
        errors = [{"href": "#url", "sentence": found.reason}]
        return render_page(request, "templates/from-url.html", {"url": text[:LONGEST], "errors": errors}, status=422)
    if request.method == "POST":
        team = chosen(my_teams(user), request.POST.get("team", ""))
        connection = fitting(team, found.spec, request.POST.get("connection", ""))
        spec = held_by(found.spec, connection)
        if left_out := names_of(set(found.spec.blocks[0].permissions) - set(spec.blocks[0].permissions)):
            said = f"An account-owned token cannot hold user permissions, so this was left out: {', '.join(left_out)}."
            messages.warning(request, said)
        return redirect(beginning.from_spec(spec, by=user, team=team, connection=connection))
    return render_page(request, "templates/from-url.html", {"url": text, **told(found), **choices(user)})


def told(found: Parsed) -> dict[str, Any]:
    """What was read from the address, in words."""
    [block] = found.spec.blocks
    catalogue = snapshots.all_known_groups()
    return {
        "found": found, "groups": [group for id in block.permissions if (group := catalogue.known(id))],
        "zones": "All zones" if block.zones.mode == "all" else block.zones.zones[0] if block.zones.zones else "",
        "accounts": "All accounts" if block.accounts.mode == "all" else block.accounts.accounts[0] if block.accounts.accounts else "",
    }  # fmt: skip


def fitting(team: Team, spec: TokenSpec, wanted: str) -> Connection | None:
    """The connection that was chosen; else the first that offers the most of what is asked for."""
    offered = drafts.connections_for(team.pk)
    picked = next((one for one in offered if str(one.pk) == wanted), None)
    return picked or max(offered, key=lambda one: len(held_by(spec, one).blocks[0].permissions), default=None)


def held_by(spec: TokenSpec, connection: Connection | None) -> TokenSpec:
    """The spec without user permissions where the token will be account-owned and cannot hold them (CLOUDFLARE.md, section 6)."""
    if connection is None or owner(connection).kind == "user":
        return spec
    catalogue = snapshots.catalogue(connection)
    [block] = spec.blocks
    kept = tuple(id for id in block.permissions if (group := catalogue.known(id)) is None or group.scope != "user")
    return replace(spec, blocks=(replace(block, permissions=kept),))


def names_of(ids: Iterable[str]) -> list[str]:
    """Permissions as the builder calls them."""
    catalogue = snapshots.all_known_groups()
    return sorted(f"{group.label}: {group.level_label}" for id in ids if (group := catalogue.known(id)))


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def duplicate(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask for which team, then begin a copy."""
    user = access.person(request)
    token_request = access.token_request(user, pk)
    rules.require(rules.may_start(user))
    teams = my_teams(user)
    if request.method == "POST":
        return redirect(beginning.from_request(token_request, by=user, team=chosen(teams, request.POST.get("team", ""))))
    context = {"token_request": token_request, "copy": token_request.working_copy, "teams": teams}
    return render_page(request, "drafts/duplicate.html", context)

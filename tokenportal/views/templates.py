"""The gallery of templates, and the beginning of a draft."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from tokenportal import rules
from tokenportal.actions import drafts, snapshots, team_templates
from tokenportal.forms.parameters import typed
from tokenportal.models import Connection, Team, User
from tokenportal.policy import recipes, templates, words
from tokenportal.policy.catalogue import Catalogue, PermissionGroup
from tokenportal.policy.templates import Template
from tokenportal.upstream import owner
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page, wanted_partial

CHIPS = 4
PARTIALS = ("cards",)


@dataclass(frozen=True)
class Card:
    """A template as its card shows it. `used`: how many tokens my teams have made from it; `url`: a page of its own, if any."""

    template: Template
    groups: tuple[PermissionGroup, ...]
    risk: str
    used: int = 0
    made: str = ""
    url: str = ""

    @property
    def where(self) -> str:
        """Where it applies to begin with, or who made it."""
        return self.made or self.template.resources

    @property
    def chips(self) -> tuple[PermissionGroup, ...]:
        return self.groups[:CHIPS]

    @property
    def more(self) -> int:
        return max(len(self.groups) - CHIPS, 0)

    def holds(self, words: list[str]) -> bool:
        """Whether every word stands in its name, its purpose, its notes or its permissions, under either name of these."""
        names = (f"{group.label} {group.name}" for group in self.groups)
        text = " ".join((self.template.name, self.template.purpose, *self.template.notes, *names)).casefold()
        return all(word in text for word in words)


def risk_of(groups: Iterable[PermissionGroup]) -> str:
    return max((group.risk for group in groups), key=words.RISK_ORDER.index, default="reads")


def team_cards(user: User) -> tuple[Card, ...]:
    """The templates of this person's teams, as cards like the others."""
    catalogue = snapshots.all_known_groups()
    found = []
    for version in access.team_templates(user):
        ids = dict.fromkeys(id for block in version.spec.blocks for id in block.permissions)
        groups = tuple(group for id in ids if (group := catalogue.known(id)))
        made = version.template
        card = Template(made.slug, made.title, version.purpose)
        by = f"Team {made.team}, version {version.number} by {version.made_by}"
        found.append(Card(card, groups, risk_of(groups), made=by, url=reverse("team-template", args=[made.pk])))
    return tuple(found)


@cache
def cards() -> tuple[tuple[str, tuple[Card, ...]], ...]:
    """All cards, by where they come from. They are the same for everybody until the program starts anew."""
    catalogue = Catalogue.from_facts()

    def card(template: Template) -> Card:
        groups = template.groups(catalogue)
        return Card(template, groups, risk_of(groups))

    return (("cloudflare", tuple(map(card, templates.TEMPLATES))), ("tools", tuple(map(card, recipes.RECIPES))))


def my_teams(user: User) -> list[Team]:
    return [membership.team for membership in user.memberships.filter(is_requester=True).select_related("team")]


@answers
@require_http_methods(["GET", "HEAD"])
def gallery(request: HttpRequest) -> HttpResponse:
    user = access.person(request)
    sought = typed(request.GET, "q")
    uses = access.template_uses(user)
    shown = {
        kind: [replace(one, used=uses.get(one.template.slug, 0)) for one in found if one.holds(sought.casefold().split())]
        for kind, found in (("teams", team_cards(user)), *cards())
    }
    context = {"shown": shown, "count": sum(map(len, shown.values())), "q": sought, "verdict": rules.may_start(user)}
    if not wanted_partial(request, PARTIALS):
        context |= choices(user)
    return render_page(request, "templates/gallery.html", context, partials=PARTIALS)


def choices(user: User) -> dict[str, Any]:
    """For which team, and through which connection, a token can be begun."""
    teams = my_teams(user)
    return {"teams": teams, "connections": drafts.connections_for(*(team.pk for team in teams))}


@answers
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Begin a draft for the chosen team, through the chosen connection or the one that fits the template best."""
    user = access.person(request)
    teams = my_teams(user)
    team = next((team for team in teams if str(team.pk) == request.POST.get("team")), teams[0] if teams else None)
    if team is None:
        raise rules.NotAllowed(rules.may_start(user).sentence)
    slug = request.POST.get("template", "")
    wanted = request.POST.get("connection", "")
    if pk := team_templates.of_slug(slug):
        template = access.team_template(user, pk)
        return redirect(team_templates.begin(template, by=user, team=team, connection=fitting(team, "", wanted)))
    token_request = drafts.start(
        by=user, team=team, template=slug if recipes.get(slug) else "", connection=fitting(team, slug, wanted)
    )
    return redirect(token_request)


def fitting(team: Team, slug: str, wanted: str) -> Connection | None:
    """The connection that was chosen; else the first that can hold any of the template's permissions."""
    offered = drafts.connections_for(team.pk)
    template = recipes.get(slug)

    def holds(connection: Connection) -> bool:
        catalogue = snapshots.catalogue(connection)
        return template is None or bool(templates.for_owner(template, catalogue, owner(connection).kind)[0].blocks[0].permissions)

    chosen = next((one for one in offered if str(one.pk) == wanted), None)
    return chosen or next((one for one in offered if holds(one)), offered[0] if offered else None)

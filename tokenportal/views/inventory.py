"""Reading all tokens anew, and adopting one that the portal did not make."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from tokenportal import audit, rules
from tokenportal.actions import inventory, syncing
from tokenportal.actions.invalid import Invalid
from tokenportal.forms.adopting import AdoptForm
from tokenportal.models import MovedMeanwhile, Team, Token, User
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page, target_of
from tokenportal.views.summary import known, told

MOVED = "The token has changed since the page was opened, or somebody was first."


def covered(user: User) -> list[inventory.Coverage]:
    """What each connection could list, for those who see every token; nothing for others."""
    return inventory.coverage(access.connections_with_readings(), access.tokens(user)) if rules.may_sync(user) else []


@answers
@require_POST
def sync(request: HttpRequest) -> HttpResponse:
    """Where htmx asked, what came of it takes the place of the progress that was shown meanwhile."""
    user = access.person(request)
    results = syncing.sync_all(by=user)
    if target_of(request) == "coverage":
        return render_page(request, "tokens/index.html", {"coverage": covered(user)}, partials=("coverage",))
    if all(result.worked for result in results):
        messages.success(request, "The tokens have been read anew.")
    else:
        messages.warning(request, "Not every connection’s tokens could be read. Beneath the list it says why.")
    return redirect(f"{reverse('tokens')}?tab=unmanaged")


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def adopt(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token = access.token(user, pk)
    rules.require(rules.may_adopt(user, token))
    teams = list(access.teams())
    form = adopt_form(request, token, teams)
    if request.method == "POST" and form.is_valid():
        try:
            adopted(token, form.cleaned_data, teams, by=user)
        except Invalid as error:
            form.add_error(error.field, error.sentences[0])
        except MovedMeanwhile:
            audit.refusing(MOVED)
            return adopt_page(request, access.token(user, pk), form, status=409)
        else:
            messages.success(request, f"{token.team} answers for {token} now.")
            return redirect(token)
    return adopt_page(request, token, form, status=422 if form.errors else 200)


def adopt_form(request: HttpRequest, token: Token, teams: list[Team]) -> AdoptForm:
    """Only people who are in a team can own a token; each is listed with their teams, so that the two go together."""
    places: dict[tuple[str, str], list[str]] = {}
    for team in teams:
        for membership in team.memberships.all():
            if membership.user.is_active:
                places.setdefault((membership.user.username, str(membership.user_id)), []).append(str(team))
    people = [(pk, f"{name} ({', '.join(held)})") for (name, pk), held in sorted(places.items())]
    posted = request.POST if request.method == "POST" else None
    initial = {"seen": inventory.mark(token)}
    return AdoptForm(posted, teams=[(str(team.pk), str(team)) for team in teams], people=people, initial=initial)


def adopted(token: Token, chosen: dict[str, Any], teams: list[Team], *, by: User) -> None:
    people = {str(one.user_id): one.user for team in teams for one in team.memberships.all()}
    inventory.adopt(
        token, by=by, team=next(team for team in teams if str(team.pk) == chosen["team"]), owner=people[chosen["owner"]],
        backup_owner=people.get(chosen["backup_owner"]), purpose=chosen["purpose"], seen=chosen["seen"] or "nothing",
    )  # fmt: skip


def adopt_page(request: HttpRequest, token: Token, form: AdoptForm, *, status: int) -> HttpResponse:
    """With what the token holds, for that is what is agreed to. After a conflict, with what it holds now."""
    moved = status == 409
    if moved:
        posted = request.POST.copy()
        posted["seen"] = inventory.mark(token)
        form.data = posted
    context = {"token": token, "form": form, "moved": moved, "may_adopt": rules.may_adopt(access.person(request), token)}
    return render_page(
        request, "tokens/adopt.html", {**context, **told(token.body, *known(token.body, token.connection))}, status=status
    )

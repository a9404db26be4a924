"""Settings, Teams: who asks for tokens together, and who approves them."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from tokenportal import audit
from tokenportal.actions import people
from tokenportal.actions.invalid import Invalid
from tokenportal.audit import Event
from tokenportal.forms.people import MemberForm, TeamForm
from tokenportal.models import Team
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page
from tokenportal.views.people import admin


@require_http_methods(["GET", "HEAD", "POST"])
@answers
def index(request: HttpRequest) -> HttpResponse:
    user = admin(request)
    form = TeamForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            team = people.create_team(by=user, name=form.cleaned_data["name"])
        except Invalid as error:
            form.add_error(error.field, error.sentences[0])
        else:
            messages.success(request, f"{team} is added. Put people into it next.")
            return redirect("team", pk=team.pk)
    context = {"form": form, "teams": access.teams(), "tab": "teams"}
    return render_page(request, "settings/teams.html", context, status=422 if form.errors else 200)


def member_form(team: Team, data: Any = None, *, anybody: bool = False) -> MemberForm:
    """The form that puts somebody into the team; ``anybody`` also takes those who are in it, to change their roles."""
    present = set() if anybody else set(team.memberships.values_list("user_id", flat=True))
    choices = [
        (str(person.pk), person.username)
        for person in access.people()
        if person.pk not in present and (person.is_active or anybody)
    ]
    if not anybody:
        choices = [("", "Choose a person"), *choices]
    return MemberForm(data, choices=choices, initial={"is_requester": True})


def team_page(request: HttpRequest, team: Team, form: TeamForm, adding: MemberForm) -> HttpResponse:
    wrong = form if form.errors else adding
    context = {
        "form": wrong, "naming": form, "adding": adding, "team": team, "tab": "teams",
        "memberships": team.memberships.select_related("user"),
    }  # fmt: skip
    return render_page(request, "settings/team.html", context, status=422 if wrong.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@answers
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = admin(request)
    team = access.team(pk)
    form = TeamForm(request.POST if request.method == "POST" else None, initial={"name": team.name})
    if form.is_valid():
        try:
            people.rename_team(team, by=user, name=form.cleaned_data["name"])
        except Invalid as error:
            form.add_error(error.field, error.sentences[0])
        else:
            messages.success(request, f"The team is called {team} now.")
            return redirect("team", pk=team.pk)
    return team_page(request, team, form, member_form(team))


@require_POST
@answers
def set_member(request: HttpRequest, pk: UUID) -> HttpResponse:
    audit.means(Event.MEMBERSHIP_REMOVED if "remove" in request.POST else Event.MEMBERSHIP_SET)
    user = admin(request)
    team = access.team(pk)
    posted = member_form(team, request.POST, anybody=True)
    if not posted.is_valid():
        adding = member_form(team, request.POST)
        adding.is_valid()
        return team_page(request, team, TeamForm(initial={"name": team.name}), adding)
    person = access.one_person(UUID(posted.cleaned_data["person"]))
    if "remove" in request.POST:
        found = team.memberships.filter(user=person).first()
        if found:
            people.remove_membership(found, by=user)
        messages.success(request, f"{person} is no longer in {team}.")
        return redirect("team", pk=team.pk)
    people.set_membership(
        by=user, team=team, person=person, is_requester=posted.cleaned_data["is_requester"],
        is_approver=posted.cleaned_data["is_approver"],
    )  # fmt: skip
    messages.success(request, f"The roles of {person} in {team} are saved.")
    return redirect("team", pk=team.pk)

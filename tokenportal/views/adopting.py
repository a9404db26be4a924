"""Adopting a token that the portal did not make: the form, and the page of a request to adopt one."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from tokenportal import audit, rules
from tokenportal.actions import adopting
from tokenportal.actions.adopting import Ask
from tokenportal.actions.invalid import Invalid
from tokenportal.forms.adopting import AdoptForm
from tokenportal.models import MovedMeanwhile, Status, Team, Token, TokenRequest, User
from tokenportal.views import access, access_reviews, comments
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page
from tokenportal.views.summary import known, told

MOVED = "The token has changed since the page was opened, or somebody was first."
ABOUT_WHOM_TO_ASK = ("asked", "person")


@dataclass(frozen=True)
class Asking:
    """The form, with the teams that can be chosen, what the rules ask for, and the person's own request that went back to them.

    ``errors`` are about what is no field of the form: whom to ask by name.
    """

    form: AdoptForm
    teams: list[Team]
    asks: tuple[Ask, ...]
    begun: TokenRequest | None
    errors: list[dict[str, str]] = field(default_factory=list)

    def refuse(self, error: Invalid) -> None:
        if error.field in ABOUT_WHOM_TO_ASK:
            self.errors.append({"href": "#asked", "sentence": error.sentences[0]})
        else:
            self.form.add_error(error.field if error.field in self.form.fields else None, error.sentences[0])


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def adopt(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token = access.token(user, pk)
    rules.require(adopting.may_adopt(user, token))
    asking = adopt_form(request, token)
    if request.method == "POST" and asking.form.is_valid():
        try:
            return done(request, token, adopted(token, asking, request.POST.getlist("asked"), by=user))
        except Invalid as error:
            asking.refuse(error)
        except MovedMeanwhile:
            audit.refusing(MOVED)
            token = access.token(user, pk)
            return adopt_page(request, token, adopt_form(request, token), status=409)
    return adopt_page(request, token, asking, status=422 if asking.form.errors or asking.errors else 200)


def done(request: HttpRequest, token: Token, sent: TokenRequest | None) -> HttpResponse:
    if sent is not None:
        messages.success(request, "It is in review. You are told as soon as somebody answers.")
        return redirect("review", pk=sent.pk)
    messages.success(request, f"{token.team} answers for {token} now.")
    return redirect(token)


def adopt_form(request: HttpRequest, token: Token) -> Asking:
    """With what the rules ask for, on which it depends whether a reason is asked for too.

    Only people who are in a team can own a token; each is listed with their teams, so that the two go together.
    """
    teams, places = list(access.teams()), defaultdict[tuple[str, str], list[str]](list)
    for team in teams:
        for membership in team.memberships.all():
            if membership.user.is_active:
                places[membership.user.username, str(membership.user_id)].append(str(team))
    people = [(pk, f"{name} ({', '.join(held)})") for (name, pk), held in sorted(places.items())]
    begun, asks = adopting.draft_of(access.person(request), token), adopting.asks(token, teams)
    form = AdoptForm(
        request.POST if request.method == "POST" else None, teams=[(str(team.pk), str(team)) for team in teams], people=people,
        asks_reason=not all(one.only_warns for one in asks),
        initial={**(as_asked(begun) if begun else {}), "seen": adopting.mark(token)},
    )  # fmt: skip
    return Asking(form, teams, asks, begun)


def as_asked(begun: TokenRequest) -> dict[str, Any]:
    """The form's values as a request has them that went back to who made it."""
    copy = begun.working_copy
    return {
        "team": begun.team_id, "owner": copy.owner_id, "backup_owner": copy.backup_owner_id or "", "purpose": copy.spec.purpose,
        "reason": begun.reason,
    }  # fmt: skip


def adopted(token: Token, asking: Asking, asked: list[str], *, by: User) -> TokenRequest | None:
    chosen, teams = asking.form.cleaned_data, asking.teams
    people = {str(one.user_id): one.user for team in teams for one in team.memberships.all()}
    team = next(team for team in teams if str(team.pk) == chosen["team"])
    found = access_reviews.people(TokenRequest(team=team), asked)
    for elsewhere in (people[pk] for pk in asked if pk in people and people[pk] not in found):
        raise Invalid("asked", f"{elsewhere} is not in the team {team}, and could not approve it. Ask somebody else.")
    return adopting.adopt(
        token, by=by, team=team, owner=people[chosen["owner"]], backup_owner=people.get(chosen["backup_owner"]),
        purpose=chosen["purpose"], seen=chosen["seen"] or "nothing", reason=chosen.get("reason", ""), asked=found,
    )  # fmt: skip


def adopt_page(request: HttpRequest, token: Token, asking: Asking, *, status: int) -> HttpResponse:
    """With what the token holds, for that is what is agreed to. After a conflict, with what it holds now."""
    user, moved = access.person(request), status == 409
    if moved:
        posted = request.POST.copy()
        posted["seen"] = adopting.mark(token)
        asking.form.data = posted
    begun, asks = asking.begun, asking.asks
    reviewed = [one for one in asks if one.is_for("approvals")]
    context = {
        "token": token, "form": asking.form, "moved": moved, "may_adopt": adopting.may_adopt(user, token), "asks": asks, "begun": begun,
        "returned": access_reviews.returned(begun) if begun else None, "some_reviewed": reviewed,
        "all_reviewed": any(not one.teams for one in reviewed), "errors": asking.errors, "asked": request.POST.getlist("asked"),
        "askable": adopting.askable(asks, asking.teams, by=user, begun=begun) if reviewed else None,
    }  # fmt: skip
    return render_page(
        request, "tokens/adopt.html", {**context, **told(token.body, *known(token.body, token.connection))}, status=status
    )


def request_page(request: HttpRequest, user: User, token_request: TokenRequest) -> HttpResponse:
    """A request to adopt a token, before its review and after its end: it has no builder, the form is the token's."""
    if request.method == "POST":
        raise rules.NotAllowed(rules.ON_ITS_FORM)
    token, is_draft = adopting.target_of(token_request), token_request.status == Status.DRAFT
    context = {
        "token_request": token_request, "token": token, "copy": token_request.working_copy,
        "sees_token": access.tokens(user).filter(pk=token.pk).exists(), "returned": access_reviews.returned(token_request),
        "may_adopt": adopting.may_adopt(user, token) if is_draft else None,
        "may_discard": rules.may_discard(user, token_request), "trail": access.trail(token_request.pk),
        **comments.counted(token_request), **told(token.body, *known(token.body, token.connection)),
    }  # fmt: skip
    return render_page(request, "requests/adoption.html", context)

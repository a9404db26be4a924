"""Caring for a token: each action has a page that says what will happen, and happens on its POST."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from tokenportal import audit, clock, rules
from tokenportal.actions import caring, issuing, taking
from tokenportal.actions.invalid import Invalid
from tokenportal.audit import Event
from tokenportal.models import Team, Token, User
from tokenportal.rules import Verdict
from tokenportal.views import access, errors
from tokenportal.views.answers import answers
from tokenportal.views.create import show_secret
from tokenportal.views.htmx import render_page
from tokenportal.views.sessions import is_fresh
from tokenportal.views.templates import my_teams

RECENTLY = timedelta(days=7)
STALE = "It is a while since you signed in. Open the page again and confirm that it is you. Nothing was sent."


@dataclass(frozen=True)
class Item:
    """One action as the token's page offers it: ``slug`` names its address and template."""

    slug: str
    name: str
    words: str
    verdict: Verdict
    harsh: bool = False

    @property
    def url_name(self) -> str:
        return f"token-{self.slug}"


def menu(user: User, token: Token) -> dict[str, Any]:
    """What the token's page says about caring for it: the actions, or how it ended, or what is not known yet."""
    if not token.is_alive:
        return {"revoked_by": access.revoked_by(token), "may_duplicate": rules.may_duplicate(user, token)}
    disabled = token.status == Token.Status.DISABLED
    may_roll = rules.may_roll(user, token)
    items = [
        Item("roll", "Roll", "A new secret; the present one dies at once.", may_roll),
        Item("enable", "Enable", "Its secret works again.", rules.may_enable(user, token))
        if disabled
        else Item("disable", "Disable", "Its calls are refused until it is enabled.", rules.may_disable(user, token)),
        Item("revoke", "Revoke", "It ends at once, and for good.", rules.may_care_for(user, token), harsh=True),
    ]
    sentences = {item.verdict.sentence for item in items}
    return {
        "care": [] if token.doing else items,
        "refusal": "" if token.doing else sentences.pop() if len(sentences) == 1 else "",
        "may_roll": may_roll,
        "may_ask": rules.may_ask(user, token),
        "may_duplicate": rules.may_duplicate(user, token),
    }


def asked_first(request: HttpRequest, slug: str, token: Token, **more: Any) -> HttpResponse:
    """The page that says what will happen. Where the sign-in is not fresh, it leads to that first."""
    used = token.last_used_on
    context = {"token": token, "fresh": is_fresh(request), "recently": bool(used and used > clock.now() - RECENTLY), **more}
    return render_page(request, f"tokens/care/{slug}.html", context)


@sensitive_variables()
def carried_out(request: HttpRequest, token: Token, act: Callable[[], HttpResponse]) -> HttpResponse:
    """Do it, if the sign-in is fresh; what was not begun, or could not be written down, has a page of its own."""
    if not is_fresh(request):
        raise rules.NotAllowed(STALE)
    try:
        return act()
    except taking.NotBegun as told:
        context = {"token": token, "sentence": audit.refusing(str(told))}
        return render_page(request, "tokens/care/not-begun.html", context, status=409)
    except issuing.LeftUnrecorded:
        return errors.outcome_unrecorded(request)


def told(request: HttpRequest, token: Token, result: taking.Result) -> HttpResponse:
    messages.add_message(request, messages.SUCCESS if result.done else messages.WARNING, result.sentence)
    return redirect(token)


@answers
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables()
def roll(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token = access.token(user, pk)
    rules.require(rules.may_roll(user, token))
    if request.method != "POST":
        return asked_first(request, "roll", token, seen=taking.turn(token, Event.TOKEN_ROLLING))
    seen = request.POST.get("seen", "")

    def act() -> HttpResponse:
        rolled = caring.roll(token, by=user, seen=int(seen) if seen.isdecimal() and len(seen) < 19 else -1)
        if rolled is None:
            return told(request, token, taking.Result(False, taking.last_word(token)))
        return show_secret(request, rolled.token, rolled.secret, rolled=True)

    return carried_out(request, token, act)


def switch(request: HttpRequest, pk: UUID, slug: str) -> HttpResponse:
    """The page and the POST of an action that hands out no secret."""
    may, act = SWITCHES[slug]
    user = access.person(request)
    token = access.token(user, pk)
    rules.require(may(user, token))
    if request.method != "POST":
        return asked_first(request, slug, token)
    return carried_out(request, token, lambda: told(request, token, act(token, by=user)))


SWITCHES: dict[str, tuple[Callable[[User, Token], Verdict], Callable[..., taking.Result]]] = {
    "disable": (rules.may_disable, caring.disable),
    "enable": (rules.may_enable, caring.enable),
    "revoke": (rules.may_care_for, caring.revoke),
}


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def disable(request: HttpRequest, pk: UUID) -> HttpResponse:
    return switch(request, pk, "disable")


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def enable(request: HttpRequest, pk: UUID) -> HttpResponse:
    return switch(request, pk, "enable")


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, pk: UUID) -> HttpResponse:
    return switch(request, pk, "revoke")


@answers
@require_POST
def ask(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token = access.token(user, pk)
    try:
        return told(request, token, caring.ask(token, by=user))
    except issuing.LeftUnrecorded:
        return errors.outcome_unrecorded(request)


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def duplicate(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A draft needs no fresh sign-in: nothing is handed out before it is confirmed."""
    user = access.person(request)
    token = access.token(user, pk)
    rules.require(rules.may_duplicate(user, token))
    teams = my_teams(user)
    if request.method != "POST":
        return asked_first(request, "duplicate", token, teams=teams)
    team = chosen(teams, request.POST.get("team", ""))
    try:
        return redirect(caring.duplicate(token, by=user, team=team))
    except Invalid as refusal:
        context = {"token": token, "teams": teams, "sentence": str(refusal)}
        return render_page(request, "tokens/care/duplicate.html", context, status=422)


def chosen(teams: list[Team], pk: str) -> Team:
    """The chosen one of my teams; where there is just one, it. Raises NotAllowed."""
    found = teams[0] if len(teams) == 1 and not pk else next((team for team in teams if str(team.pk) == pk), None)
    if found is None:
        raise rules.NotAllowed("You are not a requester in that team.")
    return found

"""Begin a change or a replacement from a token's page; and what that page says of the token's predecessor and successor."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from tokenportal import audit, rules
from tokenportal.actions import changing
from tokenportal.models import Token, TokenRequest, User
from tokenportal.views import access
from tokenportal.views.answers import answers


@answers
@require_POST
def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _begun(request, pk, changing.begin_edit)


@answers
@require_POST
def replace(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _begun(request, pk, changing.begin_replacement)


def _begun(request: HttpRequest, pk: UUID, begin: Callable[..., TokenRequest]) -> HttpResponse:
    user = access.person(request)
    token = access.token(user, pk)
    try:
        return redirect(begin(token, by=user))
    except changing.CannotBegin as cannot:
        messages.error(request, audit.refusing(str(cannot)))
        return redirect(token)


@dataclass(frozen=True)
class Succession:
    """A token and the one that takes its place, whichever of the two the page is about.

    ``told`` says in a word how far it is: ``waiting`` (the new one has not been used), ``taken`` (it has, and the old one
    not since), ``still used`` (the old one has been used after the new one), ``over`` (the old one has ended).
    """

    old: Token
    new: Token
    may_revoke: rules.Verdict

    @property
    def rows(self) -> tuple[tuple[Token, str], ...]:
        return (self.old, "Old"), (self.new, "New")

    @property
    def told(self) -> str:
        if not self.old.is_alive:
            return "over"
        if self.new.last_used_on is None:
            return "waiting"
        return "still used" if self.old.last_used_on and self.old.last_used_on > self.new.last_used_on else "taken"


def succession(user: User, token: Token) -> dict[str, Any]:
    """What tokens/parts/succession.html shows."""
    pairs = [(token, new) for new in access.successors(user, token)]
    pairs += [(old, token) for old in access.predecessors(user, token)]
    return {
        "may_edit": changing.may_edit(user, token),
        "may_replace": changing.may_replace(user, token),
        "changes": access.open_changes(user, token),
        "successions": [Succession(old, new, rules.may_care_for(user, old)) for old, new in pairs],
    }

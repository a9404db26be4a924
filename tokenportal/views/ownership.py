"""Who answers for a token: shown on its page, and changed on a page of its own."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from tokenportal import audit, rules
from tokenportal.actions import ownership
from tokenportal.actions.invalid import Invalid
from tokenportal.forms.ownership import OwnersForm
from tokenportal.models import Token, User
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page

MEANWHILE = (
    "Somebody has changed the owners meanwhile: {owner}, with {backup} as back-up. Save again to put yours in their place."
)


def shown(user: User, token: Token) -> dict[str, Any]:
    """What the token's page says about its owners."""
    gaps = ownership.gaps(token, ownership.answering(token)) if token.is_managed and token.is_alive else []
    return {"owner_gaps": gaps, "may_set_owner": rules.may_set_owner(user, token)}


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token = access.token(user, pk)
    rules.require(rules.may_set_owner(user, token))
    people = {person.pk: person for person in ownership.candidates(token)}
    now = {"owner": token.owner_id, "backup_owner": token.backup_owner_id, "purpose": token.purpose}
    choices = [(str(pk), person.username) for pk, person in people.items()]
    form = OwnersForm(request.POST if request.method == "POST" else None, initial=now, people=choices)
    if not form.is_valid():
        return _page(request, token, form, status=422 if form.errors else 200)
    asked = form.cleaned_data
    owner, backup = people[asked["owner"]], people.get(asked["backup_owner"])
    try:
        ownership.set_owners(
            token, by=user, owner=owner, backup_owner=backup, purpose=asked["purpose"], seen=request.POST.get("seen", "")[:16]
        )  # fmt: skip
    except Invalid as error:
        form.add_error(error.field, error.sentences[0])
        return _page(request, token, form, status=422)
    except ownership.ChangedMeanwhile:
        form.add_error(None, audit.refusing(MEANWHILE.format(owner=token.owner, backup=token.backup_owner or "nobody")))
        return _page(request, token, form, status=409)
    messages.success(request, f"{owner} owns the token now{f', with {backup} as back-up' if backup else ''}.")
    return redirect(token)


def _page(request: HttpRequest, token: Token, form: OwnersForm, *, status: int) -> HttpResponse:
    context = {
        "token": token, "form": form, "seen": ownership.mark(token),
        "owner_gaps": ownership.gaps(token, ownership.answering(token)),
    }  # fmt: skip
    return render_page(request, "tokens/owners.html", context, status=status)

"""Sharing a draft: with colleagues and teams, by a link, and handing it on. A page, and the same in a dialog beside the builder."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from tokenportal import clock, rules
from tokenportal.actions import sharing
from tokenportal.actions.invalid import Invalid
from tokenportal.models import ShareRole, Status, Team, TokenRequest, User
from tokenportal.secret import Secret
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page, target_of
from tokenportal.views.versions import number_in

PARTIAL = "sharing"


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token_request = access.token_request(user, pk)
    rules.require((rules.may_share if request.method == "POST" else rules.may_unshare)(user, token_request))
    typed = {"colleague": request.POST.get("colleague", "").strip(), "role": request.POST.get("role", ShareRole.VIEWER)}
    if request.method != "POST":
        return show(request, token_request, typed)
    whom = named(token_request, typed["colleague"])
    if whom is None or typed["role"] not in ShareRole.values:
        sentence = f"No colleague or team of yours is called “{typed['colleague'][:64]}”. Choose one from the list."
        return show(request, token_request, typed, errors=[{"href": "#colleague", "sentence": sentence}])
    sharing.share(token_request, by=user, colleague=whom, role=typed["role"])
    return shown_again(request, token_request, f"{called(whom)} {ShareRole(typed['role']).label.lower()} now.")


def called(whom: User | Team | None) -> str:
    return f"Team {whom}" if isinstance(whom, Team) else str(whom)


def shareable(request: HttpRequest, pk: UUID) -> tuple[User, TokenRequest]:
    """Who asks, and their draft. Raises NotAllowed unless it is theirs to share."""
    user = access.person(request)
    token_request = access.token_request(user, pk)
    rules.require(rules.may_share(user, token_request))
    return user, token_request


def named(token_request: TokenRequest, typed: str) -> User | Team | None:
    """The team or the colleague of this name; a team's is written as the list offers it, "team Web"."""
    teams = {f"team {team}".casefold(): team for team in sharing.teams_of(token_request)}
    people = {person.username: person for person in sharing.colleagues(token_request)}
    return people.get(typed.lower()) or teams.get(typed.casefold()) or teams.get(f"team {typed}".casefold())


def shown_again(request: HttpRequest, token_request: TokenRequest, said: str, go_on: str = "") -> HttpResponse:
    """Who has access now, and what was done. ``go_on`` is the heading where the focus goes when the pressed button is gone."""
    if target_of(request) == PARTIAL:
        return show(request, token_request, {}, said=said, go_on=go_on)
    messages.success(request, said)
    return redirect("share", pk=token_request.pk)


def show(
    request: HttpRequest, token_request: TokenRequest, typed: dict[str, str], *, errors: Any = (), new_link: Secret | None = None,
    said: str = "", go_on: str = "",
) -> HttpResponse:  # fmt: skip
    """The page of who has access. The address of a new link stands in this answer only."""
    everybody = sharing.everybody(token_request)
    address = reverse("link", args=[new_link.reveal()]) if new_link else ""
    context = {
        "token_request": token_request, "copy": token_request.working_copy, "everybody": everybody, "typed": typed, "errors": errors,
        "may_share": rules.may_share(access.person(request), token_request), "is_draft": token_request.status == Status.DRAFT,
        "shares": token_request.shares.select_related("user", "team"), "here": {one.person.pk for one in everybody},
        "links": access.links(token_request), "now": clock.now(), "roles": ShareRole.choices, "days": sharing.LINK_DAYS,
        "colleagues": sharing.colleagues(token_request), "teams": sharing.teams_of(token_request),
        "successors": sharing.successors(token_request), "said": said, "go_on": go_on, "is_part": target_of(request) == PARTIAL,
        "new_link": f"{settings.PUBLIC_ORIGIN}{address}" if address else "",
    }  # fmt: skip
    response = render_page(request, "drafts/share.html", context, partials=(PARTIAL,), status=422 if errors else 200)
    if new_link:
        response["Cache-Control"] = "no-store, no-transform"
    return response


@answers
@require_POST
def set_role(request: HttpRequest, pk: UUID, share_pk: UUID) -> HttpResponse:
    user, token_request = shareable(request, pk)
    share = access.share(token_request, share_pk)
    role = request.POST.get("role", "")
    whom = share.user or share.team
    if whom is not None and role in ShareRole.values:
        sharing.share(token_request, by=user, colleague=whom, role=role)
        return shown_again(request, token_request, f"{called(whom)} {ShareRole(role).label.lower()} now.")
    return shown_again(request, token_request, "Nothing was changed.")


@answers
@require_POST
def remove(request: HttpRequest, pk: UUID, share_pk: UUID) -> HttpResponse:
    user = access.person(request)
    token_request = access.token_request(user, pk)
    share = access.share(token_request, share_pk)
    sharing.unshare(share, by=user)
    return shown_again(request, token_request, f"It is no longer shared with {called(share.user or share.team)}.", "with-title")


@answers
@require_POST
def new_link(request: HttpRequest, pk: UUID) -> HttpResponse:
    user, token_request = shareable(request, pk)
    days = request.POST.get("days", "")
    try:
        _, code = sharing.make_link(token_request, by=user, role=request.POST.get("role", ""), days=number_in(days))
    except Invalid as error:
        return show(request, token_request, {}, errors=[{"href": "#days", "sentence": str(error)}])
    return show(request, token_request, {}, new_link=code)


@answers
@require_POST
def revoke_link(request: HttpRequest, pk: UUID, link_pk: UUID) -> HttpResponse:
    user = access.person(request)
    token_request = access.token_request(user, pk)
    sharing.revoke_link(access.link(token_request, link_pk), by=user)
    return shown_again(request, token_request, "The link works no more.", "link-title")


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def transfer(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask first, then hand the draft on."""
    user, token_request = shareable(request, pk)
    errors, chosen = [], request.POST.get("to", request.GET.get("to", ""))
    if request.method == "POST":
        to = next((person for person in sharing.successors(token_request) if str(person.pk) == chosen), None)
        if to is not None:
            sharing.transfer(token_request, by=user, to=to)
            messages.success(request, f"{to} owns this draft now. You can still edit it.")
            return redirect(token_request)
        errors = [{"href": "#to", "sentence": "Choose a requester of its team from the list."}]
    context = {
        "token_request": token_request, "copy": token_request.working_copy, "chosen": chosen, "errors": errors,
        "successors": sharing.successors(token_request),
    }  # fmt: skip
    return render_page(request, "drafts/transfer.html", context, status=422 if errors else 200)


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def by_link(request: HttpRequest, code: str) -> HttpResponse:
    """What somebody offers by a link, and the button that takes it: looking at it gives nothing yet."""
    user = access.person(request)
    link = sharing.link_by(code, user)
    if link is None:
        raise Http404
    if request.method == "POST":
        return redirect(sharing.take_link(link, by=user))
    if user.pk == link.token_request.requester_id:
        return redirect(link.token_request)
    return render_page(request, "drafts/link.html", {"link": link, "copy": link.token_request.working_copy})

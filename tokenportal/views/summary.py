"""Check this token: drawn from the body that will be sent, never from the form."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_http_methods

from tokenportal import rules
from tokenportal.actions import adopting, carrying_out, compared, drafts, issuing, preflight, snapshots, standing
from tokenportal.actions.invalid import Invalid
from tokenportal.models import Connection, Status, TokenRequest, User, Version
from tokenportal.policy import listing, words
from tokenportal.policy.body import named_zones, restrictions_of
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.surroundings import Surroundings
from tokenportal.views import access, access_reviews, could, machines, summary_steps, targets
from tokenportal.views.answers import answers
from tokenportal.views.sessions import is_fresh


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token_request = access.token_request(user, pk)
    if request.method == "POST":
        return make(request, user, token_request)
    return show(request, user, token_request)


def show(request: HttpRequest, user: User, token_request: TokenRequest, *, invalid: Invalid | None = None) -> HttpResponse:
    """The summary of what could be carried out or sent now; with what was typed and is wrong where ``invalid`` says so."""
    version = drafts.current_version(token_request)
    on_its_form = token_request.is_adoption and token_request.status == Status.DRAFT
    if version is None or token_request.status not in issuing.READY or on_its_form:
        return redirect(token_request)
    catalogue, around = known(version.payload, version.agreed_connection)
    changes = carrying_out.difference(token_request, version) if token_request.is_edit else None
    nothing = rules.Verdict(carrying_out.NO_DIFFERENCE if changes is not None and not changes.changes else "")
    if token_request.is_adoption:
        nothing = adopting.as_approved(adopting.target_of(token_request), version)
    checks = preflight.of(token_request, version)
    useless = nothing if not nothing else preflight.verdict(checks)
    steps = summary_steps.steps(user, token_request, version, posted=request.POST, useless=useless)
    context = {
        "token_request": token_request, "version": version, "fresh": is_fresh(request), "steps": steps, "checks": checks,
        "difference": changes, "comparisons": compared.before_sending(user, token_request, version),
        "returned": access_reviews.returned(token_request), **summary_steps.errors(invalid), **targets.seen_by(user, token_request),
        **told(version.payload, catalogue, around, origins(version, catalogue, around)),
        **machines.machines(request, version.payload, around.owner, catalogue, changing=token_request.is_edit),
        "could": SimpleLazyObject(lambda: could.panel(request, version.payload, version.agreed_connection, catalogue, around)),
    }  # fmt: skip
    response = could.render(request, "summary/page.html", context, partials=(machines.PARTIAL,))
    response.status_code = 422 if invalid else response.status_code
    return response


def make(request: HttpRequest, user: User, token_request: TokenRequest) -> HttpResponse:
    """Make a version of the draft as it stands now; what is missing leads back to the builder."""
    rules.require(rules.may_edit(user, token_request))
    try:
        drafts.check(token_request, by=user, revision=token_request.working_copy.revision)
    except (drafts.NotReady, drafts.Stale):
        return redirect(token_request)
    return redirect("summary", pk=token_request.pk)


def known(body: dict[str, Any], connection: Connection) -> tuple[Catalogue, Surroundings]:
    """What a connection offers, and the accounts and zones that a body names."""
    return snapshots.catalogue(connection), snapshots.surroundings(connection, named_zones(body))


def origins(version: Version, catalogue: Catalogue, around: Surroundings) -> tuple[str, ...]:
    """From which section of the form each policy of a version comes, for its links; nothing where it compiles otherwise by now."""
    payload = standing.compiled(version.token_request, version.spec, catalogue, around.owner)
    return payload.origins if payload.digest == version.digest else ()


def told(body: dict[str, Any], catalogue: Catalogue, around: Surroundings, sections: tuple[str, ...] = ()) -> dict[str, Any]:
    """A body in words: sentence, the list beneath it, restrictions, effects of what was left open."""
    return {
        "sentence": words.sentence(body, catalogue, around, sections).phrases,
        "risk": words.risk(body, catalogue),
        "lines": listing.listed(body, catalogue, around, sections),
        "restrictions": restrictions_of(body),
        "effects": words.effects(body),
    }

"""Confirm, create, and show the secret: once, in the answer to the POST, and nowhere else."""

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST

from tokenportal import audit, rules
from tokenportal.actions import adopting, carrying_out, issuing, settling, settling_changes, trying
from tokenportal.actions.invalid import Invalid
from tokenportal.audit import Event
from tokenportal.models import Token, TokenRequest
from tokenportal.secret import Secret
from tokenportal.views import access, errors, summary, summary_steps
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page
from tokenportal.views.sessions import is_fresh
from tokenportal.views.summary import known, told
from tokenportal.views.versions import number_in

SECRET_LIMIT = 200
ALREADY = "It has been sent already, or is being sent now. Nothing was sent this time."


@answers
@require_POST
@sensitive_variables()
def create(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token_request = access.token_request(user, pk)
    event, carry_out = way_of(token_request)
    audit.means(event)
    rules.require(rules.may_confirm(user, token_request))
    if not is_fresh(request):
        raise rules.NotAllowed("It is a while since you signed in. Open the summary again and confirm that it is you.")
    try:
        done = carry_out(
            token_request, by=user, version=number_in(request.POST.get("version", "")),
            digest=request.POST.get("digest", "")[:64], reason=summary_steps.reason_given(token_request, request.POST),
        )  # fmt: skip
    except Invalid as invalid:
        return summary.show(request, user, token_request, invalid=invalid)
    except issuing.AlreadyUnderWay:
        token_request.refresh_from_db()
        audit.refusing(ALREADY)
        return render_page(request, "requests/already.html", {"token_request": token_request}, status=409)
    except issuing.Changed as changed:
        return errors.changed(request, token_request, changed, moved=isinstance(changed, carrying_out.MovedAtCloudflare))
    except issuing.LeftUnrecorded:
        return errors.outcome_unrecorded(request) if token_request.is_edit else errors.left_unrecorded(request)
    if isinstance(done, issuing.Issued):
        return show_secret(request, done.token, done.secret)
    if done is not None:
        news = f"{token_request.team} answers for it now." if token_request.is_adoption else "The token is changed."
        messages.success(request, f"{news} Its secret is the same.")
    return redirect(done or token_request)


def way_of(token_request: TokenRequest) -> tuple[Event, Callable[..., issuing.Issued | Token | None]]:
    """What carries out a request of this kind, and the event with which that begins."""
    if token_request.is_adoption:
        return Event.TOKEN_TAKEN_OVER, adopting.carry_out
    return (Event.TOKEN_CHANGING, carrying_out.carry_out) if token_request.is_edit else (Event.TOKEN_ISSUING, issuing.issue)


@sensitive_variables()
def show_secret(request: HttpRequest, token: Token, secret: Secret, *, rolled: bool = False) -> HttpResponse:
    """The one page that holds a secret. It is never cached or compressed, and leaving it is for good."""
    context = {
        "token": token, "verify_url": verify_url(token), "secret_value": secret.reveal(), "rolled": rolled,
        "may_try": rules.may_try(access.person(request), token), **told(token.body, *known(token.body, token.connection)),
    }  # fmt: skip
    response = render_page(request, "requests/secret.html", context)
    response["Cache-Control"] = "no-store, no-transform, private, max-age=0"
    return response


def verify_url(token: Token) -> str:
    """Where this kind of token is verified: an account-owned one looks invalid at the user's address."""
    return f"{settings.PUBLIC_API_BASE_URL}/{token.connection.owner_path}/tokens/verify"


@answers
@sensitive_post_parameters("secret")
@sensitive_variables()
@require_POST
def try_out(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Try a token with the secret that the page of its creation still shows: posted by its script, never stored."""
    user = access.person(request)
    token = access.token(user, pk)
    rules.require(rules.may_try(user, token))
    value = request.POST.get("secret", "").strip()
    if not value or len(value) > SECRET_LIMIT:
        tried = trying.Trial("refused", "There was no secret to try. It is shown once, on the page of its creation.")
    else:
        tried = trying.try_out(token, by=user, secret=Secret(value))
    return render_page(request, "tokens/tried.html", {"token": token, "trial": tried}, partials=("trial",))


@answers
@require_POST
def look_up(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token_request = access.token_request(user, pk)
    settle = settling_changes if token_request.is_edit else settling
    outcome = settle.look_up(token_request, by=user)
    messages.info(request, outcome.sentence)
    return redirect(token_request)

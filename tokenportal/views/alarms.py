"""An alarm about a request's tokens, for the admin who resolves it."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from tokenportal import audit, rules
from tokenportal.actions import issuing, resolving, taking
from tokenportal.actions.invalid import Invalid
from tokenportal.audit import AuditUnavailable, Event
from tokenportal.models import TokenRequest, User
from tokenportal.views import access, errors
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page
from tokenportal.views.sessions import ask_again, is_fresh

NOTE_LIMIT = 400


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def resolve(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token_request = access.token_request(user, pk)
    if request.POST.get("do", "").startswith("revoke "):
        audit.means(Event.TOKEN_REVOKING)
    rules.require(rules.may_resolve(user, token_request))
    if request.method != "POST":
        return show(request, user, token_request) if is_fresh(request) else ask_again(request)
    if not is_fresh(request):
        raise rules.NotAllowed("It is a while since you signed in. Open this page again and confirm that it is you.")
    try:
        decide(request, user, token_request)
    except (resolving.CannotResolve, taking.NotBegun) as refusal:
        token_request.refresh_from_db()
        return show(request, user, token_request, audit.refusing(str(refusal)))
    except Invalid as error:
        return show(request, user, token_request, error=error)
    except issuing.LeftUnrecorded:
        return errors.left_unrecorded(request)
    return redirect("alarm" if token_request.alarm else "request", pk=token_request.pk)


def decide(request: HttpRequest, user: User, token_request: TokenRequest) -> None:
    """Do what the pressed button says, and leave a sentence about it for the next page."""
    verb, _, token_id = request.POST.get("do", "").partition(" ")
    if verb == "revoke":
        result = resolving.revoke(token_request, by=user, token_id=token_id)
        messages.add_message(request, messages.SUCCESS if result.done else messages.WARNING, result.sentence)
    elif verb == "accept":
        resolving.accept(token_request, by=user, token_id=token_id)
        messages.success(request, "The alarm is resolved: the token belongs to this request. Its secret is lost; roll it.")
    else:
        resolving.close(token_request, by=user, reason=request.POST.get("reason", "")[:NOTE_LIMIT])
        messages.success(request, "The alarm is closed.")


def show(
    request: HttpRequest, user: User, token_request: TokenRequest, refusal: str = "", error: Invalid | None = None
) -> HttpResponse:
    """The page, with what Cloudflare's list shows at this moment, or why it cannot be read."""
    context = {"token_request": token_request, "copy": token_request.working_copy, "reason": request.POST.get("reason", "")}
    try:
        context["scene"] = resolving.scene(token_request, by=user)
    except (resolving.CannotResolve, AuditUnavailable) as unread:
        refusal = refusal or str(unread)
    wrong = [{"href": "#reason", "sentence": sentence} for sentence in error.sentences] if error else []
    status = 422 if wrong else 409 if refusal else 200
    return render_page(request, "requests/alarm.html", {**context, "refusal": refusal, "errors": wrong}, status=status)

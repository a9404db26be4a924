"""Pages for what did not work: what happened, whether anything was changed, what to do next."""

import re
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from tokenportal import audit
from tokenportal.audit import Event
from tokenportal.middleware import SignedOut
from tokenportal.models import TokenRequest, User
from tokenportal.views.chrome import UNDER_REVIEW, theme_of
from tokenportal.views.htmx import render_page, wants_part

UNSAID = "You are not allowed to do this. Ask an admin of this portal."
NOT_FOUND = "There is nothing at this address, or it is not open to you. Check the address, or ask who sent it to you."
TAKEN_BACK = "If you have seen this request before, its requester may have taken it back."
TYPED = {
    "name": "Name", "purpose": "What will use it", "allow": "Works only from", "block": "Never from", "starts": "Starts",
    "until": "Ends on", "username": "Name", "email": "E-mail", "colleague": "Colleague", "reason": "Reason", "comment": "Comment",
}  # fmt: skip
"""What may be shown again of a form that came to nothing as a whole, never a credential or password."""
TYPED_IN_BLOCK = re.compile(r"b\d{1,2}-(label|zone-add|xzone-add|buckets)")


def page(request: HttpRequest, status: int, title: str, sentence: str, **more: Any) -> HttpResponse:
    """An error in the usual frame; where htmx asked, in place."""
    if wants_part(request):
        return in_place(status, title, sentence)
    return render(request, "errors/error.html", {"error_title": title, "sentence": sentence, **more}, status=status)


def plain(request: HttpRequest, status: int, title: str, sentence: str, **more: Any) -> HttpResponse:
    """An error in a frame that needs neither the database nor the session."""
    if wants_part(request):
        return in_place(status, title, sentence)
    context = {"error_title": title, "sentence": sentence, "theme": theme_of(request), **more}
    return HttpResponse(render_to_string("errors/plain.html", context), status=status)


def in_place(status: int, title: str, sentence: str) -> HttpResponse:
    """A banner at the head of the page that htmx is changing. The rest stays as it is, with all that was typed."""
    response = HttpResponse(render_to_string("errors/part.html", {"error_title": title, "sentence": sentence}), status=status)
    response["HX-Retarget"] = "#messages"
    response["HX-Reswap"] = "innerHTML show:#messages:top"
    return response


def refused(request: HttpRequest, sentence: str) -> HttpResponse:
    return page(request, 403, "You cannot do this", audit.refusing(sentence or UNSAID), typed=typed_in(request))


def changed(request: HttpRequest, token_request: TokenRequest, why: Exception, *, moved: bool = False) -> HttpResponse:
    """What was looked at is not what would be sent: nothing was, and what was typed beside it is shown."""
    context = {
        "token_request": token_request, "sentence": audit.refusing(str(why)), "moved": moved, "typed": typed_in(request),
    }  # fmt: skip
    return render_page(request, "requests/changed.html", context, status=409)


def not_recorded(request: HttpRequest) -> HttpResponse:
    sentence = (
        "The audit log cannot be written at the moment, and what cannot be recorded does not happen. Nothing was "
        "changed. Ask an admin to look at the server, then try again."
    )
    return plain(request, 503, "Nothing was changed", sentence, typed=typed_in(request))


def left_unrecorded(request: HttpRequest) -> HttpResponse:
    """For a creation whose answer came, or may have come, and could not be written down."""
    sentence = (
        "The request was sent to Cloudflare, but what came of it could not be recorded, so no secret is shown. Do not begin "
        "again: the token may exist. Ask an admin to look at the server; the portal then looks the token up by itself."
    )
    return plain(request, 503, "The token may have been created", sentence)


def outcome_unrecorded(request: HttpRequest) -> HttpResponse:
    """For what was done with a token, perhaps, and could not be written down."""
    sentence = (
        "The request was sent to Cloudflare, but what came of it could not be recorded, so no secret is shown. Ask an admin to "
        "look at the server. The portal then asks Cloudflare by itself how the token stands."
    )
    return plain(request, 503, "It may have been done", sentence)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return plain(request, 400, "The request made no sense", "Go back, reload the page and try again. Nothing was changed.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, SignedOut):
        return page(request, 403, "You are signed out", str(exception))
    return refused(request, str(exception) if isinstance(exception, PermissionDenied) else "")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    # What has no view was not read by anybody yet, and may be too large to be.
    hint = TAKEN_BACK if UNDER_REVIEW.match(request.path) else ""
    return page(request, 404, "Not found", NOT_FOUND, hint=hint, typed=typed_in(request) if request.resolver_match else [])


def server_error(request: HttpRequest) -> HttpResponse:
    sentence = "This is a fault of the portal. Look whether your last step took effect before you repeat it."
    return plain(request, 500, "Something went wrong", sentence)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that is too old, or somebody else's. Browsers may not give back what was typed, so it is shown.

    Of somebody who is signed in it is an event: another site may have sent it.
    """
    sentence = (
        "The form was open for too long, or was not sent from this portal. Go back, copy what you typed, reload the page "
        "and send it again."
    )
    if isinstance(request.user, User) and request.resolver_match:
        audit.refuse(Event.FORM_REFUSED, by=request.user, reason=sentence, form=request.resolver_match.route)
    return page(request, 403, "Nothing was changed", sentence, typed=typed_in(request))


def typed_in(request: HttpRequest) -> list[tuple[str, str]]:
    """What was typed into a form that came to nothing, as words for the field and the text."""
    in_blocks = [name for name in request.POST if TYPED_IN_BLOCK.fullmatch(name)]
    names = TYPED | {name: f"Access {name[1:].replace('-', ', ', 1).removesuffix('-add')}" for name in in_blocks}
    typed = [(words, request.POST.get(name, "")[:5000]) for name, words in names.items()]
    return [(words, text) for words, text in typed if text.strip()]

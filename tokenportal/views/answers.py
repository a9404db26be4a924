"""What a view answers when a rule says no or nothing can be recorded, and the event that says so, so that no view needs to."""

import logging
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import Error
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from tokenportal import audit
from tokenportal.audit import AuditUnavailable, Event
from tokenportal.audit.attempts import Attempt
from tokenportal.models import User
from tokenportal.models.outage import is_outage
from tokenportal.rules import NotAllowed
from tokenportal.views import errors

log = logging.getLogger("tokenportal.views")
View = Callable[..., HttpResponseBase]
REFUSALS = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}
DECLARED = {event.value: event for event in Event}
KINDS = {
    "tokens": "token", "requests": "tokenrequest", "people": "user", "teams": "team", "connections": "connection",
    "guardrails": "guardrail",
}  # fmt: skip
"""What an address is about, by the word in it that says so, as an event names it."""
NAME_LENGTH = 64
"""Of what an address names, an event holds no more."""


def answers(view: View) -> View:
    """NotAllowed becomes a 403 with its sentence, AuditUnavailable a 503 that says that nothing was changed.

    So does a database that takes nothing, for what is saved without an event.
    """

    @wraps(view)
    def answering(request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **options)
        except NotAllowed as refusal:
            return errors.refused(request, str(refusal))
        except (AuditUnavailable, Error) as error:
            if not isinstance(error, AuditUnavailable) and (request.method != "POST" or not is_outage(error)):
                raise
            step = request.resolver_match.view_name if request.resolver_match else view.__name__
            log.error("%s was not done: %s", step, error.__cause__ or error)
            return errors.not_recorded(request)

    return answering


def noted(view: View, *events: str) -> View:
    """A POST that is refused leaves one event: what it would have written, the sentence that the person got, by whom, on what.

    ``events`` are those that the address can write; the first counts unless the view says which one is meant.
    Raises KeyError for a name that is no event's.
    """
    declared = [DECLARED[name] for name in events]

    @wraps(view)
    def noting(request: HttpRequest, **places: Any) -> HttpResponseBase:
        if request.method != "POST":
            return view(request, **places)
        with audit.attempting(declared[0]) as attempt:
            try:
                response = view(request, **places)
            except (Http404, PermissionDenied) as refusal:
                audit.refusing(errors.NOT_FOUND if isinstance(refusal, Http404) else str(refusal))
                note(request, attempt, places)
                raise
            if attempt.reason or response.status_code in REFUSALS:
                audit.refusing(attempt.reason or HTTPStatus(response.status_code).phrase)
                note(request, attempt, places)
        return response

    return noting


def note(request: HttpRequest, attempt: Attempt, places: dict[str, Any]) -> None:
    """Record the refusal of somebody who is signed in, unless that has been done."""
    user, match = request.user, request.resolver_match
    if not isinstance(user, User) or attempt.event is None or match is None or attempt.is_told:
        return
    name = str(places.get("pk") or places.get("key") or "")[:NAME_LENGTH]
    kind = next((KINDS[word] for word in match.route.split("/") if word in KINDS), "") if name else ""
    named = (kind, name)
    audit.refuse(attempt.event, by=user, reason=attempt.reason, subject=attempt.subject, named=named)

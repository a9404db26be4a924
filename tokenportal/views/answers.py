"""What a view answers when a rule says no or nothing can be recorded, so that no view needs to say it again."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import Error
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from tokenportal.audit import AuditUnavailable
from tokenportal.models.outage import is_outage
from tokenportal.rules import NotAllowed
from tokenportal.views import errors

log = logging.getLogger("tokenportal.views")
View = Callable[..., HttpResponseBase]


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

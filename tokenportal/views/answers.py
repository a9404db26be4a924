"""What a view answers when a rule says no or nothing can be recorded, so that no view needs to say it again."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from tokenportal.audit import AuditUnavailable
from tokenportal.rules import NotAllowed
from tokenportal.views import errors

View = Callable[..., HttpResponse]


def answers(view: View) -> View:
    """NotAllowed becomes a 403 with its sentence, AuditUnavailable a 503 that says that nothing was changed."""

    @wraps(view)
    def answering(request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        try:
            return view(request, *args, **options)
        except NotAllowed as refusal:
            return errors.refused(request, str(refusal))
        except AuditUnavailable:
            return errors.not_recorded(request)

    return answering

"""Light, dark or as the system has it: a choice that this browser keeps."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from tokenportal.views.chrome import THEME_COOKIE, THEMES
from tokenportal.views.sessions import safe_next

YEAR = 365 * 24 * 60 * 60


@login_not_required
@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Keep the choice in a cookie; no script needs to read it, since each page is drawn with it."""
    response = redirect(safe_next(request))
    theme = request.POST.get("theme", "")
    if theme in THEMES:
        response.set_cookie(THEME_COOKIE, theme, max_age=YEAR, samesite="Lax", secure=settings.HTTPS, httponly=True)
    else:
        response.delete_cookie(THEME_COOKIE, samesite="Lax")
    return response

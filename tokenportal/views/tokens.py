"""The page of one token: what it holds at Cloudflare as last seen, whatever was agreed to."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from tokenportal import clock
from tokenportal.models import Token
from tokenportal.views import access, care, changing, could, finding_acts, ownership, renewing, timeline
from tokenportal.views.answers import answers
from tokenportal.views.create import verify_url
from tokenportal.views.standing import standing
from tokenportal.views.summary import known, told

STOPPED = {
    Token.Status.DISABLED.value: "The token is disabled, so it may call nothing.",
    Token.Status.REVOKED.value: "The token was revoked, so it may call nothing.",
    Token.Status.GONE.value: "The token is gone from Cloudflare, so it may call nothing.",
}


@answers
@require_http_methods(["GET", "HEAD"])
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token, now = access.token(user, pk), clock.now()
    catalogue, around = known(token.body, token.connection)
    stopped = STOPPED.get(token.status, "")
    status = token.status_at(now)
    context = {
        "token": token, "status": status, "label": Token.Status(status).label,
        "verify_url": verify_url(token), **standing(user, token), **care.menu(user, token),
        **told(token.body, catalogue, around), **timeline.shown(user, token, now), **ownership.shown(user, token),
        **changing.succession(user, token), **renewing.shown(token), **finding_acts.shown(user, token, now),
        "could": could.panel(request, token.body, token.connection, catalogue, around, moment=now, stopped=stopped),
    }  # fmt: skip
    return could.render(request, "tokens/detail.html", context)

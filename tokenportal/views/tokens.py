"""The page of one token: what it holds at Cloudflare as last seen, whatever was agreed to."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from tokenportal import clock
from tokenportal.actions import drafts
from tokenportal.models import Token
from tokenportal.policy.compile import same_grant
from tokenportal.views import access, could
from tokenportal.views.answers import answers
from tokenportal.views.create import verify_url
from tokenportal.views.summary import known, told


@answers
@require_http_methods(["GET", "HEAD"])
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token, now = access.token(user, pk), clock.now()
    agreed = drafts.current_version(token.token_request) if token.token_request else None
    catalogue, around = known(token.body, token.connection)
    stopped = "The token is disabled, so it may call nothing." if token.status == Token.Status.DISABLED else ""
    status = token.status_at(now)
    context = {
        "token": token, "status": status, "label": Token.Status(status).label,
        "differs": agreed is not None and not same_grant(agreed.payload, token.body), "verify_url": verify_url(token),
        "trail": access.trail(token.token_request_id), **told(token.body, catalogue, around),
        "could": could.panel(request, token.body, token.connection, catalogue, around, moment=now, stopped=stopped),
    }  # fmt: skip
    return could.render(request, "tokens/detail.html", context)

"""Reading all tokens anew, and what of them could be read."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from tokenportal import rules
from tokenportal.actions import inventory, syncing
from tokenportal.models import User
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page, target_of


def covered(user: User) -> list[inventory.Coverage]:
    """What each connection could list, for those who see every token; nothing for others."""
    return inventory.coverage(access.connections_with_readings(), access.tokens(user)) if rules.may_sync(user) else []


@answers
@require_POST
def sync(request: HttpRequest) -> HttpResponse:
    """Where htmx asked, what came of it takes the place of the progress that was shown meanwhile."""
    user = access.person(request)
    results = syncing.sync_all(by=user)
    if target_of(request) == "coverage":
        return render_page(request, "tokens/index.html", {"coverage": covered(user)}, partials=("coverage",))
    if all(result.worked for result in results):
        messages.success(request, "The tokens have been read anew.")
    else:
        messages.warning(request, "Not every connection’s tokens could be read. Beneath the list it says why.")
    return redirect(f"{reverse('tokens')}?tab=unmanaged")

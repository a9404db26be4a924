"""Notices: what a person was told without asking, newest first."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from tokenportal import clock, rules
from tokenportal.actions import mailing, notices
from tokenportal.views import access, access_reviews
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page

PER_PAGE = 25
NOT_YOURS = "About a draft or request that is not open to you any more."


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    user = access.person(request)
    if request.method == "POST":
        read = notices.read_all(user, until=shown_until(request.POST.get("until", "")))
        messages.success(request, f"{read} notice{'' if read == 1 else 's'} marked as read.")
        return redirect("notices")
    page = Paginator(access.notices(user), PER_PAGE).get_page(request.GET.get("page"))
    return render_page(
        request, "notices/index.html", {"page": page, "rows": rows(user, page), "until": f"{clock.now():%Y-%m-%dT%H:%M:%S.%f}"}
    )


def shown_until(text: str) -> datetime:
    """When the page was drawn whose notices are marked as read: one that came since stays unread."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return clock.now()


def rows(user: Any, page: Any) -> list[dict[str, Any]]:
    """Each notice with its token or request, where this person may still see it, and whether they may renew the token.

    One about neither says that the audit log does not hold (actions.verifying).

    What is said about a request is for those who see it now; but that a review was taken back is told to its reviewers.
    """
    requests = access_reviews.told_of(user).in_bulk({notice.token_request_id for notice in page if notice.token_request_id})
    tokens = access.tokens(user).in_bulk({notice.token_id for notice in page if notice.token_id})
    hidden = {notice for notice in page if notice.token_request_id and notice.token_request_id not in requests}
    taken_back = mailing.of_reviews_taken_back(hidden)
    found = [(notice, tokens.get(notice.token_id)) for notice in page]
    return [
        {
            "notice": notice,
            "sentence": NOT_YOURS if notice in hidden and notice.pk not in taken_back else notice.sentence,
            "token": token,
            "token_request": requests.get(notice.token_request_id),
            "about_log": not (notice.token_id or notice.token_request_id) and rules.may_read_audit(user),
            "may_renew": bool(token and token.expires_on and rules.may_change(user, token)),
        }
        for notice, token in found
    ]

"""Notices that are also mailed: the worker sends each once, and a mail server that is slow holds up nobody's page."""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from tokenportal import clock
from tokenportal.actions import letters
from tokenportal.models import Notice, Review, TokenRequest

AT_MOST = 100
"""Letters in one round, so that the worker's other duties are not late."""
TOO_OLD = timedelta(days=1)
"""Nobody wants yesterday's remark by mail because the worker did not run: it stands in the portal."""


def send_due() -> int:
    """Send what is due; how many letters left. Each is marked before it leaves, so a crash costs one and never sends two.

    Whoever has lost access to it since, or is deactivated, gets nothing; but that a review was taken back is told to its
    reviewers, who cannot see a draft.
    """
    due = Notice.objects.filter(mail_due=True).select_related("user", "token_request").order_by("at")[:AT_MOST]
    post, sent = letters.Post(), 0
    try:
        for notice in due:
            if not Notice.objects.filter(pk=notice.pk, mail_due=True).update(mail_due=False):
                continue
            if clock.now() - notice.at > TOO_OLD or not notice.user.is_active:
                continue
            sees = TokenRequest.objects.visible_to(notice.user).filter(pk=notice.token_request_id).exists()
            if sees or of_reviews_taken_back([notice]):
                sent += not post.send(letters.notice(notice, sees=sees))
    finally:
        post.close()
    return sent


def of_reviews_taken_back(notices: Collection[Notice]) -> frozenset[UUID]:
    """Those of these notices that say so; one query, or none where there are no notices."""
    if not notices:
        return frozenset()
    taken_back = (Review.Outcome.WITHDRAWN, Review.Outcome.VOIDED)
    ended = Review.objects.filter(token_request__in={one.token_request_id for one in notices}, outcome__in=taken_back).order_by()
    ends = set(ended.values_list("token_request", "ended_at"))
    return frozenset(one.pk for one in notices if (one.token_request_id, one.at) in ends)

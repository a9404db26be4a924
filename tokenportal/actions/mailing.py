"""Notices that are also mailed: the worker sends each once, and a mail server that is slow holds up nobody's page."""

from datetime import timedelta

from tokenportal import clock
from tokenportal.actions import letters
from tokenportal.models import Notice, TokenRequest

AT_MOST = 100
"""Letters in one round, so that the worker's other duties are not late."""
TOO_OLD = timedelta(days=1)
"""Nobody wants yesterday's remark by mail because the worker did not run: it stands in the portal."""


def send_due() -> int:
    """Send what is due; how many letters left. Each is marked before it leaves, so a crash costs one and never sends two.

    Whoever has lost access to the draft since, or is deactivated, gets nothing.
    """
    due = Notice.objects.filter(mail_due=True).select_related("user", "token_request").order_by("at")[:AT_MOST]
    post, sent = letters.Post(), 0
    try:
        for notice in due:
            if not Notice.objects.filter(pk=notice.pk, mail_due=True).update(mail_due=False):
                continue
            if clock.now() - notice.at <= TOO_OLD and still_concerns(notice):
                sent += not post.send(letters.notice(notice))
    finally:
        post.close()
    return sent


def still_concerns(notice: Notice) -> bool:
    about = TokenRequest.objects.visible_to(notice.user).filter(pk=notice.token_request_id)
    return notice.user.is_active and about.exists()

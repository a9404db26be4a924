"""Approvals that are enough by now: who gave one may have become an approver of one more team, or an admin, since."""

from django.db.models import Exists, F, OuterRef

from tokenportal import clock
from tokenportal.actions import guarding, notices, reviewing, voiding
from tokenportal.audit import Event
from tokenportal.models import MovedMeanwhile, Review, Status, TokenRequest

WHY = "Who approved it may give all the approvals that it takes by now."


def approve_due() -> int:
    """Approve what lacks no approval any more, and else would wait for nobody until it expires. How many there were."""
    lacking = guarding.demands().filter(review=OuterRef("pk"), given__lt=F("count"))
    due = Review.objects.filter(~Exists(lacking), outcome=Review.Outcome.OPEN, expires_at__gt=clock.now())
    found = due.filter(token_request__status=Status.IN_REVIEW).select_related("token_request__requester")
    return sum(_approve(review.token_request) for review in found.order_by("sent_at")[:500])


def _approve(token_request: TokenRequest) -> bool:
    try:
        with reviewing.recorded(Event.REVIEW_APPROVED, token_request, by=None) as record:
            record.reason = WHY
            review = voiding.locked(token_request)
            if review is None or not guarding.tally(record, token_request, review):
                raise MovedMeanwhile
            notices.tell_of_request(
                [token_request.requester], token_request,
                f"All approvals are there for {reviewing.what_of(token_request)}. It can be {token_request.deed.done} now.", mail=True,
            )  # fmt: skip
    except MovedMeanwhile:
        return False
    return True

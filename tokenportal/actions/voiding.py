"""The end of a review, whichever it is: what was approved in it counts no more."""

from tokenportal import clock
from tokenportal.audit import Record
from tokenportal.models import Answer, Review, Status, TokenRequest


def locked(token_request: TokenRequest) -> Review | None:
    """The live review, with the request's row held; its state and version are compared by ``move``."""
    TokenRequest.objects.select_for_update().get(pk=token_request.pk)
    return Review.objects.filter(token_request=token_request, outcome__in=Review.LIVE).first()


def leave(record: Record, token_request: TokenRequest, to: Status, outcome: Review.Outcome) -> Review | None:
    """Go to another state, inside a recording, and end the review, if one is live. Raises MovedMeanwhile."""
    now, review = clock.now(), locked(token_request)
    record.changes["status"] = [token_request.status, to.value]
    token_request.move(to, changed_at=now)
    if review is not None:
        record.change(review, outcome=outcome, ended_at=now)
        given = list(review.answers.filter(verdict=Answer.Verdict.APPROVE, voided_at=None).select_related("by"))
        for answer in given:
            record.change(answer, voided_at=now)
        record.details["voided"] = [str(answer.by) for answer in given]
    return review

"""What the page of a review shows: what is asked for, by which rules, what it is held against, and who may answer it."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from tokenportal import rules
from tokenportal.actions import adopting, compared, guarding, preflight, reviewing, similar
from tokenportal.models import Review, Status, TokenRequest, User
from tokenportal.views import access, access_reviews, builder_findings, comments, could, machines, review_queue, targets
from tokenportal.views.summary import known, told


@dataclass(frozen=True)
class Verdicts:
    """What this person may do with a review; each says why not."""

    approve: rules.Verdict
    answer: rules.Verdict
    withdraw: rules.Verdict
    ask: rules.Verdict
    go_on: bool


def verdicts(user: User, token_request: TokenRequest, review: Review) -> Verdicts:
    return Verdicts(
        approve=rules.may_approve(user, token_request, review), answer=rules.may_answer(user, token_request, review),
        withdraw=rules.may_withdraw(user, token_request), ask=rules.may_ask_somebody(user, token_request),
        go_on=token_request.status == Status.APPROVED and user.pk == token_request.requester_id,
    )  # fmt: skip


def show(
    request: HttpRequest, user: User, token_request: TokenRequest, review: Review, *, typed: str = "", errors: Any = (),
    status: int = 200,
) -> HttpResponse:  # fmt: skip
    context = seen(request, user, token_request, review)
    response = could.render(
        request, "review/page.html", {**context, "typed": typed, "errors": errors}, partials=(machines.PARTIAL,)
    )
    response.status_code = status
    return response


def seen(request: HttpRequest, user: User, token_request: TokenRequest, review: Review) -> dict[str, Any]:
    version = access_reviews.reviewed_version(review)
    catalogue, around = known(version.payload, version.agreed_connection)
    may = verdicts(user, token_request, review)
    is_open = review.is_live and token_request.status in guarding.APPROVALS_COUNT
    is_their_turn = access_reviews.waits(user, review)
    has_answered = any(answer.by_id == user.pk for answer in review.answers.all())
    is_asked = token_request.status == Status.IN_REVIEW and user in review.asked.all() and not has_answered
    return {
        "token_request": token_request, "version": version, "review": review, "may": may,
        "progress": guarding.progress(review, token_request), "is_their_turn": is_their_turn,
        "turn": review_queue.whose_turn(review, user, access_reviews.approves_for(user) if is_their_turn else None),
        "earlier": list(access_reviews.earlier(review)),
        "comparisons": compared.comparisons(user, token_request, version, review),
        "askable": reviewing.askable(token_request, {one.team_id for one in review.demands.all()}) if may.ask else (),
        "may_discard": rules.may_discard(user, token_request), "may_start": rules.may_start(user),
        "may_unshare": rules.may_unshare(user, token_request), **of_adoption(user, token_request),
        **targets.seen_by(user, token_request),
        "next_one": access_reviews.next_to_answer(user) if has_answered and not is_their_turn else None,
        "asked_me": is_asked and is_their_turn and not may.approve, "has_said": is_asked and not is_their_turn,
        "checks": SimpleLazyObject(lambda: preflight.of(token_request, version) if is_open else ()),
        "likes": SimpleLazyObject(
            lambda: similar.like(user, version.payload, version.agreed_connection, besides=token_request)
        ),
        "trail": access.trail(token_request.pk), **comments.counted(token_request),
        **told(version.payload, catalogue, around), **builder_findings.of_version(
            token_request, version, catalogue, around, alike=similar.same(user, version.payload, around, besides=token_request)
        ),
        **machines.machines(request, version.payload, around.owner, catalogue, changing=token_request.is_edit),
        "could": SimpleLazyObject(lambda: could.panel(request, version.payload, version.agreed_connection, catalogue, around)),
    }  # fmt: skip


def of_adoption(user: User, token_request: TokenRequest) -> dict[str, Any]:
    """Its token is asked for anew on a form of its own."""
    return {"may_adopt": adopting.may_adopt(user, adopting.target_of(token_request))} if token_request.is_adoption else {}

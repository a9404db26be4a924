"""Who may send for review, and who may answer. What an approval counts for is asked anew wherever it matters."""

from uuid import UUID

from tokenportal.models import Demand, Review, Status, TokenRequest, User
from tokenportal.rules.drafts import ON_ITS_FORM
from tokenportal.rules.people import may_start_in
from tokenportal.rules.verdicts import ALARMED, ALLOWED, Verdict

OWN = "You cannot approve your own request."
EDITED = "You edited this, or what it is a copy of, so somebody else must approve it."


def may_send(user: User, token_request: TokenRequest) -> Verdict:
    if user.pk != token_request.requester_id:
        return Verdict("Only the person who asked for this can send it for review.")
    if token_request.status != Status.DRAFT:
        return Verdict("Only a draft can be sent for review.")
    if token_request.is_adoption:
        return Verdict(ON_ITS_FORM)
    if token_request.alarm:
        return Verdict(ALARMED)
    return may_start_in(user, token_request.team_id)


def may_withdraw(user: User, token_request: TokenRequest) -> Verdict:
    if user.pk != token_request.requester_id:
        return Verdict("Only the person who asked for this can take it back.")
    if token_request.status not in (Status.IN_REVIEW, Status.APPROVED):
        return Verdict("It is not in review, so there is nothing to take back.")
    return ALLOWED


def may_ask_somebody(user: User, token_request: TokenRequest) -> Verdict:
    if user.pk != token_request.requester_id:
        return Verdict("Only the person who asked for this can ask somebody to review it.")
    if token_request.status != Status.IN_REVIEW:
        return Verdict("It is not in review, so there is nothing to ask for.")
    return ALLOWED


def approves_for(user: User, team_id: UUID | None) -> bool:
    """Whether this person's approval counts, by their standing now: for a team, or among the admins where there is none.

    Asks nothing of the database where their memberships were fetched with them.
    """
    if not user.is_active:
        return False
    if user.is_admin or team_id is None:
        return user.is_admin
    return any(one.team_id == team_id and one.is_approver for one in user.memberships.all())


def may_answer(user: User, token_request: TokenRequest, review: Review | None) -> Verdict:
    """Request changes or deny: whoever could approve it, were it enough, and the approvers of its team.

    Also after an attempt that failed: its approval lets the requester try again.
    """
    live = (Status.IN_REVIEW, Status.APPROVED, Status.FAILED)
    if review is None or not review.is_live or token_request.status not in live:
        return Verdict("It is not in review any more. Reload the page to see how it stands.")
    if token_request.status == Status.FAILED and token_request.alarm:
        return Verdict(ALARMED)
    if user.pk == token_request.requester_id:
        return Verdict(OWN)
    if wrote(user, token_request):
        return Verdict(EDITED)
    if any(approves_for(user, team_id) for team_id in {token_request.team_id, *_teams(review)}):
        return ALLOWED
    return Verdict(f"Only approvers of the team {token_request.team}, or whom the rules name, can answer this.")


def may_approve(user: User, token_request: TokenRequest, review: Review | None) -> Verdict:
    verdict = may_answer(user, token_request, review)
    if not verdict or review is None:
        return verdict
    if token_request.status != Status.IN_REVIEW:
        return Verdict("It is approved already.")
    if review.answers.filter(by=user, verdict="approve").exists():
        return Verdict("You have approved it already.")
    if not any(approves_for(user, team_id) for team_id in _teams(review)):
        return Verdict("The rules ask for the approval of others. You can deny it, or ask for changes.")
    return ALLOWED


def wrote(user: User, token_request: TokenRequest) -> bool:
    """Whether somebody took part in writing what is asked for, at any time."""
    copy = getattr(token_request, "working_copy", None)
    return user.pk == token_request.requester_id or (copy is not None and str(user.pk) in copy.editors)


def _teams(review: Review) -> set[UUID | None]:
    return set(Demand.objects.filter(review=review).order_by().values_list("team_id", flat=True))

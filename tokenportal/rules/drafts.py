"""Who may do what with a request, from its draft to its token, and with templates of teams."""

from tokenportal import clock
from tokenportal.models import TRANSITIONS, Comment, Review, ShareRole, Status, TeamTemplate, TokenRequest, User
from tokenportal.models.token_request import shared_with
from tokenportal.rules.people import may_administer, may_start_in
from tokenportal.rules.tokens import may_adopt, may_change
from tokenportal.rules.verdicts import ALARMED, ALLOWED, Verdict

ON_ITS_FORM = "An adoption has a form of its own. Change it there, and send it for review again."
OWNER, EDITOR, COMMENTER, VIEWER, NOBODY = "owner", "editor", "commenter", "viewer", ""


def draft_role(user: User, token_request: TokenRequest) -> str:
    """The most that this person may do with a draft, through whatever they were given: OWNER down to NOBODY."""
    if user.pk == token_request.requester_id:
        return OWNER
    here, now = TokenRequest.objects.filter(pk=token_request.pk), clock.now()
    held = (role for role in reversed(ShareRole.values) if here.filter(shared_with(user, now, role)).exists())
    return next(held, NOBODY)


def may_comment(user: User, token_request: TokenRequest) -> Verdict:
    """A draft's owner and those who were given that right; in review, who was asked by name to look at it."""
    in_review = Review.objects.filter(token_request=token_request, outcome=Review.Outcome.OPEN)
    if token_request.status == Status.IN_REVIEW and in_review.filter(asked=user).exists():
        return ALLOWED
    if token_request.status != Status.DRAFT:
        return Verdict("This is no longer a draft. What was said about it can be read, and not added to.")
    if draft_role(user, token_request) in (OWNER, EDITOR, COMMENTER):
        return ALLOWED
    return Verdict("You can look at this draft, not comment on it. Ask its owner for the right to comment.")


def may_resolve_comment(user: User, thread: Comment) -> Verdict:
    """Whoever began a thread, or could do what it asks for, closes it and opens it again; an answer goes with its thread."""
    if thread.answers_id is not None:
        return Verdict("This is an answer. Close or open the thread that it stands in.")
    verdict = may_comment(user, thread.token_request)
    if not verdict or user.pk == thread.by_id or draft_role(user, thread.token_request) in (OWNER, EDITOR):
        return verdict
    return Verdict("Only who began this thread, or who can edit the draft, can close it or open it again.")


def may_edit(user: User, token_request: TokenRequest) -> Verdict:
    if token_request.status != Status.DRAFT:
        return Verdict("This is no longer a draft, so it cannot be changed.")
    if token_request.is_adoption:
        return Verdict(ON_ITS_FORM)
    if user.pk == token_request.requester_id:
        return may_start_in(user, token_request.team_id)
    if draft_role(user, token_request) == EDITOR:
        return ALLOWED
    return Verdict("You can look at this draft, not change it. Ask its requester for the right to edit.")


def may_share(user: User, token_request: TokenRequest) -> Verdict:
    if user.pk != token_request.requester_id:
        return Verdict("Only the person who began this draft can share it.")
    if token_request.status != Status.DRAFT:
        return Verdict("This is no longer a draft, so it cannot be shared. What was shared of it can still be taken back.")
    if token_request.is_adoption:
        return Verdict("An adoption is not shared. Once it is sent for review, the whole team can see it.")
    return may_start_in(user, token_request.team_id)


def may_unshare(user: User, token_request: TokenRequest) -> Verdict:
    """What was shared goes on when the draft is left, and so does its owner's right to end it, whatever else they may do now."""
    if user.pk != token_request.requester_id:
        return Verdict("Only the person who began this draft can take back what was shared of it.")
    if token_request.is_adoption:
        return Verdict("An adoption is not shared. Once it is sent for review, the whole team can see it.")
    return ALLOWED


def may_save_template(user: User, token_request: TokenRequest) -> Verdict:
    """Whoever sees a draft and may ask for tokens in its team can make a template of it, which the whole team sees."""
    return may_start_in(user, token_request.team_id)


def may_use_template(user: User, template: TeamTemplate) -> Verdict:
    if template.retired_at:
        return Verdict("This template is retired. Choose another one.")
    if not user.memberships.filter(team=template.team_id).exists():
        return Verdict("This template is another team's.")
    return ALLOWED


def may_retire_template(user: User, template: TeamTemplate) -> Verdict:
    if user.is_admin or template.versions.filter(made_by=user).exists():
        return ALLOWED
    return Verdict("Only who made a version of this template, or an admin, can retire it.")


def may_discard(user: User, token_request: TokenRequest) -> Verdict:
    if user.pk != token_request.requester_id:
        return Verdict("Only the person who began this draft can discard it.")
    if Status.DISCARDED not in TRANSITIONS[token_request.state]:
        return Verdict("It cannot be discarded any more.")
    if token_request.alarm:
        return Verdict(ALARMED)
    # Who asks to adopt a token need not be in the team that shall answer for it.
    return ALLOWED if token_request.is_adoption else may_start_in(user, token_request.team_id)


def may_reopen(user: User, token_request: TokenRequest) -> Verdict:
    if user.pk != token_request.requester_id:
        return Verdict("Only the person who asked for this token can change it.")
    if token_request.status != Status.FAILED:
        return Verdict("Only a request whose token was not created goes back to draft.")
    if token_request.alarm:
        return Verdict(ALARMED)
    return may_start_in(user, token_request.team_id)


NOT_NOW = {
    Status.IN_REVIEW: "It is in review. It can be carried out once it is approved.",
    Status.REJECTED: "It was denied, so it cannot be carried out.",
    Status.EXPIRED: "It has expired, so it cannot be carried out.",
}


def may_confirm(user: User, token_request: TokenRequest) -> Verdict:
    """Whose step it is, whatever state the request is in: whoever else tries learns no more than that."""
    if user.pk == token_request.requester_id:
        return ALLOWED
    return Verdict(f"Only the person who asked for this {token_request.deed.thing} can confirm it.")


def may_issue(user: User, token_request: TokenRequest) -> Verdict:
    """Creating is the requester's own step. What the guardrails ask for is asked beside it (actions.guarding)."""
    if not (verdict := may_confirm(user, token_request)):
        return verdict
    if token_request.status in NOT_NOW:
        return Verdict(NOT_NOW[Status(token_request.status)])
    if token_request.status not in (Status.DRAFT, Status.APPROVED, Status.FAILED):
        done = "made" if token_request.is_of_target else "created"
        return Verdict(f"This {token_request.deed.thing} has been {done} already, or is being {done} now.")
    if token_request.alarm:
        return Verdict(ALARMED)
    if token_request.is_adoption and token_request.target:
        is_ready = token_request.status == Status.APPROVED
        return may_adopt(user, token_request.target) if is_ready else Verdict(ON_ITS_FORM)
    if token_request.is_edit and token_request.target:
        return may_change(user, token_request.target)
    return may_start_in(user, token_request.team_id)


def may_look_up(user: User, token_request: TokenRequest) -> Verdict:
    if user.pk == token_request.requester_id or user.is_admin:
        return ALLOWED
    return Verdict("Only the person who asked for this token, or an admin, can look it up.")


def may_resolve(user: User, token_request: TokenRequest) -> Verdict:
    if not user.is_admin:
        return may_administer(user)
    return ALLOWED if token_request.alarm else Verdict("There is no alarm to resolve: somebody was first.")

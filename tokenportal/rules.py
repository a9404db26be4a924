"""Who may do what, and the sentence when they may not.

A verdict is true, or carries the sentence that the page and the disabled button show. Pages for what one may not even
know of answer 404 (views.access); the rules here answer 403.
"""

from dataclasses import dataclass
from uuid import UUID

from tokenportal import clock
from tokenportal.models import Comment, Connection, ShareRole, Status, TeamTemplate, Token, TokenRequest, User
from tokenportal.models.token_request import shared_with


@dataclass(frozen=True)
class Verdict:
    sentence: str = ""

    def __bool__(self) -> bool:
        return not self.sentence


ALLOWED = Verdict()
ALARMED = "There is an alarm about a token of this request. An admin must resolve it before anything else happens."


class NotAllowed(Exception):
    """A rule said no; the message is its sentence."""


def require(verdict: Verdict) -> None:
    """Raises NotAllowed unless the verdict is true."""
    if not verdict:
        raise NotAllowed(verdict.sentence)


def is_requester(user: User, team_id: UUID | str) -> bool:
    return str(team_id) in user.requester_team_ids


def may_administer(user: User) -> Verdict:
    return ALLOWED if user.is_admin else Verdict("Only admins can do this. Ask an admin of this portal.")


def may_read_audit(user: User) -> Verdict:
    return ALLOWED if user.is_admin or user.is_auditor else Verdict("Only auditors and admins can read the audit log.")


def may_deactivate(user: User, person: User) -> Verdict:
    if not user.is_admin:
        return may_administer(user)
    if user == person:
        return Verdict("You cannot deactivate yourself. Ask another admin.")
    return ALLOWED


def may_start(user: User) -> Verdict:
    if user.requester_team_ids:
        return ALLOWED
    return Verdict("You are not a requester in any team. Ask an admin to make you one.")


def may_start_in(user: User, team_id: UUID | str) -> Verdict:
    if is_requester(user, team_id):
        return ALLOWED
    return Verdict("You are not a requester in that team.")


OWNER, EDITOR, COMMENTER, VIEWER, NOBODY = "owner", "editor", "commenter", "viewer", ""


def draft_role(user: User, token_request: TokenRequest) -> str:
    """The most that this person may do with a draft, through whatever they were given: OWNER down to NOBODY."""
    if user.pk == token_request.requester_id:
        return OWNER
    here, now = TokenRequest.objects.filter(pk=token_request.pk), clock.now()
    held = (role for role in reversed(ShareRole.values) if here.filter(shared_with(user, now, role)).exists())
    return next(held, NOBODY)


def may_comment(user: User, token_request: TokenRequest) -> Verdict:
    if token_request.status != Status.DRAFT:
        return Verdict("This is no longer a draft. What was said about it can be read, and not added to.")
    if draft_role(user, token_request) in (OWNER, EDITOR, COMMENTER):
        return ALLOWED
    return Verdict("You can look at this draft, not comment on it. Ask its owner for the right to comment.")


def may_resolve_comment(user: User, thread: Comment) -> Verdict:
    """Whoever began a thread, or could do what it asks for, closes it and opens it again."""
    verdict = may_comment(user, thread.token_request)
    if not verdict or user.pk == thread.by_id or draft_role(user, thread.token_request) in (OWNER, EDITOR):
        return verdict
    return Verdict("Only who began this thread, or who can edit the draft, can close it or open it again.")


def may_edit(user: User, token_request: TokenRequest) -> Verdict:
    if token_request.status != Status.DRAFT:
        return Verdict("This is no longer a draft, so it cannot be changed.")
    if user.pk == token_request.requester_id:
        return may_start_in(user, token_request.team_id)
    if draft_role(user, token_request) == EDITOR:
        return ALLOWED
    return Verdict("You can look at this draft, not change it. Ask its requester for the right to edit.")


def may_share(user: User, token_request: TokenRequest) -> Verdict:
    if user.pk != token_request.requester_id:
        return Verdict("Only the person who began this draft can share it.")
    if token_request.status != Status.DRAFT:
        return Verdict("This is no longer a draft. The whole team can see it now.")
    return may_start_in(user, token_request.team_id)


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
    if token_request.status not in (Status.DRAFT, Status.FAILED):
        return Verdict("It cannot be discarded any more.")
    if token_request.alarm:
        return Verdict(ALARMED)
    return may_start_in(user, token_request.team_id)


def may_reopen(user: User, token_request: TokenRequest) -> Verdict:
    if user.pk != token_request.requester_id:
        return Verdict("Only the person who asked for this token can change it.")
    if token_request.status != Status.FAILED:
        return Verdict("Only a request whose token was not created goes back to draft.")
    if token_request.alarm:
        return Verdict(ALARMED)
    return may_start_in(user, token_request.team_id)


def may_use(connection: Connection, team_id: UUID | str) -> Verdict:
    if not connection.is_active:
        return Verdict(f"The connection {connection} is switched off. Choose another one.")
    if not connection.grants.filter(team_id=team_id).exists():
        return Verdict(f"The connection {connection} is not open to this team. Choose another one.")
    return ALLOWED


def may_confirm(user: User, token_request: TokenRequest) -> Verdict:
    """Whose step it is, whatever state the request is in: whoever else tries learns no more than that."""
    if user.pk == token_request.requester_id:
        return ALLOWED
    return Verdict(f"Only the person who asked for this {'change' if token_request.is_edit else 'token'} can confirm it.")


def may_issue(user: User, token_request: TokenRequest, *, creates_tokens: bool) -> Verdict:
    """Creating is the requester's own step. Until guardrails exist, tokens that create tokens are for admins."""
    if not (verdict := may_confirm(user, token_request)):
        return verdict
    if token_request.status not in (Status.DRAFT, Status.FAILED):
        done = "made" if token_request.is_edit else "created"
        return Verdict(f"This {'change' if token_request.is_edit else 'token'} has been {done} already, or is being {done} now.")
    if token_request.alarm:
        return Verdict(ALARMED)
    if creates_tokens and not user.is_admin:
        return Verdict("This token could create tokens itself. Only an admin can create such a token.")
    if token_request.is_edit and token_request.target:
        return may_change(user, token_request.target)
    return may_start_in(user, token_request.team_id)


def may_look_up(user: User, token_request: TokenRequest) -> Verdict:
    if user.pk == token_request.requester_id or user.is_admin:
        return ALLOWED
    return Verdict("Only the person who asked for this token, or an admin, can look it up.")


def may_try(user: User, token: Token) -> Verdict:
    if user.pk in (token.owner_id, token.token_request.requester_id if token.token_request else None):
        return ALLOWED
    return Verdict("Only the token's owner, or who asked for it, can try it out here.")


def answers_for(user: User, token: Token) -> bool:
    """Whether this person answers for the token: its owner, its back-up owner, or an admin."""
    return user.is_admin or user.pk in (token.owner_id, token.backup_owner_id)


def may_care_for(user: User, token: Token) -> Verdict:
    """Roll, disable, enable, revoke: for those who answer for the token, as long as it exists."""
    if token.is_parent:
        return Verdict("This is the credential of a connection. Replace it in Cloudflare's dashboard, then under Connections.")
    if not token.is_alive:
        return Verdict("This token is gone. There is nothing left to do with it.")
    if token.doing:
        return Verdict("Something is being done with this token just now. Wait a moment and reload the page.")
    if not answers_for(user, token):
        return Verdict("Only the token's owner, its back-up owner or an admin can do this.")
    return ALLOWED


def may_roll(user: User, token: Token) -> Verdict:
    """Rolling hands out a secret, so somebody has to answer for the token first."""
    if not token.is_managed and not token.is_parent:
        return Verdict("Nobody answers for this token yet. Adopt it first.")
    return may_care_for(user, token)


def may_disable(user: User, token: Token) -> Verdict:
    verdict = may_care_for(user, token)
    if verdict and token.status != Token.Status.ACTIVE:
        return Verdict("Only an active token can be disabled.")
    return verdict


def may_enable(user: User, token: Token) -> Verdict:
    verdict = may_care_for(user, token)
    if verdict and token.status != Token.Status.DISABLED:
        return Verdict("Only a disabled token can be enabled.")
    return verdict


def may_ask(user: User, token: Token) -> Verdict:
    """Ask Cloudflare what became of what was sent and not answered."""
    if not token.doing:
        return Verdict("There is nothing to ask about: it is known how this token stands.")
    if token.doing == Token.Doing.CHANGING:
        return Verdict("It is being changed. The page of the change says how it stands.")
    return ALLOWED if answers_for(user, token) else Verdict("Only the token's owner, its back-up owner or an admin can do this.")


def may_change(user: User, token: Token) -> Verdict:
    """Edit or replace: like caring for it, by somebody who could ask for such a token in its team."""
    if not token.is_managed:
        return Verdict("Nobody answers for this token yet. Adopt it first.")
    verdict = may_care_for(user, token)
    return verdict if not verdict else may_start_in(user, token.team_id or "")


def may_duplicate(user: User, token: Token) -> Verdict:
    """Whoever sees a token may begin a draft like it, in a team in which they are a requester."""
    return may_start(user)


def may_adopt(user: User, token: Token) -> Verdict:
    if token.is_parent:
        return Verdict("This is the credential of a connection. It needs no owner here.")
    if token.is_managed or not token.is_alive:
        return Verdict("This token needs no adoption: it has a team, or it is gone.")
    return may_administer(user)


def may_set_owner(user: User, token: Token) -> Verdict:
    if not token.is_managed or not token.is_alive:
        return Verdict("Only a token that exists and that a team answers for has owners.")
    return ALLOWED if answers_for(user, token) else Verdict("Only the token's owner, its back-up owner or an admin can do this.")


def may_sync(user: User) -> Verdict:
    """Reading a connection's tokens anew: admins and auditors, who see them all."""
    return ALLOWED if user.is_admin or user.is_auditor else Verdict("Only auditors and admins can read all tokens anew.")


def may_resolve(user: User, token_request: TokenRequest) -> Verdict:
    if not user.is_admin:
        return may_administer(user)
    return ALLOWED if token_request.alarm else Verdict("There is no alarm to resolve: somebody was first.")

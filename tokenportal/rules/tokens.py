"""Who may do what with a token that exists."""

from tokenportal.models import Token, User
from tokenportal.rules.people import may_administer, may_start, may_start_in
from tokenportal.rules.verdicts import ALLOWED, Verdict


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

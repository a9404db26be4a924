"""Renewing a token: a change that gives it a new end, as far away as the last one was, and nothing else."""

from contextlib import suppress

from tokenportal.actions import changing, drafts
from tokenportal.models import Status, Token, TokenRequest, User
from tokenportal.policy.spec import DEFAULT_DAYS

SHORTEST = 7


def days_for(token: Token) -> int:
    """The length of life that a renewal gives: what was agreed to last, in days from then; at least a week.

    A token that never ends, and one whose beginning nobody knows, gets the default.
    """
    if token.expires_on is None:
        return DEFAULT_DAYS
    made = token.token_request_id
    agreed = TokenRequest.objects.filter(status=Status.ISSUED, target=token, kind=TokenRequest.Kind.EDIT).order_by("changed_at")
    newest = agreed.last() or (TokenRequest.objects.get(pk=made) if made else None)
    version = newest.versions.filter(number=newest.version).first() if newest else None
    began = version.made_at if version else token.issued_on
    return max(SHORTEST, (token.expires_on.date() - began.date()).days) if began else DEFAULT_DAYS


def renew(token: Token, *, by: User) -> TokenRequest:
    """A draft that changes this token's end, with its summary made; left in the builder where the token has problems today.

    Raises NotAllowed, and changing.CannotBegin where the token cannot be read or a change cannot say it.
    """
    token_request = changing.begin_edit(token, by=by, days=days_for(token))
    begun = TokenRequest.objects.select_related("working_copy").get(pk=token_request.pk)
    # Where something is missing, the builder's page says what: a draft without a summary leads there.
    with suppress(drafts.NotReady, drafts.Stale):
        drafts.check(begun, by=by, revision=begun.working_copy.revision)
    return begun

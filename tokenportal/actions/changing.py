"""Changing or replacing a token that exists: a draft that begins with what it holds now.

A change (an edit) is sent to the token itself, whose secret stays; a replacement makes a new token, the old one's successor.
"""

from dataclasses import replace
from typing import Any

from django.db import transaction

from tokenportal import audit, cloudflare, rules, upstream
from tokenportal.actions import drafts, sending_back, snapshots
from tokenportal.actions.asking_first import not_read
from tokenportal.audit import Event
from tokenportal.cloudflare import TokenRecord
from tokenportal.models import Status, Team, Token, TokenRequest, User
from tokenportal.policy import decompile as decompiling
from tokenportal.policy import spec as specs
from tokenportal.policy.compile import name_without, same_grant
from tokenportal.policy.decompile import NotExpressible
from tokenportal.policy.spec import TokenSpec, Validity

ELSEWHERE = "It can be rolled, disabled and revoked here, not changed; do that in Cloudflare's dashboard."
IN_REVIEW = (Status.IN_REVIEW, Status.APPROVED)
OPEN = (Status.DRAFT, Status.FAILED, *IN_REVIEW)


class CannotBegin(Exception):
    """No change can be begun; the message says why and what can be done instead. Nothing was written."""


def may_edit(user: User, token: Token) -> rules.Verdict:
    """Whether somebody may change this token, and whether its body, as last seen, is one that the builder can show."""
    verdict = may_replace(user, token)
    found = spec_in(token, token.body) if verdict else None
    return rules.Verdict(cannot_say(found)) if isinstance(found, NotExpressible) else verdict


def may_replace(user: User, token: Token) -> rules.Verdict:
    verdict = rules.may_change(user, token)
    return verdict if not verdict else rules.may_use(token.connection, token.team_id or "")


def cannot_say(found: NotExpressible) -> str:
    return f"{found.reason} {ELSEWHERE}"


def begin_edit(token: Token, *, by: User, days: int | None = None) -> TokenRequest:
    """A draft that changes this token, with what it holds at Cloudflare at this moment (one GET).

    ``days``: a new lifetime, counted from today. A person has one open draft of this kind for a token: where there is one,
    it is given back, with its entries, and compared with the token as it is now; one in review, as it is. Raises NotAllowed, or CannotBegin where
    the token cannot be read, is gone, or is more than a spec can say.
    """
    rules.require(may_replace(by, token))
    base = whole(live(token))
    with transaction.atomic():
        opened = _opened(token, TokenRequest.Kind.EDIT, by=by)
        if opened is not None and opened.status in IN_REVIEW:
            return opened
        spec = spec_in(token, base) if opened is None else opened.working_copy.spec
        if isinstance(spec, NotExpressible):
            raise CannotBegin(cannot_say(spec))
        spec = spec if days is None else replace(spec, validity=replace(spec.validity, lifetime="days", days=days))
        if opened is None:
            return _begun(token, TokenRequest.Kind.EDIT, spec, by=by, base=base)
        _taken_up(opened, base, spec, by=by)
    return opened


def begin_replacement(token: Token, *, by: User) -> TokenRequest:
    """A draft of a successor that may do the same, for as many days as this token was made for; 90 where it never ends.

    What was agreed to is repeated, not what somebody made of it at Cloudflare. An open draft of the same person is given
    back. Raises NotAllowed, or CannotBegin where a spec cannot say it.
    """
    rules.require(may_replace(by, token))
    with transaction.atomic():
        opened = _opened(token, TokenRequest.Kind.REPLACE, by=by)
        if opened is not None:
            _reopened(opened, by=by)
            return opened
        spec = spec_in(token, token.approved or token.body)
        if isinstance(spec, NotExpressible):
            raise CannotBegin(f"{spec.reason} Make a new token and revoke this one.")
        return _begun(token, TokenRequest.Kind.REPLACE, replace(spec, validity=Validity(days=days_of(token))), by=by)


def live(token: Token) -> TokenRecord:
    """How the token stands at Cloudflare now. Raises CannotBegin."""
    try:
        return upstream.client(token.connection).get_token(token.cloudflare_id)
    except cloudflare.CloudflareError as error:
        known = "Cloudflare could not be asked how this token stands now, so nothing was begun."
        raise CannotBegin(f"{known} {not_read(error)}") from None


def as_base(seen: TokenRecord) -> dict[str, Any]:
    """What a change begins with: the body with the status that it leaves as it is. A new end makes an expired one active."""
    disabled = seen.status == Token.Status.DISABLED
    return {**seen.body, "status": (Token.Status.DISABLED if disabled else Token.Status.ACTIVE).value}


def whole(seen: TokenRecord) -> dict[str, Any]:
    """The same, for a change that will replace all of it. Raises CannotBegin where something would be lost."""
    try:
        sending_back.body_of(seen)
    except sending_back.CannotSendBack as refusal:
        raise CannotBegin(f"{refusal} {ELSEWHERE}") from None
    return as_base(seen)


def same_base(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return same_grant(a, b) and (a["name"], a["status"]) == (b["name"], b["status"])


def spec_in(token: Token, body: dict[str, Any]) -> TokenSpec | NotExpressible:
    """The spec that says this body, with the token's purpose, and its name as a person gave it."""
    connection = token.connection
    found = decompiling.decompile(body, snapshots.catalogue(connection), upstream.owner(connection))
    if isinstance(found, NotExpressible):
        return found
    reference = token.token_request.reference if token.token_request else ""
    return replace(found, name=name_without(found.name, reference), purpose=token.purpose)


def days_of(token: Token) -> int:
    if token.expires_on is None or token.issued_on is None:
        return specs.DEFAULT_DAYS
    return max(1, (token.expires_on.date() - token.issued_on.date()).days)


def _opened(token: Token, kind: str, *, by: User) -> TokenRequest | None:
    """The open draft of this person. The token's row is locked first, so that two clicks do not both find none."""
    Token.objects.select_for_update().get(pk=token.pk)
    found = TokenRequest.objects.select_for_update(of=("self",)).filter(kind=kind, target=token, requester=by, status__in=OPEN)
    return found.select_related("working_copy__connection", "working_copy__owner").first()


def _begun(token: Token, kind: str, spec: TokenSpec, *, by: User, base: dict[str, Any] | None = None) -> TokenRequest:
    return drafts.begun(
        team=Team.objects.get(tokens=token), by=by, owner=token.owner or by, backup_owner=token.backup_owner, spec=spec,
        connection=token.connection, kind=kind, target=token, base=base,
    )  # fmt: skip


def _reopened(opened: TokenRequest, *, by: User) -> None:
    if opened.status == Status.FAILED:
        drafts.reopen(opened, by=by)


def _taken_up(opened: TokenRequest, base: dict[str, Any], spec: TokenSpec, *, by: User) -> None:
    """Go on with an open draft. Where the token has changed since, a summary that was opened before no longer counts.

    What stands in the draft is as it was, so whoever has its page open saves as before.
    """
    _reopened(opened, by=by)
    copy = opened.working_copy
    if not same_base(opened.base or {**base, "name": None}, base):
        with audit.recording(Event.DRAFT_STARTED, by=by, subject=opened, trail=opened.pk, anew=True) as record:
            record.change(opened, base=base, digest="")
    if spec != copy.spec:
        drafts.save(
            opened, by=by, revision=copy.revision, spec=spec, connection=copy.connection, owner=copy.owner,
            backup_owner=copy.backup_owner,
        )  # fmt: skip

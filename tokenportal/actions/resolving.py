"""An alarm about a request's tokens, resolved by an admin: this one is the one, that one is revoked, these are left alone."""

from dataclasses import dataclass

from django.db import transaction

from tokenportal import audit, clock, cloudflare, rules, upstream
from tokenportal.actions import alarms, caring, carrying_out, comparing, issuing
from tokenportal.actions.asking_first import not_read
from tokenportal.actions.invalid import Invalid
from tokenportal.actions.taking import Result
from tokenportal.audit import Event
from tokenportal.cloudflare import TokenRecord
from tokenportal.models import Attempt, Connection, MovedMeanwhile, Status, Token, TokenRequest, User, Version
from tokenportal.policy.compile import same_grant
from tokenportal.policy.diff import Change

MAY_BE_FOUND = (Status.UNCERTAIN, Status.FAILED)
"""States of a request whose token may still turn out to be the one that carries its reference."""


BY_AN_ADMIN = "An admin has looked at it. The change counts as not made; the token is as the list shows it."


class CannotResolve(Exception):
    """Nothing was changed; the message says why."""


@dataclass(frozen=True)
class Suspect:
    """A token that carries the reference. ``is_as_agreed``: it grants just what was agreed to; else ``changes`` say how it differs."""

    token: TokenRecord
    is_as_agreed: bool
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Scene:
    """What the list shows now. ``attempt`` is the last one, whose agreement the tokens are compared with."""

    token_request: TokenRequest
    connection: Connection
    attempt: Attempt | None
    suspects: tuple[Suspect, ...]

    @property
    def the_one(self) -> Suspect | None:
        """The token that may be taken as this request's: equal to what was agreed to, and the only one."""
        alone = len(self.suspects) == 1 and self.token_request.status in MAY_BE_FOUND
        return self.suspects[0] if alone and self.suspects[0].is_as_agreed else None

    def named(self, token_id: str) -> Suspect:
        found = next((one for one in self.suspects if one.token.id == token_id), None)
        if found is None:
            raise CannotResolve("That token is not in Cloudflare's list any more, or it is accounted for. Look again.")
        return found


def scene(token_request: TokenRequest, *, by: User) -> Scene:
    """List the connection's tokens and compare those that carry the reference. Raises NotAllowed, CannotResolve."""
    rules.require(rules.may_resolve(by, token_request))
    attempt = token_request.attempts.last()
    number = attempt.version if attempt else token_request.version
    version = token_request.versions.select_related("connection").get(number=number)
    try:
        listing = upstream.client(version.agreed_connection).list_tokens()
    except cloudflare.CloudflareError as error:
        raise CannotResolve(f"Cloudflare could not be asked, so nothing can be decided now. {not_read(error)}") from None
    if not listing.complete:
        raise CannotResolve("Cloudflare's list could not be read to its end, so nothing can be decided now. Try again.")
    found = alarms.strays(token_request, listing.tokens)
    return Scene(token_request, version.agreed_connection, attempt, tuple(_suspect(token, version) for token in found))


def _suspect(token: TokenRecord, agreed: Version) -> Suspect:
    body = token.body
    return Suspect(
        token, same_grant(body, agreed.payload), comparing.drift(agreed.agreed_connection, agreed.payload, body).changes
    )


def accept(token_request: TokenRequest, *, by: User, token_id: str) -> Token:
    """Take the token as this request's. Only one that is exactly what was agreed to, and no other beside it."""
    seen = scene(token_request, by=by)
    attempt = seen.attempt
    if attempt is None or seen.the_one is None or seen.the_one != seen.named(token_id):
        raise CannotResolve("Only a token that is exactly what was asked for, and the only one, can be taken as this request's.")
    try:
        with transaction.atomic():
            _resolved(token_request, by=by, reason=f"Token {token_id} is the one that was asked for.")
            return issuing.complete(attempt, seen.the_one.token, by=by, outcome=Attempt.Outcome.ADOPTED)
    except MovedMeanwhile:
        raise CannotResolve("Somebody was first. This is how it stands now.") from None


def revoke(token_request: TokenRequest, *, by: User, token_id: str) -> Result:
    """Revoke one of the tokens, whatever it holds. It counts as revoked only when Cloudflare says that it is gone.

    Raises NotAllowed, CannotResolve, caring's NotBegun, and LeftUnrecorded.
    """
    seen = scene(token_request, by=by)
    return caring.revoke(_mirrored(token_request, seen, seen.named(token_id), by=by), by=by)


def close(token_request: TokenRequest, *, by: User, reason: str) -> None:
    """End the alarm with a note. Tokens that still carry the reference are left alone, and are in the list as nobody's.

    A request that was not certain counts as failed then. Raises NotAllowed, Invalid, CannotResolve.
    """
    if not reason.strip():
        raise Invalid("reason", "Say why it can be closed. Others will read it in the trail.")
    seen = scene(token_request, by=by)
    for suspect in seen.suspects:
        _mirrored(token_request, seen, suspect, by=by)
    left_alone = [suspect.token.id for suspect in seen.suspects]
    try:
        with transaction.atomic():
            _resolved(token_request, by=by, reason=reason.strip(), left_alone=left_alone)
            if token_request.status == Status.UNCERTAIN and seen.attempt:
                _failed(seen.attempt, by=by)
    except MovedMeanwhile:
        raise CannotResolve("Somebody was first. This is how it stands now.") from None


def _resolved(token_request: TokenRequest, *, by: User, reason: str, left_alone: list[str] | None = None) -> None:
    with audit.recording(
        Event.ALARM_RESOLVED, by=by, subject=token_request, trail=token_request.pk, left_alone=", ".join(left_alone or [])
    ) as record:
        record.reason = reason
        now = TokenRequest.objects.select_for_update().get(pk=token_request.pk)
        if (now.alarm, now.status) != (token_request.alarm, token_request.status):
            raise MovedMeanwhile
        accepted = [*token_request.accepted_strays, *(left_alone or [])]
        record.change(token_request, alarm="", accepted_strays=accepted)


def _failed(attempt: Attempt, *, by: User) -> None:
    token_request = attempt.token_request
    if token_request.is_edit:
        carrying_out.failed(attempt, Attempt.Outcome.NOT_FOUND, BY_AN_ADMIN, by=by)
        return
    with audit.recording(Event.TOKEN_ISSUE_FAILED, by=by, subject=token_request, trail=token_request.pk) as record:
        issuing.hold(attempt)
        token_request.move(Status.FAILED, changed_at=clock.now())
        record.change(attempt, outcome=Attempt.Outcome.NOT_FOUND, ended_at=clock.now())


def _mirrored(token_request: TokenRequest, seen: Scene, suspect: Suspect, *, by: User) -> Token:
    """The token's row, as one that nobody answers for; a reading of the list may have made it already."""
    known = Token.objects.filter(connection=seen.connection, cloudflare_id=suspect.token.id).select_related("connection").first()
    if known:
        return known
    token = Token(
        connection=seen.connection, cloudflare_id=suspect.token.id, **issuing.as_seen(suspect.token, {}, seen.connection)
    )
    with audit.recording(Event.TOKEN_FOUND, by=by, subject=token, trail=token_request.pk) as record:
        record.add(token)
    return token

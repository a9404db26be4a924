"""Carrying out a change of a token: read it, commit the intent, one PUT, commit what came of it. Its secret stays."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, IntegrityError

from tokenportal import audit, clock, cloudflare, rules, upstream
from tokenportal.actions import changing, comparing, guarding, issuing
from tokenportal.actions.asking_first import not_read
from tokenportal.actions.issuing import AlreadyUnderWay, Changed, LeftUnrecorded
from tokenportal.audit import Event
from tokenportal.cloudflare import CloudflareError, NeverSent, OutcomeUnknown, Refused, TokenRecord
from tokenportal.models import Attempt, MovedMeanwhile, Status, Token, TokenRequest, User, Version
from tokenportal.policy.diff import Difference

NO_DIFFERENCE = "Nothing would change: this is how the token is now. Change something first, or discard the draft."
TAKEN = "Something else is being done with this token just now, or has just been done. Look at it, then check this change again."
GONE = "Cloudflare does not have this token any more, so it cannot be changed."


class MovedAtCloudflare(Changed):
    """The token is not what the change began with. The message says what is different."""


def difference(token_request: TokenRequest, version: Version) -> Difference:
    """What a change makes of the token as it was when the change began: at Cloudflare, and who answers for it here."""
    token, base = token_of(token_request), token_request.base or {}
    found = comparing.difference(token.connection, base, version.payload)
    was, now = (token.owner, token.backup_owner, token.purpose), (version.owner, version.backup_owner, version.spec.purpose)
    return Difference((*found.changes, *comparing.answering(was, now)))


def require_difference(token_request: TokenRequest, agreed: Version) -> None:
    """Raises Changed for a change of a token that would change nothing: nobody need confirm or review that."""
    if token_request.is_edit and not difference(token_request, agreed).changes:
        raise Changed(NO_DIFFERENCE)


def token_of(token_request: TokenRequest) -> Token:
    """The token that a change is about."""
    token = token_request.target
    assert token is not None  # noqa: S101  a constraint of the table
    return token


def carry_out(token_request: TokenRequest, *, by: User, version: int, digest: str, reason: str = "") -> Token | None:
    """Send the change that was confirmed; None where it is not known to be done (the request's state says why).

    ``reason`` as ``issuing.issue`` has it.

    Raises NotAllowed, Changed, Invalid, MovedAtCloudflare, AlreadyUnderWay or AuditUnavailable before anything is sent, LeftUnrecorded
    after it.
    """
    if token_request.status not in (*issuing.READY, *rules.NOT_NOW):
        raise AlreadyUnderWay
    agreed = issuing.agreed_version(token_request, number=version, digest=digest)
    reason = issuing.given_reason(token_request, reason)
    rules.require(issuing.may_issue(by, token_request, agreed, reason=reason))
    require_difference(token_request, agreed)
    client = _still_as_begun(token_request)
    attempt = _begin(token_request, agreed, by=by, reason=reason)
    try:
        return _send(attempt, client, agreed.payload, by=by)
    except MovedMeanwhile:
        return None  # a look-up was first, and what it found stands in the row
    except (audit.AuditUnavailable, DatabaseError) as error:
        raise LeftUnrecorded from error


def _still_as_begun(token_request: TokenRequest) -> cloudflare.Client:
    """A client, when the token is still what the change began with: a PUT replaces the whole. Raises Changed."""
    token, base = token_of(token_request), token_request.base or {}
    try:
        client = upstream.client(token.connection)
        live = changing.whole(client.get_token(token.cloudflare_id))
    except CloudflareError as error:
        raise Changed(f"Cloudflare could not be asked how the token stands now. {not_read(error)}") from None
    except changing.CannotBegin as cannot:
        raise Changed(str(cannot)) from None
    if not changing.same_base(base, live):
        told = comparing.difference(token.connection, base, live).sentence
        raise MovedAtCloudflare(f"It was changed at Cloudflare meanwhile: {told}")
    return client


def _begin(token_request: TokenRequest, agreed: Version, *, by: User, reason: str | None = None) -> Attempt:
    """Commit the intent, alone with the token. Raises AlreadyUnderWay, or Changed where something else is done with it."""
    token, now = token_of(token_request), clock.now()
    unmoved = Token.objects.filter(pk=token.pk, status=token.status, seen_at=token.seen_at)
    try:
        with audit.recording(
            Event.TOKEN_CHANGING, by=by, subject=token, trail=token_request.pk, durable=issuing.DURABLE,
            digest=agreed.digest, version=agreed.number,
        ) as record:  # fmt: skip
            Token.objects.select_for_update(of=("self",)).get(pk=token.pk)  # before the request's row, as where a change is begun
            _still_open(token_request)
            guarding.hold(token_request, by=by)
            reason = token_request.reason if reason is None else reason
            rules.require(guarding.may_still_issue(by, token_request, agreed, reason=reason))
            # What was read a moment ago counts only if nothing was done here since.
            if not unmoved.exists():
                raise Changed(TAKEN)
            token.begin(Token.Doing.CHANGING, at=now)
            record.changes["doing"] = ["", Token.Doing.CHANGING.value]
            attempt = Attempt(
                token_request=token_request, number=token_request.attempts.count() + 1, version=agreed.number,
                digest=agreed.digest, by=by, started_at=now,
            )  # fmt: skip
            record.add(attempt)
            record.set(token_request, reason=reason)
            token_request.move(Status.ISSUING, reason=reason, changed_at=now)
    except MovedMeanwhile:
        raise Changed(TAKEN) from None
    except IntegrityError:
        raise AlreadyUnderWay from None
    return attempt


def _still_open(token_request: TokenRequest) -> None:
    here = TokenRequest.objects.select_for_update().filter(pk=token_request.pk, status__in=issuing.READY)
    if not here.exists():
        raise AlreadyUnderWay


def _send(attempt: Attempt, client: cloudflare.Client, body: dict[str, Any], *, by: User) -> Token | None:
    """The one PUT, and its record. It leaves soon after its intent, or not at all: a look-up counts on that."""
    token = token_of(attempt.token_request)
    try:
        if clock.now() - attempt.started_at > timedelta(seconds=settings.UPSTREAM_DEADLINE_SECONDS):
            raise NeverSent("The portal was held up, so nothing was sent.")
        seen = client.update_token(token.cloudflare_id, body)
    except NeverSent as error:
        failed(attempt, Attempt.Outcome.NEVER_SENT, error.safe, by=by, ray=error.ray)
    except Refused as error:
        _refused(attempt, client, error, by=by)
    except OutcomeUnknown as error:
        _uncertain(attempt, error, by=by)
    else:
        if is_as_sent(token, seen, body):
            return _completed(attempt, seen, client.ray, by=by)
        _uncertain(attempt, OutcomeUnknown("it answered with something else than what was sent", ray=client.ray), by=by)
    return None


def is_as_sent(token: Token, seen: TokenRecord, body: dict[str, Any]) -> bool:
    return seen.id == token.cloudflare_id and changing.same_base(changing.as_base(seen), body)


def _refused(attempt: Attempt, client: cloudflare.Client, error: Refused, *, by: User) -> None:
    """A refusal may lie: one look at the token says whether it is as before all the same."""
    token_request = attempt.token_request
    token = token_of(token_request)
    try:
        live = client.get_token(token.cloudflare_id)
    except CloudflareError as unread:
        if error.is_absence and unread.is_absence:
            failed(attempt, Attempt.Outcome.REFUSED, GONE, by=by, gone=True, ray=error.ray)
        else:
            _uncertain(attempt, error, by=by)
        return
    if is_as_sent(token, live, token_request.base or {}):
        failed(attempt, Attempt.Outcome.REFUSED, error.safe, by=by, ray=error.ray)
    else:
        _uncertain(attempt, error, by=by)


def failed(
    attempt: Attempt, outcome: str, sentence: str, *, by: User | None, gone: bool = False, ray: str = "", **fields: Any
) -> None:
    """Write down that the token was not changed, and let it go. Raises MovedMeanwhile."""
    token_request = attempt.token_request
    token = token_of(token_request)
    with audit.recording(Event.TOKEN_CHANGE_FAILED, **issuing.about(attempt, ray, token), by=by) as record:
        record.outcome, record.reason = "failed", sentence
        issuing.hold(attempt)
        token_request.move(Status.FAILED, changed_at=clock.now())
        record.change(attempt, outcome=outcome, ended_at=clock.now(), answer=sentence[:400], ray=ray, **fields)
        token.let_go()
    if gone:
        with audit.recording(Event.TOKEN_GONE, by=by, subject=token, trail=token.trail, ray=ray) as record:
            record.reason = GONE
            record.change(token, status=Token.Status.GONE, ended_at=clock.now())


def _uncertain(attempt: Attempt, error: CloudflareError, *, by: User | None) -> None:
    token_request = attempt.token_request
    token = token_of(token_request)
    with audit.recording(Event.TOKEN_UNCERTAIN, **issuing.about(attempt, error.ray, token), by=by) as record:
        record.outcome, record.reason = "failed", error.safe
        issuing.hold(attempt)
        token_request.move(Status.UNCERTAIN, changed_at=clock.now())
        record.change(attempt, answer=error.safe[:400], ray=error.ray)


def _completed(attempt: Attempt, seen: TokenRecord, ray: str, *, by: User) -> Token:
    """Complete an attempt whose answer is in hand, also where it took so long that a look-up counted it as lost."""
    try:
        return complete(attempt, seen, by=by, outcome=Attempt.Outcome.CREATED, ray=ray)
    except MovedMeanwhile:
        attempt.refresh_from_db()
        attempt.token_request.refresh_from_db()
        if attempt.ended_at or attempt.token_request.status != Status.UNCERTAIN:
            raise
        return complete(attempt, seen, by=by, outcome=Attempt.Outcome.CREATED, ray=ray)


def complete(attempt: Attempt, seen: TokenRecord, *, by: User | None, outcome: str, ray: str = "") -> Token:
    """Write down that the token is as was agreed, and let it go. Raises MovedMeanwhile."""
    token_request = attempt.token_request
    version = token_request.versions.select_related("owner", "backup_owner").get(number=attempt.version)
    token = token_of(token_request)
    # Disabling and enabling are agreed to by themselves, so the status is no part of what the token may do.
    agreed = {name: value for name, value in version.payload.items() if name != "status"}
    told = issuing.as_seen(seen, agreed, token.connection)
    told |= {"issued_on": seen.issued_on or token.issued_on, "last_used_on": seen.last_used_on or token.last_used_on}
    with audit.recording(Event.TOKEN_CHANGED, **issuing.about(attempt, ray, token), by=by) as record:
        issuing.hold(attempt)
        token_request.move(Status.ISSUED, changed_at=clock.now(), cloudflare_id=token.cloudflare_id)
        record.change(attempt, outcome=outcome, ended_at=clock.now(), ray=ray or attempt.ray)
        token.let_go()
        record.change(
            token, approved=agreed, drifted=False, purpose=version.spec.purpose, owner=version.owner,
            backup_owner=version.backup_owner, **told,
        )  # fmt: skip
    return token

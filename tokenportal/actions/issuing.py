"""Creating the token: commit, call once, commit. The call is made with no transaction open."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import DatabaseError, IntegrityError

from tokenportal import audit, clock, cloudflare, rules, upstream
from tokenportal.actions import alarms, drafts, guarding, noticing, preflight, snapshots, standing, token_search
from tokenportal.actions.asking_first import not_read
from tokenportal.actions.invalid import checked_text
from tokenportal.audit import Event, fingerprints
from tokenportal.cloudflare import NeverSent, OutcomeUnknown, Refused, TokenRecord
from tokenportal.models import Attempt, Connection, MovedMeanwhile, Status, Token, TokenRequest, User, Version
from tokenportal.policy import moments
from tokenportal.policy.compile import Payload
from tokenportal.secret import Secret

DURABLE = True
"""Insist that the intent is committed, not nested in somebody's transaction. Tests that run inside one say otherwise."""


class Changed(Exception):
    """What was confirmed is not, or no longer, what would be sent. The message says what to do."""


class AlreadyUnderWay(Exception):
    """The request has left the state from which a token may be created: somebody, or this very click, was first."""


class TooSoon(Changed):
    """An earlier attempt left so recently that its token may still appear."""


class LeftUnrecorded(Exception):
    """The request left, and what came of it could not be written down: the row stays at issuing and is looked up later."""


@dataclass(frozen=True)
class Issued:
    """A created token and its secret, which exists here, in the answer to one request, and nowhere else."""

    token: Token
    secret: Secret


def agreed_version(token_request: TokenRequest, *, number: int, digest: str) -> Version:
    """The version that was confirmed, compiled afresh. Raises Changed where anything differs from what was shown."""
    version = drafts.current_version(token_request)
    if version is None or version.number != number:
        raise Changed("The draft has changed since this summary was opened. Check it again.")
    payload = standing.compiled(
        token_request, version.spec, snapshots.catalogue(version.agreed_connection), upstream.owner(version.agreed_connection)
    )  # fmt: skip
    stored = Payload.from_body(version.payload)  # what is sent, whatever it compiles to
    if not digest or len({stored.digest, payload.digest, version.digest, token_request.digest, digest}) != 1:
        raise Changed("What would be sent is not what this summary showed. Check it again.")
    return version


READY = (Status.DRAFT, Status.APPROVED, Status.FAILED)
"""From where a request may be carried out, as far as the guardrails let it."""


def may_issue(user: User, token_request: TokenRequest, version: Version, *, reason: str | None = None) -> rules.Verdict:
    """What the rules say, the portal's own and the guardrails, and whether it is certain by now that Cloudflare would not take it."""
    allowed = guarding.may_issue(user, token_request, version, reason=reason)
    return allowed if not allowed else preflight.verdict(preflight.of(token_request, version))


def issue(token_request: TokenRequest, *, by: User, version: int, digest: str, reason: str = "") -> Issued | None:
    """Create the token that was confirmed; None where the answer left no secret (the row's state says why).

    ``reason`` is why it is needed, where a guardrail asks for that and the request does not say it yet.

    Raises NotAllowed, Changed, Invalid, TooSoon, AlreadyUnderWay or AuditUnavailable before anything is sent, LeftUnrecorded
    after it.
    """
    if token_request.status not in (*READY, *rules.NOT_NOW):
        raise AlreadyUnderWay
    agreed = agreed_version(token_request, number=version, digest=digest)
    reason = given_reason(token_request, reason)
    rules.require(may_issue(by, token_request, agreed, reason=reason))
    try:
        client = upstream.client(agreed.agreed_connection)
    except NeverSent as error:
        raise Changed(error.safe) from None
    number = _look_first(token_request, client, by=by)
    attempt = _begin(token_request, agreed, number=number, by=by, reason=reason)
    try:
        return _send(attempt, client, agreed.payload, by=by)
    except MovedMeanwhile:
        return None  # a look-up was first, and what it found stands in the row
    except (audit.AuditUnavailable, DatabaseError) as error:
        raise LeftUnrecorded from error


def _look_first(token_request: TokenRequest, client: cloudflare.Client, *, by: User) -> int:
    """The number of the next attempt. All before it must have had their settle window, and left no token.

    Even where one was refused, for a refusal may lie. Raises TooSoon, Changed, AlreadyUnderWay, or NotAllowed with the
    alarm that it raised.
    """
    earlier = list(token_request.attempts.all())
    if not earlier:
        return 1
    if not TokenRequest.objects.filter(pk=token_request.pk, status=token_request.status).exists():
        raise AlreadyUnderWay
    window = timedelta(seconds=settings.SETTLE_WINDOW_SECONDS)
    ends = [one.started_at + window for one in earlier if one.outcome != Attempt.Outcome.NEVER_SENT]
    left = max(ends, default=clock.now()) - clock.now()
    if left > timedelta(0):
        seconds = int(left.total_seconds()) + 1
        raise TooSoon(f"A token of the last attempt could still appear. Create it in {seconds} seconds.")
    try:
        listing = client.list_tokens()
    except cloudflare.CloudflareError as error:
        raise Changed(
            f"Before it is sent again, Cloudflare's list must be read, and it could not be. {not_read(error)}"
        ) from None
    if alarms.strays(token_request, listing.tokens):
        alarms.sound(token_request, alarms.STRAY, by=by)
        raise rules.NotAllowed(rules.ALARMED)
    if not listing.complete:
        raise Changed("Before it is sent again, Cloudflare's list must be read to its end, and it could not be. Try again.")
    return len(earlier) + 1


def _send(attempt: Attempt, client: cloudflare.Client, body: dict[str, Any], *, by: User) -> Issued | None:
    """The one POST, and its record. It leaves soon after its intent, or not at all: a look-up counts on that."""
    try:
        if clock.now() - attempt.started_at > timedelta(seconds=settings.UPSTREAM_DEADLINE_SECONDS):
            raise NeverSent("The portal was held up, so nothing was sent.")
        created = client.create_token(body)
    except NeverSent as error:
        _failed(attempt, Attempt.Outcome.NEVER_SENT, error, by=by)
    except Refused as error:
        _refused(attempt, client, error, by=by)
    except OutcomeUnknown as error:
        _uncertain(attempt, error, by=by)
    else:
        return Issued(_completed(attempt, created, client.ray, by=by), created.secret)
    return None


def given_reason(token_request: TokenRequest, reason: str) -> str:
    """Why it is needed: as it was sent for review, or as it is said now. Raises Invalid."""
    return checked_text("reason", reason) if token_request.status == Status.DRAFT and reason.strip() else token_request.reason


def _begin(token_request: TokenRequest, agreed: Version, *, number: int, by: User, reason: str | None = None) -> Attempt:
    """Commit the intent. Whoever moves the row sends the one POST; everybody else is told that it is under way.

    So is whoever looked first before an attempt that came and went meanwhile: its number is taken. The whole verdict is
    asked once more, together with the intent.
    """
    try:
        with audit.recording(
            Event.TOKEN_ISSUING, by=by, subject=token_request, trail=token_request.pk, durable=DURABLE,
            digest=agreed.digest, version=agreed.number,
        ) as record:  # fmt: skip
            guarding.hold(token_request, by=by)
            reason = token_request.reason if reason is None else reason
            rules.require(guarding.may_still_issue(by, token_request, agreed, reason=reason))
            record.changes["status"] = [token_request.status, Status.ISSUING.value]
            record.set(token_request, reason=reason)
            token_request.move(Status.ISSUING, reason=reason, changed_at=clock.now())
            attempt = Attempt(
                token_request=token_request, number=number, version=agreed.number,
                digest=agreed.digest, by=by, started_at=clock.now(),
            )  # fmt: skip
            record.add(attempt)
    except (MovedMeanwhile, IntegrityError):
        raise AlreadyUnderWay from None
    return attempt


def about(attempt: Attempt, ray: str = "", subject: Token | None = None) -> dict[str, Any]:
    """What a recording says about an attempt: the thing, its trail, the digest of what was sent, Cloudflare's ray id."""
    token_request = attempt.token_request
    return {"subject": subject or token_request, "trail": token_request.pk, "digest": attempt.digest, "ray": ray}


def hold(attempt: Attempt) -> None:
    """Keep an attempt for the present recording. Raises MovedMeanwhile where somebody wrote to it since it was read."""
    now = Attempt.objects.select_for_update().get(pk=attempt.pk)
    if (now.ended_at, now.empty_listings) != (attempt.ended_at, attempt.empty_listings):
        raise MovedMeanwhile


def _failed(attempt: Attempt, outcome: str, error: cloudflare.CloudflareError, *, by: User | None) -> None:
    token_request = attempt.token_request
    with audit.recording(Event.TOKEN_ISSUE_FAILED, **about(attempt, error.ray), by=by) as record:
        record.outcome, record.reason = "failed", error.safe
        hold(attempt)
        token_request.move(Status.FAILED, changed_at=clock.now())
        record.change(attempt, outcome=outcome, ended_at=clock.now(), answer=error.safe[:400], ray=error.ray or "")


def _refused(attempt: Attempt, client: cloudflare.Client, error: Refused, *, by: User) -> None:
    """A refusal may lie: one listing says whether a token with our reference exists all the same."""
    try:
        listing = client.list_tokens()
    except cloudflare.CloudflareError:
        _uncertain(attempt, error, by=by)
        return
    if not listing.complete or alarms.strays(attempt.token_request, listing.tokens):
        _uncertain(attempt, error, by=by)
    else:
        _failed(attempt, Attempt.Outcome.REFUSED, error, by=by)


def _uncertain(attempt: Attempt, error: cloudflare.CloudflareError, *, by: User | None) -> None:
    token_request = attempt.token_request
    with audit.recording(Event.TOKEN_UNCERTAIN, **about(attempt, error.ray), by=by) as record:
        record.outcome, record.reason = "failed", error.safe
        hold(attempt)
        token_request.move(Status.UNCERTAIN, changed_at=clock.now())
        record.change(attempt, answer=error.safe[:400], ray=error.ray or "")


def _completed(attempt: Attempt, created: cloudflare.Created, ray: str, *, by: User) -> Token:
    """Complete an attempt whose answer is in hand, also where it took so long that a look-up counted it as lost.

    Nor does it matter that a reading of the list wrote the token down as a stranger's at the very same moment.
    """
    write = partial(
        complete, attempt, created.token, by=by, outcome=Attempt.Outcome.CREATED, secret=created.secret, ray=ray
    )  # fmt: skip
    try:
        return write()
    except (MovedMeanwhile, IntegrityError):
        attempt.refresh_from_db()
        attempt.token_request.refresh_from_db()
        if attempt.ended_at or attempt.token_request.status not in (Status.ISSUING, Status.UNCERTAIN):
            raise MovedMeanwhile from None
        return write()


def complete(
    attempt: Attempt, seen: TokenRecord, *, by: User | None, outcome: str, secret: Secret | None = None, ray: str = ""
) -> Token:
    """Write down the token that this attempt made. Its event is committed before anybody sees the ``secret``, if it came.

    Where a reading of the list has met the token already, its row becomes this request's. Raises MovedMeanwhile.
    """
    token_request = attempt.token_request
    version = token_request.versions.select_related("connection").get(number=attempt.version)
    adopted = outcome == Attempt.Outcome.ADOPTED
    met = Token.objects.filter(connection=version.agreed_connection, cloudflare_id=seen.id, token_request__isnull=True).first()
    token = met or Token(connection=version.agreed_connection, cloudflare_id=seen.id)
    fields = {
        "token_request": token_request, "team": token_request.team, "owner": version.owner,
        "backup_owner": version.backup_owner, "purpose": version.spec.purpose, "value_lost": adopted,
        "approved": version.payload, "replaces": token_request.target, **as_seen(seen, version.payload, version.agreed_connection),
    }  # fmt: skip
    event = Event.TOKEN_ADOPTED if adopted else Event.TOKEN_ISSUED
    with audit.recording(event, **about(attempt, ray, token), by=by) as record:
        record.fingerprint = fingerprints.of(secret) if secret else ""
        hold(attempt)
        token_request.move(Status.ISSUED, changed_at=clock.now(), cloudflare_id=seen.id)
        record.change(attempt, outcome=outcome, ended_at=clock.now(), ray=ray or attempt.ray)
        if met:
            record.change(token, **fields)
        else:
            for name, value in fields.items():
                setattr(token, name, value)
            record.add(token)
    return token


def as_seen(seen: TokenRecord, sent: dict[str, Any], connection: Connection) -> dict[str, Any]:
    """A token's fields as Cloudflare tells them; what an answer leaves out is what was sent."""
    times = {"not_before": seen.not_before, "expires_on": seen.expires_on}
    told = {"policies": seen.policies, "condition": seen.condition} | {
        name: moments.as_cloudflare(moment) for name, moment in times.items() if moment
    }
    body = {**sent, **{name: value for name, value in told.items() if value}}
    return {
        "name": noticing.token_name(seen, sent.get("name", "")),
        "status": seen.status or Token.Status.ACTIVE,
        "body": body,
        **token_search.words_of(body, connection),
        "issued_on": seen.issued_on or clock.now(),
        "modified_on": seen.modified_on,
        "last_used_on": seen.last_used_on,
        "not_before": seen.not_before or moments.parse(sent.get("not_before", "")),
        "expires_on": seen.expires_on or moments.parse(sent.get("expires_on", "")),
        "seen_at": clock.now(),
    }

"""Creating the token: commit, call once, commit. The call is made with no transaction open."""

from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError

from tokenportal import audit, clock, cloudflare, rules, upstream
from tokenportal.actions import drafts, snapshots, token_search
from tokenportal.audit import Event
from tokenportal.cloudflare import NeverSent, OutcomeUnknown, Refused, TokenRecord
from tokenportal.models import Attempt, Connection, MovedMeanwhile, Status, Token, TokenRequest, User, Version
from tokenportal.policy import compile as compiling
from tokenportal.policy import moments, words
from tokenportal.secret import Secret

DURABLE = True
"""Insist that the intent is committed, not nested in somebody's transaction. Tests that run inside one say otherwise."""


class Changed(Exception):
    """What was confirmed is not, or no longer, what would be sent. The message says what to do."""


class AlreadyUnderWay(Exception):
    """The request has left the state from which a token may be created: somebody, or this very click, was first."""


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
    payload = compiling.compile(
        version.spec, snapshots.catalogue(version.connection), upstream.owner(version.connection),
        reference=token_request.reference,
    )  # fmt: skip
    if not digest or len({payload.digest, version.digest, token_request.digest, digest}) != 1:
        raise Changed("What would be sent is not what this summary showed. Check it again.")
    return version


def may_issue(user: User, token_request: TokenRequest, version: Version) -> rules.Verdict:
    """The rules for creating this very version, and whether its connection may still be used."""
    risk = words.risk(version.payload, snapshots.catalogue(version.connection))
    verdict = rules.may_issue(user, token_request, creates_tokens=risk == "creates")
    return verdict if not verdict else rules.may_use(version.connection, token_request.team_id)


def issue(token_request: TokenRequest, *, by: User, version: int, digest: str) -> Issued | None:
    """Create the token that was confirmed; None where the answer left no secret (the row's state says why).

    Raises NotAllowed, Changed, AlreadyUnderWay or AuditUnavailable before anything is sent, LeftUnrecorded after it.
    """
    if token_request.status not in (Status.DRAFT, Status.FAILED):
        raise AlreadyUnderWay
    agreed = agreed_version(token_request, number=version, digest=digest)
    rules.require(may_issue(by, token_request, agreed))
    try:
        client = upstream.client(agreed.connection)
    except NeverSent as error:
        raise Changed(error.safe) from None
    attempt = _begin(token_request, agreed, by=by)
    try:
        return _send(attempt, client, agreed.payload, by=by)
    except MovedMeanwhile:
        return None  # a look-up was first, and what it found stands in the row
    except (audit.AuditUnavailable, DatabaseError) as error:
        raise LeftUnrecorded from error


def _send(attempt: Attempt, client: cloudflare.Client, body: dict[str, Any], *, by: User) -> Issued | None:
    """The one POST, and its record."""
    try:
        created = client.create_token(body)
    except NeverSent as error:
        _failed(attempt, Attempt.Outcome.NEVER_SENT, error, by=by)
    except Refused as error:
        _refused(attempt, client, error, by=by)
    except OutcomeUnknown as error:
        _uncertain(attempt, error, by=by)
    else:
        return Issued(_completed(attempt, created.token, by=by), created.secret)
    return None


def _begin(token_request: TokenRequest, agreed: Version, *, by: User) -> Attempt:
    """Commit the intent. Whoever moves the row sends the one POST; everybody else is told that it is under way."""
    try:
        with audit.recording(
            Event.TOKEN_ISSUING, by=by, subject=token_request, trail=token_request.pk, durable=DURABLE,
            digest=agreed.digest, version=agreed.number,
        ) as record:  # fmt: skip
            record.changes["status"] = [token_request.status, Status.ISSUING.value]
            token_request.move(Status.ISSUING, changed_at=clock.now(), alarm="")
            attempt = Attempt(
                token_request=token_request, number=token_request.attempts.count() + 1, version=agreed.number,
                digest=agreed.digest, by=by, started_at=clock.now(),
            )  # fmt: skip
            record.add(attempt)
    except MovedMeanwhile:
        raise AlreadyUnderWay from None
    return attempt


def _failed(attempt: Attempt, outcome: str, error: cloudflare.CloudflareError, *, by: User | None) -> None:
    token_request = attempt.token_request
    with audit.recording(Event.TOKEN_ISSUE_FAILED, by=by, subject=token_request, trail=token_request.pk, ray=error.ray) as record:
        record.outcome, record.reason = "failed", error.safe
        token_request.move(Status.FAILED, changed_at=clock.now())
        record.change(attempt, outcome=outcome, ended_at=clock.now(), answer=error.safe[:400], ray=error.ray or "")


def _refused(attempt: Attempt, client: cloudflare.Client, error: Refused, *, by: User) -> None:
    """A refusal may lie: one listing says whether a token with our reference exists all the same."""
    try:
        listing = client.list_tokens()
    except cloudflare.CloudflareError:
        _uncertain(attempt, error, by=by)
        return
    reference = f"({attempt.token_request.reference})"
    if not listing.complete or any(token.name.endswith(reference) for token in listing.tokens):
        _uncertain(attempt, error, by=by)
    else:
        _failed(attempt, Attempt.Outcome.REFUSED, error, by=by)


def _uncertain(attempt: Attempt, error: cloudflare.CloudflareError, *, by: User | None) -> None:
    token_request = attempt.token_request
    with audit.recording(Event.TOKEN_UNCERTAIN, by=by, subject=token_request, trail=token_request.pk, ray=error.ray) as record:
        record.outcome, record.reason = "failed", error.safe
        token_request.move(Status.UNCERTAIN, changed_at=clock.now())
        record.change(attempt, answer=error.safe[:400], ray=error.ray or "")


def _completed(attempt: Attempt, seen: TokenRecord, *, by: User) -> Token:
    """Complete an attempt whose answer is in hand, also where it took so long that a look-up counted it as lost."""
    try:
        return complete(attempt, seen, by=by, outcome=Attempt.Outcome.CREATED)
    except MovedMeanwhile:
        attempt.token_request.refresh_from_db()
        if attempt.token_request.status != Status.UNCERTAIN:
            raise
        return complete(attempt, seen, by=by, outcome=Attempt.Outcome.CREATED)


def complete(attempt: Attempt, seen: TokenRecord, *, by: User | None, outcome: str) -> Token:
    """Write down the token that this attempt made. Its event is committed before anybody sees the secret."""
    token_request = attempt.token_request
    version = token_request.versions.select_related("connection").get(number=attempt.version)
    adopted = outcome == Attempt.Outcome.ADOPTED
    token = Token(
        connection=version.connection, token_request=token_request, team=token_request.team, owner=version.owner,
        backup_owner=version.backup_owner, cloudflare_id=seen.id, purpose=version.spec.purpose, value_lost=adopted,
        approved=version.payload,
        **as_seen(seen, version.payload, version.connection),
    )  # fmt: skip
    event = Event.TOKEN_ADOPTED if adopted else Event.TOKEN_ISSUED
    with audit.recording(event, by=by, subject=token, trail=token_request.pk, token_id=seen.id, digest=attempt.digest) as record:
        token_request.move(Status.ISSUED, changed_at=clock.now(), cloudflare_id=seen.id)
        record.change(attempt, outcome=outcome, ended_at=clock.now())
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
        "name": seen.name or sent["name"],
        "status": seen.status or Token.Status.ACTIVE,
        "body": body,
        "reach": token_search.reach_of(body, connection),
        "issued_on": seen.issued_on or clock.now(),
        "modified_on": seen.modified_on,
        "last_used_on": seen.last_used_on,
        "not_before": seen.not_before or moments.parse(sent.get("not_before", "")),
        "expires_on": seen.expires_on or moments.parse(sent.get("expires_on", "")),
        "seen_at": clock.now(),
    }

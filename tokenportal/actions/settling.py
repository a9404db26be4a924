"""From uncertain to known: look the token up by its reference until it is found, or until it cannot come any more."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from tokenportal import audit, clock, cloudflare, rules, upstream
from tokenportal.actions import issuing
from tokenportal.audit import Event
from tokenportal.cloudflare import TokenRecord
from tokenportal.models import Attempt, MovedMeanwhile, Status, TokenRequest, User
from tokenportal.policy.compile import same_grant

EMPTY_LISTINGS_NEEDED = 3


@dataclass(frozen=True)
class Outcome:
    """What a look-up found, as one sentence for the person who asked."""

    sentence: str


def open_requests() -> list[TokenRequest]:
    """Requests that wait for certainty: uncertain ones, and those that a crash left in the middle of creating."""
    left_behind = clock.now() - timedelta(seconds=settings.UPSTREAM_DEADLINE_SECONDS * 2 + 5)
    uncertain = TokenRequest.objects.filter(status=Status.UNCERTAIN)
    crashed = TokenRequest.objects.filter(status=Status.ISSUING, changed_at__lt=left_behind)
    return list((uncertain | crashed).select_related("team", "requester"))


def look_up(token_request: TokenRequest, *, by: User | None = None) -> Outcome:
    """List the connection's tokens once and draw what conclusion there is. Raises NotAllowed."""
    if by is not None:
        rules.require(rules.may_look_up(by, token_request))
    try:
        return _looked_up(token_request, by=by)
    except MovedMeanwhile:
        return Outcome("It was settled by somebody else just now. This is how it stands.")


def _looked_up(token_request: TokenRequest, *, by: User | None) -> Outcome:
    if token_request.status == Status.ISSUING:
        _left_behind(token_request, by=by)
    attempt = token_request.attempts.filter(ended_at__isnull=True).first()
    if token_request.status != Status.UNCERTAIN or attempt is None:
        return Outcome("There is nothing to look up: this request has been settled.")
    attempt.token_request = token_request
    version = token_request.versions.select_related("connection").get(number=attempt.version)
    try:
        listing = upstream.client(version.connection).list_tokens()
    except cloudflare.CloudflareError as error:
        return Outcome(f"Cloudflare could not be asked, so nothing is known yet. {error.safe}")
    if not listing.complete:
        return Outcome("Cloudflare's list could not be read to its end, so nothing is known yet. Look it up again.")
    found = [token for token in listing.tokens if token.name.endswith(f"({token_request.reference})")]
    if len(found) == 1 and same_grant(as_body(found[0]), version.payload):
        issuing.complete(attempt, found[0], by=by, outcome=Attempt.Outcome.ADOPTED)
        return Outcome("The token was found: it exists and is exactly what was asked for. Its secret is lost; roll it.")
    if found:
        return _alarm(token_request, len(found), by=by)
    return _not_there(attempt, by=by)


def as_body(seen: TokenRecord) -> dict[str, object]:
    """A seen token in the form of a body, for comparison."""
    body: dict[str, object] = {"name": seen.name, "policies": seen.policies}
    if seen.condition:
        body["condition"] = seen.condition
    for name, moment in (("not_before", seen.not_before), ("expires_on", seen.expires_on)):
        if moment:
            body[name] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return body


def _left_behind(token_request: TokenRequest, *, by: User | None) -> None:
    """A crash between the call and its record: the request had left perhaps, so it is uncertain."""
    if token_request not in open_requests():
        return
    with audit.recording(Event.TOKEN_UNCERTAIN, by=by, subject=token_request, trail=token_request.pk) as record:
        record.outcome, record.reason = "failed", "The portal stopped before it could record Cloudflare's answer."
        token_request.move(Status.UNCERTAIN, changed_at=clock.now())


def _alarm(token_request: TokenRequest, count: int, *, by: User | None) -> Outcome:
    sentence = (
        "A token with this request's reference exists at Cloudflare, but it is not what was asked for."
        if count == 1
        else f"{count} tokens carry this request's reference at Cloudflare."
    )
    if token_request.alarm != sentence:
        with audit.recording(Event.TOKEN_ALARM, by=by, subject=token_request, trail=token_request.pk) as record:
            record.outcome, record.reason = "failed", sentence
            record.change(token_request, alarm=sentence)
    return Outcome(f"{sentence} An admin must look at it in Cloudflare's dashboard.")


def _not_there(attempt: Attempt, *, by: User | None) -> Outcome:
    token_request = attempt.token_request
    empty = attempt.empty_listings + 1
    window = timedelta(seconds=settings.SETTLE_WINDOW_SECONDS)
    left = attempt.started_at + window - clock.now()
    settled = empty >= EMPTY_LISTINGS_NEEDED and left <= timedelta(0)
    event = Event.TOKEN_ISSUE_FAILED if settled else Event.TOKEN_LOOKED_UP
    with audit.recording(event, by=by, subject=token_request, trail=token_request.pk) as record:
        record.change(attempt, empty_listings=empty, looked_up_at=clock.now())
        if settled:
            token_request.move(Status.FAILED, changed_at=clock.now())
            record.change(attempt, outcome=Attempt.Outcome.NOT_FOUND, ended_at=clock.now())
    if settled:
        return Outcome("The token was not created: it did not appear in time. You can try again.")
    if left > timedelta(0):
        return Outcome(f"It is not there yet. It can still appear for {int(left.total_seconds()) + 1} seconds.")
    return Outcome("It is not there. The portal looks again before it says that no token was created.")

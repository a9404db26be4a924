"""From uncertain to known: look the token up by its reference until it is found, or until it cannot come any more."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings

from tokenportal import audit, clock, cloudflare, rules, upstream
from tokenportal.actions import alarms, issuing, looking_up
from tokenportal.actions.asking_first import not_read
from tokenportal.audit import Event
from tokenportal.cloudflare import Listing
from tokenportal.models import Attempt, Connection, MovedMeanwhile, Status, TokenRequest, User
from tokenportal.policy.compile import same_grant

EMPTY_LISTINGS_NEEDED = 3
LISTINGS_IN_A_WINDOW = 12
"""An empty listing counts when it comes a twelfth of the settle window after the one that counted before it."""
SETTLED = "There is nothing to look up: this request has been settled."
ON_ITS_WAY = "It is being created just now. Wait a moment and reload."
RESOLVE = "An admin must resolve it before anything else happens."


@dataclass(frozen=True)
class Outcome:
    """What a look-up found, as one sentence for the person who asked."""

    sentence: str


@dataclass(frozen=True)
class Open:
    """An attempt whose outcome is not known, with all that it takes to judge a listing."""

    attempt: Attempt
    connection: Connection
    payload: dict[str, object]

    @property
    def token_request(self) -> TokenRequest:
        return self.attempt.token_request


def call_has_ended() -> timedelta:
    """After so long, a call that was begun is over, whatever became of the process that made it.

    It begins within one deadline of the attempt's commit, or not at all, and takes no more than another.
    """
    return timedelta(seconds=settings.UPSTREAM_DEADLINE_SECONDS * 2 + 5)


def open_requests() -> list[TokenRequest]:
    """Requests that wait for certainty: uncertain ones, and those that a crash left in the middle of creating."""
    uncertain = TokenRequest.objects.filter(status=Status.UNCERTAIN)
    crashed = TokenRequest.objects.filter(status=Status.ISSUING, changed_at__lt=clock.now() - call_has_ended())
    return list((uncertain | crashed).exclude(kind=TokenRequest.Kind.EDIT).select_related("team", "requester"))


def look_up(token_request: TokenRequest, *, by: User | None = None) -> Outcome:
    """List the connection's tokens once and draw what conclusion there is. Raises NotAllowed."""
    if by is not None:
        rules.require(rules.may_look_up(by, token_request))
    return looking_up.asked(partial(_looked_up, token_request, by=by), by=by, subject=token_request, trail=token_request.pk)


def _looked_up(token_request: TokenRequest, *, by: User | None) -> Outcome:
    try:
        found = opened(token_request, by=by)
        if found is None:
            return Outcome(ON_ITS_WAY if token_request.status == Status.ISSUING else SETTLED)
        asked_at = clock.now()
        listing = upstream.client(found.connection).list_tokens()
    except MovedMeanwhile:
        return Outcome("It was settled by somebody else just now. This is how it stands.")
    except cloudflare.CloudflareError as error:
        return not_asked(error)
    return judge(found, listing, asked_at=asked_at, by=by)


def not_asked(error: cloudflare.CloudflareError) -> Outcome:
    return Outcome(f"Cloudflare could not be asked, so nothing is known yet. {not_read(error)}")


def opened(token_request: TokenRequest, *, by: User | None = None) -> Open | None:
    """The open attempt of a request that may be looked up now. What a crash left behind becomes uncertain first.

    To be called before the listing: what is listed earlier than an attempt says nothing about it. Raises MovedMeanwhile.
    """
    if token_request.status == Status.ISSUING:
        _left_behind(token_request, by=by)
    attempt = token_request.attempts.filter(ended_at__isnull=True).first()
    if token_request.status != Status.UNCERTAIN or attempt is None:
        return None
    attempt.token_request = token_request
    version = token_request.versions.select_related("connection").get(number=attempt.version)
    return Open(attempt, version.agreed_connection, version.payload)


def judge(found: Open, listing: Listing, *, asked_at: datetime, by: User | None = None) -> Outcome:
    """What a listing that was begun at ``asked_at`` says about an open attempt, written down."""
    try:
        return _judged(found, listing, asked_at=asked_at, by=by)
    except MovedMeanwhile:
        return Outcome("It was settled by somebody else just now. This is how it stands.")


def _judged(found: Open, listing: Listing, *, asked_at: datetime, by: User | None) -> Outcome:
    token_request = found.token_request
    carrying = alarms.strays(token_request, listing.tokens)
    if len(carrying) > 1:
        return _alarm(token_request, f"{len(carrying)} tokens carry this request's reference at Cloudflare.", by=by)
    if carrying and not same_grant(carrying[0].body, found.payload):
        return _alarm(token_request, alarms.DIFFERENT, by=by)
    if token_request.alarm:
        return Outcome(f"{token_request.alarm} {RESOLVE}")
    if not listing.complete:
        return Outcome("Cloudflare's list could not be read to its end, so nothing is known yet. Look it up again.")
    if carrying:
        issuing.complete(found.attempt, carrying[0], by=by, outcome=Attempt.Outcome.ADOPTED, ray=listing.ray)
        return Outcome("The token was found: it exists and is exactly what was asked for. Its secret is lost; roll it.")
    return _not_there(found.attempt, listing.ray, asked_at=asked_at, by=by)


def _left_behind(token_request: TokenRequest, *, by: User | None) -> None:
    """A crash between the call and its record: the request had left perhaps, so it is uncertain."""
    if token_request not in open_requests():
        return
    with audit.recording(Event.TOKEN_UNCERTAIN, by=by, subject=token_request, trail=token_request.pk) as record:
        record.outcome, record.reason = "failed", "The portal stopped before it could record Cloudflare's answer."
        token_request.move(Status.UNCERTAIN, changed_at=clock.now())


def _alarm(token_request: TokenRequest, sentence: str, *, by: User | None) -> Outcome:
    alarms.sound(token_request, sentence, by=by)
    return Outcome(f"{sentence} {RESOLVE}")


def _not_there(attempt: Attempt, ray: str, *, asked_at: datetime, by: User | None) -> Outcome:
    """One more empty listing. It counts when it is not merely the one before it pressed again.

    That no token was created is said by a listing that was begun after the window, as one of several with time between.
    """
    window = timedelta(seconds=settings.SETTLE_WINDOW_SECONDS)
    counts = attempt.looked_up_at is None or asked_at - attempt.looked_up_at >= window / LISTINGS_IN_A_WINDOW
    empty = attempt.empty_listings + counts
    left = attempt.started_at + window - asked_at
    settled = counts and empty >= EMPTY_LISTINGS_NEEDED and left <= timedelta(0)
    token_request = attempt.token_request
    event = Event.TOKEN_ISSUE_FAILED if settled else Event.TOKEN_LOOKED_UP
    with audit.recording(event, **issuing.about(attempt, ray), by=by) as record:
        issuing.hold(attempt)
        if counts:
            record.change(attempt, empty_listings=empty, looked_up_at=asked_at)
        if settled:
            token_request.move(Status.FAILED, changed_at=clock.now())
            record.change(attempt, outcome=Attempt.Outcome.NOT_FOUND, ended_at=clock.now())
    if settled:
        return Outcome("The token was not created: it did not appear in time. You can try again.")
    if left > timedelta(0):
        return Outcome(f"It is not there yet. It can still appear for {int(left.total_seconds()) + 1} seconds.")
    return Outcome("It is not there. The portal looks again before it says that no token was created.")

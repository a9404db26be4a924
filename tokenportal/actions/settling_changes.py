"""From uncertain to known, for changes: read the token until it is as was asked, or until the change cannot come any more."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from django.conf import settings

from tokenportal import audit, clock, cloudflare, rules, upstream
from tokenportal.actions import alarms, carrying_out, changing, issuing, looking_up, settling, taking
from tokenportal.actions.settling import EMPTY_LISTINGS_NEEDED, LISTINGS_IN_A_WINDOW, Outcome
from tokenportal.actions.watching import Step
from tokenportal.audit import Event
from tokenportal.models import Attempt, MovedMeanwhile, Status, TokenRequest, User

ON_ITS_WAY = "It is being changed just now. Wait a moment and reload."
DIFFERENT = "The token holds neither what it held before this change nor what was asked for."
NOT_CHANGED = "The token was not changed: it stayed as it was for as long as the change could have come."


def open_changes() -> list[TokenRequest]:
    """Changes that wait for certainty: uncertain ones, and those that a crash left in the middle."""
    edits = TokenRequest.objects.filter(kind=TokenRequest.Kind.EDIT)
    crashed = edits.filter(status=Status.ISSUING, changed_at__lt=clock.now() - settling.call_has_ended())
    found = edits.filter(status=Status.UNCERTAIN) | crashed
    return list(found.select_related("target__connection", "target__token_request"))


def steps() -> Iterator[Step]:
    for token_request in open_changes():
        yield f"change {token_request.reference}", partial(_sentence, token_request)


def _sentence(token_request: TokenRequest) -> str:
    return look_up(token_request).sentence


def look_up(token_request: TokenRequest, *, by: User | None = None) -> Outcome:
    """Read the token once and draw what conclusion there is. Raises NotAllowed."""
    if by is not None:
        rules.require(rules.may_look_up(by, token_request))
    token = carrying_out.token_of(token_request)
    return looking_up.asked(partial(_looked_up, token_request, by=by), by=by, subject=token, trail=token_request.pk)


def _looked_up(token_request: TokenRequest, *, by: User | None) -> Outcome:
    try:
        return _read(token_request, by=by)
    except MovedMeanwhile:
        return Outcome("It was settled by somebody else just now. This is how it stands.")


def _read(token_request: TokenRequest, *, by: User | None) -> Outcome:
    if token_request.status == Status.ISSUING:
        if token_request not in open_changes():
            return Outcome(ON_ITS_WAY)
        _left_behind(token_request, by=by)
    attempt = token_request.attempts.filter(ended_at__isnull=True).first()
    if token_request.status != Status.UNCERTAIN or attempt is None:
        return Outcome(settling.SETTLED)
    attempt.token_request = token_request
    token = carrying_out.token_of(token_request)
    version = token_request.versions.get(number=attempt.version)
    try:
        client = upstream.client(token.connection)
        live = taking.read(client, token)
    except cloudflare.CloudflareError as error:
        return settling.not_asked(error)
    if live is None:
        carrying_out.failed(attempt, Attempt.Outcome.NOT_FOUND, carrying_out.GONE, by=by, gone=True, ray=client.ray)
        return Outcome(carrying_out.GONE)
    if carrying_out.is_as_sent(token, live, version.payload):
        carrying_out.complete(attempt, live, by=by, outcome=Attempt.Outcome.ADOPTED, ray=client.ray)
        return Outcome("The token was changed: it holds exactly what was asked for.")
    if changing.same_base(token_request.base or {}, changing.as_base(live)):
        return _one_more_look(attempt, NOT_CHANGED, client.ray, by=by)
    alarms.sound(token_request, DIFFERENT, by=by)
    return _one_more_look(attempt, DIFFERENT, client.ray, by=by)


def _left_behind(token_request: TokenRequest, *, by: User | None) -> None:
    """A crash between the call and its record: the change had left perhaps, so it is uncertain."""
    token = carrying_out.token_of(token_request)
    with audit.recording(Event.TOKEN_UNCERTAIN, by=by, subject=token, trail=token_request.pk) as record:
        record.outcome, record.reason = "failed", "The portal stopped before it could record Cloudflare's answer."
        token_request.move(Status.UNCERTAIN, changed_at=clock.now())


def _one_more_look(attempt: Attempt, sentence: str, ray: str, *, by: User | None) -> Outcome:
    """A look that did not find what was asked for. It counts when it is not merely the one before it pressed again.

    After the settle window, several of them end it with this sentence, and the token is free for something else.
    """
    window, now = timedelta(seconds=settings.SETTLE_WINDOW_SECONDS), clock.now()
    counts = attempt.looked_up_at is None or now - attempt.looked_up_at >= window / LISTINGS_IN_A_WINDOW
    looks = attempt.empty_listings + counts
    left = attempt.started_at + window - now
    if counts and looks >= EMPTY_LISTINGS_NEEDED and left <= timedelta(0):
        carrying_out.failed(attempt, Attempt.Outcome.NOT_FOUND, sentence, by=by, ray=ray, empty_listings=looks, looked_up_at=now)
        return Outcome(f"{sentence} You can try again.")
    token_request = attempt.token_request
    token = carrying_out.token_of(token_request)
    with audit.recording(Event.TOKEN_LOOKED_UP, **issuing.about(attempt, ray, token), by=by) as record:
        issuing.hold(attempt)
        if counts:
            record.change(attempt, empty_listings=looks, looked_up_at=now)
    if sentence == DIFFERENT:
        return Outcome(f"{DIFFERENT} {settling.RESOLVE}")
    if left > timedelta(0):
        return Outcome(f"It is not changed yet. The change can still come for {int(left.total_seconds()) + 1} seconds.")
    return Outcome("It is not changed. The portal looks again before it says that the change did not happen.")

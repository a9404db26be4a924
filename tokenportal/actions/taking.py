"""One thing at a time with a token: taken by whoever begins, let go when it is known what became of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError

from tokenportal import audit, clock, cloudflare, upstream
from tokenportal.actions import issuing
from tokenportal.audit import Event, fingerprints
from tokenportal.cloudflare import CloudflareError, NeverSent, OutcomeUnknown, Refused, TokenRecord
from tokenportal.models import AuditEvent, MovedMeanwhile, Token, User
from tokenportal.secret import Secret

BY_SOMEBODY_ELSE = "It was settled by somebody else just now. This is how it stands."
SOMEBODY_WAS_FIRST = (
    "Somebody was first, or you were, with another click: this was begun since the page was opened, or the token is gone."
)
GONE = "Cloudflare does not have this token any more, so nothing was left to do."
AGAIN = "The portal asks again by itself."


class NotBegun(Exception):
    """Nothing was sent and nothing has changed; the message says why."""


@dataclass(frozen=True)
class Result:
    """Whether it is known to be done, and what is known as sentences for the person who asked."""

    done: bool
    sentence: str


@dataclass(frozen=True)
class Call:
    """A call at Cloudflare as its event tells it: the answer's ray id, the digest of a body that was sent, a secret that came."""

    ray: str = ""
    digest: str = ""
    secret: Secret | None = None


NO_CALL = Call()


def turn(token: Token, event: Event) -> int:
    """The number of the newest such event about this token, 0 where there is none: what a page that asks first has seen."""
    done = AuditEvent.Outcome.DONE  # what was refused began nothing
    about = AuditEvent.objects.filter(object_type="token", object_id=str(token.pk), action=event.value, outcome=done)
    return about.order_by("-number").values_list("number", flat=True).first() or 0


def begin(token: Token, doing: Token.Doing, event: Event, *, by: User, seen: int | None = None) -> cloudflare.Client:
    """Commit the intent, alone. Raises NotBegun, also where it was begun anew since the ``turn`` that was ``seen``."""
    try:
        client = upstream.client(token.connection)
    except NeverSent as error:
        raise NotBegun(error.safe) from None
    try:
        with audit.recording(event, by=by, subject=token, trail=token.trail, durable=issuing.DURABLE) as record:
            record.changes["doing"] = ["", doing.value]
            token.begin(doing, at=clock.now())
            if seen is not None and seen != turn(token, event):
                raise MovedMeanwhile
    except MovedMeanwhile:
        token.refresh_from_db()
        raise NotBegun(SOMEBODY_WAS_FIRST) from None
    return client


@contextmanager
def _afterwards(event: Event, token: Token, call: Call, *, by: User | None) -> Iterator[audit.Record]:
    """A recording of what a call led to. Raises LeftUnrecorded; the token is asked about later then."""
    try:
        with audit.recording(event, by=by, subject=token, trail=token.trail, ray=call.ray, digest=call.digest) as record:
            record.fingerprint = fingerprints.of(call.secret) if call.secret else ""
            yield record
    except (audit.AuditUnavailable, DatabaseError) as failure:
        raise issuing.LeftUnrecorded from failure


def end(
    token: Token, event: Event, words: str, *, by: User | None, call: Call = NO_CALL, done: bool = False, **fields: Any
) -> Result:
    """Write down what is known and let the token go. Raises LeftUnrecorded."""
    try:
        with _afterwards(event, token, call, by=by) as record:
            record.reason = words
            record.outcome = AuditEvent.Outcome.DONE if done or event == Event.TOKEN_GONE else AuditEvent.Outcome.FAILED
            token.let_go()
            # A reading may have told more meanwhile; what is compared and saved is the row as it stands.
            token.refresh_from_db(fields=[*fields])
            record.change(token, **fields)
    except MovedMeanwhile:
        token.refresh_from_db()
        return Result(False, BY_SOMEBODY_ELSE)
    return Result(done, words)


def not_known(token: Token, error: CloudflareError, *, by: User | None) -> Result:
    """Leave it open: nobody waits for an answer any more, and the token will be asked about. Raises LeftUnrecorded."""
    known = "" if isinstance(error, OutcomeUnknown) else "It is not known yet whether it worked. "
    result = Result(False, f"{known}{error.safe} {AGAIN}")
    if token.doing_since:
        with _afterwards(Event.TOKEN_LOOKED_UP, token, Call(error.ray), by=by) as record:
            record.outcome, record.reason = AuditEvent.Outcome.FAILED, result.sentence
            Token.objects.filter(pk=token.pk, doing=token.doing, doing_since=token.doing_since).update(doing_since=None)
        token.doing_since = None
    return result


def gone(token: Token, call: Call, *, by: User | None) -> Result:
    return end(token, Event.TOKEN_GONE, GONE, by=by, call=call, status=Token.Status.GONE, ended_at=clock.now())


def last_word(token: Token) -> str:
    """What the newest event about this token says beside its name."""
    about = AuditEvent.objects.filter(object_type="token", object_id=str(token.pk)).order_by("-number")
    about = about.exclude(outcome=AuditEvent.Outcome.REFUSED)
    return about.values_list("reason", flat=True).first() or ""


def read(client: cloudflare.Client, token: Token) -> TokenRecord | None:
    """The token now; None where Cloudflare completely says that it does not exist. Raises CloudflareError."""
    try:
        return own(token, client.get_token(token.cloudflare_id))
    except Refused as error:
        if error.is_absence:
            return None
        raise


def own(token: Token, seen: TokenRecord) -> TokenRecord:
    if seen.id != token.cloudflare_id:
        raise OutcomeUnknown("it answered with another token", status=200)
    return seen

"""Verifying the audit log: asked for by a person or by the worker, its result kept and told.

That a person asks is an event, and so is the result, about the same verification. The worker looks at the newest part again
and again and at the whole once a day, and what it finds is an event and a notice to admins and auditors, once.
"""

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from tokenportal import audit, clock, rules
from tokenportal.actions import credentials, notices, verified
from tokenportal.actions.verified import last, trusted
from tokenportal.audit import AuditUnavailable, Event, checkpoints, following
from tokenportal.audit.checkpoints import Checkpoint
from tokenportal.audit.following import Finding, Progress, Result
from tokenportal.models import AuditEvent, User, Verification

AT_ONCE = 20_000
"""A log of so many events is verified while the person who asked waits: about a second."""
AT_LEAST_BACK = 1000
"""The newest part begins at a checkpoint that is so many events old."""
WHOLE_EVERY = timedelta(days=1)
KEPT_FOR = timedelta(days=30)
"""How long results of the worker's are kept that found nothing."""
DEAD_AFTER = timedelta(seconds=60)
"""Whoever verifies writes down once a second how far it is; after so long without, it has stopped."""

Scope, Outcome = Verification.Scope, Verification.Result
log = logging.getLogger("tokenportal.audit")


def verify(
    *, start: Checkpoint | None = None, kept: tuple[Checkpoint, ...] = (), progress: Progress | None = None
) -> Result:  # fmt: skip
    """The log, and whether the stored credentials are those of which it tells. Raises AuditUnavailable."""
    result = following.follow(start=start, kept=kept, progress=progress)
    found = None if result.finding else credentials.put_back()
    if found is None:
        return result
    number, sentence = found
    return Result(result.events, Finding(number, "credential", sentence), result.checkpoints, result.newest)


def ask(*, by: User) -> Verification:
    """Have the whole log verified for a person: at once where it is short, else by the worker.

    Where one is under way, that one is the answer. Raises Forbidden, and AuditUnavailable where an event cannot be written.
    """
    rules.require(rules.may_read_audit(by))
    with audit.recording(Event.AUDIT_VERIFYING, by=by, scope=Scope.WHOLE) as record:
        record.subject = asked = running() or _new(Scope.WHOLE, by)
    return run(asked, by=by) if asked.total <= AT_ONCE else asked


def _new(scope: str, by: User | None = None) -> Verification:
    total = AuditEvent.objects.order_by("-number").values_list("number", flat=True).first() or 0
    return Verification.objects.create(
        scope=scope, by_id=by.pk if by else None, by_name=by.username if by else "", asked_at=clock.now(), total=total
    )


def running() -> Verification | None:
    """The verification of the whole log that is asked for or under way."""
    return Verification.objects.filter(Q(began_at=None) | _under_way(), scope=Scope.WHOLE, ended_at=None).first()


def _under_way() -> Q:
    """Whoever does it was heard of lately. One heard of in the future, beyond what clocks differ by, would be waited for for ever."""
    now = clock.now()
    return Q(seen_at__gt=now - DEAD_AFTER, seen_at__lt=now + DEAD_AFTER)


def run(asked: Verification, *, by: User | None = None) -> Verification:
    """Do it, and keep and tell what came of it; ``by`` is the person who waits for it. What somebody else does already is left to them."""
    if not _take(asked):
        return asked
    told_at = time.monotonic()

    def progress(events: int, total: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= 1:
            told_at = time.monotonic()
            Verification.objects.filter(pk=asked.pk).update(events=events, total=total, seen_at=clock.now())

    try:
        start = _newest_part() if asked.scope == Scope.NEWEST else None
        result = verify(start=start, progress=progress)
    except AuditUnavailable as error:
        _end(asked, Outcome.UNKNOWN, by=by, sentence=str(error))
    except Exception as error:
        # Whatever somebody may have written into a row: a look that ends with nothing kept would leave the last result standing.
        log.exception("The audit log could not be verified.")
        _end(asked, Outcome.UNKNOWN, by=by, sentence=f"The audit log cannot be read: {type(error).__name__}.")
    else:
        outcome = Outcome.TAMPERED if result.finding else Outcome.CLEAN
        _end(asked, outcome, by=by, result=result, sentence=in_words(result))
    return asked


def _take(asked: Verification) -> bool:
    """Begin it, unless another one is under way: one look at the log at a time."""
    now = clock.now()
    with transaction.atomic():
        # All that are open, so that two do not begin two of them at the same moment.
        waiting = {one.pk for one in Verification.objects.select_for_update().filter(ended_at=None).order_by("pk")}
        taken = asked.pk in waiting and not Verification.objects.filter(_under_way(), ended_at=None).exists()
        if taken:
            Verification.objects.filter(pk=asked.pk).update(began_at=now, seen_at=now)
    asked.refresh_from_db()
    return taken


def in_words(result: Result) -> str:
    """One or two sentences: what holds or does not, and how much of the end nothing protects."""
    if result.finding:
        return result.finding.sentence
    many = "1 event" if result.events == 1 else f"{result.events} events"
    if result.unprotected == 0 and result.events:
        return f"The chain holds: {many}, all of them covered by a checkpoint."
    tail = "The newest one" if result.unprotected == 1 else f"The newest {result.unprotected}"
    return f"The chain holds: {many}. {tail} came after the last checkpoint: whether later ones were cut off, it cannot tell."


def _end(asked: Verification, outcome: str, *, by: User | None, sentence: str, result: Result | None = None) -> None:
    """Seal and keep the result, with its event where somebody asked or where there is news."""
    asked.result, asked.sentence, asked.ended_at = outcome, sentence[:400], clock.now()
    if result:
        asked.events, asked.unprotected = result.events, result.unprotected
        asked.total = max(asked.total, result.events)
    if result and result.finding:
        asked.first_bad, asked.kind = result.finding.number, result.finding.kind
    news = outcome == Outcome.TAMPERED and not verified.known(asked)
    if not news and not _somebody_asked(asked):
        verified.keep(asked)
        return
    try:
        with audit.recording(
            Event.AUDIT_VERIFIED, by=by, subject=asked, scope=asked.scope, result=outcome, events=asked.events
        ) as record:
            if asked.first_bad is not None:
                record.details |= {"first_bad": asked.first_bad, "kind": asked.kind}
            if outcome != Outcome.CLEAN:
                record.outcome, record.reason = "failed", asked.sentence
            if news:
                readers = User.objects.filter(Q(is_admin=True) | Q(is_auditor=True), is_active=True)
                notices.tell(readers, None, f"The audit log does not hold. {asked.sentence}")
            verified.keep(asked)
    except AuditUnavailable:
        verified.keep(asked, untold=news)
        if by:
            raise


def _somebody_asked(asked: Verification) -> bool:
    """Whether a person did, also where they came to a look that the worker had begun by itself."""
    return AuditEvent.objects.filter(object_id=str(asked.pk), action=Event.AUDIT_VERIFYING).exists()


def _newest_part() -> Checkpoint | None:
    """Where the newest part begins: the newest checkpoint that is old enough and ours, or the beginning of the log."""
    head = AuditEvent.objects.order_by("-number").values_list("number", flat=True).first() or 0
    chosen = None
    for line in checkpoints.lines():
        try:
            found = checkpoints.parse(line)
        except checkpoints.NotACheckpoint:
            continue
        if found.size <= head - AT_LEAST_BACK and (chosen is None or found.size > chosen.size):
            chosen = found
    try:
        return checkpoints.require_ours(chosen, checkpoints.keyring()) if chosen else None
    except checkpoints.NotACheckpoint:
        return None


def run_next() -> Verification | None:
    """For the worker: the verification that somebody waits for, or else the one whose time has come."""
    waiting = Verification.objects.filter(~_under_way(), ended_at=None)
    asked = waiting.order_by("asked_at").first() or _whose_time_has_come()
    return run(asked) if asked else None


def _whose_time_has_come() -> Verification | None:
    """The whole once a day, and at once where it was found to hold and the newest part no more; the newest part again and again.

    A look at the whole that could not tell counts as none, but is not tried again more often than one at the newest part.
    """
    now = clock.now()
    lately = now - timedelta(seconds=settings.VERIFY_INTERVAL_SECONDS)
    whole = verified.whole_since(now - WHOLE_EVERY)
    due = whole is None or (whole.result == Outcome.CLEAN and verified.standing())
    if due and not _ended_since(lately, Scope.WHOLE):
        return _new(Scope.WHOLE)
    if verified.done().filter(ended_at__gt=lately).exclude(scope=Scope.WHOLE, result=Outcome.UNKNOWN).exists():
        return None
    if whole:
        # Only now: the last result that holds takes earlier findings back, however long ago that was.
        Verification.objects.filter(by_name="", result=Outcome.CLEAN, ended_at__lt=now - KEPT_FOR).delete()
    return _new(Scope.NEWEST)


def _ended_since(moment: datetime, *scopes: str) -> bool:
    return verified.done().filter(scope__in=scopes, ended_at__gt=moment).exists()


def known_bad() -> str:
    """What is wrong with the log as far as results say that can be trusted; empty where they say nothing of the kind. Two queries."""
    found = verified.standing()
    return found.sentence if found else ""


def _latest(whole: Verification | None, newest: Verification | None) -> list[Verification]:
    """The results that count: that of the newest part only where it came after that of the whole, which looked at it as well."""
    if whole and newest and whole.ended_at and newest.ended_at and whole.ended_at > newest.ended_at:
        return [whole]
    return [one for one in (whole, newest) if one]


@dataclass(frozen=True)
class State:
    """What is known of the log without looking at it anew.

    ``holds`` is None where nobody can tell: never verified, not lately, without a key, or with a result that was changed.
    ``whole`` and ``newest`` are the last results for the whole log and for its newest part; ``sentence`` is ``holds`` in words.
    ``found`` is what does not hold, as far as anybody knows. ``furthest`` is the result that came furthest of those that count: it
    speaks of its ``events`` first events, and of none after them.
    """

    holds: bool | None
    sentence: str
    whole: Verification | None
    newest: Verification | None
    found: Verification | None
    furthest: Verification | None
    running: Verification | None
    checkpoints: checkpoints.Standing
    overdue: bool


def state() -> State:
    """For pages and health: results that were kept, the newest checkpoint and whether somebody is at it. Raises DatabaseError."""
    whole, newest = last(Scope.WHOLE), last(Scope.NEWEST)
    found = verified.standing()
    overdue = not _ended_since(clock.now() - timedelta(seconds=3 * settings.VERIFY_INTERVAL_SECONDS), *Scope.values)
    overdue = overdue or not _ended_since(clock.now() - 2 * WHOLE_EVERY, Scope.WHOLE)
    counting = _latest(whole, newest)
    holds, sentence = (False, found.sentence) if found else _judged(counting, overdue)
    furthest = max(counting, key=lambda one: one.events) if holds else None
    return State(holds, sentence, whole, newest, found, furthest, running(), checkpoints.standing(), overdue)


def _judged(results: list[Verification], overdue: bool) -> tuple[bool | None, str]:
    """Where nothing was found."""
    if not results:
        return None, "The log has not been verified yet."
    for one in results:
        if one.result == Outcome.UNKNOWN:
            return None, one.sentence
        if not trusted(one):
            return None, "The last result was changed since it was kept, so it says nothing. Verify the log now."
    return (None, "The log was not verified lately. Is manage.py work running?") if overdue else (True, results[0].sentence)

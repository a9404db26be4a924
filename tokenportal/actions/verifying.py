"""Verifying the audit log: asked for by a person or by the worker, its result kept and told.

A person's verification is one event, with its result. The worker looks at the newest part again and again and at the whole
once a day, and what it finds is an event and a notice to admins and auditors, once. A kept result is sealed with the
audit key, so that nobody who holds only the database can write that all is well.
"""

import hmac
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F, Q

from tokenportal import audit, clock, rules
from tokenportal.actions import credentials, notices
from tokenportal.audit import AuditUnavailable, Event, checkpoints, following, seals
from tokenportal.audit.checkpoints import Checkpoint
from tokenportal.audit.following import Finding, Progress, Result
from tokenportal.models import AuditEvent, User, Verification
from tokenportal.models.audit_event import canonical_json

AT_ONCE = 20_000
"""A log of so many events is verified while the person who asked waits: about a second."""
AT_LEAST_BACK = 1000
"""The newest part begins at a checkpoint that is so many events old."""
WHOLE_EVERY = timedelta(days=1)
KEPT_FOR = timedelta(days=30)
"""How long results of the worker's are kept that found nothing."""
DEAD_AFTER = timedelta(seconds=60)
"""Whoever verifies writes down once a second how far it is; after so long without, it has stopped."""
LABEL = "tokenportal verification 1\n"
SEALED = ("scope", "by_name", "events", "total", "unprotected", "result", "first_bad", "kind", "sentence")

Scope, Outcome = Verification.Scope, Verification.Result


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

    Where somebody's is under way, that one is the answer. Raises Forbidden, and AuditUnavailable where its event cannot be written.
    """
    rules.require(rules.may_read_audit(by))
    asked = running() or _new(Scope.WHOLE, by)
    return run(asked) if asked.total <= AT_ONCE else asked


def _new(scope: str, by: User | None = None) -> Verification:
    total = AuditEvent.objects.order_by("-number").values_list("number", flat=True).first() or 0
    return Verification.objects.create(
        scope=scope, by_id=by.pk if by else None, by_name=by.username if by else "", asked_at=clock.now(), total=total
    )


def running() -> Verification | None:
    """The verification of the whole log that is asked for or under way."""
    alive = Q(began_at=None) | Q(seen_at__gt=clock.now() - DEAD_AFTER)
    return Verification.objects.filter(alive, scope=Scope.WHOLE, ended_at=None).first()


def run(asked: Verification) -> Verification:
    """Do it, and keep and tell what came of it. What somebody else does already is left to them."""
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
        _end(asked, Outcome.UNKNOWN, sentence=str(error))
    except DatabaseError as error:
        _end(asked, Outcome.UNKNOWN, sentence=f"The audit log cannot be read: {type(error).__name__}.")
    else:
        outcome = Outcome.TAMPERED if result.finding else Outcome.CLEAN
        _end(asked, outcome, result=result, sentence=in_words(result))
    return asked


def _take(asked: Verification) -> bool:
    """Begin it, unless another one is under way: one look at the log at a time."""
    now = clock.now()
    with transaction.atomic():
        # All that are open, so that two do not begin two of them at the same moment.
        waiting = {one.pk: one for one in Verification.objects.select_for_update().filter(ended_at=None).order_by("pk")}
        busy = any(one.seen_at and one.seen_at > now - DEAD_AFTER for one in waiting.values())
        taken = asked.pk in waiting and not busy
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


def _end(asked: Verification, outcome: str, *, sentence: str, result: Result | None = None) -> None:
    """Seal and keep the result, with its event where somebody asked or where there is news."""
    asked.result, asked.sentence, asked.ended_at = outcome, sentence[:400], clock.now()
    if result:
        asked.events, asked.unprotected = result.events, result.unprotected
        asked.total = max(asked.total, result.events)
    if result and result.finding:
        asked.first_bad, asked.kind = result.finding.number, result.finding.kind
    news = outcome == Outcome.TAMPERED and not _known(asked)
    if not asked.by_name and not news:
        _keep(asked)
        return
    by = User.objects.filter(pk=asked.by_id).first() if asked.by_id else None
    try:
        with audit.recording(Event.AUDIT_VERIFIED, by=by, scope=asked.scope, result=outcome, events=asked.events) as record:
            if asked.first_bad is not None:
                record.details |= {"first_bad": asked.first_bad, "kind": asked.kind}
            if outcome != Outcome.CLEAN:
                record.outcome, record.reason = "failed", asked.sentence
            if news:
                readers = User.objects.filter(Q(is_admin=True) | Q(is_auditor=True), is_active=True)
                notices.tell(readers, None, f"The audit log does not hold. {asked.sentence}")
            _keep(asked)
    except AuditUnavailable:
        _keep(asked)
        if asked.by_name:
            raise


def _known(asked: Verification) -> bool:
    """Whether the same was found before, by a result that can be trusted."""
    same = Verification.objects.filter(result=Outcome.TAMPERED, first_bad=asked.first_bad, kind=asked.kind)
    return any(trusted(one) for one in same.exclude(pk=asked.pk)[:10])


def _sealed(verification: Verification) -> str:
    ended = verification.ended_at.isoformat() if verification.ended_at else None
    content = {name: getattr(verification, name) for name in SEALED}
    return LABEL + canonical_json({**content, "id": str(verification.pk), "ended_at": ended})


def _keep(asked: Verification) -> None:
    try:
        asked.mac = seals.mac(_sealed(asked), seals.keyring().current_key)
    except AuditUnavailable:
        asked.mac = ""
    asked.save()


def trusted(verification: Verification) -> bool:
    """Whether a kept result is as it was kept: whoever can write the database can write here too, but cannot seal it."""
    try:
        ring = seals.keyring()
    except AuditUnavailable:
        return False
    return any(
        hmac.compare_digest(verification.mac.encode(), seals.mac(_sealed(verification), key).encode())
        for key in ring.keys.values()
    )


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
    waiting = Verification.objects.filter(Q(began_at=None) | Q(seen_at__lte=clock.now() - DEAD_AFTER), ended_at=None)
    asked = waiting.order_by("asked_at").first() or _whose_time_has_come()
    return run(asked) if asked else None


def _whose_time_has_come() -> Verification | None:
    if _ended_since(clock.now() - WHOLE_EVERY, Scope.WHOLE):
        since = clock.now() - timedelta(seconds=settings.VERIFY_INTERVAL_SECONDS)
        return None if _ended_since(since, Scope.NEWEST, Scope.WHOLE) else _new(Scope.NEWEST)
    old = Verification.objects.filter(by_name="", result=Outcome.CLEAN, ended_at__lt=clock.now() - KEPT_FOR)
    old.delete()
    return _new(Scope.WHOLE)


def _ended_since(moment: datetime, *scopes: str) -> bool:
    return Verification.objects.filter(scope__in=scopes, ended_at__gt=moment).exists()


def last(scope: str) -> Verification | None:
    """The newest result of this scope."""
    return Verification.objects.filter(scope=scope, ended_at__isnull=False).order_by(F("ended_at").desc()).first()


def known_bad() -> str:
    """What is wrong with the log as far as the last results say; empty where they say nothing of the kind. Two queries."""
    holds, sentence = _judged(_latest(last(Scope.WHOLE), last(Scope.NEWEST)), overdue=False)
    return sentence if holds is False else ""


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
    """

    holds: bool | None
    sentence: str
    whole: Verification | None
    newest: Verification | None
    running: Verification | None
    checkpoints: checkpoints.Standing
    overdue: bool


def state() -> State:
    """For pages and health: two results, the newest checkpoint and whether somebody is at it. Raises DatabaseError."""
    whole, newest = last(Scope.WHOLE), last(Scope.NEWEST)
    results = _latest(whole, newest)
    overdue = not _ended_since(clock.now() - timedelta(seconds=3 * settings.VERIFY_INTERVAL_SECONDS), *Scope.values)
    overdue = overdue or not _ended_since(clock.now() - 2 * WHOLE_EVERY, Scope.WHOLE)
    holds, sentence = _judged(results, overdue)
    return State(holds, sentence, whole, newest, running(), checkpoints.standing(), overdue)


def _judged(results: list[Verification], overdue: bool) -> tuple[bool | None, str]:
    if not results:
        return None, "The log has not been verified yet."
    for one in results:
        if one.result == Outcome.UNKNOWN:
            return None, one.sentence
        if not trusted(one):
            return None, "The last result was changed since it was kept, so it says nothing. Verify the log now."
    for one in results:
        if one.result == Outcome.TAMPERED:
            return False, one.sentence
    return (None, "The log was not verified lately. Is manage.py work running?") if overdue else (True, results[0].sentence)

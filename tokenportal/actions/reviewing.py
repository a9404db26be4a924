"""Review: a version is sent to colleagues, who approve just these bytes, ask for changes or deny. Any way out of it voids them."""

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Q

from tokenportal import audit, clock, rules
from tokenportal.actions import carrying_out, guarding, issuing, notices, preflight, voiding
from tokenportal.actions.invalid import Invalid, checked_text
from tokenportal.actions.issuing import Changed
from tokenportal.audit import Event
from tokenportal.models import Answer, Demand, MovedMeanwhile, Review, ReviewAsked, Status, TokenRequest, User

OTHER = "What you looked at is not what is under review now. Read it again."
BECAUSE_MAX = Demand._meta.get_field("because").max_length
CAN = "can approve it"
LATE = "It is not in review any more. Reload the page to see how it stands."

type Askable = list[tuple[User, str]]
"""People, and for each in words what their answer counts for, or where they are."""


def send(
    token_request: TokenRequest, *, by: User, version: int, digest: str, reason: str = "", asked: Iterable[User] = ()
) -> Review:  # fmt: skip
    """Send just this version for review. Where no rule asks for approval, one of the team's approvers is asked for.

    Raises NotAllowed, Changed where what was looked at is not what would be sent, it would change nothing, a rule stands in
    the way whoever approves or Cloudflare would certainly not take it, and Invalid for a text or a person.
    """
    rules.require(rules.may_send(by, token_request))
    reason = checked_text("reason", reason or token_request.reason)
    agreed = issuing.agreed_version(token_request, number=version, digest=digest)
    rules.require(rules.may_use(agreed.agreed_connection, token_request.team_id))
    carrying_out.require_difference(token_request, agreed)
    found = guarding.of_version(token_request, agreed, reason=reason)
    if found.unmet and all(ruling.effect == "reason" for ruling in found.unmet):
        raise Invalid("reason", found.unmet[0].asks)
    if found.unmet:
        raise Changed(" ".join(f"{ruling.asks} ({ruling.rule.title})" for ruling in found.unmet))
    if not (takes_it := preflight.verdict(preflight.of(token_request, agreed))):
        raise Changed(takes_it.sentence)
    return begin(token_request, found.demands, by=by, reason=reason, asked=asked)


def begin(
    token_request: TokenRequest, demands: Collection[guarding.guardrails.Demand], *, by: User, reason: str, asked: Iterable[User] = ()
) -> Review:  # fmt: skip
    """The review of the newest version, with what it takes. Raises Changed where somebody was first, and Invalid."""
    now = clock.now()
    people = [_askable(person, token_request) for person in asked]
    review = Review(
        token_request=token_request, number=token_request.reviews.count() + 1, version=token_request.version,
        digest=token_request.digest, reason=reason, sent_by=by, sent_at=now,
        expires_at=now + timedelta(seconds=settings.REVIEW_EXPIRES_SECONDS),
    )  # fmt: skip
    teams = guarding.teams_for(demands, token_request)
    rows = [
        Demand(review=review, rule=one.rule.id, title=one.rule.title, because=one.because[:BECAUSE_MAX], count=one.count,
               team=teams[one.source])
        for one in demands
    ] or [Demand(review=review, rule=guarding.VOLUNTARY, title="Asked for by who needs it", count=1, team=token_request.team)]  # fmt: skip
    try:
        with recorded(Event.REVIEW_SENT, token_request, by=by) as record:
            record.details["rules"] = [f"{row.title} ({row.count})" for row in rows]
            record.changes["status"] = [token_request.status, Status.IN_REVIEW.value]
            record.set(token_request, reason=reason)
            token_request.move(Status.IN_REVIEW, reason=reason, changed_at=now)
            for row in (review, *rows, *(ReviewAsked(review=review, user=person) for person in people)):
                record.add(row)
            notices.tell_of_request(
                _reviewers(review, token_request, people), token_request,
                f"{by} asks you to review {what_of(token_request)}.", mail=True,
            )  # fmt: skip
    except (MovedMeanwhile, IntegrityError):
        raise Changed("It changed in the meantime. Check it again.") from None
    return review


def ask(token_request: TokenRequest, *, by: User, person: User | None) -> None:
    """Ask one more person by name. Raises NotAllowed and Invalid, also for nobody."""
    rules.require(rules.may_ask_somebody(by, token_request))
    if person is None:
        raise Invalid("person", "Choose whom to ask.")
    _askable(person, token_request)
    with recorded(Event.REVIEW_ASKED, token_request, by=by, to=str(person)) as record:
        review = voiding.locked(token_request)
        if review is None or review.asked_rows.filter(user=person).exists():
            raise Invalid("person", f"{person} has been asked already, or it is not in review any more.")
        record.add(ReviewAsked(review=review, user=person))
        notices.tell_of_request([person], token_request, f"{by} asks you to review {what_of(token_request)}.", mail=True)


def approve(
    token_request: TokenRequest, *, by: User, version: int, digest: str, review_number: int, comment: str = ""
) -> Review:  # fmt: skip
    """Approve exactly what was on the screen. With the last approval that it takes, the request is approved.

    Raises NotAllowed, Changed where something else is under review by now, or the review is over, and Invalid for a comment.
    """
    try:
        with recorded(Event.REVIEW_APPROVED, token_request, by=by) as record:
            review = _answering(token_request, rules.may_approve, by=by, seen=(review_number, version, digest))
            record.add(_answer(review, by, Answer.Verdict.APPROVE, checked_text("comment", comment)))
            done = guarding.tally(record, token_request, review)
            told = f"It can be {token_request.deed.done} now."
            notices.tell_of_request(
                _others(token_request, by), token_request,
                f"{by} approved {what_of(token_request)}. {told if done else 'Further approvals are needed.'}", mail=done,
            )  # fmt: skip
    except (MovedMeanwhile, IntegrityError):
        raise Changed(LATE) from None
    return review


def request_changes(
    token_request: TokenRequest, *, by: User, version: int, digest: str, review_number: int, comment: str
) -> None:  # fmt: skip
    """Send it back to draft with a comment. Raises NotAllowed, Changed, and Invalid without a comment."""
    _end_with_answer(
        token_request, by, Answer.Verdict.CHANGES, comment, needed="Say what should change.", seen=(review_number, version, digest),
        event=Event.REVIEW_RETURNED, to=Status.DRAFT, outcome=Review.Outcome.CHANGES, told="asks for changes of",
    )  # fmt: skip


def deny(
    token_request: TokenRequest, *, by: User, version: int, digest: str, review_number: int, comment: str
) -> None:  # fmt: skip
    """Deny it, also after it was approved. Raises NotAllowed, Changed, and Invalid without a reason."""
    needed = "Say why, so that the next request can be a better one."
    _end_with_answer(
        token_request, by, Answer.Verdict.DENY, comment, needed=needed, seen=(review_number, version, digest),
        event=Event.REVIEW_DENIED, to=Status.REJECTED, outcome=Review.Outcome.DENIED, told="denied",
    )  # fmt: skip


def withdraw(token_request: TokenRequest, *, by: User) -> None:
    """Take it back to draft, to change or drop it; approvals that it had are void. Raises NotAllowed."""
    rules.require(rules.may_withdraw(by, token_request))
    approved = token_request.status == Status.APPROVED
    outcome = Review.Outcome.VOIDED if approved else Review.Outcome.WITHDRAWN
    try:
        with recorded(Event.REVIEW_WITHDRAWN, token_request, by=by) as record:
            voiding.leave(record, token_request, Status.DRAFT, outcome)
            # Told at the very moment at which the review ended: by that the letter is known (actions.mailing).
            notices.tell_of_request(
                _took_part(token_request), token_request, f"{by} took back {what_of(token_request)}. Nothing is left to answer.",
                mail=True, at=token_request.changed_at,
            )  # fmt: skip
    except MovedMeanwhile:
        raise rules.NotAllowed("It has changed in the meantime. Reload the page to see how it stands.") from None


def expire_due() -> int:
    """Let go what waited too long: requests in review, and approvals that nobody used. How many there were."""
    now = clock.now()
    due = Q(outcome=Review.Outcome.OPEN, expires_at__lte=now) | Q(outcome=Review.Outcome.APPROVED, lapses_at__lte=now)
    waiting = (Status.IN_REVIEW, Status.APPROVED)
    found = Review.objects.filter(due, token_request__status__in=waiting).select_related("token_request__requester")
    return sum(_expire(review.token_request) for review in found.order_by("sent_at")[:500])


def _expire(token_request: TokenRequest) -> bool:
    again = "Ask to adopt it again" if token_request.is_adoption else "Make a draft like it"
    try:
        with recorded(Event.REVIEW_EXPIRED, token_request, by=None) as record:
            review = voiding.locked(token_request)
            if review is None or (review.lapses_at or review.expires_at) > clock.now():
                raise MovedMeanwhile  # it was taken back and sent anew since it was found to be due
            voiding.leave(record, token_request, Status.EXPIRED, Review.Outcome.EXPIRED)
            notices.tell_of_request(
                [token_request.requester], token_request,
                f"{name_of(token_request)} waited too long and has expired. {again} if it is still needed.", mail=True,
            )  # fmt: skip
    except MovedMeanwhile:
        return False
    return True


def name_of(token_request: TokenRequest) -> str:
    newest = token_request.versions.filter(number=token_request.version).first()
    return f"“{newest.spec.name.strip()}”" if newest and newest.spec.name.strip() else "a request"


def what_of(token_request: TokenRequest) -> str:
    """The same, saying where it is no more than the adoption of what exists already."""
    return f"{'the adoption of ' if token_request.is_adoption else ''}{name_of(token_request)}"


def recorded(event: Event, token_request: TokenRequest, *, by: User | None, **details: Any) -> Any:
    """A recording about a review: what it is of is in its event."""
    return audit.recording(
        event, by=by, subject=token_request, trail=token_request.pk, digest=token_request.digest, version=token_request.version,
        **details,
    )  # fmt: skip


def _answering(token_request: TokenRequest, may: Any, *, by: User, seen: tuple[int, int, str]) -> Review:
    """The review that somebody answers, if it is what they looked at and if they may. Raises Changed and NotAllowed.

    Its number too: the same version can be sent again, for another reason, under other rules, or for another team to own.
    """
    # As it is now, also who wrote it: the page may have been loaded before somebody's last edit was sent for review.
    token_request.refresh_from_db(from_queryset=TokenRequest.objects.select_for_update())
    review = Review.objects.filter(token_request=token_request, outcome__in=Review.LIVE).first()
    by.refresh_from_db(fields=["is_active", "is_admin"])
    rules.require(may(by, token_request, review))
    if review is None or (review.number, review.version, review.digest) != seen or token_request.digest != review.digest:
        raise Changed(OTHER)
    if (review.lapses_at or review.expires_at) <= clock.now():
        raise Changed("It has waited too long, so it has expired.")
    return review


def _answer(review: Review, by: User, verdict: str, comment: str) -> Answer:
    return Answer(
        review=review, requester=review.token_request.requester, by=by, verdict=verdict, version=review.version,
        digest=review.digest, comment=comment, at=clock.now(),
    )  # fmt: skip


def _end_with_answer(
    token_request: TokenRequest, by: User, verdict: str, comment: str, *, needed: str, seen: tuple[int, int, str], event: Event,
    to: Status, outcome: Review.Outcome, told: str,
) -> None:  # fmt: skip
    try:
        with recorded(event, token_request, by=by) as record:
            review = _answering(token_request, rules.may_answer, by=by, seen=seen)
            comment = checked_text("comment", comment, needed=needed)
            record.add(_answer(review, by, verdict, comment))
            record.reason = comment
            voiding.leave(record, token_request, to, outcome)
            notices.tell_of_request(
                _others(token_request, by),
                token_request,
                f"{by} {told} {what_of(token_request)}: {notices.in_a_line(comment)}",
                mail=True,
            )
    except MovedMeanwhile:
        raise Changed(LATE) from None


def _askable(person: User, token_request: TokenRequest) -> User:
    """Raises Invalid for who could not answer anyway: the deactivated, and whoever wrote it."""
    if not person.is_active:
        raise Invalid("person", f"{person} is deactivated. Ask somebody else.")
    if rules.wrote(person, token_request):
        raise Invalid("person", f"{person} wrote this, so somebody else must look at it.")
    return person


def askable(token_request: TokenRequest, teams: Iterable[UUID | None]) -> tuple[Askable, Askable]:
    """Whom one can ask to look: those who could approve it (approvers of these teams, and admins), and others of its team."""
    approvers = could_approve(token_request, teams)
    members = User.objects.filter(is_active=True, memberships__team=token_request.team_id)
    others = [one for one in members.order_by("username") if one not in approvers and not rules.wrote(one, token_request)]
    return [(one, CAN) for one in approvers], [(one, "") for one in others]


def could_approve(token_request: TokenRequest, teams: Iterable[UUID | None]) -> list[User]:
    """Everybody whose approval counts for one of these teams; None stands for the admins, who count everywhere."""
    found = User.objects.filter(is_active=True).filter(
        Q(memberships__team__in=set(teams) - {None}, memberships__is_approver=True) | Q(is_admin=True)
    )  # fmt: skip
    return [person for person in found.distinct().order_by("username") if not rules.wrote(person, token_request)]


def _reviewers(review: Review, token_request: TokenRequest, asked: Iterable[User]) -> list[User]:
    """Who is told that it waits: those asked by name, and everybody whose approval counts, unless those asked can give all it takes."""
    named, demands = list(asked), list(review.demands.all())
    if named and all(guarding.enough(named, one.count, one.team_id) for one in demands):
        return named
    return [*named, *(one for one in could_approve(token_request, {one.team_id for one in demands}) if one not in named)]


def _took_part(token_request: TokenRequest) -> list[User]:
    """Who was asked by name in the review that has just ended, or has answered in it."""
    ended = token_request.reviews.filter(ended_at=token_request.changed_at).values("pk")
    found = User.objects.filter(Q(answers__review__in=ended) | Q(asked_reviews__in=ended))
    return list(found.distinct().order_by("username"))


def _others(token_request: TokenRequest, by: User) -> list[User]:
    return [person for person in {token_request.requester} if person != by]

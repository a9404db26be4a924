"""The rows of the evidence pack that are not tokens: people, what was agreed to, and events. Each read in chunks."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import batched
from typing import Any

from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from tokenportal.audit import one_event, reading
from tokenportal.models import Answer, Attempt, AuditEvent, Token, User

CHUNK = 200
OWNERS = ("person", "state", "portal_roles", "team_roles", "owns", "backs_up")
REVIEWS = (
    "request", "kind", "state", "team", "asked_by", "asked_on", "attempt", "version", "digest", "agreed_by", "agreed_on", "outcome",
    "known_on", "cloudflare_id", "ray",
)  # fmt: skip

APPROVALS = (
    "request", "round", "version", "digest", "reason", "sent_by", "sent_on", "rules", "reviewer", "answer", "comment", "answered_on",
    "void_since", "outcome",
)  # fmt: skip


@dataclass(frozen=True)
class Period:
    """The days of which the events are wanted, in UTC, the last one included; None is without limit."""

    first: date | None = None
    last: date | None = None

    @property
    def condition(self) -> Q:
        wanted = Q()
        if self.first:
            wanted &= Q(at__gte=datetime.combine(self.first, time(), UTC))
        if self.last:
            wanted &= Q(at__lt=datetime.combine(self.last + timedelta(days=1), time(), UTC))
        return wanted


def owners() -> Iterator[tuple[Any, ...]]:
    """Every person with their roles, and for how many living tokens each answers, as owner and as back-up."""

    def number(role: str) -> Any:
        mine = Token.objects.alive().managed().filter(**{role: OuterRef("pk")}).order_by().values(role)
        return Coalesce(Subquery(mine.annotate(number=Count("pk")).values("number")), 0)

    people = User.objects.annotate(owns=number("owner"), backs_up=number("backup_owner")).prefetch_related("memberships__team")
    for person in people.order_by("username").iterator(chunk_size=CHUNK):
        portal = [name for name, has in (("admin", person.is_admin), ("auditor", person.is_auditor)) if has]
        teams = [f"{one.team.name}: {', '.join(one.roles) or 'member'}" for one in person.memberships.all()]
        state = "active" if person.is_active else "deactivated"
        yield person.username, state, ", ".join(portal), "; ".join(teams), person.owns, person.backs_up


def reviews() -> Iterator[tuple[Any, ...]]:
    """Each time that somebody agreed to send a body to Cloudflare, known by its digest, and what came of it.

    Nothing of a draft stands here: a request is named, and what was agreed to, never what is being written.
    """
    attempts = Attempt.objects.select_related("by", "token_request__team", "token_request__requester")
    only = (
        "number", "version", "digest", "started_at", "ended_at", "outcome", "ray", "by__username", "token_request__reference",
        "token_request__kind", "token_request__status", "token_request__created_at", "token_request__cloudflare_id",
        "token_request__team__name", "token_request__requester__username",
    )  # fmt: skip
    for attempt in attempts.only(*only).order_by("started_at", "pk").iterator(chunk_size=CHUNK):
        request = attempt.token_request
        yield (
            request.reference, request.kind, request.status, request.team.name, request.requester.username,
            moment(request.created_at), attempt.number, attempt.version, attempt.digest, attempt.by.username,
            moment(attempt.started_at), attempt.outcome or "open", moment(attempt.ended_at), request.cloudflare_id, attempt.ray,
        )  # fmt: skip


def approvals() -> Iterator[tuple[Any, ...]]:
    """Each answer that a reviewer gave to a version, known by its digest, and the round that it belongs to."""
    answers = Answer.objects.select_related("by", "review__sent_by", "review__token_request").prefetch_related("review__demands")
    for answer in answers.order_by("at", "pk").iterator(chunk_size=CHUNK):
        review = answer.review
        yield (
            review.token_request.reference, review.number, answer.version, answer.digest, review.reason, review.sent_by.username,
            moment(review.sent_at), "; ".join(f"{one.title} ({one.count})" for one in review.demands.all()), answer.by.username,
            answer.verdict, answer.comment, moment(answer.at), moment(answer.voided_at), review.outcome or "open",
        )  # fmt: skip


def events(period: Period, newest: int) -> Iterator[dict[str, Any]]:
    """Each as the very content that is hashed, with its hash and its MAC beside it, or as its number where it cannot be read."""
    wanted = AuditEvent.objects.filter(period.condition, number__lte=newest).order_by("number")
    numbers = wanted.values_list("number", flat=True).iterator(chunk_size=CHUNK)
    for batch in batched(numbers, CHUNK):
        yield from map(one_event.as_json, reading.readable(batch))


def moment(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if at else ""

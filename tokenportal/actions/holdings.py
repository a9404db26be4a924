"""Every token with who answers for it, who asked, who agreed to exactly what, and its findings: for a page and for exports.

Read in chunks, each with the same few queries, so that a long export takes no more memory than a short one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import batched
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from tokenportal import clock
from tokenportal.actions import findings
from tokenportal.actions.findings import Finding
from tokenportal.actions.gists import gists
from tokenportal.audit import Event, reading
from tokenportal.models import Answer, Attempt, AuditEvent, ConnectionGrant, Token, TokenRequest
from tokenportal.policy import exposure
from tokenportal.policy.catalogue import Risk

CHUNK = 200
RELATED = ("connection", "team", "owner", "backup_owner", "token_request__requester")
FIELDS = (
    "cloudflare_id", "name", "purpose", "status", "drifted", "is_parent", "doing", "exposure", "issued_on", "last_used_on",
    "not_before", "expires_on", "seen_at", "connection__name", "connection__kind", "connection__owner_id",
    "connection__owner_name", "team__name", "owner__username", "backup_owner__username", "token_request__created_at",
    "token_request__requester__username",
)  # fmt: skip


@dataclass(frozen=True)
class Agreement:
    """Who agreed to what a token holds and when. ``how``: created, changed or adopted; the version is None where it was adopted at once.

    ``approved_by`` are the names of those who approved just this content beforehand, where that was asked for.
    """

    by: str
    at: datetime
    how: str
    version: int | None
    digest: str
    approved_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Holding:
    """``token`` comes without its body. ``status`` is as time has made it; ``usable`` whether its team may still use the
    connection, which changing it needs. ``asked_by`` is "" where no request made it, ``agreed`` None where nobody did."""

    token: Token
    status: str
    can_do: str
    risk: Risk
    findings: tuple[Finding, ...]
    usable: bool
    asked_by: str
    asked_on: datetime | None
    agreed: Agreement | None


def holdings(tokens: Any) -> Iterator[Holding]:
    """Each of these tokens (a query set of Token), in its order, in constant memory."""
    now = clock.now()
    for rows in batched(enriched(tokens, now).iterator(chunk_size=CHUNK), CHUNK):
        yield from told(rows, now)


def enriched(tokens: Any, now: datetime) -> Any:
    """The rows with what ``told`` needs of them, in one query."""
    granted = Exists(ConnectionGrant.objects.filter(connection=OuterRef("connection_id"), team=OuterRef("team_id")))
    rows = findings.flagged(tokens, now).annotate(usable=Q(granted) & Q(connection__is_active=True))
    return rows.select_related(*RELATED).only(*FIELDS)


def told(rows: Iterable[Token], now: datetime) -> list[Holding]:
    """What is known of each enriched row: four queries, however many rows."""
    rows = list(rows)
    can_do, agreed = gists((row.pk, row.seen_at) for row in rows), _agreements(rows)
    return [judged(row, now, can_do=can_do[row.pk][0], agreed=agreed.get(row.pk)) for row in rows]


def judged(row: Token, now: datetime, *, can_do: str = "", agreed: Agreement | None = None) -> Holding:
    """What an enriched row tells by itself, without a further query: all but what it can do and who agreed."""
    request = row.token_request
    return Holding(
        token=row, status=row.status_at(now), can_do=can_do, risk=exposure.risk_in(row.exposure),
        findings=findings.found_in(row), usable=vars(row)["usable"], asked_by=request.requester.username if request else "",
        asked_on=request.created_at if request else None, agreed=agreed,
    )  # fmt: skip


def _agreements(rows: list[Token]) -> dict[UUID | None, Agreement]:
    """By token, the newest: its creation or a change that was carried out, or its adoption."""
    by_request = {row.token_request_id: row.pk for row in rows if row.token_request_id}
    edits = Q(token_request__kind=TokenRequest.Kind.EDIT, token_request__target__in=[row.pk for row in rows])
    done = Attempt.objects.filter(
        Q(token_request__in=by_request) | edits, outcome__in=[Attempt.Outcome.CREATED, Attempt.Outcome.ADOPTED]
    ).order_by("started_at")
    # An adopted token's trail is the token itself, or the request to adopt it.
    asked = TokenRequest.objects.filter(kind=TokenRequest.Kind.ADOPT, target__in=[row.pk for row in rows]).order_by()
    trails = Q(trail__in=[row.pk for row in rows]) | Q(trail__in=asked.values("pk"))
    adopted = AuditEvent.objects.filter(trails, action=Event.TOKEN_TAKEN_OVER.value, outcome="done").order_by("number")
    found: dict[UUID | None, Agreement] = {}
    by_id = {str(row.pk): row.pk for row in rows}
    for event in reading.read(adopted, "changes"):
        if pk := by_id.get(event.object_id):
            found[pk] = Agreement(event.by_name, event.at, "adopted", reading.detail(event, "version"), event.digest)
    names = ("token_request_id", "token_request__target_id", "by__username", "started_at", "version", "digest")
    for request_id, target, by, at, version, digest in done.values_list(*names):
        made = by_request.get(request_id)
        found[made or target] = Agreement(by, at, "created" if made else "changed", version, digest)
    approved = _approvals(rows, by_request)
    return {pk: replace(one, approved_by=tuple(approved.get((pk, one.digest), ()))) for pk, one in found.items()}


def _approvals(rows: list[Token], by_request: dict[UUID, UUID]) -> dict[tuple[UUID | None, str], list[str]]:
    """By token and digest, who approved it."""
    about = Q(review__token_request__in=by_request) | Q(review__token_request__target__in=[row.pk for row in rows])
    given = Answer.objects.filter(about, verdict=Answer.Verdict.APPROVE, voided_at=None).order_by("at")
    found: dict[tuple[UUID | None, str], list[str]] = {}
    names = ("review__token_request_id", "review__token_request__target_id", "digest", "by__username")
    for request_id, target, digest, by in given.values_list(*names):
        found.setdefault((by_request.get(request_id, target), digest), []).append(by)
    return found


COLUMNS = (
    "token", "id", "cloudflare_id", "status", "purpose", "connection", "kind", "cloudflare_owner", "team", "owner",
    "backup_owner", "asked_by", "asked_on", "agreed_by", "agreed_on", "agreed_how", "approved_by", "version", "digest", "risk", "can_do",
    "findings", "created", "last_used", "begins", "ends", "seen",
)  # fmt: skip
"""The columns of an export. Moments are ISO 8601 in UTC."""


def as_json(holding: Holding) -> dict[str, Any]:
    """A holding as one JSON object, in the order of ``COLUMNS``; findings are a list of their short names."""
    token, agreed = holding.token, holding.agreed
    return dict(zip(COLUMNS, (
        token.name, str(token.pk), token.cloudflare_id, holding.status, token.purpose, token.connection.name,
        token.connection.kind, token.connection.owner_name or token.connection.owner_id, _named(token.team), _named(token.owner),
        _named(token.backup_owner), holding.asked_by, _moment(holding.asked_on), agreed.by if agreed else "",
        _moment(agreed.at if agreed else None), agreed.how if agreed else "",
        ", ".join(agreed.approved_by) if agreed else "", agreed.version if agreed else None,
        agreed.digest if agreed else "", holding.risk, holding.can_do, [finding.slug for finding in holding.findings],
        _moment(token.issued_on), _moment(token.last_used_on), _moment(token.not_before), _moment(token.expires_on),
        _moment(token.seen_at),
    ), strict=True))  # fmt: skip


def as_row(holding: Holding) -> tuple[Any, ...]:
    """The same as one row of a table, the findings separated by blanks."""
    return tuple(" ".join(value) if isinstance(value, list) else value for value in as_json(holding).values())


def _named(thing: Any) -> str:
    return "" if thing is None else str(thing)


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if at else ""

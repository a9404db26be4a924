"""Rounds over the connections: one listing each, for all that is uncertain and all that is still watched.

An effect can come after a request was settled: a refusal lied, a listing lagged, a request lay in a queue. So what was
settled within the last day is watched: a token that turns up with its reference raises the alarm.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db.models import F, Max, Q

from tokenportal import clock, cloudflare, upstream
from tokenportal.actions import alarms, settling
from tokenportal.actions.settling import Open
from tokenportal.cloudflare import Listing
from tokenportal.models import Attempt, Connection, MovedMeanwhile, Version

WATCHED_FOR = timedelta(hours=24)
SLOWER_WITH_AGE = 8
"""A watch reads again after an eighth of the time since the last unclear answer, until syncing reads as often."""

Step = tuple[str, Callable[[], str]]
"""What is looked at, and the look, which answers with a sentence."""


@dataclass
class Round:
    """What one listing of a connection is for. ``unclear_at`` is when the last unclear answer on it was settled."""

    connection: Connection
    open: list[Open] = field(default_factory=list)
    watched: bool = False
    unclear_at: datetime | None = None

    def is_due(self, last: datetime | None, now: datetime) -> bool:
        """Whether to read now, where the last reading of this watch was begun at ``last``."""
        if self.open or last is None:
            return True
        interval = timedelta(seconds=settings.SYNC_INTERVAL_SECONDS)
        if self.unclear_at:
            least = timedelta(seconds=settings.WORK_INTERVAL_SECONDS)
            interval = min(interval, max(least, (now - self.unclear_at) / SLOWER_WITH_AGE))
        return now - last >= interval


def rounds(read_at: dict[UUID, datetime] | None = None) -> list[Round]:
    """The connections to read now. ``read_at`` remembers the last readings by connection; without it, all are due."""
    now = clock.now()
    found: dict[UUID, Round] = {}
    for token_request in settling.open_requests():
        try:
            one = settling.opened(token_request)
        except MovedMeanwhile:
            continue
        if one is not None:
            found.setdefault(one.connection.pk, Round(one.connection)).open.append(one)
    for connection, unclear_at in _watched(now - WATCHED_FOR):
        watch = found.setdefault(connection.pk, Round(connection))
        watch.watched, watch.unclear_at = True, unclear_at
    due = [one for pk, one in found.items() if read_at is None or one.is_due(read_at.get(pk), now)]
    if read_at is not None:
        read_at |= {one.connection.pk: now for one in due}
    return due


def _watched(since: datetime) -> list[tuple[Connection, datetime | None]]:
    """Connections through which something was settled since then, and when the last unclear answer was."""
    attempt = "token_request__attempts__"
    recent = Version.objects.filter(**{f"{attempt}ended_at__gte": since, "number": F(f"{attempt}version")})
    unclear = ~Q(**{f"{attempt}outcome": Attempt.Outcome.CREATED})
    settled = recent.order_by().values("connection").annotate(unclear_at=Max(f"{attempt}ended_at", filter=unclear))
    found = {row["connection"]: row["unclear_at"] for row in settled}
    return [(one, found[one.pk]) for one in Connection.objects.filter(pk__in=found, is_active=True)]


def steps(of: Round) -> Iterator[Step]:
    """List the connection once; then a step for each request that the listing settles, and one for the watch."""
    asked_at = clock.now()
    try:
        listing = upstream.client(of.connection).list_tokens()
    except cloudflare.CloudflareError as error:
        sentence = settling.not_asked(error).sentence
        yield str(of.connection), lambda: sentence
        return
    for one in of.open:
        yield one.token_request.reference, partial(_judged, one, listing, asked_at)
    yield f"watch over {of.connection}", partial(_watch, of.connection, listing)


def _judged(one: Open, listing: Listing, asked_at: datetime) -> str:
    return settling.judge(one, listing, asked_at=asked_at).sentence


def _watch(connection: Connection, listing: Listing) -> str:
    """An incomplete listing proves no absence, and what it holds is there all the same."""
    alarmed = alarms.sound_all(connection, listing.tokens)
    return f"requests with an alarm: {alarmed}" if alarmed else ""


def pass_over() -> list[tuple[str, str]]:
    """One round over everything, at once: what was looked at, with its sentence where there is one."""
    told = [(what, step()) for one in rounds() for what, step in steps(one)]
    return [(what, sentence) for what, sentence in told if sentence]

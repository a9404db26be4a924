"""How far the reading of a connection's tokens has come: one at a time, told page by page, and what came of the last one."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from tokenportal import clock
from tokenportal.models import Connection, TokenReading

GIVEN_UP_AFTER = timedelta(minutes=5)
"""A reading that is older was killed on its way; the next one takes over."""
BROKE_OFF = "The portal itself stopped on its way. Read it again."


class Overtaken(Exception):
    """Another reading has begun since, so this one ends without a trace."""


@dataclass(frozen=True)
class Reading:
    """A connection's list being read, by us and nobody else, since a moment."""

    connection: Connection
    started_at: datetime

    def progress(self, done: int, total: int | None, last: bool) -> None:
        """After each page. Raises Overtaken."""
        self._tell(done=done, total=total)

    def ready(self, *, count: int, problem: str) -> None:
        """It was read. ``problem`` says why its list is not all there is; "" where it is."""
        self._tell(
            state=TokenReading.State.READY, read_at=self.started_at, done=count, total=count, complete=not problem,
            sentence=problem[:400],
        )  # fmt: skip

    def failed(self, sentence: str) -> None:
        with suppress(Overtaken):
            self._tell(state=TokenReading.State.FAILED, sentence=sentence[:400])

    def _tell(self, **values: object) -> None:
        mine = TokenReading.objects.filter(
            connection=self.connection, state=TokenReading.State.READING, started_at=self.started_at
        )
        if not mine.update(**values):
            raise Overtaken


def begin(connection: Connection) -> Reading | None:
    """Mark the connection's list as being read by us; None where somebody else is reading it. Decided in one update."""
    TokenReading.objects.get_or_create(connection=connection)
    now = clock.now()
    free = ~Q(state=TokenReading.State.READING) | Q(started_at__lt=now - GIVEN_UP_AFTER)
    begun = {"state": TokenReading.State.READING, "started_at": now, "done": 0, "total": None}
    if not TokenReading.objects.filter(free, connection=connection).update(**begun):
        return None
    return Reading(connection, now)

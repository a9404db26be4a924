"""A bulkhead: few calls at a time in one process, so that its other threads go on serving pages while Cloudflare hangs."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from tokenportal.cloudflare import HeldBack

A_CONNECTION, ALL = 4, 6
"""Calls at a time through one connection, and in the whole process; a server needs more threads than that."""
PATIENCE = 2.0
"""Seconds. Nobody waits longer for a seat, and nobody at all where every call under way has taken longer already."""


@dataclass
class Seats:
    a_connection: int = A_CONNECTION
    all: int = ALL
    patience: float = PATIENCE
    _taken: list[tuple[float, UUID]] = field(default_factory=list)
    """The calls under way: since when, on a clock that only runs forward, and through which connection."""
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def seat(self, connection_id: UUID) -> Iterator[None]:
        """Raises HeldBack where none becomes free soon."""
        mine = self._sit_down(connection_id)
        try:
            yield
        finally:
            with self._changed:
                self._taken.remove(mine)
                self._changed.notify_all()

    def _sit_down(self, connection_id: UUID) -> tuple[float, UUID]:
        came = time.monotonic()
        with self._changed:
            while in_the_way := self._in_the_way(connection_id):
                left = min(came, max(in_the_way)) + self.patience - time.monotonic()
                if left <= 0:
                    raise HeldBack("Too many of the portal's calls to Cloudflare are under way at once. Try again in a moment.")
                self._changed.wait(left)
            mine = (time.monotonic(), connection_id)
            self._taken.append(mine)
            return mine

    def _in_the_way(self, connection_id: UUID) -> list[float]:
        """When the calls began of which one must end first; none where a seat is free."""
        ours = [since for since, connection in self._taken if connection == connection_id]
        if len(ours) >= self.a_connection:
            return ours
        return [since for since, _ in self._taken] if len(self._taken) >= self.all else []

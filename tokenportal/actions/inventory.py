"""What exists at Cloudflare: what each connection could list, and its quota."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count

from tokenportal import clock
from tokenportal.actions import reading
from tokenportal.models import Connection, TokenReading
from tokenportal.policy.preflight import NEARLY_FULL

QUOTAS = {Connection.Kind.USER.value: 50, Connection.Kind.ACCOUNT.value: 500}
"""How many tokens a user and an account may have (CLOUDFLARE.md, section 5)."""


@dataclass(frozen=True)
class Coverage:
    """What is known of one connection's tokens: ``state`` as TokenReading has it, ``count`` of ``quota`` at ``read_at``.

    ``problem`` says why the list is not all there is; "" where it is whole.
    """

    connection: Connection
    state: str
    read_at: datetime | None
    done: int
    total: int | None
    count: int
    quota: int
    problem: str

    @property
    def is_reading(self) -> bool:
        return self.state == TokenReading.State.READING

    @property
    def warns(self) -> bool:
        """Whether tokens may exist that stand in no list here."""
        return bool(self.problem) and not self.is_reading and self.connection.is_active

    @property
    def nearly_full(self) -> bool:
        return self.count >= NEARLY_FULL * self.quota


NEVER_READ = "Its tokens have never been read, so none of them stands here unless the portal made it."
SWITCHED_OFF = "It is switched off, so its tokens are not read."


def coverage(connections: Iterable[Connection], tokens: Any) -> list[Coverage]:
    """What each connection's list told. Two queries, whatever the number of connections or tokens.

    Two connections of one owner list the same tokens, and each is shown all of them.
    """
    alive = tokens.alive().order_by().values_list("connection__kind", "connection__owner_id", "connection_id")
    counts: dict[tuple[str, str], int] = {}
    for kind, owner_id, connection_id, number in alive.annotate(number=Count("pk")):
        owner = (kind, owner_id or str(connection_id))
        counts[owner] = counts.get(owner, 0) + number
    return [
        _covered(connection, counts.get((connection.kind, connection.owner_id or str(connection.pk)), 0))
        for connection in connections
    ]


def _covered(connection: Connection, count: int) -> Coverage:
    read = getattr(connection, "token_reading", None) or TokenReading(connection=connection)
    state, problem = read.state, read.sentence
    if state == TokenReading.State.READING and read.started_at and read.started_at < clock.now() - reading.GIVEN_UP_AFTER:
        state, problem = TokenReading.State.FAILED, reading.BROKE_OFF
    elif state == TokenReading.State.NEVER:
        problem = NEVER_READ
    if not connection.is_active:
        problem = SWITCHED_OFF
    return Coverage(connection, state, read.read_at, read.done, read.total, count, QUOTAS[connection.kind], problem)

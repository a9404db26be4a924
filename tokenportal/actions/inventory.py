"""What exists at Cloudflare and who answers for it: adopting tokens, what each connection could list, and its quota."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count

from tokenportal import audit, clock, rules
from tokenportal.actions import reading
from tokenportal.actions.invalid import Invalid
from tokenportal.audit import Event
from tokenportal.models import Connection, MovedMeanwhile, Team, Token, TokenReading, User
from tokenportal.policy.compile import Payload

QUOTAS = {Connection.Kind.USER.value: 50, Connection.Kind.ACCOUNT.value: 500}
"""How many tokens a user and an account may have (CLOUDFLARE.md, section 5)."""
NEARLY_FULL = 0.8


def mark(token: Token) -> str:
    """What a person has seen of a token's body, in a word: posted back, so that they adopt what they saw."""
    return Payload.from_body(token.body).digest


def adopt(
    token: Token, *, by: User, team: Team, owner: User, backup_owner: User | None, purpose: str, seen: str = ""
) -> None:  # fmt: skip
    """Let a team answer for a token that the portal did not make; what it holds now is what is agreed to.

    ``seen`` is the ``mark`` of what was looked at, "" where nobody looked. Raises NotAllowed, Invalid, and
    MovedMeanwhile where somebody was first, or the token has changed since it was looked at.
    """
    rules.require(rules.may_adopt(by, token))
    if not purpose.strip():
        raise Invalid("purpose", "Say what uses it, so that somebody knows whom to ask before it ends.")
    for name, person in (("owner", owner), ("backup_owner", backup_owner)):
        if person is not None and not (person.is_active and team.memberships.filter(user=person).exists()):
            raise Invalid(name, f"{person} is not in the team {team}. Choose somebody who is.")
    if owner == backup_owner:
        raise Invalid("backup_owner", "The back-up owner is somebody else than the owner. Choose another person, or nobody.")
    with audit.recording(Event.TOKEN_TAKEN_OVER, by=by, subject=token, trail=token.trail) as record:
        now = Token.objects.select_for_update().get(pk=token.pk)
        if not rules.may_adopt(by, now) or (seen and seen != mark(now)):
            raise MovedMeanwhile
        token.body = now.body
        record.details["digest"] = mark(now)
        record.change(
            token, team=team, owner=owner, backup_owner=backup_owner, purpose=purpose.strip(), approved=now.body,
            drifted=False,
        )  # fmt: skip


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

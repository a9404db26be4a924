"""Reminders that a token ends: told to those who answer for it, once for each of a few days before."""

from datetime import datetime, timedelta

from django.db import IntegrityError

from tokenportal import audit, clock
from tokenportal.actions import letters, notices, ownership
from tokenportal.audit import Event
from tokenportal.models import Reminder, Token, User
from tokenportal.policy import moments

DAYS = (30, 14, 7, 1)


class MovedMeanwhile(Exception):
    """The token was renewed, ended or left alone since it was looked at."""


def days_due(expires_on: datetime, now: datetime) -> int | None:
    """The most urgent reminder whose time has come, as its number of days before the end; None before the first."""
    return min((days for days in DAYS if expires_on - now <= timedelta(days=days)), default=None)


def due(now: datetime) -> list[tuple[Token, int]]:
    """The managed, active tokens whose present reminder has not been given, with its days; those that end first come first."""
    ending = (
        Token.objects.managed()
        .filter(status=Token.Status.ACTIVE, expires_on__gt=now, expires_on__lte=now + timedelta(days=max(DAYS)))
        .select_related("team", "owner", "backup_owner")
        .order_by("expires_on")
    )
    given = set(Reminder.objects.filter(expires_on__gt=now).values_list("token_id", "days", "expires_on"))
    found = [(token, days_due(token.expires_on, now)) for token in ending if token.expires_on]
    return [(token, days) for token, days in found if days and (token.pk, days, token.expires_on) not in given]


def remind_all() -> int:
    """One round: give every reminder that is due; how many were given.

    Where several were missed, while nobody ran this, only the most urgent one is given. Raises AuditUnavailable.
    """
    now, post, given = clock.now(), letters.Post(), 0
    try:
        for token, days in due(now):
            readers = remind(token, days, now)
            given += bool(readers)
            _mail(token, days, readers, now, post)
    finally:
        post.close()
    return given


def readers_of(token: Token) -> list[User]:
    """Whom to remind: the owners who can still care for the token, or else the admins."""
    return ownership.answering(token) or list(User.objects.filter(is_active=True, is_admin=True))


def remind(token: Token, days: int, now: datetime) -> list[User]:
    """Commit one reminder with its notices, before any mail leaves; nobody where it is not, or no longer, due."""
    assert token.expires_on  # noqa: S101
    readers = readers_of(token)
    end = moments.in_words(token.expires_on)
    try:
        with audit.recording(
            Event.TOKEN_REMINDED, by=None, subject=token, trail=token.trail, durable=True,
            told=", ".join(map(str, readers)),
        ) as record:  # fmt: skip
            same = Token.objects.managed().filter(pk=token.pk, status=Token.Status.ACTIVE, expires_on=token.expires_on)
            if not same.select_for_update().exists():
                raise MovedMeanwhile
            record.add(Reminder(token=token, days=days, expires_on=token.expires_on, at=now))
            notices.tell(readers, token, f"The token {token.name} ends on {end}. Renew it if it is still needed.")
    except (IntegrityError, MovedMeanwhile):
        return []
    return readers


def _mail(token: Token, days: int, readers: list[User], now: datetime, post: letters.Post) -> None:
    """Send the letters. One that fails is noted and never sent again: at most once is better than again and again."""
    later = tuple(other for other in DAYS if other < days)
    for reader in readers:
        failure = post.send(letters.reminder(token, reader, now, later))
        if failure:
            with audit.recording(
                Event.TOKEN_REMINDED, by=None, subject=token, trail=token.trail
            ) as record:  # fmt: skip
                record.outcome = "failed"
                record.reason = f"No mail went to {reader}. {failure} The notice stands in the portal."

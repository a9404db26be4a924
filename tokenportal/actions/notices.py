"""Notices: sentences that wait for one person in the portal until they have read them."""

from collections.abc import Iterable
from datetime import datetime

from tokenportal import clock
from tokenportal.models import Notice, Token, TokenRequest, User

QUOTED = 160
"""Characters that a notice repeats of what somebody wrote."""


def in_a_line(text: str) -> str:
    """The beginning of what somebody wrote, as a sentence quotes it."""
    words = " ".join(text.split())
    return words if len(words) <= QUOTED else f"{words[: QUOTED - 1]}…"


def tell(people: Iterable[User], token: Token | None, sentence: str) -> None:
    """Leave a notice, about a token where there is one, for each of these people. Called inside the recording whose event it repeats."""
    now = clock.now()
    Notice.objects.bulk_create(Notice(user=person, token=token, sentence=sentence[:400], at=now) for person in people)


def tell_of_request(
    people: Iterable[User], token_request: TokenRequest, sentence: str, *, mail: bool = False, at: datetime | None = None
) -> None:  # fmt: skip
    """The same about a request; with ``mail``, the worker sends it as a letter as well (actions.mailing)."""
    now = at or clock.now()
    Notice.objects.bulk_create(
        Notice(user=person, token_request=token_request, sentence=sentence[:400], at=now, mail_due=mail) for person in people
    )


def read_all(by: User, *, until: datetime) -> int:
    """Mark this person's notices as read, up to the newest one that they were shown; how many that were."""
    return Notice.objects.filter(user=by, read_at=None, at__lte=until).update(read_at=clock.now())

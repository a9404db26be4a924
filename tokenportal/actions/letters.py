"""The texts that leave the portal by mail: plain, with nothing secret in them, and headers that no name can break."""

import logging
from datetime import datetime
from smtplib import SMTPException

from django.conf import settings
from django.core import mail
from django.urls import reverse

from tokenportal import visible
from tokenportal.models import Notice, Status, Token, User
from tokenportal.policy import moments

log = logging.getLogger("tokenportal.mail")


def one_line(text: str, limit: int = 120) -> str:
    """Text as a header holds it: on one line, and nothing in it that nobody can see or that turns writing around."""
    line = " ".join(visible.shown(text).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def coming(later: tuple[int, ...]) -> str:
    """Which reminders will follow, by their days before the end."""
    if not later:
        return "This is the last reminder."
    if len(later) == 1:
        return "Another reminder comes the day before the end."
    return f"Other reminders come {', '.join(map(str, later[:-1]))} and {later[-1]} days before the end."


def reminder(token: Token, reader: User, now: datetime, later: tuple[int, ...]) -> mail.EmailMessage:
    """The reminder of a token's end for one person; ``later`` are the days before it on which others will follow."""
    assert token.expires_on  # noqa: S101
    name, end = one_line(token.name), moments.in_words(token.expires_on)
    role = {token.backup_owner_id: "its back-up owner", token.owner_id: "its owner"}
    purpose = "\n".join(one_line(line, 200) for line in token.purpose.splitlines()[:10]) or "Nobody said."
    text = f"""\
The token {name} ends on {end} ({moments.relative(token.expires_on, now)}).
Then whatever uses it stops working.

What uses it:
{purpose}

Team: {one_line(str(token.team))}
Owner: {token.owner or "nobody"}
Back-up owner: {token.backup_owner or "nobody"}

If it is still needed, open its page and press Renew. Its secret stays the same, so nothing else has to change:
{settings.PUBLIC_ORIGIN}{token.get_absolute_url()}

If it is not needed any more, do nothing, or revoke it on the same page.

You get this because you are {role.get(reader.pk, "an admin, and none of its owners is active")}. {coming(later)}
"""
    subject = f"{name} ends {moments.relative(token.expires_on, now)}"
    return mail.EmailMessage(subject=subject, body=text, to=[reader.email])


def notice(told: Notice, *, sees: bool = True) -> mail.EmailMessage:
    """A notice about a request, as a letter: what it says, and where to go on, which is the queue for who does not see it any more."""
    token_request = told.token_request
    assert token_request  # noqa: S101
    sentence = one_line(told.sentence, 400)
    if not sees:
        go_on, where, why = "What else waits on you:", reverse("reviews"), "answered this, or were asked to"
    elif token_request.status == Status.DRAFT and not token_request.reviews.exists():
        go_on, where = "Read it and answer here:", reverse("comments", args=[token_request.pk])
        why = "take part in this draft, or were named in it"
    else:
        go_on, where, why = "See it here:", token_request.get_absolute_url(), "asked for this, or can answer it"
    text = f"""\
{sentence}

{go_on}
{settings.PUBLIC_ORIGIN}{where}

You get this because you {why}.
"""
    return mail.EmailMessage(subject=one_line(told.sentence), body=text, to=[told.user.email])


class Post:
    """Hands letters to the mail server over one connection, and stops knocking in this round where nobody opens."""

    def __init__(self) -> None:
        self.mailer = mail.mailers.default if settings.SENDS_MAIL else None
        self.closed = False

    def send(self, letter: mail.EmailMessage) -> str:
        """Send once. What went wrong, in safe words; empty where nothing did or where no mail is sent at all."""
        if self.mailer is None:
            return ""
        if self.closed:
            return "The mail server could not be reached."
        try:
            self.mailer.open()
        except (OSError, SMTPException) as error:
            self.closed = True
            log.warning("The mail server could not be reached: %s", type(error).__name__)
            return "The mail server could not be reached."
        try:
            self.mailer.send_messages([letter])
        except (OSError, SMTPException, ValueError) as error:
            log.warning("A reminder could not be sent by mail: %s", type(error).__name__)
            return "The mail server did not take the letter."
        return ""

    def close(self) -> None:
        if self.mailer is not None:
            self.mailer.close()

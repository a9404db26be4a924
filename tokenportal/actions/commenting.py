"""What people say about a draft: threads on a section or on the whole, told to those whom it concerns."""

import re

from django.db import transaction

from tokenportal import audit, clock, rules
from tokenportal.actions import notices, seeing
from tokenportal.actions.invalid import checked_text
from tokenportal.audit import Event
from tokenportal.models import Comment, TokenRequest, User
from tokenportal.policy import spec as specs

LONGEST = 4000
MENTION = re.compile(r"(?<![\w@])@([\w.+-]{1,64})")


def comment(
    token_request: TokenRequest, *, by: User, text: str, section: str = "", answers: Comment | None = None
) -> Comment:  # fmt: skip
    """Say something about a draft, or in answer to a thread of it. Raises NotAllowed, or Invalid for the field ``text``.

    The event says that something was said and where, never what: people correct each other in comments, and the
    log cannot be corrected.
    """
    with audit.recording(Event.COMMENT_ADDED, by=by, subject=token_request, trail=token_request.pk) as record:
        here = TokenRequest.objects.select_for_update().get(pk=token_request.pk)
        rules.require(rules.may_comment(by, here))
        said = checked(text)
        if answers is not None:
            answers = answers.answers or answers
            section = answers.section
        made = Comment(
            token_request=here, section=section, version=here.version, answers=answers, text=said, by=by, at=clock.now()
        )  # fmt: skip
        record.details["section"] = place_of(made)
        record.add(made)
        notices.tell_of_request(readers(made), here, sentence_of(made), mail=True)
    return made


def place_of(made: Comment) -> str:
    """Where it was said, as the page calls that at the moment: the log is read by those who know no keys."""
    places = specs.places(made.token_request.working_copy.spec)
    return places.get(made.section, made.section) or "the draft"


def checked(text: str) -> str:
    """The text as it is kept. Raises Invalid for one that is empty, too long, or holds what must not be kept or is not seen."""
    return checked_text("text", text, needed="Write what you want to say.", longest=LONGEST)


def resolve(thread: Comment, *, by: User) -> None:
    """Close a thread; closing a closed one changes nothing. Raises NotAllowed."""
    _set(thread, Event.COMMENT_RESOLVED, by=by, closed=True)


def reopen(thread: Comment, *, by: User) -> None:
    """Open a closed thread again; opening an open one changes nothing. Raises NotAllowed."""
    _set(thread, Event.COMMENT_REOPENED, by=by, closed=False)


def _set(thread: Comment, event: Event, *, by: User, closed: bool) -> None:
    with transaction.atomic():
        here = TokenRequest.objects.select_for_update().get(pk=thread.token_request_id)
        thread.refresh_from_db(fields=["resolved_by", "resolved_at"])
        thread.token_request = here
        rules.require(rules.may_resolve_comment(by, thread))
        if closed != (thread.resolved_at is not None):
            with audit.recording(event, by=by, subject=here, trail=here.pk) as record:
                record.change(thread, resolved_by=by if closed else None, resolved_at=clock.now() if closed else None)


def readers(made: Comment) -> list[User]:
    """Whom it concerns: the draft's owner, who took part in the thread, who is named with an @; not its author.

    Only those who can see the draft now: naming somebody shows them nothing.
    """
    token_request = made.token_request
    wanted = {token_request.requester_id}
    if made.answers is not None:
        wanted |= {made.answers.by_id, *made.answers.replies.values_list("by_id", flat=True)}
    names = {name.rstrip(".").lower() for name in MENTION.findall(made.text)}
    wanted |= set(User.objects.filter(username__in=names).values_list("pk", flat=True))
    return list(seeing.who_sees(token_request).filter(pk__in=wanted - {made.by_id}).order_by("username"))


def sentence_of(made: Comment) -> str:
    verb = "answered" if made.answers else "commented"
    return f"{made.by} {verb} on {made.token_request.working_copy.name[:120]}: “{notices.in_a_line(made.text)}”"

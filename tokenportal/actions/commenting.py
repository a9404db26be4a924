"""What people say about a draft: threads on a section or on the whole, told to those whom it concerns."""

import re

from tokenportal import audit, clock, rules
from tokenportal.actions import notices
from tokenportal.actions.invalid import Invalid
from tokenportal.audit import Event
from tokenportal.models import Comment, TokenRequest, User
from tokenportal.policy.problems import unshowable
from tokenportal.secret import scrub

LONGEST = 4000
QUOTED = 160
"""Characters of a comment that its notice repeats."""
MENTION = re.compile(r"(?<![\w@])@([\w.+-]{1,64})")


def comment(
    token_request: TokenRequest, *, by: User, text: str, section: str = "", answers: Comment | None = None
) -> Comment:  # fmt: skip
    """Say something about a draft, or in answer to a thread of it. Raises NotAllowed, or Invalid for the field ``text``.

    The event says that something was said and where, never what: people correct each other in comments, and the
    log cannot be corrected.
    """
    rules.require(rules.may_comment(by, token_request))
    said = checked(text)
    if answers is not None:
        answers = answers.answers or answers
        section = answers.section
    made = Comment(
        token_request=token_request, section=section, version=token_request.version, answers=answers, text=said, by=by, at=clock.now()
    )  # fmt: skip
    with audit.recording(
        Event.COMMENT_ADDED, by=by, subject=token_request, trail=token_request.pk, section=section or "the draft"
    ) as record:
        record.add(made)
        notices.tell_of_request(readers(made), token_request, sentence_of(made), mail=True)
    return made


def checked(text: str) -> str:
    """The text as it is kept. Raises Invalid for one that is empty, too long, or holds what must not be kept or is not seen."""
    said = text.replace("\r\n", "\n").strip()
    if not said:
        raise Invalid("text", "Write what you want to say.")
    if len(said) > LONGEST:
        raise Invalid("text", f"Shorten it to {LONGEST:,} characters or fewer; it has {len(said):,}.")
    if code := unshowable(said.replace("\n", "").replace("\t", "")):
        raise Invalid("text", f"Take the invisible character {code} out of the text.")
    if scrub(said) != said:
        raise Invalid("text", "This holds what looks like a Cloudflare credential. Take it out: comments are kept and mailed.")
    return said


def resolve(thread: Comment, *, by: User) -> None:
    """Close a thread; closing a closed one changes nothing. Raises NotAllowed."""
    rules.require(rules.may_resolve_comment(by, thread))
    if thread.resolved_at is None:
        with audit.recording(
            Event.COMMENT_RESOLVED, by=by, subject=thread.token_request, trail=thread.token_request_id
        ) as record:
            record.change(thread, resolved_by=by, resolved_at=clock.now())


def reopen(thread: Comment, *, by: User) -> None:
    """Open a closed thread again; opening an open one changes nothing. Raises NotAllowed."""
    rules.require(rules.may_resolve_comment(by, thread))
    if thread.resolved_at is not None:
        with audit.recording(
            Event.COMMENT_REOPENED, by=by, subject=thread.token_request, trail=thread.token_request_id
        ) as record:
            record.change(thread, resolved_by=None, resolved_at=None)


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
    people = User.objects.filter(pk__in=wanted - {made.by_id}, is_active=True).order_by("username")
    return [person for person in people if TokenRequest.objects.visible_to(person).filter(pk=token_request.pk).exists()]


def sentence_of(made: Comment) -> str:
    words = " ".join(made.text.split())
    quoted = words if len(words) <= QUOTED else f"{words[: QUOTED - 1]}…"
    verb = "answered" if made.answers else "commented"
    return f"{made.by} {verb} on {made.token_request.working_copy.name[:120]}: “{quoted}”"

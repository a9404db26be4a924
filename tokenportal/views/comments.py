"""What is said about a draft: its threads by section, a form for more, and what closes a thread or opens it again."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from tokenportal import rules
from tokenportal.actions import commenting
from tokenportal.actions.invalid import Invalid
from tokenportal.models import Comment, TokenRequest, User
from tokenportal.policy import spec as specs
from tokenportal.policy.spec import TokenSpec
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.builder_page import name_of
from tokenportal.views.htmx import render_page, target_of

PARTIAL = "threads"


@dataclass
class Thread:
    """A comment with its answers."""

    first: Comment
    replies: list[Comment] = field(default_factory=list)
    may_resolve: bool = False


@dataclass
class Topic:
    """The threads of one section; ``slug`` is "" for the draft as a whole, ``place`` what the page of the draft calls it, if it does."""

    slug: str
    name: str
    place: str = ""
    open: list[Thread] = field(default_factory=list)
    resolved: list[Thread] = field(default_factory=list)


def sections_of(spec: TokenSpec) -> dict[str, str]:
    """The sections that a comment can be about, with their names; "" is the draft as a whole.

    An access block goes by its key, so that what is said stays with it when one before it is removed.
    """
    slugs = {"purpose": "purpose", "connection": "connection", **specs.places(spec), "restrictions": "restrictions"}
    return {"": "The draft as a whole", **{slug: name_of(place, spec.blocks) for slug, place in slugs.items()}}


def topics(user: User, token_request: TokenRequest, names: dict[str, str], first: str) -> list[Topic]:
    """All threads by section: the one asked for, the others in the order of the builder, those of sections that are gone."""
    found: dict[UUID, Thread] = {}
    can_comment = bool(rules.may_comment(user, token_request))
    closes_all = can_comment and rules.draft_role(user, token_request) in (rules.OWNER, rules.EDITOR)
    for comment in access.comments(token_request):
        if comment.answers_id in found:
            found[comment.answers_id].replies.append(comment)
        else:
            found[comment.pk] = Thread(comment, may_resolve=closes_all or (can_comment and comment.by_id == user.pk))
    places = specs.places(token_request.working_copy.spec)
    by_slug: dict[str, Topic] = {slug: Topic(slug, name, places.get(slug, slug)) for slug, name in names.items()}
    for thread in found.values():
        slug = thread.first.section
        topic = by_slug.setdefault(slug, Topic(slug, "Access that is no longer there"))
        (topic.resolved if thread.first.resolved_at else topic.open).append(thread)
    found_topics = [topic for topic in by_slug.values() if topic.open or topic.resolved]
    return sorted(found_topics, key=lambda topic: topic.slug != first)


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token_request = access.token_request(user, pk)
    names = sections_of(token_request.working_copy.spec)
    typed = {name: request.POST.get(name, "") for name in ("text", "section", "answers")}
    if request.method == "GET":
        typed["section"] = request.GET.get("section", "")
    errors = []
    if request.method == "POST":
        try:
            made = said(token_request, typed, names, by=user)
        except Invalid as error:
            errors = [{"href": f"#text-{typed['answers']}" if typed["answers"] else "#text", "sentence": str(error)}]
        else:
            told = "Your answer was added." if made.answers_id else "Your comment was added."
            return gone_on(request, user, token_request, names, made, told)
    return show(request, user, token_request, names, typed=typed, errors=errors)


def said(token_request: TokenRequest, typed: dict[str, str], names: dict[str, str], *, by: User) -> Comment:
    """The comment that was posted: an answer to a thread of this draft, or a new thread about one of its sections."""
    thread = access.comment(token_request, typed["answers"]) if typed["answers"] else None
    section = typed["section"] if typed["section"] in names else ""
    return commenting.comment(token_request, by=by, text=typed["text"], section=section, answers=thread)


def gone_on(
    request: HttpRequest, user: User, token_request: TokenRequest, names: dict[str, str], about: Comment, told: str
) -> HttpResponse:  # fmt: skip
    """Back to the thread; where htmx asked, the threads as they are now, with what was done."""
    if target_of(request) == PARTIAL:
        return show(
            request, user, token_request, names, typed={"section": about.section}, told=told, go_on=about.answers_id or about.pk
        )
    return redirect(f"{reverse('comments', args=[token_request.pk])}#c-{about.answers_id or about.pk}")


def show(
    request: HttpRequest, user: User, token_request: TokenRequest, names: dict[str, str], *, typed: dict[str, str],
    errors: Any = (), told: str = "", go_on: UUID | None = None,
) -> HttpResponse:  # fmt: skip
    """``told`` is what was just done, ``go_on`` the thread that it was done to, where the focus goes."""
    verdict = rules.may_comment(user, token_request)
    context = {
        "token_request": token_request, "copy": token_request.working_copy, "topics": topics(user, token_request, names, typed.get("section", "")),
        "places": names.items(), "typed": typed, "errors": errors, "verdict": verdict, "told": told, "go_on": go_on,
        "is_part": target_of(request) == PARTIAL, "longest": commenting.LONGEST, **counted(token_request),
    }  # fmt: skip
    return render_page(request, "drafts/comments.html", context, partials=(PARTIAL,), status=422 if errors else 200)


def change(request: HttpRequest, pk: UUID, comment_pk: UUID, action: Any, told: str) -> HttpResponse:
    user = access.person(request)
    token_request = access.token_request(user, pk)
    thread = access.comment(token_request, str(comment_pk))
    action(thread, by=user)
    return gone_on(request, user, token_request, sections_of(token_request.working_copy.spec), thread, told)


@answers
@require_POST
def resolve(request: HttpRequest, pk: UUID, comment_pk: UUID) -> HttpResponse:
    return change(request, pk, comment_pk, commenting.resolve, "The thread is resolved.")


@answers
@require_POST
def reopen(request: HttpRequest, pk: UUID, comment_pk: UUID) -> HttpResponse:
    return change(request, pk, comment_pk, commenting.reopen, "The thread is open again.")


def counted(token_request: TokenRequest) -> dict[str, Any]:
    """How many threads are open, in all and in each section."""
    by_section = Counter(access.open_threads(token_request))
    return {"open_comments": by_section.total(), "comments_on": by_section}

"""The review of a request: its page, sending it there, and what its requester and its reviewers do with it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from tokenportal import audit
from tokenportal.actions import reviewing
from tokenportal.actions.invalid import Invalid
from tokenportal.actions.issuing import Changed
from tokenportal.models import Review, Status, TokenRequest
from tokenportal.views import access, access_reviews, errors, review_page, summary
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page
from tokenportal.views.versions import number_in

DIGEST_LENGTH = 64


@answers
@require_http_methods(["GET", "HEAD"])
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Also of a request whose review is over: what was decided stays readable. A draft is read in the builder."""
    user = access.person(request)
    token_request = access.token_request(user, pk)
    review = access_reviews.latest(token_request)
    if review is None or token_request.status in (Status.DRAFT, Status.DISCARDED):
        return redirect(token_request)
    return review_page.show(request, user, token_request, review)


@answers
@require_POST
def send(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token_request = access.token_request(user, pk)
    asked = access_reviews.people(token_request, request.POST.getlist("asked"))
    try:
        reviewing.send(token_request, by=user, reason=request.POST.get("reason", ""), asked=asked, **looked_at(request))
    except Invalid as error:
        return summary.show(request, user, token_request, invalid=error)
    except Changed as changed:
        return errors.changed(request, access.token_request(user, pk), changed)
    messages.success(request, "It is in review. You are told as soon as somebody answers.")
    return redirect("review", pk=pk)


def looked_at(request: HttpRequest) -> dict[str, Any]:
    """The version and the digest of what was on the screen."""
    return {
        "version": number_in(request.POST.get("version", "")), "digest": request.POST.get("digest", "")[:DIGEST_LENGTH],
    }  # fmt: skip


def answered(request: HttpRequest, pk: UUID, answer: Callable[..., Any]) -> HttpResponse | tuple[TokenRequest, Any]:
    """What an answer came to, or the page that says why it was not taken, with the comment that was typed."""
    user = access.person(request)
    token_request = access.token_request(user, pk)
    typed = request.POST.get("comment", "")
    try:
        number = number_in(request.POST.get("review_number", ""))
        return token_request, answer(token_request, by=user, comment=typed, review_number=number, **looked_at(request))
    except Invalid as error:
        sentence, status = str(error), 422
    except Changed as changed:
        sentence, status = audit.refusing(str(changed)), 409
    here = access_reviews.visible(user, pk)
    review = access_reviews.latest(here) if here and here.status != Status.DRAFT else None
    if here is None or review is None:
        return render_page(request, "review/moved.html", {"sentence": sentence, "typed": typed}, status=status)
    wrong = [{"href": "#comment" if status == 422 else "#request", "sentence": sentence}]
    return review_page.show(request, user, here, review, typed=typed, errors=wrong, status=status)


@answers
@require_POST
def approve(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = answered(request, pk, reviewing.approve)
    if isinstance(found, HttpResponse):
        return found
    _, review = found
    is_done = review.outcome == Review.Outcome.APPROVED
    messages.success(
        request, f"You approved version {review.version}. {'' if is_done else 'It needs further approvals.'}".strip()
    )
    return redirect("review", pk=pk)


@answers
@require_POST
def request_changes(request: HttpRequest, pk: UUID) -> HttpResponse:
    return ended(request, pk, reviewing.request_changes, "You asked for changes. It is a draft again, and {} is told.")


@answers
@require_POST
def deny(request: HttpRequest, pk: UUID) -> HttpResponse:
    return ended(request, pk, reviewing.deny, "You denied it. {} is told why.")


def ended(request: HttpRequest, pk: UUID, answer: Callable[..., Any], news: str) -> HttpResponse:
    """Back to the queue: what went back to draft, or was another team's, may not be for the reviewer's eyes any more."""
    found = answered(request, pk, answer)
    if isinstance(found, HttpResponse):
        return found
    messages.success(request, news.format(found[0].requester))
    return redirect("reviews")


@answers
@require_POST
def withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    token_request = access.token_request(access.person(request), pk)
    reviewing.withdraw(token_request, by=access.person(request))
    messages.success(request, "It is a draft again. What was approved of it counts no more.")
    return redirect(token_request)


@answers
@require_POST
def ask(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token_request = access.token_request(user, pk)
    people = access_reviews.people(token_request, request.POST.getlist("person"))
    try:
        reviewing.ask(token_request, by=user, person=next(iter(people), None))
    except Invalid as error:
        here = access.token_request(user, pk)
        review = access_reviews.latest(here)
        if review is None or here.status == Status.DRAFT:
            return redirect(here)
        wrong = [{"href": "#person", "sentence": str(error)}]
        return review_page.show(request, user, here, review, errors=wrong, status=422)
    messages.success(request, f"{people[0]} is told that you ask.")
    return redirect("review", pk=pk)

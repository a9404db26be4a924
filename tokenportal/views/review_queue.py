"""The queue of reviews: what waits on whom, the oldest first."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from tokenportal import upstream
from tokenportal.actions import guarding, snapshots
from tokenportal.forms.review_filter import TABS, ReviewFilter
from tokenportal.models import Answer, Demand, Review, Status, User
from tokenportal.policy import words
from tokenportal.policy.surroundings import Surroundings
from tokenportal.views import access, access_reviews
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page

PER_PAGE = 50
FIRST = ("you", "mine", "others")
"""Which list is shown where none was chosen: the first of these that holds anything."""


@dataclass(frozen=True)
class Row:
    """A review in few words. ``turn`` says whose step is the next one."""

    review: Review
    can_do: str
    risk: str
    connection: str
    rules: str
    turn: str
    answers: str
    asked_me: bool


@answers
@require_http_methods(["GET", "HEAD"])
def index(request: HttpRequest) -> HttpResponse:
    user = access.person(request)
    wanted, lists = ReviewFilter.of(request.GET), access_reviews.queue(user)
    counts = access_reviews.counts(user, lists)
    if not wanted.tab:
        wanted = replace(wanted, tab=next((tab for tab in FIRST if counts[tab]), "you"))
    found = access_reviews.listed(user, lists[wanted.tab])
    if wanted.tab == "decided":
        found = found.order_by("-decided_at", "pk")
    found = access_reviews.narrowed(found, team=wanted.team, person=wanted.person, sought=wanted.q)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    teams, people = access_reviews.teams_and_people(user)
    context = {
        "filter": wanted, "page": page, "rows": rows(user, list(page), is_their_turn=wanted.tab == "you"), "teams": teams, "people": people,
        "tabs": [(slug, name, counts[slug]) for slug, name in TABS],
    }  # fmt: skip
    return render_page(request, "review/queue.html", context, partials=("list",))


def rows(user: User, reviews: list[Review], *, is_their_turn: bool) -> list[Row]:
    """What each asks for is put into words from the version that is under review. One query for all of them."""
    versions, catalogue = access_reviews.versions_of(reviews), snapshots.all_known_groups()
    for_teams = access_reviews.approves_for(user) if is_their_turn else None
    found = []
    for review in reviews:
        version = versions[review.token_request_id, review.version]
        around = Surroundings(upstream.owner(version.agreed_connection))
        found.append(
            Row(
                review,
                words.brief(version.payload, catalogue, around),
                words.risk(version.payload, catalogue),
                version.agreed_connection.name,
                which_rules(review.demands.all()),
                whose_turn(review, user, for_teams),
                answered(review.answers.all()),
                user in review.asked.all(),
            )
        )
    return found


def whose_turn(review: Review, user: User, for_teams: frozenset[UUID | None] | None) -> str:
    """Who has the next step, in words; what became of it where nobody has.

    ``for_teams`` are those for which this person approves, None standing for the admins, where it is their turn; else None.
    ``review`` is one of ``access_reviews``.
    """
    token_request = review.token_request
    who = "You" if token_request.requester_id == user.pk else str(token_request.requester)
    if review.outcome == Review.Outcome.APPROVED and token_request.status == Status.APPROVED:
        return f"{who} can {token_request.deed.do}"
    if review.outcome == Review.Outcome.APPROVED:
        return str(token_request.state_label)
    if review.outcome != Review.Outcome.OPEN:
        return str(Review.Outcome(review.outcome).label)
    lacking = [one for one in review.demands.all() if vars(one)["given"] < one.count]
    if not lacking:
        return "Has its approvals, and is approved in a moment"
    others = [one.team for one in lacking if one.team_id not in (for_teams or ())]
    whom = dict.fromkeys(f"an approver of {team}" if team else "an admin" for team in others)
    return f"Waits on {', and on '.join([*(['you'] if for_teams is not None else []), *whom])}"


def which_rules(demands: Iterable[Demand]) -> str:
    titles = [demand.title for demand in demands if demand.rule != guarding.VOLUNTARY]
    return f"{'Rules' if len(titles) > 1 else 'Rule'}: {'; '.join(titles)}" if titles else "No rule asks for it"


def answered(given: Iterable[Answer]) -> str:
    """Who has answered so far, by what they said."""
    told: dict[str, list[Any]] = {}
    for answer in given:
        told.setdefault(answer.get_verdict_display(), []).append(answer.by)
    return ". ".join(f"{verdict} by {', '.join(map(str, people))}" for verdict, people in told.items())

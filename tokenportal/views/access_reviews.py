"""Reviews that this person may know of: what waits on them, on others, on their own step, and what was decided lately."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, TextField
from django.db.models.functions import Cast, Coalesce
from django.db.models.lookups import Contains

from tokenportal import clock
from tokenportal.actions import guarding
from tokenportal.forms.parameters import id_in
from tokenportal.models import Answer, Comment, Membership, Review, ReviewAsked, Status, Team, Token, TokenRequest, User, Version
from tokenportal.policy.problems import unshowable

COUNTED = 100
"""How many the header counts at most."""
LATELY = timedelta(days=30)
UNDER_WAY = (Status.IN_REVIEW, Status.APPROVED)


def waits_on(user: User) -> Q:
    """The reviews whose next step is this person's: those that they can answer, and those of their own that are approved."""
    ready = TokenRequest.objects.filter(requester=user, status=Status.APPROVED).order_by().values("pk")
    return _to_answer(user) | Q(outcome=Review.Outcome.APPROVED, token_request__in=ready)


def waits(user: User, review: Review) -> bool:
    """Whether it is this person's turn in this review."""
    return review.is_live and Review.objects.filter(waits_on(user), pk=review.pk).exists()


def _to_answer(user: User) -> Q:
    """Open reviews of which this person could give an approval that is lacking, or was asked by name, and has not answered.

    What one wrote waits on others. Who was asked by name answers with a comment too.
    """
    here: dict[str, Any] = {"review": OuterRef("pk")}
    lacking, approves = guarding.demands().filter(**here, given__lt=F("count")), Q()
    if not user.is_admin:
        standing = Membership.objects.filter(user=user, is_approver=True)
        # Asked once by itself first: whoever approves for no team is done with it, however many reviews there are.
        lacking, approves = lacking.filter(team__in=standing.values("team")), Q(Exists(standing))
    asked, answered = ReviewAsked.objects.filter(user=user).values("review"), Answer.objects.filter(**here, by=user)
    commented = Comment.objects.filter(token_request=OuterRef("token_request"), by=user, at__gte=OuterRef("sent_at"))
    mine_to_answer = approves & Q(Exists(lacking)) | Q(pk__in=asked) & ~Q(Exists(commented))
    return Q(outcome=Review.Outcome.OPEN) & mine_to_answer & ~Q(Exists(answered)) & ~_written_by(user)


def approves_for(user: User) -> frozenset[UUID | None]:
    """The teams for which this person's approval counts; None stands for the admins, who count for every team."""
    if user.is_admin:
        return frozenset({None, *Team.objects.values_list("pk", flat=True)})
    return frozenset(Membership.objects.filter(user=user, is_approver=True).values_list("team", flat=True))


def _written_by(user: User) -> Q:
    """As ``rules.wrote`` has it. The list of ids is looked at as text: SQLite cannot ask whether it contains one."""
    copy = "token_request__working_copy"
    saved = Contains(Cast(f"{copy}__edited_by", TextField()), str(user.pk))
    return Q(token_request__requester=user) | Q(**{f"{copy}__saved_by": user}) | Q(saved)


def count_waiting(user: User) -> int:
    """How many requests wait on this person; no more than the header can say.

    Asked on every page: where nothing is in review or approved at all, the long question is not even written.
    """
    if not TokenRequest.objects.filter(status__in=UNDER_WAY).exists():
        return 0
    return Review.objects.filter(waits_on(user)).order_by()[:COUNTED].count()


def next_to_answer(user: User) -> TokenRequest | None:
    """The request that has waited longest for an answer of this person."""
    related = "token_request__working_copy"
    found = reviews(user).filter(_to_answer(user)).select_related(related).order_by("sent_at", "pk").first()
    return found.token_request if found else None


def queue(user: User) -> dict[str, Q]:
    """What belongs to each list of the queue, among the reviews that this person may see."""
    is_open, own, since = Q(outcome=Review.Outcome.OPEN), Q(token_request__requester=user), clock.now() - LATELY
    on_me = waits_on(user)
    under_way = Q(token_request__status__in=UNDER_WAY)
    return {
        "you": on_me, "others": is_open & ~own & ~on_me, "mine": own & under_way & Q(outcome__in=Review.LIVE),
        "decided": (Q(approved_at__gt=since) | Q(ended_at__gt=since)) & ~(own & under_way & Q(outcome=Review.Outcome.APPROVED)),
    }  # fmt: skip


def reviews(user: User) -> Any:
    return Review.objects.filter(token_request__in=TokenRequest.objects.visible_to(user).order_by().values("pk"))


def counts(user: User, lists: dict[str, Q]) -> dict[str, int]:
    """How many are in each list, in one query."""
    return reviews(user).order_by().aggregate(**{name: Count("pk", filter=wanted) for name, wanted in lists.items()})


def listed(user: User, wanted: Q) -> Any:
    """Reviews with all that a row shows, the one that has waited longest first."""
    related = ("token_request__team", "token_request__requester", "token_request__working_copy", "token_request__target")
    found = _with_answers(reviews(user).filter(wanted).select_related(*related))
    return found.annotate(decided_at=Coalesce(F("ended_at"), F("approved_at"))).order_by("sent_at", "pk")


def _with_answers(rows: Any) -> Any:
    """With what each takes and has of it, who was asked by name, and what was answered."""
    demands = guarding.demands().select_related("team").order_by("title", "pk")
    return rows.prefetch_related(Prefetch("demands", demands), "answers__by", "asked")


def narrowed(rows: Any, *, team: str = "", person: str = "", sought: str = "") -> Any:
    """Only of this team and of this requester (ids as text), and with this text in its name, reason or reference."""
    if team:
        rows = rows.filter(token_request__team=team)
    if person:
        rows = rows.filter(token_request__requester=person)
    if sought and not unshowable(sought):
        fields = ("token_request__working_copy__spec_json__name", "token_request__reference", "reason")
        told = Q()
        for field in fields:
            told |= Q(**{f"{field}__icontains": sought})
        rows = rows.filter(told)
    return rows


def teams_and_people(user: User) -> tuple[list[Team], list[User]]:
    """Whose requests the lists hold, for their filters."""
    # The ids are fetched first: PostgreSQL goes through all requests again for each of them where they are a subquery.
    pairs = set(reviews(user).order_by().values_list("token_request__team", "token_request__requester").distinct())
    teams = Team.objects.filter(pk__in={team for team, _ in pairs}).order_by("name")
    people = User.objects.filter(pk__in={person for _, person in pairs}).order_by("username")
    return list(teams[:COUNTED]), list(people[:COUNTED])


def people(token_request: TokenRequest, ids: Iterable[str]) -> list[User]:
    """Those of these ids (as text) whom one can ask to look: the team, approvers and admins. What names nobody is left out."""
    known = [found for text in ids if (found := id_in(text))]
    standing = Q(memberships__team=token_request.team_id) | Q(memberships__is_approver=True) | Q(is_admin=True)
    return list(User.objects.filter(standing, pk__in=known).distinct().order_by("username"))


def latest(token_request: TokenRequest) -> Review | None:
    """The newest round of a request, with who was asked and what was answered."""
    found: Review | None = _with_answers(token_request.reviews.select_related("sent_by")).order_by("-number").first()
    return found


def returned(token_request: TokenRequest) -> Review | None:
    """The last round of a draft, if somebody asked for changes in it."""
    asked = Review.objects.filter(token_request=token_request).order_by("-number").prefetch_related("answers__by")
    last = asked.first() if token_request.status == Status.DRAFT else None
    return last if last and last.outcome == Review.Outcome.CHANGES else None


def earlier(review: Review) -> Any:
    found = Review.objects.filter(token_request=review.token_request_id, number__lt=review.number)
    return found.order_by("-number").prefetch_related("answers__by")


def reviewed_version(review: Review) -> Version:
    related = ("connection__snapshot", "owner", "backup_owner", "made_by")
    found = Version.objects.select_related(*related).defer("connection__snapshot__groups")
    return found.get(token_request=review.token_request_id, number=review.version)


def visible(user: User, pk: UUID) -> TokenRequest | None:
    """A request as it stands now, if this person may still see it."""
    return (
        TokenRequest.objects.visible_to(user).select_related("team", "working_copy", "target__connection").filter(pk=pk).first()
    )


def adoption(user: User, token: Token) -> TokenRequest | None:
    """A request to adopt this token that is not done yet, if this person may see one: what waits for somebody before a draft."""
    is_open = Q(kind=TokenRequest.Kind.ADOPT, target=token, status__in=[Status.DRAFT, Status.IN_REVIEW, Status.APPROVED])
    found = TokenRequest.objects.visible_to(user).filter(is_open).select_related("requester", "team")
    return min(found, key=lambda one: one.status == Status.DRAFT, default=None)


def told_of(user: User) -> Any:
    """Every request that this person may see, with its working copy, and whether it was ever in review."""
    found = TokenRequest.objects.visible_to(user).select_related("working_copy")
    return found.annotate(was_reviewed=Exists(Review.objects.filter(token_request=OuterRef("pk"))))


def versions_of(reviews: Iterable[Review]) -> dict[tuple[UUID, int], Version]:
    """The versions under review, by request and number, with what their few words are made of. One query."""
    wanted = Q(pk__in=())
    for review in reviews:
        wanted |= Q(token_request=review.token_request_id, number=review.version)
    found = Version.objects.filter(wanted).select_related("connection").only(
        "token_request", "number", "payload", "connection__kind", "connection__owner_id", "connection__owner_name", "connection__name"
    )  # fmt: skip
    return {(one.token_request_id, one.number): one for one in found}

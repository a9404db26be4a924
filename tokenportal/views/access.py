"""Load what this person may know of, or answer 404. The only views module that asks the database directly."""

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Count, F, Q
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from tokenportal import audit
from tokenportal.actions.team_templates import of_slug, seen_by
from tokenportal.audit import reading
from tokenportal.models import (
    Attempt,
    AuditEvent,
    Comment,
    Connection,
    Notice,
    Share,
    ShareLink,
    Status,
    Team,
    TeamTemplate,
    TeamTemplateVersion,
    Token,
    TokenRequest,
    User,
    Version,
)


def person(request: HttpRequest) -> User:
    """Who is signed in; the middleware has turned everybody else away."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101
    return user


def token_request(user: User, pk: UUID) -> TokenRequest:
    """With its working copy, and of the connection's snapshot the generation, so that it is not asked for again."""
    related = ("team", "working_copy__connection", "working_copy__owner", "target__connection", "target__token_request")
    generation = F("working_copy__connection__snapshot__generation")
    found = get_object_or_404(TokenRequest.objects.select_related(*related).annotate(generation=generation), pk=pk)
    # A requester sees what is theirs; whether anybody else does is a query that costs as much as all the rest.
    if found.requester_id == user.pk:
        found.requester = user
    elif not TokenRequest.objects.visible_to(user).filter(pk=pk).exists():
        raise Http404
    if found.working_copy.connection:
        found.working_copy.connection.known_generation = vars(found)["generation"]
    return audit.about(found)


def drafts(user: User, sought: str = "") -> Any:
    """The requests that are not tokens yet, that this person may see and in which the sought text stands, newest first.

    Others' requests for review have a queue of their own.
    """
    elsewhere = Q(status__in=[Status.IN_REVIEW, Status.APPROVED, Status.REJECTED, Status.EXPIRED]) & ~Q(requester=user)
    fields = ("working_copy__spec_json__name", "working_copy__spec_json__purpose", "requester__username", "reference")
    found = reduce(or_, (Q(**{f"{field}__icontains": sought}) for field in fields)) if sought else Q()
    return (
        TokenRequest.objects.visible_to(user)
        .filter(found)
        .exclude(Q(status__in=[Status.ISSUED, Status.DISCARDED]) | elsewhere)
        .select_related("team", "requester", "working_copy", "working_copy__connection")
    )


def share(token_request: TokenRequest, pk: UUID) -> Share:
    return get_object_or_404(token_request.shares.select_related("token_request", "user", "team"), pk=pk)


def links(token_request: TokenRequest) -> Any:
    """The links to a draft that were not revoked, with how many people came by each."""
    return token_request.links.filter(revoked_at=None).select_related("by").annotate(taken=Count("guests"))


def link(token_request: TokenRequest, pk: UUID) -> ShareLink:
    return get_object_or_404(token_request.links.select_related("token_request"), pk=pk)


def comments(token_request: TokenRequest) -> Any:
    """All that was said about a request, oldest first."""
    return token_request.comments.select_related("by", "resolved_by").order_by("at", "pk")


def comment(token_request: TokenRequest, pk: str) -> Comment:
    """One of them, by its id as text. It comes with its request, so that rules need not load it again."""
    try:
        found = token_request.comments.select_related("by", "answers__by").get(pk=pk)
    except (Comment.DoesNotExist, ValidationError):
        raise Http404 from None
    found.token_request = token_request
    return found


def open_threads(token_request: TokenRequest) -> Any:
    """The section of each thread that is open."""
    return token_request.comments.filter(answers=None, resolved_at=None).order_by().values_list("section", flat=True)


def team_templates(user: User) -> Any:
    """The newest versions of the templates of this person's teams, with their templates."""
    mine = TeamTemplateVersion.objects.filter(template__team__memberships__user=user, template__retired_at=None)
    return mine.filter(number=F("template__version")).select_related("template__team", "made_by").order_by("template__title")


def team_template(user: User, pk: UUID) -> TeamTemplate:
    """A template of one of this person's teams, retired or not."""
    return get_object_or_404(seen_by(user).select_related("team"), pk=pk)


def template_of(user: User, token_request: TokenRequest) -> TeamTemplate | None:
    """The template from which a draft was begun, if it is one of this person's teams' and not retired."""
    pk = of_slug(token_request.template)
    return seen_by(user).filter(pk=pk, retired_at=None).first() if pk else None


def template_versions(template: TeamTemplate) -> Any:
    return template.versions.select_related("made_by").order_by("-number")


def template_version(template: TeamTemplate, number: int) -> TeamTemplateVersion:
    return get_object_or_404(template.versions, number=number)


def template_uses(user: User) -> dict[str, int]:
    """How many tokens this person's teams have made from each template, by its slug."""
    made = TokenRequest.objects.filter(team__in=Team.objects.filter(memberships__user=user), status=Status.ISSUED)
    return dict(made.order_by().values_list("template").annotate(number=Count("pk")))


def token(user: User, pk: UUID) -> Token:
    related = (
        "connection__snapshot", "connection__token_reading", "team", "owner", "backup_owner", "token_request",
        "token_request__requester",
    )  # fmt: skip
    found = Token.objects.visible_to(user).select_related(*related).defer("connection__snapshot__groups")
    return audit.about(get_object_or_404(found, pk=pk))


def successors(user: User, token: Token) -> Any:
    """The tokens that were made to take this one's place, and that this person may see."""
    return Token.objects.visible_to(user).filter(replaces=token)


def predecessors(user: User, token: Token) -> Any:
    """The token whose place this one takes, if this person may see it."""
    return Token.objects.visible_to(user).filter(pk=token.replaces_id) if token.replaces_id else ()


def open_changes(user: User, token: Token) -> Any:
    """Requests about this token that are not done yet, as far as this person may see them."""
    open_states = [Status.DRAFT, Status.IN_REVIEW, Status.APPROVED, Status.ISSUING, Status.UNCERTAIN, Status.FAILED]
    found = TokenRequest.objects.visible_to(user).filter(target=token, status__in=open_states)
    return found.select_related("requester")


def waiting(user: User) -> Any:
    """The requests of which somebody must take care: being created, not certain, not created, or approved and their own."""
    ready = Q(status=Status.APPROVED, requester=user)
    stuck = Q(status__in=[Status.ISSUING, Status.UNCERTAIN, Status.FAILED])
    found = TokenRequest.objects.visible_to(user).filter(stuck | ready)
    return found.select_related("requester", "working_copy").only(
        "status", "kind", "requester__username", "working_copy__spec_json"
    )[:20]


def tokens(user: User) -> Any:
    return Token.objects.visible_to(user)


def token_connections(user: User) -> list[Connection]:
    """The connections of the tokens that this person may see."""
    return list(Connection.objects.filter(pk__in=Token.objects.visible_to(user).values("connection")))


def connections_with_readings() -> Any:
    """Every connection, with how far the reading of its tokens has come."""
    return Connection.objects.select_related("token_reading")


def trail(pk: UUID) -> list[AuditEvent]:
    """The events of one request and its token, or of a token that no request made, oldest first."""
    return reading.read(AuditEvent.objects.filter(trail=pk, number__gt=0).order_by("number"))


SEARCHED = 2000
"""How many rows a search in the log asks about at most."""
NAMED = 200
"""How many names a field offers at most; any other can be typed."""
LIFE_LIMIT = 200
UNREAD_LIMIT = 100


def life_events(user: User, token: Token) -> Any:
    """The events of a token: its own, of the request that made it, and of edits and adoptions that the person may see."""
    of_it = Q(target=token, kind__in=[TokenRequest.Kind.EDIT, TokenRequest.Kind.ADOPT])
    later = TokenRequest.objects.visible_to(user).filter(of_it).order_by().values("pk")
    return AuditEvent.objects.filter(Q(trail__in=[token.pk, token.trail]) | Q(trail__in=later), number__gt=0)


def life(user: User, token: Token) -> list[AuditEvent]:
    """The newest of them, oldest first."""
    return reading.read(life_events(user, token).order_by("-number")[:LIFE_LIMIT])[::-1]


def notices(user: User) -> Any:
    """What this person was told, newest first."""
    return Notice.objects.filter(user=user).order_by("-at", "-pk")


def unread(user: User) -> int:
    """How many notices this person has not read; no more than are counted in a moment."""
    return Notice.objects.filter(user=user, read_at=None).order_by()[:UNREAD_LIMIT].count()


def revoked_by(token: Token) -> str:
    """Who asked for the token's end, whoever found out that it came; "" where nobody here did."""
    begun = AuditEvent.objects.filter(trail=token.trail, action="token.revoking", object_id=str(token.pk), outcome="done")
    return next((event.by_name for event in reading.read(begun.order_by("-number")[:1], *reading.LONG)), "")


def event(number: int) -> AuditEvent:
    found = reading.readable([number])
    if not found:
        raise Http404
    return found[0]


def version(user: User, trail: UUID, number: int) -> Version | None:
    """A version of a request, if this person may see the request."""
    visible = TokenRequest.objects.visible_to(user).filter(pk=trail)
    return Version.objects.filter(token_request__in=visible, number=number).select_related("connection__snapshot").first()


def tokens_of(person: User) -> Any:
    """The tokens that this person answers for, asked for or agreed to, the newest first."""
    mine = Q(owner=person) | Q(backup_owner=person) | Q(token_request__requester=person)
    agreed = Q(token_request__in=Attempt.objects.filter(by=person).values("token_request"))
    found = Token.objects.filter(mine | agreed).select_related("token_request").defer("body", "approved")
    return found.order_by("-issued_on", "pk")[:NAMED]


def requests_agreed_by(person: User) -> set[UUID]:
    return set(Attempt.objects.filter(by=person).values_list("token_request_id", flat=True))


def tokens_named(name: str, pk: UUID | None) -> Any:
    """Of tokens of this name, with or without its reference, or id: the id, the request that made it, and each change of it."""
    named = Q(pk=pk) if pk else Q(name=name) | Q(name__startswith=f"{name} (")
    return Token.objects.filter(named).order_by().values_list("pk", "token_request", "later_requests")[:SEARCHED]


def tokens_reaching(words: Iterable[str]) -> Any:
    """The same of tokens that reach any of these (policy.reach)."""
    return Token.objects.all().reaching(words).order_by().values_list("pk", "token_request", "later_requests")[:SEARCHED]


def openable_tokens(user: User, pks: Iterable[str]) -> list[UUID]:
    return list(Token.objects.visible_to(user).filter(pk__in=pks).order_by().values_list("pk", flat=True))


def openable_requests(user: User, pks: Iterable[str]) -> list[UUID]:
    return list(TokenRequest.objects.visible_to(user).filter(pk__in=pks).order_by().values_list("pk", flat=True))


def names_of_people() -> list[str]:
    return list(User.objects.order_by("username").values_list("username", flat=True)[:NAMED])


def people() -> Any:
    return User.objects.prefetch_related("memberships__team")


def one_person(pk: UUID) -> User:
    return audit.about(get_object_or_404(User, pk=pk))


def teams() -> Any:
    return Team.objects.prefetch_related("memberships__user")


def team(pk: UUID) -> Team:
    return audit.about(get_object_or_404(Team, pk=pk))


def connections() -> Any:
    return Connection.objects.select_related("snapshot").defer("snapshot__groups").prefetch_related("teams")


def connection(pk: UUID) -> Connection:
    return audit.about(get_object_or_404(Connection.objects.select_related("snapshot"), pk=pk))

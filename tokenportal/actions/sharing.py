"""Who else may see, discuss or edit a draft: colleagues, teams, whoever comes by a link; and handing it on for good.

Whatever is given counts only while its holder is a colleague of the owner, and never lets anybody create the token.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError

from tokenportal import audit, clock, rules
from tokenportal.actions.invalid import Invalid
from tokenportal.audit import Event
from tokenportal.models import LinkGuest, Membership, Share, ShareLink, ShareRole, Status, Team, TokenRequest, User, WorkingCopy
from tokenportal.models.token_request import colleagues_of
from tokenportal.secret import Secret

LINK_DAYS = (1, 7, 30)
CODE_BYTES = 16
CHANGED = "It has changed in the meantime. Reload the page to see how it stands."


@dataclass(frozen=True)
class Access:
    """A person who gets at a draft now, the most that they may do, and everything through which they got there."""

    person: User
    role: str
    through: tuple[str, ...] = ()

    @property
    def role_words(self) -> str:
        return ShareRole(self.role).label if self.role in ShareRole.values else "Owns it"


def share(token_request: TokenRequest, *, by: User, colleague: User | Team, role: str) -> Share:
    """Let a colleague or a team see, discuss or edit a draft; sharing again changes the role. Raises NotAllowed."""
    rules.require(rules.may_share(by, token_request))
    whom = {"team" if isinstance(colleague, Team) else "user": colleague}
    with audit.recording(
        Event.DRAFT_SHARED, by=by, subject=token_request, trail=token_request.pk, shared_with=str(colleague)
    ) as record:  # fmt: skip
        # The request's row first, so that two posts do not both find nobody there.
        TokenRequest.objects.select_for_update().get(pk=token_request.pk)
        found = Share.objects.filter(token_request=token_request, **whom).first()
        if found:
            record.change(found, role=role)
            return found
        made = Share(token_request=token_request, role=role, by=by, at=clock.now(), **whom)
        record.add(made)
    return made


def unshare(found: Share, *, by: User) -> None:
    token_request = found.token_request
    rules.require(rules.may_share(by, token_request))
    with audit.recording(
        Event.DRAFT_UNSHARED, by=by, subject=token_request, trail=token_request.pk, shared_with=str(found.user or found.team)
    ) as record:  # fmt: skip
        record.remove(found)


def make_link(token_request: TokenRequest, *, by: User, role: str, days: int) -> tuple[ShareLink, Secret]:
    """A link for signed-in colleagues; its code is in the answer and nowhere else. Raises NotAllowed, or Invalid for ``days``."""
    rules.require(rules.may_share(by, token_request))
    if days not in LINK_DAYS or role not in ShareRole.values:
        raise Invalid("days", "Choose what the link allows and for how long from the lists.")
    code, now = secrets.token_urlsafe(CODE_BYTES), clock.now()
    link = ShareLink(
        token_request=token_request, role=role, code_hash=hashed(code), by=by, at=now, expires_at=now + timedelta(days=days)
    )
    with audit.recording(Event.LINK_MADE, by=by, subject=token_request, trail=token_request.pk, days=days) as record:
        record.add(link)
    return link, Secret(code)


def hashed(code: str) -> str:
    """What is kept of a code. It is random, so a plain hash can be reversed by nobody."""
    return hashlib.sha256(code.encode()).hexdigest()


def revoke_link(link: ShareLink, *, by: User) -> None:
    """End a link, and what everybody had through it. Doing it twice changes nothing. Raises NotAllowed."""
    rules.require(rules.may_share(by, link.token_request))
    if link.revoked_at is None:
        with audit.recording(
            Event.LINK_REVOKED, by=by, subject=link.token_request, trail=link.token_request_id
        ) as record:  # fmt: skip
            record.change(link, revoked_at=clock.now())


def link_by(code: str, user: User) -> ShareLink | None:
    """The link with this code, if it is good for this person now: not expired, not revoked, the draft a colleague's."""
    live = ShareLink.objects.filter(code_hash=hashed(code), revoked_at=None, expires_at__gt=clock.now())
    of_colleagues = live.filter(token_request__status=Status.DRAFT, token_request__requester__in=colleagues_of(user).values("pk"))
    return of_colleagues.select_related("token_request__working_copy", "token_request__requester", "by").first()


def take_link(link: ShareLink, *, by: User) -> TokenRequest:
    """Come to a draft by a link. Coming again, or as its owner, changes nothing."""
    token_request = link.token_request
    if by.pk != token_request.requester_id and not link.guests.filter(user=by).exists():
        try:
            with audit.recording(Event.LINK_TAKEN, by=by, subject=token_request, trail=token_request.pk) as record:
                record.add(LinkGuest(link=link, user=by, at=clock.now()))
                record.details["role"] = link.role
        except IntegrityError:
            pass  # a second click was first
    return token_request


def successors(token_request: TokenRequest) -> Iterable[User]:
    """To whom a draft can be handed: active requesters of its team."""
    requesters = Membership.objects.filter(team=token_request.team_id, is_requester=True).values("user")
    return User.objects.filter(is_active=True, pk__in=requesters).exclude(pk=token_request.requester_id).order_by("username")


def transfer(token_request: TokenRequest, *, by: User, to: User) -> None:
    """Hand a draft to another requester of its team for good; ``by`` stays as an editor.

    Who asked for a token is fixed once the draft is one no longer, because others agree to it then. Raises NotAllowed,
    or Invalid where ``to`` could not begin such a draft.
    """
    rules.require(rules.may_share(by, token_request))
    if not successors(token_request).filter(pk=to.pk).exists():  # type: ignore[attr-defined]
        raise Invalid("to", f"{to} is not an active requester in the team {token_request.team}. Choose one from the list.")
    with audit.recording(Event.DRAFT_TRANSFERRED, by=by, subject=token_request, trail=token_request.pk) as record:
        mine = TokenRequest.objects.filter(pk=token_request.pk, requester=by, status=Status.DRAFT)
        if mine.update(requester=to, changed_at=clock.now()) != 1:
            raise rules.NotAllowed(CHANGED)
        record.changes["requester"] = [str(by), str(to)]
        for old in token_request.shares.filter(user=to):
            record.remove(old)
        record.add(Share(token_request=token_request, user=by, role=ShareRole.EDITOR, by=by, at=clock.now()))
        # Who would have owned the token was whoever asked for it, unless somebody else was named.
        WorkingCopy.objects.filter(pk=token_request.pk, owner=by).update(owner=to)
    token_request.requester = to


def colleagues(token_request: TokenRequest) -> Iterable[User]:
    """Those with whom a draft can be shared: active people in any team of its requester."""
    teams = Team.objects.filter(memberships__user=token_request.requester_id)
    return User.objects.filter(is_active=True, memberships__team__in=teams).exclude(pk=token_request.requester_id).distinct()


def teams_of(token_request: TokenRequest) -> Iterable[Team]:
    """The teams with which a draft can be shared: those of its requester."""
    return Team.objects.filter(memberships__user=token_request.requester_id)


def everybody(token_request: TokenRequest) -> list[Access]:
    """Who gets at the draft now and through what, the owner first; four queries, however many there are."""
    ways: dict[User, list[tuple[str, str]]] = {}
    for one in token_request.shares.filter(user__isnull=False).select_related("user"):
        assert one.user  # noqa: S101
        ways.setdefault(one.user, []).append((one.role, "shared"))
    by_team = {one.team_id: one.role for one in token_request.shares.filter(team__isnull=False)}
    for member in Membership.objects.filter(team__in=by_team).select_related("user", "team"):
        ways.setdefault(member.user, []).append((by_team[member.team_id], f"team {member.team}"))
    live = LinkGuest.objects.filter(
        link__token_request=token_request, link__revoked_at=None, link__expires_at__gt=clock.now()
    )  # fmt: skip
    for guest in live.select_related("user", "link"):
        ways.setdefault(guest.user, []).append((guest.link.role, "a link"))
    here = {person.pk for person in colleagues(token_request)}
    found = [
        Access(person, max((role for role, _ in held), key=ShareRole.values.index), tuple(dict.fromkeys(way for _, way in held)))
        for person, held in ways.items()
        if person.pk in here
    ]
    owner = Access(token_request.requester, rules.OWNER, ("began or took over this draft",))
    return [owner, *sorted(found, key=lambda access: access.person.username)]


def roles(user: User, rows: Iterable[TokenRequest]) -> dict[TokenRequest, Access]:
    """For each of these drafts what this person may do and through what; three queries, however many there are."""
    by_pk = {row.pk: row for row in rows}
    held: dict[TokenRequest, list[tuple[str, str]]] = {}
    by_person = Share.objects.filter(user=user, token_request__in=by_pk).values_list("token_request", "role")
    by_team = Share.objects.filter(team__memberships__user=user, token_request__in=by_pk)
    by_link = LinkGuest.objects.filter(
        user=user, link__token_request__in=by_pk, link__revoked_at=None, link__expires_at__gt=clock.now()
    ).values_list("link__token_request", "link__role")  # fmt: skip
    for pk, role, way in (
        *((pk, role, "shared with you") for pk, role in by_person),
        *((pk, role, f"with team {team}") for pk, role, team in by_team.values_list("token_request", "role", "team__name")),
        *((pk, role, "by a link") for pk, role in by_link),
    ):
        held.setdefault(by_pk[pk], []).append((role, way))
    return {
        row: Access(
            user, max((role for role, _ in ways), key=ShareRole.values.index), tuple(dict.fromkeys(way for _, way in ways))
        )
        for row, ways in held.items()
    }

"""Who else may see, discuss or edit a draft: colleagues, teams, whoever comes by a link; and handing it on for good.

Whatever is given counts only while its holder is a colleague of the owner, and never lets anybody create the token.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet

from tokenportal import audit, clock, rules
from tokenportal.actions import versions
from tokenportal.actions.invalid import Invalid
from tokenportal.audit import Event
from tokenportal.models import LinkGuest, Membership, Share, ShareLink, ShareRole, Status, Team, TokenRequest, User, earlier
from tokenportal.models.token_request import colleagues_of
from tokenportal.secret import Secret

Rule = Callable[[User, TokenRequest], rules.Verdict]
LINK_DAYS = (1, 7, 30)
CODE_BYTES = 16
ENDED = "This link has ended. Ask whoever gave it to you for a new one."


@dataclass(frozen=True)
class Access:
    """A person who gets at a draft now, the most that they may do, and everything through which they got there."""

    person: User
    role: str
    through: tuple[str, ...] = ()

    @property
    def role_words(self) -> str:
        return ShareRole(self.role).label if self.role in ShareRole.values else "Owns it"


def _held(token_request: TokenRequest, *, by: User, may: Rule = rules.may_share) -> TokenRequest:
    """The request as it is now, held until the transaction ends. Raises NotAllowed where this person may not do that now."""
    here = TokenRequest.objects.select_for_update().get(pk=token_request.pk)
    rules.require(may(by, here))
    return here


def share(token_request: TokenRequest, *, by: User, colleague: User | Team, role: str) -> Share:
    """Let a colleague or a team see, discuss or edit a draft; sharing again changes the role. Raises NotAllowed."""
    whom = {"team" if isinstance(colleague, Team) else "user": colleague}
    with transaction.atomic():
        here = _held(token_request, by=by)
        found = Share.objects.filter(token_request=here, **whom).first()
        if found and found.role == role:
            return found
        with audit.recording(
            Event.DRAFT_SHARED, by=by, subject=here, trail=here.pk, shared_with=str(colleague)
        ) as record:  # fmt: skip
            if found:
                record.change(found, role=role)
                return found
            made = Share(token_request=here, role=role, by=by, at=clock.now(), **whom)
            record.add(made)
    return made


def unshare(found: Share, *, by: User) -> None:
    """Take back what somebody was given, whatever has become of the draft. Doing it twice changes nothing. Raises NotAllowed."""
    with transaction.atomic():
        here = _held(found.token_request, by=by, may=rules.may_unshare)
        still = Share.objects.filter(pk=found.pk).first()
        if still is not None:
            with audit.recording(
                Event.DRAFT_UNSHARED, by=by, subject=here, trail=here.pk, shared_with=str(still.user or still.team)
            ) as record:  # fmt: skip
                record.remove(still)


def make_link(token_request: TokenRequest, *, by: User, role: str, days: int) -> tuple[ShareLink, Secret]:
    """A link for signed-in colleagues; its code is in the answer and nowhere else. Raises NotAllowed, or Invalid for ``days``."""
    code, now = secrets.token_urlsafe(CODE_BYTES), clock.now()
    with audit.recording(Event.LINK_MADE, by=by, subject=token_request, trail=token_request.pk, days=days) as record:
        here = _held(token_request, by=by)
        if days not in LINK_DAYS or role not in ShareRole.values:
            raise Invalid("days", "Choose what the link allows and for how long from the lists.")
        link = ShareLink(
            token_request=here, role=role, code_hash=hashed(code), by=by, at=now, expires_at=now + timedelta(days=days)
        )
        record.add(link)
    return link, Secret(code)


def hashed(code: str) -> str:
    """What is kept of a code. It is random, so a plain hash can be reversed by nobody."""
    return hashlib.sha256(code.encode()).hexdigest()


def revoke_link(link: ShareLink, *, by: User) -> None:
    """End a link, and what everybody had through it. Doing it twice changes nothing. Raises NotAllowed."""
    with transaction.atomic():
        here = _held(link.token_request, by=by, may=rules.may_unshare)
        link.refresh_from_db(fields=["revoked_at"])
        if link.revoked_at is None:
            with audit.recording(Event.LINK_REVOKED, by=by, subject=here, trail=here.pk) as record:
                record.change(link, revoked_at=clock.now())


def link_by(code: str, user: User) -> ShareLink | None:
    """The link with this code, if it is good for this person now."""
    found = _good_for(user).filter(code_hash=hashed(code))
    return found.select_related("token_request__working_copy", "token_request__requester", "by").first()


def _good_for(user: User) -> QuerySet[ShareLink]:
    """The links that this person can come by now: not expired, not revoked, the draft a colleague's."""
    live = ShareLink.objects.filter(revoked_at=None, expires_at__gt=clock.now())
    return live.filter(token_request__status=Status.DRAFT, token_request__requester__in=colleagues_of(user).values("pk"))


def take_link(link: ShareLink, *, by: User) -> TokenRequest:
    """Come to a draft by a link. Coming again, or as its owner, changes nothing. Raises NotAllowed once the link has ended."""
    with transaction.atomic():
        here = TokenRequest.objects.select_for_update().get(pk=link.token_request_id)
        if by.pk == here.requester_id:
            return here
        if not _good_for(by).filter(pk=link.pk).exists():
            raise rules.NotAllowed(ENDED)
        if not link.guests.filter(user=by).exists():
            with audit.recording(Event.LINK_TAKEN, by=by, subject=here, trail=here.pk, role=link.role) as record:
                record.add(LinkGuest(link=link, user=by, at=clock.now()))
    return here


def successors(token_request: TokenRequest) -> list[User]:
    """To whom a draft can be handed: active requesters of its team; of a change, those who could confirm it."""
    requesters = Membership.objects.filter(team=token_request.team_id, is_requester=True).values("user")
    found = User.objects.filter(is_active=True, pk__in=requesters).exclude(pk=token_request.requester_id).order_by("username")
    if token_request.is_edit and token_request.target:
        return [person for person in found if rules.may_change(person, token_request.target)]
    return list(found)


def transfer(token_request: TokenRequest, *, by: User, to: User) -> None:
    """Hand a draft to another requester of its team for good; ``by`` stays as an editor.

    Who asked for a token is fixed once the draft is one no longer, because others agree to it then. Raises NotAllowed,
    or Invalid where ``to`` could not begin such a draft.
    """
    with transaction.atomic():
        here = _held(token_request, by=by)
        if to not in successors(here):
            answering = " who answers for the token" if here.is_edit else ""
            raise Invalid("to", f"{to} is not an active requester in the team {here.team}{answering}. Choose one from the list.")
        _owned_by(here, by=by, to=to)
        with audit.recording(Event.DRAFT_TRANSFERRED, by=by, subject=here, trail=here.pk) as record:
            record.change(here, requester=to, changed_at=clock.now())
            for old in here.shares.filter(user=to):
                record.remove(old)
            record.add(Share(token_request=here, user=by, role=ShareRole.EDITOR, by=by, at=clock.now()))
    token_request.refresh_from_db()


def _owned_by(token_request: TokenRequest, *, by: User, to: User) -> None:
    """Who would have owned the token was whoever asked for it, unless somebody else was named; a token that exists has its owner.

    It is a save like any other: a page that is behind does not undo it, and what a summary said before is agreed to no more.
    """
    copy = versions.locked_copy(token_request)
    if token_request.is_of_target or copy.owner_id != by.pk:
        return
    if versions.begins_sitting(copy, by=by):
        versions.put_down(token_request, copy, by=by)
    backup_owner = None if copy.backup_owner_id == to.pk else copy.backup_owner
    earlier.put(copy, copy.revision, clock.now(), owner=to, backup_owner=backup_owner, saved_by=by)


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
        if person.pk in here and token_request.status != Status.DISCARDED
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

"""Who answers for a token: its owner and back-up owner, and whether they still can."""

import hashlib
import json
from uuid import UUID

from tokenportal import audit, rules
from tokenportal.actions import notices
from tokenportal.actions.invalid import Invalid
from tokenportal.audit import Event
from tokenportal.models import Membership, Token, User
from tokenportal.policy.problems import PURPOSE_MAX, unshowable

NOT_A_MEMBER = "Choose an active member of the team {team}."


class ChangedMeanwhile(Exception):
    """Somebody else has changed the token's owners since the page was opened."""


def candidates(token: Token) -> list[User]:
    """Who can own the token: the active members of its team, by name."""
    members = Membership.objects.filter(team=token.team_id).order_by().values("user")
    return list(User.objects.filter(is_active=True, pk__in=members).order_by("username"))


def answering(token: Token) -> list[User]:
    """Of the token's owners those who can still care for it: active, and in its team or admins. The owner comes first."""
    both = dict.fromkeys((token.owner, token.backup_owner))
    owners = [person for person in both if person is not None and person.is_active]
    present = set(Membership.objects.filter(team=token.team_id, user__in=owners).order_by().values_list("user_id", flat=True))
    return [person for person in owners if person.is_admin or person.pk in present]


def gaps(token: Token, able: list[User]) -> list[str]:
    """A sentence for each owner who no longer can care for the token, where ``able`` are those who can (``answering``)."""
    found = []
    for role, person in (("owner", token.owner), ("back-up owner", token.backup_owner)):
        if person is not None and person not in able:
            why = f"has left the team {token.team}" if person.is_active else "is deactivated"
            found.append(f"The {role}, {person}, {why}.")
    return found if able else [*found, "Nobody active answers for it."]


def mark(token: Token) -> str:
    """What a form remembers of the owners and the purpose that it was opened with."""
    shown = json.dumps([str(token.owner_id), str(token.backup_owner_id), token.purpose])
    return hashlib.sha256(shown.encode()).hexdigest()[:16]


def set_owners(
    token: Token, *, by: User, owner: User, backup_owner: User | None, purpose: str, seen: str = ""
) -> None:  # fmt: skip
    """Say who answers for a token and what uses it. New owners find a notice.

    ``seen`` is the mark that the form was opened with; empty overwrites whatever stands there. Raises NotAllowed,
    Invalid (``owner``, ``backup_owner`` or ``purpose``) and ChangedMeanwhile.
    """
    rules.require(rules.may_set_owner(by, token))
    purpose = _checked(token, owner, backup_owner, purpose)
    with audit.recording(Event.TOKEN_OWNER_SET, by=by, subject=token, trail=token.trail) as record:
        here = Token.objects.select_for_update(of=("self",)).select_related("owner", "backup_owner", "team").get(pk=token.pk)
        if seen and mark(here) != seen:
            raise ChangedMeanwhile
        record.subject = here
        before = {here.owner_id, here.backup_owner_id}
        record.change(here, owner=owner, backup_owner=backup_owner, purpose=purpose)
        new = [person for person in (owner, backup_owner) if person and person.pk not in before | {by.pk}]
        notices.tell(new, here, f"{by} made you an owner of the token {here.name}. You are told before it ends.")


def _checked(token: Token, owner: User, backup_owner: User | None, purpose: str) -> str:
    able: set[UUID] = {person.pk for person in candidates(token)}
    if owner.pk not in able:
        raise Invalid("owner", NOT_A_MEMBER.format(team=token.team))
    if backup_owner is not None and backup_owner.pk not in able:
        raise Invalid("backup_owner", NOT_A_MEMBER.format(team=token.team))
    if owner == backup_owner:
        raise Invalid("backup_owner", "Choose somebody else than the owner, or nobody.")
    purpose = purpose.replace("\r\n", "\n").strip()
    if len(purpose) > PURPOSE_MAX:
        raise Invalid("purpose", f"Shorten this to {PURPOSE_MAX} characters or fewer; it has {len(purpose)}.")
    if code := unshowable(purpose.replace("\n", "").replace("\t", "")):
        raise Invalid("purpose", f"Take the invisible character {code} out of the text.")
    return purpose

"""People, teams and roles: admins add and change them. Whoever loses rights loses open sessions with them."""

import secrets
from typing import Any

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from tokenportal import audit, clock, rules
from tokenportal.actions.invalid import Invalid
from tokenportal.audit import Event
from tokenportal.models import Membership, Team, User
from tokenportal.secret import Secret


class Taken(Invalid):
    """The name or the address belongs to somebody else, or to another team."""


TAKEN = "Somebody has this name or e-mail address already. Choose another one."
TEAM_TAKEN = "There is a team with this name already. Choose another one."
LAST_ADMIN = "This is the last active admin. Make somebody else an admin first."


def one_time_password() -> Secret:
    """A random password of 99 bits that can be read aloud: groups of letters and digits that nobody mistakes."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    groups = ("".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(4))
    return Secret("-".join(groups))


def require_admin(by: User | None) -> None:
    """Raises NotAllowed unless ``by`` administers; None is the command line, whose user owns the server anyway."""
    if by is not None:
        rules.require(rules.may_administer(by))


def check_password_rules(password: str, person: User, field: str) -> None:
    """Raises Invalid with a sentence for each rule that a new password breaks."""
    try:
        password_validation.validate_password(password, person)
    except ValidationError as error:
        raise Invalid(field, *error.messages) from None


def check_names(person: User) -> None:
    """Normalise the sign-in name and e-mail address. Raises Invalid where somebody else has either."""
    person.clean()
    others = User.objects.exclude(pk=person.pk)
    if others.filter(username=person.username).exists():
        raise Taken("username", "Somebody has this name already. Choose another one.")
    if others.filter(email=person.email).exists():
        raise Taken("email", "Somebody has this e-mail address already.")


def create_person(
    *, by: User | None, username: str, email: str, password: str | None = None, is_admin: bool = False,
    is_auditor: bool = False,
) -> tuple[User, Secret]:  # fmt: skip
    """Add somebody; ``by`` is None from the command line only.

    Without a password they get a one-time one, which is in the answer and nowhere else, and which they must change
    when they sign in. Raises NotAllowed, and Taken for a name or an address that somebody has.
    """
    require_admin(by)
    secret = Secret(password) if password else one_time_password()
    person = User(
        username=username, email=email, is_admin=is_admin, is_auditor=is_auditor, must_change_password=not password,
        created_at=clock.now(),
    )  # fmt: skip
    check_names(person)
    person.set_password(secret.reveal())
    try:
        with audit.recording(Event.PERSON_CREATED, by=by, subject=person) as record:
            record.add(person)
    except IntegrityError:
        raise Taken("username", TAKEN) from None
    return person, secret


def _end_sessions(record: audit.Record, person: User) -> int:
    """Say in the event that the person's sessions end, and give the epoch at which they do."""
    record.details["sessions"] = "All others have ended." if record.by == person else "All have ended."
    return person.session_epoch + 1


def require_another_admin(person: User) -> None:
    """Raises NotAllowed when nobody could administer without this person. To be called inside a recording.

    The admins' rows are locked, so that two of them cannot both go at once.
    """
    admins = User.objects.select_for_update().filter(is_admin=True, is_active=True).order_by("pk")
    if {admin.pk for admin in admins} == {person.pk}:
        raise rules.NotAllowed(LAST_ADMIN)


def change_person(person: User, *, by: User, username: str, email: str, is_admin: bool, is_auditor: bool) -> User:
    """Change a person's names and roles. A change of role ends their sessions. Raises NotAllowed and Invalid."""
    rules.require(rules.may_administer(by))
    wanted = User(pk=person.pk, username=username, email=email)
    check_names(wanted)
    try:
        with audit.recording(Event.PERSON_CHANGED, by=by, subject=person) as record:
            if person.is_admin and person.is_active and not is_admin:
                require_another_admin(person)
            values: dict[str, Any] = {"is_admin": is_admin, "is_auditor": is_auditor}
            if any(getattr(person, name) != value for name, value in values.items()):
                values["session_epoch"] = _end_sessions(record, person)
            record.change(person, username=wanted.username, email=wanted.email, **values)
    except IntegrityError:
        person.refresh_from_db()
        raise Taken("username", TAKEN) from None
    return person


def set_active(person: User, *, by: User, active: bool) -> None:
    """Deactivate a person, which ends their sessions, or let them in again. Raises NotAllowed."""
    rules.require(rules.may_administer(by) if active else rules.may_deactivate(by, person))
    event = Event.PERSON_REACTIVATED if active else Event.PERSON_DEACTIVATED
    with audit.recording(event, by=by, subject=person) as record:
        if not active and person.is_admin:
            require_another_admin(person)
        record.change(person, is_active=active, session_epoch=_end_sessions(record, person))


def reset_password(person: User, *, by: User) -> Secret:
    """Give a person a one-time password, which ends their sessions. It is in the answer and nowhere else."""
    rules.require(rules.may_administer(by))
    if person == by:
        raise rules.NotAllowed("Change your own password on your account page.")
    password = one_time_password()
    with audit.recording(Event.PASSWORD_RESET, by=by, subject=person) as record:
        set_password(record, person, password.reveal(), must_change=True)
    return password


def set_password(record: audit.Record, person: User, password: str, *, must_change: bool) -> None:
    hashed = User(pk=person.pk)
    hashed.set_password(password)
    record.change(person, password=hashed.password, must_change_password=must_change, session_epoch=_end_sessions(record, person))


def change_password(*, by: User, new: str) -> None:
    """Choose a new password; the caller has checked the present one. Ends every other session. Raises Invalid."""
    check_password_rules(new, by, "new_password")
    with audit.recording(Event.PASSWORD_CHANGED, by=by, subject=by) as record:
        set_password(record, by, new, must_change=False)


def choose_time_zone(*, by: User, time_zone: str) -> None:
    with audit.recording(Event.PERSON_CHANGED, by=by, subject=by) as record:
        record.change(by, time_zone=time_zone)


def check_team_name(name: str, team: Team | None = None) -> None:
    taken = Team.objects.filter(name__iexact=name)
    if (taken.exclude(pk=team.pk) if team else taken).exists():
        raise Taken("name", TEAM_TAKEN)


def create_team(*, by: User | None, name: str) -> Team:
    require_admin(by)
    name = name.strip()
    check_team_name(name)
    team = Team(name=name)
    try:
        with audit.recording(Event.TEAM_CREATED, by=by, subject=team) as record:
            record.add(team)
    except IntegrityError:
        raise Taken("name", TEAM_TAKEN) from None
    return team


def rename_team(team: Team, *, by: User, name: str) -> None:
    rules.require(rules.may_administer(by))
    name = name.strip()
    check_team_name(name, team)
    try:
        with audit.recording(Event.TEAM_RENAMED, by=by, subject=team) as record:
            record.change(team, name=name)
    except IntegrityError:
        team.refresh_from_db()
        raise Taken("name", TEAM_TAKEN) from None


def set_membership(*, by: User | None, team: Team, person: User, is_requester: bool, is_approver: bool) -> Membership:
    """Put a person into a team with these roles, or change the roles that they have there."""
    require_admin(by)
    with audit.recording(Event.MEMBERSHIP_SET, by=by) as record:
        # The team's row first, so that two posts do not both find nobody there.
        Team.objects.select_for_update().get(pk=team.pk)
        found = Membership.objects.filter(team=team, user=person).first()
        if found:
            record.subject = found
            record.change(found, is_requester=is_requester, is_approver=is_approver)
            return found
        record.subject = made = Membership(team=team, user=person, is_requester=is_requester, is_approver=is_approver)
        record.add(made)
    return made


def remove_membership(found: Membership, *, by: User) -> None:
    rules.require(rules.may_administer(by))
    with audit.recording(Event.MEMBERSHIP_REMOVED, by=by, subject=found, member=str(found)) as record:
        pk = found.pk
        record.remove(found)
        found.pk = pk  # the event names the row, which Django has just made anonymous

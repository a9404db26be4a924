"""The first admin of a new installation, made with a one-time code that only the server's console shows."""

import hashlib
import hmac
import secrets

from django.db import IntegrityError, transaction

from tokenportal import audit, clock, rules
from tokenportal.actions import sessions
from tokenportal.actions.invalid import Invalid
from tokenportal.actions.people import TAKEN, Taken, check_names, check_password_rules
from tokenportal.audit import Event
from tokenportal.models import SetUpCode, User
from tokenportal.models.guard import origin
from tokenportal.secret import Secret


class WrongCode(Invalid):
    """Whoever sets the portal up does not know the code. Recorded once a window for each address."""


def anybody() -> bool:
    """Whether this portal has been set up: there is at least one person."""
    return User.objects.exists()


def hash_of(code: str) -> str:
    return hashlib.sha256(code.strip().lower().encode()).hexdigest()


def new_set_up_code() -> Secret:
    """A new one-time code of 128 bits, in place of an earlier one. Raises NotAllowed once there is somebody."""
    if anybody():
        raise rules.NotAllowed("The portal is set up already. Sign in as an admin and add people there.")
    code = secrets.token_hex(16)
    SetUpCode.objects.update_or_create(id=1, defaults={"hash": hash_of(code), "made_at": clock.now()})
    return Secret(code)


def set_up(*, code: str, username: str, email: str, password: str) -> User:
    """Make the first admin and spend the code, both or neither. Raises Invalid.

    Whoever comes second with the same code waits for its row and finds it gone.
    """
    person = User(username=username, email=email, is_admin=True, created_at=clock.now())
    try:
        return _set_up(person, code, password)
    except WrongCode:
        if sessions.first_in_a_window("set-up", origin.get().address):
            audit.refused(Event.PORTAL_SET_UP, by=None, reason="The set-up code was wrong.")
        raise


def _set_up(person: User, code: str, password: str) -> User:
    with transaction.atomic():
        row = SetUpCode.objects.select_for_update().filter(id=1).first()
        if row is None or anybody() or not hmac.compare_digest(row.hash, hash_of(code)):
            raise WrongCode("code", "This is not the code. The console of the server shows the newest one.")
        check_names(person)
        check_password_rules(password, person, "password")
        person.set_password(password)
        try:
            with audit.recording(Event.PORTAL_SET_UP, by=None, subject=person) as record:
                record.add(person)
                record.by = person
        except IntegrityError:
            raise Taken("username", TAKEN) from None
        row.delete()
    return person

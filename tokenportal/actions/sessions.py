"""Signing in, being asked again, signing out.

A wrong name and a wrong password get the same answer after the same work. Failures are counted per account and per
address before the password is looked at, so that simultaneous guesses cannot slip past the limit.
"""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.hashers import make_password, verify_password
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from tokenportal import audit, clock
from tokenportal.audit import Event
from tokenportal.models import SignInFailure, User
from tokenportal.models.guard import SESSION_NAME, SIGN_IN, coming_from, origin
from tokenportal.models.people import normal_name

WINDOW = timedelta(minutes=10)
ACCOUNT_LIMIT = 10
ADDRESS_LIMIT = 50
BACKEND = "django.contrib.auth.backends.ModelBackend"
SIGNED_IN_AT = "signed_in_at"


class WrongPassword(Exception):
    """The name or the password is wrong, or the person is deactivated: nobody learns which."""


class TooMany(Exception):
    """Too many failures of an account or from an address (``kind``); ``until`` is when another attempt is looked at."""

    def __init__(self, until: datetime, kind: str) -> None:
        super().__init__("Too many failed attempts.")
        self.until = until
        self.kind = kind


def failure_key(kind: str, value: str) -> str:
    """A keyed hash, so that the table of failures names nobody."""
    return salted_hmac("tokenportal.sign-in", f"{kind}:{value}", algorithm="sha256").hexdigest()


def count_attempt(username: str) -> tuple[list[str], list[int]]:
    """Count an attempt as a failure until it succeeds. Raises TooMany, and takes the count back then.

    Returns the account's keys and the rows made. What is refused unseen does not prolong the wait.
    """
    now = clock.now()
    account, address = normal_name(username)[:64], origin.get().address
    of_account, of_address = failure_key("account", account), failure_key("address", address)
    limits = ((of_account, ACCOUNT_LIMIT), (of_address, ADDRESS_LIMIT))
    SignInFailure.objects.filter(at__lte=now - WINDOW).delete()
    made = [SignInFailure.objects.create(key=key, at=now).pk for key, _ in limits]
    for key, limit in limits:
        moments = list(SignInFailure.objects.filter(key=key, at__gt=now - WINDOW).order_by("-at", "-pk")[: limit + 1])
        if len(moments) > limit:
            SignInFailure.objects.filter(pk__in=made).delete()
            raise TooMany(moments[-1].at + WINDOW, "account" if key == of_account else "address")
    return [of_account, failure_key("told account", account)], made


def first_in_a_window(kind: str, value: str) -> bool:
    """Whether something about this account or address has not been told for a window. Asking counts as telling."""
    key, now = failure_key(f"told {kind}", value), clock.now()
    if SignInFailure.objects.filter(key=key, at__gt=now - WINDOW).exists():
        return False
    SignInFailure.objects.create(key=key, at=now)
    return True


def check(*, username: str, password: str, by: User | None = None, event: Event = Event.SESSION_REFUSED) -> User:
    """The person whose name and password these are. Raises WrongPassword or TooMany, and records it.

    That there were too many is recorded once a window for each account and address. ``by``: who is signed in already;
    ``event``: what they wanted with it.
    """
    person = User.objects.filter(username=normal_name(username)).first()
    try:
        keys, made = count_attempt(username)
    except TooMany as error:
        about = normal_name(username)[:64] if error.kind == "account" else origin.get().address
        if first_in_a_window(error.kind, about):
            audit.refused(event, by=by, subject=person, reason=f"Too many failed attempts for this {error.kind}.")
        raise
    # For an unknown name Django computes one hash as well, so both take the same time.
    correct, outdated = verify_password(password, person.password if person else make_password(None))
    if person is None or not correct or not person.is_active:
        audit.refused(event, by=by, subject=person, reason="Wrong name or password.")
        raise WrongPassword
    SignInFailure.objects.filter(key__in=keys).delete()
    SignInFailure.objects.filter(pk__in=made).delete()
    if outdated:
        with audit.recording(Event.PERSON_CHANGED, by=person, subject=person) as record:
            record.change(person, password=make_password(password))
    return person


def start(request: HttpRequest, *, by: User, how: str = "password") -> None:
    """Begin a session under a new key and a new name. Raises AuditUnavailable, and nobody is signed in then."""
    name = secrets.token_hex(8)
    here = replace(origin.get(), session=name, sign_in=how)
    with coming_from(here), audit.recording(Event.SESSION_STARTED, by=by, subject=by):
        auth.login(request, by, backend=BACKEND)
        request.session[SESSION_NAME], request.session[SIGN_IN] = name, how
        request.session[SIGNED_IN_AT] = clock.now().timestamp()
        # Here and not with the answer, so that there is no event without its session either.
        request.session.save()


def confirm(request: HttpRequest, *, by: User, password: str) -> None:
    """Ask a signed-in person for their password again. Raises WrongPassword or TooMany."""
    check(username=by.username, password=password, by=by, event=Event.SESSION_CONFIRMED)
    audit.note(Event.SESSION_CONFIRMED, by=by, subject=by)
    request.session.cycle_key()
    request.session[SIGNED_IN_AT] = clock.now().timestamp()


def end(request: HttpRequest, *, by: User) -> None:
    audit.note(Event.SESSION_ENDED, by=by, subject=by)
    auth.logout(request)


def is_fresh(request: HttpRequest) -> bool:
    """Whether this person has shown their password recently enough for what cannot be undone."""
    at = request.session.get(SIGNED_IN_AT, 0)
    return 0 <= clock.now().timestamp() - at <= settings.FRESH_SIGN_IN_SECONDS

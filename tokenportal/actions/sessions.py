"""Signing in, being asked again, signing out.

A wrong name and a wrong password get the same answer after the same work. Failures are counted per account and per
address before the password is looked at, so that simultaneous guesses cannot slip past the limit.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.hashers import make_password, verify_password
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from tokenportal import audit, clock
from tokenportal.audit import Event
from tokenportal.models import SignInFailure, User
from tokenportal.models.guard import origin
from tokenportal.models.people import normal_name

WINDOW = timedelta(minutes=10)
ACCOUNT_LIMIT = 10
ADDRESS_LIMIT = 50
BACKEND = "django.contrib.auth.backends.ModelBackend"
SIGNED_IN_AT = "signed_in_at"


class WrongPassword(Exception):
    """The name or the password is wrong, or the person is deactivated: nobody learns which."""


class TooMany(Exception):
    """Too many failures; ``until`` is when another attempt is looked at."""

    def __init__(self, until: datetime) -> None:
        super().__init__("Too many failed attempts.")
        self.until = until


def failure_key(kind: str, value: str) -> str:
    """A keyed hash, so that the table of failures names nobody."""
    return salted_hmac("tokenportal.sign-in", f"{kind}:{value}", algorithm="sha256").hexdigest()


def count_attempt(username: str) -> tuple[str, list[int]]:
    """Count an attempt as a failure until it succeeds. Raises TooMany, and takes the count back then.

    Returns the account's key and the rows made. What is refused unseen does not prolong the wait.
    """
    now = clock.now()
    account = failure_key("account", normal_name(username)[:64])
    limits = ((account, ACCOUNT_LIMIT), (failure_key("address", origin.get().address), ADDRESS_LIMIT))
    SignInFailure.objects.filter(at__lte=now - WINDOW).delete()
    made = [SignInFailure.objects.create(key=key, at=now).pk for key, _ in limits]
    for key, limit in limits:
        moments = list(SignInFailure.objects.filter(key=key, at__gt=now - WINDOW).order_by("-at", "-pk")[: limit + 1])
        if len(moments) > limit:
            SignInFailure.objects.filter(pk__in=made).delete()
            raise TooMany(moments[-1].at + WINDOW)
    return account, made


def check(*, username: str, password: str) -> User:
    """The person whose name and password these are. Raises WrongPassword (and records it) or TooMany."""
    account, made = count_attempt(username)
    person = User.objects.filter(username=normal_name(username)).first()
    # For an unknown name Django computes one hash as well, so both take the same time.
    correct, outdated = verify_password(password, person.password if person else make_password(None))
    if person is None or not correct or not person.is_active:
        audit.refused(Event.SESSION_REFUSED, by=None, subject=person, reason="Wrong name or password.")
        raise WrongPassword
    SignInFailure.objects.filter(key=account).delete()
    SignInFailure.objects.filter(pk__in=made).delete()
    if outdated:
        with audit.recording(Event.PERSON_CHANGED, by=person, subject=person) as record:
            record.change(person, password=make_password(password))
    return person


def start(request: HttpRequest, *, by: User) -> None:
    """Begin a session under a new key. Raises AuditUnavailable, and nobody is signed in then."""
    with audit.recording(Event.SESSION_STARTED, by=by, subject=by):
        auth.login(request, by, backend=BACKEND)
        request.session[SIGNED_IN_AT] = clock.now().timestamp()
        # Here and not with the answer, so that there is no event without its session either.
        request.session.save()


def confirm(request: HttpRequest, *, by: User, password: str) -> None:
    """Ask a signed-in person for their password again. Raises WrongPassword or TooMany."""
    check(username=by.username, password=password)
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

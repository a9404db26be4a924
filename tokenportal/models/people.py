"""People, teams and who is what in them.

Roles: requester and approver per membership, auditor and admin for the installation. E-mail addresses are unique
after normalising, so that nobody is two people by writing theirs in capitals.
"""

import unicodedata
import uuid
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.db.models.functions import Lower
from django.utils.functional import cached_property

from tokenportal.models.guard import FreeModel, GuardedModel, GuardedQuerySet


def normal_name(text: str) -> str:
    """The form in which a sign-in name is stored and compared: NFKC, lower case, no blanks around it."""
    return unicodedata.normalize("NFKC", text).strip().lower()


normal_email = normal_name


class UserQuerySet(GuardedQuerySet[Any]):
    def get_by_natural_key(self, username: str | None) -> "User":
        found: User = self.get(username=normal_name(username or ""))
        return found


class User(GuardedModel, AbstractBaseUser):
    """A person who signs in. ``session_epoch`` is part of every session's hash: raising it ends them all."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = models.CharField(max_length=64, unique=True)
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_admin = models.BooleanField(default=False)
    is_auditor = models.BooleanField(default=False)
    must_change_password = models.BooleanField(default=False)
    last_login = None  # the sign-in is an event; a column that changes beside it would be a change outside one
    session_epoch = models.PositiveIntegerField(default=1)
    time_zone = models.CharField(max_length=64, default="UTC")
    created_at = models.DateTimeField()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["email"]

    objects = UserQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        ordering = ["username"]
        constraints = [
            models.UniqueConstraint(Lower("username"), name="username_unique_whatever_its_case"),
            models.UniqueConstraint(Lower("email"), name="email_unique_whatever_its_case"),
        ]

    def __str__(self) -> str:
        return self.username

    def clean(self) -> None:
        self.username = normal_name(self.username)
        self.email = normal_email(self.email)

    @cached_property
    def requester_team_ids(self) -> frozenset[str]:
        """The teams in which this person may ask for tokens. Read once by each request, whose user is an object of its own."""
        return frozenset(map(str, self.memberships.filter(is_requester=True).order_by().values_list("team_id", flat=True)))

    def get_session_auth_hash(self) -> str:
        return f"{self.session_epoch}.{super().get_session_auth_hash()}"

    def get_session_auth_fallback_hash(self) -> Any:
        for value in super().get_session_auth_fallback_hash():
            yield f"{self.session_epoch}.{value}"


class Team(GuardedModel):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=64, unique=True)
    members = models.ManyToManyField(User, through="Membership", related_name="teams")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(GuardedModel):
    """A person in a team. With neither role they see the team's tokens and ask for nothing."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    is_requester = models.BooleanField(default=True)
    is_approver = models.BooleanField(default=False)

    class Meta:
        ordering = ["team__name", "user__username"]
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="one_membership_a_team")]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"

    @property
    def roles(self) -> tuple[str, ...]:
        held = (("requester", self.is_requester), ("approver", self.is_approver))
        return tuple(name for name, has in held if has)


class SetUpCode(FreeModel):
    """The one-time code that makes the first admin. One row for all processes; only its hash is kept."""

    WHY_FREE = "It exists only before there is anybody who could be named in an event."

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    hash = models.CharField(max_length=128)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_set_up_code")]

    def __str__(self) -> str:
        return "set-up code"


class SignInFailure(FreeModel):
    """A failed sign-in, counted per account and per address. Both are keyed hashes: the table lists nobody."""

    WHY_FREE = "It is a counter; the failure itself is an event."

    key = models.CharField(max_length=64, db_index=True)
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"failure at {self.at:%Y-%m-%d %H:%M:%S}"

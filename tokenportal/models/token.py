"""A token that exists at Cloudflare, as it was last seen."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from operator import or_

from django.db import models
from django.db.models import Q
from django.urls import reverse

from tokenportal.models.connection import Connection
from tokenportal.models.guard import GuardedModel, GuardedQuerySet, require_recording
from tokenportal.models.people import Team, User
from tokenportal.models.token_request import MovedMeanwhile, TokenRequest


class TokenQuerySet(GuardedQuerySet):
    def visible_to(self, user: User) -> "TokenQuerySet":
        """The team's tokens; auditors and admins see every one."""
        if user.is_admin or user.is_auditor:
            return self.all()
        return self.filter(team__in=Team.objects.filter(memberships__user=user))

    def managed(self) -> "TokenQuerySet":
        """Those that a team answers for: made by the portal, or adopted."""
        return self.filter(team__isnull=False)

    def unmanaged(self) -> "TokenQuerySet":
        """Those that a connection lists and nobody here answers for; the portal's own parent tokens aside."""
        return self.filter(team__isnull=True, is_parent=False)

    def alive(self) -> "TokenQuerySet":
        """Those that exist at Cloudflare as far as is known, expired ones too."""
        return self.exclude(status__in=Token.ENDED)

    def reaching(self, words: Iterable[str]) -> "TokenQuerySet":
        """The tokens that have any of these words (policy.reach) in their reach."""
        return self.filter(reaches(words))


def reaches(words: Iterable[str]) -> Q:
    """Tokens that have any of these words in their reach."""
    return reduce(or_, (Q(reach__contains=f" {word} ") for word in words), Q(pk__in=()))


class Token(GuardedModel):
    """``body`` is what it holds as last seen, ``approved`` what was agreed to: None where nobody did (unmanaged).

    ``drifted``: the two grant something else. ``value_lost``: nobody has seen its present secret, and rolling it is the
    way on. ``reach`` is what the body reaches and ``exposure`` what it leaves open, as words that can be searched on every
    database (policy.reach, policy.exposure).
    ``doing`` is what was sent to Cloudflare and not answered yet, so that only one thing is done at a time and a crash
    leaves a trace; without ``doing_since`` nobody waits for the answer any more, and the token is asked about instead.
    ``modified_on`` is None where the portal changed it and was not told when. ``ended_at`` is when it was known to be
    gone. ``is_parent``: a connection's own credential, which nobody rolls or revokes from here. ``replaces``: the token
    whose successor this is.
    """

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        DISABLED = "disabled", "Disabled"
        EXPIRED = "expired", "Expired"
        REVOKED = "revoked", "Revoked"
        GONE = "gone", "Gone from Cloudflare"

    class Doing(models.TextChoices):
        NOTHING = "", "Nothing"
        CHANGING = "changing", "Being changed"
        ROLLING = "rolling", "Being rolled"
        DISABLING = "disabling", "Being disabled"
        ENABLING = "enabling", "Being enabled"
        REVOKING = "revoking", "Being revoked"

    ENDED = (Status.REVOKED.value, Status.GONE.value)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="tokens")
    token_request = models.OneToOneField(TokenRequest, null=True, on_delete=models.PROTECT, related_name="token")
    team = models.ForeignKey(Team, null=True, on_delete=models.PROTECT, related_name="tokens")
    owner = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="owned_tokens")
    backup_owner = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    cloudflare_id = models.CharField(max_length=32)
    name = models.CharField(max_length=120)
    purpose = models.TextField(blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    body = models.JSONField()
    approved = models.JSONField(null=True)
    drifted = models.BooleanField(default=False)
    is_parent = models.BooleanField(default=False)
    replaces = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="successors")
    doing = models.CharField(max_length=16, choices=Doing, default=Doing.NOTHING, blank=True)
    doing_since = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    reach = models.TextField(blank=True)
    exposure = models.TextField(blank=True)
    issued_on = models.DateTimeField(null=True)
    modified_on = models.DateTimeField(null=True)
    last_used_on = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    expires_on = models.DateTimeField(null=True)
    value_lost = models.BooleanField(default=False)
    seen_at = models.DateTimeField()

    objects = TokenQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        ordering = ["-issued_on"]
        constraints = [
            models.UniqueConstraint(fields=["connection", "cloudflare_id"], name="a_token_once_a_connection"),
            models.CheckConstraint(condition=~Q(cloudflare_id=""), name="a_token_has_a_cloudflare_id"),
        ]
        indexes = [models.Index(fields=["team", "expires_on"]), models.Index(fields=["owner"])]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("token", args=[self.pk])

    @property
    def is_managed(self) -> bool:
        return self.team_id is not None

    @property
    def trail(self) -> uuid.UUID:
        """What its events are found by: its request, or itself where no request made it."""
        return self.token_request_id or self.pk

    @property
    def is_alive(self) -> bool:
        return self.status not in self.ENDED

    def begin(self, doing: str, *, at: datetime) -> None:
        """Take the token for one thing, unless it has ended or somebody was first. Raises MovedMeanwhile."""
        require_recording(type(self))
        free = Token.objects.alive().filter(pk=self.pk, doing=self.Doing.NOTHING)
        if free.update(doing=doing, doing_since=at) != 1:
            raise MovedMeanwhile
        self.doing, self.doing_since = doing, at

    def let_go(self) -> None:
        """End what ``begin`` began. Raises MovedMeanwhile where it has been settled by somebody else."""
        require_recording(type(self))
        mine = Token.objects.filter(pk=self.pk, doing=self.doing, doing_since=self.doing_since)
        if mine.update(doing=self.Doing.NOTHING, doing_since=None) != 1:
            raise MovedMeanwhile
        self.doing, self.doing_since = self.Doing.NOTHING, None

    def status_at(self, moment: datetime) -> str:
        return status_at(self.status, self.expires_on, moment)


def status_at(status: str, expires_on: datetime | None, moment: datetime) -> str:
    """The status as time has made it since it was last seen: an active token past its end has expired."""
    if status == Token.Status.ACTIVE and expires_on and expires_on <= moment:
        return Token.Status.EXPIRED
    return status

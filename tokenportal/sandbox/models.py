"""The sandbox's tables: what would stand at Cloudflare, plus its faults, its call counters and its log of calls.

Identifiers are 32 hexadecimal digits, as Cloudflare's are. A token's value is never kept, only its SHA-256.
"""

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models
from django.utils import timezone


def new_id() -> str:
    return uuid.uuid4().hex


class SandboxModel(models.Model):
    """Imitated state: it stands for what is at Cloudflare, so no audit guards it."""

    GUARDED = False

    class Meta:
        abstract = True


class Identified(SandboxModel):
    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)

    class Meta:
        abstract = True


class Account(Identified):
    name = models.CharField(max_length=100, unique=True)
    created_on = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class User(Identified):
    email = models.EmailField(max_length=90, unique=True)
    created_on = models.DateTimeField(default=timezone.now)
    accounts = models.ManyToManyField(Account, through="Membership", related_name="users")

    def __str__(self) -> str:
        return self.email


class Membership(Identified):
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    account = models.ForeignKey(Account, models.CASCADE, related_name="memberships")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "account"], name="sandbox_membership_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.account_id}"


class Zone(Identified):
    account = models.ForeignKey(Account, models.CASCADE, related_name="zones")
    name = models.CharField(max_length=253, unique=True)
    status = models.CharField(max_length=12, default="active")
    created_on = models.DateTimeField(default=timezone.now)
    modified_on = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class DNSRecord(Identified):
    zone = models.ForeignKey(Zone, models.CASCADE, related_name="records")
    type = models.CharField(max_length=10)
    name = models.CharField(max_length=255)
    content = models.TextField()
    ttl = models.PositiveIntegerField(default=1)
    proxied = models.BooleanField(default=False)
    priority = models.PositiveIntegerField(null=True)
    comment = models.TextField(blank=True)
    tags = models.JSONField(default=list)
    created_on = models.DateTimeField(default=timezone.now)
    modified_on = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.name} {self.type}"


class ZoneSetting(SandboxModel):
    """A setting that somebody changed; what has no row stands at its default."""

    zone = models.ForeignKey(Zone, models.CASCADE, related_name="settings")
    name = models.CharField(max_length=40)
    value = models.JSONField()
    modified_on = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["zone", "name"], name="sandbox_setting_once")]

    def __str__(self) -> str:
        return f"{self.name} of {self.zone_id}"


class PermissionGroup(Identified):
    name = models.CharField(max_length=120)
    scope = models.CharField(max_length=60)
    category = models.CharField(max_length=40)
    is_selectable = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class Token(Identified):
    """A token of a user or of an account: exactly one of the two owns it.

    `appears_at` and `listed_from` lie in the future only where a fault made the effect, or the listing, late.
    """

    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="tokens")
    account = models.ForeignKey(Account, models.CASCADE, null=True, related_name="tokens")
    name = models.CharField(max_length=120)
    value_sha256 = models.CharField(max_length=64, unique=True)
    disabled = models.BooleanField(default=False)
    policies = models.JSONField(default=list)
    condition = models.JSONField(default=dict)
    not_before = models.DateTimeField(null=True)
    expires_on = models.DateTimeField(null=True)
    issued_on = models.DateTimeField(default=timezone.now)
    modified_on = models.DateTimeField(default=timezone.now)
    last_used_on = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=32, blank=True)
    creator_email = models.EmailField(max_length=90, blank=True)
    appears_at = models.DateTimeField(default=timezone.now)
    listed_from = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["issued_on"], name="sandbox_token_issued")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(user__isnull=True, account__isnull=False) | models.Q(user__isnull=False, account__isnull=True),
                name="sandbox_token_has_one_owner",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def kind(self) -> str:
        return "user" if self.user_id else "account"

    def status(self, moment: datetime | None = None) -> str:
        """active, disabled or expired; the last is derived, nobody sets it."""
        if self.expires_on and self.expires_on <= (moment or timezone.now()):
            return "expired"
        return "disabled" if self.disabled else "active"


class CallCounter(SandboxModel):
    """Calls of one user or one account-owned token in the running window."""

    caller = models.CharField(primary_key=True, max_length=40)
    window_ends = models.DateTimeField()
    calls = models.PositiveIntegerField(default=0)
    blocked_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.caller


class Fault(SandboxModel):
    """A fault that waits for a matching call. `remaining` counts down; at zero it is used up."""

    kind = models.CharField(max_length=20)
    method = models.CharField(max_length=7, blank=True)
    path = models.CharField(max_length=200, blank=True)
    after = models.BooleanField(default=False)
    seconds = models.FloatField(default=0)
    remaining = models.PositiveIntegerField(default=1)
    armed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.kind


class Call(SandboxModel):
    """One answered call. Never a value: no header, no query, no body."""

    at = models.DateTimeField(default=timezone.now)
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=300)
    status = models.PositiveSmallIntegerField(help_text="0 when no answer left the sandbox.")
    token_id = models.CharField(max_length=32, blank=True)
    fault = models.CharField(max_length=20, blank=True)

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"

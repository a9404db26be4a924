"""Who may see, discuss or edit a draft besides its owner: people, teams, and those who came by a link.

Whatever is given here counts only while the person is a colleague of the draft's owner, which is asked at each request; it
never lets anybody create the token.
"""

import uuid

from django.db import models
from django.db.models import Q

from tokenportal.models.guard import GuardedModel
from tokenportal.models.people import Team, User
from tokenportal.models.token_request import TokenRequest


class ShareRole(models.TextChoices):
    """From the least to the most; each may do what the one before may."""

    VIEWER = "viewer", "Can view"
    COMMENTER = "commenter", "Can comment"
    EDITOR = "editor", "Can edit"


class Share(GuardedModel):
    """A colleague, or a whole team as it is at any moment, who may see, discuss or edit a draft."""

    Role = ShareRole

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token_request = models.ForeignKey(TokenRequest, on_delete=models.CASCADE, related_name="shares")
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="shares")
    team = models.ForeignKey(Team, null=True, on_delete=models.CASCADE, related_name="shares")
    role = models.CharField(max_length=16, choices=ShareRole, default=ShareRole.VIEWER)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["user__username", "team__name"]
        constraints = [
            models.UniqueConstraint(fields=["token_request", "user"], name="one_share_a_person"),
            models.UniqueConstraint(fields=["token_request", "team"], name="one_share_a_team"),
            models.CheckConstraint(condition=Q(role__in=ShareRole.values), name="share_role_is_known"),
            models.CheckConstraint(
                condition=Q(user__isnull=False, team__isnull=True) | Q(user__isnull=True, team__isnull=False),
                name="a_share_is_with_a_person_or_a_team",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.team} on {self.token_request_id}"


class ShareLink(GuardedModel):
    """A link that lets a signed-in colleague into a draft until it expires or is revoked.

    Its 128 random bits stand in the address that was shown once; here is only their SHA-256.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token_request = models.ForeignKey(TokenRequest, on_delete=models.CASCADE, related_name="links")
    role = models.CharField(max_length=16, choices=ShareRole, default=ShareRole.VIEWER)
    code_hash = models.CharField(max_length=64, unique=True)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["at"]
        constraints = [models.CheckConstraint(condition=Q(role__in=ShareRole.values), name="link_role_is_known")]

    def __str__(self) -> str:
        return f"link to {self.token_request_id}"


class LinkGuest(GuardedModel):
    """Somebody who came by a link and took what it offers; it lasts as long as the link."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    link = models.ForeignKey(ShareLink, on_delete=models.CASCADE, related_name="guests")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["link", "user"], name="a_guest_once_a_link")]

    def __str__(self) -> str:
        return f"{self.user_id} by {self.link_id}"

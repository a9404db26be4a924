"""Templates that a team makes of its own drafts: versioned, shown in the gallery beside Cloudflare's."""

import uuid

from django.db import models

from tokenportal.models.guard import GuardedModel
from tokenportal.models.people import Team, User
from tokenportal.policy.spec import TokenSpec


class TeamTemplate(GuardedModel):
    """``version`` is the number of its newest version, from which drafts begin; a retired one stands in no gallery."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="templates")
    title = models.CharField(max_length=80)
    version = models.PositiveIntegerField(default=0)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["title"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "title"], condition=models.Q(retired_at__isnull=True), name="a_title_once_a_team"
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def slug(self) -> str:
        """What ``TokenRequest.template`` holds for a draft that was begun from it."""
        return f"team:{self.pk}"

    @property
    def mark(self) -> str:
        """Which template in which version, in a word: posted back by who was shown just that."""
        return f"{self.pk}:{self.version}"


class TeamTemplateVersion(GuardedModel):
    """``spec_json`` is a spec without a name; ``purpose`` says in a line what the template is for.

    ``required`` are fields that whoever begins from it must fill in or confirm: name, purpose, zones, addresses, end.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    template = models.ForeignKey(TeamTemplate, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    purpose = models.CharField(max_length=200)
    spec_json = models.JSONField()
    required = models.JSONField(default=list)
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["template", "number"], name="template_versions_are_numbered")]

    def __str__(self) -> str:
        return f"version {self.number} of {self.template_id}"

    @property
    def spec(self) -> TokenSpec:
        return TokenSpec.from_json(self.spec_json)

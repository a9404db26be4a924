"""The guardrails of an installation: rows over the default set, which stands in policy/default_rules."""

import uuid

from django.db import models

from tokenportal.models.guard import GuardedModel
from tokenportal.models.people import User
from tokenportal.policy import kept_rules
from tokenportal.policy.guardrails import Rule


class Guardrail(GuardedModel):
    """A rule of an admin's making; with the ``slug`` of a default rule, it stands in that one's place.

    ``when`` and ``then`` are JSON as ``policy.guardrails`` has it; what cannot be read of them makes the rule stricter.
    A rule that is not ``is_on`` judges nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.CharField(max_length=64, unique=True, null=True)
    title = models.CharField(max_length=120)
    explanation = models.CharField(max_length=400, blank=True)
    when = models.JSONField(default=dict)
    then = models.JSONField(default=dict)
    is_on = models.BooleanField(default=True)
    revision = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField()
    changed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["title", "pk"]

    def __str__(self) -> str:
        return self.title

    @property
    def rule(self) -> Rule:
        return kept_rules.read(self.slug or str(self.pk), self.title, self.when, self.then, self.explanation)

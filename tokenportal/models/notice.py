"""What people are told without asking: notices in the portal, and the reminders that led to them."""

import uuid

from django.db import models

from tokenportal.models.guard import FreeModel, GuardedModel
from tokenportal.models.people import User
from tokenportal.models.token import Token
from tokenportal.models.token_request import TokenRequest


class Reminder(GuardedModel):
    """That a token's owners were told of its end, so many days before it; once for each end."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token = models.ForeignKey(Token, on_delete=models.CASCADE, related_name="reminders")
    days = models.PositiveIntegerField()
    expires_on = models.DateTimeField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["token", "days", "expires_on"], name="reminded_once")]

    def __str__(self) -> str:
        return f"{self.days} days before {self.token_id} ends"


class Notice(FreeModel):
    """A sentence for one person, about a token or a request where there is one.

    ``mail_due``: the worker is to send it as a letter too, once.
    """

    WHY_FREE = "It repeats an event to one person; whether it was read is nobody else's business."

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notices")
    token = models.ForeignKey(Token, null=True, on_delete=models.CASCADE, related_name="+")
    token_request = models.ForeignKey(TokenRequest, null=True, on_delete=models.CASCADE, related_name="+")
    sentence = models.CharField(max_length=400)
    at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    mail_due = models.BooleanField(default=False)

    class Meta:
        ordering = ["-at"]
        indexes = [models.Index(fields=["user", "read_at"]), models.Index(fields=["mail_due", "at"])]

    def __str__(self) -> str:
        return self.sentence

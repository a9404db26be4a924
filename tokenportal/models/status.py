"""The states of a token request, and whose turn it is in each. Data: pages, tests and docs/states.md read it."""

from django.db import models


class Status(models.TextChoices):
    DRAFT = "draft", "Draft"
    ISSUING = "issuing", "Being created"
    ISSUED = "issued", "Created"
    FAILED = "failed", "Not created"
    UNCERTAIN = "uncertain", "Not certain"
    DISCARDED = "discarded", "Discarded"


EDIT_LABELS: dict[Status, str] = {
    Status.ISSUING: "Being changed",
    Status.ISSUED: "Changed",
    Status.FAILED: "Not changed",
}
"""What these states are called where a request changes a token that exists."""

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.ISSUING, Status.DISCARDED}),
    Status.ISSUING: frozenset({Status.ISSUED, Status.FAILED, Status.UNCERTAIN}),
    Status.UNCERTAIN: frozenset({Status.ISSUED, Status.FAILED}),
    Status.FAILED: frozenset({Status.ISSUING, Status.ISSUED, Status.DRAFT, Status.DISCARDED}),
    Status.ISSUED: frozenset(),
    Status.DISCARDED: frozenset(),
}

WAITS_ON: dict[Status, str] = {
    Status.DRAFT: "requester",
    Status.ISSUING: "portal",
    Status.UNCERTAIN: "portal",
    Status.FAILED: "requester",
    Status.ISSUED: "",
    Status.DISCARDED: "",
}
"""Who has the next move: the requester (or an editor), the portal itself, or nobody."""

"""The states of a token request, and whose turn it is in each. Data: pages, tests and docs/states.md read it."""

from django.db import models


class Status(models.TextChoices):
    DRAFT = "draft", "Draft"
    IN_REVIEW = "in_review", "In review"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Denied"
    EXPIRED = "expired", "Expired"
    ISSUING = "issuing", "Being created"
    ISSUED = "issued", "Created"
    FAILED = "failed", "Not created"
    UNCERTAIN = "uncertain", "Not certain"
    DISCARDED = "discarded", "Discarded"


LABELS: dict[str, dict[Status, str]] = {
    "edit": {Status.ISSUING: "Being changed", Status.ISSUED: "Changed", Status.FAILED: "Not changed"},
    "adopt": {Status.ISSUED: "Adopted"},
}
"""What these states are called where a request changes or adopts a token that exists."""

TONES: dict[Status, str] = {
    Status.DRAFT: "info", Status.IN_REVIEW: "info", Status.APPROVED: "ok", Status.ISSUED: "ok", Status.REJECTED: "bad",
}  # fmt: skip
"""The colour that stands beside the word; "warn" for those that are not here."""

TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.IN_REVIEW, Status.ISSUING, Status.DISCARDED}),
    Status.IN_REVIEW: frozenset({Status.DRAFT, Status.APPROVED, Status.REJECTED, Status.EXPIRED}),
    Status.APPROVED: frozenset({Status.DRAFT, Status.ISSUING, Status.ISSUED, Status.REJECTED, Status.EXPIRED}),
    Status.REJECTED: frozenset({Status.DISCARDED}),
    Status.EXPIRED: frozenset({Status.DISCARDED}),
    Status.ISSUING: frozenset({Status.ISSUED, Status.FAILED, Status.UNCERTAIN}),
    Status.UNCERTAIN: frozenset({Status.ISSUED, Status.FAILED}),
    Status.FAILED: frozenset({Status.ISSUING, Status.ISSUED, Status.DRAFT, Status.REJECTED, Status.DISCARDED}),
    Status.ISSUED: frozenset(),
    Status.DISCARDED: frozenset(),
}

WAITS_ON: dict[Status, str] = {
    Status.DRAFT: "requester",
    Status.IN_REVIEW: "reviewers",
    Status.APPROVED: "requester",
    Status.REJECTED: "",
    Status.EXPIRED: "",
    Status.ISSUING: "portal",
    Status.UNCERTAIN: "portal",
    Status.FAILED: "requester",
    Status.ISSUED: "",
    Status.DISCARDED: "",
}
"""Who has the next move: the requester (or an editor), those who review, the portal itself, or nobody."""

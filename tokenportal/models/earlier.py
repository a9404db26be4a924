"""What a working copy held before each save, so that a save from a page that is behind can be told what both began with."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Q

from tokenportal.models.draft import WorkingCopy
from tokenportal.models.guard import FreeModel
from tokenportal.models.people import User
from tokenportal.models.token_request import TokenRequest
from tokenportal.policy.merge import Sheet
from tokenportal.policy.spec import TokenSpec

KEPT_FOR = timedelta(days=7)
KEPT_AT_MOST = 1000
SWEEP_EVERY = 100
"""Revisions that a draft keeps, and after how many saves it looks for those beyond them."""


class EarlierCopy(FreeModel):
    """A ``revision`` of a working copy that was saved over: what any page may still show that was opened before."""

    WHY_FREE = "It is what a working copy was a moment ago, kept for a week so that nobody is overwritten unseen."

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token_request = models.ForeignKey(TokenRequest, on_delete=models.CASCADE, related_name="earlier_copies", db_index=False)
    revision = models.PositiveIntegerField()
    spec_json = models.JSONField()
    # Ids only: none of these rows is kept from going away by what a draft once held.
    connection_pk = models.UUIDField(null=True)
    owner_pk = models.UUIDField()
    backup_owner_pk = models.UUIDField(null=True)
    saved_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    saved_at = models.DateTimeField()
    replaced_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["token_request", "revision"], name="a_revision_is_kept_once")]

    def __str__(self) -> str:
        return f"revision {self.revision} of {self.token_request_id}"

    @property
    def sheet(self) -> Sheet:
        ids = (self.connection_pk, self.owner_pk, self.backup_owner_pk)
        return Sheet(TokenSpec.from_json(self.spec_json), *(str(pk or "") for pk in ids))


def sheet_of(copy: WorkingCopy) -> Sheet:
    ids = (copy.connection_id, copy.owner_id, copy.backup_owner_id)
    return Sheet(copy.spec, *(str(pk or "") for pk in ids))


def put(copy: WorkingCopy, revision: int, now: datetime, **new: Any) -> bool:
    """Put ``new`` into the working copy in the place of ``revision``, which is kept; False where somebody was first.

    To be called with the request's row locked. ``copy`` is as it was loaded, and stays as it is.
    """
    if copy.revision != revision:
        found = WorkingCopy.objects.filter(pk=copy.pk, revision=revision).first()
        if found is None:
            return False
        copy = found
    here = WorkingCopy.objects.filter(pk=copy.pk, revision=revision)
    new["edited_by"] = sorted({*copy.editors, str(new["saved_by"].pk)})
    if not here.update(revision=revision + 1, saved_at=now, **new):
        return False
    EarlierCopy.objects.create(
        token_request_id=copy.pk, revision=revision, spec_json=copy.spec_json, connection_pk=copy.connection_id,
        owner_pk=copy.owner_id, backup_owner_pk=copy.backup_owner_id, saved_by_id=copy.saved_by_id, saved_at=copy.saved_at,
        replaced_at=now,
    )  # fmt: skip
    if revision % SWEEP_EVERY == 0:
        beyond = Q(revision__lte=revision - KEPT_AT_MOST) | Q(replaced_at__lt=now - KEPT_FOR)
        EarlierCopy.objects.filter(beyond, token_request=copy.pk).delete()
    return True


def forget(now: datetime) -> int:
    """Drop what was saved over so long ago that no page is expected to show it any more; how many there were."""
    return EarlierCopy.objects.filter(replaced_at__lt=now - KEPT_FOR).delete()[0]


def at(token_request: TokenRequest, revision: int) -> EarlierCopy | None:
    return EarlierCopy.objects.filter(token_request=token_request, revision=revision).first()


def savers(token_request: TokenRequest, after: int) -> set[str]:
    """The names of those who saved a revision later than this one, as far as it was saved over."""
    found = EarlierCopy.objects.filter(token_request=token_request, revision__gt=after)
    return set(found.values_list("saved_by__username", flat=True).distinct())

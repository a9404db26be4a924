"""Restoring an earlier version of a draft as its newest; what stood there before is put down first, so nothing is lost."""

from django.db import transaction

from tokenportal import audit, rules
from tokenportal.actions import versions
from tokenportal.actions.drafts import Stale
from tokenportal.audit import Event
from tokenportal.models import TokenRequest, User, Version


def restore(version: Version, *, by: User, revision: int) -> Version | None:
    """Make the working copy say what this version says, as a new version; None where it says so already.

    A lifetime that was made an exact moment stays that moment, past or ahead. A change stays with its token's connection.
    Raises NotAllowed, or Stale when somebody has saved since ``revision``.
    """
    with transaction.atomic():
        locked = TokenRequest.objects.select_for_update().get(pk=version.token_request_id)
        rules.require(rules.may_edit(by, locked))
        copy = versions.locked_copy(locked)
        if copy.revision != revision:
            raise Stale(copy)
        if versions.alike(copy, version):
            return None
        versions.put_down(locked, copy, by=by)
        with audit.recording(Event.DRAFT_RESTORED, by=by, subject=locked, trail=locked.pk) as record:
            record.details["restored"] = version.number
            return versions.restored(record, version, copy, by=by)

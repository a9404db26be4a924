"""Several people at one draft: a save from a page that is behind is merged or asked about; who is here, and what is newer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tokenportal import clock
from tokenportal.actions import drafts, seeing
from tokenportal.models import Connection, Presence, TokenRequest, User, WorkingCopy, earlier
from tokenportal.models.durability import committed_soon
from tokenportal.policy import merge as merging
from tokenportal.policy.merge import Merged, Sheet
from tokenportal.policy.spec import TokenSpec

GONE_AFTER = timedelta(seconds=60)


@dataclass(frozen=True)
class Saved:
    """``merged`` says what of others came into it, where the save was behind, and ``others`` who they were."""

    copy: WorkingCopy
    merged: Merged | None = None
    others: tuple[str, ...] = ()


class Clashing(Exception):
    """Both changed the same, so nothing was saved. ``copy`` stands in the database; ``mine`` is what was to be saved.

    ``mine.revision`` is the one that it was made from, ``base`` what stood there, if that is known still.
    """

    def __init__(self, copy: WorkingCopy, mine: WorkingCopy, base: Sheet | None, merged: Merged, others: tuple[str, ...]) -> None:
        super().__init__("Both changed the same fields.")
        self.copy, self.mine, self.base, self.merged, self.others = copy, mine, base, merged, others


def save(token_request: TokenRequest, *, by: User, revision: int, spec: TokenSpec, **beside: Any) -> Saved:
    """Save what was made from ``revision``, merged with what others saved since. Raises Clashing where that is not possible.

    ``beside`` are the connection, the owner and the back-up owner, as for drafts.save.
    """
    mine = _unsaved(token_request, revision, spec, **beside)
    saved_from, entries = revision, {"spec": spec, **beside}
    merged: Merged | None = None
    others: tuple[str, ...] = ()
    while True:
        try:
            return Saved(drafts.save(token_request, by=by, revision=saved_from, **entries), merged, others)
        except drafts.Stale as stale:
            copy = token_request.working_copy = stale.copy
        before = earlier.at(token_request, revision)
        base = before.sheet if before else None
        merged = merging.merge(base, earlier.sheet_of(mine), earlier.sheet_of(copy))
        others = tuple(sorted((earlier.savers(token_request, revision) | {copy.saved_by.username}) - {by.username}))
        if merged.clashes:
            raise Clashing(copy, mine, base, merged, others)
        saved_from, entries = copy.revision, _entries(merged.sheet, mine, copy)


def choose(
    token_request: TokenRequest, *, by: User, revision: int, seen: int, choices: Mapping[str, str], rest: str = "",
    spec: TokenSpec, **beside: Any,
) -> Saved:  # fmt: skip
    """Save what was made from ``revision`` as somebody chose who was shown revision ``seen`` beside it.

    ``choices`` are by field, ``rest`` for those without one. What was saved after ``seen`` was not shown, so it counts as
    made meanwhile. Raises Clashing where something is still to be chosen.
    """
    mine = _unsaved(token_request, revision, spec, **beside)
    before, shown = (_sheet_at(token_request, number) for number in (revision, seen))
    if shown is not None:
        merged = merging.merge(before, earlier.sheet_of(mine), shown, choices, rest=rest)
        if not merged.clashes:
            return save(token_request, by=by, revision=seen, **_entries(merged.sheet, mine, token_request.working_copy))
    return save(token_request, by=by, revision=revision, spec=spec, **beside)


def _unsaved(
    token_request: TokenRequest, revision: int, spec: TokenSpec, *, connection: Connection | None, owner: User,
    backup_owner: User | None,
) -> WorkingCopy:  # fmt: skip
    """Entries as a working copy that is in no database. Not by ``token_request=``, which would put it in the place of its own."""
    connection = token_request.working_copy.connection if token_request.is_edit else connection
    return WorkingCopy(
        token_request_id=token_request.pk, revision=revision, spec_json=spec.to_json(), connection=connection, owner=owner,
        backup_owner=backup_owner,
    )  # fmt: skip


def _sheet_at(token_request: TokenRequest, revision: int) -> Sheet | None:
    copy = token_request.working_copy
    if copy.revision == revision:
        return earlier.sheet_of(copy)
    found = earlier.at(token_request, revision)
    return found.sheet if found else None


def _entries(sheet: Sheet, mine: WorkingCopy, copy: WorkingCopy) -> dict[str, Any]:
    """What a sheet holds as drafts.save takes it, with the rows that it names; most of them stand in the two copies."""
    rows = [row for one in (mine, copy) for row in (one.connection, one.owner, one.backup_owner) if row]
    known: dict[str, Any] = {str(row.pk): row for row in rows}
    for model, pks in ((Connection, {sheet.connection}), (User, {sheet.owner, sheet.backup_owner})):
        missing = [pk for pk in pks if pk and pk not in known]
        known |= {str(row.pk): row for row in model.objects.filter(pk__in=missing)} if missing else {}
    return {
        "spec": sheet.spec, "connection": known.get(sheet.connection), "owner": known.get(sheet.owner, mine.owner),
        "backup_owner": known.get(sheet.backup_owner),
    }  # fmt: skip


def ping(token_request: TokenRequest, *, by: User, revision: int) -> None:
    """Somebody has the draft open, and their page shows this revision."""
    now = clock.now()
    with committed_soon():
        Presence.objects.filter(token_request=token_request, seen_at__lt=now - GONE_AFTER).exclude(user=by).delete()
        here = Presence(token_request=token_request, user=by, revision=revision, seen_at=now)
        Presence.objects.bulk_create(
            [here], update_conflicts=True, unique_fields=["token_request", "user"], update_fields=["revision", "seen_at"]
        )  # fmt: skip


def others_here(token_request: TokenRequest, user: User) -> list[str]:
    """The names of those who have the draft open just now and may still see it, besides this person."""
    present = Presence.objects.filter(token_request=token_request, seen_at__gte=clock.now() - GONE_AFTER).exclude(user=user)
    present = present.filter(user__in=seeing.who_sees(token_request).values("pk"))
    return list(present.order_by("user__username").values_list("user__username", flat=True))


def forget() -> int:
    """Drop what was saved over so long ago that no page is expected to show it any more; how many there were."""
    return earlier.forget(clock.now())

"""Versions: what a draft said when a sitting with it ended. Made only where something changed, or to be agreed to.

A sitting ends when somebody else saves, after ten quiet minutes, when the summary is opened, and when an earlier version is
restored. Whoever makes a version holds the request's row, so that two processes do not make it twice.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from tokenportal import audit, clock
from tokenportal.actions import snapshots, standing
from tokenportal.actions.standing import NOBODY, mentioned_zones
from tokenportal.audit import Event
from tokenportal.models import Connection, Status, TokenRequest, User, Version, WorkingCopy, earlier
from tokenportal.policy import changes
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.changes import Document
from tokenportal.policy.compile import Payload
from tokenportal.policy.spec import TokenSpec
from tokenportal.policy.surroundings import Surroundings

SITTING = timedelta(minutes=10)
"""After so long without a save a sitting has ended (design, section 4)."""
A_ROUND = 200
RELATED = ("connection", "owner", "backup_owner")

type State = Version | WorkingCopy


def has_rested(copy: WorkingCopy) -> bool:
    return clock.now() - copy.saved_at >= SITTING


def begins_sitting(copy: WorkingCopy, *, by: User) -> bool:
    """Whether a save by this person begins a new sitting, so that what stands in the copy is to be put down before. No query."""
    return copy.put_down < copy.revision and (copy.saved_by_id != by.pk or has_rested(copy))


def put_down(token_request: TokenRequest, copy: WorkingCopy, *, by: User | None) -> Version | None:
    """Make a version of what the copy says, by whoever saved it; None where the newest version says the same.

    ``by`` is who acts now, None for the runner. Whoever calls holds the request's row.
    """
    token_request.refresh_from_db(fields=["version", "digest"])
    WorkingCopy.objects.filter(pk=copy.pk).update(put_down=copy.revision)
    copy.put_down, found = copy.revision, standing.of(copy)
    made = _state_of(
        copy, found.payload, spec=found.spec, reason=Version.Reason.SITTING, made_at=copy.saved_at, made_by=copy.saved_by,
        number=token_request.version + 1,
    )  # fmt: skip
    newest = newest_of(token_request)
    if newest and alike(newest, made):
        return None
    author = str(copy.saved_by)
    with audit.recording(Event.DRAFT_VERSIONED, by=by, subject=token_request, trail=copy.pk, made_by=author) as record:
        record.details["digest"] = "" if found.problems else found.payload.digest
        made.save()
        record.change(token_request, version=made.number, digest="", changed_at=copy.saved_at)
    return made


def put_down_rested() -> int:
    """Put down all drafts that have rested for ten minutes; gives back how many versions were made."""
    due = WorkingCopy.objects.filter(
        token_request__status=Status.DRAFT, put_down__lt=F("revision"), saved_at__lte=clock.now() - SITTING
    )  # fmt: skip
    return sum(_put_down_rested(pk) for pk in due.order_by("saved_at").values_list("pk", flat=True)[:A_ROUND])


def _put_down_rested(pk: UUID) -> bool:
    with transaction.atomic():
        token_request = TokenRequest.objects.select_for_update().get(pk=pk)
        copy = locked_copy(token_request)
        # Somebody may have gone on, or another process been first.
        is_due = token_request.status == Status.DRAFT and copy.put_down < copy.revision and has_rested(copy)
        return is_due and put_down(token_request, copy, by=None) is not None


def locked_copy(token_request: TokenRequest) -> WorkingCopy:
    """The working copy of a request whose row is held."""
    related = ("connection", "owner", "backup_owner", "saved_by")
    copy = WorkingCopy.objects.select_for_update(of=("self",)).select_related(*related).get(pk=token_request.pk)
    copy.token_request = token_request
    return copy


def checked(token_request: TokenRequest, copy: WorkingCopy, spec: TokenSpec, payload: Payload, *, by: User) -> Version:
    """The version that can be agreed to, inside a recording: the newest one where that is the same to the last byte.

    ``payload`` is what is agreed to, and ``spec`` what says it, with exact moments. What somebody else wrote is theirs first.
    """
    if copy.put_down < copy.revision and copy.saved_by_id != by.pk:
        put_down(token_request, copy, by=by)
    made = _state_of(
        copy, payload, spec=spec, digest=payload.digest, reason=Version.Reason.CHECKED, made_at=clock.now(), made_by=by,
        number=token_request.version + 1,
    )  # fmt: skip
    newest = newest_of(token_request)
    if newest and newest.digest == made.digest and alike(newest, made):
        made = newest
    else:
        made.save()
    WorkingCopy.objects.filter(pk=copy.pk).update(put_down=copy.revision)
    return made


def restored(record: audit.Record, version: Version, copy: WorkingCopy, *, by: User) -> Version:
    """The working copy with what an earlier version says, as the newest version, inside a recording and holding both rows."""
    token_request, now = copy.token_request, clock.now()
    said = {
        "connection": copy.connection if token_request.is_edit else version.connection, "spec_json": version.spec_json,
        "owner": version.owner, "backup_owner": version.backup_owner, "saved_by": by, "put_down": copy.revision + 1,
    }  # fmt: skip
    earlier.put(copy, copy.revision, now, **said)
    for name, value in {**said, "saved_at": now, "revision": copy.revision + 1}.items():
        setattr(copy, name, value)
    made = _state_of(
        copy, standing.of(copy).payload, spec=version.spec, reason=Version.Reason.RESTORED, restored=version.number, made_at=now, made_by=by,
        number=token_request.version + 1,
    )  # fmt: skip
    made.save()
    record.change(token_request, version=made.number, digest="", changed_at=now)
    return made


def _state_of(copy: WorkingCopy, payload: Payload, *, spec: TokenSpec, **fields: Any) -> Version:
    """A version, not saved, of what a working copy says."""
    return Version(
        token_request_id=copy.pk, revision=copy.revision, spec_json=spec.to_json(), payload=payload.body,
        connection=copy.connection, owner=copy.owner, backup_owner=copy.backup_owner, **fields,
    )  # fmt: skip


def newest_of(token_request: TokenRequest) -> Version | None:
    """The newest version, whether it can be agreed to or not."""
    return token_request.versions.filter(number=token_request.version).select_related(*RELATED).first()


def alike(old: State, new: State) -> bool:
    return changes.alike(*documents((old, new)))


def documents(states: Sequence[State]) -> list[Document]:
    """States of drafts as the policy compares them. Each connection is asked once, for the zones that any of them names."""
    named: dict[UUID | None, set[str]] = {}
    connections = {state.connection_id: state.connection for state in states}
    for state in states:
        named.setdefault(state.connection_id, set()).update(mentioned_zones(state.spec))
    seen = {pk: _seen(connections[pk], zones) for pk, zones in named.items()}
    return [_document(state, *seen[state.connection_id]) for state in states]


def _seen(connection: Connection | None, zones: Iterable[str]) -> tuple[Catalogue, Surroundings]:
    if connection is None:
        return snapshots.all_known_groups(), Surroundings(NOBODY)
    return snapshots.catalogue(connection), snapshots.surroundings(connection, zones)


def _document(state: State, catalogue: Catalogue, around: Surroundings) -> Document:
    stood_at = state.made_at if isinstance(state, Version) else state.saved_at
    return Document(
        spec=state.spec, owner=str(state.owner), backup_owner=str(state.backup_owner or ""), connection=str(state.connection or ""),
        catalogue=catalogue, around=around, at=stood_at,
        frozen=isinstance(state, Version) and state.reason == Version.Reason.CHECKED,
    )  # fmt: skip

"""Drafts: begun from a template, saved while somebody types, checked into a version, shared, discarded."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from tokenportal import audit, clock, rules
from tokenportal.actions import snapshots, standing, versions, voiding
from tokenportal.audit import Event
from tokenportal.models import (
    Connection,
    Membership,
    MovedMeanwhile,
    Review,
    Status,
    Team,
    TokenRequest,
    User,
    Version,
    WorkingCopy,
    earlier,
)
from tokenportal.models.durability import committed_soon
from tokenportal.policy import recipes, templates
from tokenportal.policy import spec as specs
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.problems import Problem
from tokenportal.policy.spec import AccessBlock, TokenSpec
from tokenportal.upstream import owner as owner_of


class Stale(Exception):
    """Somebody else saved in the meantime. ``copy`` is what stands in the database now."""

    def __init__(self, copy: WorkingCopy) -> None:
        super().__init__("The draft was saved by somebody else in the meantime.")
        self.copy = copy


class NotReady(Exception):
    """The draft cannot be created as it stands; ``problems`` say why."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("The draft has problems.")
        self.problems = problems


BEST_FIRST = ("kind", F("snapshot__zones_total").desc(nulls_last=True), "name")
"""Account-owned connections first, whose tokens outlive people, then those that see most."""


def connections_for(*team_ids: UUID | str) -> list[Connection]:
    """The connections that a team, or one of several, may use, the best first. One query."""
    found = Connection.objects.filter(is_active=True, grants__team_id__in=team_ids).select_related("snapshot")
    # Hundreds of permission groups a connection, which nobody looks at here, cost more than all the rest.
    return list(dict.fromkeys(found.defer("snapshot__groups").order_by(*BEST_FIRST)))


def spec_from(template: str, connection: Connection | None) -> TokenSpec:
    """The spec that a template begins with; an unknown or empty name begins from scratch, with one empty block."""
    found = recipes.get(template) if template else None
    if found is None:
        return TokenSpec(blocks=(AccessBlock(),))
    catalogue = snapshots.catalogue(connection) if connection else Catalogue.from_facts()
    kind = owner_of(connection).kind if connection else "account"
    spec, _ = templates.for_owner(found, catalogue, kind)
    about_accounts = any(group.scope == "account" for group in found.groups(catalogue))
    return with_only_account(spec, connection) if about_accounts else spec


def with_only_account(spec: TokenSpec, connection: Connection | None) -> TokenSpec:
    """Where a token can reach just one account, an account that is still to be chosen is that one."""
    if connection is None or connection.kind != Connection.Kind.ACCOUNT:
        return spec
    blocks = tuple(
        replace(block, accounts=replace(block.accounts, accounts=(connection.owner_id,)))
        if block.accounts.mode == "these" and not block.accounts.accounts
        else block
        for block in spec.blocks
    )
    return replace(spec, blocks=blocks)


def start(*, by: User, team: Team, template: str = "", connection: Connection | None = None) -> TokenRequest:
    """Begin a draft. Raises NotAllowed unless ``by`` is a requester in the team that may use the connection."""
    rules.require(rules.may_start_in(by, team.pk))
    if connection is not None:
        rules.require(rules.may_use(connection, team.pk))
    return begun(team=team, by=by, owner=by, spec=spec_from(template, connection), connection=connection, template=template)


def begun(
    *, team: Team, by: User, owner: User, spec: TokenSpec, connection: Connection | None, backup_owner: User | None = None,
    writers: frozenset[str] = frozenset(), **fields: Any,
) -> TokenRequest:  # fmt: skip
    """A new draft with this spec in its working copy; ``fields`` are more of the request's. Whoever calls has asked the rules.

    ``writers`` are the ids of those who wrote the spec beside ``by``: they do not approve it.
    """
    now = clock.now()
    token_request = TokenRequest(team=team, requester=by, created_at=now, changed_at=now, **fields)
    with audit.recording(Event.DRAFT_STARTED, by=by, subject=token_request, trail=token_request.pk) as record:
        record.add(token_request)
        WorkingCopy.objects.create(
            token_request=token_request, spec_json=specs.keyed(spec).to_json(), connection=connection, owner=owner,
            backup_owner=backup_owner, saved_at=now, saved_by=by, edited_by=sorted({*writers, str(by.pk)}),
        )  # fmt: skip
    return token_request


def save(
    token_request: TokenRequest, *, by: User, revision: int, spec: TokenSpec, connection: Connection | None,
    owner: User, backup_owner: User | None,
) -> WorkingCopy:  # fmt: skip
    """Save the working copy, complete or not. Raises Stale when somebody else saved something else since ``revision``.

    Where a sitting has ended with what stands there, that becomes a version first.
    """
    if token_request.is_edit:
        connection = token_request.working_copy.connection  # the one that the token lies behind
    copy = token_request.working_copy
    wanted: dict[str, Any] = {"connection": connection, "owner": owner, "backup_owner": backup_owner}
    spec_json = specs.keyed(spec, like=copy.spec).to_json()

    def stands_in(copy: WorkingCopy) -> bool:
        same = all(getattr(copy, f"{name}_id") == (row.pk if row else None) for name, row in wanted.items())
        return same and (copy.spec_json == spec_json or copy.spec == spec)

    begins = copy.revision == revision and versions.begins_sitting(copy, by=by) and not stands_in(copy)
    # An event waits for the disk, unlike what is typed.
    with transaction.atomic() if begins else committed_soon():
        # The request's row first, as everywhere: a draft that is being created takes no more changes.
        here = TokenRequest.objects.select_for_update().filter(pk=token_request.pk)
        token_request.status = here.values_list("status", flat=True).get()
        rules.require(rules.may_edit(by, token_request))
        new, now = {"spec_json": spec_json, "saved_by": by, **wanted}, clock.now()
        if stands_in(copy) or not earlier.put(copy, revision, now, **new):
            copy = WorkingCopy.objects.get(pk=token_request.pk)
            # What stands there already overwrites nobody, whichever revision it was made from: an answer may have been lost.
            if not stands_in(copy):
                raise Stale(copy)
            new = wanted
        else:
            if begins:
                versions.put_down(token_request, copy, by=by)
            new |= {"revision": revision + 1, "saved_at": now}
        for name, value in new.items():
            setattr(copy, name, value)
    copy.token_request = token_request
    return copy


def check(token_request: TokenRequest, *, by: User, revision: int) -> Version:
    """Make a version of the working copy, with its lifetime as an exact moment and the body that would be sent.

    The same content on the same day is the same version. Raises Stale, or NotReady with the problems.
    """
    rules.require(rules.may_edit(by, token_request))
    with audit.recording(Event.DRAFT_CHECKED, by=by, subject=token_request, trail=token_request.pk) as record:
        locked = TokenRequest.objects.select_for_update().get(pk=token_request.pk)
        rules.require(rules.may_edit(by, locked))
        copy = versions.locked_copy(locked)
        if copy.revision != revision:
            raise Stale(copy)
        found = standing.of(copy)
        if found.problems or copy.connection is None:
            raise NotReady(found.problems)
        version = versions.checked(locked, copy, found.frozen, found.payload, by=by)
        record.details["digest"] = version.digest
        record.change(locked, version=version.number, digest=version.digest, changed_at=clock.now())
    token_request.version, token_request.digest = version.number, version.digest
    token_request.working_copy.put_down = revision
    return version


def current_version(token_request: TokenRequest) -> Version | None:
    """The newest version, if it can be agreed to, and neither the working copy nor what a change begins with has changed since."""
    version = (
        token_request.versions.filter(number=token_request.version)
        .select_related("connection__snapshot", "owner", "backup_owner", "made_by")
        .defer("connection__snapshot__groups")
        .first()
    )
    if version is None or not version.digest or version.digest != token_request.digest:
        return None
    copy = token_request.working_copy
    if token_request.status == Status.DRAFT and copy.put_down != copy.revision:
        return None
    return version


def discard(token_request: TokenRequest, *, by: User) -> None:
    rules.require(rules.may_discard(by, token_request))
    _leave(token_request, Status.DISCARDED, Event.DRAFT_DISCARDED, by=by)


def reopen(token_request: TokenRequest, *, by: User) -> None:
    """Take a request whose token was not created back to draft, to change it. What was approved of it counts no more."""
    rules.require(rules.may_reopen(by, token_request))
    _leave(token_request, Status.DRAFT, Event.DRAFT_REOPENED, by=by)


def _leave(token_request: TokenRequest, to: Status, event: Event, *, by: User) -> None:
    try:
        with audit.recording(event, by=by, subject=token_request, trail=token_request.pk) as record:
            voiding.leave(record, token_request, to, Review.Outcome.VOIDED)
    except MovedMeanwhile:
        raise rules.NotAllowed("It has changed in the meantime. Reload the page to see how it stands.") from None


def owners(token_request: TokenRequest, copy: WorkingCopy) -> list[User]:
    """Who can own the token: active members of the team, and whoever owns it now."""
    members = User.objects.filter(is_active=True, memberships__team=token_request.team_id)
    return sorted({*members, copy.owner, *([copy.backup_owner] if copy.backup_owner else [])}, key=str)


def owner_choices(copy: WorkingCopy) -> tuple[tuple[UUID, str], ...]:
    """The ids and names of those who can own the token (see ``owners``)."""
    members = Q(is_active=True, pk__in=Membership.objects.filter(team=copy.token_request.team_id).order_by().values("user"))
    found = User.objects.filter(members | Q(pk__in=[copy.owner_id, copy.backup_owner_id])).order_by("username")
    return tuple(found.values_list("pk", "username"))


def connection_choices(team_id: UUID) -> tuple[tuple[UUID, str, str, str], ...]:
    """Of the connections that a team may use: id, name, kind and whose they are."""
    found = Connection.objects.filter(is_active=True, grants__team_id=team_id).order_by("kind", "name")
    return tuple(found.values_list("pk", "name", "kind", "owner_name"))

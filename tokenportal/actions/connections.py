"""Connections: stored sealed, tested line by line, opened to teams."""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Max

from tokenportal import audit, clock, cloudflare, crypto, rules, upstream
from tokenportal.actions import probing
from tokenportal.audit import Event, fingerprints
from tokenportal.models import Connection, ConnectionGrant, Snapshot, Team, TokenReading, UpstreamState, User
from tokenportal.policy.resources import is_id
from tokenportal.secret import Secret

PREFIXES = {"cfat_": Connection.Kind.ACCOUNT.value, "cfut_": Connection.Kind.USER.value}
WITH_PREFIX = re.compile(r"cf[au]t_[A-Za-z0-9_-]{40,75}")
WITHOUT_PREFIX = re.compile(r"[A-Za-z0-9_-]{40}")
GLOBAL_KEY = re.compile(r"cfk_.*|[0-9a-f]{37}", re.DOTALL)


class BadCredential(ValueError):
    """What was typed cannot be stored; the message says why and what to do, and never quotes it. ``field`` names the field."""

    def __init__(self, sentence: str, field: str = "credential") -> None:
        super().__init__(sentence)
        self.field = field


class NameTaken(ValueError):
    """Another connection has this name."""

    def __init__(self) -> None:
        super().__init__("A connection has this name already. Choose another one.")


def _require_free(name: str, connection: Connection) -> None:
    if Connection.objects.filter(name=name).exclude(pk=connection.pk).exists():
        raise NameTaken


def kind_of(pasted: str) -> str | None:
    """The kind that a credential's prefix tells; None for an older token, which has no prefix. Raises BadCredential.

    Source: CLOUDFLARE.md, section 5; global keys of the older form are 37 hexadecimal digits.
    """
    if GLOBAL_KEY.fullmatch(pasted):
        raise BadCredential("That is a global API key: it can do everything and cannot be limited. Make a token instead.")
    if not WITH_PREFIX.fullmatch(pasted) and not WITHOUT_PREFIX.fullmatch(pasted):
        raise BadCredential("That does not look like an API token. Paste the whole value, without spaces.")
    return PREFIXES.get(pasted[:5])


def create(*, by: User | None, name: str, kind: str, account_id: str, pasted: str, teams: Iterable[Team]) -> Connection:
    """Store a credential. Its prefix tells the kind; ``kind`` decides for older ones, which have none.

    Raises BadCredential and NameTaken before anything is kept.
    """
    if by is not None:
        rules.require(rules.may_administer(by))
    kind = kind_of(pasted) or kind
    if kind not in Connection.Kind.values:
        raise BadCredential("Say whose token this is: account or user.", "kind")
    if kind == Connection.Kind.ACCOUNT and not is_id(account_id):
        raise BadCredential("Enter the account's id: 32 hexadecimal digits. This token is account-owned.", "account_id")
    owner_id = account_id if kind == Connection.Kind.ACCOUNT else ""
    connection = Connection(name=name, kind=kind, owner_id=owner_id, last_four=pasted[-4:], created_at=clock.now())
    _require_free(name, connection)
    connection.sealed_credential = upstream.seal(connection, Secret(pasted))
    mark = crypto.fingerprint(connection.sealed_credential, upstream.sealing_keys())
    try:
        with audit.recording(Event.CONNECTION_CREATED, by=by, subject=connection, ciphertext=mark) as record:
            record.fingerprint = fingerprints.of(Secret(pasted))
            record.add(connection)
            for team in teams:
                record.add(ConnectionGrant(connection=connection, team=team))
    except IntegrityError:
        raise NameTaken from None
    return connection


def replace_credential(connection: Connection, *, by: User | None, pasted: str) -> None:
    if by is not None:
        rules.require(rules.may_administer(by))
    told = kind_of(pasted)
    if told and told != connection.kind:
        words = Connection.Kind(told).label.lower()
        raise BadCredential(f"That one is of the other kind ({words}). Paste one of this kind, or add a connection for it.")
    sealed = upstream.seal(connection, Secret(pasted))
    mark = crypto.fingerprint(sealed, upstream.sealing_keys())
    with audit.recording(Event.CREDENTIAL_REPLACED, by=by, subject=connection, ciphertext=mark) as record:
        record.fingerprint = fingerprints.of(Secret(pasted))
        record.change(connection, sealed_credential=sealed, last_four=pasted[-4:])


def change(connection: Connection, *, by: User, name: str, is_active: bool, teams: Iterable[Team]) -> None:
    rules.require(rules.may_administer(by))
    _require_free(name, connection)
    wanted = set(teams)
    try:
        with audit.recording(Event.CONNECTION_CHANGED, by=by, subject=connection) as record:
            # The connection's row first, so that two posts do not both open it to one team.
            Connection.objects.select_for_update().get(pk=connection.pk)
            held = {grant.team: grant for grant in connection.grants.select_related("team")}
            record.change(connection, name=name, is_active=is_active)
            for team in sorted(wanted - set(held), key=str):
                record.add(ConnectionGrant(connection=connection, team=team))
            for team in sorted(set(held) - wanted, key=str):
                record.remove(held[team])
            record.details["teams"] = sorted(map(str, wanted))
    except IntegrityError:
        raise NameTaken from None


def test(connection: Connection, *, by: User | None) -> list[dict[str, Any]]:
    """Ask Cloudflare what this credential is good for, one line each: ``{"ok": true | false | null, "line", "detail"}``.

    A connection whose new credential is another user's is switched off.
    """
    if by is not None:
        rules.require(rules.may_administer(by))
    found = probing.probe(connection)
    told = {"owner_id": found.owner_id, "owner_name": found.owner_name, "parent_token_id": found.parent_token_id}
    with audit.recording(Event.CONNECTION_TESTED, by=by, subject=connection) as record:
        known: dict[str, Any] = {name: value for name, value in told.items() if value}
        if found.is_anothers:
            known["is_active"] = False
        record.change(connection, report=found.lines, tested_at=clock.now(), **known)
        if not found.works:
            record.outcome, record.reason = "failed", found.lines[0]["detail"]
    return found.lines


def ask_again() -> list[Connection]:
    """Ask once through each connection whose breaker waits for that, so that it closes although nobody presses anything.

    Gives back those through which nobody answers yet.
    """
    silent = []
    for connection in Connection.objects.filter(is_active=True, upstream_state__open_until__isnull=False):
        if upstream.standing(connection).open_until is None:
            with suppress(cloudflare.CloudflareError):
                upstream.client(connection, background=True).verify()
        if upstream.standing(connection).is_silent:
            silent.append(connection)
    return silent


def paused() -> dict[str, int]:
    """How many connections in use make no calls just now: through ``silent`` ones nobody answers, ``blocked`` ones must wait."""
    standings = [upstream.standing_of(state) for state in UpstreamState.objects.filter(connection__is_active=True)]
    return {
        "silent": sum(standing.is_silent for standing in standings),
        "blocked": sum(standing.blocked_until is not None for standing in standings),
    }


def last_known_to_work() -> bool | None:
    """What the newest dealings with Cloudflare say, without another call: whether some connection in use worked.

    None where nothing is known, or only from longer ago than three rounds of syncing.
    """
    since = clock.now() - timedelta(seconds=3 * settings.SYNC_INTERVAL_SECONDS)
    active = Connection.objects.filter(is_active=True).select_related("snapshot", "token_reading", "upstream_state")
    active = active.annotate(token_seen_at=Max("tokens__seen_at"))
    newest = [max(known) for known in map(dealings, active) if known]
    recent = [worked for at, worked in newest if at >= since]
    return any(recent) if recent else None


def dealings(connection: Connection) -> list[tuple[datetime, bool]]:
    """When something was asked of Cloudflare through a connection, and whether it answered as it should.

    ``token_seen_at``, if the row was annotated with it, tells of what was done with a single token.
    """
    snapshot, reading, state = (getattr(connection, name, None) for name in ("snapshot", "token_reading", "upstream_state"))
    known: list[tuple[datetime | None, bool]] = [
        (connection.tested_at, bool(connection.report and connection.report[0]["ok"])),
        (vars(connection).get("token_seen_at"), True),
    ]
    if snapshot is not None:
        known.append((snapshot.read_at, True))
    if snapshot is not None and snapshot.state == Snapshot.State.FAILED:
        known.append((snapshot.started_at, False))
    if reading is not None:
        known.append((reading.read_at, True))
    if reading is not None and reading.state == TokenReading.State.FAILED:
        known.append((reading.started_at, False))
    if state is not None and state.open_until is not None:
        known.append((clock.now(), False))  # it has not answered since
    return [(at, worked) for at, worked in known if at is not None]

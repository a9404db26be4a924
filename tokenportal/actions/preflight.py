"""Before it is sent: what the portal knows, without a call, of whether Cloudflare will take a version. See policy.preflight."""

from dataclasses import replace
from typing import Any

from tokenportal import clock, rules, upstream
from tokenportal.actions import connections, inventory, probing, snapshots
from tokenportal.models import Connection, Token, TokenRequest, Version
from tokenportal.policy import preflight
from tokenportal.policy.body import named_zones
from tokenportal.policy.preflight import Check, Credential, Line, Offered, Room


def of(token_request: TokenRequest, version: Version) -> tuple[Check, ...]:
    """Every question with its answer; none for what sends nothing. Three queries, whatever there is."""
    if token_request.is_adoption:
        return ()
    related = ("snapshot", "token_reading", "upstream_state")
    connection = Connection.objects.select_related(*related).defer("snapshot__groups").get(pk=version.agreed_connection.pk)
    return preflight.checks(
        version.payload, offered(connection, version.payload), credential(connection),
        None if token_request.is_edit else room(connection), line(connection), clock.now(),
    )  # fmt: skip


def verdict(found: tuple[Check, ...]) -> rules.Verdict:
    """Whether it can be sent at all. Only what is certain keeps it back."""
    return rules.Verdict(" ".join(check.sentence for check in preflight.stopping(found)))


def offered(connection: Connection, body: dict[str, Any]) -> Offered:
    snapshot = getattr(connection, "snapshot", None)
    around = snapshots.surroundings(connection, named_zones(body))
    read_at = snapshot.read_at if snapshot else None
    return Offered(snapshots.catalogue(connection), around, read_at, bool(snapshot and snapshot.zones_complete))


def credential(connection: Connection) -> Credential:
    lines = {line["line"]: line for line in connection.report}
    creates, end = lines.get(probing.CREATES, {}), lines.get(probing.END, {})
    itself = _of_owner(connection).filter(cloudflare_id=connection.parent_token_id, is_parent=True).first()
    tested = Credential(connection.tested_at, creates.get("ok"), end["detail"] if end.get("ok") else "")
    if itself is None:
        return tested
    seen = {"seen_at": itself.seen_at, "body": itself.body, "expires_on": itself.expires_on, "status": itself.status}
    return replace(tested, **seen)


def room(connection: Connection) -> Room:
    """As the page of all tokens counts: whatever the owner has, through whichever connection it was seen."""
    (covered,) = inventory.coverage([connection], _of_owner(connection))
    return Room(covered.count, covered.quota, covered.read_at, not covered.problem)


def _of_owner(connection: Connection) -> Any:
    if not connection.owner_id:
        return Token.objects.filter(connection=connection)
    return Token.objects.filter(connection__kind=connection.kind, connection__owner_id=connection.owner_id)


def line(connection: Connection) -> Line:
    standing = upstream.standing_of(getattr(connection, "upstream_state", None))
    if standing.goes_on_at:
        return Line(quiet=f"Cloudflare is left alone until {standing.goes_on_at}: {_why(standing)}")
    if standing.is_silent:
        return Line(quiet="Cloudflare has not answered lately. The next call finds out whether it does again.")
    at, worked = max(connections.dealings(connection), default=(None, None))
    return Line(worked, at)


def _why(standing: upstream.Standing) -> str:
    return "there were too many calls." if standing.blocked_until else "it has not answered lately."

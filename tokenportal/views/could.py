"""The panel "What could this token do?": one operation on one zone, account or user, for a body that a page shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse

from tokenportal.actions import snapshots
from tokenportal.forms import builder as form
from tokenportal.models import Connection
from tokenportal.policy import could, operations
from tokenportal.policy.body import policies_of
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.could import ANY_ZONE, Answer, Target
from tokenportal.policy.operations import Operation, Typed
from tokenportal.policy.resources import SCOPE_OF, Kind, is_id
from tokenportal.policy.surroundings import Surroundings, Zone
from tokenportal.views.htmx import render_page, wanted_partial

PARTIALS = ("could", "could-found")
"""The whole panel, and what is under its form: the latter alone is replaced while somebody types."""
FOUND = 10
SUGGESTED = 20
MATCHES = 6


@dataclass(frozen=True)
class Where:
    """What "On" stands for: targets by kind of operation, or what to say where it cannot be told."""

    targets: Mapping[str, Target]
    problem: str = ""
    matches: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    operation: Operation
    answer: Answer | None


@dataclass(frozen=True)
class Panel:
    """`answer` is None until an operation and what it is about are known."""

    call: str
    on: str
    suggestions: tuple[str, ...]
    operation: Operation | None = None
    target: Target | None = None
    answer: Answer | None = None
    problem: str = ""
    matches: tuple[str, ...] = ()
    found: tuple[Row, ...] = ()
    examples: tuple[tuple[Operation, Answer], ...] = field(default=())


def render(request: HttpRequest, template: str, context: Mapping[str, Any], *, partials: tuple[str, ...] = ()) -> HttpResponse:
    """A page with this panel. While somebody types, the answer must not take the focus away."""
    typing = wanted_partial(request, PARTIALS) == "could-found"
    return render_page(request, template, {**context, "typing": typing}, partials=(*PARTIALS, *partials))


def panel(
    request: HttpRequest, body: Mapping[str, Any], connection: Connection, catalogue: Catalogue, around: Surroundings,
    *, moment: datetime | None = None, stopped: str = "",
) -> Panel:  # fmt: skip
    """From `call` and `on` of the query string. `moment`: now, for a token that exists; None for one that is to come.

    `stopped` says why the token works for nothing at all at present.
    """
    call, on = form.text(request.GET, "call", 300).strip(), form.text(request.GET, "on", 253).strip()
    typed = operations.parse_typed(call)
    at_first = defaults(body, connection, around)
    names = suggestions(body, around)
    if stopped or not call:
        shown = () if stopped else could.examples(body, at_first, catalogue, moment=moment)
        return Panel(call, on, names, problem=stopped, examples=shown)
    where = places(connection, around, at_first, on, typed)
    if typed is None:
        rows = (Row(one, ask(body, one, where, catalogue, moment)) for one in operations.search(call, FOUND))
        return Panel(call, on, names, problem=where.problem, matches=where.matches, found=tuple(rows))
    answer = ask(body, typed.operation, where, catalogue, moment)
    target = where.targets.get(typed.operation.kind)
    missing = "" if answer else where.problem or f"This connection sees no {typed.operation.kind} that this could be about."
    matches = () if answer else where.matches
    return Panel(call, on, names, typed.operation, target, answer, missing, matches)


def ask(
    body: Mapping[str, Any], operation: Operation, where: Where, catalogue: Catalogue, moment: datetime | None
) -> Answer | None:
    target = where.targets.get(operation.kind)
    return could.could(body, operation, target, catalogue, moment=moment) if target else None


def defaults(body: Mapping[str, Any], connection: Connection, around: Surroundings) -> dict[str, Target]:
    """A target for each kind of operation: the first zone and account that the token is about, and its user."""
    reached = sorted(item for policy in policies_of(body) if policy.effect == "allow" for item in policy.resources)
    first = {kind: next((item.id for item in reached if item.kind == kind), None) for kind in SCOPE_OF}
    zone = first_zone(first, connection, around)
    own = around.owner.id if around.owner.kind == "account" else ""
    account_id = first["account"] or own or (zone.account_id if zone else "") or next(iter(around.accounts), "")
    user = around.owner if around.owner.kind == "user" else None
    found = {"user": Target(f"the user {user.name or user.id}" if user else "a user", user_id=user.id if user else "")}
    if account_id:
        found |= of_an_account(account_id, around)
    if zone:
        found["zone"] = found["either"] = on_zone(zone, around)
    return found


def first_zone(first: Mapping[Kind, str | None], connection: Connection, around: Surroundings) -> Zone | None:
    """The first zone that the token names; any zone, where it names whole accounts; else one that it does not reach."""
    if zone_id := first["zone"]:
        return around.zones.get(zone_id) or Zone(zone_id, zone_id, "")
    if account_id := first["zones of"]:
        return Zone(ANY_ZONE, f"any zone of {around.account_name(account_id)}", account_id)
    if first["every zone"] is not None:
        return Zone(ANY_ZONE, "any zone", next(iter(around.accounts), ""))
    row = next(iter(snapshots.find_zones(connection, "", 1)), None)
    return Zone(row.zone_id, row.name, row.account_id) if row else None


def on_zone(zone: Zone, around: Surroundings) -> Target:
    return Target(zone.name, zone_id=zone.id, account_id=zone.account_id, account_name=around.account_name(zone.account_id))


def of_an_account(account_id: str, around: Surroundings) -> dict[str, Target]:
    target = Target(around.account_name(account_id), account_id=account_id, account_name=around.account_name(account_id))
    return {"account": target, "either": target, "all zones": target}


def suggestions(body: Mapping[str, Any], around: Surroundings) -> tuple[str, ...]:
    """Names for "On": the zones that the token names, and the accounts."""
    return tuple(sorted(zone.name for zone in around.zones.values())[:SUGGESTED]) + tuple(
        sorted(around.accounts.values())[:SUGGESTED]
    )


def places(connection: Connection, around: Surroundings, at_first: Mapping[str, Target], on: str, typed: Typed | None) -> Where:
    """What the call and "On" are about. An id in the call counts before what "On" says."""
    zone_id = typed.zone_id if typed else ""
    account_id = typed.account_id if typed else ""
    on = "" if zone_id or account_id else on
    if is_id(on) and on in around.accounts:
        account_id = on
    elif is_id(on):
        zone_id = on
    if account_id:
        return Where({**at_first, **of_an_account(account_id, around)})
    if zone_id:
        seen = around.zones.get(zone_id) or snapshots.surroundings(connection, [zone_id]).zones.get(zone_id)
        target = on_zone(seen, around) if seen else Target(zone_id, zone_id=zone_id)
        return Where({**at_first, "zone": target, "either": target})
    return named(connection, around, at_first, on) if on else Where(at_first)


def named(connection: Connection, around: Surroundings, at_first: Mapping[str, Target], on: str) -> Where:
    """The zone or account of this name; where several names hold it, they are offered."""
    wanted = on.casefold().rstrip(".")
    accounts = {name: id for id, name in around.accounts.items() if wanted in name.casefold()}
    zones = {row.name: Zone(row.zone_id, row.name, row.account_id) for row in snapshots.find_zones(connection, wanted, MATCHES)}
    account = next((id for name, id in accounts.items() if name.casefold() == wanted), "")
    exact = snapshots.zones_by_name(connection, [wanted]).get(wanted)
    zone = exact[0] if exact else next(iter(zones.values())) if len(zones) == 1 and not accounts else None
    account = account or (next(iter(accounts.values())) if len(accounts) == 1 and not zones else "")
    if zone or account:
        rest = {kind: target for kind, target in at_first.items() if kind == "user"}
        if zone:
            of_zone = of_an_account(zone.account_id, around) if zone.account_id else {}
            return Where({**rest, **of_zone, "zone": on_zone(zone, around), "either": on_zone(zone, around)})
        return Where({**rest, **of_an_account(account, around)}, f"{around.account_name(account)} is an account. Name a zone.")
    names = (*zones, *accounts)[:MATCHES]
    problem = f"Several names hold “{on}”. Choose one." if names else f"This connection sees no zone or account called “{on}”."
    return Where({"user": at_first["user"]}, problem, names)

"""Zones, and purging their cache."""

from django.db.models import Q

from tokenportal.sandbox import grants, groups, refusals, shapes
from tokenportal.sandbox.door import Incoming
from tokenportal.sandbox.envelope import Answer, paged
from tokenportal.sandbox.models import Zone
from tokenportal.sandbox.search import text_filter

LIST_ZONES = ("Zone Read", "Zone Write")
# Any of these shows a zone by its id, while the list needs Zone Read (Cloudflare's OpenAPI, July 2026).
SHOW_A_ZONE = (
    *LIST_ZONES,
    "Zone Settings Read",
    "Zone Settings Write",
    "DNS Read",
    "DNS Write",
    "Cache Purge",
    "Analytics Read",
    "Logs Read",
    "Logs Write",
    "Page Rules Read",
    "Page Rules Write",
    "Load Balancers Read",
    "Load Balancers Write",
    "SSL and Certificates Read",
    "SSL and Certificates Write",
    "Workers Routes Read",
    "Workers Routes Write",
)
ORDERS = {"name": "name", "status": "status", "account.id": "account_id", "account.name": "account__name"}
PURGE_KEYS = {"purge_everything", "files", "tags", "hosts", "prefixes"}


def require_zone(call: Incoming, zone_id: str, *names: str, product: bool = True) -> Zone:
    """The zone, if the token holds one of these groups on it. A zone that does not exist is refused the same way."""
    otherwise = refusals.authentication_error if product else refusals.unauthorized
    zone = Zone.objects.select_related("account").filter(pk=zone_id).first()
    if zone is None:
        raise otherwise()
    call.require(groups.ids(groups.ZONE, *names), grants.zone(zone), otherwise)
    return zone


def list_(call: Incoming) -> Answer:
    """The zones on which the token holds Zone Read or Write; none is not an error."""
    rows = Zone.objects.select_related("account").filter(call.grants.zones(groups.ids(groups.ZONE, *LIST_ZONES)))
    filters: list[Q] = []
    for parameter, column in (("name", "name"), ("account.name", "account__name")):
        if text := call.query.get(parameter):
            filters.append(text_filter(column, text))
    if account_id := call.query.get("account.id"):
        filters.append(Q(account_id=account_id))
    if status := call.query.get("status"):
        filters.append(Q(status=status))
    if filters:
        matches = filters[0]
        for condition in filters[1:]:
            matches = matches | condition if call.query.get("match") == "any" else matches & condition
        rows = rows.filter(matches)
    sign = "-" if call.query.get("direction") == "desc" else ""
    order = ORDERS.get(call.query.get("order", ""), "name")
    page, info = paged(rows.order_by(f"{sign}{order}", "name"), call.query)
    return Answer([shapes.zone(row) for row in page], info)


def get(call: Incoming, zone_id: str) -> Answer:
    return Answer(shapes.zone(require_zone(call, zone_id, *SHOW_A_ZONE, product=False)))


def purge(call: Incoming, zone_id: str) -> Answer:
    zone = require_zone(call, zone_id, "Cache Purge")
    body = call.body()
    if not isinstance(body, dict) or len(body) != 1 or not set(body) <= PURGE_KEYS:
        raise refusals.Refusal(400, 1012, "Say one thing to purge: everything, files, tags, hosts or prefixes.")
    ((key, what),) = body.items()
    if (what is not True) if key == "purge_everything" else not (isinstance(what, list) and what):
        raise refusals.Refusal(400, 1012, f"{key} has the wrong form.")
    return Answer({"id": zone.pk})

"""DNS records of a zone."""

from ipaddress import IPv4Address, IPv6Address
from typing import Any

from django.utils import timezone

from tokenportal.sandbox import refusals, shapes
from tokenportal.sandbox.door import Incoming
from tokenportal.sandbox.envelope import Answer, paged
from tokenportal.sandbox.models import DNSRecord, Zone
from tokenportal.sandbox.search import text_filter
from tokenportal.sandbox.views.zones import require_zone

READ = ("DNS Read", "DNS Write")
TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "OPENPGPKEY", "PTR", "TXT")
FIELDS = {"type", "name", "content", "ttl", "proxied", "priority", "comment", "tags", "settings"}


def list_(call: Incoming, zone_id: str) -> Answer:
    zone = require_zone(call, zone_id, *READ)
    rows = DNSRecord.objects.filter(zone=zone)
    for column in ("type", "name", "content"):
        if text := call.query.get(column) or call.query.get(f"{column}.exact"):
            rows = rows.filter(text_filter(column, text))
    sign = "-" if call.query.get("direction") == "desc" else ""
    order = call.query.get("order", "name")
    order = order if order in {"type", "name", "content", "ttl", "proxied"} else "name"
    page, info = paged(rows.order_by(f"{sign}{order}", "pk"), call.query, default=100, high=5000)
    return Answer([shapes.record(row) for row in page], info)


def create(call: Incoming, zone_id: str) -> Answer:
    zone = require_zone(call, zone_id, "DNS Write")
    record = DNSRecord(zone=zone)
    _fill(record, zone, call.body(), whole=True)
    if DNSRecord.objects.filter(zone=zone, type=record.type, name=record.name, content=record.content).exists():
        raise refusals.Refusal(400, 81058, "An identical record already exists.")
    record.save()
    return Answer(shapes.record(record))


def get(call: Incoming, zone_id: str, record_id: str) -> Answer:
    return Answer(shapes.record(_one(require_zone(call, zone_id, *READ), record_id)))


def edit(call: Incoming, zone_id: str, record_id: str) -> Answer:
    return _change(call, zone_id, record_id, whole=False)


def update(call: Incoming, zone_id: str, record_id: str) -> Answer:
    return _change(call, zone_id, record_id, whole=True)


def delete(call: Incoming, zone_id: str, record_id: str) -> Answer:
    _one(require_zone(call, zone_id, "DNS Write"), record_id).delete()
    return Answer({"id": record_id})


def _change(call: Incoming, zone_id: str, record_id: str, *, whole: bool) -> Answer:
    zone = require_zone(call, zone_id, "DNS Write")
    record = _one(zone, record_id)
    _fill(record, zone, call.body(), whole=whole)
    record.modified_on = timezone.now()
    record.save()
    return Answer(shapes.record(record))


def _one(zone: Zone, record_id: str) -> DNSRecord:
    record = DNSRecord.objects.filter(zone=zone, pk=record_id).first()
    if record is None:
        raise refusals.record_not_found()
    return record


def _invalid(message: str) -> refusals.Refusal:
    return refusals.Refusal(400, 9005, message)


def _fill(record: DNSRecord, zone: Zone, body: Any, *, whole: bool) -> None:
    """Put the body's fields into the record. Raises Refusal (400) for what is missing or malformed."""
    if not isinstance(body, dict) or not set(body) <= FIELDS:
        raise _invalid("A record holds type, name, content, ttl, proxied, priority, comment and tags.")
    if whole and not {"type", "name", "content"} <= set(body):
        raise _invalid("A record needs type, name and content.")
    record.type = body.get("type", record.type)
    if record.type not in TYPES:
        raise _invalid(f"The sandbox knows records of type {', '.join(TYPES)}.")
    if "name" in body:
        record.name = _full_name(body["name"], zone)
    record.content = body.get("content", record.content)
    record.ttl = body.get("ttl", 1 if whole else record.ttl)
    record.proxied = body.get("proxied", False if whole else record.proxied)
    record.priority = body.get("priority", None if whole else record.priority)
    record.comment = body.get("comment", "" if whole else record.comment) or ""
    record.tags = body.get("tags", [] if whole else record.tags)
    _check(record)


def _check(record: DNSRecord) -> None:
    if not isinstance(record.content, str) or not record.content:
        raise _invalid("content must be a text.")
    if type(record.ttl) is not int or not (record.ttl == 1 or 30 <= record.ttl <= 86400):
        raise _invalid("ttl must be 1, or between 30 and 86400 seconds.")
    if not isinstance(record.proxied, bool) or not isinstance(record.comment, str) or not isinstance(record.tags, list):
        raise _invalid("proxied, comment or tags has the wrong form.")
    if record.priority is not None and (type(record.priority) is not int or not 0 <= record.priority <= 65535):
        raise _invalid("priority must be between 0 and 65535.")
    try:
        if record.type == "A":
            IPv4Address(record.content)
        elif record.type == "AAAA":
            IPv6Address(record.content)
    except ValueError:
        raise _invalid(f"content is not an address for a record of type {record.type}.") from None


def _full_name(name: Any, zone: Zone) -> str:
    """The full name, as Cloudflare keeps it: "@" is the zone, a name outside the zone is taken as relative to it."""
    if not isinstance(name, str) or not 1 <= len(name) <= 255:
        raise _invalid("name must have between 1 and 255 characters.")
    if name == "@" or name == zone.name:
        return zone.name
    full = name if name.endswith(f".{zone.name}") else f"{name}.{zone.name}"
    if len(full) > 255:
        raise _invalid("name must have between 1 and 255 characters.")
    return full

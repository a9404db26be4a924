"""Settings of a zone: what nobody changed stands at its default."""

from typing import Any

from django.utils import timezone

from tokenportal.sandbox import refusals, shapes
from tokenportal.sandbox.door import Incoming
from tokenportal.sandbox.envelope import Answer
from tokenportal.sandbox.models import Zone, ZoneSetting
from tokenportal.sandbox.views.zones import require_zone

READ = ("Zone Settings Read", "Zone Settings Write")
SWITCH = ("off", "on")
# Name: the values it may take, the default first where it is not said otherwise.
CHOICES: dict[str, tuple[Any, ...]] = {
    "always_online": SWITCH,
    "always_use_https": SWITCH,
    "automatic_https_rewrites": SWITCH,
    "browser_cache_ttl": (14400, 0, 30, 60, 300, 1800, 3600, 7200, 86400, 604800, 2678400, 31536000),
    "cache_level": ("aggressive", "basic", "simplified"),
    "development_mode": SWITCH,
    "http3": SWITCH,
    "ipv6": SWITCH,
    "min_tls_version": ("1.2", "1.0", "1.1", "1.3"),
    "security_level": ("medium", "off", "essentially_off", "low", "high", "under_attack"),
    "ssl": ("full", "off", "flexible", "strict"),
    "tls_1_3": ("on", "off", "zrt"),
    "websockets": SWITCH,
}


def list_(call: Incoming, zone_id: str) -> Answer:
    return Answer(_all(require_zone(call, zone_id, *READ)))


def get(call: Incoming, zone_id: str, setting: str) -> Answer:
    zone = require_zone(call, zone_id, *READ)
    _known(setting)
    return Answer(next(row for row in _all(zone) if row["id"] == setting))


def edit(call: Incoming, zone_id: str, setting: str) -> Answer:
    zone = require_zone(call, zone_id, "Zone Settings Write")
    _known(setting)
    body = call.body()
    if not isinstance(body, dict) or "value" not in body:
        raise _invalid("The body needs a value.")
    _put(zone, {setting: body["value"]})
    return get(call, zone_id, setting)


def edit_many(call: Incoming, zone_id: str) -> Answer:
    zone = require_zone(call, zone_id, "Zone Settings Write")
    body = call.body()
    items = body.get("items") if isinstance(body, dict) else body
    if (
        not isinstance(items, list)
        or not items
        or not all(isinstance(item, dict) and {"id", "value"} <= set(item) for item in items)
    ):
        raise _invalid("items must be a list of settings, each with id and value.")
    for item in items:
        _known(item["id"])
    _put(zone, {item["id"]: item["value"] for item in items})
    return Answer(_all(zone))


def _invalid(message: str) -> refusals.Refusal:
    return refusals.Refusal(400, 1007, message)


def _known(setting: Any) -> None:
    if not isinstance(setting, str) or setting not in CHOICES:
        raise refusals.Refusal(400, 1006, "Unrecognized zone setting name.")


def _put(zone: Zone, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, bool) or value not in CHOICES[name]:
            raise _invalid(f"Invalid value for zone setting {name}.")
    for name, value in values.items():
        ZoneSetting.objects.update_or_create(zone=zone, name=name, defaults={"value": value, "modified_on": timezone.now()})


def _all(zone: Zone) -> list[dict[str, Any]]:
    changed = {row.name: row for row in ZoneSetting.objects.filter(zone=zone)}
    return [
        {
            "id": name,
            "value": changed[name].value if name in changed else choices[0],
            "editable": True,
            "modified_on": shapes.moment(changed[name].modified_on) if name in changed else None,
        }
        for name, choices in CHOICES.items()
    ]

"""Zones, their records, settings and cache."""

from typing import Any

import pytest

from tests.sandbox.world import USER_ID, World, account_id, on_zone, zone_id
from tokenportal.sandbox.models import Zone

ZONE = f"/zones/{zone_id('acme.example')}"
EDITOR = on_zone("acme.example", "DNS Write", "Zone Settings Write", "Cache Purge", "Zone Read")


def found(world: World, **query: str) -> list[str]:
    filters = {name.replace("__", "."): value for name, value in query.items()}
    return [row["name"] for row in world.call("GET", "/zones", world.parent("Acme user"), query=filters).result]


def test_zones_filter_by_name(world: World) -> None:
    assert found(world, name="acme.example") == ["acme.example"]
    assert found(world, name="ACME.example") == ["acme.example"]
    assert found(world, name="equal:acme.example") == ["acme.example"]
    assert found(world, name="contains:radio") == [
        f"acme-radio.{ending}" for ending in ("example", "example.net", "example.org", "test")
    ]
    assert found(world, name="starts_with:acme-radio.example.") == ["acme-radio.example.net", "acme-radio.example.org"]
    assert len(found(world, name="ends_with:.test", per_page="50")) == 15
    assert len(found(world, name="not_equal:acme.example", per_page="50")) == 50
    assert found(world, name="contains_case_sensitive:nowhere") == []


def test_zones_filter_by_account_and_status(world: World) -> None:
    Zone.objects.filter(name="acme.test").update(status="pending")
    assert found(world, status="pending") == ["acme.test"]
    assert len(found(world, account__id=account_id("Acme media"))) == 12
    assert len(found(world, account__name="Acme media")) == 12
    assert len(found(world, account__name="contains:stag")) == 16
    assert found(world, account__id=account_id("Acme media"), status="pending") == []
    assert len(found(world, account__id=account_id("Acme media"), status="pending", match="any")) == 13


def test_zones_are_ordered_and_paged(world: World) -> None:
    names = sorted(Zone.objects.values_list("name", flat=True))
    assert found(world, per_page="50") + found(world, per_page="50", page="2") == names
    assert found(world, direction="desc", per_page="5") == names[::-1][:5]
    assert (
        found(world, order="account.name", per_page="5")
        == sorted(name for name in names if "images" in name or "radio" in name)[:5]
    )
    assert found(world, page="9") == []


def test_a_zone_says_which_account_it_lies_in(world: World) -> None:
    zone = world.call("GET", ZONE, world.parent()).result
    assert zone["account"] == {"id": account_id(), "name": "Acme production"}
    assert (zone["id"], zone["name"], zone["status"]) == (zone_id("acme.example"), "acme.example", "active")


def test_records_are_created_read_changed_and_deleted(world: World) -> None:
    value = world.token(EDITOR)["value"]
    created = world.call("POST", f"{ZONE}/dns_records", value, {"type": "A", "name": "new", "content": "192.0.2.1"}).result
    path = f"{ZONE}/dns_records/{created['id']}"
    assert (created["name"], created["ttl"], created["proxied"]) == ("new.acme.example", 1, False)
    assert world.call("GET", path, value).result == created
    assert world.call("PATCH", path, value, {"proxied": True, "comment": "mine"}).result["content"] == "192.0.2.1"
    whole = {"type": "AAAA", "name": "@", "content": "2001:db8::1", "ttl": 300}
    replaced = world.call("PUT", path, value, whole).result
    assert (replaced["type"], replaced["name"], replaced["ttl"], replaced["proxied"], replaced["comment"]) == (
        "AAAA",
        "acme.example",
        300,
        False,
        "",
    )
    assert world.call("DELETE", path, value).result == {"id": created["id"]}
    assert world.call("GET", path, value).error == (404, 81044)


def test_records_are_listed_and_filtered(world: World) -> None:
    def rows(**query: str) -> list[tuple[str, str]]:
        reply = world.call("GET", f"{ZONE}/dns_records", world.parent(), query=query)
        return [(row["type"], row["name"]) for row in reply.result]

    assert len(rows()) == 4
    assert rows(type="MX") == [("MX", "acme.example")]
    assert rows(name="www.acme.example") == [("CNAME", "www.acme.example")]
    assert rows(order="type", direction="desc")[0][0] == "TXT"
    assert rows(page="2") == []


WRONG_RECORDS: list[Any] = [
    [],
    {},
    {"type": "A", "name": "x"},
    {"type": "A", "name": "x", "content": "2001:db8::1"},
    {"type": "AAAA", "name": "x", "content": "192.0.2.1"},
    {"type": "SRV", "name": "x", "content": "x"},
    {"type": "A", "name": "", "content": "192.0.2.1"},
    {"type": "A", "name": "x" * 250, "content": "192.0.2.1"},
    {"type": "TXT", "name": "x", "content": ""},
    {"type": "TXT", "name": "x", "content": "x", "ttl": 2},
    {"type": "TXT", "name": "x", "content": "x", "ttl": True},
    {"type": "TXT", "name": "x", "content": "x", "proxied": "yes"},
    {"type": "MX", "name": "x", "content": "x", "priority": -1},
    {"type": "TXT", "name": "x", "content": "x", "note": ""},
]


@pytest.mark.parametrize("body", WRONG_RECORDS)
def test_a_malformed_record_is_refused(world: World, body: Any) -> None:
    assert world.call("POST", f"{ZONE}/dns_records", world.parent(), body).error == (400, 9005)


def test_an_identical_record_is_refused(world: World) -> None:
    body = {"type": "A", "name": "@", "content": "192.0.2.10"}
    assert world.call("POST", f"{ZONE}/dns_records", world.parent(), body).error == (400, 81058)


def test_reading_records_is_not_changing_them(world: World) -> None:
    value = world.token(on_zone("acme.example", "DNS Read"))["value"]
    record = world.call("GET", f"{ZONE}/dns_records", value).result[0]["id"]
    for method, path in (("POST", ""), ("PATCH", f"/{record}"), ("PUT", f"/{record}"), ("DELETE", f"/{record}")):
        assert world.call(method, f"{ZONE}/dns_records{path}", value, {}).error == (403, 10000)


def test_a_record_is_reached_through_its_own_zone_only(world: World) -> None:
    record = world.call("GET", f"{ZONE}/dns_records", world.parent()).result[0]["id"]
    assert world.call("GET", f"/zones/{zone_id('acme.test')}/dns_records/{record}", world.parent()).error == (404, 81044)


def test_settings_are_read_and_changed(world: World) -> None:
    value = world.token(EDITOR)["value"]
    settings = {row["id"]: row["value"] for row in world.call("GET", f"{ZONE}/settings", value).result}
    assert settings["ssl"] == "full"
    assert world.call("PATCH", f"{ZONE}/settings/ssl", value, {"value": "strict"}).result["value"] == "strict"
    items = [{"id": "http3", "value": "on"}, {"id": "min_tls_version", "value": "1.3"}]
    many = {row["id"]: row["value"] for row in world.call("PATCH", f"{ZONE}/settings", value, {"items": items}).result}
    assert many == {**settings, "ssl": "strict", "http3": "on", "min_tls_version": "1.3"}
    assert world.call("GET", f"{ZONE}/settings/http3", value).result["value"] == "on"


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/settings/nothing", {"value": "on"}, 1006),
        ("/settings/ssl", {"value": "maybe"}, 1007),
        ("/settings/ssl", {"value": ["full"]}, 1007),
        ("/settings/browser_cache_ttl", {"value": True}, 1007),
        ("/settings/ssl", {}, 1007),
        ("/settings", {"items": []}, 1007),
        ("/settings", {"items": [{"id": "ssl"}]}, 1007),
        ("/settings", {"items": [{"id": [], "value": "on"}]}, 1006),
    ],
)
def test_a_malformed_setting_is_refused(world: World, path: str, body: Any, code: int) -> None:
    assert world.call("PATCH", f"{ZONE}{path}", world.parent(), body).error == (400, code)


def test_changing_settings_needs_write(world: World) -> None:
    value = world.token(on_zone("acme.example", "Zone Settings Read"))["value"]
    assert world.call("GET", f"{ZONE}/settings/ssl", value).status == 200
    assert world.call("PATCH", f"{ZONE}/settings/ssl", value, {"value": "off"}).error == (403, 10000)


def test_purging_says_one_thing_to_purge(world: World) -> None:
    value = world.token(EDITOR)["value"]
    path = f"{ZONE}/purge_cache"
    assert world.call("POST", path, value, {"purge_everything": True}).result == {"id": zone_id("acme.example")}
    assert world.call("POST", path, value, {"files": ["https://acme.example/a.css"]}).status == 200
    bodies: list[Any] = [{}, [], {"purge_everything": False}, {"files": []}, {"all": True}, {"files": ["a"], "tags": ["b"]}]
    for body in bodies:
        assert world.call("POST", path, value, body).error == (400, 1012)


def test_the_user_and_its_memberships(world: World) -> None:
    by = world.parent("Acme user")
    assert world.call("GET", "/user", by).result["id"] == USER_ID
    memberships = world.call("GET", "/memberships", by).result
    assert [row["account"]["name"] for row in memberships] == ["Acme media", "Acme production", "Acme staging"]
    assert {row["status"] for row in memberships} == {"accepted"}
    assert len(world.call("GET", "/memberships", by, query={"account.name": "Acme media"}).result) == 1
    assert world.call("GET", "/memberships", by, query={"status": "pending"}).result == []
    assert len(world.call("GET", "/accounts", by, query={"name": "Acme media"}).result) == 1

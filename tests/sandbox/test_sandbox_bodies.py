"""What a create or update body may not say."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.sandbox.world import ALL_ZONES, USER_ID, World, account_id, account_key, group, on_zone, policy, zone_key
from tokenportal.sandbox import groups, shapes

DNS = on_zone("acme.example", "DNS Read")
BUCKET = f"{groups.BUCKET}.{account_id()}_default_pictures"


def refused(world: World, body: Any, *, owner: str = "Acme production") -> tuple[int, int]:
    return world.call("POST", world.tokens_path(owner), world.parent(owner), body).error


@pytest.mark.parametrize("name", ["", " ", "x" * 121, None, 7])
def test_a_name_has_between_1_and_120_characters(world: World, name: Any) -> None:
    assert refused(world, {"name": name, "policies": [DNS]}) == (400, 400)


@pytest.mark.parametrize("name", ["x", "x" * 120, "Zürich 雪"])
def test_names_at_the_limits_pass(world: World, name: str) -> None:
    assert world.token(DNS, name=name)["name"] == name


def test_an_unknown_permission_group_is_named(world: World) -> None:
    reply = world.create({**DNS, "permission_groups": [{"id": "0" * 32}]})
    assert reply.error == (400, 1001)
    assert "0" * 32 in reply.body["errors"][0]["message"]


WRONG_POLICIES: dict[str, Any] = {
    "none": [],
    "not a list": {},
    "not an object": ["x"],
    "an id": [{**DNS, "id": "0" * 32}],
    "an unknown key": [{**DNS, "note": ""}],
    "no effect": [{"permission_groups": DNS["permission_groups"], "resources": DNS["resources"]}],
    "another effect": [{**DNS, "effect": "permit"}],
    "no groups": [{**DNS, "permission_groups": []}],
    "a group without an id": [{**DNS, "permission_groups": [{"name": "DNS Read"}]}],
    "a group that is a text": [{**DNS, "permission_groups": [group("DNS Read")]}],
    "no resources": [{**DNS, "resources": {}}],
    "resources as a list": [{**DNS, "resources": [zone_key("acme.example")]}],
    "an unknown resource": [{**DNS, "resources": {"com.cloudflare.api.account.zone.acme.example": "*"}}],
    "a bare scope": [{**DNS, "resources": {"com.cloudflare.api.account.zone": "*"}}],
    "another value": [{**DNS, "resources": {zone_key("acme.example"): "read"}}],
    "flat and nested": [{**DNS, "resources": {zone_key("acme.example"): "*", account_key(): {ALL_ZONES: "*"}}}],
    "an empty nest": [{**DNS, "resources": {account_key(): {}}}],
    "a nest in a zone": [{**DNS, "resources": {zone_key("acme.example"): {ALL_ZONES: "*"}}}],
    "an account in a nest": [{**DNS, "resources": {account_key(): {account_key(): "*"}}}],
    "another value in a nest": [{**DNS, "resources": {account_key(): {ALL_ZONES: {}}}}],
    "a zone group on an account": [policy({account_key(): "*"}, "DNS Read")],
    "an account group on a zone": [policy({zone_key("acme.example"): "*"}, "Account Settings Read", scope=groups.ACCOUNT)],
    "a bucket group on an account": [policy({account_key(): "*"}, "Workers R2 Storage Bucket Item Read", scope=groups.BUCKET)],
    "a bucket without a name": [
        policy({f"{groups.BUCKET}.{account_id()}_default_": "*"}, "Workers R2 Storage Bucket Item Read", scope=groups.BUCKET)
    ],
}


@pytest.mark.parametrize("policies", WRONG_POLICIES.values(), ids=WRONG_POLICIES)
def test_a_malformed_policy_is_refused(world: World, policies: Any) -> None:
    assert refused(world, {"name": "x", "policies": policies}) == (400, 1001)


def test_a_bucket_can_be_named(world: World) -> None:
    created = world.token(policy({BUCKET: "*"}, "Workers R2 Storage Bucket Item Read", scope=groups.BUCKET))
    assert created["policies"][0]["resources"] == {BUCKET: "*"}


def test_a_zone_can_be_named_inside_its_account(world: World) -> None:
    value = world.token(policy({account_key(): {zone_key("acme.example"): "*"}}, "Zone Read"))["value"]
    assert [row["name"] for row in world.call("GET", "/zones", value).result] == ["acme.example"]


def test_an_account_owned_token_holds_no_user_permission(world: World) -> None:
    entry = policy({f"{groups.USER}.{USER_ID}": "*"}, "User Details Read", scope=groups.USER)
    assert refused(world, {"name": "x", "policies": [entry]}) == (400, 1001)


@pytest.mark.parametrize("field", ["not_before", "expires_on"])
@pytest.mark.parametrize("text", ["", "2031-01-01", "2031-01-01T00:00:00", "2031-02-30T00:00:00Z", "soon", 1924992000])
def test_a_time_must_be_well_formed(world: World, field: str, text: Any) -> None:
    assert refused(world, {"name": "x", "policies": [DNS], field: text}) == (400, 1001)


def test_an_end_lies_in_the_future_and_after_the_start(world: World) -> None:
    now = timezone.now()
    past, soon, late = (shapes.moment(now + timedelta(days=days)) for days in (-1, 1, 2))
    assert refused(world, {"name": "x", "policies": [DNS], "expires_on": past}) == (400, 1001)
    assert refused(world, {"name": "x", "policies": [DNS], "not_before": late, "expires_on": soon}) == (400, 1001)
    assert world.token(DNS, not_before=soon, expires_on=late)["expires_on"] == late


def test_an_offset_is_read_and_answered_in_utc(world: World) -> None:
    assert world.token(DNS, expires_on="2031-06-01T02:00:00+02:00")["expires_on"] == "2031-06-01T00:00:00Z"


@pytest.mark.parametrize(
    "condition",
    [
        {"request_country": {"in": ["NL"]}},
        {"request_ip": {"in": ["192.0.2.1"]}},
        {"request_ip": {"in": ["192.0.2.0/33"]}},
        {"request_ip": {"in": "192.0.2.0/24"}},
        {"request_ip": {"only": ["192.0.2.0/24"]}},
        {"request_ip": []},
        {"request_ip": {"in": [None]}},
        [],
        "192.0.2.0/24",
    ],
)
def test_a_condition_is_a_list_of_ranges_and_nothing_else(world: World, condition: Any) -> None:
    assert refused(world, {"name": "x", "policies": [DNS], "condition": condition}) == (400, 1001)


def test_the_older_spelling_of_the_condition_is_read(world: World) -> None:
    created = world.token(DNS, condition={"request.ip": {"in": ["2001:db8::/32", "192.0.2.7/32"]}})
    assert created["condition"] == {"request_ip": {"in": ["2001:db8::/32", "192.0.2.7/32"]}}


@pytest.mark.parametrize("status", ["disabled", "expired", "on", None])
def test_a_new_token_is_active(world: World, status: Any) -> None:
    assert refused(world, {"name": "x", "policies": [DNS], "status": status}) == (400, 1001)


def test_nobody_can_set_a_token_to_expired(world: World) -> None:
    created = world.token(DNS)
    path = f"{world.tokens_path()}/{created['id']}"
    assert world.call("PUT", path, world.parent(), {"name": "x", "policies": [DNS], "status": "expired"}).error == (400, 1001)


@pytest.mark.parametrize("body", [[], "x", 7, {"name": "x", "policies": [DNS], "conditions": {}}])
def test_a_body_is_an_object_of_known_fields(world: World, body: Any) -> None:
    assert refused(world, body) == (400, 1001)


def test_a_body_that_is_not_json_is_refused(world: World) -> None:
    for raw in (b"{", b"\xff", b"[" * 5000, b'{"name": "\\ud800"}'):
        response = world.send("POST", world.tokens_path(), world.parent(), data=raw)
        assert (response.status_code, response.json()["errors"][0]["code"]) == (400, 6007)


def test_a_body_that_is_too_large_is_refused_in_an_envelope(world: World) -> None:
    response = world.send("POST", world.tokens_path(), world.parent(), data=b" " * 3_000_000)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (413, 413)


def test_an_expired_token_can_be_replaced_without_moving_its_end(world: World) -> None:
    created = world.token(DNS, expires_on="2031-06-01T00:00:00Z")
    path = f"{world.tokens_path()}/{created['id']}"
    body = {"name": "x", "policies": [DNS], "expires_on": "2031-06-01T00:00:00Z", "status": "disabled"}
    assert world.call("PUT", path, world.parent(), body).result["status"] == "disabled"
    assert world.call("PUT", path, world.parent(), {**body, "expires_on": "2020-06-01T00:00:00Z"}).error == (400, 1001)


def test_rolling_takes_an_empty_object_only(world: World) -> None:
    created = world.token(DNS)
    path = f"{world.tokens_path()}/{created['id']}/value"
    assert world.call("PUT", path, world.parent(), {"value": "mine"}).error == (400, 1001)
    assert world.call("PUT", path, world.parent()).status == 200

"""Who is refused, with which status and code."""

from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from tests.sandbox.world import USER_ID, World, account_id, on_zone, policy, zone_id
from tokenportal.sandbox import callers, groups, values
from tokenportal.sandbox.models import CallCounter, Token

DNS = on_zone("acme.example", "DNS Read")
UNKNOWN = values.new_value("user")
RECORDS = f"/zones/{zone_id('acme.example')}/dns_records"


def test_no_credentials(world: World) -> None:
    assert world.call("GET", "/zones").error == (400, 9106)
    assert world.call("GET", "/user/tokens/verify").error == (400, 1001)
    assert world.call("GET", f"/accounts/{account_id()}/tokens/verify").error == (400, 1001)


@pytest.mark.parametrize(
    "header",
    ["Basic abc", "Bearer", "Bearer x", "Bearer cfut_short", "nonsense", pytest.param(f"Token {UNKNOWN}", id="another scheme")],
)
def test_a_malformed_authorization_header(world: World, header: str) -> None:
    for path in ("/zones", "/user/tokens/verify"):
        response = world.client.get(f"/sandbox/client/v4{path}", headers={"Authorization": header})
        error = response.json()["errors"][0]
        assert (response.status_code, error["code"], error["error_chain"][0]["code"]) == (400, 6003, 6111)


@pytest.mark.parametrize("value", [pytest.param(UNKNOWN, id="well formed"), "x" * 40])
def test_an_unknown_token(world: World, value: str) -> None:
    assert world.call("GET", "/user/tokens/verify", value).error == (401, 1000)
    assert world.call("GET", "/zones", value).error == (403, 9109)


def test_an_expired_token_is_like_an_unknown_one(world: World) -> None:
    created = world.token(DNS, expires_on="2031-01-01T00:00:00Z")
    Token.objects.filter(pk=created["id"]).update(expires_on=timezone.now())
    assert world.call("GET", f"{world.tokens_path()}/verify", created["value"]).error == (401, 1000)
    assert world.call("GET", RECORDS, created["value"]).error == (403, 9109)


def test_a_token_does_not_work_before_its_start(world: World) -> None:
    start = (timezone.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    created = world.token(DNS, not_before=start)
    assert world.call("GET", RECORDS, created["value"]).error == (403, 9109)
    assert world.call("GET", f"{world.tokens_path()}/verify", created["value"]).result["not_before"] == start
    Token.objects.filter(pk=created["id"]).update(not_before=timezone.now())
    assert world.call("GET", RECORDS, created["value"]).status == 200


@pytest.mark.parametrize(
    ("lists", "address", "let_in"),
    [
        ({"in": ["192.0.2.0/24"]}, "192.0.2.255", True),
        ({"in": ["192.0.2.0/24"]}, "192.0.3.0", False),
        ({"in": ["192.0.2.0/24"]}, "::ffff:192.0.2.9", True),
        ({"in": ["192.0.2.0/24"]}, "2001:db8::1", False),
        ({"in": ["2001:db8::/32"]}, "2001:db8::1", True),
        ({"not_in": ["192.0.2.0/24"]}, "192.0.2.9", False),
        ({"not_in": ["192.0.2.0/24"]}, "198.51.100.1", True),
        ({"in": ["192.0.2.0/24"], "not_in": ["192.0.2.128/25"]}, "192.0.2.1", True),
        ({"in": ["192.0.2.0/24"], "not_in": ["192.0.2.128/25"]}, "192.0.2.200", False),
        ({"in": []}, "192.0.2.200", True),
        ({"in": ["0.0.0.0/0"]}, "", False),
    ],
)
def test_the_address_rule(world: World, lists: dict[str, list[str]], address: str, let_in: bool) -> None:
    value = world.token(DNS, condition={"request_ip": lists})["value"]
    reply = world.call("GET", RECORDS, value, address=address)
    if let_in:
        assert reply.status == 200
    else:
        assert reply.error == (403, 9109)
        assert address in reply.body["errors"][0]["message"]


def test_the_in_process_door_calls_from_this_machine(world: World) -> None:
    inside = world.token(DNS, condition={"request_ip": {"in": ["127.0.0.0/8"]}})["value"]
    outside = world.token(DNS, condition={"request_ip": {"in": ["192.0.2.0/24"]}})["value"]
    assert world.send("GET", RECORDS, inside).status_code == 200
    assert world.send("GET", RECORDS, outside, headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 403


def test_what_is_missing_decides_the_code(world: World) -> None:
    value = world.token(on_zone("acme.example", "Zone Settings Read"))["value"]
    zone = zone_id("acme.example")
    refused = {
        (403, 9109): (f"/zones/{zone_id('acme.test')}", world.tokens_path(), f"/accounts/{account_id()}", "/user"),
        (403, 10000): (RECORDS, f"/zones/{zone_id('acme.test')}/settings", f"/zones/{'0' * 32}/settings"),
    }
    for error, paths in refused.items():
        for path in paths:
            assert (path, world.call("GET", path, value).error) == (path, error)
    assert world.call("POST", f"/zones/{zone}/purge_cache", value, {"purge_everything": True}).error == (403, 10000)


def test_a_403_names_the_page_of_the_refused_operation(world: World) -> None:
    value = world.token(DNS)["value"]
    error = world.call("POST", RECORDS, value, {}).body["errors"][0]
    assert (
        error["documentation_url"] == "https://developers.cloudflare.com/api/resources/dns/subresources/records/methods/create/"
    )


def test_a_listing_without_rights_is_empty_not_refused(world: World) -> None:
    value = world.token(DNS)["value"]
    for path in ("/zones", "/accounts"):
        reply = world.call("GET", path, value)
        assert (reply.status, reply.result, reply.body["result_info"]["total_count"]) == (200, [], 0)


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/zones/acme.example",
        "/user/tokens/x",
        "/zones/" + "G" * 32,
        "/accounts/1/tokens",
        "/",
        "",
        "/zones/",
        "/zones/%00",
    ],
)
def test_an_unknown_route_or_a_malformed_id(world: World, path: str) -> None:
    assert world.call("GET", path, world.parent()).error == (404, 7003)


def test_an_unknown_token_id(world: World) -> None:
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("PUT", "/value")):
        assert world.call(method, f"{world.tokens_path()}/{'0' * 32}{path}", world.parent(), {}).error == (404, 1003)


def test_a_method_that_an_address_does_not_have(world: World) -> None:
    assert world.call("PATCH", "/user/tokens", world.parent("Acme user")).error == (405, 10405)
    assert world.call("POST", "/zones", world.parent()).error == (405, 10405)


def test_an_account_owned_token_is_no_user(world: World) -> None:
    parent = world.parent()
    assert world.call("GET", "/user", parent).error == (403, 9109)
    assert world.call("GET", "/user/tokens", parent).error == (403, 9109)
    assert world.call("GET", "/memberships", parent).error == (403, 9106)
    assert world.call("GET", "/user/tokens/verify", parent).error == (401, 1000)


def test_a_token_is_verified_at_its_own_address_only(world: World) -> None:
    assert world.call("GET", f"/accounts/{account_id('Acme staging')}/tokens/verify", world.parent()).error == (401, 1000)
    assert world.call("GET", f"/accounts/{account_id()}/tokens/verify", world.parent("Acme user")).error == (401, 1000)


def test_user_permissions_are_needed_one_by_one(world: World) -> None:
    key = f"{groups.USER}.{USER_ID}"
    value = world.token(policy({key: "*"}, "User Details Read", scope=groups.USER), owner="Acme user")["value"]
    assert world.call("GET", "/user", value).result["id"] == USER_ID
    assert world.call("GET", "/memberships", value).error == (403, 9109)
    assert world.call("GET", "/user/tokens", value).error == (403, 9109)


@override_settings(SANDBOX_CALLS_PER_WINDOW=3)
def test_over_the_budget_every_call_is_refused_for_a_window(world: World) -> None:
    parent = world.parent("Acme user")
    sibling = Token.objects.get(user=USER_ID)
    replies = [world.call("GET", "/user", parent) for _ in range(5)]
    assert [reply.status for reply in replies] == [200, 200, 200, 429, 429]
    assert replies[0].headers["Ratelimit"] == '"default";r=2;t=300'
    assert replies[0].headers["Ratelimit-Policy"] == '"default";q=3;w=300'
    assert replies[0].headers["x-ratelimit-remaining"] == "2"
    assert replies[3].error == (429, 971)
    assert replies[4].headers["retry-after"] == "300"
    assert world.call("GET", "/zones", world.parent()).status == 200
    CallCounter.objects.filter(caller=f"user:{sibling.user_id}").update(blocked_until=timezone.now(), window_ends=timezone.now())
    assert world.call("GET", "/user", parent).status == 200


def test_a_running_window_ends(world: World) -> None:
    world.call("GET", "/user", world.parent("Acme user"))
    CallCounter.objects.update(window_ends=timezone.now(), calls=1000)
    assert world.call("GET", "/user", world.parent("Acme user")).headers["x-ratelimit-remaining"] == "1199"
    callers.forget()
    assert CallCounter.objects.count() == 0


def test_a_call_says_when_it_was_made(world: World) -> None:
    created = world.token(DNS)
    assert Token.objects.get(pk=created["id"]).last_used_on is None
    before = timezone.now()
    world.call("GET", RECORDS, created["value"])
    shown = world.call("GET", f"{world.tokens_path()}/{created['id']}", world.parent()).result
    assert shown["last_used_on"][:10] in {f"{moment:%Y-%m-%d}" for moment in (before, timezone.now())}


def test_every_answer_has_a_ray(world: World) -> None:
    for path in ("/zones", "/nope"):
        assert world.call("GET", path, world.parent()).headers["cf-ray"].endswith("-SBX")


def test_a_get_with_a_body_is_answered(world: World) -> None:
    assert world.call("GET", "/zones", world.parent(), {"page": 2}).status == 200
    assert world.send("GET", "/zones", world.parent(), json={"page": 2}).status_code == 200


@override_settings(SANDBOX=False)
def test_where_the_sandbox_is_off_nothing_answers(world: World) -> None:
    for path in ("/sandbox/", "/sandbox/client/v4/zones", "/sandbox/client/v4/nope"):
        assert world.client.get(path).status_code == 404

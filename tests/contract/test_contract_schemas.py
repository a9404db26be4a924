"""Answers and bodies against Cloudflare's own schemas."""

from typing import Any

import pytest

from tests.contract import openapi
from tests.sandbox.world import ALL_ZONES, World, account_id, account_key, new_world, on_zone, policy, zone_id

USER, ACCOUNT = "/user/tokens", "/accounts/{account_id}/tokens"
ROOTS = {"Acme user": USER, "Acme production": ACCOUNT}
POLICIES = [on_zone("acme.example", "DNS Read", "DNS Write"), policy({account_key(): {ALL_ZONES: "*"}}, "Zone Read")]
BODY: dict[str, Any] = {
    "name": "made",
    "policies": POLICIES,
    "condition": {"request_ip": {"in": ["192.0.2.0/24", "2001:db8::/32"], "not_in": ["192.0.2.7/32"]}},
    "not_before": "2026-01-01T00:00:00Z",
    "expires_on": "2040-01-01T00:00:00Z",
}


@pytest.fixture
def world(db: None) -> World:
    return new_world()


def checked(world: World, method: str, template: str, credential: str, body: Any = None, **identifiers: str) -> Any:
    """Call, and fail unless the answer (and a good call's body) fits the schema of its operation."""
    reply = world.call(method, template.format(**identifiers), credential, body)
    schema = openapi.response_schema(method, template, reply.status)
    assert (template, reply.status, openapi.problems(schema, reply.body, request=False)) == (template, reply.status, [])
    if body is not None and reply.status == 200:
        assert openapi.problems(openapi.request_schema(method, template), body, request=True) == []
    return reply


@pytest.mark.parametrize("owner", ROOTS)
def test_every_token_operation_answers_by_its_schema(world: World, owner: str) -> None:
    root, by, account = ROOTS[owner], world.parent(owner), account_id()
    created = checked(world, "POST", root, by, BODY, account_id=account).result
    ids = {"account_id": account, "token_id": created["id"]}
    assert checked(world, "GET", root, by, **ids).result
    assert checked(world, "GET", f"{root}/{{token_id}}", by, **ids).result["id"] == created["id"]
    assert checked(world, "GET", f"{root}/verify", created["value"], **ids).result["status"] == "active"
    assert checked(world, "GET", f"{root}/permission_groups", by, **ids).result
    assert checked(world, "PUT", f"{root}/{{token_id}}", by, {**BODY, "status": "disabled"}, **ids).result["status"] == "disabled"
    assert isinstance(checked(world, "PUT", f"{root}/{{token_id}}/value", by, {}, **ids).result, str)
    assert checked(world, "DELETE", f"{root}/{{token_id}}", by, **ids).result == {"id": created["id"]}


@pytest.mark.parametrize("owner", ROOTS)
def test_every_refused_token_operation_answers_by_its_schema(world: World, owner: str) -> None:
    root, by = ROOTS[owner], world.parent(owner)
    ids = {"account_id": account_id(), "token_id": "0" * 32}
    assert checked(world, "POST", root, by, {**BODY, "name": ""}, **ids).status == 400
    assert checked(world, "POST", root, by, {**BODY, "policies": []}, **ids).status == 400
    assert checked(world, "GET", root, "", **ids).status == 400
    assert checked(world, "GET", root, "x" * 40, **ids).status == 403
    assert checked(world, "GET", f"{root}/verify", "x" * 40, **ids).status == 401
    assert checked(world, "GET", f"{root}/{{token_id}}", by, **ids).status == 404
    assert checked(world, "PUT", f"{root}/{{token_id}}/value", by, {}, **ids).status == 404
    assert checked(world, "DELETE", f"{root}/{{token_id}}", by, **ids).status == 404


@pytest.mark.parametrize("path", ["/user", "/accounts", "/accounts/{account_id}", "/memberships", "/zones", "/zones/{zone_id}"])
def test_what_else_is_read_answers_by_its_schema(world: World, path: str) -> None:
    ids = {"account_id": account_id(), "zone_id": zone_id("acme.example")}
    assert checked(world, "GET", path, world.parent("Acme user"), **ids).status == 200


def test_record_operations_and_purging_answer_by_their_schemas(world: World) -> None:
    root, by = "/zones/{zone_id}/dns_records", world.parent()
    body = {"type": "MX", "name": "new.acme.example", "content": "mail.acme.example", "ttl": 300, "priority": 5}
    ids = {"zone_id": zone_id("acme.example")}
    created = checked(world, "POST", root, by, body, **ids).result
    record = f"{root}/{{dns_record_id}}"
    ids["dns_record_id"] = created["id"]
    assert checked(world, "GET", record, by, **ids).result == created
    assert checked(world, "PATCH", record, by, {"type": "MX", "name": "new.acme.example", "ttl": 1}, **ids).result["ttl"] == 1
    assert checked(world, "PUT", record, by, body, **ids).result["ttl"] == 300
    assert checked(world, "DELETE", record, by, **ids).status == 200
    assert checked(world, "POST", "/zones/{zone_id}/purge_cache", by, {"purge_everything": True}, **ids).status == 200


def test_the_check_notices_what_does_not_fit() -> None:
    schema = openapi.response_schema("GET", USER, 200)
    assert openapi.problems(
        schema, {"success": True, "errors": [], "messages": [], "result": [{"status": "asleep"}]}, request=False
    )
    assert openapi.problems(openapi.request_schema("POST", USER), {"name": "x" * 121, "policies": []}, request=True)

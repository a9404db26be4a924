"""The eight operations of both kinds of token."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.sandbox.world import USER_ID, World, account_id, group, on_zone, policy, zone_key
from tokenportal.sandbox import groups, shapes
from tokenportal.sandbox.models import Token
from tokenportal.sandbox.views import tokens

OWNERS = ("Acme production", "Acme user")
DNS = on_zone("acme.example", "DNS Write", "DNS Read")

pytestmark = pytest.mark.parametrize("owner", OWNERS)


def later(**span: int) -> str:
    return shapes.moment(timezone.now() + timedelta(**span))


def test_a_created_token_comes_with_its_value_once(world: World, owner: str) -> None:
    created = world.token(
        DNS, owner=owner, name="dns", expires_on=later(days=9), condition={"request_ip": {"in": ["192.0.2.0/24"]}}
    )
    shown = world.call("GET", f"{world.tokens_path(owner)}/{created['id']}", world.parent(owner)).result
    value = created.pop("value")
    assert value.startswith("cfut_" if owner == "Acme user" else "cfat_")
    assert len(value) == 5 + 40 + 8
    assert shown == created
    assert created["name"] == "dns"
    assert created["status"] == "active"
    assert created["condition"] == {"request_ip": {"in": ["192.0.2.0/24"]}}
    assert [set(entry) for entry in created["policies"]] == [{"id", "effect", "permission_groups", "resources"}]
    assert {row["name"] for row in created["policies"][0]["permission_groups"]} == {"DNS Read", "DNS Write"}
    assert ("creator_email_at_creation" in created) == (owner != "Acme user")


def test_the_new_token_works_and_does_no_more(world: World, owner: str) -> None:
    value = world.token(DNS, owner=owner)["value"]
    zone = zone_key("acme.example").rpartition(".")[2]
    assert world.call("GET", f"/zones/{zone}/dns_records", value).status == 200
    assert world.call("POST", f"/zones/{zone}/purge_cache", value, {"purge_everything": True}).error == (403, 10000)


def test_the_list_pages_until_it_is_empty(world: World, owner: str) -> None:
    for number in range(6):
        world.token(DNS, owner=owner, name=f"number {number}")
    path = world.tokens_path(owner)
    first = world.call("GET", path, world.parent(owner), query={"per_page": 5, "direction": "asc"})
    second = world.call("GET", path, world.parent(owner), query={"per_page": 5, "page": 2, "direction": "asc"})
    third = world.call("GET", path, world.parent(owner), query={"per_page": 5, "page": 3})
    assert first.body["result_info"] == {"page": 1, "per_page": 5, "count": 5, "total_count": 7, "total_pages": 2}
    assert [row["name"] for row in first.result + second.result][1:] == [f"number {number}" for number in range(6)]
    assert (third.status, third.result) == (200, [])


@pytest.mark.parametrize(
    ("asked", "given"), [("1", 5), ("500", 50), ("many", 20), ("-3", 5), ("1e99", 50), ("nan", 20), ("inf", 20)]
)
def test_a_page_size_out_of_range_is_clamped(world: World, owner: str, asked: str, given: int) -> None:
    reply = world.call("GET", world.tokens_path(owner), world.parent(owner), query={"per_page": asked})
    assert (reply.status, reply.body["result_info"]["per_page"]) == (200, given)


def test_the_newest_token_is_listed_first_and_names_filter(world: World, owner: str) -> None:
    for name in ("one", "two", "three"):
        world.token(DNS, owner=owner, name=name)

    def names(**query: str) -> list[str]:
        return [row["name"] for row in world.call("GET", world.tokens_path(owner), world.parent(owner), query=query).result]

    assert names()[:3] == ["three", "two", "one"]
    assert names(direction="asc")[-1] == "three"
    assert names(name="two") == ["two"]
    assert names(name="contains:o") == ["two", "one", f"Token Portal ({owner})"]
    assert names(name="starts_with:t", direction="asc") == [f"Token Portal ({owner})", "two", "three"]


def test_expired_tokens_are_listed_on_demand(world: World, owner: str) -> None:
    created = world.token(DNS, owner=owner, expires_on=later(days=1))
    Token.objects.filter(pk=created["id"]).update(expires_on=timezone.now() - timedelta(seconds=1))
    path, parent = world.tokens_path(owner), world.parent(owner)
    assert created["id"] not in [row["id"] for row in world.call("GET", path, parent).result]
    listed = world.call("GET", path, parent, query={"include_expired": "true"}).result
    assert [row["status"] for row in listed if row["id"] == created["id"]] == ["expired"]
    assert world.call("GET", f"{path}/{created['id']}", parent).result["status"] == "expired"


def test_a_put_replaces_the_whole_and_keeps_the_value(world: World, owner: str) -> None:
    created = world.token(DNS, owner=owner, expires_on=later(days=3), condition={"request_ip": {"not_in": ["192.0.2.0/24"]}})
    path = f"{world.tokens_path(owner)}/{created['id']}"
    changed = world.call(
        "PUT", path, world.parent(owner), {"name": "renamed", "policies": [on_zone("acme.test", "DNS Read")]}
    ).result
    assert (changed["name"], changed["status"], "value" in changed) == ("renamed", "active", False)
    assert "expires_on" not in changed
    assert "condition" not in changed
    zone = zone_key("acme.test").rpartition(".")[2]
    assert world.call("GET", f"/zones/{zone}/dns_records", created["value"]).status == 200


def test_a_put_takes_back_what_a_get_gave(world: World, owner: str) -> None:
    created = world.token(DNS, owner=owner, expires_on=later(days=3))
    path = f"{world.tokens_path(owner)}/{created['id']}"
    shown = world.call("GET", path, world.parent(owner)).result
    again = world.call("PUT", path, world.parent(owner), shown).result
    assert again["policies"] == shown["policies"]


def test_a_disabled_token_is_refused_until_it_is_active_again(world: World, owner: str) -> None:
    created = world.token(DNS, owner=owner)
    path = f"{world.tokens_path(owner)}/{created['id']}"
    body = {"name": "made", "policies": [DNS]}
    assert world.call("PUT", path, world.parent(owner), {**body, "status": "disabled"}).result["status"] == "disabled"
    assert world.call("GET", "/zones", created["value"]).error == (403, 9109)
    verified = world.call("GET", f"{world.tokens_path(owner)}/verify", created["value"])
    assert (verified.status, verified.result["status"], verified.body["messages"]) == (200, "disabled", [])
    world.call("PUT", path, world.parent(owner), {**body, "status": "active"})
    assert world.call("GET", "/zones", created["value"]).status == 200


def test_rolling_gives_a_new_value_and_kills_the_old_at_once(world: World, owner: str) -> None:
    created = world.token(DNS, owner=owner)
    value = world.call("PUT", f"{world.tokens_path(owner)}/{created['id']}/value", world.parent(owner), {}).result
    assert isinstance(value, str)
    assert value[:5] == created["value"][:5]
    assert world.call("GET", "/zones", created["value"]).error == (403, 9109)
    assert world.call("GET", "/zones", value).status == 200


def test_a_deleted_token_is_gone(world: World, owner: str) -> None:
    created = world.token(DNS, owner=owner)
    path = f"{world.tokens_path(owner)}/{created['id']}"
    assert world.call("DELETE", path, world.parent(owner)).result == {"id": created["id"]}
    assert world.call("GET", path, world.parent(owner)).error == (404, 1003)
    assert world.call("DELETE", path, world.parent(owner)).error == (404, 1003)
    assert world.call("GET", "/zones", created["value"]).error == (403, 9109)
    assert world.call("GET", f"{world.tokens_path(owner)}/verify", created["value"]).error == (401, 1000)


def test_verify_needs_no_permission_and_knows_no_address(world: World, owner: str) -> None:
    created = world.token(DNS, owner=owner, expires_on=later(days=9), condition={"request_ip": {"in": ["192.0.2.0/24"]}})
    reply = world.call("GET", f"{world.tokens_path(owner)}/verify", created["value"], address="198.51.100.7")
    assert reply.result == {"id": created["id"], "status": "active", "expires_on": created["expires_on"]}
    assert [message["code"] for message in reply.body["messages"]] == [10000]


def test_permission_groups_are_listed_whole_and_filter(world: World, owner: str) -> None:
    path = f"{world.tokens_path(owner)}/permission_groups"
    rows = world.call("GET", path, world.parent(owner)).result
    assert len(rows) == (328 if owner == "Acme user" else 322)
    assert set(rows[0]) == {"id", "name", "scopes", "category", "description", "is_selectable"}
    found = world.call("GET", path, world.parent(owner), query={"name": "DNS Read"}).result
    assert [row["id"] for row in found] == [group("DNS Read")]
    twice_quoted = world.call("GET", path, world.parent(owner), query={"name": "DNS%20Read", "scope": groups.ZONE}).result
    assert twice_quoted == found


def test_the_quota_is_kept(world: World, owner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "USER_LIMIT", 2)
    monkeypatch.setattr(tokens, "ACCOUNT_LIMIT", 2)
    world.token(DNS, owner=owner)
    assert world.create(DNS, owner=owner).error == (400, 1001)


def test_one_owner_never_sees_the_tokens_of_another(world: World, owner: str) -> None:
    created = world.token(DNS, owner=owner)
    for other in ("Acme production", "Acme staging", "Acme user"):
        if other != owner:
            path = world.tokens_path(other)
            assert world.call("GET", f"{path}/{created['id']}", world.parent(other)).error == (404, 1003)


def test_only_hashes_of_values_are_kept(world: World, owner: str) -> None:
    created = world.token(DNS, owner=owner)
    value = world.call("PUT", f"{world.tokens_path(owner)}/{created['id']}/value", world.parent(owner), {}).result
    secrets = {created["value"], value, *world.credentials.values()}
    assert not [row for row in every_cell() for secret in secrets if secret in row or secret[5:] in row]


def every_cell() -> list[str]:
    return [str(cell) for row in Token.objects.values_list() for cell in row]


def test_an_account_and_a_user_are_named_by_stable_ids(world: World, owner: str) -> None:
    kind = "user" if owner == "Acme user" else "account"
    owner_id = USER_ID if kind == "user" else account_id(owner)
    assert Token.objects.get(**{f"{kind}_id": owner_id, "name": f"Token Portal ({owner})"}).kind == kind


def test_a_write_needs_the_write_permission(world: World, owner: str) -> None:
    by_kind = {"Acme user": ("API Tokens Read", groups.USER), "Acme production": ("Account API Tokens Read", groups.ACCOUNT)}
    name, scope = by_kind[owner]
    key = f"{groups.USER}.{USER_ID}" if owner == "Acme user" else f"{groups.ACCOUNT}.{account_id(owner)}"
    reader = world.token(policy({key: "*"}, name, scope=scope), owner=owner)["value"]
    path = world.tokens_path(owner)
    assert world.call("GET", path, reader).status == 200
    assert world.call("POST", path, reader, {"name": "no", "policies": [DNS]}).error == (403, 9109)

"""What policies allow, and what a parent may hand on."""

from typing import Any

import pytest

from tests.sandbox.world import (
    ALL_ACCOUNTS,
    ALL_ZONES,
    USER_ID,
    World,
    account_id,
    account_key,
    on_zone,
    policy,
    zone_id,
    zone_key,
)
from tokenportal.sandbox import groups, seeding
from tokenportal.sandbox.models import Account, Membership, Zone

NESTED = {account_key(): {ALL_ZONES: "*"}}


def zones_seen(world: World, value: str) -> set[str]:
    found: set[str] = set()
    for page in range(1, 9):
        found |= {row["name"] for row in world.call("GET", "/zones", value, query={"per_page": 50, "page": page}).result}
    return found


def names(account: str = "Acme production") -> set[str]:
    return set(Zone.objects.filter(account=account_id(account)).values_list("name", flat=True))


SHAPES: dict[str, tuple[str, list[dict[str, Any]], set[str]]] = {
    "one zone": ("Acme production", [on_zone("acme.example", "Zone Read")], {"acme.example"}),
    "two policies": (
        "Acme production",
        [on_zone("acme.example", "Zone Read"), on_zone("acme.test", "Zone Write")],
        {"acme.example", "acme.test"},
    ),
    "another group": ("Acme production", [on_zone("acme.example", "DNS Write")], set()),
}


@pytest.mark.parametrize(("owner", "policies", "seen"), SHAPES.values(), ids=SHAPES)
def test_a_token_sees_the_zones_it_holds_zone_read_on(
    world: World, owner: str, policies: list[dict[str, Any]], seen: set[str]
) -> None:
    assert zones_seen(world, world.token(*policies, owner=owner)["value"]) == seen


def test_all_zones_of_an_account(world: World) -> None:
    for owner in ("Acme production", "Acme user"):
        assert zones_seen(world, world.token(policy(NESTED, "Zone Read"), owner=owner)["value"]) == names()


def test_all_zones_means_those_of_the_owner(world: World) -> None:
    everything = policy({ALL_ZONES: "*"}, "Zone Read")
    assert zones_seen(world, world.token(everything, owner="Acme staging")["value"]) == names("Acme staging")
    of_user = world.token(everything, owner="Acme user")["value"]
    assert zones_seen(world, of_user) == names() | names("Acme staging") | names("Acme media")
    Membership.objects.filter(account=account_id("Acme media")).delete()
    assert zones_seen(world, of_user) == names() | names("Acme staging")


def test_a_nested_wildcard_reaches_every_account(world: World) -> None:
    value = world.token(policy({ALL_ACCOUNTS: {zone_key("acme.example"): "*"}}, "Zone Read"), owner="Acme user")["value"]
    assert zones_seen(world, value) == {"acme.example"}


def test_a_zone_under_the_wrong_account_is_not_reached(world: World) -> None:
    value = world.token(policy({account_key("Acme staging"): {zone_key("acme.example"): "*"}}, "Zone Read"), owner="Acme user")[
        "value"
    ]
    assert zones_seen(world, value) == set()


def test_a_zone_added_later_belongs_to_all_zones(world: World) -> None:
    value = world.token(policy(NESTED, "Zone Read"))["value"]
    seeding.add_zones(account_id(), ["new.test"])
    assert "new.test" in zones_seen(world, value)


def test_a_denied_zone_is_cut_out(world: World) -> None:
    allow, deny = policy(NESTED, "Zone Read", "DNS Read"), on_zone("acme.example", "Zone Read", "DNS Read", effect="deny")
    value = world.token(allow, deny)["value"]
    assert zones_seen(world, value) == names() - {"acme.example"}
    assert world.call("GET", f"/zones/{zone_id('acme.example')}/dns_records", value).error == (403, 10000)
    assert world.call("GET", f"/zones/{zone_id('acme.test')}/dns_records", value).status == 200


def test_a_deny_cuts_what_another_policy_allows_with_the_same_group(world: World) -> None:
    value = world.token(on_zone("acme.example", "Zone Read"), policy(NESTED, "Zone Read", effect="deny"))["value"]
    assert zones_seen(world, value) == set()


def test_a_deny_leaves_other_groups_alone(world: World) -> None:
    value = world.token(policy(NESTED, "Zone Read"), on_zone("acme.example", "DNS Read", effect="deny"))["value"]
    assert "acme.example" in zones_seen(world, value)


def test_write_includes_what_read_allows(world: World) -> None:
    value = world.token(on_zone("acme.example", "DNS Write", "Zone Settings Write"))["value"]
    zone = zone_id("acme.example")
    assert world.call("GET", f"/zones/{zone}/dns_records", value).status == 200
    assert world.call("GET", f"/zones/{zone}/settings", value).status == 200
    assert world.call("GET", f"/zones/{zone}", value).result["name"] == "acme.example"


def test_accounts_are_listed_by_account_settings(world: World) -> None:
    def seen(value: str) -> list[str]:
        return [row["name"] for row in world.call("GET", "/accounts", value).result]

    assert seen(world.parent()) == ["Acme production"]
    assert seen(world.parent("Acme user")) == ["Acme media", "Acme production", "Acme staging"]
    one = policy({account_key("Acme staging"): "*"}, "Account Settings Read", scope=groups.ACCOUNT)
    value = world.token(one, owner="Acme user")["value"]
    assert seen(value) == ["Acme staging"]
    assert world.call("GET", f"/accounts/{account_id('Acme staging')}", value).result["name"] == "Acme staging"
    assert world.call("GET", f"/accounts/{account_id()}", value).error == (403, 9109)


# What a parent may grant

BEYOND = (400, 1001)
SMALL = [
    policy({account_key(): "*"}, "Account API Tokens Write", scope=groups.ACCOUNT),
    on_zone("acme.example", "DNS Write", "Cache Purge"),
]


def grant(world: World, by: str, *policies: dict[str, Any], owner: str = "Acme production") -> Any:
    reply = world.create(*policies, owner=owner, by=by)
    return (
        200
        if reply.status == 200
        else (*reply.error, "failed common permission check" in reply.body["errors"][0]["message"].lower())
    )


def test_an_account_owned_parent_grants_only_what_it_holds(world: World) -> None:
    by = world.token(*SMALL)["value"]
    refused = (*BEYOND, True)
    assert grant(world, by, on_zone("acme.example", "DNS Write")) == 200
    assert grant(world, by, on_zone("acme.example", "DNS Read")) == 200
    assert grant(world, by, on_zone("acme.test", "DNS Read")) == refused
    assert grant(world, by, on_zone("acme.example", "Zone Read")) == refused
    assert grant(world, by, policy(NESTED, "DNS Read")) == refused
    assert grant(world, by, policy({ALL_ZONES: "*"}, "DNS Read")) == refused
    assert grant(world, by, policy({account_key(): "*"}, "Billing Read", scope=groups.ACCOUNT)) == refused


def test_the_refusal_names_the_group(world: World) -> None:
    by = world.token(*SMALL)["value"]
    message = world.create(on_zone("acme.example", "Zone Read"), by=by).body["errors"][0]["message"]
    assert message.endswith("Zone Read.")


def test_a_parent_cannot_widen_a_token_either(world: World) -> None:
    by = world.token(*SMALL)["value"]
    made = world.create(on_zone("acme.example", "DNS Read"), by=by).result["id"]
    path = f"{world.tokens_path()}/{made}"
    assert world.call("PUT", path, by, {"name": "wider", "policies": [policy(NESTED, "DNS Read")]}).error == BEYOND


def test_what_the_parent_is_denied_must_be_denied_in_the_child(world: World) -> None:
    deny = on_zone("acme.example", "DNS Read", effect="deny")
    by = world.token(SMALL[0], policy(NESTED, "DNS Read"), deny)["value"]
    assert grant(world, by, on_zone("acme.test", "DNS Read")) == 200
    assert grant(world, by, policy(NESTED, "DNS Read")) == (*BEYOND, True)
    assert grant(world, by, policy(NESTED, "DNS Read"), deny) == 200


def test_all_zones_of_an_account_owned_token_are_its_account(world: World) -> None:
    assert grant(world, world.parent(), policy({ALL_ZONES: "*"}, "Zone Read")) == 200
    assert grant(world, world.parent(), policy({ALL_ACCOUNTS: "*"}, "Billing Read", scope=groups.ACCOUNT)) == 200


@pytest.mark.parametrize("owner", ["Acme production", "Acme user"])
def test_nobody_grants_what_lies_outside(world: World, owner: str) -> None:
    Account.objects.create(pk="f" * 32, name="Elsewhere")
    Zone.objects.create(pk="e" * 32, account_id="f" * 32, name="elsewhere.test")
    elsewhere = f"{groups.ACCOUNT}.{'f' * 32}"
    outside: list[dict[str, Any]] = [
        policy({f"{groups.ZONE}.{'e' * 32}": "*"}, "DNS Read"),
        policy({f"{groups.ZONE}.{'d' * 32}": "*"}, "DNS Read"),
        policy({elsewhere: {ALL_ZONES: "*"}}, "DNS Read"),
        policy({elsewhere: "*"}, "Billing Read", scope=groups.ACCOUNT),
        policy({f"{groups.BUCKET}.{'f' * 32}_default_x": "*"}, "Workers R2 Storage Bucket Item Read", scope=groups.BUCKET),
    ]
    for entry in outside:
        assert grant(world, world.parent(owner), entry, owner=owner) == (*BEYOND, True)


def test_a_user_parent_grants_whatever_its_user_may(world: World) -> None:
    by = world.parent("Acme user")
    for entry in (
        policy({ALL_ACCOUNTS: "*"}, "Billing Write", scope=groups.ACCOUNT),
        policy({f"{groups.USER}.{USER_ID}": "*"}, "Memberships Write", scope=groups.USER),
        on_zone("acme-staging.test", "DNS Write"),
    ):
        assert grant(world, by, entry, owner="Acme user") == 200
    other = policy({f"{groups.USER}.{'0' * 32}": "*"}, "Memberships Write", scope=groups.USER)
    assert grant(world, by, other, owner="Acme user") == (*BEYOND, True)


def test_a_user_token_creates_account_owned_tokens_from_what_it_holds(world: World) -> None:
    tokens_write = policy({account_key(): "*"}, "Account API Tokens Write", scope=groups.ACCOUNT)
    by = world.token(tokens_write, policy({ALL_ZONES: "*"}, "DNS Write"), owner="Acme user")["value"]
    assert grant(world, by, policy(NESTED, "DNS Read")) == 200
    assert grant(world, by, policy(NESTED, "Zone Read")) == (*BEYOND, True)
    assert world.create(policy(NESTED, "DNS Read"), by=by, owner="Acme staging").error == (403, 9109)


def test_storage_on_the_account_includes_its_buckets(world: World) -> None:
    bucket = policy(
        {f"{groups.BUCKET}.{account_id()}_eu_pictures": "*"}, "Workers R2 Storage Bucket Item Write", scope=groups.BUCKET
    )
    assert grant(world, world.parent(), bucket) == 200
    assert grant(world, world.token(*SMALL)["value"], bucket) == (*BEYOND, True)

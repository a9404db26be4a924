"""From a spec to the body: each choice's form, what is left out, and that order never matters."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_world import (
    ACCOUNT_OWNER,
    ACME,
    BILLING_READ,
    BUCKETS,
    CATALOGUE,
    DNS_EDIT,
    DNS_READ,
    FOREIGN,
    OBJECTS_READ,
    STAGING,
    USER,
    USER_OWNER,
    USER_READ,
    ZONES,
    dns,
    frozen_specs,
    owners,
    spec,
)

from tokenportal.policy.body import policies_of
from tokenportal.policy.compile import NAME_LIMIT, NAME_MAX, Payload, canonical_json, compile, name_at_cloudflare, same_grant
from tokenportal.policy.spec import AccessBlock, AccountChoice, ClientIPs, TokenSpec, Validity, ZoneChoice, freeze
from tokenportal.policy.surroundings import Owner

SHOP, WWW, DEV, *_ = ZONES
NESTED = {"com.cloudflare.api.account.zone.*": "*"}


def body_of(*blocks: AccessBlock, owner: Owner = USER_OWNER, **changes: Any) -> dict[str, Any]:
    return compile(spec(*blocks, **changes), CATALOGUE, owner).body


def resources_of(*blocks: AccessBlock, owner: Owner = USER_OWNER) -> list[tuple[str, dict[str, Any]]]:
    return [(policy["effect"], policy["resources"]) for policy in body_of(*blocks, owner=owner)["policies"]]


def test_single_zones_stand_side_by_side_in_one_policy() -> None:
    assert body_of(dns(WWW, SHOP)) == {
        "name": "shop-dns",
        "policies": [
            {
                "effect": "allow",
                "permission_groups": [{"id": DNS_EDIT}],
                "resources": {f"com.cloudflare.api.account.zone.{id}": "*" for id in (SHOP, WWW)},
            }
        ],
    }


@pytest.mark.parametrize(
    ("choice", "user_owned", "account_owned"),
    [
        pytest.param(
            ZoneChoice(mode="accounts", accounts=(ACME, STAGING)),
            {f"com.cloudflare.api.account.{ACME}": NESTED, f"com.cloudflare.api.account.{STAGING}": NESTED},
            {f"com.cloudflare.api.account.{ACME}": NESTED},
            id="all zones of accounts",
        ),
        pytest.param(
            ZoneChoice(mode="all"),
            {"com.cloudflare.api.account.zone.*": "*"},
            {f"com.cloudflare.api.account.{ACME}": NESTED},
            id="all zones",
        ),
    ],
)
def test_the_wide_zone_choices_keep_to_what_the_owner_reaches(
    choice: ZoneChoice, user_owned: dict[str, Any], account_owned: dict[str, Any]
) -> None:
    assert resources_of(dns(zones=choice)) == [("allow", user_owned)]
    assert resources_of(dns(zones=choice), owner=ACCOUNT_OWNER) == [("allow", account_owned)]


@pytest.mark.parametrize(
    ("choice", "user_owned", "account_owned"),
    [
        pytest.param(AccountChoice("these", (ACME, FOREIGN)), (ACME, FOREIGN), (ACME,), id="these"),
        pytest.param(AccountChoice("all"), ("*",), (ACME,), id="all"),
    ],
)
def test_the_account_choices_keep_to_what_the_owner_reaches(
    choice: AccountChoice, user_owned: tuple[str, ...], account_owned: tuple[str, ...]
) -> None:
    block = AccessBlock(permissions=(BILLING_READ,), accounts=choice)
    for owner, ids in ((USER_OWNER, user_owned), (ACCOUNT_OWNER, account_owned)):
        assert resources_of(block, owner=owner) == [("allow", {f"com.cloudflare.api.account.{id}": "*" for id in ids})]


def test_user_permissions_are_for_the_user_who_owns_the_token_and_fall_away_for_an_account() -> None:
    block = AccessBlock(permissions=(USER_READ,))
    assert resources_of(block) == [("allow", {f"com.cloudflare.api.user.{USER}": "*"})]
    assert resources_of(block, owner=ACCOUNT_OWNER) == []


def test_buckets_are_named_with_account_and_jurisdiction() -> None:
    block = AccessBlock(permissions=(OBJECTS_READ,), buckets=(*BUCKETS, "photos"))
    named = {
        f"com.cloudflare.edge.r2.bucket.{ACME}_default_photos": "*",
        f"com.cloudflare.edge.r2.bucket.{ACME}_eu_papers": "*",
    }
    assert resources_of(block, owner=ACCOUNT_OWNER) == [("allow", named)]
    assert resources_of(block) == [("allow", named | {f"com.cloudflare.edge.r2.bucket.{STAGING}_fedramp_logs": "*"})]


def test_each_scope_of_a_block_has_a_policy_of_its_own() -> None:
    block = dns(SHOP, permissions=(DNS_EDIT, DNS_READ, BILLING_READ, USER_READ), accounts=AccountChoice("all"))
    policies = body_of(block)["policies"]
    assert sorted(len(policy["permission_groups"]) for policy in policies) == [1, 1, 2]
    assert all(len(policy["resources"]) == 1 for policy in policies)


def test_exclusions_are_denies_with_the_same_groups_flat_and_nested_apart() -> None:
    choice = ZoneChoice(mode="all", except_zones=(SHOP,), except_accounts=(STAGING,))
    assert sorted(resources_of(dns(zones=choice)), key=str) == [
        ("allow", {"com.cloudflare.api.account.zone.*": "*"}),
        ("deny", {f"com.cloudflare.api.account.{STAGING}": NESTED}),
        ("deny", {f"com.cloudflare.api.account.zone.{SHOP}": "*"}),
    ]
    block = AccessBlock(permissions=(BILLING_READ,), accounts=AccountChoice("all", except_accounts=(STAGING,)))
    assert sorted(resources_of(block), key=str) == [
        ("allow", {"com.cloudflare.api.account.*": "*"}),
        ("deny", {f"com.cloudflare.api.account.{STAGING}": "*"}),
    ]


def test_what_is_incomplete_grants_nothing() -> None:
    assert resources_of(AccessBlock(), dns(), dns("not an id"), dns(SHOP, permissions=("f" * 32,))) == []
    assert resources_of(dns(zones=ZoneChoice(except_zones=(SHOP,)))) == []


def test_groups_and_policies_are_sorted_and_equal_policies_stand_once() -> None:
    payload = compile(spec(dns(WWW), dns(SHOP, permissions=(DNS_READ, DNS_EDIT)), dns(WWW)), CATALOGUE, USER_OWNER)
    texts = [canonical_json(policy) for policy in payload.body["policies"]]
    assert texts == sorted(texts)
    assert len(texts) == 2
    assert [[group["id"] for group in policy["permission_groups"]] for policy in payload.body["policies"]] in (
        [sorted((DNS_EDIT, DNS_READ)), [DNS_EDIT]],
        [[DNS_EDIT], sorted((DNS_EDIT, DNS_READ))],
    )


def test_each_policy_knows_the_section_that_it_came_from() -> None:
    payload = compile(spec(dns(WWW), dns(SHOP)), CATALOGUE, USER_OWNER)
    found = {
        next(iter(p["resources"]))[-32:]: origin for p, origin in zip(payload.body["policies"], payload.origins, strict=True)
    }
    assert found == {WWW: "access-1", SHOP: "access-2"}


def test_addresses_become_sorted_ranges_without_repetition() -> None:
    ips = ClientIPs(allow=("203.0.113.9", " 2001:db8::1 ", "", "10.0.0.0/8", "203.0.113.9/32"), block=("10.1.0.0/16",))
    assert body_of(dns(SHOP), client_ips=ips)["condition"] == {
        "request_ip": {"in": ["10.0.0.0/8", "203.0.113.9/32", "2001:db8::1/128"], "not_in": ["10.1.0.0/16"]}
    }


def test_one_unread_allowed_range_only_narrows() -> None:
    body = body_of(dns(SHOP), client_ips=ClientIPs(allow=("10.0.0.0/8", "10.0.0.5/8")))
    assert body["condition"] == {"request_ip": {"in": ["10.0.0.0/8"]}}
    assert len(body["policies"]) == 1


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"client_ips": ClientIPs(allow=("office",))}, id="no allowed range reads"),
        pytest.param({"client_ips": ClientIPs(block=("10.0.0.0/8", "office"))}, id="a blocked range does not read"),
        pytest.param({"validity": Validity(starts="soon", lifetime="never")}, id="the start does not read"),
        pytest.param({"validity": Validity(lifetime="until", until="later")}, id="the end does not read"),
        pytest.param({"validity": Validity(lifetime="until")}, id="the end is not there"),
    ],
)
def test_a_restriction_that_cannot_be_read_grants_nothing_rather_than_more(changes: dict[str, Any]) -> None:
    assert body_of(dns(SHOP), **changes)["policies"] == []


def test_days_are_whole_days_in_utc_and_moments_are_themselves() -> None:
    body = body_of(dns(SHOP), validity=Validity(starts="2026-12-01", lifetime="until", until="2027-01-31"))
    assert (body["not_before"], body["expires_on"]) == ("2026-12-01T00:00:00Z", "2027-01-31T23:59:59Z")
    body = body_of(dns(SHOP), validity=Validity(lifetime="until", until="2027-01-31T12:00:00.9+00:00"))
    assert (body.get("not_before"), body["expires_on"]) == (None, "2027-01-31T12:00:00Z")


def test_an_end_that_is_set_aside_does_not_count() -> None:
    assert "expires_on" not in body_of(dns(SHOP), validity=Validity(lifetime="never", until="2027-01-31"))


def test_a_lifetime_that_still_counts_from_today_cannot_be_compiled() -> None:
    with pytest.raises(ValueError, match="freeze"):
        compile(TokenSpec(), CATALOGUE, USER_OWNER)
    frozen = freeze(TokenSpec(), datetime(2026, 11, 24, 23, tzinfo=UTC))
    assert compile(frozen, CATALOGUE, USER_OWNER).body["expires_on"] == "2027-02-22T23:59:59Z"


def test_the_name_is_trimmed_and_carries_the_reference_within_the_limit() -> None:
    assert name_at_cloudflare(" shop ", "K7Q2M4XW9A") == "shop (K7Q2M4XW9A)"
    assert name_at_cloudflare(" shop ") == "shop"
    assert (NAME_MAX, len(name_at_cloudflare("x" * NAME_MAX, "K7Q2M4XW9A"))) == (107, NAME_LIMIT)
    assert compile(spec(name=" <b>é "), CATALOGUE, USER_OWNER, reference="K7Q2M4XW9A").body["name"] == "<b>é (K7Q2M4XW9A)"


def test_a_payload_gives_fresh_copies_and_digests_its_canonical_text() -> None:
    payload = Payload.from_body({"policies": [], "name": "é"}, origins=("access-1",))
    payload.body["name"] = "other"
    assert payload.canonical == '{"name":"é","policies":[]}'
    assert len(payload.digest) == 64
    assert payload == Payload.from_json(json.dumps({"name": "é", "policies": []}))
    assert payload.digest != Payload.from_body({"policies": [], "name": "e"}).digest
    assert Payload.from_body({"name": "\ud800"}).digest


@pytest.mark.parametrize("text", ["[]", "null", "{", '{"a": NaN}'])
def test_a_payload_is_made_of_a_json_object_only(text: str) -> None:
    with pytest.raises(ValueError):
        Payload.from_json(text)


def shuffled(items: tuple[Any, ...], data: st.DataObject) -> tuple[Any, ...]:
    return tuple(data.draw(st.permutations(items)))


@settings(max_examples=60, deadline=None)
@given(frozen_specs, owners, st.data())
def test_the_order_of_blocks_permissions_and_resources_does_not_matter(
    wanted: TokenSpec, owner: Owner, data: st.DataObject
) -> None:
    blocks = tuple(
        replace(
            block,
            permissions=shuffled(block.permissions, data),
            zones=replace(block.zones, zones=shuffled(block.zones.zones, data), accounts=shuffled(block.zones.accounts, data)),
            buckets=shuffled(block.buckets, data),
        )
        for block in shuffled(wanted.blocks, data)
    )
    ips = ClientIPs(shuffled(wanted.client_ips.allow, data), shuffled(wanted.client_ips.block, data))
    other = replace(wanted, blocks=blocks, client_ips=ips)
    assert compile(other, CATALOGUE, owner).digest == compile(wanted, CATALOGUE, owner).digest


@settings(max_examples=60, deadline=None)
@given(frozen_specs, owners)
def test_a_compiled_body_has_only_shapes_that_cloudflare_takes(wanted: TokenSpec, owner: Owner) -> None:
    for policy in compile(wanted, CATALOGUE, owner).body["policies"]:
        assert set(policy) == {"effect", "permission_groups", "resources"}
        assert policy["permission_groups"]
        assert policy["resources"]
        assert len({type(value) for value in policy["resources"].values()}) == 1


def test_the_same_grant_may_come_back_in_another_order_and_spelling() -> None:
    sent = body_of(
        dns(SHOP, WWW, permissions=(DNS_EDIT, DNS_READ)),
        client_ips=ClientIPs(allow=("203.0.113.9",), block=("203.0.113.10",)),
        validity=Validity(starts="2026-12-01", lifetime="until", until="2027-01-31"),
    )
    policy = sent["policies"][0]
    came_back = {
        "id": "9" * 32,
        "name": "another",
        "status": "active",
        "policies": [
            {**policy, "id": "8" * 32, "permission_groups": [{"id": group["id"], "name": "any"}]}
            for group in reversed(policy["permission_groups"])
        ],
        "condition": {"request.ip": {"not_in": ["203.0.113.10"], "in": ["203.0.113.9"]}},
        "not_before": "2026-12-01T00:00:00+00:00",
        "expires_on": "2027-01-31T23:59:59.000Z",
    }
    assert same_grant(sent, came_back)
    assert same_grant(came_back, sent)


@pytest.mark.parametrize(
    "change",
    [
        {"policies": []},
        {"condition": {"request_ip": {"in": ["203.0.113.0/24"]}}},
        {"condition": {}},
        {"not_before": "2026-12-02T00:00:00Z"},
        {"expires_on": None},
        {"policies": "all"},
        {"policies": [{"effect": "permit"}]},
    ],
)
def test_another_grant_is_not_the_same(change: dict[str, Any]) -> None:
    sent = body_of(
        dns(SHOP),
        client_ips=ClientIPs(allow=("203.0.113.9",)),
        validity=Validity(starts="2026-12-01", lifetime="until", until="2027-01-31"),
    )
    assert not same_grant(sent, sent | change)


def test_two_unreadable_conditions_are_not_the_same() -> None:
    assert not same_grant({"policies": [], "condition": {"country": ["x"]}}, {"policies": [], "condition": {"city": ["y"]}})


def test_a_second_spelling_of_the_condition_is_not_passed_over() -> None:
    one = {"policies": [], "condition": {"request_ip": {"in": ["10.0.0.0/8"]}}}
    two = {"policies": [], "condition": {"request_ip": {"in": ["10.0.0.0/8"]}, "request.ip": {"not_in": ["10.1.0.0/16"]}}}
    assert not same_grant(one, two)


def test_a_nested_resource_with_several_parts_is_read_part_by_part() -> None:
    parts = {"com.cloudflare.api.account.zone.*": "*", f"com.cloudflare.api.account.zone.{SHOP}": "*"}
    policy = {"effect": "allow", "permission_groups": [{"id": DNS_EDIT}]}
    mixed = {"policies": [policy | {"resources": {f"com.cloudflare.api.account.{ACME}": parts}}]}
    whole = {"policies": [policy | {"resources": {f"com.cloudflare.api.account.{ACME}": NESTED}}]}
    assert not same_grant(mixed, whole)
    assert [found.unknown for found in policies_of(mixed) + policies_of(whole)] == [True, False]

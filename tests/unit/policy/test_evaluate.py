"""What a payload lets a token do: against a model of the spec that was written without looking at policies."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from itertools import combinations
from typing import Any

import pytest
from hypothesis import example, find, given, settings
from hypothesis import strategies as st
from policy_world import (
    ACCOUNT_OWNER,
    ACCOUNTS,
    ACME,
    BILLING_READ,
    BUCKETS,
    CATALOGUE,
    DNS_EDIT,
    DNS_READ,
    FOREIGN,
    GROUPS,
    OBJECTS_READ,
    STAGING,
    USER,
    USER_OWNER,
    USER_READ,
    ZONE_READ,
    ZONES,
    dns,
    frozen_specs,
    json_values,
    owners,
    spec,
)

from tokenportal.policy.compile import compile
from tokenportal.policy.evaluate import Call, decide, grants
from tokenportal.policy.resources import Resource
from tokenportal.policy.spec import AccessBlock, AccountChoice, ClientIPs, TokenSpec, Validity, ZoneChoice
from tokenportal.policy.surroundings import Owner

SHOP, WWW, DEV, *_ = ZONES
STARTS, NOON, LAST = (
    datetime(2026, 12, 1, tzinfo=UTC),
    datetime(2027, 1, 31, 12, tzinfo=UTC),
    datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC),
)
TARGETS = (
    *(Call(frozenset(), zone_id=id, account_id=account) for id, account in ZONES.items()),
    *(Call(frozenset(), account_id=id) for id in ACCOUNTS),
    *(Call(frozenset(), user_id=id) for id in (USER, "e" * 32)),
    *(Call(frozenset(), bucket=text, account_id=text[:32]) for text in BUCKETS),
)
addresses = st.sampled_from(("203.0.113.7", "198.51.100.200", "2001:db8::1"))
moments = st.sampled_from((STARTS - timedelta(seconds=1), STARTS, NOON, LAST - timedelta(seconds=1), LAST))


@dataclass
class Meaning:
    """What a spec means, read off the spec itself: the model. It knows no policies and no resource strings."""

    spec: TokenSpec
    owner: Owner

    def allows(self, call: Call) -> bool:
        return self._in_time(call.moment) and self._from_here(call.address) and any(map(self._may(call), call.group_ids))

    def _in_time(self, moment: Any) -> bool:
        validity = self.spec.validity
        ends = {"2027-01-31": LAST, "2027-01-31T12:00:00Z": NOON}
        if validity.starts == "soon" or (validity.lifetime == "until" and validity.until not in ends):
            return False
        started = not validity.starts or moment >= STARTS
        return started and (validity.lifetime == "never" or moment < ends[validity.until])

    def _from_here(self, text: str) -> bool:
        ips, address = self.spec.client_ips, ip_address(text)
        allow = [row for row in ips.allow if row.strip()]
        block = [row for row in ips.block if row.strip()]
        if "office" in block:
            return False
        welcome = not allow or any(address in ip_network(row) for row in allow if row != "10.0.0.5/8")
        return welcome and not any(address in ip_network(row) for row in block)

    def _may(self, call: Call) -> Any:
        def may(group: str) -> bool:
            holding = [block for block in self.spec.blocks if group in block.permissions]
            return any(self._wants(block, group, call) for block in holding) and not any(
                self._cuts(block, group, call) for block in holding
            )

        return may

    def _own(self, account: str) -> bool:
        return self.owner.kind == "user" or account == self.owner.id

    def _wants(self, block: AccessBlock, group: str, call: Call) -> bool:
        scope = GROUPS[group]
        if call.bucket:
            return scope == "bucket" and call.bucket in block.buckets and self._own(call.account_id)
        if call.user_id:
            return scope == "user" and self.owner.kind == "user" and call.user_id == self.owner.id
        if call.zone_id and scope == "zone":
            if block.zones.mode == "these":
                return call.zone_id in block.zones.zones
            chosen = block.zones.mode == "all" or call.account_id in block.zones.accounts
            return chosen and self._own(call.account_id)
        if not call.zone_id and scope == "account":
            chosen = block.accounts.mode == "all" or call.account_id in block.accounts.accounts
            return chosen and self._own(call.account_id)
        return False

    def _cuts(self, block: AccessBlock, group: str, call: Call) -> bool:
        """An exclusion counts for the whole token, where its block grants that group anything at all."""
        if call.zone_id and GROUPS[group] == "zone":
            choice = block.zones
            grants_some = {
                "these": any(id in ZONES for id in choice.zones),
                "accounts": any(map(self._own, choice.accounts)),
                "all": True,
            }[choice.mode]
            named = call.zone_id in choice.except_zones
            return grants_some and (named or (call.account_id in choice.except_accounts and self._own(call.account_id)))
        if not call.zone_id and GROUPS[group] == "account":
            grants_some = block.accounts.mode == "all" or any(map(self._own, block.accounts.accounts))
            return grants_some and call.account_id in block.accounts.except_accounts
        return False


def every_call(address: str, moment: datetime) -> list[Call]:
    """Each group, and each pair of groups, on each target."""
    wanted = [frozenset(ids) for size in (1, 2) for ids in combinations(sorted(GROUPS), size)]
    return [replace(target, group_ids=ids, address=address, moment=moment) for target in TARGETS for ids in wanted]


@settings(max_examples=150, deadline=None)
@given(frozen_specs, owners, addresses, moments)
@example(
    TokenSpec(blocks=(dns(zones=ZoneChoice(mode="all", except_zones=(SHOP,))), dns(SHOP)), validity=Validity(lifetime="never")),
    USER_OWNER,
    "203.0.113.7",
    NOON,
)
def test_a_compiled_spec_allows_what_the_spec_means_and_nothing_else(
    wanted: TokenSpec, owner: Owner, address: str, moment: datetime
) -> None:
    body = compile(wanted, CATALOGUE, owner).body
    meaning = Meaning(wanted, owner)
    for call in every_call(address, moment):
        assert decide(body, call, CATALOGUE).allowed == meaning.allows(call), call


@pytest.mark.parametrize("kind", ["zone_id", "account_id", "user_id", "bucket"])
def test_the_random_specs_allow_and_refuse_calls_of_every_kind(kind: str) -> None:
    """Guards the test above: had its specs granted nothing, it would agree with any model."""
    tried = [
        call for call in every_call("203.0.113.7", NOON) if getattr(call, kind) and (kind != "account_id" or not call.zone_id)
    ]

    def both(wanted: TokenSpec) -> bool:
        return {Meaning(wanted, USER_OWNER).allows(call) for call in tried} == {True, False}

    assert both(find(frozen_specs, both, settings=settings(max_examples=500, database=None, derandomize=True)))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(("policies", "condition", "not_before", "expires_on")), json_values))
def test_no_strange_body_ever_raises_or_allows(body: dict[str, Any]) -> None:
    assert not decide(body, Call(frozenset({DNS_EDIT}), zone_id=SHOP, account_id=ACME), CATALOGUE).allowed
    grants(body)


def on(*zones: str, group: str = DNS_EDIT, **rest: Any) -> dict[str, Any]:
    return {
        "effect": "allow",
        "permission_groups": [{"id": group}],
        "resources": {f"com.cloudflare.api.account.zone.{z}": "*" for z in zones},
    } | rest


def reason(body: dict[str, Any], **call: Any) -> str:
    return decide(
        body, Call(**{"group_ids": frozenset({DNS_EDIT}), "zone_id": SHOP, "account_id": ACME} | call), CATALOGUE
    ).reason


def test_every_refusal_has_a_plain_sentence() -> None:
    body = {
        "policies": [on(SHOP, WWW), on(WWW, effect="deny")],
        "condition": {"request.ip": {"in": ["203.0.113.0/24"], "not_in": ["203.0.113.9/32"]}},
        "not_before": "2026-12-01T00:00:00Z",
        "expires_on": "2027-01-31T23:59:59Z",
    }
    assert reason(body, address="203.0.113.7", moment=NOON) == "Granted by DNS Write."
    assert reason(body, zone_id=WWW) == "It is granted, and excluded again for this resource. An exclusion always wins."
    assert reason(body, zone_id=DEV) == "The permission that this call needs is granted on other resources only."
    assert reason(body, group_ids=frozenset({ZONE_READ})) == "The permission that this call needs is granted not at all."
    assert reason(body, address="203.0.113.9") == "The token is blocked from 203.0.113.9."
    assert reason(body, address="198.51.100.1") == "The token does not work from 198.51.100.1."
    assert reason(body, address="home") == "That is not an IP address."
    assert reason(body, moment=STARTS - timedelta(days=1)) == "The token does not work before Tue 1 Dec 2026 00:00 UTC."
    assert reason(body, moment=LAST) == "The token ended on Sun 31 Jan 2027 23:59 UTC."
    assert "nothing can be promised" in reason({"policies": [{"effect": "permit"}]})


@pytest.mark.parametrize(
    "change",
    [
        {"policies": [on(SHOP), {"effect": "deny", "permission_groups": [{"id": DNS_READ}], "resources": {"com.new": "*"}}]},
        {"policies": [on(SHOP), "everything"]},
        {"policies": [on(SHOP, permission_groups=[])]},
        {"policies": [on(SHOP, permission_groups=["x"])]},
        {"policies": [on(SHOP, resources={})]},
        {"policies": [on(SHOP, resources=["x"])]},
        {"condition": ["x"]},
        {"condition": {"country": "x"}},
        {"condition": {"request_ip": ["x"]}},
        {"condition": {"request_ip": {"in": "10.0.0.0/8"}}},
        {"condition": {"request_ip": {"in": ["home"]}}},
        {"condition": {"request_ip": {"within": ["10.0.0.0/8"]}}},
        {"expires_on": "later"},
    ],
)
def test_an_unknown_shape_beside_a_good_policy_refuses_everything(change: dict[str, Any]) -> None:
    assert not decide({"policies": [on(SHOP)]} | change, Call(frozenset({DNS_EDIT}), zone_id=SHOP), CATALOGUE).allowed


@pytest.mark.parametrize(
    ("block", "group", "allowed", "refused"),
    [
        (dns(SHOP), DNS_EDIT, {"zone_id": SHOP}, {"zone_id": WWW}),
        (
            dns(zones=ZoneChoice("accounts", accounts=(ACME,))),
            DNS_EDIT,
            {"zone_id": SHOP, "account_id": ACME},
            {"zone_id": DEV, "account_id": STAGING},
        ),
        (dns(zones=ZoneChoice("all")), DNS_EDIT, {"zone_id": SHOP}, {"account_id": ACME}),
        (
            AccessBlock(permissions=(BILLING_READ,), accounts=AccountChoice("these", (ACME,))),
            BILLING_READ,
            {"account_id": ACME},
            {"account_id": STAGING},
        ),
        (
            AccessBlock(permissions=(BILLING_READ,), accounts=AccountChoice("all")),
            BILLING_READ,
            {"account_id": STAGING},
            {"zone_id": SHOP, "account_id": ACME},
        ),
        (AccessBlock(permissions=(USER_READ,)), USER_READ, {"user_id": USER}, {"user_id": "e" * 32}),
        (
            AccessBlock(permissions=(OBJECTS_READ,), buckets=BUCKETS[:1]),
            OBJECTS_READ,
            {"bucket": BUCKETS[0]},
            {"bucket": BUCKETS[1]},
        ),
    ],
)
def test_each_kind_of_resource_reaches_as_far_as_it_says(
    block: AccessBlock, group: str, allowed: dict[str, Any], refused: dict[str, Any]
) -> None:
    body = compile(spec(block), CATALOGUE, USER_OWNER).body
    assert decide(body, Call(frozenset({group}), **allowed), CATALOGUE).allowed
    assert not decide(body, Call(frozenset({group}), **refused), CATALOGUE).allowed


def test_a_group_applies_to_the_resource_type_of_its_scope_alone() -> None:
    for resource in (f"com.cloudflare.api.account.{ACME}", "com.cloudflare.api.account.*"):
        body = {"policies": [on(resources={resource: "*"})]}
        assert not decide(body, Call(frozenset({DNS_EDIT}), zone_id=SHOP, account_id=ACME), CATALOGUE).allowed
        assert not decide(body, Call(frozenset({DNS_EDIT}), account_id=ACME), CATALOGUE).allowed
    unknown_group = {"policies": [on(SHOP, group="f" * 32)]}
    assert not decide(unknown_group, Call(frozenset({"f" * 32}), zone_id=SHOP), CATALOGUE).allowed


def test_a_deny_counts_for_the_whole_token_and_only_for_its_groups() -> None:
    body = compile(
        spec(dns(SHOP, permissions=(DNS_EDIT, DNS_READ)), dns(zones=ZoneChoice(mode="all", except_accounts=(ACME,)))),
        CATALOGUE,
        USER_OWNER,
    ).body
    assert not decide(body, Call(frozenset({DNS_EDIT}), zone_id=SHOP, account_id=ACME), CATALOGUE).allowed
    assert decide(body, Call(frozenset({DNS_EDIT, DNS_READ}), zone_id=SHOP, account_id=ACME), CATALOGUE).allowed
    assert decide(body, Call(frozenset({DNS_EDIT}), zone_id=DEV, account_id=STAGING), CATALOGUE).allowed


def test_grants_say_what_each_group_is_allowed_on_and_what_is_cut_again() -> None:
    block = AccessBlock(
        permissions=(BILLING_READ, USER_READ, OBJECTS_READ),
        accounts=AccountChoice("all", except_accounts=(FOREIGN,)),
        buckets=BUCKETS[:1],
    )
    found = {grant.group_id: grant for grant in grants(compile(spec(block), CATALOGUE, USER_OWNER).body)}
    assert found[BILLING_READ].allowed == {Resource("every account")}
    assert found[BILLING_READ].denied == {Resource("account", FOREIGN)}
    assert found[USER_READ].allowed == {Resource("user", USER)}
    assert found[OBJECTS_READ].allowed == {Resource("bucket", BUCKETS[0])}
    assert {len(grant.policy_indexes) for grant in found.values()} == {1}


def test_a_call_that_names_no_address_and_no_moment_is_judged_without_them() -> None:
    body = compile(spec(dns(SHOP), client_ips=ClientIPs(allow=("10.0.0.0/8",))), CATALOGUE, ACCOUNT_OWNER).body
    assert decide(body, Call(frozenset({DNS_EDIT}), zone_id=SHOP, account_id=ACME), CATALOGUE).allowed


def test_a_block_holds_for_an_ipv4_address_in_ipv6_form() -> None:
    body = compile(spec(dns(SHOP), client_ips=ClientIPs(block=("203.0.113.0/24",))), CATALOGUE, USER_OWNER).body
    assert not decide(body, Call(frozenset({DNS_EDIT}), zone_id=SHOP, address="::ffff:203.0.113.7"), CATALOGUE).allowed


def test_a_zone_of_an_unnamed_account_is_refused_where_an_account_is_excluded() -> None:
    body = compile(spec(dns(zones=ZoneChoice(mode="all", except_accounts=(ACME,)))), CATALOGUE, USER_OWNER).body
    assert not decide(body, Call(frozenset({DNS_EDIT}), zone_id=SHOP), CATALOGUE).allowed


def test_a_policy_with_a_part_that_nobody_knows_allows_nothing() -> None:
    assert not decide({"policies": [on(SHOP, only_if="x")]}, Call(frozenset({DNS_EDIT}), zone_id=SHOP), CATALOGUE).allowed


def test_both_spellings_of_the_condition_count() -> None:
    condition = {"request_ip": {"in": ["10.0.0.0/8"]}, "request.ip": {"not_in": ["10.1.0.0/16"]}}
    body = {"policies": [on(SHOP)], "condition": condition}
    assert not decide(body, Call(frozenset({DNS_EDIT}), zone_id=SHOP, address="10.1.0.1"), CATALOGUE).allowed

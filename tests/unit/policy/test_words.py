"""The sentence about a payload, the few words for a list, and its risk."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_world import (
    ACCOUNT_OWNER,
    ACME,
    BILLING_READ,
    BUCKETS,
    CACHE_PURGE,
    CATALOGUE,
    DNS_EDIT,
    DNS_READ,
    OBJECTS_READ,
    STAGING,
    TOKENS_EDIT,
    USER_OWNER,
    USER_READ,
    ZONE_READ,
    ZONES,
    around,
    dns,
    frozen_specs,
    json_values,
    owners,
    spec,
)

from tokenportal.policy.compile import compile
from tokenportal.policy.spec import AccessBlock, AccountChoice, ClientIPs, TokenSpec, Validity, ZoneChoice
from tokenportal.policy.surroundings import Owner
from tokenportal.policy.words import RISK_WORDS, Phrase, brief, effects, limits, risk, sentence

SHOP, WWW, DEV, *_ = ZONES
FREE = "Nothing else. From anywhere. It never expires."


def said(wanted: TokenSpec, owner: Owner = USER_OWNER) -> str:
    payload = compile(wanted, CATALOGUE, owner)
    return str(sentence(payload.body, CATALOGUE, around(owner), payload.origins))


def test_the_sentence_of_the_reference() -> None:
    wanted = spec(
        dns(SHOP, WWW, DEV),
        client_ips=ClientIPs(allow=("10.0.0.0/8", "203.0.113.9")),
        validity=Validity(lifetime="until", until="2026-11-05"),
    )
    assert said(wanted) == (
        "Can create, change and delete DNS records on 3 zones. Nothing else. From 2 networks, until Thu 5 Nov 2026 23:59 UTC."
    )


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (dns(SHOP), "create, change and delete DNS records on 1 zone"),
        (
            dns(zones=ZoneChoice(mode="accounts", accounts=(ACME,), except_zones=(SHOP, WWW))),
            "create, change and delete DNS records on all 214 zones of Acme production, also those added later, "
            "except shop.example and www.example",
        ),
        (
            dns(zones=ZoneChoice(mode="accounts", accounts=(ACME, STAGING))),
            "create, change and delete DNS records on all 226 zones of Acme production and Acme staging, also those added later",
        ),
        (
            dns(zones=ZoneChoice(mode="all", except_accounts=(STAGING,))),
            "create, change and delete DNS records on all zones of every account, also those added later, "
            "except the zones of Acme staging",
        ),
        (
            dns(zones=ZoneChoice(mode="all", except_zones=tuple(ZONES))),
            "create, change and delete DNS records on all zones of every account, also those added later, except 5",
        ),
        (
            AccessBlock(permissions=(BILLING_READ,), accounts=AccountChoice("these", (ACME,))),
            "read billing on Acme production",
        ),
        (
            AccessBlock(permissions=(BILLING_READ,), accounts=AccountChoice("these", (ACME, STAGING))),
            "read billing on 2 accounts",
        ),
        (
            AccessBlock(permissions=(BILLING_READ,), accounts=AccountChoice("all", except_accounts=(STAGING,))),
            "read billing on all accounts, also those added later, except Acme staging",
        ),
        (AccessBlock(permissions=(USER_READ,)), "read user details on the user service-dns, as whom it acts"),
        (AccessBlock(permissions=(OBJECTS_READ,), buckets=BUCKETS), "read objects on 3 R2 buckets"),
        (dns(SHOP, permissions=(CACHE_PURGE,)), "purge cached files on 1 zone"),
    ],
)
def test_every_kind_of_breadth_is_said(block: AccessBlock, words: str) -> None:
    assert said(spec(block)) == f"Can {words}. {FREE}"


def test_an_account_owned_token_for_all_zones_names_its_account() -> None:
    words = "all 214 zones of Acme production, also those added later"
    assert (
        said(spec(dns(zones=ZoneChoice(mode="all"))), ACCOUNT_OWNER)
        == f"Can create, change and delete DNS records on {words}. {FREE}"
    )


def test_zones_that_nobody_has_counted_are_not_given_a_number() -> None:
    body = compile(spec(dns(zones=ZoneChoice(mode="all"))), CATALOGUE, ACCOUNT_OWNER).body
    assert "on all zones of Acme production, also" in str(sentence(body, CATALOGUE, around(ACCOUNT_OWNER, zone_counts={})))


def test_the_worst_is_said_first_and_many_permissions_are_counted() -> None:
    reads = tuple(group.id for group in CATALOGUE if (group.level, group.scope) == ("read", "zone"))[:5]
    block = dns(SHOP, permissions=(DNS_EDIT, CACHE_PURGE, *reads))
    assert said(spec(block)) == (
        f"Can create, change and delete DNS records, purge cached files and read 5 kinds of things on 1 zone. {FREE}"
    )


def test_each_place_is_named_once_and_one_place_is_told_from_the_next() -> None:
    blocks = (
        dns(SHOP), dns(WWW, permissions=(CACHE_PURGE, ZONE_READ)), AccessBlock(permissions=(BILLING_READ,), accounts=AccountChoice("these", (ACME,))),
    )  # fmt: skip
    assert said(spec(*blocks)) == (
        "Can create, change and delete DNS records on 1 zone; purge cached files and read zone details on 1 zone; "
        f"and read billing on Acme production. {FREE}"
    )


def test_what_blocks_allow_on_the_very_same_zones_is_one_place() -> None:
    payload = compile(spec(dns(SHOP), dns(SHOP, permissions=(CACHE_PURGE,))), CATALOGUE, USER_OWNER)
    told = sentence(payload.body, CATALOGUE, around(), payload.origins)
    assert str(told) == f"Can create, change and delete DNS records and purge cached files on 1 zone. {FREE}"
    assert [phrase for phrase in told.phrases if phrase.section.startswith("access")] == [Phrase("1 zone", section="access-1")]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "From anywhere. It never expires."),
        ({"client_ips": ClientIPs(block=("10.0.0.0/8",))}, "From anywhere except 1 network. It never expires."),
        (
            {"client_ips": ClientIPs(allow=("10.0.0.0/8",), block=("10.1.0.0/16", "10.2.0.0/16"))},
            "From 1 network except 2 networks. It never expires.",
        ),
        (
            {"validity": Validity(starts="2026-12-01", lifetime="never")},
            "From anywhere, not before Tue 1 Dec 2026 00:00 UTC. It never expires.",
        ),
        (
            {"validity": Validity(starts="2026-12-01", lifetime="until", until="2026-12-02")},
            "From anywhere, not before Tue 1 Dec 2026 00:00 UTC, until Wed 2 Dec 2026 23:59 UTC.",
        ),
    ],
)
def test_addresses_and_times_are_said(changes: dict[str, Any], words: str) -> None:
    assert said(spec(dns(SHOP), **changes)).endswith(f" Nothing else. {words}")


def test_an_empty_payload_can_do_nothing_yet() -> None:
    body = compile(spec(), CATALOGUE, USER_OWNER).body
    assert (str(sentence(body, CATALOGUE, around())), brief(body, CATALOGUE, around())) == ("Can do nothing yet.", "Nothing")
    assert risk(body, CATALOGUE) == "reads"


def test_verbs_carry_the_risk_and_numbers_lead_to_their_section() -> None:
    payload = compile(spec(AccessBlock(permissions=(ZONE_READ,)), dns(SHOP, WWW)), CATALOGUE, USER_OWNER)
    phrases = sentence(payload.body, CATALOGUE, around(), payload.origins).phrases
    assert [phrase for phrase in phrases if phrase.tone] == [Phrase("create, change and delete", "deletes")]
    assert [phrase for phrase in phrases if phrase.section] == [
        Phrase("2 zones", section="access-2"),
        Phrase("anywhere", section="restrictions"),
        Phrase("It never expires.", section="lifetime"),
    ]
    without = sentence(payload.body, CATALOGUE, around()).phrases
    assert {phrase.section for phrase in without} == {"", "restrictions", "lifetime"}


@pytest.mark.parametrize(
    ("block", "words", "worst"),
    [
        (dns(SHOP, WWW, DEV), "DNS: edit on 3 zones", "deletes"),
        (dns(SHOP, permissions=(DNS_READ,)), "DNS: read on 1 zone", "reads"),
        (dns(SHOP, permissions=(ZONE_READ, CACHE_PURGE)), "Cache Purge and 1 more: purge on 1 zone", "changes"),
        (
            AccessBlock(permissions=(TOKENS_EDIT,)),
            "API Tokens: edit on the user service-dns, as whom it acts",
            "creates",
        ),
    ],
)
def test_a_few_words_and_the_risk_tell_the_worst(block: AccessBlock, words: str, worst: Any) -> None:
    body = compile(spec(block), CATALOGUE, USER_OWNER).body
    assert (brief(body, CATALOGUE, around()), risk(body, CATALOGUE)) == (words, worst)
    assert worst in RISK_WORDS


def test_what_was_left_open_is_told_as_effects() -> None:
    assert effects({}) == (("from", "Works from anywhere"), ("until", "Never expires"))
    assert effects({"condition": {"request_ip": {"not_in": ["10.0.0.0/8"]}}}) == (
        ("from", "Works from anywhere else"),
        ("until", "Never expires"),
    )
    assert effects({"condition": {"request_ip": {"in": ["10.0.0.0/8"]}}, "expires_on": "2027-01-31T00:00:00Z"}) == ()


def test_a_condition_that_cannot_be_read_is_not_told_as_none() -> None:
    body = {"condition": {"moon": {"phase": "full"}}}
    assert effects(body) == ()
    assert limits(body) == "Under a condition of a kind that this portal does not know."


def test_a_permission_or_shape_that_nobody_knows_counts_as_the_worst() -> None:
    resources = {f"com.cloudflare.api.account.zone.{SHOP}": "*"}
    stranger = {"policies": [{"effect": "allow", "permission_groups": [{"id": "f" * 32}], "resources": resources}]}
    assert str(sentence(stranger, CATALOGUE, around())).startswith(
        f"Can create, change and delete permission {'f' * 32} on 1 zone."
    )
    assert risk(stranger, CATALOGUE) == "creates"
    odd = {"policies": [{"effect": "permit"}]}
    assert str(sentence(odd, CATALOGUE, around())).startswith("It holds a policy of a kind that this portal does not know")
    assert risk(odd, CATALOGUE) == "creates"


@settings(max_examples=150, deadline=None)
@given(frozen_specs, owners)
def test_whatever_is_compiled_can_be_said(wanted: TokenSpec, owner: Owner) -> None:
    payload = compile(wanted, CATALOGUE, owner)
    text = str(sentence(payload.body, CATALOGUE, around(owner), payload.origins))
    assert text.endswith(".")
    assert brief(payload.body, CATALOGUE, around(owner))
    granted = any(policy["effect"] == "allow" for policy in payload.body["policies"])
    assert (text == "Can do nothing yet.") == (not granted)
    if granted and "condition" not in payload.body:
        assert "From anywhere" in text
    if granted and "expires_on" not in payload.body:
        assert text.endswith("It never expires.")


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(("policies", "condition", "not_before", "expires_on")), json_values))
def test_the_sentence_and_the_risk_never_raise(body: dict[str, Any]) -> None:
    assert str(sentence(body, CATALOGUE, around())).endswith(".")
    assert risk(body, CATALOGUE) in RISK_WORDS


def test_the_few_words_never_raise_for_a_policy_without_readable_resources() -> None:
    policy = {"effect": "allow", "permission_groups": [{"id": DNS_EDIT}], "resources": {"com.cloudflare.new": "*"}}
    assert brief({"policies": [policy]}, CATALOGUE, around())


def test_ranges_that_hold_every_address_are_said_to_be_anywhere() -> None:
    wanted = spec(dns(SHOP), client_ips=ClientIPs(allow=("0.0.0.0/0", "::/0")))
    assert "From anywhere" in said(wanted)


def test_the_few_words_do_not_hide_an_exclusion() -> None:
    body = compile(spec(dns(zones=ZoneChoice(mode="all", except_zones=(SHOP,)))), CATALOGUE, USER_OWNER).body
    assert "except" in brief(body, CATALOGUE, around())

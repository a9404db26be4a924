"""The one read that a token is tried out with: only what it may do, on what it may do it."""

import pytest
from hypothesis import given, settings
from policy_world import (
    ACCOUNT_OWNER,
    ACME,
    BILLING_READ,
    CACHE_PURGE,
    CATALOGUE,
    DNS_EDIT,
    STAGING,
    TOKENS_EDIT,
    USER_OWNER,
    USER_READ,
    ZONE_READ,
    around,
    dns,
    frozen_specs,
    group_id,
    spec,
)

from tokenportal.policy.compile import compile
from tokenportal.policy.harmless import Read, harmless_read
from tokenportal.policy.spec import AccessBlock, AccountChoice, ClientIPs, TokenSpec, Validity, ZoneChoice
from tokenportal.policy.surroundings import Owner

SHOP, DEV = "1" * 32, "3" * 32
SETTINGS_READ = group_id("Account Settings Read", "account")


def read_of(wanted: TokenSpec, owner: Owner = USER_OWNER) -> Read | None:
    world = around(owner)
    body = compile(wanted, CATALOGUE, owner).body
    return harmless_read(body, CATALOGUE, owner, zones=world.zones.values(), accounts=world.accounts)


@pytest.mark.parametrize(
    ("block", "path", "words"),
    [
        (dns(SHOP), f"zones/{SHOP}/dns_records?per_page=5", "the DNS records of shop.example"),
        (AccessBlock(permissions=(ZONE_READ,), zones=ZoneChoice(zones=(DEV,))), f"zones/{DEV}", "the details of dev.example"),
        (AccessBlock(permissions=(DNS_EDIT,), zones=ZoneChoice("accounts", accounts=(STAGING,))),
         f"zones/{DEV}/dns_records?per_page=5", "the DNS records of dev.example"),
        (AccessBlock(permissions=(SETTINGS_READ,), accounts=AccountChoice("these", (STAGING,))),
         f"accounts/{STAGING}", "the details of Acme staging"),
        (AccessBlock(permissions=(USER_READ,)), "user", "the user’s details"),
        (AccessBlock(permissions=(TOKENS_EDIT,)), "user/tokens?per_page=5", "the user’s tokens"),
    ],
)  # fmt: skip
def test_the_read_is_one_that_the_token_may_make(block: AccessBlock, path: str, words: str) -> None:
    assert read_of(spec(block)) == Read(path, words)


@pytest.mark.parametrize(
    "block",
    [
        AccessBlock(permissions=(CACHE_PURGE,), zones=ZoneChoice(zones=(SHOP,))),
        AccessBlock(permissions=(BILLING_READ,), accounts=AccountChoice("these", (ACME,))),
        AccessBlock(),
    ],
)
def test_there_is_none_where_it_may_read_nothing_of_ours(block: AccessBlock) -> None:
    assert read_of(spec(block)) is None
    assert read_of(spec(AccessBlock(permissions=(USER_READ,))), ACCOUNT_OWNER) is None


def test_addresses_and_times_are_left_to_the_trial() -> None:
    later = spec(dns(SHOP), client_ips=ClientIPs(("203.0.113.9",)), validity=Validity(starts="2031-01-01", lifetime="never"))
    assert read_of(later) == Read(f"zones/{SHOP}/dns_records?per_page=5", "the DNS records of shop.example")


@settings(max_examples=60, deadline=None)
@given(frozen_specs)
def test_any_token_has_a_read_or_none(wanted: TokenSpec) -> None:
    found = read_of(wanted)
    assert found is None or found.path.split("/")[0].split("?")[0] in {"zones", "accounts", "user"}

"""What one body is to another: the same, more, part of it, or nothing that one could tell."""

from typing import Any

import pytest

from tests.unit.policy.policy_world import ACME, CATALOGUE, DNS_EDIT, DNS_READ, FOREIGN, STAGING, ZONE_READ, ZONES, around
from tests.unit.policy.test_diff import EVERY_ZONE, body, but, ips, policy, zones, zones_of
from tokenportal.policy.diff import lacking
from tokenportal.policy.likeness import likeness

SHOP, WWW, DEV, TEST, ELSE = ZONES
WANTED = body(policy(zones(SHOP, WWW)))
STRANGE = {"effect": "allow", "permission_groups": [], "resources": {}}


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (WANTED, "same"),
        (body(policy(zones(SHOP)), policy(zones(WWW))), "same"),
        (body(policy(zones(SHOP, WWW)), name="another", **ips(**{"in": ["192.0.2.0/24"]})), "same"),
        (body(policy(zones(SHOP, WWW), DNS_EDIT, DNS_READ)), "same"),
        (body(policy(zones(SHOP, WWW, DEV))), "more"),
        (body(policy(zones(SHOP, WWW), DNS_EDIT, ZONE_READ)), "more"),
        (body(policy(zones_of(ACME))), "more"),
        (body(policy(EVERY_ZONE)), "more"),
        (body(policy(zones(SHOP))), "overlaps"),
        (body(policy(zones(WWW, DEV))), "overlaps"),
        (body(policy(zones(SHOP), DNS_READ)), "overlaps"),
        (body(policy(zones_of(ACME)), but(zones(SHOP))), "overlaps"),
        (body(policy(zones_of(STAGING))), None),
        (body(policy(zones(SHOP), ZONE_READ)), None),
        (body(policy(zones(DEV))), None),
        (body(policy(zones(SHOP, WWW)), STRANGE), None),
        (body(), None),
    ],
)
def test_a_token_is_told_by_what_it_grants_and_by_nothing_else(held: dict[str, Any], expected: str | None) -> None:
    assert likeness(held, WANTED, CATALOGUE, around()) == expected


def test_of_a_wide_wish_a_narrow_token_holds_a_part() -> None:
    assert likeness(WANTED, body(policy(zones_of(ACME))), CATALOGUE, around()) == "overlaps"
    assert likeness(body(policy(zones(ELSE))), body(policy(zones_of(ACME))), CATALOGUE, around()) is None


def test_where_nothing_is_wanted_or_nobody_can_read_it_nothing_is_alike() -> None:
    assert likeness(WANTED, body(), CATALOGUE, around()) is None
    assert likeness(WANTED, body(STRANGE), CATALOGUE, around()) is None


def test_what_a_body_lacks_is_told_by_group() -> None:
    wanted = body(policy(zones(SHOP), DNS_READ, ZONE_READ), policy(zones_of(FOREIGN)))
    assert lacking(body(policy(zones_of(ACME))), wanted, CATALOGUE, around()) == tuple(sorted((DNS_EDIT, ZONE_READ)))
    assert lacking(wanted, body(policy(zones(SHOP), DNS_READ)), CATALOGUE, around()) == ()

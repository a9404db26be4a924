"""What does not apply is set aside and told, and dropped only by somebody who says so."""

import pytest
from policy_world import ACME, BILLING_READ, BUCKETS, CATALOGUE, OBJECTS_READ, STAGING, ZONES, dns, spec

from tokenportal.policy.aside import dropped, set_aside
from tokenportal.policy.spec import AccessBlock, AccountChoice, ClientIPs, Validity, ZoneChoice

SHOP, WWW, *_ = ZONES


def test_nothing_is_set_aside_where_everything_applies() -> None:
    block = dns(
        SHOP,
        permissions=(*dns().permissions, BILLING_READ, OBJECTS_READ),
        accounts=AccountChoice("these", (ACME,)),
        buckets=BUCKETS,
    )
    assert set_aside(spec(block, client_ips=ClientIPs(("::1",))), CATALOGUE) == ()


def test_choices_that_do_not_apply_are_set_aside_and_told() -> None:
    idle = AccessBlock(
        zones=ZoneChoice(zones=(SHOP,), except_zones=(WWW,)),
        accounts=AccountChoice("these", (ACME,), (STAGING,)),
        buckets=BUCKETS,
    )
    wide = dns(
        permissions=(*dns().permissions, BILLING_READ),
        zones=ZoneChoice("all", zones=(SHOP,), accounts=(ACME, STAGING)),
        accounts=AccountChoice("all", (ACME,)),
    )
    aside = set_aside(spec(idle, wide, validity=Validity(lifetime="never", until="2027-01-31")), CATALOGUE)
    assert [(found.section, found.field, found.count) for found in aside] == [
        ("access-1", "zones", 2),
        ("access-1", "accounts", 2),
        ("access-1", "buckets", 3),
        ("access-2", "zones", 1),
        ("access-2", "zones", 2),
        ("access-2", "accounts", 1),
        ("restrictions", "until", 1),
    ]
    assert all(found.sentence.endswith(".") for found in aside)


@pytest.mark.parametrize(
    ("block", "key"),
    [
        (AccessBlock(zones=ZoneChoice(zones=(SHOP,), except_zones=(WWW,))), "zones"),
        (dns(zones=ZoneChoice("all", zones=(SHOP,), unknown=("shop.exmaple",))), "zones-these"),
        (dns(zones=ZoneChoice("all", accounts=(ACME,))), "zones-accounts"),
        (dns(SHOP, accounts=AccountChoice("these", (ACME,), (STAGING,))), "accounts"),
        (dns(SHOP, permissions=(*dns().permissions, BILLING_READ), accounts=AccountChoice("all", (ACME,))), "accounts-these"),
        (dns(SHOP, buckets=BUCKETS), "buckets"),
    ],
)
def test_what_is_set_aside_can_be_dropped_and_nothing_else_goes_with_it(block: AccessBlock, key: str) -> None:
    assert [found.key for found in set_aside(spec(block), CATALOGUE)] == [key]
    after = dropped(block, key)
    assert set_aside(spec(after), CATALOGUE) == ()
    assert after.permissions == block.permissions
    assert after.zones.mode == block.zones.mode or key == "zones"
    assert dropped(block, "nonsense") == block

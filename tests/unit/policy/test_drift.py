"""How a live body differs from an agreed one, in words: exact, and blind to order and spelling."""

from typing import Any

import pytest
from hypothesis import given, settings

from tests.unit.policy.policy_world import BILLING_READ, CATALOGUE, DNS_EDIT, DNS_READ, ZONE_READ
from tests.unit.policy.specs import Drawn, drawn
from tokenportal.policy import drift
from tokenportal.policy.compile import same_grant
from tokenportal.policy.surroundings import Owner, Surroundings, Zone

ACME, SHOP, WWW = "a" * 32, "1" * 32, "2" * 32
AROUND = Surroundings(
    Owner("account", ACME, "Acme"), {ACME: "Acme"},
    {SHOP: Zone(SHOP, "shop.example", ACME), WWW: Zone(WWW, "www.example", ACME)},
)  # fmt: skip
END = "2026-12-31T23:59:59Z"


def policy(*groups: str, zones: tuple[str, ...] = (SHOP,), effect: str = "allow") -> dict[str, Any]:
    resources = {f"com.cloudflare.api.account.zone.{zone}": "*" for zone in zones}
    return {"effect": effect, "permission_groups": [{"id": id} for id in groups], "resources": resources}


def body(*policies: Any, **rest: Any) -> dict[str, Any]:
    return {"name": "a", "policies": list(policies or (policy(DNS_READ),)), **rest}


def at(**rules: Any) -> dict[str, Any]:
    return {"condition": {"request_ip": rules}}


def told(agreed: dict[str, Any], live: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one.label, one.sentence) for one in drift.differences(agreed, live, CATALOGUE, AROUND)]


@pytest.mark.parametrize(
    ("agreed", "live", "words"),
    [
        (body(), body(policy(DNS_READ), policy(DNS_EDIT)), [("More", "Added: DNS Edit on shop.example.")]),
        (body(policy(DNS_READ, zones=(SHOP, WWW))), body(), [("Less", "Taken away: DNS Read on www.example.")]),
        (
            body(policy(DNS_READ, DNS_EDIT)), body(policy(DNS_READ, DNS_EDIT, zones=(WWW,))),
            [("More", "Added: DNS Edit, DNS Read on www.example."), ("Less", "Taken away: DNS Edit, DNS Read on shop.example.")],
        ),
        (
            body(), body(policy(DNS_READ), policy(DNS_EDIT, zones=(WWW,), effect="deny")),
            [("Less", "Excluded now: DNS Edit on www.example.")],
        ),
        (
            body(policy(DNS_READ), policy(DNS_EDIT, effect="deny")), body(),
            [("More", "No longer excluded: DNS Edit on shop.example.")],
        ),
        (
            body(), body(policy(DNS_READ, DNS_EDIT, ZONE_READ, BILLING_READ, "9" * 32)),
            [("More", "Added: Billing Read, DNS Edit, Zone Read and 1 more on shop.example.")],
        ),
        (body(), body(policy(DNS_READ), {"effect": "maybe"}),
         [("More", "It holds a policy of a kind that this portal does not know.")]),
        (body(policy(DNS_READ), {"effect": "maybe"}), body(),
         [("Other", "It no longer holds a policy of a kind that this portal does not know.")]),
        (body(), body(condition={"request_time": {}}, expires_on=END),
         [("More", "It stands under a condition of a kind that this portal does not know.")]),
        (body(condition={"request_time": 1}), body(condition={"request_time": 1}), []),
        (body(**at(**{"in": ["192.0.2.0/24"]})), body(),
         [("More", "Works from anywhere instead of from 192.0.2.0/24.")]),
        (body(), body(**at(**{"in": ["192.0.2.0/24"]})),
         [("Less", "Works from 192.0.2.0/24 instead of from anywhere.")]),
        (body(**at(**{"in": ["192.0.2.0/24"]})), body(**at(**{"in": ["198.51.100.0/24"]})),
         [("Other", "Works from 198.51.100.0/24 instead of from 192.0.2.0/24.")]),
        (body(**at(not_in=["192.0.2.0/24"])), body(),
         [("More", "Refused from nowhere instead of from 192.0.2.0/24.")]),
        (body(), body(**at(not_in=["192.0.2.0/24"])),
         [("Less", "Refused from 192.0.2.0/24 instead of from nowhere.")]),
        (body(**at(not_in=["192.0.2.0/24"])), body(**at(not_in=["198.51.100.0/24"])),
         [("Other", "Refused from 198.51.100.0/24 instead of from 192.0.2.0/24.")]),
        (body(expires_on=END), body(), [("More", "Ends never instead of Thu 31 Dec 2026 23:59 UTC.")]),
        (body(), body(expires_on=END), [("Less", "Ends Thu 31 Dec 2026 23:59 UTC instead of never.")]),
        (body(expires_on=END), body(expires_on="2027-01-31T23:59:59Z"),
         [("More", "Ends Sun 31 Jan 2027 23:59 UTC instead of Thu 31 Dec 2026 23:59 UTC.")]),
        (body(not_before=END), body(), [("More", "Starts at once instead of Thu 31 Dec 2026 23:59 UTC.")]),
        (body(), body(not_before=END), [("Less", "Starts Thu 31 Dec 2026 23:59 UTC instead of at once.")]),
    ],
)  # fmt: skip
def test_each_difference_is_a_sentence(agreed: dict[str, Any], live: dict[str, Any], words: list[tuple[str, str]]) -> None:
    assert told(agreed, live) == words


def test_all_of_them_are_one_text() -> None:
    found = drift.differences(body(expires_on=END), body(policy(DNS_EDIT), expires_on=END), CATALOGUE, AROUND)
    assert drift.in_words(found) == "Added: DNS Edit on shop.example. Taken away: DNS Read on shop.example."


@settings(max_examples=150, deadline=None)
@given(drawn, drawn)
def test_there_is_a_difference_exactly_where_two_bodies_do_not_grant_the_same(one: Drawn, other: Drawn) -> None:
    found = drift.differences(one.body, other.body, CATALOGUE, one.around)
    assert bool(found) == (not same_grant(one.body, other.body))
    backwards = {**one.body, "policies": one.body["policies"][::-1]}
    assert drift.differences(one.body, backwards, CATALOGUE, one.around) == ()

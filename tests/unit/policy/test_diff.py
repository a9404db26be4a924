"""How two bodies differ, in words, and whether the new one may do more or less. The evaluator is the oracle."""

import random
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.policy.policy_world import (
    ACME,
    BILLING_READ,
    CATALOGUE,
    DNS_EDIT,
    DNS_READ,
    STAGING,
    USER,
    ZONE_READ,
    ZONES,
    around,
)
from tests.unit.policy.specs import Drawn, drawn, sound_specs
from tokenportal.policy.compile import compile
from tokenportal.policy.diff import Difference, compare
from tokenportal.policy.evaluate import Call, decide
from tokenportal.policy.spec import TokenSpec
from tokenportal.policy.surroundings import Surroundings

ACCOUNT, ZONE = "com.cloudflare.api.account", "com.cloudflare.api.account.zone"
SHOP, WWW, DEV, TEST, ELSE = ZONES
DNS = "create, change and delete DNS records"


def zones(*ids: str) -> dict[str, Any]:
    return {f"{ZONE}.{id}": "*" for id in ids}


def zones_of(*ids: str) -> dict[str, Any]:
    return {f"{ACCOUNT}.{id}": {f"{ZONE}.*": "*"} for id in ids}


EVERY_ZONE = {f"{ZONE}.*": "*"}


def policy(resources: dict[str, Any], *groups: str, effect: str = "allow") -> dict[str, Any]:
    return {"effect": effect, "permission_groups": [{"id": id} for id in groups or (DNS_EDIT,)], "resources": resources}


def but(resources: dict[str, Any], *groups: str) -> dict[str, Any]:
    return policy(resources, *groups, effect="deny")


def body(*policies: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "shop-dns", "policies": list(policies), **more}


def ips(**lists: list[str]) -> dict[str, Any]:
    return {"condition": {"request_ip": lists}}


def told(old: dict[str, Any], new: dict[str, Any]) -> tuple[list[str], str]:
    found = compare(old, new, CATALOGUE, around())
    return [change.sentence for change in found.changes], found.verdict


@pytest.mark.parametrize(
    ("old", "new", "sentences", "verdict"),
    [
        (body(policy(zones(SHOP))), body(policy(zones(SHOP, WWW))), [f"Can now {DNS} on www.example too."], "wider"),
        (body(policy(zones(SHOP, WWW))), body(policy(zones(SHOP))), [f"Can no longer {DNS} on www.example."], "narrower"),
        (
            body(policy(zones(SHOP))), body(policy(zones(WWW))),
            [f"Can now {DNS} on www.example too.", f"Can no longer {DNS} on shop.example."], "both",
        ),
        (
            body(policy(zones_of(ACME))), body(policy(zones(SHOP))),
            [f"Can {DNS} on shop.example; before, on all 214 zones of Acme production, also those added later."], "narrower",
        ),
        (
            body(policy(zones_of(ACME))), body(policy(EVERY_ZONE)),
            [f"Can {DNS} on all zones of every account, also those added later; before, on all 214 zones of Acme production, "
             "also those added later."], "wider",
        ),
        (
            body(policy(zones_of(ACME))), body(policy(zones(DEV))),
            [f"Can {DNS} on dev.example; before, on all 214 zones of Acme production, also those added later."], "both",
        ),
        (
            body(policy(zones(SHOP))), body(policy(zones(SHOP)), policy(zones(SHOP, WWW), ZONE_READ)),
            ["Can now read zone details on shop.example and www.example."], "wider",
        ),
        (
            body(policy(zones(SHOP)), policy({f"{ACCOUNT}.{ACME}": "*"}, BILLING_READ)), body(policy(zones(SHOP))),
            ["Can no longer read billing on Acme production."], "narrower",
        ),
        (body(policy(zones(SHOP))), body(policy(zones(SHOP), DNS_READ)),
         [f"Can no longer {DNS} on shop.example.", "Can now read DNS records on shop.example."], "narrower"),
        (body(policy(zones(SHOP), DNS_READ)), body(policy(zones(SHOP))),
         [f"Can now {DNS} on shop.example.", "Can no longer read DNS records on shop.example."], "wider"),
        (
            body(policy(zones_of(ACME)), but(zones(SHOP))), body(policy(zones_of(ACME)), but(zones(SHOP)), policy(EVERY_ZONE, DNS_READ)),
            ["Can now read DNS records on all zones of every account, also those added later."], "wider",
        ),
        (body(policy(zones_of(ACME))), body(policy(zones_of(ACME)), but(zones(SHOP))),
         [f"Can no longer {DNS} on shop.example: excluded from now on."], "narrower"),
        (body(policy(zones_of(ACME)), but(zones(SHOP))), body(policy(zones_of(ACME))),
         [f"Can now {DNS} on shop.example: no longer excluded."], "wider"),
        (body(policy(EVERY_ZONE), but(zones(SHOP))), body(policy(EVERY_ZONE), but(zones_of(ACME))),
         [f"Can no longer {DNS} on all 214 zones of Acme production, also those added later: excluded from now on.",
          f"To {DNS}, shop.example needs no exclusion any more; that alone allows and refuses nothing."], "narrower"),
        (body(policy(EVERY_ZONE), but(zones(SHOP))), body(policy(zones(DEV))),
         [f"Can {DNS} on dev.example; before, on all zones of every account, also those added later.",
          f"To {DNS}, shop.example needs no exclusion any more; that alone allows and refuses nothing."], "narrower"),
        (body(policy(zones(DEV))), body(policy(zones_of(STAGING)), but(zones(TEST))),
         [f"Can {DNS} on all 12 zones of Acme staging, also those added later; before, on dev.example.",
          f"To {DNS}, test.example is excluded too; that alone allows and refuses nothing."], "wider"),
        (body(policy(zones(SHOP))), body(policy(zones(SHOP)), policy(zones_of(ACME), ZONE_READ), but(zones(WWW), ZONE_READ)),
         ["Can now read zone details on all 214 zones of Acme production, also those added later, except on www.example."], "wider"),
        (body(), body(but(zones(SHOP))),
         [f"Its exclusions change without any effect: nothing else lets it {DNS}."], "same"),
        (body(policy(zones_of(ACME))), body(policy(zones_of(ACME)), policy(zones(SHOP))),
         [f"Can now {DNS} on shop.example too."], "same"),
        (body(policy(zones_of(ACME)), but(zones("9" * 32))), body(policy(zones_of(ACME))),
         [f"Can now {DNS} on {'9' * 32}: no longer excluded."], "wider"),
        (body(), body(**ips(**{"in": ["203.0.113.0/24"]})), ["Works from 203.0.113.0/24 only; before, from anywhere."], "narrower"),
        (body(**ips(**{"in": ["203.0.113.0/24"]})), body(), ["Works from anywhere; before, from 203.0.113.0/24 only."], "wider"),
        (body(**ips(**{"in": ["203.0.113.0/24"]})), body(**ips(**{"in": ["203.0.113.0/25", "192.0.2.7"]})),
         ["Works from 192.0.2.7/32 and 203.0.113.0/25 too.", "No longer works from 203.0.113.0/24."], "both"),
        (body(**ips(**{"in": ["203.0.113.0/24"]})), body(**ips(**{"in": ["203.0.113.0/25", "203.0.113.128/25"]})),
         ["Works from 203.0.113.0/25 and 203.0.113.128/25 too.", "No longer works from 203.0.113.0/24."], "same"),
        (body(), body(**ips(not_in=["203.0.113.7"])), ["Is blocked from 203.0.113.7/32."], "narrower"),
        (body(**ips(not_in=["2001:db8::/32", "203.0.113.7"])), body(**ips(not_in=["203.0.113.7"])),
         ["Is no longer blocked from 2001:db8::/32."], "wider"),
        (body(expires_on="2027-01-31T23:59:59Z"), body(expires_on="2027-03-31T23:59:59Z"),
         ["Ends on Wed 31 Mar 2027 23:59 UTC; before, on Sun 31 Jan 2027 23:59 UTC."], "wider"),
        (body(expires_on="2027-01-31T23:59:59Z"), body(expires_on="2026-12-31T23:59:59Z"),
         ["Ends on Thu 31 Dec 2026 23:59 UTC; before, on Sun 31 Jan 2027 23:59 UTC."], "narrower"),
        (body(expires_on="2027-01-31T23:59:59Z"), body(), ["Never ends; before, on Sun 31 Jan 2027 23:59 UTC."], "wider"),
        (body(), body(expires_on="2027-01-31T23:59:59Z"),
         ["Ends on Sun 31 Jan 2027 23:59 UTC; before, it never ended."], "narrower"),
        (body(), body(not_before="2027-01-31T00:00:00Z"), ["Does not work before Sun 31 Jan 2027 00:00 UTC."], "narrower"),
        (body(not_before="2027-01-31T00:00:00Z"), body(not_before="2027-01-30T00:00:00Z"),
         ["Does not work before Sat 30 Jan 2027 00:00 UTC; before, Sun 31 Jan 2027 00:00 UTC."], "wider"),
        (body(not_before="2027-01-31T00:00:00Z"), body(), ["Works at once; before, not until its start."], "wider"),
        (body(status="active"), body(status="disabled"), ["Is disabled."], "narrower"),
        (body(status="disabled"), body(), ["Is enabled."], "wider"),
        (body(), {**body(), "name": "shop"}, ["Is called “shop”; before, “shop-dns”."], "same"),
        (body(), body({"effect": "maybe"}),
         ["Holds a policy of a kind that this portal does not know, so nothing can be promised."], "both"),
        (body({"effect": "maybe"}), body(),
         ["No longer holds a policy of a kind that this portal does not know, so nothing can be promised."], "both"),
        (body(condition={"moon": "full"}), body(),
         ["Its condition or its times change in a way that this portal cannot read."], "both"),
        (body(condition={"moon": "full"}), body(condition={"moon": "full"}), [], "same"),
    ],
)  # fmt: skip
def test_each_change_is_a_sentence_with_its_direction(
    old: dict[str, Any], new: dict[str, Any], sentences: list[str], verdict: str
) -> None:
    assert told(old, new) == (sentences, verdict)


def test_many_places_and_many_permissions_are_counted() -> None:
    many = [group.id for group in CATALOGUE if group.scope == "zone" and group.level == "read"][:6]
    everywhere = policy(zones(SHOP, WWW, DEV, TEST, ELSE), *many)
    (sentence,), verdict = told(body(), body(everywhere))
    assert sentence.startswith("Can now read 6 kinds of things on ")
    assert sentence.endswith("dev.example and 2 more.") or sentence.endswith(" and 2 more.")
    assert verdict == "wider"


def shuffled(value: dict[str, Any], seed: int) -> dict[str, Any]:
    """The same body in another order, each policy split into one for each of its groups, and ids added."""
    order, found = random.Random(seed), deepcopy(value)
    split = [
        {**one, "id": f"{number:032x}", "permission_groups": [group]}
        for number, one in enumerate(found["policies"])
        for group in one["permission_groups"]
    ]
    for one in split:
        resources = list(one["resources"].items())
        order.shuffle(resources)
        one["resources"] = dict(resources)
    order.shuffle(split)
    return {**found, "policies": split}


@settings(max_examples=100, deadline=None)
@given(drawn, st.integers())
def test_reordered_and_split_policies_give_no_words(one: Drawn, seed: int) -> None:
    assert compare(one.body, shuffled(one.body, seed), CATALOGUE, one.around) == Difference(())


EDITS = {(group.label, group.scope): group.id for group in CATALOGUE if group.level == "edit"}
"""The Edit of each thing, which does what its Read does."""
TIMES = [datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 12, 1, 12, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC)]
ADDRESSES = ("203.0.113.7", "198.51.100.1", "192.0.2.1", "2001:db8:40::1", "2001:db9::1", "8.8.8.8")


def calls(groups: set[str]) -> list[Call]:
    """A call for each of these groups on everything that it can touch."""
    found = []
    for id in groups:
        group = CATALOGUE.known(id)
        if group is None:
            continue
        edit = EDITS.get((group.label, group.scope), id) if group.level == "read" else id
        ids = frozenset({id, edit})
        found += [Call(ids, zone_id=zone, account_id=account) for zone, account in ZONES.items()]
        found += [Call(ids, account_id=account) for account in set(ZONES.values())]
        found += [Call(ids, user_id=USER), Call(ids, bucket=f"{ACME}/default/photos", account_id=ACME)]
    return found


def groups_in(*bodies: dict[str, Any]) -> set[str]:
    return {group["id"] for one in bodies for each in one["policies"] for group in each["permission_groups"]}


def placed(call: Call, address: str, moment: datetime) -> Call:
    return Call(call.group_ids, call.zone_id, call.account_id, call.user_id, call.bucket, address, moment)


@st.composite
def pairs(draw: Any) -> tuple[dict[str, Any], dict[str, Any], Surroundings]:
    """Two bodies of one owner that have much in common, so that each verdict comes up."""
    one = draw(drawn)
    other: TokenSpec = draw(sound_specs)
    kept = draw(st.sets(st.sampled_from(("policies", "condition", "not_before", "expires_on"))))
    second = compile(other, CATALOGUE, one.owner).body
    mixed = {**second, **{name: one.body[name] for name in kept if name in one.body}}
    mixed = {name: value for name, value in mixed.items() if name not in kept or name in one.body}
    how = draw(st.sampled_from(("as they are", "more", "fewer")))
    if how == "more":
        mixed["policies"] = [*one.body["policies"], *second["policies"]]
    elif how == "fewer":
        mixed["policies"] = draw(st.lists(st.sampled_from(one.body["policies"]), unique_by=str)) if one.body["policies"] else []
    return one.body, mixed, one.around


@settings(max_examples=200, deadline=None)
@given(pairs(), st.booleans())
def test_narrower_allows_nothing_new_wider_refuses_nothing_and_same_changes_no_decision(
    pair: tuple[dict[str, Any], dict[str, Any], Surroundings], turned: bool
) -> None:
    old, new, about = (pair[1], pair[0], pair[2]) if turned else pair
    verdict = compare(old, new, CATALOGUE, about).verdict
    anywhere = calls(groups_in(old, new))
    allowed = [call for call in anywhere if decide({"policies": old["policies"]}, call, CATALOGUE).allowed][:2]
    elsewhere = [placed(call, address, moment) for call in allowed for address in ADDRESSES for moment in TIMES]
    for call in (*anywhere, *elsewhere):
        before, after = decide(old, call, CATALOGUE).allowed, decide(new, call, CATALOGUE).allowed
        if verdict in ("narrower", "same"):
            assert before or not after, call
        if verdict in ("wider", "same"):
            assert after or not before, call


@settings(max_examples=100, deadline=None)
@given(pairs())
def test_turned_round_a_difference_is_the_opposite(pair: tuple[dict[str, Any], dict[str, Any], Surroundings]) -> None:
    old, new, about = pair
    opposite = {"wider": "narrower", "narrower": "wider", "both": "both", "same": "same"}
    assert compare(new, old, CATALOGUE, about).verdict == opposite[compare(old, new, CATALOGUE, about).verdict]


@given(
    st.dictionaries(
        st.sampled_from(("policies", "condition", "expires_on", "name", "status")),
        st.text() | st.integers() | st.lists(st.none() | st.dictionaries(st.text(), st.text())),
    )
)
def test_no_strange_body_raises(strange: dict[str, Any]) -> None:
    assert compare(strange, strange, CATALOGUE, around()).verdict == "same"
    assert compare(strange, body(policy(zones(SHOP))), CATALOGUE, around()).changes


def test_reading_is_not_included_in_an_edit_from_which_something_is_excluded() -> None:
    old = body(policy(zones_of(ACME)), but(zones(SHOP)))
    new = body(policy(zones_of(ACME)), but(zones(SHOP)), policy(zones(SHOP), DNS_READ))
    reading = Call(frozenset({DNS_READ, DNS_EDIT}), zone_id=SHOP, account_id=ACME)
    assert [decide(one, reading, CATALOGUE).allowed for one in (old, new)] == [False, True]
    assert (compare(old, new, CATALOGUE, around()).verdict, compare(new, old, CATALOGUE, around()).verdict) == (
        "wider",
        "narrower",
    )

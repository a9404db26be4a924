"""The list beneath the sentence: a line for each policy, in the order of the form, with names where there are any."""

import json

from hypothesis import given, settings
from policy_world import (
    ACCOUNT_OWNER,
    ACME,
    BILLING_READ,
    BUCKETS,
    CATALOGUE,
    OBJECTS_READ,
    STAGING,
    USER_OWNER,
    USER_READ,
    ZONE_READ,
    ZONES,
    around,
    dns,
    frozen_specs,
    spec,
)

from tokenportal.policy.body import atoms
from tokenportal.policy.compile import compile
from tokenportal.policy.listing import Line, listed
from tokenportal.policy.spec import AccessBlock, AccountChoice, TokenSpec, ZoneChoice

SHOP, WWW, *_ = ZONES


def lines(wanted: TokenSpec) -> list[tuple[str, str, list[str], list[str]]]:
    payload = compile(wanted, CATALOGUE, USER_OWNER)
    found = listed(payload.body, CATALOGUE, around(), payload.origins)
    return [(line.section, line.effect, [group.name for group in line.groups], list(line.places)) for line in found]


def test_the_lines_follow_the_form_and_exceptions_follow_what_they_cut() -> None:
    wide = ZoneChoice("accounts", accounts=(ACME,), except_zones=(SHOP,))
    wanted = spec(
        dns(SHOP, WWW), AccessBlock(permissions=(ZONE_READ,), zones=wide),
        *[AccessBlock(permissions=(BILLING_READ,), accounts=AccountChoice("all", (), (STAGING,)))],
    )  # fmt: skip
    assert lines(wanted) == [
        ("access-1", "allow", ["DNS Write"], ["shop.example", "www.example"]),
        ("access-2", "allow", ["Zone Read"], ["all 214 zones of Acme production, also those added later"]),
        ("access-2", "deny", ["Zone Read"], ["shop.example"]),
        ("access-3", "allow", ["Billing Read"], ["all accounts, also those added later"]),
        ("access-3", "deny", ["Billing Read"], ["Acme staging"]),
    ]


def test_every_kind_of_place_has_words() -> None:
    wanted = spec(
        AccessBlock(permissions=(USER_READ, OBJECTS_READ, ZONE_READ), zones=ZoneChoice("all"), buckets=(BUCKETS[0],)),
    )
    assert {place for *_, places in lines(wanted) for place in places} == {
        "the user service-dns, as whom it acts", f"R2 bucket {BUCKETS[0]}", "all zones of every account, also those added later",
    }  # fmt: skip
    uncounted = around(zone_counts={})
    body = compile(spec(AccessBlock(permissions=(ZONE_READ,), zones=ZoneChoice("all"))), CATALOGUE, ACCOUNT_OWNER).body
    assert listed(body, CATALOGUE, uncounted)[0].places == ("all zones of Acme production, also those added later",)


def test_what_is_not_known_is_shown_as_it_is_and_taken_for_the_worst() -> None:
    strange = {"effect": "allow", "permission_groups": [{"id": "f" * 32}], "resources": {"com.example.thing": "*"}}
    [line] = listed({"policies": [strange]}, CATALOGUE, around())
    assert json.loads(line.unknown) == strange
    assert [(group.label, group.risk) for group in line.groups] == [(f"permission {'f' * 32}", "creates")]
    assert listed({"policies": "nonsense"}, CATALOGUE, around()) == (Line("", (), (), unknown='"nonsense"'),)
    assert listed({}, CATALOGUE, around()) == ()
    plain = {**strange, "resources": {f"com.cloudflare.api.account.zone.{SHOP}": "*"}}
    assert listed({"policies": [plain]}, CATALOGUE, around())[0].unknown == ""


@settings(max_examples=80, deadline=None)
@given(frozen_specs)
def test_the_list_says_exactly_what_the_body_says(wanted: TokenSpec) -> None:
    payload = compile(wanted, CATALOGUE, USER_OWNER)
    found = listed(payload.body, CATALOGUE, around(), payload.origins)
    said = {(line.effect, group.id) for line in found for group in line.groups}
    assert said == {(effect, group) for effect, group, _ in atoms(payload.body)}
    assert sum(len(line.groups) * len(line.places) for line in found) == sum(
        len(policy["permission_groups"]) * len(policy["resources"]) for policy in payload.body["policies"]
    )

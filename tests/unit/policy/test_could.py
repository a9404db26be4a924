"""What could this token do? Allowed, refused or not stated, and the words for why."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_world import (
    ACCOUNT_OWNER,
    ACME,
    BUCKETS,
    CATALOGUE,
    DNS_EDIT,
    STAGING,
    USER,
    USER_OWNER,
    USER_READ,
    ZONES,
    dns,
    group_id,
    spec,
)

from tests.unit.policy.specs import Drawn, drawn
from tokenportal.policy import could, operations
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.compile import compile
from tokenportal.policy.could import Answer, Target
from tokenportal.policy.evaluate import Call, decide
from tokenportal.policy.spec import AccessBlock, AccountChoice, ClientIPs, Validity, ZoneChoice

SHOP, WWW, DEV, *_ = ZONES
ON_SHOP = Target("shop.example", zone_id=SHOP, account_id=ACME, account_name="Acme production")
ON_DEV = Target("dev.example", zone_id=DEV, account_id=STAGING, account_name="Acme staging")
ON_ACME = Target("Acme production", account_id=ACME, account_name="Acme production")
ON_USER = Target("the user service-dns", user_id=USER)
TARGETS = {"zone": ON_SHOP, "all zones": ON_ACME, "account": ON_ACME, "either": ON_SHOP, "user": ON_USER}
RECORDS = "GET /zones/{zone_id}/dns_records"
ON_ACME_S = AccountChoice(accounts=(ACME,))


def body(*blocks: AccessBlock, **changes: Any) -> dict[str, Any]:
    return compile(spec(*blocks, **changes), CATALOGUE, USER_OWNER).body


def holding(name: str, scope: str, **choice: Any) -> AccessBlock:
    given = {"zones": ZoneChoice(zones=(SHOP,)), "accounts": ON_ACME_S}
    return AccessBlock(permissions=(group_id(name, scope),), **given | choice)


def ask(name: str, target: Target, *blocks: AccessBlock, **changes: Any) -> Answer:
    operation = operations.get(name)
    assert operation is not None, name
    return could.could(body(*blocks, **changes), operation, target, CATALOGUE)


@pytest.mark.parametrize(
    ("name", "target", "block", "state", "reason"),
    [
        (RECORDS, ON_SHOP, dns(SHOP), "allowed", "Granted by DNS Write."),
        (RECORDS, ON_DEV, dns(SHOP), "refused",
         "Needs one of DNS Read or DNS Write on dev.example. The token holds DNS Write, but not there."),
        (RECORDS, ON_SHOP, holding("Zone Read", "zone"), "refused",
         "Needs one of DNS Read or DNS Write on shop.example. The token holds neither."),
        ("POST /zones/{zone_id}/purge_cache", ON_SHOP, dns(SHOP), "refused",
         "Needs Cache Purge on shop.example. The token does not hold it."),
        (RECORDS, ON_SHOP, dns(zones=ZoneChoice(mode="all", except_zones=(SHOP,))), "refused",
         "Needs one of DNS Read or DNS Write on shop.example. "
         "It is granted, and excluded again for this resource. An exclusion always wins."),
        ("GET /zones/{zone_id}", ON_SHOP, holding("User Details Read", "user"), "refused",
         "Needs one of Zone Read, Zone Write, Zone Settings Read, Zone Settings Write or 23 more permissions on shop.example. "
         "The token holds none of them."),
        # account, user, and either
        ("GET /accounts/{account_id}/tokens", ON_ACME, holding("Account API Tokens Read", "account"), "allowed",
         "Granted by Account API Tokens Read."),
        ("GET /accounts/{account_id}/tokens", Target("Acme staging", account_id=STAGING),
         holding("Account API Tokens Read", "account"), "refused",
         "Needs one of Account API Tokens Read or Account API Tokens Write on Acme staging. "
         "The token holds Account API Tokens Read, but not there."),
        ("GET /user", ON_USER, holding("User Details Read", "user"), "allowed", "Granted by User Details Read."),
        ("GET /user", Target("a user"), dns(SHOP), "refused",
         "Needs one of User Details Read or User Details Write on a user. The token holds neither."),
        ("GET /{accounts_or_zones}/{account_or_zone_id}/access/apps/ca", ON_SHOP,
         holding("Access: Apps and Policies Read", "zone"), "allowed", "Granted by Access: Apps and Policies Read."),
        ("GET /{accounts_or_zones}/{account_or_zone_id}/access/apps/ca", ON_ACME,
         holding("Access: Apps and Policies Read", "zone"), "refused",
         "Needs one of Access: Apps and Policies Read or Access: Apps and Policies Write on Acme production. "
         "The token holds neither."),
        ("GET /{accounts_or_zones}/{account_or_zone_id}/access/apps/ca", ON_ACME,
         holding("Access: Apps and Policies Read", "account"), "allowed", "Granted by Access: Apps and Policies Read."),
        # paths of zones that name groups of accounts
        ("GET /zones/{zone_id}/available_plans", ON_SHOP, holding("Billing Read", "account"), "allowed", "Granted by Billing Read."),
        ("GET /zones/{zone_id}/available_plans", ON_SHOP, dns(SHOP), "refused",
         "Needs one of Billing Read or Billing Write on Acme production. The token holds neither."),
        ("GET /zones/{zone_id}/available_plans", Target("shop.example", zone_id=SHOP), dns(SHOP), "unstated",
         "Cloudflare names Billing Read or Billing Write for this, which is granted on accounts, and does not state on which. "
         "Try it with the token."),
        ("GET /zones/{zone_id}/available_plans", replace(ON_SHOP, account_name=""), dns(SHOP), "refused",
         "Needs one of Billing Read or Billing Write on the zone’s account. The token holds neither."),
        ("GET /zones/{zone_id}", ON_SHOP, holding("Workers Scripts Read", "account"), "unstated",
         "Cloudflare names Workers Scripts Read for this too, which the token holds on the account. "
         "Whether that counts for shop.example is not stated."),
        # what Cloudflare leaves open
        ("GET /accounts", ON_USER, dns(SHOP), "unstated",
         "Cloudflare does not state which permission this needs. Try it with the token. "
         "It answers with what the token may see, an empty list at worst."),
        ("GET /user/tokens/verify", ON_USER, dns(SHOP), "unstated",
         "Cloudflare does not state which permission this needs. Try it with the token."),
        ("GET /user/load_balancers/monitors", ON_USER, dns(SHOP), "unstated",
         "Cloudflare names Load Balancing: Monitors and Pools Read or Load Balancing: Monitors and Pools Write for this, "
         "which is granted on accounts, and does not state on which. Try it with the token."),
        ("GET /accounts/{account_id}/artifacts/namespaces", ON_ACME, dns(SHOP), "unstated",
         "Cloudflare names Artifacts Read for this, which this portal does not know. Try it with the token."),
        ("GET /radar/ai/bots/summary/user_agent", ON_USER, holding("Radar Read", "account"), "unstated",
         "Cloudflare’s schema names User Details for this, its template for Radar names Radar Read. Try it with the token."),
        ("DELETE /accounts/{account_id}/r2/buckets/{bucket_name}/objects", ON_ACME,
         holding("Workers R2 Storage Bucket Item Write", "bucket", buckets=BUCKETS[:1]), "unstated",
         "The token holds permissions on single R2 buckets. Whether they count for this call is not stated."),
        ("DELETE /accounts/{account_id}/r2/buckets/{bucket_name}/objects", ON_ACME, dns(SHOP), "refused",
         "Needs Workers R2 Storage Write on Acme production. The token does not hold it."),
        ("GET /accounts/{account_id}/tokens", ON_ACME,
         holding("Workers R2 Storage Bucket Item Write", "bucket", buckets=BUCKETS[:1]), "refused",
         "Needs one of Account API Tokens Read or Account API Tokens Write on Acme production. The token holds neither."),
        # all zones
        ("GET /zones", ON_ACME, dns(SHOP), "nothing",
         "Cloudflare does not refuse this, but lists no zone: the token holds Zone Read on none."),
        ("GET /zones", ON_ACME, holding("Zone Read", "zone"), "allowed",
         "It lists only the zones on which the token holds Zone Read: 1 zone."),
        ("GET /zones", ON_ACME, holding("Zone Read", "zone", zones=ZoneChoice(zones=(SHOP, DEV))), "allowed",
         "It lists only the zones on which the token holds Zone Read: 2 zones."),
        ("GET /zones", ON_ACME, holding("Zone Read", "zone", zones=ZoneChoice(mode="accounts", accounts=(ACME,))), "allowed",
         "It lists only the zones on which the token holds Zone Read: all that it covers."),
        ("POST /zones", ON_ACME, holding("Zone Write", "zone", zones=ZoneChoice(mode="accounts", accounts=(ACME,))), "allowed",
         "Granted by Zone Write."),
        ("POST /zones", ON_ACME, holding("Zone Write", "zone"), "refused",
         "Needs one of Zone Write or DNS Write on all zones of Acme production, those added later included. "
         "The token holds Zone Write, but not there."),
        ("POST /zones", Target("x", account_id=ACME), holding("Zone Read", "zone"), "refused",
         "Needs one of Zone Write or DNS Write on all zones of the account, those added later included. The token holds neither."),
    ],
)  # fmt: skip
def test_an_answer_and_its_words(name: str, target: Target, block: AccessBlock, state: str, reason: str) -> None:
    assert ask(name, target, block) == Answer(state, reason)  # type: ignore[arg-type]


def test_every_state_has_a_word() -> None:
    assert [Answer(state, "").word for state in ("allowed", "refused", "nothing", "unstated")] == [
        "Allowed", "Refused", "Empty answer", "Not stated",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "conditions"),
    [
        ({}, ()),
        ({"client_ips": ClientIPs(allow=("0.0.0.0/0", "::/0"))}, ()),
        ({"client_ips": ClientIPs(allow=("203.0.113.0/24",), block=("203.0.113.9", "203.0.113.10"))},
         ("Only from 203.0.113.0/24.", "Not from 203.0.113.9/32 and 203.0.113.10/32.")),
        ({"client_ips": ClientIPs(allow=tuple(f"192.0.2.{one}" for one in range(9)))},
         ("Only from 192.0.2.0/32, 192.0.2.1/32, 192.0.2.2/32, 192.0.2.3/32 and 5 more networks.",)),
        ({"validity": Validity(starts="2026-12-01", lifetime="until", until="2027-02-08")},
         ("Not before Tue 1 Dec 2026 00:00 UTC.", "Until Mon 8 Feb 2027 23:59 UTC.")),
    ],
)  # fmt: skip
def test_from_where_and_when_is_told_beside_the_answer(changes: dict[str, Any], conditions: tuple[str, ...]) -> None:
    assert ask(RECORDS, ON_SHOP, dns(SHOP), **changes).conditions == conditions


def test_a_token_that_has_ended_or_that_nobody_understands_is_refused() -> None:
    operation = operations.get(RECORDS)
    assert operation
    ended = body(dns(SHOP), validity=Validity(lifetime="until", until="2026-11-01"))
    now = datetime(2026, 11, 24, tzinfo=UTC)
    assert could.could(ended, operation, ON_SHOP, CATALOGUE, moment=now) == Answer(
        "refused", "The token ended on Sun 1 Nov 2026 23:59 UTC."
    )
    assert could.could({"policies": [{"effect": "maybe"}]}, operation, ON_SHOP, CATALOGUE) == Answer(
        "refused", "The token has a policy or a condition of an unknown kind, so nothing can be promised."
    )
    assert could.examples(ended, TARGETS, CATALOGUE, moment=now)[0][1].state == "refused"


def test_a_connection_that_offers_less_knows_the_names_all_the_same() -> None:
    operation = operations.get(RECORDS)
    assert operation
    assert could.could(body(dns(SHOP)), operation, ON_SHOP, Catalogue(())).state == "allowed"


@settings(max_examples=60, deadline=None)
@given(drawn, st.sampled_from(operations.known()))
def test_the_answer_is_the_evaluator_s_wherever_the_groups_are_of_the_target_s_kind(
    one: Drawn, operation: operations.Operation
) -> None:
    answer = could.could(one.body, operation, TARGETS[operation.kind], CATALOGUE)
    scope = {"zone": "zone", "either": "zone", "account": "account", "user": "user"}.get(operation.kind, "")
    ids = frozenset(group.id for name in operation.groups if (group := CATALOGUE.named(name, scope)))
    where = {"zone": {"zone_id": SHOP, "account_id": ACME}, "account": {"account_id": ACME}, "user": {"user_id": USER}}
    if ids:
        allowed = decide(one.body, Call(ids, **where[scope]), CATALOGUE).allowed
        assert (answer.state == "allowed") is (allowed and not operation.path.startswith("/radar/"))


@settings(max_examples=40, deadline=None)
@given(drawn)
def test_examples_are_what_they_say(one: Drawn) -> None:
    found = could.examples(one.body, TARGETS, CATALOGUE)
    states = [answer.state for _, answer in found]
    assert states == sorted(states)
    assert set(states) <= {"allowed", "refused"}
    assert all(states.count(state) <= 2 for state in states)
    for operation, answer in found:
        assert could.could(one.body, operation, TARGETS[operation.kind], CATALOGUE) == answer


def test_a_token_for_something_unusual_has_an_example_of_its_own() -> None:
    found = could.examples(body(holding("Waiting Rooms Read", "zone")), TARGETS, CATALOGUE)
    assert [(str(operation), answer.state) for operation, answer in found] == [
        ("GET /zones/{zone_id}/waiting_rooms/settings", "allowed"),
        ("GET /zones/{zone_id}/waiting_rooms/{waiting_room_id}", "allowed"),
        ("GET /zones/{zone_id}/dns_records", "refused"),
        ("POST /zones/{zone_id}/dns_records", "refused"),
    ]
    assert could.examples(body(dns(SHOP)), {}, CATALOGUE) == ()


def test_a_user_permission_on_an_account_owned_token_is_nowhere() -> None:
    made = compile(
        spec(AccessBlock(permissions=(USER_READ, DNS_EDIT), zones=ZoneChoice(zones=(SHOP,)))), CATALOGUE, ACCOUNT_OWNER
    )
    operation = operations.get("GET /user")
    assert operation
    assert could.could(made.body, operation, Target("a user"), CATALOGUE).state == "refused"

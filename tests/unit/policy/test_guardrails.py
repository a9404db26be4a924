"""Guardrails: what each rule asks for, and that no body slips by a rule that forbids what it allows."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.policy.policy_world import (
    ACCOUNTS,
    ACME,
    BILLING_READ,
    BUCKETS,
    CACHE_PURGE,
    CATALOGUE,
    DNS_EDIT,
    DNS_READ,
    OBJECTS_READ,
    SCRIPTS_EDIT,
    TOKENS_EDIT,
    USER,
    USER_OWNER,
    ZONE_READ,
    ZONES,
    dns,
    group_id,
    json_values,
    spec,
)
from tests.unit.policy.specs import drawn
from tokenportal.policy import guardrails, moments
from tokenportal.policy.body import restrictions_of
from tokenportal.policy.catalogue import Catalogue, PermissionGroup
from tokenportal.policy.compile import compile
from tokenportal.policy.default_rules import DEFAULT_RULES, MORE_THAN_READING
from tokenportal.policy.evaluate import Call, decide
from tokenportal.policy.guardrails import ADMINS, TEAM, Effects, Judged, Match, Rule, judge, matches
from tokenportal.policy.held import breadth_of, does, from_anywhere, reach_in_words
from tokenportal.policy.resources import Resource
from tokenportal.policy.spec import AccessBlock, AccountChoice, ClientIPs, Validity, ZoneChoice

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
SHOP, WWW, *_ = ZONES
R2_EDIT, R2_READ = group_id("Workers R2 Storage Write", "account"), group_id("Workers R2 Storage Read", "account")
ZARAZ_ADMIN = group_id("Zaraz Admin", "zone")
GATEWAY_EDIT = group_id("AI Gateway Write", "account")
REFUSED = "Ask for less."


def body(*groups: str, on: Any = None, **changes: Any) -> dict[str, Any]:
    resources = on or {f"com.cloudflare.api.account.zone.{SHOP}": "*"}
    policy = {"effect": "allow", "permission_groups": [{"id": id} for id in groups], "resources": resources}
    return {"name": "a", "policies": [policy], **changes}


def rule(when: Match | None = None, **then: Any) -> Rule:
    return Rule("a-rule", "A rule", when or Match(), Effects(**then or {"refuse": REFUSED}))


def judged_as(case: Any = "new", **changes: Any) -> Judged:
    return replace(Judged(NOW, case=case), **changes)


def about(when: Match, of: dict[str, Any], **changes: Any) -> bool:
    return matches(when, of, CATALOGUE, judged_as(**changes))


ALL_ZONES = {"com.cloudflare.api.account.zone.*": "*"}
ZONES_OF_ACME = {f"com.cloudflare.api.account.{ACME}": {"com.cloudflare.api.account.zone.*": "*"}}
TWO_ZONES = {f"com.cloudflare.api.account.zone.{id}": "*" for id in (SHOP, WWW)}
OF_ACME = {f"com.cloudflare.api.account.{ACME}": "*"}
EVERY_ACCOUNT = {"com.cloudflare.api.account.*": "*"}


@pytest.mark.parametrize(
    ("groups", "held", "is_about"),
    [
        ((DNS_EDIT,), DNS_EDIT, True), ((DNS_EDIT,), DNS_READ, False), ((DNS_READ,), DNS_EDIT, True),
        ((DNS_READ, CACHE_PURGE), ZONE_READ, False), ((group_id("Zaraz Edit", "zone"),), ZARAZ_ADMIN, True),
        ((ZARAZ_ADMIN,), group_id("Zaraz Edit", "zone"), False), (("f" * 32,), DNS_EDIT, False),
        ((DNS_EDIT,), "e" * 32, True),
    ],
)  # fmt: skip
def test_a_rule_names_permissions_and_means_all_that_include_them(groups: tuple[str, ...], held: str, is_about: bool) -> None:
    assert about(Match(groups=groups), body(held)) is is_about


def test_storage_of_an_account_includes_each_of_its_buckets() -> None:
    assert about(Match(groups=(OBJECTS_READ,)), body(R2_EDIT, on=OF_ACME))
    assert about(Match(groups=(OBJECTS_READ,)), body(R2_READ, on=OF_ACME))
    assert not about(
        Match(groups=(R2_READ,)), body(OBJECTS_READ, on={f"com.cloudflare.edge.r2.bucket.{ACME}_default_photos": "*"})
    )


@pytest.mark.parametrize(
    ("when", "held", "is_about"),
    [
        (Match(levels=("read",)), DNS_EDIT, True), (Match(levels=("edit",)), DNS_READ, False),
        (Match(levels=("edit",)), ZARAZ_ADMIN, True), (Match(levels=("edit",)), CACHE_PURGE, False),
        (Match(categories=("dns_and_zones",)), DNS_EDIT, True), (Match(categories=("media",)), DNS_EDIT, False),
        (Match(scopes=("zone",)), DNS_EDIT, True), (Match(scopes=("account", "user")), DNS_EDIT, False),
        (Match(creates_tokens=True), DNS_EDIT, False), (Match(), DNS_EDIT, True),
    ],
)  # fmt: skip
def test_a_rule_is_about_levels_categories_and_scopes(when: Match, held: str, is_about: bool) -> None:
    assert about(when, body(held)) is is_about


def test_a_permission_that_creates_tokens_is_one_wherever_it_stands() -> None:
    of_user = {f"com.cloudflare.api.user.{USER}": "*"}
    assert about(Match(creates_tokens=True), body(TOKENS_EDIT, on=of_user))
    assert about(Match(creates_tokens=True), body(group_id("Account API Tokens Write", "account"), on=OF_ACME))


def test_a_category_that_was_renamed_at_cloudflare_takes_no_rule_away() -> None:
    row = {"id": DNS_EDIT, "name": "DNS Write", "scopes": ["com.cloudflare.api.account.zone"], "category": "zones"}
    renamed = Catalogue.from_api([row])
    for category in ("zones", "dns_and_zones"):
        assert matches(Match(categories=(category,)), body(DNS_EDIT), renamed, judged_as())


def test_a_group_of_a_kind_that_nobody_knows_is_meant_by_every_rule() -> None:
    strange = Catalogue([PermissionGroup("f" * 32, "Moon Write", "Moon", "other", "edit")])
    assert matches(Match(groups=(DNS_READ,), levels=("read",)), body("f" * 32), strange, judged_as())


@pytest.mark.parametrize(
    ("on", "breadth"),
    [(None, "one"), (TWO_ZONES, "several"), (ZONES_OF_ACME, "account"), (ALL_ZONES, "all")],
)  # fmt: skip
def test_reach_is_a_ladder(on: Any, breadth: str) -> None:
    order = [*guardrails.BREADTHS]
    for least in order:
        assert about(Match(breadth=least), body(DNS_EDIT, on=on)) is (order.index(least) <= order.index(breadth)), least


def test_what_is_excluded_makes_nothing_smaller_and_what_one_may_not_use_reaches_nothing() -> None:
    wide = body(DNS_EDIT, on=ALL_ZONES)
    cut = {"effect": "deny", "permission_groups": [{"id": DNS_EDIT}], "resources": ZONES_OF_ACME}
    assert about(Match(breadth="all"), {**wide, "policies": [*wide["policies"], cut]})
    assert not about(Match(levels=("edit",)), body(DNS_EDIT, on=OF_ACME))
    assert not about(Match(), {"name": "a", "policies": []})


@pytest.mark.parametrize("level", ["read", "edit", "admin", "run", "revoke", "send", "report", "index", "purge", "bind"])
def test_a_rule_that_names_a_level_is_about_the_same_permissions_as_one_that_names_its_groups(level: str) -> None:
    named = tuple(group.id for group in CATALOGUE if group.level == level)
    for group in CATALOGUE:
        where = {"zone": ALL_ZONES, "account": OF_ACME, "user": {f"com.cloudflare.api.user.{USER}": "*"}}.get(
            group.scope, {f"com.cloudflare.edge.r2.bucket.{ACME}_default_photos": "*"}
        )
        of = body(group.id, on=where)
        assert about(Match(levels=(level,)), of) or not about(Match(groups=named), of), group.name
    assert not about(Match(levels=("run",)), body(DNS_EDIT))


def test_the_reach_of_one_permission_is_not_that_of_another() -> None:
    both = body(DNS_EDIT)["policies"] + body(ZONE_READ, on=ALL_ZONES)["policies"]
    assert not about(Match(groups=(DNS_EDIT,), breadth="several"), {"policies": both})
    assert about(Match(groups=(ZONE_READ,), breadth="all"), {"policies": both})
    assert breadth_of([Resource("zone", SHOP), Resource("zone", SHOP)]) == "one"


@pytest.mark.parametrize(
    ("ranges", "anywhere"),
    [
        ((), True), (("203.0.113.0/24",), False), (("0.0.0.0/0",), True), (("0.0.0.0/1", "128.0.0.0/1"), True), (("::/0",), True),
        (("10.0.0.0/8",), False), (("10.0.0.0/8", "11.0.0.0/32"), True), (("10.0.0.0/8", "10.1.0.0/16"), False),
        (("2001:db8::/32",), False), (("2001:db8::/31",), True), (("::ffff:0:0/96",), True), (("::ffff:203.0.113.7/128",), False),
        (("::/96",), False), (("::fffe:0:0/95",), True), (("::/80",), True), (("::/33",), True), (("::ffff:0:0/97",), True),
        (("::ffff:0a00:0/104",), False), (("::ffff:0a00:0/104", "10.0.0.0/8"), False), (("::ffff:0a00:0/104", "11.0.0.0/32"), True),
    ],
)  # fmt: skip
def test_ranges_that_hold_nearly_everything_restrict_nothing(ranges: tuple[str, ...], anywhere: bool) -> None:
    found = restrictions_of({"condition": {"request_ip": {"in": list(ranges)}}} if ranges else {})
    assert from_anywhere(found) is anywhere
    assert about(Match(from_anywhere=True), body(DNS_EDIT, condition={"request_ip": {"in": list(ranges)}})) is anywhere


def test_a_missing_end_is_later_than_any() -> None:
    when = Match(longer_than=90)
    last = moments.end_of_lifetime(NOW, 90)
    assert about(when, body(DNS_EDIT))
    assert not about(when, body(DNS_EDIT, expires_on=moments.as_cloudflare(last)))
    assert about(when, body(DNS_EDIT, expires_on=moments.as_cloudflare(last + timedelta(seconds=1))))


def test_a_rule_can_be_for_a_connection_or_a_team_only() -> None:
    assert about(Match(connections=("c",), teams=("t",)), body(DNS_EDIT), connection="c", team="t")
    assert not about(Match(connections=("c",)), body(DNS_EDIT), connection="d")
    assert not about(Match(teams=("t",)), body(DNS_EDIT), team="u")


def test_what_cannot_be_read_is_refused_and_touched_by_every_rule() -> None:
    strange = [
        {"policies": [{"effect": "maybe"}]}, {"policies": "all"}, body(DNS_EDIT, condition={"country": "all"}),
        body(DNS_EDIT, expires_on="soon"), body(DNS_EDIT, on={"com.cloudflare.moon": "*"}),
    ]  # fmt: skip
    for one in strange:
        found = judge(one, [rule(Match(groups=(ZONE_READ,), breadth="all"), approvals=1)], CATALOGUE, judged_as())
        assert [(ruling.effect, ruling.asks) for ruling in found.unmet] == [("refuse", guardrails.UNREADABLE)]
        assert [(demand.count, demand.because) for demand in found.demands] == [(1, "what cannot be read")]


def test_each_effect_says_what_it_asks_and_whether_it_is_there() -> None:
    asking = rule(end_within=1, addresses=True, reason=True, approvals=2, source=ADMINS, warn="Mind it.", refuse=REFUSED)
    found = judge(body(DNS_EDIT), [asking], CATALOGUE, judged_as())
    assert [(ruling.effect, ruling.asks, ruling.met) for ruling in found.rulings] == [
        ("refuse", REFUSED, False), ("end", "It must end within 1 day.", False),
        ("addresses", "It must work from certain addresses only.", False),
        ("reason", "Say why it is needed, or name the ticket.", False),
        ("approvals", "2 people among the admins must approve it.", True), ("warn", "Mind it.", True),
    ]  # fmt: skip
    assert {ruling.because for ruling in found.rulings} == {"DNS: Edit on one zone or bucket"}
    assert ([ruling.effect for ruling in found.warnings], found.asks_for_reason) == (["warn"], True)
    kept = body(
        DNS_EDIT, condition={"request_ip": {"in": ["203.0.113.0/24"]}}, expires_on=moments.as_cloudflare(NOW + timedelta(hours=1))
    )  # fmt: skip
    better = judge(kept, [rule(end_within=2, addresses=True, reason=True)], CATALOGUE, judged_as(reason="OPS-7"))
    assert [(ruling.effect, ruling.asks, ruling.met) for ruling in better.rulings] == [
        ("end", "It must end within 2 days.", True), ("addresses", "It must work from certain addresses only.", True),
        ("reason", "Say why it is needed, or name the ticket.", True),
    ]  # fmt: skip
    assert (better.unmet, better.warnings, better.demands) == ((), (), ())
    assert not judge(body(DNS_EDIT), [rule(reason=True)], CATALOGUE, judged_as(reason=" \n")).rulings[0].met


def test_of_more_than_three_permissions_the_number_is_told() -> None:
    others = [group.id for group in CATALOGUE if group.scope == "zone" and group.level == "read"][:5]
    (found,) = judge(body(*others, "f" * 32, on=TWO_ZONES), [rule()], CATALOGUE, judged_as()).rulings
    assert found.because.endswith(" and 3 more on several zones or buckets")
    (unknown,) = judge(body("f" * 32), [rule()], CATALOGUE, judged_as()).rulings
    assert unknown.because == f"permission {'f' * 32} on one zone or bucket"


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (Effects(approvals=1), "One person among the team’s approvers and the admins must approve it."),
        (Effects(approvals=2, source="admins"), "2 people among the admins must approve it."),
        (Effects(approvals=3, source="a-team"), "3 people among the approvers of Data and the admins must approve it."),
        (
            Effects(approvals=1, source="b-team"),
            "One person among the approvers of a team that is gone, so only admins count, must approve it.",
        ),
    ],
)  # fmt: skip
def test_who_must_approve_is_said(then: Effects, words: str) -> None:
    assert guardrails.approvals_in_words(then, {"a-team": "Data"}) == words
    asking = Rule("a-rule", "A rule", then=then)
    (ruling,) = judge(body(DNS_EDIT), [asking], CATALOGUE, judged_as(teams={"a-team": "Data"})).rulings
    assert ruling.asks == words


def test_a_change_that_only_takes_away_is_warned_about_at_most() -> None:
    asking = rule(end_within=1, reason=True, approvals=2, refuse=REFUSED)
    found = judge({**body(DNS_EDIT), "policies": "?"}, [asking], CATALOGUE, judged_as("lowering"))
    assert (found.unmet, found.demands, {ruling.effect for ruling in found.rulings}) == ((), (), {"warn"})


def test_what_exists_already_needs_a_reason_and_approvals_and_no_change() -> None:
    asking = rule(end_within=1, addresses=True, reason=True, approvals=2, refuse=REFUSED)
    found = judge(body(DNS_EDIT), [asking], CATALOGUE, judged_as("existing"))
    assert [ruling.effect for ruling in found.unmet] == ["reason"]
    assert [ruling.effect for ruling in found.rulings] == ["warn", "warn", "warn", "reason", "approvals"]
    assert [demand.count for demand in found.demands] == [2]


def test_a_rule_is_the_same_after_json() -> None:
    for one in DEFAULT_RULES:
        data = one.to_json()
        assert (Match.from_json(data["when"]), Effects.from_json(data["then"])) == (one.when, one.then)


@given(json_values)
def test_any_json_reads_as_a_rule(value: Any) -> None:
    wild = dict.fromkeys(("groups", "levels", "breadth", "creates_tokens", "longer_than", "from_anywhere"), value)
    asks = dict.fromkeys(("refuse", "end_within", "addresses", "reason", "approvals", "source", "warn"), value)
    for data in (value, wild):
        assert Match.from_json(data) == Match.from_json(Rule("", "", Match.from_json(data)).to_json()["when"])
    for data in (value, asks):
        assert Effects.from_json(data) == Effects.from_json(Rule("", "", then=Effects.from_json(data)).to_json()["then"])


def test_a_number_that_is_none_asks_for_nothing() -> None:
    assert (Match.from_json({"longer_than": True}), Match.from_json({"longer_than": -1})) == (Match(), Match())
    assert Effects.from_json({"source": "", "end_within": 10**9}) == Effects(source=TEAM)


# Whatever shape a body has: where it allows a call that a rule forbids, the rule is not passed.

UNNAMED_ZONE, UNNAMED_ACCOUNT, UNNAMED_USER = "9" * 32, "8" * 32, USER
PLACES = (
    *((Call(frozenset(), zone_id=id, account_id=account)) for id, account in ZONES.items()),
    *(Call(frozenset(), zone_id=UNNAMED_ZONE, account_id=account) for account in (*ACCOUNTS, UNNAMED_ACCOUNT)),
    *(Call(frozenset(), account_id=id) for id in (*ACCOUNTS, UNNAMED_ACCOUNT)),
    Call(frozenset(), user_id=UNNAMED_USER),
    *(Call(frozenset(), bucket=text, account_id=text[:32]) for text in BUCKETS),
)
SPREAD = tuple(f"{first}.77.13.191" for first in range(1, 224))
SPREAD_V6 = tuple(f"{first:x}:77aa:13bb::191" for first in range(0x2001, 0x2101))
TWIN_LEVELS = {"read": {"read", "edit", "admin"}, "edit": {"edit", "admin"}}
"""Of one label and scope: which levels let one do what a level does."""


@dataclass
class Token:
    """A body, asked what it allows."""

    body: dict[str, Any]

    def allows(self, group: str, place: Call, **more: Any) -> bool:
        return decide(self.body, replace(place, group_ids=frozenset({group}), **more), CATALOGUE).allowed

    def somewhere(self, group: str, moment: datetime, address: str) -> list[Call]:
        return [place for place in PLACES if self.allows(group, place, moment=moment, address=address)]


def may_do(when: Match, used: list[str]) -> list[str]:
    """Of the groups that are used, those that a rule forbids: those that it names, and what does at least the same."""
    found = []
    for group in filter(None, map(CATALOGUE.known, used)):
        named = [CATALOGUE.known(id) for id in when.groups]
        closure = any(
            other and (other.label, other.scope) == (group.label, group.scope)
            and (other.id == group.id or group.level in TWIN_LEVELS.get(other.level, {"edit", "admin", other.level}))
            for other in named
        )  # fmt: skip
        amounts = {level for level, by in TWIN_LEVELS.items() if group.level in by} | {group.level} | {
            other.level for other in CATALOGUE if (other.label, other.scope) == (group.label, group.scope)
            and group.level in TWIN_LEVELS.get(other.level, {"edit", "admin"})
        }  # fmt: skip
        if (
            (closure or not when.groups)
            and (not when.levels or amounts & set(when.levels))
            and (not when.categories or group.category in when.categories)
            and (not when.scopes or group.scope in when.scopes)
            and (not when.creates_tokens or group.key in ("api_tokens", "account_api_tokens"))
            and not (when.creates_tokens and group.level == "read")
        ):
            found.append(group.id)
    return found


def reaches_so_far(places: list[Call], least: str) -> bool:
    """Whether these calls together go as far as `least` says, seen by what the body cannot have named."""
    spots = {(place.zone_id, place.bucket) for place in places if place.zone_id or place.bucket}
    wide = any(place.zone_id == UNNAMED_ZONE or not (place.zone_id or place.bucket) for place in places)
    every = any(place.account_id == UNNAMED_ACCOUNT for place in places)
    return {"": bool(places), "one": bool(places), "several": wide or len(spots) > 1, "account": wide, "all": every}[least]


def forbidden(when: Match, token: Token) -> bool:
    """Whether the body allows what a rule of this `when` forbids: told by calls alone, without a look at policies."""
    too_long = moments.end_of_lifetime(NOW, when.longer_than) + timedelta(seconds=1)
    moment = too_long if when.longer_than else NOW + timedelta(days=40)
    homes = ("203.0.113.7", "2001:db8::1", "10.77.13.191", "77.77.13.191", "2042:77aa:13bb::191")
    text = json.dumps(token.body, default=str)
    groups = may_do(when, [group.id for group in CATALOGUE if group.id in text])
    for home in homes:
        if when.from_anywhere and not any(is_wide(token, groups, moment, spread) for spread in (SPREAD, SPREAD_V6)):
            continue
        places = [place for id in groups for place in token.somewhere(id, moment, home)]
        if reaches_so_far(places, when.breadth):
            return True
    return False


def is_wide(token: Token, groups: list[str], moment: datetime, spread: tuple[str, ...]) -> bool:
    """Whether some place is open from at least three far addresses: then ranges of a /9 or of a /33 at the least are open."""
    for id in groups:
        for place in PLACES:
            if token.allows(id, place, moment=moment) and sum(
                token.allows(id, place, moment=moment, address=address) for address in spread
            ) > 2:  # fmt: skip
                return True
    return False


USED = sorted(
    {DNS_EDIT, DNS_READ, ZONE_READ, CACHE_PURGE, BILLING_READ, SCRIPTS_EDIT, TOKENS_EDIT, OBJECTS_READ, R2_EDIT, ZARAZ_ADMIN}
)
levels = st.lists(st.sampled_from(("read", *MORE_THAN_READING)), max_size=3).map(tuple)
whens = st.builds(
    Match,
    groups=st.just(()) | st.lists(st.sampled_from(USED), min_size=1, max_size=2).map(tuple),
    levels=st.just(()) | levels,
    categories=st.just(()) | st.lists(st.sampled_from(sorted({group.category for group in CATALOGUE})), max_size=4).map(tuple),
    scopes=st.just(()) | st.lists(st.sampled_from(("zone", "account", "user", "bucket")), max_size=2).map(tuple),
    breadth=st.sampled_from(("", "one", "several", "account", "all")),
    creates_tokens=st.sampled_from((False, False, True)),
    longer_than=st.sampled_from((0, 0, 7, 90, 400)),
    from_anywhere=st.sampled_from((False, False, True)),
)
HALVES = (
    "0.0.0.0/1",
    "128.0.0.0/1",
    "0.0.0.0/0",
    "::/0",
    "2000::/3",
    "203.0.113.0/24",
    "203.0.113.7",
    "2001:db8::/32",
    "::ffff:0:0/96",
    "64.0.0.0/3",
)
ids = st.sampled_from((*USED, "e" * 32))
resource_maps = st.dictionaries(
    st.sampled_from((
        *(f"com.cloudflare.api.account.zone.{id}" for id in ZONES), *(f"com.cloudflare.api.account.{id}" for id in ACCOUNTS),
        "com.cloudflare.api.account.*", "com.cloudflare.api.account.zone.*", f"com.cloudflare.api.user.{USER}",
        f"com.cloudflare.edge.r2.bucket.{ACME}_default_photos", "com.cloudflare.moon",
    )),
    st.sampled_from(("*", "*", {"com.cloudflare.api.account.zone.*": "*"}, {}, {f"com.cloudflare.api.account.zone.{SHOP}": "*"}, None)),
    min_size=1, max_size=3,
)  # fmt: skip
raw_policies = st.fixed_dictionaries({
    "effect": st.sampled_from(("allow", "allow", "allow", "deny", "Allow")),
    "permission_groups": st.lists(ids.map(lambda id: {"id": id, "name": "whatever"}), min_size=1, max_size=3),
    "resources": resource_maps,
})  # fmt: skip
sides = st.lists(st.sampled_from(HALVES), max_size=3)
conditions = (
    st.none()
    | st.just({})
    | st.just({"request_ip": {}})
    | st.fixed_dictionaries({"request_ip": st.fixed_dictionaries({}, optional={"in": sides, "not_in": sides})})
    | st.fixed_dictionaries({"request.ip": st.fixed_dictionaries({"in": sides})})
    | json_values
)
ends = st.none() | st.sampled_from(
    ("2026-12-01", "2027-02-23T23:59:59Z", "2027-02-24T00:00:00Z", "9999-12-31T23:59:59Z", "soon", "")
)
raw_bodies = st.fixed_dictionaries(
    {"policies": st.lists(raw_policies | raw_policies | json_values, min_size=1, max_size=3)},
    optional={"condition": conditions, "expires_on": ends, "not_before": ends},
)


def passes(when: Match, of: dict[str, Any]) -> bool:
    return not judge(of, [rule(when)], CATALOGUE, judged_as()).unmet


@settings(max_examples=300, deadline=None)
@given(whens, raw_bodies)
def test_no_raw_body_slips_by_a_rule_that_forbids_what_it_allows(when: Match, of: dict[str, Any]) -> None:
    assert not (passes(when, of) and forbidden(when, Token(of)))


@settings(max_examples=150, deadline=None)
@given(whens, drawn)
def test_no_spec_slips_by_a_rule_that_forbids_what_it_allows(when: Match, one: Any) -> None:
    assert not (passes(when, one.body) and forbidden(when, Token(one.body)))


ONE_BY_ONE = [*body(DNS_EDIT)["policies"], *body(DNS_EDIT, on={f"com.cloudflare.api.account.zone.{WWW}": "*"})["policies"]]
ESCAPES: list[tuple[Match, dict[str, Any]]] = [
    (Match(groups=(DNS_EDIT,), breadth="all"), body(DNS_EDIT, on=ALL_ZONES)),
    (Match(groups=(DNS_READ,)), body(DNS_EDIT)),
    (Match(levels=("run",)), body(GATEWAY_EDIT, on=OF_ACME)),
    (Match(breadth="account"), body(DNS_EDIT, on=ZONES_OF_ACME)),
    (Match(breadth="all"), body(SCRIPTS_EDIT, on=EVERY_ACCOUNT)),
    (Match(breadth="several"), {"policies": ONE_BY_ONE}),
    (Match(from_anywhere=True), body(DNS_EDIT, condition={"request_ip": {"in": ["0.0.0.0/1", "128.0.0.0/1"]}})),
    (Match(from_anywhere=True), body(DNS_EDIT, condition={"request_ip": {}})),
    (Match(longer_than=90), body(DNS_EDIT, expires_on="9999-12-31T23:59:59Z")),
    (Match(creates_tokens=True), body(TOKENS_EDIT, on={f"com.cloudflare.api.user.{USER}": "*"})),
]  # fmt: skip


@pytest.mark.parametrize(("when", "of"), ESCAPES)
def test_what_would_slip_by_is_seen_by_calls_alone_and_not_passed(when: Match, of: dict[str, Any]) -> None:
    assert (forbidden(when, Token(of)), passes(when, of)) == (True, False)


# The default set.


def asked_of(*blocks: AccessBlock, days: int = 90, **changes: Any) -> tuple[list[tuple[str, int, str]], list[str]]:
    """The demands of the default set, and the effects that stand in the way."""
    until = moments.as_cloudflare(moments.end_of_lifetime(NOW, days))
    one = spec(*blocks, **{"validity": Validity(lifetime="until", until=until), **changes})
    found = judge(compile(one, CATALOGUE, USER_OWNER).body, DEFAULT_RULES, CATALOGUE, judged_as())
    return [(demand.rule.id, demand.count, demand.source) for demand in found.demands], [ruling.effect for ruling in found.unmet]


def test_editing_the_dns_of_one_zone_for_ninety_days_asks_for_nothing() -> None:
    assert asked_of(dns(SHOP)) == ([], [])


def test_creating_tokens_takes_two_people_one_of_them_an_admin() -> None:
    office = ClientIPs(allow=("203.0.113.0/24",))
    demands, unmet = asked_of(AccessBlock(permissions=(TOKENS_EDIT,)), client_ips=office)
    assert demands[:2] == [("creates-tokens", 2, TEAM), ("creates-tokens-admin", 1, ADMINS)]
    assert unmet == ["reason", "reason"]
    longer = asked_of(AccessBlock(permissions=(TOKENS_EDIT,)), days=91)
    assert longer == (demands, ["end", "reason", "addresses", "reason"])


def test_editing_all_zones_takes_somebody_and_every_account_two() -> None:
    of_acme = dns(zones=ZoneChoice(mode="accounts", accounts=(ACME,)))
    assert asked_of(of_acme)[0] == [("all-zones", 1, TEAM)]
    assert asked_of(dns(zones=ZoneChoice(mode="all")))[0] == [("everything", 2, TEAM), ("all-zones", 1, TEAM)]


def test_reading_everything_for_long_is_left_to_the_findings() -> None:
    reading = AccessBlock(permissions=(BILLING_READ,), accounts=AccountChoice(mode="all"))
    one = compile(spec(reading), CATALOGUE, USER_OWNER).body
    found = judge(one, DEFAULT_RULES, CATALOGUE, judged_as())
    assert (found.rulings, found.demands) == ((), ())


def test_what_changes_things_without_an_end_stands_still() -> None:
    assert asked_of(dns(SHOP), validity=Validity(lifetime="never")) == ([], ["end"])


def test_including_is_told_by_label_scope_and_level() -> None:
    edit, read = CATALOGUE.known(DNS_EDIT), CATALOGUE.known(DNS_READ)
    assert edit
    assert read
    assert (does(edit, read), does(read, edit), does(read, read)) == (True, False, True)
    twin = replace(edit, id="7" * 32)
    assert (does(twin, edit), does(replace(edit, scope="account", id="6" * 32), read)) == (True, False)


def test_what_a_token_may_do_as_its_user_is_told_as_such() -> None:
    one = compile(spec(AccessBlock(permissions=(TOKENS_EDIT,))), CATALOGUE, USER_OWNER).body
    (ruling, *_) = judge(one, [rule(Match(creates_tokens=True), approvals=1)], CATALOGUE, judged_as()).rulings
    assert ruling.because == "API Tokens: Edit on the user as whom it acts"
    assert reach_in_words(()) == ""

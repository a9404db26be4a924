"""What a body leaves open: no end, no network, a whole account to change, tokens to create; the unknown is the worst."""

from typing import Any

import pytest
from hypothesis import given
from policy_world import (
    ACCOUNT_OWNER,
    ACME,
    BILLING_READ,
    CATALOGUE,
    DNS_EDIT,
    DNS_READ,
    SCRIPTS_EDIT,
    STAGING,
    TOKENS_EDIT,
    USER_OWNER,
    USER_READ,
    ZONES,
    dns,
    frozen_specs,
    json_values,
    owners,
    spec,
)  # fmt: skip

from tokenportal.policy import exposure, words
from tokenportal.policy.compile import compile
from tokenportal.policy.spec import AccessBlock, AccountChoice, ClientIPs, Validity, ZoneChoice
from tokenportal.policy.surroundings import Owner

SHOP, *_ = ZONES
ACCOUNT, ZONE = "com.cloudflare.api.account.", "com.cloudflare.api.account.zone."
CLOSED = {"condition": {"request_ip": {"in": ["203.0.113.0/24"]}}, "expires_on": "2026-11-05T23:59:59Z"}
EVERYTHING = {"no-expiry", "no-ip", "risk:creates", "unknown", "wide-edit"}


def found(body: dict[str, Any]) -> set[str]:
    return set(exposure.column(body, CATALOGUE).split())


def of(*blocks: AccessBlock, owner: Owner = USER_OWNER, **changes: Any) -> set[str]:
    return found(compile(spec(*blocks, **changes), CATALOGUE, owner).body)


def on(resources: dict[str, Any], group: str = DNS_EDIT, denied: dict[str, Any] | None = None) -> set[str]:
    """What is found beyond the risk, where all else is closed."""
    rows = [{"effect": "allow", "permission_groups": [{"id": group}], "resources": resources}]
    if denied:
        rows.append({"effect": "deny", "permission_groups": [{"id": group}], "resources": denied})
    return {word for word in found({"policies": rows, **CLOSED}) if not word.startswith("risk:")}


def test_a_closed_token_shows_its_risk_alone() -> None:
    until = Validity(lifetime="until", until="2026-11-05")
    assert of(dns(SHOP), client_ips=ClientIPs(allow=("203.0.113.0/24",)), validity=until) == {"risk:deletes"}


def test_what_was_left_open_is_found() -> None:
    assert of(dns(SHOP)) == {"risk:deletes", "no-expiry", "no-ip"}
    assert of(AccessBlock(permissions=(DNS_READ,), zones=ZoneChoice(zones=(SHOP,)))) == {"risk:reads", "no-expiry", "no-ip"}


def test_words_stand_between_blanks_so_that_none_is_found_in_another() -> None:
    assert exposure.column({"policies": []}, CATALOGUE) == " no-expiry no-ip risk:reads "


@pytest.mark.parametrize(
    "ranges",
    [
        ("0.0.0.0/0", "::/0"), ("0.0.0.0/0",), ("::/0",), ("0.0.0.0/1", "128.0.0.0/1"), ("203.0.113.0/24", "::/0"), (),
    ],
)  # fmt: skip
def test_a_range_that_holds_every_address_restricts_nothing(ranges: tuple[str, ...]) -> None:
    assert "no-ip" in found({**CLOSED, "condition": {"request_ip": {"in": list(ranges)}}})


def test_a_blocked_network_is_no_restriction_and_an_allowed_one_is() -> None:
    assert "no-ip" in found({**CLOSED, "condition": {"request_ip": {"not_in": ["203.0.113.0/24"]}}})
    assert found({**CLOSED, "condition": {"request.ip": {"in": ["203.0.113.7"]}}}) == {"risk:reads"}


@pytest.mark.parametrize(
    "resources",
    [
        {f"{ACCOUNT}{ACME}": {f"{ZONE}*": "*"}},
        {f"{ZONE}*": "*"},
        {f"{ZONE}{SHOP}": "*", f"{ACCOUNT}{STAGING}": {f"{ZONE}*": "*"}},
    ],
)
def test_editing_all_zones_of_an_account_is_account_wide(resources: dict[str, Any]) -> None:
    assert on(resources) == {"wide-edit"}
    assert on(resources, group=DNS_READ) == set()


@pytest.mark.parametrize("resources", [{f"{ACCOUNT}{ACME}": "*"}, {f"{ACCOUNT}*": "*"}])
def test_editing_an_account_is_account_wide(resources: dict[str, Any]) -> None:
    assert on(resources, group=SCRIPTS_EDIT) == {"wide-edit"}
    assert on(resources, group=BILLING_READ) == set()
    assert on(resources, group=DNS_EDIT) == set(), "a group for zones does nothing on an account"


def test_editing_named_zones_or_a_user_is_not_account_wide() -> None:
    assert on({f"{ZONE}{SHOP}": "*"}) == set()
    assert on({f"com.cloudflare.api.user.{USER_OWNER.id}": "*"}, group=TOKENS_EDIT) == set()
    assert on({f"com.cloudflare.api.user.{USER_OWNER.id}": "*"}, group=USER_READ) == set()


def test_what_is_excluded_as_a_whole_does_not_count_and_single_zones_do_not_help() -> None:
    zones_of = {f"{ACCOUNT}{ACME}": {f"{ZONE}*": "*"}}
    assert on(zones_of, denied=zones_of) == on(zones_of, denied={f"{ZONE}*": "*"}) == set()
    assert on({f"{ZONE}*": "*"}, denied=zones_of) == on(zones_of, denied={f"{ZONE}{SHOP}": "*"}) == {"wide-edit"}
    assert on({f"{ACCOUNT}{ACME}": "*"}, group=SCRIPTS_EDIT, denied={f"{ACCOUNT}*": "*"}) == set()


def test_an_unknown_group_may_do_anything_anywhere() -> None:
    assert found({"policies": [{"effect": "allow", "permission_groups": [{"id": "e" * 32}], "resources": {f"{ACCOUNT}{ACME}": "*"}}],
                  **CLOSED}) == {"risk:creates", "wide-edit"}  # fmt: skip
    assert on({f"{ZONE}{SHOP}": "*"}, group="e" * 32) == set()


@pytest.mark.parametrize("policies", ["*", [1], [{"effect": "maybe"}], {"allow": "all"}])
def test_what_nobody_knows_counts_as_the_worst(policies: Any) -> None:
    assert found({"policies": policies, "condition": {"country": "x"}, "expires_on": "soon"}) == EVERYTHING


def test_an_unknown_condition_is_no_restriction_and_leaves_a_known_end() -> None:
    assert found({**CLOSED, "condition": {"request_ip": {"in": "office"}}}) == {"risk:reads", "no-ip"}
    assert found({**CLOSED, "expires_on": 7}) == {"risk:reads", "no-ip", "no-expiry"}


def test_the_account_choices_of_the_builder() -> None:
    block = AccessBlock(permissions=(SCRIPTS_EDIT,), accounts=AccountChoice("these", (ACME,)))
    assert "wide-edit" in of(block, owner=ACCOUNT_OWNER)
    assert "wide-edit" in of(dns(zones=ZoneChoice(mode="all")), owner=ACCOUNT_OWNER)


def test_the_risk_is_read_back_and_nothing_told_is_the_worst() -> None:
    for risk in words.RISK_ORDER:
        assert exposure.risk_in(f" no-ip {exposure.of_risk(risk)} ") == risk
    assert exposure.risk_in("") == "creates"


@given(frozen_specs, owners)
def test_whatever_is_compiled_has_a_column_that_tells_its_risk(wanted: Any, owner: Owner) -> None:
    body = compile(wanted, CATALOGUE, owner).body
    assert exposure.risk_in(exposure.column(body, CATALOGUE)) == words.risk(body, CATALOGUE)


@given(json_values)
def test_anything_at_all_has_a_column(anything: Any) -> None:
    found({"policies": anything, "condition": anything, "expires_on": anything})

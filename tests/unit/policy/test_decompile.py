"""From a body back to a spec: the same grant, or a reason why not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policy.policy_world import ACME, CATALOGUE, DNS_EDIT, DNS_READ, USER_OWNER, frozen_specs, owners
from tokenportal.policy.compile import compile, same_grant
from tokenportal.policy.decompile import NotExpressible, decompile
from tokenportal.policy.spec import TokenSpec
from tokenportal.policy.surroundings import Owner

ZONE = "com.cloudflare.api.account.zone"


@given(frozen_specs, owners)
def test_what_was_compiled_decompiles_to_the_same_grant(wanted: TokenSpec, owner: Owner) -> None:
    body = compile(wanted, CATALOGUE, owner).body
    found = decompile(body, CATALOGUE, owner)
    assert isinstance(found, TokenSpec)
    assert same_grant(compile(found, CATALOGUE, owner).body, body)


@given(
    st.dictionaries(
        st.sampled_from(("policies", "condition", "expires_on", "name")), st.text() | st.integers() | st.lists(st.none())
    )
)
def test_no_strange_body_raises(body: dict[str, Any]) -> None:
    assert isinstance(decompile(body, CATALOGUE, USER_OWNER), TokenSpec | NotExpressible)


def policy(effect: str, group: str, resources: dict[str, Any]) -> dict[str, Any]:
    return {"effect": effect, "permission_groups": [{"id": group}], "resources": resources}


@pytest.mark.parametrize(
    "policies",
    [
        [policy("allow", DNS_EDIT, {f"{ZONE}.*": "*"}), policy("deny", DNS_READ, {f"{ZONE}.{'1' * 32}": "*"})],
        [policy("allow", DNS_EDIT, {f"{ZONE}.{'1' * 32}": "*", f"{ZONE}.*": "*"})],
        [policy("allow", "f" * 32, {f"{ZONE}.*": "*"})],
        [policy("permit", DNS_EDIT, {f"{ZONE}.*": "*"})],
        [policy("allow", DNS_EDIT, {f"com.cloudflare.api.account.{ACME}": {f"{ZONE}.{'1' * 32}": "*"}})],
    ],
)
def test_what_access_blocks_cannot_say_is_told_with_a_reason(policies: list[dict[str, Any]]) -> None:
    found = decompile({"policies": policies}, CATALOGUE, USER_OWNER)
    assert isinstance(found, NotExpressible)
    assert found.reason.endswith(".")


def test_times_and_addresses_come_back() -> None:
    body = {
        "name": "x", "policies": [policy("allow", DNS_EDIT, {f"{ZONE}.*": "*"})], "not_before": "2026-12-01T00:00:00Z",
        "expires_on": "2027-01-31T23:59:59Z", "condition": {"request.ip": {"in": ["203.0.113.9"]}},
    }  # fmt: skip
    found = decompile(body, CATALOGUE, USER_OWNER)
    assert isinstance(found, TokenSpec)
    assert (found.name, found.client_ips.allow, found.validity.until) == ("x", ("203.0.113.9/32",), "2027-01-31")
    assert found.validity.starts == "2026-12-01"
    noon = decompile({**body, "not_before": "2026-12-01T12:00:00Z", "expires_on": "2027-01-31T00:00:00Z"}, CATALOGUE, USER_OWNER)
    assert isinstance(noon, TokenSpec)
    assert (noon.validity.starts, noon.validity.until) == ("2026-12-01T12:00:00Z", "2027-01-31T00:00:00Z")

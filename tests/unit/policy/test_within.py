"""Which resource lies in which: what is wide covers its own scope alone, and a zone of nobody knows whose account may lie anywhere."""

import pytest

from tests.unit.policy.policy_world import ACME, BILLING_READ, CATALOGUE, STAGING, USER, ZONES, around
from tokenportal.policy.diff import compare
from tokenportal.policy.resources import Resource
from tokenportal.policy.within import covers, meets

SHOP, *_ = ZONES
ZONE, STRANGE = Resource("zone", SHOP), Resource("zone", "f" * 32)
EVERY_ZONE, EVERY_ACCOUNT = Resource("every zone"), Resource("every account")
IN_ACME, IN_STAGING, ACCOUNT = Resource("zones of", ACME), Resource("zones of", STAGING), Resource("account", ACME)


@pytest.mark.parametrize(
    ("wide", "one", "does"),
    [
        (EVERY_ZONE, ZONE, True), (EVERY_ZONE, STRANGE, True), (EVERY_ZONE, IN_ACME, True), (EVERY_ZONE, EVERY_ZONE, True),
        (EVERY_ZONE, ACCOUNT, False), (EVERY_ZONE, Resource("user", USER), False), (EVERY_ACCOUNT, ACCOUNT, True),
        (EVERY_ACCOUNT, ZONE, False), (EVERY_ACCOUNT, EVERY_ZONE, False), (IN_ACME, ZONE, True), (IN_STAGING, ZONE, False),
        (IN_ACME, STRANGE, False), (IN_ACME, EVERY_ZONE, False), (ACCOUNT, IN_ACME, False), (ACCOUNT, ZONE, False), (ZONE, IN_ACME, False),
    ],
)  # fmt: skip
def test_what_lies_in_what(wide: Resource, one: Resource, does: bool) -> None:
    assert covers(wide, one, around()) is does


def test_a_zone_of_which_nobody_knows_the_account_may_meet_any_account_and_is_covered_by_none() -> None:
    assert meets([IN_ACME], STRANGE, around())
    assert meets([STRANGE], IN_ACME, around())
    assert not meets([IN_STAGING], ZONE, around())
    assert not meets([ACCOUNT], STRANGE, around())


def test_what_is_allowed_on_accounts_is_not_what_was_allowed_on_every_zone() -> None:
    def on(resources: dict[str, str]) -> dict[str, object]:
        return {"policies": [{"effect": "allow", "permission_groups": [{"id": BILLING_READ}], "resources": resources}]}

    old, new = on({"com.cloudflare.api.account.zone.*": "*"}), on({f"com.cloudflare.api.account.{ACME}": "*"})
    assert compare(old, new, CATALOGUE, around()).verdict == "both"

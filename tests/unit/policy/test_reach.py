"""The words of a token's reach: whoever writes them and whoever searches them mean the same."""

from typing import Any

import pytest

from tokenportal.policy import reach
from tokenportal.policy.resources import Resource

A, B, Z, Y, G, H = (letter * 32 for letter in "abcdef")
ACCOUNT, ZONE = "com.cloudflare.api.account.", "com.cloudflare.api.account.zone."


def body(*resources: dict[str, Any], effect: str = "allow", group: str = G) -> dict[str, Any]:
    return {"policies": [{"effect": effect, "permission_groups": [{"id": group}], "resources": one} for one in resources]}


def found(column: str, words: tuple[str, ...]) -> bool:
    return any(f" {word} " in column for word in words)


def test_a_zone_is_written_with_its_account() -> None:
    assert reach.column(body({f"{ZONE}{Z}": "*"}), {Z: A}) == f" group:{G} in:{A} zone:{Z} "
    assert reach.column(body({f"{ZONE}{Z}": "*"})) == f" group:{G} zone:{Z} "


@pytest.mark.parametrize(
    ("resources", "zone", "other_zone", "account", "other_account"),
    [
        ({f"{ZONE}{Z}": "*"}, True, False, True, False),
        ({f"{ACCOUNT}{A}": {f"{ZONE}*": "*"}}, True, False, True, False),
        ({f"{ZONE}*": "*"}, True, True, True, True),
        ({f"{ACCOUNT}{A}": "*"}, False, False, True, False),
        ({f"{ACCOUNT}*": "*"}, False, False, True, True),
        ({f"com.cloudflare.edge.r2.bucket.{A}_default_pictures": "*"}, False, False, True, False),
        ({f"com.cloudflare.api.user.{H}": "*"}, False, False, False, False),
    ],
)
def test_a_token_is_found_by_what_it_reaches(
    resources: dict[str, Any], zone: bool, other_zone: bool, account: bool, other_account: bool
) -> None:
    column = reach.column(body(resources), {Z: A, Y: B})
    assert found(column, reach.of_zone(Z, A)) is zone
    assert found(column, reach.of_zone(Y, B)) is other_zone
    assert found(column, reach.of_account(A)) is account
    assert found(column, reach.of_account(B)) is other_account
    assert found(column, reach.of_group(G)) is True
    assert found(column, reach.of_group(H)) is False


def test_what_is_excluded_gives_no_words() -> None:
    assert reach.column(body({f"{ZONE}{Z}": "*"}, effect="deny")) == ""


def test_a_policy_of_an_unknown_kind_is_found_by_everything() -> None:
    column = reach.column(body({"com.cloudflare.unheard.of": "*"}))
    assert column == " unknown "
    assert all(found(column, words) for words in (reach.of_group(H), reach.of_zone(Y, B), reach.of_account(B)))


def test_a_user_is_written_by_id() -> None:
    assert reach.column(body({f"com.cloudflare.api.user.{H}": "*"})) == f" group:{G} user:{H} "


@pytest.mark.parametrize(
    ("resources", "resource"),
    [
        ({f"{ZONE}{Z}": "*"}, Resource("zone", Z)),
        ({f"{ACCOUNT}{A}": {f"{ZONE}*": "*"}}, Resource("zones of", A)),
        ({f"{ZONE}*": "*"}, Resource("every zone")),
        ({f"{ACCOUNT}{A}": "*"}, Resource("account", A)),
        ({f"{ACCOUNT}*": "*"}, Resource("every account")),
        ({f"com.cloudflare.edge.r2.bucket.{A}_default_pictures": "*"}, Resource("bucket", f"{A}/default/pictures")),
        ({f"com.cloudflare.api.user.{H}": "*"}, Resource("user", H)),
    ],
)
def test_whoever_holds_a_resource_is_found_by_it(resources: dict[str, Any], resource: Resource) -> None:
    column = reach.column(body(resources), {Z: A})
    assert found(column, reach.meeting(resource, A)) is True
    assert found(" unknown ", reach.meeting(resource, A)) is True
    assert found(f" account:{B} in:{B} user:{B} zone:{Y} zones-of:{B} ", reach.meeting(resource, A)) is False


def test_all_zones_of_an_account_meet_each_of_its_zones_and_the_other_way_round() -> None:
    one, all_of_it = (
        reach.column(body(resources), {Z: A}) for resources in ({f"{ZONE}{Z}": "*"}, {f"{ACCOUNT}{A}": {f"{ZONE}*": "*"}})
    )
    assert found(one, reach.meeting(Resource("zones of", A))) is True
    assert found(all_of_it, reach.meeting(Resource("zone", Z), A)) is True
    assert found(all_of_it, reach.meeting(Resource("zone", Z))) is False

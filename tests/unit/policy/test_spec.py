"""The spec: kept as typed, read from anything, frozen once."""

from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from policy_world import (
    ZONES,
    any_specs,
    frozen_specs,
    json_values,
)

from tokenportal.policy import moments, networks
from tokenportal.policy.spec import (
    AccessBlock,
    AccountChoice,
    TokenSpec,
    Validity,
    freeze,
    is_frozen,
    places,
)

SHOP, WWW, *_ = ZONES


@settings(max_examples=150, deadline=None)
@given(any_specs)
def test_a_spec_comes_back_from_json_exactly(wanted: TokenSpec) -> None:
    assert TokenSpec.from_json(wanted.to_json()) == wanted


@settings(max_examples=100, deadline=None)
@given(frozen_specs)
def test_a_filled_in_spec_comes_back_from_json_exactly(wanted: TokenSpec) -> None:
    assert TokenSpec.from_json(wanted.to_json()) == wanted


@settings(max_examples=300, deadline=None)
@given(json_values)
def test_any_json_is_some_spec(value: Any) -> None:
    for shaped in (
        value,
        {"name": value, "blocks": value, "client_ips": value, "validity": value},
        {"blocks": [value, {"zones": value, "accounts": value, "permissions": value, "buckets": value}]},
        {"client_ips": {"allow": value}, "validity": {"days": value, "lifetime": value, "starts": value}},
    ):
        spec = TokenSpec.from_json(shaped)
        assert TokenSpec.from_json(spec.to_json()) == spec


def test_what_is_unknown_is_passed_over_and_what_is_malformed_is_the_default() -> None:
    read = TokenSpec.from_json(
        {
            "name": "  shop ",
            "colour": "red",
            "blocks": [{"label": 3, "permissions": ["x", 4], "zones": {"mode": "most"}, "accounts": {"mode": "all"}}],
            "validity": {"lifetime": "always", "days": True},
        }
    )
    block = AccessBlock(permissions=("x",), accounts=AccountChoice("all"))
    assert read == TokenSpec(name="  shop ", blocks=(block,), validity=Validity("", "days", 90, ""))


def test_a_relative_lifetime_freezes_to_the_last_second_of_its_day_in_utc() -> None:
    wanted = TokenSpec(validity=Validity(days=30))
    late_in_new_york = datetime(2026, 11, 24, 20, tzinfo=timezone(timedelta(hours=-5)))
    assert not is_frozen(wanted)
    frozen = freeze(wanted, late_in_new_york)
    assert frozen.validity == Validity("", "until", 30, "2026-12-25T23:59:59Z")
    assert is_frozen(frozen)
    assert freeze(frozen, late_in_new_york + timedelta(days=9)) is frozen


@pytest.mark.parametrize(("days", "until"), [(10**30, "9999-12-31T23:59:59Z"), (-(10**30), "0001-01-01T23:59:59Z")])
def test_a_lifetime_beyond_the_calendar_ends_with_it(days: int, until: str) -> None:
    assert freeze(TokenSpec(validity=Validity(days=days)), datetime(2026, 1, 1, tzinfo=UTC)).validity.until == until


@pytest.mark.parametrize(
    ("typed", "first", "last"),
    [
        ("2026-11-05", "2026-11-05T00:00:00Z", "2026-11-05T23:59:59Z"),
        (" 2026-11-05T10:30Z ", "2026-11-05T10:30:00Z", "2026-11-05T10:30:00Z"),
        ("2026-11-05T10:30:01.999+00:00", "2026-11-05T10:30:01Z", "2026-11-05T10:30:01Z"),
    ],
)
def test_days_and_moments_are_read(typed: str, first: str, last: str) -> None:
    found = moments.parse(typed), moments.parse(typed, end_of_day=True)
    assert [moments.as_cloudflare(moment) for moment in found if moment] == [first, last]


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "soon",
        "2026-13-01",
        "2026-02-30",
        "20261105",
        "2026-W45-4",
        "2026-11-05T10:30",
        "2026-11-05T10:30+01:00",
        "٢٠٢٦-11-05",
        None,
        7,
    ],
)
def test_what_is_no_day_and_no_moment_in_utc_is_not_read(typed: object) -> None:
    assert moments.parse(typed) is None


@pytest.mark.parametrize(
    ("typed", "network"),
    [
        ("203.0.113.9", "203.0.113.9/32"),
        (" 10.0.0.0/8 ", "10.0.0.0/8"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
        ("10.0.0.5/8", None),
        ("10.0.0.0/255.0.0.0", None),
        ("010.0.0.1", None),
        ("10.0.0.0/33", None),
        ("fe80::1%eth0", None),
        ("office", None),
        (None, None),
    ],
)
def test_ranges_are_read_in_cidr_form_only(typed: Any, network: str | None) -> None:
    found = networks.parse(typed)
    assert (str(found) if found else None) == network


def test_host_bits_are_allowed_where_asked_for() -> None:
    assert str(networks.parse("10.0.0.5/8", host_bits=True)) == "10.0.0.0/8"


@pytest.mark.parametrize(
    ("typed", "versions"),
    [(("0.0.0.0/1", "128.0.0.0/1", "2001:db8::/32"), {4}), (("::/0", "10.0.0.0/8"), {6}), (("10.0.0.0/8",), set())],
)
def test_ranges_that_together_hold_every_address_are_found(typed: tuple[str, ...], versions: set[int]) -> None:
    ranges = [ip_network(text) for text in typed]
    assert networks.everything(ranges) == versions


def test_a_section_is_kept_by_the_key_of_its_block_and_shown_by_its_place() -> None:
    assert places(TokenSpec(blocks=(AccessBlock(key="b"), AccessBlock()))) == {"access-b": "access-1", "access-2": "access-2"}
    assert places(TokenSpec(blocks=())) == {"access-1": "access-1"}

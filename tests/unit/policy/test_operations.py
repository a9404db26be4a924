"""Finding an operation of Cloudflare's API: by words, and by the call as somebody typed it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenportal import facts
from tokenportal.policy import operations
from tokenportal.policy.operations import Operation, Typed

ID, OTHER = "0123456789abcdef" * 2, "fedcba9876543210" * 2
RECORDS = "GET /zones/{zone_id}/dns_records"


def named(name: str) -> Operation:
    found = operations.get(name)
    assert found is not None, name
    return found


def test_every_operation_of_the_facts_is_known_by_its_name() -> None:
    assert len(operations.known()) == len(facts.operations())
    assert named(RECORDS) == Operation("GET", "/zones/{zone_id}/dns_records", ("DNS Read", "DNS Write"), "DNS Records for a Zone")
    assert operations.get("GET /nothing") is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (RECORDS, "zone"), ("GET /zones", "all zones"), ("POST /zones", "all zones"), ("GET /accounts", "user"),
        ("GET /accounts/{account_id}", "account"), ("GET /user", "user"), ("GET /memberships", "user"),
        ("GET /{accounts_or_zones}/{account_or_zone_id}/access/apps", "either"),
        ("GET /zones/{zone_identifier}/analytics/colos", "zone"),
    ],
)  # fmt: skip
def test_the_path_tells_the_kind_of_resource(name: str, kind: str) -> None:
    assert named(name).kind == kind


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("dns_records", [RECORDS, "POST /zones/{zone_id}/dns_records"]),
        ("DNS record delete", ["DELETE /zones/{zone_id}/dns_records/{dns_record_id}"]),
        ("purge cache", ["POST /zones/{zone_id}/purge_cache"]),
        ("list zones", ["GET /zones", "GET /zones/{zone_id}"]),
        ("create zone", ["POST /zones"]),
        ("tokens", ["GET /user/tokens", "POST /user/tokens", "GET /accounts/{account_id}/tokens"]),
        ("GET zones/{zone_id}/dns_records", [RECORDS]),
        ("worker script", ["GET /accounts/{account_id}/workers/scripts"]),
        ("abuse complaint processor", ["GET /accounts/{account_id}/abuse-reports"]),
        ("zebra crossing", []), ("", []), (" / ", []),
    ],
)  # fmt: skip
def test_words_find_operations_the_best_first(text: str, first: list[str]) -> None:
    assert [str(one) for one in operations.search(text)][: len(first) or 1] == first


def test_a_search_gives_no_more_than_it_was_asked_for() -> None:
    assert len(operations.search("zones")) == 10
    assert len(operations.search("zones", 3)) == 3


@pytest.mark.parametrize(
    "text",
    [
        f"GET /zones/{ID}/dns_records",
        f"get   /zones/{ID}/dns_records/",
        f"/zones/{ID.upper()}/dns_records?page=2&per_page=50",
        f"GET https://api.cloudflare.com/client/v4/zones/{ID}/dns_records",
        f"https://api.cloudflare.com/client/v4/zones/{ID}/dns_records?name=a#b",
        f"  GET http://127.0.0.1:8000/sandbox/client/v4/zones/{ID}/dns_records ",
        f"GET /client/v4/zones/{ID}/dns_records",
    ],
)
def test_a_typed_call_finds_its_operation_and_its_zone(text: str) -> None:
    found = operations.parse_typed(text)
    assert found is not None
    assert (found.operation, found.zone_id, found.account_id) == (named(RECORDS), ID, "")
    assert {name: value.lower() for name, value in found.places.items()} == {"zone_id": ID}


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        (RECORDS, Typed(named(RECORDS))),
        ("GET /zones/:zone_id/dns_records", Typed(named(RECORDS))),
        ("GET /zones/$ZONE/dns_records", Typed(named(RECORDS))),
        ("GET /zones/shop.example/dns_records", Typed(named(RECORDS), places={"zone_id": "shop.example"})),
        ("POST /user/tokens", Typed(named("POST /user/tokens"))),
        ("GET /user/tokens/verify", Typed(named("GET /user/tokens/verify"))),
        (f"GET /user/tokens/{ID}", Typed(named("GET /user/tokens/{token_id}"), places={"token_id": ID})),
        (f"DELETE /accounts/{ID}/tokens/{OTHER}",
         Typed(named("DELETE /accounts/{account_id}/tokens/{token_id}"), "", ID, {"account_id": ID, "token_id": OTHER})),
        (f"GET /accounts/{ID}/access/apps",
         Typed(named("GET /{accounts_or_zones}/{account_or_zone_id}/access/apps"), "", ID,
               {"accounts_or_zones": "accounts", "account_or_zone_id": ID})),
        (f"GET /zones/{ID}/access/apps",
         Typed(named("GET /{accounts_or_zones}/{account_or_zone_id}/access/apps"), ID, "",
               {"accounts_or_zones": "zones", "account_or_zone_id": ID})),
        (f"GET /accounts/{ID}/urlscanner/v2/screenshots/ab.png",
         Typed(named("GET /accounts/{account_id}/urlscanner/v2/screenshots/{scan_id}.png"), "", ID, {"account_id": ID})),
        (f"GET /users/{ID}/access/apps", None), ("PATCH /user/tokens", None), ("GET zones", None), ("dns", None), ("/", None),
        ("GET /zones//dns_records", None), ("GET https://elsewhere.example/zones", None), ("", None),
    ],
)  # fmt: skip
def test_what_is_typed_is_read_or_it_is_no_call(text: str, typed: Typed | None) -> None:
    assert operations.parse_typed(text) == typed


def test_every_operation_is_found_again_by_its_own_name() -> None:
    wrong = [str(one) for one in operations.known() if operations.parse_typed(str(one)) != Typed(one)]
    assert wrong == []


@settings(deadline=None)
@given(st.text(max_size=60))
def test_nothing_that_is_typed_raises(text: str) -> None:
    operations.search(text)
    operations.parse_typed(text)
    operations.parse_typed(f"GET /zones/{text}")

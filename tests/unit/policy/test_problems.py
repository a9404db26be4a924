"""What keeps a spec from becoming a token: each mistake has a place and a sentence that says what to do."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from policy_world import (
    ACCOUNT_OWNER,
    ACME,
    BILLING_READ,
    BUCKETS,
    CATALOGUE,
    DNS_EDIT,
    FOREIGN,
    OBJECTS_READ,
    STAGING,
    USER_OWNER,
    USER_READ,
    ZONES,
    any_specs,
    around,
    dns,
    frozen_specs,
    spec,
)

from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.problems import MAX_BLOCKS, MAX_RANGES, PURPOSE_MAX, Problem, problems, section_states, unshowable
from tokenportal.policy.spec import AccessBlock, AccountChoice, ClientIPs, TokenSpec, Validity, ZoneChoice
from tokenportal.policy.surroundings import Owner

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SHOP, WWW, DEV, _, ELSEWHERE = ZONES


def found(wanted: TokenSpec, owner: Owner = USER_OWNER, catalogue: Catalogue = CATALOGUE) -> list[Problem]:
    return list(problems(wanted, catalogue, around(owner), now=NOW))


def told(*blocks: AccessBlock, owner: Owner = USER_OWNER, **changes: Any) -> list[tuple[str, str, str]]:
    return [(problem.section, problem.field, problem.sentence) for problem in found(spec(*blocks, **changes), owner)]


@pytest.mark.parametrize("owner", [USER_OWNER, ACCOUNT_OWNER])
def test_a_good_spec_has_no_problem(owner: Owner) -> None:
    block = dns(
        SHOP,
        permissions=(DNS_EDIT, BILLING_READ, OBJECTS_READ),
        accounts=AccountChoice("these", (ACME,)),
        buckets=BUCKETS[:2],
    )
    wide = dns(zones=ZoneChoice("accounts", accounts=(ACME,), except_zones=(SHOP,)))
    widest = dns(
        permissions=(DNS_EDIT, BILLING_READ), zones=ZoneChoice("all", except_zones=(SHOP,)), accounts=AccountChoice("all")
    )
    ips = ClientIPs(allow=("10.0.0.0/8", "10.0.0.0/8", ""), block=("192.0.2.1",))
    validity = Validity(starts="2026-12-01", lifetime="until", until="2027-01-31")
    assert told(block, wide, widest, owner=owner, name="<b>shop</b>", client_ips=ips, validity=validity) == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Give the token a name that says what it is for."),
        ("   ", "Give the token a name that says what it is for."),
        ("x" * 108, "Shorten the name to 107 characters or fewer; it has 108."),
        ("a\x07b", "Take the invisible character U+0007 out of the name."),
        ("a\u202eb", "Take the invisible character U+202E out of the name."),
        ("a\u2066b", "Take the invisible character U+2066 out of the name."),
        ("a\u200bb", "Take the invisible character U+200B out of the name."),
        ("a\ufffdb", "Take the invisible character U+FFFD out of the name."),
        ("a\U000e0fffb", "Take the invisible character U+E0FFF out of the name."),
        ("a\ud800b", "Take the invisible character U+D800 out of the name."),
    ],
)
def test_a_bad_name_is_told(name: str, sentence: str) -> None:
    assert told(dns(SHOP), name=name) == [("purpose", "name", sentence)]


@pytest.mark.parametrize("name", ["x" * 107, "  shop  ", "<b>&\"'", "Magasin français", "店"])
def test_a_good_name_is_good(name: str) -> None:
    assert told(dns(SHOP), name=name) == []


def test_the_purpose_may_have_lines_but_nothing_unseen_and_an_end() -> None:
    assert told(dns(SHOP), purpose="one\r\n\ttwo") == []
    assert told(dns(SHOP), purpose="one\u202etwo") == [
        ("purpose", "purpose", "Take the invisible character U+202E out of the text.")
    ]
    assert told(dns(SHOP), purpose="x" * (PURPOSE_MAX + 1)) == [
        ("purpose", "purpose", "Shorten this to 2000 characters or fewer; it has 2001.")
    ]


def test_only_what_cannot_be_shown_is_unshowable() -> None:
    assert (unshowable("plain é 店"), unshowable("a\u2028b")) == ("", "U+2028")


def test_a_spec_without_permissions_asks_for_one() -> None:
    asked = Problem("access-1", "permissions", "Choose at least one permission.", missing=True)
    assert found(spec()) == [asked]
    assert found(spec(AccessBlock())) == [asked]
    assert found(spec(dns(SHOP), AccessBlock())) == [replace(asked, section="access-2")]


def test_too_many_blocks_are_told() -> None:
    assert told(*[dns(SHOP)] * MAX_BLOCKS) == []
    assert told(*[dns(SHOP)] * (MAX_BLOCKS + 1)) == [("access-1", "permissions", "Use at most 20 access blocks.")]


def test_permissions_that_cannot_be_granted_are_told_by_row() -> None:
    offered = Catalogue.from_api(
        [
            {"id": DNS_EDIT, "name": "DNS Write", "scopes": ["com.cloudflare.api.account.zone"]},
            {"id": "8" * 32, "name": "Flagship App Read", "scopes": ["com.cloudflare.api.account.flagship.app"]},
        ]
    )
    block = dns(SHOP, permissions=(DNS_EDIT, BILLING_READ, "8" * 32))
    assert [(p.field, p.index, p.sentence) for p in found(spec(block), catalogue=offered)] == [
        ("permissions", 1, "This connection does not offer one of the permissions. Remove it."),
        ("permissions", 2, "Flagship App Read is for a kind of resource that cannot be chosen here. Remove it."),
    ]


def test_an_account_owned_token_is_told_that_it_cannot_hold_user_permissions() -> None:
    block = AccessBlock(permissions=(USER_READ,))
    assert told(block) == []
    assert told(block, owner=ACCOUNT_OWNER) == [
        (
            "access-1",
            "permissions",
            "An account-owned token cannot hold User Details: Read. Remove it, or use a user connection.",
        )
    ]


OUTSIDE = "A token of Acme production reaches no other account. Remove"


@pytest.mark.parametrize(
    ("choice", "owner", "field", "sentence"),
    [
        (ZoneChoice(), USER_OWNER, "zones", "Choose at least one zone."),
        (
            ZoneChoice(unknown=("shp.example",)),
            USER_OWNER,
            "zones",
            "No zone of this connection is called 'shp.example'. Correct or remove it.",
        ),
        (
            ZoneChoice(zones=(ELSEWHERE,)),
            USER_OWNER,
            "zones",
            f"The zone {ELSEWHERE} is not among those that this connection sees. Remove it.",
        ),
        (
            ZoneChoice(zones=(SHOP,), except_zones=(WWW,)),
            USER_OWNER,
            "except",
            "An exclusion needs a wider choice beside it. Choose all zones, or clear it.",
        ),
        (ZoneChoice("accounts"), USER_OWNER, "zones", "Choose the account whose zones are meant."),
        (
            ZoneChoice("accounts", accounts=(FOREIGN,)),
            USER_OWNER,
            "zones",
            f"The account {FOREIGN} is not among those that this connection sees. Remove it.",
        ),
        (ZoneChoice("accounts", accounts=(STAGING,)), ACCOUNT_OWNER, "zones", f"{OUTSIDE} {STAGING}."),
        (
            ZoneChoice("accounts", accounts=(ACME,), except_zones=(DEV,)),
            USER_OWNER,
            "except",
            "dev.example is in none of the chosen accounts, so excluding it does nothing.",
        ),
        (
            ZoneChoice("accounts", accounts=(ACME,), except_accounts=(ACME,)),
            USER_OWNER,
            "except",
            "All zones of Acme production are chosen and excluded. Undo one.",
        ),
        (
            ZoneChoice("accounts", accounts=(ACME,), except_accounts=(STAGING,)),
            USER_OWNER,
            "except",
            "Acme staging is not chosen, so excluding it does nothing.",
        ),
        (
            ZoneChoice("all", except_zones=(ELSEWHERE,)),
            USER_OWNER,
            "except",
            f"The zone {ELSEWHERE} is not among those that this connection sees. Remove it.",
        ),
        (
            ZoneChoice("all", unknown_except=("shp.example",)),
            USER_OWNER,
            "except",
            "No zone of this connection is called 'shp.example'. Correct or remove it.",
        ),
        (ZoneChoice("all", except_accounts=(STAGING,)), ACCOUNT_OWNER, "except", f"{OUTSIDE} {STAGING}."),
        (
            ZoneChoice("all", except_accounts=(ACME,)),
            ACCOUNT_OWNER,
            "except",
            "All zones of Acme production are chosen and excluded. Undo one.",
        ),
    ],
)
def test_a_bad_choice_of_zones_is_told(choice: ZoneChoice, owner: Owner, field: str, sentence: str) -> None:
    assert told(dns(zones=choice), owner=owner) == [("access-1", field, sentence)]


def test_an_exclusion_of_an_account_from_all_is_good() -> None:
    assert told(dns(zones=ZoneChoice("all", except_accounts=(STAGING,)))) == []


@pytest.mark.parametrize(
    ("choice", "owner", "field", "sentence"),
    [
        (AccountChoice(), USER_OWNER, "accounts", "Choose at least one account."),
        (AccountChoice("these", (STAGING,)), ACCOUNT_OWNER, "accounts", f"{OUTSIDE} {STAGING}."),
        (
            AccountChoice("these", (ACME,), (STAGING,)),
            USER_OWNER,
            "accounts-except",
            "An exclusion needs a wider choice beside it. Choose all accounts.",
        ),
        (
            AccountChoice("all", (), (FOREIGN,)),
            USER_OWNER,
            "accounts-except",
            f"The account {FOREIGN} is not among those that this connection sees. Remove it.",
        ),
        (
            AccountChoice("all", (), (ACME,)),
            ACCOUNT_OWNER,
            "accounts-except",
            "That is the only account that this token can reach. Clear the exclusion.",
        ),
    ],
)
def test_a_bad_choice_of_accounts_is_told(choice: AccountChoice, owner: Owner, field: str, sentence: str) -> None:
    assert told(AccessBlock(permissions=(BILLING_READ,), accounts=choice), owner=owner) == [("access-1", field, sentence)]


@pytest.mark.parametrize(
    ("buckets", "sentence"),
    [
        ((), "Name at least one R2 bucket."),
        (
            ("photos",),
            "Write 'photos' as account id/jurisdiction/bucket, with default, eu or fedramp in the middle.",
        ),
        (BUCKETS[2:], f"{OUTSIDE} {STAGING}."),
    ],
)
def test_a_bad_bucket_is_told(buckets: tuple[str, ...], sentence: str) -> None:
    assert told(AccessBlock(permissions=(OBJECTS_READ,), buckets=buckets), owner=ACCOUNT_OWNER) == [
        ("access-1", "buckets", sentence)
    ]


def test_each_bad_range_is_told_with_its_row() -> None:
    ips = ClientIPs(allow=("10.0.0.0/8", "", "10.0.0.5/8"), block=("office",))
    assert [(p.field, p.index, p.sentence) for p in found(spec(dns(SHOP), client_ips=ips))] == [
        ("allow", 2, "10.0.0.5/8 has host bits set. Did you mean 10.0.0.0/8?"),
        ("block", 0, "'office' is not an IP range. Enter it in CIDR form, like 203.0.113.0/24."),
    ]


def test_too_many_ranges_are_told() -> None:
    ips = ClientIPs(allow=("::1",) * (MAX_RANGES + 1))
    assert told(dns(SHOP), client_ips=ips) == [("restrictions", "allow", "Use at most 100 ranges.")]


FORM = "Enter a day like 2027-03-31, or a moment in UTC like 2027-03-31T12:00:00Z."
BACKWARDS = "The token would end before it starts. Choose an earlier start or a later end."


@pytest.mark.parametrize(
    ("validity", "field", "sentence"),
    [
        (Validity("soon", "never"), "starts", FORM),
        (Validity("", "until", 90, ""), "until", "Enter the day on which the token ends."),
        (Validity("", "until", 90, "later"), "until", FORM),
        (Validity("", "until", 90, "2026-11-23"), "until", "Mon 23 Nov 2026 23:59 UTC is in the past. Choose a later end."),
        (Validity("", "days", 0), "until", "Choose a lifetime of 1 to 3650 days."),
        (Validity("", "days", 3651), "until", "Choose a lifetime of 1 to 3650 days."),
        (Validity("2027-02-01", "until", 90, "2027-01-31"), "starts", BACKWARDS),
        (Validity("2027-02-01", "days", 7), "starts", BACKWARDS),
    ],
)
def test_bad_times_are_told(validity: Validity, field: str, sentence: str) -> None:
    assert told(dns(SHOP), validity=validity) == [("restrictions", field, sentence)]


@pytest.mark.parametrize(
    "validity", [Validity("", "until", 90, "2026-11-24"), Validity("", "days", 1), Validity("2026-01-01", "never")]
)
def test_good_times_are_good(validity: Validity) -> None:
    assert told(dns(SHOP), validity=validity) == []


def test_sections_say_how_they_stand() -> None:
    def states(wanted: TokenSpec) -> dict[str, str]:
        return section_states(wanted, problems(wanted, CATALOGUE, around(), now=NOW))

    assert states(TokenSpec()) == {
        "purpose": "not started",
        "connection": "complete",
        "access-1": "not started",
        "restrictions": "complete",
    }
    wrong = ClientIPs(allow=("office",))
    assert states(spec(dns(SHOP), dns(zones=ZoneChoice(unknown=("x",))), client_ips=wrong)) == {
        "purpose": "complete",
        "connection": "complete",
        "access-1": "complete",
        "access-2": "problem",
        "restrictions": "problem",
    }


@settings(max_examples=100, deadline=None)
@given(any_specs | frozen_specs)
def test_any_spec_is_judged_in_sentences(wanted: TokenSpec) -> None:
    for owner in (USER_OWNER, ACCOUNT_OWNER):
        for problem in found(wanted, owner):
            assert problem.sentence[-1] in ".?"
            assert problem.section in section_states(wanted, (problem,))


def test_a_block_label_with_a_character_that_turns_text_around_is_told() -> None:
    assert told(dns(SHOP, label="a\u202eb"))


@pytest.mark.parametrize("character", ["\u3164", "\u115f", "\uffa0", "\u2800"])
def test_a_name_with_a_blank_letter_is_told(character: str) -> None:
    assert told(dns(SHOP), name=f"a{character}b")


def test_an_end_beyond_the_longest_lifetime_is_told() -> None:
    assert told(dns(SHOP), validity=Validity("", "until", 90, "2099-01-01"))


def test_unknown_names_are_told_line_by_line() -> None:
    assert [p.index for p in found(spec(dns(zones=ZoneChoice(unknown=("x.example", "y.example")))))] == [0, 1]

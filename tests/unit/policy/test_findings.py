"""Each finding: a spec that shows it, one that does not, and the fix that makes it go away, without allowing more."""

import ast
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_world import (
    ACCOUNT_OWNER,
    ACME,
    BILLING_READ,
    CACHE_PURGE,
    CATALOGUE,
    DNS_EDIT,
    DNS_READ,
    FOREIGN,
    OBJECTS_READ,
    SCRIPTS_EDIT,
    STAGING,
    TOKENS_EDIT,
    USER_OWNER,
    USER_READ,
    ZONE_READ,
    ZONES,
    any_specs,
    around,
    dns,
    group_id,
    spec,
)

from tokenportal.policy import findings as findings_module
from tokenportal.policy import fixes
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.compile import compile
from tokenportal.policy.diff import compare
from tokenportal.policy.finding import LEVELS, Alike, Beside, Finding, Seen
from tokenportal.policy.findings import by_level, find
from tokenportal.policy.problems import problems
from tokenportal.policy.spec import (
    AccessBlock,
    AccountChoice,
    AccountMode,
    ClientIPs,
    TokenSpec,
    Validity,
    ZoneChoice,
    ZoneMode,
    freeze,
)
from tokenportal.policy.surroundings import Owner

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SHOP, WWW, DEV, _, ELSE = ZONES
OFFICE = ClientIPs(allow=("203.0.113.0/24", "2001:db8:40::/48"))
SETTINGS_EDIT = group_id("Zone Settings Write", "zone")
PAGE_RULES = group_id("Page Rules Write", "zone")
ANALYTICS, ACCOUNT_ANALYTICS = group_id("Logs Read", "zone"), group_id("Logs Read", "account")
GOOD = dns(SHOP, permissions=(DNS_READ, ZONE_READ))
UNOFFERED = Catalogue(replace(group, selectable=group.id != CACHE_PURGE) for group in CATALOGUE)


def bills(mode: AccountMode, *accounts: str, but: tuple[str, ...] = ()) -> AccessBlock:
    return AccessBlock(permissions=(BILLING_READ,), accounts=AccountChoice(mode, accounts, but))


def reads(mode: ZoneMode, **choice: tuple[str, ...]) -> AccessBlock:
    return dns(permissions=(DNS_READ,), zones=ZoneChoice(mode, **choice))


EVERYWHERE = dns(permissions=(DNS_READ, ZONE_READ), zones=ZoneChoice("all"))
BUT_SHOP = reads("all", except_zones=(SHOP,))
BUT_STAGING = reads("all", except_accounts=(STAGING,))


def seen(wanted: TokenSpec, *, owner: Owner = ACCOUNT_OWNER, catalogue: Catalogue = CATALOGUE, **beside: Any) -> Seen:
    frozen = freeze(wanted, NOW)
    return Seen(wanted, compile(frozen, catalogue, owner), catalogue, around(owner), NOW, Beside(**beside))


def findings(wanted: TokenSpec, **options: Any) -> tuple[Finding, ...]:
    stands = seen(wanted, **options)
    return find(stands, problems(wanted, stands.catalogue, stands.around, now=NOW))


def quiet(*blocks: AccessBlock, **changes: Any) -> TokenSpec:
    """A spec about which there is nothing to say but what is given."""
    return spec(*(blocks or (GOOD,)), **{"client_ips": OFFICE, "validity": Validity(days=90), **changes})


def ips(*allow: str, block: tuple[str, ...] = ()) -> ClientIPs:
    return ClientIPs(allow=allow, block=block)


def ends(**values: Any) -> Validity:
    return Validity(**values)


Case = tuple[str, str, TokenSpec, dict[str, Any]]
FIXED: list[Case] = [
    ("problem", "error", quiet(validity=ends(lifetime="until", until="2020-01-01")), {}),
    ("problem", "error", quiet(replace(GOOD, permissions=(DNS_READ, ZONE_READ, "f" * 32))), {}),
    ("problem", "error", quiet(dns(permissions=(DNS_READ,), zones=ZoneChoice("all", unknown_except=("nowhere.example",)))), {}),
    ("no-end", "security", quiet(validity=ends(lifetime="never")), {}),
    ("far-end", "warning", quiet(validity=ends(days=800)), {}),
    ("midnight", "warning", quiet(validity=ends(lifetime="until", until="2027-01-31T00:00Z")), {}),
    ("from-anywhere", "security", quiet(client_ips=ips()), {"address": "203.0.113.9"}),
    ("as-good-as-anywhere", "security", quiet(client_ips=ips("0.0.0.0/0", "203.0.113.0/24", "2001:db8::/48")), {}),
    ("private-range", "warning", quiet(client_ips=ips("10.1.0.0/16", *OFFICE.allow)), {}),
    ("range-blocked", "warning", quiet(client_ips=ips("198.51.100.0/24", *OFFICE.allow, block=("198.51.0.0/16",))), {}),
    ("range-twice", "suggestion", quiet(client_ips=ips(*OFFICE.allow, "203.0.113.7/32")), {}),
    ("range-twice", "suggestion", quiet(client_ips=ips(*OFFICE.allow, "203.0.113.0/24")), {}),
    ("block-idle", "suggestion", quiet(client_ips=ips(*OFFICE.allow, block=("198.51.100.0/24",))), {}),
    ("one-ip-version", "warning", quiet(client_ips=ips("203.0.113.0/24")), {}),
    ("one-ip-version", "warning", quiet(client_ips=ips("2001:db8::/48")), {}),
    ("creates-tokens", "security", quiet(AccessBlock(permissions=(TOKENS_EDIT, USER_READ))), {"owner": USER_OWNER}),
    ("creates-and-more", "security", quiet(dns(SHOP, permissions=(TOKENS_EDIT, CACHE_PURGE))), {"owner": USER_OWNER}),
    ("not-for-accounts", "warning", quiet(dns(SHOP, permissions=(PAGE_RULES, ZONE_READ))), {}),
    ("not-offered", "warning", quiet(dns(SHOP, permissions=(CACHE_PURGE, ZONE_READ))), {"catalogue": UNOFFERED}),
    ("edit-deletes", "suggestion", quiet(dns(SHOP, permissions=(DNS_EDIT, ZONE_READ))), {}),
    ("problem", "error", quiet(dns(zones=ZoneChoice("these", zones=(SHOP,), unknown=("nowhere.example", "none.example")))), {}),
    ("problem", "error", quiet(AccessBlock(permissions=(OBJECTS_READ,), buckets=("a, b", f"{ACME}/eu/logs"))), {}),
    ("read-beside-edit", "suggestion", quiet(dns(SHOP, permissions=(DNS_EDIT, DNS_READ, ZONE_READ))), {}),
    ("read-beside-edit", "suggestion", quiet(dns(SHOP, permissions=(DNS_EDIT, ZONE_READ)), dns(SHOP, permissions=(DNS_READ,))), {}),
    (
        "both-scopes", "warning",
        quiet(dns(SHOP, permissions=(ANALYTICS, ACCOUNT_ANALYTICS), accounts=AccountChoice("these", (ACME,)))), {},
    ),
    ("finds-no-zone", "suggestion", quiet(dns(SHOP)), {}),
    ("beyond-template", "warning", quiet(dns(SHOP, permissions=(DNS_READ, ZONE_READ, CACHE_PURGE))), {"template": frozenset({DNS_EDIT, ZONE_READ})}),
    (
        "beyond-template", "warning", quiet(dns(SHOP, permissions=(CACHE_PURGE, SETTINGS_EDIT, ZONE_READ))),
        {"template": frozenset({ZONE_READ})},
    ),
    ("block-twice", "suggestion", quiet(GOOD, replace(GOOD, label="again")), {}),
    (
        "cut-elsewhere", "warning",
        quiet(dns(SHOP, WWW, permissions=(DNS_READ, ZONE_READ)), dns(permissions=(DNS_READ,), zones=ZoneChoice("all", except_zones=(SHOP,)))), {},
    ),
    ("cut-elsewhere", "warning", quiet(GOOD, BUT_SHOP), {}),
    ("cut-elsewhere", "warning", quiet(replace(GOOD, permissions=(DNS_READ,)), BUT_SHOP), {}),
    ("cut-elsewhere", "warning", quiet(EVERYWHERE, BUT_SHOP), {}),
    ("cut-elsewhere", "warning", quiet(EVERYWHERE, BUT_SHOP), {"owner": USER_OWNER}),
    ("cut-elsewhere", "warning", quiet(replace(BUT_SHOP, zones=ZoneChoice("all")), BUT_SHOP), {}),
    ("cut-elsewhere", "warning", quiet(BUT_SHOP, replace(BUT_SHOP, zones=ZoneChoice("all"))), {}),
    ("cut-elsewhere", "warning", quiet(dns(DEV, permissions=(DNS_READ, ZONE_READ)), BUT_STAGING), {"owner": USER_OWNER}),
    ("cut-elsewhere", "warning", quiet(EVERYWHERE, BUT_STAGING), {"owner": USER_OWNER}),
    ("cut-elsewhere", "warning", quiet(reads("accounts", accounts=(ACME, STAGING)), BUT_STAGING), {"owner": USER_OWNER}),
    ("cut-elsewhere", "warning", quiet(bills("these", ACME, STAGING), bills("all", but=(STAGING,))), {"owner": USER_OWNER}),
    ("cut-elsewhere", "warning", quiet(bills("these", STAGING), bills("all", but=(STAGING,))), {"owner": USER_OWNER}),
    ("cut-elsewhere", "warning", quiet(bills("all"), bills("all", but=(STAGING,))), {"owner": USER_OWNER}),
    ("problem", "error", quiet(reads("accounts", accounts=(ACME,), except_zones=(DEV,))), {"owner": USER_OWNER}),
    ("problem", "error", quiet(reads("accounts", accounts=(ACME,), except_accounts=(STAGING,))), {"owner": USER_OWNER}),
    ("problem", "error", quiet(reads("all", except_zones=(ELSE,))), {}),
    ("problem", "error", quiet(BUT_STAGING), {}),
    ("problem", "error", quiet(bills("all", but=(FOREIGN,))), {"owner": USER_OWNER}),
    ("midnight", "warning", quiet(validity=ends(lifetime="until", until="2027-01-31T00:00:00Z")), {}),
    ("midnight", "warning", quiet(validity=ends(lifetime="until", until=" 2027-01-31T00:00:00.5+00:00")), {}),
    ("private-range", "warning", quiet(client_ips=ips("100.64.0.0/10", *OFFICE.allow)), {}),
    ("not-offered", "warning", quiet(GOOD, dns(SHOP, permissions=(CACHE_PURGE,))), {"catalogue": UNOFFERED}),
    ("creates-and-more", "security", quiet(AccessBlock(permissions=(TOKENS_EDIT,)), dns(SHOP, permissions=(CACHE_PURGE,))), {"owner": USER_OWNER}),
]  # fmt: skip
BY_HAND: list[tuple[str, str, TokenSpec, dict[str, Any], Callable[[TokenSpec], TokenSpec], dict[str, Any]]] = [
    ("no-purpose", "suggestion", quiet(purpose=" "), {}, lambda wanted: replace(wanted, purpose="certbot"), {}),
    ("alike", "warning", quiet(), {"alike": (Alike("another", "1"),)}, lambda wanted: wanted, {}),
    ("user-token", "warning", quiet(), {"owner": USER_OWNER}, lambda wanted: wanted, {"owner": ACCOUNT_OWNER}),
    ("from-anywhere", "security", quiet(client_ips=ips()), {}, lambda wanted: replace(wanted, client_ips=OFFICE), {}),
    (
        "as-good-as-anywhere", "security", quiet(client_ips=ips("0.0.0.0/0")), {},
        lambda wanted: replace(wanted, client_ips=OFFICE), {},
    ),
    ("private-range", "warning", quiet(client_ips=ips("10.0.0.0/8")), {}, lambda wanted: replace(wanted, client_ips=OFFICE), {}),
    (
        "range-blocked", "warning", quiet(client_ips=ips("203.0.113.0/24", block=("203.0.0.0/16",))), {},
        lambda wanted: replace(wanted, client_ips=OFFICE), {},
    ),
    (
        "not-offered", "warning", quiet(dns(SHOP, permissions=(CACHE_PURGE,))), {"catalogue": UNOFFERED},
        lambda wanted: replace(wanted, blocks=(GOOD,)), {"catalogue": UNOFFERED},
    ),
    (
        "no-end", "security", quiet(validity=ends(starts="2028-01-01", lifetime="never")), {},
        lambda wanted: replace(wanted, validity=ends(starts="2028-01-01", lifetime="until", until="2028-02-01")), {},
    ),
    (
        "far-end", "warning", quiet(validity=ends(starts="2028-01-01", lifetime="until", until="2028-02-01")), {},
        lambda wanted: replace(wanted, validity=ends(starts="2027-01-01", lifetime="until", until="2027-02-01")), {},
    ),
    (
        "midnight", "warning", quiet(validity=ends(starts="2027-01-31T23:59:59Z", lifetime="until", until="2027-02-01T00:00Z")), {},
        lambda wanted: replace(wanted, validity=ends(starts="2027-01-31T23:59:59Z", lifetime="until", until="2027-02-01")), {},
    ),
]  # fmt: skip


def codes(found: tuple[Finding, ...]) -> list[str]:
    return [finding.code for finding in found]


@pytest.mark.parametrize(("code", "level", "wanted", "options"), FIXED, ids=[f"{case[0]}-{at}" for at, case in enumerate(FIXED)])
def test_a_finding_is_shown_and_its_fix_makes_it_go_away(
    code: str, level: str, wanted: TokenSpec, options: dict[str, Any]
) -> None:
    shown = [finding for finding in findings(wanted, **options) if finding.code == code and finding.fix and finding.fix.code]
    assert shown, codes(findings(wanted, **options))
    finding = shown[0]
    assert (finding.level, finding.sentence[-1], finding.fix.label != "") == (level, ".", True)  # type: ignore[union-attr]
    assert finding.fix is not None
    mended = fixes.apply(wanted, finding.fix.code, finding.fix.argument)
    assert mended != wanted
    assert finding not in findings(mended, **options)
    assert codes(findings(mended, **options)).count(code) < codes(findings(wanted, **options)).count(code)


@pytest.mark.parametrize(("code", "level", "wanted", "options", "mend", "then"), BY_HAND, ids=[case[0] for case in BY_HAND])
def test_what_only_a_person_can_mend_says_what_to_do(
    code: str, level: str, wanted: TokenSpec, options: dict[str, Any], mend: Any, then: dict[str, Any]
) -> None:
    (finding,) = [finding for finding in findings(wanted, **options) if finding.code == code]
    assert finding.fix is not None
    assert (finding.level, finding.fix.press, finding.fix.label != "") == (level, "", True)
    assert code not in codes(findings(mend(wanted), **then))


def test_about_a_quiet_spec_there_is_nothing_to_say() -> None:
    assert findings(quiet()) == ()


def test_every_code_is_shown_and_mended_above() -> None:
    here = Path(findings_module.__file__).parent
    calls = [
        node for file in here.glob("find*.py") for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)
    ]
    written = {
        call.args[1].value
        for call in calls
        if getattr(call.func, "id", "") == "Finding" and isinstance(call.args[1], ast.Constant)
    }
    assert written == {case[0] for case in (*FIXED, *BY_HAND)}


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("finds-no-zone", quiet(dns(SHOP), dns(WWW, permissions=(ZONE_READ,)))),
        ("edit-deletes", quiet(dns(SHOP, permissions=(DNS_EDIT, DNS_READ)))),
        ("one-ip-version", quiet(client_ips=ips("203.0.113.0/24", block=("::/0",)))),
        ("block-idle", quiet(client_ips=ips(block=("198.51.100.0/24",)))),
        ("midnight", quiet(validity=ends(lifetime="until", until="2027-01-31"))),
        ("private-range", quiet(client_ips=ips("nonsense", "198.51.100.0/24", "2001:db8::/48"))),
        ("read-beside-edit", quiet(dns(SHOP, permissions=(DNS_EDIT, ZONE_READ)), dns(WWW, permissions=(DNS_READ,)))),
        ("cut-elsewhere", quiet(dns(WWW, permissions=(DNS_READ,)), dns(permissions=(DNS_READ,), zones=ZoneChoice("all", except_zones=(SHOP,))))),
        ("cut-elsewhere", quiet(BUT_SHOP, replace(BUT_SHOP, permissions=(DNS_READ, ZONE_READ)))),
        ("cut-elsewhere", quiet(replace(EVERYWHERE, permissions=(ZONE_READ,)), BUT_SHOP)),
        ("cut-elsewhere", quiet(dns(SHOP, permissions=(DNS_READ,)), BUT_STAGING)),
        ("private-range", quiet(client_ips=ips("100.0.0.0/10", *OFFICE.allow))),
        ("midnight", quiet(validity=ends(lifetime="until", until="2027-01-31T00:00:01Z"))),
        ("creates-and-more", quiet(dns(SHOP, permissions=(CACHE_PURGE,)))),
        ("beyond-template", quiet(dns(SHOP, permissions=(CACHE_PURGE,)))),
        ("both-scopes", quiet(dns(SHOP, permissions=(ANALYTICS,)))),
        ("no-end", quiet(validity=ends(lifetime="until", until=""))),
    ],
)  # fmt: skip
def test_a_finding_is_not_shown_where_it_does_not_hold(code: str, wanted: TokenSpec) -> None:
    assert code not in codes(findings(wanted))


def test_reading_what_the_template_edits_is_not_beyond_it() -> None:
    template = frozenset({DNS_EDIT, ZONE_READ})
    reading = quiet(dns(SHOP, permissions=(DNS_READ, ZONE_READ)))
    assert "beyond-template" not in codes(findings(reading, template=template))
    more = quiet(dns(SHOP, permissions=(DNS_READ, ZONE_READ, CACHE_PURGE)))
    [found] = [one for one in findings(more, template=template) if one.code == "beyond-template"]
    assert found.sentence.startswith("Cache Purge: Purge goes beyond the template")


WIDENS = {"finds-no-zone"}
"""A suggestion that adds what a tool needs says so, and is the only one that allows more."""


@given(any_specs, st.sampled_from((USER_OWNER, ACCOUNT_OWNER)), st.sampled_from(("", "203.0.113.9")))
@settings(max_examples=300, deadline=None)
def test_any_spec_has_its_findings_and_no_fix_allows_more(wanted: TokenSpec, owner: Owner, address: str) -> None:
    found = findings(wanted, owner=owner, address=address, template=frozenset({DNS_EDIT}))
    before = seen(wanted, owner=owner).payload.body
    for finding in found:
        assert finding.level in LEVELS
        if finding.fix is None or not finding.fix.code or finding.code in WIDENS | {"problem"}:
            continue
        mended = fixes.apply(wanted, finding.fix.code, finding.fix.argument)
        after = seen(mended, owner=owner).payload.body
        assert compare(before, after, CATALOGUE, around(owner)).verdict in ("narrower", "same"), finding


SOME_ZONES = st.lists(st.sampled_from((SHOP, WWW)), min_size=1, unique=True).map(tuple)
SENDABLE = st.builds(
    quiet,
    st.builds(
        lambda permissions, zones: dns(permissions=tuple(permissions), zones=zones, accounts=AccountChoice("these", (ACME,))),
        st.lists(
            st.sampled_from((DNS_READ, DNS_EDIT, ZONE_READ, CACHE_PURGE, PAGE_RULES, ANALYTICS, ACCOUNT_ANALYTICS, SCRIPTS_EDIT)),
            min_size=1, max_size=3, unique=True,
        ),
        SOME_ZONES.map(lambda zones: ZoneChoice("these", zones=zones))
        | st.lists(st.sampled_from((SHOP, WWW)), unique=True).map(lambda zones: ZoneChoice("all", except_zones=tuple(zones)))
        | st.just(ZoneChoice("accounts", accounts=(ACME,), except_zones=(SHOP,))),
    ),
    st.just(GOOD) | st.just(BUT_SHOP) | st.just(EVERYWHERE),
    client_ips=st.builds(
        ips, st.sampled_from(("203.0.113.0/24", "0.0.0.0/0", "10.0.0.0/8", "100.64.0.0/16")),
        st.sampled_from(("2001:db8:40::/48", "::/0", "203.0.113.7")),
        block=st.sampled_from(((), ("198.51.100.0/24",), ("203.0.0.0/16",), ("::/0",))),
    ) | st.just(ips()),
    validity=st.builds(
        ends, starts=st.sampled_from(("", "2027-01-30T00:00Z", "2028-06-01")), lifetime=st.just("until"),
        until=st.sampled_from(("2028-12-31", "2029-01-31T00:00:00Z")),
    ) | st.builds(ends, starts=st.sampled_from(("", "2027-12-01")), lifetime=st.just("never")) | st.just(ends(days=800)),
)  # fmt: skip


@given(SENDABLE, st.booleans(), st.sampled_from((USER_OWNER, ACCOUNT_OWNER)), st.sampled_from((CATALOGUE, UNOFFERED)))
@settings(max_examples=300, deadline=None)
def test_a_press_keeps_what_can_be_sent_sendable_and_makes_its_finding_go(
    wanted: TokenSpec, alone: bool, owner: Owner, catalogue: Catalogue
) -> None:
    wanted = replace(wanted, blocks=wanted.blocks[:1]) if alone else wanted
    options: dict[str, Any] = {
        "owner": owner,
        "catalogue": catalogue,
        "address": "203.0.113.9",
        "template": frozenset({DNS_EDIT}),
    }
    found = findings(wanted, **options)
    assert codes(found).count("problem") == 0
    for finding in found:
        if finding.fix is None or not finding.fix.code:
            continue
        mended = fixes.apply(wanted, finding.fix.code, finding.fix.argument)
        assert problems(mended, catalogue, around(owner), now=NOW) == (), finding
        left = findings(mended, **options)
        assert finding not in left or codes(left).count(finding.code) < codes(found).count(finding.code), finding


def test_from_here_only_takes_the_place_of_ranges_that_are_as_good_as_anywhere() -> None:
    for allowed, then in (
        (("0.0.0.0/0", "::/0"), ("203.0.113.9",)),
        (("0.0.0.0/0", " ", "198.51.100.0/24"), ("198.51.100.0/24", "203.0.113.9")),
        (("::ffff:0:0/96", "nonsense"), ("nonsense", "203.0.113.9")),
        (tuple(f"{first}.0.0.0/8" for first in range(1, 4)), ("203.0.113.9",)),
        (OFFICE.allow, (*OFFICE.allow, "203.0.113.9")),
        (("203.0.113.9",), ("203.0.113.9",)),
    ):
        assert fixes.apply(quiet(client_ips=ips(*allowed)), "allow", "203.0.113.9").client_ips.allow == then


def test_what_an_exclusion_elsewhere_takes_away_is_said_with_what_mends_it() -> None:
    said = {
        (SHOP, WWW): ("Access 2 excludes shop.example, which access 1 names.", "Remove shop.example here"),
        (SHOP,): ("Access 2 excludes shop.example, which access 1 names.", "Remove DNS: Read"),
    }
    for zones, expected in said.items():
        (told,) = [
            one
            for one in findings(quiet(dns(*zones, permissions=(DNS_READ, ZONE_READ)), BUT_SHOP))
            if one.code == "cut-elsewhere"
        ]
        assert (told.sentence, told.fix and told.fix.label, told.field) == (*expected, "zones")
    for wanted, owner, expected in (
        (
            quiet(EVERYWHERE, BUT_STAGING), USER_OWNER,
            (
                "Access 2 excludes all 12 zones of Acme staging, also those added later, and access 1 does not.",
                "Exclude the zones of Acme staging here too",
            ),
        ),
        (
            quiet(EVERYWHERE, replace(BUT_SHOP, zones=ZoneChoice("all", except_zones=(SHOP, WWW)))), ACCOUNT_OWNER,
            ("Access 2 excludes shop.example and www.example, and access 1 does not.", "Exclude these 2 here too"),
        ),
    ):  # fmt: skip
        (told,) = [one for one in findings(wanted, owner=owner) if one.code == "cut-elsewhere"]
        assert (told.sentence, told.fix and told.fix.label, told.field) == (*expected, "except")


@given(any_specs, st.sampled_from([*fixes._OF_SPEC, *fixes._OF_BLOCK, "no such"]), st.text(max_size=12))
@settings(max_examples=200, deadline=None)
def test_a_fix_that_does_not_fit_changes_nothing_that_it_is_not_about(wanted: TokenSpec, code: str, argument: str) -> None:
    assert isinstance(fixes.apply(wanted, code, argument), TokenSpec)
    assert fixes.apply(wanted, "no such", argument) == wanted


def test_fixes_that_no_longer_fit_give_the_spec_back() -> None:
    wanted = quiet(dns(SHOP, permissions=(DNS_EDIT,)))
    for code, argument in (
        ("days", "soon"), ("until", "some day"), ("no-allow", "nothing"), ("no-row", "77"), ("no-access", "1"), ("permission", "9:x"),
        ("instead", f"1:{ZONE_READ},{DNS_READ}"), ("instead", "1:one"), ("no-zone", f"1:{WWW}"), ("permission", "x"),
        ("exclude", "1:zone/shop"), ("exclude", f"1:bucket/{SHOP}"), ("no-account", f"1:{ACME}"),
    ):  # fmt: skip
        assert fixes.apply(wanted, code, argument) == wanted, code
    last = replace(wanted, client_ips=ips("10.0.0.0/8"))
    assert fixes.apply(last, "no-allow", "10.0.0.0/8") == last
    assert fixes.apply(last, "no-row", "0") == last


def test_levels_come_the_worst_first_and_only_where_there_is_something() -> None:
    found = by_level(findings(quiet(dns(SHOP), validity=ends(lifetime="never"))))
    assert [(level, name, len(rows)) for level, name, rows in found] == [
        ("security", "Security", 1),
        ("suggestion", "Suggestions", 2),
    ]


def test_what_belongs_to_a_bucket_or_a_user_is_looked_at_like_the_rest() -> None:
    block = AccessBlock(
        permissions=(OBJECTS_READ, SCRIPTS_EDIT), accounts=AccountChoice("these", (ACME,)), buckets=(f"{ACME}/default/photos",)
    )
    assert codes(findings(quiet(block))) == ["edit-deletes"]

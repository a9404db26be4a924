"""A small world for the policy's tests: three accounts, five zones, two owners, and specs drawn at random."""

from typing import Any

from hypothesis import strategies as st

from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.spec import AccessBlock, AccountChoice, ClientIPs, TokenSpec, Validity, ZoneChoice
from tokenportal.policy.surroundings import Owner, Surroundings, Zone

ACME, STAGING, FOREIGN = "a" * 32, "b" * 32, "c" * 32
USER = "d" * 32
ACCOUNTS = (ACME, STAGING, FOREIGN)
ZONES = {"1" * 32: ACME, "2" * 32: ACME, "3" * 32: STAGING, "4" * 32: STAGING, "5" * 32: FOREIGN}
ZONE_NAMES = dict(zip(ZONES, ("shop.example", "www.example", "dev.example", "test.example", "else.example"), strict=True))
BUCKETS = (f"{ACME}/default/photos", f"{ACME}/eu/papers", f"{STAGING}/fedramp/logs")

CATALOGUE = Catalogue.from_facts()


def group_id(name: str, scope: str) -> str:
    group = CATALOGUE.named(name, scope)
    assert group is not None, (name, scope)
    return group.id


DNS_EDIT, DNS_READ = group_id("DNS Write", "zone"), group_id("DNS Read", "zone")
ZONE_READ = group_id("Zone Read", "zone")
CACHE_PURGE = group_id("Cache Purge", "zone")
BILLING_READ, SCRIPTS_EDIT = group_id("Billing Read", "account"), group_id("Workers Scripts Write", "account")
USER_READ = group_id("User Details Read", "user")
TOKENS_EDIT = group_id("API Tokens Write", "user")
OBJECTS_READ = group_id("Workers R2 Storage Bucket Item Read", "bucket")
GROUPS = {
    DNS_EDIT: "zone",
    ZONE_READ: "zone",
    BILLING_READ: "account",
    SCRIPTS_EDIT: "account",
    USER_READ: "user",
    OBJECTS_READ: "bucket",
}

ACCOUNT_OWNER = Owner("account", ACME, "Acme production")
USER_OWNER = Owner("user", USER, "service-dns")


def around(owner: Owner = USER_OWNER, **changes: Any) -> Surroundings:
    """What a connection of this owner sees: an account-owned one its own account alone."""
    seen = {ACME: "Acme production"} if owner.kind == "account" else {ACME: "Acme production", STAGING: "Acme staging"}
    zones = {id: Zone(id, ZONE_NAMES[id], account) for id, account in ZONES.items() if account in seen}
    given: dict[str, Any] = {"accounts": seen, "zones": zones, "zone_counts": {ACME: 214, STAGING: 12}}
    return Surroundings(owner, **given | changes)


def spec(*blocks: AccessBlock, **changes: Any) -> TokenSpec:
    """A spec with nothing wrong in it but what is given."""
    given: dict[str, Any] = {"name": "shop-dns", "purpose": "certbot", "validity": Validity(lifetime="never")}
    return TokenSpec(blocks=blocks, **given | changes)


def dns(*zones: str, **changes: Any) -> AccessBlock:
    """A block that edits DNS on these zones, or as `zones=` says."""
    given: dict[str, Any] = {"permissions": (DNS_EDIT,), "zones": ZoneChoice(zones=zones)}
    return AccessBlock(**given | changes)


def some(pool: Any, most: int = 3) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(sorted(pool)), max_size=most).map(tuple)


zone_choices = st.builds(
    ZoneChoice,
    mode=st.sampled_from(("these", "accounts", "all")),
    zones=some((*ZONES, "not an id")),
    accounts=some(ACCOUNTS),
    except_zones=some(ZONES, 2),
    except_accounts=some(ACCOUNTS, 1),
    unknown=some(("nowhere.example",), 1),
)
account_choices = st.builds(
    AccountChoice,
    mode=st.sampled_from(("these", "all")),
    accounts=some(ACCOUNTS),
    except_accounts=some(ACCOUNTS, 1),
)
blocks = st.builds(
    AccessBlock,
    permissions=st.lists(st.sampled_from((*GROUPS, "e" * 32)), min_size=1, max_size=6, unique=True).map(tuple),
    zones=zone_choices,
    accounts=account_choices,
    buckets=some((*BUCKETS, "photos")),
)
READABLE_RANGES = ("203.0.113.0/24", "203.0.113.7", "198.51.100.0/25", "2001:db8::/32", "  ")
client_ips = st.just(ClientIPs()) | st.builds(
    ClientIPs,
    allow=some((*READABLE_RANGES, "10.0.0.5/8")),
    block=st.one_of(some(READABLE_RANGES, 2), some((*READABLE_RANGES, "office"), 2)),
)
frozen_validities = st.just(Validity(lifetime="never")) | st.builds(
    Validity,
    starts=st.sampled_from(("", "", "2026-12-01", "soon")),
    lifetime=st.sampled_from(("until", "never")),
    until=st.sampled_from(("2027-01-31", "2027-01-31T12:00:00Z", "")),
)
frozen_specs = st.builds(
    TokenSpec,
    name=st.text(max_size=8),
    blocks=st.lists(blocks, max_size=3).map(tuple),
    client_ips=client_ips,
    validity=frozen_validities,
)
texts = st.lists(st.text(max_size=4), max_size=2).map(tuple)
any_specs = st.builds(
    TokenSpec,
    name=st.text(max_size=8),
    purpose=st.text(max_size=8),
    blocks=st.lists(
        st.builds(AccessBlock, label=st.text(max_size=4), permissions=texts, zones=zone_choices, accounts=account_choices),
        max_size=2,
    ).map(tuple),
    client_ips=st.builds(ClientIPs, allow=texts, block=texts),
    validity=st.builds(
        Validity,
        starts=st.text(max_size=4),
        lifetime=st.sampled_from(("days", "until", "never")),
        days=st.integers(),
        until=st.text(max_size=4),
    ),
)
owners = st.sampled_from((ACCOUNT_OWNER, USER_OWNER))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)

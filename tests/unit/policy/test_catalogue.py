"""The catalogue: rows of the API, with what the facts add to them; and the eleven templates drawn from it."""

from typing import Any

import pytest
from hypothesis import given, settings
from policy_world import ACME, CATALOGUE, DNS_EDIT, STAGING, TOKENS_EDIT, group_id, json_values

from tokenportal.policy import resources, templates
from tokenportal.policy.catalogue import Catalogue, PermissionGroup
from tokenportal.policy.resources import Resource
from tokenportal.policy.spec import AccountChoice, ZoneChoice
from tokenportal.policy.surroundings import Owner, Surroundings, Zone

ZONE, ACCOUNT = "com.cloudflare.api.account.zone", "com.cloudflare.api.account"


def one(**row: Any) -> PermissionGroup:
    (group,) = Catalogue.from_api([{"id": "f" * 32, "name": "Thing Write", "scopes": [ACCOUNT]} | row])
    return group


def test_a_live_name_wins_and_the_older_one_still_finds_it() -> None:
    group = one(id=DNS_EDIT, name="DNS Records Write", scopes=[ZONE], category="new_category")
    assert (group.name, group.label, group.level, group.key, group.scope) == ("DNS Records Write", "DNS", "edit", "dns", "zone")
    assert "DNS Write" in group.aliases
    assert group.category_label == "New category"
    assert (group.noun, group.verb, group.risk) == ("DNS records", "create, change and delete", "deletes")


@pytest.mark.parametrize(
    ("name", "label", "level", "risk"),
    [
        ("Thing Read", "Thing", "read", "reads"),
        ("Thing Metadata Read", "Thing Metadata", "read", "reads"),
        ("Thing Metadata Read-Only", "Thing Metadata", "read", "reads"),
        ("Thing: Write", "Thing", "edit", "deletes"),
        ("Thing Edit", "Thing", "edit", "deletes"),
        ("Thing Admin", "Thing", "admin", "deletes"),
        ("Thing Purge", "Thing", "purge", "changes"),
        ("Thing Run", "Thing", "run", "changes"),
        ("Thing Gateway", "Thing Gateway", "edit", "deletes"),
        ("Read", "Read", "read", "reads"),
    ],
)
def test_a_group_that_nobody_knows_gets_the_worse_of_what_its_name_may_mean(name: str, label: str, level: str, risk: str) -> None:
    group = one(name=name)
    assert (group.label, group.level, group.risk, group.key) == (label, level, risk, "")
    assert group.noun == label


def test_a_group_that_is_known_by_name_only_gets_its_key() -> None:
    assert one(name="D1 Metadata Read").key == "d1"


def test_words_for_levels_and_products() -> None:
    purge = CATALOGUE.get(group_id("Cache Purge", "zone"))
    zones = CATALOGUE.get(group_id("Zone Write", "zone"))
    rules = CATALOGUE.get(group_id("Page Rules Write", "zone"))
    assert purge
    assert zones
    assert rules
    assert (purge.level_label, purge.verb, purge.category_label) == ("Purge", "purge", "Cache and performance")
    assert (zones.noun, rules.refused_product, zones.refused_product) == ("zones", "Page Rules", "")
    odd = PermissionGroup("f" * 32, "Thing Evaluate", "Thing", "account", "evaluate")
    assert (odd.level_label, odd.verb) == ("Evaluate", "create, change and delete")


def test_the_permissions_that_create_tokens_are_known_as_such() -> None:
    assert {group.name for group in CATALOGUE if group.risk == "creates"} == {"API Tokens Write", "Account API Tokens Write"}


def test_a_resource_type_that_we_cannot_fill_is_kept_but_not_offered() -> None:
    catalogue = Catalogue.from_api([{"id": "f" * 32, "name": "App Read", "scopes": [f"{ACCOUNT}.flagship.app"]}])
    group = catalogue.get("f" * 32)
    assert group
    assert (group.scope, catalogue.search(""), catalogue.families()) == ("other", (), ())


def test_what_cloudflare_keeps_out_of_its_form_is_not_offered_either() -> None:
    catalogue = Catalogue.from_api([{"id": DNS_EDIT, "name": "DNS Write", "scopes": [ZONE], "is_selectable": False}])
    assert (DNS_EDIT in catalogue, catalogue.search("dns"), len(catalogue)) == (True, (), 1)


@settings(max_examples=100, deadline=None)
@given(json_values)
def test_any_answer_makes_some_catalogue(value: Any) -> None:
    for rows in (value, [value], [{"id": "x", "name": "y", "scopes": value, "category": value}]):
        for group in Catalogue.from_api(rows):
            assert group.risk in ("reads", "changes", "deletes", "creates")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("dns edit", "DNS Write"),
        ("zone_settings", "Zone Settings Read"),
        ("argo tunnel", "Cloudflare Tunnel Write"),
        ("TEAMS report", "Zero Trust Report"),
        ("cache rules", "Cache Settings Write"),
    ],
)
def test_search_finds_label_name_key_and_older_names(text: str, name: str) -> None:
    assert name in [group.name for group in CATALOGUE.search(text)]


def test_search_finds_nothing_for_what_is_nowhere() -> None:
    assert CATALOGUE.search("dns zeppelin") == ()


def test_families_put_the_levels_of_one_label_and_scope_together() -> None:
    families = CATALOGUE.families()
    (dns,) = [family for family in families if (family.label, family.scope) == ("DNS", "zone")]
    assert dns.levels == ("read", "edit")
    assert sum(len(family.groups) for family in families) == len(CATALOGUE)
    assert [family.scope for family in families if family.label == "Logs"] == ["account", "zone"]
    assert all(len(set(family.levels)) == len(family.levels) for family in families)
    assert CATALOGUE.families(CATALOGUE.search("dns edit"))[0].levels == ("edit",)


def test_two_groups_of_one_label_scope_and_level_stand_in_two_families() -> None:
    assert [family.levels for family in CATALOGUE.families() if family.label == "Cloudflare DEX"] == [("read", "edit"), ("edit",)]


def test_a_name_is_looked_up_at_its_scope_and_the_current_one_first() -> None:
    account, zone = CATALOGUE.named("Logs Read", "account"), CATALOGUE.named("Logs Read", "zone")
    older = CATALOGUE.named("Argo Tunnel Read", "account")
    assert account
    assert zone
    assert older
    assert (account.scope, zone.scope, older.name) == ("account", "zone", "Cloudflare Tunnel Read")
    assert CATALOGUE.named("Logs Read", "user") is None


def test_the_facts_name_what_the_connection_does_not_offer() -> None:
    empty = Catalogue.from_api([])
    known = empty.known(DNS_EDIT)
    assert known
    assert (empty.get(DNS_EDIT), known.name, empty.known("f" * 32), len(empty)) == (None, "DNS Write", None, 0)


EXPECTED = {
    "Edit zone DNS": (1, 0),
    "Read billing info": (1, 0),
    "Read analytics and logs": (2, 0),
    "Edit Cloudflare Workers": (8, 2),
    "Edit load balancing configuration": (2, 0),
    "WordPress": (6, 0),
    "Create additional tokens": (1, 1),
    "Read all resources": (sum(group.level == "read" and group.scope != "bucket" for group in CATALOGUE), 3),
    "Read and write to Cloudflare Stream and Images": (3, 0),
    "Read Cloudflare Radar data": (1, 0),
    "Workers AI": (2, 0),
}


def test_the_eleven_templates_have_their_permissions_and_user_rows_fall_away() -> None:
    assert [template.name for template in templates.TEMPLATES] == list(EXPECTED)
    for template in templates.TEMPLATES:
        wanted, fallen = EXPECTED[template.name]
        for_user, none_fallen = templates.for_owner(template, CATALOGUE, "user")
        for_account, user_rows = templates.for_owner(template, CATALOGUE, "account")
        assert (len(for_user.blocks[0].permissions), none_fallen) == (wanted, ())
        assert (len(for_account.blocks[0].permissions), len(user_rows)) == (wanted - fallen, fallen)
        assert all(group.scope == "user" for group in user_rows)
        assert templates.get(template.slug) is template
    assert templates.get("nothing") is None


@pytest.mark.parametrize(
    ("slug", "zones", "accounts", "where"),
    [
        ("edit-zone-dns", ZoneChoice(), AccountChoice(), "A zone of your choice"),
        ("edit-cloudflare-workers", ZoneChoice(), AccountChoice(), "To be chosen"),
        ("read-billing-info", ZoneChoice(), AccountChoice("all"), "All accounts"),
        ("wordpress", ZoneChoice("all"), AccountChoice("all"), "All accounts, all zones"),
        ("create-additional-tokens", ZoneChoice(), AccountChoice(), "The user"),
    ],
)
def test_a_template_begins_with_the_resources_of_the_table(
    slug: str, zones: ZoneChoice, accounts: AccountChoice, where: str
) -> None:
    template = templates.get(slug)
    assert template
    block = templates.for_owner(template, CATALOGUE, "user")[0].blocks[0]
    assert (block.zones, block.accounts, template.resources) == (zones, accounts, where)


def test_templates_tell_their_holes() -> None:
    notes = {template.slug: " ".join(template.notes) for template in templates.TEMPLATES}
    assert "Zone: Read" in notes["edit-zone-dns"]
    assert "R2 bucket" in notes["read-all-resources"]
    assert "account-owned" in notes["edit-cloudflare-workers"]
    assert "account-owned" in notes["create-additional-tokens"]


def test_the_logs_of_the_template_are_those_of_the_zone() -> None:
    template = templates.get("read-analytics-and-logs")
    assert template
    assert {group.scope for group in template.groups(CATALOGUE)} == {"zone"}


def test_a_permission_that_the_connection_does_not_offer_is_told() -> None:
    template = templates.get("edit-zone-dns")
    assert template
    assert templates.for_owner(template, Catalogue.from_api([]), "user")[1]


def test_a_template_fills_in_a_name() -> None:
    assert templates.for_owner(templates.TEMPLATES[0], CATALOGUE, "user")[0].name


@pytest.mark.parametrize(
    ("key", "value", "resource"),
    [
        (f"{ACCOUNT}.{ACME}", "*", Resource("account", ACME)),
        (f"{ACCOUNT}.*", "*", Resource("every account")),
        (f"{ZONE}.{ACME}", "*", Resource("zone", ACME)),
        (f"{ZONE}.*", "*", Resource("every zone")),
        (f"{ACCOUNT}.{ACME}", {f"{ZONE}.*": "*"}, Resource("zones of", ACME)),
        (f"com.cloudflare.api.user.{ACME}", "*", Resource("user", ACME)),
        (f"com.cloudflare.edge.r2.bucket.{ACME}_eu_papers", "*", Resource("bucket", f"{ACME}/eu/papers")),
        (f"com.cloudflare.edge.r2.bucket.{ACME}_mars_papers", "*", None),
        (f"{ACCOUNT}.*", {f"{ZONE}.*": "*"}, None),
        (f"{ZONE}.{ACME}", {f"{ZONE}.*": "*"}, None),
        (f"{ACCOUNT}.{ACME}", {f"{ZONE}.{ACME}": "*"}, None),
        (f"{ACCOUNT}.{ACME}", "read", None),
        (f"{ACCOUNT}.{ACME.upper()}", "*", None),
        (f"{ACCOUNT}.flagship.app.{ACME}", "*", None),
        ("com.cloudflare.new", "*", None),
        (7, "*", None),
    ],
)
def test_resources_are_read_in_known_shapes_only(key: Any, value: Any, resource: Resource | None) -> None:
    assert resources.parse(key, value) == resource


def test_a_bucket_is_typed_and_shown_alike() -> None:
    text = f"{ACME}/eu/papers"
    assert str(resources.parse_bucket(f" {text} ")) == text
    assert [resources.parse_bucket(bad) for bad in ("papers", f"{ACME}/eu/Papers", f"{ACME}/eu/p", f"{ACME}_eu_papers")] == [
        None
    ] * 4
    assert Resource("bucket", text).scope == "bucket"


def test_surroundings_name_what_they_know_and_else_give_the_id() -> None:
    around = Surroundings(Owner("account", ACME, "Acme"), zones={"1" * 32: Zone("1" * 32, "shop.example", ACME)})
    assert [around.account_name(id) for id in (ACME, STAGING)] == ["Acme", STAGING]
    assert [around.zone_name(id) for id in ("1" * 32, "2" * 32)] == ["shop.example", "2" * 32]
    assert Surroundings(Owner("user", ACME), {ACME: "Acme"}).account_name(ACME) == "Acme"


def test_the_token_permission_is_the_users() -> None:
    group = CATALOGUE.get(TOKENS_EDIT)
    assert group
    assert (group.scope, group.risk) == ("user", "creates")

"""The data files: whole, dated, and agreeing with each other."""

import json
import re

from tokenportal import facts


def test_every_file_says_where_its_facts_are_from_and_when() -> None:
    files = sorted(facts.DATA.glob("*.json"))
    assert [file.name for file in files] == [
        "operations.json", "permission_groups.json", "template_keys.json", "words.json",
    ]  # fmt: skip
    for file in files:
        about = json.loads(file.read_text(encoding="utf-8"))
        assert "Cloudflare" in about["source"]
        assert about["date"] == "2026-11"


def test_the_groups_have_proper_ids_scopes_and_levels() -> None:
    groups = facts.permission_groups()
    assert len(groups) == 328
    for id, group in groups.items():
        assert id == group.id
        assert re.fullmatch("[0-9a-f]{32}", id)
        assert group.name
        assert group.label
        assert group.scopes
        assert group.level in facts.words().levels
        assert group.category in facts.words().categories
        assert group.confidence in ("agreeing", "single", "inferred")


def test_template_keys_and_groups_agree() -> None:
    groups = facts.permission_groups()
    for key in facts.template_keys():
        if key.id:
            assert (groups[key.id].name, groups[key.id].scopes) == (key.name, (key.scope,))
            assert groups[key.id].key in (key.key, "")
    keys = {key.key for key in facts.template_keys()}
    assert {group.key for group in groups.values()} - {""} <= keys
    assert set(facts.older_aliases().values()) <= keys


def test_words_are_for_keys_that_exist() -> None:
    words = facts.words()
    keys = {key.key for key in facts.template_keys()}
    assert set(words.groups) | words.creates_tokens | set(words.not_on_account_owned) <= keys
    assert words.groups["zone"] == facts.GroupWords("zone details", "zones", "create, change and delete", harmful=True)
    assert not words.groups["waiting_rooms"].harmful
    assert words.groups["dns"].edited_noun == words.groups["dns"].noun


def test_a_key_is_found_by_name_and_scope() -> None:
    assert facts.template_key_of("Logs Read", "com.cloudflare.api.account") == "account_logs"
    assert facts.template_key_of("Logs Read", "com.cloudflare.api.account.zone") == "logs"
    assert facts.template_key_of("Logs Read", "com.cloudflare.api.user") == ""


def test_the_operations_are_whole_and_name_known_groups() -> None:
    operations = facts.operations()
    assert len(operations) == 3161
    assert len({(operation.method, operation.path) for operation in operations}) == 3161
    assert sum(1 for operation in operations if operation.groups) == 2639
    assert {operation.method for operation in operations} == {"GET", "POST", "PUT", "PATCH", "DELETE"}
    known = {name for group in facts.permission_groups().values() for name in (group.name, *group.aliases)}
    assert {name for operation in operations for name in operation.groups} - known == {
        "Artifacts Read", "Flagship Read", "Flagship Write", "Flagship Evaluate", "OAuth Client Read", "OAuth Client Write",
    }  # fmt: skip
    one = next(one for one in operations if (one.method, one.path) == ("GET", "/zones/{zone_id}/dns_records"))
    assert one == facts.OperationFact("GET", "/zones/{zone_id}/dns_records", "DNS Records for a Zone", ("DNS Read", "DNS Write"))
    assert (facts.DATA / "operations.json").stat().st_size < 250_000


def test_a_file_is_read_once() -> None:
    assert facts.permission_groups() is facts.permission_groups()
    assert facts.words() is facts.words()

"""The same body as JSON, curl and Terraform: each read back, and found equal to what was compiled."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_world import ACCOUNT_OWNER, ACME, CATALOGUE, USER_OWNER, ZONES, json_values

from tests.unit.policy import hcl
from tests.unit.policy.specs import AWKWARD_NAMES, Drawn, compiled, drawn, sound_specs
from tokenportal.policy import formats, words
from tokenportal.policy.compile import same_grant
from tokenportal.policy.evaluate import grants
from tokenportal.policy.surroundings import Owner

BASE = "https://api.cloudflare.com/client/v4"
SHOP, WWW, *_ = ZONES
BODY: dict[str, Any] = {
    "expires_on": "2027-02-08T23:59:59Z",
    "condition": {"request_ip": {"in": ["203.0.113.0/24"], "not_in": ["203.0.113.9/32"]}},
    "policies": [
        {
            "effect": "deny",
            "permission_groups": [{"id": "b" * 32}],
            "resources": {f"com.cloudflare.api.account.zone.{WWW}": "*", f"com.cloudflare.api.account.{ACME}": "*"},
        },
        {
            "effect": "allow",
            "permission_groups": [{"id": "b" * 32}, {"id": "a" * 32}],
            "resources": {f"com.cloudflare.api.account.{ACME}": {"com.cloudflare.api.account.zone.*": "*"}},
        },
    ],
    "name": "shop (K7Q2M4XW9A)",
}
TERRAFORM = shutil.which("terraform")
needs_terraform = pytest.mark.skipif(TERRAFORM is None, reason="terraform is not installed")


def terraform(*arguments: str, typed: str, where: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(TERRAFORM), *arguments], input=typed, capture_output=True, text=True, cwd=where, check=False)


def curl_of(text: str) -> tuple[str, dict[str, Any]]:
    """The address and the body of a curl command, as a shell would pass them on (shlex knows no continued lines)."""
    command = shlex.split(text.replace("\\\n", ""))
    assert command[0] == "curl"
    assert command[2:4] == ["--request", "POST"]
    assert command[4:8] == [
        "--header", "Authorization: Bearer $CLOUDFLARE_API_TOKEN", "--header", "Content-Type: application/json",
    ]  # fmt: skip
    assert command[8] == "--data"
    assert len(command) == 10
    return command[1], json.loads(command[9])


def test_json_begins_with_the_name_and_keeps_letters_of_every_script() -> None:
    text = formats.as_json({**BODY, "name": "zürich 東京", "zz": 1, "status": "active"})
    assert text.startswith('{\n  "name": "zürich 東京",\n  "policies": [\n    {\n      "effect": "deny",')
    assert list(json.loads(text)) == ["name", "policies", "condition", "expires_on", "status", "zz"]


def test_json_keeps_small_things_on_a_line() -> None:
    ranges = [f"192.0.2.{number}/32" for number in range(4)]
    body = {"name": "x", "policies": [], "condition": {"request_ip": {"in": ranges[:3], "not_in": ranges}}, "zz": {"a": [1, {}]}}
    assert formats.as_json(body) == (
        "{\n"
        '  "name": "x",\n'
        '  "policies": [],\n'
        '  "condition": {\n'
        '    "request_ip": {\n'
        '      "in": ["192.0.2.0/32", "192.0.2.1/32", "192.0.2.2/32"],\n'
        '      "not_in": [\n'
        '        "192.0.2.0/32",\n'
        '        "192.0.2.1/32",\n'
        '        "192.0.2.2/32",\n'
        '        "192.0.2.3/32"\n'
        "      ]\n"
        "    }\n"
        "  },\n"
        '  "zz": {\n'
        '    "a": [\n'
        "      1,\n"
        "      {}\n"
        "    ]\n"
        "  }\n"
        "}"
    )
    assert '{"id": "' in formats.as_json(BODY)


def test_what_nobody_can_see_is_written_as_an_escape() -> None:
    text = formats.as_json({"name": "a\u202eb\u200b\U000e0041\u2028\x7f"})
    assert text == '{"name": "a\\u202eb\\u200b\\udb40\\udc41\\u2028\\u007f"}'
    assert formats.as_json({"name": "\ud800"}).encode() == b'{"name": "\\ud800"}'


def test_the_curl_of_each_kind_posts_to_its_owner_s_address() -> None:
    text = formats.as_curl(BODY, ACCOUNT_OWNER, base_url=BASE)
    assert text.splitlines()[:5] == [
        f"curl '{BASE}/accounts/{ACME}/tokens' \\",
        "  --request POST \\",
        '  --header "Authorization: Bearer $CLOUDFLARE_API_TOKEN" \\',
        '  --header "Content-Type: application/json" \\',
        "  --data '{",
    ]
    assert curl_of(text) == (f"{BASE}/accounts/{ACME}/tokens", BODY)
    assert curl_of(formats.as_curl(BODY, USER_OWNER, base_url=BASE)) == (f"{BASE}/user/tokens", BODY)


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_bash_hands_on_every_name_exactly(name: str, tmp_path: Path) -> None:
    """The command runs in bash with a curl that says what it was given."""
    stand_in = 'curl() { printf "%s\\0" "$@"; }\n'
    text = formats.as_curl({**BODY, "name": name}, ACCOUNT_OWNER, base_url=BASE)
    given = subprocess.run(
        ["bash", "-c", stand_in + text], capture_output=True, check=True, env={"CLOUDFLARE_API_TOKEN": "the credential"}
    ).stdout.decode().split("\0")  # fmt: skip
    assert given[4] == "Authorization: Bearer the credential"
    assert json.loads(given[8]) == {**BODY, "name": name}


def test_terraform_for_an_account_is_aligned_and_sorted() -> None:
    names = {"a" * 32: "DNS Read\n"}
    assert formats.as_terraform(BODY, ACCOUNT_OWNER, label="shop", names=names) == (
        '# Needs version 5.13.0 or newer of the provider cloudflare/cloudflare.\n'
        'resource "cloudflare_account_token" "shop" {\n'
        f'  account_id = "{ACME}"\n'
        '  name       = "shop (K7Q2M4XW9A)"\n'
        '\n'
        '  policies = [\n'
        '    {\n'
        '      effect = "allow"\n'
        '      permission_groups = [\n'
        f'        {{ id = "{"a" * 32}" }}, # DNS Read\\u000a\n'
        f'        {{ id = "{"b" * 32}" }}, # a name that is not known here\n'
        '      ]\n'
        '      resources = jsonencode({\n'
        f'        "com.cloudflare.api.account.{ACME}" = {{\n'
        '          "com.cloudflare.api.account.zone.*" = "*"\n'
        '        }\n'
        '      })\n'
        '    },\n'
        '    {\n'
        '      effect = "deny"\n'
        '      permission_groups = [\n'
        f'        {{ id = "{"b" * 32}" }}, # a name that is not known here\n'
        '      ]\n'
        '      resources = jsonencode({\n'
        f'        "com.cloudflare.api.account.zone.{WWW}" = "*"\n'
        f'        "com.cloudflare.api.account.{ACME}"      = "*"\n'
        '      })\n'
        '    },\n'
        '  ]\n'
        '\n'
        '  condition = {\n'
        '    request_ip = {\n'
        '      in     = ["203.0.113.0/24"]\n'
        '      not_in = ["203.0.113.9/32"]\n'
        '    }\n'
        '  }\n'
        '  expires_on = "2027-02-08T23:59:59Z"\n'
        '}\n'
    )  # fmt: skip


def test_terraform_for_a_user_needs_no_account_and_leaves_out_what_is_not_there() -> None:
    assert formats.as_terraform({"name": "x", "policies": []}, USER_OWNER, label="x") == (
        "# Needs version 5.13.0 or newer of the provider cloudflare/cloudflare.\n"
        'resource "cloudflare_api_token" "x" {\n'
        '  name = "x"\n'
        "\n"
        "  policies = [\n"
        "  ]\n"
        "}\n"
    )


def test_a_list_that_is_long_has_a_line_for_each_item_and_stands_out_of_the_alignment() -> None:
    ranges = [f"192.0.2.{number}/32" for number in range(4)]
    condition = {"request_ip": {"in": ranges, "not_in": ["192.0.2.9/32"]}}
    text = formats.as_terraform({**BODY, "condition": condition}, USER_OWNER, label="x")
    lines = "".join(f'        "{range}",\n' for range in ranges)
    assert f'    request_ip = {{\n      in = [\n{lines}      ]\n      not_in = ["192.0.2.9/32"]\n' in text
    assert "  condition  = {}\n" in formats.as_terraform({**BODY, "condition": {}}, USER_OWNER, label="x")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("shop-dns (K7Q2M4XW9A)", "shop_dns_k7q2m4xw9a"), ("9 lives", "token_9_lives"), ("東京", "token"), ("", "token"),
        ('x" {}', "x"), ("Ünïcode", "n_code"),
    ],
)  # fmt: skip
def test_any_text_makes_a_label_that_terraform_takes(text: str, label: str) -> None:
    assert formats.terraform_label(text) == label


@settings(max_examples=150, deadline=None)
@given(drawn)
def test_all_formats_of_a_random_spec_say_the_same(one: Drawn) -> None:
    assert json.loads(formats.as_json(one.body)) == one.body
    whose = f"accounts/{one.owner.id}" if one.owner.kind == "account" else "user"
    assert curl_of(formats.as_curl(one.body, one.owner, base_url=BASE)) == (f"{BASE}/{whose}/tokens", one.body)
    names = {group.id: group.name for group in CATALOGUE}
    kind, label, read = hcl.read(formats.as_terraform(one.body, one.owner, label=one.spec.name, names=names))
    assert kind == ("cloudflare_account_token" if one.owner.kind == "account" else "cloudflare_api_token")
    assert read.pop("account_id", "") == (one.owner.id if one.owner.kind == "account" else "")
    assert re.fullmatch("[a-z_][a-z0-9_]*", label)
    assert same_grant(read, one.body)
    assert len(read.pop("policies")) == len(one.body["policies"])
    assert read == {key: value for key, value in one.body.items() if key != "policies"}


@settings(max_examples=150, deadline=None)
@given(drawn)
def test_the_sentence_counts_what_the_evaluator_grants(one: Drawn) -> None:
    said = str(words.sentence(one.body, CATALOGUE, one.around))
    granted = grants(one.body)
    zones = {sum(resource.kind == "zone" for resource in grant.allowed) for grant in granted} - {0}
    buckets = {sum(resource.kind == "bucket" for resource in grant.allowed) for grant in granted} - {0}
    assert {int(number) for number in re.findall(r"(?<!all )\b(\d+) zones?\b", said)} == zones
    assert {int(number) for number in re.findall(r"\b(\d+) R2 buckets?\b", said)} == buckets
    assert (said == "Can do nothing yet.") is (not granted)
    if granted:
        rules = one.body.get("condition", {}).get("request_ip", {})
        everywhere = {"0.0.0.0/0", "::/0"} <= set(rules.get("in", ())) or not rules.get("in")
        allowed = re.findall(r"From (\d+) networks?", said)
        assert allowed == ([] if everywhere else [str(len(rules["in"]))])
        assert re.findall(r"except (\d+) networks?", said) == ([str(len(rules["not_in"]))] if rules.get("not_in") else [])
        assert ("It never expires." in said) is ("expires_on" not in one.body)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=6), json_values, max_size=4))
def test_json_of_any_object_reads_back(body: dict[str, Any]) -> None:
    assert json.loads(formats.as_json(body)) == body


@needs_terraform
def test_terraform_fmt_changes_nothing(tmp_path: Path) -> None:
    """Many texts in one file, since each start of terraform takes its time."""
    found: list[str] = []

    @settings(max_examples=60, database=None, deadline=None)
    @given(drawn)
    def collect(one: Drawn) -> None:
        names = {group.id: group.name for group in CATALOGUE if group.scope != "account"}
        found.append(formats.as_terraform(one.body, one.owner, label=f"t{len(found)}", names=names if len(found) % 2 else {}))

    collect()
    (tmp_path / "tokens.tf").write_text("\n".join(found), encoding="utf-8")
    told = terraform("fmt", "-check", "-diff", typed="", where=tmp_path)
    assert (told.stdout, told.returncode) == ("", 0), told.stderr


@needs_terraform
def test_terraform_reads_every_awkward_name_as_it_was(tmp_path: Path) -> None:
    written = [hcl_text for name in AWKWARD_NAMES for hcl_text in [formats._hcl_string(name)]]
    told = terraform("console", typed=f"base64encode(jsonencode([{', '.join(written)}]))\n", where=tmp_path)
    assert told.returncode == 0, told.stderr
    encoded = subprocess.run(["base64", "-d"], input=told.stdout.strip().strip('"'), capture_output=True, text=True, check=True)
    assert json.loads(encoded.stdout) == list(AWKWARD_NAMES)


@pytest.mark.parametrize("owner", [ACCOUNT_OWNER, USER_OWNER], ids=lambda owner: owner.kind)
@given(spec=sound_specs)
@settings(max_examples=30, deadline=None)
def test_the_order_of_policies_and_groups_does_not_depend_on_the_body_s(owner: Owner, spec: Any) -> None:
    body = compiled(spec, owner).body
    turned = {
        **body,
        "policies": [{**policy, "permission_groups": policy["permission_groups"][::-1]} for policy in reversed(body["policies"])],
    }
    assert formats.as_terraform(turned, owner, label="x") == formats.as_terraform(body, owner, label="x")

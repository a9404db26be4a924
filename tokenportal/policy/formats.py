"""A body for machines: the JSON itself, a curl command that sends it, and Terraform that keeps it.

All three are texts for people to copy. Characters that nobody can see, and those that turn the direction of writing,
are written as escapes, so that what is read is what is run.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from tokenportal.policy.compile import canonical_json
from tokenportal.policy.surroundings import Owner

PROVIDER_VERSION: Final = "5.13.0"
"""The provider's first version whose `resources` is a JSON string, which nested resources need (its release notes, November 2025)."""

_FIRST: Final = ("name", "policies", "condition", "not_before", "expires_on")
_IDENTIFIER: Final = re.compile(r"[a-z_][a-z0-9_]*")
_ON_ONE_LINE: Final = 3
_HCL_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


def as_json(body: Mapping[str, Any]) -> str:
    """The body with two spaces of indent, its name first. Letters of every script stay as they are."""
    known = {key: body[key] for key in _FIRST if key in body}
    return "\n".join(_json({**known, **{key: body[key] for key in sorted(set(body) - set(known))}}))


def as_curl(body: Mapping[str, Any], owner: Owner, *, base_url: str) -> str:
    """A command for a POSIX shell that creates the token with the credential in `CLOUDFLARE_API_TOKEN`."""
    whose = f"accounts/{owner.id}" if owner.kind == "account" else "user"
    lines = (
        f"curl {_single_quoted(f'{base_url}/{whose}/tokens')}",
        "--request POST",
        '--header "Authorization: Bearer $CLOUDFLARE_API_TOKEN"',
        '--header "Content-Type: application/json"',
        f"--data {_single_quoted(as_json(body))}",
    )
    return " \\\n  ".join(lines)


def as_terraform(body: Mapping[str, Any], owner: Owner, *, label: str, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """A resource for version 5 of Cloudflare's provider, as `terraform fmt` leaves it. `label` may be any text.

    `names` by group id stand beside the ids, as comments.

    Policies and groups are sorted, since some versions of the provider compare them in an order of their own
    (by effect and resources; by id) with what is written here.
    """
    account = {"account_id": owner.id} if owner.kind == "account" else {}
    kind = "cloudflare_account_token" if account else "cloudflare_api_token"
    policies = sorted(body.get("policies", ()), key=_place)
    lines = [
        *_attributes({**account, "name": body.get("name", "")}),
        "",
        "policies = [",
        *(f"  {line}" for policy in policies for line in ("{", *_policy(policy, names), "},")),
        "]",
    ]
    rest = {key: body[key] for key in ("condition", "not_before", "expires_on") if key in body}
    if rest:
        lines += ["", *_attributes(rest)]
    return "\n".join(
        (
            f"# Needs version {PROVIDER_VERSION} or newer of the provider cloudflare/cloudflare.",
            f'resource "{kind}" "{terraform_label(label)}" {{',
            *(f"  {line}" if line else "" for line in lines),
            "}",
            "",
        )
    )


def terraform_label(text: str) -> str:
    """A name that Terraform takes, from any text: "shop-dns (K7Q2)" becomes "shop_dns_k7q2"."""
    label = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return label if _IDENTIFIER.fullmatch(label) else f"token_{label}".rstrip("_")


def _json(value: Any) -> list[str]:
    """A value as lines of JSON. What has one plain thing in it, or a list of a few, stays on its line."""
    if isinstance(value, Mapping):
        rows = [(f"{_json_scalar(key)}: ", item) for key, item in value.items()]
        marks, few = "{}", 1
    elif isinstance(value, list | tuple):
        rows = [("", item) for item in value]
        marks, few = "[]", _ON_ONE_LINE
    else:
        return [_json_scalar(value)]
    written = [(key, _json(item)) for key, item in rows]
    if len(rows) <= few and not any(isinstance(item, Mapping | list | tuple) for _, item in rows):
        return [f"{marks[0]}{', '.join(key + lines[0] for key, lines in written)}{marks[1]}"]
    inner: list[str] = []
    for number, (key, (first, *others)) in enumerate(written, start=1):
        inner += [f"  {key}{first}", *(f"  {line}" for line in others)]
        inner[-1] += "," if number < len(written) else ""
    return [marks[0], *inner, marks[1]]


def _json_scalar(value: Any) -> str:
    return _visible(json.dumps(value, ensure_ascii=False))


def _policy(policy: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    rows = {f"{{ id = {_hcl_string(id)} }},": names.get(id, "a name that is not known here") for id in _group_ids(policy)}
    width = max(map(len, rows), default=0)
    return [
        *(f"  {line}" for line in _attributes({"effect": policy["effect"]})),
        "  permission_groups = [",
        *(f"    {row.ljust(width)} # {_on_a_line(name)}" if names else f"    {row}" for row, name in rows.items()),
        "  ]",
        "  resources = jsonencode({",
        *(f"    {line}" for line in _attributes(policy["resources"])),
        "  })",
    ]


def _place(policy: Mapping[str, Any]) -> tuple[str, str, list[str]]:
    return policy["effect"], canonical_json(policy["resources"]), _group_ids(policy)


def _group_ids(policy: Mapping[str, Any]) -> list[str]:
    return sorted({group["id"] for group in policy["permission_groups"]})


def _on_a_line(text: str) -> str:
    return _visible(text).strip()


def _attributes(values: Mapping[str, Any]) -> list[str]:
    """Lines of `key = value`. Neighbours that each fill one line have their signs of equality beneath each other."""
    pairs = [(key if _IDENTIFIER.fullmatch(key) else _hcl_string(key), _hcl(value)) for key, value in values.items()]
    lines: list[str] = []
    for index, (key, value) in enumerate(pairs):
        width = len(key) if len(value) > 1 else max(map(len, _neighbours(pairs, index)))
        lines += [f"{key.ljust(width)} = {value[0]}", *value[1:]]
    return lines


def _neighbours(pairs: list[tuple[str, list[str]]], index: int) -> list[str]:
    """The keys of the run of one-line values around this one."""
    first = last = index
    while first > 0 and len(pairs[first - 1][1]) == 1:
        first -= 1
    while last + 1 < len(pairs) and len(pairs[last + 1][1]) == 1:
        last += 1
    return [key for key, _ in pairs[first : last + 1]]


def _hcl(value: Any) -> list[str]:
    """A value as lines of HCL; the first follows the sign of equality."""
    if isinstance(value, Mapping):
        return ["{", *(f"  {line}" for line in _attributes(value)), "}"] if value else ["{}"]
    if isinstance(value, list | tuple):
        items = [_hcl_string(item) for item in value]
        return [f"[{', '.join(items)}]"] if len(items) <= _ON_ONE_LINE else ["[", *(f"  {item}," for item in items), "]"]
    return [_hcl_string(value)]


def _hcl_string(text: str) -> str:
    written = re.sub(r'["\\\n\r\t]', lambda match: _HCL_ESCAPES[match[0]], re.sub(r"([$%])(?=\{)", r"\1\1", text))
    return f'"{_visible(written, wide="\\U{:08x}")}"'


def _visible(text: str, wide: str = "") -> str:
    """The text with escapes for controls, marks of direction, line separators and halves of characters.

    JSON writes what lies above U+FFFF as two halves; HCL takes a `wide` form.
    """
    return text if text.isprintable() else "".join(_escaped(character, wide) for character in text)


def _escaped(character: str, wide: str) -> str:
    code = ord(character)
    if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return character
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    return wide.format(code) if wide else f"\\u{0xD800 + (code - 0x10000 >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def _single_quoted(text: str) -> str:
    """The text for a POSIX shell, letter by letter: an apostrophe ends the quotes, stands escaped, and begins them anew."""
    return "'" + text.replace("'", "'\\''") + "'"

"""What is publicly known about Cloudflare's permission groups, in data files that say where they come from.

Facts and a few words of our own; no decisions. Each file is read once, when it is first asked for. Where a fact and
the live API disagree, the live API is right: `policy.catalogue` lets live rows win.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

DATA: Final = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class GroupFact:
    """A permission group as public sources describe it.

    `id` is 32 hex digits, `name` the API's name, `label` the dashboard's word without the level, `scopes` the resource
    types (`com.cloudflare.api.account.zone`), `key` its `permissionGroupKeys` key in template addresses ("" where
    none is known), `aliases` earlier names, `confidence` one of "agreeing", "single", "inferred".
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    level: str
    category: str
    label: str
    key: str
    aliases: tuple[str, ...]
    confidence: str


@dataclass(frozen=True, slots=True)
class TemplateKey:
    """One pair of key and type of a template address, and the group behind it (`id` "" where only its name is known)."""

    key: str
    type: str
    documented: bool
    name: str
    scope: str
    id: str


@dataclass(frozen=True, slots=True)
class GroupWords:
    """How to say what a group is about: `noun` when read, `edited_noun` when edited, `edit` the verb of its Edit level.

    `harmful`: an edit can do harm that is hard to undo (an outage, lost data, lost access).
    """

    noun: str
    edited_noun: str
    edit: str
    harmful: bool


@dataclass(frozen=True, slots=True)
class Level:
    """A level of a permission group: the dashboard's word, and the verb for sentences."""

    label: str
    verb: str


@dataclass(frozen=True, slots=True)
class Words:
    """Our own words and judgements, by template key; `not_on_account_owned` gives the product that refuses such tokens."""

    groups: Mapping[str, GroupWords]
    levels: Mapping[str, Level]
    categories: Mapping[str, str]
    creates_tokens: frozenset[str]
    not_on_account_owned: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OperationFact:
    """An operation of the API: `path` with its places in braces, `tag` its chapter in the schema ("" where it has none).

    `groups` are API names; any one of them lets a token call it. None are given where the schema states none.
    """

    method: str
    path: str
    tag: str
    groups: tuple[str, ...]


def _read(name: str) -> dict[str, Any]:
    return json.loads((DATA / name).read_text(encoding="utf-8"))


@cache
def permission_groups() -> Mapping[str, GroupFact]:
    """Every known permission group, by id."""
    return MappingProxyType(
        {
            row["id"]: GroupFact(**row | {"scopes": tuple(row["scopes"]), "aliases": tuple(row["aliases"])})
            for row in _read("permission_groups.json")["groups"]
        }
    )


@cache
def template_keys() -> tuple[TemplateKey, ...]:
    """Every pair of key and type that a template address may hold, sorted by key and type."""
    return tuple(TemplateKey(**row) for row in _read("template_keys.json")["keys"])


@cache
def older_aliases() -> Mapping[str, str]:
    """Older template keys, and the keys that replaced them."""
    return MappingProxyType(dict(_read("template_keys.json")["older_aliases"]))


@cache
def template_key_of(name: str, scope: str) -> str:
    """The template key of a group that is known by its API name and resource type only, or ""."""
    return next((row.key for row in template_keys() if (row.name, row.scope) == (name, scope)), "")


@cache
def operations() -> tuple[OperationFact, ...]:
    """Every operation of Cloudflare's schema, sorted by path."""
    data = _read("operations.json")
    sets = [tuple(data["groups"][position] for position in row) for row in data["sets"]]
    return tuple(
        OperationFact(method, path, data["tags"][tag], sets[groups])
        for path, methods in data["operations"].items()
        for method, (tag, groups) in methods.items()
    )


@cache
def words() -> Words:
    """Nouns, verbs and judgements about permission groups."""
    data = _read("words.json")
    return Words(
        groups=MappingProxyType(
            {
                row["key"]: GroupWords(
                    noun=row["noun"],
                    edited_noun=row.get("edited_noun", row["noun"]),
                    edit=row["edit"],
                    harmful=row["harmful"],
                )
                for row in data["groups"]
            }
        ),
        levels=MappingProxyType({slug: Level(**row) for slug, row in data["levels"].items()}),
        categories=MappingProxyType(dict(data["categories"])),
        creates_tokens=frozenset(data["creates_tokens"]),
        not_on_account_owned=MappingProxyType(dict(data["not_on_account_owned"])),
    )

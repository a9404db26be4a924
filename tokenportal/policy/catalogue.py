"""The permission groups that a connection offers, with the words and judgements that the facts add to them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final, Literal, Self

from tokenportal import facts

Scope = Literal["account", "zone", "user", "bucket", "other"]
Risk = Literal["reads", "changes", "deletes", "creates"]

SCOPES: Final[Mapping[str, Scope]] = {
    "com.cloudflare.api.account": "account",
    "com.cloudflare.api.account.zone": "zone",
    "com.cloudflare.api.user": "user",
    "com.cloudflare.edge.r2.bucket": "bucket",
}

# The last words of a group's API name, and the level that they mean (CLOUDFLARE.md, section 1: the API's word for
# Edit is Write). A name that ends otherwise is taken for Edit: the worse assumption.
_LEVEL_WORDS: Final = {
    "read": "read",
    "read-only": "read",
    "write": "edit",
    "edit": "edit",
    "admin": "admin",
    "purge": "purge",
    "revoke": "revoke",
    "run": "run",
    "report": "report",
    "send": "send",
    "bind": "bind",
}
_LEVEL_ORDER: Final = ("read", "edit", "admin", "purge", "revoke", "run", "report", "send", "index", "bind")


@dataclass(frozen=True, slots=True)
class PermissionGroup:
    """A permission group. `name` is the API's ("DNS Write"), `label` the dashboard's without the level ("DNS").

    `scope` is "other" for a resource type that this portal cannot fill; such a group is never granted.
    `selectable` is False where Cloudflare keeps a group out of its custom form.
    """

    id: str
    name: str
    label: str
    scope: Scope
    level: str
    category: str = "other"
    key: str = ""
    aliases: tuple[str, ...] = ()
    risk: Risk = "deletes"
    selectable: bool = True

    @property
    def level_label(self) -> str:
        """The level as the dashboard words it: "Read", "Edit", "Purge"."""
        known = facts.words().levels.get(self.level)
        return known.label if known else self.level.capitalize()

    @property
    def category_label(self) -> str:
        """The category for a heading: "DNS and zones"."""
        return facts.words().categories.get(self.category) or self.category.replace("_", " ").capitalize()

    @property
    def refused_product(self) -> str:
        """The product that does not take account-owned tokens, where this group belongs to one; else ""."""
        return facts.words().not_on_account_owned.get(self.key, "")

    @property
    def verb(self) -> str:
        """What it lets a token do, as a verb: "read", "create, change and delete", "purge"."""
        words = facts.words()
        if self.level == "edit" and self.key in words.groups:
            return words.groups[self.key].edit
        known = words.levels.get(self.level)
        return known.verb if known else words.levels["edit"].verb

    @property
    def noun(self) -> str:
        """What it lets a token do that to: "DNS records"; its label where we have no better word."""
        words = facts.words().groups.get(self.key)
        if words is None:
            return self.label
        return words.noun if self.level == "read" else words.edited_noun


@dataclass(frozen=True, slots=True)
class Family:
    """The groups of one label and scope: one row of a picker, with a radio for each level."""

    label: str
    scope: Scope
    groups: tuple[PermissionGroup, ...]

    @property
    def levels(self) -> tuple[str, ...]:
        return tuple(group.level for group in self.groups)


class Catalogue:
    """The permission groups on offer, sorted by label, scope and level. Immutable; cheap to look up."""

    def __init__(self, groups: Iterable[PermissionGroup]) -> None:
        self._groups = {group.id: group for group in sorted(groups, key=_place)}

    @classmethod
    def from_api(cls, rows: Any) -> Self:
        """From the rows of `GET .../tokens/permission_groups`: {id, name, scopes, category?, is_selectable?}.

        Rows that are no group (no id, no name) are left out. What the API does not say, the facts or the name do.
        """
        groups = (_group_of(row) for row in rows) if isinstance(rows, list | tuple) else ()
        return cls(group for group in groups if group is not None)

    @classmethod
    def from_facts(cls) -> Self:
        """Every group of public knowledge, for a demo, tests, or before a connection has been read."""
        return cls(_group_of_fact(fact) for fact in facts.permission_groups().values())

    def get(self, id: str) -> PermissionGroup | None:
        """The offered group of this id."""
        return self._groups.get(id)

    def known(self, id: str) -> PermissionGroup | None:
        """The group of this id, offered or only known from the facts: to name what a token of others holds."""
        fact = facts.permission_groups().get(id)
        return self._groups.get(id) or (_group_of_fact(fact) if fact else None)

    def named(self, name: str, scope: str) -> PermissionGroup | None:
        """The offered group of this API name (or earlier name) and scope."""
        alike = [group for group in self if group.scope == scope and name in (group.name, *group.aliases)]
        return next((group for group in alike if group.name == name), alike[0] if alike else None)

    def __iter__(self) -> Iterator[PermissionGroup]:
        return iter(self._groups.values())

    def __len__(self) -> int:
        return len(self._groups)

    def __contains__(self, id: object) -> bool:
        return id in self._groups

    def search(self, text: str) -> tuple[PermissionGroup, ...]:
        """The selectable groups in which every word of the text occurs: label, API name, older names, key, level."""
        wanted = text.casefold().split()
        return tuple(group for group, text in self._haystacks if all(word in text for word in wanted))

    def find(self, text: str) -> tuple[Family, ...]:
        """The families of which a member is found by `search`, whole, so that every level of it can be offered."""
        wanted = {group.id for group in self.search(text)}
        return tuple(family for family in self._all_families if any(group.id in wanted for group in family.groups))

    def family_of(self, group: PermissionGroup) -> Family:
        """The family that the group stands in; a family of its own for one that is not on offer."""
        return self._family_by_id.get(group.id) or Family(group.label, group.scope, (group,))

    @cached_property
    def all_known(self) -> tuple[PermissionGroup, ...]:
        """Every group that ``known`` finds."""
        return tuple({**{id: _group_of_fact(fact) for id, fact in facts.permission_groups().items()}, **self._groups}.values())

    @cached_property
    def _haystacks(self) -> tuple[tuple[PermissionGroup, str], ...]:
        return tuple((group, _haystack(group)) for group in self._offered())

    @cached_property
    def _all_families(self) -> tuple[Family, ...]:
        return self.families()

    @cached_property
    def _family_by_id(self) -> dict[str, Family]:
        return {group.id: family for family in self._all_families for group in family.groups}

    def families(self, groups: Iterable[PermissionGroup] | None = None) -> tuple[Family, ...]:
        """The selectable groups (or the given ones) by label and scope, each family's levels in a fixed order.

        Two groups of one label, scope and level (there is such a pair) stand in two families.
        """
        found: dict[tuple[str, Scope, int], list[PermissionGroup]] = {}
        for group in sorted(self._offered() if groups is None else groups, key=_place):
            twin = 0
            while any(other.level == group.level for other in found.get((group.label, group.scope, twin), ())):
                twin += 1
            found.setdefault((group.label, group.scope, twin), []).append(group)
        return tuple(Family(label, scope, tuple(members)) for (label, scope, _), members in found.items())

    def _offered(self) -> Iterator[PermissionGroup]:
        return (group for group in self if group.selectable and group.scope != "other")


def _place(group: PermissionGroup) -> tuple[str, str, int, str, str]:
    level = _LEVEL_ORDER.index(group.level) if group.level in _LEVEL_ORDER else len(_LEVEL_ORDER)
    return group.label.casefold(), group.scope, level, group.name, group.id


def _haystack(group: PermissionGroup) -> str:
    parts = (group.label, group.name, *group.aliases, group.key, group.key.replace("_", " "), group.level_label)
    return " ".join(parts).casefold()


def _scope_of(scopes: Iterable[object]) -> Scope:
    """The first resource type that we can fill."""
    return next((SCOPES[scope] for scope in scopes if isinstance(scope, str) and scope in SCOPES), "other")


def _risk_of(key: str, level: str) -> Risk:
    words = facts.words()
    if level == "read":
        return "reads"
    if key in words.creates_tokens:
        return "creates"
    if level not in ("edit", "admin"):
        return "changes" if level in words.levels else "deletes"
    known = words.groups.get(key)
    return "deletes" if known is None or known.harmful or level == "admin" else "changes"


@cache
def _group_of_fact(fact: facts.GroupFact) -> PermissionGroup:
    return PermissionGroup(
        id=fact.id,
        name=fact.name,
        label=fact.label,
        scope=_scope_of(fact.scopes),
        level=fact.level,
        category=fact.category,
        key=fact.key,
        aliases=fact.aliases,
        risk=_risk_of(fact.key, fact.level),
    )


def _label_and_level(name: str) -> tuple[str, str]:
    """ "DNS Write" is ("DNS", "edit"); a name without a level word is its own label, at level Edit."""
    label, _, last = name.rpartition(" ")
    level = _LEVEL_WORDS.get(last.casefold())
    return (re.sub(r"[\s:-]+$", "", label) or name, level) if level else (name, "edit")


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _group_of(row: Any) -> PermissionGroup | None:
    if not isinstance(row, Mapping) or not (id := _text(row.get("id"))) or not (name := _text(row.get("name"))):
        return None
    scopes = row.get("scopes")
    scopes = scopes if isinstance(scopes, list | tuple) else ()
    fact = facts.permission_groups().get(id)
    if fact:
        label, level, key, known_as = fact.label, fact.level, fact.key, {fact.name, *fact.aliases}
    else:
        label, level = _label_and_level(name)
        key, known_as = facts.template_key_of(name, str(scopes[0]) if scopes else ""), set()
    return PermissionGroup(
        id=id,
        name=name,
        label=label,
        scope=_scope_of(scopes),
        level=level,
        category=_text(row.get("category")) or (fact.category if fact else "other"),
        key=key,
        aliases=tuple(sorted(known_as - {name})),
        risk=_risk_of(key, level),
        selectable=row.get("is_selectable") is not False,
    )

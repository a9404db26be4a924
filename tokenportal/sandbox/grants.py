"""What a token's policies allow: explicit deny, then explicit allow, then no.

Resources are read into atoms, `(scope, account, item)`, in which "*" stands for all. A zone named on its own carries the
account it belongs to, so flat, nested and wildcard forms are compared with one rule. Written afresh for the sandbox:
the portal's evaluation must be checked by something that did not copy it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from django.db.models import Q

from tokenportal.sandbox import groups
from tokenportal.sandbox.models import Membership, Token, Zone

HEX_ID = re.compile(r"[0-9a-f]{32}\Z")
ANY = "*"


class Atom(NamedTuple):
    """One thing, or all of a kind: scope, the account it lies in ("" for a user), and the item in it ("" for the account)."""

    scope: str
    account: str
    item: str

    def covers(self, other: "Atom") -> bool:
        return self.scope == other.scope and self.account in (ANY, other.account) and self.item in (ANY, other.item)

    def meets(self, other: "Atom") -> bool:
        """True when something lies in both."""
        return self.scope == other.scope and all(
            mine == theirs or ANY in (mine, theirs) for mine, theirs in ((self.account, other.account), (self.item, other.item))
        )


def account(account_id: str) -> Atom:
    return Atom(groups.ACCOUNT, account_id, "")


def zone(found: Zone) -> Atom:
    return Atom(groups.ZONE, found.account_id, found.pk)


def user(user_id: str) -> Atom:
    return Atom(groups.USER, "", user_id)


def read_key(key: str) -> tuple[str, str] | None:
    """Split a resource key: `("com.cloudflare.api.account.zone", "<id>")`. None when it is no resource key."""
    for scope in (groups.ZONE, groups.ACCOUNT, groups.USER, groups.BUCKET):
        if key.startswith(f"{scope}."):
            rest = key.removeprefix(f"{scope}.")
            if rest == ANY or HEX_ID.match(rest) or (scope == groups.BUCKET and re.match(r"[0-9a-f]{32}_[a-z-]+_[^_].*\Z", rest)):
                return scope, rest
    return None


def atoms(resources: Mapping[str, Any], zone_accounts: Mapping[str, str]) -> Iterator[Atom]:
    """The atoms of one policy's resources. `zone_accounts` names the account of each zone; an unknown zone lies in account ""."""
    for key, value in resources.items():
        parts = read_key(key)
        if parts is None:
            continue
        scope, rest = parts
        if isinstance(value, Mapping):
            for inner in value:
                inner_parts = read_key(inner)
                if inner_parts and scope == groups.ACCOUNT:
                    yield Atom(inner_parts[0], rest, inner_parts[1])
        elif scope == groups.ACCOUNT:
            yield Atom(scope, rest, "")
        elif scope == groups.USER:
            yield Atom(scope, "", rest)
        elif scope == groups.BUCKET:
            yield Atom(scope, ANY, ANY) if rest == ANY else Atom(scope, rest[:32], rest[33:])
        else:
            yield Atom(scope, ANY if rest == ANY else zone_accounts.get(rest, ""), rest)


def zones_named(policies: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The account of every zone that these policies name. One query."""
    names: set[str] = set()
    for policy in policies:
        for key, value in policy["resources"].items():
            for candidate in (key, *(value if isinstance(value, Mapping) else ())):
                parts = read_key(candidate)
                if parts and parts[0] == groups.ZONE and parts[1] != ANY:
                    names.add(parts[1])
    return dict(Zone.objects.filter(pk__in=names).values_list("pk", "account_id")) if names else {}


class Grants:
    """A token's policies, read once: which atoms each permission group is allowed and denied on.

    Whatever the policies say, an account-owned token stays in its account, and a user's token in the accounts that
    the user is a member of: that is its reach.
    """

    def __init__(self, token: Token) -> None:
        self.user_id = token.user_id or ""
        self.accounts = (
            set(Membership.objects.filter(user=token.user_id).values_list("account_id", flat=True))
            if token.user_id
            else {token.account_id or ""}
        )
        self.allowed: dict[str, list[Atom]] = {}
        self.denied: dict[str, list[Atom]] = {}
        zone_accounts = zones_named(token.policies)
        for policy in token.policies:
            table = self.allowed if policy["effect"] == "allow" else self.denied
            found = list(atoms(policy["resources"], zone_accounts))
            for group in policy["permission_groups"]:
                table.setdefault(group["id"], []).extend(found)

    def reaches(self, target: Atom) -> bool:
        if target.scope == groups.USER:
            return bool(self.user_id) and target.item == self.user_id
        return target.account in self.accounts

    def allows(self, group_ids: Iterable[str], target: Atom) -> bool:
        """True when at least one of these groups is allowed, and not denied, on exactly this one thing."""
        return self.reaches(target) and any(
            any(atom.covers(target) for atom in self.allowed.get(group_id, ()))
            and not any(atom.covers(target) for atom in self.denied.get(group_id, ()))
            for group_id in group_ids
        )

    def zones(self, group_ids: Iterable[str]) -> Q:
        """A filter for the zones on which one of these groups is allowed."""
        wanted = Q(pk__in=[])
        for group_id in group_ids:
            wanted |= _zone_filter(self.allowed.get(group_id, ())) & ~_zone_filter(self.denied.get(group_id, ()))
        return wanted & Q(account_id__in=self.accounts)

    def account_ids(self, group_ids: Iterable[str]) -> list[str]:
        """The accounts within reach on which one of these groups is allowed."""
        chosen = tuple(group_ids)
        return sorted(found for found in self.accounts if self.allows(chosen, account(found)))


def _zone_filter(found: Iterable[Atom]) -> Q:
    """The zones that these atoms cover. Listed in a few `in` clauses, because a token may name hundreds of zones."""
    zones_on_their_own: set[str] = set()
    whole_accounts: set[str] = set()
    matches = Q(pk__in=[])
    for atom in found:
        if atom.scope != groups.ZONE:
            continue
        if atom.item == ANY:
            if atom.account == ANY:
                return ~Q(pk__in=[])
            whole_accounts.add(atom.account)
        elif atom.account == ANY:
            zones_on_their_own.add(atom.item)
        else:
            matches |= Q(pk=atom.item, account_id=atom.account)
    return matches | Q(pk__in=zones_on_their_own) | Q(account_id__in=whole_accounts)

"""What a token may hand on to the tokens that it creates or replaces.

A user token with API Tokens Write may grant whatever its user may; anything that creates account-owned tokens may grant
only what it holds itself. A token never exceeds its creator. (Source: Cloudflare's public guides on
creating tokens through the API, November 2026.)
"""

from collections.abc import Iterable, Mapping
from typing import Any

from tokenportal.sandbox import groups, refusals
from tokenportal.sandbox.grants import ANY, Atom, Grants, atoms, zones_named

Holdings = dict[str, list[Atom]]


def check(parent: Grants, policies: list[dict[str, Any]], *, account_id: str | None, names: Mapping[str, str]) -> None:
    """Raise Refusal (400, 1001) unless the parent may grant these policies to a token of this account.

    None stands for a token of the parent's own user. `names` gives each permission group's name: the refusal says it.
    """
    allowed, denied = _tables(policies, account_id)
    accounts = {account_id} if account_id else parent.accounts
    for table in (allowed, denied):
        for group_id, found in table.items():
            for atom in found:
                if not _within(atom, accounts, "" if account_id else parent.user_id):
                    raise refusals.beyond_the_parent(names[group_id])
    if account_id is None:
        return
    for group_id, found in allowed.items():
        for atom in found:
            if not _holds(parent, group_id, atom, denied.get(group_id, ()), account_id):
                raise refusals.beyond_the_parent(names[group_id])


def _tables(policies: list[dict[str, Any]], account_id: str | None) -> tuple[Holdings, Holdings]:
    """Allowed and denied atoms by group. In an account-owned token "all accounts" is its own account."""
    zone_accounts = zones_named(policies)
    tables: dict[str, Holdings] = {"allow": {}, "deny": {}}
    for policy in policies:
        found = [_own(atom, account_id) for atom in atoms(policy["resources"], zone_accounts)]
        for group in policy["permission_groups"]:
            tables[policy["effect"]].setdefault(group["id"], []).extend(found)
    return tables["allow"], tables["deny"]


def _own(atom: Atom, account_id: str | None) -> Atom:
    return atom._replace(account=account_id) if account_id and atom.account == ANY else atom


def _within(atom: Atom, accounts: Iterable[str], user_id: str) -> bool:
    if atom.scope == groups.USER:
        return bool(user_id) and atom.item == user_id
    return atom.account == ANY or atom.account in accounts


def _holds(parent: Grants, group_id: str, atom: Atom, own_denies: Iterable[Atom], account_id: str) -> bool:
    """True when some group that includes this one covers the whole atom, and what is denied of it is denied in the child too."""
    if atom.scope == groups.BUCKET:
        account = Atom(groups.ACCOUNT, account_id, "")
        if any(_granted(parent, held, account, (), account_id) for held in groups.account_wide(group_id)):
            return True
    return any(_granted(parent, held, atom, own_denies, account_id) for held in groups.including(group_id))


def _granted(parent: Grants, group_id: str, atom: Atom, own_denies: Iterable[Atom], account_id: str) -> bool:
    kept_out = [_own(denied, account_id) for denied in parent.denied.get(group_id, ()) if _own(denied, account_id).meets(atom)]
    return any(_own(held, account_id).covers(atom) for held in parent.allowed.get(group_id, ())) and all(
        any(own.covers(denied) for own in own_denies) for denied in kept_out
    )

"""Policies in a few words, for the control page."""

from collections.abc import Iterable
from typing import Any

from tokenportal.sandbox import grants, groups, shapes
from tokenportal.sandbox.models import Account, Token, Zone

NAMES_SHOWN = 3
STATES = {"active": "ok", "disabled": "warn", "expired": "bad"}


def described(tokens: list[Token], parents: set[str]) -> list[dict[str, Any]]:
    """One entry for each token: its row, status and colour word, whether it is a parent, and its policies in words."""
    names = shapes.group_names(tokens)
    accounts = dict(Account.objects.values_list("pk", "name"))
    zone_ids = grants.zones_named(policy for token in tokens for policy in token.policies)
    zones = dict(Zone.objects.filter(pk__in=zone_ids).values_list("pk", "name"))
    return [
        {
            "token": token,
            "status": token.status(),
            "tone": STATES[token.status()],
            "parent": token.pk in parents,
            "policies": [_words(policy, names, accounts, zones) for policy in token.policies],
        }
        for token in tokens
    ]


def _few(words: Iterable[str]) -> str:
    found = sorted(set(words))
    more = len(found) - NAMES_SHOWN
    return ", ".join(found[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _words(policy: dict[str, Any], names: dict[str, str], accounts: dict[str, str], zones: dict[str, str]) -> str:
    verb = "Allow" if policy["effect"] == "allow" else "Deny"
    chosen = _few(names.get(group["id"], group["id"]) for group in policy["permission_groups"])
    return f"{verb} {chosen} on {_few(_resource(key, value, accounts, zones) for key, value in policy['resources'].items())}"


def _resource(key: str, value: Any, accounts: dict[str, str], zones: dict[str, str]) -> str:
    scope, rest = grants.read_key(key) or ("", key)
    if isinstance(value, dict):
        within = _few(_resource(inner, "*", accounts, zones) for inner in value)
        return f"{within} of {'every account' if rest == grants.ANY else accounts.get(rest, rest)}"
    if scope == groups.ZONE:
        return "all zones" if rest == grants.ANY else zones.get(rest, rest)
    if scope == groups.ACCOUNT:
        return "all accounts" if rest == grants.ANY else accounts.get(rest, rest)
    return f"the user {rest}" if scope == groups.USER else rest

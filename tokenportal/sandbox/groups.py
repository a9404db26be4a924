"""The permission groups that the sandbox knows, and which of them include which."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

DATA = Path(__file__).parent / "data" / "permission_groups.json"

ACCOUNT = "com.cloudflare.api.account"
ZONE = "com.cloudflare.api.account.zone"
USER = "com.cloudflare.api.user"
BUCKET = "com.cloudflare.edge.r2.bucket"


@dataclass(frozen=True, slots=True)
class Group:
    id: str
    name: str
    scope: str
    category: str


@lru_cache(maxsize=1)
def known() -> dict[str, Group]:
    """Every group of the data file, by id. The file says where it comes from and of what date it is."""
    rows = json.loads(DATA.read_text(encoding="utf-8"))["groups"]
    return {row["id"]: Group(row["id"], row["name"], row["scopes"][0], row["category"]) for row in rows}


@lru_cache(maxsize=1)
def _by_name() -> dict[tuple[str, str], str]:
    return {(group.scope, group.name): group.id for group in known().values()}


@lru_cache(maxsize=256)
def ids(scope: str, *names: str) -> frozenset[str]:
    """The ids of the groups with these API names at one scope. KeyError for a name that the data file does not have."""
    return frozenset(_by_name()[scope, name] for name in names)


@lru_cache(maxsize=1024)
def including(group_id: str) -> frozenset[str]:
    """The groups that allow at least what this one does: itself, and for a Read group its Write."""
    group = known().get(group_id)
    if group is None or not group.name.endswith(" Read"):
        return frozenset({group_id})
    write = _by_name().get((group.scope, group.name.removesuffix("Read") + "Write"))
    return frozenset({group_id, write} if write else {group_id})


@lru_cache(maxsize=1024)
def account_wide(group_id: str) -> frozenset[str]:
    """The account groups that include this bucket group on every bucket of the account; empty for other groups."""
    group = known().get(group_id)
    if group is None or group.scope != BUCKET:
        return frozenset()
    storage = _by_name().get((ACCOUNT, group.name.replace(" Bucket Item", "")))
    return including(storage) if storage else frozenset()

"""The sandbox's small world: accounts, zones, a user, and the parent tokens. The same names give the same ids everywhere."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from tokenportal.sandbox import groups, values
from tokenportal.sandbox.models import Account, DNSRecord, Membership, PermissionGroup, Token, User, Zone

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://sandbox.invalid/client/v4")
USER_EMAIL = "sandbox-user@acme.example"
USER_PARENT = "Acme user"
ACCOUNTS = {"Acme production": ("Platform", "Web"), "Acme staging": ("Platform", "Web"), "Acme media": ("Web",)}
STEMS = {
    "Acme production": ("acme", "acme-shop", "acme-pay", "acme-api", "acme-status", "acme-login", "acme-docs", "acme-careers"),
    "Acme staging": ("acme-staging", "acme-preview", "acme-sandbox", "acme-load"),
    "Acme media": ("acme-images", "acme-video", "acme-radio"),
}
ENDINGS = ("example", "example.net", "example.org", "test")
USER_PARENT_GROUPS = {
    groups.USER: ("API Tokens Write", "User Details Read", "Memberships Read"),
    groups.ACCOUNT: ("Account Settings Read",),
    groups.ZONE: ("Zone Read",),
}


@dataclass(frozen=True, slots=True)
class Parent:
    """A parent token to connect the portal with. `credential` is set only when this run made it."""

    name: str
    kind: str
    owner_id: str
    teams: tuple[str, ...]
    credential: str = ""

    def to_json(self) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            f"{self.kind}_id": self.owner_id,
            "teams": list(self.teams),
        }
        if self.credential:
            entry["credential"] = self.credential
        return entry


def stable_id(kind: str, name: str) -> str:
    """32 hexadecimal digits that follow from a kind and a name, such as ("account", "Acme production")."""
    return uuid.uuid5(NAMESPACE, f"{kind}:{name}").hex


def zone_names() -> dict[str, list[str]]:
    return {account: [f"{stem}.{ending}" for stem in stems for ending in ENDINGS] for account, stems in STEMS.items()}


@transaction.atomic
def seed(*, rotate: bool = False) -> list[Parent]:
    """Make the world, or what is missing of it. With `rotate` every parent gets a new value."""
    load_groups()
    for name in ACCOUNTS:
        Account.objects.get_or_create(pk=stable_id("account", name), defaults={"name": name})
    user, _ = User.objects.get_or_create(pk=stable_id("user", USER_EMAIL), defaults={"email": USER_EMAIL})
    for name in ACCOUNTS:
        membership_id = stable_id("membership", f"{USER_EMAIL} {name}")
        Membership.objects.get_or_create(pk=membership_id, defaults={"user": user, "account_id": stable_id("account", name)})
    for name, zones in zone_names().items():
        add_zones(stable_id("account", name), zones, with_records=True)
    parents = [_account_parent(name, teams, rotate=rotate) for name, teams in ACCOUNTS.items()]
    return [*parents, _user_parent(user, rotate=rotate)]


def load_groups() -> None:
    """Put the data file's permission groups into their table; what somebody changed in the table is set back."""
    PermissionGroup.objects.bulk_create(
        [
            PermissionGroup(pk=group.id, name=group.name, scope=group.scope, category=group.category)
            for group in groups.known().values()
        ],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["name", "scope", "category"],
    )


def add_zones(account_id: str, names: list[str], *, with_records: bool = False) -> None:
    """Add those zones that are not there yet, in bulk."""
    Zone.objects.bulk_create(
        [Zone(pk=stable_id("zone", name), account_id=account_id, name=name) for name in names],
        batch_size=1000,
        ignore_conflicts=True,
    )
    if with_records:
        DNSRecord.objects.bulk_create([record for name in names for record in _records(name)], ignore_conflicts=True)


def _records(zone: str) -> list[DNSRecord]:
    rows: tuple[tuple[str, str, str, int | None], ...] = (
        ("A", zone, "192.0.2.10", None),
        ("CNAME", f"www.{zone}", zone, None),
        ("MX", zone, f"mail.{zone}", 10),
        ("TXT", zone, '"v=spf1 -all"', None),
    )
    return [
        DNSRecord(
            pk=stable_id("record", f"{kind} {name}"),
            zone_id=stable_id("zone", zone),
            type=kind,
            name=name,
            content=content,
            priority=priority,
        )
        for kind, name, content, priority in rows
    ]


def _policy(name: str, group_ids: list[str], resources: dict[str, Any]) -> dict[str, Any]:
    chosen = [{"id": group_id} for group_id in sorted(group_ids)]
    return {"id": stable_id("policy", name), "effect": "allow", "permission_groups": chosen, "resources": resources}


def _account_parent(name: str, teams: tuple[str, ...], *, rotate: bool) -> Parent:
    account_id = stable_id("account", name)
    by_scope: dict[str, list[str]] = {groups.ACCOUNT: [], groups.ZONE: []}
    for row in PermissionGroup.objects.filter(is_selectable=True, scope__in=by_scope):
        by_scope[row.scope].append(row.pk)
    key = f"{groups.ACCOUNT}.{account_id}"
    policies = [
        _policy(f"{name} account", by_scope[groups.ACCOUNT], {key: "*"}),
        _policy(f"{name} zones", by_scope[groups.ZONE], {key: {f"{groups.ZONE}.*": "*"}}),
    ]
    credential = _parent_token(name, policies, rotate=rotate, account_id=account_id, creator_email=USER_EMAIL)
    return Parent(name, "account", account_id, teams, credential)


def _user_parent(user: User, *, rotate: bool) -> Parent:
    resources = {
        groups.USER: {f"{groups.USER}.{user.pk}": "*"},
        groups.ACCOUNT: {f"{groups.ACCOUNT}.*": "*"},
        groups.ZONE: {f"{groups.ZONE}.*": "*"},
    }
    policies = [
        _policy(f"{USER_PARENT} {scope}", list(groups.ids(scope, *names)), resources[scope])
        for scope, names in USER_PARENT_GROUPS.items()
    ]
    credential = _parent_token(USER_PARENT, policies, rotate=rotate, user_id=user.pk)
    return Parent(USER_PARENT, "user", user.pk, ("Platform",), credential)


def _parent_token(name: str, policies: list[dict[str, Any]], *, rotate: bool, **owner: str) -> str:
    """The value of a new or rotated parent token; "" when it is there already, because only its hash is known."""
    token_id = stable_id("token", name)
    kind = "account" if "account_id" in owner else "user"
    value = values.new_value(kind)
    token, created = Token.objects.get_or_create(
        pk=token_id,
        defaults={"name": f"Token Portal ({name})", "value_sha256": values.digest(value), "policies": policies, **owner},
    )
    if not created and rotate:
        Token.objects.filter(pk=token.pk).update(value_sha256=values.digest(value))
    return value if created or rotate else ""

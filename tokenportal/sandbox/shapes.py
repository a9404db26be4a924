"""How each thing looks in an answer."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from tokenportal.sandbox.models import Account, DNSRecord, Membership, PermissionGroup, Token, User, Zone


def moment(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moments(**values: datetime | None) -> dict[str, str]:
    """Only those that are set: an absent time is an absent field."""
    return {name: moment(value) for name, value in values.items() if value is not None}


def group_names(tokens: Iterable[Token]) -> dict[str, str]:
    """The names of all permission groups that these tokens hold. One query."""
    ids = {group["id"] for token in tokens for policy in token.policies for group in policy["permission_groups"]}
    return dict(PermissionGroup.objects.filter(pk__in=ids).values_list("pk", "name"))


def token(row: Token, names: dict[str, str], *, value: str = "") -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": row.pk,
        "name": row.name,
        "status": row.status(),
        **moments(
            issued_on=row.issued_on,
            modified_on=row.modified_on,
            last_used_on=row.last_used_on,
            not_before=row.not_before,
            expires_on=row.expires_on,
        ),
        "policies": [
            {
                **policy,
                "permission_groups": [
                    {"id": group["id"], "name": names.get(group["id"], "")} for group in policy["permission_groups"]
                ],
            }
            for policy in row.policies
        ],
    }
    if row.condition:
        body["condition"] = row.condition
    if row.account_id:
        body["creator_email_at_creation"] = row.creator_email
        body["provisioner_type"] = "token" if row.created_by else "user"
        body["provisioner_id"] = row.created_by
    if value:
        body["value"] = value
    return body


def verified(row: Token) -> dict[str, Any]:
    return {"id": row.pk, "status": row.status(), **moments(not_before=row.not_before, expires_on=row.expires_on)}


def group(row: PermissionGroup) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "scopes": [row.scope],
        "category": row.category,
        "description": f"What {row.name} stands for in the dashboard.",
        "is_selectable": row.is_selectable,
    }


def user(row: User) -> dict[str, Any]:
    return {
        "id": row.pk,
        "email": row.email,
        "first_name": None,
        "last_name": None,
        "telephone": None,
        "country": None,
        "zipcode": None,
        "two_factor_authentication_enabled": True,
        "two_factor_authentication_locked": False,
        "suspended": False,
    }


def account(row: Account) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "type": "standard",
        "settings": {"enforce_twofactor": True},
        "created_on": moment(row.created_on),
    }


def membership(row: Membership) -> dict[str, Any]:
    return {
        "id": row.pk,
        "status": "accepted",
        "account": account(row.account),
        "api_access_enabled": True,
        "roles": ["Super Administrator - All Privileges"],
        "permissions": {"zones": {"read": True, "write": True}, "dns_records": {"read": True, "write": True}},
    }


def zone(row: Zone) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "status": row.status,
        "paused": False,
        "type": "full",
        "development_mode": 0,
        "name_servers": ["ada.ns.sandbox.invalid", "rob.ns.sandbox.invalid"],
        "original_name_servers": None,
        "original_registrar": None,
        "original_dnshost": None,
        "created_on": moment(row.created_on),
        "modified_on": moment(row.modified_on),
        "activated_on": moment(row.created_on) if row.status == "active" else None,
        "account": {"id": row.account_id, "name": row.account.name},
        "owner": {"id": row.account_id, "type": "organization", "name": row.account.name},
        "meta": {"step": 2, "custom_certificate_quota": 0, "page_rule_quota": 3, "phishing_detected": False},
        "plan": {"id": "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "name": "Free Website"},
        "permissions": ["#dns_records:edit", "#dns_records:read", "#zone:read"],
    }


def record(row: DNSRecord) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "type": row.type,
        "content": row.content,
        "proxiable": row.type in {"A", "AAAA", "CNAME"},
        "proxied": row.proxied,
        "ttl": row.ttl,
        **({"priority": row.priority} if row.priority is not None else {}),
        "data": {},
        "settings": {},
        "meta": {},
        "comment": row.comment,
        "tags": row.tags,
        "created_on": moment(row.created_on),
        "modified_on": moment(row.modified_on),
    }

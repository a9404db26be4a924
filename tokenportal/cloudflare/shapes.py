"""What answers must look like, and the records they become. What is not of the right shape is not believed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

ID_PATTERN = re.compile(r"[0-9a-f]{32}")
VALUE_PATTERN = re.compile(r"[!-~]{20,200}")
MAX_DEPTH = 32
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
TOKEN_NAME_LIMIT = 120
STATUS_LIMIT = 16
NOT_SENT_BACK = {"value", "creator_email_at_creation", "provisioner_type", "provisioner_id"}
"""What Cloudflare tells of a token besides a record's fields, and sets itself (its OpenAPI schema)."""


class WrongShape(ValueError):
    """An answer that is not what the API promises. The message never quotes it."""


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token as Cloudflare tells it, without its value. Times are aware, in UTC, or None.

    ``unread`` names what else the answer holds, so that nobody who sends a token back leaves out what it never saw.
    """

    id: str
    name: str = ""
    status: str = ""
    policies: list[dict[str, Any]] = field(default_factory=list)
    condition: dict[str, Any] = field(default_factory=dict)
    issued_on: datetime | None = None
    modified_on: datetime | None = None
    last_used_on: datetime | None = None
    not_before: datetime | None = None
    expires_on: datetime | None = None
    unread: tuple[str, ...] = ()

    @property
    def body(self) -> dict[str, Any]:
        """What it grants, in the form of a body that could be sent, for comparison."""
        times = {"not_before": self.not_before, "expires_on": self.expires_on}
        return {
            "name": self.name,
            "policies": self.policies,
            **({"condition": self.condition} if self.condition else {}),
            **{name: moment.strftime("%Y-%m-%dT%H:%M:%SZ") for name, moment in times.items() if moment},
        }


TOKEN_FIELDS = {one.name for one in fields(TokenRecord)} - {"unread"} | NOT_SENT_BACK


@dataclass(frozen=True, slots=True)
class Verified:
    id: str
    status: str
    not_before: datetime | None = None
    expires_on: datetime | None = None


@dataclass(frozen=True, slots=True)
class ZoneRecord:
    id: str
    name: str
    account_id: str
    account_name: str
    status: str


@dataclass(frozen=True, slots=True)
class NamedRecord:
    """An account or a user: an id and what people call it."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Listing:
    """``complete`` is False where pages ran on beyond the bound, so that absence means nothing.

    ``ray`` is Cloudflare's id of the answer with the last page.
    """

    tokens: tuple[TokenRecord, ...]
    complete: bool
    ray: str = ""


def bounded(value: Any, depth: int = 0) -> Any:
    """The value, unless it is nested deeper than any answer of the API, or holds text that no database keeps."""
    if depth > MAX_DEPTH:
        raise WrongShape("the answer is nested too deeply")
    if isinstance(value, str) and UNSTORABLE.search(value):
        raise WrongShape("the answer holds a character that cannot be kept")
    children = (*value, *value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        bounded(child, depth + 1)
    return value


def mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise WrongShape("an object was expected")
    return value


def rows(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list):
        raise WrongShape("a list was expected")
    return [mapping(row) for row in value]


def chained(error: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What stands behind an error, innermost last; nothing where it is not of that shape."""
    chain = error.get("error_chain")
    return [row for row in chain[:5] if isinstance(row, dict)] if isinstance(chain, list) else []


def identifier(value: Any) -> str:
    if not isinstance(value, str) or not ID_PATTERN.fullmatch(value):
        raise WrongShape("an id of 32 hex digits was expected")
    return value


def text(row: Mapping[str, Any], name: str, limit: int = 300) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise WrongShape(f"{name} is not text")
    return value[:limit]


def moment(row: Mapping[str, Any], name: str) -> datetime | None:
    value = text(row, name)
    if not value:
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise WrongShape(f"{name} is not a moment") from None


def token(value: Any) -> TokenRecord:
    row = mapping(value)
    times = ("issued_on", "modified_on", "last_used_on", "not_before", "expires_on")
    return TokenRecord(
        id=identifier(row.get("id")),
        name=text(row, "name", TOKEN_NAME_LIMIT),
        status=text(row, "status", STATUS_LIMIT),
        policies=[dict(policy) for policy in rows(row.get("policies") or [])],
        condition=dict(mapping(row.get("condition") or {})),
        **{name: moment(row, name) for name in times},
        unread=tuple(sorted(name[:60] for name, held in row.items() if held and name not in TOKEN_FIELDS)),
    )


def secret_value(value: Any) -> str:
    if not isinstance(value, str) or not VALUE_PATTERN.fullmatch(value):
        raise WrongShape("no secret came with it")
    return value


def verified(value: Any) -> Verified:
    row = mapping(value)
    return Verified(identifier(row.get("id")), text(row, "status", 32), moment(row, "not_before"), moment(row, "expires_on"))


def zone(row: Mapping[str, Any]) -> ZoneRecord:
    account = mapping(row.get("account") or {})
    return ZoneRecord(
        identifier(row.get("id")), text(row, "name", 253), identifier(account.get("id")), text(account, "name", 200),
        text(row, "status", 32),
    )  # fmt: skip


def named(row: Mapping[str, Any], name: str = "name") -> NamedRecord:
    return NamedRecord(identifier(row.get("id")), text(row, name, 200))


def group(row: Mapping[str, Any]) -> dict[str, Any]:
    """A permission group as plain JSON: id, name, scopes, category."""
    scopes = row.get("scopes")
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise WrongShape("scopes are not a list of texts")
    return {
        "id": identifier(row.get("id")), "name": text(row, "name", 200), "scopes": scopes,
        "category": text(row, "category", 100),
    }  # fmt: skip

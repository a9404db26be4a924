"""The resources that a policy can name (CLOUDFLARE.md, section 2), as values instead of strings."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

_ACCOUNT: Final = "com.cloudflare.api.account."
_ZONE: Final = "com.cloudflare.api.account.zone."
_USER: Final = "com.cloudflare.api.user."
_BUCKET: Final = "com.cloudflare.edge.r2.bucket."
EVERY_ACCOUNT: Final = f"{_ACCOUNT}*"
EVERY_ZONE: Final = f"{_ZONE}*"

JURISDICTIONS: Final = ("default", "eu", "fedramp")

_ID: Final = re.compile(r"[0-9a-f]{32}")
_BUCKET_PARTS: Final = rf"([0-9a-f]{{32}}){{0}}({'|'.join(JURISDICTIONS)}){{0}}([a-z0-9][a-z0-9-]{{1,61}}[a-z0-9])"
_BUCKET_TYPED: Final = re.compile(_BUCKET_PARTS.replace("{0}", "/"))
_BUCKET_NAMED: Final = re.compile(_BUCKET_PARTS.replace("{0}", "_"))

Kind = Literal["account", "every account", "zone", "zones of", "every zone", "user", "bucket"]
SCOPE_OF: Final[dict[Kind, str]] = {
    "account": "account",
    "every account": "account",
    "zone": "zone",
    "zones of": "zone",
    "every zone": "zone",
    "user": "user",
    "bucket": "bucket",
}


@dataclass(frozen=True, slots=True, order=True)
class Resource:
    """One resource of a policy. `id` is an account's, a zone's or a user's id, or a bucket as people type it; "" for every."""

    kind: Kind
    id: str = ""

    @property
    def scope(self) -> str:
        """The scope whose permission groups apply to it."""
        return SCOPE_OF[self.kind]


@dataclass(frozen=True, slots=True)
class Bucket:
    """An R2 bucket of an account and a jurisdiction."""

    account_id: str
    jurisdiction: str
    name: str

    @property
    def key(self) -> str:
        return f"{_BUCKET}{self.account_id}_{self.jurisdiction}_{self.name}"

    def __str__(self) -> str:
        return f"{self.account_id}/{self.jurisdiction}/{self.name}"


def is_id(text: object) -> bool:
    """Whether this is an id of Cloudflare's: 32 hex digits."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def account(id: str) -> str:
    return f"{_ACCOUNT}{id}"


def zone(id: str) -> str:
    return f"{_ZONE}{id}"


def user(id: str) -> str:
    return f"{_USER}{id}"


def zones_of(account_ids: Iterable[str]) -> dict[str, Any]:
    """The nested form: all zones of each account, those added later too."""
    return {account(id): {EVERY_ZONE: "*"} for id in account_ids}


def parse_bucket(text: str) -> Bucket | None:
    """A bucket as people type it, "<account id>/<default, eu or fedramp>/<name>"."""
    found = _BUCKET_TYPED.fullmatch(text.strip())
    return Bucket(*found.groups()) if found else None


def parse(key: object, value: object) -> Resource | None:
    """The resource of one pair in a policy's `resources`; None for a shape that we do not know."""
    if not isinstance(key, str):
        return None
    if value == {EVERY_ZONE: "*"}:
        account_id = key.removeprefix(_ACCOUNT)
        return Resource("zones of", account_id) if account_id != key and is_id(account_id) else None
    if value != "*":
        return None
    if key == EVERY_ACCOUNT:
        return Resource("every account")
    if key == EVERY_ZONE:
        return Resource("every zone")
    if key.startswith(_BUCKET):
        found = _BUCKET_NAMED.fullmatch(key.removeprefix(_BUCKET))
        return Resource("bucket", "/".join(found.groups())) if found else None
    prefixes: tuple[tuple[str, Kind], ...] = ((_ZONE, "zone"), (_USER, "user"), (_ACCOUNT, "account"))
    for prefix, kind in prefixes:
        if key.startswith(prefix):
            return Resource(kind, key.removeprefix(prefix)) if is_id(key.removeprefix(prefix)) else None
    return None

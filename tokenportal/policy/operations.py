"""The operations of Cloudflare's API: found by words, or by the call as somebody typed it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Literal

from tokenportal import facts
from tokenportal.policy.resources import is_id

Kind = Literal["zone", "account", "either", "user", "all zones"]

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
EITHER: Final = "{accounts_or_zones}"

# What people call a method
_MEANT: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("read", "list", "get", "show", "see"), frozenset({"GET"})),
    **dict.fromkeys(("create", "add", "new", "post"), frozenset({"POST"})),
    **dict.fromkeys(("change", "edit", "update", "write", "set"), frozenset({"PUT", "PATCH"})),
    **dict.fromkeys(("delete", "remove"), frozenset({"DELETE"})),
}
_PLACE: Final = re.compile(r"\{[^}]*\}")
_TYPED: Final = re.compile(
    r"(?:(?P<method>[A-Za-z]+)\s+)?(?:(?:https?://[^/\s]+(?:/[^/\s]+)*?)?/client/v4(?=/))?(?P<path>/[^\s?#]*)(?:[?#]\S*)?"
)


@dataclass(frozen=True, slots=True)
class Operation:
    """A method and a path with its places in braces. Any one of `groups` (API names) suffices; none means not stated."""

    method: str
    path: str
    groups: tuple[str, ...] = ()
    tag: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def kind(self) -> Kind:
        """The kind of resource that the path touches; "all zones" where it is about zones and names none."""
        first, _, rest = self.path.removeprefix("/").partition("/")
        if first == "zones":
            return "zone" if rest.startswith("{") else "all zones"
        if first == "accounts" and rest.startswith("{"):
            return "account"
        return "either" if first == EITHER else "user"

    @property
    def words(self) -> frozenset[str]:
        """The words of the path, without its places."""
        return frozenset(re.findall(r"[a-z0-9]+", _PLACE.sub(" ", self.path.casefold())))


@dataclass(frozen=True, slots=True)
class Typed:
    """A typed call: its operation, and the zone or account that it names ("" where it names none)."""

    operation: Operation
    zone_id: str = ""
    account_id: str = ""
    places: Mapping[str, str] = field(default_factory=dict)


@cache
def known() -> tuple[Operation, ...]:
    """Every operation, sorted by path."""
    return tuple(Operation(fact.method, fact.path, fact.groups, fact.tag) for fact in facts.operations())


@cache
def _by_name() -> Mapping[str, Operation]:
    return {str(operation): operation for operation in known()}


def get(name: str) -> Operation | None:
    """The operation of this method and path: "GET /zones/{zone_id}/dns_records"."""
    return _by_name().get(name)


def search(text: str, limit: int = 10) -> tuple[Operation, ...]:
    """The operations in whose method, path or tag every word of the text occurs, best first.

    A method may be meant by a verb ("delete record"); a whole word of the path is better than a part of one, and a
    short path better than a long one.
    """
    wanted = re.findall(r"[^\s/?{}]+", text.casefold())
    if not wanted:
        return ()
    meant = [_MEANT.get(word, frozenset({word.upper()})) for word in wanted]
    sought = list(zip(wanted, meant, strict=True))
    holding = (row for row in _haystacks() if all(word in row[1] or row[0].method in methods for word, methods in sought))
    found = [(_rank(sought, one, words) - one.path.count("/"), one) for one, _, words in holding]
    found.sort(key=lambda row: (-row[0], row[1].kind == "user", len(row[1].path), row[1].path, METHODS.index(row[1].method)))
    return tuple(operation for _, operation in found[:limit])


def parse_typed(text: str) -> Typed | None:
    """The operation that somebody typed, and the ids in it: "GET https://.../client/v4/zones/0123.../dns_records?page=2".

    Without a method it is a GET. A place may be left as it is in a path of the documentation ({zone_id}, :zone_id).
    """
    match = _TYPED.fullmatch(text.strip())
    if match is None:
        return None
    method = (match["method"] or "GET").upper()
    segments = match["path"].rstrip("/").split("/")[1:]
    best = min(
        (operation for operation in _by_shape().get((method, len(segments)), ()) if _fits(operation.path, segments)),
        key=lambda operation: len(_PLACE.findall(operation.path)),
        default=None,
    )
    if best is None:
        return None
    places: dict[str, str] = {}
    for part, segment in zip(best.path.split("/")[1:], segments, strict=True):
        if _PLACE.fullmatch(part) and not re.match(r"[{:<$]", segment):
            places[part.strip("{}")] = segment
    return Typed(best, *_resource(best, segments), places)


def _resource(operation: Operation, segments: list[str]) -> tuple[str, str]:
    """The ids of the zone and of the account that the path names in its second part."""
    id = segments[1].lower() if len(segments) > 1 and is_id(segments[1].lower()) else ""
    about = {"zone": "zones", "account": "accounts", "either": segments[0]}.get(operation.kind)
    return id if about == "zones" else "", id if about == "accounts" else ""


@cache
def _haystacks() -> tuple[tuple[Operation, str, frozenset[str]], ...]:
    return tuple((one, f"{one.method} {one.path} {one.tag}".casefold(), one.words) for one in known())


def _rank(sought: list[tuple[str, frozenset[str]]], operation: Operation, words: frozenset[str]) -> int:
    """How well an operation fits in which every word occurs."""
    rank = 0
    for word, methods in sought:
        if word in words:
            rank += 8
        elif f"{word}s" in words or word.removesuffix("s") in words:
            rank += 7
        elif operation.method in methods:
            rank += 6
        elif any(one.startswith(word) for one in words):
            rank += 5
        else:
            rank += 2
    return rank


@cache
def _by_shape() -> Mapping[tuple[str, int], tuple[Operation, ...]]:
    found: dict[tuple[str, int], list[Operation]] = {}
    for operation in known():
        found.setdefault((operation.method, operation.path.count("/")), []).append(operation)
    return {shape: tuple(rows) for shape, rows in found.items()}


def _fits(path: str, segments: list[str]) -> bool:
    return all(_segment_fits(part, segment) for part, segment in zip(path.split("/")[1:], segments, strict=True))


def _segment_fits(part: str, segment: str) -> bool:
    if part == segment:
        return True
    if part == EITHER:
        return segment in ("accounts", "zones")
    if "{" not in part or not segment:
        return False
    return re.fullmatch(".+".join(map(re.escape, _PLACE.split(part))), segment) is not None

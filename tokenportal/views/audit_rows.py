"""Which events a filter finds, and a page of them that takes as long with a million events as with a thousand.

A page is read from one index, by numbers before or after the one at which the last page ended, and nothing is counted. Where a
filter names more than an index holds, only so many candidates are looked at, and the page says how far it looked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.http import QueryDict

from tokenportal.actions import token_search
from tokenportal.audit import reading
from tokenportal.audit.events import WORDS
from tokenportal.forms.log_filter import LogFilter, uuid_of
from tokenportal.models import AuditEvent
from tokenportal.views import access

PER_PAGE = 50
WINDOW = 20_000
"""How many candidates one request looks at."""
FEW = 8
"""Of how many actions a noun may be the beginning, so that each is read from the index by itself."""
PORTAL, STRANGER = "the portal", "somebody not signed in"
"""Who did what nobody who is known did, as the pages call it. A stranger comes from an address, and has no session."""
TEXTS = (
    "object_name", "reason", "by_name", "address", "action", "object_id", "cloudflare_id", "ray", "digest", "changes", "details",
)  # fmt: skip
"""Where words are looked for."""
CLOCKS_DIFFER = 1000
"""How many of the earliest events of a day are looked at for the lowest number: writers take turns, their clocks may differ."""

type Alternative = Mapping[str, Any]
"""Values of columns, all of which an event has; a list means any of its values."""
type Condition = Sequence[Alternative]
"""An event has to meet one of these."""


def wanted(query: QueryDict) -> LogFilter:
    return LogFilter.of(query, WORDS)


def matching(wanted: LogFilter) -> Any:
    """All events that the filter finds, newest first: what an export writes out. None where it was not understood."""
    if wanted.problems:
        return reading.events().none()
    rows = reading.events()
    for condition in conditions(wanted):
        rows = rows.filter(_any(condition))
    for word in wanted.text:
        rows = rows.filter(_has(word))
    if wanted.since:
        rows = rows.filter(at__gte=wanted.since)
    if wanted.until:
        rows = rows.filter(at__lt=wanted.until)
    return rows


def conditions(wanted: LogFilter) -> list[Condition]:
    """What the filter asks for in terms of columns, each with an index; first what leaves fewest."""
    found: list[Condition] = []
    if wanted.trail:
        found.append([{"trail": wanted.trail}])
    if wanted.session:
        found.append([{"session": wanted.session}])
    if wanted.object:
        found.append(_of_thing(wanted.object))
    if wanted.zone:
        words = token_search.words_for_place(wanted.zone, access.connections())
        found.append(_of_tokens(access.tokens_reaching(words)))
    if wanted.actor:
        found += _by(wanted.actor)
    if wanted.action in WORDS:
        found.append([{"action": wanted.action}])
    elif wanted.action:
        found.append([{"action": name} for name in WORDS if name.startswith(f"{wanted.action}.")])
    if wanted.outcome:
        found.append([{"outcome": wanted.outcome}])
    return found


def _by(actor: str) -> list[Condition]:
    """By the id of a person, which finds the same whatever they were called, or by the name that was recorded."""
    if actor == STRANGER:
        return [[{"by_name": ""}], [{"address__gt": "", "session": ""}]]
    if actor == PORTAL:
        return [[{"by_name": ""}], [{"address": ""}, {"session__gt": ""}]]
    pk = uuid_of(actor)
    return [[{"by_id": pk}]] if pk and str(pk) == actor else [[{"by_name": actor}]]


def who(event: AuditEvent) -> str:
    """The name that was recorded, else whichever of these two it was."""
    return event.by_name or (STRANGER if event.address and not event.session else PORTAL)


def _of_thing(text: str) -> Condition:
    """By id or by name; a token's name may lack the reference that ends it, and stands for its request as well."""
    tokens = _of_tokens(access.tokens_named(text, uuid_of(text)))
    return [{"object_name": text}, {"object_id": [text, *tokens[0]["object_id"]]}, tokens[1]]


def _of_tokens(tokens: Iterable[tuple[UUID, UUID | None, UUID | None]]) -> Condition:
    """Events of these tokens, of the requests that made them and of their changes."""
    found = list(tokens)
    trails = {one for token in found for one in token if one}
    return [{"object_id": sorted({str(pk) for pk, *_ in found})}, {"trail": sorted(trails)}]


def _q(alternative: Alternative, prefix: str = "") -> Q:
    named = {
        f"{prefix}{name}__in" if isinstance(value, list) else f"{prefix}{name}": value for name, value in alternative.items()
    }
    return Q(**named)


def _any(condition: Condition, prefix: str = "") -> Q:
    return reduce(or_, (_q(alternative, prefix) for alternative in condition))


def _has(word: str) -> Q:
    return reduce(or_, (Q(**{f"{name}__icontains": word}) for name in TEXTS))


@dataclass(frozen=True)
class Page:
    """``older`` and ``newer`` are the cursors of the pages beside this one.

    ``looked_to`` is how far this one looked where not to the end: back, or on to newer events if ``looked_on``.
    """

    rows: list[AuditEvent]
    older: int | None = None
    newer: int | None = None
    looked_to: AuditEvent | None = None
    looked_on: bool = False


@dataclass
class Hunt:
    """A filter as a database finds it quickly: one condition by its index, the others by looking at what that one gives."""

    driver: Condition = ({},)
    others: list[Condition] = field(default_factory=list)
    text: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def of(cls, wanted: LogFilter) -> "Hunt":
        found = conditions(wanted)
        drivers = [condition for condition in found if len(condition) <= FEW]
        driver = drivers[0] if drivers else ({},)
        others = [condition for condition in found if condition is not driver]
        return cls(driver, others, wanted.text, wanted.since, wanted.until)

    @property
    def looks_through(self) -> bool:
        return bool(self.others or self.text)

    def rows(self, alternative: Alternative, low: int, high: int, *, older: bool) -> Any:
        """Numbers of candidates between the two, themselves left out, in the order in which they are looked at."""
        rows = reading.events().filter(_q(alternative), number__gt=low, number__lt=high)
        return rows.order_by("-number" if older else "number").values_list("number", flat=True)

    def kept(self, rows: Any) -> Any:
        """Those that meet the rest. Its columns are hidden from the planner, or it might follow another index for ever."""
        names = {name.partition("__")[0] for condition in self.others for alternative in condition for name in alternative}
        names |= {"at"} if self.since or self.until else set()
        rows = rows.alias(**{f"plain_{name}": Coalesce(F(name), F(name)) for name in names})
        for condition in self.others:
            rows = rows.filter(_any(condition, "plain_"))
        for word in self.text:
            rows = rows.filter(_has(word))
        if self.since:
            rows = rows.filter(plain_at__gte=self.since)
        if self.until:
            rows = rows.filter(plain_at__lt=self.until)
        return rows

    def numbers(self, low: int, high: int, *, older: bool) -> tuple[list[int], int | None]:
        """The first numbers of a page and one more, and how far was looked where not to the end."""
        edge = self.edge(low, high, older=older) if self.looks_through else None
        if edge is not None:
            low, high = (edge - 1, high) if older else (low, edge + 1)
        found = {
            number
            for alternative in self.driver
            for number in self.kept(self.rows(alternative, low, high, older=older))[: PER_PAGE + 1]
        }
        return sorted(found, reverse=older)[: PER_PAGE + 1], edge

    def edge(self, low: int, high: int, *, older: bool) -> int | None:
        """The number at which the window ends, if it ends before the log does."""
        if self.driver == ({},):
            end = high - WINDOW if older else low + WINDOW
            return end if low < end < high else None
        ends = [
            number
            for alternative in self.driver
            for number in self.rows(alternative, low, high, older=older)[WINDOW - 1 : WINDOW]
        ]
        return (max(ends) if older else min(ends)) if ends else None

    def bounds(self) -> tuple[int, int]:
        """Numbers around all that can be found, themselves left out."""
        low, high = 0, reading.newest() + 1
        if self.since:
            early = reading.events().filter(at__gte=self.since).order_by("at").values_list("number", flat=True)
            low = min(early[:CLOCKS_DIFFER], default=high) - 1
        if self.until:
            late = reading.events().filter(at__lt=self.until).order_by("-at").values_list("number", flat=True)
            high = min(high, max(late[:CLOCKS_DIFFER], default=0) + 1)
        return low, high


def page(wanted: LogFilter, *, before: int | None = None, after: int | None = None) -> Page:
    """A page of what the filter finds, newest first; of what came before or after a number, where one is given."""
    if wanted.problems:
        return Page([])
    hunt = Hunt.of(wanted)
    low, high = hunt.bounds()
    if after is not None:
        numbers, edge = hunt.numbers(max(low, after), high, older=False)
        if len(numbers) > PER_PAGE:
            shown = numbers[:PER_PAGE]
            return Page(opened(shown), older=shown[0], newer=shown[-1])
        if edge is not None:
            return Page(opened(numbers), older=(numbers or [after + 1])[0], newer=edge, looked_to=_at(edge), looked_on=True)
        before = None  # so near to the newest that those are the page
    numbers, edge = hunt.numbers(low, min(high, before or high), older=True)
    shown = numbers[:PER_PAGE]
    more = len(numbers) > PER_PAGE
    newer = (shown[0] if shown else before - 1) if before and before < high else None
    if more or edge is None:
        return Page(opened(shown), older=shown[-1] if more else None, newer=newer)
    return Page(opened(shown), older=edge, newer=newer, looked_to=_at(edge))


def _at(edge: int) -> AuditEvent:
    return next(iter(opened([edge])), AuditEvent(number=edge))


def opened(numbers: Iterable[int]) -> list[AuditEvent]:
    return reading.readable(numbers, *reading.LONG)[::-1]

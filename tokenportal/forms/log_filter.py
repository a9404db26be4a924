"""What somebody looks for in the log: typed as qualifiers into one box, chosen in controls, or both.

``actor:requester action:token "two words"`` in the box says the same as the controls of these names. What a control can show moves
there; the box keeps the rest, and whatever was not understood, so that nothing that was typed is lost.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.http import QueryDict

from tokenportal.models import AuditEvent

CONTROLS = ("actor", "action", "object", "zone", "outcome", "from", "to")
"""What has a control, by its name in the address."""
QUALIFIERS = ("actor", "action", "object", "zone", "outcome", "created", "session", "trail")
OUTCOMES = tuple(AuditEvent.Outcome.values)
PIECE = re.compile(r'(?:([A-Za-z]+):)?(?:"([^"]*)"|(\S+))')
RANGE = re.compile(r"(?:(?P<sign>>=|<=|>|<)(?P<one>.+)|(?P<first>.*?)\.\.(?P<last>.*)|(?P<day>.+))")
DAY = timedelta(days=1)
LONGEST = 400


@dataclass(frozen=True)
class Problem:
    """What was not understood, as a sentence, and the control that it stands in."""

    field: str
    sentence: str

    @property
    def href(self) -> str:
        return f"#{self.field}"


@dataclass(frozen=True)
class LogFilter:
    """``action`` is an event's name or the noun before its dot. ``since`` is the first moment, ``until`` the first one after.

    ``text`` are words of which an event must have each; ``box`` is what the search box shows, ``typed`` what the controls show.
    """

    actor: str = ""
    action: str = ""
    object: str = ""
    zone: str = ""
    outcome: str = ""
    session: str = ""
    trail: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: tuple[str, ...] = ()
    box: str = ""
    typed: tuple[tuple[str, str], ...] = ()
    problems: tuple[Problem, ...] = ()

    @classmethod
    def of(cls, query: QueryDict, actions: Collection[str] = ()) -> "LogFilter":
        """What an address asks for. ``actions`` are the events' names; without them any action is believed."""
        return _Reading(query, actions).filter()

    @property
    def narrows(self) -> bool:
        """Whether anything is left out of the log."""
        return bool(self.query())

    @property
    def controls(self) -> dict[str, str]:
        """What each control shows."""
        return dict(self.typed)

    def query(self) -> dict[str, str]:
        """The same as names and values of an address, without those that say nothing."""
        return {name: value for name, value in (("q", self.box), *self.typed) if value}

    def words(self) -> str:
        """All of it as it could be typed into the box."""
        said = [f"{name}:{_quoted(value)}" for name, value in self.typed if value and name not in ("from", "to")]
        shown = self.controls
        if shown.get("from") or shown.get("to"):
            said.append(f"created:{shown.get('from', '')}..{shown.get('to', '')}")
        return " ".join([*said, *([self.box] if self.box else [])])


class _Reading:
    """One reading of an address: the box first, for it was typed last, then what the controls say beside it."""

    def __init__(self, query: QueryDict, actions: Collection[str]) -> None:
        self.actions = {*actions, *(name.partition(".")[0] for name in actions)}
        self.values: dict[str, str] = {}
        self.text: list[str] = []
        self.kept: list[str] = []
        self.problems: list[Problem] = []
        for found in PIECE.finditer(_clean(query.get("q", ""))):
            self.piece(found)
        for name in CONTROLS:
            self.values[name] = self.values.get(name) or _clean(query.get(name, ""))
        for name in ("session", "trail"):
            if (value := _clean(query.get(name, ""))) and name not in self.values:
                self.keep(name, value)

    def piece(self, found: re.Match[str]) -> None:
        """A word of the box, or a qualifier with its value."""
        name, quoted, plain = (found[1] or "").lower(), found[2], found[3]
        value = plain if quoted is None else quoted
        if not name:
            self.text.append(value)
            self.kept.append(found[0])
        elif name not in QUALIFIERS:
            known = ", ".join(f"{one}:" for one in QUALIFIERS)
            self.wrong(
                "q", f"“{name}:” is no qualifier. There are {known}. To look for it as a text, put it into quotes.", found[0]
            )
        elif name in self.values or (name == "created" and {"from", "to"} & set(self.values)):
            self.wrong("q", f"“{name}:” stands there twice. Leave one of them.", found[0])
        elif name == "created":
            self.created(value, found[0])
        elif name in CONTROLS:
            self.values[name] = value
        else:
            self.keep(name, value)

    def keep(self, name: str, value: str) -> None:
        """A qualifier that has no control, and so stays in the box."""
        self.values[name] = value
        self.kept.append(f"{name}:{_quoted(value)}")

    def wrong(self, field: str, sentence: str, typed: str = "") -> None:
        self.problems.append(Problem(field, sentence))
        self.kept += [typed] if typed else []

    def created(self, value: str, typed: str) -> None:
        """``2026-11-01``, ``2026-11-01..2026-11-30`` with either end open, or ``>=``, ``>``, ``<=``, ``<`` with a day."""
        found = RANGE.fullmatch(value)
        parts = found.groupdict(default="") if found else {}
        ends = {"from": parts.get("day") or parts.get("first", ""), "to": parts.get("day") or parts.get("last", "")}
        if parts.get("sign"):
            ends = {"from" if ">" in parts["sign"] else "to": parts["one"]}
        days = {name: _day(text) for name, text in ends.items() if text not in ("", "*")}
        if not days or None in days.values():
            example = "created:2026-11-01..2026-11-30, created:>=2026-11-01 or created:2026-11-01"
            return self.wrong("q", f"“{typed}” has no days that can be read. Write them like {example}.", typed)
        shift = {">": DAY, "<": -DAY}.get(parts.get("sign", ""), timedelta())
        self.values |= {name: (day + shift).isoformat() for name, day in days.items() if day}
        return None

    def end(self, name: str) -> date | None:
        text = self.values[name]
        day = _day(text) if text else None
        if text and not day:
            self.wrong(name, f"“{text}” is no day. Write it like 2026-11-30.")
        return day

    def filter(self) -> LogFilter:
        values = self.values
        values["actor"] = values["actor"].lower()
        if values["action"] and self.actions and values["action"] not in self.actions:
            self.wrong("action", f"No event is called “{values['action']}”. Choose one under What, or a noun such as token.")
        if values["outcome"] not in ("", *OUTCOMES):
            self.wrong("outcome", f"“{values['outcome']}” is no outcome. There are {', '.join(OUTCOMES)}.")
        first, last = self.end("from"), self.end("to")
        if first and last and first > last:
            self.wrong("from", "The first day comes after the last one. Swap them.")
        trail = uuid_of(values.get("trail", ""))
        if values.get("trail") and not trail:
            self.wrong("q", "“trail:” needs the id of a request or a token, with its hyphens.")
        return LogFilter(
            **{name: values[name] for name in ("actor", "action", "object", "zone", "outcome")},
            session=values.get("session", ""), trail=trail, since=_start(first), until=_start(last and last + DAY),
            text=tuple(word for word in self.text if word), box=" ".join(self.kept),
            typed=tuple((name, values[name]) for name in CONTROLS), problems=tuple(self.problems),
        )  # fmt: skip


def _clean(text: str) -> str:
    return text.replace("\x00", "").strip()[:LONGEST]


def _quoted(value: str) -> str:
    return f'"{value}"' if re.search(r"\s", value) or not value else value


def _day(text: str) -> date | None:
    """A day as the log knows them. The ends of the calendar are none: nothing comes before or after them."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if date.min + DAY < day < date.max - DAY else None


def _start(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day else None


def uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

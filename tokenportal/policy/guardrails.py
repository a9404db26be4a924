"""Guardrails: rules that judge what would be sent, and say what each of them asks for.

They judge the compiled body, so that no shape of it slips by: a wildcard is as wide as it reads, Edit includes Read, ranges
that hold nearly every address restrict nothing, a missing end is later than any end, an exclusion makes nothing smaller. Where a
rule names what a permission lets one do, it matches every permission that lets one do that. A body of an unknown shape is refused.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, Self

from tokenportal.policy import moments
from tokenportal.policy.body import Restrictions, policies_of, restrictions_of
from tokenportal.policy.catalogue import Catalogue, PermissionGroup
from tokenportal.policy.held import (
    BREADTHS,
    Held,
    breadth_of,
    categories_of,
    does,
    does_at,
    ends_within,
    from_anywhere,
    held,
    reach_in_words,
)
from tokenportal.policy.resources import Resource

Effect = Literal["refuse", "end", "addresses", "reason", "approvals", "warn"]
Case = Literal["new", "lowering", "existing"]
"""What is judged: what will be granted; a change that only takes away; or what somebody granted elsewhere already."""

TEAM, ADMINS = "team", "admins"
UNREADABLE: Final = "It holds something of a kind that this portal cannot read, so nobody can say what it would allow."


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list | tuple) else ()


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 100_000 else 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Match:
    """Which bodies a rule is about: all that is given must hold. What is empty or 0 asks for nothing.

    `groups` are permission group ids; `breadth` is the least reach; `longer_than` is in days, and no end is longer than
    any; `connections` and `teams` are ids of the portal's own.
    """

    groups: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    breadth: str = ""
    creates_tokens: bool = False
    longer_than: int = 0
    from_anywhere: bool = False
    connections: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, value: Any) -> Self:
        data = value if isinstance(value, dict) else {}
        lists = ("groups", "levels", "categories", "scopes", "connections", "teams")
        return cls(
            **{name: _texts(data.get(name)) for name in lists},
            breadth=breadth if (breadth := _text(data.get("breadth"))) in BREADTHS else "",
            creates_tokens=data.get("creates_tokens") is True,
            longer_than=_number(data.get("longer_than")),
            from_anywhere=data.get("from_anywhere") is True,
        )


@dataclass(frozen=True, slots=True)
class Effects:
    """What a rule asks for; at least one of these. `refuse` and `warn` are sentences for whoever asks for the token.

    `end_within` is in days; `approvals` is how many people must approve, from `source`: TEAM for the approvers of the
    request's team, ADMINS, or a team's id for the approvers of that team. Admins count as approvers of every team.
    """

    refuse: str = ""
    end_within: int = 0
    addresses: bool = False
    reason: bool = False
    approvals: int = 0
    source: str = TEAM
    warn: str = ""

    @classmethod
    def from_json(cls, value: Any) -> Self:
        data = value if isinstance(value, dict) else {}
        return cls(
            refuse=_text(data.get("refuse")), end_within=_number(data.get("end_within")),
            addresses=data.get("addresses") is True, reason=data.get("reason") is True,
            approvals=_number(data.get("approvals")), source=_text(data.get("source")) or TEAM, warn=_text(data.get("warn")),
        )  # fmt: skip

    @property
    def asks(self) -> bool:
        """Whether it asks for anything at all."""
        return any((self.refuse, self.end_within, self.addresses, self.reason, self.approvals, self.warn))


@dataclass(frozen=True, slots=True)
class Rule:
    """A guardrail: `title` is what pages call it, `explanation` why there is one."""

    id: str
    title: str
    when: Match = field(default_factory=Match)
    then: Effects = field(default_factory=Effects)
    explanation: str = ""

    def to_json(self) -> dict[str, Any]:
        """``when`` and ``then`` as plain JSON, from which ``from_json`` makes equal ones."""
        when = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self.when).items()}
        return {"when": when, "then": asdict(self.then)}


@dataclass(frozen=True, slots=True)
class Judged:
    """What is judged beside the body: through which connection, for which team, for which stated reason, and when.

    `teams` are the names of the teams whose approvers rules ask for, by id.
    """

    now: datetime
    connection: str = ""
    team: str = ""
    reason: str = ""
    case: Case = "new"
    teams: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ruling:
    """One thing that a rule asks for. `because` names what in the body it is about; `asks` is the whole sentence.

    `met` is False for what stands in the way; what must be approved is a demand and counts as met here.
    """

    rule: Rule
    effect: Effect
    asks: str
    because: str = ""
    met: bool = False


@dataclass(frozen=True, slots=True)
class Demand:
    """So many approvals from this source (see Effects), because of this rule."""

    rule: Rule
    count: int
    source: str
    because: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    rulings: tuple[Ruling, ...] = ()
    demands: tuple[Demand, ...] = ()

    @property
    def unmet(self) -> tuple[Ruling, ...]:
        """What keeps the token from being asked for at all, whoever approves it."""
        return tuple(ruling for ruling in self.rulings if not ruling.met)

    @property
    def warnings(self) -> tuple[Ruling, ...]:
        return tuple(ruling for ruling in self.rulings if ruling.effect == "warn")

    @property
    def asks_for_reason(self) -> bool:
        return any(ruling.effect == "reason" for ruling in self.rulings)


UNREAD_RULE: Final = Rule("unreadable", "Only what can be read", explanation="This rule is part of the portal and always on.")


def judge(body: Mapping[str, Any], rules: Iterable[Rule], catalogue: Catalogue, judged: Judged) -> Judgement:
    """What the rules ask of this body. Total: any body, however strange."""
    restrictions = restrictions_of(body)
    unread = bool(restrictions.unknown) or any(policy.unknown for policy in policies_of(body))
    rulings = [_softened(Ruling(UNREAD_RULE, "refuse", UNREADABLE), judged.case)] if unread else []
    demands: list[Demand] = []
    granted = held(body, catalogue)
    for rule in rules:
        touched = _touched(rule.when, granted, catalogue, restrictions, judged, unread=unread)
        if touched is None:
            continue
        rulings += [_softened(ruling, judged.case) for ruling in _rulings(rule, touched, restrictions, judged)]
        if rule.then.approvals and judged.case != "lowering":
            demands.append(Demand(rule, rule.then.approvals, rule.then.source, touched))
    return Judgement(tuple(rulings), tuple(demands))


def matches(when: Match, body: Mapping[str, Any], catalogue: Catalogue, judged: Judged) -> bool:
    """Whether a rule with this `when` is about the body."""
    restrictions = restrictions_of(body)
    unread = bool(restrictions.unknown) or any(policy.unknown for policy in policies_of(body))
    return _touched(when, held(body, catalogue), catalogue, restrictions, judged, unread=unread) is not None


def _touched(
    when: Match, granted: Iterable[Held], catalogue: Catalogue, restrictions: Restrictions, judged: Judged, *, unread: bool
) -> str | None:  # fmt: skip
    """In a few words what a rule is about in this body; None where it is not about it."""
    if (when.connections and judged.connection not in when.connections) or (when.teams and judged.team not in when.teams):
        return None
    if when.longer_than and ends_within(restrictions, when.longer_than, judged.now):
        return None
    if when.from_anywhere and not from_anywhere(restrictions):
        return None
    if unread:
        return "what cannot be read"
    wanted = [group for id in when.groups if (group := catalogue.known(id))]
    found = [one for one in granted if one.group is None or _is_meant(one.group, when, wanted, catalogue)]
    if not found:
        return None
    on = frozenset[Resource]().union(*(one.on for one in found))
    breadth = breadth_of(on)
    order: list[str] = [*BREADTHS]
    if when.breadth and order.index(breadth) < order.index(when.breadth):
        return None
    names = [f"{one.group.label}: {one.group.level_label}" if one.group else f"permission {one.id}" for one in found]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} on {reach_in_words(on)}"


def _is_meant(group: PermissionGroup, when: Match, wanted: Iterable[PermissionGroup], catalogue: Catalogue) -> bool:
    return (
        (not when.groups or group.id in when.groups or any(does(group, other) for other in wanted))
        and (not when.levels or does_at(group, when.levels, catalogue))
        and (not when.categories or bool(categories_of(group) & set(when.categories)))
        and (not when.scopes or group.scope in when.scopes)
        and (not when.creates_tokens or group.risk == "creates")
    )


def _rulings(rule: Rule, because: str, restrictions: Restrictions, judged: Judged) -> list[Ruling]:
    then, found = rule.then, []
    if then.refuse:
        found.append(Ruling(rule, "refuse", then.refuse, because))
    if then.end_within:
        asks = f"It must end within {moments.days_in_words(then.end_within)}."
        found.append(Ruling(rule, "end", asks, because, met=ends_within(restrictions, then.end_within, judged.now)))
    if then.addresses:
        asks = "It must work from certain addresses only."
        found.append(Ruling(rule, "addresses", asks, because, met=not from_anywhere(restrictions)))
    if then.reason:
        found.append(
            Ruling(rule, "reason", "Say why it is needed, or name the ticket.", because, met=bool(judged.reason.strip()))
        )
    if then.approvals:
        found.append(Ruling(rule, "approvals", approvals_in_words(then, judged.teams), because, met=True))
    if then.warn:
        found.append(Ruling(rule, "warn", then.warn, because, met=True))
    return found


def approvals_in_words(then: Effects, teams: Mapping[str, str]) -> str:
    """Whose approval it takes. `teams` are the names of teams by id; one that is not among them is gone."""
    count = "One person" if then.approvals == 1 else f"{then.approvals} people"
    among = {TEAM: "the team’s approvers and the admins", ADMINS: "the admins"}.get(then.source)
    if among is None:
        team = teams.get(then.source)
        among = (
            f"the approvers of {team} and the admins" if team else "the approvers of a team that is gone, so only admins count,"
        )
    return f"{count} among {among} must approve it."


def _softened(ruling: Ruling, case: Case) -> Ruling:
    """A change that only takes away is never held up; what exists already needs a reason and approvals, and no change."""
    if case == "new" or ruling.met or (case == "existing" and ruling.effect == "reason"):
        return ruling if case != "lowering" or ruling.effect != "approvals" else _as_warning(ruling)
    return _as_warning(ruling)


def _as_warning(ruling: Ruling) -> Ruling:
    return Ruling(ruling.rule, "warn", ruling.asks, ruling.because, met=True)

"""A guardrail tried out before it counts: which tokens and open requests it would have touched, and what it would have asked.

A token is judged as if it were asked for on the day it was made, a request as if it were sent now; of a change, too, all that
it would hold is judged. Nothing is saved, and what somebody may not see is counted only.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from uuid import UUID

from django.db.models import Exists, F, OuterRef

from tokenportal import clock, rules
from tokenportal.actions import rulemaking, snapshots
from tokenportal.actions.guarding import Standing
from tokenportal.actions.rulemaking import Wanted
from tokenportal.models import Connection, Status, Token, TokenRequest, User, Version
from tokenportal.policy import guardrails
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.compile import name_without
from tokenportal.policy.guardrail_words import Names
from tokenportal.policy.guardrails import Case, Judged, Rule, Ruling

MOST_ROWS: Final = 50
CHUNK: Final = 500
OPEN: Final = (Status.DRAFT, Status.IN_REVIEW, Status.APPROVED, Status.FAILED)
"""What a rule can still hold up: also what was tried, was not created, and can be tried again."""
EFFECTS: Final[dict[str, str]] = {
    "refuse": "would be refused",
    "approvals": "would need approval",
    "reason": "would need a reason",
    "end": "would need an earlier end",
    "addresses": "would need certain addresses",
    "warn": "would be warned about",
}
Difference = Literal["newly", "as before", "no longer"]


@dataclass(frozen=True)
class Touched:
    """A token or a request that the rule touches, with what it asks of it; or asked of it, where it does so no longer."""

    pk: UUID
    name: str
    team: str
    asks: tuple[str, ...]
    difference: Difference


@dataclass
class Side:
    """Of tokens, or of requests: how many were looked at, touched, and touched otherwise than now; the first rows by name.

    ``by_effect`` counts what is asked by effect (policy.guardrails.Effect). ``unnamed``: drafts that are nobody else's business.
    """

    looked_at: int = 0
    unnamed: int = 0
    by_difference: Counter[Difference] = field(default_factory=Counter)
    by_effect: Counter[str] = field(default_factory=Counter)
    rows: list[Touched] = field(default_factory=list)

    @property
    def touched(self) -> int:
        return self.by_difference["newly"] + self.by_difference["as before"]

    @property
    def newly(self) -> int:
        return self.by_difference["newly"]

    @property
    def no_longer(self) -> int:
        return self.by_difference["no longer"]

    @property
    def in_words(self) -> str:
        """What it asks for, with how often."""
        parts = [f"{self.by_effect[effect]} {words}" for effect, words in EFFECTS.items() if self.by_effect[effect]]
        return f"Of these, {', '.join(parts)}."

    @property
    def unlisted(self) -> int:
        """How many could be named, and are not among the rows."""
        return self.by_difference.total() - self.unnamed - len(self.rows)


@dataclass(frozen=True)
class DryRun:
    tokens: Side
    requests: Side


@dataclass(frozen=True)
class _One:
    """Something that is judged."""

    pk: UUID
    name: str
    team: str
    body: dict[str, Any]
    catalogue: Catalogue
    judged: Judged
    is_seen: bool = True


def dry_run(wanted: Wanted, *, by: User, replacing: Standing | None = None) -> DryRun:
    """What this rule would have done, and what of that is new. As many queries for many rows as for one.

    Raises NotAllowed, and Invalid for what could not be saved either.
    """
    rules.require(rules.may_administer(by))
    checked = rulemaking.checked(wanted, replacing)
    before = replacing.rule if replacing and replacing.is_on else None
    catalogues = {
        one.pk: snapshots.catalogue(one) for one in Connection.objects.select_related("snapshot").defer("snapshot__groups")
    }
    names = rulemaking.names()
    sides = (_tokens(catalogues), _requests(catalogues, by))
    return DryRun(*(_side(rows, checked.rule(), before, names) for rows in sides))


def _side(found: Iterator[_One], rule: Rule, before: Rule | None, names: Names) -> Side:
    side = Side()
    for one in found:
        side.looked_at += 1
        now, was = _asked(rule, one), _asked(before, one)
        if not now and not was:
            continue
        difference: Difference = "no longer" if not now else "as before" if was else "newly"
        side.by_difference[difference] += 1
        side.by_effect.update({ruling.effect for ruling in now})
        side.unnamed += not one.is_seen
        if one.is_seen and len(side.rows) < MOST_ROWS:
            asks = tuple(_words(ruling, names) for ruling in now or was)
            side.rows.append(Touched(one.pk, one.name, one.team, asks, difference))
    return side


def _asked(rule: Rule | None, one: _One) -> tuple[Ruling, ...]:
    """What the rule asks of it that is not there yet. What every rule refuses, because it cannot be read, is not this one's."""
    if rule is None:
        return ()
    found = guardrails.judge(one.body, (rule,), one.catalogue, one.judged).rulings
    mine = (ruling for ruling in found if ruling.rule is rule)
    return tuple(ruling for ruling in mine if not ruling.met or ruling.effect in ("approvals", "warn"))


def _words(ruling: Ruling, names: Names) -> str:
    return guardrails.approvals_in_words(ruling.rule.then, names.teams) if ruling.effect == "approvals" else ruling.asks


def _tokens(catalogues: dict[UUID, Catalogue]) -> Iterator[_One]:
    now = clock.now()
    found = Token.objects.alive().filter(is_parent=False).select_related("team", "token_request")
    only = ("pk", "name", "team__name", "body", "connection_id", "issued_on", "token_request__reason", "token_request__reference")
    for token in found.only(*only).order_by("name", "pk").iterator(CHUNK):
        made_by = token.token_request
        reason, name = (made_by.reason, name_without(token.name, made_by.reference)) if made_by else ("", token.name)
        judged = Judged(token.issued_on or now, str(token.connection_id), str(token.team_id or ""), reason)
        yield _One(token.pk, name, str(token.team or ""), token.body, catalogues[token.connection_id], judged)


def _requests(catalogues: dict[UUID, Catalogue], by: User) -> Iterator[_One]:
    now = clock.now()
    seen = Exists(TokenRequest.objects.visible_to(by).filter(pk=OuterRef("token_request_id")))
    found = Version.objects.filter(token_request__status__in=OPEN, number=F("token_request__version"), connection__isnull=False)
    found = (
        found.select_related("connection", "token_request__team")
        .annotate(is_seen=seen)
        .order_by("token_request__created_at", "pk")
    )
    for version in found.iterator(CHUNK):
        one, connection = version.token_request, version.agreed_connection
        case: Case = "existing" if one.kind == TokenRequest.Kind.ADOPT else "new"
        judged = Judged(now, str(connection.pk), str(one.team_id), one.reason, case)
        name = version.spec.name.strip() or str(one)
        yield _One(one.pk, name, one.team.name, version.payload, catalogues[connection.pk], judged, vars(version)["is_seen"])

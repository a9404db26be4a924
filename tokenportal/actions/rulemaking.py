"""Guardrails are made, changed, switched and removed. A default that is changed has a row over it; without, it is as it ships."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import IntegrityError

from tokenportal import audit, clock, rules
from tokenportal.actions import guarding, snapshots
from tokenportal.actions.guarding import Standing
from tokenportal.actions.invalid import Invalid, checked_text
from tokenportal.audit import Event
from tokenportal.models import Connection, Guardrail, Team, User
from tokenportal.policy import guardrail_words
from tokenportal.policy.catalogue import SCOPES, PermissionGroup
from tokenportal.policy.guardrail_words import Names
from tokenportal.policy.guardrails import ADMINS, TEAM, Effects, Match, Rule
from tokenportal.policy.held import BREADTHS

TITLE_MAX, EXPLANATION_MAX, SENTENCE_MAX = 120, 400, 300
LONGEST, MOST_APPROVALS = 3650, 9
SHOWN = 2000
"""So many characters of a rule in words stand in its events."""
NOTHING_ASKED = "Choose at least one thing that the rule asks for."


class MovedOn(Exception):
    """Somebody else has changed or removed the rule since it was looked at."""


@dataclass(frozen=True)
class Wanted:
    """A rule as somebody wants it to be. ``revision`` is that of the row that was looked at; 0 where there was none."""

    title: str
    when: Match
    then: Effects
    explanation: str = ""
    revision: int = 0

    def rule(self, id: str = "") -> Rule:
        return Rule(id, self.title, self.when, self.then, self.explanation)


def find(key: str) -> Standing | None:
    """The rule of this slug or id, or the one whose row has this id. One query."""
    return next((one for one in guarding.standing_rules() if key in (one.rule.id, str(one.row.pk) if one.row else "")), None)


def every_group() -> dict[str, PermissionGroup]:
    """All permission groups that a rule can name: those of public knowledge, and what the connections offer beside them."""
    found = {group.id: group for group in snapshots.all_known_groups()}
    for connection in Connection.objects.select_related("snapshot").defer("snapshot__groups"):
        found |= {group.id: group for group in snapshots.catalogue(connection) if group.id not in found}
    return found


def names() -> Names:
    """What rules in words call things by. As many queries for many teams as for one."""
    connections = {str(one.pk): one.name for one in Connection.objects.only("name")}
    return Names(every_group().get, connections, {str(one.pk): one.name for one in Team.objects.all()})


def checked(wanted: Wanted, replacing: Standing | None = None) -> Wanted:
    """The rule as it would be kept. Raises Invalid for the first thing that cannot be."""
    title = _line("title", wanted.title, TITLE_MAX, needed="Enter a title.")
    others = [one for one in guarding.standing_rules() if replacing is None or one.rule.id != replacing.rule.id]
    if any(one.rule.title.casefold() == title.casefold() for one in others):
        raise Invalid("title", "There is a rule with this title already. Choose another one.")
    explanation = _line("explanation", wanted.explanation, EXPLANATION_MAX)
    then = wanted.then
    then = replace(
        then, refuse=_line("refuse", then.refuse, SENTENCE_MAX), warn=_line("warn", then.warn, SENTENCE_MAX),
        source=then.source if then.approvals else TEAM,
    )  # fmt: skip
    if not then.asks:
        raise Invalid("then", NOTHING_ASKED)
    _check_number("longer_than", wanted.when.longer_than, LONGEST)
    _check_number("end_within", then.end_within, LONGEST)
    _check_number("approvals", then.approvals, MOST_APPROVALS)
    _check_when(wanted.when)
    if then.source not in (TEAM, ADMINS):
        _check_known("source", (then.source,), _ids_of(Team, (then.source,)), "a team")
    return replace(wanted, title=title, explanation=explanation, then=then)


def set_rule(wanted: Wanted, *, by: User | None, replacing: Standing | None = None) -> Guardrail:
    """Make a rule, or change one; what it would be already stays as it is. ``by`` is None from the command line only.

    Raises NotAllowed, Invalid, and MovedOn where somebody else was first.
    """
    _require_admin(by)
    wanted = checked(wanted, replacing)
    now = find(replacing.rule.id) if replacing else None
    if now and now.revision == wanted.revision and _says(wanted.rule()) == _says(now.rule):
        return _as_it_stands(now.row, now.default)
    values = {"title": wanted.title, "explanation": wanted.explanation, **wanted.rule().to_json()}
    return _write(Event.GUARDRAIL_SET, by, replacing, wanted.revision, **values)


def switch(standing: Standing, *, by: User | None, on: bool, revision: int) -> Guardrail:
    """Switch a rule on or off. Raises NotAllowed, and MovedOn where somebody else was first."""
    _require_admin(by)
    return _write(Event.GUARDRAIL_SWITCHED, by, standing, revision, is_on=on)


def remove(standing: Standing, *, by: User, revision: int) -> None:
    """Remove a rule; a default goes back to how it ships, and is on. Raises NotAllowed and MovedOn."""
    _require_admin(by)
    called = names()
    with audit.recording(Event.GUARDRAIL_REMOVED, by=by, subject=standing.row) as record:
        row = _locked(standing, revision)
        if row is None:
            raise MovedOn
        record.subject, pk, before = row, row.pk, row.rule
        record.remove(row)
        row.pk = pk  # the event names the row, which Django has just made anonymous
        _say(record, before, None, called)


def _write(event: Event, by: User | None, standing: Standing | None, revision: int, **values: Any) -> Guardrail:
    called = names()
    try:
        with audit.recording(event, by=by) as record:
            row = record.subject = _looked_at(standing, revision) if standing else None
            before = row.rule if row else None
            if row is None:
                row = record.subject = Guardrail(**values, changed_at=clock.now(), changed_by=by)
                record.add(row)
            else:
                record.set(row, **values)
                row.revision, row.changed_at, row.changed_by = row.revision + 1, clock.now(), by
                row.save()
            _say(record, before, row.rule, called)
    except IntegrityError:
        raise MovedOn from None
    return row


def _says(rule: Rule) -> tuple[Any, ...]:
    """What a rule says, its lists in one order: a form gives them in its own."""
    when = rule.to_json()["when"]
    lists = {name: sorted(value) for name, value in when.items() if isinstance(value, list)}
    return rule.title, rule.explanation, when | lists, rule.then


def _looked_at(standing: Standing, revision: int) -> Guardrail:
    """The row of the rule; for a default without one, a row that is not saved yet and says what it ships with. Raises MovedOn."""
    return _as_it_stands(_locked(standing, revision), standing.default)


def _as_it_stands(row: Guardrail | None, ships: Rule | None) -> Guardrail:
    if row is not None:
        return row
    if ships is None:
        raise MovedOn
    return Guardrail(slug=ships.id, title=ships.title, explanation=ships.explanation, revision=0, **ships.to_json())


def _locked(standing: Standing, revision: int) -> Guardrail | None:
    """The row of the rule as it is now, for one who looked at this revision of it. Raises MovedOn."""
    default = standing.default is not None
    found = Guardrail.objects.select_for_update()
    row = found.filter(**{"slug": standing.rule.id} if default else {"pk": standing.rule.id}).first()
    if (row.revision if row else 0) != revision:
        raise MovedOn
    return row


def _say(record: audit.Record, before: Rule | None, after: Rule | None, called: Names) -> None:
    """What a rule is about and asks for, as an event tells it: in words, since ids and JSON tell nobody anything."""
    parts: tuple[tuple[str, Callable[[Rule], str]], ...] = (
        ("when", lambda rule: guardrail_words.about(rule.when, called)),
        ("then", lambda rule: " ".join(guardrail_words.asked(rule.then, called))),
    )
    for name, words in parts:
        if name in record.changes:
            record.changes[name] = [words(rule)[:SHOWN] if rule else None for rule in (before, after)]


def _require_admin(by: User | None) -> None:
    if by is not None:
        rules.require(rules.may_administer(by))


def _line(field: str, text: str, most: int, *, needed: str = "") -> str:
    text = " ".join(checked_text(field, text, needed=needed).split())
    if len(text) > most:
        raise Invalid(field, f"Shorten this to {most} characters or fewer; it has {len(text)}.")
    return text


def _check_number(field: str, number: int, most: int) -> None:
    if not 0 <= number <= most:
        raise Invalid(field, f"Enter a number from 1 to {most}, or leave it empty.")


def _check_when(when: Match) -> None:
    groups = every_group()
    every = groups.values()
    _check_known("groups", when.groups, groups, "a permission")
    _check_known("levels", when.levels, {group.level for group in every}, "a level")
    _check_known("categories", when.categories, {group.category for group in every}, "a category")
    _check_known("scopes", when.scopes, SCOPES.values(), "a kind of resource")
    _check_known("breadth", (when.breadth,), {"", *BREADTHS}, "a reach")
    _check_known("connections", when.connections, _ids_of(Connection, when.connections), "a connection")
    _check_known("teams", when.teams, _ids_of(Team, when.teams), "a team")


def _check_known(field: str, chosen: tuple[str, ...], known: Any, what: str) -> None:
    if set(chosen) - set(known):
        raise Invalid(field, f"This names {what} that does not exist. Choose from the list.")


def _ids_of(model: Any, ids: tuple[str, ...]) -> set[str]:
    wanted = []
    for id in ids:
        try:
            wanted.append(UUID(id))
        except ValueError:
            return set()
    return {str(pk) for pk in model.objects.filter(pk__in=wanted).values_list("pk", flat=True)}

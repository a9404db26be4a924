"""A guardrail that a file describes: made, or made to be so again. One that is not quite as somebody meant it is worse than none."""

import json
from dataclasses import asdict, replace
from typing import Any

from tokenportal.actions import guarding, rulemaking
from tokenportal.actions.guarding import Standing
from tokenportal.actions.invalid import Invalid
from tokenportal.actions.rulemaking import Wanted
from tokenportal.models import Connection, Team
from tokenportal.policy.guardrails import Effects, Match, Rule

KNOWN = {"slug", "title", "explanation", "when", "then", "on"}


def make(row: dict[str, Any]) -> Standing:
    """The rule after it has become what is described: over a default with its ``slug``, else by its ``title``.

    What is left out of a default is as that ships. Teams and connections are named, or given by their ids. Doing it again
    changes nothing. Raises Invalid, for what nobody knows as well, and MovedOn where somebody else was first.
    """
    if strange := set(row) - KNOWN:
        raise Invalid("", f"Nobody knows what {', '.join(sorted(strange))} is.")
    on = row.get("on", True)
    if not isinstance(on, bool):
        raise Invalid("on", "Say true or false for on.")
    standing = _standing(row)
    wanted = rulemaking.checked(_wanted(row, standing), standing)
    if standing is None or wanted.rule(standing.rule.id) != standing.rule:
        standing = _of(rulemaking.set_rule(wanted, by=None, replacing=standing).rule.id)
    if standing.is_on is not on:
        standing = _of(rulemaking.switch(standing, by=None, on=on, revision=standing.revision).rule.id)
    return standing


def _of(id: str) -> Standing:
    return next(one for one in guarding.standing_rules() if one.rule.id == id)


def _standing(row: dict[str, Any]) -> Standing | None:
    if "slug" not in row:
        own = (one for one in guarding.standing_rules() if one.default is None)
        return next((one for one in own if one.rule.title.casefold() == row["title"].casefold()), None)
    if row["slug"] not in guarding.DEFAULTS:
        raise Invalid(
            "slug", f"A slug is that of a default ({', '.join(guarding.DEFAULTS)}). Describe another rule by its title."
        )
    return _of(row["slug"])


def _wanted(row: dict[str, Any], standing: Standing | None) -> Wanted:
    ships = (standing.default if standing else None) or Rule("", "")
    when = _read(Match, row["when"]) if "when" in row else ships.when
    then = _read(Effects, row["then"]) if "then" in row else ships.then
    teams = {one.name: str(one.pk) for one in Team.objects.all()}
    through = {one.name: str(one.pk) for one in Connection.objects.only("name")}
    when = replace(
        when, teams=tuple(teams.get(name, name) for name in when.teams),
        connections=tuple(through.get(name, name) for name in when.connections),
    )  # fmt: skip
    then = replace(then, source=teams.get(then.source, then.source))
    title, explanation = row.get("title", ships.title), row.get("explanation", ships.explanation)
    return Wanted(title, when, then, explanation, standing.revision if standing else 0)


def _read[T: (Match, Effects)](kind: type[T], given: dict[str, Any]) -> T:
    """This part of a rule. Raises Invalid for what would be left out of it or read as something else."""
    found = kind.from_json(given)
    read = asdict(found)
    for name, value in given.items():
        if name not in read or json.dumps(read[name]) != json.dumps(value):
            raise Invalid("", f"Nobody knows what {name} is as {value!r}.")
    return found

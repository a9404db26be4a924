from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from tokenportal.policy import guardrail_table, guardrail_words
from tokenportal.policy.default_rules import DEFAULT_RULES
from tokenportal.policy.guardrail_table import Row
from tokenportal.policy.guardrail_words import Names
from tokenportal.policy.guardrails import ADMINS, Effect, Rule

HEAD = """# Guardrails

Written from `policy/default_rules.py` by `manage.py guardrails`; a test fails when it is stale.

Guardrails say what a token must keep to, and who must approve it. They judge the very body that would be sent to Cloudflare: while a draft
is built, when it is sent for review, and twice at the moment of issuing, as the rules are then. What no rule asks about needs nobody's approval.

## How a rule reads a body

- It is about a body of which all holds that it names. What it leaves empty asks for nothing.
- A permission counts as those that it includes: Edit as Read and Purge of the same thing, Admin as all of these, an account's R2 storage as
  each of its buckets.
- A permission that nobody knows may be any permission. A body with a part that cannot be read is refused, whatever the rules say.
- A wildcard is as wide as it reads, and an account includes all its zones. What is excluded makes nothing smaller.
- Ranges that hold more addresses than an IPv4 /8 or an IPv6 /32 restrict nothing. What is blocked makes nothing smaller.
- A missing end is later than any end.

A change of a token that only takes rights away is never held up; a change that adds is judged by all that the token would hold. A token
that exists and is adopted needs a reason and approvals where a rule says so; what else a rule asks for is told, since adopting changes
nothing at Cloudflare.
Nobody approves what they asked for or edited, or what they edited before it was copied. Who approved counts as they are at the moment of issuing,
and any edit voids the approval. Where several rules ask, one approval counts for each of them that its person may approve for: two people, one of
them an admin, are two people in all.

## The default set

An admin switches each off, changes it, and takes it back to how it ships, under Settings, Guardrails, and adds rules there; *Try it out* shows
which tokens and open requests a rule would have touched. `manage.py seed` takes rules too (see [operations](operations.md)).
"""
TABLE = """## What they ask of Cloudflare's templates

Each template with its own resources, with one zone or one account where it leaves the choice, ending after 90 days and working from anywhere, as
a draft begins. What that fulfils already is not listed. Approvals are those of the team's approvers and the admins where nothing else
is said, and one approval may count for several rules.

| template | connection | reaches | asked for |
| --- | --- | --- | --- |
"""
CONNECTIONS = {("account",): "account-owned", ("user",): "user", ("account", "user"): "either"}


def rule_in_words(rule: Rule) -> str:
    about, *asked = guardrail_words.said(rule, Names())
    return "\n".join(
        [f"### {rule.title}", "", f"`{rule.id}` · {about}", "", *(f"- {sentence}" for sentence in asked), "", rule.explanation]
    )


def in_short(rule: Rule, effects: Iterable[Effect]) -> str:
    then = rule.then
    approvals = f"{then.approvals} approval{'s' if then.approvals > 1 else ''}{' (admins only)' if then.source == ADMINS else ''}"
    words: dict[Effect, str] = {
        "refuse": "refused", "end": f"an end within {guardrail_words.days(then.end_within)}", "addresses": "certain addresses",
        "reason": "a reason", "approvals": approvals, "warn": "a warning",
    }  # fmt: skip
    return ", ".join(words[effect] for effect in effects)


def line(row: Row) -> str:
    if not row.reach:
        asked = "cannot be made: such a token holds none of these permissions"
    else:
        asked = "<br>".join(f"{in_short(rule, effects)} *({rule.title})*" for rule, effects in row.asked) or "**nothing**"
    return f"| {row.template.name} | {CONNECTIONS[row.kinds]} | {row.reach} | {asked} |"


def document() -> str:
    def parts() -> Iterator[str]:
        yield HEAD
        for rule in DEFAULT_RULES:
            yield f"{rule_in_words(rule)}\n"
        yield TABLE + "\n".join(map(line, guardrail_table.rows())) + "\n"

    return "\n".join(parts())


class Command(BaseCommand):
    help = "Write docs/guardrails.md from the default rules and the templates."

    def handle(self, *args: Any, **options: Any) -> None:
        (Path(settings.BASE_DIR) / "docs" / "guardrails.md").write_text(document(), "utf-8")

"""What the default rules ask of each template, for the table in docs/guardrails.md."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.compile import compile
from tokenportal.policy.default_rules import DEFAULT_RULES
from tokenportal.policy.guardrails import Effect, Judged, Judgement, Rule, judge
from tokenportal.policy.held import held, reach_in_words
from tokenportal.policy.spec import TokenSpec, freeze
from tokenportal.policy.surroundings import Owner, OwnerKind
from tokenportal.policy.templates import TEMPLATES, Template, for_owner

ACCOUNT, USER, ZONE = "a" * 32, "b" * 32, "c" * 32
OWNERS: Final[Mapping[OwnerKind, Owner]] = {"account": Owner("account", ACCOUNT), "user": Owner("user", USER)}
ANY_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)
CATALOGUE: Final = Catalogue.from_facts()


@dataclass(frozen=True, slots=True)
class Row:
    """What is asked of a template for connections of these kinds, rule by rule, and not fulfilled yet; nothing where empty.

    `reach` is "" where such a token can hold none of the template's permissions.
    """

    template: Template
    kinds: tuple[OwnerKind, ...]
    reach: str
    asked: tuple[tuple[Rule, tuple[Effect, ...]], ...]


def rows() -> Iterator[Row]:
    """Each template in order: once where the kind of the connection makes no difference, else for each kind."""
    for template in TEMPLATES:
        account, user = (_row(template, kind) for kind in OWNERS)
        if account == replace(user, kinds=account.kinds):
            yield replace(account, kinds=("account", "user"))
        else:
            yield from (account, user)


def body_of(template: Template, kind: OwnerKind, **changes: Any) -> dict[str, Any]:
    """The body of a token from this template, with one zone or account wherever it leaves the choice, made on ANY_DAY.

    It ends after 90 days, as a draft begins, unless `changes` of the spec say otherwise.
    """
    spec, _ = for_owner(template, CATALOGUE, kind)
    spec = freeze(replace(_filled(spec), **changes), ANY_DAY)
    return compile(spec, CATALOGUE, OWNERS[kind]).body


def judged(body: dict[str, Any]) -> Judgement:
    """What the default rules ask of this body, for which nobody has said a reason yet."""
    return judge(body, DEFAULT_RULES, CATALOGUE, Judged(ANY_DAY))


def _row(template: Template, kind: OwnerKind) -> Row:
    body = body_of(template, kind)
    reached = [resource for one in held(body, CATALOGUE) for resource in one.on]
    open_ = [ruling for ruling in judged(body).rulings if not ruling.met or ruling.effect in ("approvals", "warn")]
    by_rule = {ruling.rule.id: ruling.rule for ruling in open_}
    asked = ((rule, tuple(ruling.effect for ruling in open_ if ruling.rule is rule)) for rule in by_rule.values())
    return Row(template, (kind,), reach_in_words(reached), tuple(asked))


def _filled(spec: TokenSpec) -> TokenSpec:
    blocks = (
        replace(block, zones=replace(block.zones, zones=(ZONE,)), accounts=replace(block.accounts, accounts=(ACCOUNT,)))
        for block in spec.blocks
    )
    return replace(spec, blocks=tuple(blocks))

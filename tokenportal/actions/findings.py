"""What is wrong with a token, as conditions that the database counts: one source for numbers, lists, exports and pages.

A token that is disabled or has ended can do nothing, so what its body leaves open and how long it was not used is no
finding. A connection's own credential needs no owner here, and the portal itself uses it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import add, or_
from typing import Any

from django.db.models import BooleanField, Case, Count, Exists, ExpressionWrapper, F, IntegerField, OuterRef, Q, Value, When

from tokenportal.models import Membership, Token
from tokenportal.policy import exposure
from tokenportal.policy.words import RISK_ORDER

UNUSED = timedelta(days=90)
SOON = timedelta(days=14)

Condition = Callable[[datetime], Q]


@dataclass(frozen=True)
class Finding:
    """``acts`` name what ends it, the usual one first; ``tone`` is bad or warn. The heavier, the more dangerous."""

    slug: str
    name: str
    tone: str
    weight: int
    sentence: str
    acts: tuple[str, ...]
    condition: Condition

    @property
    def flag(self) -> str:
        """The name under which ``flagged`` puts it on a row."""
        return f"finding_{self.slug.replace('-', '_')}"


def expired(now: datetime) -> Q:
    return Q(expires_on__isnull=False, expires_on__lte=now)


def ends_soon(now: datetime) -> Q:
    return Q(expires_on__gt=now, expires_on__lte=now + SOON)


def unused(now: datetime) -> Q:
    """Not used for so long; a token that was never used must have existed as long."""
    return Q(last_used_on__lte=now - UNUSED) | Q(last_used_on__isnull=True, issued_on__lte=now - UNUSED)


def with_risk(risk: str) -> Q:
    return has(exposure.of_risk(risk))


def has(word: str) -> Q:
    return Q(exposure__contains=f" {word} ")


def works(now: datetime) -> Q:
    return Q(status=Token.Status.ACTIVE) & ~expired(now)


def _able(role: str) -> Q:
    """Whether this owner can still care for the token: active, and in its team or an admin."""
    member = Exists(Membership.objects.filter(user=OuterRef(f"{role}_id"), team=OuterRef("team_id")))
    return Q(**{f"{role}__is_active": True}) & (Q(**{f"{role}__is_admin": True}) | Q(member))


def _owner_left(now: datetime) -> Q:
    return Q(team__isnull=False) & ~_able("owner") & _able("backup_owner")


def _no_owner(now: datetime) -> Q:
    return Q(team__isnull=False) & ~_able("owner") & ~_able("backup_owner")


FINDINGS = (
    Finding(
        "creates", "Can create tokens", "bad", 64,
        "Whoever holds it can make tokens with other rights. A permission that the portal does not know counts as such.",
        ("disable", "revoke"), lambda now: works(now) & with_risk("creates"),
    ),
    Finding(
        "no-owner", "Nobody answers for it", "bad", 48,
        "Its owner has left, and no back-up owner can care for it.",
        ("owners",), _no_owner,
    ),
    Finding(
        "unmanaged", "Unmanaged", "bad", 40,
        "It exists at Cloudflare, and nobody here asked for it or agreed to it.",
        ("adopt", "revoke"), lambda now: Q(team__isnull=True, is_parent=False),
    ),
    Finding(
        "wide-edit", "Account-wide edit", "bad", 24,
        "It can change things in a whole account, also what is added later.",
        ("edit",), lambda now: works(now) & has(exposure.WIDE_EDIT),
    ),
    Finding(
        "drifted", "Drifted", "warn", 20,
        "It was changed outside the portal, so it grants something else than what was agreed to.",
        ("difference",), lambda now: Q(drifted=True),
    ),
    Finding(
        "owner-left", "Owner left", "warn", 12,
        "Its owner is deactivated or has left its team; only the back-up owner can care for it.",
        ("owners",), _owner_left,
    ),
    Finding(
        "no-expiry", "No expiry", "warn", 10,
        "A lost secret works until somebody notices.",
        ("edit",), lambda now: works(now) & has(exposure.NO_EXPIRY),
    ),
    Finding(
        "no-ip", "No IP restriction", "warn", 9,
        "A lost secret works from anywhere.",
        ("edit",), lambda now: works(now) & has(exposure.NO_IP),
    ),
    Finding(
        "unused", "Unused for 90 days", "warn", 8,
        "Perhaps nothing needs it any more.",
        ("disable", "revoke"), lambda now: works(now) & Q(is_parent=False) & unused(now),
    ),
    Finding(
        "expired", "Expired, still there", "warn", 4,
        "It has ended and still counts against the limit of tokens.",
        ("revoke",), lambda now: ~Q(status=Token.Status.DISABLED) & (Q(status=Token.Status.EXPIRED) | expired(now)),
    ),
)  # fmt: skip
BY_SLUG = {finding.slug: finding for finding in FINDINGS}
WITHOUT_OWNER = ("no-owner", "unmanaged")
"""The findings of a token for which nobody answers."""


def condition(slug: str, now: datetime) -> Q:
    """The tokens with this finding; ``any``: with one at least; ``nobody``: for which nobody answers. Only those that exist."""
    slugs = {"any": tuple(BY_SLUG), "nobody": WITHOUT_OWNER}.get(slug, (slug,))
    return ~Q(status__in=Token.ENDED) & reduce(or_, (BY_SLUG[slug].condition(now) for slug in slugs))


def flagged(tokens: Any, now: datetime) -> Any:
    """The rows with a flag for each finding (``found_in``)."""
    flags = {finding.flag: ExpressionWrapper(condition(finding.slug, now), BooleanField()) for finding in FINDINGS}
    return tokens.annotate(**flags)


def found_in(row: Token) -> tuple[Finding, ...]:
    """The findings of a row that ``flagged`` gave, the worst first."""
    return tuple(finding for finding in FINDINGS if getattr(row, finding.flag))


def danger(now: datetime) -> Any:
    """The weight of all findings together, to order by."""
    weights: list[Any] = [
        Case(When(condition(finding.slug, now), then=Value(finding.weight)), default=Value(0), output_field=IntegerField())
        for finding in FINDINGS
    ]
    return reduce(add, weights)


def risk_order() -> Any:
    """The risk as a number, to order by; what tells none counts as the worst."""
    cases = [When(with_risk(risk), then=Value(place)) for place, risk in enumerate(RISK_ORDER)]
    return Case(*cases, default=Value(len(RISK_ORDER)), output_field=IntegerField())


@dataclass(frozen=True)
class Numbers:
    """How many tokens exist, how many end soon, how many nobody answers for; and by risk and by finding."""

    total: int
    soon: int
    nobody: int
    by_risk: dict[str, int]
    by_finding: dict[str, int]


def numbers(tokens: Any, now: datetime) -> Numbers:
    """One query, however many tokens."""
    wanted = {"total": Q(), "soon": ends_soon(now), "nobody": condition("nobody", now)}
    wanted |= {f"risk_{risk}": with_risk(risk) for risk in RISK_ORDER}
    flags = {finding.flag: F(finding.flag) for finding in FINDINGS}
    counts = {name: Count("pk", filter=which) for name, which in wanted.items()}
    counts |= {f"count_{name}": Count("pk", filter=Q(**{name: True})) for name in flags}
    found = flagged(tokens.alive().order_by(), now).aggregate(**counts)
    return Numbers(
        found["total"], found["soon"], found["nobody"],
        {risk: found[f"risk_{risk}"] for risk in RISK_ORDER},
        {finding.slug: found[f"count_{finding.flag}"] for finding in FINDINGS},
    )  # fmt: skip

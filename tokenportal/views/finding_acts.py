"""What ends each finding, as a button for whoever may press it, and as a sentence for whoever may not."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from tokenportal import rules
from tokenportal.actions import holdings
from tokenportal.actions.findings import WITHOUT_OWNER, Finding
from tokenportal.actions.holdings import Holding
from tokenportal.models import Token, User
from tokenportal.rules import Verdict
from tokenportal.views import access

OWNER_OR_ADMIN, OWNER, ADMIN = "An admin or its owner", "Its owner", "An admin"


@dataclass(frozen=True)
class Act:
    """``posts``: it begins with a POST, since it makes a draft; the others lead to a page that asks first."""

    slug: str
    name: str
    who: str
    can: str
    may: Callable[[User, Holding], Verdict]
    url_name: str
    posts: bool = False
    harsh: bool = False

    def url(self, token: Token) -> str:
        return reverse(self.url_name, args=[token.connection_id if self.url_name == "connection" else token.pk])


def may_edit(user: User, holding: Holding) -> Verdict:
    verdict = rules.may_change(user, holding.token)
    if verdict and not holding.usable:
        return Verdict(f"The connection {holding.token.connection} is not open to its team any more, so it cannot be changed.")
    return verdict


ACTS = {
    act.slug: act
    for act in (
        Act("edit", "Edit", OWNER, "edit it", may_edit, "token-edit", posts=True),
        Act("disable", "Disable", OWNER_OR_ADMIN, "disable it", lambda user, holding: rules.may_disable(user, holding.token),
            "token-disable"),
        Act("revoke", "Revoke", OWNER_OR_ADMIN, "revoke it", lambda user, holding: rules.may_care_for(user, holding.token),
            "token-revoke", harsh=True),
        Act("owners", "Change owners", OWNER_OR_ADMIN, "change its owners",
            lambda user, holding: rules.may_set_owner(user, holding.token), "token-owners"),
        Act("adopt", "Adopt", ADMIN, "adopt it", lambda user, holding: rules.may_adopt(user, holding.token), "token-adopt"),
        Act("difference", "See the difference", "", "", lambda user, holding: rules.ALLOWED, "token"),
        Act("connection", "Open the connection", ADMIN, "replace it at Cloudflare and under Connections",
            lambda user, holding: rules.may_administer(user), "connection"),
    )
}  # fmt: skip
UNMANAGED = ("adopt", "revoke")
"""What comes before anything else where nobody answers for a token."""


@dataclass(frozen=True)
class Button:
    act: Act
    url: str


@dataclass(frozen=True)
class Line:
    """Findings that the same acts end: with the buttons of this reader, or with who can press them (``instead``)."""

    findings: tuple[Finding, ...]
    buttons: tuple[Button, ...]
    instead: str


def lines(user: User, holding: Holding) -> list[Line]:
    """The findings of a token with what this person can do about them, the worst first. Asks the database nothing."""
    together: dict[tuple[str, ...], list[Finding]] = {}
    for finding in holding.findings:
        together.setdefault(_acts(finding, holding.token), []).append(finding)
    return [_line(user, holding, slugs, tuple(found)) for slugs, found in together.items()]


def shown(user: User, token: Token, now: datetime) -> dict[str, Any]:
    """What a token's page says of its findings to those who answer for it and to those who read the audit."""
    if not (rules.answers_for(user, token) or rules.may_read_audit(user)):
        return {}
    rows = holdings.enriched(access.tokens(user).filter(pk=token.pk), now)
    return {"finding_lines": [line for row in rows for line in lines(user, holdings.judged(row, now))]}


def _acts(finding: Finding, token: Token) -> tuple[str, ...]:
    if token.is_parent:
        return ("connection",)
    return finding.acts if token.is_managed or finding.acts != ("edit",) else UNMANAGED


def _line(user: User, holding: Holding, slugs: tuple[str, ...], found: tuple[Finding, ...]) -> Line:
    acts = [ACTS[slug] for slug in slugs]
    verdicts = [(act, act.may(user, holding)) for act in acts]
    buttons = tuple(Button(act, act.url(holding.token)) for act, verdict in verdicts if verdict)
    if buttons:
        return Line(found, buttons, "")
    if rules.answers_for(user, holding.token):
        return Line(found, (), " ".join(dict.fromkeys(verdict.sentence for _, verdict in verdicts)))
    who = ADMIN if any(finding.slug in WITHOUT_OWNER for finding in holding.findings) else acts[0].who
    return Line(found, (), f"{who} can {' or '.join(act.can for act in acts)}.")

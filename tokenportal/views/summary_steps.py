"""What can be done next from a summary: what the guardrails ask for, and whether it is created, sent for review, or neither yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenportal import rules
from tokenportal.actions import drafts, guarding, issuing, reviewing
from tokenportal.actions.invalid import Invalid
from tokenportal.actions.reviewing import Askable
from tokenportal.models import Review, Status, Team, TokenRequest, User, Version
from tokenportal.policy.guardrails import Ruling

MENDED_AT = {"end": "lifetime", "addresses": "restrictions", "refuse": "access-1"}
"""For each thing that a rule can ask for, the section of the builder where it is given."""


@dataclass(frozen=True)
class Asked:
    """Approvals that a rule asks for: ``of`` names whose, in words."""

    title: str
    because: str
    explanation: str
    count: int
    of: str


@dataclass(frozen=True)
class Steps:
    """``verb`` is create, send, or "" where nothing can be done yet; then ``verdict`` or ``in_the_way`` say why.

    ``may_ask`` says whether it may be sent for review though no rule asks for that. ``askable`` are who could approve it, and
    others who could look at it.
    """

    verb: str
    verdict: rules.Verdict
    in_the_way: tuple[tuple[Ruling, str], ...] = ()
    warnings: tuple[Ruling, ...] = ()
    demands: tuple[Asked, ...] = ()
    asks_for_reason: Ruling | None = None
    reason: str = ""
    may_ask: bool = False
    askable: tuple[Askable, Askable] | tuple[()] = ()
    asked: tuple[str, ...] = ()
    review: Review | None = None

    @property
    def explained(self) -> tuple[Asked, ...]:
        """The approvals whose rule says why it is there."""
        return tuple(one for one in self.demands if one.explanation)


def steps(
    user: User, token_request: TokenRequest, version: Version, *, posted: Mapping[str, Any], useless: rules.Verdict
) -> Steps:  # fmt: skip
    """``useless`` says why it need not be sent, where that is so: it would change nothing, or Cloudflare would not take it.

    ``posted`` holds what was typed, if anything was.
    """
    if token_request.status != Status.DRAFT:
        verdict = issuing.may_issue(user, token_request, version)
        verdict = verdict if not verdict else useless
        return Steps("create" if verdict else "", verdict, review=guarding.live_review(token_request))
    verdict = rules.may_issue(user, token_request)
    verdict = verdict if not verdict else rules.may_use(version.agreed_connection, token_request.team_id)
    verdict = verdict if not verdict else useless
    reason = str(posted.get("reason", token_request.reason))
    # A reason can be given on this page, so that one is lacking is no obstacle.
    found = guarding.of_version(token_request, version, reason=reason)
    in_the_way = tuple((one, MENDED_AT.get(one.effect, "")) for one in found.unmet if one.effect != "reason")
    verb = "" if in_the_way or not verdict else "send" if found.demands else "create"
    teams = guarding.teams_for(found.demands, token_request)
    of_teams = {team.pk if team else None for team in teams.values()} or {token_request.team_id}
    may_send = bool(verb and rules.may_send(user, token_request))
    return Steps(
        verb, verdict, in_the_way, found.warnings, tuple(asked(one, teams[one.source]) for one in found.demands),
        next((one for one in found.rulings if one.effect == "reason"), None), reason, may_ask=may_send and not found.demands,
        askable=reviewing.askable(token_request, of_teams) if may_send else (),
        asked=tuple(posted.getlist("asked") if hasattr(posted, "getlist") else ()),
    )  # fmt: skip


def reason_given(token_request: TokenRequest, posted: Mapping[str, Any]) -> str:
    """Why a draft is needed, as it was typed. Raises Invalid where a rule asks for that and nothing was typed."""
    reason = str(posted.get("reason", ""))
    is_asked = token_request.status == Status.DRAFT and not token_request.is_adoption
    version = drafts.current_version(token_request) if is_asked else None
    if version is None or (reason or token_request.reason).strip():
        return reason
    found = guarding.of_version(token_request, version, reason="")
    if lacking := [ruling for ruling in found.unmet if ruling.effect == "reason"]:
        raise Invalid("reason", lacking[0].asks)
    return reason


def asked(demand: guarding.guardrails.Demand, team: Team | None) -> Asked:
    of = guarding.approvers_in_words(team)
    return Asked(demand.rule.title, demand.because, demand.rule.explanation, demand.count, of)


def errors(invalid: Invalid | None) -> dict[str, Any]:
    """The error summary for a value that was not taken."""
    if invalid is None:
        return {}
    href = "#reason" if invalid.field == "reason" else "#asked"
    return {"errors": [{"href": href, "sentence": sentence} for sentence in invalid.sentences]}

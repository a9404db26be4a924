"""Guardrails at work: the rules of this installation, what they ask of a request, and whether its approvals are enough."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, F, Q

from tokenportal import audit, clock, rules
from tokenportal.actions import comparing, snapshots
from tokenportal.models import (
    Answer,
    Connection,
    Demand,
    Guardrail,
    MovedMeanwhile,
    Review,
    Status,
    Team,
    TokenRequest,
    User,
    Version,
)
from tokenportal.policy import guardrails
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.default_rules import DEFAULT_RULES
from tokenportal.policy.guardrails import ADMINS, TEAM, Case, Judged, Judgement, Rule

DEFAULTS = {rule.id: rule for rule in DEFAULT_RULES}
VOLUNTARY = "asked-for"
"""What stands for a rule where none asks for approval, and somebody wants one."""
LESS = ("narrower", "same")
APPROVALS_COUNT = (Status.IN_REVIEW, Status.APPROVED, Status.FAILED)
"""As long as approvals can still let something happen; what they are worth is asked anew each time."""
AGAIN = "Take it back and send it for review again."
AFTER_A_FAILURE = "Change it, which makes it a draft again, and send it for review."


@dataclass(frozen=True)
class Standing:
    """A rule of this installation: its row, where an admin has one, and the default that it stands for, where it does."""

    rule: Rule
    is_on: bool
    row: Guardrail | None
    default: Rule | None

    @property
    def is_changed(self) -> bool:
        return self.row is not None and self.default is not None

    @property
    def revision(self) -> int:
        """That of its row; 0 where it has none."""
        return self.row.revision if self.row else 0


def standing_rules() -> tuple[Standing, ...]:
    """All rules, switched off ones too: the default set in its order, then those of admins. One query."""
    rows = list(Guardrail.objects.select_related("changed_by"))
    over = {row.slug: row for row in rows if row.slug in DEFAULTS}
    defaults = [
        Standing(over[slug].rule if slug in over else rule, over[slug].is_on if slug in over else True, over.get(slug), rule)
        for slug, rule in DEFAULTS.items()
    ]
    return (*defaults, *(Standing(row.rule, row.is_on, row, None) for row in rows if row.slug not in DEFAULTS))


def active() -> tuple[Rule, ...]:
    return tuple(one.rule for one in standing_rules() if one.is_on)


def judgement(
    token_request: TokenRequest, body: dict[str, Any], connection: Connection | None, catalogue: Catalogue, *,
    reason: str | None = None, standing: Iterable[Rule] | None = None,
) -> Judgement:  # fmt: skip
    """What the rules ask of this body, sent by this request. ``reason`` is the request's own unless one is given.

    ``standing`` are the rules, where somebody has them at hand.
    """
    among = active() if standing is None else tuple(standing)
    judged = Judged(
        clock.now(), str(connection.pk if connection else ""), str(token_request.team_id),
        token_request.reason if reason is None else reason, case_of(token_request, body), team_names(among),
    )  # fmt: skip
    return guardrails.judge(body, among, catalogue, judged)


def of_version(token_request: TokenRequest, version: Version, *, reason: str | None = None) -> Judgement:
    connection = version.agreed_connection
    return judgement(token_request, version.payload, connection, snapshots.catalogue(connection), reason=reason)


def case_of(token_request: TokenRequest, body: dict[str, Any]) -> Case:
    """A change lowers rights if it takes away from what the token holds, and from what was agreed to as well.

    Else whoever widened a token past the portal would find it agreed to by the next small change.
    """
    if token_request.kind == TokenRequest.Kind.ADOPT:
        return "existing"
    token = token_request.target
    if not token_request.is_edit or token is None or token_request.base is None:
        return "new"
    agreed = {**(token.approved or token_request.base), "name": body.get("name"), "status": body.get("status")}
    held = (token_request.base, agreed)
    lowers = all(comparing.difference(token.connection, one, body).verdict in LESS for one in held)
    return "lowering" if lowers else "new"


def team_names(among: Iterable[Rule]) -> dict[str, str]:
    """By id, those of the teams whose approvers these rules ask for."""
    return {id: team.name for id, team in _teams(rule.then.source for rule in among).items()}


def _teams(sources: Iterable[str]) -> dict[str, Team]:
    """By id, those that are named. One query, and none where no team is."""
    named = {source for source in sources if source not in (TEAM, ADMINS)}
    return {str(team.pk): team for team in Team.objects.all() if str(team.pk) in named} if named else {}


def teams_for(demands: Iterable[guardrails.Demand], token_request: TokenRequest) -> dict[str, Team | None]:
    """For each source of these the team whose approvers count; None for the admins, and for a team that is gone."""
    sources = {demand.source for demand in demands}
    found = _teams(sources)
    return {source: token_request.team if source == TEAM else found.get(source) for source in sources}


def approvers_in_words(team: Team | None) -> str:
    """Whose approval counts for a demand of this team, or where there is none."""
    return f"the approvers of {team} and the admins" if team else "the admins"


def live_review(token_request: TokenRequest) -> Review | None:
    found = token_request.reviews.filter(outcome__in=Review.LIVE)
    return found.select_related("sent_by").prefetch_related("demands__team", "answers__by", "asked").first()


def counting(review: Review, token_request: TokenRequest) -> list[User]:
    """Those whose approval of just this content still stands, if they may approve as they are now."""
    given = review.answers.filter(verdict=Answer.Verdict.APPROVE, voided_at=None, digest=review.digest, version=review.version)
    people = [answer.by for answer in given.prefetch_related("by__memberships")]
    return [person for person in people if person.is_active and not rules.wrote(person, token_request)]


def enough(people: Iterable[User], count: int, team_id: UUID | None) -> bool:
    return sum(rules.approves_for(person, team_id) for person in people) >= count


def demands() -> Any:
    """Demands, and of each how many approvals are ``given`` by people who may give them as they are now, as ``enough`` has it."""
    answer, by = "review__answers", "review__answers__by"
    may = Q(**{f"{by}__is_admin": True}) | Q(**{f"{by}__memberships__team": F("team"), f"{by}__memberships__is_approver": True})
    stands = Q(**{f"{answer}__verdict": Answer.Verdict.APPROVE, f"{answer}__voided_at": None, f"{by}__is_active": True})
    return Demand.objects.order_by().annotate(given=Count(by, filter=stands & may, distinct=True))


def tally(record: audit.Record, token_request: TokenRequest, review: Review) -> bool:
    """Note which demands have their approvals, by people as they are now; where all have, the request is approved.

    Raises MovedMeanwhile.
    """
    now, people, asked_for = clock.now(), counting(review, token_request), list(review.demands.all())
    lacking = [one for one in asked_for if not enough(people, one.count, one.team_id)]
    for one in asked_for:
        record.change(one, met_at=None if one in lacking else (one.met_at or now))
    record.details["met"] = [one.title for one in asked_for if one not in lacking]
    if not lacking:
        lapses = now + timedelta(seconds=settings.APPROVAL_LAPSES_SECONDS)
        record.changes["status"] = [token_request.status, Status.APPROVED.value]
        token_request.move(Status.APPROVED, changed_at=now)
        record.change(review, outcome=Review.Outcome.APPROVED, approved_at=now, lapses_at=lapses)
    return not lacking


@dataclass(frozen=True)
class Progress:
    """A demand of a review, and whose approvals count towards it. ``was_met``: it had enough when it was decided."""

    demand: Demand
    people: tuple[User, ...]
    was_met: bool = False

    @property
    def number(self) -> int:
        """How many approvals it has. Somebody who gave one may have another role by now, so that it cannot be told whose it was."""
        return max(len(self.people), self.demand.count if self.was_met else 0)

    @property
    def is_met(self) -> bool:
        return self.number >= self.demand.count

    @property
    def is_voluntary(self) -> bool:
        return self.demand.rule == VOLUNTARY

    @property
    def of(self) -> str:
        return approvers_in_words(self.demand.team)


def progress(review: Review, token_request: TokenRequest) -> tuple[Progress, ...]:
    """How far each demand of a review is: as people are now while it can be carried out, and afterwards as it was decided."""
    is_over = token_request.status not in APPROVALS_COUNT
    people = _gave(review) if is_over else counting(review, token_request)
    demands = list(review.demands.all())
    nobodys = {one.pk for one in people if is_over and not any(rules.approves_for(one, demand.team_id) for demand in demands)}
    found = []
    for demand in demands:
        was_met = is_over and demand.met_at is not None
        mine = [one for one in people if rules.approves_for(one, demand.team_id)]
        if was_met and len(mine) < demand.count:
            mine += [one for one in people if one.pk in nobodys]
        found.append(Progress(demand, tuple(mine), was_met))
    return tuple(found)


def _gave(review: Review) -> list[User]:
    """Those who approved just this content, whatever they may do now and whether or not that counts any more."""
    given = review.answers.filter(verdict=Answer.Verdict.APPROVE, digest=review.digest, version=review.version)
    return [answer.by for answer in given.prefetch_related("by__memberships")]


def verdict(token_request: TokenRequest, version: Version, *, reason: str | None = None) -> rules.Verdict:
    """Whether the rules, as they are now, let this version be carried out, with the approvals that it has now."""
    found = of_version(token_request, version, reason=reason)
    again = AFTER_A_FAILURE if token_request.status == Status.FAILED else AGAIN
    if found.unmet:
        asked = " ".join(f"{ruling.asks} ({ruling.rule.title})" for ruling in found.unmet)
        # What a draft lacks is given on its own pages; what nobody may have is not had by asking again.
        here = token_request.status == Status.DRAFT or any(ruling.effect == "refuse" for ruling in found.unmet)
        return rules.Verdict(asked if here else f"{asked} {again}")
    review = live_review(token_request)
    if review is not None and token_request.status != Status.DRAFT:
        if (review.digest, review.version) != (version.digest, version.number):
            return rules.Verdict(f"What was approved is not what would be sent. {again}")
        if review.lapses_at and review.lapses_at <= clock.now():
            return rules.Verdict(f"Its approval has lapsed. {again}")
    people = counting(review, token_request) if review is not None else []
    teams = teams_for(found.demands, token_request)
    of = {source: team.pk if team else None for source, team in teams.items()}
    lacking = [one for one in found.demands if not enough(people, one.count, of[one.source])]
    if lacking:
        names = {source: team.name for source, team in teams.items() if team}
        asked = " ".join(f"{guardrails.approvals_in_words(one.rule.then, names)} ({one.rule.title})" for one in lacking)
        if token_request.status == Status.DRAFT:
            return rules.Verdict(f"It has to be approved first. {asked}")
        return rules.Verdict(f"Its approvals are not enough as things are now. {asked} {again}")
    if review is not None and token_request.status != Status.DRAFT:
        short = [one for one in review.demands.all() if not enough(people, one.count, one.team_id)]
        if short:
            return rules.Verdict(f"Somebody who approved it can do so no more. {again}")
    return rules.ALLOWED


def may_issue(user: User, token_request: TokenRequest, version: Version, *, reason: str | None = None) -> rules.Verdict:
    """The rules for creating this very version, whether its connection may still be used, and what the guardrails ask for.

    An adoption uses no connection.
    """
    allowed = rules.may_issue(user, token_request)
    if not token_request.is_adoption:
        allowed = allowed if not allowed else rules.may_use(version.agreed_connection, token_request.team_id)
    return allowed if not allowed else verdict(token_request, version, reason=reason)


def hold(token_request: TokenRequest, *, by: User) -> None:
    """Until the present recording ends, no answer, rule or role changes: what is judged from now on stands when it is recorded.

    The rows first and the log last, in the order of everybody else. Raises MovedMeanwhile.
    """
    here = TokenRequest.objects.select_for_update().filter(pk=token_request.pk, status=token_request.status)
    if not here.exists():
        raise MovedMeanwhile
    User.objects.select_for_update().get(pk=by.pk)
    audit.take_turn()


def may_still_issue(by: User, token_request: TokenRequest, version: Version, *, reason: str) -> rules.Verdict:
    """The same of the person and the connection as they are now: since it was asked first, Cloudflare may have been listened to."""
    person = User.objects.get(pk=by.pk)
    if not person.is_active:
        return rules.Verdict("Your account is deactivated.")
    version.agreed_connection.refresh_from_db(fields=["is_active"])
    return may_issue(person, token_request, version, reason=reason)

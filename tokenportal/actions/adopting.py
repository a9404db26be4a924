"""Adopting a token that the portal did not make: at once, or, where a guardrail asks for approvals, through a review.

Cloudflare is told nothing. What is agreed to is the token's body as it was seen, and who answers for it from then on.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from django.db import transaction

from tokenportal import audit, clock, rules
from tokenportal.actions import changing, comparing, drafts, guarding, issuing, reviewing, snapshots, versions
from tokenportal.actions.invalid import OWN_BACK_UP, Invalid, checked_text
from tokenportal.actions.issuing import AlreadyUnderWay, Changed
from tokenportal.actions.reviewing import Askable
from tokenportal.audit import Event
from tokenportal.models import MovedMeanwhile, Status, Team, Token, TokenRequest, User, Version, earlier
from tokenportal.policy import spec as specs
from tokenportal.policy.compile import Payload
from tokenportal.policy.decompile import NotExpressible
from tokenportal.policy.guardrails import TEAM, Demand, Judgement, Ruling
from tokenportal.policy.spec import TokenSpec

SAID = ("reason", "approvals", "warn")
"""What a rule can say of a token that exists; whatever else it asks for, the token fulfils already."""
UNDER_WAY = (Status.IN_REVIEW, Status.APPROVED)
AGAIN = "Take the request back to draft, look at the token again, and send it again."


@dataclass(frozen=True)
class Answering:
    """Who shall answer for a token, and what it is for."""

    team: Team
    owner: User
    backup_owner: User | None
    purpose: str


@dataclass(frozen=True)
class Ask:
    """What one rule asks for, for just these ``teams``; for every team where there are none."""

    rulings: tuple[Ruling, ...]
    teams: tuple[Team, ...] = ()

    @property
    def first(self) -> Ruling:
        return self.rulings[0]

    @property
    def only_warns(self) -> bool:
        return not self.is_for("reason", "approvals")

    def is_for(self, *effects: str) -> bool:
        return any(ruling.effect in effects for ruling in self.rulings)


def mark(token: Token) -> str:
    """What a person has seen of a token's body, in a word: posted back, so that they adopt what they saw."""
    return Payload.from_body(token.body).digest


def under_way(token: Token) -> TokenRequest | None:
    """The request to adopt this token that waits for an answer or for its confirmation. There is one at most."""
    found = TokenRequest.objects.filter(kind=TokenRequest.Kind.ADOPT, target=token, status__in=UNDER_WAY)
    return found.select_related("requester", "team").first()


def draft_of(user: User, token: Token) -> TokenRequest | None:
    """This person's own request to adopt it that went back to them, if there is one."""
    mine = TokenRequest.objects.filter(kind=TokenRequest.Kind.ADOPT, target=token, requester=user, status=Status.DRAFT)
    return mine.select_related("team", "working_copy__owner", "working_copy__backup_owner").first()


def may_adopt(user: User, token: Token) -> rules.Verdict:
    verdict = rules.may_adopt(user, token)
    asked = under_way(token) if verdict else None
    if asked is None:
        return verdict
    who = "You" if asked.requester_id == user.pk else str(asked.requester)
    return rules.Verdict(f"{who} asked to adopt it, for {asked.team}. The request is {asked.state_label.lower()}.")


def asks(token: Token, teams: Iterable[Team]) -> tuple[Ask, ...]:
    """What the rules ask for where one of these teams shall answer for the token. As many queries for many teams as for one."""
    teams, standing, catalogue = list(teams), guarding.active(), snapshots.catalogue(token.connection)
    found: dict[tuple[Ruling, ...], list[Team]] = {}
    for team in teams:
        unsaved = TokenRequest(kind=TokenRequest.Kind.ADOPT, target=token, team=team)
        judgement = guarding.judgement(unsaved, token.body, token.connection, catalogue, standing=standing)
        said = (ruling for ruling in judgement.rulings if ruling.effect in SAID)
        for _, rulings in groupby(said, key=lambda ruling: ruling.rule.id):
            in_order = sorted(rulings, key=lambda ruling: ruling.effect == "warn")
            found.setdefault(tuple(in_order), []).append(team)
    return tuple(Ask(rulings, () if len(of) == len(teams) else tuple(of)) for rulings, of in found.items())


def askable(
    found: Iterable[Ask], teams: Collection[Team], *, by: User, begun: TokenRequest | None
) -> tuple[Askable, Askable]:  # fmt: skip
    """Whom one can ask by name, as ``reviewing.askable`` has it, before it is chosen which of these teams answers for the token.

    ``found`` is what the rules ask for. Beside each stands for which team their approval counts, or where they are. The teams
    come with their members, so this is one query.
    """
    asking = [
        (ruling.rule.then.source, one.teams or teams) for one in found for ruling in one.rulings if ruling.effect == "approvals"
    ]
    named, where_chosen = {source for source, _ in asking}, {team for source, of in asking if source == TEAM for team in of}
    can = dict.fromkeys(User.objects.filter(is_active=True, is_admin=True), reviewing.CAN)
    for_teams: dict[User, list[str]] = {}
    places: dict[User, list[str]] = {}
    for team in teams:
        for one in team.memberships.all():
            places.setdefault(one.user, []).append(str(team))
            if one.is_approver and str(team.pk) in named:
                can[one.user] = reviewing.CAN
            elif one.is_approver and team in where_chosen:
                for_teams.setdefault(one.user, []).append(str(team))
    can = {**{person: f"{reviewing.CAN} for {', '.join(names)}" for person, names in for_teams.items()}, **can}
    others = {person: ", ".join(names) for person, names in places.items() if person not in can}

    def open_to(told: dict[User, str]) -> Askable:
        may = (person for person in told if person.is_active and not (rules.wrote(person, begun) if begun else person == by))
        return [(person, told[person]) for person in sorted(may, key=str)]

    return open_to(can), open_to(others)


def judged(token: Token, team: Team, *, reason: str) -> Judgement:
    """What the rules ask for before this team answers for the token as it is."""
    unsaved = TokenRequest(kind=TokenRequest.Kind.ADOPT, target=token, team=team, reason=reason)
    return guarding.judgement(unsaved, token.body, token.connection, snapshots.catalogue(token.connection))


def adopt(
    token: Token, *, by: User, team: Team, owner: User, backup_owner: User | None, purpose: str, seen: str = "", reason: str = "",
    asked: Collection[User] = (),
) -> TokenRequest | None:  # fmt: skip
    """Let a team answer for a token that the portal did not make; what it holds now is what is agreed to.

    Where a rule asks for approvals, or somebody is ``asked`` by name to look at it, nothing is adopted yet: the request that
    waits for them is given back. ``seen`` is the ``mark`` of what was looked at, "" where nobody looked; ``reason`` is why,
    where a rule asks for that. Raises NotAllowed, Invalid, and MovedMeanwhile where somebody was first, or the token has changed
    since it was looked at.
    """
    rules.require(rules.may_adopt(by, token))
    wanted = Answering(team, owner, backup_owner, purpose.strip())
    _check(wanted)
    reason = checked_text("reason", reason)
    with transaction.atomic():
        now = _locked(token)
        if not may_adopt(by, now) or (seen and seen != mark(now)):
            raise MovedMeanwhile
        token.body = now.body
        found = judged(token, team, reason=reason)
        if found.unmet:  # of what exists already, nothing else than a reason stands in the way
            raise Invalid("reason", found.unmet[0].asks)
        begun = draft_of(by, token)
        if found.demands or asked:
            return _sent(token, wanted, found.demands, by=by, begun=begun, reason=reason, asked=asked)
        if begun is not None:
            drafts.discard(begun, by=by)
        with audit.recording(Event.TOKEN_TAKEN_OVER, by=by, subject=token, trail=token.trail, digest=mark(token)) as record:
            record.reason = reason
            _taken_over(record, token, wanted)
    return None


def carry_out(token_request: TokenRequest, *, by: User, version: int, digest: str, reason: str = "") -> Token:
    """Adopt what was approved, if the token still holds just that. Its reason is the one with which it was sent.

    Raises NotAllowed, Changed where anything differs from what was approved, AlreadyUnderWay, or AuditUnavailable.
    """
    if token_request.status not in (*issuing.READY, *rules.NOT_NOW):
        raise AlreadyUnderWay
    agreed = drafts.current_version(token_request)
    if agreed is None or agreed.number != version or len({agreed.digest, token_request.digest, digest}) != 1:
        raise Changed("What you looked at is not what was approved. Check it again.")
    try:
        with audit.recording(
            Event.TOKEN_TAKEN_OVER, by=by, trail=token_request.pk, digest=agreed.digest, version=agreed.number
        ) as record:
            token = record.subject = token_request.target = _locked(target_of(token_request))
            guarding.hold(token_request, by=by)
            rules.require(guarding.may_still_issue(by, token_request, agreed, reason=token_request.reason))
            wanted = Answering(token_request.team, agreed.owner, agreed.backup_owner, agreed.spec.purpose)
            if not (unmoved := as_approved(token, agreed)):
                raise Changed(unmoved.sentence)
            try:
                _check(wanted)
            except Invalid as error:
                raise Changed(f"{error} {AGAIN}") from None
            record.reason = token_request.reason
            token_request.move(Status.ISSUED, cloudflare_id=token.cloudflare_id, changed_at=clock.now())
            _taken_over(record, token, wanted)
    except MovedMeanwhile:
        raise AlreadyUnderWay from None
    return token


def as_approved(token: Token, agreed: Version) -> rules.Verdict:
    """Whether the token still holds, as last seen, just what this version says."""
    if mark(token) == agreed.digest:
        return rules.ALLOWED
    told = comparing.difference(token.connection, agreed.payload, token.body).sentence
    return rules.Verdict(f"It was changed at Cloudflare since it was sent for review. {told} {AGAIN}")


def target_of(token_request: TokenRequest) -> Token:
    """The token that shall be adopted."""
    token = token_request.target
    assert token is not None  # noqa: S101  a constraint of the table
    return token


def _check(wanted: Answering) -> None:
    if not wanted.purpose:
        raise Invalid("purpose", "Say what uses it, so that somebody knows whom to ask before it ends.")
    for name, person in (("owner", wanted.owner), ("backup_owner", wanted.backup_owner)):
        if person is not None and not (person.is_active and wanted.team.memberships.filter(user=person).exists()):
            raise Invalid(name, f"{person} is not in the team {wanted.team}. Choose somebody who is.")
    if wanted.owner == wanted.backup_owner:
        raise Invalid("backup_owner", OWN_BACK_UP)


def _locked(token: Token) -> Token:
    """The token as it is now, held, so that of two who would adopt it the second waits and is told."""
    return Token.objects.select_for_update().get(pk=token.pk)


def _taken_over(record: audit.Record, token: Token, wanted: Answering) -> None:
    record.change(
        token, team=wanted.team, owner=wanted.owner, backup_owner=wanted.backup_owner, purpose=wanted.purpose,
        approved=token.body, drifted=False,
    )  # fmt: skip


def _sent(
    token: Token, wanted: Answering, demands: tuple[Demand, ...], *, by: User, begun: TokenRequest | None, reason: str,
    asked: Collection[User],
) -> TokenRequest:  # fmt: skip
    """A request that asks for just this body, in review; the person's own one, where it went back to them."""
    spec = _spec(token, wanted.purpose)
    if begun is None:
        begun = drafts.begun(
            team=wanted.team, by=by, owner=wanted.owner, backup_owner=wanted.backup_owner, spec=spec, connection=token.connection,
            kind=TokenRequest.Kind.ADOPT, target=token,
        )  # fmt: skip
    with audit.recording(Event.DRAFT_VERSIONED, by=by, subject=begun, trail=begun.pk, digest=mark(token)) as record:
        here = TokenRequest.objects.select_for_update().get(pk=begun.pk)
        if here.status != Status.DRAFT:
            raise MovedMeanwhile  # in another window it was discarded
        copy = versions.locked_copy(here)
        spec = specs.keyed(spec, like=copy.spec)
        said = {"spec_json": spec.to_json(), "owner": wanted.owner, "backup_owner": wanted.backup_owner}
        if any(getattr(copy, name) != value for name, value in said.items()):
            earlier.put(copy, copy.revision, clock.now(), saved_by=by, **said)
            copy = versions.locked_copy(here)
        version = versions.checked(here, copy, spec, Payload.from_body(token.body), by=by)
        record.change(here, team=wanted.team, version=version.number, digest=version.digest, changed_at=clock.now())
    reviewing.begin(here, demands, by=by, reason=reason, asked=asked)
    return here


def _spec(token: Token, purpose: str) -> TokenSpec:
    """What its pages say of it: as far as a spec can say what it holds, and else no more than its name."""
    found = changing.spec_in(token, token.body)
    return TokenSpec(name=token.name, purpose=purpose) if isinstance(found, NotExpressible) else replace(found, purpose=purpose)

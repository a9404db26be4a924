"""Sequences of what can happen around the creation of a token, driven through the real actions, and what must hold.

A number seeds a random generator, so sequences that break an invariant are repeated by their number. Each number is a beginning
with several ends, which a savepoint takes back one after the other; so the beginning is worked through once for all of them.
"""

import copy
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, connection, transaction

from tests import arrange
from tests.upstream_model import ANSWERS, REFUSALS, Killed, Model, ModelAdapter, Plan, widened
from tokenportal import clock, rules
from tokenportal.actions import caring, issuing, settling, syncing, taking, watching
from tokenportal.audit import AuditUnavailable
from tokenportal.models import Attempt, AuditEvent, MovedMeanwhile, Status, Token, TokenRequest, UpstreamState
from tokenportal.policy.compile import same_grant

WINDOW = 120
ENDS = 8
TRANSPORT = "tests.upstream_model.ModelAdapter"
INSIDE, LATE = (0, 0, 0, 3, 30, 60), (130, 600, 7200)
EVENTS = AuditEvent._meta.db_table
EXPECTED = (
    issuing.AlreadyUnderWay, issuing.Changed, issuing.LeftUnrecorded, rules.NotAllowed, AuditUnavailable, MovedMeanwhile, Killed,
    taking.NotBegun,
)  # fmt: skip


class Violation(AssertionError):
    """An invariant does not hold; ``kind`` names it."""

    def __init__(self, kind: str, more: object = "") -> None:
        super().__init__(f"{kind} {more}")
        self.kind = kind


@dataclass
class Sequence:
    ready: TokenRequest
    model: Model
    random: random.Random
    depth: int
    took: list[str] = field(default_factory=list)
    events_until: int | None = None
    ending: type[BaseException] = Killed
    secrets: Counter = field(default_factory=Counter)
    planned: Plan | None = None
    refused_late: bool = False
    strange: bool = False
    """Somebody else made, or the upstream made something else than was asked for: an alarm is right then."""

    # What the world does

    def fresh(self) -> TokenRequest:
        return TokenRequest.objects.get(pk=self.ready.pk)

    def posting(self) -> int:
        """Which attempt this POST belongs to. It was committed before, and no transaction is open."""
        if len(connection.savepoint_ids) != self.depth:
            raise Violation("no transaction is open while Cloudflare is called")
        attempt = Attempt.objects.filter(token_request=self.ready, ended_at__isnull=True).first()
        if attempt is None:
            raise Violation("the intent is committed before the call")
        if attempt.number in self.model.posts:
            raise Violation("one POST per attempt", attempt.number)
        return attempt.number

    def execute(self, run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """The database, which ends the process or fails at the event that was chosen for it."""
        if self.events_until is not None and sql.startswith(f'INSERT INTO "{EVENTS}"'):
            self.events_until -= 1
            if self.events_until < 0:
                self.events_until = None
                raise self.ending("at an event")
        return run(sql, params, many, context)

    def at_event(self, number: int, ending: type[BaseException]) -> None:
        self.events_until, self.ending = number, ending

    @contextmanager
    def forked(self, chance: random.Random) -> Iterator[None]:
        """Go on from here by another chance, and come back."""
        model, keep = self.model, ("now", "tokens", "posts", "plan", "listing_fails", "care")
        kept = copy.deepcopy([{name: vars(model)[name] for name in keep}, self.took, self.secrets])
        before = self.random, self.refused_late, self.strange
        try:
            with taken_back() as self.depth:
                self.random = chance
                yield
            vars(model).update(kept[0])
            self.took, self.secrets = kept[1:]
            self.random, self.refused_late, self.strange = before
        finally:
            self.depth -= 1

    # The steps

    def some_steps(self, number: int) -> None:
        for _ in range(number):
            self.step(self.random.choice(SELDOM if self.random.random() < 0.06 else STEPS))

    def step(self, name: str) -> None:
        self.took.append(name)
        with clock.at(self.model.now):
            try:
                getattr(self, name)()
            except EXPECTED:
                pass
            finally:
                self.events_until = None

    def plan(self) -> Plan:
        if self.planned is not None:
            return self.noted(self.planned)
        pick = self.random
        effect = pick.choice([*INSIDE, *LATE, None, None])
        answer = pick.choice(["success", "success", *ANSWERS, *ANSWERS, "never_sent"])
        if answer == "success" and effect != 0:
            answer = "drop"
        plan = Plan(
            effect=effect, lag=pick.choice([0, 0, 0, 0, *INSIDE, *LATE[:1]]), answer=answer,
            killed=pick.choice(["", "", "", "", "", "before", "after"]), widened=answer != "success" and pick.random() < 0.1,
            stalled=pick.choice([0] * 12 + [40, 200]),
        )  # fmt: skip
        return self.noted(plan)

    def noted(self, plan: Plan) -> Plan:
        """The plan, with what it means for what may be expected in the end."""
        self.strange |= plan.widened and plan.effect is not None
        if plan.answer in REFUSALS and plan.effect is not None and plan.effect + plan.lag > 0:
            self.refused_late = True
        return plan

    def confirm(self, known: TokenRequest | None = None) -> None:
        known = known or self.fresh()
        issued = issuing.issue(known, by=known.requester, version=known.version, digest=known.digest)
        if issued is not None:
            self.revealed(issued)

    def revealed(self, issued: issuing.Issued) -> None:
        token_id = issued.token.cloudflare_id
        self.secrets[token_id] += 1
        if self.secrets[token_id] > 1:
            raise Violation("a secret is shown once")
        kept = Token.objects.filter(cloudflare_id=token_id, value_lost=False).exists()
        if not kept or not AuditEvent.objects.filter(action="token.issued", cloudflare_id=token_id).exists():
            raise Violation("a secret is shown after its event was committed")

    def create(self) -> None:
        self.model.plan = self.plan()
        if self.random.random() < 0.12:
            self.at_event(self.random.choice([0, 1, 1, 1]), self.random.choice([Killed, DatabaseError]))
        self.model.meanwhile = self.busy_meanwhile
        self.confirm()

    def confirm_as_planned(self) -> None:
        self.model.plan = self.plan()
        self.confirm()

    def double_click(self) -> None:
        """Two with the same page: the second while the first is at Cloudflare, and once more after it."""
        first, second, third = self.fresh(), self.fresh(), self.fresh()
        self.model.plan = self.plan()
        self.model.plan.stalled = self.model.plan.stalled or 1
        self.model.meanwhile = lambda: self.clicked(second)
        try:
            self.confirm(first)
        finally:
            self.clicked(third)

    def clicked(self, known: TokenRequest) -> None:
        with suppress(EXPECTED):
            self.confirm(known)

    def busy_meanwhile(self) -> None:
        """While a call hangs, the worker goes on, and somebody tries again."""
        for _ in range(3):
            self.model.now += timedelta(seconds=11)
            with clock.at(self.model.now):
                watching.pass_over()
        self.model.meanwhile = lambda: None
        with clock.at(self.model.now):
            self.clicked(self.fresh())

    def look_up(self) -> None:
        known = self.fresh()
        for _ in range(self.random.choice([1, 1, 4])):
            settling.look_up(known, by=known.requester)

    def roll(self) -> None:
        token = self.cared_for()
        rolled = token and caring.roll(token, by=self.ready.requester)
        if rolled and not AuditEvent.objects.filter(action="token.rolled", object_id=rolled.token.pk).exists():
            raise Violation("a secret is shown after its event was committed")

    def revoke(self) -> None:
        token = self.cared_for()
        if token and caring.revoke(token, by=self.ready.requester).done and not self.is_gone(token):
            raise Violation("revoked is said when it is gone")

    def cared_for(self) -> Token | None:
        """The request's token, with which something is about to be done; and what will come of it."""
        self.model.care = self.random.choice(["", "", "drop", "killed", "refused"])
        return Token.objects.filter(token_request=self.ready).select_related("connection").first()

    def is_gone(self, token: Token) -> bool:
        return all(one.deleted for one in self.model.tokens if one.id == token.cloudflare_id)

    def work(self) -> None:
        failing = self.model.listing_fails
        watching.pass_over()
        caring.settle_doing()
        if not failing:
            self.all_accounted_for()

    def sync(self) -> None:
        failing = self.model.listing_fails
        syncing.sync(self.ready.versions.get(number=self.ready.version).connection)
        settled = self.fresh().status not in (Status.ISSUING, Status.UNCERTAIN)
        if settled and not failing:
            self.all_accounted_for()

    def wait_a_little(self) -> None:
        self.model.now += timedelta(seconds=self.random.choice([1, 5, 15]))

    def wait_a_while(self) -> None:
        self.model.now += timedelta(seconds=self.random.choice([40, 121, 130, 3600]))

    def wait_half_a_minute(self) -> None:
        self.model.now += timedelta(seconds=30)

    def wait_out_the_window(self) -> None:
        self.model.now += timedelta(seconds=WINDOW)

    def lists_fail(self) -> None:
        self.model.listing_fails = self.random.choice([1, 2])

    def decoy(self) -> None:
        """Somebody makes a token with this request's reference in the dashboard."""
        body = self.ready.versions.get(number=self.ready.version).payload
        self.model.add(widened(body), effect=0, lag=0)
        self.strange = True

    # What must hold

    def all_accounted_for(self) -> None:
        """Every token that is listed is a team's, or its request is not settled yet, or there is an alarm about it."""
        listed = {token.id for token in self.model.listed()}
        if not listed:
            return
        strays = listed - set(Token.objects.managed().filter(cloudflare_id__in=listed).values_list("cloudflare_id", flat=True))
        if strays and self.is_quiet():
            raise Violation("none is unaccounted for after a pass", strays)

    def is_quiet(self) -> bool:
        """Whether it is settled, and no alarm says otherwise."""
        rows = TokenRequest.objects.filter(pk=self.ready.pk, alarm="").exclude(status__in=[Status.ISSUING, Status.UNCERTAIN])
        return rows.exists()

    def settle_down(self) -> None:
        """Everything that can still come comes, and the worker goes on until nothing is open."""
        self.model.listing_fails = 0
        for _ in range(12):
            self.step("work")
            to_come = [token.listed_from for token in self.model.tokens if token.listed_from > self.model.now]
            if to_come:
                self.model.now = min(to_come)
                continue
            held_back = UpstreamState.objects.filter(blocked_until__gt=self.model.now).values_list("blocked_until", flat=True)
            self.model.now = max([self.model.now, *held_back])
            open_since = TokenRequest.objects.filter(pk=self.ready.pk, alarm="", status__in=[Status.ISSUING, Status.UNCERTAIN])
            since = open_since.values_list("changed_at", flat=True).first()
            if since is None:
                return
            self.model.now = max(self.model.now, since + timedelta(seconds=WINDOW)) + timedelta(seconds=11)

    def judged(self) -> tuple[str, int]:
        """At the end, when everything has come: the state, and how many POSTs it took."""
        one = self.fresh()
        if one.status in (Status.ISSUING, Status.UNCERTAIN) and not one.alarm:
            raise Violation("the worker comes to an end", one.status)
        starts: dict[int, datetime] = dict(one.attempts.values_list("number", "started_at"))
        if sorted(set(self.model.posts)) != sorted(self.model.posts) or not set(self.model.posts) <= set(starts):
            raise Violation("one POST per attempt", self.model.posts)
        made = [token for token in self.model.tokens if token.attempt]
        if one.status == Status.ISSUED:
            held = Token.objects.get(token_request=one)
            if held.cloudflare_id not in [token.id for token in self.model.tokens]:
                raise Violation("what is said to be created was created")
            if held.status == Token.Status.REVOKED and not self.is_gone(held):
                raise Violation("revoked is said when it is gone")
            if not same_grant(held.body, held.approved):
                raise Violation("what is counted as created is what was agreed to")
        end = "alarm" if one.alarm else one.status, len(self.model.posts)
        if self.strange or not self.all_inside(starts):
            return end
        if len(made) > 1:
            raise Violation("with effects inside the window there is one token", len(made))
        if self.refused_late:
            return end
        if one.alarm:
            raise Violation("with effects inside the window there is no alarm", one.alarm)
        if bool(made) != (one.status == Status.ISSUED):
            raise Violation("with effects inside the window the state is true", (one.status, len(made)))
        return end

    def all_inside(self, starts: dict[int, datetime]) -> bool:
        """Whether each token was listed before its attempt's settle window ended."""
        window = timedelta(seconds=WINDOW)
        return all(token.listed_from < starts[token.attempt] + window for token in self.model.tokens if token.attempt)


STEPS = (
    "create",
    "create",
    "double_click",
    "roll",
    "revoke",
    "look_up",
    "work",
    "work",
    "sync",
    "wait_a_little",
    "wait_a_while",
    "wait_a_while",
)
SELDOM = ("lists_fail", "decoy")


@contextmanager
def taken_back() -> Iterator[int]:
    """Undo all that is written. A plain savepoint, so that a durable recording still is the outermost one."""
    mark = transaction.savepoint_create()
    try:
        yield len(connection.savepoint_ids)
    finally:
        connection.needs_rollback = False
        transaction.savepoint_rollback(mark)


def prepared(settings: Any) -> TokenRequest:
    """A checked draft, and settings that lead to the model."""
    settings.SETTLE_WINDOW_SECONDS = WINDOW
    # The model's clock stands still for most of a sequence, and its answers get lost more often than any real one's.
    settings.UPSTREAM_BUDGET_CALLS = settings.UPSTREAM_BREAKER_FAILURES = 10**9
    ready = arrange.checked(arrange.draft())
    settings.UPSTREAM_TRANSPORT = TRANSPORT
    return ready


def follow(story: list[Plan | str], ready: TokenRequest, *, failing_event: int | None = None) -> None:
    """One sequence as it is told: a plan is a confirmation that meets it, a word is a step. Raises Violation.

    ``failing_event``: how many events of the first confirmation can be written before the database fails.
    """
    with taken_back() as depth:
        ModelAdapter.model = model = Model(now=ready.changed_at)
        one = Sequence(ready, model, random.Random(0), depth)
        model.posting = one.posting
        with connection.execute_wrapper(one.execute):
            for told in story:
                if isinstance(told, str):
                    one.step(told)
                    continue
                one.planned = told
                if failing_event is not None:
                    one.at_event(failing_event, DatabaseError)
                    failing_event = None
                one.step("confirm_as_planned")
            one.settle_down()
            one.judged()


def run(number: int, ready: TokenRequest) -> Counter:
    """The sequences of one number, counted by how they ended. Raises Violation, with the steps that led to it as a note."""
    ended: Counter = Counter()
    with taken_back() as depth:
        ModelAdapter.model = model = Model(now=ready.changed_at)
        one = Sequence(ready, model, random.Random(number), depth)
        model.posting = one.posting
        with connection.execute_wrapper(one.execute):
            try:
                one.step(one.random.choice(("create", "create", "create", "double_click")))
                one.some_steps(one.random.choice((0, 0, 1, 1, 2)))
                for end in range(ENDS):
                    with one.forked(random.Random(f"{number} {end}")):
                        one.some_steps(one.random.choice((0, 1, 1, 2)) if end else 0)
                        one.settle_down()
                        ended[one.judged()] += 1
            except Violation as violation:
                violation.add_note(f"number {number}: {', '.join(one.took)}")
                raise
    return ended

"""Each way to get the issuing protocol wrong is caught by an invariant of the sequences, whose name stands beside it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests import exactly_one
from tests.upstream_model import Plan
from tokenportal import cloudflare
from tokenportal.actions import alarms, issuing, settling, watching
from tokenportal.models import Attempt, Token, TokenRequest

pytestmark = pytest.mark.django_db

ONE_POST = "one POST per attempt"
ONE_TOKEN = "with effects inside the window there is one token"
NO_ALARM = "with effects inside the window there is no alarm"
AS_AGREED = "what is counted as created is what was agreed to"
RECORDED = "a secret is shown after its event was committed"
ACCOUNTED = "none is unaccounted for after a pass"
ENDS = "the worker comes to an end"
COMMITTED = "the intent is committed before the call"

Mutation = Callable[[Any, Any], None]


def retry_on_5xx(patch: Any, settings: Any) -> None:
    once = cloudflare.Client.create_token

    def create_token(client: cloudflare.Client, body: dict[str, Any]) -> Any:
        try:
            return once(client, body)
        except cloudflare.OutcomeUnknown as error:
            if error.status < 500:
                raise
            return once(client, body)

    patch.setattr(cloudflare.Client, "create_token", create_token)


def no_settle_window(patch: Any, settings: Any) -> None:
    settings.SETTLE_WINDOW_SECONDS = 0
    patch.setattr(settling, "EMPTY_LISTINGS_NEEDED", 1)


def trust_4xx(patch: Any, settings: Any) -> None:
    def refused(attempt: Attempt, client: Any, error: Any, *, by: Any) -> None:
        issuing._failed(attempt, Attempt.Outcome.REFUSED, error, by=by)

    patch.setattr(issuing, "_refused", refused)


def adopt_without_comparing(patch: Any, settings: Any) -> None:
    patch.setattr(settling, "same_grant", lambda one, other: True)


def reveal_before_recording(patch: Any, settings: Any) -> None:
    recorded = issuing._completed

    def completed(attempt: Attempt, created: Any, ray: str, *, by: Any) -> Token:
        try:
            return recorded(attempt, created, ray, by=by)
        except Exception:
            return Token(cloudflare_id=created.token.id)

    patch.setattr(issuing, "_completed", completed)


def second_attempt_without_a_look(patch: Any, settings: Any) -> None:
    patch.setattr(issuing, "_look_first", lambda token_request, client, by: token_request.attempts.count() + 1)


def no_watch_over_what_was_settled(patch: Any, settings: Any) -> None:
    patch.setattr(watching, "_watched", lambda since: [])


def call_before_the_intent(patch: Any, settings: Any) -> None:
    begun = issuing._begin

    def begin(token_request: Any, agreed: Any, **options: Any) -> Attempt:
        issuing.upstream.client(agreed.connection).create_token(agreed.payload)
        return begun(token_request, agreed, **options)

    patch.setattr(issuing, "_begin", begin)


def one_empty_listing_is_enough(patch: Any, settings: Any) -> None:
    patch.setattr(settling, "EMPTY_LISTINGS_NEEDED", 1)
    settings.SETTLE_WINDOW_SECONDS = 20


def alarms_are_not_sounded(patch: Any, settings: Any) -> None:
    patch.setattr(alarms, "sound", lambda token_request, sentence, by: None)


SETTLED = ["wait_out_the_window", "work", "wait_half_a_minute", "work", "wait_half_a_minute", "work"]
MUTATIONS: list[tuple[Mutation, str, list[Plan | str]]] = [
    (retry_on_5xx, ONE_POST, [Plan(answer="error")]),
    (no_settle_window, NO_ALARM, [Plan(effect=60, answer="drop"), "work"]),
    (one_empty_listing_is_enough, NO_ALARM, [Plan(effect=60, answer="drop"), "wait_half_a_minute", "work"]),
    (trust_4xx, NO_ALARM, [Plan(answer="invalid")]),
    (adopt_without_comparing, AS_AGREED, [Plan(answer="drop", widened=True)]),
    (reveal_before_recording, RECORDED, [Plan()]),
    (second_attempt_without_a_look, ONE_TOKEN, [Plan(effect=30, answer="forbidden"), Plan()]),
    (no_watch_over_what_was_settled, ACCOUNTED, [Plan(effect=600, answer="gateway"), *SETTLED]),
    (call_before_the_intent, COMMITTED, [Plan()]),
    (alarms_are_not_sounded, ENDS, [Plan(answer="timeout", widened=True)]),
]
FAILING_EVENT = {reveal_before_recording: 1}


@pytest.fixture
def ready(portal: None, settings: Any) -> TokenRequest:
    return exactly_one.prepared(settings)


@pytest.mark.parametrize(("mutation", "invariant", "story"), MUTATIONS, ids=[mutation.__name__ for mutation, *_ in MUTATIONS])
def test_a_mutation_of_the_protocol_breaks_an_invariant_that_holds_without_it(
    ready: TokenRequest, settings: Any, monkeypatch: Any, mutation: Mutation, invariant: str, story: list[Plan | str]
) -> None:
    failing = FAILING_EVENT.get(mutation)
    exactly_one.follow(story, ready, failing_event=failing)
    mutation(monkeypatch, settings)
    with pytest.raises(exactly_one.Violation) as caught:
        exactly_one.follow(story, ready, failing_event=failing)
    assert caught.value.kind == invariant

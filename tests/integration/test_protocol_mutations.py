"""Each way to get the issuing protocol wrong is caught by an invariant of the sequences, whose name stands beside it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import exactly_one
from tokenportal import cloudflare
from tokenportal.actions import alarms, issuing, settling, watching
from tokenportal.models import Attempt, Token, TokenRequest

pytestmark = pytest.mark.django_db

NUMBERS = 250

ONE_POST = "one POST per attempt"
ONE_TOKEN = "with effects inside the window there is one token"
NO_ALARM = "with effects inside the window there is no alarm"
TRUE_STATE = "with effects inside the window the state is true"
AS_AGREED = "what is counted as created is what was agreed to"
RECORDED = "a secret is shown after its event was committed"
ACCOUNTED = "none is unaccounted for after a pass"
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

    def completed(attempt: Attempt, seen: Any, *, by: Any) -> Token:
        try:
            return recorded(attempt, seen, by=by)
        except Exception:
            return Token(cloudflare_id=seen.id)

    patch.setattr(issuing, "_completed", completed)


def second_attempt_without_a_look(patch: Any, settings: Any) -> None:
    patch.setattr(issuing, "_look_first", lambda token_request, client, by: token_request.attempts.count() + 1)


def no_watch_over_what_was_settled(patch: Any, settings: Any) -> None:
    patch.setattr(watching, "_watched", lambda since: [])


def call_before_the_intent(patch: Any, settings: Any) -> None:
    begun = issuing._begin

    def begin(token_request: Any, agreed: Any, *, number: int, by: Any) -> Attempt:
        issuing.upstream.client(agreed.connection).create_token(agreed.payload)
        return begun(token_request, agreed, number=number, by=by)

    patch.setattr(issuing, "_begin", begin)


def one_empty_listing_is_enough(patch: Any, settings: Any) -> None:
    patch.setattr(settling, "EMPTY_LISTINGS_NEEDED", 1)
    settings.SETTLE_WINDOW_SECONDS = 20


def alarms_are_not_told_apart_from_success(patch: Any, settings: Any) -> None:
    patch.setattr(alarms, "sound", lambda token_request, sentence, by: None)


def violations(ready: TokenRequest, numbers: list[int]) -> Iterator[exactly_one.Violation]:
    for number in numbers:
        try:
            exactly_one.run(number, ready)
        except exactly_one.Violation as violation:
            yield violation


MUTATIONS: list[tuple[Mutation, set[str]]] = [
    (retry_on_5xx, {ONE_POST}),
    (no_settle_window, {NO_ALARM, TRUE_STATE, ONE_TOKEN}),
    (trust_4xx, {NO_ALARM, TRUE_STATE}),
    (adopt_without_comparing, {AS_AGREED}),
    (reveal_before_recording, {RECORDED}),
    (second_attempt_without_a_look, {ONE_TOKEN, ACCOUNTED}),
    (no_watch_over_what_was_settled, {ACCOUNTED}),
    (call_before_the_intent, {COMMITTED}),
    (one_empty_listing_is_enough, {NO_ALARM, TRUE_STATE, ONE_TOKEN}),
    (alarms_are_not_told_apart_from_success, {ACCOUNTED, "the worker comes to an end"}),
]


@pytest.mark.parametrize(("mutation", "kinds"), MUTATIONS, ids=[mutation.__name__ for mutation, _ in MUTATIONS])
def test_a_mutation_of_the_protocol_is_caught_by_the_sequences(
    portal: None, settings: Any, monkeypatch: Any, mutation: Mutation, kinds: set[str], caught_by: int
) -> None:
    ready = exactly_one.prepared(settings)
    mutation(monkeypatch, settings)
    caught = next(violations(ready, [caught_by, *range(NUMBERS)]), None)
    assert caught, "no sequence catches it"
    assert caught.kind in kinds

"""Creating: one POST for a confirmation, each broken answer a named state, and a page that says what to do."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connections

from tests import arrange
from tokenportal import clock, rules
from tokenportal.actions import issuing, settling
from tokenportal.audit import chain
from tokenportal.cloudflare import TokenRecord
from tokenportal.models import AuditEvent, Status, Token, TokenRequest
from tokenportal.policy.compile import same_grant
from tokenportal.policy.spec import ClientIPs
from tokenportal.sandbox.transport import SandboxAdapter
from tokenportal.upstream import client as upstream_client

pytestmark = pytest.mark.django_db


def posts_seen() -> int:
    """How many POSTs the sandbox has met, whatever it answered."""
    return apps.get_model("sandbox", "Call").objects.filter(method="POST").count()


def confirm(token_request: TokenRequest) -> Any:
    web = arrange.signed_in(token_request.requester.username)
    return web, web.post(f"/requests/{token_request.pk}/create/", arrange.confirming(token_request))


def test_a_confirmed_request_becomes_a_token_equal_to_what_was_confirmed(portal: None) -> None:
    ready = arrange.checked(arrange.draft())
    before = posts_seen()
    _, answer = confirm(ready)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store, no-transform, private, max-age=0"
    assert posts_seen() == before + 1
    token = Token.objects.get(token_request=ready)
    seen = upstream_client(token.connection).get_token(token.cloudflare_id)
    assert same_grant(seen.body, ready.versions.get().payload)
    assert seen.name == f"a-token ({ready.reference})"
    assert TokenRequest.objects.get(pk=ready.pk).status == Status.ISSUED


def test_confirming_again_sends_nothing_and_shows_nothing(portal: None) -> None:
    ready = arrange.checked(arrange.draft())
    web, first = confirm(ready)
    secret = re.search(r"cfat_[A-Za-z0-9_]+", first.content.decode())
    assert secret
    before = posts_seen()
    again = web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))
    assert (again.status_code, posts_seen()) == (409, before)
    assert secret[0] not in again.content.decode()
    assert "created already" in again.content.decode()


@pytest.mark.parametrize(
    ("fault", "state", "says"),
    [
        ("forbidden", Status.FAILED, "The token was not created"),
        ("invalid", Status.FAILED, "The token was not created"),
        ("rate_limit", Status.UNCERTAIN, "Nobody knows yet"),
        ("refuse_connection", Status.FAILED, "The token was not created"),
        ("slow", Status.UNCERTAIN, "Nobody knows yet"),
        ("drop", Status.UNCERTAIN, "Nobody knows yet"),
        ("error", Status.UNCERTAIN, "Nobody knows yet"),
        ("html", Status.UNCERTAIN, "Nobody knows yet"),
        ("bad_gateway", Status.UNCERTAIN, "Nobody knows yet"),
        ("truncate", Status.UNCERTAIN, "Nobody knows yet"),
        ("empty", Status.UNCERTAIN, "Nobody knows yet"),
        ("no_value", Status.UNCERTAIN, "Nobody knows yet"),
        ("lie", Status.UNCERTAIN, "Nobody knows yet"),
        ("redirect", Status.UNCERTAIN, "Nobody knows yet"),
        ("huge", Status.UNCERTAIN, "Nobody knows yet"),
    ],
)
def test_a_broken_answer_leads_to_a_named_state_and_one_post(
    portal: None, settings: Any, fault: str, state: str, says: str
) -> None:
    settings.UPSTREAM_DEADLINE_SECONDS = 1
    ready = arrange.checked(arrange.draft())
    call_command("sandbox_fault", fault, method="POST", seconds=3)
    before = posts_seen()
    web, answer = confirm(ready)
    assert answer.status_code == 302
    assert posts_seen() - before <= 1
    page = web.get(answer["Location"])
    assert page.status_code == 200
    assert f'data-state="{state}"' in page.content.decode()
    assert says in page.content.decode()
    assert TokenRequest.objects.get(pk=ready.pk).status == state


def test_a_lost_answer_is_found_again_by_its_reference(portal: None) -> None:
    ready = arrange.checked(arrange.draft())
    call_command("sandbox_fault", "drop", method="POST")
    web, _ = confirm(ready)
    web.post(f"/requests/{ready.pk}/look-up/")
    token = Token.objects.get(token_request=ready)
    assert (token.value_lost, token.token_request.status) == (True, Status.ISSUED)
    assert "secret was lost" in web.get(token.get_absolute_url()).content.decode()


def settled_at(token_request: TokenRequest, seconds: int) -> str:
    """The state after a look-up so many seconds from now."""
    with clock.at(token_request.changed_at + timedelta(seconds=seconds)):
        settling.look_up(TokenRequest.objects.get(pk=token_request.pk))
    return TokenRequest.objects.get(pk=token_request.pk).status


def test_a_token_that_never_appears_fails_after_the_window_and_can_be_tried_again(portal: None, settings: Any) -> None:
    settings.SETTLE_WINDOW_SECONDS = 1
    ready = arrange.checked(arrange.draft())
    call_command("sandbox_fault", "bad_gateway", method="POST")
    web, _ = confirm(ready)
    told = [settled_at(ready, seconds) for seconds in (0, 0, 0, 2, 2, 3)]
    assert told == [Status.UNCERTAIN] * 5 + [Status.FAILED], "pressing it thrice at once is one look, however late"
    failed = TokenRequest.objects.get(pk=ready.pk)
    with clock.at(ready.changed_at + timedelta(seconds=4)):
        answer = web.post(f"/requests/{ready.pk}/create/", arrange.confirming(failed))
    assert answer.status_code == 200
    assert failed.attempts.count() == 2


def test_a_request_that_a_crash_left_behind_becomes_uncertain_and_is_settled(portal: None, monkeypatch: Any) -> None:
    ready = arrange.checked(arrange.draft())
    agreed = issuing.agreed_version(ready, number=ready.version, digest=ready.digest)
    issuing._begin(ready, agreed, number=1, by=ready.requester)
    assert settling.open_requests() == []
    with clock.at(ready.changed_at.replace(year=ready.changed_at.year + 1)):
        assert [one.pk for one in settling.open_requests()] == [ready.pk]
        settling.look_up(TokenRequest.objects.get(pk=ready.pk))
        assert TokenRequest.objects.get(pk=ready.pk).status == Status.UNCERTAIN


def test_a_digest_that_was_not_on_the_summary_is_refused(portal: None) -> None:
    ready = arrange.checked(arrange.draft())
    web = arrange.signed_in("requester")
    before = posts_seen()
    for posted in (
        {"version": "1"},
        {"version": "1", "digest": "0" * 64},
        {"version": "9", "digest": ready.digest},
        {"version": "²"},
        {},
    ):
        answer = web.post(f"/requests/{ready.pk}/create/", posted)
        assert answer.status_code == 409
    assert posts_seen() == before
    assert TokenRequest.objects.get(pk=ready.pk).status == Status.DRAFT


def test_an_edit_after_the_summary_must_be_checked_again(portal: None) -> None:
    ready = arrange.checked(arrange.draft())
    web = arrange.signed_in("requester")
    web.post(f"/requests/{ready.pk}/", {"revision": ready.working_copy.revision, "name": "other", "blocks": "1"})
    assert web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready)).status_code == 409


def test_a_token_that_can_create_tokens_is_created_once_two_people_approved_it(portal: None) -> None:
    office = ClientIPs(allow=("203.0.113.0/24",))
    begun = arrange.draft("create-additional-tokens", through="Acme user", client_ips=office)
    checked = arrange.checked(begun)
    with pytest.raises(rules.NotAllowed, match="2 people among the team’s approvers and the admins must approve it"):
        issuing.issue(checked, by=checked.requester, reason="Build machines need short ones.", **arrange.confirming(checked))
    ready = arrange.approved(begun)
    assert confirm(ready)[1].status_code == 200


def test_a_sign_in_that_is_a_while_ago_must_be_confirmed_first(portal: None, settings: Any) -> None:
    ready = arrange.checked(arrange.draft())
    web = arrange.signed_in("requester")
    session = web.session
    session["signed_in_at"] = session["signed_in_at"] - 601
    session.save()
    assert web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready)).status_code == 403
    assert "Confirm that it is you" in web.get(f"/requests/{ready.pk}/summary/").content.decode()


def test_intent_and_outcome_are_events_and_the_chain_holds(portal: None) -> None:
    arrange.issue(arrange.draft())
    assert list(AuditEvent.objects.order_by("-number").values_list("action", flat=True)[:3]) == [
        "token.issued", "token.issuing", "draft.checked",
    ]  # fmt: skip
    count, finding = chain.verify()
    assert (count, finding) == (AuditEvent.objects.count(), None)


def test_what_cannot_be_recorded_is_not_sent(portal: None, monkeypatch: Any, settings: Any, tmp_path: Any) -> None:
    ready = arrange.checked(arrange.draft())
    web = arrange.signed_in("requester")
    before = posts_seen()
    sealing = Path(settings.KEYS_DIR) / "sealing.key"
    (tmp_path / "sealing.key").write_bytes(sealing.read_bytes())
    settings.KEYS_DIR = tmp_path
    answer = web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))
    assert (answer.status_code, posts_seen()) == (503, before)
    assert TokenRequest.objects.get(pk=ready.pk).status == Status.DRAFT


class Upstream:
    """Between the portal and the sandbox: does something in the middle of a call, as time or other people do."""

    def __init__(self, monkeypatch: Any, meanwhile: Any, when: str = "POST") -> None:
        answered = SandboxAdapter.send

        def send(adapter: SandboxAdapter, request: Any, **options: Any) -> Any:
            answer = answered(adapter, request, **options)
            if request.method == when:
                monkeypatch.setattr(SandboxAdapter, "send", answered)
                meanwhile()
            return answer

        monkeypatch.setattr(SandboxAdapter, "send", send)


def test_an_answer_that_cannot_be_recorded_is_not_called_unchanged(
    portal: None, monkeypatch: Any, settings: Any, tmp_path: Any
) -> None:
    ready = arrange.checked(arrange.draft())
    web = arrange.signed_in("requester")
    whole, broken = settings.KEYS_DIR, tmp_path
    Upstream(monkeypatch, lambda: setattr(settings, "KEYS_DIR", broken))
    before = posts_seen()
    answer = web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))
    assert (answer.status_code, posts_seen()) == (503, before + 1)
    page = answer.content.decode()
    assert "The token may have been created" in page
    assert "Nothing was changed" not in page
    assert "cfat_" not in page
    settings.KEYS_DIR = whole
    again = web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))
    assert (again.status_code, posts_seen()) == (409, before + 1)
    with clock.at(ready.changed_at.replace(year=ready.changed_at.year + 1)):
        settling.look_up(TokenRequest.objects.get(pk=ready.pk))
    assert Token.objects.get(token_request=ready).value_lost


def counted_as_lost(pk: Any) -> None:
    """What the runner does with a request that has been under way for too long."""
    one = TokenRequest.objects.get(pk=pk)
    with clock.at(one.changed_at.replace(year=one.changed_at.year + 1)):
        settling._left_behind(one, by=None)


def test_an_answer_that_comes_after_it_was_counted_as_lost_still_counts(portal: None, monkeypatch: Any) -> None:
    ready = arrange.checked(arrange.draft())
    Upstream(monkeypatch, lambda: counted_as_lost(ready.pk))
    _, answer = confirm(ready)
    assert answer.status_code == 200
    assert "cfat_" in answer.content.decode()
    assert Token.objects.get(token_request=ready).value_lost is False
    assert TokenRequest.objects.get(pk=ready.pk).status == Status.ISSUED


def test_an_answer_that_comes_after_the_token_was_found_shows_no_secret(portal: None, monkeypatch: Any) -> None:
    ready = arrange.checked(arrange.draft())

    def found() -> None:
        counted_as_lost(ready.pk)
        settling.look_up(TokenRequest.objects.get(pk=ready.pk))

    Upstream(monkeypatch, found)
    _, answer = confirm(ready)
    assert (answer.status_code, answer["Location"]) == (302, f"/requests/{ready.pk}/")
    assert Token.objects.get(token_request=ready).value_lost


@pytest.mark.parametrize("fault", ["forbidden", "drop"])
def test_a_failure_that_comes_after_it_was_counted_as_lost_changes_nothing(portal: None, monkeypatch: Any, fault: str) -> None:
    ready = arrange.checked(arrange.draft())
    call_command("sandbox_fault", fault, method="POST")
    answered = SandboxAdapter.send

    def send(adapter: SandboxAdapter, request: Any, **options: Any) -> Any:
        try:
            return answered(adapter, request, **options)
        finally:
            if request.method == "POST":
                counted_as_lost(ready.pk)

    monkeypatch.setattr(SandboxAdapter, "send", send)
    web, answer = confirm(ready)
    assert answer.status_code == 302
    assert TokenRequest.objects.get(pk=ready.pk).status == Status.UNCERTAIN
    assert 'data-state="uncertain"' in web.get(answer["Location"]).content.decode()


def test_of_two_who_look_up_at_once_the_second_is_told(portal: None, monkeypatch: Any) -> None:
    ready = arrange.checked(arrange.draft())
    call_command("sandbox_fault", "drop", method="POST")
    confirm(ready)
    mine, other = TokenRequest.objects.get(pk=ready.pk), TokenRequest.objects.get(pk=ready.pk)
    Upstream(monkeypatch, lambda: settling.look_up(other), when="GET")
    assert settling.look_up(mine).sentence == "It was settled by somebody else just now. This is how it stands."
    assert Token.objects.filter(token_request=ready).count() == 1


def test_what_an_answer_leaves_out_is_what_was_sent(portal: None) -> None:
    sent = {
        "name": "a", "policies": [{"effect": "allow"}], "condition": {"request_ip": {"in": ["192.0.2.0/24"]}},
        "not_before": "2031-01-01T00:00:00Z", "expires_on": "2031-12-31T23:59:59Z",
    }  # fmt: skip
    seen = issuing.as_seen(TokenRecord(id="0" * 32), sent, arrange.connection())
    assert (seen["name"], seen["status"], seen["body"]) == ("a", "active", sent)
    assert (seen["not_before"], seen["expires_on"]) == (
        datetime(2031, 1, 1, tzinfo=UTC), datetime(2031, 12, 31, 23, 59, 59, tzinfo=UTC),
    )  # fmt: skip
    told = TokenRecord(id="0" * 32, name="b", policies=[{"effect": "deny"}], condition={"request_ip": {"in": ["::/0"]}})
    body = issuing.as_seen(told, sent, arrange.connection())["body"]
    assert (body["policies"], body["condition"]) == (told.policies, told.condition)


def test_a_confirmation_that_was_overtaken_is_told_and_sends_nothing(portal: None) -> None:
    ready = arrange.checked(arrange.draft())
    overtaken = TokenRequest.objects.get(pk=ready.pk)
    assert issuing.issue(ready, by=ready.requester, version=ready.version, digest=ready.digest)
    before = posts_seen()
    with pytest.raises(issuing.AlreadyUnderWay):
        issuing.issue(overtaken, by=overtaken.requester, version=overtaken.version, digest=overtaken.digest)
    assert posts_seen() == before
    assert Token.objects.filter(token_request=ready).count() == 1


def test_of_many_simultaneous_confirmations_one_is_sent(lasting_portal: None) -> None:
    ready = arrange.checked(arrange.draft())
    people = [arrange.signed_in("requester") for _ in range(8)]
    before = posts_seen()
    start = threading.Barrier(len(people))

    def post(web: Any) -> tuple[int, bool]:
        start.wait(10)
        try:
            answer = web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))
            return answer.status_code, "cfat_" in answer.content.decode()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(people)) as pool:
        answers = sorted(pool.map(post, people))
    assert answers == [(200, True), *[(409, False)] * 7]
    assert posts_seen() == before + 1
    assert ready.attempts.count() == 1

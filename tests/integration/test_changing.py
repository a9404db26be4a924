"""Changing a token: one PUT for a confirmation, the secret stays, each broken answer is a named state, nothing is overwritten unseen."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connections
from django.test import Client
from urllib3 import HTTPResponse

from tests import arrange
from tokenportal import audit, clock, rules
from tokenportal.actions import carrying_out, changing, issuing, people, settling_changes, syncing
from tokenportal.actions.drafts import discard
from tokenportal.audit import Event, chain
from tokenportal.models import Attempt, AuditEvent, MovedMeanwhile, Status, Token, TokenRequest
from tokenportal.policy.compile import same_grant
from tokenportal.policy.spec import AccessBlock, ClientIPs, Validity, ZoneChoice
from tokenportal.sandbox.transport import SandboxAdapter
from tokenportal.upstream import client as upstream_client

pytestmark = pytest.mark.django_db

NARROW = ClientIPs(allow=("192.0.2.0/24",))
WIDER = ClientIPs(allow=("192.0.2.0/24", "198.51.100.0/24"))


def issued(**changes: Any) -> issuing.Issued:
    made = arrange.issue(arrange.draft(**changes))
    assert made
    return made


def fresh(token: Token) -> Token:
    return Token.objects.select_related("connection", "token_request").get(pk=token.pk)


def at_cloudflare(token: Token) -> Any:
    return apps.get_model("sandbox", "Token").objects.filter(pk=token.cloudflare_id)


def puts_seen() -> int:
    return apps.get_model("sandbox", "Call").objects.filter(method="PUT").count()


def confirm(ready: TokenRequest) -> Any:
    web = arrange.signed_in(ready.requester.username)
    return web, web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))


def carried_out(ready: TokenRequest) -> Token | None:
    ready = TokenRequest.objects.get(pk=ready.pk)
    return carrying_out.carry_out(ready, by=ready.requester, version=ready.version, digest=ready.digest)


def status_of(ready: TokenRequest) -> str:
    return TokenRequest.objects.get(pk=ready.pk).status


def may(secret: Any, zone_id: str) -> int:
    """What the sandbox answers to a call with this secret, over HTTP."""
    path = f"/sandbox/client/v4/zones/{zone_id}/dns_records"
    return Client().get(path, headers={"Authorization": f"Bearer {secret.reveal()}"}).status_code


def on_zones(ready_or_token: Any, *zones: str) -> tuple[AccessBlock, ...]:
    return tuple(replace(block, zones=ZoneChoice(zones=zones)) for block in ready_or_token)


def test_a_confirmed_change_is_one_put_and_calls_with_the_same_secret_are_allowed_and_refused_accordingly(portal: None) -> None:
    made = issued()
    mine, other = arrange.zone_ids(*arrange.zone_names(2))
    mine, other = (mine, other) if may(made.secret, mine) == 200 else (other, mine)
    assert (may(made.secret, mine), may(made.secret, other)) == (200, 403)
    begun = changing.begin_edit(made.token, by=arrange.person("requester"))
    ready = arrange.change(
        made.token, name="renamed", purpose="Another program.", blocks=on_zones(begun.working_copy.spec.blocks, other),
        backup_owner=arrange.person("teammate"), validity=Validity(days=30),
    )  # fmt: skip
    before = puts_seen()
    web, answer = confirm(ready)
    assert (answer.status_code, answer["Location"], puts_seen()) == (302, made.token.get_absolute_url(), before + 1)
    assert (may(made.secret, mine), may(made.secret, other)) == (403, 200)
    token = fresh(made.token)
    seen = upstream_client(token.connection).get_token(token.cloudflare_id)
    version = ready.versions.get()
    assert same_grant(seen.body, version.payload)
    assert same_grant(token.body, version.payload)
    assert token.approved == {name: value for name, value in version.payload.items() if name != "status"}
    assert (token.name, seen.name) == (f"renamed ({token.token_request.reference})",) * 2
    assert (token.purpose, token.backup_owner, token.doing, token.drifted) == (
        "Another program.", arrange.person("teammate"), "", False,
    )  # fmt: skip
    assert (token.expires_on, token.issued_on) == (seen.expires_on, made.token.issued_on)
    assert f" zone:{other} " in token.reach
    done = TokenRequest.objects.get(pk=ready.pk)
    assert (done.status, done.state_label, done.cloudflare_id, done.result) == ("issued", "Changed", token.cloudflare_id, token)
    page = web.get(answer["Location"]).content.decode()
    assert "The token is changed. Its secret is the same." in page
    assert made.secret.reveal() not in page
    assert "It was changed at Cloudflare" not in page
    actions = AuditEvent.objects.filter(trail=ready.pk).order_by("number").values_list("action", flat=True)
    assert list(actions) == ["draft.started", "draft.checked", "token.changing", "token.changed"]
    assert chain.verify()[1] is None


def test_the_next_reading_finds_nothing_strange_about_a_changed_token(portal: None) -> None:
    ready = arrange.change(issued().token, client_ips=NARROW)
    assert carried_out(ready)
    before = AuditEvent.objects.count()
    syncing.sync(arrange.connection())
    assert not AuditEvent.objects.filter(number__gt=before, action__in=["token.alarm", "token.drifted", "token.changed_outside"])
    assert fresh(ready.target).drifted is False


def test_confirming_again_sends_nothing_and_says_that_it_is_done(portal: None) -> None:
    ready = arrange.change(issued().token, client_ips=NARROW)
    web, _ = confirm(ready)
    before = puts_seen()
    again = web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))
    assert (again.status_code, puts_seen()) == (409, before)
    assert "This change has been made already" in again.content.decode()


@pytest.mark.parametrize(
    ("fault", "state", "settled"),
    [
        ("forbidden", Status.FAILED, None),
        ("invalid", Status.FAILED, None),
        ("rate_limit", Status.UNCERTAIN, Status.UNCERTAIN),
        ("refuse_connection", Status.FAILED, None),
        ("slow", Status.UNCERTAIN, Status.ISSUED),
        ("drop", Status.UNCERTAIN, Status.ISSUED),
        ("error", Status.UNCERTAIN, Status.ISSUED),
        ("lie", Status.UNCERTAIN, Status.ISSUED),
        ("truncate", Status.UNCERTAIN, Status.ISSUED),
        ("empty", Status.UNCERTAIN, Status.ISSUED),
        ("huge", Status.UNCERTAIN, Status.ISSUED),
        ("html", Status.UNCERTAIN, Status.UNCERTAIN),
        ("bad_gateway", Status.UNCERTAIN, Status.UNCERTAIN),
        ("redirect", Status.UNCERTAIN, Status.UNCERTAIN),
    ],
)
def test_a_broken_answer_leads_to_a_named_state_and_a_look_tells_the_truth(
    portal: None, settings: Any, fault: str, state: str, settled: str | None
) -> None:
    settings.UPSTREAM_DEADLINE_SECONDS = 1
    made = issued()
    ready = arrange.change(made.token, client_ips=NARROW)
    call_command("sandbox_fault", fault, method="PUT", seconds=3)
    before = puts_seen()
    web, answer = confirm(ready)
    assert (answer.status_code, answer["Location"]) == (302, ready.get_absolute_url())
    assert puts_seen() - before <= 1
    page = web.get(answer["Location"]).content.decode()
    assert f'data-state="{state}"' in page
    assert ("The token was not changed" if state == Status.FAILED else "Nobody knows yet whether the token was changed") in page
    assert fresh(made.token).doing == ("" if state == Status.FAILED else "changing")
    if settled:
        answer = web.post(f"/requests/{ready.pk}/look-up/")
        assert answer["Location"] == ready.get_absolute_url()
        assert status_of(ready) == settled
        token = fresh(made.token)
        assert same_grant(token.body, ready.versions.get().payload) is (settled == Status.ISSUED)
        assert (token.doing, token.value_lost) == ("" if settled == Status.ISSUED else "changing", False)


def uncertain(**wanted: Any) -> TokenRequest:
    """A change whose request never arrived, and nobody knows."""
    ready = arrange.change(issued().token, **wanted)
    call_command("sandbox_fault", "bad_gateway", method="PUT")
    assert carried_out(ready) is None
    return TokenRequest.objects.get(pk=ready.pk)


def looked_up_until_settled(ready: TokenRequest, settings: Any) -> list[str]:
    told = []
    start = clock.now()
    for step in range(4):
        with clock.at(start + timedelta(seconds=settings.SETTLE_WINDOW_SECONDS * step / 2)):
            told.append(settling_changes.look_up(TokenRequest.objects.get(pk=ready.pk)).sentence)
    return told


def test_a_change_that_never_comes_fails_after_the_window_and_several_looks(portal: None, settings: Any) -> None:
    settings.SETTLE_WINDOW_SECONDS = 60
    ready = uncertain(client_ips=NARROW)
    told = looked_up_until_settled(ready, settings)
    assert [sentence.split(".")[0] for sentence in told] == [
        "It is not changed yet", "It is not changed yet",
        "The token was not changed: it stayed as it was for as long as the change could have come",
        "There is nothing to look up: this request has been settled",
    ]  # fmt: skip
    assert (status_of(ready), fresh(ready.target).doing) == (Status.FAILED, "")
    assert carried_out(ready)
    assert status_of(ready) == Status.ISSUED


def test_looks_right_behind_each_other_count_as_one(portal: None, settings: Any) -> None:
    settings.SETTLE_WINDOW_SECONDS = 60
    ready = uncertain(client_ips=NARROW)
    with clock.at(clock.now() + timedelta(seconds=90)):
        told = {settling_changes.look_up(TokenRequest.objects.get(pk=ready.pk)).sentence for _ in range(4)}
    assert told == {"It is not changed. The portal looks again before it says that the change did not happen."}
    assert (status_of(ready), ready.attempts.get().empty_listings) == (Status.UNCERTAIN, 1)


def test_a_token_that_holds_something_else_raises_the_alarm_and_is_let_go_after_the_window(portal: None, settings: Any) -> None:
    settings.SETTLE_WINDOW_SECONDS = 60
    ready = uncertain(client_ips=NARROW)
    call_command("sandbox_alter", "widen", "a-token")
    told = looked_up_until_settled(ready, settings)
    assert told[0] == f"{settling_changes.DIFFERENT} An admin must resolve it before anything else happens."
    assert told[2] == f"{settling_changes.DIFFERENT} You can try again."
    failed = TokenRequest.objects.get(pk=ready.pk)
    assert (failed.status, failed.alarm, fresh(ready.target).doing) == (Status.FAILED, settling_changes.DIFFERENT, "")


def test_a_token_that_is_gone_ends_the_change_in_words(portal: None) -> None:
    ready = uncertain(client_ips=NARROW)
    at_cloudflare(ready.target).delete()
    assert settling_changes.look_up(ready).sentence == carrying_out.GONE
    token = fresh(ready.target)
    assert (status_of(ready), token.status, token.doing) == (Status.FAILED, Token.Status.GONE, "")
    assert token.ended_at


def test_a_token_that_is_deleted_right_before_the_change_is_gone(portal: None, monkeypatch: Any) -> None:
    ready = arrange.change(issued().token, client_ips=NARROW)
    around_put(monkeypatch, before=lambda: at_cloudflare(ready.target).delete())
    web, answer = confirm(ready)
    assert answer["Location"] == ready.get_absolute_url()
    assert carrying_out.GONE in web.get(answer["Location"]).content.decode()
    assert (status_of(ready), fresh(ready.target).status) == (Status.FAILED, Token.Status.GONE)


def test_a_look_that_cannot_be_made_settles_nothing(portal: None) -> None:
    ready = uncertain(client_ips=NARROW)
    call_command("sandbox_fault", "bad_gateway", method="GET")
    assert settling_changes.look_up(ready).sentence.startswith("Cloudflare could not be asked")
    assert status_of(ready) == Status.UNCERTAIN
    with pytest.raises(rules.NotAllowed):
        settling_changes.look_up(ready, by=arrange.person("teammate"))


def test_a_refusal_after_which_the_token_cannot_be_read_is_not_certain(portal: None, monkeypatch: Any) -> None:
    ready = arrange.change(issued().token, client_ips=NARROW)
    call_command("sandbox_fault", "invalid", method="PUT")
    around_put(monkeypatch, after=lambda: call_command("sandbox_fault", "bad_gateway", method="GET"))
    assert carried_out(ready) is None
    assert status_of(ready) == Status.UNCERTAIN


def test_an_answer_that_tells_of_something_else_is_not_certain(portal: None, monkeypatch: Any) -> None:
    ready = arrange.change(issued().token, client_ips=NARROW)
    name = f"a-token ({ready.target.token_request.reference})".encode()
    sent = SandboxAdapter.send

    def send(adapter: SandboxAdapter, request: Any, **options: Any) -> Any:
        if request.method == "PUT":
            request.body = request.body.replace(name, b"b" + name[1:])
        return sent(adapter, request, **options)

    monkeypatch.setattr(SandboxAdapter, "send", send)
    assert carried_out(ready) is None
    assert "something else than what was sent" in ready.attempts.get().answer
    assert status_of(ready) == Status.UNCERTAIN


def around_put(monkeypatch: Any, *, before: Any = None, after: Any = None) -> None:
    """Do something right before the next PUT arrives, or right after it was answered, as other people do."""
    answered = SandboxAdapter.send

    def send(adapter: SandboxAdapter, request: Any, **options: Any) -> Any:
        if request.method != "PUT":
            return answered(adapter, request, **options)
        monkeypatch.setattr(SandboxAdapter, "send", answered)
        if before:
            before()
        try:
            return answered(adapter, request, **options)
        finally:
            if after:
                after()

    monkeypatch.setattr(SandboxAdapter, "send", send)


@pytest.mark.parametrize("how", ["widen", "rename", "disable"])
def test_what_was_changed_at_cloudflare_meanwhile_is_not_overwritten(portal: None, how: str) -> None:
    made = issued()
    ready = arrange.change(made.token, client_ips=NARROW)
    if how == "rename":
        at_cloudflare(made.token).update(name="by-hand")
    else:
        call_command("sandbox_alter", how, "a-token")
    before = puts_seen()
    web, answer = confirm(ready)
    page = answer.content.decode()
    assert (answer.status_code, puts_seen(), status_of(ready)) == (409, before, Status.DRAFT)
    assert "It was changed at Cloudflare meanwhile: " in page
    assert "Nothing was sent." in page
    assert f'action="/tokens/{made.token.pk}/edit/"' in page
    answer = web.post(f"/tokens/{made.token.pk}/edit/")
    assert answer["Location"] == ready.get_absolute_url()
    again = arrange.checked(TokenRequest.objects.get(pk=ready.pk))
    assert again.working_copy.spec.client_ips == NARROW
    assert confirm(again)[1].status_code == 302
    assert same_grant(fresh(made.token).body, again.versions.last().payload)
    assert at_cloudflare(made.token).get().disabled is (how == "disable")


@pytest.mark.parametrize("fault", ["refuse_connection", "bad_gateway"])
def test_a_token_that_cannot_be_read_first_is_not_changed(portal: None, fault: str) -> None:
    ready = arrange.change(issued().token, client_ips=NARROW)
    call_command("sandbox_fault", fault, method="GET")
    before = puts_seen()
    _, answer = confirm(ready)
    assert (answer.status_code, puts_seen(), status_of(ready)) == (409, before, Status.DRAFT)
    assert "could not be asked how the token stands now" in answer.content.decode()


def test_what_the_portal_cannot_send_back_is_not_changed(portal: None, monkeypatch: Any) -> None:
    made = issued()
    ready = arrange.change(made.token, client_ips=NARROW)
    answered = SandboxAdapter.send

    def send(adapter: SandboxAdapter, request: Any, **options: Any) -> Any:
        answer = answered(adapter, request, **options)
        if request.method == "GET":
            told = answer.raw.read().replace(b'"policies"', b'"moon_phase": "full", "policies"')
            answer.headers["Content-Length"] = str(len(told))
            answer.raw = HTTPResponse(body=BytesIO(told), headers=dict(answer.headers), status=200, preload_content=False)
        return answer

    monkeypatch.setattr(SandboxAdapter, "send", send)
    before = puts_seen()
    _, answer = confirm(ready)
    assert (answer.status_code, puts_seen(), status_of(ready)) == (409, before, Status.DRAFT)
    assert "It holds something that the portal does not know (moon_phase)." in answer.content.decode()
    with pytest.raises(changing.CannotBegin, match="moon_phase"):
        changing.begin_edit(made.token, by=arrange.person("requester"))


def test_a_change_without_any_difference_is_refused(portal: None) -> None:
    made = issued()
    ready = arrange.change(made.token)
    page = arrange.signed_in("requester").get(f"/requests/{ready.pk}/summary/").content.decode()
    assert carrying_out.NO_DIFFERENCE in page
    assert 'data-testid="create"' not in page
    before = puts_seen()
    _, answer = confirm(ready)
    assert (answer.status_code, puts_seen()) == (409, before)
    assert carrying_out.NO_DIFFERENCE in answer.content.decode()


def test_who_answers_for_it_and_what_uses_it_are_differences_too(portal: None) -> None:
    made = issued()
    ready = arrange.change(made.token, purpose="Another program.", owner=arrange.person("teammate"))
    found = carrying_out.difference(ready, ready.versions.get())
    assert [change.sentence for change in found.changes] == [
        "The owner is teammate; before, requester.", "Used by “Another program.”; before, “A test uses it.”.",
    ]  # fmt: skip
    assert found.verdict == "same"
    assert carried_out(ready)
    assert (fresh(made.token).owner, fresh(made.token).purpose) == (arrange.person("teammate"), "Another program.")


def test_a_disabled_token_stays_disabled(portal: None) -> None:
    made = issued()
    at_cloudflare(made.token).update(disabled=True)
    syncing.sync(made.token.connection)
    assert carried_out(arrange.change(fresh(made.token), client_ips=NARROW))
    assert at_cloudflare(made.token).get().disabled is True
    assert fresh(made.token).status == Token.Status.DISABLED


def test_a_token_that_was_not_made_here_keeps_its_bare_name(portal: None) -> None:
    made = issued()
    with audit.recording(Event.TOKEN_TAKEN_OVER, by=None, subject=made.token) as record:
        record.change(made.token, token_request=None)
    at_cloudflare(made.token).update(name="by-hand")
    assert carried_out(arrange.change(fresh(made.token), client_ips=NARROW))
    assert at_cloudflare(made.token).get().name == fresh(made.token).name == "by-hand"


def test_exclusions_are_kept_and_can_be_changed(portal: None) -> None:
    first, second = arrange.zone_ids(*arrange.zone_names(2))
    arrange.without_rule("all-zones")
    block = AccessBlock(permissions=("4755a26eedb94da69e1066d98aa820be",), zones=ZoneChoice(mode="all", except_zones=(first,)))
    made = issued(blocks=(block,))
    assert (may(made.secret, first), may(made.secret, second)) == (403, 200)
    begun = changing.begin_edit(made.token, by=arrange.person("requester"))
    (now,) = begun.working_copy.spec.blocks
    assert now.zones.except_zones == (first,)
    ready = arrange.change(made.token, blocks=(replace(now, zones=replace(now.zones, except_zones=(second,))),))
    found = carrying_out.difference(ready, ready.versions.get())
    assert found.verdict == "both"
    assert carried_out(ready)
    assert (may(made.secret, first), may(made.secret, second)) == (200, 403)


def test_a_token_that_creates_tokens_is_changed_for_good_only_after_two_people_approved(portal: None) -> None:
    made = arrange.issue(arrange.draft("create-additional-tokens", through="Acme user", client_ips=NARROW))
    assert made
    change = arrange.change(made.token, client_ips=WIDER)
    with pytest.raises(rules.NotAllowed, match="2 people among the team’s approvers and the admins must approve it"):
        issuing_with_reason(change)
    back = arrange.person("requester")
    discard(change, by=back)
    assert carried_out(arrange.change(fresh(made.token), client_ips=ClientIPs(allow=("192.0.2.0/25",))))


def issuing_with_reason(ready: TokenRequest) -> Token | None:
    return carrying_out.carry_out(ready, by=ready.requester, version=ready.version, digest=ready.digest, reason="A test.")


def test_who_no_longer_answers_for_the_token_cannot_confirm_a_change(portal: None) -> None:
    made = issued()
    ready = arrange.change(made.token, client_ips=NARROW)
    with audit.recording(Event.TOKEN_OWNER_SET, by=None, subject=made.token) as record:
        record.change(made.token, owner=arrange.person("teammate"))
    before = puts_seen()
    web, answer = confirm(ready)
    assert (answer.status_code, puts_seen()) == (403, before)
    assert "Only the token" in web.get(f"/requests/{ready.pk}/summary/").content.decode()


def test_of_two_changes_of_one_token_the_second_is_compared_with_the_first(portal: None) -> None:
    made = issued()
    with audit.recording(Event.TOKEN_OWNER_SET, by=None, subject=made.token) as record:
        record.change(made.token, backup_owner=arrange.person("teammate"))
    mine = arrange.change(made.token, client_ips=NARROW)
    theirs = arrange.change(made.token, by="teammate", name="other")
    assert carried_out(mine)
    _, answer = confirm(theirs)
    assert answer.status_code == 409
    assert "Works from 192.0.2.0/24 only; before, from anywhere." in answer.content.decode()


def test_while_a_change_is_under_way_nothing_else_is_done_with_the_token(portal: None) -> None:
    made = issued()
    with audit.recording(Event.TOKEN_OWNER_SET, by=None, subject=made.token) as record:
        record.change(made.token, backup_owner=arrange.person("teammate"))
    other = arrange.change(made.token, by="teammate", name="other")
    ready = arrange.change(made.token, client_ips=NARROW)
    call_command("sandbox_fault", "bad_gateway", method="PUT")
    assert carried_out(ready) is None
    before = puts_seen()
    _, answer = confirm(other)
    assert (answer.status_code, puts_seen(), status_of(other)) == (403, before, Status.DRAFT)
    assert "Something is being done with this token just now" in answer.content.decode()


def test_what_was_done_between_reading_and_sending_stops_the_change(portal: None, monkeypatch: Any) -> None:
    made = issued()
    ready = arrange.change(made.token, client_ips=NARROW)
    after_reading(monkeypatch, lambda: disabled_here(made.token))
    before = puts_seen()
    _, answer = confirm(ready)
    assert (answer.status_code, puts_seen(), status_of(ready)) == (409, before, Status.DRAFT)
    assert carrying_out.TAKEN in answer.content.decode()


def test_what_was_begun_between_reading_and_sending_stops_the_change(portal: None, monkeypatch: Any) -> None:
    made = issued()
    ready = arrange.change(made.token, client_ips=NARROW)

    def revoking() -> None:
        with audit.recording(Event.TOKEN_REVOKING, by=None, subject=made.token):
            Token.objects.get(pk=made.token.pk).begin(Token.Doing.REVOKING, at=clock.now())

    after_reading(monkeypatch, revoking)
    before = puts_seen()
    _, answer = confirm(ready)
    assert (answer.status_code, puts_seen(), status_of(ready)) == (409, before, Status.DRAFT)
    assert fresh(made.token).doing == "revoking"


def after_reading(monkeypatch: Any, meanwhile: Any) -> None:
    answered = SandboxAdapter.send

    def send(adapter: SandboxAdapter, request: Any, **options: Any) -> Any:
        answer = answered(adapter, request, **options)
        monkeypatch.setattr(SandboxAdapter, "send", answered)
        meanwhile()
        return answer

    monkeypatch.setattr(SandboxAdapter, "send", send)


def disabled_here(token: Token) -> None:
    with audit.recording(Event.TOKEN_DISABLED, by=None, subject=token) as record:
        record.change(Token.objects.get(pk=token.pk), status=Token.Status.DISABLED, seen_at=clock.now())


def test_a_change_that_a_crash_left_behind_is_settled_by_the_next_round(portal: None, capsys: Any) -> None:
    made = issued()
    ready = arrange.change(made.token, client_ips=NARROW)
    agreed = issuing.agreed_version(ready, number=ready.version, digest=ready.digest)
    carrying_out._begin(ready, agreed, by=ready.requester)
    assert settling_changes.open_changes() == []
    assert settling_changes.look_up(ready).sentence == settling_changes.ON_ITS_WAY
    upstream_client(made.token.connection).update_token(made.token.cloudflare_id, agreed.payload)
    with clock.at(clock.now() + timedelta(minutes=5)):
        call_command("settle_tokens")
    told = f"change {ready.reference}: The token was changed: it holds exactly what was asked for.\n"
    assert capsys.readouterr().out == told
    assert (status_of(ready), fresh(made.token).doing) == (Status.ISSUED, "")
    assert ready.attempts.get().outcome == Attempt.Outcome.ADOPTED
    events = AuditEvent.objects.filter(trail=ready.pk).order_by("-number").values_list("action", flat=True)
    assert list(events[:3]) == ["token.changed", "token.uncertain", "token.changing"]


def test_the_runner_settles_changes_too(lasting_portal: None) -> None:
    ready = arrange.change(issued().token, client_ips=NARROW)
    call_command("sandbox_fault", "drop", method="PUT")
    assert carried_out(ready) is None
    call_command("work", "--once")
    assert status_of(ready) == Status.ISSUED


def counted_as_lost(ready: TokenRequest) -> None:
    one = TokenRequest.objects.get(pk=ready.pk)
    with clock.at(clock.now() + timedelta(minutes=5)):
        settling_changes._left_behind(one, by=None)


def test_an_answer_that_comes_after_it_was_counted_as_lost_still_counts(portal: None, monkeypatch: Any) -> None:
    ready = arrange.change(issued().token, client_ips=NARROW)
    around_put(monkeypatch, after=lambda: counted_as_lost(ready))
    assert carried_out(ready)
    assert status_of(ready) == Status.ISSUED


@pytest.mark.parametrize("fault", ["", "drop", "invalid"])
def test_what_a_look_found_first_stands(portal: None, monkeypatch: Any, fault: str) -> None:
    ready = arrange.change(issued().token, client_ips=NARROW)
    if fault:
        call_command("sandbox_fault", fault, method="PUT")

    def found() -> None:
        counted_as_lost(ready)
        one = TokenRequest.objects.get(pk=ready.pk)
        if fault == "invalid":
            upstream_client(one.target.connection).update_token(one.target.cloudflare_id, one.versions.get().payload)
        settling_changes.look_up(one)

    around_put(monkeypatch, after=found)
    assert carried_out(ready) is None
    assert (status_of(ready), ready.attempts.count()) == (Status.ISSUED, 1)


def test_of_two_who_look_up_at_once_the_second_is_told(portal: None, monkeypatch: Any) -> None:
    ready = arrange.change(issued().token, client_ips=NARROW)
    call_command("sandbox_fault", "drop", method="PUT")
    carried_out(ready)
    mine, other = TokenRequest.objects.get(pk=ready.pk), TokenRequest.objects.get(pk=ready.pk)
    after_reading(monkeypatch, lambda: settling_changes.look_up(other))
    assert settling_changes.look_up(mine).sentence == "It was settled by somebody else just now. This is how it stands."
    assert AuditEvent.objects.filter(action="token.changed").count() == 1


def test_what_was_held_up_before_it_left_is_not_sent(portal: None, monkeypatch: Any, settings: Any) -> None:
    ready = arrange.change(issued().token, client_ips=NARROW)
    start = clock.now()
    begin = carrying_out._begin

    def slow(*args: Any, **options: Any) -> Any:
        attempt = begin(*args, **options)
        monkeypatch.setattr(clock, "now", lambda: start + timedelta(minutes=5))
        return attempt

    monkeypatch.setattr(carrying_out, "_begin", slow)
    before = puts_seen()
    assert carried_out(ready) is None
    assert (status_of(ready), puts_seen()) == (Status.FAILED, before)


def test_what_cannot_be_recorded_is_not_sent(portal: None, settings: Any, tmp_path: Any) -> None:
    ready = arrange.change(issued().token, client_ips=NARROW)
    web = arrange.signed_in("requester")
    before = puts_seen()
    (tmp_path / "sealing.key").write_bytes((Path(settings.KEYS_DIR) / "sealing.key").read_bytes())
    settings.KEYS_DIR = tmp_path
    answer = web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))
    assert (answer.status_code, puts_seen(), status_of(ready)) == (503, before, Status.DRAFT)
    assert fresh(ready.target).doing == ""


def test_an_answer_that_cannot_be_recorded_is_not_called_unchanged(
    portal: None, monkeypatch: Any, settings: Any, tmp_path: Any
) -> None:
    ready = arrange.change(issued().token, client_ips=NARROW)
    web = arrange.signed_in("requester")
    around_put(monkeypatch, after=lambda: setattr(settings, "KEYS_DIR", tmp_path))
    answer = web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))
    assert answer.status_code == 503
    assert (status_of(ready), fresh(ready.target).doing) == (Status.ISSUING, "changing")


def test_an_attempt_whose_number_is_taken_sends_nothing(portal: None) -> None:
    ready = arrange.change(issued().token, client_ips=NARROW)
    overtaken = TokenRequest.objects.get(pk=ready.pk)
    assert carried_out(ready)
    before = puts_seen()
    with pytest.raises(issuing.AlreadyUnderWay):
        carrying_out._begin(overtaken, overtaken.versions.get(), by=overtaken.requester)
    assert puts_seen() == before


def test_what_has_been_let_go_cannot_be_let_go_again(portal: None) -> None:
    token = issued().token
    with audit.recording(Event.TOKEN_CHANGING, by=None, subject=token):
        token.begin(Token.Doing.CHANGING, at=clock.now())
        other = Token.objects.get(pk=token.pk)
        token.let_go()
        with pytest.raises(MovedMeanwhile):
            other.let_go()


def test_the_connection_of_a_change_is_the_token_s_own(portal: None) -> None:
    made = issued()
    ready = arrange.change(made.token, client_ips=NARROW)
    web = arrange.signed_in("requester")
    other = arrange.connection("Acme user")
    posted = {"revision": ready.working_copy.revision, "name": "x", "blocks": "1", "connection": str(other.pk)}
    web.post(ready.get_absolute_url(), posted)
    ready = TokenRequest.objects.get(pk=ready.pk)
    assert (ready.working_copy.connection, ready.working_copy.spec.name) == (made.token.connection, "x")


def test_of_many_simultaneous_confirmations_of_one_change_one_is_sent(lasting_portal: None) -> None:
    ready = arrange.change(issued().token, client_ips=NARROW)
    webs = [arrange.signed_in("requester") for _ in range(6)]
    before = puts_seen()
    start = threading.Barrier(len(webs))

    def post(web: Any) -> int:
        start.wait(10)
        try:
            return web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready)).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(webs)) as pool:
        answers = sorted(pool.map(post, webs))
    assert set(answers) <= {302, 403, 409}
    assert answers.count(302) == 1
    assert (puts_seen(), status_of(ready)) == (before + 1, Status.ISSUED)
    assert ready.attempts.count() == 1


def test_begun_from_the_token_s_page_and_told_why_not(portal: None) -> None:
    made = issued()
    web, here = arrange.signed_in("requester"), made.token.get_absolute_url()
    for verb, kind in (("edit", "edit"), ("replace", "replace")):
        answer = web.post(f"{here}{verb}/")
        begun = TokenRequest.objects.get(target=made.token, kind=kind)
        assert (answer.status_code, answer["Location"]) == (302, begun.get_absolute_url())
        assert web.get(f"{here}{verb}/").status_code == 405
    call_command("sandbox_fault", "bad_gateway", method="GET")
    answer = web.post(f"{here}edit/", follow=True)
    assert answer.redirect_chain == [(here, 302)]
    assert "could not be asked how this token stands now" in answer.content.decode()


def test_who_may_begin_a_change(portal: None) -> None:
    made = issued()
    here = made.token.get_absolute_url()
    people.create_person(by=None, username="outsider", email="outsider@example.com", password=arrange.PASSWORD)
    answers = {}
    for name in ("outsider", "teammate", "approver", "auditor", "admin", "requester"):
        web = arrange.signed_in(name)
        answers[name] = [web.post(f"{here}{verb}/").status_code for verb in ("edit", "replace")]
    assert answers == {
        "outsider": [404, 404], "teammate": [403, 403], "approver": [403, 403], "auditor": [403, 403],
        "admin": [302, 302], "requester": [302, 302],
    }  # fmt: skip
    assert TokenRequest.objects.filter(target=made.token).count() == 4
    page = arrange.signed_in("teammate").get(here).content.decode()
    assert re.search(r'data-testid="refusal">Only the token(&#x27;|\')s owner', page)
    assert 'data-testid="alter"' not in page

"""Roll, disable, enable, revoke: one call that changes something, and no word that is not known to be true."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.management import call_command
from django.db import connections
from urllib3 import HTTPResponse

from tests import arrange
from tests.integration.care_world import (
    NOT_ITS_OWNER,
    UNTOUCHED,
    at_sandbox,
    fault,
    fresh,
    issued,
    own_path,
    owner,
    standing,
    works,
)  # fmt: skip
from tokenportal import audit, clock, rules, upstream
from tokenportal.actions import caring, issuing, people, sending_back, syncing, taking
from tokenportal.actions.invalid import Invalid
from tokenportal.audit import Event
from tokenportal.cloudflare import TokenRecord
from tokenportal.models import AuditEvent, Token, TokenRequest
from tokenportal.policy.compile import same_grant
from tokenportal.sandbox.transport import SandboxAdapter

pytestmark = pytest.mark.django_db

WRITES = ("PUT", "DELETE")


def last_events(token: Token, count: int) -> list[tuple[str, str]]:
    found = AuditEvent.objects.filter(object_id=str(token.pk)).order_by("-number")[:count]
    return [(event.action, event.outcome) for event in reversed(found)]


class Wire:
    """Between the portal and the sandbox: what was sent, and something that happens in the middle of a call."""

    def __init__(self, monkeypatch: Any, *, around: Callable[[Any], Any] | None = None) -> None:
        self.sent: list[tuple[str, Any]] = []
        answered = SandboxAdapter.send

        def send(adapter: SandboxAdapter, request: Any, **options: Any) -> Any:
            self.sent.append((request.method, json.loads(request.body) if request.body else None))
            answer = answered(adapter, request, **options)
            return (around(request) if around else None) or answer

        monkeypatch.setattr(SandboxAdapter, "send", send)

    def bodies(self, method: str) -> list[Any]:
        return [body for name, body in self.sent if name == method]

    def writes(self) -> list[str]:
        return [name for name, _ in self.sent if name in WRITES]


def found_unmanaged(token: Token) -> Token:
    """The same token at Cloudflare, as a connection's list shows it where nobody answers for it."""
    with audit.recording(Event.TOKEN_FOUND, by=None, subject=token) as record:
        record.change(token, team=None, owner=None, backup_owner=None, token_request=None, approved=None)
    return fresh(token)


# Rolling


def test_rolling_gives_a_secret_that_works_and_kills_the_old_one(portal: None, monkeypatch: Any) -> None:
    made = issued()
    wire = Wire(monkeypatch)
    rolled = caring.roll(made.token, by=owner())
    assert rolled
    assert (wire.writes(), wire.bodies("PUT")) == (["PUT"], [{}])
    assert (works(made.token, made.secret), works(made.token, rolled.secret)) == (False, True)
    assert standing(made.token) == UNTOUCHED
    assert fresh(made.token).modified_on is None
    assert last_events(made.token, 2) == [("token.rolling", "done"), ("token.rolled", "done")]


@pytest.mark.parametrize("kind", ["error", "drop", "truncate", "empty", "html", "bad_gateway", "redirect", "slow"])
def test_a_roll_without_a_clear_answer_says_that_the_old_secret_may_be_dead(portal: None, settings: Any, kind: str) -> None:
    settings.UPSTREAM_DEADLINE_SECONDS = 1
    made = issued()
    fault(kind, "PUT", seconds=2)
    assert caring.roll(made.token, by=owner()) is None
    assert standing(made.token) == {**UNTOUCHED, "value_lost": True}
    words = taking.last_word(made.token)
    assert words.startswith("Its old secret may be dead, and nobody has the new one. It is not known whether Cloudflare did it: ")
    assert words.endswith(" Roll it again: that is safe.")
    assert last_events(made.token, 2) == [("token.rolling", "done"), ("token.roll_failed", "failed")]
    rolled = caring.roll(fresh(made.token), by=owner())
    assert rolled
    assert (works(made.token, rolled.secret), standing(made.token)) == (True, UNTOUCHED)


@pytest.mark.parametrize("kind", ["forbidden", "invalid", "rate_limit", "lie"])
def test_a_refused_roll_changes_nothing_and_says_what_to_do_if_that_was_a_lie(portal: None, kind: str) -> None:
    made = issued()
    fault(kind, "PUT")
    assert caring.roll(made.token, by=owner()) is None
    assert standing(made.token) == UNTOUCHED
    words = taking.last_word(made.token)
    assert words.startswith("Cloudflare did not roll it. ")
    assert words.endswith("Should the present secret have stopped working, roll it again: that is safe.")
    assert works(made.token, made.secret) == (kind != "lie")


def test_a_roll_that_was_never_sent_leaves_the_secret_as_it_was(portal: None) -> None:
    made = issued()
    fault("refuse_connection", "PUT")
    assert caring.roll(made.token, by=owner()) is None
    assert (standing(made.token), works(made.token, made.secret)) == (UNTOUCHED, True)
    assert taking.last_word(made.token).startswith("The secret is as it was. ")


def test_rolling_what_was_deleted_behind_our_back_finds_it_gone(portal: None) -> None:
    token = issued().token
    at_sandbox(token).delete()
    assert caring.roll(token, by=owner()) is None
    assert standing(token) == {"status": "gone", "doing": "", "value_lost": False, "ended": True}
    assert last_events(token, 2) == [("token.rolling", "done"), ("token.gone", "done")]


def test_a_refusal_that_says_gone_counts_only_where_reading_says_so_too(portal: None, monkeypatch: Any) -> None:
    token = issued().token
    at_sandbox(token).update(appears_at=clock.now() + timedelta(hours=1))
    Wire(monkeypatch, around=lambda request: at_sandbox(token).update(appears_at=clock.now()) and None)
    assert caring.roll(token, by=owner()) is None
    assert standing(token) == UNTOUCHED
    at_sandbox(token).delete()
    fault("drop", "GET", own_path(token))
    assert caring.roll(fresh(token), by=owner()) is None
    assert standing(token) == UNTOUCHED


def test_of_two_who_press_at_once_one_rolls_and_the_other_is_told(lasting_portal: None, monkeypatch: Any) -> None:
    made = issued()
    both, inside = threading.Barrier(2), threading.Event()
    wire = Wire(monkeypatch, around=lambda request: inside.wait(10) and None if request.method == "PUT" else None)

    def press() -> str:
        token, by = fresh(made.token), owner()
        both.wait()
        try:
            rolled = caring.roll(token, by=by)
        except taking.NotBegun as told:
            return str(told)
        finally:
            inside.set()
            connections.close_all()
        return "rolled" if rolled else "nothing"

    with ThreadPoolExecutor(2) as pool:
        told = sorted(future.result() for future in [pool.submit(press) for _ in range(2)])
    assert told == [taking.SOMEBODY_WAS_FIRST, "rolled"]
    assert wire.writes() == ["PUT"]


def test_what_was_confirmed_once_is_not_rolled_twice(portal: None) -> None:
    made = issued()
    seen = taking.turn(made.token, Event.TOKEN_ROLLING)
    rolled = caring.roll(made.token, by=owner(), seen=seen)
    assert rolled
    with pytest.raises(taking.NotBegun) as told:
        caring.roll(fresh(made.token), by=owner(), seen=seen)
    assert str(told.value) == taking.SOMEBODY_WAS_FIRST
    assert (works(made.token, rolled.secret), standing(made.token)) == (True, UNTOUCHED)
    assert caring.roll(fresh(made.token), by=owner(), seen=taking.turn(made.token, Event.TOKEN_ROLLING))


def test_a_secret_that_came_after_its_roll_was_counted_as_lost_is_not_shown(portal: None, monkeypatch: Any) -> None:
    made = issued()

    def meanwhile(request: Any) -> None:
        caring.settle_doing(older_than=timedelta(0))

    Wire(monkeypatch, around=meanwhile)
    assert caring.roll(made.token, by=owner()) is None
    assert standing(made.token) == {**UNTOUCHED, "value_lost": True}


def test_a_roll_that_cannot_be_recorded_shows_no_secret_and_is_lost_later(
    portal: None, monkeypatch: Any, settings: Any, tmp_path: Path
) -> None:
    made = issued()
    keys = settings.KEYS_DIR
    Wire(monkeypatch, around=lambda request: setattr(settings, "KEYS_DIR", tmp_path))
    with pytest.raises(issuing.LeftUnrecorded):
        caring.roll(made.token, by=owner())
    settings.KEYS_DIR = keys
    assert fresh(made.token).doing == "rolling"
    assert caring.settle_doing() == []
    with clock.at(clock.now() + timedelta(minutes=2)):
        (result,) = caring.settle_doing()
    assert result == caring.Result(
        False, "The portal stopped before it could show the new secret, and the old one may be dead. Roll it again: that is safe."
    )
    assert standing(made.token) == {**UNTOUCHED, "value_lost": True}


# Disabling and enabling


def test_disabling_and_enabling_change_what_a_call_may_do_and_nothing_else(portal: None, monkeypatch: Any) -> None:
    made = issued()
    before = at_sandbox(made.token).values("name", "condition", "not_before", "expires_on").get()
    wire = Wire(monkeypatch)
    told = caring.disable(made.token, by=owner())
    assert told == caring.Result(True, "It is disabled. Cloudflare refuses every call that is made with it.")
    assert (standing(made.token)["status"], works(made.token, made.secret)) == ("disabled", False)
    told = caring.enable(fresh(made.token), by=owner())
    assert told == caring.Result(True, "It is active. The secret that it had works again.")
    assert (standing(made.token), works(made.token, made.secret)) == (UNTOUCHED, True)
    assert wire.writes() == ["PUT", "PUT"]
    assert at_sandbox(made.token).values("name", "condition", "not_before", "expires_on").get() == before
    assert [event for event, _ in last_events(made.token, 4)] == [
        "token.disabling", "token.disabled", "token.enabling", "token.enabled",
    ]  # fmt: skip


DNS_WRITE = "4755a26eedb94da69e1066d98aa820be"
ACCOUNT = "com.cloudflare.api.account."
ODD: dict[str, dict[str, Any]] = {
    "as it was made": {},
    "nested resources": {"resources": lambda account, zone: {f"{ACCOUNT}{account}": {f"{ACCOUNT}zone.*": "*"}}},
    "two zones nested": {"resources": lambda account, zone: {f"{ACCOUNT}{account}": {f"{ACCOUNT}zone.{zone}": "*"}}},
    "a deny": {"deny": True},
    "ranges": {"condition": {"request_ip": {"in": ["192.0.2.0/24", "2001:db8::/32"], "not_in": ["192.0.2.1/32"]}}},
    "an older name of the condition": {"condition": {"request.ip": {"in": ["192.0.2.0/24"]}}},
    "times": {"not_before": datetime(2025, 1, 1, tzinfo=UTC), "expires_on": datetime(2031, 1, 31, 23, 59, 59, tzinfo=UTC)},
    "no end": {"expires_on": None},
}


def as_sets(body: dict[str, Any]) -> dict[str, Any]:
    """A body with its policies and their groups as sets of their canonical JSON."""

    def policy(row: dict[str, Any]) -> str:
        groups = sorted(group["id"] for group in row["permission_groups"])
        return json.dumps({"effect": row["effect"], "resources": row["resources"], "groups": groups}, sort_keys=True)

    return {**body, "policies": {policy(row) for row in body["policies"]}}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_sent_to_disable_a_token_is_the_live_token_but_for_its_status(portal: None, monkeypatch: Any, odd: str) -> None:
    token = issued(zones=2).token
    row = at_sandbox(token).get()
    change = dict(ODD[odd])
    zone, other = arrange.zone_ids(*arrange.zone_names(2))
    if resources := change.pop("resources", None):
        change["policies"] = [{**policy, "resources": resources(token.connection.owner_id, zone)} for policy in row.policies]
    if change.pop("deny", False):
        denied = {**row.policies[0], "id": "d" * 32, "effect": "deny", "resources": {f"{ACCOUNT}zone.{other}": "*"}}
        change["policies"] = [*row.policies, denied]
    if change:
        at_sandbox(token).update(**change)
    row = at_sandbox(token).get()
    live = {"name": row.name, "status": "disabled", "policies": row.policies}
    if row.condition:
        live["condition"] = row.condition
    for name in ("not_before", "expires_on"):
        if moment := getattr(row, name):
            live[name] = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    wire = Wire(monkeypatch)
    assert caring.disable(token, by=owner()).done
    (sent,) = wire.bodies("PUT")
    assert as_sets(sent) == as_sets(live)
    assert all("id" not in policy and {*policy} == {"effect", "resources", "permission_groups"} for policy in sent["policies"])
    assert {tuple(group) for policy in sent["policies"] for group in policy["permission_groups"]} == {("id",)}
    seen = upstream.client(token.connection).get_token(token.cloudflare_id)
    assert (seen.status, sending_back.came_back(sent, seen)) == ("disabled", True)
    assert taking.last_word(token) == "It is disabled. Cloudflare refuses every call that is made with it."
    assert fresh(token).drifted == (odd != "as it was made")


GROUP = {"id": DNS_WRITE, "name": "DNS Write", "meta": {"key": "a", "value": "b"}}
POLICY = {"id": "f" * 32, "effect": "allow", "permission_groups": [GROUP], "resources": {f"{ACCOUNT}*": "*"}}


def test_what_a_policy_holds_besides_goes_back_as_it_came() -> None:
    record = TokenRecord(id="0" * 32, name="odd", policies=[{**POLICY, "tags": ["x"]}], condition={"moon": {"phase": "full"}})
    assert sending_back.body_of(record) == {
        "name": "odd",
        "policies": [
            {"effect": "allow", "permission_groups": [{"id": DNS_WRITE}], "resources": {f"{ACCOUNT}*": "*"}, "tags": ["x"]}
        ],
        "condition": {"moon": {"phase": "full"}},
    }


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (
            {"unread": ("device_posture", "network")},
            "It holds something that the portal does not know (device_posture, network).",
        ),
        ({"policies": []}, "Cloudflare did not tell all that it holds."),
        ({"name": ""}, "Cloudflare did not tell all that it holds."),
        (
            {"expires_on": datetime(2031, 1, 1, 0, 0, 0, 5, tzinfo=UTC)},
            "It starts or ends within a second, which the portal cannot say.",
        ),
        *(
            (
                {"policies": [{**POLICY, "permission_groups": groups}]},
                "One of its policies names permissions in a way that the portal does not know.",
            )
            for groups in (None, ["x"], [{"id": 5}], [{**GROUP, "only_on": "Mondays"}])
        ),
    ],
)
def test_what_would_be_lost_on_the_way_back_is_not_sent(held: dict[str, Any], says: str) -> None:
    whole = {"id": "0" * 32, "name": "odd", "policies": [POLICY]}
    record = TokenRecord(**{**whole, **held})
    with pytest.raises(sending_back.CannotSendBack) as refusal:
        sending_back.body_of(record)
    assert str(refusal.value) == says
    assert not sending_back.came_back(whole, record)


def test_a_token_that_would_lose_something_is_not_disabled_but_told_about(portal: None, monkeypatch: Any) -> None:
    token = issued().token
    wire = Wire(monkeypatch, around=lambda request: answer_with(request, token, network={"only": "office"}))
    told = caring.disable(token, by=owner())
    assert told == caring.Result(
        False,
        "Nothing was sent, for it would not come back as it is. It holds something that the portal does not know (network). "
        "Do it in Cloudflare's dashboard, or revoke it.",
    )
    assert (wire.writes(), standing(token)) == ([], UNTOUCHED)


def answer_with(request: Any, token: Token, method: str = "GET", **more: Any) -> requests.Response | None:
    """What the sandbox says about the token, with something else in it."""
    if request.method != method or not request.url.endswith(token.cloudflare_id):
        return None
    row = at_sandbox(token).get()
    result = {
        "id": row.pk,
        "name": row.name,
        "status": row.status(),
        "policies": row.policies,
        "condition": row.condition,
        **more,
    }
    answer = requests.Response()
    answer.status_code = 200
    content = json.dumps({"success": True, "errors": [], "messages": [], "result": result}).encode()
    answer.headers["Content-Type"] = "application/json"
    answer.raw = HTTPResponse(body=BytesIO(content), headers=dict(answer.headers), status=200, preload_content=False)
    answer.request, answer.url = request, request.url
    return answer


@pytest.mark.parametrize("kind", ["error", "drop", "truncate", "empty", "slow", "lie"])
def test_a_disabling_that_worked_is_found_out_by_reading(portal: None, settings: Any, kind: str) -> None:
    settings.UPSTREAM_DEADLINE_SECONDS = 1
    made = issued()
    fault(kind, "PUT", seconds=2)
    told = caring.disable(made.token, by=owner())
    assert told == caring.Result(True, "It is disabled. Cloudflare refuses every call that is made with it.")
    assert (standing(made.token)["status"], works(made.token, made.secret)) == ("disabled", False)


@pytest.mark.parametrize("kind", ["html", "bad_gateway", "forbidden", "invalid"])
def test_a_disabling_that_did_not_work_is_found_out_too(portal: None, kind: str) -> None:
    made = issued()
    fault(kind, "PUT")
    told = caring.disable(made.token, by=owner())
    assert not told.done
    assert told.sentence.startswith("Nothing has changed: Cloudflare says that it is active. ")
    assert (standing(made.token), works(made.token, made.secret)) == (UNTOUCHED, True)
    assert last_events(made.token, 1) == [("token.disable_failed", "failed")]


def test_a_disabling_that_was_too_much_is_asked_about_when_calls_go_on(portal: None) -> None:
    made = issued()
    fault("rate_limit", "PUT", seconds=30)
    told = caring.disable(made.token, by=owner())
    assert (told.done, told.sentence[:23]) == (False, "It is not known yet whe")
    with clock.at(clock.now() + timedelta(seconds=31)):
        [settled] = caring.settle_doing()
    assert settled.sentence.startswith("Nothing has changed: Cloudflare says that it is active.")
    assert standing(made.token) == UNTOUCHED


def test_a_disabling_that_nobody_can_be_asked_about_stays_open_and_is_settled(portal: None) -> None:
    made = issued()
    token = made.token
    fault("drop", "PUT")
    for _ in range(2):
        fault("drop", "GET", own_path(token))
    # The first reading comes before anything is sent.
    assert caring.disable(token, by=owner()).sentence.startswith("Nothing was sent: it could not be read first. ")
    assert standing(token) == UNTOUCHED


def unanswered(monkeypatch: Any, token: Token, act: Callable[..., caring.Result]) -> caring.Result:
    """Do it, with an upstream that does it and falls silent from then on until it is asked anew."""

    def silent(request: Any) -> None:
        if request.method in WRITES:
            fault("drop", "GET", own_path(token))
            raise requests.ConnectionError("reset", request=request)

    with monkeypatch.context() as patch:
        Wire(patch, around=silent)
        return act(token, by=owner())


def test_what_became_of_it_is_not_known_until_it_is_asked_again(portal: None, monkeypatch: Any) -> None:
    token = issued().token
    told = unanswered(monkeypatch, token, caring.disable)
    assert not told.done
    assert told.sentence.startswith("It is not known whether Cloudflare did it: ")
    assert told.sentence.endswith(" The portal asks again by itself.")
    assert standing(token) == {**UNTOUCHED, "doing": "disabling"}
    assert last_events(token, 2) == [("token.disabling", "done"), ("token.looked_up", "failed")]
    fault("drop", "GET", own_path(token))
    before = AuditEvent.objects.count()
    assert not caring.ask(fresh(token), by=owner()).done
    assert AuditEvent.objects.count() == before + 1
    assert last_events(token, 2) == [("token.looked_up", "failed")] * 2
    assert caring.ask(fresh(token), by=owner()).done
    assert standing(token) == {**UNTOUCHED, "status": "disabled"}


def test_a_crash_in_the_middle_is_settled_once_nobody_can_be_waiting_any_more(portal: None) -> None:
    token = issued().token
    taking.begin(token, Token.Doing.DISABLING, Event.TOKEN_DISABLING, by=owner())
    call_command("sandbox_alter", "disable", "a-token")
    assert caring.ask(fresh(token), by=owner()) == caring.Result(
        False, "The answer may still come. Wait half a minute and ask again."
    )
    assert caring.settle_doing() == []
    with clock.at(clock.now() + timedelta(minutes=2)):
        assert [result.done for result in caring.settle_doing()] == [True]
        assert caring.settle_doing() == []
    assert standing(token) == {**UNTOUCHED, "status": "disabled"}


def test_what_was_done_already_is_not_sent_again(portal: None, monkeypatch: Any) -> None:
    token = issued().token
    call_command("sandbox_alter", "disable", "a-token")
    wire = Wire(monkeypatch)
    assert caring.disable(token, by=owner()).done
    assert (wire.writes(), standing(token)["status"]) == ([], "disabled")


def test_disabling_what_was_deleted_behind_our_back_finds_it_gone(portal: None) -> None:
    token = issued().token
    at_sandbox(token).delete()
    assert caring.disable(token, by=owner()) == caring.Result(False, taking.GONE)
    assert standing(token) == {"status": "gone", "doing": "", "value_lost": False, "ended": True}


def test_disabling_without_a_connection_to_cloudflare_changes_nothing(portal: None) -> None:
    token = issued().token
    fault("refuse_connection", "PUT")
    assert caring.disable(token, by=owner()).sentence.startswith("Nothing was changed. ")
    assert standing(token) == UNTOUCHED


def test_what_came_back_changed_is_told(portal: None, monkeypatch: Any) -> None:
    token = issued().token

    def widened(request: Any) -> Any:
        if request.method != "PUT":
            return None
        call_command("sandbox_alter", "widen", "a-token")
        return answer_with(request, token, "PUT")

    Wire(monkeypatch, around=widened)
    told = caring.disable(token, by=owner())
    assert told.sentence.endswith(" What it holds came back changed: look at it.")
    assert (fresh(token).status, fresh(token).drifted) == ("disabled", True)


@pytest.mark.parametrize("left_out", ["policies", "status", "id"])
def test_an_answer_that_does_not_tell_all_is_read_again(portal: None, monkeypatch: Any, left_out: str) -> None:
    token = issued().token
    empty = {"policies": [], "status": "", "id": "e" * 32}
    wire = Wire(monkeypatch, around=lambda request: answer_with(request, token, "PUT", **{left_out: empty[left_out]}))
    assert caring.disable(token, by=owner()).done
    assert [name for name, _ in wire.sent] == ["GET", "PUT", "GET"]
    assert (fresh(token).body, standing(token)["status"]) == (token.body, "disabled")


def test_a_reading_without_policies_keeps_what_it_was_seen_to_hold(portal: None, monkeypatch: Any) -> None:
    token = issued().token
    taking.begin(token, Token.Doing.ENABLING, Event.TOKEN_ENABLING, by=owner())
    Wire(monkeypatch, around=lambda request: answer_with(request, token, policies=[], name="", status=""))
    with clock.at(clock.now() + timedelta(minutes=2)):
        (told,) = caring.settle_doing()
    assert told.sentence == "Nothing has changed: Cloudflare says that it is there."
    assert (fresh(token).body, fresh(token).name, standing(token)) == (token.body, token.name, UNTOUCHED)


# Revoking


def test_a_revoked_token_is_called_revoked_once_cloudflare_says_that_it_is_gone(portal: None, monkeypatch: Any) -> None:
    made = issued()
    wire = Wire(monkeypatch)
    told = caring.revoke(made.token, by=owner())
    assert told == caring.Result(True, "It is revoked: Cloudflare says that it does not exist any more.")
    assert [name for name, _ in wire.sent] == ["DELETE", "GET"]
    assert standing(made.token) == {"status": "revoked", "doing": "", "value_lost": False, "ended": True}
    assert (works(made.token, made.secret), at_sandbox(made.token).exists()) == (False, False)
    assert last_events(made.token, 2) == [("token.revoking", "done"), ("token.revoked", "done")]


@pytest.mark.parametrize("kind", ["error", "drop", "truncate", "empty", "slow", "lie"])
def test_a_revocation_that_worked_is_found_out_by_asking(portal: None, settings: Any, kind: str) -> None:
    settings.UPSTREAM_DEADLINE_SECONDS = 1
    made = issued()
    fault(kind, "DELETE", seconds=2)
    assert caring.revoke(made.token, by=owner()).done
    assert (standing(made.token)["status"], at_sandbox(made.token).exists()) == ("revoked", False)


@pytest.mark.parametrize("kind", ["html", "bad_gateway", "forbidden", "invalid", "redirect"])
def test_a_token_that_is_still_there_is_not_called_revoked(portal: None, kind: str) -> None:
    made = issued()
    fault(kind, "DELETE")
    told = caring.revoke(made.token, by=owner())
    assert not told.done
    assert told.sentence.startswith("It is not revoked: Cloudflare still has it.")
    assert told.sentence.endswith("Revoke it again in a moment.")
    assert (standing(made.token), works(made.token, made.secret)) == (UNTOUCHED, True)


def test_a_success_that_left_the_token_there_is_not_believed(portal: None, monkeypatch: Any) -> None:
    token = issued().token
    row = at_sandbox(token).get()
    Wire(monkeypatch, around=lambda request: row.save(force_insert=True) if request.method == "DELETE" else None)
    told = caring.revoke(token, by=owner())
    assert told == caring.Result(False, "It is not revoked: Cloudflare still has it. Revoke it again in a moment.")
    assert standing(token) == UNTOUCHED


def test_a_revocation_that_was_never_sent_says_so(portal: None) -> None:
    token = issued().token
    fault("refuse_connection", "DELETE")
    assert caring.revoke(token, by=owner()).sentence.startswith("It was not revoked. ")
    assert standing(token) == UNTOUCHED


def test_a_token_that_was_deleted_by_others_meanwhile_is_gone_all_the_same(portal: None) -> None:
    token = issued().token
    at_sandbox(token).delete()
    assert caring.revoke(token, by=owner()).done
    assert standing(token)["status"] == "revoked"


def test_a_revocation_of_which_nothing_is_known_settles_in_the_next_round(lasting_portal: None, monkeypatch: Any) -> None:
    token = issued().token
    assert not unanswered(monkeypatch, token, caring.revoke).done
    assert standing(token) == {**UNTOUCHED, "doing": "revoking"}
    with pytest.raises(rules.NotAllowed) as refusal:
        caring.revoke(fresh(token), by=owner())
    assert str(refusal.value) == "Something is being done with this token just now. Wait a moment and reload the page."
    call_command("work", "--once")
    assert standing(token) == {"status": "revoked", "doing": "", "value_lost": False, "ended": True}


@pytest.mark.parametrize("kind", ["forbidden", "html", "invalid"])
def test_an_address_that_is_not_routed_or_a_refusal_does_not_prove_that_a_token_is_gone(
    portal: None, monkeypatch: Any, kind: str
) -> None:
    token = issued().token
    unanswered(monkeypatch, token, caring.revoke)
    fault(kind, "GET", own_path(token))
    told = caring.ask(fresh(token), by=owner())
    assert not told.done
    assert told.sentence.startswith("It is not known yet whether it worked. ") == (kind != "html")
    assert standing(token)["doing"] == "revoking"


def test_a_404_of_an_address_that_cannot_be_routed_is_no_absence() -> None:
    assert taking.Refused(404, (1003,), ("token not found",)).is_absence
    assert not taking.Refused(404, (7003,), ("could not route",)).is_absence
    assert not taking.Refused(403, (9109,), ("unauthorized",)).is_absence


def test_what_cannot_be_asked_because_the_credential_does_not_open_is_left_as_it_is(portal: None, monkeypatch: Any) -> None:
    token, other = issued().token, issued().token
    unanswered(monkeypatch, token, caring.revoke)
    with audit.recording(Event.CREDENTIAL_REPLACED, by=None, subject=token.connection) as record:
        record.change(token.connection, sealed_credential="broken")
    told = caring.ask(fresh(token), by=owner())
    assert told.sentence.startswith("Cloudflare could not be asked, so nothing is known yet. ")
    assert standing(token)["doing"] == "revoking"
    with pytest.raises(taking.NotBegun) as refusal:
        caring.revoke(fresh(other), by=owner())
    assert str(refusal.value).startswith("The stored credential of this connection does not open: ")
    assert standing(other) == UNTOUCHED


def test_of_two_who_ask_at_once_the_second_is_told(portal: None, monkeypatch: Any) -> None:
    token = issued().token
    unanswered(monkeypatch, token, caring.revoke)
    other = fresh(token)

    def meanwhile(request: Any) -> None:
        monkeypatch.undo()
        caring.ask(other, by=owner())

    Wire(monkeypatch, around=meanwhile)
    assert caring.ask(fresh(token), by=owner()) == caring.Result(
        False, "It was settled by somebody else just now. This is how it stands."
    )
    assert standing(token)["status"] == "revoked"


def test_what_is_not_known_and_cannot_be_recorded_either_is_not_called_unchanged(
    portal: None, monkeypatch: Any, settings: Any, tmp_path: Path
) -> None:
    token = issued().token
    keys = settings.KEYS_DIR

    def silent(request: Any) -> None:
        if request.method == "DELETE":
            settings.KEYS_DIR = tmp_path
            fault("drop", "GET", own_path(token))

    Wire(monkeypatch, around=silent)
    with pytest.raises(issuing.LeftUnrecorded):
        caring.revoke(token, by=owner())
    settings.KEYS_DIR = keys
    assert standing(token) == {**UNTOUCHED, "doing": "revoking"}


# Who may


ACTIONS: dict[str, Callable[..., Any]] = {
    "roll": caring.roll, "disable": caring.disable, "enable": caring.enable, "revoke": caring.revoke,
}  # fmt: skip


@pytest.fixture
def cared_for(portal: None) -> Token:
    """A token with a back-up owner, and a person outside its team."""
    people.create_person(by=None, username="backup", email="backup@example.com", password=arrange.PASSWORD)
    people.create_person(by=None, username="outsider", email="outsider@example.com", password=arrange.PASSWORD)
    people.set_membership(by=None, team=arrange.team(), person=arrange.person("backup"), is_requester=False, is_approver=False)
    token = issued().token
    with audit.recording(Event.TOKEN_OWNER_SET, by=None, subject=token) as record:
        record.change(token, backup_owner=arrange.person("backup"))
    return token


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    ("who", "sentence"),
    [
        ("requester", ""), ("backup", ""), ("admin", ""),
        ("teammate", NOT_ITS_OWNER), ("approver", NOT_ITS_OWNER), ("auditor", NOT_ITS_OWNER), ("outsider", NOT_ITS_OWNER),
    ],
)  # fmt: skip
def test_only_those_who_answer_for_a_token_act_on_it(cared_for: Token, action: str, who: str, sentence: str) -> None:
    by = arrange.person(who)
    if action == "enable":
        caring.disable(cared_for, by=owner())
    if not sentence:
        assert ACTIONS[action](fresh(cared_for), by=by)
        return
    before = standing(cared_for)
    with pytest.raises(rules.NotAllowed) as refusal:
        ACTIONS[action](fresh(cared_for), by=by)
    assert (str(refusal.value), standing(cared_for)) == (sentence, before)


def test_what_a_token_s_state_does_not_allow_is_refused_with_the_reason(portal: None) -> None:
    token, admin = issued().token, arrange.person("admin")
    nothing = "There is nothing to ask about: it is known how this token stands."
    assert rules.may_ask(admin, token).sentence == nothing
    assert rules.may_enable(admin, token).sentence == "Only a disabled token can be enabled."
    caring.disable(token, by=admin)
    assert rules.may_disable(admin, token).sentence == "Only an active token can be disabled."
    token.doing = Token.Doing.REVOKING
    assert rules.may_ask(admin, token)
    assert rules.may_ask(arrange.person("teammate"), token).sentence == NOT_ITS_OWNER
    token.doing = ""
    caring.revoke(token, by=admin)
    for may in (rules.may_roll, rules.may_disable, rules.may_enable, rules.may_care_for):
        assert may(admin, token).sentence == "This token is gone. There is nothing left to do with it."


def test_a_token_without_a_team_is_rolled_only_after_adoption(portal: None) -> None:
    token, admin = found_unmanaged(issued().token), arrange.person("admin")
    assert rules.may_roll(admin, token).sentence == "Nobody answers for this token yet. Adopt it first."
    assert caring.disable(token, by=admin).done
    assert caring.enable(fresh(token), by=admin).done
    assert caring.revoke(fresh(token), by=admin).done


def test_a_connection_s_own_credential_is_left_alone(portal: None) -> None:
    token = issued().token
    token.is_parent = True
    for may in (rules.may_roll, rules.may_disable, rules.may_enable, rules.may_care_for):
        assert may(arrange.person("admin"), token).sentence.startswith("This is the credential of a connection.")


# Duplicating


def test_a_duplicate_is_a_draft_of_what_the_token_holds_now(portal: None) -> None:
    token = issued(zones=2).token
    call_command("sandbox_alter", "widen", "a-token")
    syncing.sync(token.connection)
    begun = caring.duplicate(fresh(token), by=arrange.person("teammate"), team=arrange.team())
    copy = begun.working_copy
    assert (begun.requester, begun.team, copy.owner) == (arrange.person("teammate"), arrange.team(), arrange.person("teammate"))
    assert (copy.spec.name, copy.spec.purpose, copy.connection) == ("Copy of a-token", "A test uses it.", token.connection)
    made = arrange.issue(begun)
    assert made
    assert same_grant(made.token.body, fresh(token).body)


def test_a_duplicate_for_a_team_to_which_the_connection_is_not_open_has_none_chosen(portal: None) -> None:
    token = issued().token
    with audit.recording(Event.CONNECTION_GRANTED, by=None, subject=token.connection):
        token.connection.grants.filter(team=arrange.team()).delete()
    begun = caring.duplicate(fresh(token), by=owner(), team=arrange.team())
    assert begun.working_copy.connection is None
    assert begun.working_copy.spec.blocks[0].permissions == (DNS_WRITE,)


def test_what_a_draft_cannot_say_is_not_dropped_but_told(portal: None) -> None:
    token = issued().token
    at_sandbox(token).update(condition={"moon": {"phase": "full"}})
    syncing.sync(token.connection)
    with pytest.raises(Invalid) as refusal:
        caring.duplicate(fresh(token), by=owner(), team=arrange.team())
    assert str(refusal.value) == (
        "The token has a policy or a condition of a kind that this portal does not know. "
        "A draft could not say the same, so there is none."
    )
    assert TokenRequest.objects.count() == 1


def test_a_duplicate_is_begun_only_in_a_team_in_which_one_is_a_requester(portal: None) -> None:
    token = issued().token
    for who, sentence in (
        ("auditor", "You are not a requester in any team. Ask an admin to make you one."),
        ("teammate", "You are not a requester in that team."),
    ):
        with pytest.raises(rules.NotAllowed) as refusal:
            caring.duplicate(token, by=arrange.person(who), team=arrange.team("Web"))
        assert str(refusal.value) == sentence

"""What is at Cloudflare, read anew: the portal's tokens brought up to date, and alarms for those that belong to nobody."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from tests import arrange
from tokenportal import clock
from tokenportal.actions import alarms, connections, drafts, settling, syncing, token_search
from tokenportal.management.commands import work
from tokenportal.models import AuditEvent, Snapshot, Status, Token, TokenRequest
from tokenportal.upstream import client as upstream_client

pytestmark = pytest.mark.django_db


def issued(**changes: Any) -> Token:
    made = arrange.issue(arrange.draft(**changes))
    assert made
    return made.token


def altered(deed: str) -> None:
    call_command("sandbox_alter", deed, "a-token")


def sync() -> syncing.Synced:
    return syncing.sync(arrange.connection())


def fresh(token: Token) -> Token:
    return Token.objects.get(pk=token.pk)


def test_a_token_that_somebody_disabled_is_seen_as_disabled(portal: None) -> None:
    token = issued()
    altered("disable")
    later = clock.now() + timedelta(hours=1)
    with clock.at(later):
        assert sync().worked
    seen = fresh(token)
    assert (seen.status, seen.seen_at, seen.body) == ("disabled", later, token.body)
    event = AuditEvent.objects.get(action="token.changed_outside")
    assert (event.trail, event.by_id, event.reason) == (token.trail, None, "Disabled.")
    assert event.changes["status"] == ["active", "disabled"]


def test_a_token_that_somebody_widened_shows_what_it_grants_now(portal: None) -> None:
    token = issued()
    assert token.expires_on
    altered("widen")
    sync()
    seen = fresh(token)
    assert seen.expires_on is None
    assert "expires_on" not in seen.body
    assert seen.body["policies"] != token.body["policies"]
    assert seen.body["policies"][0]["resources"] == {
        f"com.cloudflare.api.account.{token.connection.owner_id}": {"com.cloudflare.api.account.zone.*": "*"}
    }


def test_what_it_reaches_now_is_found_in_the_list(portal: None) -> None:
    token = issued()
    altered("widen")
    sync()
    seen = fresh(token)
    assert seen.reach == token_search.words_of(seen.body, seen.connection)["reach"] != token.reach


def test_policies_in_another_order_are_no_change(portal: None) -> None:
    token = issued()
    sync()
    assert fresh(token).body == token.body


def test_the_last_use_is_taken_over(portal: None) -> None:
    token = issued()
    used = clock.now().replace(microsecond=0) - timedelta(days=3)
    apps.get_model("sandbox", "Token").objects.filter(pk=token.cloudflare_id).update(last_used_on=used)
    sync()
    assert fresh(token).last_used_on == used


def test_a_token_that_is_deleted_soon_after_it_was_made_is_gone_after_one_reading(portal: None) -> None:
    token = issued()
    altered("delete")
    sync()
    assert fresh(token).status == "gone"


def test_where_nothing_has_changed_nothing_is_written(portal: None) -> None:
    issued()
    said = "tokens at Cloudflare: 2, managed: 1, unmanaged: 0, requests with an alarm: 0"
    assert sync().sentence == said
    before = AuditEvent.objects.count()
    assert sync().sentence == said
    assert AuditEvent.objects.count() == before


def failed_but_there() -> TokenRequest:
    """A request that was counted as failed after the window, whose token appears later still."""
    ready = arrange.checked(arrange.draft())
    call_command("sandbox_fault", "late", method="POST", seconds=3600)
    web = arrange.signed_in("requester")
    web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))
    for minutes in range(settling.EMPTY_LISTINGS_NEEDED):
        with clock.at(clock.now() + timedelta(hours=1, minutes=minutes)):
            settling.look_up(TokenRequest.objects.get(pk=ready.pk))
    failed = TokenRequest.objects.get(pk=ready.pk)
    assert failed.status == Status.FAILED
    past = clock.now() - timedelta(minutes=1)
    apps.get_model("sandbox", "Token").objects.filter(name__endswith=f"({failed.reference})").update(
        appears_at=past, listed_from=past
    )
    return failed


def test_an_effect_that_comes_after_the_window_raises_an_alarm_once(portal: None) -> None:
    failed = failed_but_there()
    sync()
    sync()
    assert TokenRequest.objects.get(pk=failed.pk).alarm == alarms.STRAY
    assert AuditEvent.objects.filter(action="token.alarm", trail=failed.pk).count() == 1
    page = arrange.signed_in("requester").get(failed.get_absolute_url()).content.decode()
    assert 'data-testid="alarm"' in page


def test_a_second_token_with_a_request_s_reference_raises_an_alarm(portal: None) -> None:
    token = issued()
    source = upstream_client(token.connection)
    source.create_token({"name": token.name, "policies": token.body["policies"] and [
        {"effect": row["effect"], "permission_groups": [{"id": group["id"]} for group in row["permission_groups"]],
         "resources": row["resources"]} for row in token.body["policies"]
    ]})  # fmt: skip
    sync()
    assert token.token_request
    assert TokenRequest.objects.get(pk=token.token_request.pk).alarm == alarms.STRAY


def test_what_is_not_settled_yet_and_what_is_another_connection_s_raises_no_alarm(portal: None) -> None:
    ready = arrange.checked(arrange.draft())
    call_command("sandbox_fault", "drop", method="POST")
    arrange.signed_in("requester").post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))
    assert TokenRequest.objects.get(pk=ready.pk).status == Status.UNCERTAIN
    issued()
    syncing.sync_all()
    assert not TokenRequest.objects.exclude(alarm="").exists()


def test_a_connection_that_cannot_be_read_does_not_keep_the_others_waiting(portal: None) -> None:
    token = issued()
    altered("disable")
    call_command("sandbox_fault", "html", method="GET", path=f"/accounts/{arrange.connection('Acme media').owner_id}")
    printed = io.StringIO()
    with pytest.raises(CommandError, match="could be read"):
        call_command("sync_tokens", stdout=printed)
    assert "Acme media: It is not known whether Cloudflare did it" in printed.getvalue()
    assert fresh(token).status == "disabled"
    call_command("sync_tokens", stdout=printed)


def test_one_round_of_the_runner_settles_and_syncs(lasting_portal: None) -> None:
    token = issued()
    altered("disable")
    ready = arrange.checked(arrange.draft())
    call_command("sandbox_fault", "drop", method="POST")
    arrange.signed_in("requester").post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))
    call_command("work", "--once")
    assert fresh(token).status == "disabled"
    assert TokenRequest.objects.get(pk=ready.pk).status == Status.ISSUED
    assert AuditEvent.objects.filter(action="tokens.synced", channel="work").exists()


def test_the_runner_outlives_a_step_that_fails(
    lasting_portal: None, caplog: Any, settings: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    issued()
    settings.KEYS_DIR = tmp_path
    caplog.set_level("INFO", "tokenportal.work")
    call_command("work", "--once")
    monkeypatch.setattr(work, "last_told", {})
    for step in (lambda: str(1 / 0), lambda: str(1 / 0), lambda: "", lambda: "done", lambda: "done"):
        work.attempt("nothing", step)
    told = [record.getMessage() for record in caplog.records if record.name == "tokenportal.work"]
    assert told[-2:] == ["nothing: could not be done now: ZeroDivisionError: division by zero", "nothing: done"]


def test_readiness_tells_what_was_last_known_of_cloudflare(portal: None, client: Any) -> None:
    def upstream() -> Any:
        answer = client.get("/readyz")
        assert answer.status_code == 200
        return answer.json()["checks"]["upstream"]

    before = apps.get_model("sandbox", "Call").objects.count()
    assert upstream() is True
    assert apps.get_model("sandbox", "Call").objects.count() == before
    with clock.at(clock.now() + timedelta(days=1)):
        assert upstream() is None
        for name in ("Acme production", "Acme staging", "Acme media", "Acme user"):
            call_command("sandbox_fault", "refuse_connection", method="GET")
            connections.test(arrange.connection(name), by=None)
        assert upstream() is False
    with clock.at(clock.now() + timedelta(days=2)):
        Snapshot.objects.filter(connection=arrange.connection()).update(state="failed", started_at=clock.now())
        assert upstream() is False
        draft = arrange.draft()
        assert drafts.connections_for(draft.team_id)
        arrange.issue(draft)
        assert upstream() is True

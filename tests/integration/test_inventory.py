"""Whatever somebody does past the portal is shown after one reading, with an event; and what cannot be read is said."""

import io
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tokenportal import clock, rules
from tokenportal.actions import alarms, connections, inventory, reading, syncing
from tokenportal.audit import Event, chain, recording
from tokenportal.models import AuditEvent, Connection, Status, Token, TokenReading, TokenRequest
from tokenportal.policy.spec import ClientIPs
from tokenportal.sandbox import callers
from tokenportal.upstream import client as upstream_client

pytestmark = pytest.mark.django_db


def issued(**changes: Any) -> Token:
    made = arrange.issue(arrange.draft(**changes))
    assert made
    return made.token


def altered(deed: str, name: str = "a-token") -> None:
    call_command("sandbox_alter", deed, name)


def sync(by: Any = None) -> syncing.Synced:
    return syncing.sync(arrange.connection(), by=by)


def fresh(token: Token) -> Token:
    return Token.objects.get(pk=token.pk)


def at_sandbox(token: Token, **values: Any) -> None:
    assert apps.get_model("sandbox", "Token").objects.filter(pk=token.cloudflare_id).update(**values) == 1


def told(token: Token) -> list[tuple[str, str]]:
    """The events about this token that no person's action wrote, with their words."""
    found = AuditEvent.objects.filter(object_type="token", object_id=str(token.pk), by_id=None).order_by("number")
    return list(found.values_list("action", "reason"))


def later(**span: Any) -> Any:
    return clock.at(clock.now() + timedelta(**(span or {"hours": 1})))


def bodies_of(source: Connection) -> list[dict[str, Any]]:
    """A body that the connection can create, as policies."""
    policies = Token.objects.filter(connection=source, token_request__isnull=False).latest("issued_on").body["policies"]
    return [
        {
            "effect": policy["effect"], "resources": policy["resources"],
            "permission_groups": [{"id": group["id"]} for group in policy["permission_groups"]],
        }
        for policy in policies
    ]  # fmt: skip


def found_outside(name: str = "outside", **values: Any) -> Token:
    """A token that somebody made past the portal, and that a reading has found."""
    if not Token.objects.managed().exists():
        issued()
    made = upstream_client(arrange.connection()).create_token({"name": name, "policies": bodies_of(arrange.connection())})
    apps.get_model("sandbox", "Token").objects.filter(pk=made.token.id).update(**values)
    sync()
    return Token.objects.get(cloudflare_id=made.token.id)


# What is done past the portal


def test_a_deleted_token_is_gone_after_one_reading_with_the_moment_and_one_event(portal: None) -> None:
    token = issued()
    altered("delete")
    with later():
        moment = clock.now()
        sync()
        sync()
    seen = fresh(token)
    assert (seen.status, seen.ended_at, seen.body) == ("gone", moment, token.body)
    assert told(token) == [("token.gone", "Cloudflare does not know its id any more.")]


def test_a_renamed_token_has_its_new_name_and_grants_the_same(portal: None) -> None:
    token = issued()
    altered("rename")
    sync()
    sync()
    seen = fresh(token)
    assert (seen.name, seen.drifted, seen.body["name"]) == (f"renamed {token.name}", False, f"renamed {token.name}")
    assert told(token) == [("token.changed_outside", f"Renamed from “{token.name}” to “renamed {token.name}”.")]


def test_a_token_disabled_and_enabled_again_past_the_portal_says_each_once(portal: None) -> None:
    token = issued()
    for deed in ("disable", "enable"):
        altered(deed)
        sync()
        sync()
    assert fresh(token).status == "active"
    assert told(token) == [("token.changed_outside", "Disabled."), ("token.changed_outside", "Enabled.")]


def test_a_widened_token_has_drifted_and_says_in_words_from_what(portal: None) -> None:
    token = issued(client_ips=ClientIPs(allow=("192.0.2.0/24",)))
    altered("widen")
    sync()
    sync()
    seen = fresh(token)
    assert (seen.drifted, seen.approved) == (True, token.approved)
    [(action, words)] = told(token)
    assert action == "token.drifted"
    zone = arrange.zone_names(1)[0]
    assert words.startswith("Can create, change and delete DNS records on all ")
    assert f"; before, on {zone}." in words
    assert "Works from anywhere; before, from 192.0.2.0/24 only. Never ends; before, on " in words


def test_a_drifted_token_that_is_put_back_is_as_agreed_again(portal: None) -> None:
    token = issued()
    before = apps.get_model("sandbox", "Token").objects.get(pk=token.cloudflare_id)
    altered("widen")
    sync()
    at_sandbox(token, policies=before.policies, condition=before.condition, expires_on=before.expires_on)
    sync()
    assert fresh(token).drifted is False
    assert [action for action, _ in told(token)] == ["token.drifted", "token.drift_ended"]


def test_another_drift_is_told_anew(portal: None) -> None:
    token = issued()
    altered("widen")
    sync()
    at_sandbox(token, condition={"request_ip": {"in": ["198.51.100.0/24"]}})
    sync()
    actions = told(token)
    assert [action for action, _ in actions] == ["token.drifted", "token.drifted"]
    assert "Works from 198.51.100.0/24 only; before, from anywhere." in actions[1][1]


def test_a_rolled_token_is_said_to_have_been_rolled_perhaps(portal: None) -> None:
    token = issued()
    altered("roll")
    at_sandbox(token, modified_on=clock.now() + timedelta(minutes=1))
    sync()
    sync()
    assert told(token) == [("token.changed_outside", syncing.noticing.ROLLED)]


def test_a_change_of_which_the_portal_was_not_told_when_is_learned_without_a_word(portal: None) -> None:
    token = issued()
    with recording(Event.TOKEN_ROLLED, by=None, subject=token.connection) as record:
        record.change(token, modified_on=None)
    sync()
    assert fresh(token).modified_on is not None
    assert told(token) == []


def test_an_added_token_is_found_once_and_nobody_answers_for_it(portal: None) -> None:
    token = found_outside()
    sync()
    assert (token.team, token.owner, token.approved, token.token_request, token.is_parent) == (None, None, None, None, False)
    assert f"zone:{arrange.zone_ids(*arrange.zone_names(1))[0]}" in token.reach
    assert told(token) == [("token.found", "")]
    assert AuditEvent.objects.get(action="token.found", object_id=str(token.pk)).trail == token.pk


def test_an_unmanaged_token_that_is_widened_has_changed_and_cannot_drift(portal: None) -> None:
    token = found_outside()
    altered("widen", "outside")
    sync()
    assert fresh(token).drifted is False
    action, words = told(token)[-1]
    assert (action, words[:45]) == ("token.changed_outside", "Can create, change and delete DNS records on ")


@pytest.mark.parametrize("reverse", [False, True])
def test_another_order_of_policies_and_older_spellings_show_nothing(portal: None, reverse: bool) -> None:
    token = issued(template="wordpress", client_ips=ClientIPs(allow=("192.0.2.7/32",)))
    row = apps.get_model("sandbox", "Token").objects.get(pk=token.cloudflare_id)
    policies = [
        {**policy, "id": "f" * 32, "permission_groups": policy["permission_groups"][::-1]} for policy in row.policies
    ]  # fmt: skip
    spelled = {"request.ip": {"in": ["192.0.2.7"]}} if reverse else {"request_ip": {"in": ["192.0.2.7/32"]}}
    at_sandbox(token, policies=policies[::-1] if reverse else policies, condition=spelled)
    sync()
    head = AuditEvent.objects.count()
    sync()
    seen = fresh(token)
    assert (seen.body, seen.drifted, seen.seen_at) == (token.body, False, token.seen_at)
    assert (told(token), AuditEvent.objects.count()) == ([], head)


def test_the_deed_of_the_sandbox_that_reorders_shows_nothing(portal: None) -> None:
    token = issued(template="wordpress")
    altered("reorder")
    sync()
    assert told(token) == []


def test_a_token_that_reached_its_end_has_expired_once(portal: None) -> None:
    token = issued()
    assert token.expires_on
    with clock.at(token.expires_on + timedelta(days=1)):
        sync()
        sync()
    assert fresh(token).status == "expired"
    assert [action for action, _ in told(token)] == ["token.expired"]


def test_everything_that_was_noticed_stands_in_an_unbroken_chain(portal: None) -> None:
    issued()
    for deed in ("rename", "widen", "disable"):
        call_command("sandbox_alter", deed, "renamed" if deed != "rename" else "a-token")
    found_outside()
    assert chain.verify()[1] is None


# What is no news


def test_a_last_use_that_moved_by_minutes_is_no_news_unless_somebody_asks(portal: None) -> None:
    token = issued()
    used = clock.now().replace(microsecond=0) - timedelta(days=3)
    at_sandbox(token, last_used_on=used)
    sync()
    head = AuditEvent.objects.count()
    at_sandbox(token, last_used_on=used + timedelta(minutes=59))
    sync()
    assert (fresh(token).last_used_on, AuditEvent.objects.count()) == (used, head)
    sync(by=arrange.person("auditor"))
    assert fresh(token).last_used_on == used + timedelta(minutes=59)
    at_sandbox(token, last_used_on=used + timedelta(hours=3))
    sync()
    assert fresh(token).last_used_on == used + timedelta(hours=3)
    assert told(token) == []


def test_whoever_asks_is_named_in_an_event_also_where_nothing_has_changed(portal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    # Reading is itself a use of the connection's own token, whose moment is told to the second.
    moment = clock.now()
    monkeypatch.setattr(callers, "timezone", SimpleNamespace(now=lambda: moment))
    sync()
    sync(by=arrange.person("auditor"))
    event = AuditEvent.objects.latest("number")
    assert (event.action, event.by_name, event.details["changed"]) == ("tokens.synced", "auditor", 0)


def test_what_the_portal_is_doing_or_did_since_the_list_was_asked_for_is_not_noticed(portal: None) -> None:
    token = issued()
    altered("disable")
    with recording(Event.TOKEN_DISABLING, by=None, subject=token.connection) as record:
        record.change(token, doing=Token.Doing.DISABLING, doing_since=clock.now())
    sync()
    assert (fresh(token).status, told(token)) == ("active", [])

    def doing(*_: Any) -> None:
        """Somebody is quicker than the list: the page that it stands on has come, and this happens before it is written."""
        with recording(Event.TOKEN_ENABLED, by=None, subject=token.connection) as record:
            record.change(fresh(token), doing="", doing_since=None, seen_at=clock.now())

    ours = reading.begin(token.connection)
    assert ours
    listing = upstream_client(token.connection).list_tokens(doing)
    heard = syncing._heard(ours, listing, exact=False)
    assert syncing._written(heard, by=None) == "managed: 1, unmanaged: 0"
    assert (fresh(token).status, told(token)) == ("active", [])


def test_a_token_with_which_something_is_done_is_not_called_gone(portal: None) -> None:
    token = issued()
    with recording(Event.TOKEN_REVOKING, by=None, subject=token.connection) as record:
        record.change(token, doing=Token.Doing.REVOKING, doing_since=clock.now())
    altered("delete")
    with later():
        sync()
    assert (fresh(token).status, told(token)) == ("active", [])


def test_a_list_that_lags_makes_nothing_gone(portal: None) -> None:
    token = issued()
    at_sandbox(token, listed_from=clock.now() + timedelta(days=9))
    with later():
        sync()
    assert (fresh(token).status, told(token)) == ("active", [])


def test_a_token_that_cannot_be_asked_for_is_asked_for_in_the_next_pass(portal: None) -> None:
    token = issued()
    altered("delete")
    path = f"/accounts/{token.connection.owner_id}/tokens/{token.cloudflare_id}"
    for fault in ("html", "forbidden"):
        call_command("sandbox_fault", fault, method="GET", path=path)
        with later():
            sync()
        assert fresh(token).status == "active"
    with later():
        sync()
    assert fresh(token).status == "gone"


def test_an_ended_token_that_a_late_list_still_holds_stays_ended_unless_cloudflare_knows_it(portal: None) -> None:
    token = issued()
    with recording(Event.TOKEN_REVOKED, by=None, subject=token.connection) as record:
        record.change(token, status=Token.Status.REVOKED, ended_at=clock.now())
    path = f"/accounts/{token.connection.owner_id}/tokens/{token.cloudflare_id}"
    call_command("sandbox_fault", "html", method="GET", path=path)
    sync()
    assert (fresh(token).status, told(token)) == ("revoked", [])
    sync()
    seen = fresh(token)
    assert (seen.status, seen.ended_at) == ("active", None)
    assert told(token) == [("token.changed_outside", "It is in Cloudflare’s list again.")]


def test_no_more_calls_than_a_pass_may_make_and_the_rest_in_the_next(portal: None) -> None:
    for _ in range(4):
        issued()
    apps.get_model("sandbox", "Token").objects.filter(name__startswith="a-token").delete()
    with later(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(syncing, "CALLS_A_PASS", 1)
        counts = []
        for _ in range(3):
            sync()
            counts.append(Token.objects.filter(status="gone").count())
    assert counts == [3, 4, 4]


# Whose is what


def test_the_portal_s_own_credentials_are_marked_and_are_not_unmanaged(portal: None) -> None:
    syncing.sync_all()
    marked = set(Token.objects.filter(is_parent=True).values_list("cloudflare_id", flat=True))
    assert marked == set(Connection.objects.values_list("parent_token_id", flat=True))
    assert list(Token.objects.unmanaged()) == []


def test_a_replaced_credential_is_marked_no_more(portal: None) -> None:
    token = found_outside()
    connection = arrange.connection()
    with recording(Event.CREDENTIAL_REPLACED, by=None, subject=connection) as record:
        record.change(connection, parent_token_id=token.cloudflare_id)
    syncing.sync(Connection.objects.get(pk=connection.pk))
    assert fresh(token).is_parent is True
    assert Token.objects.unmanaged().count() == 1


def test_two_connections_of_one_owner_have_one_row_for_each_token(portal: None) -> None:
    first, token = arrange.connection(), found_outside()
    rows = Token.objects.count()
    second = connections.create(
        by=arrange.person("admin"), name="Second", kind=first.kind, account_id=first.owner_id,
        pasted=upstream_client(first).roll_token(first.parent_token_id).reveal(), teams=[],
    )  # fmt: skip
    connections.test(second, by=None)
    altered("rename", "outside")
    assert syncing.sync(Connection.objects.get(pk=second.pk)).worked
    assert (Token.objects.count(), fresh(token).name, fresh(token).connection) == (rows, "renamed outside", first)


def test_a_token_whose_request_waits_for_certainty_is_left_to_it(portal: None) -> None:
    ready = arrange.checked(arrange.draft())
    call_command("sandbox_fault", "drop", method="POST")
    arrange.signed_in("requester").post(f"/requests/{ready.pk}/create/", arrange.confirming(ready))
    assert TokenRequest.objects.get(pk=ready.pk).status == Status.UNCERTAIN
    sync()
    assert Token.objects.filter(name__startswith="a-token").count() == 0


# What cannot be read


def covered() -> dict[str, tuple[str, str]]:
    rows = inventory.coverage(Connection.objects.select_related("token_reading"), Token.objects.all())
    return {str(one.connection): (one.state, one.problem) for one in rows}


def test_what_was_never_read_is_refused_or_is_switched_off_says_so(portal: None) -> None:
    assert set(covered().values()) == {("never", inventory.NEVER_READ)}
    sync()
    media = arrange.connection("Acme media")
    call_command("sandbox_fault", "forbidden", method="GET", path=f"/accounts/{media.owner_id}")
    refused = syncing.sync(media)
    assert refused.worked is False
    user = arrange.connection("Acme user")
    connections.change(user, by=arrange.person("admin"), name=user.name, is_active=False, teams=[])
    found = covered()
    assert found["Acme production"] == ("ready", "")
    assert found["Acme media"] == ("failed", refused.sentence)
    assert found["Acme user"] == ("never", inventory.SWITCHED_OFF)
    assert found["Acme staging"] == ("never", inventory.NEVER_READ)


def test_a_list_without_the_credential_itself_is_not_believed(portal: None) -> None:
    """Whoever may not list tokens gets an empty list, with 200."""
    token = issued()
    apps.get_model("sandbox", "Token").objects.filter(pk=token.connection.parent_token_id).update(
        listed_from=clock.now() + timedelta(days=9)
    )
    altered("delete")
    with later():
        found = sync()
    assert (found.worked, found.sentence[:20]) == (False, "Cloudflare's list do")
    assert fresh(token).status == "active"
    assert covered()["Acme production"] == ("ready", syncing.WITHOUT_ITSELF)


def test_a_list_that_goes_on_too_long_makes_nothing_gone(portal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    token = issued()
    for _ in range(3):
        found_outside("many")
    altered("delete")
    monkeypatch.setattr("tokenportal.cloudflare.client.PER_PAGE", 5)
    monkeypatch.setattr("tokenportal.cloudflare.client.MAX_PAGES", 0)
    with later():
        assert sync().worked is False
    assert fresh(token).status == "active"
    assert covered()["Acme production"] == ("ready", syncing.CUT)


def test_a_failed_reading_leaves_what_was_known_and_when(portal: None) -> None:
    sync()
    before = TokenReading.objects.get(connection=arrange.connection())
    call_command("sandbox_fault", "bad_gateway", method="GET")
    with later():
        sync()
    after = TokenReading.objects.get(connection=arrange.connection())
    assert (after.state, after.read_at) == ("failed", before.read_at)
    assert after.sentence.startswith("It is not known whether Cloudflare did it")


def test_one_reading_at_a_time_and_the_second_is_told_so(portal: None) -> None:
    connection = arrange.connection()
    assert reading.begin(connection)
    assert sync() == syncing.Synced(connection, worked=True, sentence=syncing.UNDER_WAY)
    assert covered()["Acme production"] == ("reading", "")
    with later(minutes=6):
        assert covered()["Acme production"] == ("failed", reading.BROKE_OFF)
        assert sync().sentence.startswith("tokens at Cloudflare: 1")


def test_a_reading_that_was_overtaken_ends_without_a_trace(portal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    real, connection = syncing._ask, arrange.connection()

    def slow(client: Any, heard: Any) -> None:
        real(client, heard)
        with later(minutes=6):
            reading.begin(connection)

    monkeypatch.setattr(syncing, "_ask", slow)
    assert sync().sentence == syncing.UNDER_WAY
    assert TokenReading.objects.get(connection=connection).state == "reading"


def test_a_reading_that_breaks_off_says_so_and_the_next_one_works(portal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **options: Any) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(alarms, "sound_all", broken)
        with pytest.raises(RuntimeError):
            sync()
        patch.setattr(alarms, "sound_all", lambda *_: reading.begin(arrange.connection()) or broken())
        with pytest.raises(RuntimeError):
            sync()
    assert covered()["Acme production"] == ("failed", reading.BROKE_OFF)
    assert sync().worked


def test_only_auditors_and_admins_read_anew(portal: None) -> None:
    with pytest.raises(rules.NotAllowed, match="Only auditors and admins"):
        sync(by=arrange.person("requester"))


def test_the_command_prints_a_line_for_each_connection(portal: None) -> None:
    printed = io.StringIO()
    call_command("sync_tokens", stdout=printed)
    assert printed.getvalue().splitlines() == [
        f"{name}: tokens at Cloudflare: 1, managed: 0, unmanaged: 0, requests with an alarm: 0"
        for name in ("Acme media", "Acme production", "Acme staging", "Acme user")
    ]


# Many


def many(count: int) -> None:
    model = apps.get_model("sandbox", "Token")
    first = model.objects.get(pk=arrange.connection().parent_token_id)
    now = clock.now()
    model.objects.bulk_create(
        model(
            pk=f"{number:032x}", account=first.account, name=f"many-{number}", value_sha256=f"{number:064x}",
            policies=first.policies[:1], issued_on=now, modified_on=now, appears_at=now, listed_from=now,
        )
        for number in range(1, count + 1)
    )  # fmt: skip


def calls() -> int:
    return apps.get_model("sandbox", "Call").objects.count()


def test_500_tokens_are_read_in_at_most_15_calls_with_progress_after_each_page(
    portal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(499)
    before, steps, real = calls(), [], reading.Reading.progress

    def watched(self: reading.Reading, done: int, total: int | None, last: bool) -> None:
        real(self, done, total, last)
        steps.append(tuple(TokenReading.objects.values_list("done", "total", "state").get(connection=self.connection)))

    monkeypatch.setattr(reading.Reading, "progress", watched)
    assert sync().worked
    assert calls() - before <= 15
    assert steps[:10] == [(50 * page, 500, "reading") for page in range(1, 11)]
    assert Token.objects.unmanaged().count() == 499
    apps.get_model("sandbox", "Token").objects.filter(name__startswith="many-").delete()
    before = calls()
    with later():
        sync()
    assert calls() - before <= 15
    assert Token.objects.filter(status="gone").count() == 14


def test_reading_many_unchanged_tokens_asks_the_database_as_often_as_for_few(portal: None) -> None:
    def queries() -> int:
        sync()
        with CaptureQueriesContext(database) as asked:
            sync()
        return sum("sandbox" not in query["sql"] for query in asked.captured_queries)

    many(3)
    few = queries()
    many_more = 45
    apps.get_model("sandbox", "Token").objects.filter(name__startswith="many-").delete()
    Token.objects.all()._raw_delete("default")
    many(many_more)
    assert queries() == few


def test_the_quota_counts_what_exists_of_one_owner_and_warns_from_four_fifths_on(portal: None) -> None:
    def quotas() -> dict[str, tuple[int, int, bool]]:
        rows = inventory.coverage(Connection.objects.select_related("token_reading"), Token.objects.all())
        return {str(one.connection): (one.count, one.quota, one.nearly_full) for one in rows}

    syncing.sync_all()
    assert quotas()["Acme user"] == (1, 50, False)
    many(399)
    sync()
    assert quotas()["Acme production"] == (400, 500, True)
    assert quotas()["Acme staging"] == (1, 500, False)

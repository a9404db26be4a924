"""The recording and the chain: nothing changes without an event, and no event changes unseen."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.core import serializers
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from tests import arrange
from tokenportal import audit
from tokenportal.audit import Event, chain
from tokenportal.audit.recording import NotedTwice, UnknownDetail
from tokenportal.models import AuditEvent, AuditHead, Membership, Team, TokenRequest, User
from tokenportal.models.audit_event import AppendOnly
from tokenportal.models.guard import ChangeOutsideRecording

pytestmark = pytest.mark.django_db


def sql(text: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, values)


@pytest.fixture
def ten_events(db: None) -> None:
    for number in range(10):
        team = Team(name=f"team {number}")
        with audit.recording(Event.TEAM_CREATED, by=None, subject=team) as record:
            record.add(team)


def test_a_change_outside_a_recording_raises(ten_events: None) -> None:
    team = Team.objects.first()
    assert team
    for change in (team.save, team.delete, Team.objects.all().delete, lambda: Team.objects.update(name="x"),
                   lambda: Team.objects.create(name="y"), lambda: Team.objects.bulk_create([Team(name="z")])):  # fmt: skip
        with pytest.raises(ChangeOutsideRecording):
            change()


def test_related_managers_and_fixtures_change_nothing_outside_a_recording_either(portal: None) -> None:
    team, person = arrange.team(), arrange.person("auditor")
    membership = team.memberships.first()
    assert membership
    other = arrange.team("Web")
    fixture = serializers.serialize("json", [team]).replace("Platform", "Stolen")
    before = list(Membership.objects.values_list("pk", "team", "user", "is_requester", "is_approver"))
    changes: list[Callable[[], Any]] = [
        lambda: other.memberships.add(membership),
        lambda: other.memberships.set([membership]),
        lambda: team.memberships.create(user=person),
        lambda: team.memberships.update_or_create(user=person),
        lambda: team.memberships.get_or_create(user=person),
        lambda: team.members.add(person),
        lambda: team.members.remove(membership.user),
        lambda: team.members.set([person]),
        lambda: team.members.clear(),
        lambda: person.memberships.all().delete(),
        lambda: Membership._base_manager.filter(pk=membership.pk).update(is_approver=True),
        lambda: User._base_manager.filter(pk=person.pk).update(is_admin=True),
        lambda: Membership.objects.bulk_update([membership], ["is_approver"]),
        lambda: Membership.objects.bulk_create([membership], update_conflicts=True, unique_fields=["id"],
                                               update_fields=["is_approver"]),
        lambda: membership.save_base(raw=True),
        lambda: next(iter(serializers.deserialize("json", fixture))).save(),
        lambda: async_to_sync(Membership.objects.filter(pk=membership.pk).aupdate)(is_approver=True),
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(ChangeOutsideRecording), transaction.atomic():
            change()
    assert list(Membership.objects.values_list("pk", "team", "user", "is_requester", "is_approver")) == before
    assert arrange.team().name == "Platform"


def test_removing_an_unguarded_row_takes_no_guarded_one_with_it() -> None:
    """A cascade asks no guard, so no guarded row may hang on a row that goes without an event."""
    for model in apps.get_app_config("tokenportal").get_models():
        for relation in model._meta.related_objects:
            assert model.GUARDED or not relation.related_model.GUARDED, (model, relation)  # type: ignore[attr-defined,union-attr]


def test_a_change_whose_event_cannot_be_written_is_undone(db: None, settings: Any, tmp_path: Any) -> None:
    audit.note(Event.PORTAL_SEEDED, by=None)
    settings.KEYS_DIR = tmp_path
    team = Team(name="never")
    with pytest.raises(audit.AuditUnavailable), audit.recording(Event.TEAM_CREATED, by=None, subject=team) as record:
        record.add(team)
    assert not Team.objects.filter(name="never").exists()


def test_a_detail_that_no_event_may_hold_fails_in_tests_and_is_left_out_elsewhere(db: None, settings: Any) -> None:
    with pytest.raises(UnknownDetail, match="cookie"):
        audit.note(Event.PORTAL_SEEDED, by=None, cookie="crumbs")
    settings.MODE = "production"
    audit.note(Event.PORTAL_SEEDED, by=None, cookie="crumbs", people=3)
    assert AuditEvent.objects.get().details == {"cookie": "not shown", "people": 3}


def test_rows_of_one_kind_stand_beside_each_other_in_an_event(ten_events: None) -> None:
    first, second, third = Team.objects.filter(name__in=["team 3", "team 4", "team 5"])
    with audit.recording(Event.TEAM_RENAMED, by=None, subject=second) as record:
        for one in (first, second, third):
            record.change(one, name=f"{one} anew")
    assert AuditEvent.objects.latest("number").changes == {
        "name": ["team 4", "team 4 anew"], "team.name": ["team 3", "team 3 anew"], "team 2.name": ["team 5", "team 5 anew"],
    }  # fmt: skip


def test_what_is_not_shown_is_noted_once_for_all_rows_of_a_kind(portal: None) -> None:
    with audit.recording(Event.PASSWORD_CHANGED, by=None) as record:
        for name in ("requester", "approver"):
            record.change(arrange.person(name), password="another")
    assert AuditEvent.objects.latest("number").changes == {"user.password": [None, "changed, not shown"]}


def test_a_field_that_changes_twice_in_one_event_fails_a_test_and_elsewhere_keeps_both_ends(
    ten_events: None, settings: Any
) -> None:
    team = Team.objects.get(name="team 3")
    with audit.recording(Event.TEAM_RENAMED, by=None, subject=team) as record:
        record.change(team, name="once")
        with pytest.raises(NotedTwice, match="name was"):
            record.change(team, name="twice")
        settings.MODE = "production"
        record.change(team, name="twice")
    team.refresh_from_db()
    assert (team.name, AuditEvent.objects.latest("number").changes) == ("twice", {"name": ["team 3", "twice"]})


def test_what_an_attempt_leads_to_is_collected_also_by_the_one_around_it(ten_events: None) -> None:
    assert audit.refusing("No.") == "No."
    audit.means(Event.TEAM_RENAMED)
    with audit.attempting(Event.TEAM_CREATED) as outer:
        team = audit.about(Team(name="one"))
        audit.about(Team(name="other"))
        audit.means(Event.TEAM_RENAMED)
        with audit.attempting() as inner:
            audit.refused(Event.TEAM_RENAMED, by=None, reason="No.")
    assert (outer.event, outer.subject, outer.is_told, outer.has(Event.TEAM_RENAMED)) == (Event.TEAM_RENAMED, team, True, True)
    assert (inner.events, inner.has(Event.TEAM_CREATED)) == (outer.events, False)


def test_an_event_is_neither_changed_nor_removed_by_the_program(ten_events: None) -> None:
    event = AuditEvent.objects.get(number=3)
    for change in (event.delete, AuditEvent.objects.all().delete, lambda: AuditEvent.objects.update(reason="x")):
        with pytest.raises(AppendOnly):
            change()
    with pytest.raises(ChangeOutsideRecording), transaction.atomic():
        event.save()
    with audit.recording(Event.PORTAL_SEEDED, by=None):
        for change in (
            event.save, event.delete, lambda: event.save_base(raw=True), lambda: AuditEvent.objects.bulk_update([event], ["reason"]),
            lambda: AuditEvent._base_manager.update(reason="x"),
            lambda: AuditEvent.objects.bulk_create([event], update_conflicts=True, unique_fields=["number"], update_fields=["at"]),
        ):  # fmt: skip
            with pytest.raises(AppendOnly), transaction.atomic():
                change()
        fixture = serializers.serialize("json", [event])
        for save in (AuditEvent(number=3, at=event.at).save, next(iter(serializers.deserialize("json", fixture))).save):
            with pytest.raises(IntegrityError), transaction.atomic():
                save()
    assert chain.verify() == (11, None)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite keeps text that is not of its column's type")
@pytest.mark.parametrize("column", ["changes", "at", "by_id", "mac", "hash"])
def test_a_row_that_cannot_even_be_read_is_named(ten_events: None, column: str) -> None:
    sql("PRAGMA ignore_check_constraints = ON")
    sql(f"UPDATE tokenportal_auditevent SET {column} = 'nö{{' WHERE number = 6")
    sql("PRAGMA ignore_check_constraints = OFF")
    count, finding = chain.verify()
    assert finding
    assert (count, finding.number, finding.kind) == (5, 6, "content")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite keeps text that is not of its column's type")
def test_of_a_broken_and_an_unreadable_row_the_first_is_named(ten_events: None) -> None:
    sql("PRAGMA ignore_check_constraints = ON")
    sql("UPDATE tokenportal_auditevent SET changes = '{' WHERE number = 8")
    sql("UPDATE tokenportal_auditevent SET reason = 'other' WHERE number = 3")
    sql("PRAGMA ignore_check_constraints = OFF")
    count, finding = chain.verify()
    assert finding
    assert (count, finding.number) == (2, 3)


def test_an_honest_chain_holds(ten_events: None) -> None:
    assert chain.verify() == (10, None)


@pytest.mark.parametrize(
    ("statement", "number", "kind"),
    [
        ("UPDATE tokenportal_auditevent SET reason = 'other' WHERE number = 4", 4, "content"),
        ("UPDATE tokenportal_auditevent SET by_name = 'somebody' WHERE number = 1", 1, "content"),
        ("UPDATE tokenportal_auditevent SET action = 'team.renamed' WHERE number = 10", 10, "content"),
        ("DELETE FROM tokenportal_auditevent WHERE number = 1", 1, "missing"),
        ("DELETE FROM tokenportal_auditevent WHERE number = 5", 5, "missing"),
        ("DELETE FROM tokenportal_auditevent WHERE number = 10", 10, "missing"),
        ("UPDATE tokenportal_auditevent SET mac = repeat_zero WHERE number = 6", 6, "mac"),
        ("UPDATE tokenportal_auditevent SET number = 11 WHERE number = 7", 7, "missing"),
        ("UPDATE tokenportal_auditevent SET key_id = 'other' WHERE number = 2", 2, "content"),
        ("UPDATE tokenportal_auditevent SET previous = 'zero' WHERE number = 8", 8, "link"),
    ],
)
def test_tampering_is_found_with_the_first_bad_number(ten_events: None, statement: str, number: int, kind: str) -> None:
    sql(statement.replace("repeat_zero", f"'{'0' * 64}'"))
    _, finding = chain.verify()
    assert finding
    assert (finding.number, finding.kind) == (number, kind)


def test_recomputed_hashes_without_the_key_are_found(ten_events: None) -> None:
    event = AuditEvent.objects.get(number=10)
    event.reason = "rewritten"
    sql("UPDATE tokenportal_auditevent SET reason = 'rewritten', hash = %s WHERE number = 10", chain.digest(event))
    _, finding = chain.verify()
    assert finding
    assert (finding.number, finding.kind) == (10, "mac")


def test_the_command_says_it_with_its_exit_status(ten_events: None, settings: Any, tmp_path: Any) -> None:
    def run() -> tuple[Any, int]:
        printed = io.StringIO()
        try:
            call_command("verify_audit", "--json", stdout=printed)
        except SystemExit as stop:
            return json.loads(printed.getvalue())["result"], int(str(stop.code))
        return json.loads(printed.getvalue())["result"], 0

    assert run() == ("clean", 0)
    sql("UPDATE tokenportal_auditevent SET reason = 'x' WHERE number = 3")
    assert run() == ("tampered", 1)
    settings.KEYS_DIR = tmp_path
    assert run() == ("unknown", 2)


def test_auditors_and_admins_read_the_log_and_others_do_not(portal: None) -> None:
    for name, status in (("auditor", 200), ("admin", 200), ("requester", 403), ("approver", 403)):
        web = arrange.signed_in(name)
        assert (web.get("/audit/").status_code, web.get("/audit/1/").status_code) == (status, status), name


def test_numbers_have_no_gaps_after_a_walk(portal: None) -> None:
    arrange.issue(arrange.draft())
    numbers = list(AuditEvent.objects.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    assert AuditHead.objects.get().number == len(numbers)
    assert TokenRequest.objects.get().status == "issued"


def test_what_must_be_on_disk_is_not_recorded_within_a_transaction_of_somebody_else(portal: None) -> None:
    """It would be undone with that, when the call that it is the intent of has left already."""
    before = AuditEvent.objects.count()
    with (
        pytest.raises(RuntimeError, match="durable"),
        transaction.atomic(),
        audit.recording(Event.TOKEN_ISSUING, by=None, durable=True),
    ):
        pass
    assert AuditEvent.objects.count() == before

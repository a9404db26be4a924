"""What hardly ever happens, and must end well all the same: keys that changed, answers that cross, rows that were spoilt."""

import io
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from tests import arrange
from tests.integration.test_connections import account_policy, lines, own_token
from tests.integration.test_meanwhile import meanwhile, new_person
from tokenportal import audit, clock, cloudflare, keys
from tokenportal.actions import (
    connections,
    issuing,
    people,
    probing,
    seeding,
    sessions,
    setting_up,
    settling,
    sharing,
    snapshots,
)
from tokenportal.audit import Event, chain
from tokenportal.audit.recording import HIDDEN
from tokenportal.models import (
    WAITS_ON,
    AuditEvent,
    AuditHead,
    KnownAccount,
    KnownZone,
    Membership,
    SetUpCode,
    SignInFailure,
    Snapshot,
    Status,
    TokenRequest,
    User,
)
from tokenportal.models.guard import ChangeOutsideRecording
from tokenportal.sandbox import faults

pytestmark = pytest.mark.django_db


@pytest.fixture
def other_keys(portal: None, settings: Any, tmp_path: Path) -> None:
    """The portal with its rows, and key files that did not seal its credentials."""
    for name in set(keys.NAMES) - {"audit"}:
        keys.make(tmp_path / "keys", name)
    shutil.copy(keys.path_of(Path(settings.KEYS_DIR), "audit"), tmp_path / "keys")
    settings.KEYS_DIR = tmp_path / "keys"


def test_without_the_key_of_its_credential_nothing_is_sent_and_the_test_says_so(other_keys: None) -> None:
    ready = arrange.checked(arrange.draft())
    calls = apps.get_model("sandbox", "Call").objects.count()
    with pytest.raises(issuing.Changed):
        issuing.issue(ready, by=ready.requester, version=ready.version, digest=ready.digest)
    found = connections.test(arrange.connection(), by=None)
    assert [(line["ok"], line["line"]) for line in found] == [(False, "valid and active")]
    assert apps.get_model("sandbox", "Call").objects.count() == calls
    assert TokenRequest.objects.get(pk=ready.pk).status == Status.DRAFT


def test_seeding_replaces_a_credential_that_cannot_be_opened_and_opens_it_to_new_teams(other_keys: None) -> None:
    printed = io.StringIO()
    call_command("sandbox_seed", "--rotate", stdout=printed)
    description = json.loads(printed.getvalue())
    description["connections"][0]["teams"] = ["Platform", "Newcomers"]
    seeding.seed(description)
    first = arrange.connection(description["connections"][0]["name"])
    assert {team.name for team in first.teams.all()} >= {"Platform", "Newcomers"}
    assert all(arrange.connection(row["name"]).report[0]["ok"] for row in description["connections"])


def test_a_description_with_one_address_for_two_people_is_one_sentence(db: None, tmp_path: Path) -> None:
    file = tmp_path / "seed.json"
    file.write_text(json.dumps({"people": [{"name": name, "email": "one@example.com"} for name in ("ada", "bob")]}))
    with pytest.raises(CommandError, match="e-mail address already"):
        call_command("seed", str(file), stdout=io.StringIO())


def test_a_refusal_that_no_list_confirms_is_uncertain(portal: None) -> None:
    draft = arrange.draft()
    faults.arm("forbidden", method="POST")
    faults.arm("html", method="GET")
    assert arrange.issue(draft) is None
    assert TokenRequest.objects.get(pk=draft.pk).status == Status.UNCERTAIN


def test_a_creation_that_is_on_its_way_is_left_alone(portal: None) -> None:
    ready = arrange.checked(arrange.draft())
    with audit.recording(Event.TOKEN_ISSUING, by=None, subject=ready):
        ready.move(Status.ISSUING, changed_at=clock.now())
    assert settling.look_up(ready).sentence == settling.ON_ITS_WAY
    assert TokenRequest.objects.get(pk=ready.pk).status == Status.ISSUING


def test_a_parent_that_was_disabled_is_told_so(portal: None) -> None:
    parent = arrange.connection().parent_token_id
    apps.get_model("sandbox", "Token").objects.filter(pk=parent).update(disabled=True)
    assert lines(arrange.connection())["valid and active"][0] is False


def test_the_end_and_the_networks_of_a_parent_are_told(portal: None) -> None:
    policies = [account_policy("Account API Tokens Write", "Account Settings Read")]
    ends = clock.now() + timedelta(days=30)

    def told(condition: dict[str, Any], **fields: Any) -> list[str]:
        pasted = own_token("account", policies, condition=condition, **fields)
        connections.replace_credential(arrange.connection(), by=None, pasted=pasted)
        return [detail for _, detail in lines(arrange.connection()).values()]

    everywhere = ["0.0.0.0/0", "::/0"]
    not_in = {"request_ip": {"not_in": ["203.0.113.0/24"]}}
    assert "It works from anywhere but 203.0.113.0/24." in told(not_in, expires_on=ends)
    assert f"It ends {ends:%a} {ends.day} {ends:%b %Y %H:%M} UTC. Replace it before." in told(not_in, expires_on=ends)
    assert "It works from 0.0.0.0/0, ::/0 only." in told({"request_ip": {"in": everywhere}})
    assert "It works from 0.0.0.0/0, ::/0 only, and not from 203.0.113.0/24." in told(
        {"request_ip": {"in": everywhere, "not_in": ["203.0.113.0/24"]}}
    )


def test_a_password_kept_in_an_older_way_is_kept_anew_at_the_next_sign_in(portal: None, settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher", *settings.PASSWORD_HASHERS]
    assert sessions.check(username="requester", password=arrange.PASSWORD) == arrange.person("requester")
    assert arrange.person("requester").password.startswith("pbkdf2_")
    assert AuditEvent.objects.latest("number").changes["password"] == [None, HIDDEN]


def test_of_two_first_admins_of_one_name_the_second_is_told(db: None) -> None:
    code = setting_up.new_set_up_code().reveal()
    with meanwhile("tokenportal_user", lambda: new_person("ada")), pytest.raises(people.Taken, match="name or e-mail address"):
        setting_up.set_up(code=code, username="ada", email="other@example.com", password=arrange.PASSWORD)


def test_a_reading_that_fails_after_it_was_overtaken_says_nothing(portal: None) -> None:
    original = cloudflare.Client.accounts

    def overtaken(self: cloudflare.Client) -> Any:
        Snapshot.objects.filter(pk=arrange.connection().pk).update(started_at=clock.now() + timedelta(seconds=1))
        faults.arm("html", method="GET", path="/accounts")
        return original(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cloudflare.Client, "accounts", overtaken)
        found = snapshots.refresh(arrange.connection())
    assert (found.state, found.error) == ("reading", "")


def test_an_event_that_was_sealed_with_another_key_is_named(other_keys: None, settings: Any) -> None:
    keys.path_of(settings.KEYS_DIR, "audit").unlink()
    keys.make(settings.KEYS_DIR, "audit")
    assert chain.verify()[1] == chain.Finding(
        1, "key", f"Event 1 names the key {AuditEvent.objects.last().key_id!r}, which is not here."
    )  # type: ignore[union-attr]


def test_many_rows_at_once_change_only_inside_a_recording(portal: None) -> None:
    mine = list(Membership.objects.all())
    spare = Membership(team=people.create_team(by=None, name="Newcomers"), user=arrange.person("admin"))
    deeds: tuple[Callable[[], Any], ...] = (
        lambda: Membership.objects.bulk_create([spare]),
        lambda: Membership.objects.bulk_update(mine, ["is_approver"]),
        lambda: Membership.objects.filter(pk=spare.pk).delete(),
    )
    for deed in deeds:
        with pytest.raises(ChangeOutsideRecording):
            deed()
    with audit.recording(Event.MEMBERSHIP_SET, by=None):
        for deed in deeds:
            deed()
    assert set(Membership.objects.all()) == set(mine)


def test_rows_say_what_they_are_where_people_look_at_them_in_a_shell(portal: None) -> None:
    draft = arrange.checked(arrange.draft())
    arrange.issue(arrange.draft())
    here = arrange.connection()
    rows: dict[str, Any] = {
        "platform": arrange.team(), f"working copy of {draft.pk}": draft.working_copy,
        f"version 1 of {draft.pk}": draft.versions.get(), "snapshot of Acme production": here.snapshot,
        "Acme production": KnownAccount.objects.get(connection=here),
        arrange.zone_names()[0]: KnownZone.objects.get(connection=here, name=arrange.zone_names()[0]),
        "Acme production for Platform": here.grants.get(team=arrange.team()),
        "set-up code": SetUpCode(), f"head {AuditHead.objects.get().number}": AuditHead.objects.get(),
        "failure at 2026-11-05 12:00:00": SignInFailure(at=clock.datetime(2026, 11, 5, 12)),
    }  # fmt: skip
    assert {str(row).lower(): None for row in rows.values()} == {text.lower(): None for text in rows}
    attempt = TokenRequest.objects.get(status=Status.ISSUED).attempts.get()
    assert str(attempt) == f"attempt 1 of {attempt.token_request_id}"
    share = sharing.share(draft, by=draft.requester, colleague=arrange.person("teammate"), role="viewer")
    assert (str(share), str(arrange.person("teammate"))) == (f"teammate on {draft.pk}", "teammate")
    assert draft.waits_on == WAITS_ON[Status.DRAFT]
    event = AuditEvent.objects.latest("number")
    assert str(event) == f"{event.number} {event.action}"


def test_django_s_own_way_to_a_person_takes_a_name_however_it_is_written(portal: None) -> None:
    assert User.objects.get_by_natural_key(" Requester ") == arrange.person("requester")
    with pytest.raises(User.DoesNotExist):
        User.objects.get_by_natural_key(None)


def test_a_rule_of_a_parent_s_that_cannot_be_read_is_not_told_as_none(portal: None) -> None:
    found = probing.Probe(arrange.connection())
    found.itself = cloudflare.TokenRecord(id="f" * 32, condition={"request_ip": "moon"})
    with pytest.raises(probing.CannotTell, match="of a kind that the portal does not know"):
        probing._networks(found)


def test_a_session_outlives_the_change_of_the_signing_key_and_not_a_raised_epoch(portal: None, settings: Any) -> None:
    person = arrange.person("requester")
    before, settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = person.get_session_auth_hash(), [settings.SECRET_KEY], "x" * 50
    assert list(person.get_session_auth_fallback_hash()) == [before]
    person.session_epoch += 1
    assert before not in person.get_session_auth_fallback_hash()


def test_seeding_without_a_credential_leaves_a_failed_reading_as_it_is(portal: None) -> None:
    Snapshot.objects.filter(connection=arrange.connection()).update(state=Snapshot.State.FAILED)
    seeding.seed({"connections": [{"name": "Acme production"}]})
    assert arrange.connection().snapshot.state == Snapshot.State.FAILED

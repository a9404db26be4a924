"""What cannot be recorded does not happen, whatever the cause; reading goes on; and all is well once the cause is gone."""

import html
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, OperationalError, connection, connections
from django.test import Client

from tests import arrange, unrecorded
from tests.integration import test_adopting_reviewed as adopting_reviewed
from tests.integration.test_adopting import wanted
from tests.integration.test_drafts import failed
from tests.integration.test_inventory import found_outside
from tokenportal import audit, upstream
from tokenportal.actions import mailing, ownership, sharing
from tokenportal.audit import Event, chain
from tokenportal.models import AuditEvent, Team, Token, TokenRequest
from tokenportal.models.outage import is_outage
from tokenportal.sandbox.transport import SandboxAdapter

pytestmark = pytest.mark.django_db(transaction=True)

MAY_MOVE = {"SignInFailure", "UpstreamState", "TokenReading", "Snapshot", "KnownAccount", "KnownZone", "Verification"}
"""Counters, and what repeats Cloudflare: rows that may change without an event."""


@dataclass(frozen=True)
class Step:
    """Something that a person does, and the status of the answer when it works."""

    by: str
    path: str
    data: dict[str, Any] = field(default_factory=dict)
    works: int = 302

    @property
    def name(self) -> str:
        return re.sub(r"[0-9a-f-]{36}", "*", self.path)


@dataclass
class World:
    """Something for each step to be done with, so that no step spoils another's."""

    steps: list[Step]
    pages: list[tuple[str, str]]
    web: dict[str, Client]
    keys: Path


def token() -> Token:
    made = arrange.issue(arrange.draft())
    assert made
    return made.token


@pytest.fixture
def world(lasting_portal: None, settings: Any, tmp_path: Path) -> World:
    staging = arrange.connection("Acme staging")
    connection_page = f"/settings/connections/{staging.pk}/"
    outside, owned, read = found_outside(), token(), token()
    held_a_lot, adoption = adopting_reviewed.outside(), adopting_reviewed.approved(adopting_reviewed.outside(name="another"))
    mailing.send_due()  # letters leave also where no event can be written
    shared, teammate = arrange.draft(), arrange.person("teammate")
    sharing.share(shared, by=shared.requester, colleague=teammate, role="viewer")
    change = arrange.change(token(), purpose="Something else.")
    call_command("sandbox_fault", "drop", method="POST")
    lost = arrange.draft()
    assert arrange.issue(lost) is None
    ready, person, team = arrange.checked(arrange.draft()), arrange.person("approver"), arrange.team()
    owners = {
        "owner": str(owned.owner_id),
        "backup_owner": str(teammate.pk),
        "purpose": "As before.",
        "seen": ownership.mark(owned),
    }

    def of(step: str, data: dict[str, Any] | None = None, works: int = 302) -> Step:
        return Step("requester", f"/tokens/{token().pk}/{step}/", data or {}, works)

    def request(one: TokenRequest, step: str, **data: Any) -> Step:
        return Step("requester", f"/requests/{one.pk}/{step}/", data)

    steps = [
        Step("requester", f"/requests/{ready.pk}/create/", arrange.confirming(ready), 200),
        request(change, "create", **arrange.confirming(change)),
        of("roll", {"seen": "0"}, 200), of("disable"), of("revoke"), of("edit"), of("replace"), of("renew"),
        of("duplicate", {"team": str(team.pk)}),
        Step("requester", f"/tokens/{owned.pk}/owners/", owners),
        Step("admin", f"/tokens/{outside.pk}/adopt/", wanted(outside)),
        Step("admin", f"/tokens/{held_a_lot.pk}/adopt/", wanted(held_a_lot, reason="OPS-31")),
        Step("admin", f"/requests/{adoption.pk}/create/", arrange.confirming(adoption)),
        Step("admin", "/tokens/sync/"),
        Step("requester", "/templates/start/", {"template": "edit-zone-dns", "team": str(team.pk)}),
        request(arrange.draft(), "summary", revision=2), request(lost, "look-up"),
        request(failed(), "reopen"), request(arrange.draft(), "discard"),
        request(arrange.draft(), "share", colleague="teammate", role="editor"),
        request(shared, f"share/{shared.shares.get().pk}/remove"),
        Step("admin", "/settings/people/new/", {"username": "new", "email": "new@example.com"}, 200),
        Step("admin", f"/settings/people/{person.pk}/", {"username": "approver", "email": "other@example.com"}),
        Step("admin", f"/settings/people/{person.pk}/password/", works=200),
        Step("admin", f"/settings/people/{person.pk}/active/", {"active": "no"}),
        Step("admin", "/settings/teams/", {"name": "A new team"}),
        Step("admin", f"/settings/teams/{team.pk}/", {"name": "Another name"}),
        Step("admin", f"/settings/teams/{team.pk}/members/", {"person": str(teammate.pk), "is_approver": "on"}),
        Step("admin", connection_page, {"name": "Another name", "is_active": "on"}),
        Step("admin", f"{connection_page}test/"), Step("admin", f"{connection_page}refresh/"),
        Step("admin", f"{connection_page}credential/", {"credential": upstream.credential(staging).reveal()}),
        Step("nobody", "/sign-in/", {"username": "teammate", "password": arrange.PASSWORD}),
        Step("requester", "/again/", {"password": arrange.PASSWORD}),
        Step("requester", "/account/", {"part": "time-zone", "time_zone": "Europe/Berlin"}),
        Step("requester", "/sign-out/"),
    ]  # fmt: skip
    of_token = [f"/tokens/{read.pk}/{step}" for step in ("", "roll/", "disable/", "revoke/", "owners/")]
    pages = [
        *[("requester", path) for path in ("/", "/templates/", "/drafts/", "/notices/", "/account/", *of_token)],
        ("requester", f"/requests/{ready.pk}/"), ("requester", f"/requests/{ready.pk}/summary/"),
        *[("admin", path) for path in ("/audit/", "/audit/1/", "/settings/people/", "/settings/teams/", connection_page)],
    ]  # fmt: skip
    web = {"nobody": Client(), **{name: arrange.signed_in(name) for name in ("requester", "admin")}}
    return World(steps, pages, web, unrecorded.own_keys(settings, tmp_path))


def rows() -> dict[str, list[Any]]:
    """Every row of the portal that changes with an event, or is somebody's work."""
    models = [model for model in apps.get_app_config("tokenportal").get_models() if model.__name__ not in MAY_MOVE]
    return {model.__name__: list(model._base_manager.order_by("pk").values_list()) for model in models}


def told(answer: Any) -> tuple[int, str]:
    found = re.search(r'data-testid="refusal">([^<]+)', answer.content.decode())
    return answer.status_code, html.unescape(found[1]) if found else ""


NOT_RECORDED = (
    503,
    "The audit log cannot be written at the moment, and what cannot be recorded does not happen. Nothing was changed. Ask an "
    "admin to look at the server, then try again.",
)


@pytest.mark.parametrize("way", unrecorded.WAYS)
def test_nothing_happens_and_it_is_told_and_afterwards_everything_works(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: Any, way: str
) -> None:
    changing: list[str] = []
    send = SandboxAdapter.send

    def counted(self: Any, request: Any, *args: Any, **options: Any) -> Any:
        if request.method != "GET":
            changing.append(f"{request.method} {request.url}")
        return send(self, request, *args, **options)

    monkeypatch.setattr(SandboxAdapter, "send", counted)
    before, probe = rows(), Client()
    with unrecorded.WAYS[way](world.keys):
        answers = [(step.name, *told(world.web[step.by].post(step.path, step.data))) for step in world.steps]
        assert [answer for answer in answers if answer[1:] != NOT_RECORDED] == []
        assert {path: world.web[by].get(path).status_code for by, path in world.pages} == {path: 200 for _, path in world.pages}
        ready = probe.get("/readyz")
        assert (ready.status_code, ready.json()["ready"], ready.json()["checks"]["audit"]) == (503, False, False)
        assert (rows(), changing) == (before, [])
        call_command("work", "--once")
        assert (rows(), changing) == (before, [])
        assert "could not be done now: AuditUnavailable: The " in caplog.text
    assert (probe.get("/readyz").status_code, probe.get("/healthz").status_code) == (200, 200)
    works = [(step.name, world.web[step.by].post(step.path, step.data).status_code, step.works) for step in world.steps]
    assert [one for one in works if one[1] != one[2]] == []
    assert [one.split()[0] for one in changing] == ["POST", "PUT", "PUT", "PUT", "DELETE"]
    assert AuditEvent.objects.count() - len(before["AuditEvent"]) >= len(world.steps)
    assert chain.verify()[1] is None


@pytest.fixture
def ready(lasting_portal: None) -> TokenRequest:
    return arrange.checked(arrange.draft())


@pytest.mark.parametrize("way", unrecorded.MORE)
def test_no_token_is_made_in_rarer_cases_either(ready: TokenRequest, settings: Any, tmp_path: Path, way: str) -> None:
    web, keys = arrange.signed_in("requester"), unrecorded.own_keys(settings, tmp_path)
    here = f"/requests/{ready.pk}/create/"
    with unrecorded.MORE[way](keys):
        assert told(web.post(here, arrange.confirming(ready))) == NOT_RECORDED
        assert (web.get("/readyz").status_code, web.get(ready.get_absolute_url()).status_code) == (503, 200)
    assert not Token.objects.exists()
    assert (web.get("/readyz").status_code, web.post(here, arrange.confirming(ready)).status_code) == (200, 200)


@pytest.mark.parametrize("way", unrecorded.WHOLE)
def test_what_is_saved_without_an_event_says_so_too_and_in_place(ready: TokenRequest, tmp_path: Path, way: str) -> None:
    web, here = arrange.signed_in("requester"), arrange.draft().get_absolute_url()
    typed = {"name": "renamed", "purpose": "Typed for an hour.", "revision": "2"}
    with unrecorded.WAYS[way](tmp_path):
        part = web.post(here, typed, headers={"HX-Request": "true", "HX-Target": "told"})
        whole = web.post(here, typed)
        read = web.post("/notices/", {})
    assert (part.status_code, part["HX-Retarget"], "Nothing was changed" in part.content.decode()) == (503, "#messages", True)
    assert [told(answer) for answer in (whole, read)] == [NOT_RECORDED] * 2
    assert re.findall(r'class="typed">([^<]+)<', whole.content.decode()) == ["renamed", "Typed for an hour."]
    assert web.post(here, typed, headers={"HX-Request": "true", "HX-Target": "told"}).status_code == 200


def test_a_page_that_was_only_read_comes_though_its_session_cannot_be_saved(ready: TokenRequest, tmp_path: Path) -> None:
    web = arrange.signed_in("admin")
    web.post("/settings/teams/", {"name": "A new team"})
    page = f"/settings/teams/{arrange.team('A new team').pk}/"
    with unrecorded.read_only(tmp_path):
        shown = [web.get(page) for _ in range(2)]
    shown += [web.get(page) for _ in range(2)]
    message = "A new team is added. Put people into it next."
    assert [(one.status_code, message in one.content.decode()) for one in shown] == [(200, True)] * 3 + [(200, False)]


def test_a_session_that_somebody_else_ended_is_no_outage(ready: TokenRequest) -> None:
    web = arrange.signed_in("admin")

    def ended_meanwhile(run: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith('INSERT INTO "tokenportal_team"'):
            apps.get_model("sessions", "Session").objects.all().delete()
        return run(sql, *rest)

    with connection.execute_wrapper(ended_meanwhile):
        assert web.post("/settings/teams/", {"name": "A new team"}).status_code == 400


def test_while_nothing_is_recorded_the_sign_in_page_tells_no_right_password_from_a_wrong_one(
    ready: TokenRequest, settings: Any, tmp_path: Path
) -> None:
    keys = unrecorded.own_keys(settings, tmp_path)
    for way in unrecorded.WAYS.values():
        with way(keys):
            tried = [
                Client().post("/sign-in/", {"username": "teammate", "password": word}) for word in (arrange.PASSWORD, "wrong")
            ]
        assert [told(answer) for answer in tried] == [NOT_RECORDED] * 2


def test_readiness_does_not_wait_as_long_as_a_person_would(ready: TokenRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(audit.can_record.__globals__, "PATIENCE", 1)
    with unrecorded.held_by_somebody():
        began = time.monotonic()
        assert not audit.can_record()
        assert 0.9 < time.monotonic() - began < 5
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout" if unrecorded.SQLITE else "SHOW lock_timeout")
        assert cursor.fetchone()[0] in (10_000, "10s")


def test_a_commit_that_fails_is_told_like_an_event_that_could_not_be_written(
    ready: TokenRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Any) -> None:
        raise OperationalError("the connection is lost")

    def add_a_team() -> None:
        with audit.recording(Event.TEAM_CREATED, by=None) as record:
            record.add(Team(name="never"))
            monkeypatch.setattr(type(connections["default"]), "_commit", fails)

    with pytest.raises(audit.AuditUnavailable):
        add_a_team()
    assert not Team.objects.filter(name="never").exists()


@pytest.mark.skipif(not unrecorded.SQLITE, reason="a test cannot fill PostgreSQL's disk")
def test_on_a_full_disk_events_end_and_go_on_again(ready: TokenRequest) -> None:
    def fill() -> None:
        for _ in range(500):
            audit.note(Event.PORTAL_SEEDED, by=None, told="x" * 400)

    with unrecorded.full(), pytest.raises(audit.AuditUnavailable):
        fill()
    audit.note(Event.PORTAL_SEEDED, by=None)
    assert chain.verify() == (AuditEvent.objects.count(), None)


def test_a_fault_of_the_program_is_not_taken_for_a_database_that_cannot_be_written(ready: TokenRequest) -> None:
    statements = {
        "INSERT INTO tokenportal_team SELECT * FROM tokenportal_team": IntegrityError, "SELECT * FROM nowhere": DatabaseError,
    }  # fmt: skip
    for statement, error in statements.items():
        with pytest.raises(error) as raised, audit.recording(Event.TEAM_CREATED, by=None):
            unrecorded.say(statement)
        assert not is_outage(raised.value)

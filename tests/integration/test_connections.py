"""Connections: what is accepted, what a test says, and that no credential comes back."""

import io
import json
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from tests import arrange
from tokenportal import crypto, rules, upstream, visible
from tokenportal.actions import connections, people, seeding, snapshots
from tokenportal.cloudflare import NeverSent
from tokenportal.models import AuditEvent, Connection, Snapshot, Team, User
from tokenportal.sandbox import faults, groups, values
from tokenportal.sandbox.models import PermissionGroup, Token

ACCOUNT_ID = "a" * 32
NEW = "/settings/connections/new/"


def printed_seed() -> dict[str, Any]:
    """What the sandbox prints; the parents get new values each time."""
    printed = io.StringIO()
    call_command("sandbox_seed", "--rotate", stdout=printed)
    return json.loads(printed.getvalue())


def credential_of(name: str) -> str:
    return next(row["credential"] for row in printed_seed()["connections"] if row["name"] == name)


def own_token(kind: str, policies: list[dict[str, Any]], **fields: Any) -> str:
    """A parent token of the sandbox's with just these policies."""
    connection = arrange.connection()
    value = values.new_value(kind)
    owner = {"account_id": connection.owner_id} if kind == "account" else {"user_id": arrange.connection("Acme user").owner_id}
    Token.objects.create(
        pk=f"{Token.objects.count():032x}",
        name="a parent",
        value_sha256=values.digest(value),
        policies=policies,
        **owner,
        **fields,
    )
    return value


def account_policy(*names: str) -> dict[str, Any]:
    ids = PermissionGroup.objects.filter(name__in=names, scope=groups.ACCOUNT).values_list("pk", flat=True)
    key = f"{groups.ACCOUNT}.{arrange.connection().owner_id}"
    return {"id": "f" * 32, "effect": "allow", "permission_groups": [{"id": pk} for pk in ids], "resources": {key: "*"}}


def typed(**changes: Any) -> dict[str, Any]:
    fields = {"kind": "account", "name": "A new one", "account_id": ACCOUNT_ID, "credential": "cfat_" + "x" * 48}
    return {**fields, "teams": [str(arrange.team("Web").pk)], **changes}


def lines(connection: Connection) -> dict[str, tuple[bool | None, str]]:
    return {line["line"]: (line["ok"], line["detail"]) for line in connections.test(connection, by=None)}


@pytest.fixture
def office(portal: None) -> Client:
    return arrange.signed_in("admin")


def everything_in(event: AuditEvent) -> str:
    return json.dumps([event.changes, event.details, event.reason, event.object_name])


def test_a_good_credential_is_stored_tested_and_read(office: Client) -> None:
    seen = arrange.connection("Acme staging")
    pasted = credential_of("Acme staging")
    answer = office.post(NEW, typed(credential=f"  {pasted} ", account_id=seen.owner_id.upper()), follow=True)
    page = answer.content.decode()
    made = arrange.connection("A new one")
    assert answer.status_code == 200
    assert "The connection works, and its accounts and zones have been read." in page
    assert "16 zones" in page
    assert pasted not in page
    assert (made.kind, made.owner_name, made.last_four) == ("account", "Acme staging", pasted[-4:])
    assert [team.name for team in made.teams.all()] == ["Web"]
    assert Snapshot.objects.get(connection=made).state == "ready"
    written = AuditEvent.objects.filter(object_id=str(made.pk)).order_by("number")
    assert [event.action for event in written] == ["connection.created", "connection.tested", "snapshot.refreshed"]
    assert all(pasted not in everything_in(event) for event in written)


def test_the_credential_is_sealed_to_its_row(portal: None) -> None:
    one, other = arrange.connection("Acme production"), arrange.connection("Acme staging")
    assert upstream.credential(one).reveal().startswith("cfat_")
    assert upstream.credential(one).reveal() not in one.sealed_credential
    other.sealed_credential = one.sealed_credential
    with pytest.raises(NeverSent, match="does not open"):
        upstream.credential(other)


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        ({"credential": "cfk_" + "y" * 48}, "credential", "That is a global API key"),
        ({"credential": "0123456789abcdef0123456789abcdef01234"}, "credential", "That is a global API key"),
        ({"credential": "not a token"}, "credential", "That does not look like an API token"),
        ({"credential": "z" * 41}, "credential", "That does not look like an API token"),
        ({"credential": "cfat_" + "ü" * 48}, "credential", "That does not look like an API token"),
        ({"credential": ""}, "credential", "Paste the parent token"),
        ({"account_id": ""}, "account_id", "32 hexadecimal digits"),
        ({"account_id": "g" * 32}, "account_id", "32 hexadecimal digits"),
        ({"kind": "user", "account_id": ""}, "account_id", "32 hexadecimal digits"),
        ({"kind": "global"}, "kind", "Choose one of the two kinds"),
        ({"name": ""}, "name", "Give the connection a name"),
        ({"name": "Acme production"}, "name", "has this name already"),
        ({"name": "Acme\u202eproduction"}, "name", "nobody can see"),
    ],
)
def test_bad_input_is_said_and_nothing_else_typed_is_lost(
    office: Client, wrong: dict[str, str], field: str, sentence: str
) -> None:
    before, head = Connection.objects.count(), AuditEvent.objects.count()
    fields = typed(**wrong)
    answer = office.post(NEW, fields)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "<title>Error:" in page
    assert sentence in page
    assert f'href="#id_{field}"' in page
    assert f'id="id_{field}"' in page
    if fields["name"]:
        assert f'value="{visible.in_page(fields["name"])}"' in page
    if fields["account_id"]:
        assert f'value="{fields["account_id"]}"' in page
    assert f'value="{fields["teams"][0]}" checked' in page
    if fields["credential"]:
        assert fields["credential"] not in page
    assert (Connection.objects.count(), AuditEvent.objects.count()) == (before, head)


def test_the_prefix_tells_the_kind_whatever_was_chosen(office: Client) -> None:
    pasted = credential_of("Acme user")
    page = office.post(NEW, typed(credential=pasted, account_id=""), follow=True).content.decode()
    made = arrange.connection("A new one")
    assert (made.kind, made.owner_id) == ("user", arrange.connection("Acme user").owner_id)
    assert "prefix told its kind: user token" in page


@pytest.mark.parametrize("kind", ["account", "user"])
def test_an_older_token_without_prefix_takes_the_kind_that_was_chosen(portal: None, kind: str) -> None:
    made = connections.create(by=None, name="Old", kind=kind, account_id=ACCOUNT_ID, pasted="o" * 40, teams=[])
    assert made.kind == kind
    assert made.owner_id == (ACCOUNT_ID if kind == "account" else "")


def test_a_credential_that_is_not_accepted_is_kept_and_the_test_says_why(office: Client) -> None:
    page = office.post(NEW, typed(), follow=True).content.decode()
    made = arrange.connection("A new one")
    assert "does not work yet" in page
    assert [line["ok"] for line in made.report] == [False]
    assert not Snapshot.objects.filter(connection=made).exists()
    tested = AuditEvent.objects.get(action="connection.tested", object_id=str(made.pk))
    assert tested.outcome == "failed"
    assert tested.reason


def test_an_account_owned_parent_is_told_what_it_holds(portal: None) -> None:
    found = lines(arrange.connection())
    assert found["valid and active"] == (True, "active")
    assert found["belongs to"] == (True, "Acme production")
    assert found["can read zones"] == (True, "32 zones")
    assert found["its own end"] == (True, "It never ends.")
    assert found["its own networks"] == (True, "It works from anywhere.")
    assert found["can create tokens"] == (True, "It holds Account API Tokens Write.")
    ok, detail = found["what it can grant"]
    assert ok
    assert detail.startswith("What it holds itself: ")


def test_a_user_parent_grants_what_its_user_may(portal: None) -> None:
    found = lines(arrange.connection("Acme user"))
    assert found["can create tokens"] == (True, "It holds API Tokens Write.")
    assert found["what it can grant"][1] == "Whatever sandbox-user@acme.example may do."
    assert found["can read accounts"] == (True, "3 accounts")


def test_a_parent_that_can_only_read_tokens_is_told_so(portal: None) -> None:
    pasted = own_token("account", [account_policy("Account API Tokens Read", "Account Settings Read")])
    connection = arrange.connection()
    connections.replace_credential(connection, by=None, pasted=pasted)
    found = lines(connection)
    assert found["can create tokens"][0] is False
    assert found["can read zones"][0] is None
    assert "lacks Zone: Read" in found["can read zones"][1]


def test_a_parent_with_nothing_to_hand_on_is_told_so(portal: None) -> None:
    pasted = own_token("account", [account_policy("Account API Tokens Write")])
    connection = arrange.connection()
    connections.replace_credential(connection, by=None, pasted=pasted)
    found = lines(connection)
    assert found["can create tokens"][0] is True
    assert found["what it can grant"][0] is False


def test_a_parent_that_cannot_read_itself_leaves_open_what_it_can_do(portal: None) -> None:
    faults.arm("forbidden", method="GET", path=f"/accounts/{arrange.connection().owner_id}/tokens/{parent_id()}")
    found = lines(arrange.connection())
    assert found["valid and active"][0] is True
    for line in ("its own end", "its own networks", "can create tokens", "what it can grant"):
        assert found[line][0] is None, line


def parent_id() -> str:
    return arrange.connection().parent_token_id


def test_a_credential_of_another_user_does_not_take_over(portal: None) -> None:
    connection = arrange.connection("Acme user")
    connection.owner_id = "b" * 32
    ok, detail = lines(connection)["belongs to"]
    assert ok is False
    assert "another user's" in detail
    assert connection.owner_id == "b" * 32
    here = Connection.objects.get(pk=connection.pk)
    assert here.is_active is False
    assert not rules.may_use(here, arrange.team().pk)


def test_replacing_keeps_the_kind_and_never_shows_the_old_one(office: Client) -> None:
    connection = arrange.connection()
    old, where = upstream.credential(connection).reveal(), f"/settings/connections/{connection.pk}/"
    wrong = office.post(f"{where}credential/", {"credential": "cfut_" + "x" * 48})
    assert wrong.status_code == 422
    assert "That one is of the other kind" in wrong.content.decode()
    new = credential_of("Acme production")
    page = office.post(f"{where}credential/", {"credential": new}, follow=True).content.decode()
    connection.refresh_from_db()
    assert upstream.credential(connection).reveal() == new != old
    assert "The connection works" in page
    assert old not in page
    assert new not in page
    event = AuditEvent.objects.filter(action="credential.replaced").latest("number")
    assert event.details["ciphertext"] == crypto.fingerprint(connection.sealed_credential, upstream.sealing_keys())
    assert new not in everything_in(event)


def test_an_admin_renames_switches_off_and_opens_to_teams(office: Client) -> None:
    connection, web = arrange.connection("Acme user"), arrange.team("Web")
    where = f"/settings/connections/{connection.pk}/"
    assert office.post(where, {"name": "Renamed", "teams": [str(web.pk)]}).status_code == 302
    connection.refresh_from_db()
    assert (connection.name, connection.is_active, list(connection.teams.all())) == ("Renamed", False, [web])
    event = AuditEvent.objects.filter(action="connection.changed").latest("number")
    assert event.changes["name"] == ["Acme user", "Renamed"]
    answer = office.post(where, {"name": "Acme staging", "is_active": "on"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "has this name already" in page
    assert 'value="Acme staging"' in page
    assert f'value="{web.pk}" checked' not in page


def opened_and_closed(event: AuditEvent) -> list[tuple[str | None, str | None]]:
    """For each grant in an event the team that had it before and has it after."""
    return sorted((tuple(pair) for name, pair in event.changes.items() if name.endswith(".team")), key=str)


def test_each_team_to_which_a_connection_is_opened_or_closed_stands_in_the_event(portal: None) -> None:
    admin, named = arrange.person("admin"), ("Gamma", "Alpha", "Beta")
    teams = {name: people.create_team(by=admin, name=name) for name in named}
    made = connections.create(
        by=admin, name="Wide", kind="account", account_id=ACCOUNT_ID, pasted="cfat_" + "x" * 48, teams=teams.values()
    )
    event = AuditEvent.objects.filter(action="connection.created", object_id=str(made.pk)).get()
    assert opened_and_closed(event) == [(None, "Alpha"), (None, "Beta"), (None, "Gamma")]
    connections.change(made, by=admin, name="Wide", is_active=True, teams=[arrange.team("Web"), teams["Beta"]])
    event = AuditEvent.objects.filter(action="connection.changed").latest("number")
    assert opened_and_closed(event) == [("Alpha", None), ("Gamma", None), (None, "Web")]
    assert event.details["teams"] == ["Beta", "Web"]
    shown = arrange.signed_in("auditor").get(f"/audit/{event.number}/").content.decode()
    assert re.findall(r'scope="row">(Grant.*?: team)<', shown) == ["Grant: team", "Grant 2: team", "Grant 3: team"]
    assert '<dt>Teams</dt><dd class="mono">Beta, Web' in shown


def test_a_connection_that_is_open_to_many_teams_names_them_all(portal: None) -> None:
    admin, made = arrange.person("admin"), arrange.connection()
    teams = [people.create_team(by=admin, name=f"A team with a name of its own {number:02}") for number in range(20)]
    connections.change(made, by=admin, name=made.name, is_active=True, teams=teams)
    assert AuditEvent.objects.filter(action="connection.changed").latest("number").details["teams"] == list(map(str, teams))


def test_seeding_names_each_team_to_which_it_opens_a_connection(portal: None) -> None:
    connection = arrange.connection()
    teams = [one.name for one in connection.teams.all()]
    seeding.seed({"connections": [{"name": connection.name, "teams": [*teams, "Early", "Late"]}]})
    event = AuditEvent.objects.filter(action="connection.granted").latest("number")
    assert opened_and_closed(event) == [(None, "Early"), (None, "Late")]


def test_the_pages_show_state_and_tabs(office: Client) -> None:
    page = office.get("/settings/connections/").content.decode()
    assert '<a href="/settings/connections/" aria-current="page">Connections</a>' in page
    assert "Acme production" in page
    page = office.get(f"/settings/connections/{arrange.connection().pk}/").content.decode()
    assert "Read again" in page
    assert "Test it now" in page
    assert 'data-state="ready"' in page
    page = office.get(NEW).content.decode()
    assert "dash.cloudflare.com/?to=/:account/api-tokens&amp;permissionGroupKeys=%5B%7B%22key%22" in page


def test_a_test_and_a_reading_are_asked_for_by_buttons(office: Client) -> None:
    where = f"/settings/connections/{arrange.connection().pk}/"
    assert office.post(f"{where}test/").status_code == 302
    assert office.post(f"{where}refresh/").status_code == 302
    assert AuditEvent.objects.filter(by_name="admin").order_by("-number").first().action == "snapshot.refreshed"  # type: ignore[union-attr]
    faults.arm("bad_gateway", method="GET", path="/zones")
    page = office.post(f"{where}refresh/", follow=True).content.decode()
    assert "It could not be read." in page
    assert "32 zones" in page


def test_seeding_twice_changes_nothing_more(portal: None) -> None:
    description = {"people": [{"name": "ada", "admin": True}], "teams": [], **printed_seed()}
    first = seeding.seed(description)
    head = AuditEvent.objects.count()
    assert seeding.seed(description) == first
    assert AuditEvent.objects.count() == head + 1
    assert AuditEvent.objects.latest("number").action == "portal.seeded"


@pytest.mark.parametrize("value", ["false", "no", 1, []])
@pytest.mark.parametrize("role", ["admin", "auditor"])
def test_seeding_takes_nothing_but_true_and_false_for_a_role(db: None, role: str, value: Any) -> None:
    with pytest.raises(seeding.BadSeed, match=f"Say true or false for {role} of 'ada'"):
        seeding.seed({"people": [{"name": "ada", role: value}]})
    assert not User.objects.filter(username="ada").exists()


def test_seeding_takes_no_role_in_a_team_that_nobody_knows(db: None) -> None:
    description = {
        "people": [{"name": "ada"}],
        "teams": [{"name": "T", "members": [{"person": "ada", "roles": ["requester", "aprover"]}]}],
    }
    with pytest.raises(seeding.BadSeed, match="Nobody knows the role 'aprover' of 'ada' in the team 'T'"):
        seeding.seed(description)
    assert not arrange.team("T").memberships.exists()


def test_seeding_prints_ids_and_names_what_it_ignores(db: None, tmp_path: Any) -> None:
    file = tmp_path / "seed.json"
    teams = [{"name": "Core", "members": [{"person": "ada", "roles": ["requester"]}]}]
    file.write_text(json.dumps({"people": [{"name": "ada"}], "teams": teams, "wishes": []}))
    out, err = io.StringIO(), io.StringIO()
    call_command("seed", str(file), stdout=out, stderr=err)
    found = json.loads(out.getvalue())
    assert found["teams"] == {"Core": str(Team.objects.get(name="Core").pk)}
    assert list(found["people"]) == ["ada"]
    assert found["connections"] == {}
    assert err.getvalue() == "wishes: not known to this version, ignored.\n"


@pytest.mark.parametrize(
    "description",
    [[], "x", {"people": [{}]}, {"people": "ada"},
     {"people": [{"name": name, "email": "ada@example.com"} for name in ("ada", "bob")]},
     {"teams": [{"name": "T", "members": [{"person": "nobody"}]}]},
     {"connections": [{"name": "C"}]}, {"connections": [{"name": "C", "kind": "account", "credential": "cfk_x"}]},
     {"connections": [{"name": "C", "kind": "global", "credential": "A" * 40}]}],
)  # fmt: skip
def test_a_bad_description_is_one_sentence(db: None, tmp_path: Any, description: Any) -> None:
    file = tmp_path / "seed.json"
    file.write_text(json.dumps(description))
    with pytest.raises(CommandError):
        call_command("seed", str(file), stdout=io.StringIO())


def test_only_admins_come_in(portal: None) -> None:
    pk = arrange.connection().pk
    for name in ("requester", "auditor"):
        web = arrange.signed_in(name)
        for path in ("", "new/", f"{pk}/"):
            assert web.get(f"/settings/connections/{path}").status_code == 403
        for path in ("new/", f"{pk}/", f"{pk}/test/", f"{pk}/refresh/", f"{pk}/credential/"):
            assert web.post(f"/settings/connections/{path}", {}).status_code == 403


def test_a_connection_that_is_open_to_no_team_is_of_no_use_to_it(portal: None) -> None:
    people.create_team(by=None, name="Idle")
    assert not arrange.connection().grants.filter(team__name="Idle").exists()
    assert snapshots.size(arrange.connection()) == (1, 32)

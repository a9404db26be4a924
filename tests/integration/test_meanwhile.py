"""Two people do the same at one moment: the second is told what a look would have told them, had it come later."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection as database

from tests import arrange
from tokenportal.actions import connections, people, sharing
from tokenportal.models import Connection, ConnectionGrant, Share, Team, User

pytestmark = pytest.mark.django_db


@contextmanager
def meanwhile(table: str, deed: Callable[[], Any]) -> Iterator[None]:
    """Right after the look whether a row of this table exists, somebody else does something."""
    done: list[bool] = []

    def between(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        answer = execute(sql, params, many, context)
        if not done and f' AS "a" FROM "{table}" WHERE' in sql:
            done.append(True)
            deed()
        return answer

    with database.execute_wrapper(between):
        yield
    assert done, "nobody looked"


def new_connection(name: str) -> Connection:
    return connections.create(
        by=None, name=name, kind="account", account_id="a" * 32, pasted="cfat_" + "x" * 48, teams=[arrange.team()]
    )


def new_person(name: str) -> User:
    return people.create_person(by=None, username=name, email=f"{name}@example.com", password=arrange.PASSWORD)[0]


def told(address: str, typed: dict[str, Any], sentence: str) -> None:
    """The page says the sentence, in its summary and beside the field, and keeps what was typed."""
    answer = arrange.signed_in("admin").post(address, typed)
    page = answer.content.decode()
    assert (answer.status_code, page.count(sentence)) == (422, 2), page
    assert 'value="taken"' in page


def test_two_admins_add_a_connection_of_one_name(portal: None) -> None:
    typed = {"kind": "account", "name": "taken", "account_id": "a" * 32, "credential": "cfat_" + "x" * 48}
    with meanwhile("tokenportal_connection", lambda: new_connection("taken")):
        told("/settings/connections/new/", typed, "A connection has this name already. Choose another one.")
    assert Connection.objects.filter(name="taken").count() == 1


def test_two_admins_rename_connections_to_one_name(portal: None) -> None:
    mine = arrange.connection()
    typed = {"name": "taken", "is_active": "on", "teams": [str(arrange.team("Web").pk)]}
    with meanwhile("tokenportal_connection", lambda: new_connection("taken")):
        told(f"/settings/connections/{mine.pk}/", typed, "A connection has this name already. Choose another one.")
    assert {grant.team for grant in mine.grants.all()} == {arrange.team(), arrange.team("Web")}
    assert Connection.objects.get(pk=mine.pk).name == "Acme production"


def test_two_admins_open_a_connection_to_one_team(portal: None) -> None:
    mine, web, admin = arrange.connection("Acme user"), arrange.team("Web"), arrange.person("admin")

    def change() -> None:
        connections.change(arrange.connection("Acme user"), by=admin, name="Acme user", is_active=True, teams=[web])

    with meanwhile("tokenportal_connection", change):
        connections.change(mine, by=admin, name="Acme user", is_active=True, teams=[web])
    assert [grant.team for grant in ConnectionGrant.objects.filter(connection=mine)] == [web]


def test_two_admins_add_a_team_of_one_name(portal: None) -> None:
    with meanwhile("tokenportal_team", lambda: people.create_team(by=None, name="taken")):
        told("/settings/teams/", {"name": "taken"}, people.TEAM_TAKEN)
    assert Team.objects.filter(name="taken").count() == 1


def test_two_admins_rename_teams_to_one_name(portal: None) -> None:
    mine = arrange.team()
    with meanwhile("tokenportal_team", lambda: people.create_team(by=None, name="taken")):
        told(f"/settings/teams/{mine.pk}/", {"name": "taken"}, people.TEAM_TAKEN)
    mine.refresh_from_db()
    with meanwhile("tokenportal_team", lambda: people.create_team(by=None, name="also taken")), pytest.raises(people.Taken):
        people.rename_team(mine, by=arrange.person("admin"), name="also taken")
    assert mine.name == "Platform"


def test_two_admins_add_a_person_of_one_name(portal: None) -> None:
    with meanwhile("tokenportal_user", lambda: new_person("taken")):
        told("/settings/people/new/", {"username": "taken", "email": "other@example.com"}, people.TAKEN)
    assert User.objects.get(username="taken").email == "taken@example.com"


def test_two_admins_give_two_people_one_name(portal: None) -> None:
    mine = arrange.person("teammate")
    with meanwhile("tokenportal_user", lambda: new_person("taken")):
        told(f"/settings/people/{mine.pk}/", {"username": "taken", "email": "other@example.com"}, people.TAKEN)
    with meanwhile("tokenportal_user", lambda: new_person("also-taken")), pytest.raises(people.Taken):
        people.change_person(
            mine, by=arrange.person("admin"), username="also-taken", email="o@example.com", is_admin=False, is_auditor=True
        )
    assert (mine.username, mine.is_auditor) == ("teammate", False)


def test_a_draft_that_is_shared_twice_at_once_is_shared_once(portal: None) -> None:
    """The look and the leap stand behind a lock on the request's row, which the database shows in their order."""
    draft, teammate = arrange.draft(), arrange.person("teammate")
    seen: list[str] = []

    def noting(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.extend(table for table in ("tokenportal_tokenrequest", "tokenportal_share") if f'FROM "{table}"' in sql)
        return execute(sql, params, many, context)

    with database.execute_wrapper(noting):
        sharing.share(draft, by=draft.requester, colleague=teammate, role="viewer")
    assert seen == ["tokenportal_tokenrequest", "tokenportal_share"]
    assert Share.objects.count() == 1

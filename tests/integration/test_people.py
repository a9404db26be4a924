"""Settings: people, their roles and passwords, teams."""

import re

import pytest
from django.test import Client

from tokenportal import rules
from tokenportal.actions import people
from tokenportal.models import AuditEvent, Membership, Team, User

pytestmark = pytest.mark.django_db

PASSWORD = "three quiet otters"


def someone(username: str, **roles: bool) -> User:
    person, _ = people.create_person(by=None, username=username, email=f"{username}@example.com", password=PASSWORD, **roles)
    return person


def signed_in(username: str, password: str = PASSWORD) -> Client:
    client = Client()
    assert client.post("/sign-in/", {"username": username, "password": password}).status_code == 302
    return client


@pytest.fixture
def admin() -> User:
    return someone("root", is_admin=True)


@pytest.fixture
def office(admin) -> Client:
    return signed_in("root")


def test_the_pages_of_people_and_teams_work(office, admin):
    team = people.create_team(by=admin, name="Platform")
    for address in (
        "/settings/people/", "/settings/people/new/", f"/settings/people/{admin.pk}/", "/settings/teams/",
        f"/settings/teams/{team.pk}/", "/account/",
    ):  # fmt: skip
        answer = office.get(address)
        assert answer.status_code == 200, address
        assert "style=" not in answer.content.decode()
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("roles", [{}, {"is_auditor": True}])
def test_only_admins_come_in(admin, roles):
    someone("ada", **roles)
    team = people.create_team(by=admin, name="Platform")
    ada = signed_in("ada")
    for address in ("/settings/people/", "/settings/people/new/", f"/settings/people/{admin.pk}/", "/settings/teams/",
                    f"/settings/teams/{team.pk}/"):  # fmt: skip
        answer = ada.get(address)
        assert answer.status_code == 403, address
        assert b"Only admins can do this" in answer.content
    assert ada.post(f"/settings/people/{admin.pk}/password/").status_code == 403
    assert ada.post(f"/settings/people/{admin.pk}/active/", {"active": "no"}).status_code == 403
    assert ada.post(f"/settings/teams/{team.pk}/members/", {"person": str(admin.pk)}).status_code == 403


def test_what_changes_something_takes_a_post_only(office, admin):
    team = people.create_team(by=admin, name="Platform")
    for address in (f"/settings/people/{admin.pk}/password/", f"/settings/people/{admin.pk}/active/",
                    f"/settings/teams/{team.pk}/members/"):  # fmt: skip
        assert office.get(address).status_code == 405
    assert office.post("/settings/people/").status_code == 405
    assert office.put("/settings/people/new/").status_code == 405


def test_somebody_who_is_added_must_choose_their_own_password(office):
    answer = office.post("/settings/people/new/", {"username": "Ada", "email": "ada@example.com", "is_auditor": "on"})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store, no-transform"
    found = re.search(r'data-testid="one-time-password">([^<]+)<', answer.content.decode())
    assert found
    assert not AuditEvent.objects.filter(changes__icontains=found[1]).exists()
    ada = signed_in("ada", found[1])
    assert ada.get("/drafts/").headers["Location"] == "/account/"
    data = {"part": "password", "current_password": found[1], "new_password": PASSWORD}
    assert ada.post("/account/", data).status_code == 302
    assert b"must-change" not in ada.get("/account/").content
    assert User.objects.get(username="ada").must_change_password is False


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"username": "root", "email": "new@example.com"}, "Somebody has this name already"),
        ({"username": "ada", "email": "ROOT@example.com"}, "Somebody has this e-mail address already"),
        ({"username": "a b", "email": "new@example.com"}, "Use letters, digits"),
        ({"username": "ada", "email": "nowhere"}, "Enter an e-mail address with an @"),
        ({"username": "", "email": "new@example.com"}, "Enter a name"),
    ],
)
def test_bad_input_keeps_what_was_typed(office, typed, sentence):
    answer = office.post("/settings/people/new/", typed)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "<title>Error: " in page
    assert page.count(sentence) == 2, "in the summary and beside the field"
    for value in typed.values():
        assert not value or f'value="{value}"' in page
    assert User.objects.count() == 1


def test_a_change_of_role_ends_the_sessions_of_that_person(office):
    ada = someone("ada")
    hers = signed_in("ada")
    answer = office.post(f"/settings/people/{ada.pk}/", {"username": "ada", "email": "ada@example.com", "is_auditor": "on"})
    assert answer.status_code == 302
    assert hers.get("/account/").headers["Location"].startswith("/sign-in/")
    assert AuditEvent.objects.get(action="person.changed").changes["is_auditor"] == [False, True]


def test_a_reset_password_is_shown_once_and_ends_sessions(office, admin):
    ada = someone("ada")
    hers = signed_in("ada")
    answer = office.post(f"/settings/people/{ada.pk}/password/")
    assert b"one-time-password" in answer.content
    assert hers.get("/account/").status_code == 302
    assert office.post(f"/settings/people/{admin.pk}/password/").status_code == 403


def test_a_deactivated_person_is_out_from_their_next_request_on(office):
    ada = someone("ada")
    hers = signed_in("ada")
    assert office.post(f"/settings/people/{ada.pk}/active/", {"active": "no"}).status_code == 302
    assert hers.get("/account/").status_code == 302
    assert Client().post("/sign-in/", {"username": "ada", "password": PASSWORD}).status_code == 422
    office.post(f"/settings/people/{ada.pk}/active/", {"active": "yes"})
    signed_in("ada")


def test_the_last_active_admin_stays(office, admin):
    gone = someone("gone", is_admin=True)
    people.set_active(gone, by=admin, active=False)
    answer = office.post(f"/settings/people/{admin.pk}/", {"username": "root", "email": "root@example.com"})
    assert answer.status_code == 403
    assert b"last active admin" in answer.content
    admin.refresh_from_db()
    assert admin.is_admin
    assert office.post(f"/settings/people/{admin.pk}/active/", {"active": "no"}).status_code == 403
    second = someone("second", is_admin=True)
    stale = User.objects.get(pk=admin.pk)
    people.set_active(admin, by=second, active=False)
    with pytest.raises(rules.NotAllowed):
        people.change_person(second, by=stale, username="second", email="second@example.com", is_admin=False,
                             is_auditor=False)  # fmt: skip


def test_an_admin_who_changes_their_own_roles_stays_signed_in(office, admin):
    typed = {"username": "root", "email": "root@example.com", "is_admin": "on", "is_auditor": "on"}
    assert office.post(f"/settings/people/{admin.pk}/", typed).status_code == 302
    assert office.get("/settings/people/").status_code == 200


def test_a_team_is_added_renamed_and_filled(office):
    ada = someone("ada")
    office.post("/settings/teams/", {"name": "Platform"})
    team = Team.objects.get()
    assert office.post("/settings/teams/", {"name": "platform"}).status_code == 422
    assert office.post("/settings/teams/", {"name": "Web\u202e"}).status_code == 422
    assert office.post(f"/settings/teams/{team.pk}/", {"name": "Web"}).status_code == 302
    assert office.post(f"/settings/teams/{team.pk}/", {"name": ""}).status_code == 422
    members = f"/settings/teams/{team.pk}/members/"
    assert office.post(members, {"person": str(ada.pk), "is_requester": "on"}).status_code == 302
    assert Membership.objects.get().roles == ("requester",)
    assert office.post(members, {"person": str(ada.pk), "is_approver": "on"}).status_code == 302
    assert Membership.objects.get().roles == ("approver",)
    assert b"member-ada" in office.get(f"/settings/teams/{team.pk}/").content
    for typed in ("", "not a person"):
        wrong = office.post(members, {"person": typed, "is_approver": "on"})
        assert wrong.status_code == 422
        assert b"Choose a person" in wrong.content
    assert office.post(members, {"person": str(ada.pk), "remove": "yes"}).status_code == 302
    assert not Membership.objects.exists()
    event = AuditEvent.objects.get(action="membership.removed")
    assert event.details["member"] == "ada in Web"
    assert event.object_id != "None"

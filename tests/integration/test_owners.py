"""Who answers for a token: shown with a warning where nobody does any more, and changed on a page of its own."""

import re
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tokenportal import rules, visible
from tokenportal.actions import ownership, people
from tokenportal.actions.invalid import Invalid
from tokenportal.models import AuditEvent, Notice, Token, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(portal: None) -> Token:
    made = arrange.issue(arrange.draft())
    assert made
    return made.token


def fresh(token: Token) -> Token:
    return Token.objects.select_related("owner", "backup_owner", "team").get(pk=token.pk)


def owners(token: Token) -> tuple[str, str]:
    found = fresh(token)
    return str(found.owner), str(found.backup_owner or "")


def someone(name: str, **roles: bool) -> User:
    person, _ = people.create_person(by=None, username=name, email=f"{name}@example.com", password=arrange.PASSWORD, **roles)
    return person


def posted(web: Client, token: Token, **values: str) -> Any:
    page = web.get(f"/tokens/{token.pk}/owners/").content.decode()
    seen = re.search(r'name="seen" value="(\w+)"', page)
    assert seen
    return web.post(f"/tokens/{token.pk}/owners/", {"seen": seen[1], **values})


def errors(answer: Any) -> list[str]:
    found = re.search(r'data-testid="errors">(.*?)</div>\s*</div>', answer.content.decode(), re.DOTALL)
    assert found, answer.content.decode()
    return [unescape(re.sub("<[^>]+>", "", row)).strip() for row in re.findall(r"<li>(.*?)</li>", found[1], re.DOTALL)]


def gaps(page: str) -> str:
    found = re.search(r'data-testid="owner-gaps">.*?<span>(.*?)</span>', page, re.DOTALL)
    return unescape(found[1]) if found else ""


def test_the_owner_hands_the_token_over_and_the_new_one_finds_a_notice(token: Token) -> None:
    web, teammate = arrange.signed_in("requester"), arrange.person("teammate")
    answer = posted(web, token, owner=str(teammate.pk), backup_owner=str(token.owner_id), purpose="certbot\r\non web-2 ")
    assert (answer.status_code, answer["Location"]) == (302, f"/tokens/{token.pk}/")
    assert owners(token) == ("teammate", "requester")
    assert fresh(token).purpose == "certbot\non web-2"
    event = AuditEvent.objects.get(action="token.owner_set")
    assert (event.by_name, event.trail, event.changes["owner"], event.changes["backup_owner"]) == (
        "requester", token.token_request_id, ["requester", "teammate"], [None, "requester"],
    )  # fmt: skip
    notice = Notice.objects.get()
    assert (notice.user, notice.sentence) == (
        teammate, f"requester made you an owner of the token {token.name}. You are told before it ends.",
    )  # fmt: skip
    page = web.get(token.get_absolute_url()).content.decode()
    assert "teammate owns the token now, with requester as back-up." in page
    assert re.findall(r"<span>(\w+)<small>([\w -]+)</small>", page) == [("teammate", "Owner"), ("requester", "Back-up owner")]


def test_the_back_up_owner_and_admins_may_and_a_teammate_may_not(token: Token) -> None:
    teammate, requester = arrange.person("teammate"), arrange.person("requester")
    values = {"owner": str(requester.pk), "backup_owner": "", "purpose": "certbot"}
    for name in ("teammate", "approver", "auditor"):
        web = arrange.signed_in(name)
        for answer in (web.get(f"/tokens/{token.pk}/owners/"), web.post(f"/tokens/{token.pk}/owners/", values)):
            assert answer.status_code == 403
            assert b"Only the token&#x27;s owner, its back-up owner or an admin can do this." in answer.content
        assert b'data-testid="change-owners"' not in web.get(token.get_absolute_url()).content
    assert {event.outcome for event in AuditEvent.objects.filter(action="token.owner_set")} == {"refused"}
    assert posted(arrange.signed_in("admin"), token, owner=str(requester.pk), backup_owner=str(teammate.pk)).status_code == 302
    assert posted(arrange.signed_in("teammate"), token, owner=str(teammate.pk), backup_owner="").status_code == 302
    assert owners(token) == ("teammate", "")
    assert b'data-testid="change-owners"' in arrange.signed_in("teammate").get(token.get_absolute_url()).content
    someone("outsider")
    assert arrange.signed_in("outsider").get(f"/tokens/{token.pk}/owners/").status_code == 404
    assert arrange.signed_in("admin").delete(f"/tokens/{token.pk}/owners/").status_code == 405


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"owner": ""}, "Choose an owner."),
        ({"owner": "outsider"}, "Choose a person from the list."),
        ({"owner": "idle"}, "Choose a person from the list."),
        ({"owner": "teammate", "backup_owner": "outsider"}, "Choose a person from the list."),
        ({"owner": "teammate", "backup_owner": "teammate"}, "Choose somebody else than the owner, or nobody."),
        ({"owner": "teammate", "purpose": "x" * 2001}, "Shorten this to 2000 characters or fewer; it has 2001."),
        ({"owner": "teammate", "purpose": "certbot\u202e"}, "Take the invisible character U+202E out of the text."),
    ],
)
def test_what_cannot_be_taken_is_said_and_what_was_typed_is_kept(token: Token, values: dict[str, str], sentence: str) -> None:
    someone("outsider")
    idle = someone("idle")
    people.set_membership(by=None, team=arrange.team(), person=idle, is_requester=True, is_approver=False)
    people.set_active(idle, by=arrange.person("admin"), active=False)
    ids = {name: str(arrange.person(values[name]).pk) for name in ("owner", "backup_owner") if values.get(name)}
    answer = posted(arrange.signed_in("requester"), token, **{"purpose": "kept words", **values, **ids})
    assert (answer.status_code, errors(answer)) == (422, [sentence])
    page = answer.content.decode()
    assert "<title>Error: " in page
    assert visible.in_page(values.get("purpose", "kept words")[:8]) in page
    assert owners(token) == ("requester", "")


def test_the_action_itself_takes_nobody_from_elsewhere(token: Token) -> None:
    outsider, admin = someone("outsider"), arrange.person("admin")
    for chosen in ({"owner": outsider, "backup_owner": None}, {"owner": admin, "backup_owner": outsider}):
        with pytest.raises(Invalid, match="Choose an active member of the team Platform"):
            ownership.set_owners(token, by=admin, purpose="", **chosen)
    with pytest.raises(rules.NotAllowed):
        ownership.set_owners(token, by=outsider, owner=admin, backup_owner=None, purpose="")


def test_whoever_was_slower_is_told_so_and_overwrites_only_on_purpose(token: Token) -> None:
    requester, teammate, approver = map(arrange.person, ("requester", "teammate", "approver"))
    web = arrange.signed_in("requester")
    page = web.get(f"/tokens/{token.pk}/owners/").content.decode()
    seen = re.findall(r'name="seen" value="(\w+)"', page)[0]
    ownership.set_owners(token, by=arrange.person("admin"), owner=requester, backup_owner=approver, purpose="new")
    answer = web.post(
        f"/tokens/{token.pk}/owners/",
        {"seen": seen, "owner": str(teammate.pk), "backup_owner": "", "purpose": "mine"},
    )
    assert answer.status_code == 409
    assert errors(answer) == [
        "Somebody has changed the owners meanwhile: requester, with approver as back-up. Save again to put yours in their place."
    ]
    assert owners(token) == ("requester", "approver")
    kept = answer.content.decode()
    assert (">mine</textarea>" in kept or "\nmine</textarea>" in kept, f'<option value="{teammate.pk}" selected' in kept) == (
        True,
    ) * 2
    assert posted(web, token, owner=str(teammate.pk), backup_owner="", purpose="mine").status_code == 302
    assert (owners(token), fresh(token).purpose) == (("teammate", ""), "mine")


def test_saving_what_stands_there_tells_nobody(token: Token) -> None:
    ownership.set_owners(
        token, by=arrange.person("admin"), owner=arrange.person("requester"), backup_owner=None, purpose=token.purpose
    )
    assert Notice.objects.count() == 0
    assert AuditEvent.objects.get(action="token.owner_set").changes == {}


def test_a_token_whose_owners_are_gone_says_that_nobody_answers_for_it(token: Token) -> None:
    admin, web = arrange.person("admin"), arrange.signed_in("admin")
    ownership.set_owners(token, by=admin, owner=arrange.person("requester"), backup_owner=arrange.person("teammate"), purpose="")
    assert gaps(web.get(token.get_absolute_url()).content.decode()) == ""
    people.set_active(arrange.person("requester"), by=admin, active=False)
    one = "The owner, requester, is deactivated."
    assert gaps(web.get(token.get_absolute_url()).content.decode()) == one
    people.remove_membership(arrange.team().memberships.get(user__username="teammate"), by=admin)
    both = f"{one} The back-up owner, teammate, has left the team Platform. Nobody active answers for it."
    for address in (token.get_absolute_url(), f"/tokens/{token.pk}/owners/"):
        assert gaps(web.get(address).content.decode()) == both
    page = web.get(f"/tokens/{token.pk}/owners/").content.decode()
    assert [unescape(name) for name in re.findall(r"<option[^>]*>([^<]+)</option>", page)] == [
        "Choose an owner", "admin", "approver", "Nobody", "admin", "approver",
    ]  # fmt: skip


def test_an_admin_who_left_the_team_still_answers(token: Token) -> None:
    admin = arrange.person("admin")
    ownership.set_owners(token, by=admin, owner=admin, backup_owner=None, purpose="")
    people.remove_membership(arrange.team().memberships.get(user=admin), by=admin)
    assert ownership.answering(fresh(token)) == [admin]


def test_the_page_asks_equally_often_for_two_members_and_for_six(token: Token) -> None:
    web = arrange.signed_in("requester")

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert web.get(f"/tokens/{token.pk}/owners/").status_code == 200
        return len(queries)

    few = count()
    for number in range(4):
        person = someone(f"more-{number}")
        people.set_membership(by=None, team=arrange.team(), person=person, is_requester=True, is_approver=False)
    assert count() == few

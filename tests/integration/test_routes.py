"""Every address, as `routes --json` lists it, refuses whom it must."""

import io
import json
import re
import uuid
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from tests import arrange
from tokenportal import audit
from tokenportal.actions import people
from tokenportal.audit import Event
from tokenportal.models import AuditEvent, Connection, Share, Team, Token, TokenRequest, User

pytestmark = pytest.mark.django_db


def listed() -> list[dict[str, Any]]:
    printed = io.StringIO()
    call_command("routes", "--json", stdout=printed)
    return json.loads(printed.getvalue())


@pytest.fixture
def things(portal: None) -> dict[str, Any]:
    """Real things for the addresses to name: a draft with a share, a token, a person, a team, a connection."""
    issued = arrange.issue(arrange.draft())
    assert issued
    draft = arrange.checked(arrange.draft())
    with audit.recording(Event.DRAFT_SHARED, by=draft.requester, subject=draft) as record:
        share = Share(token_request=draft, user=arrange.person("teammate"), by=draft.requester, at=draft.created_at)
        record.add(share)
    outsider, _ = people.create_person(by=None, username="outsider", email="outsider@example.com", password=arrange.PASSWORD)
    nobody, _ = people.create_person(by=None, username="idle", email="idle@example.com", password=arrange.PASSWORD)
    people.set_membership(by=None, team=arrange.team(), person=nobody, is_requester=False, is_approver=False)
    return {"draft": draft, "token": issued.token, "share": share, "person": outsider}


def filled(path: str, things: dict[str, Any]) -> str:
    """The address with real ids in its places."""
    pk = {
        "/tokens/": things["token"].pk, "/requests/": things["draft"].pk, "/settings/people/": things["person"].pk,
        "/audit/people/": things["person"].pk,
        "/settings/teams/": arrange.team().pk, "/settings/connections/": arrange.connection().pk,
    }  # fmt: skip
    found = next((value for prefix, value in pk.items() if path.startswith(prefix)), uuid.uuid4())
    path = path.replace("<uuid:comment_pk>", str(uuid.uuid4())).replace("<uuid:link_pk>", str(uuid.uuid4()))
    path = path.replace("<str:code>", "no-such-code").replace("<slug:key>", "ends")
    path = path.replace("<uuid:share_pk>", str(things["share"].pk)).replace("<int:number>", "1")
    return re.sub(r"<uuid:pk>", str(found), path)


def ask(client: Client, method: str, path: str) -> int:
    return client.post(path, {}).status_code if method == "POST" else client.get(path).status_code


def calls(things: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(row["rule"], method, filled(row["path"], things)) for row in listed() for method in row["methods"]]


def rows() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (User, Team, Connection, TokenRequest, Token, Share))


def test_the_signed_out_are_led_to_the_sign_in_page_everywhere(things: dict[str, Any]) -> None:
    before = rows()
    for rule, method, path in calls(things):
        if rule == "open":
            continue
        answer = Client().generic(method, path)
        assert (answer.status_code, answer.headers.get("Location", "")[:9]) == (302, "/sign-in/"), path
    assert rows() == before


def test_a_deactivated_person_is_refused_from_the_next_request_on(things: dict[str, Any]) -> None:
    web = arrange.signed_in("requester")
    assert web.get("/").status_code == 200
    people.set_active(arrange.person("requester"), by=arrange.person("admin"), active=False)
    for rule, method, path in calls(things):
        if rule != "open":
            answer = web.generic(method, path)
            assert (answer.status_code, answer.headers.get("Location", "")[:9]) == (302, "/sign-in/"), path
    assert Client().post("/sign-in/", {"username": "requester", "password": arrange.PASSWORD}).status_code in (401, 403, 422)


def test_an_outsider_finds_nothing_and_may_do_nothing(things: dict[str, Any]) -> None:
    web = arrange.signed_in("outsider")
    before, head = rows(), AuditEvent.objects.count()
    refused = 0
    expected = {
        "draft access": 404,
        "who has the link": 404,
        "its team": 404,
        "an admin who sees it": 404,
        "its requester": 404,
        "its owner": 404,
        "admin who sees it": 404,
        "who answers for it": 404,
        "team": 404,
        "team and requester": 404,
        "admin": 403,
        "auditor": 403,
        "auditor or admin": 403,
        "requester": 403,
    }
    for rule, method, path in calls(things):
        if rule in expected:
            assert ask(web, method, path) == expected[rule], (method, path)
            # Of a ping, which says only that a page is open, no event is left, nor of a refused one.
            refused += method == "POST" and not path.endswith("/here/")
    written = AuditEvent.objects.filter(number__gt=head)
    assert set(written.values_list("outcome", "by_name", "object_name", "trail")) == {("refused", "outsider", "", None)}
    assert (rows(), written.count()) == (before, refused)


def test_a_member_without_the_role_sees_tokens_and_begins_nothing(things: dict[str, Any]) -> None:
    web = arrange.signed_in("idle")
    before = rows()
    expected = {
        "draft access": 404,
        "who has the link": 404,
        "its team": 404,
        "an admin who sees it": 404,
        "its requester": 404,
        "its owner": 403,
        "admin who sees it": 403,
        "who answers for it": 403,
        "team": 200,
        "team and requester": 403,
        "admin": 403,
        "auditor": 403,
        "auditor or admin": 403,
        "requester": 403,
    }
    for rule, method, path in calls(things):
        if rule in expected:
            assert ask(web, method, path) == expected[rule], (method, path)
    assert rows() == before


def test_a_viewer_of_a_shared_draft_looks_and_changes_nothing(things: dict[str, Any]) -> None:
    web = arrange.signed_in("teammate")
    here = f"/requests/{things['draft'].pk}/"
    assert web.get(here).status_code == 200
    for what in ("", "summary/", "create/", "discard/", "share/", "reopen/", "look-up/"):
        answer = web.post(here + what, arrange.confirming(things["draft"]))
        assert answer.status_code == 403, what
    assert TokenRequest.objects.get(pk=things["draft"].pk).status == "draft"


def test_an_admin_does_not_see_other_people_s_drafts(things: dict[str, Any]) -> None:
    assert arrange.signed_in("admin").get(f"/requests/{things['draft'].pk}/").status_code == 404
    assert arrange.signed_in("auditor").get(f"/requests/{things['draft'].pk}/").status_code == 404


def test_the_wrong_method_is_refused(things: dict[str, Any]) -> None:
    web = arrange.signed_in("admin")
    for row in listed():
        wrong = next((method for method in ("POST", "GET") if method not in row["methods"]), "DELETE")
        assert web.generic(wrong, filled(row["path"], things)).status_code == 405, row["path"]


def test_ids_that_do_not_exist_are_not_found(portal: None) -> None:
    web = arrange.signed_in("admin")
    for row in listed():
        if "<" in row["path"]:
            path = re.sub(r"<uuid:\w+>", str(uuid.uuid4()), row["path"]).replace("<int:number>", "999999")
            path = path.replace("<str:code>", "no-such-code").replace("<slug:key>", "no-such-rule")
            assert ask(web, row["methods"][0], path) == 404, path

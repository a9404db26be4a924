"""A token that nobody here made gets a team, an owner and a purpose, and is like any other from then on."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.core.management import call_command

from tests import arrange
from tests.integration.test_inventory import found_outside, fresh, issued, sync
from tokenportal import clock, rules, visible
from tokenportal.actions import adopting, people, syncing
from tokenportal.actions.invalid import Invalid
from tokenportal.models import AuditEvent, MovedMeanwhile, Token, TokenRequest

pytestmark = pytest.mark.django_db


def wanted(token: Token, **changes: Any) -> dict[str, Any]:
    """What the form posts."""
    return {
        "team": str(arrange.team().pk), "owner": str(arrange.person("requester").pk), "backup_owner": "",
        "purpose": "The old deploy job.", "seen": adopting.mark(token), **changes,
    }  # fmt: skip


def adopt(token: Token, **changes: Any) -> None:
    adopting.adopt(
        token,
        **{
            "by": arrange.person("admin"), "team": arrange.team(), "owner": arrange.person("requester"), "backup_owner": None,
            "purpose": "The old deploy job.", **changes,
        },
    )  # fmt: skip


def page(web: Any, token: Token) -> str:
    return web.get(token.get_absolute_url()).content.decode()


def test_an_admin_adopts_from_the_token_s_page(portal: None) -> None:
    token, web = found_outside(), arrange.signed_in("admin")
    here = f"/tokens/{token.pk}/adopt/"
    assert f'href="{here}"' in page(web, token)
    assert 'data-testid="unmanaged"' in page(web, token)
    form = web.get(here).content.decode()
    assert "requester (Platform, Web)" in form
    mark = re.search(r'name="seen" value="([0-9a-f]{64})"', form)
    assert mark
    assert mark[1] == adopting.mark(token)
    answer = web.post(here, wanted(token, backup_owner=str(arrange.person("teammate").pk)))
    assert (answer.status_code, answer["Location"]) == (302, token.get_absolute_url())
    seen = fresh(token)
    assert (str(seen.team), str(seen.owner), str(seen.backup_owner), seen.purpose) == (
        "Platform", "requester", "teammate", "The old deploy job.",
    )  # fmt: skip
    assert (seen.approved, seen.drifted, seen.is_managed) == (token.body, False, True)
    event = AuditEvent.objects.get(action="token.taken_over")
    assert (event.trail, event.by_name, event.digest) == (token.pk, "admin", adopting.mark(token))
    assert event.changes["team"] == [None, "Platform"]
    sync()
    assert fresh(token).drifted is False


def test_what_was_adopted_is_like_any_other_token(portal: None) -> None:
    token = found_outside()
    adopt(token)
    for name in ("requester", "teammate", "approver", "auditor", "admin"):
        shown = page(arrange.signed_in(name), token)
        assert 'data-testid="unmanaged"' not in shown
        assert "Owner: requester" in shown
        words = re.sub(r"<[^>]+>", "", shown)
        assert "Adopted by admin" in words
        assert "Found at Cloudflare" in words
    assert "outside" in arrange.signed_in("requester").get("/").content.decode()
    here = f"/tokens/{token.pk}/try/"
    assert arrange.signed_in("teammate").post(here, {"secret": "x" * 40}).status_code == 403
    assert arrange.signed_in("requester").post(here, {"secret": ""}).status_code == 200
    asked = arrange.signed_in("requester").get(token.get_absolute_url(), {"call": "dns"})
    assert asked.status_code == 200
    call_command("sandbox_alter", "widen", "outside")
    sync()
    assert fresh(token).drifted is True
    assert 'data-testid="differs"' in page(arrange.signed_in("requester"), token)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"team": ""}, "Choose the team that answers for it."),
        ({"team": "nonsense"}, "Choose one from the list."),
        ({"owner": ""}, "Choose who owns it."),
        ({"owner": "auditor"}, "Choose one from the list."),
        ({"owner": "teammate", "team": "Web"}, "teammate is not in the team Web. Choose somebody who is."),
        ({"backup_owner": "teammate", "team": "Web"}, "teammate is not in the team Web. Choose somebody who is."),
        ({"backup_owner": "requester"}, "The back-up owner is somebody else than the owner. Choose another person, or nobody."),
        ({"purpose": " "}, "Say what uses it, so that somebody knows whom to ask before it ends."),
        ({"purpose": "turned \u202e round"}, "This holds characters that nobody can see. Type it anew."),
    ],
)
def test_what_is_missing_or_wrong_is_said_and_what_was_typed_is_kept(
    portal: None, changes: dict[str, str], sentence: str
) -> None:
    token, web = found_outside(), arrange.signed_in("admin")
    people_named = {name: str(arrange.person(name).pk) for name in ("requester", "teammate", "auditor")}
    named = {"Web": str(arrange.team("Web").pk), **people_named}
    posted = wanted(token, **{"purpose": "kept as typed", **{name: named.get(value, value) for name, value in changes.items()}})
    answer = web.post(f"/tokens/{token.pk}/adopt/", posted)
    shown = unescape(answer.content.decode())
    assert (answer.status_code, fresh(token).team) == (422, None)
    assert shown.count(sentence) == 2
    assert "<title>Error: " in shown
    assert visible.in_page(posted["purpose"].strip()) in shown


def test_a_token_that_changed_since_the_page_was_opened_is_looked_at_again(portal: None) -> None:
    token, web = found_outside(), arrange.signed_in("admin")
    here, before = f"/tokens/{token.pk}/adopt/", wanted(token)
    call_command("sandbox_alter", "widen", "outside")
    sync()
    for posted in (before, {**before, "seen": ""}):
        answer = web.post(here, posted)
        shown = answer.content.decode()
        assert (answer.status_code, fresh(token).team) == (409, None)
        assert "The token has changed since you opened this page" in shown
        assert "The old deploy job." in shown
        assert f'value="{adopting.mark(fresh(token))}"' in shown
    # What it holds now reaches every zone, so somebody else has to agree to it.
    answer = web.post(here, wanted(fresh(token), reason="It was widened on purpose."))
    (asked,) = TokenRequest.objects.filter(kind="adopt")
    assert (answer.status_code, answer["Location"]) == (302, f"/requests/{asked.pk}/review/")


def test_of_two_who_adopt_at_once_the_second_is_told(portal: None) -> None:
    token = found_outside()
    other = fresh(token)
    adopt(token)
    with pytest.raises(MovedMeanwhile):
        adopt(other, owner=arrange.person("teammate"))
    assert str(fresh(token).owner) == "requester"
    answer = arrange.signed_in("admin").post(f"/tokens/{token.pk}/adopt/", wanted(token))
    assert answer.status_code == 403
    assert "This token needs no adoption" in answer.content.decode()


def test_the_page_of_who_was_second_says_so_in_place(portal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    token, web, real = found_outside(), arrange.signed_in("admin"), adopting.adopt

    def second_to_a_teammate(second: Token, **chosen: Any) -> None:
        real(fresh(token), **{**chosen, "purpose": "first"})
        real(second, **chosen)

    monkeypatch.setattr(adopting, "adopt", second_to_a_teammate)
    answer = web.post(f"/tokens/{token.pk}/adopt/", wanted(token))
    assert answer.status_code == 409
    assert "Somebody was first." in answer.content.decode()
    assert 'data-testid="adopt-form"' not in answer.content.decode()
    assert fresh(token).purpose == "first"


def test_nobody_who_has_left_can_own_it(portal: None) -> None:
    token = found_outside()
    people.set_active(arrange.person("teammate"), by=arrange.person("admin"), active=False)
    assert "teammate" not in arrange.signed_in("admin").get(f"/tokens/{token.pk}/adopt/").content.decode()
    with pytest.raises(Invalid, match="teammate is not in the team Platform"):
        adopt(token, owner=arrange.person("teammate"))
    with pytest.raises(Invalid, match="Say what uses it"):
        adopt(token, purpose="")


@pytest.mark.parametrize(
    ("name", "sees", "adopts"),
    [("requester", 404, 404), ("teammate", 404, 404), ("auditor", 200, 403), ("admin", 200, 200)],
)
def test_only_auditors_and_admins_know_of_an_unmanaged_token_and_only_admins_adopt_it(
    portal: None, name: str, sees: int, adopts: int
) -> None:
    token, web = found_outside(), arrange.signed_in(name)
    here = f"/tokens/{token.pk}/adopt/"
    assert (web.get(token.get_absolute_url()).status_code, web.get(here).status_code) == (sees, adopts)
    assert web.post(here, wanted(token)).status_code == (302 if adopts == 200 else adopts)
    assert (fresh(token).team is not None) == (adopts == 200)
    assert web.delete(here).status_code == 405


def test_what_is_managed_is_a_credential_or_has_ended_is_not_adopted(portal: None) -> None:
    managed, gone = issued(), found_outside()
    parent = Token.objects.get(cloudflare_id=arrange.connection().parent_token_id)
    call_command("sandbox_alter", "delete", "outside")
    with clock.at(clock.now() + timedelta(hours=1)):
        sync()
    web = arrange.signed_in("admin")
    for token, sentence in (
        (managed, "This token needs no adoption"), (fresh(gone), "This token needs no adoption"), (parent, "It needs no owner here."),
    ):  # fmt: skip
        assert not rules.may_adopt(arrange.person("admin"), token)
        answer = web.get(f"/tokens/{token.pk}/adopt/")
        assert (answer.status_code, sentence in answer.content.decode()) == (403, True)
        assert "Adopt it</a>" not in page(web, token)


def test_the_pages_of_what_has_ended_and_of_a_credential_say_what_they_are(portal: None) -> None:
    token, web = found_outside(), arrange.signed_in("admin")
    call_command("sandbox_alter", "delete", "outside")
    with clock.at(clock.now() + timedelta(hours=1)):
        sync()
    shown = page(web, token)
    assert 'data-testid="ended"' in shown
    assert "It is gone: it is in Cloudflare’s list no more" in shown
    assert "The token is gone from Cloudflare, so it may call nothing." in shown
    parent = Token.objects.get(cloudflare_id=arrange.connection().parent_token_id)
    shown = page(web, parent)
    assert 'data-testid="parent"' in shown
    assert 'data-testid="unmanaged"' not in shown
    assert syncing.sync(arrange.connection()).worked


def test_who_looked_at_nothing_adopts_the_token_as_it_is_now(portal: None) -> None:
    token = found_outside()
    token.body = {**token.body, "policies": []}  # as it was when it was loaded
    adopt(token)
    here = fresh(token)
    assert here.body["policies"]
    assert here.approved == here.body
    assert AuditEvent.objects.get(action="token.taken_over").digest == adopting.mark(here)

"""The page of a token offers to change or to replace it, and shows a token beside its successor until the old one has ended."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tokenportal import audit, clock
from tokenportal.actions import caring, carrying_out, changing, people, syncing
from tokenportal.audit import Event
from tokenportal.models import Token, TokenRequest
from tokenportal.policy.spec import ClientIPs

pytestmark = pytest.mark.django_db


def issued() -> Token:
    made = arrange.issue(arrange.draft())
    assert made
    return made.token


def successor_of(token: Token) -> Token:
    begun = changing.begin_replacement(token, by=arrange.person("requester"))
    made = arrange.issue(begun)
    assert made
    return made.token


def used(token: Token, minutes_ago: int) -> None:
    found = apps.get_model("sandbox", "Token").objects.filter(pk=token.cloudflare_id)
    found.update(last_used_on=clock.now() - timedelta(minutes=minutes_ago))
    syncing.sync(token.connection, by=arrange.person("admin"))


def page_of(token: Token, name: str = "requester") -> str:
    return arrange.signed_in(name).get(token.get_absolute_url()).content.decode()


def told(page: str) -> list[str]:
    return re.findall(r'data-told="([a-z ]+)"', page)


def plain(page: str) -> str:
    return " ".join(re.sub("<.*?>", "", page).split())


def test_both_pages_tell_how_far_a_replacement_is_and_offer_to_revoke_the_old_one_in_its_time(portal: None) -> None:
    old = issued()
    assert told(page_of(old)) == []
    new = successor_of(old)
    revoke = f'href="/tokens/{old.pk}/revoke/" data-testid="revoke-old"'
    for page, other in ((page_of(old), new), (page_of(new), old)):
        assert told(page) == ["waiting"]
        assert f'href="{other.get_absolute_url()}"' in page
        assert "Store the new secret where the old one is." in page
        assert revoke not in page
    used(old, 20)
    used(new, 10)
    for page in (page_of(old), page_of(new)):
        assert told(page) == ["taken"]
        cells = re.findall(r'data-testid="last-used-(?:old|new)">(.*?)</td>', page)
        assert [plain(cell) for cell in cells] == ["20 minutes ago", "10 minutes ago"]
        assert revoke in page
    used(old, 5)
    page = page_of(old)
    assert (told(page), "something still holds the old secret" in page, revoke in page) == (["still used"], True, True)
    assert caring.revoke(Token.objects.get(pk=old.pk), by=arrange.person("requester")).done
    page = page_of(new)
    assert (told(page), "Nothing is left to do." in page, revoke in page) == (["over"], True, False)
    assert told(page_of(old)) == ["over"]


def test_who_may_not_revoke_the_old_one_is_told_why(portal: None) -> None:
    old = issued()
    used(successor_of(old), 10)
    page = page_of(old, "teammate")
    assert (told(page), 'data-testid="revoke-old"' in page) == (["taken"], False)
    assert page.count("Only the token&#x27;s owner, its back-up owner or an admin can do this.") >= 1


def test_a_successor_in_another_team_is_not_told_to_those_who_may_not_see_it(portal: None) -> None:
    old = issued()
    new = successor_of(old)
    other = people.create_team(by=None, name="Elsewhere")
    with audit.recording(Event.TOKEN_OWNER_SET, by=None, subject=new) as record:
        record.change(new, team=other)
    assert told(page_of(old)) == []
    assert told(page_of(old, "admin")) == ["waiting"]


def test_the_page_asks_equally_often_for_one_successor_and_for_three(portal: None) -> None:
    old = issued()
    web = arrange.signed_in("requester")
    counts = []
    for _ in range(3):
        successor_of(old)
        with CaptureQueriesContext(connection) as queries:
            assert web.get(old.get_absolute_url()).status_code == 200
        counts.append(len(queries))
    assert len(told(page_of(old))) == 3
    assert len(set(counts)) == 1


def test_a_change_that_is_open_stands_on_the_page_of_its_token_for_those_who_may_see_it(portal: None) -> None:
    token = issued()
    begun = changing.begin_edit(token, by=arrange.person("requester"))
    page = page_of(token)
    assert f'href="{begun.get_absolute_url()}"' in page
    assert "A change by requester: Draft, just now" in plain(page)
    assert begun.get_absolute_url() not in page_of(token, "teammate")
    ready = arrange.change(token, client_ips=ClientIPs(allow=("192.0.2.0/24",)))
    call_command("sandbox_fault", "bad_gateway", method="PUT")
    carrying_out.carry_out(ready, by=ready.requester, version=ready.version, digest=ready.digest)
    page = page_of(token, "teammate")
    assert f'href="{begun.get_absolute_url()}"' in page
    assert "A change by requester: Not certain, just now" in plain(page)
    assert 'data-testid="edit"' not in page_of(token)
    assert "Something is being done with this token just now" in page_of(token)


def test_a_token_that_nobody_answers_for_offers_no_change(portal: None) -> None:
    token = issued()
    with audit.recording(Event.TOKEN_FOUND, by=None, subject=token) as record:
        record.change(token, team=None, owner=None, token_request=None, approved=None)
    page = page_of(token, "admin")
    assert 'data-testid="alter"' not in page


def test_the_builder_of_a_change_says_what_it_changes_and_fixes_the_connection(portal: None) -> None:
    token = issued()
    begun = changing.begin_edit(token, by=arrange.person("requester"))
    web = arrange.signed_in("requester")
    page = web.get(begun.get_absolute_url()).content.decode()
    assert "Draft of a change" in page
    assert f'This changes <a href="{token.get_absolute_url()}">{token.name}</a>. Its secret stays the same' in page
    assert 'data-testid="fixed-connection"' in page
    assert 'name="connection"' not in page
    assert (f"({token.token_request.reference})" in page, f"({begun.reference})" in page) == (True, False)
    assert "Check this change" in page
    formats = web.get(begun.get_absolute_url(), headers={"HX-Request": "true", "HX-Target": "machines"}, data={"as": "curl"})
    assert "--request POST" not in formats.content.decode()


def test_the_summary_of_a_change_tells_the_difference_in_words_with_a_verdict(portal: None) -> None:
    token = issued()
    ready = arrange.change(token, client_ips=ClientIPs(allow=("192.0.2.0/24",)), name="renamed")
    page = arrange.signed_in("requester").get(f"{ready.get_absolute_url()}summary/").content.decode()
    assert 'data-verdict="narrower"' in page
    assert "May do less than now" in page
    reference = token.token_request.reference
    assert re.findall(r"<li><span class=\"badge[^>]*>([^<]+)</span><span>([^<]+)</span></li>", page) == [
        ("Narrower", "Works from 192.0.2.0/24 only; before, from anywhere."),
        ("Same rights", f"Is called “renamed ({reference})”; before, “a-token ({reference})”."),
    ]
    assert ">Change token</button>" in page
    assert "The secret is shown once" not in page


def test_the_builder_and_the_summary_of_a_replacement_say_whose_place_it_takes(portal: None) -> None:
    token = issued()
    begun = arrange.checked(changing.begin_replacement(token, by=arrange.person("requester")))
    web = arrange.signed_in("requester")
    for path in ("", "summary/"):
        page = web.get(f"{begun.get_absolute_url()}{path}").content.decode()
        assert f'takes the place of <a href="{token.get_absolute_url()}">{token.name}</a>' in page
    assert ">Create the successor</button>" in page
    assert "The secret is shown once" in page
    assert 'data-testid="difference"' not in page


@pytest.mark.parametrize("part", ["told", "machines"])
def test_a_part_of_the_builder_of_a_change_is_answered_too(portal: None, part: str) -> None:
    begun = changing.begin_edit(issued(), by=arrange.person("requester"))
    web = arrange.signed_in("requester")
    headers = {"HX-Request": "true", "HX-Target": part}
    if part == "machines":
        answer = web.get(begun.get_absolute_url(), headers=headers)
    else:
        posted = {"revision": begun.working_copy.revision, "name": "typed", "blocks": "1"}
        answer = web.post(begun.get_absolute_url(), posted, headers=headers)
    assert answer.status_code == 200
    assert "<html" not in answer.content.decode()
    assert TokenRequest.objects.get(pk=begun.pk).working_copy.spec.name == ("typed" if part == "told" else "a-token")


def test_the_page_of_a_change_says_what_became_of_it(portal: None) -> None:
    token = issued()
    web = arrange.signed_in("requester")
    ready = arrange.change(token, client_ips=ClientIPs(allow=("192.0.2.0/24",)))
    assert carrying_out.carry_out(ready, by=ready.requester, version=ready.version, digest=ready.digest)
    page = web.get(ready.get_absolute_url()).content.decode()
    assert ("The token was changed" in page, 'data-state="issued"' in page) == (True, True)
    assert f'href="{token.get_absolute_url()}"' in page
    again = arrange.change(Token.objects.get(pk=token.pk), name="other")
    web.post(f"{again.get_absolute_url()}discard/")
    assert arrange.signed_in("requester").get(again.get_absolute_url()).content.decode().count("This change was discarded") == 1
    assert TokenRequest.objects.get(pk=again.pk).state_label == "Discarded"


def test_a_change_stands_in_the_list_of_drafts_as_one(portal: None) -> None:
    begun = changing.begin_edit(issued(), by=arrange.person("requester"))
    copy = begun.working_copy
    assert replace(copy.spec, name="a-token") == copy.spec
    assert "<small>Change of a token</small>" in arrange.signed_in("requester").get("/drafts/").content.decode()

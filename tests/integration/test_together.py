"""Two people at one draft, through its page: merged, asked, asked again, and who else is there."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection as database
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tests.integration.test_builder import part, text
from tests.integration.test_every_choice import DNS_READ, ZONE_READ, Form
from tokenportal import clock
from tokenportal.actions import alarms, drafts, people, seeing, sharing, together
from tokenportal.models import EarlierCopy, Presence, TokenRequest, WorkingCopy, earlier
from tokenportal.policy.spec import TokenSpec

pytestmark = pytest.mark.django_db


class Page(Form):
    """A page of the shared draft in somebody's browser: what it holds is posted as a whole, or as htmx does."""

    def __init__(self, name: str, draft: TokenRequest) -> None:
        self.client, self.url = arrange.signed_in(name), draft.get_absolute_url()
        self.load()

    def send(self, target: str = "", do: str = "", **typed: Any) -> HttpResponse:
        sent = {**self.fields, **{name.replace("_", "-"): value for name, value in typed.items()}}
        sent |= {"do": do} if do else {}
        return self.client.post(self.url, sent, headers={"HX-Request": "true", "HX-Target": target} if target else {})

    def follow(self, answer: HttpResponse) -> str:
        """The page to which a save leads, without its tags."""
        assert answer.status_code == 302, answer.status_code
        page = text(self.client.get(answer["Location"]))
        return " ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", page, flags=re.DOTALL).split())


@pytest.fixture
def draft(portal: None) -> TokenRequest:
    """A draft of the requester's that the teammate may edit."""
    found = arrange.draft(zones=1)
    sharing.share(found, by=found.requester, colleague=arrange.person("teammate"), role="editor")
    return found


@pytest.fixture
def mine(draft: TokenRequest) -> Page:
    return Page("requester", draft)


@pytest.fixture
def theirs(draft: TokenRequest, mine: Page) -> Page:
    return Page("teammate", draft)


def spec_of(draft: TokenRequest) -> TokenSpec:
    return WorkingCopy.objects.get(pk=draft.pk).spec


# Merged


def test_changes_of_different_sections_are_both_saved_and_said(draft: TokenRequest, mine: Page, theirs: Page) -> None:
    theirs.send(do="save", lifetime="7", allow=["203.0.113.0/24", ""])
    page = mine.follow(mine.send(do="save", name="mine"))
    assert "Saved together with the changes of teammate: Works only from; Lifetime." in page
    spec = spec_of(draft)
    assert (spec.name, spec.validity.days, spec.client_ips.allow) == ("mine", 7, ("203.0.113.0/24",))


def test_htmx_gets_the_sections_that_came_from_the_other_and_no_others(draft: TokenRequest, mine: Page, theirs: Page) -> None:
    theirs.send(do="save", lifetime="7", purpose="theirs")
    answer = mine.send("told", name="mine")
    assert answer.status_code == 200
    assert part(answer, "saved").endswith("with teammate’s changes")
    assert part(answer, "messages") == "Saved together with the changes of teammate: What will use it; Lifetime."
    fresh = set(re.findall(r'<div id="(purpose|connection|blocks|addresses|lifetime)" hx-swap-oob', text(answer)))
    assert fresh == {"purpose", "lifetime"}
    assert ">\ntheirs</textarea>" in text(answer)
    assert 'id="name-slot" hx-swap-oob' not in text(answer)
    assert f'name="revision" value="{WorkingCopy.objects.get(pk=draft.pk).revision}"' in text(answer)
    mine.fields["revision"] = [str(WorkingCopy.objects.get(pk=draft.pk).revision)]
    again = mine.send("told", name="mine again", purpose="theirs", lifetime="7")
    assert "teammate" not in text(again)


@pytest.mark.parametrize("target", ["access-1", "addresses"])
def test_a_part_that_was_asked_for_comes_with_what_the_other_did(
    draft: TokenRequest, mine: Page, theirs: Page, target: str
) -> None:
    theirs.send(do=f"add:1:{ZONE_READ}")
    theirs.load()
    theirs.send(do="add-block")
    pressed = {"access-1": "add:1:" + DNS_READ, "addresses": "add-range:allow:192.0.2.1"}[target]
    answer = mine.send(target, do=pressed)
    if target == "access-1":
        assert answer.status_code == 409, "both changed the permissions of the block"
        return
    assert answer["HX-Reswap"] == "none"
    assert text(answer).count('name="b2-key"') == 1
    assert 'name="blocks" value="2"' in text(answer)
    assert spec_of(draft).client_ips.allow == ("192.0.2.1",)


def test_a_connection_that_the_other_chose_comes_with_all_that_hangs_on_it(draft: TokenRequest, mine: Page, theirs: Page) -> None:
    theirs.send(do="save", connection=str(arrange.connection("Acme user").pk), owner=str(arrange.person("teammate").pk))
    answer = mine.send("told", name="mine", owner=str(draft.requester_id))
    fresh = set(re.findall(r'<div id="(purpose|connection|blocks|addresses|lifetime)" hx-swap-oob', text(answer)))
    assert fresh == {"purpose", "connection", "blocks"}
    copy = WorkingCopy.objects.get(pk=draft.pk)
    assert (copy.connection, copy.owner, copy.name) == (arrange.connection("Acme user"), arrange.person("teammate"), "mine")


def test_one_s_own_other_window_is_called_that(draft: TokenRequest, mine: Page) -> None:
    Page("requester", draft).send(do="save", purpose="elsewhere")
    answer = mine.send("told", name="mine")
    assert part(answer, "saved").endswith("with your changes of another window")
    assert "what you changed in another window: What will use it." in part(answer, "messages")


def test_checking_with_changes_of_the_other_says_so_on_the_summary(draft: TokenRequest, mine: Page, theirs: Page) -> None:
    theirs.send(do="save", lifetime="7")
    page = mine.follow(mine.send(do="check", name="mine"))
    assert "Saved together with the changes of teammate: Lifetime." in page


# Asked


def test_without_script_a_page_of_its_own_asks_and_keeps_what_was_typed(draft: TokenRequest, mine: Page, theirs: Page) -> None:
    theirs.send(do="save", name="theirs", lifetime="7")
    answer = mine.send(do="save", name="mine", lifetime="30", purpose="only mine")
    assert answer.status_code == 409
    page = text(answer)
    assert "<title>Error: mine, draft · Token Portal</title>" in page
    assert "teammate saved this draft while you were changing it." in page
    assert re.findall(r'data-testid="clash-(\w+)"', page) == ["name", "ends"]
    assert [part(answer, f"clash-{field}-title") for field in ("name", "ends")] == ["Name", "Lifetime"]
    assert "Mine allows more than theirs" in page
    told = " ".join(re.sub(r"<[^>]+>", " ", page.split('id="taken"')[1].split("</section>")[0]).split())
    assert told.endswith("Mine What will use it: A test uses it. only mine")
    assert 'value="mine"' in page
    assert spec_of(draft).name == "theirs"
    mine.load(page)
    answer = mine.send(do="choose", **{"keep-name": "mine", "keep-ends": "theirs"})
    mine.follow(answer)
    spec = spec_of(draft)
    assert (spec.name, spec.validity.days, spec.purpose) == ("mine", 7, "only mine")


def test_whoever_leaves_one_out_is_asked_for_it(draft: TokenRequest, mine: Page, theirs: Page) -> None:
    theirs.send(do="save", name="theirs", lifetime="7")
    mine.load(text(mine.send(do="save", name="mine", lifetime="30")))
    answer = mine.send(do="choose", **{"keep-name": "mine"})
    assert answer.status_code == 422
    page = text(answer)
    assert re.findall(r'<li><a href="(#[^"]+)">([^<]+)', page.split('data-testid="errors"')[1].split("</ul>")[0]) == [
        ("#clash-ends", "Choose what to keep: Lifetime.")
    ]
    assert re.search(r'name="keep-name" value="mine"[^>]* checked', page)
    assert spec_of(draft).name == "theirs"


@pytest.mark.parametrize(("press", "name"), [("choose:mine", "mine"), ("choose:theirs", "theirs")])
def test_one_press_decides_for_all(draft: TokenRequest, mine: Page, theirs: Page, press: str, name: str) -> None:
    theirs.send(do="save", name="theirs", lifetime="7")
    mine.load(text(mine.send(do="save", name="mine", lifetime="30")))
    mine.follow(mine.send(do=press))
    assert (spec_of(draft).name, spec_of(draft).validity.days) == (name, 30 if name == "mine" else 7)


def test_of_two_lists_both_can_be_kept(draft: TokenRequest, mine: Page, theirs: Page) -> None:
    one, two, three = arrange.zone_ids(*arrange.zone_names(3))
    theirs.send(do=f"add-zone:1:{two}")
    answer = mine.send(do=f"add-zone:1:{three}")
    field = re.findall(r'data-testid="clash-(zones-\w+)"', text(answer))[0]
    assert part(answer, f"clash-{field}-title") == "Access, zones"
    mine.load(text(answer))
    mine.follow(mine.send(do="choose", **{f"keep-{field}": "both"}))
    assert spec_of(draft).blocks[0].zones.zones == (one, two, three)


def test_what_an_access_allows_and_where_are_chosen_together(draft: TokenRequest, mine: Page, theirs: Page) -> None:
    """Merged, the token could do on all zones what was wanted on one."""
    before = spec_of(draft).blocks[0]
    theirs.send(do="save", b1_zmode="all")
    answer = mine.send(do=f"add:1:{ZONE_READ}")
    assert re.findall(r'id="clash-\w+-\w+-title">([^<]+)<', text(answer)) == ["Access, permissions", "Access, zones"]
    told = (
        "One of you changed what an access allows, the other where; together they may allow more than either wanted. "
        "Choose for each of 2 things, then save."
    )
    assert (answer.status_code, told in text(answer)) == (409, True)
    [permissions, zones] = re.findall(r'data-testid="clash-([\w-]+)"', text(answer))
    mine.load(text(answer))
    mine.follow(mine.send(do="choose", **{f"keep-{permissions}": "mine", f"keep-{zones}": "mine"}))
    block = spec_of(draft).blocks[0]
    assert (set(block.permissions), block.zones) == ({*before.permissions, ZONE_READ}, before.zones)


def test_what_was_pressed_when_it_came_up_is_done_with_the_choice(draft: TokenRequest, mine: Page, theirs: Page) -> None:
    theirs.send(do=f"add:1:{ZONE_READ}")
    answer = mine.send("access-1", do=f"add:1:{DNS_READ}", b1_zone_add="acm")
    assert (answer.status_code, answer["HX-Retarget"]) == (409, "#conflict")
    inputs = dict(re.findall(r'<input type="hidden" form="draft" name="(\w+)" value="([^"]*)"', text(answer)))
    field = re.findall(r'data-testid="clash-(permissions-\w+)"', text(answer))[0]
    mine.follow(mine.send(do="choose", **inputs, **{f"keep-{field}": "both", "b1-zone-add": "acm"}))
    block = spec_of(draft).blocks[0]
    assert {ZONE_READ, DNS_READ} < set(block.permissions)
    assert block.zones.unknown == (), "the name of a zone that was being typed is no choice"


def test_a_block_that_the_other_removed_is_asked_about(draft: TokenRequest, mine: Page, theirs: Page) -> None:
    theirs.send(do="add-block")
    for page in (mine, theirs):
        page.load()
    theirs.send(do="remove-block:1")
    answer = mine.send(do="save", b1_label="changed")
    [field] = re.findall(r'data-testid="clash-(whole-\w+)"', text(answer))
    assert part(answer, f"clash-{field}-title") == "Access 1: changed"
    assert "Removed" in text(answer)
    mine.load(text(answer))
    mine.follow(mine.send(do="choose", **{f"keep-{field}": "mine"}))
    assert [block.label for block in spec_of(draft).blocks] == ["", "changed"]


def test_what_is_saved_while_one_chooses_is_asked_about_again(draft: TokenRequest, mine: Page, theirs: Page) -> None:
    theirs.send(do="save", name="theirs")
    mine.load(text(mine.send(do="save", name="mine", purpose="mine")))
    theirs.load()
    theirs.send(do="save", name="theirs again", lifetime="7")
    answer = mine.send(do="choose", **{"keep-name": "mine"})
    assert answer.status_code == 409
    assert re.findall(r'data-testid="clash-(\w+)"', text(answer)) == ["name"]
    assert "theirs again" in text(answer)
    assert spec_of(draft).name == "theirs again"
    mine.load(text(answer))
    mine.follow(mine.send(do="choose", **{"keep-name": "mine"}))
    assert (spec_of(draft).name, spec_of(draft).purpose, spec_of(draft).validity.days) == ("mine", "mine", 7)


def test_a_choice_that_others_made_needless_is_no_longer_asked_for(draft: TokenRequest, mine: Page, theirs: Page) -> None:
    theirs.send(do="save", name="theirs")
    mine.load(text(mine.send(do="save", name="mine")))
    theirs.load()
    theirs.send(do="save", name="mine")
    mine.follow(mine.send(do="choose"))
    assert spec_of(draft).name == "mine"


def test_a_page_that_is_too_old_is_asked_about_whatever_differs(draft: TokenRequest, mine: Page, theirs: Page) -> None:
    theirs.send(do="save", purpose="theirs")
    with clock.at(clock.now() + earlier.KEPT_FOR + timedelta(minutes=1)):
        assert together.forget() == EarlierCopy.objects.count() + 2
    for nonsense in (mine.fields["revision"], ["x"], ["0"]):
        mine.fields["revision"] = nonsense
        answer = mine.send(do="save", name="mine")
        assert answer.status_code == 409
        assert "nobody knows any more what both began with" in text(answer)
        assert re.findall(r'data-testid="clash-(\w+)"', text(answer)) == ["name", "purpose"]
    mine.load(text(answer))
    mine.follow(mine.send(do="choose", **{"keep-name": "mine", "keep-purpose": "theirs"}))
    assert (spec_of(draft).name, spec_of(draft).purpose) == ("mine", "theirs")
    mine.fields["seen"], mine.fields["revision"] = ["x"], ["0"]
    assert mine.send(do="choose:mine", name="once more").status_code == 409, "nobody was shown what that replaces"


def test_people_and_connections_are_merged_and_asked_about_like_the_rest(draft: TokenRequest, mine: Page, theirs: Page) -> None:
    requester, teammate, approver = (str(arrange.person(name).pk) for name in ("requester", "teammate", "approver"))
    theirs.send(do="save", owner=teammate, backup_owner=requester)
    answer = mine.send(do="save", owner=approver, connection=str(arrange.connection("Acme user").pk))
    [field] = re.findall(r'data-testid="clash-(\w+)"', text(answer))
    assert field == "owner"
    assert re.findall(r'<span class="entry"><ins>(\w+)</ins>', text(answer)) == ["teammate", "approver"]
    assert "Acme user" in text(answer).split('id="taken"')[1]
    mine.load(text(answer))
    mine.fields |= {"owner": [approver], "backup_owner": [""], "connection": [str(arrange.connection("Acme user").pk)]}
    theirs.load()
    theirs.send(do="save", owner=teammate, backup_owner="")
    mine.follow(mine.send(do="choose:theirs"))
    copy = WorkingCopy.objects.get(pk=draft.pk)
    assert (str(copy.owner_id), copy.backup_owner, copy.connection) == (teammate, None, arrange.connection("Acme user"))


def test_an_owner_that_only_an_earlier_state_names_is_found_again(draft: TokenRequest, mine: Page, theirs: Page) -> None:
    teammate, requester = arrange.person("teammate"), arrange.person("requester")
    theirs.send(do="save", owner=str(teammate.pk), name="theirs")
    mine.load(text(mine.send(do="save", name="mine")))
    theirs.load()
    theirs.send(do="save", owner=str(requester.pk), name="mine")
    mine.fields["owner"] = [str(requester.pk)]
    mine.follow(mine.send(do="choose:mine"))
    assert WorkingCopy.objects.get(pk=draft.pk).owner == requester


# What is kept


def test_of_what_was_saved_over_the_newest_are_kept(draft: TokenRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(earlier, "KEPT_AT_MOST", 5)
    monkeypatch.setattr(earlier, "SWEEP_EVERY", 10)
    copy = draft.working_copy
    for number in range(20):
        saved = drafts.save(
            draft, by=draft.requester, revision=copy.revision, spec=replace(copy.spec, name=f"name {number}"),
            connection=copy.connection, owner=copy.owner, backup_owner=None,
        )  # fmt: skip
        assert saved.revision == number + 3
    assert sorted(EarlierCopy.objects.values_list("revision", flat=True)) == list(range(16, 22))
    assert str(EarlierCopy.objects.get(revision=16)) == f"revision 16 of {draft.pk}"


def test_a_row_that_was_loaded_before_others_saved_keeps_what_they_saved(draft: TokenRequest) -> None:
    old = TokenRequest.objects.select_related("working_copy").get(pk=draft.pk)
    copy = draft.working_copy
    beside: dict[str, Any] = {"connection": copy.connection, "owner": copy.owner, "backup_owner": None}
    drafts.save(draft, by=draft.requester, revision=copy.revision, spec=replace(copy.spec, name="second"), **beside)
    assert old.working_copy.revision == 2
    drafts.save(old, by=draft.requester, revision=3, spec=replace(copy.spec, name="third"), **beside)
    assert [kept.sheet.spec.name for kept in EarlierCopy.objects.order_by("revision")][1:] == ["a-token", "second"]
    behind = TokenRequest.objects.select_related("working_copy").get(pk=draft.pk)
    assert behind.working_copy.revision == 4
    drafts.save(draft, by=draft.requester, revision=4, spec=replace(copy.spec, name="fifth"), **beside)
    with pytest.raises(drafts.Stale):
        drafts.save(behind, by=draft.requester, revision=4, spec=replace(copy.spec, name="sixth"), **beside)
    with pytest.raises(drafts.Stale):
        drafts.save(old, by=draft.requester, revision=99, spec=replace(copy.spec, name="fourth"), **beside)


def test_a_save_that_is_up_to_date_costs_one_query_more_than_the_comparison(draft: TokenRequest, mine: Page) -> None:
    mine.send("told", name="warm")
    mine.fields["revision"] = ["3"]
    with CaptureQueriesContext(database) as asked:
        mine.send("told", name="quick")
    wrote = [query["sql"].split()[0] for query in asked if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert wrote == ["UPDATE", "INSERT"]


# Who is here


def ping(web: Client, draft: TokenRequest, **sent: Any) -> HttpResponse:
    return web.post(f"{draft.get_absolute_url()}here/", sent, headers={"HX-Request": "true", "HX-Target": "here"})


def said(answer: HttpResponse) -> str:
    """The words of an answer."""
    return " ".join(unescape(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", answer.content.decode(), flags=re.DOTALL)).split())


def test_who_has_the_draft_open_is_seen_by_the_others_for_a_minute(draft: TokenRequest) -> None:
    requester, teammate = arrange.signed_in("requester"), arrange.signed_in("teammate")
    revision = draft.working_copy.revision
    for _ in range(2):
        assert said(ping(requester, draft, revision=revision)) == ""
    assert said(ping(teammate, draft, shown=revision)) == "requester is here too"
    assert said(ping(requester, draft, revision=revision)) == "teammate is here too"
    assert part(requester.get(draft.get_absolute_url()), "here") == "teammate is here too"
    assert Presence.objects.count() == 2, "two windows of one person are one"
    assert {str(one) for one in Presence.objects.all()} == {f"{one.user_id} at {draft.pk}" for one in Presence.objects.all()}
    with clock.at(clock.now() + timedelta(seconds=61)):
        assert part(requester.get(draft.get_absolute_url()), "here") == ""
        assert said(ping(requester, draft, revision=revision)) == ""
        assert [one.user for one in Presence.objects.all()] == [draft.requester]


@pytest.mark.parametrize("how", ["shared", "with a team", "by a link", "left", "deactivated"])
def test_whoever_has_lost_the_draft_is_no_longer_named_as_here(draft: TokenRequest, how: str) -> None:
    owner, admin, mate = draft.requester, arrange.person("admin"), arrange.person("teammate")
    web, share = arrange.signed_in("requester"), draft.shares.get()
    if how == "with a team":
        sharing.unshare(share, by=owner)
        share = sharing.share(draft, by=owner, colleague=arrange.team(), role="viewer")
    elif how == "by a link":
        sharing.unshare(share, by=owner)
        link, _ = sharing.make_link(draft, by=owner, role="viewer", days=1)
        sharing.take_link(link, by=mate)
    ping(arrange.signed_in("teammate"), draft, shown=1)
    assert said(ping(web, draft, revision=9)) == "teammate is here too"
    if how == "by a link":
        sharing.revoke_link(link, by=owner)
    elif how == "left":
        people.remove_membership(mate.memberships.get(), by=admin)
    elif how == "deactivated":
        people.set_active(mate, by=admin, active=False)
    else:
        sharing.unshare(share, by=owner)
    assert said(ping(web, draft, revision=9)) == ""
    sharing.share(draft, by=owner, colleague=admin, role="viewer")
    ping(arrange.signed_in("admin"), draft, shown=1)
    assert said(ping(web, draft, revision=9)) == "admin is here too"
    assert set(seeing.who_sees(draft)) == {one.person for one in sharing.everybody(draft)}


def test_an_admin_who_looks_after_an_alarm_is_named_as_here(draft: TokenRequest) -> None:
    admin, web = arrange.signed_in("admin"), arrange.signed_in("requester")
    assert ping(admin, draft, shown=1).status_code == 404
    alarms.sound(draft, alarms.STRAY, by=None)
    assert ping(admin, draft, shown=1).status_code == 200
    assert said(ping(web, draft, revision=9)) == "admin is here too"


def test_several_are_named_together_in_one_query(draft: TokenRequest) -> None:
    web = arrange.signed_in("requester")
    counts = []
    for name in ("teammate", "approver"):
        sharing.share(draft, by=draft.requester, colleague=arrange.person(name), role="viewer")
        ping(arrange.signed_in(name), draft, shown=1)
        ping(web, draft, revision=9)
        with CaptureQueriesContext(database) as asked:
            answer = ping(web, draft, revision=9)
        counts.append(len(asked))
    assert said(answer) == "approver, teammate are here too"
    assert len(set(counts)) == 1


def test_a_page_that_is_behind_is_told_by_whom_and_leads_to_what_is_newer(draft: TokenRequest, theirs: Page) -> None:
    web, revision = arrange.signed_in("requester"), draft.working_copy.revision
    theirs.send(do="save", name="newer")
    answer = ping(web, draft, revision=revision)
    assert re.fullmatch(r"teammate saved this draft, \d\d:\d\d UTC ?\. See it", said(answer))
    assert f'<a href="{draft.get_absolute_url()}">' in answer.content.decode()
    assert said(ping(web, draft, revision=revision + 1)) == ""
    assert "saved this draft" in said(ping(web, draft, revision="x"))
    assert said(ping(theirs.client, draft, revision=revision)) == "requester is here too", "one's own save is no news"


def test_whoever_loses_the_draft_is_told_with_the_next_ping(draft: TokenRequest) -> None:
    web = arrange.signed_in("teammate")
    share = draft.shares.get()
    assert said(ping(web, draft, revision=1, edits=1)).startswith("requester saved this draft")
    sharing.share(draft, by=draft.requester, colleague=share.user, role="viewer")
    assert "You can look at this draft, not change it." in said(ping(web, draft, revision=1, edits=1))
    assert "You can look at this draft, not change it." not in said(ping(web, draft, revision=1))
    sharing.unshare(share, by=draft.requester)
    answer = ping(web, draft, revision=1)
    assert (answer.status_code, answer["HX-Retarget"]) == (404, "#messages")
    assert "This draft is not open to you" in said(answer)
    assert "What you typed stays here" in said(answer)


def test_the_deactivated_and_the_signed_out_are_told_so(draft: TokenRequest) -> None:
    web = arrange.signed_in("teammate")
    people.set_active(arrange.person("teammate"), by=arrange.person("admin"), active=False)
    answer = ping(web, draft, revision=1)
    assert answer.status_code == 403
    assert "You are signed out" in said(answer)


def test_a_draft_that_has_become_a_token_is_left(draft: TokenRequest) -> None:
    web = arrange.signed_in("requester")
    arrange.issue(draft)
    before = Presence.objects.count()
    answer = ping(web, draft, revision=1)
    assert said(answer).startswith("This is no longer a draft, so nothing is saved any more.")
    assert "data-stop" in answer.content.decode()
    assert Presence.objects.count() == before


def test_a_ping_is_a_post_and_nobody_else_s(draft: TokenRequest) -> None:
    here = f"{draft.get_absolute_url()}here/"
    assert arrange.signed_in("requester").get(here).status_code == 405
    people.create_person(by=None, username="outsider", email="outsider@example.com", password=arrange.PASSWORD)
    for name in ("outsider", "admin", "approver"):
        assert arrange.signed_in(name).post(here).status_code == 404
    assert not Presence.objects.exists()

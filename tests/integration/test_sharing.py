"""Sharing a draft with colleagues, teams and by a link, handing it on, and losing all of that from the next request on."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tokenportal import clock, rules
from tokenportal.actions import drafts, people, sharing
from tokenportal.actions.invalid import Invalid
from tokenportal.logs import ScrubFormatter
from tokenportal.models import AuditEvent, LinkGuest, Share, ShareLink, TokenRequest, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(portal: None) -> TokenRequest:
    return arrange.draft(name="shop-dns")


def link_to(draft: TokenRequest, role: str = "viewer", days: int = 7) -> tuple[ShareLink, str]:
    """A link and the path that its holder opens."""
    link, code = sharing.make_link(draft, by=draft.requester, role=role, days=days)
    return link, f"/drafts/link/{code.reveal()}/"


def who(draft: TokenRequest) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.person.username, one.role, one.through) for one in sharing.everybody(draft)]


def share(draft: TokenRequest, name: str, role: str = "viewer") -> Share:
    whom: Any = arrange.team(name) if name[0].isupper() else arrange.person(name)
    return sharing.share(draft, by=draft.requester, colleague=whom, role=role)


OWNER = ("requester", "owner", ("began or took over this draft",))


def test_a_draft_is_shared_with_a_team_as_it_is_at_any_moment(draft: TokenRequest) -> None:
    web, mate = arrange.signed_in("requester"), arrange.signed_in("teammate")
    assert web.post(f"/requests/{draft.pk}/share/", {"colleague": "team platform", "role": "commenter"}).status_code == 302
    assert mate.get(draft.get_absolute_url()).status_code == 200
    assert who(draft) == [
        OWNER, *((name, "commenter", ("team Platform",)) for name in ("admin", "approver", "teammate")),
    ]  # fmt: skip
    people.remove_membership(arrange.person("teammate").memberships.get(team=arrange.team()), by=arrange.person("admin"))
    people.set_membership(
        by=None, team=arrange.team("Web"), person=arrange.person("teammate"), is_requester=True, is_approver=False
    )
    assert mate.get(draft.get_absolute_url()).status_code == 404, "a colleague still, and not in the team any more"
    event = AuditEvent.objects.filter(action="draft.shared").get()
    assert (event.details["shared_with"], event.changes["share.role"]) == ("Platform", [None, "commenter"])


def test_the_most_that_was_given_counts_and_every_way_is_told(draft: TokenRequest) -> None:
    share(draft, "teammate", "viewer")
    share(draft, "Platform", "commenter")
    mate = arrange.person("teammate")
    sharing.take_link(link_to(draft, "editor")[0], by=mate)
    assert ("teammate", "editor", ("shared", "team Platform", "a link")) in who(draft)
    assert rules.draft_role(mate, draft) == "editor"
    page = arrange.signed_in("teammate").get("/drafts/").content.decode()
    assert "owned by requester. Can edit, shared with you, with team Platform, by a link" in page


def test_a_role_is_changed_and_a_share_removed_on_the_page(draft: TokenRequest) -> None:
    one = share(draft, "teammate")
    web, there = arrange.signed_in("requester"), f"/requests/{draft.pk}/share/{one.pk}/"
    assert web.post(there, {"role": "editor"}).status_code == 302
    assert web.post(there, {"role": "owner"}).status_code == 302
    assert who(draft) == [OWNER, ("teammate", "editor", ("shared",))]
    assert web.post(f"{there}remove/")["Location"] == f"/requests/{draft.pk}/share/"
    assert who(draft) == [OWNER]
    assert web.post(f"{there}remove/").status_code == 404


@pytest.mark.parametrize("typed", ["", "nobody", "requester", "Web and more", "team Secret", "o'neil"])
def test_whoever_is_not_on_the_list_is_told_and_stays_in_the_field(draft: TokenRequest, typed: str) -> None:
    answer = arrange.signed_in("requester").post(f"/requests/{draft.pk}/share/", {"colleague": typed, "role": "editor"})
    page = answer.content.decode()
    assert (
        answer.status_code,
        f"No colleague or team of yours is called “{typed}”." in unescape(page),
        Share.objects.exists(),
    ) == (422, True, False)
    assert f'list="colleagues" value="{typed}"' in unescape(page)
    assert '<option value="editor" selected>' in page


def test_a_link_is_shown_once_and_kept_as_a_hash(draft: TokenRequest) -> None:
    web = arrange.signed_in("requester")
    answer = web.post(f"/requests/{draft.pk}/links/", {"role": "commenter", "days": "7"})
    [shown] = re.findall(r'id="new-link">http://[^/]+/drafts/link/([\w-]{22})/<', answer.content.decode())
    link = ShareLink.objects.get()
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store, no-transform")
    assert (link.role, link.expires_at - link.at, link.code_hash) == ("commenter", timedelta(days=7), sharing.hashed(shown))
    again = web.get(f"/requests/{draft.pk}/share/").content.decode()
    assert (shown in again, "Can comment<small>Made " in again, "by requester; ends " in again) == (False, True, True)
    kept = [*AuditEvent.objects.values_list("changes", "details", "reason", "object_id"), *ShareLink.objects.values_list()]
    assert shown not in str(kept)


@pytest.mark.parametrize(
    ("role", "days"), [("owner", "7"), ("viewer", "8"), ("viewer", "x"), ("viewer", "9" * 5000), ("", "")], ids=range(5)
)
def test_a_link_has_a_role_and_an_end_from_the_lists(draft: TokenRequest, role: str, days: str) -> None:
    answer = arrange.signed_in("requester").post(f"/requests/{draft.pk}/links/", {"role": role, "days": days})
    assert (answer.status_code, b"Choose what the link allows" in answer.content) == (422, True)
    assert not ShareLink.objects.exists()


def test_looking_at_a_link_gives_nothing_and_its_button_leads_to_the_draft(draft: TokenRequest) -> None:
    _, path = link_to(draft, "editor")
    mate = arrange.signed_in("teammate")
    page = mate.get(path).content.decode()
    assert ("shop-dns" in page, "requester shares this draft" in page, LinkGuest.objects.exists()) == (True, True, False)
    assert mate.get(draft.get_absolute_url()).status_code == 404
    for _ in range(2):
        assert mate.post(path)["Location"] == draft.get_absolute_url()
    assert mate.get(draft.get_absolute_url()).status_code == 200
    assert AuditEvent.objects.filter(action="link.taken").count() == 1
    assert arrange.signed_in("requester").get(path)["Location"] == draft.get_absolute_url()
    assert "1 came by it" in arrange.signed_in("requester").get(f"/requests/{draft.pk}/share/").content.decode()


def test_two_clicks_at_the_same_moment_are_one_event(draft: TokenRequest) -> None:
    """Both pages were loaded before either was answered, so each holds the row as it was."""
    mate, owner = arrange.person("teammate"), draft.requester
    for _ in range(2):
        share(draft, "teammate")
    for one in [Share.objects.get(), Share.objects.get()]:
        sharing.unshare(one, by=owner)
    link, _ = link_to(draft)
    for one in [ShareLink.objects.get(), ShareLink.objects.get()]:
        assert sharing.take_link(one, by=mate) == draft
    for ended in [ShareLink.objects.get(), ShareLink.objects.get()]:
        sharing.revoke_link(ended, by=owner)
        assert ended.revoked_at == ShareLink.objects.get().revoked_at
    actions = AuditEvent.objects.filter(trail=draft.pk).order_by("number").values_list("action", flat=True)
    assert list(actions)[1:] == ["draft.shared", "draft.unshared", "link.made", "link.taken", "link.revoked"]
    assert LinkGuest.objects.get().link == link


def test_a_link_that_ended_while_somebody_looked_at_it_is_not_taken(draft: TokenRequest) -> None:
    link, _ = link_to(draft)
    mate = arrange.person("teammate")
    sharing.revoke_link(ShareLink.objects.get(), by=draft.requester)
    with pytest.raises(rules.NotAllowed, match="This link has ended"):
        sharing.take_link(link, by=mate)
    assert sharing.take_link(link, by=draft.requester) == draft, "it is theirs"
    assert (LinkGuest.objects.exists(), AuditEvent.objects.filter(action="link.taken").exists()) == (False, False)


def test_a_link_is_good_for_colleagues_who_are_signed_in_only(draft: TokenRequest) -> None:
    _, path = link_to(draft)
    people.create_person(by=None, username="outsider", email="outsider@example.com", password=arrange.PASSWORD)
    outsider = arrange.signed_in("outsider")
    assert [outsider.get(path).status_code, outsider.post(path).status_code] == [404, 404]
    assert Client().get(path)["Location"].startswith("/sign-in/?next=/drafts/link/")
    assert arrange.signed_in("auditor").get(path).status_code == 404
    assert arrange.signed_in("teammate").get("/drafts/link/wrong/").status_code == 404
    assert outsider.put(path).status_code == 405


def test_a_code_that_is_not_for_somebody_stands_in_no_log(draft: TokenRequest, caplog: pytest.LogCaptureFixture) -> None:
    _, path = link_to(draft)
    assert arrange.signed_in("auditor").post(path).status_code == 404
    code = path.split("/")[3]
    line = ScrubFormatter("{message}", style="{").format(caplog.records[-1])
    assert ("Not Found: /drafts/link/" in line, code in line) == (True, False)
    kept = AuditEvent.objects.filter(action="link.taken").values_list("outcome", "object_id", "reason", "details")
    assert (len(kept), code in str(list(kept))) == (1, False)


@pytest.mark.parametrize("how", ["revoked", "expired", "left the draft"])
def test_what_came_by_a_link_ends_with_it(draft: TokenRequest, how: str) -> None:
    link, path = link_to(draft, "editor", days=1)
    mate = arrange.signed_in("teammate")
    mate.post(path)
    assert mate.get(draft.get_absolute_url()).status_code == 200
    later = clock.now()
    if how == "revoked":
        web = arrange.signed_in("requester")
        for _ in range(2):
            assert web.post(f"/requests/{draft.pk}/links/{link.pk}/revoke/").status_code == 302
        assert AuditEvent.objects.filter(action="link.revoked").count() == 1
    elif how == "expired":
        later += timedelta(days=1)
    else:
        arrange.issue(draft)
    with clock.at(later):
        new = arrange.signed_in("approver")
        assert [new.get(path).status_code, new.post(path).status_code] == [404, 404]
        if how != "left the draft":
            mate = arrange.signed_in("teammate")
            assert mate.get(draft.get_absolute_url()).status_code == 404
            sent = {"revision": draft.working_copy.revision, "name": "late", "do": "save", "blocks": "1"}
            assert mate.post(draft.get_absolute_url(), sent).status_code == 404


def test_a_draft_is_handed_on_and_its_former_owner_stays_as_editor(draft: TokenRequest) -> None:
    share(draft, "teammate", "viewer")
    web, mate = arrange.signed_in("requester"), arrange.person("teammate")
    there = f"/requests/{draft.pk}/transfer/"
    page = web.get(there).content.decode()
    assert re.findall(r'<option value="[^"]+">(\w+)</option>', page) == ["admin", "teammate"]
    assert web.post(there, {"to": mate.pk})["Location"] == draft.get_absolute_url()
    draft = TokenRequest.objects.get(pk=draft.pk)
    assert (draft.requester, draft.working_copy.owner) == (mate, mate)
    assert [one[:2] for one in who(draft)] == [("teammate", "owner"), ("requester", "editor")]
    event = AuditEvent.objects.get(action="draft.transferred")
    shares = {name: pair for name, pair in event.changes.items() if name.endswith((".user", ".role"))}
    assert event.changes["requester"] == ["requester", "teammate"]
    assert shares == {
        "share.user": ["teammate", None], "share.role": ["viewer", None],
        "share 2.user": [None, "requester"], "share 2.role": [None, "editor"],
    }  # fmt: skip
    assert web.get(there).status_code == 403
    assert rules.may_share(mate, draft)


def test_a_draft_whose_token_somebody_else_will_own_keeps_that_owner(draft: TokenRequest) -> None:
    copy = draft.working_copy
    type(copy).objects.filter(pk=copy.pk).update(owner=arrange.person("admin"))
    sharing.transfer(draft, by=draft.requester, to=arrange.person("teammate"))
    assert TokenRequest.objects.get().working_copy.owner.username == "admin"


def test_a_draft_is_handed_to_requesters_of_its_team_only_and_by_its_owner_only(draft: TokenRequest) -> None:
    web, owner = arrange.signed_in("requester"), draft.requester
    for to in ("", arrange.person("approver").pk, "nonsense"):
        answer = web.post(f"/requests/{draft.pk}/transfer/", {"to": to})
        assert (answer.status_code, b"Choose a requester of its team" in answer.content) == (422, True)
    with pytest.raises(Invalid, match="approver is not an active requester in the team Platform"):
        sharing.transfer(draft, by=owner, to=arrange.person("approver"))
    old = TokenRequest.objects.get(pk=draft.pk)
    sharing.transfer(draft, by=owner, to=arrange.person("teammate"))
    with pytest.raises(rules.NotAllowed, match="Only the person who began this draft can share it"):
        sharing.transfer(old, by=owner, to=arrange.person("admin"))


def test_htmx_gets_the_dialog_and_a_browser_the_page(draft: TokenRequest) -> None:
    web = arrange.signed_in("requester")
    asked: Any = {"HX-Request": "true", "HX-Target": "sharing"}
    there = f"/requests/{draft.pk}/share/"
    posts = [
        (there, {"colleague": "teammate", "role": "viewer"}, "teammate"),
        (f"/requests/{draft.pk}/links/", {"role": "viewer", "days": "1"}, "Copy this link now"),
    ]
    assert "<html" in web.get(there).content.decode()
    assert "<html" not in web.get(there, headers=asked).content.decode()
    for path, fields, words in posts:
        answer = web.post(path, fields, headers=asked)
        assert (answer.status_code, b"<html" in answer.content, words in answer.content.decode()) == (200, False, True)


def test_drafts_are_searched_by_name_purpose_person_and_reference(draft: TokenRequest) -> None:
    theirs = arrange.draft(by="teammate", name="blog-cache")
    sharing.share(theirs, by=theirs.requester, colleague=draft.requester, role="viewer")
    web = arrange.signed_in("requester")

    def found(sought: str) -> list[str]:
        page = web.get("/drafts/", {"q": sought}, headers={"HX-Request": "true", "HX-Target": "found"}).content.decode()
        assert "<html" not in page
        return sorted(re.findall(r'class="name" href="[^"]+">([^<]+)<', page))

    assert found("SHOP") == ["shop-dns"]
    assert found("a test uses") == ["blog-cache", "shop-dns"]
    assert found("teammate") == ["blog-cache"]
    assert found(draft.reference.lower()) == ["shop-dns"]
    assert found("nothing of the kind") == []
    assert "No draft matches" in web.get("/drafts/?q=zzz").content.decode()


def test_many_shares_and_drafts_take_as_many_queries_as_few(draft: TokenRequest) -> None:
    web, mate = arrange.signed_in("requester"), arrange.signed_in("teammate")

    def queries(web: Client, path: str) -> int:
        web.get(path)
        with CaptureQueriesContext(database) as made:
            web.get(path)
        return len(made)

    paths = ((web, f"/requests/{draft.pk}/share/"), (mate, "/drafts/"))
    share(draft, "teammate")
    share(draft, "Platform")
    link_to(draft)
    few = [queries(*one) for one in paths]
    for number in range(8):
        name = f"colleague-{number}"
        people.create_person(by=None, username=name, email=f"{name}@example.com", password=arrange.PASSWORD)
        colleague = User.objects.get(username=name)
        people.set_membership(by=None, team=arrange.team("Web"), person=colleague, is_requester=True, is_approver=False)
        sharing.share(draft, by=draft.requester, colleague=colleague, role="viewer")
        link_to(draft)
        sharing.share(arrange.draft(), by=draft.requester, colleague=arrange.person("teammate"), role="viewer")
    assert [queries(*one) for one in paths] == few


@pytest.mark.parametrize("how", ["unshared", "lowered", "deactivated", "owner left"])
def test_a_lost_right_counts_from_the_next_request_on_also_on_an_open_page(draft: TokenRequest, how: str) -> None:
    """Beside the page that stands: what was typed stays there, and why it was not saved is said."""
    one, mate = share(draft, "teammate", "editor"), arrange.signed_in("teammate")
    here = draft.get_absolute_url()
    typed = {"revision": draft.working_copy.revision, "name": "typed", "blocks": "1"}
    asked: Any = {"HX-Request": "true", "HX-Target": "told"}
    assert mate.post(here, typed, headers=asked).status_code == 200
    revision = TokenRequest.objects.get().working_copy.revision
    admin = arrange.person("admin")
    if how == "unshared":
        sharing.unshare(one, by=draft.requester)
    elif how == "lowered":
        share(draft, "teammate", "commenter")
    elif how == "deactivated":
        people.set_active(arrange.person("teammate"), by=admin, active=False)
    else:
        for team in ("Platform", "Web"):
            people.remove_membership(draft.requester.memberships.get(team=arrange.team(team)), by=admin)
    answer = mate.post(here, {**typed, "name": "later", "revision": revision}, headers=asked)
    status = {"unshared": 404, "lowered": 403, "deactivated": 403, "owner left": 404}[how]
    assert (answer.status_code, answer["HX-Retarget"]) == (status, "#messages")
    assert TokenRequest.objects.get().working_copy.spec.name == "typed"
    again = {"unshared": 404, "lowered": 200, "deactivated": 302, "owner left": 404}[how]
    assert mate.get(here).status_code == again


def test_what_was_shared_is_taken_back_after_the_draft_is_left(draft: TokenRequest) -> None:
    people.create_person(by=None, username="webber", email="webber@example.com", password=arrange.PASSWORD)
    people.set_membership(
        by=None, team=arrange.team("Web"), person=arrange.person("webber"), is_requester=True, is_approver=False
    )  # fmt: skip
    one, (link, path) = share(draft, "webber", "editor"), link_to(draft)
    web, colleague = arrange.signed_in("requester"), arrange.signed_in("webber")
    colleague.post(path)
    arrange.issue(draft)
    here = draft.get_absolute_url()
    assert f'href="{here}share/" data-testid="to-shares"' in web.get(here).content.decode()
    page = web.get(f"{here}share/").content.decode()
    assert re.findall(r'action="(/requests/[^"]+)"', page) == [
        f"{here}share/{one.pk}/remove/", f"{here}links/{link.pk}/revoke/",
    ]  # fmt: skip
    assert re.findall(r'<span class="small">([^<]+)</span></li>', page) == ["Owns it", "Can view"]
    assert "Its team, auditors and admins can see it." in page
    assert colleague.get(here).status_code == 200
    assert web.post(f"{here}share/{one.pk}/remove/").status_code == 302
    assert colleague.get(here).status_code == 200, "the link is good yet"
    assert web.post(f"{here}links/{link.pk}/revoke/").status_code == 302
    assert colleague.get(here).status_code == 404
    page = web.get(f"{here}share/").content.decode()
    assert ("It is shared with nobody." in page, "By a link" in page) == (True, False)
    with pytest.raises(rules.NotAllowed, match="so it cannot be shared"):
        share(TokenRequest.objects.get(), "webber")


def test_a_discarded_draft_is_its_owners_alone(draft: TokenRequest) -> None:
    share(draft, "teammate", "editor")
    drafts.discard(draft, by=draft.requester)
    draft = TokenRequest.objects.get()
    assert arrange.signed_in("teammate").get(draft.get_absolute_url()).status_code == 404
    assert (who(draft), rules.draft_role(arrange.person("teammate"), draft)) == ([OWNER], rules.NOBODY)
    page = arrange.signed_in("requester").get(f"{draft.get_absolute_url()}share/").content.decode()
    assert ("This was discarded, so nobody else can see it" in page, "this share does not count" in page) == (True, False)


def test_an_owner_who_may_not_begin_drafts_any_more_still_takes_back_what_was_shared(draft: TokenRequest) -> None:
    one, web = share(draft, "teammate"), arrange.signed_in("requester")
    people.set_membership(
        by=arrange.person("admin"), team=arrange.team(), person=draft.requester, is_requester=False, is_approver=False
    )  # fmt: skip
    page = web.get(f"/requests/{draft.pk}/share/").content.decode()
    assert ("What you shared can be taken back." in page, 'data-testid="make-link"' in page) == (True, False)
    assert web.post(f"/requests/{draft.pk}/share/{one.pk}/remove/").status_code == 302
    assert who(draft) == [OWNER]


def test_a_link_that_has_ended_is_said_to_have_ended(draft: TokenRequest) -> None:
    link_to(draft, days=1)
    with clock.at(clock.now() + timedelta(days=2)):
        page = arrange.signed_in("requester").get(f"/requests/{draft.pk}/share/").content.decode()
    assert ("by requester; ended " in page, 'data-testid="revoke-link"' in page) == (True, False)

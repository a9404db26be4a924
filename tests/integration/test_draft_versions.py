"""Versions of a draft: made when a sitting ends and only where something changed, told in words, compared, restored."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tokenportal import clock, rules
from tokenportal.actions import commenting, drafts, guarding, restoring, sharing, versions
from tokenportal.models import AuditEvent, Status, TokenRequest, Version
from tokenportal.policy.spec import ClientIPs, Validity

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(portal: None) -> TokenRequest:
    """A draft of the requester's that a teammate may edit."""
    made = arrange.draft(name="shop-dns")
    sharing.share(made, by=made.requester, colleague=arrange.person("teammate"), role="editor")
    return made


def save(draft: TokenRequest, by: str = "requester", **changes: Any) -> TokenRequest:
    here = TokenRequest.objects.get(pk=draft.pk)
    copy = here.working_copy
    drafts.save(
        here, by=arrange.person(by), revision=copy.revision, spec=replace(copy.spec, **changes), connection=copy.connection,
        owner=copy.owner, backup_owner=copy.backup_owner,
    )  # fmt: skip
    return TokenRequest.objects.get(pk=draft.pk)


def made(draft: TokenRequest) -> list[tuple[int, str, str, str]]:
    found = draft.versions.order_by("number").select_related("made_by")
    return [(one.number, one.reason, one.made_by.username, one.spec.purpose) for one in found]


def later(minutes: int) -> Any:
    return clock.at(clock.now() + timedelta(minutes=minutes))


def test_when_somebody_else_saves_what_stood_there_becomes_a_version_of_who_wrote_it(draft: TokenRequest) -> None:
    save(draft, purpose="one")
    save(draft, purpose="two")
    assert made(draft) == []
    save(draft, by="teammate", purpose="three")
    assert made(draft) == [(1, "sitting", "requester", "two")]
    save(draft, by="teammate", purpose="four")
    save(draft, purpose="five")
    assert made(draft) == [(1, "sitting", "requester", "two"), (2, "sitting", "teammate", "four")]
    event = AuditEvent.objects.filter(action="draft.versioned").latest("number")
    assert (event.by_name, event.details["made_by"], event.changes["version"]) == ("requester", "teammate", [1, 2])
    here = TokenRequest.objects.get(pk=draft.pk)
    assert (here.version, here.digest, drafts.current_version(here)) == (2, "", None)


def test_a_draft_that_rests_for_ten_minutes_is_put_down_once_by_the_worker(draft: TokenRequest) -> None:
    save(draft, purpose="one")
    assert versions.put_down_rested() == 0
    with later(11):
        assert (versions.put_down_rested(), versions.put_down_rested()) == (1, 0)
        assert made(draft) == [(1, "sitting", "requester", "one")]
        save(draft, purpose="two")
        assert made(draft) == [(1, "sitting", "requester", "one")]
    with later(30):
        assert versions.put_down_rested() == 1
    assert [number for number, *_ in made(draft)] == [1, 2]


def test_a_sitting_that_nobody_put_down_is_when_the_next_begins(draft: TokenRequest) -> None:
    save(draft, purpose="one")
    with later(11):
        save(draft, purpose="two")
    assert made(draft) == [(1, "sitting", "requester", "one")]


def test_what_says_the_same_is_no_version(draft: TokenRequest) -> None:
    save(draft, purpose="one")
    with later(11):
        versions.put_down_rested()
        save(draft, purpose="two")
        save(draft, purpose="one")
    with later(30):
        assert versions.put_down_rested() == 0
    assert made(draft) == [(1, "sitting", "requester", "one")]


def test_the_summary_makes_a_version_that_can_be_agreed_to_once(draft: TokenRequest) -> None:
    checked = arrange.checked(draft)
    [version] = draft.versions.all()
    assert (version.reason, version.digest, checked.digest) == ("checked", checked.digest, version.digest)
    assert arrange.checked(checked).version == 1, "nothing changed"
    assert drafts.current_version(TokenRequest.objects.get(pk=draft.pk)) == version
    later_on = save(draft, purpose="another")
    assert drafts.current_version(later_on) is None
    assert arrange.checked(later_on).version == 2


def test_what_somebody_else_wrote_is_theirs_when_the_summary_is_opened(draft: TokenRequest) -> None:
    arrange.checked(draft)
    checked = arrange.checked(save(draft, by="teammate", purpose="theirs"))
    assert made(draft) == [
        (1, "checked", "requester", "A test uses it."), (2, "sitting", "teammate", "theirs"), (3, "checked", "requester", "theirs"),
    ]  # fmt: skip
    events = AuditEvent.objects.filter(trail=draft.pk).order_by("-number")[:2]
    assert [(one.action, one.by_name, one.details.get("made_by")) for one in events] == [
        ("draft.checked", "requester", None), ("draft.versioned", "requester", "teammate"),
    ]  # fmt: skip
    assert drafts.current_version(checked) == checked.versions.get(number=3)
    back = arrange.checked(save(save(checked, by="teammate", purpose="other"), by="teammate", purpose="theirs"))
    assert (back.version, drafts.current_version(back)) == (3, checked.versions.get(number=3)), "they say the same"


def test_an_editor_does_not_approve_what_the_requester_put_down_for_them(draft: TokenRequest) -> None:
    sharing.share(draft, by=draft.requester, colleague=arrange.person("approver"), role="editor")
    sent = arrange.sent(save(draft, by="approver", purpose="theirs"))
    verdict = rules.may_approve(arrange.person("approver"), sent, guarding.live_review(sent))
    assert verdict.sentence == "You edited this, or what it is a copy of, so somebody else must approve it."


def test_what_is_not_complete_is_a_version_too(draft: TokenRequest) -> None:
    save(draft, name="", client_ips=ClientIPs(allow=("nonsense",)))
    with later(11):
        assert versions.put_down_rested() == 1
    version = draft.versions.get()
    assert (version.digest, version.spec.client_ips.allow) == ("", ("nonsense",))
    page = arrange.signed_in("requester").get(f"/requests/{draft.pk}/versions/")
    assert page.status_code == 200


def test_an_earlier_version_is_restored_as_the_newest_and_nothing_is_lost(draft: TokenRequest) -> None:
    save(draft, purpose="one")
    save(draft, by="teammate", purpose="two")
    web = arrange.signed_in("teammate")
    there = f"/requests/{draft.pk}/versions/1/restore/"
    page = web.get(there).content.decode()
    [revision] = re.findall(r'name="revision" value="(\d+)"', page)
    assert "Restore version 1?" in page
    assert web.post(there, {"revision": revision})["Location"] == f"/requests/{draft.pk}/versions/"
    assert made(draft) == [
        (1, "sitting", "requester", "one"),
        (2, "sitting", "teammate", "two"),
        (3, "restored", "teammate", "one"),
    ]
    here = TokenRequest.objects.get(pk=draft.pk)
    assert (here.working_copy.spec.purpose, here.version, here.versions.get(number=3).restored) == ("one", 3, 1)
    event = AuditEvent.objects.get(action="draft.restored")
    assert (event.by_name, event.details["restored"]) == ("teammate", 1)
    assert "The draft says just that already." in web.get(there).content.decode()
    assert web.post(there, {"revision": here.working_copy.revision}).status_code == 302
    assert len(made(draft)) == 3


def test_a_page_that_was_open_before_a_restoration_still_finds_what_it_began_with(draft: TokenRequest) -> None:
    save(draft, purpose="one")
    open_page = save(draft, by="teammate", purpose="two")
    restoring.restore(draft.versions.get(), by=draft.requester, revision=open_page.working_copy.revision)
    typed = {"revision": open_page.working_copy.revision, "name": "typed", "purpose": "two", "blocks": "1", "do": "save"}
    answer = arrange.signed_in("teammate").post(draft.get_absolute_url(), typed)
    here = TokenRequest.objects.get(pk=draft.pk).working_copy.spec
    assert (answer.status_code, here.name, here.purpose) == (302, "typed", "one")


def test_a_restoration_of_what_somebody_changed_meanwhile_is_told_and_not_done(draft: TokenRequest) -> None:
    save(draft, purpose="one")
    moved = save(draft, by="teammate", purpose="two")
    answer = arrange.signed_in("requester").post(f"/requests/{draft.pk}/versions/1/restore/", {"revision": 1})
    page = answer.content.decode()
    assert (answer.status_code, "teammate saved this draft in the meantime" in page) == (409, True)
    assert TokenRequest.objects.get(pk=draft.pk).working_copy.revision == moved.working_copy.revision


def test_those_who_only_look_restore_nothing_and_others_find_nothing(draft: TokenRequest) -> None:
    save(draft, purpose="one")
    save(draft, by="teammate", purpose="two")
    sharing.share(draft, by=draft.requester, colleague=arrange.person("approver"), role="viewer")
    web = arrange.signed_in("approver")
    here = f"/requests/{draft.pk}/versions/"
    assert 'data-testid="restore-1"' not in web.get(here).content.decode()
    assert [web.get(f"{here}1/restore/").status_code, web.post(f"{here}1/restore/").status_code] == [403, 403]
    with pytest.raises(rules.NotAllowed):
        restoring.restore(draft.versions.get(), by=arrange.person("approver"), revision=3)
    outsider = arrange.signed_in("auditor")
    assert [outsider.get(here).status_code, outsider.post(f"{here}1/restore/").status_code] == [404, 404]
    owner = arrange.signed_in("requester")
    assert [owner.get(f"{here}9/restore/").status_code, owner.get(f"{here}?from=1&to=9").status_code] == [404, 404]
    assert [owner.post(here).status_code, owner.put(f"{here}1/restore/").status_code] == [405, 405]


def test_the_page_says_what_each_version_changed_and_compares_any_two(draft: TokenRequest) -> None:
    save(draft, purpose="one", validity=Validity(days=30))
    save(draft, by="teammate", purpose="one", validity=Validity(days=90))
    save(draft, name="another")
    web = arrange.signed_in("requester")
    page = web.get(f"/requests/{draft.pk}/versions/").content.decode()
    rows = re.findall(r'data-testid="version-(\w+)"', page)
    assert rows == ["now", "2", "1"]
    assert ("The first version." in page, "60 days" in page or "90 days" in page) == (True, True)
    compared = web.get(f"/requests/{draft.pk}/versions/?from=1&to=now").content.decode()
    assert 'data-testid="compared"' in compared
    assert "another" in compared
    same = web.get(f"/requests/{draft.pk}/versions/?from=1&to=1").content.decode()
    assert "Both say the same." in same


def test_two_states_are_chosen_also_where_the_draft_says_what_its_newest_version_says(draft: TokenRequest) -> None:
    save(draft, purpose="one")
    arrange.checked(TokenRequest.objects.get(pk=draft.pk))
    save(draft, purpose="two")
    arrange.checked(TokenRequest.objects.get(pk=draft.pk))
    page = arrange.signed_in("requester").get(f"/requests/{draft.pk}/versions/?from=1&to=now").content.decode()
    chosen = re.findall(r'name="(from|to)" value="(\w+)" checked', page)
    assert chosen == [("to", "2"), ("from", "1")]


def test_versions_can_be_read_of_what_became_a_token(draft: TokenRequest) -> None:
    assert arrange.issue(draft)
    web = arrange.signed_in("auditor")
    page = web.get(f"/requests/{draft.pk}/versions/").content.decode()
    assert ('data-testid="version-1"' in page, "restore-1" in page) == (True, False)
    assert 'data-testid="to-versions"' in web.get(draft.get_absolute_url()).content.decode()
    assert web.get(f"/requests/{draft.pk}/versions/?from=1&to=now").status_code == 404
    assert TokenRequest.objects.get(pk=draft.pk).status == Status.ISSUED


def test_two_hundred_versions_and_a_hundred_comments_open_with_as_many_queries_as_two(draft: TokenRequest) -> None:
    web = arrange.signed_in("requester")

    def queries(web: Client, path: str) -> int:
        web.get(path)
        with CaptureQueriesContext(database) as asked:
            assert web.get(path).status_code == 200
        return len(asked)

    save(draft, purpose="one")
    save(draft, by="teammate", purpose="two")
    save(draft, purpose="three")
    paths = (f"/requests/{draft.pk}/versions/", draft.get_absolute_url(), f"/requests/{draft.pk}/comments/")
    commenting.comment(draft, by=draft.requester, text="A remark", section="connection")
    few = [queries(web, path) for path in paths]
    for number in range(100):
        save(draft, by="teammate", purpose=f"theirs {number}")
        save(draft, purpose=f"mine {number}")
        commenting.comment(draft, by=draft.requester, text=f"Remark {number}", section="purpose")
    assert (Version.objects.filter(token_request=draft).count(), draft.comments.count()) == (202, 101)
    assert [queries(web, path) for path in paths] == few
    page = web.get(paths[0]).content.decode()
    older = re.findall(r'data-testid="older"', page)
    assert (len(re.findall(r'data-testid="version-\w+"', page)), len(older)) == (25, 1)
    assert queries(web, f"{paths[0]}?before=50") <= few[0] + 1


def test_every_version_stands_on_one_page_and_can_be_restored_from_it(draft: TokenRequest) -> None:
    web = arrange.signed_in("requester")
    for number in range(14):
        save(draft, by="teammate", purpose=f"theirs {number}")
        save(draft, purpose=f"mine {number}")
    newest = TokenRequest.objects.get(pk=draft.pk).version
    address, pages = f"/requests/{draft.pk}/versions/", []
    found: re.Match[str] | None = re.match("", "")
    while found:
        pages.append(web.get(address + (found[1] if found.re.groups else "")).content.decode())
        found = re.search(r'href="[^"?]*(\?before=\d+)" data-testid="older"', pages[-1])
    shown = [re.findall(r'data-testid="version-(\w+)"', page) for page in pages]
    assert [key for page in shown for key in page] == ["now", *map(str, range(newest, 0, -1))]
    assert [len(page) for page in shown] == [25, newest - 24]
    offered = [re.findall(r'data-testid="restore-(\d+)"', page) for page in pages]
    assert [number for page in offered for number in page] == list(map(str, range(newest, 0, -1)))

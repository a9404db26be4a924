"""Handing a draft on is a save like any other: who owns the token from then on, and who had been behind, finds it so."""

import re
from dataclasses import replace
from typing import Any

import pytest

from tests import arrange
from tests.integration.test_every_choice import Form
from tokenportal import rules
from tokenportal.actions import changing, drafts, issuing, sharing
from tokenportal.actions.invalid import Invalid
from tokenportal.models import AuditEvent, Token, TokenRequest, Version

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(portal: None) -> TokenRequest:
    return arrange.draft(name="shop-dns")


@pytest.fixture
def change(draft: TokenRequest) -> TokenRequest:
    """A change of a token that the requester owns, with the admin as its back-up owner."""
    saved(draft, backup_owner=arrange.person("admin"))
    issued = arrange.issue(fresh(draft))
    assert issued
    return fresh(changing.begin_edit(issued.token, by=draft.requester))


def fresh(draft: TokenRequest) -> TokenRequest:
    return TokenRequest.objects.get(pk=draft.pk)


def saved(draft: TokenRequest, by: str = "requester", **wanted: Any) -> None:
    here = fresh(draft)
    copy = here.working_copy
    beside = {name: wanted.pop(name, getattr(copy, name)) for name in ("connection", "owner", "backup_owner")}
    drafts.save(here, by=arrange.person(by), revision=copy.revision, spec=replace(copy.spec, **wanted), **beside)


def hand_on(draft: TokenRequest, to: str = "teammate") -> TokenRequest:
    here = fresh(draft)
    sharing.transfer(here, by=here.requester, to=arrange.person(to))
    return fresh(draft)


def owners(draft: TokenRequest) -> tuple[str, str]:
    copy = fresh(draft).working_copy
    return str(copy.owner), str(copy.backup_owner or "")


def test_a_page_that_was_open_while_a_draft_was_handed_on_does_not_give_it_back(draft: TokenRequest) -> None:
    sharing.share(draft, by=draft.requester, colleague=arrange.person("approver"), role="editor")
    page = Form.__new__(Form)
    page.client, page.url = arrange.signed_in("approver"), draft.get_absolute_url()
    page.load()
    shown = {**page.fields, "owner": str(draft.working_copy.owner_id)}
    hand_on(draft)
    answer = page.client.post(page.url, {**shown, "name": "renamed", "do": "save"})
    assert (answer.status_code, owners(draft), fresh(draft).working_copy.name) == (302, ("teammate", ""), "renamed")
    told = "Saved together with the changes of requester: Owner."
    assert told in page.client.get(answer["Location"]).content.decode()


def test_what_was_agreed_to_before_a_draft_was_handed_on_is_looked_at_again(draft: TokenRequest, monkeypatch: Any) -> None:
    monkeypatch.setattr(issuing, "DURABLE", False)
    ready = arrange.checked(draft)
    handed = hand_on(ready)
    assert drafts.current_version(handed) is None
    web = arrange.signed_in("teammate")
    assert web.post(f"/requests/{draft.pk}/create/", arrange.confirming(ready)).status_code == 409
    assert web.post(f"/requests/{draft.pk}/create/", arrange.confirming(arrange.checked(handed))).status_code == 200
    assert Token.objects.get(token_request=draft).owner == arrange.person("teammate")


def test_a_back_up_owner_who_becomes_the_owner_is_no_longer_their_own_back_up(draft: TokenRequest) -> None:
    saved(draft, backup_owner=arrange.person("teammate"))
    hand_on(draft)
    assert owners(draft) == ("teammate", "")


def test_another_back_up_owner_stays_when_a_draft_is_handed_on(draft: TokenRequest) -> None:
    saved(draft, backup_owner=arrange.person("admin"))
    handed = hand_on(draft)
    assert owners(draft) == ("teammate", "admin")
    sharing.transfer(handed, by=handed.requester, to=arrange.person("requester"))
    assert (handed.requester, handed.working_copy.owner) == (draft.requester, draft.requester), "as whoever called has it"


def test_what_an_editor_wrote_before_a_draft_was_handed_on_is_a_version_of_theirs(draft: TokenRequest) -> None:
    sharing.share(draft, by=draft.requester, colleague=arrange.person("approver"), role="editor")
    saved(draft, by="approver", purpose="Theirs.")
    hand_on(draft)
    arrange.checked(fresh(draft))
    made = Version.objects.filter(token_request=draft).order_by("number")
    assert [(str(one.made_by), one.spec.purpose, str(one.owner)) for one in made][1] == ("approver", "Theirs.", "requester")


def test_a_change_that_is_handed_on_leaves_the_token_to_its_owner(change: TokenRequest) -> None:
    revision = change.working_copy.revision
    handed = hand_on(change, "admin")
    assert (str(handed.requester), owners(change), handed.working_copy.revision) == ("admin", ("requester", "admin"), revision)


def test_a_change_is_handed_to_those_who_could_confirm_it_only(change: TokenRequest) -> None:
    page = arrange.signed_in("requester").get(f"/requests/{change.pk}/transfer/").content.decode()
    assert re.findall(r'<option value="[^"]+">(\w+)</option>', page) == ["admin"]
    assert "Those who answer for the token and can ask for tokens in the team Platform." in page
    with pytest.raises(Invalid, match="teammate is not an active requester in the team Platform who answers for the token"):
        hand_on(change)
    assert fresh(change).requester == change.requester


def test_a_former_owner_whose_page_is_behind_gives_nothing_away(draft: TokenRequest) -> None:
    given = sharing.share(draft, by=draft.requester, colleague=arrange.person("approver"), role="viewer")
    link, _ = sharing.make_link(draft, by=draft.requester, role="viewer", days=1)
    old, by = fresh(draft), draft.requester
    given.token_request = link.token_request = old
    hand_on(draft)
    before = AuditEvent.objects.count()
    for deed in (
        lambda: sharing.share(old, by=by, colleague=arrange.person("admin"), role="editor"),
        lambda: sharing.make_link(old, by=by, role="editor", days=30),
        lambda: sharing.unshare(given, by=by),
        lambda: sharing.revoke_link(link, by=by),
    ):
        with pytest.raises(
            rules.NotAllowed, match=r"Only the person who began this draft can (share it|take back what was shared of it)"
        ):
            deed()
    shared = [(str(one.user), one.role) for one in draft.shares.all()]
    assert (shared, draft.links.get().revoked_at) == ([("approver", "viewer"), ("requester", "editor")], None)
    assert AuditEvent.objects.count() == before

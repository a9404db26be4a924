"""Drafts through their pages: shared, taken back, discarded, reopened, and what stands between one and a token."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from tests import arrange
from tokenportal import clock, rules
from tokenportal.actions import drafts, issuing, people, settling, sharing, standing
from tokenportal.models import AuditEvent, Share, Status, TokenRequest

pytestmark = pytest.mark.django_db


def fresh(token_request: TokenRequest) -> TokenRequest:
    return TokenRequest.objects.get(pk=token_request.pk)


def failed() -> TokenRequest:
    call_command("sandbox_fault", "forbidden", method="POST")
    draft = arrange.draft()
    assert arrange.issue(draft) is None
    assert fresh(draft).status == Status.FAILED
    return fresh(draft)


def test_a_colleague_sees_a_shared_draft_edits_it_with_the_right_to_and_never_creates_it(portal: None) -> None:
    draft = arrange.checked(arrange.draft())
    here, web, colleague = f"/requests/{draft.pk}/", arrange.signed_in("requester"), arrange.signed_in("teammate")
    assert colleague.get(here).status_code == 404
    for role, status in (("viewer", 403), ("editor", 302)):
        assert web.post(f"{here}share/", {"colleague": "Teammate", "role": role}).status_code == 302
        assert colleague.get(here).status_code == 200
        sent = {"revision": draft.working_copy.revision, "name": role, "blocks": "1", "do": "save"}
        assert colleague.post(here, sent).status_code == status
    assert colleague.post(f"{here}create/", arrange.confirming(draft)).status_code in (403, 409)
    assert fresh(draft).status == Status.DRAFT
    share = Share.objects.get()
    assert web.post(f"{here}share/{share.pk}/remove/").status_code == 302
    assert colleague.get(here).status_code == 404
    assert list(AuditEvent.objects.filter(action__startswith="draft.", outcome="done").order_by("number").values_list("action", flat=True))[-3:] == [
        "draft.shared", "draft.shared", "draft.unshared",
    ]  # fmt: skip


def test_a_draft_is_shared_with_nobody_outside_the_teams(portal: None) -> None:
    draft = arrange.draft()
    people.create_person(by=None, username="outsider", email="outsider@example.com", password=arrange.PASSWORD)
    answer = arrange.signed_in("requester").post(f"/requests/{draft.pk}/share/", {"colleague": "outsider", "role": "viewer"})
    assert (answer.status_code, Share.objects.exists()) == (422, False)


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_a_share_ends_with_the_last_team_that_the_two_have_in_common(portal: None, role: str) -> None:
    draft = arrange.draft()
    admin, mate = arrange.person("admin"), arrange.person("teammate")
    sharing.share(draft, by=draft.requester, colleague=mate, role=role)
    here, web, colleague = f"/requests/{draft.pk}/", arrange.signed_in("requester"), arrange.signed_in("teammate")
    people.set_membership(by=admin, team=arrange.team("Web"), person=mate, is_requester=True, is_approver=False)
    people.set_membership(by=admin, team=arrange.team("Web"), person=draft.requester, is_requester=False, is_approver=False)
    people.remove_membership(mate.memberships.get(team=arrange.team()), by=admin)
    assert colleague.get(here).status_code == 200, "they are in another team together"
    assert bool(rules.may_edit(mate, draft)) is (role == "editor")
    for one in mate.memberships.all():
        people.remove_membership(one, by=admin)
    assert colleague.get(here).status_code == 404
    assert colleague.post(here, {"revision": draft.working_copy.revision, "do": "save"}).status_code == 404
    assert not rules.may_edit(mate, draft)
    assert draft.get_absolute_url() not in colleague.get("/drafts/").content.decode()
    assert "so this share does not count" in web.get(f"{here}share/").content.decode()
    people.set_membership(by=admin, team=arrange.team(), person=mate, is_requester=False, is_approver=False)
    assert colleague.get(here).status_code == 200
    assert "so this share does not count" not in web.get(f"{here}share/").content.decode()


def test_a_draft_is_discarded_after_a_question_and_comes_not_back(portal: None) -> None:
    draft = arrange.draft()
    web, here = arrange.signed_in("requester"), f"/requests/{draft.pk}/"
    assert web.get(f"{here}discard/").status_code == 200
    assert web.post(f"{here}discard/").status_code == 302
    assert fresh(draft).status == Status.DISCARDED
    for what in ("discard/", "share/", "reopen/"):
        assert web.post(here + what).status_code == 403, what


def test_what_was_not_created_is_changed_and_tried_again_or_discarded(portal: None) -> None:
    one, web = failed(), arrange.signed_in("requester")
    assert web.post(f"/requests/{one.pk}/reopen/").status_code == 302
    assert fresh(one).status == Status.DRAFT
    with pytest.raises(issuing.TooSoon, match="could still appear"):
        arrange.issue(fresh(one))
    with clock.at(clock.now() + timedelta(minutes=3)):
        assert arrange.issue(fresh(one))
    two = failed()
    stale = fresh(two)
    drafts.discard(two, by=two.requester)
    with pytest.raises(rules.NotAllowed, match="changed in the meantime"):
        drafts.reopen(stale, by=stale.requester)
    assert fresh(two).status == Status.DISCARDED


def test_only_its_requester_shares_discards_and_reopens(portal: None) -> None:
    one, teammate = failed(), arrange.person("teammate")
    for verdict in (
        rules.may_share(teammate, one), rules.may_discard(teammate, one), rules.may_reopen(teammate, one),
        rules.may_issue(teammate, one), rules.may_look_up(teammate, one), rules.may_edit(teammate, one),
    ):  # fmt: skip
        assert not verdict
        assert verdict.sentence.endswith(".")
    assert not rules.may_reopen(one.requester, arrange.draft())
    assert not rules.may_deactivate(teammate, one.requester)


def test_what_stands_between_a_draft_and_a_token_is_said(portal: None) -> None:
    draft = arrange.draft()
    copy = draft.working_copy
    copy.connection = None
    assert [problem.field for problem in standing.of(copy).problems] == ["connection"]
    copy.connection = arrange.connection()
    copy.connection.is_active = False
    assert "is switched off" in standing.of(copy).problems[0].sentence
    copy.connection = arrange.connection()
    people.set_active(arrange.person("teammate"), by=arrange.person("admin"), active=False)
    copy.owner = arrange.person("teammate")
    assert [problem.sentence for problem in standing.of(copy).problems] == ["teammate is deactivated. Choose another owner."]
    with pytest.raises(drafts.Stale):
        drafts.check(draft, by=draft.requester, revision=copy.revision + 1)
    empty = arrange.draft()
    saved = drafts.save(
        empty, by=empty.requester, revision=empty.working_copy.revision, spec=replace(empty.working_copy.spec, name=""),
        connection=arrange.connection(), owner=empty.requester, backup_owner=None,
    )  # fmt: skip
    with pytest.raises(drafts.NotReady):
        drafts.check(empty, by=empty.requester, revision=saved.revision)


def uncertain() -> TokenRequest:
    call_command("sandbox_fault", "drop", method="POST")
    draft = arrange.draft()
    assert arrange.issue(draft) is None
    return fresh(draft)


def test_the_list_begins_with_what_waits_on_its_reader(portal: None) -> None:
    arrange.sent(arrange.draft("wordpress", name="asked"))
    arrange.approved(arrange.draft("wordpress", name="agreed"))
    arrange.draft(name="thought")
    page = arrange.signed_in("requester").get("/drafts/").content.decode()
    heads = re.findall(r'<h2 id="[^"]+">([^<]+)</h2>(.*?)</section>', page, re.DOTALL)
    assert [(head, re.findall(r'class="name" href="[^"]+">([^<]+)<', rows)) for head, rows in heads] == [
        ("Your turn", ["agreed"]), ("My drafts", ["thought"]), ("Waiting on others", ["asked"]),
    ]  # fmt: skip


def test_a_look_up_that_gets_no_answer_says_that_nothing_is_known(portal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    one: Any = uncertain()
    call_command("sandbox_fault", "html", method="GET")
    assert settling.look_up(one).sentence.startswith("Cloudflare could not be asked, so nothing is known yet.")
    monkeypatch.setattr("tokenportal.cloudflare.client.MAX_PAGES", 0)
    assert "could not be read to its end" in settling.look_up(fresh(one)).sentence
    assert fresh(one).status == Status.UNCERTAIN


def test_a_token_that_was_widened_meanwhile_is_an_alarm_once_and_not_adopted(portal: None) -> None:
    one = uncertain()
    call_command("sandbox_alter", "widen", "a-token")
    for _ in range(2):
        call_command("settle_tokens")
    assert (fresh(one).status, fresh(one).alarm[:40]) == (Status.UNCERTAIN, "A token with this request's reference ex")
    assert AuditEvent.objects.filter(action="token.alarm", trail=one.pk).count() == 1
    assert settling.look_up(failed()).sentence == "There is nothing to look up: this request has been settled."


def test_who_cannot_ask_for_tokens_is_told_so_where_drafts_would_stand_and_offered_none(portal: None) -> None:
    sentence = rules.may_start(arrange.person("auditor")).sentence
    page = arrange.signed_in("auditor").get("/drafts/").content.decode()
    assert (bool(sentence), sentence in page, 'href="/templates/"' in page) == (True, True, False)
    assert arrange.signed_in("teammate").get("/drafts/").content.decode().count('href="/templates/"') == 2

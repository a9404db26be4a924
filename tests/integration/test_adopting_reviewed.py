"""A token that holds a lot is adopted only once others have approved just what it holds; Cloudflare is told nothing of it."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django import db as database
from django.conf import settings as configured
from django.core.management import call_command
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tests.integration.test_adopting import wanted
from tests.integration.test_approvals import another_approver, other_rule
from tests.integration.test_inventory import at_sandbox, found_outside, fresh, sync
from tokenportal import audit, clock, rules
from tokenportal.actions import adopting, connections, drafts, holdings, mailing, people, reviewing, sharing, syncing
from tokenportal.actions.invalid import Invalid
from tokenportal.actions.issuing import AlreadyUnderWay, Changed
from tokenportal.audit import Event
from tokenportal.models import AuditEvent, MovedMeanwhile, Review, Status, Team, Token, TokenRequest, User, WorkingCopy
from tokenportal.sandbox.transport import SandboxAdapter
from tokenportal.upstream import client as upstream_client

pytestmark = pytest.mark.django_db

ZONE_READ = "c8fed203ed3043cba015a93ad1616f1f"
WHY = "It empties the caches after each release."


@pytest.fixture
def calls(portal: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods of all that leaves for Cloudflare from now on."""
    made: list[str] = []
    send = SandboxAdapter.send

    def noting(self: Any, request: Any, *args: Any, **options: Any) -> Any:
        made.append(request.method)
        return send(self, request, *args, **options)

    monkeypatch.setattr(SandboxAdapter, "send", noting)
    return made


def outside(template: str = "wordpress", name: str = "old deploy", through: str = "Acme production") -> Token:
    """A token that somebody made past the portal, with what a template grants, and that a reading has found."""
    body = arrange.checked(arrange.draft(template, through=through)).versions.get().payload
    upstream_client(arrange.connection(through)).create_token({**body, "name": name})
    syncing.sync(arrange.connection(through))
    return Token.objects.get(name=name)


def ask(token: Token, **changes: Any) -> TokenRequest | None:
    """As the form does, by an admin."""
    return adopting.adopt(
        token,
        **{
            "by": arrange.person("admin"), "team": arrange.team(), "owner": arrange.person("requester"), "backup_owner": None,
            "purpose": "The old deploy job.", "reason": WHY, "seen": adopting.mark(token), **changes,
        },
    )  # fmt: skip


def asked(token: Token, **changes: Any) -> TokenRequest:
    found = ask(token, **changes)
    assert found is not None
    return again(found)


def again(token_request: TokenRequest) -> TokenRequest:
    return TokenRequest.objects.get(pk=token_request.pk)


def approve(token_request: TokenRequest, by: str = "approver") -> None:
    here = again(token_request)
    reviewing.approve(here, by=arrange.person(by), **arrange.answering(here))


def approved(token: Token, **changes: Any) -> TokenRequest:
    token_request = asked(token, **changes)
    approve(token_request)
    return again(token_request)


def confirm(token_request: TokenRequest, **changes: Any) -> Token:
    here = again(token_request)
    return adopting.carry_out(here, by=here.requester, **{**arrange.confirming(here), **changes})


def send_back(token_request: TokenRequest, comment: str = "Name a back-up owner.") -> None:
    here = again(token_request)
    reviewing.request_changes(here, by=arrange.person("approver"), comment=comment, **arrange.answering(here))


def second_admin() -> User:
    person, _ = people.create_person(
        by=None, username="second", email="second@example.com", password=arrange.PASSWORD, is_admin=True
    )
    return person


def page(who: str, address: str) -> str:
    answer = arrange.signed_in(who).get(address)
    assert answer.status_code == 200, answer
    return unescape(answer.content.decode())


def plain(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def state(token_request: TokenRequest) -> str:
    return again(token_request).status


# From the form to the end


def test_what_holds_a_lot_is_adopted_after_somebody_else_approved_it(calls: list[str]) -> None:
    token, web = outside(), arrange.signed_in("admin")
    calls.clear()
    answer = web.post(f"/tokens/{token.pk}/adopt/", wanted(token, reason=WHY))
    token_request = TokenRequest.objects.get(kind="adopt")
    here = f"/requests/{token_request.pk}/"
    assert (answer.status_code, answer["Location"]) == (302, f"{here}review/")
    assert (token_request.status, token_request.digest, token_request.reason) == ("in_review", adopting.mark(token), WHY)
    assert (token_request.versions.get().payload, fresh(token).team) == (token.body, None)
    answer = arrange.signed_in("approver").post(f"{here}review/approve/", arrange.answering(token_request))
    assert (answer.status_code, state(token_request)) == (302, "approved")
    shown = unescape(web.get(f"{here}summary/").content.decode())
    assert "Check this adoption" in shown
    assert re.findall(r'data-testid="create">([^<]+)<', shown) == ["Adopt it"]
    answer = web.post(f"{here}create/", arrange.confirming(token_request))
    assert (answer.status_code, answer["Location"]) == (302, token.get_absolute_url())
    assert "Platform answers for it now. Its secret is the same." in web.get(answer["Location"]).content.decode()
    assert calls == []
    seen, done = fresh(token), again(token_request)
    assert (str(seen.team), str(seen.owner), seen.backup_owner, seen.purpose, seen.approved, seen.token_request) == (
        "Platform", "requester", None, "The old deploy job.", token.body, None,
    )  # fmt: skip
    assert (done.status, done.cloudflare_id, done.state_label, done.result) == ("issued", token.cloudflare_id, "Adopted", token)
    told = AuditEvent.objects.filter(trail=token_request.pk).order_by("number").values_list("action", "by_name", "digest")
    mark = adopting.mark(token)
    assert list(told) == [
        ("draft.started", "admin", ""), ("draft.versioned", "admin", mark), ("review.sent", "admin", mark),
        ("review.approved", "approver", mark), ("token.taken_over", "admin", mark),
    ]  # fmt: skip
    event = AuditEvent.objects.get(action="token.taken_over")
    assert (event.object_id, event.changes["team"], event.reason, event.details) == (
        str(token.pk), [None, "Platform"], WHY, {"version": 1},
    )  # fmt: skip
    sync()
    assert fresh(token).drifted is False


def test_who_agreed_and_who_approved_is_known_of_the_token_afterwards(portal: None) -> None:
    token = outside()
    confirm(approved(token))
    agreed = next(one for one in holdings.holdings(Token.objects.filter(pk=token.pk))).agreed
    assert agreed
    assert (agreed.by, agreed.how, agreed.version, agreed.digest, agreed.approved_by) == (
        "admin", "adopted", 1, adopting.mark(token), ("approver",),
    )  # fmt: skip
    life = plain(page("requester", token.get_absolute_url()))
    for words in ("Sent for review by admin", "Approved version 1 by approver", "Adopted by admin"):
        assert words in life
    done = page("admin", f"/requests/{TokenRequest.objects.get(kind='adopt').pk}/")
    assert 'data-state="issued"' in done
    assert "The token was adopted" in done
    assert "Platform answers for it. Its secret stayed the same." in done
    review = re.findall(r'href="(/requests/[^"]+/review/)"', done)
    assert "Its review is over. See how it went on" in plain(page("approver", *review))


def test_the_form_says_beforehand_what_the_rules_ask_for(portal: None) -> None:
    shown = page("admin", f"/tokens/{outside().pk}/adopt/")
    assert re.findall(r'data-rule="([^"]+)"', shown) == ["all-zones"]
    words = plain(shown)
    assert (
        "Say why it is needed, or name the ticket. One person among the team’s approvers and the admins must approve it. "
        "The rule “More than reading on all zones of an account” says so"
    ) in words
    assert "Nothing is adopted yet. Once it is approved, you adopt it." in words
    assert re.findall(r'data-testid="adopt">([^<]+)<', shown) == ["Send for review"]


def test_what_no_rule_asks_approval_for_is_adopted_at_once(portal: None) -> None:
    token = found_outside()
    shown = page("admin", f"/tokens/{token.pk}/adopt/")
    assert "Asked of new tokens only: It must end within 366 days." in plain(shown)
    assert 'name="reason"' not in shown
    assert re.findall(r'data-testid="adopt">([^<]+)<', shown) == ["Adopt it"]
    assert ask(token, reason="") is None
    assert (fresh(token).is_managed, TokenRequest.objects.filter(kind="adopt").count()) == (True, 0)


def test_a_reason_that_a_rule_asks_for_stands_in_the_log_where_nobody_need_approve(portal: None) -> None:
    token, web = found_outside(), arrange.signed_in("admin")
    other_rule("Why", when={}, then={"reason": True})
    here = f"/tokens/{token.pk}/adopt/"
    answer = web.post(here, wanted(token, purpose="kept as typed"))
    shown = unescape(answer.content.decode())
    assert (answer.status_code, fresh(token).team) == (422, None)
    assert shown.count("Say why it is needed, or name the ticket.") == 3
    assert "kept as typed" in shown
    assert web.post(here, wanted(token, reason="OPS-31")).status_code == 302
    assert AuditEvent.objects.get(action="token.taken_over").reason == "OPS-31"


@pytest.mark.parametrize("reason", ["turned \u202e round", "with a \x00 in it"])
def test_a_reason_that_nobody_can_read_is_not_taken(portal: None, reason: str) -> None:
    token = outside()
    answer = arrange.signed_in("admin").post(f"/tokens/{token.pk}/adopt/", wanted(token, reason=reason))
    assert (answer.status_code, TokenRequest.objects.filter(kind="adopt").count()) == (422, 0)
    with pytest.raises(Invalid):
        ask(token, reason=reason)


def test_a_rule_for_one_team_is_told_for_that_team_and_asked_of_it(portal: None) -> None:
    other_rule("Web looks first", when={"teams": [str(arrange.team("Web").pk)]}, then={"approvals": 1})
    token = found_outside()
    shown = page("admin", f"/tokens/{token.pk}/adopt/")
    assert "For Web: One person among the team’s approvers and the admins must approve it." in plain(shown)
    assert (
        "Where a rule asks for approvals in the team that you choose, or you ask somebody by name, it is sent for review first."
        in shown
    )
    assert re.findall(r'data-testid="adopt">([^<]+)<', shown) == ["Adopt it"]
    assert asked(token, team=arrange.team("Web")).team == arrange.team("Web")
    assert ask(found_outside("another")) is None


def test_the_form_asks_as_much_of_the_database_for_two_teams_as_for_five(portal: None) -> None:
    token, web = outside(), arrange.signed_in("admin")

    def queries() -> int:
        with CaptureQueriesContext(database.connection) as seen:
            assert web.get(f"/tokens/{token.pk}/adopt/").status_code == 200
        return len(seen)

    queries()
    few = queries()
    for name in ("Data", "Mail", "Shop"):
        people.create_team(by=arrange.person("admin"), name=name)
    assert Team.objects.count() == 5
    assert queries() == few


# Who sees it, and who answers


def test_it_reads_well_for_its_reviewers(portal: None) -> None:
    token = outside()
    token_request = asked(token)
    shown = page("approver", f"/requests/{token_request.pk}/review/")
    words = plain(shown)
    assert "Adoption of old deploy Your turn" in words
    assert (
        "This puts Platform in charge of old deploy, which exists already and was not made here. At Cloudflare nothing changes, and "
        "its secret stays the same: what is approved is that it may go on holding what it holds."
    ) in words
    for told in (
        "What it holds",
        "admin then adopts the token.",
        WHY,
        "0 of 1 approval from the approvers of Platform and the admins",
    ):
        assert told in words
    for absent in ('data-testid="against-', 'id="machines"', token.get_absolute_url(), "What will be created"):
        assert absent not in shown
    assert token.get_absolute_url() in page("auditor", f"/requests/{token_request.pk}/review/")
    queue = plain(page("approver", "/review/"))
    assert "old deploy Adoption" in queue
    assert "Waits on you Rule: More than reading on all zones of an account" in queue
    assert "See the request" in plain(page("approver", "/notices/"))
    assert arrange.person("approver").notices.get().sentence == "admin asks you to review the adoption of “old deploy”."
    assert mailing.send_due() >= 1


def test_what_becomes_of_it_is_told_to_who_asked_and_stands_in_the_lists(portal: None) -> None:
    token = outside()
    token_request = approved(token)
    admin = arrange.person("admin")
    assert admin.notices.latest("at").sentence == "approver approved the adoption of “old deploy”. It can be adopted now."
    assert "You can adopt it" in plain(page("admin", "/review/?tab=mine"))
    assert "Approved, and your turn: old deploy" in plain(page("admin", "/"))
    own = page("admin", f"/requests/{token_request.pk}/review/")
    assert "Adopt it before the approval lapses" in own
    assert re.findall(r'data-testid="go-on">([^<]+)<', own) == ["Check and adopt the token"]
    assert "admin can adopt it until" in page("teammate", f"/requests/{token_request.pk}/review/")
    reviewing.withdraw(again(token_request), by=admin)
    assert "Adoption of a token" in plain(page("admin", "/drafts/"))


@pytest.mark.parametrize(
    ("name", "sees", "approves"),
    [("requester", 200, 403), ("teammate", 200, 403), ("auditor", 200, 403), ("admin", 200, 403), ("approver", 200, 302)],
)
def test_the_team_the_auditors_and_the_admins_see_it_and_another_than_who_asked_approves(
    portal: None, name: str, sees: int, approves: int
) -> None:
    token_request, web = asked(outside()), arrange.signed_in(name)
    here = f"/requests/{token_request.pk}/review/"
    assert web.get(here).status_code == sees
    assert web.post(f"{here}approve/", arrange.answering(token_request)).status_code == approves


def test_nobody_else_knows_of_it_and_nobody_but_who_asked_confirms_it(portal: None) -> None:
    token_request = approved(outside())
    people.create_person(by=None, username="outsider", email="outsider@example.com", password=arrange.PASSWORD)
    here = f"/requests/{token_request.pk}/"
    assert [arrange.signed_in("outsider").get(f"{here}{what}").status_code for what in ("", "review/", "summary/")] == [404] * 3
    answer = arrange.signed_in("requester").post(f"{here}create/", arrange.confirming(token_request))
    assert answer.status_code == 403
    assert "Only the person who asked for this adoption can confirm it." in answer.content.decode()
    assert arrange.signed_in("admin").get(f"{here}create/").status_code == 405


def test_the_page_of_the_token_says_who_asked(portal: None) -> None:
    token = outside()
    here, token_request = token.get_absolute_url(), asked(token)
    second_admin()
    for name, who in (("admin", "You"), ("second", "admin"), ("auditor", "admin")):
        shown = page(name, here)
        assert f"{who} asked to adopt it, for Platform: In review. See the request" in plain(shown)
        assert f'href="/requests/{token_request.pk}/"' in shown
        assert 'data-testid="adopt"' not in shown
    send_back(token_request)
    shown = page("admin", here)
    assert "You asked to adopt it, for Platform: Draft. See the request" in plain(shown)
    assert "Go on adopting it</a>" in shown
    shown = page("second", here)
    assert 'data-testid="adoption"' not in shown
    assert ">Adopt it</a>" in shown


# One at a time


def test_two_do_not_ask_to_adopt_one_token(portal: None) -> None:
    token, second = outside(), second_admin()
    stale = fresh(token)
    asked(token)
    assert adopting.may_adopt(second, token).sentence == "admin asked to adopt it, for Platform. The request is in review."
    assert adopting.may_adopt(arrange.person("admin"), token).sentence.startswith("You asked to adopt it")
    with pytest.raises(MovedMeanwhile):
        ask(stale, by=second)
    answer = arrange.signed_in("second").post(f"/tokens/{token.pk}/adopt/", wanted(token, reason=WHY))
    assert answer.status_code == 403
    assert "admin asked to adopt it, for Platform." in answer.content.decode()
    assert TokenRequest.objects.filter(kind="adopt").count() == 1


def test_of_two_who_ask_at_the_same_moment_one_is_first(lasting_portal: None) -> None:
    token, start = outside(), threading.Barrier(2)
    second_admin()

    def at_once(name: str) -> bool:
        start.wait(10)
        try:
            return ask(token, by=arrange.person(name)) is not None
        except MovedMeanwhile:
            return False
        finally:
            database.connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(at_once, ("admin", "second"))) == [False, True]
    assert TokenRequest.objects.filter(kind="adopt").count() == 1


def test_what_went_back_to_one_admin_keeps_no_other_from_it(portal: None) -> None:
    token, second = outside(), second_admin()
    first = asked(token)
    send_back(first)
    other = asked(token, by=second)
    assert other != first
    here = f"/requests/{first.pk}/"
    assert "second asked to adopt it, for Platform. The request is in review." in page("admin", here)
    with pytest.raises(MovedMeanwhile):
        ask(token)
    approve(other)
    confirm(other)
    shown = page("admin", here)
    assert "This token needs no adoption: it has a team, or it is gone." in shown
    assert 'data-testid="go-on"' not in shown
    assert "An adoption by admin" in plain(page("admin", token.get_absolute_url()))
    drafts.discard(again(first), by=arrange.person("admin"))
    assert "This request was discarded" in page("admin", here)


# Back to who asked


def test_changes_that_are_asked_for_are_made_on_the_form_and_sent_again(portal: None) -> None:
    token, web = outside(), arrange.signed_in("admin")
    token_request = asked(token)
    here, form = f"/requests/{token_request.pk}/", f"/tokens/{token.pk}/adopt/"
    send_back(token_request)
    shown = unescape(web.get(here).content.decode())
    assert 'data-state="draft"' in shown
    for words in ("Adoption of old deploy", "approver asks for changes", "Name a back-up owner.", "It is with you again", WHY):
        assert words in shown
    assert f'href="{form}"' in shown
    assert (web.get(f"{here}summary/")["Location"], web.get(f"{here}review/")["Location"]) == (here, here)
    shown = unescape(web.get(form).content.decode())
    assert "Name a back-up owner." in shown
    assert len(re.findall(r"<option[^>]* selected>(?:Platform|requester)", shown)) == 2
    for text in ("The old deploy job.", WHY, f'href="{here}discard/"'):
        assert text in shown
    teammate = arrange.person("teammate")
    answer = web.post(form, wanted(token, backup_owner=str(teammate.pk), reason="OPS-31"))
    assert answer["Location"] == f"{here}review/"
    sent = again(token_request)
    assert (sent.status, sent.version, sent.reason, sent.digest) == ("in_review", 2, "OPS-31", adopting.mark(token))
    review = page("approver", f"{here}review/")
    assert 'data-testid="against-version" data-verdict="same"' in review
    assert "The back-up owner is teammate; before, nobody." in review
    approve(sent)
    confirm(sent)
    assert fresh(token).backup_owner == teammate


def test_the_same_sent_again_is_the_same_version_also_for_another_team(portal: None) -> None:
    token = outside()
    token_request = asked(token)
    reviewing.withdraw(again(token_request), by=arrange.person("admin"))
    sent = asked(token, team=arrange.team("Web"))
    assert (sent.pk, sent.version, sent.versions.count(), sent.working_copy.revision) == (token_request.pk, 1, 1, 1)
    assert (sent.team, sent.reviews.count()) == (arrange.team("Web"), 2)
    assert sent.reviews.get(outcome=Review.Outcome.OPEN).demands.get().team == arrange.team("Web")


def test_what_was_sent_back_is_adopted_at_once_where_no_rule_asks_any_more(portal: None) -> None:
    token = outside()
    token_request = asked(token)
    send_back(token_request)
    arrange.without_rule("all-zones")
    assert ask(token) is None
    assert (fresh(token).is_managed, state(token_request)) == (True, "discarded")


def test_an_approval_for_one_team_does_not_count_for_another_that_was_named_meanwhile(portal: None) -> None:
    token, other = outside(), arrange.team("Web")
    requester = arrange.person("requester")
    people.set_membership(by=None, team=other, person=requester, is_requester=True, is_approver=False)
    second_admin()
    token_request, web = asked(token), arrange.signed_in("second")
    here = f"/requests/{token_request.pk}/review/"
    seen = dict(re.findall(r'name="(version|digest|review_number)" value="([^"]*)"', web.get(here).content.decode()))
    reviewing.withdraw(again(token_request), by=arrange.person("admin"))
    assert asked(token, team=other) == token_request
    stale = web.post(f"{here}approve/", {**seen, "comment": "For Platform."})
    assert (stale.status_code, "For Platform." in stale.content.decode(), state(token_request)) == (409, True, "in_review")


def test_a_request_that_went_back_has_no_builder_and_is_not_shared(portal: None) -> None:
    token_request = asked(outside())
    admin = arrange.person("admin")
    reviewing.withdraw(again(token_request), by=admin)
    here, web = f"/requests/{token_request.pk}/", arrange.signed_in("admin")
    looked_at = arrange.confirming(again(token_request))
    tried = {
        "": {"do": "save"}, "summary/": {}, "send/": looked_at, "create/": looked_at, "versions/1/restore/": {"revision": 1},
    }  # fmt: skip
    for what, fields in tried.items():
        answer = web.post(f"{here}{what}", fields)
        assert (what, answer.status_code) == (what, 403)
        assert rules.ON_ITS_FORM in unescape(answer.content.decode()), what
    for what in ("share/", "transfer/"):
        answer = web.get(f"{here}{what}")
        assert (what, answer.status_code) == (what, 403)
        assert "An adoption is not shared." in answer.content.decode()
    versions = plain(unescape(web.get(f"{here}versions/").content.decode()))
    assert "It was sent for review. The first version." in versions
    assert "Restore" not in versions
    assert web.get(f"{here}comments/").status_code == 200
    with pytest.raises(rules.NotAllowed):
        sharing.make_link(again(token_request), by=admin, role="viewer", days=1)
    assert drafts.current_version(again(token_request)) is not None
    assert (state(token_request), WorkingCopy.objects.get(pk=token_request.pk).revision) == ("draft", 1)


def test_what_went_back_and_is_discarded_while_it_is_sent_again_is_not_sent(
    portal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = outside()
    returned = asked(token)
    send_back(returned)
    find = adopting.draft_of

    def finding(user: User, about: Token) -> TokenRequest | None:
        found = find(user, about)
        drafts.discard(again(returned), by=user)
        return found

    monkeypatch.setattr(adopting, "draft_of", finding)
    with pytest.raises(MovedMeanwhile):
        ask(token)


def test_a_draft_of_it_is_discarded_by_who_asked_also_as_no_admin_any_more(portal: None) -> None:
    second = second_admin()
    token_request = asked(outside(), by=second)
    reviewing.withdraw(again(token_request), by=second)
    people.change_person(
        second, by=arrange.person("admin"), username="second", email=second.email, is_admin=False, is_auditor=False
    )
    web, here = arrange.signed_in("second"), f"/requests/{token_request.pk}/"
    shown = web.get(here).content.decode()
    assert 'data-testid="go-on"' not in shown
    assert "/tokens/" not in shown.split("<main")[1]
    assert web.post(f"{here}discard/")["Location"] == "/drafts/"
    assert state(token_request) == "discarded"


def test_what_was_denied_or_has_expired_is_asked_for_anew_on_the_form(portal: None) -> None:
    token = outside()
    first = asked(token)
    reviewing.deny(again(first), by=arrange.person("approver"), comment="Revoke it.", **arrange.answering(first))
    second = asked(token)
    assert second != first
    with clock.at(clock.now() + timedelta(seconds=configured.REVIEW_EXPIRES_SECONDS + 1)):
        assert reviewing.expire_due() == 1
    assert (state(first), state(second)) == ("rejected", "expired")
    for one in (first, second):
        shown = page("admin", f"/requests/{one.pk}/review/")
        assert f'href="/tokens/{token.pk}/adopt/" data-testid="ask-again"' in shown
        assert 'data-testid="like-it"' not in shown
        assert 'data-testid="ask-again"' not in page("requester", f"/requests/{one.pk}/review/")
    assert arrange.person("admin").notices.latest("at").sentence == (
        "“old deploy” waited too long and has expired. Ask to adopt it again if it is still needed."
    )


# What is asked again before it is adopted


def test_what_was_changed_at_cloudflare_meanwhile_is_not_adopted(portal: None) -> None:
    token = outside("edit-zone-dns")
    other_rule("Somebody looks", when={}, then={"approvals": 1})
    token_request = approved(token)
    call_command("sandbox_alter", "widen", "old deploy")
    sync()
    here, web = f"/requests/{token_request.pk}/", arrange.signed_in("admin")
    shown = unescape(web.get(f"{here}review/").content.decode())
    assert 'data-testid="against-since" data-verdict="wider"' in shown
    assert "It was changed at Cloudflare meanwhile" in shown
    shown = unescape(web.get(f"{here}summary/").content.decode())
    assert "It was changed at Cloudflare since it was sent for review." in shown
    assert 'data-testid="create"' not in shown
    answer = web.post(f"{here}create/", arrange.confirming(token_request))
    assert answer.status_code == 409
    assert "It was changed at Cloudflare since it was sent for review." in answer.content.decode()
    assert (fresh(token).team, state(token_request)) == (None, "approved")
    reviewing.withdraw(again(token_request), by=arrange.person("admin"))
    sent = asked(fresh(token))
    assert (sent.pk, sent.version, sent.digest) == (token_request.pk, 2, adopting.mark(fresh(token)))
    review = page("approver", f"{here}review/")
    assert 'data-testid="against-version" data-verdict="wider"' in review
    assert 'data-testid="against-since"' not in review


def test_a_version_or_a_digest_that_is_not_the_approved_one_adopts_nothing(portal: None) -> None:
    token = outside()
    token_request = approved(token)
    for changes in ({"version": 2}, {"digest": "0" * 64}, {"digest": ""}):
        with pytest.raises(Changed, match="What you looked at is not what was approved"):
            confirm(token_request, **changes)
    assert (fresh(token).team, state(token_request)) == (None, "approved")


def test_it_is_adopted_once(portal: None) -> None:
    token, web = outside(), arrange.signed_in("admin")
    token_request = approved(token)
    stale, here = again(token_request), f"/requests/{token_request.pk}/create/"
    assert web.post(here, arrange.confirming(token_request)).status_code == 302
    answer = web.post(here, arrange.confirming(token_request))
    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "This adoption has been made already" in shown
    assert "no secret can be shown again" not in shown
    with pytest.raises(adopting.AlreadyUnderWay):
        adopting.carry_out(stale, by=stale.requester, **arrange.confirming(stale))
    assert AuditEvent.objects.filter(action="token.taken_over", outcome="done").count() == 1


def test_of_two_confirmations_at_once_the_second_is_told(portal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    token = outside()
    token_request, real = approved(token), TokenRequest.move

    def second_to_another(self: TokenRequest, to: Status, **fields: Any) -> None:
        TokenRequest.objects.filter(pk=self.pk).update(alarm="Raised meanwhile.")
        real(self, to, **fields)

    monkeypatch.setattr(TokenRequest, "move", second_to_another)
    with pytest.raises(AlreadyUnderWay):
        confirm(token_request)
    assert (state(token_request), fresh(token).team) == ("approved", None)


def test_what_waits_for_approval_or_was_denied_is_not_adopted(portal: None) -> None:
    token = outside()
    token_request = asked(token)
    with pytest.raises(rules.NotAllowed, match="It is in review"):
        confirm(token_request)
    reviewing.deny(again(token_request), by=arrange.person("approver"), comment="No.", **arrange.answering(token_request))
    with pytest.raises(rules.NotAllowed, match="It was denied"):
        confirm(token_request)
    assert fresh(token).team is None


def test_rules_approvals_and_people_are_asked_again_at_that_moment(portal: None) -> None:
    token, admin = outside(), arrange.person("admin")
    token_request = approved(token)
    approver = arrange.person("approver")
    people.set_active(approver, by=admin, active=False)
    with pytest.raises(rules.NotAllowed, match="Its approvals are not enough as things are now"):
        confirm(token_request)
    people.set_active(approver, by=admin, active=True)
    stricter = other_rule("Two look", when={}, then={"approvals": 2})
    with pytest.raises(rules.NotAllowed, match="Two look"):
        confirm(token_request)
    with audit.recording(Event.GUARDRAIL_SWITCHED, by=None, subject=stricter) as record:
        record.change(stricter, is_on=False)
    second = another_approver(is_admin=True)
    people.change_person(admin, by=second, username="admin", email=admin.email, is_admin=False, is_auditor=False)
    with pytest.raises(rules.NotAllowed, match="Only admins can do this"):
        confirm(token_request)
    people.change_person(admin, by=second, username="admin", email=admin.email, is_admin=True, is_auditor=False)
    assert confirm(token_request) == token


def test_who_shall_own_it_must_still_be_there(portal: None) -> None:
    token = outside()
    token_request = approved(token, owner=arrange.person("teammate"))
    people.set_active(arrange.person("teammate"), by=arrange.person("admin"), active=False)
    with pytest.raises(Changed, match="teammate is not in the team Platform"):
        confirm(token_request)
    assert (fresh(token).team, state(token_request)) == (None, "approved")


def test_a_token_that_is_gone_is_not_adopted(portal: None) -> None:
    token = outside()
    token_request = approved(token)
    call_command("sandbox_alter", "delete", "old deploy")
    with clock.at(clock.now() + timedelta(hours=1)):
        sync()
        with pytest.raises(rules.NotAllowed, match="it has a team, or it is gone"):
            confirm(token_request)


# What it holds


def test_what_no_builder_can_show_is_reviewed_by_its_body(portal: None) -> None:
    token = outside()
    (zone,) = arrange.zone_ids(*arrange.zone_names())
    denied = {
        "effect": "deny", "permission_groups": [{"id": ZONE_READ}], "resources": {f"com.cloudflare.api.account.zone.{zone}": "*"},
    }  # fmt: skip
    at_sandbox(token, policies=[*token.body["policies"], denied], condition={"request_ip": {"in": ["203.0.113.0/24"]}})
    sync()
    token = fresh(token)
    token_request = asked(token)
    version = token_request.versions.get()
    assert (version.spec.blocks, version.spec.name, version.payload) == ((), "old deploy", token.body)
    shown = page("approver", f"/requests/{token_request.pk}/review/")
    assert "203.0.113.0/24" in shown
    assert "It is put together in a way that the builder cannot say, so no findings are made of it." in shown
    assert 'data-testid="found"' not in shown
    reviewing.withdraw(again(token_request), by=arrange.person("admin"))
    at_sandbox(token, condition={})
    sync()
    sent = asked(fresh(token))
    assert (sent.version, sent.digest) == (2, adopting.mark(fresh(token)))
    shown = page("approver", f"/requests/{sent.pk}/review/")
    assert 'data-testid="against-version" data-verdict="wider"' in shown
    approve(sent)
    assert confirm(sent).approved == fresh(token).body


def test_a_token_that_creates_tokens_takes_two_people_also_to_adopt(portal: None) -> None:
    token = outside("create-additional-tokens", through="Acme user")
    token_request = asked(token)
    demands = token_request.reviews.get().demands.values_list("title", "count", "team__name")
    assert set(demands) == {
        ("Tokens that can create tokens", 2, "Platform"), ("Tokens that can create tokens: an admin among them", 1, None),
        ("Changing people, access or billing", 1, "Platform"),
    }  # fmt: skip
    approve(token_request)
    assert state(token_request) == "in_review"
    second_admin()
    approve(token_request, "second")
    assert confirm(token_request) == token


def test_the_team_needs_no_right_to_use_the_connection(portal: None) -> None:
    token, admin = outside(), arrange.person("admin")
    connections.change(token.connection, by=admin, name=token.connection.name, is_active=True, teams=())
    token_request = approved(token)
    assert rules.may_use(token.connection, token_request.team_id).sentence
    assert confirm(token_request) == token

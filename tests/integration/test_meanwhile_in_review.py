"""What changed between the page and the press: an approval, a sending and a call count by the rows as they are at that moment."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db import connections as connections_of_threads

from tests import arrange
from tests.integration.review_world import answer, newcomer
from tests.integration.test_approvals import WHY, another_approver, edit, fresh, issue, minter, other_rule, status, wide
from tokenportal import audit, clock, rules
from tokenportal.actions import carrying_out, connections, drafts, guarding, issuing, people, reviewing, sharing, snapshots
from tokenportal.audit import Event
from tokenportal.models import Attempt, AuditEvent, Connection, Demand, Snapshot, Status, Team, Token, TokenRequest, Version

pytestmark = pytest.mark.django_db


def as_loaded(token_request: TokenRequest) -> TokenRequest:
    """With what a page loads beside it."""
    return TokenRequest.objects.select_related("working_copy", "requester").get(pk=token_request.pk)


def overwrite(version: Version, payload: dict[str, Any]) -> None:
    """Write to the database past the portal."""
    pk = version.pk.hex if connection.vendor == "sqlite" else version.pk
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tokenportal_version SET payload = %s WHERE id = %s", [json.dumps(payload), pk])


def test_a_body_that_was_overwritten_in_the_database_is_not_sent_under_the_digest_of_another(portal: None) -> None:
    ready = arrange.approved(wide())
    version = ready.versions.get(number=ready.version)
    overwrite(version, {**version.payload, "expires_on": "2099-01-01T00:00:00Z"})
    with pytest.raises(issuing.Changed, match="What would be sent is not what this summary showed"):
        issue(ready)
    assert (status(ready), Attempt.objects.count()) == (Status.APPROVED, 0)


def test_who_wrote_it_after_their_page_was_loaded_does_not_approve_it(portal: None) -> None:
    one, editor = wide(), another_approver()
    sharing.share(one, by=one.requester, colleague=editor, role="editor")
    loaded = as_loaded(arrange.checked(one))
    here = fresh(one)
    copy = here.working_copy
    drafts.save(
        here, by=editor, revision=copy.revision, spec=replace(copy.spec, purpose="An editor wrote this."),
        connection=copy.connection, owner=copy.owner, backup_owner=None,
    )  # fmt: skip
    waiting = arrange.sent(fresh(one))
    with pytest.raises(rules.NotAllowed, match="You edited this, or what it is a copy of, so somebody else must approve it"):
        reviewing.approve(loaded, by=editor, **arrange.answering(waiting))
    assert status(waiting) == Status.IN_REVIEW


def test_who_handed_the_draft_over_meanwhile_neither_sends_nor_creates_it(portal: None) -> None:
    one = arrange.checked(arrange.draft())
    loaded, before = as_loaded(one), arrange.person("requester")
    sharing.transfer(fresh(one), by=before, to=arrange.person("teammate"))
    with pytest.raises(issuing.Changed, match="It changed in the meantime"):
        reviewing.send(loaded, by=before, **arrange.confirming(loaded))
    with pytest.raises(issuing.AlreadyUnderWay):
        issuing.issue(loaded, by=before, **arrange.confirming(loaded))
    assert (status(one), Attempt.objects.count()) == (Status.DRAFT, 0)


def deactivated() -> None:
    people.set_active(arrange.person("requester"), by=arrange.person("admin"), active=False)


def no_requester_any_more() -> None:
    people.set_membership(by=None, team=arrange.team(), person=arrange.person("requester"), is_requester=False, is_approver=False)


def switched_off() -> None:
    found = Connection.objects.get(name="Acme production")
    connections.change(found, by=arrange.person("admin"), name=found.name, is_active=False, teams=[arrange.team()])


@pytest.mark.parametrize(
    ("happens", "sentence"),
    [
        (deactivated, "Your account is deactivated"),
        (no_requester_any_more, "You are not a requester in that team"),
        (switched_off, "The connection Acme production is switched off"),
    ],
)
def test_what_happens_while_the_token_is_read_keeps_the_change_from_being_sent(
    portal: None, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None], sentence: str
) -> None:
    made = arrange.issue(arrange.draft())
    assert made
    change = arrange.change(made.token, name="another")
    read = carrying_out._still_as_begun

    def reading(token_request: TokenRequest) -> Any:
        client = read(token_request)
        happens()
        return client

    monkeypatch.setattr(carrying_out, "_still_as_begun", reading)
    with pytest.raises(rules.NotAllowed, match=sentence):
        carrying_out.carry_out(change, by=change.requester, **arrange.confirming(change))
    assert (status(change), change.attempts.count()) == (Status.DRAFT, 0)


def test_what_was_taken_back_and_sent_anew_since_it_was_found_to_be_late_does_not_expire(
    portal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = arrange.sent(wide())
    let_go = reviewing._expire

    def meanwhile(found: TokenRequest) -> bool:
        here = fresh(waiting)
        reviewing.withdraw(here, by=here.requester)
        reviewing.send(here, by=here.requester, reason=WHY, **arrange.confirming(here))
        return let_go(found)

    monkeypatch.setattr(reviewing, "_expire", meanwhile)
    with clock.at(clock.now() + timedelta(days=15)):
        assert reviewing.expire_due() == 0
    assert status(waiting) == Status.IN_REVIEW


def test_permissions_with_names_as_long_as_cloudflare_may_send_them_can_be_sent_for_review(
    portal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "_known", {})
    snapshot = Snapshot.objects.get(connection=arrange.connection())
    ids = tuple(f"{number:032x}" for number in range(3))
    for id in ids:
        snapshot.groups.append(
            {"id": id, "name": f"{id:x<190} Write", "scopes": ["com.cloudflare.api.account.zone"], "category": ""}
        )
    snapshot.save()
    one = wide()
    waiting = arrange.sent(edit(one, blocks=(replace(one.working_copy.spec.blocks[0], permissions=ids),)))
    assert [len(because) for because in Demand._base_manager.values_list("because", flat=True)] == [400]
    assert status(waiting) == Status.IN_REVIEW


def test_who_was_asked_by_name_and_has_no_other_part_in_it_sees_it_until_it_is_carried_out(portal: None) -> None:
    elsewhere, _ = people.create_person(by=None, username="elsewhere", email="elsewhere@example.com")
    team = people.create_team(by=None, name="Elsewhere")
    people.set_membership(by=None, team=team, person=elsewhere, is_requester=False, is_approver=True)
    ready = arrange.checked(wide())
    reviewing.send(ready, by=ready.requester, reason=WHY, asked=[elsewhere], **arrange.confirming(ready))
    seen = TokenRequest.objects.visible_to(elsewhere).filter(pk=ready.pk)
    assert seen.exists()
    reviewing.approve(fresh(ready), by=arrange.person("approver"), **arrange.answering(ready))
    assert seen.exists()
    assert issue(ready)
    assert not seen.exists()


def test_the_approvers_of_a_team_that_a_rule_names_see_it_while_it_is_reviewed_and_who_answered_what_became_of_it(
    portal: None,
) -> None:
    web = arrange.team("Web")
    other_rule("Web looks too", when={}, then={"approvals": 1, "source": str(web.pk)})
    for name in ("answers", "waits"):
        newcomer(name, "Web", is_approver=True)
    waiting = arrange.sent(arrange.draft())

    def seen_by() -> list[str]:
        pages = [f"/requests/{waiting.pk}/{rest}" for rest in ("", "review/", "versions/", "comments/")]
        found = {}
        for name in ("answers", "waits"):
            browser = arrange.signed_in(name)
            found[name] = {browser.get(page, follow=True).status_code for page in pages}
        assert all(len(statuses) == 1 for statuses in found.values()), found
        return [name for name, statuses in found.items() if statuses == {200}]

    assert seen_by() == ["answers", "waits"]
    answer(waiting, "approve", "answers")
    assert (status(waiting), seen_by()) == (Status.APPROVED, ["answers", "waits"])
    assert issue(waiting)
    assert seen_by() == ["answers"]
    people.set_membership(by=None, team=web, person=arrange.person("answers"), is_requester=True, is_approver=False)
    assert seen_by() == []


def test_the_log_says_how_many_approvals_each_rule_asked_for_which_had_theirs_and_whose_count_no_more(portal: None) -> None:
    waiting = arrange.sent(minter())
    reviewing.approve(fresh(waiting), by=arrange.person("admin"), **arrange.answering(waiting))
    reviewing.withdraw(fresh(waiting), by=waiting.requester)
    one, admin, people_and_money = (
        "Tokens that can create tokens", "Tokens that can create tokens: an admin among them", "Changing people, access or billing",
    )  # fmt: skip
    told = AuditEvent.objects.filter(trail=waiting.pk, action__startswith="review.").order_by("number")
    assert [(event.action, {**event.details, "version": None}) for event in told] == [
        ("review.sent", {"rules": [f"{one} (2)", f"{admin} (1)", f"{people_and_money} (1)"], "version": None}),
        ("review.approved", {"met": [people_and_money, admin], "version": None}),
        ("review.withdrawn", {"voided": ["admin"], "version": None}),
    ]


@pytest.mark.parametrize(("name", "status", "revision"), [("teammate", 403, 0), ("admin", 409, 7)])
def test_the_log_says_which_rule_somebody_tried_to_switch_off(portal: None, name: str, status: int, revision: int) -> None:
    answer = arrange.signed_in(name).post("/settings/guardrails/creates-tokens/switch/", {"revision": revision})
    tried = AuditEvent.objects.order_by("number").last()
    assert tried
    assert (answer.status_code, tried.action, tried.outcome, tried.by_name) == (status, "guardrail.switched", "refused", name)
    assert (tried.object_type, tried.object_id) == ("guardrail", "creates-tokens")


def wider_change(token: Token) -> TokenRequest:
    """A change of a token that one person must approve, approved."""
    return arrange.approved(arrange.change(token, name="another", blocks=wide().working_copy.spec.blocks))


@pytest.mark.parametrize("is_change", [False, True])
def test_what_somebody_takes_away_while_it_is_judged_is_recorded_after_it(
    lasting_portal: None, monkeypatch: pytest.MonkeyPatch, is_change: bool
) -> None:
    """The log never shows a call that leaves with the approval of somebody who had lost their role by then."""
    made = arrange.issue(arrange.draft())
    assert made
    ready = wider_change(made.token) if is_change else arrange.approved(wide())
    judge, judged = guarding.verdict, []

    def demote() -> None:
        try:
            people.set_membership(
                by=None, team=arrange.team(), person=arrange.person("approver"), is_requester=False, is_approver=False
            )  # fmt: skip
        finally:
            connections_of_threads.close_all()

    def judging(*args: Any, **options: Any) -> rules.Verdict:
        found = judge(*args, **options)
        judged.append(found)
        if len(judged) == 2:  # together with the intent
            waiting.append(pool.submit(demote))
            wait(waiting, timeout=0.3)
        return found

    monkeypatch.setattr(guarding, "verdict", judging)
    waiting: list[Future[None]] = []
    with ThreadPoolExecutor(1) as pool:
        carry_out = carrying_out.carry_out if is_change else issuing.issue
        assert carry_out(ready, by=ready.requester, **arrange.confirming(ready))
        waiting[0].result(15)
    event = "token.changing" if is_change else "token.issuing"
    told = AuditEvent.objects.filter(action__in=[event, "membership.set"]).order_by("-number").values_list("action", flat=True)
    assert list(told[:2]) == ["membership.set", event]


def test_trying_again_needs_the_approvals_that_were_asked_for_as_the_first_attempt_did(portal: None) -> None:
    ready = arrange.approved(arrange.draft())  # no rule asks for it, so its requester did
    call_command("sandbox_fault", "forbidden", method="POST")
    assert issue(ready) is None
    demoted = {"team": arrange.team(), "person": arrange.person("approver"), "is_requester": False, "is_approver": False}
    people.set_membership(by=None, **demoted)
    failed = fresh(ready)
    refusal = issuing.may_issue(failed.requester, failed, failed.versions.get(number=failed.version))
    assert (failed.status, refusal.sentence) == (
        Status.FAILED, "Somebody who approved it can do so no more. Change it, which makes it a draft again, and send it for review.",
    )  # fmt: skip


def test_a_token_is_written_down_while_a_role_in_its_team_changes(lasting_portal: None) -> None:
    """Two recordings, the one about a row to which the other refers: neither waits for the other."""
    ready = arrange.checked(arrange.draft())
    held, made = threading.Event(), threading.Event()

    def change_a_role() -> None:
        try:
            with audit.recording(Event.MEMBERSHIP_SET, by=None) as record:
                record.subject = Team.objects.select_for_update().get(pk=arrange.team().pk)
                held.set()
                made.wait(1)
        finally:
            connections_of_threads.close_all()

    with ThreadPoolExecutor(1) as pool:
        role = pool.submit(change_a_role)
        assert held.wait(10)
        assert issuing.issue(ready, by=ready.requester, **arrange.confirming(ready))
        made.set()
        role.result(15)
    assert status(ready) == Status.ISSUED

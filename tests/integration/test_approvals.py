"""What is approved, by whom, and what leaves: whatever people try, only the bytes that enough others approved are sent."""

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tokenportal import audit, clock, rules
from tokenportal.actions import beginning, carrying_out, changing, demo, drafts, guarding, issuing, people, reviewing, sharing
from tokenportal.actions.invalid import Invalid
from tokenportal.audit import Event
from tokenportal.models import Answer, AuditEvent, Guardrail, Review, Status, TokenRequest, User
from tokenportal.policy.spec import ClientIPs, Validity
from tokenportal.sandbox.transport import SandboxAdapter

pytestmark = pytest.mark.django_db

OFFICE = ClientIPs(allow=("203.0.113.0/24",))
WHY = "The build needs it."


@pytest.fixture(autouse=True)
def sent_bodies(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """Every body that left to create or change a token. Each is, to the byte, what the request's approvals are about."""
    left: list[bytes] = []
    send = SandboxAdapter.send

    def noting(self: Any, request: Any, *args: Any, **options: Any) -> Any:
        if request.method in ("POST", "PUT"):
            left.append(request.body)
        return send(self, request, *args, **options)

    monkeypatch.setattr(SandboxAdapter, "send", noting)
    yield left
    approved = set(Answer.objects.filter(verdict="approve").values_list("digest", flat=True))
    unasked = set(TokenRequest.objects.filter(reviews=None).values_list("digest", flat=True))
    assert {hashlib.sha256(body).hexdigest() for body in left} <= approved | unasked


def wide(**changes: Any) -> TokenRequest:
    """A draft for all zones, which one person must approve."""
    return arrange.draft("wordpress", **changes)


def minter(**changes: Any) -> TokenRequest:
    """A draft for a token that creates tokens, which two people must approve, one of them an admin."""
    return arrange.draft("create-additional-tokens", through="Acme user", **{"client_ips": OFFICE, **changes})


def fresh(token_request: TokenRequest) -> TokenRequest:
    return TokenRequest.objects.get(pk=token_request.pk)


def approve(token_request: TokenRequest, by: str, **fields: Any) -> Review:
    asked = fresh(token_request)
    return reviewing.approve(asked, by=arrange.person(by), **{**arrange.answering(asked), **fields})


def issue(token_request: TokenRequest, **fields: Any) -> issuing.Issued | None:
    ready = fresh(token_request)
    return issuing.issue(ready, by=ready.requester, **{**arrange.confirming(ready), **fields})


def status(token_request: TokenRequest) -> str:
    return fresh(token_request).status


def edit(token_request: TokenRequest, **changes: Any) -> TokenRequest:
    """Another spec in the working copy of a draft, by its requester."""
    here = fresh(token_request)
    copy = here.working_copy
    drafts.save(
        here, by=here.requester, revision=copy.revision, spec=replace(copy.spec, **changes), connection=copy.connection,
        owner=copy.owner, backup_owner=copy.backup_owner,
    )  # fmt: skip
    return fresh(here)


def other_rule(title: str = "Another rule", **fields: Any) -> Guardrail:
    row = Guardrail(title=title, changed_at=clock.now(), **fields)
    with audit.recording(Event.GUARDRAIL_SET, by=None, subject=row) as record:
        record.add(row)
    return row


def another_approver(name: str = "second", **roles: Any) -> User:
    person, _ = people.create_person(by=None, username=name, email=f"{name}@example.com", **roles)
    people.set_membership(by=None, team=arrange.team(), person=person, is_requester=True, is_approver=True)
    return person


def test_what_was_approved_is_sent_to_the_byte(portal: None, sent_bodies: list[bytes]) -> None:
    waiting = arrange.sent(wide(), WHY)
    assert (status(waiting), waiting.reason) == (Status.IN_REVIEW, WHY)
    assert approve(waiting, "approver").outcome == Review.Outcome.APPROVED
    assert status(waiting) == Status.APPROVED
    assert issue(waiting)
    assert [hashlib.sha256(body).hexdigest() for body in sent_bodies] == [waiting.digest]
    assert list(AuditEvent.objects.filter(trail=waiting.pk).order_by("number").values_list("action", flat=True))[-4:] == [
        "review.sent", "review.approved", "token.issuing", "token.issued",
    ]  # fmt: skip


def test_without_approval_nothing_is_sent(portal: None, sent_bodies: list[bytes]) -> None:
    ready = arrange.checked(wide())
    with pytest.raises(rules.NotAllowed, match="It has to be approved first"):
        issue(ready, reason=WHY)
    with pytest.raises(rules.NotAllowed, match="Say why it is needed"):
        issue(ready)
    waiting = arrange.sent(wide())
    with pytest.raises(rules.NotAllowed, match="It is in review"):
        issue(waiting)
    assert sent_bodies == []


def test_nobody_approves_their_own_request_and_the_database_refuses_it_too(portal: None) -> None:
    people.set_membership(
        by=None, team=arrange.team(), person=arrange.person("requester"), is_requester=True, is_approver=True
    )  # fmt: skip
    waiting = arrange.sent(wide())
    with pytest.raises(rules.NotAllowed, match="You cannot approve your own request"):
        approve(waiting, "requester")
    review = waiting.reviews.get()
    own = Answer(
        review=review, requester=waiting.requester, by=waiting.requester, verdict="approve", version=review.version,
        digest=review.digest, at=clock.now(),
    )  # fmt: skip
    with pytest.raises(IntegrityError), transaction.atomic(), audit.recording(Event.REVIEW_APPROVED, by=None) as record:
        record.add(own)


def test_an_editor_of_what_is_asked_for_does_not_approve_it_however_long_ago(portal: None) -> None:
    begun, approver = wide(), arrange.person("approver")
    sharing.share(begun, by=begun.requester, colleague=approver, role="editor")
    copy = begun.working_copy
    drafts.save(
        begun, by=approver, revision=copy.revision, spec=replace(copy.spec, purpose="Theirs."), connection=copy.connection,
        owner=copy.owner, backup_owner=None,
    )  # fmt: skip
    waiting = arrange.sent(edit(begun, purpose="Mine again."))
    with pytest.raises(rules.NotAllowed, match="You edited this"):
        approve(waiting, "approver")
    assert approve(waiting, "admin").outcome == "approved"


def test_who_handed_the_draft_over_does_not_approve_it(portal: None) -> None:
    begun = wide(by="admin")
    sharing.transfer(begun, by=begun.requester, to=arrange.person("requester"))
    waiting = arrange.sent(fresh(begun))
    with pytest.raises(rules.NotAllowed, match="You edited this"):
        approve(waiting, "admin")


def test_an_edit_voids_what_was_approved(portal: None, sent_bodies: list[bytes]) -> None:
    ready = arrange.approved(wide())
    with pytest.raises(rules.NotAllowed, match="no longer a draft"):
        edit(ready, purpose="Another purpose.")
    reviewing.withdraw(fresh(ready), by=ready.requester)
    again = arrange.checked(edit(ready, purpose="Another purpose."))
    with pytest.raises(rules.NotAllowed, match="It has to be approved first"):
        issue(again)
    assert (ready.reviews.get().outcome, Answer.objects.get().voided_at is not None) == (Review.Outcome.VOIDED, True)
    assert sent_bodies == []


def test_the_same_content_sent_again_needs_its_approvals_again(portal: None) -> None:
    ready = arrange.approved(wide())
    reviewing.withdraw(fresh(ready), by=ready.requester)
    waiting = arrange.sent(fresh(ready))
    assert (waiting.digest, waiting.reviews.count(), status(waiting)) == (ready.digest, 2, Status.IN_REVIEW)
    with pytest.raises(rules.NotAllowed):
        issue(waiting)


def test_after_it_was_taken_back_nothing_is_approved(portal: None) -> None:
    waiting = arrange.sent(wide())
    reviewing.withdraw(fresh(waiting), by=waiting.requester)
    with pytest.raises(rules.NotAllowed, match="It is not in review any more"):
        reviewing.approve(waiting, by=arrange.person("approver"), **arrange.answering(waiting))
    assert (status(waiting), Answer.objects.count()) == (Status.DRAFT, 0)


def test_after_it_was_denied_nothing_is_approved_or_created(portal: None, sent_bodies: list[bytes]) -> None:
    waiting = arrange.sent(wide())
    reviewing.deny(fresh(waiting), by=arrange.person("approver"), comment="Name the zones.", **arrange.answering(waiting))
    for attempt in (
        lambda: approve(waiting, "admin"),
        lambda: issue(waiting),
        lambda: reviewing.withdraw(fresh(waiting), by=waiting.requester),
    ):
        with pytest.raises(rules.NotAllowed):
            attempt()
    assert (status(waiting), sent_bodies) == (Status.REJECTED, [])


def test_a_posted_approval_that_is_repeated_counts_once(portal: None) -> None:
    waiting = arrange.sent(minter())
    approve(waiting, "approver")
    with pytest.raises(rules.NotAllowed, match="You have approved it already"):
        approve(waiting, "approver")
    assert (status(waiting), Answer.objects.count()) == (Status.IN_REVIEW, 1)


def test_one_person_is_not_two_approvals(portal: None) -> None:
    waiting = arrange.sent(minter())
    approve(waiting, "admin")
    assert [(one.rule, one.count, one.met_at is not None) for one in waiting.reviews.get().demands.order_by("rule")] == [
        ("creates-tokens", 2, False), ("creates-tokens-admin", 1, True), ("people-and-money", 1, True),
    ]  # fmt: skip
    assert status(waiting) == Status.IN_REVIEW
    approve(waiting, "approver")
    assert issue(waiting)


def test_two_approvers_are_not_enough_where_one_must_be_an_admin(portal: None) -> None:
    another_approver()
    waiting = arrange.sent(minter())
    approve(waiting, "approver")
    approve(waiting, "second")
    assert status(waiting) == Status.IN_REVIEW
    approve(waiting, "admin")
    assert status(waiting) == Status.APPROVED


def demoted(name: str) -> None:
    people.set_membership(by=None, team=arrange.team(), person=arrange.person(name), is_requester=True, is_approver=False)


@pytest.mark.parametrize(
    "left",
    [
        lambda: demoted("approver"),
        lambda: people.remove_membership(arrange.team().memberships.get(user__username="approver"), by=arrange.person("admin")),
        lambda: people.set_active(arrange.person("approver"), by=arrange.person("admin"), active=False),
    ],
    ids=["demoted", "out of the team", "deactivated"],
)
def test_an_approver_who_may_not_any_more_counts_no_more(portal: None, left: Any, sent_bodies: list[bytes]) -> None:
    ready = arrange.approved(wide())
    left()
    with pytest.raises(rules.NotAllowed, match="approvals are not enough as things are now"):
        issue(ready)
    assert (status(ready), sent_bodies) == (Status.APPROVED, [])


def test_a_rule_that_was_made_stricter_after_the_approval_counts(portal: None, sent_bodies: list[bytes]) -> None:
    ready = arrange.approved(wide())
    rule = other_rule("Two for wide ones", when={"breadth": "account"}, then={"approvals": 2})
    with pytest.raises(rules.NotAllowed, match="2 people among the team’s approvers and the admins must approve it"):
        issue(ready)
    with audit.recording(Event.GUARDRAIL_SET, by=None, subject=rule) as record:
        record.change(rule, then={"refuse": "Nobody reaches all zones."})
    with pytest.raises(rules.NotAllowed, match="Nobody reaches all zones"):
        issue(ready)
    with audit.recording(Event.GUARDRAIL_SWITCHED, by=None, subject=rule) as record:
        record.change(rule, is_on=False)
    assert sent_bodies == []
    assert issue(ready)


def test_a_rule_that_asks_at_the_moment_of_sending_is_asked_before_the_call(
    portal: None, monkeypatch: pytest.MonkeyPatch, sent_bodies: list[bytes]
) -> None:
    """Between the first check and the commit of the intent, an admin makes a rule."""
    ready = arrange.approved(wide())
    look = issuing._look_first

    def meanwhile(*args: Any, **options: Any) -> int:
        other_rule(then={"refuse": "Not today."})
        return look(*args, **options)

    monkeypatch.setattr(issuing, "_look_first", meanwhile)
    with pytest.raises(rules.NotAllowed, match="Not today"):
        issue(ready)
    assert (status(ready), sent_bodies, ready.attempts.count()) == (Status.APPROVED, [], 0)


def test_of_two_last_approvals_at_once_both_count_and_it_is_approved_once(lasting_portal: None) -> None:
    waiting = arrange.sent(minter())
    start = threading.Barrier(2)

    def post(name: str) -> str:
        start.wait(10)
        try:
            return approve(waiting, name).outcome
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(post, ("approver", "admin")))
    assert (outcomes, status(waiting)) == (["", "approved"], Status.APPROVED)
    assert issue(waiting)


TRIALS = 200


def test_an_edit_that_races_an_approval_never_sends_what_was_not_approved(lasting_portal: None, sent_bodies: list[bytes]) -> None:
    """Two hundred times: somebody approves while the requester takes it back and writes something else."""
    waiting = arrange.sent(wide())
    with ThreadPoolExecutor(2) as pool:
        for trial in range(TRIALS):
            confirming, answering = arrange.confirming(waiting), arrange.answering(waiting)
            start = threading.Barrier(2)
            approving = pool.submit(_approve_at, start, waiting.pk, answering)
            editing = pool.submit(_edit_at, start, waiting.pk, f"trial {trial}")
            approved = approving.result(20)
            editing.result(20)
            here, review = fresh(waiting), fresh(waiting).reviews.get(number=answering["review_number"])
            assert (here.status, here.working_copy.spec.purpose) == (Status.DRAFT, f"trial {trial}")
            assert review.outcome == (Review.Outcome.VOIDED if approved else Review.Outcome.WITHDRAWN)
            assert list(review.answers.values_list("by__username", flat=True)) == (["approver"] if approved else [])
            with pytest.raises((rules.NotAllowed, issuing.Changed)):
                issuing.issue(here, by=here.requester, **confirming)
            waiting = arrange.sent(here)
    assert sent_bodies == []


def _approve_at(start: threading.Barrier, pk: Any, answering: dict[str, Any]) -> bool:
    start.wait(10)
    try:
        reviewing.approve(TokenRequest.objects.get(pk=pk), by=arrange.person("approver"), **answering)
    except (rules.NotAllowed, issuing.Changed):
        return False
    else:
        return True
    finally:
        connections.close_all()


def _edit_at(start: threading.Barrier, pk: Any, purpose: str) -> None:
    start.wait(10)
    try:
        for _ in range(20):  # whichever state the approval left it in
            try:
                here = TokenRequest.objects.get(pk=pk)
                reviewing.withdraw(here, by=here.requester)
                break
            except rules.NotAllowed:
                continue
        edit(TokenRequest.objects.get(pk=pk), purpose=purpose)
    finally:
        connections.close_all()


def test_taking_it_back_while_it_is_sent_ends_one_way_or_the_other(lasting_portal: None, sent_bodies: list[bytes]) -> None:
    for _ in range(5):
        ready = arrange.approved(wide())
        start = threading.Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            creating, editing = pool.submit(_issue_at, start, ready), pool.submit(_withdraw_at, start, ready)
            created, taken_back = creating.result(20), editing.result(20)
        assert (created, taken_back) in ((True, False), (False, True))
        assert status(ready) == (Status.ISSUED if created else Status.DRAFT)


def _issue_at(start: threading.Barrier, ready: TokenRequest) -> bool:
    start.wait(10)
    try:
        return issue(ready) is not None
    except (rules.NotAllowed, issuing.AlreadyUnderWay, issuing.Changed):
        return False
    finally:
        connections.close_all()


def _withdraw_at(start: threading.Barrier, ready: TokenRequest) -> bool:
    start.wait(10)
    try:
        reviewing.withdraw(fresh(ready), by=ready.requester)
    except rules.NotAllowed:
        return False
    else:
        return True
    finally:
        connections.close_all()


def test_an_approval_that_nobody_used_in_time_has_lapsed(portal: None, sent_bodies: list[bytes]) -> None:
    ready = arrange.approved(wide())
    with clock.at(clock.now() + timedelta(days=8)):
        with pytest.raises(rules.NotAllowed, match="Its approval has lapsed"):
            issue(ready)
        assert reviewing.expire_due() == 1
        with pytest.raises(rules.NotAllowed, match="It has expired"):
            issue(ready)
    assert (status(ready), sent_bodies) == (Status.EXPIRED, [])


def test_a_request_that_waited_too_long_is_neither_approved_nor_kept(portal: None) -> None:
    waiting = arrange.sent(wide())
    with clock.at(clock.now() + timedelta(days=15)):
        with pytest.raises(issuing.Changed, match="it has expired"):
            approve(waiting, "approver")
        assert (reviewing.expire_due(), reviewing.expire_due()) == (1, 0)
    assert (status(waiting), waiting.reviews.get().outcome) == (Status.EXPIRED, Review.Outcome.EXPIRED)


@pytest.mark.parametrize("fields", [{"digest": ""}, {"digest": "0" * 64}, {"version": 0}, {"version": 7}])
def test_an_approval_without_the_digest_that_is_under_review_counts_for_nothing(portal: None, fields: dict[str, Any]) -> None:
    waiting = arrange.sent(wide())
    with pytest.raises(issuing.Changed, match="not what is under review now"):
        approve(waiting, "approver", **fields)
    assert Answer.objects.count() == 0


def test_the_digest_of_another_request_or_version_approves_nothing(portal: None) -> None:
    first = arrange.sent(wide())
    other = arrange.sent(arrange.draft("wordpress", client_ips=OFFICE))
    with pytest.raises(issuing.Changed):
        approve(first, "approver", digest=other.digest)
    reviewing.withdraw(fresh(first), by=first.requester)
    again = arrange.sent(edit(first, client_ips=OFFICE))
    with pytest.raises(issuing.Changed):
        approve(again, "approver", **arrange.confirming(first))
    assert Answer.objects.count() == 0


def test_a_share_lets_nobody_approve(portal: None) -> None:
    begun = wide()
    sharing.share(begun, by=begun.requester, colleague=arrange.person("teammate"), role="commenter")
    waiting = arrange.sent(begun)
    with pytest.raises(rules.NotAllowed, match="Only approvers of the team Platform"):
        approve(waiting, "teammate")


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_a_link_lets_nobody_approve(portal: None, role: str) -> None:
    begun = wide()
    link, _ = sharing.make_link(begun, by=begun.requester, role=role, days=7)
    sharing.take_link(link, by=arrange.person("teammate"))
    waiting = arrange.sent(begun)
    with pytest.raises(rules.NotAllowed, match="Only approvers of the team Platform"):
        approve(waiting, "teammate")
    assert Answer.objects.count() == 0


def test_being_asked_by_name_shows_it_and_lets_nobody_approve(portal: None) -> None:
    waiting = arrange.checked(wide())
    auditor = arrange.person("auditor")
    reviewing.send(waiting, by=waiting.requester, reason=WHY, asked=[auditor], **arrange.confirming(waiting))
    with pytest.raises(rules.NotAllowed, match="Only approvers of the team"):
        approve(waiting, "auditor")
    assert auditor.notices.get().sentence == "requester asks you to review “a-token”."


def test_everybody_who_is_asked_by_name_stands_in_the_event(portal: None) -> None:
    waiting = arrange.checked(wide())
    asked = [arrange.person(name) for name in ("auditor", "admin")]
    reviewing.send(waiting, by=waiting.requester, reason=WHY, asked=asked, **arrange.confirming(waiting))
    event = AuditEvent.objects.filter(action="review.sent").latest("number")
    named = {name: pair for name, pair in event.changes.items() if name.startswith("reviewasked")}
    assert named == {"reviewasked.user": [None, "auditor"], "reviewasked 2.user": [None, "admin"]}
    assert event.details["rules"] == [f"{one.title} ({one.count})" for one in waiting.reviews.get().demands.all()]


def test_a_copied_draft_has_none_of_its_approvals(portal: None, sent_bodies: list[bytes]) -> None:
    ready = arrange.approved(wide())
    like = beginning.from_request(ready, by=ready.requester, team=ready.team)
    assert like.working_copy.spec.blocks == ready.working_copy.spec.blocks
    with pytest.raises(rules.NotAllowed, match="It has to be approved first"):
        issue(arrange.checked(fresh(like)), reason=WHY)
    assert sent_bodies == []


def test_who_wrote_a_draft_does_not_approve_a_copy_of_it_until_others_agreed_to_it(portal: None) -> None:
    begun, approver = wide(), arrange.person("approver")
    sharing.share(begun, by=begun.requester, colleague=approver, role="editor")
    copy = fresh(begun).working_copy
    drafts.save(
        fresh(begun), by=approver, revision=copy.revision, spec=replace(copy.spec, name="wider"), connection=copy.connection,
        owner=copy.owner, backup_owner=None,
    )  # fmt: skip
    like = beginning.from_request(fresh(begun), by=begun.requester, team=begun.team)
    waiting = arrange.sent(fresh(beginning.from_request(fresh(like), by=begun.requester, team=begun.team)))
    with pytest.raises(rules.NotAllowed, match="or what it is a copy of"):
        approve(waiting, "approver")
    approve(waiting, "admin")
    assert issue(waiting)
    again = arrange.sent(fresh(beginning.from_request(fresh(waiting), by=begun.requester, team=begun.team)))
    assert approve(again, "approver").outcome == Review.Outcome.APPROVED


def test_two_rules_at_once_are_two_demands(portal: None) -> None:
    other_rule("The Web team looks too", when={"levels": ["edit"]}, then={"approvals": 1, "source": str(arrange.team("Web").pk)})
    outsider, _ = people.create_person(by=None, username="web-approver", email="web-approver@example.com")
    people.set_membership(by=None, team=arrange.team("Web"), person=outsider, is_requester=False, is_approver=True)
    demoted_in_web = arrange.team("Web").memberships.get(user__username="approver")
    people.remove_membership(demoted_in_web, by=arrange.person("admin"))
    waiting = arrange.sent(wide())
    approve(waiting, "approver")
    assert status(waiting) == Status.IN_REVIEW
    assert TokenRequest.objects.visible_to(outsider).get() == waiting
    approve(waiting, "web-approver")
    assert (status(waiting), issue(waiting) is not None) == (Status.APPROVED, True)
    assert not TokenRequest.objects.visible_to(outsider).exclude(status=Status.ISSUED).exists()


def test_sending_looks_up_the_teams_of_many_demands_at_once(portal: None) -> None:
    asked = []
    for number in range(3):
        other_rule(f"Web {number}", when={"levels": ["edit"]}, then={"approvals": 1, "source": str(arrange.team("Web").pk)})
        ready = arrange.checked(wide())
        with CaptureQueriesContext(connection) as queries:
            demo.send(ready, WHY)
        assert ready.reviews.get().demands.count() == number + 2
        asked.append(sum('FROM "tokenportal_team"' in one["sql"] for one in queries))
    assert asked == [asked[0]] * 3


def test_who_approved_for_a_rule_that_is_gone_does_not_see_what_is_sent_again_without_it(portal: None) -> None:
    rule = other_rule(
        "The Web team looks too", when={"levels": ["edit"]}, then={"approvals": 1, "source": str(arrange.team("Web").pk)}
    )
    outsider, _ = people.create_person(by=None, username="web-approver", email="web-approver@example.com")
    people.set_membership(by=None, team=arrange.team("Web"), person=outsider, is_requester=False, is_approver=True)
    waiting = arrange.sent(wide())
    approve(waiting, "web-approver")
    assert TokenRequest.objects.visible_to(outsider).get() == waiting
    reviewing.withdraw(fresh(waiting), by=waiting.requester)
    with audit.recording(Event.GUARDRAIL_REMOVED, by=None) as record:
        record.remove(rule)
    again = arrange.sent(fresh(waiting))
    assert again.status == Status.IN_REVIEW
    assert not TokenRequest.objects.visible_to(outsider).exists()


def test_a_denial_after_the_approval_ends_it(portal: None, sent_bodies: list[bytes]) -> None:
    ready = arrange.approved(wide())
    reviewing.deny(fresh(ready), by=arrange.person("admin"), comment="The incident is over.", **arrange.answering(ready))
    with pytest.raises(rules.NotAllowed, match="It was denied"):
        issue(ready)
    assert (status(ready), ready.reviews.get().outcome, sent_bodies) == (Status.REJECTED, Review.Outcome.DENIED, [])
    assert Answer.objects.get(verdict="approve").voided_at


def test_requested_changes_lead_back_to_the_draft_with_what_was_said(portal: None) -> None:
    waiting = arrange.sent(wide())
    with pytest.raises(Invalid, match="Say what should change"):
        reviewing.request_changes(waiting, by=arrange.person("approver"), comment=" ", **arrange.answering(waiting))
    reviewing.request_changes(
        fresh(waiting), by=arrange.person("approver"), comment="Name the zones.", **arrange.answering(waiting)
    )  # fmt: skip
    assert (status(waiting), waiting.reviews.get().outcome) == (Status.DRAFT, Review.Outcome.CHANGES)
    assert waiting.requester.notices.latest("at").sentence == "approver asks for changes of “a-token”: Name the zones."


def changed(token: Any, **changes: Any) -> TokenRequest:
    return arrange.change(token, **changes)


def carry_out(token_request: TokenRequest, **fields: Any) -> Any:
    ready = fresh(token_request)
    return carrying_out.carry_out(ready, by=ready.requester, **{**arrange.confirming(ready), **fields})


def test_a_change_that_takes_away_needs_nobody(portal: None, sent_bodies: list[bytes]) -> None:
    made = arrange.issue(wide())
    assert made
    narrower = changed(made.token, client_ips=OFFICE)
    assert carry_out(narrower)
    assert len(sent_bodies) == 2


def test_a_change_that_adds_needs_its_approvals(portal: None) -> None:
    made = arrange.issue(wide(client_ips=OFFICE, validity=Validity(days=30)))
    assert made
    longer = changed(made.token, validity=Validity(days=90))
    with pytest.raises(rules.NotAllowed, match="It has to be approved first"):
        carry_out(longer, reason=WHY)
    demo.send(longer, WHY)
    demo.approve(longer)
    assert carry_out(longer)


def test_what_somebody_widened_past_the_portal_is_not_agreed_to_by_a_small_change(portal: None) -> None:
    made = arrange.issue(wide(client_ips=OFFICE))
    assert made
    change = changed(made.token, owner=arrange.person("teammate"))
    assert guarding.of_version(change, change.versions.get()).demands == ()
    base = {name: value for name, value in (change.base or {}).items() if name != "condition"}
    with audit.recording(Event.DRAFT_STARTED, by=None, subject=change) as record:
        record.change(change, base=base)
    payload = {name: value for name, value in change.versions.get().payload.items() if name != "condition"}
    assert guarding.case_of(change, payload) == "new"


def test_a_replacement_is_asked_for_like_a_new_token(portal: None, sent_bodies: list[bytes]) -> None:
    made = arrange.issue(wide())
    assert made
    successor = arrange.checked(fresh(changing.begin_replacement(made.token, by=arrange.person("requester"))))
    with pytest.raises(rules.NotAllowed, match="It has to be approved first"):
        issue(successor, reason=WHY)
    assert len(sent_bodies) == 1
    demo.send(successor, WHY)
    demo.approve(successor)
    assert issue(successor)


def test_rules_of_a_team_and_of_a_connection_bind_just_these(portal: None) -> None:
    other_rule("Not for Web", when={"teams": [str(arrange.team("Web").pk)]}, then={"refuse": "The Web team has its own."})
    there = other_rule(
        "Not through the user", when={"connections": [str(arrange.connection("Acme user").pk)]}, then={"refuse": "Take an account's."}
    )  # fmt: skip
    here = arrange.checked(arrange.draft())
    assert issue(here)
    ready = arrange.checked(arrange.draft(through="Acme user"))
    with pytest.raises(rules.NotAllowed, match=f"Take an account's. \\({there.title}\\)"):
        issue(ready)


def test_a_connection_that_the_team_may_not_use_any_more_sends_nothing(portal: None, sent_bodies: list[bytes]) -> None:
    ready = arrange.approved(wide())
    grant = arrange.connection().grants.get(team=arrange.team())
    with audit.recording(Event.CONNECTION_GRANTED, by=None) as record:
        record.remove(grant)
    with pytest.raises(rules.NotAllowed, match="is not open to this team"):
        issue(ready)
    assert sent_bodies == []


def test_a_requester_who_left_the_team_creates_nothing_that_was_approved(portal: None, sent_bodies: list[bytes]) -> None:
    ready = arrange.approved(wide())
    people.remove_membership(arrange.team().memberships.get(user__username="requester"), by=arrange.person("admin"))
    with pytest.raises(rules.NotAllowed, match="not a requester in that team"):
        issue(ready)
    assert sent_bodies == []


def test_an_address_that_differs_only_in_case_makes_nobody_a_second_person(portal: None) -> None:
    with pytest.raises(Invalid):
        people.create_person(by=None, username="somebody", email="REQUESTER@Example.com")
    with pytest.raises(Invalid):
        people.create_person(by=None, username="Requester", email="another@example.com")


def test_a_failed_attempt_of_what_was_approved_may_be_tried_again_and_an_edit_of_it_may_not(portal: None) -> None:
    ready = arrange.approved(wide())
    with audit.recording(Event.TOKEN_ISSUING, by=None, subject=ready):
        ready.move(Status.ISSUING)
    with audit.recording(Event.TOKEN_ISSUE_FAILED, by=None, subject=ready):
        ready.move(Status.FAILED)
    drafts.reopen(fresh(ready), by=ready.requester)
    assert ready.reviews.get().outcome == Review.Outcome.VOIDED
    with pytest.raises(rules.NotAllowed, match="It has to be approved first"):
        issue(arrange.checked(fresh(ready)))
    again = arrange.approved(fresh(ready))
    with audit.recording(Event.TOKEN_ISSUING, by=None, subject=again):
        again.move(Status.ISSUING)
    with audit.recording(Event.TOKEN_ISSUE_FAILED, by=None, subject=again):
        again.move(Status.FAILED)
    assert issue(again)


def test_what_a_rule_refuses_is_not_even_sent_for_review(portal: None) -> None:
    other_rule("No zones of shops", when={"breadth": "account"}, then={"refuse": "Shops are off limits."})
    ready = arrange.checked(wide())
    with pytest.raises(issuing.Changed, match="Shops are off limits"):
        demo.send(ready, WHY)
    assert status(ready) == Status.DRAFT


@pytest.mark.parametrize("then", [{}, {"approvals": "2"}, {"forbid": "Never."}], ids=["nothing", "no number", "unknown"])
def test_a_rule_that_somebody_spoilt_in_the_database_lets_nothing_pass(
    portal: None, then: dict[str, Any], sent_bodies: list[bytes]
) -> None:
    other_rule("Spoilt", when={"levels": ["edit"]}, then=then)
    ready = arrange.checked(arrange.draft())
    with pytest.raises(rules.NotAllowed, match=r"cannot be read. Ask an admin .* \(Spoilt\)"):
        issue(ready)
    with pytest.raises(issuing.Changed, match="cannot be read"):
        reviewing.send(ready, by=ready.requester, reason=WHY, **arrange.confirming(ready))
    assert sent_bodies == []


def test_a_review_that_nobody_asks_for_may_be_asked_for_all_the_same(portal: None) -> None:
    waiting = arrange.sent(arrange.draft())
    assert [(one.rule, one.count, one.team) for one in waiting.reviews.get().demands.all()] == [("asked-for", 1, waiting.team)]
    with pytest.raises(rules.NotAllowed, match="It is in review"):
        issue(waiting)
    approve(waiting, "approver")
    assert issue(waiting)


def test_one_more_person_is_asked_by_name_once(portal: None) -> None:
    waiting, admin = arrange.sent(wide()), arrange.person("admin")
    reviewing.ask(waiting, by=waiting.requester, person=admin)
    with pytest.raises(Invalid, match="has been asked already"):
        reviewing.ask(waiting, by=waiting.requester, person=admin)
    with pytest.raises(Invalid, match="wrote this"):
        reviewing.ask(waiting, by=waiting.requester, person=waiting.requester)
    with pytest.raises(rules.NotAllowed):
        reviewing.ask(waiting, by=arrange.person("teammate"), person=admin)
    people.set_active(arrange.person("approver"), by=admin, active=False)
    with pytest.raises(Invalid, match="is deactivated"):
        reviewing.ask(waiting, by=waiting.requester, person=arrange.person("approver"))


def test_the_runner_and_a_command_let_requests_expire(lasting_portal: None) -> None:
    waiting = arrange.sent(wide())
    told = StringIO()
    call_command("expire_requests", stdout=told)
    assert (told.getvalue(), status(waiting)) == ("Requests expired: 0\n", Status.IN_REVIEW)
    with clock.at(clock.now() + timedelta(days=15)):
        call_command("work", "--once")
    assert status(waiting) == Status.EXPIRED
    assert waiting.requester.notices.get().sentence.startswith("“a-token” waited too long and has expired.")

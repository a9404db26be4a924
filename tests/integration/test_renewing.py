"""Renew: one click from a token, or from its reminder, to the summary of a change with a new end."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command

from tests import arrange
from tokenportal import audit, clock
from tokenportal.actions import changing, drafts, people, reminding, renewing, syncing
from tokenportal.audit import Event
from tokenportal.models import Reminder, Token, TokenRequest
from tokenportal.policy.compile import same_grant
from tokenportal.policy.spec import Validity

pytestmark = pytest.mark.django_db

BEGAN = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
NOW = BEGAN + timedelta(days=18)


@pytest.fixture
def world(portal: None) -> Iterator[None]:
    with clock.at(BEGAN):
        yield


def made(**validity: Any) -> Token:
    found = arrange.issue(arrange.draft(validity=Validity(**validity or {"lifetime": "days", "days": 20})))
    assert found
    return found.token


def altered(token: Token, **values: Any) -> Token:
    apps.get_model("sandbox", "Token").objects.filter(pk=token.cloudflare_id).update(**values)
    syncing.sync(token.connection)
    return Token.objects.get(pk=token.pk)


def test_one_click_leads_to_a_summary_that_changes_the_end_and_nothing_else(world: None) -> None:
    token = made()
    with clock.at(NOW):
        web = arrange.signed_in("requester")
        assert "Renew for 20 days" in web.get(token.get_absolute_url()).content.decode()
        answer = web.post(f"/tokens/{token.pk}/renew/")
        begun = TokenRequest.objects.get(target=token)
        assert (answer.status_code, answer["Location"]) == (302, f"/requests/{begun.pk}/summary/")
        page = web.get(answer["Location"])
    assert page.status_code == 200
    assert "Thu 8 Apr 2027 23:59 UTC" in page.content.decode()
    version = begun.versions.get()
    assert version.payload["name"] == token.name
    assert same_grant(version.payload, {**token.body, "expires_on": "2027-04-08T23:59:59Z"})
    assert (begun.kind, begun.requester.username, begun.status) == ("edit", "requester", "draft")


def test_a_second_click_goes_on_with_the_same_draft(world: None) -> None:
    token = made()
    with clock.at(NOW):
        web = arrange.signed_in("requester")
        places = {web.post(f"/tokens/{token.pk}/renew/")["Location"] for _ in range(2)}
    assert len(places) == 1
    assert TokenRequest.objects.filter(target=token).count() == 1


@pytest.mark.parametrize(
    ("validity", "days"),
    [
        ({"lifetime": "days", "days": 20}, 20),
        ({"lifetime": "days", "days": 2}, 7),
        ({"lifetime": "days", "days": 365}, 365),
        ({"lifetime": "never"}, 90),
    ],
)
def test_the_new_life_is_as_long_as_the_last_one_and_a_week_at_least(world: None, validity: dict[str, Any], days: int) -> None:
    assert renewing.days_for(made(**validity)) == days


def test_a_token_made_elsewhere_is_renewed_for_the_time_between_its_two_ends(world: None) -> None:
    token = made()
    with audit.recording(Event.TOKEN_TAKEN_OVER, by=None, subject=token) as record:
        record.change(token, token_request=None, issued_on=BEGAN - timedelta(days=30))
    assert renewing.days_for(token) == 50
    with audit.recording(Event.TOKEN_TAKEN_OVER, by=None, subject=token) as record:
        record.change(token, issued_on=None)
    assert renewing.days_for(token) == 90


def test_a_token_that_never_ends_is_offered_an_end(world: None) -> None:
    token = made(lifetime="never")
    web = arrange.signed_in("requester")
    page = web.get(token.get_absolute_url()).content.decode()
    assert ("Never ends" in page, "Set an end" in page, "Renew for" in page) == (True, True, False)
    assert web.post(f"/tokens/{token.pk}/renew/").status_code == 302
    assert TokenRequest.objects.get(target=token).working_copy.spec.validity.days == 90


def test_what_a_change_cannot_say_offers_another_way_in_words(world: None) -> None:
    token = altered(made(), condition={"moon": {"phase": "full"}})
    web = arrange.signed_in("requester")
    page = web.get(token.get_absolute_url()).content.decode()
    assert ('data-testid="renew"' in page, "It cannot be renewed here: " in page) == (False, True)
    answer = web.post(f"/tokens/{token.pk}/renew/")
    assert answer.status_code == 409
    told = answer.content.decode()
    assert "a policy or a condition of a kind that this portal does not know" in told
    assert "make a new token that may do the same" in told
    assert not TokenRequest.objects.filter(target=token).exists()


def test_while_cloudflare_cannot_be_asked_nothing_is_begun(world: None) -> None:
    token = made()
    call_command("sandbox_fault", "refuse_connection", method="GET")
    answer = arrange.signed_in("requester").post(f"/tokens/{token.pk}/renew/")
    assert answer.status_code == 409
    assert "nothing was begun" in answer.content.decode()
    assert not TokenRequest.objects.filter(target=token).exists()


def test_what_has_a_problem_today_leads_to_the_builder(world: None) -> None:
    token = made()
    with clock.at(NOW):
        begun = changing.begin_edit(token, by=arrange.person("requester"))
        copy = begun.working_copy
        drafts.save(
            begun, by=begun.requester, revision=copy.revision, spec=replace(copy.spec, name=""), connection=copy.connection,
            owner=copy.owner, backup_owner=None,
        )  # fmt: skip
        web = arrange.signed_in("requester")
        answer = web.post(f"/tokens/{token.pk}/renew/", follow=True)
    assert answer.redirect_chain == [(f"/requests/{begun.pk}/summary/", 302), (f"/requests/{begun.pk}/", 302)]


def test_only_those_who_answer_for_it_and_are_requesters_may(world: None) -> None:
    token = made()
    people.create_person(by=None, username="outsider", email="outsider@example.com", password=arrange.PASSWORD)
    sentence = b"Only the token&#x27;s owner, its back-up owner or an admin can do this."
    for name in ("teammate", "approver", "auditor"):
        answer = arrange.signed_in(name).post(f"/tokens/{token.pk}/renew/")
        assert (answer.status_code, sentence in answer.content) == (403, True), name
    assert arrange.signed_in("outsider").post(f"/tokens/{token.pk}/renew/").status_code == 404
    assert arrange.signed_in("requester").get(f"/tokens/{token.pk}/renew/").status_code == 405
    assert not TokenRequest.objects.filter(target=token).exists()
    assert arrange.signed_in("admin").post(f"/tokens/{token.pk}/renew/").status_code == 302


def test_what_is_gone_is_neither_renewed_nor_offered(world: None) -> None:
    token = made()
    with audit.recording(Event.TOKEN_GONE, by=None, subject=token) as record:
        record.change(token, status="gone", ended_at=BEGAN)
    web = arrange.signed_in("requester")
    assert b"renew" not in web.get(token.get_absolute_url()).content.lower()
    assert web.post(f"/tokens/{token.pk}/renew/").status_code == 403


def test_a_renewed_token_ends_later_is_told_so_and_is_reminded_of_anew(world: None) -> None:
    token = made()
    with clock.at(NOW):
        assert reminding.remind_all() == 1
        web = arrange.signed_in("requester")
        web.post(f"/tokens/{token.pk}/renew/")
        begun = TokenRequest.objects.get(target=token)
        answer = web.post(f"/requests/{begun.pk}/create/", arrange.confirming(begun))
        assert (answer.status_code, answer["Location"]) == (302, token.get_absolute_url())
        page = web.get(token.get_absolute_url()).content.decode()
    renewed = Token.objects.get(pk=token.pk)
    assert renewed.expires_on == datetime(2027, 4, 8, 23, 59, 59, tzinfo=UTC)
    assert ("Agreed to version 1" in page.split('data-testid="trail"')[1], "<strong>Changed</strong>" in page) == (True, True)
    assert renewing.days_for(renewed) == 20
    with clock.at(renewed.expires_on - timedelta(days=7)):
        assert reminding.remind_all() == 1
    assert set(Reminder.objects.values_list("days", "expires_on")) == {(7, token.expires_on), (7, renewed.expires_on)}

"""Alarms about a request's tokens: who sees them, what an admin decides, and what is recorded of it."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.test import Client

from tests import arrange
from tests.integration.test_syncing import failed_but_there
from tokenportal import clock
from tokenportal.actions import alarms, drafts, issuing, people, resolving, settling, syncing, watching
from tokenportal.models import AuditEvent, Status, Token, TokenRequest
from tokenportal.sandbox import faults
from tokenportal.upstream import client as upstream_client

pytestmark = pytest.mark.django_db


def fresh(token_request: TokenRequest) -> TokenRequest:
    return TokenRequest.objects.get(pk=token_request.pk)


def at_cloudflare(token_request: TokenRequest) -> list[str]:
    """The ids of the tokens that carry the request's reference at the sandbox."""
    found = apps.get_model("sandbox", "Token").objects.filter(name__endswith=f"({token_request.reference})")
    return list(found.order_by("issued_on").values_list("pk", flat=True))


def lost() -> TokenRequest:
    """A request whose token exists and whose answer was lost."""
    draft = arrange.draft()
    call_command("sandbox_fault", "drop", method="POST")
    assert arrange.issue(draft) is None
    return fresh(draft)


def widened() -> TokenRequest:
    """Uncertain, with an alarm: what carries the reference is more than what was asked for."""
    one = lost()
    call_command("sandbox_alter", "widen", "a-token")
    settling.look_up(one)
    assert fresh(one).alarm == alarms.DIFFERENT
    return fresh(one)


def late() -> TokenRequest:
    """Failed, with an alarm: the token came after the window, and is just what was asked for."""
    one = failed_but_there()
    assert watching.pass_over() == [("watch over Acme production", "requests with an alarm: 1")]
    return fresh(one)


def twice() -> TokenRequest:
    """Uncertain, with an alarm: two tokens carry the reference, and both are just what was asked for."""
    one = lost()
    upstream_client(arrange.connection()).create_token(one.versions.get().payload)
    settling.look_up(one)
    assert fresh(one).alarm == "2 tokens carry this request's reference at Cloudflare."
    return fresh(one)


def page_of(token_request: TokenRequest) -> str:
    return f"/requests/{token_request.pk}/alarm/"


def admin() -> Client:
    return arrange.signed_in("admin")


def test_a_token_that_came_late_and_is_what_was_asked_for_is_taken_as_the_request_s(portal: None) -> None:
    one, web = late(), admin()
    (there,) = at_cloudflare(one)
    page = web.get(page_of(one)).content.decode()
    assert "It is exactly what was asked for." in page
    assert f'value="accept {there}"' in page
    answer = web.post(page_of(one), {"do": f"accept {there}"})
    assert (answer.status_code, answer["Location"]) == (302, one.get_absolute_url())
    token = Token.objects.get(token_request=one)
    assert (fresh(one).status, fresh(one).alarm, fresh(one).cloudflare_id) == (Status.ISSUED, "", there)
    assert (token.cloudflare_id, token.value_lost, token.team) == (there, True, one.team)
    assert list(AuditEvent.objects.filter(trail=one.pk).order_by("-number").values_list("action", flat=True)[:2]) == [
        "token.adopted", "alarm.resolved",
    ]  # fmt: skip
    assert 'data-testid="roll"' in web.get(one.get_absolute_url()).content.decode()
    assert watching.pass_over() == []


def test_a_token_that_is_more_than_was_asked_for_is_never_taken_but_revoked(portal: None) -> None:
    one, web = widened(), admin()
    (there,) = at_cloudflare(one)
    page = web.get(page_of(one)).content.decode()
    assert "It is not what was asked for:" in page
    assert "Never ends; before, on " in page or "Ends on " in page
    assert "accept" not in page
    refused = web.post(page_of(one), {"do": f"accept {there}"})
    assert (refused.status_code, fresh(one).status) == (409, Status.UNCERTAIN)
    assert "Only a token that is exactly what was asked for" in refused.content.decode()
    answer = web.post(page_of(one), {"do": f"revoke {there}"}, follow=True)
    assert "It is revoked: Cloudflare says that it does not exist any more." in answer.content.decode()
    assert at_cloudflare(one) == []
    assert Token.objects.get(cloudflare_id=there).status == Token.Status.REVOKED
    assert 'data-testid="nothing-there"' in answer.content.decode()
    closed = web.post(page_of(one), {"do": "close", "reason": "Somebody widened it in the dashboard."})
    assert closed.status_code == 302
    assert (fresh(one).status, fresh(one).alarm) == (Status.FAILED, "")
    with clock.at(clock.now() + timedelta(minutes=3)):
        assert issuing.issue(fresh(one), by=one.requester, version=one.version, digest=one.digest)


def test_of_two_the_one_is_revoked_and_the_other_taken(portal: None) -> None:
    one, web = twice(), admin()
    first, second = at_cloudflare(one)
    assert "accept" not in web.get(page_of(one)).content.decode(), "not as long as there are two"
    web.post(page_of(one), {"do": f"revoke {second}"})
    web.post(page_of(one), {"do": f"accept {first}"})
    assert (fresh(one).status, fresh(one).cloudflare_id, at_cloudflare(one)) == (Status.ISSUED, first, [first])


def test_what_is_left_alone_raises_no_alarm_again_and_is_in_the_list_as_nobody_s(portal: None) -> None:
    one, web = widened(), admin()
    (there,) = at_cloudflare(one)
    assert "What stands above is left alone" in web.get(page_of(one)).content.decode()
    empty = web.post(page_of(one), {"do": "close", "reason": " "})
    assert (empty.status_code, fresh(one).alarm) == (422, alarms.DIFFERENT)
    assert "Say why it can be closed." in empty.content.decode()
    web.post(page_of(one), {"do": "close", "reason": "Another team uses it."})
    assert (fresh(one).status, fresh(one).alarm, fresh(one).accepted_strays) == (Status.FAILED, "", [there])
    token = Token.objects.get(cloudflare_id=there)
    assert (token.is_managed, token.approved) == (False, None)
    resolved = AuditEvent.objects.get(action="alarm.resolved")
    assert (resolved.reason, resolved.details) == ("Another team uses it.", {"left_alone": there})
    watching.pass_over()
    syncing.sync(arrange.connection())
    assert fresh(one).alarm == ""


def test_while_an_alarm_stands_nothing_else_happens(portal: None) -> None:
    one, web = late(), arrange.signed_in("requester")
    for what in ("reopen/", "discard/", "create/"):
        answer = web.post(f"{one.get_absolute_url()}{what}", arrange.confirming(one))
        assert answer.status_code == 403, what
        assert "There is an alarm about a token of this request." in answer.content.decode()
    page = web.get(one.get_absolute_url()).content.decode()
    assert "An admin must resolve it before anything else happens." in page
    assert 'data-testid="resolve"' not in page
    assert "You cannot create it" in web.get(f"{one.get_absolute_url()}summary/").content.decode()


def test_a_second_attempt_that_finds_the_first_one_s_token_is_not_sent_and_raises_the_alarm(portal: None) -> None:
    one = failed_but_there()
    calls = apps.get_model("sandbox", "Call").objects.filter(method="POST")
    before = calls.count()
    web = arrange.signed_in("requester")
    with clock.at(clock.now() + timedelta(minutes=5)):
        answer = web.post(f"{one.get_absolute_url()}create/", arrange.confirming(one))
    assert (answer.status_code, calls.count()) == (403, before)
    assert (fresh(one).status, fresh(one).alarm) == (Status.FAILED, alarms.STRAY)


@pytest.mark.parametrize(("fault", "pages"), [("html", 1000), ("", 0)])
def test_a_second_attempt_is_not_sent_where_the_list_cannot_be_read(
    portal: None, monkeypatch: Any, fault: str, pages: int
) -> None:
    draft = arrange.draft()
    call_command("sandbox_fault", "refuse_connection", method="POST")
    assert arrange.issue(draft) is None
    if fault:
        call_command("sandbox_fault", fault, method="GET")
    monkeypatch.setattr("tokenportal.cloudflare.client.MAX_PAGES", pages)
    one = fresh(draft)
    with pytest.raises(issuing.Changed, match="Before it is sent again, Cloudflare's list must be read"):
        issuing.issue(one, by=one.requester, version=one.version, digest=one.digest)
    assert (fresh(one).status, one.attempts.count()) == (Status.FAILED, 1)


def test_an_alarm_about_what_is_a_draft_again_is_seen_by_admins_and_by_no_colleague(portal: None) -> None:
    one = failed_but_there()
    drafts.reopen(one, by=one.requester)
    watching.pass_over()
    assert (fresh(one).status, fresh(one).alarm) == (Status.DRAFT, alarms.STRAY)
    assert arrange.signed_in("teammate").get(page_of(one)).status_code == 404
    page = admin().get(page_of(one)).content.decode()
    assert 'data-testid="accept"' not in page, "the draft may say something else by now"
    admin().post(page_of(one), {"do": "close", "reason": "Known."})
    assert (fresh(one).status, fresh(one).alarm) == (Status.DRAFT, "")
    assert admin().get(page_of(one)).status_code == 404


def test_who_is_no_admin_is_refused_and_an_outsider_finds_nothing(portal: None) -> None:
    one = late()
    people.create_person(by=None, username="outsider", email="outsider@example.com", password=arrange.PASSWORD)
    for name, status in (("requester", 403), ("teammate", 403), ("auditor", 403), ("outsider", 404)):
        web = arrange.signed_in(name)
        assert (web.get(page_of(one)).status_code, web.post(page_of(one)).status_code) == (status, status), name
    assert admin().put(page_of(one)).status_code == 405
    assert fresh(one).alarm == alarms.STRAY


def test_a_sign_in_that_is_a_while_ago_is_confirmed_on_the_page_before(portal: None) -> None:
    one, web = late(), admin()
    session = web.session
    session["signed_in_at"] = session["signed_in_at"] - 601
    session.save()
    assert web.get(page_of(one))["Location"].startswith("/again/?next=")
    assert web.post(page_of(one), {"do": "close", "reason": "Known."}).status_code == 403
    assert fresh(one).alarm == alarms.STRAY


@pytest.mark.parametrize(("fault", "pages", "says"), [("html", 1000, "could not be asked"), ("", 0, "read to its end")])
def test_without_a_list_nothing_is_decided(portal: None, monkeypatch: Any, fault: str, pages: int, says: str) -> None:
    one, web = late(), admin()
    if fault:
        faults.arm(fault, method="GET", times=3)
    monkeypatch.setattr("tokenportal.cloudflare.client.MAX_PAGES", pages)
    answer = web.get(page_of(one))
    assert (answer.status_code, says in answer.content.decode()) == (409, True)
    answer = web.post(page_of(one), {"do": "close", "reason": "Known."})
    assert (answer.status_code, fresh(one).alarm) == (409, alarms.STRAY)


def test_a_token_that_is_not_in_the_list_any_more_is_not_decided_about(portal: None) -> None:
    one, web = late(), admin()
    for verb in ("accept", "revoke"):
        answer = web.post(page_of(one), {"do": f"{verb} {'0' * 32}"})
        assert answer.status_code == 409
        assert "is not in Cloudflare" in answer.content.decode()


def test_of_two_admins_the_second_is_told(portal: None) -> None:
    one = late()
    (there,) = at_cloudflare(one)
    mine, theirs = fresh(one), fresh(one)
    person = arrange.person("admin")
    resolving.close(theirs, by=person, reason="Known.")
    with pytest.raises(resolving.CannotResolve, match="Somebody was first"):
        resolving.close(mine, by=person, reason="Known.")
    with pytest.raises(resolving.CannotResolve, match="Somebody was first"):
        resolving.accept(mine, by=person, token_id=there)
    assert admin().post(page_of(one), {"do": "close", "reason": "Known."}).status_code == 403


def test_attempts_are_told_on_the_request_s_page(portal: None) -> None:
    draft = arrange.draft()
    call_command("sandbox_fault", "forbidden", method="POST")
    assert arrange.issue(draft) is None
    one = fresh(draft)
    with clock.at(clock.now() + timedelta(minutes=5)):
        assert issuing.issue(one, by=one.requester, version=one.version, digest=one.digest)
    page = arrange.signed_in("requester").get(one.get_absolute_url()).content.decode()
    told = page[page.index('data-testid="attempts"') :]
    assert told.count('data-testid="attempt"') == 2
    assert told.index("Attempt 1: Refused") < told.index("Attempt 2: Created")
    assert one.digest[:12] in told

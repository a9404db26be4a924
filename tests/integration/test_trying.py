"""Test it now: a created token is verified and used once for reading, by whoever holds its secret; nothing of it is kept."""

import re
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from tests import arrange
from tests.integration.care_world import fresh
from tests.integration.test_adopting import adopt
from tests.integration.test_inventory import found_outside
from tokenportal.actions import caring
from tokenportal.models import AuditEvent, Token
from tokenportal.policy.spec import ClientIPs, Validity

pytestmark = pytest.mark.django_db
PART = {"HX-Request": "true", "HX-Target": "trial"}


def made(**changes: Any) -> tuple[Client, Token, str]:
    ready = arrange.agreed(arrange.draft(**changes))
    web = arrange.signed_in("requester")
    page = web.post(f"/requests/{ready.pk}/create/", arrange.confirming(ready)).content.decode()
    secret = re.search(r"cf[au]t_[A-Za-z0-9]+", page)
    assert secret
    return web, Token.objects.get(token_request=ready), secret[0]


def tried(web: Client, token: Token, secret: str) -> tuple[str, str]:
    answer = web.post(f"/tokens/{token.pk}/try/", {"secret": secret}, headers=PART)
    assert answer.status_code == 200
    part = answer.content.decode()
    assert "<html" not in part
    state = re.search(r'data-state="([^"]+)"', part)
    words = re.search(r"<span>(.*)</span></p>", part)
    assert state
    assert words
    return state[1], words[1]


def test_a_working_token_reads_and_says_what(portal: None) -> None:
    web, token, secret = made()
    zone = arrange.zone_names(1)[0]
    assert tried(web, token, secret) == ("active", f"Active, and it works: it read the DNS records of {zone}.")
    event = AuditEvent.objects.order_by("-number")[0]
    assert (event.action, event.by_name, event.object_id) == ("token.tried", "requester", str(token.pk))
    assert secret not in str(event.details) + str(event.changes)


def test_a_token_that_begins_later_says_from_when(portal: None) -> None:
    web, token, secret = made(validity=Validity(starts="2031-01-01", lifetime="never"))
    assert tried(web, token, secret) == ("not yet", "Not yet active: it works from Wed 1 Jan 2031 00:00 UTC on.")


def test_a_token_that_does_not_let_the_portal_in_is_told_from_one_that_does_not_work(portal: None) -> None:
    web, token, secret = made(client_ips=ClientIPs(("203.0.113.0/24",)))
    state, words = tried(web, token, secret)
    assert (state, words[:46]) == ("blocked", "Active, and blocked here by its own IP rule: t")


def test_a_token_with_nothing_to_read_is_verified_only(portal: None) -> None:
    web, token, secret = made(template="read-billing-info")
    assert tried(web, token, secret)[1] == "Active. Nothing that it may do can be tried without changing something."


def test_a_wrong_value_and_another_token_s_are_refused(portal: None) -> None:
    web, token, _ = made()
    _, other, others_secret = made()
    assert tried(web, token, others_secret) == ("refused", "This is the value of another token.")
    assert tried(web, token, f"cfat_{'x' * 48}")[0] == "refused"
    assert tried(web, token, "")[0] == "refused"
    assert tried(web, token, "x" * 5000)[0] == "refused"
    assert other.pk != token.pk


@pytest.mark.parametrize(("fault", "state"), [("html", "unknown"), ("rate_limit", "unknown"), ("refuse_connection", "unknown")])
def test_a_broken_answer_is_told_as_such(portal: None, fault: str, state: str) -> None:
    web, token, secret = made()
    call_command("sandbox_fault", fault, method="GET")
    assert tried(web, token, secret)[0] == state


def test_a_read_that_breaks_after_verifying_is_told_as_such(portal: None) -> None:
    web, token, secret = made()
    for fault in ("html", "rate_limit"):
        call_command("sandbox_fault", fault, method="GET", path="/zones")
        assert tried(web, token, secret)[0] == "unknown"


def test_only_its_owner_and_who_asked_for_it_may_try_it(portal: None) -> None:
    _, token, secret = made()
    assert arrange.signed_in("teammate").post(f"/tokens/{token.pk}/try/", {"secret": secret}).status_code == 403
    assert arrange.signed_in("admin").post(f"/tokens/{token.pk}/try/", {"secret": secret}).status_code == 403


def test_trying_an_adopted_token_out_stands_in_its_trail(portal: None) -> None:
    token, owner = found_outside(), arrange.person("requester")
    adopt(token)
    rolled = caring.roll(fresh(token), by=owner)
    assert rolled
    web = arrange.signed_in("requester")
    assert tried(web, token, rolled.secret.reveal())[0] == "active"
    trail = web.get(f"/tokens/{token.pk}/trail/").content.decode()
    steps = re.findall(r"<li class=.*?><strong>([^<]+)</strong> by ([^<\n]+)", trail)
    assert steps[-1] == ("Tried out", "requester")


def test_without_script_the_answer_is_a_page(portal: None) -> None:
    web, token, secret = made()
    page = web.post(f"/tokens/{token.pk}/try/", {"secret": secret}).content.decode()
    assert "<h1>" in page
    assert secret not in page


def test_a_read_that_is_refused_after_verifying_is_told_as_such(portal: None) -> None:
    web, token, secret = made()
    call_command("sandbox_fault", "forbidden", method="GET", path="/zones")
    state, words = tried(web, token, secret)
    assert (state, words[:34]) == ("refused", "Active, but it could not read the ")


def test_a_token_that_has_ended_is_refused(portal: None) -> None:
    web, token, secret = made()
    call_command("sandbox_alter", "disable", token.name)
    assert tried(web, token, secret)[0] == "refused"

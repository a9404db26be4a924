"""The page of a token tells what exists at Cloudflare, as last seen, and says where that is not what was agreed to."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command

from tests import arrange
from tokenportal import clock
from tokenportal.actions import issuing, syncing
from tokenportal.cloudflare import TokenRecord
from tokenportal.models import Token
from tokenportal.policy import moments
from tokenportal.policy.spec import ClientIPs

pytestmark = pytest.mark.django_db

CHANGED = "It was changed at Cloudflare"


def issued(**changes: Any) -> Token:
    made = arrange.issue(arrange.draft(**changes))
    assert made
    return made.token


def altered(token: Token, **values: Any) -> None:
    apps.get_model("sandbox", "Token").objects.filter(pk=token.cloudflare_id).update(**values)
    syncing.sync(token.connection)


def page_of(token: Token) -> str:
    return arrange.signed_in("requester").get(token.get_absolute_url()).content.decode()


def sentence(page: str) -> str:
    found = re.search(r'data-testid="sentence">(.*?)</p>', page)
    assert found
    return re.sub("<.*?>", "", found[1])


def told(page: str, term: str) -> str:
    found = re.search(rf"<dt>{term}</dt><dd>(.*?)</dd>", page, re.DOTALL)
    assert found, page
    return " ".join(re.sub("<.*?>", " ", found[1]).split())


def test_what_is_as_agreed_is_told_with_the_names_of_its_zones(portal: None) -> None:
    token = issued(zones=2, client_ips=ClientIPs(allow=("192.0.2.0/24",)))
    page = page_of(token)
    assert token.expires_on
    end = moments.in_words(token.expires_on)
    assert sentence(page) == f"Can create, change and delete DNS records on 2 zones. Nothing else. From 1 network, until {end}."
    assert all(f"<li>{name}</li>" in page for name in arrange.zone_names(2))
    assert told(page, "Works from") == "192.0.2.0/24"
    assert CHANGED not in page


def test_a_token_that_was_widened_tells_what_it_can_do_now_and_that_nobody_agreed(portal: None) -> None:
    token = issued(client_ips=ClientIPs(allow=("192.0.2.0/24",)))
    call_command("sandbox_alter", "widen", "a-token")
    syncing.sync(token.connection)
    page = page_of(token)
    assert sentence(page) == (
        "Can create, change and delete DNS records on all 32 zones of Acme production, also those added later. "
        "Nothing else. From anywhere. It never expires."
    )
    assert "<li>all 32 zones of Acme production, also those added later</li>" in page
    assert f"<li>{arrange.zone_names()[0]}</li>" not in page
    assert (told(page, "Works from"), told(page, "Ends")) == ("Anywhere", "Never")
    assert page.count(CHANGED) == 1


def test_a_token_that_starts_later_says_when(portal: None) -> None:
    token = issued()
    starts = datetime(2031, 1, 31, tzinfo=UTC)
    altered(token, not_before=starts, expires_on=starts + timedelta(days=1))
    page = page_of(token)
    assert told(page, "Starts") == "Fri 31 Jan 2031 00:00 UTC"
    assert sentence(page).endswith("not before Fri 31 Jan 2031 00:00 UTC, until Sat 1 Feb 2031 00:00 UTC.")
    assert CHANGED in page


def test_what_the_portal_cannot_read_is_shown_as_it_is_and_promised_nothing(portal: None) -> None:
    token = issued()
    altered(token, condition={"moon": {"phase": "full"}})
    page = page_of(token)
    assert told(page, "Works from") == "A condition of a kind that this portal does not know"
    assert sentence(page).endswith("Nothing else. Under a condition of a kind that this portal does not know.")
    altered(token, policies=[{"id": "f" * 32, "effect": "maybe", "permission_groups": [], "resources": {}}])
    page = page_of(token)
    assert "so nothing can be promised" in sentence(page)
    assert "<dt>Not known</dt>" in page
    assert "&quot;effect&quot;: &quot;maybe&quot;" in page
    assert CHANGED in page


def test_an_answer_without_policies_changes_the_end_in_every_place(portal: None) -> None:
    token = issued()
    altered(token, policies=[], expires_on=datetime(2031, 1, 31, tzinfo=UTC))
    seen = Token.objects.get(pk=token.pk)
    assert (seen.body["policies"], seen.body["expires_on"]) == (token.body["policies"], "2031-01-31T00:00:00Z")
    page = page_of(token)
    assert sentence(page).endswith("until Fri 31 Jan 2031 00:00 UTC.")
    assert "31 Jan 2031" in told(page, "Ends")


def test_times_that_were_answered_count_before_those_that_were_sent(portal: None) -> None:
    token = issued()
    ends = clock.now().replace(microsecond=0) + timedelta(days=1)
    record = TokenRecord(id=token.cloudflare_id, expires_on=ends)
    seen = issuing.as_seen(record, token.body, token.connection)
    assert (seen["expires_on"], seen["body"]["expires_on"]) == (ends, moments.as_cloudflare(ends))
    assert seen["body"]["policies"] == token.body["policies"]

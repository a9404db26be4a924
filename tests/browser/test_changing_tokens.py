"""Changing and replacing a token in a browser, with and without JavaScript: what a call with the secret may do changes accordingly."""

from typing import Any

import pytest
import requests
from django.apps import apps
from playwright.sync_api import Browser, Page, expect

from tests import arrange
from tests.browser.test_walk import sign_in
from tokenportal.actions import syncing
from tokenportal.models import Token
from tokenportal.secret import Secret


@pytest.fixture(params=["with JavaScript", "without"])
def any_page(request: pytest.FixtureRequest, browser: Browser) -> Any:
    """A page of a browser with JavaScript, then one without."""
    context = browser.new_context(java_script_enabled=request.param == "with JavaScript")
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def issued() -> tuple[Token, Secret]:
    made = arrange.issue(arrange.draft())
    assert made
    return made.token, made.secret


def may(site: str, secret: str, zone_id: str) -> int:
    with requests.Session() as api:
        api.trust_env = False
        headers = {"Authorization": f"Bearer {secret}"}
        return api.get(f"{site}/sandbox/client/v4/zones/{zone_id}/dns_records", headers=headers).status_code


def zones(site: str, secret: str) -> tuple[str, str, str]:
    """The id of the zone that the secret reaches, and name and id of one that it does not."""
    names = arrange.zone_names(2)
    ids = dict(zip(names, arrange.zone_ids(*names), strict=True))
    (mine,) = [id for id in ids.values() if may(site, secret, id) == 200]
    (other,) = [name for name, id in ids.items() if id != mine]
    return mine, other, ids[other]


def test_an_edit_changes_what_the_same_secret_may_do(lasting_portal: None, site: str, any_page: Page) -> None:
    token, secret = issued()
    mine, name, other = zones(site, secret.reveal())
    sign_in(any_page, site, "requester")
    any_page.goto(f"{site}{token.get_absolute_url()}")
    any_page.get_by_test_id("edit").click()
    expect(any_page.get_by_test_id("about-token")).to_contain_text("Its secret stays the same")
    expect(any_page.get_by_test_id("name")).to_have_value("a-token")
    any_page.get_by_test_id("chosen-zone-1").get_by_role("button").click()
    expect(any_page.get_by_test_id("chosen-zone-1")).to_have_count(0)
    any_page.get_by_test_id("zone-1").fill(name)
    any_page.get_by_test_id("check").first.click()
    expect(any_page.get_by_role("heading", level=1)).to_have_text("Check this change")
    any_page.get_by_test_id("create").click()
    expect(any_page.get_by_test_id("token")).to_be_visible()
    assert (may(site, secret.reveal(), mine), may(site, secret.reveal(), other)) == (403, 200)


def test_a_successor_is_stored_used_and_then_the_old_one_can_go(lasting_portal: None, site: str, any_page: Page) -> None:
    token, secret = issued()
    mine, _, _ = zones(site, secret.reveal())
    sign_in(any_page, site, "requester")
    any_page.goto(f"{site}{token.get_absolute_url()}")
    any_page.get_by_test_id("replace").click()
    expect(any_page.get_by_test_id("about-token")).to_contain_text("takes the place of")
    any_page.get_by_test_id("check").first.click()
    any_page.get_by_role("button", name="Create the successor").click()
    new_secret = any_page.get_by_test_id("secret").inner_text()
    assert (may(site, secret.reveal(), mine), may(site, new_secret, mine)) == (200, 200)
    any_page.get_by_test_id("stored").click()
    expect(any_page.get_by_test_id("succession")).to_have_attribute("data-told", "waiting")
    syncing.sync(arrange.connection())
    any_page.goto(f"{site}{token.get_absolute_url()}")
    expect(any_page.get_by_test_id("succession")).to_have_attribute("data-told", "taken")
    assert apps.get_model("sandbox", "Token").objects.filter(pk=token.cloudflare_id).exists()

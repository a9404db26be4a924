"""Caring for a token in a browser, with script and without: what a call with its secret may do changes accordingly."""

from typing import Any

import pytest
import requests
from django.apps import apps
from playwright.sync_api import Browser, Page, expect

from tests import arrange
from tests.browser.conftest import until
from tokenportal.models import Token


@pytest.fixture(params=["with script", "without script"])
def either(request: Any, browser: Browser) -> Any:
    """A page of a browser with JavaScript, then of one without."""
    context = browser.new_context(java_script_enabled=request.param == "with script")
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def sign_in(page: Page, site: str) -> None:
    page.goto(f"{site}/sign-in/")
    page.get_by_label("Name").fill("requester")
    page.get_by_label("Password").fill(arrange.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda address: "/sign-in/" not in address)


def called(site: str, secret: str) -> int:
    """The status with which the sandbox answers a call with this secret, over HTTP."""
    zone = arrange.zone_ids(arrange.zone_names()[0])[0]
    with requests.Session() as session:
        session.trust_env = False
        address = f"{site}/sandbox/client/v4/zones/{zone}/dns_records"
        return session.get(address, headers={"Authorization": f"Bearer {secret}"}, timeout=20).status_code


def step(page: Page, name: str) -> None:
    """From the token's page through the page that asks first."""
    page.get_by_test_id(f"to-{name}").click()
    page.get_by_test_id(name).click()


def test_roll_disable_enable_and_revoke_change_what_a_call_may_do(lasting_portal: None, site: str, either: Page) -> None:
    made = arrange.issue(arrange.draft())
    assert made
    first, home = made.secret.reveal(), f"{site}{made.token.get_absolute_url()}"
    sign_in(either, site)
    either.goto(home)
    assert called(site, first) == 200

    step(either, "roll")
    expect(either.get_by_role("heading", level=1)).to_have_text("Token rolled")
    second = either.get_by_test_id("secret").inner_text()
    assert (called(site, first), called(site, second)) == (403, 200)
    either.get_by_test_id("stored").click()

    step(either, "disable")
    expect(either.get_by_test_id("token")).to_have_attribute("data-state", "disabled")
    expect(either.get_by_text("It is disabled. Cloudflare refuses every call that is made with it.").first).to_be_visible()
    assert called(site, second) == 403

    step(either, "enable")
    expect(either.get_by_test_id("token")).to_have_attribute("data-state", "active")
    expect(either.get_by_test_id("to-disable")).to_be_visible()
    assert called(site, second) == 200

    step(either, "revoke")
    expect(either.get_by_test_id("token")).to_have_attribute("data-state", "revoked")
    expect(either.get_by_test_id("ending")).to_contain_text("By requester")
    expect(either.get_by_test_id("to-roll")).to_have_count(0)
    assert called(site, second) == 403


def test_a_duplicate_is_a_draft_that_can_be_checked(lasting_portal: None, site: str, either: Page) -> None:
    made = arrange.issue(arrange.draft())
    assert made
    sign_in(either, site)
    either.goto(f"{site}{made.token.get_absolute_url()}")
    step(either, "duplicate")
    expect(either.get_by_test_id("name")).to_have_value("Copy of a-token")
    either.get_by_test_id("check").first.click()
    either.get_by_test_id("create").click()
    expect(either.get_by_role("heading", level=1)).to_have_text("Token created")
    assert called(site, either.get_by_test_id("secret").inner_text()) == 200


def test_reload_and_back_neither_roll_again_nor_show_the_secret(lasting_portal: None, site: str, page: Page) -> None:
    made = arrange.issue(arrange.draft())
    assert made
    sign_in(page, site)
    page.goto(f"{site}{made.token.get_absolute_url()}")
    step(page, "roll")
    secret = page.get_by_test_id("secret").inner_text()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing was sent this time")
    expect(page.get_by_text(secret)).to_have_count(0)
    page.go_back()
    expect(page.get_by_text(secret)).to_have_count(0)
    assert called(site, secret) == 200


def test_a_roll_whose_answer_was_lost_is_rolled_again_from_the_token_s_page(lasting_portal: None, site: str, quiet: Page) -> None:
    made = arrange.issue(arrange.draft())
    assert made
    faults = apps.get_model("sandbox", "Fault").objects
    faults.create(kind="drop", method="PUT", path="", remaining=1, seconds=0, after=True)
    sign_in(quiet, site)
    quiet.goto(f"{site}{made.token.get_absolute_url()}")
    step(quiet, "roll")
    quiet.get_by_test_id("roll-lost").click()
    quiet.get_by_test_id("roll").click()
    secret = quiet.get_by_test_id("secret").inner_text()
    assert called(site, secret) == 200
    until(quiet, lambda: Token.objects.get(pk=made.token.pk).value_lost, False)

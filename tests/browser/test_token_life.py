"""A token's life in a browser: handed over, reminded of, renewed; with JavaScript and without."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import arrange
from tests.browser.conftest import axe_finds_nothing, fits
from tests.browser.test_walk import sign_in
from tokenportal import clock
from tokenportal.actions import reminding
from tokenportal.models import Token
from tokenportal.policy.spec import Validity


@pytest.fixture(params=[True, False], ids=["with script", "without script"])
def either(request: Any, browser: Browser) -> Any:
    """A page of a browser, once with JavaScript and once without."""
    context = browser.new_context(java_script_enabled=request.param)
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def token(lasting_portal: None) -> Token:
    """A token that ends in five days, of which its owners were reminded."""
    with clock.at(clock.now() - timedelta(days=25)):
        made = arrange.issue(arrange.draft(validity=Validity(lifetime="days", days=30)))
    assert made
    assert reminding.remind_all() == 1
    return made.token


def test_a_token_is_handed_to_a_colleague(token: Token, site: str, either: Page) -> None:
    sign_in(either, site, "requester")
    either.goto(f"{site}{token.get_absolute_url()}")
    either.get_by_test_id("change-owners").click()
    either.get_by_label("Owner", exact=True).select_option(label="teammate")
    either.get_by_label("Back-up owner").select_option(label="teammate")
    either.get_by_test_id("save-owners").click()
    expect(either.get_by_test_id("errors")).to_contain_text("Choose somebody else than the owner, or nobody.")
    either.get_by_label("Back-up owner").select_option(label="requester")
    either.get_by_label("What uses it").fill("certbot on web-2")
    either.get_by_test_id("save-owners").click()
    expect(either.get_by_test_id("owners")).to_contain_text("teammate")
    expect(either.get_by_test_id("trail")).to_contain_text("Owner: teammate. Back-up owner: requester")
    expect(either.locator("main")).to_contain_text("certbot on web-2")


def test_a_reminder_leads_in_one_click_to_a_new_end(token: Token, site: str, either: Page) -> None:
    sign_in(either, site, "requester")
    expect(either.get_by_test_id("notices")).to_contain_text("1")
    either.get_by_test_id("notices").click()
    expect(either.get_by_test_id("notice")).to_have_count(1)
    expect(either.get_by_test_id("notice")).to_contain_text(f"The token {token.name} ends on ")
    either.get_by_test_id("notice").get_by_test_id("renew").click()
    expect(either).to_have_url(f"{site}/requests/{token.later_requests.get().pk}/summary/")
    expect(either.locator("main")).to_contain_text(f"{clock.now() + timedelta(days=30):%b %Y}")


def test_notices_are_read_all_at_once(token: Token, site: str, either: Page) -> None:
    sign_in(either, site, "requester")
    either.goto(f"{site}/notices/")
    either.get_by_test_id("read-all").click()
    expect(either.get_by_test_id("notices")).to_have_text("Notices")
    expect(either.get_by_test_id("read-all")).to_have_count(0)
    either.get_by_test_id("notice").get_by_role("link").click()
    expect(either.get_by_test_id("ahead")).to_contain_text("Ends")


def test_nothing_is_said_in_the_console(token: Token, site: str, quiet: Page) -> None:
    sign_in(quiet, site, "requester")
    for path in ("/notices/", token.get_absolute_url(), f"{token.get_absolute_url()}owners/"):
        quiet.goto(f"{site}{path}")
        expect(quiet.get_by_role("heading", level=1)).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(token: Token, site: str, browser: Browser, theme: Any) -> None:
    context = browser.new_context(color_scheme=theme, viewport={"width": 360, "height": 800})
    context.set_default_timeout(20_000)
    page = context.new_page()
    sign_in(page, site, "requester")
    for path in ("/notices/", token.get_absolute_url(), f"{token.get_absolute_url()}owners/"):
        page.goto(f"{site}{path}")
        axe_finds_nothing(page, path)
        fits(page)
    context.close()

"""What holds on every page: a list that filters while one types, errors in place, a stored theme, harmless paper."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import arrange
from tests.browser.conftest import axe_finds_nothing
from tests.browser.test_walk import sign_in


def test_the_list_of_tokens_filters_while_one_types_and_the_address_follows(lasting_portal: None, site: str, page: Page) -> None:
    arrange.issue(arrange.draft())
    arrange.issue(arrange.draft("workers-ai"))
    sign_in(page, site, "requester")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2)
    page.get_by_label("Permission").fill("workers ai")
    expect(rows).to_have_count(1)
    expect(page.locator("#spoken")).to_have_text("1 token")
    expect(page).to_have_url(re.compile("permission=workers"))
    page.reload()
    expect(rows).to_have_count(1)
    page.get_by_label("Search by name").fill("no such name")
    expect(page.get_by_test_id("empty")).to_contain_text("No token matches")
    page.get_by_role("link", name="Clear the filters").click()
    expect(rows).to_have_count(2)


def test_an_error_met_by_htmx_is_told_and_leaves_what_was_typed(lasting_portal: None, site: str, page: Page) -> None:
    arrange.issue(arrange.draft())
    sign_in(page, site, "requester")
    page.context.clear_cookies()
    page.get_by_label("Search by name").fill("a-tok")
    expect(page.get_by_test_id("refusal")).to_contain_text("You are signed out")
    expect(page.get_by_label("Search by name")).to_have_value("a-tok")
    expect(page).to_have_title("Tokens · Token Portal")


def test_a_theme_is_chosen_without_javascript_and_lasts(lasting_portal: None, site: str, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, color_scheme="light")
    page = context.new_page()
    sign_in(page, site, "requester")

    def background() -> Any:
        return page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")

    light = background()
    page.get_by_test_id("user-menu").locator("summary").click()
    with page.expect_navigation():
        page.get_by_role("button", name="Dark").click()
    page.goto(f"{site}/drafts/")
    assert background() != light
    page.goto(f"{site}/account/")
    with page.expect_navigation():
        page.get_by_role("main").get_by_role("button", name="System").click()
    expect(page).to_have_url(f"{site}/account/")
    assert background() == light
    context.close()


def test_paper_gets_no_secret(lasting_portal: None, site: str, page: Page) -> None:
    ready = arrange.checked(arrange.draft())
    sign_in(page, site, "requester")
    page.goto(f"{site}/requests/{ready.pk}/summary/")
    page.get_by_test_id("create").click()
    secret = page.get_by_test_id("secret").inner_text()
    expect(page.get_by_text(secret).first).to_be_visible()
    page.emulate_media(media="print")
    expect(page.get_by_test_id("stored")).to_be_hidden()
    printed = page.locator("body").inner_text()
    assert secret not in printed
    assert "Token created" in printed


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_errors_and_on_the_way_in(lasting_portal: None, site: str, browser: Browser, theme: Any) -> None:
    arrange.issue(arrange.draft())
    context = browser.new_context(color_scheme=theme)
    page = context.new_page()
    page.goto(f"{site}/sign-in/")
    axe_finds_nothing(page)
    sign_in(page, site, "requester")
    for path in ("/nowhere/", "/settings/people/", "/?q=no-such-name", "/?tab=soon", "/account/"):
        page.goto(site + path)
        axe_finds_nothing(page, path)
    page.goto(site)
    page.get_by_test_id("user-menu").locator("summary").click()
    axe_finds_nothing(page)
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_what_a_save_or_a_sign_in_is_refused_with(
    lasting_portal: None, site: str, browser: Browser, theme: Any
) -> None:
    draft = arrange.draft()
    context = browser.new_context(color_scheme=theme)
    page = context.new_page()
    sign_in(page, site, "requester")
    for field, value, status in (("revision", "0", 409), ("csrfmiddlewaretoken", "x", 403)):
        page.goto(f"{site}{draft.get_absolute_url()}")
        page.locator(f"#draft [name={field}]").evaluate("(field, value) => { field.value = value; }", value)
        page.locator("#purpose-text").evaluate("field => { field.value = 'typed meanwhile'; }")
        with page.expect_navigation() as answer:
            page.get_by_test_id("save").click()
        assert answer.value.status == status
        axe_finds_nothing(page, status)
    context.clear_cookies()
    for _ in range(20):
        page.goto(f"{site}/sign-in/")
        page.get_by_label("Name").fill("requester")
        page.get_by_label("Password").fill("not the password")
        with page.expect_navigation() as answer:
            page.get_by_role("button", name="Sign in").click()
        if answer.value.status == 429:
            break
    assert answer.value.status == 429
    axe_finds_nothing(page)
    context.close()

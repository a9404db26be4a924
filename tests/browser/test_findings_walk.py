"""Findings in a browser, with and without script: said while one types, mended by a press, and no click more than before."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import arrange
from tests.browser.conftest import axe_finds_nothing, fits, until
from tests.browser.test_building import draft_at, spec_at
from tests.browser.test_walk import sign_in
from tokenportal.policy.spec import Validity


def lines(page: Page, group: str) -> list[str]:
    return page.get_by_test_id(f"found-{group}").locator("li > div > p:first-child").all_inner_texts()


def test_a_rule_that_asks_is_met_by_a_press(lasting_portal: None, site: str, either: Page) -> None:
    draft = arrange.draft(template="edit-zone-dns", validity=Validity(lifetime="never"))
    sign_in(either, site, "requester")
    either.goto(f"{site}/requests/{draft.pk}/")
    until(either, lambda: lines(either, "rules"), ["It must end within 366 days. Lifetime"])
    either.get_by_test_id("name").fill("typed meanwhile")
    asked = either.get_by_test_id("section-restrictions").get_by_test_id("rule-here")
    expect(asked).to_contain_text("It must end within 366 days. Rule: What can change things ends within a year.")
    asked.get_by_role("button", name="End it in 366 days").click()
    expect(either.get_by_test_id("found-rules")).to_have_count(0)
    expect(asked).to_have_count(0)
    expect(either.get_by_test_id("name")).to_have_value("typed meanwhile")
    spec = spec_at(str(draft.pk))
    assert (spec.name, spec.validity) == ("typed meanwhile", Validity(lifetime="days", days=366))


def test_what_one_types_is_judged_at_once(lasting_portal: None, site: str, page: Page) -> None:
    draft = arrange.draft(template="edit-zone-dns")
    sign_in(page, site, "requester")
    page.goto(f"{site}/requests/{draft.pk}/")
    expect(page.locator("#findings")).not_to_contain_text("It never ends.")
    page.get_by_role("radio", name="No end").check()
    expect(page.get_by_test_id("found-security")).to_contain_text("It never ends.")
    expect(page.get_by_test_id("found-rules")).to_contain_text("It must end within 366 days.")
    expect(page.get_by_test_id("section-restrictions").get_by_test_id("rule-here")).to_contain_text(
        "It must end within 366 days."
    )
    expect(page.locator("#open-points")).to_contain_text("1 rule in the way")
    page.get_by_test_id("found-security").get_by_role("link", name="Lifetime").click()
    until(page, lambda: page.evaluate("document.activeElement.closest('#lifetime') !== null || location.hash === '#until'"), True)


def test_the_next_step_stays_in_sight_where_the_window_is_low(lasting_portal: None, site: str, page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 640})
    draft = arrange.draft(template="wordpress")
    sign_in(page, site, "requester")
    page.goto(f"{site}/requests/{draft.pk}/")
    page.get_by_test_id("section-restrictions").scroll_into_view_if_needed()
    expect(page.get_by_test_id("check")).to_be_in_viewport(ratio=1)
    expect(page.get_by_test_id("to-findings")).to_be_in_viewport(ratio=1)
    page.get_by_test_id("check").click()
    page.wait_for_url("**/summary/")
    page.get_by_test_id("preflight").scroll_into_view_if_needed()
    expect(page.get_by_test_id("send")).to_be_in_viewport(ratio=1)


def test_the_next_page_says_the_same_and_leads_back(lasting_portal: None, site: str, either: Page) -> None:
    draft = arrange.draft(template="edit-zone-dns", validity=Validity(lifetime="never"))
    sign_in(either, site, "requester")
    either.goto(f"{site}/requests/{draft.pk}/")
    either.get_by_test_id("check").click()
    either.wait_for_url("**/summary/")
    expect(either.locator("main")).to_contain_text("It must end within 366 days.")
    expect(either.get_by_test_id("create")).to_have_count(0)
    until(either, lambda: draft_at(either.url).status, "draft")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_findings(lasting_portal: None, site: str, browser: Browser, theme: str) -> None:
    draft = arrange.draft(template="wordpress", validity=Validity(lifetime="never"))
    context = browser.new_context(color_scheme=theme, viewport={"width": 360, "height": 800})  # type: ignore[arg-type]
    page = context.new_page()
    sign_in(page, site, "requester")
    page.goto(f"{site}/requests/{draft.pk}/")
    axe_finds_nothing(page)
    fits(page)
    context.close()

"""While nothing can be written: what was typed stays and is saved later, and whoever presses a button is told why nothing happened."""

from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests import unrecorded
from tests.browser.test_building import begun, saved, spec_at

WAY = unrecorded.WAYS[unrecorded.WHOLE[-1]]


def test_what_is_typed_while_the_database_takes_nothing_stays_and_is_saved_afterwards(
    lasting_portal: None, site: str, page: Page, tmp_path: Path
) -> None:
    url = begun(page, site)
    with WAY(tmp_path):
        page.get_by_test_id("name").fill("typed in vain")
        expect(page.get_by_test_id("saved")).to_contain_text("Not saved")
        expect(page.get_by_test_id("saved")).to_contain_text("Your entries are still here.")
        expect(page.locator("#messages").get_by_role("alert")).to_contain_text("Nothing was changed")
        expect(page.get_by_test_id("name")).to_have_value("typed in vain")
    assert spec_at(url).name != "typed in vain"
    page.get_by_role("button", name="Try again").click()
    saved(page)
    assert spec_at(url).name == "typed in vain"


def test_a_form_that_came_to_nothing_shows_what_was_typed(
    lasting_portal: None, site: str, browser: Browser, tmp_path: Path
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    url = begun(page, site)
    with WAY(tmp_path):
        page.get_by_test_id("purpose").fill("Typed for an hour.")
        page.get_by_test_id("save").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Nothing was changed")
        expect(page.get_by_test_id("typed")).to_contain_text("Typed for an hour.")
    page.goto(url)
    expect(page.get_by_test_id("name")).to_be_visible()
    context.close()

"""With JavaScript: a question is answered, a format chosen and a permission found without leaving the page or losing the focus."""

from playwright.sync_api import Browser, Page, expect

from tests import arrange
from tests.browser.test_walk import sign_in


def quiet(page: Page) -> list[str]:
    """What the page says on its console, which should be nothing."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def test_a_question_is_answered_in_place(lasting_portal: None, site: str, page: Page) -> None:
    said = quiet(page)
    draft = arrange.checked(arrange.draft())
    sign_in(page, site, "requester")
    page.goto(f"{site}/requests/{draft.pk}/summary/")
    page.get_by_test_id("could-call").press_sequentially("dns record")
    expect(page.get_by_test_id("could-results").locator("li")).to_have_count(10)
    expect(page.locator("#spoken")).to_have_text("10 operations")
    expect(page.locator("#call")).to_be_focused()
    page.get_by_test_id("could-results").get_by_role("link").first.click()
    expect(page.get_by_test_id("could-answer")).to_have_attribute("data-state", "allowed")
    expect(page.get_by_test_id("could-answer")).to_be_focused()
    expect(page.get_by_test_id("could-call")).to_have_value("GET /zones/{zone_id}/dns_records")
    other = arrange.zone_names(2)[1]
    page.get_by_test_id("could-on").fill(other)
    page.get_by_test_id("could-on").press("Enter")
    expect(page.get_by_test_id("could-answer")).to_have_attribute("data-state", "refused")
    expect(page.get_by_test_id("could-answer")).to_contain_text(other)
    expect(page).to_have_url(f"{site}/requests/{draft.pk}/summary/")
    assert said == []


def test_a_format_is_chosen_in_place_and_back_leads_to_the_one_before(lasting_portal: None, site: str, page: Page) -> None:
    said = quiet(page)
    draft = arrange.checked(arrange.draft())
    sign_in(page, site, "requester")
    page.goto(f"{site}/requests/{draft.pk}/summary/")
    page.get_by_role("link", name="Terraform").click()
    expect(page.get_by_test_id("as-terraform")).to_be_visible()
    expect(page.locator("#as-terraform")).to_be_focused()
    page.get_by_role("link", name="curl").click()
    expect(page.get_by_test_id("as-curl")).to_be_visible()
    expect(page.get_by_role("button", name="Copy the curl")).to_be_visible()
    page.go_back()
    expect(page.get_by_test_id("as-terraform")).to_be_visible()
    assert said == []


def test_permissions_are_found_as_one_types(lasting_portal: None, site: str, page: Page) -> None:
    said = quiet(page)
    sign_in(page, site, "requester")
    page.goto(f"{site}/permissions/")
    page.get_by_test_id("q").press_sequentially("argo tunnel")
    expect(page.get_by_test_id("counted")).to_have_text("2 of 328 permissions")
    expect(page.get_by_test_id("q")).to_be_focused()
    expect(page).to_have_url(f"{site}/permissions/?q=argo%20tunnel&scope=&category=")
    page.get_by_test_id("q").fill("")
    page.get_by_test_id("counted").get_by_role("link").click()
    expect(page.get_by_test_id("counted")).to_have_text("All 328 permissions")
    assert said == []


def test_all_of_it_works_without_javascript(lasting_portal: None, site: str, browser: Browser) -> None:
    draft = arrange.checked(arrange.draft())
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, site, "requester")
    page.goto(f"{site}/requests/{draft.pk}/summary/")
    for slug, name in (("curl", "curl"), ("terraform", "Terraform"), ("json", "JSON")):
        page.get_by_role("link", name=name).click()
        expect(page.get_by_test_id(f"as-{slug}")).to_be_visible()
    page.get_by_test_id("could-call").fill("purge cache")
    page.get_by_test_id("could-ask").click()
    page.get_by_test_id("could-results").get_by_role("link").first.click()
    expect(page.get_by_test_id("could-answer")).to_have_attribute("data-state", "refused")
    page.goto(f"{site}/permissions/")
    page.get_by_test_id("q").fill("cache purge")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_test_id("counted")).to_have_text("1 of 328 permissions")
    context.close()

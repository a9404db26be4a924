"""What somebody types, ticks and presses while the builder is still being answered, and what a reader of the screen hears."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests import arrange
from tests.browser.conftest import fits, until
from tests.browser.test_building import begun, choose_zone, spec_at
from tests.browser.test_walk import sign_in
from tokenportal.actions import sharing


@pytest.fixture
def slow(quiet: Page) -> Callable[[], None]:
    """From the call on, every answer takes most of a second."""

    def start() -> None:
        network = quiet.context.new_cdp_session(quiet)
        network.send("Network.enable")
        limits = {"offline": False, "latency": 800, "downloadThroughput": -1, "uploadThroughput": -1}
        network.send("Network.emulateNetworkConditions", limits)

    return start


def focused(page: Page) -> str:
    return str(
        page.evaluate("document.activeElement.id || document.activeElement.textContent.trim() || document.activeElement.tagName")
    )


def press_both(page: Page, first: str, second: str) -> None:
    """Two presses, the second before the first is answered."""
    page.evaluate(
        """([first, second]) => {
            document.querySelector(first).click();
            setTimeout(() => document.querySelector(second).click(), 150);
        }""",
        [first, second],
    )


def test_what_is_typed_into_a_part_that_is_replaced_stays(
    lasting_portal: None,
    site: str,
    quiet: Page,
    slow: Callable[[], None],
) -> None:
    url = begun(quiet, site)
    slow()
    quiet.get_by_test_id("allow").fill("203.0.113.0/24")
    quiet.keyboard.press("Tab")
    quiet.keyboard.type("203.0.113.7", delay=20)
    expect(quiet.locator("#allow-1")).to_be_visible()
    expect(quiet.locator("#block-0")).to_have_value("203.0.113.7")
    expect(quiet.locator("#block-0")).to_be_focused()
    expect(quiet.locator("#block-0-slot")).to_have_text("1 address. Sent as 203.0.113.7/32.")
    assert (spec_at(url).client_ips.allow, spec_at(url).client_ips.block) == (("203.0.113.0/24",), ("203.0.113.7",))


def test_a_zone_is_looked_for_while_a_permission_is_being_added(
    lasting_portal: None,
    site: str,
    quiet: Page,
    slow: Callable[[], None],
) -> None:
    begun(quiet, site)
    quiet.get_by_test_id("find-1").press_sequentially("zone settings", delay=5)
    quiet.get_by_role("button", name="Edit: add Zone Settings, zone").wait_for()
    slow()
    quiet.get_by_role("button", name="Edit: add Zone Settings, zone").click()
    quiet.get_by_test_id("zone-1").press_sequentially("acme", delay=20)
    expect(quiet.get_by_test_id("picked-1")).to_contain_text("Zone Settings Write")
    expect(quiet.get_by_test_id("zone-1")).to_be_focused()
    expect(quiet.get_by_test_id("zone-1")).to_have_value("acme")
    expect(quiet.get_by_test_id("zone-1")).to_have_attribute("aria-expanded", "true")


def test_of_two_quick_presses_both_count(
    lasting_portal: None,
    site: str,
    quiet: Page,
    slow: Callable[[], None],
) -> None:
    url = begun(quiet, site, "scratch")
    quiet.get_by_test_id("find-1").press_sequentially("zone", delay=5)
    quiet.get_by_role("button", name="Edit: add Zone Settings, zone").wait_for()
    first, second = (
        f'[value="{quiet.get_by_role("button", name=name, exact=True).get_attribute("value")}"]'
        for name in ("Edit: add Zone Settings, zone", "Read: add Zone, zone")
    )
    slow()
    press_both(quiet, first, second)
    expect(quiet.get_by_test_id("picked-1").get_by_role("listitem")).to_have_count(2)
    with quiet.expect_request(lambda request: "b1-zmode=accounts" in (request.post_data or "")):
        press_both(quiet, "#b1-zmode-all", "#b1-zmode-accounts")
    quiet.wait_for_load_state("networkidle")
    expect(quiet.locator("#b1-zmode-accounts")).to_be_checked()
    until(quiet, lambda: spec_at(url).blocks[0].zones.mode, "accounts")


def test_of_two_ranges_removed_quickly_both_are_gone_and_no_other(
    lasting_portal: None,
    site: str,
    quiet: Page,
    slow: Callable[[], None],
) -> None:
    url = begun(quiet, site)
    quiet.get_by_test_id("allow").fill("203.0.113.1, 203.0.113.2, 203.0.113.3")
    quiet.get_by_test_id("allow").blur()
    expect(quiet.locator("#allow-3")).to_be_visible()
    slow()
    press_both(quiet, '[value="remove-range:allow:0"]', '[value="remove-range:allow:1"]')
    expect(quiet.locator("#allow-2")).to_have_count(0)
    expect(quiet.locator("#allow-0")).to_have_value("203.0.113.3")
    assert spec_at(url).client_ips.allow == ("203.0.113.3",)


def test_the_focus_is_never_lost(lasting_portal: None, site: str, quiet: Page) -> None:
    begun(quiet, site)
    choose_zone(quiet, arrange.zone_names(1)[0])
    quiet.get_by_test_id("allow").fill("203.0.113.0/24")
    quiet.keyboard.press("Tab")
    expect(quiet.locator("#allow-1")).to_be_visible()
    quiet.locator("#allow-0").fill("203.0.113.0/25")
    quiet.keyboard.press("Tab")
    expect(quiet.locator("#allow-0-slot")).to_have_text("128 addresses.")
    until(quiet, lambda: focused(quiet), "Remove 203.0.113.0/25")
    for button, then in (
        ("Add a range", "allow-1"), ("Remove 203.0.113.0/25", "allow-title"), ("Remove DNS", "b1-permissions"),
        ("Drop it", "b1-permissions"),
    ):  # fmt: skip
        quiet.get_by_role("button", name=button, exact=True).focus()
        with quiet.expect_response("**/requests/**"):
            quiet.keyboard.press("Enter")
        until(quiet, lambda: focused(quiet), then)
    quiet.locator("#steps a").first.focus()
    with quiet.expect_response("**/requests/**"):
        quiet.evaluate("htmx.trigger('#draft', 'input')")
    quiet.wait_for_load_state("networkidle")
    assert quiet.evaluate("document.activeElement.closest('#steps') !== null")


def test_a_save_that_changes_nothing_that_is_said_is_not_read_out(
    lasting_portal: None,
    site: str,
    quiet: Page,
) -> None:
    begun(quiet, site)
    choose_zone(quiet, arrange.zone_names(1)[0])
    quiet.evaluate(
        """() => {
            window.heard = [];
            for (const place of document.querySelectorAll("[aria-live], [role=status], [role=alert]")) {
                new MutationObserver(() => window.heard.push(place.id)).observe(place, {childList: true, subtree: true, characterData: true});
            }
        }"""
    )
    quiet.get_by_test_id("name").fill("another-name")
    expect(quiet.locator("#title")).to_have_text("another-name")
    assert set(quiet.evaluate("window.heard")) <= {"saved"}
    quiet.get_by_text("No end", exact=True).click()
    expect(quiet.get_by_test_id("sentence")).to_contain_text("It never expires.")
    until(quiet, lambda: set(quiet.evaluate("window.heard")) - {"saved"}, {"ends", "told", "lifetime-rules"})


def test_whoever_follows_a_link_right_after_the_last_key_finds_it_again(lasting_portal: None, site: str, quiet: Page) -> None:
    url = begun(quiet, site)
    quiet.get_by_test_id("name").fill("typed and left")
    with quiet.expect_request(lambda request: request.method == "POST"):
        quiet.get_by_role("link", name="Drafts").first.click()
    quiet.wait_for_url("**/drafts/")
    # The save and the next page are on their way at the same time, and either may be there first.
    until(quiet, lambda: spec_at(url).name, "typed and left")
    quiet.go_back()
    expect(quiet.get_by_test_id("name")).to_have_value("typed and left")


def test_a_block_with_a_long_name_fits_the_narrowest_screen(lasting_portal: None, site: str, quiet: Page) -> None:
    begun(quiet, site)
    quiet.set_viewport_size({"width": 320, "height": 640})
    quiet.get_by_test_id("add-block").click()
    quiet.locator("#b2-label").fill("x" * 60)
    expect(quiet.locator("#steps")).to_contain_text("x" * 60)
    fits(quiet)
    expect(quiet).to_have_title("Edit zone DNS, draft · Token Portal")
    quiet.get_by_test_id("name").fill("renamed")
    expect(quiet).to_have_title("renamed, draft · Token Portal")


def test_whoever_loses_the_draft_while_typing_is_told_so_and_keeps_the_words(lasting_portal: None, site: str, page: Page) -> None:
    shared = arrange.draft()
    found = sharing.share(shared, by=shared.requester, colleague=arrange.person("teammate"), role="editor")
    sign_in(page, site, "teammate")
    page.goto(f"{site}{shared.get_absolute_url()}")
    sharing.unshare(found, by=shared.requester)
    page.get_by_test_id("name").fill("typed too late")
    expect(page.get_by_test_id("saved")).to_contain_text("Not saved: the notice above says why.")
    expect(page.locator("#messages")).to_contain_text("There is nothing at this address")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_test_id("saved")).to_contain_text("Still not saved: this draft is not open to you any more.")
    expect(page.get_by_test_id("name")).to_have_value("typed too late")


def test_a_long_phrase_of_the_sentence_wraps_inside_its_card(lasting_portal: None, site: str, quiet: Page) -> None:
    begun(quiet, site, "scratch")
    with quiet.expect_navigation():
        quiet.get_by_text("Acme user", exact=False).first.click()
    quiet.get_by_test_id("find-1").press_sequentially("user details", delay=5)
    quiet.get_by_role("button", name="Read: add User Details, user").click()
    expect(quiet.get_by_test_id("sentence")).to_contain_text("as whom it acts")
    assert quiet.evaluate("document.getElementById('told').scrollWidth <= document.getElementById('told').clientWidth")

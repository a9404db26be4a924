"""The builder in a browser: seven clicks, by keyboard alone, without script, on a phone; saved while one types; nothing lost."""

import re
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from tests import arrange
from tests.browser.conftest import axe_finds_nothing, fits
from tests.browser.test_walk import shown, sign_in
from tokenportal.models import Token, TokenRequest, WorkingCopy
from tokenportal.policy.spec import TokenSpec


class Counting:
    """A person who counts: clicks, and fields that they typed into."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks, self.fields = page, 0, 0

    def click(self, what: Any) -> None:
        what.click()
        self.clicks += 1

    def type(self, what: Any, text: str) -> None:
        """Typing into a field that has the focus already takes no click."""
        if not what.evaluate("field => field === document.activeElement"):
            self.click(what)
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.type(text, delay=5)
        self.fields += 1


def begun(page: Page, site: str, template: str = "edit-zone-dns") -> str:
    """A fresh draft, opened; its address."""
    sign_in(page, site, "requester")
    page.goto(f"{site}/templates/")
    page.get_by_test_id(f"start-{template}").click()
    page.get_by_test_id("name").wait_for()
    page.wait_for_load_state()
    return page.url


def draft_at(url: str) -> TokenRequest:
    return TokenRequest.objects.get(pk=re.findall(r"[0-9a-f-]{36}", url)[0])


def spec_at(url: str) -> TokenSpec:
    return WorkingCopy.objects.get(pk=draft_at(url).pk).spec


def saved(page: Page) -> None:
    expect(page.get_by_test_id("saved")).to_contain_text("Saved")


def choose_zone(page: Page, name: str) -> None:
    page.get_by_test_id("zone-1").press_sequentially(name, delay=5)
    page.get_by_role("option", name=name).first.click()
    expect(page.get_by_test_id("chosen-zone-1")).to_contain_text(name)


def only_zone_dns(zone: str) -> bool:
    """Whether the one token there is may change the records of this zone and nothing else."""
    [token] = Token.objects.all()
    [policy] = token.body["policies"]
    return list(policy["resources"]) == [f"com.cloudflare.api.account.zone.{arrange.zone_ids(zone)[0]}"]


def test_seven_clicks_and_two_typed_fields_lead_to_the_secret(lasting_portal: None, site: str, quiet: Page) -> None:
    zone = arrange.zone_names(1)[0]
    sign_in(quiet, site, "requester")
    person = Counting(quiet)
    person.click(quiet.get_by_test_id("create-token"))
    person.click(quiet.get_by_test_id("start-edit-zone-dns"))
    quiet.wait_for_url("**/requests/*/")
    person.type(quiet.get_by_test_id("name"), "shop-dns-renewal")
    person.type(quiet.get_by_test_id("zone-1"), zone)
    quiet.get_by_role("option", name=zone).first.wait_for()
    quiet.keyboard.press("ArrowDown")
    quiet.keyboard.press("Enter")
    expect(quiet.get_by_test_id("chosen-zone-1")).to_contain_text(zone)
    person.click(quiet.get_by_test_id("check"))
    person.click(quiet.get_by_test_id("create"))
    quiet.get_by_test_id("secret").wait_for()
    assert (person.clicks, person.fields) == (6, 2)
    assert only_zone_dns(zone)


def tab_to(page: Page, test_id: str) -> None:
    """Tab from where the focus is to a control, as somebody without a pointer would."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement?.dataset.testid ?? ''") == test_id:
            return
    raise AssertionError(f"{test_id} is not reached by the keyboard.")


def test_the_keyboard_alone_leads_to_the_secret(lasting_portal: None, site: str, quiet: Page) -> None:
    zone = arrange.zone_names(1)[0]
    sign_in(quiet, site, "requester")
    for control in ("create-token", "start-edit-zone-dns"):
        tab_to(quiet, control)
        quiet.keyboard.press("Enter")
        quiet.wait_for_url("**/templates/" if control == "create-token" else "**/requests/*/")
    tab_to(quiet, "name")
    quiet.keyboard.press("ControlOrMeta+a")
    quiet.keyboard.type("by-keyboard")
    tab_to(quiet, "zone-1")
    quiet.keyboard.type(zone, delay=5)
    quiet.get_by_role("option", name=zone).first.wait_for()
    quiet.keyboard.press("ArrowDown")
    chosen = quiet.locator("#b1-zone-list [aria-selected=true]")
    expect(quiet.get_by_test_id("zone-1")).to_have_attribute("aria-activedescendant", chosen.get_attribute("id") or "")
    quiet.keyboard.press("Enter")
    expect(quiet.get_by_test_id("chosen-zone-1")).to_contain_text(zone)
    expect(quiet.get_by_test_id("zone-1")).to_be_focused()
    for control in ("check", "create"):
        tab_to(quiet, control)
        quiet.keyboard.press("Enter")
        if control == "check":
            quiet.wait_for_url("**/summary/")
    quiet.get_by_test_id("secret").wait_for()
    assert only_zone_dns(zone)


def test_on_a_phone_the_same_walk_fits_and_works(lasting_portal: None, site: str, browser: Browser) -> None:
    zone = arrange.zone_names(1)[0]
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page = context.new_page()
    begun(page, site)
    page.get_by_test_id("name").fill("on-a-phone")
    page.get_by_test_id("zone-1").press_sequentially(zone, delay=5)
    page.get_by_role("option", name=zone).first.tap()
    expect(page.get_by_test_id("chosen-zone-1")).to_contain_text(zone)
    page.get_by_test_id("find-1").press_sequentially("zone", delay=5)
    page.get_by_role("button", name="Edit: add Zone Settings").wait_for()
    fits(page)
    page.get_by_test_id("check").tap()
    page.get_by_test_id("create").tap()
    page.get_by_test_id("secret").wait_for()
    fits(page)
    assert only_zone_dns(zone)
    context.close()


def test_what_is_typed_is_saved_and_the_sentence_follows(lasting_portal: None, site: str, quiet: Page) -> None:
    url = begun(quiet, site)
    zone = arrange.zone_names(1)[0]
    quiet.get_by_test_id("name").fill("told-live")
    expect(quiet.locator("#title")).to_have_text("told-live")
    choose_zone(quiet, zone)
    expect(quiet.get_by_test_id("sentence")).to_contain_text("DNS records on 1 zone. Nothing else.")
    quiet.get_by_test_id("allow").fill("203.0.113.0/24")
    quiet.get_by_test_id("allow").blur()
    expect(quiet.locator("#allow-0-slot")).to_have_text("256 addresses.")
    expect(quiet.get_by_test_id("sentence")).to_contain_text("From 1 network")
    quiet.get_by_text("No end", exact=True).click()
    expect(quiet.get_by_test_id("sentence")).to_contain_text("It never expires.")
    saved(quiet)
    spec = spec_at(url)
    assert (spec.name, spec.client_ips.allow, spec.validity.lifetime) == ("told-live", ("203.0.113.0/24",), "never")
    quiet.get_by_test_id("name").fill("x" * 121)
    expect(quiet.locator("#name-slot")).to_contain_text("Shorten the name to 107 characters")
    expect(quiet.get_by_test_id("name")).to_have_attribute("aria-invalid", "true")
    quiet.get_by_test_id("name").fill("short")
    expect(quiet.get_by_test_id("name")).not_to_have_attribute("aria-invalid", "true")


def test_each_phrase_leads_to_its_section(lasting_portal: None, site: str, quiet: Page) -> None:
    begun(quiet, site)
    choose_zone(quiet, arrange.zone_names(1)[0])
    links = quiet.get_by_test_id("sentence").get_by_role("link")
    expect(links).to_have_count(3)
    for link, section in zip(links.all(), ("access-1", "restrictions", "lifetime"), strict=True):
        expect(link).to_have_attribute("href", re.compile(f"#{section}$"))
    quiet.locator("summary").filter(has=quiet.get_by_role("heading", name="Restrictions")).click()
    expect(quiet.get_by_test_id("allow")).to_be_hidden()
    links.nth(1).click()
    expect(quiet.get_by_test_id("allow")).to_be_visible()


def test_permissions_are_found_added_and_given_a_level_by_keyboard(lasting_portal: None, site: str, quiet: Page) -> None:
    url = begun(quiet, site, "scratch")
    finder = quiet.get_by_test_id("find-1")
    finder.press_sequentially("zone settings", delay=5)
    quiet.get_by_role("button", name="Edit: add Zone Settings, zone").wait_for()
    quiet.keyboard.press("Enter")
    expect(quiet.get_by_role("button", name="Read: add Zone Settings, zone")).to_be_focused()
    quiet.keyboard.press("Enter")
    expect(quiet.get_by_test_id("picked-1")).to_contain_text("Zone Settings Read")
    expect(finder).to_be_focused()
    expect(quiet.get_by_role("heading", name="Zones", exact=True)).to_be_visible()
    quiet.get_by_test_id("picked-1").get_by_text("Edit", exact=True).click()
    expect(quiet.get_by_test_id("picked-1")).to_contain_text("Zone Settings Write")
    saved(quiet)
    quiet.get_by_test_id("picked-1").get_by_role("button", name="Remove").click()
    expect(quiet.get_by_test_id("picked-1")).to_be_hidden()
    assert spec_at(url).blocks[0].permissions == ()


def test_a_list_of_domains_is_pasted_and_the_unknown_are_told(lasting_portal: None, site: str, quiet: Page) -> None:
    begun(quiet, site)
    one, two = arrange.zone_names(2)
    field = quiet.get_by_test_id("zone-1")
    field.focus()
    quiet.evaluate(
        """text => {
            const data = new DataTransfer();
            data.setData("text", text);
            document.activeElement.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
        }""",
        f"{one}\n{two}\nshop.exmaple\n",
    )
    expect(quiet.get_by_test_id("chosen-zone-1").get_by_role("listitem")).to_have_count(2)
    expect(quiet.locator("#b1-zones-slot")).to_contain_text("No zone of this connection is called 'shop.exmaple'")
    expect(quiet.get_by_test_id("paste-zone-1")).to_have_value("shop.exmaple")


def test_the_combobox_closes_and_clears_as_the_practices_say(lasting_portal: None, site: str, quiet: Page) -> None:
    begun(quiet, site)
    field = quiet.get_by_test_id("zone-1")
    field.press_sequentially("acme", delay=5)
    expect(field).to_have_attribute("aria-expanded", "true")
    quiet.keyboard.press("ArrowUp")
    expect(quiet.locator("#b1-zone-list [aria-selected=true]")).to_have_count(1)
    quiet.keyboard.press("Escape")
    expect(field).to_have_attribute("aria-expanded", "false")
    expect(field).to_have_value("acme")
    quiet.keyboard.press("Escape")
    expect(field).to_have_value("")
    field.press("ArrowDown")
    expect(field).to_have_attribute("aria-expanded", "true")
    quiet.get_by_test_id("name").focus()
    expect(field).to_have_attribute("aria-expanded", "false")
    field.press_sequentially("no-such-zone", delay=5)
    expect(quiet.locator("#b1-zone-foot")).to_have_text("No zone of this connection has “no-such-zone” in its name.")
    quiet.keyboard.press("Enter")
    expect(quiet.locator("#b1-zones-slot")).to_contain_text("'no-such-zone'")


def test_two_tabs_on_one_draft_lose_nothing(lasting_portal: None, site: str, context: BrowserContext) -> None:
    first = context.new_page()
    url = begun(first, site)
    second = context.new_page()
    second.goto(url)
    first.get_by_test_id("name").fill("from the first tab")
    expect(first.locator("#title")).to_have_text("from the first tab")
    second.get_by_test_id("name").fill("from the second tab")
    second.get_by_test_id("purpose").fill("typed meanwhile")
    expect(second.get_by_test_id("conflict")).to_be_visible()
    expect(second.get_by_role("heading", level=1)).to_have_text("Choose what to keep")
    assert spec_at(url).name == "from the first tab"
    expect(second.get_by_test_id("name")).to_have_value("from the second tab")
    second.get_by_test_id("keep-name-mine").check()
    second.get_by_test_id("choose").click()
    expect(second.locator("#title")).to_have_text("from the second tab")
    assert (spec_at(url).name, spec_at(url).purpose) == ("from the second tab", "typed meanwhile")


def test_a_save_that_cannot_reach_the_portal_says_so_and_is_made_up_for(
    lasting_portal: None, site: str, page: Page, context: BrowserContext
) -> None:
    url = begun(page, site)
    context.set_offline(True)
    page.get_by_test_id("name").fill("typed on a train")
    expect(page.get_by_test_id("saved")).to_contain_text("Not saved: the portal cannot be reached.")
    context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    saved(page)
    assert spec_at(url).name == "typed on a train"


def test_somebody_who_was_signed_out_signs_in_elsewhere_and_saves(
    lasting_portal: None, site: str, page: Page, context: BrowserContext
) -> None:
    url = begun(page, site)
    context.clear_cookies(name="session")
    page.get_by_test_id("name").fill("typed while signed out")
    expect(page.get_by_test_id("saved")).to_contain_text("Not saved")
    expect(page.locator("#messages")).to_contain_text("You are signed out")
    other = context.new_page()
    sign_in(other, site, "requester")
    page.get_by_role("button", name="Try again").click()
    saved(page)
    assert spec_at(url).name == "typed while signed out"
    page.get_by_test_id("save").click()
    expect(page.locator("#title")).to_have_text("typed while signed out")


def test_checking_right_after_typing_meets_no_conflict(lasting_portal: None, site: str, page: Page) -> None:
    begun(page, site)
    choose_zone(page, arrange.zone_names(1)[0])
    page.route("**/requests/*/**", slowly)
    page.get_by_test_id("name").fill("in a hurry")
    page.wait_for_timeout(800)
    page.get_by_test_id("check").click()
    page.wait_for_url("**/summary/")
    expect(page.get_by_text("in a hurry").first).to_be_visible()


def slowly(route: Any) -> None:
    """Let a save take its time, so that a press comes while it is on its way."""
    if route.request.headers.get("hx-request"):
        route.request.frame.page.wait_for_timeout(600)
    route.continue_()


def test_another_connection_brings_its_zones(lasting_portal: None, site: str, quiet: Page) -> None:
    url = begun(quiet, site)
    with quiet.expect_navigation():
        quiet.get_by_text("Acme staging", exact=False).first.click()
    expect(quiet.locator("#connection input:checked")).to_have_value(str(arrange.connection("Acme staging").pk))
    choose_zone(quiet, arrange.zone_names(1, "Acme staging")[0])
    saved(quiet)
    assert WorkingCopy.objects.get(pk=draft_at(url).pk).connection == arrange.connection("Acme staging")


def test_the_same_for_machines_follows_while_it_is_open(lasting_portal: None, site: str, quiet: Page) -> None:
    begun(quiet, site)
    choose_zone(quiet, arrange.zone_names(1)[0])
    quiet.get_by_test_id("same").locator("summary").click()
    expect(quiet.get_by_test_id("as-json")).to_contain_text('"effect": "allow"')
    quiet.get_by_role("link", name="curl").click()
    expect(quiet.get_by_test_id("as-curl")).to_contain_text("Edit zone DNS")
    quiet.get_by_test_id("name").fill("renamed")
    expect(quiet.get_by_test_id("as-curl")).to_contain_text("renamed")


def test_without_script_exclusions_and_blocks_are_reached_too(lasting_portal: None, site: str, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    url = begun(page, site)
    zone = arrange.zone_names(1)[0]
    page.get_by_text("All zones", exact=True).click()
    page.get_by_test_id("except-1").fill(zone)
    page.get_by_test_id("add-block").click()
    page.get_by_test_id("find-2").fill("zone read")
    page.get_by_test_id("find-button-2").click()
    page.get_by_role("button", name="Read: add Zone, zone").click()
    expect(page.get_by_test_id("picked-2")).to_contain_text("Zone Read")
    with page.expect_navigation():
        page.get_by_test_id("save").click()
    spec = spec_at(url)
    assert (spec.blocks[0].zones.mode, spec.blocks[0].zones.except_zones) == ("all", tuple(arrange.zone_ids(zone)))
    assert len(spec.blocks[1].permissions) == 1
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_while_things_are_open(lasting_portal: None, site: str, browser: Browser, theme: Any) -> None:
    context = browser.new_context(color_scheme=theme)
    page = context.new_page()
    begun(page, site)
    page.get_by_test_id("name").fill("x" * 121)
    page.get_by_test_id("allow").fill("10.0.0.5/8")
    page.get_by_test_id("allow").blur()
    expect(page.locator("#allow-0-slot")).to_contain_text("host bits")
    page.get_by_test_id("find-1").press_sequentially("dns", delay=5)
    page.get_by_role("button", name="Read: add DNS, zone").wait_for()
    page.get_by_test_id("zone-1").press_sequentially("acme", delay=5)
    expect(page.get_by_test_id("zone-1")).to_have_attribute("aria-expanded", "true")
    axe_finds_nothing(page)
    page.get_by_test_id("check").click()
    page.get_by_test_id("errors").wait_for()
    expect(page.get_by_test_id("errors")).to_be_focused()
    axe_finds_nothing(page)
    context.close()


def test_the_secret_is_tried_out_from_its_page(lasting_portal: None, site: str, quiet: Page) -> None:
    zone = arrange.zone_names(1)[0]
    begun(quiet, site)
    choose_zone(quiet, zone)
    quiet.get_by_test_id("check").click()
    quiet.get_by_test_id("create").click()
    secret = quiet.get_by_test_id("secret").inner_text()
    quiet.get_by_test_id("try").click()
    expect(quiet.get_by_test_id("trial")).to_have_text(f"Active, and it works: it read the DNS records of {zone}.")
    quiet.get_by_test_id("stored").click()
    quiet.wait_for_url("**/tokens/**")
    with suppress(Error):  # Chromium asks before it would send the form again, and calls that an error.
        quiet.go_back()
    assert secret not in shown(quiet)

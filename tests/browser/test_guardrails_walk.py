"""A rule is tried out, saved and met in the builder, and a default is switched off and set back, with and without JavaScript."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import arrange
from tests.browser.conftest import axe_finds_nothing, fits
from tests.browser.test_walk import sign_in

HERE = "/settings/guardrails/"


@pytest.fixture
def token(lasting_portal: None) -> None:
    """One token that edits DNS and one that only reads."""
    for template, name in (("edit-zone-dns", "shop-dns"), ("read-analytics-and-logs", "figures")):
        assert arrange.issue(arrange.draft(template, name=name))


def another_person(page: Page, site: str, name: str) -> None:
    page.context.clear_cookies()
    sign_in(page, site, name)


def write_a_rule(page: Page, site: str) -> None:
    page.goto(f"{site}{HERE}")
    page.get_by_test_id("new-guardrail").click()
    page.get_by_label("Title").fill("Two pairs of eyes")
    page.get_by_label("How many people must approve it").fill("1")


def test_a_rule_is_tried_out_saved_and_met_by_who_builds_a_draft(token: None, site: str, either: Page) -> None:
    page = either
    sign_in(page, site, "admin")
    write_a_rule(page, site)
    page.get_by_test_id("try").click()
    tokens = page.get_by_test_id("trial-tokens")
    expect(page.get_by_test_id("trial")).to_be_focused()
    expect(tokens).to_contain_text("1 of 2 tokens would have been touched")
    expect(tokens).to_contain_text("Of these, 1 would need approval.")
    expect(tokens.get_by_role("link")).to_have_text(["shop-dns"])
    expect(page.get_by_label("Title")).to_have_value("Two pairs of eyes")
    page.get_by_label("How many people must approve it").fill("none")
    page.get_by_label("Title").press("Enter")
    expect(page.get_by_test_id("errors")).to_contain_text("Enter a number from 1 to 9, or leave it empty.")
    expect(page.get_by_label("How many people must approve it")).to_have_value("none")
    page.get_by_label("How many people must approve it").fill("1")
    page.get_by_test_id("try").click()
    page.get_by_test_id("save-tried").click()
    expect(page.get_by_text("“Two pairs of eyes” is saved.")).to_be_visible()
    expect(page.get_by_role("link", name="Two pairs of eyes")).to_be_visible()

    another_person(page, site, "requester")
    draft = arrange.draft(name="next-dns")
    page.goto(f"{site}{draft.get_absolute_url()}")
    asked = page.get_by_test_id("found-rules")
    expect(asked).to_contain_text("One person among the team’s approvers and the admins must approve it.")
    expect(asked).to_contain_text("Rule: Two pairs of eyes.")
    page.get_by_test_id("check").first.click()
    expect(page.get_by_test_id("send")).to_be_visible()
    expect(page.get_by_test_id("create")).to_have_count(0)


def test_a_default_is_switched_off_changed_and_set_back(lasting_portal: None, site: str, either: Page) -> None:
    page = either
    sign_in(page, site, "admin")
    page.goto(f"{site}{HERE}")
    rule = page.get_by_test_id("rule-ends")
    rule.get_by_test_id("switch").click()
    expect(rule).to_have_attribute("data-state", "off")
    rule.get_by_role("link", name="What can change things ends within a year").click()
    page.get_by_label("It must end within this many days").fill("30")
    page.get_by_test_id("save").click()
    expect(rule).to_contain_text("It must end within 30 days.")
    expect(rule).to_have_attribute("data-state", "off")
    rule.get_by_role("link", name="What can change things ends within a year").click()
    page.get_by_test_id("remove").click()
    page.get_by_test_id("remove").click()
    expect(rule).to_have_attribute("data-state", "on")
    expect(rule).to_contain_text("It must end within a year.")


def test_an_auditor_reads_the_rules_from_the_audit(lasting_portal: None, site: str, page: Page) -> None:
    sign_in(page, site, "auditor")
    page.goto(f"{site}/audit/")
    page.get_by_role("link", name="Guardrails").click()
    expect(page.get_by_test_id("rule-creates-tokens")).to_contain_text("2 people among the team’s approvers and the admins")
    expect(page.get_by_test_id("switch")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_no_page_is_wider_than_a_phone(token: None, site: str, browser: Browser, theme: str) -> None:
    context = browser.new_context(color_scheme=theme, viewport={"width": 360, "height": 740})  # type: ignore[arg-type]
    page = context.new_page()

    def look(at: str) -> None:
        axe_finds_nothing(page, at)
        fits(page, at)

    arrange.without_rule("ends")
    sign_in(page, site, "admin")
    for path in ("", "ends/", "ends/remove/"):
        page.goto(f"{site}{HERE}{path}")
        look(path)
    write_a_rule(page, site)
    page.get_by_test_id("try").click()
    expect(page.get_by_test_id("trial")).to_be_visible()
    look("tried out")
    page.get_by_label("Title").fill("")
    page.get_by_test_id("save").click()
    expect(page.get_by_test_id("errors")).to_be_visible()
    look("errors")
    context.close()

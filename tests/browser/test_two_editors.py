"""Two browsers at one draft: the same section, different ones, one behind, one without script; and who else is there."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import arrange
from tests.browser.conftest import axe_finds_nothing, until
from tests.browser.test_building import spec_at
from tests.browser.test_walk import sign_in
from tokenportal.actions import sharing
from tokenportal.models import Presence, TokenRequest


@pytest.fixture
def draft(lasting_portal: None) -> TokenRequest:
    """A draft of the requester's that the teammate may edit."""
    found = arrange.draft()
    sharing.share(found, by=found.requester, colleague=arrange.person("teammate"), role="editor")
    return found


@pytest.fixture
def url(site: str, draft: TokenRequest) -> str:
    return f"{site}{draft.get_absolute_url()}"


@pytest.fixture
def opened(site: str, url: str, browser: Browser) -> Iterator[Any]:
    """The draft in a browser of somebody's own, with or without script."""
    contexts = []

    def open_for(name: str, *, script: bool = True) -> Page:
        contexts.append(browser.new_context(java_script_enabled=script))
        page = contexts[-1].new_page()
        sign_in(page, site, name)
        page.goto(url)
        return page

    yield open_for
    for context in contexts:
        context.close()


def saved(page: Page, words: str = "Saved") -> None:
    expect(page.get_by_test_id("saved")).to_contain_text(words)


def test_in_different_sections_both_are_saved_and_each_sees_the_other_s(url: str, opened: Any) -> None:
    mine, theirs = opened("requester"), opened("teammate")
    theirs.get_by_text("7 days", exact=True).click()
    theirs.get_by_test_id("purpose").fill("typed by the teammate")
    until(theirs, lambda: (spec_at(url).purpose, spec_at(url).validity.days), ("typed by the teammate", 7))
    mine.get_by_test_id("name").fill("typed by the requester")
    saved(mine, "with teammate’s changes")
    expect(mine.get_by_test_id("purpose")).to_have_value("typed by the teammate")
    expect(mine.get_by_role("radio", name="7 days")).to_be_checked()
    expect(mine.locator("#messages")).to_contain_text("Saved together with the changes of teammate: What will use it; Lifetime.")
    assert (spec_at(url).name, spec_at(url).purpose) == ("typed by the requester", "typed by the teammate")
    mine.get_by_test_id("name").fill("and typed on")
    until(mine, lambda: spec_at(url).name, "and typed on")
    assert spec_at(url).purpose == "typed by the teammate"


def test_in_the_same_section_whoever_is_behind_chooses_and_nothing_is_lost(url: str, opened: Any) -> None:
    mine, theirs = opened("requester"), opened("teammate")
    theirs.get_by_test_id("name").fill("theirs")
    until(theirs, lambda: spec_at(url).name, "theirs")
    mine.get_by_test_id("name").fill("mine")
    mine.get_by_test_id("purpose").fill("mine too")
    expect(mine.get_by_role("heading", level=1)).to_have_text("Choose what to keep")
    expect(mine.locator("#choose")).to_be_focused()
    expect(mine.get_by_test_id("clash-name")).to_contain_text("theirs")
    expect(mine.get_by_test_id("check")).to_be_hidden()
    axe_finds_nothing(mine)
    assert (spec_at(url).name, spec_at(url).purpose) == ("theirs", "A test uses it.")
    mine.get_by_test_id("choose").click()
    expect(mine.get_by_test_id("errors")).to_contain_text("Choose what to keep: Name.")
    mine.get_by_test_id("keep-name-mine").check()
    mine.get_by_test_id("choose").click()
    expect(mine.locator("#title")).to_have_text("mine")
    assert (spec_at(url).name, spec_at(url).purpose) == ("mine", "mine too")


def test_one_without_script_is_merged_and_asked_alike(url: str, opened: Any) -> None:
    mine, theirs = opened("requester", script=False), opened("teammate")
    theirs.get_by_test_id("name").fill("theirs")
    until(theirs, lambda: spec_at(url).name, "theirs")
    mine.get_by_test_id("purpose").fill("mine")
    mine.get_by_test_id("save").click()
    expect(mine.locator("#messages")).to_contain_text("Saved together with the changes of teammate: Name.")
    assert (spec_at(url).name, spec_at(url).purpose) == ("theirs", "mine")
    theirs.reload()
    theirs.get_by_test_id("allow").fill("203.0.113.0/24")
    theirs.get_by_test_id("allow").blur()
    until(theirs, lambda: spec_at(url).client_ips.allow, ("203.0.113.0/24",))
    mine.get_by_test_id("allow").fill("198.51.100.7")
    mine.get_by_test_id("save").click()
    expect(mine.get_by_role("heading", level=1)).to_have_text("Choose what to keep")
    mine.get_by_test_id("keep-allow-both").check()
    mine.get_by_test_id("choose").click()
    expect(mine.locator("#allow-1")).to_have_value("198.51.100.7")
    assert spec_at(url).client_ips.allow == ("203.0.113.0/24", "198.51.100.7")


def test_who_else_is_here_comes_and_goes_and_a_newer_state_is_told(url: str, opened: Any, draft: TokenRequest) -> None:
    mine, theirs = opened("requester"), opened("teammate")
    expect(theirs.get_by_test_id("here")).to_have_text("requester is here too", use_inner_text=True)
    ask = "htmx.trigger('[data-here]', 'ping')"
    theirs.get_by_test_id("name").fill("newer")
    until(theirs, lambda: spec_at(url).name, "newer")
    mine.evaluate(ask)
    expect(mine.get_by_test_id("here")).to_contain_text("teammate is here too")
    expect(mine.get_by_test_id("here")).to_contain_text(re.compile("teammate saved this draft"))
    mine.get_by_role("link", name="See it").click()
    expect(mine.get_by_test_id("name")).to_have_value("newer")
    Presence.objects.filter(user__username="teammate").update(seen_at=draft.created_at.replace(year=2020))
    mine.evaluate(ask)
    expect(mine.get_by_test_id("others-here")).to_have_count(0)
    sharing.unshare(draft.shares.get(), by=draft.requester)
    theirs.evaluate(ask)
    expect(theirs.locator("#messages")).to_contain_text("This draft is not open to you")
    expect(theirs.get_by_test_id("name")).to_have_value("newer")

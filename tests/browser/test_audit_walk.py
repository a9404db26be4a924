"""The log in a browser: searched by typing and by choosing, paged, opened, verified and exported, with and without JavaScript."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import arrange
from tests.browser.conftest import axe_finds_nothing, fits
from tests.browser.test_walk import sign_in
from tokenportal import audit
from tokenportal.actions import verifying
from tokenportal.audit import Event
from tokenportal.models import AuditEvent, Verification


@pytest.fixture
def token(lasting_portal: None) -> Any:
    made = arrange.issue(arrange.draft())
    assert made
    return made.token


def test_the_log_is_searched_by_typing_by_choosing_and_by_keyboard(token: Any, site: str, either: Page) -> None:
    page = either
    sign_in(page, site, "auditor")
    page.goto(f"{site}/audit/")
    rows = page.get_by_test_id("event")
    box = page.get_by_label("Search the log")
    box.fill("actor:requester action:token")
    box.press("Enter")
    expect(rows).to_have_count(2)
    expect(page.get_by_label("Person")).to_have_value("requester")
    expect(page.get_by_label("What")).to_have_value("token")
    expect(page).to_have_url(re.compile("action(=|:|%3A)token"))
    page.get_by_label("What").select_option("token.issued")
    if not page.evaluate("typeof htmx !== 'undefined'"):
        page.get_by_test_id("search").click()
    expect(rows).to_have_count(1)
    page.reload()
    expect(rows).to_have_count(1)
    page.get_by_label("Search the log").fill("foo:bar")
    page.get_by_label("Search the log").press("Enter")
    expect(page.get_by_text("“foo:” is no qualifier.").last).to_be_visible()
    expect(page.get_by_label("Search the log")).to_have_value("foo:bar")
    page.goto(f"{site}/audit/?action=token.issued")
    page.get_by_role("link", name="Created a token").click()
    expect(page.get_by_test_id("seal")).to_contain_text("This event’s seal holds.")
    page.get_by_role("link", name="The whole trail").click()
    expect(rows).to_have_count(AuditEvent.objects.filter(trail=token.trail).count())


def test_pages_lead_back_and_forth(lasting_portal: None, site: str, either: Page) -> None:
    for _ in range(60):
        audit.note(Event.TOKENS_SYNCED, by=arrange.person("admin"), subject=arrange.connection())
    sign_in(either, site, "auditor")
    either.goto(f"{site}/audit/?actor=admin")
    expect(either.get_by_test_id("event")).to_have_count(50)
    either.get_by_test_id("older").click()
    expect(either.get_by_test_id("event")).to_have_count(10)
    either.get_by_test_id("newer").click()
    expect(either.get_by_test_id("event")).to_have_count(50)


def test_what_is_filtered_is_downloaded(token: Any, site: str, either: Page) -> None:
    sign_in(either, site, "auditor")
    either.goto(f"{site}/audit/?action=token.issued")
    with either.expect_download() as download:
        either.get_by_test_id("export-jsonl").click()
    lines = download.value.path().read_text().splitlines()
    event = AuditEvent.objects.get(action="token.issued")
    assert (len(lines), event.hash in lines[0]) == (1, True)
    assert re.fullmatch(r"audit-.*\.jsonl", download.value.suggested_filename)


def test_verifying_now_says_that_the_chain_holds(lasting_portal: None, site: str, either: Page) -> None:
    sign_in(either, site, "auditor")
    either.goto(f"{site}/audit/chain/")
    expect(either.get_by_test_id("verdict")).to_have_attribute("data-state", "unknown")
    either.get_by_test_id("verify").focus()
    either.keyboard.press("Enter")
    expect(either.get_by_test_id("verdict")).to_have_attribute("data-state", "holds")


def test_the_progress_of_a_long_verification_is_shown_until_it_is_done(
    lasting_portal: None, site: str, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "AT_ONCE", 0)
    sign_in(page, site, "auditor")
    page.goto(f"{site}/audit/chain/")
    page.get_by_test_id("verify").click()
    expect(page.get_by_test_id("running")).to_be_visible()
    expect(page.locator("#running")).to_contain_text("Waiting for the portal’s worker")
    verifying.run(Verification.objects.get())
    expect(page.get_by_test_id("verdict")).to_have_attribute("data-state", "holds")
    expect(page.get_by_test_id("verify")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_pages_of_the_audit(token: Any, site: str, browser: Browser, theme: Any) -> None:
    context = browser.new_context(color_scheme=theme)
    page = context.new_page()
    sign_in(page, site, "auditor")
    event, one = AuditEvent.objects.get(action="token.issuing"), arrange.person("requester")
    for path in (
        "/audit/", "/audit/?q=foo:bar", f"/audit/{event.number}/", f"/audit/people/{one.pk}/", "/audit/chain/",
        f"/tokens/{token.pk}/trail/",
    ):  # fmt: skip
        page.goto(site + path)
        axe_finds_nothing(page, path)
        for width in (320, 360):
            page.set_viewport_size({"width": width, "height": 800})
            fits(page, path)
        page.set_viewport_size({"width": 1280, "height": 800})
    context.close()


def test_tables_keep_their_columns_on_a_tablet_and_their_long_names_within(token: Any, site: str, page: Page) -> None:
    with audit.recording(Event.TOKEN_CHANGED_OUTSIDE, by=None, subject=token, trail=token.trail) as record:
        record.change(token, name="one-word-" + "0123456789" * 10)
    sign_in(page, site, "admin")
    for width in (820, 1024, 1100):
        page.set_viewport_size({"width": width, "height": 900})
        for path in (
            "/audit/",
            "/audit/tokens/",
            "/?tab=team",
            "/settings/people/",
            f"/audit/people/{arrange.person('requester').pk}/",
        ):
            page.goto(site + path)
            fits(page, path)
            spilt = "[...document.querySelectorAll('.table :is(th, td)')].filter(cell => cell.scrollWidth > cell.clientWidth + 1).length"
            assert page.evaluate(spilt) == 0, path
            tall = "Math.max(...[...document.querySelectorAll('tbody tr')].map(row => row.getBoundingClientRect().height))"
            assert page.evaluate(tall) < 350, path
    boxes = [page.locator(f"#{name}") for name in ("from", "to")]
    page.goto(f"{site}/audit/")
    first, last = (box.bounding_box() for box in boxes)
    assert first
    assert last
    assert first["x"] + first["width"] <= last["x"]


def test_paper_shows_what_a_trail_has_folded(token: Any, site: str, page: Page) -> None:
    sign_in(page, site, "auditor")
    page.goto(f"{site}/tokens/{token.pk}/trail/")
    told = page.get_by_test_id("steps").get_by_role("table")
    expect(told.first).to_be_hidden()
    page.emulate_media(media="print")
    expect(told.first).to_be_visible()
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()

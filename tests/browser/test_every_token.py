"""The inventory in a browser, with and without JavaScript: a number filters, a finding is acted on, what is listed is exported."""

import csv
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import arrange
from tests.browser.conftest import axe_finds_nothing, fits, until
from tests.browser.test_walk import sign_in
from tokenportal.actions import syncing
from tokenportal.models import AuditEvent, Token
from tokenportal.policy.spec import ClientIPs, Validity


@pytest.fixture
def two(lasting_portal: None) -> None:
    """One token about which nothing is found, and one that never ends and works from anywhere."""
    arrange.issue(arrange.draft(client_ips=ClientIPs(allow=("203.0.113.0/24",))))
    arrange.issue(arrange.draft("workers-ai", validity=Validity(lifetime="never")))
    syncing.sync(arrange.connection())


def test_a_number_filters_a_finding_is_acted_on_and_what_is_listed_is_exported(two: None, site: str, either: Page) -> None:
    sign_in(either, site, "admin")
    either.goto(f"{site}/audit/tokens/")
    rows = either.get_by_test_id("holding")
    expect(rows).to_have_count(3)
    expect(either.get_by_test_id("number-no-expiry")).to_contain_text("2")
    either.get_by_test_id("number-no-expiry").click()
    expect(either).to_have_url(re.compile("finding=no-expiry$"))
    expect(rows).to_have_count(2)
    expect(either.get_by_test_id("about-finding")).to_have_text("No expiry. A lost secret works until somebody notices.")
    with either.expect_download() as download:
        either.get_by_test_id("export-csv").click()
    with download.value.path().open(newline="", encoding="utf-8") as file:
        exported = [row["risk"] for row in csv.DictReader(file)]
    assert exported == ["changes", "creates"]
    event = AuditEvent.objects.get(action="tokens.exported")
    assert (event.by_name, event.details) == ("admin", {"format": "csv", "filter": "finding=no-expiry", "rows": 2})
    rows.first.get_by_test_id("act-edit").click()
    either.wait_for_url(re.compile("/requests/"))
    token = Token.objects.get(exposure__contains="no-expiry", is_parent=False)
    either.goto(f"{site}/tokens/{token.pk}/")
    expect(either.get_by_test_id("findings").get_by_test_id("finding-no-ip")).to_be_visible()


def test_the_list_follows_the_filters_while_one_chooses(two: None, site: str, page: Page) -> None:
    sign_in(page, site, "auditor")
    page.goto(f"{site}/audit/tokens/")
    rows = page.get_by_test_id("holding")
    page.get_by_label("Finding", exact=True).select_option("No IP restriction")
    expect(rows).to_have_count(2)
    expect(page.locator("#spoken")).to_have_text("2 tokens")
    expect(page).to_have_url(re.compile("finding=no-ip"))
    page.get_by_label("Risk", exact=True).select_option("Can create tokens")
    expect(rows).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_test_id("export-jsonl").click()
    assert len(download.value.path().read_text("utf-8").splitlines()) == 1
    page.get_by_label("Finding", exact=True).select_option("Unmanaged")
    expect(page.get_by_test_id("empty")).to_contain_text("No token matches")
    page.get_by_role("link", name="Clear the filters").click()
    expect(rows).to_have_count(3)
    until(page, lambda: page.get_by_test_id("act-edit").count(), 0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_a_phone_is_wide_enough(two: None, site: str, browser: Browser, theme: Any) -> None:
    context = browser.new_context(color_scheme=theme)
    page = context.new_page()
    sign_in(page, site, "admin")
    token = Token.objects.get(exposure__contains="no-expiry", is_parent=False)
    for path in ("/audit/tokens/", "/audit/tokens/?finding=drifted", token.get_absolute_url()):
        page.goto(site + path)
        axe_finds_nothing(page, path)
        page.set_viewport_size({"width": 360, "height": 740})
        fits(page, path)
    context.close()

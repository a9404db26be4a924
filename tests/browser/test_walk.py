"""The main job in a browser: from the list of tokens to a secret that works and is limited exactly as chosen."""

import shlex
import subprocess
from contextlib import suppress
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Error, Page, expect

from tests import arrange


@pytest.fixture
def plain_page(browser: Browser) -> Any:
    """A page of a browser without JavaScript."""
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def sign_in(page: Page, site: str, name: str) -> None:
    page.goto(f"{site}/sign-in/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(arrange.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    # A click does not wait for the page that it leads to, and a goto right behind it would cut the sign-in off.
    page.wait_for_url(lambda address: "/sign-in/" not in address)


def shown(page: Page) -> str:
    """The source of the page, once it has come: while a page is on its way, Chromium has none to give."""
    while True:
        page.wait_for_load_state()
        with suppress(Error):
            return page.content()


def walk_to_secret(page: Page, zone: str) -> str:
    page.get_by_test_id("create-token").click()
    page.get_by_test_id("start-edit-zone-dns").click()
    page.get_by_test_id("name").fill("shop-dns-renewal")
    page.get_by_test_id("purpose").fill("certbot on web-1")
    page.get_by_test_id("zone-1").fill(zone)
    page.get_by_test_id("check").first.click()
    page.get_by_test_id("create").click()
    return page.get_by_test_id("secret").inner_text()


def test_without_javascript_no_button_is_shown_that_needs_it(lasting_portal: None, site: str, plain_page: Page) -> None:
    sign_in(plain_page, site, "requester")
    walk_to_secret(plain_page, arrange.zone_names()[0])
    assert plain_page.locator("[data-copy], [data-try]").count() > 0
    expect(plain_page.locator("[data-copy]:visible, [data-try]:visible")).to_have_count(0)


def test_without_javascript_the_requester_gets_a_token_that_is_limited_to_its_zone(
    lasting_portal: None, site: str, plain_page: Page
) -> None:
    mine, other = arrange.zone_names(2)
    sign_in(plain_page, site, "requester")
    secret = walk_to_secret(plain_page, mine)
    command = shlex.split(plain_page.get_by_test_id("curl").inner_text())
    told = subprocess.run([*command, "--silent", "--noproxy", "*"], capture_output=True, text=True, check=True).stdout
    assert '"status": "active"' in told or '"status":"active"' in told

    api = requests.Session()
    api.trust_env = False
    api.headers["Authorization"] = f"Bearer {secret}"
    base = f"{site}/sandbox/client/v4/zones"
    mine_id, other_id = arrange.zone_ids(mine, other)
    record = {"type": "TXT", "name": f"_acme-challenge.{mine}", "content": "token", "ttl": 60}
    assert api.get(f"{base}/{mine_id}/dns_records").status_code == 200
    assert api.post(f"{base}/{mine_id}/dns_records", json=record).status_code == 200
    assert api.get(f"{base}/{other_id}/dns_records").status_code == 403
    assert api.post(f"{base}/{mine_id}/purge_cache", json={"purge_everything": True}).status_code == 403
    assert api.patch(f"{base}/{mine_id}/settings/always_online", json={"value": "on"}).status_code == 403
    api.close()


def test_reload_and_back_neither_create_nor_show_again(lasting_portal: None, site: str, page: Page) -> None:
    sign_in(page, site, "requester")
    secret = walk_to_secret(page, arrange.zone_names(1)[0])
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("This token has been created already")
    assert secret not in shown(page)
    page.go_back()
    assert secret not in shown(page)
    assert arrange.person("requester").token_requests.filter(status="issued").count() == 1


def test_no_console_message_on_the_way_under_the_content_security_policy(lasting_portal: None, site: str, page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    sign_in(page, site, "requester")
    walk_to_secret(page, arrange.zone_names(1)[0])
    assert said == []

"""Team templates, copies and Cloudflare's addresses, in a browser with and without JavaScript."""

import re

from playwright.sync_api import Page, expect

from tests import arrange
from tests.browser.test_walk import sign_in
from tokenportal.models import TeamTemplate, TokenRequest


def test_a_draft_is_saved_as_a_template_and_begun_from(lasting_portal: None, site: str, either: Page) -> None:
    draft = arrange.draft(name="shop-certs")
    sign_in(either, site, "requester")
    either.goto(f"{site}{draft.get_absolute_url()}")
    either.get_by_test_id("more").click()
    either.get_by_role("link", name="Save as team template").click()
    either.get_by_test_id("title").fill("Certificates")
    either.get_by_test_id("save-template").click()
    expect(either.get_by_test_id("errors")).to_contain_text("Say in a line what it is for.")
    expect(either.locator("#purpose-error")).to_have_text("Say in a line what it is for.")
    either.get_by_test_id("purpose").fill("A certificate client.")
    either.get_by_label("An end").check()
    either.get_by_test_id("save-template").click()
    expect(either.get_by_text("Certificates is a template of the team Platform now, in version 1.")).to_be_visible()
    template = TeamTemplate.objects.get()
    either.goto(f"{site}/templates/")
    either.get_by_test_id(f"start-{template.slug}").click()
    expect(either.get_by_test_id("request")).to_have_attribute("data-state", "draft")
    assert TokenRequest.objects.exclude(pk=draft.pk).get().template_version == 1
    either.goto(f"{site}{draft.get_absolute_url()}template/")
    either.get_by_test_id("title").fill("Certificates")
    either.get_by_test_id("purpose").fill("A certificate client, again.")
    either.get_by_test_id("save-template").click()
    expect(either.get_by_test_id("existing")).to_contain_text("Certificates exists, in version 1.")
    expect(either.get_by_test_id("existing")).to_be_focused()
    either.get_by_test_id("save-template").click()
    expect(either.get_by_text("now, in version 2.")).to_be_visible()


def test_an_address_prefills_a_draft_and_a_draft_gives_one(lasting_portal: None, site: str, either: Page) -> None:
    draft = arrange.draft(name="shop-certs")
    sign_in(either, site, "requester")
    either.goto(f"{site}{draft.get_absolute_url()}?as=address")
    text = either.get_by_test_id("as-address").inner_text()
    [dashboard] = re.findall(r"https://dash\.cloudflare\.com\S+", text)
    either.goto(f"{site}/templates/")
    either.get_by_test_id("from-url").click()
    either.get_by_test_id("url").fill(dashboard)
    either.get_by_test_id("read-url").click()
    expect(either.get_by_test_id("asked")).to_contain_text("DNS")
    either.get_by_test_id("begin").click()
    expect(either.get_by_test_id("name")).to_have_value("shop-certs")
    either.goto(dashboard.replace("https://dash.cloudflare.com", site))
    expect(either.get_by_test_id("asked")).to_contain_text("DNS")


def test_a_draft_is_duplicated(lasting_portal: None, site: str, either: Page) -> None:
    draft = arrange.draft(name="shop-certs")
    sign_in(either, site, "requester")
    either.goto(f"{site}{draft.get_absolute_url()}")
    either.get_by_test_id("more").click()
    either.get_by_role("link", name="Duplicate").click()
    either.get_by_test_id("duplicate").click()
    expect(either.get_by_test_id("name")).to_have_value("Copy of shop-certs")


def test_what_a_search_finds_is_said_while_one_types(lasting_portal: None, site: str, quiet: Page) -> None:
    arrange.draft(name="shop-certs")
    sign_in(quiet, site, "requester")
    for path, said in (("templates/", "1 template"), ("drafts/", "1 found")):
        quiet.goto(f"{site}/{path}")
        quiet.get_by_test_id("q").press_sequentially("certs" if path == "drafts/" else "WordPress")
        expect(quiet.locator("#spoken")).to_have_text(said)
        expect(quiet.get_by_test_id("q")).to_be_focused()

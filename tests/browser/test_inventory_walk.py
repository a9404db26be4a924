"""Somebody's old token, found by reading the list, adopted in a browser with and without JavaScript."""

from django.core.management import call_command
from playwright.sync_api import Page, expect

from tests import arrange
from tests.browser.conftest import until
from tests.browser.test_walk import sign_in
from tokenportal.actions import reading
from tokenportal.models import Token


def test_a_token_that_nobody_here_made_is_found_and_adopted(lasting_portal: None, site: str, either: Page) -> None:
    assert arrange.issue(arrange.draft())
    call_command("sandbox_alter", "copy", "a-token")
    sign_in(either, site, "admin")
    either.goto(f"{site}/?tab=unmanaged")
    expect(either.get_by_text("No token is unmanaged")).to_be_visible()
    expect(either.get_by_test_id("coverage-acme-production")).to_have_attribute("data-state", "never")
    either.get_by_test_id("sync").click()
    expect(either.get_by_test_id("coverage-acme-production")).to_have_attribute("data-state", "ready")
    either.goto(f"{site}/?tab=unmanaged")
    either.get_by_role("link", name="old a-token").click()
    either.get_by_test_id("adopt").click()
    either.get_by_label("Team").select_option("Platform")
    either.get_by_label("Owner", exact=True).select_option("requester (Platform, Web)")
    either.get_by_label("Used by").fill("The old deploy job.")
    either.get_by_test_id("adopt").click()
    expect(either.get_by_text("Platform answers for old a-token now.")).to_be_visible()
    expect(either.get_by_test_id("unmanaged")).to_have_count(0)
    token = Token.objects.get(name="old a-token")
    assert (str(token.team), str(token.owner), token.purpose) == ("Platform", "requester", "The old deploy job.")


def test_progress_is_shown_while_something_is_read_and_ends_by_itself(lasting_portal: None, site: str, page: Page) -> None:
    ours = reading.begin(arrange.connection())
    assert ours
    ours.progress(50, 500, False)
    sign_in(page, site, "admin")
    page.goto(f"{site}/?tab=unmanaged")
    row = page.get_by_test_id("coverage-acme-production")
    expect(row).to_contain_text("Being read: 50 of 500 tokens.")
    ours.progress(450, 500, False)
    expect(row).to_contain_text("Being read: 450 of 500 tokens.")
    ours.ready(count=500, problem="")
    expect(row).to_have_attribute("data-state", "ready")
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url))
    page.get_by_test_id("sync").click()
    expect(page.get_by_test_id("coverage-acme-user")).to_have_attribute("data-state", "ready")
    until(page, lambda: [url.removeprefix(site) for url in asked if url.endswith("/tokens/sync/")], ["/tokens/sync/"])

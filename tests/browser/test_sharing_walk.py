"""A draft shared with a person, a team and by a link, revoked and handed on, in a browser with and without JavaScript."""

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests import arrange
from tests.browser.conftest import axe_finds_nothing, until
from tests.browser.test_walk import sign_in
from tokenportal.actions import sharing
from tokenportal.models import TokenRequest


@pytest.fixture
def draft(lasting_portal: None) -> TokenRequest:
    return arrange.draft(name="shop-dns")


def everybody(draft: TokenRequest) -> list[tuple[str, str]]:
    return [(one.person.username, one.role) for one in sharing.everybody(TokenRequest.objects.get(pk=draft.pk))]


def test_shared_with_a_person_and_a_team_changed_and_removed(draft: TokenRequest, site: str, either: Page) -> None:
    sign_in(either, site, "requester")
    either.goto(f"{site}{draft.get_absolute_url()}share/")
    for name, role in (("teammate", "Can edit"), ("team Web", "Can comment")):
        either.get_by_test_id("colleague").fill(name)
        either.get_by_label("May", exact=True).select_option(role)
        either.get_by_test_id("share").click()
        expect(either.get_by_test_id("shares")).to_contain_text(name.removeprefix("team "))
    until(either, lambda: everybody(draft), [("requester", "owner"), ("approver", "commenter"), ("teammate", "editor")])
    either.get_by_role("button", name="Remove team Web").click()
    expect(either.get_by_test_id("shares")).not_to_contain_text("Web")
    until(either, lambda: everybody(draft), [("requester", "owner"), ("teammate", "editor")])


def test_a_link_is_made_taken_and_revoked(draft: TokenRequest, site: str, either: Page, browser: Browser) -> None:
    sign_in(either, site, "requester")
    either.goto(f"{site}{draft.get_absolute_url()}share/")
    either.get_by_label("Whoever has it").select_option("Can edit")
    either.get_by_test_id("make-link").click()
    address = either.locator("#new-link").inner_text()
    theirs = browser.new_context()
    theirs.set_default_timeout(20_000)
    other = theirs.new_page()
    sign_in(other, site, "teammate")
    other.goto(address)
    expect(other.get_by_text("requester shares this draft of a token with you.")).to_be_visible()
    other.get_by_test_id("take-link").click()
    expect(other.get_by_test_id("name")).to_have_value("shop-dns")
    either.goto(f"{site}{draft.get_absolute_url()}share/")
    expect(either.get_by_test_id("links")).to_contain_text("1 came by it")
    either.get_by_test_id("revoke-link").click()
    expect(either.get_by_test_id("links")).to_have_count(0)
    other.reload()
    expect(other.get_by_role("heading", name="Not found")).to_be_visible()
    theirs.close()


def test_handed_on_after_a_question(draft: TokenRequest, site: str, either: Page) -> None:
    sign_in(either, site, "requester")
    either.goto(f"{site}{draft.get_absolute_url()}share/")
    either.get_by_test_id("transfer").click()
    either.get_by_test_id("to").select_option("teammate")
    either.get_by_test_id("hand-on").click()
    expect(either.get_by_text("teammate owns this draft now. You can still edit it.")).to_be_visible()
    assert everybody(draft) == [("teammate", "owner"), ("requester", "editor")]


def test_beside_the_builder_it_is_shared_in_a_dialog(draft: TokenRequest, site: str, quiet: Page) -> None:
    sign_in(quiet, site, "requester")
    quiet.goto(f"{site}{draft.get_absolute_url()}")
    button = quiet.get_by_test_id("share")
    button.click()
    dialog = quiet.locator("dialog[open]")
    expect(dialog.get_by_test_id("everybody")).to_contain_text("requester")
    axe_finds_nothing(quiet)
    dialog.get_by_test_id("colleague").fill("teammate")
    dialog.get_by_test_id("share").click()
    dialog.get_by_label("What teammate may do").select_option("Can comment")
    until(quiet, lambda: everybody(draft), [("requester", "owner"), ("teammate", "commenter")])
    expect(dialog.get_by_role("status")).to_have_text("teammate can comment now.")
    dialog.get_by_role("button", name="Remove teammate").press("Enter")
    expect(dialog.get_by_role("status")).to_have_text("It is no longer shared with teammate.")
    expect(dialog.get_by_role("heading", name="Colleagues and teams")).to_be_focused()
    dialog.get_by_test_id("make-link").press("Enter")
    expect(dialog.get_by_test_id("new-link")).to_be_focused()
    dialog.get_by_test_id("revoke-link").press("Enter")
    expect(dialog.get_by_role("status")).to_have_text("The link works no more.")
    expect(dialog.get_by_role("heading", name="By a link")).to_be_focused()
    quiet.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_an_answer_that_comes_after_the_dialog_was_closed_does_not_open_it_again(
    draft: TokenRequest, site: str, quiet: Page
) -> None:
    sign_in(quiet, site, "requester")
    quiet.goto(f"{site}{draft.get_absolute_url()}")
    quiet.get_by_test_id("share").click()
    dialog = quiet.locator("dialog[open]")
    dialog.get_by_test_id("colleague").fill("teammate")
    held: list[Route] = []
    quiet.route("**/share/", lambda route: held.append(route))
    dialog.get_by_test_id("share").click()
    until(quiet, lambda: len(held), 1)
    quiet.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    held[0].continue_()
    expect(quiet.locator("#sharing").get_by_test_id("everybody")).to_contain_text("teammate")
    expect(dialog).to_have_count(0)


def test_whoever_only_looks_sees_no_button_that_would_do_nothing(draft: TokenRequest, site: str, either: Page) -> None:
    sharing.share(draft, by=draft.requester, colleague=arrange.person("teammate"), role="viewer")
    sign_in(either, site, "teammate")
    either.goto(f"{site}{draft.get_absolute_url()}")
    expect(either.get_by_test_id("name")).to_be_visible()
    expect(either.get_by_test_id("name")).to_be_disabled()
    expect(either.locator("#draft button:visible, [role=combobox]:visible")).to_have_count(0)
    expect(either.get_by_role("link", name="Comments on Purpose")).to_be_visible()

"""A draft discussed in a browser, with and without JavaScript: asked, answered, resolved; and beside the builder."""

import pytest
from playwright.sync_api import Page, expect

from tests import arrange
from tests.browser.conftest import axe_finds_nothing
from tests.browser.test_walk import sign_in
from tokenportal.actions import commenting, sharing
from tokenportal.models import Comment, TokenRequest


@pytest.fixture
def draft(lasting_portal: None) -> TokenRequest:
    made = arrange.draft(name="shop-dns")
    sharing.share(made, by=made.requester, colleague=arrange.person("teammate"), role="commenter")
    return made


def test_a_thread_is_begun_answered_resolved_and_opened_again(draft: TokenRequest, site: str, either: Page) -> None:
    sign_in(either, site, "teammate")
    either.goto(f"{site}{draft.get_absolute_url()}")
    either.get_by_test_id("comments-tab").click()
    either.get_by_test_id("comment").click()
    expect(either.get_by_test_id("errors")).to_contain_text("Write what you want to say.")
    expect(either.locator("#text-error")).to_have_text("Write what you want to say.")
    either.get_by_label("About").select_option("Restrictions")
    either.get_by_test_id("comment-text").fill("Could it end sooner?")
    either.get_by_test_id("comment").click()
    thread = either.get_by_test_id("thread")
    expect(thread).to_contain_text("Could it end sooner?")
    thread.get_by_test_id("answer").click()
    thread.get_by_test_id("answer-text").fill("Thirty days, say.")
    thread.get_by_test_id("send-answer").click()
    expect(thread).to_contain_text("Thirty days, say.")
    thread.get_by_test_id("resolve").click()
    expect(either.get_by_text("1 resolved thread")).to_be_visible()
    either.goto(f"{site}{draft.get_absolute_url()}comments/")
    either.get_by_text("1 resolved thread").click()
    thread.get_by_test_id("reopen").click()
    expect(either.get_by_text("1 resolved thread")).to_have_count(0)
    assert list(Comment.objects.values_list("section", "text", "resolved_by")) == [
        ("restrictions", "Could it end sooner?", None), ("restrictions", "Thirty days, say.", None),
    ]  # fmt: skip


def test_beside_the_builder_comments_open_in_a_dialog_and_typing_is_kept(draft: TokenRequest, site: str, quiet: Page) -> None:
    commenting.comment(draft, by=arrange.person("teammate"), text="Why?", section="purpose")
    sign_in(quiet, site, "requester")
    quiet.goto(f"{site}{draft.get_absolute_url()}")
    quiet.get_by_test_id("name").fill("typed meanwhile")
    link = quiet.get_by_role("link", name="Comments on Purpose")
    link.focus()
    quiet.keyboard.press("Enter")
    dialog = quiet.locator("dialog[open]")
    expect(dialog.get_by_test_id("thread")).to_contain_text("Why?")
    expect(dialog.get_by_label("About")).to_have_value("purpose")
    axe_finds_nothing(quiet)
    dialog.get_by_test_id("comment-text").fill("Said beside the draft.")
    dialog.get_by_test_id("comment").click()
    expect(dialog.get_by_test_id("thread")).to_have_count(2)
    expect(dialog.get_by_role("status")).to_have_text("Your comment was added.")
    expect(dialog.get_by_test_id("thread").last).to_be_focused()
    dialog.get_by_test_id("resolve").last.press("Enter")
    expect(dialog.get_by_role("status")).to_have_text("The thread is resolved.")
    expect(dialog.get_by_text("1 resolved thread")).to_be_focused()
    quiet.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(link).to_be_focused()
    expect(quiet.get_by_test_id("name")).to_have_value("typed meanwhile")

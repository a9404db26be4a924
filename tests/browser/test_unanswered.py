"""With JavaScript: where a request of a page's gets no answer, or none that is put into the page, the page says so."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests import arrange
from tests.browser.test_walk import sign_in

WORDS = {
    405: "This page is out of date. Reload it, then try again.",
    413: "That is too much to send at once. Shorten it, then try again.",
    502: "The portal gave no usable answer (502). What you see here has not changed. Try again in a moment.",
    504: "The portal gave no usable answer (504). What you see here has not changed. Try again in a moment.",
    0: "The portal cannot be reached. What you see here has not changed. Check your connection, then try again.",
}


def answering(page: Page, address: str, status: int, method: str = "GET") -> Any:
    """From now on requests by htmx get this answer of somebody else's, or none; the pattern that takes it back."""

    def answer(route: Route) -> None:
        if route.request.method != method or "hx-request" not in route.request.headers:
            route.continue_()
        elif status:
            route.fulfill(status=status, content_type="text/html", body="<h1>Bad gateway of somebody else</h1>")
        else:
            route.abort("connectionrefused")

    pattern = re.compile(re.escape(address))
    page.route(pattern, answer)
    return pattern


@pytest.mark.parametrize("address", ["/", "/templates/", "/permissions/"])
def test_a_filter_without_an_answer_says_so_and_until_the_next_answer_only(
    lasting_portal: None, site: str, page: Page, address: str
) -> None:
    typed = "dns"
    arrange.issue(arrange.draft())
    sign_in(page, site, "requester")
    page.goto(f"{site}{address}")
    box = page.locator("input[type=search]").first
    refusal = page.locator("#messages").get_by_test_id("refusal")
    for number, (status, words) in enumerate(WORDS.items(), start=1):
        pattern = answering(page, site + address, status)
        box.fill(typed + "x" * number)
        expect(refusal).to_have_text(f"That did not work{words}")
        expect(box).to_have_value(typed + "x" * number)
        expect(page.get_by_text("somebody else")).to_have_count(0)
        page.unroute(pattern)
        box.fill(typed)
        expect(refusal).to_have_count(0)


def test_trying_a_secret_out_without_an_answer_does_not_go_on_asking(lasting_portal: None, site: str, page: Page) -> None:
    ready = arrange.checked(arrange.draft())
    sign_in(page, site, "requester")
    page.goto(f"{site}/requests/{ready.pk}/summary/")
    page.get_by_test_id("create").click()
    answering(page, "/try/", 504, "POST")
    page.get_by_test_id("try").click()
    expect(page.get_by_test_id("refusal")).to_have_text(f"That did not work{WORDS[504]}")
    expect(page.locator("#trial")).to_have_text("")


def test_the_builder_s_saving_has_words_of_its_own(lasting_portal: None, site: str, page: Page) -> None:
    draft = arrange.draft()
    sign_in(page, site, "requester")
    page.goto(f"{site}/requests/{draft.pk}/")
    answering(page, "/requests/", 502, "POST")
    page.get_by_test_id("name").fill("another-name")
    expect(page.locator("#saved")).to_contain_text("Not saved")
    expect(page.locator("#messages").get_by_test_id("refusal")).to_have_count(0)

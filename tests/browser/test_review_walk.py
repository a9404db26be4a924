"""A request sent for review, answered, taken back and carried out, in a browser with and without JavaScript, as each role."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import arrange
from tests.browser.conftest import fits, until
from tests.browser.test_walk import sign_in
from tests.integration.review_world import WHY, answer, at, fresh, newcomer, wide
from tests.integration.test_adopting_reviewed import outside
from tokenportal.models import Status, TokenRequest

type As = Callable[[str], Page]
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def others(browser: Browser, site: str) -> Iterator[As]:
    """A phone on which somebody else signs in, without JavaScript."""
    contexts = []

    def as_other(name: str) -> Page:
        context = browser.new_context(viewport=PHONE, java_script_enabled=False)
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        sign_in(page, site, name)
        return page

    yield as_other
    for context in contexts:
        context.close()


def status(token_request: TokenRequest) -> Callable[[], str]:
    return lambda: fresh(token_request).status


@pytest.fixture
def waiting(lasting_portal: None) -> TokenRequest:
    return arrange.sent(wide(), WHY)


def test_sent_approved_on_a_phone_and_created_with_its_secret_shown_once(
    lasting_portal: None, site: str, either: Page, others: As
) -> None:  # fmt: skip
    ready = arrange.checked(wide())
    sign_in(either, site, "requester")
    either.goto(f"{site}{at(ready, 'summary/')}")
    expect(either.get_by_test_id("create")).to_have_count(0)
    either.get_by_test_id("reason").fill(WHY)
    either.get_by_label("approver can approve it").check()
    either.get_by_test_id("send").click()
    expect(either.get_by_test_id("request")).to_have_attribute("data-state", "in_review")
    expect(either.get_by_test_id("asked")).to_have_text("Asked by name: approver.")

    phone = others("approver")
    phone.get_by_test_id("notices").click()
    expect(phone.get_by_test_id("notice")).to_contain_text("requester asks you to review “shop-plugin”.")
    phone.get_by_test_id("see-request").click()
    expect(phone).to_have_url(f"{site}{at(ready)}")
    fits(phone)
    expect(phone.get_by_test_id("reason")).to_have_text(WHY)
    phone.get_by_test_id("your-turn").click()
    phone.get_by_test_id("comment").fill("Mind the cache.")
    phone.get_by_test_id("approve").click()
    expect(phone.get_by_text("You approved version 1.")).to_be_visible()
    expect(phone.get_by_test_id("request")).to_have_attribute("data-state", "approved")
    fits(phone)

    either.get_by_test_id("notices").click()
    expect(either.get_by_test_id("notice")).to_contain_text("approver approved “shop-plugin”. It can be created now.")
    either.get_by_test_id("see-request").click()
    expect(either.get_by_test_id("answers")).to_contain_text("Mind the cache.")
    either.get_by_test_id("go-on").click()
    expect(either.get_by_test_id("approved-by")).to_contain_text("Approved by approver")
    either.get_by_test_id("create").click()
    secret = either.get_by_test_id("secret").inner_text()
    either.goto(f"{site}{at(ready)}")
    expect(either.get_by_test_id("request")).to_have_attribute("data-state", "issued")
    assert (status(ready)(), secret in either.content(), bool(secret)) == (Status.ISSUED, False, True)


def test_a_found_token_is_adopted_after_who_was_asked_by_name_approved_it(
    lasting_portal: None, site: str, either: Page, others: As
) -> None:  # fmt: skip
    token = outside()
    sign_in(either, site, "admin")
    either.goto(f"{site}/tokens/{token.pk}/")
    either.get_by_test_id("adopt").click()
    either.get_by_label("Team", exact=True).select_option("Platform")
    either.get_by_label("Owner", exact=True).select_option("requester (Platform, Web)")
    either.get_by_label("approver can approve it").check()
    either.get_by_text("Others who can look at it").click()
    either.get_by_label("teammate").check()
    either.get_by_test_id("adopt").click()
    expect(either.get_by_test_id("errors")).to_contain_text("Say what uses it")
    expect(either.get_by_label("approver can approve it")).to_be_checked()
    expect(either.get_by_label("teammate")).to_be_checked()
    either.get_by_label("Used by").fill("The old deploy job.")
    either.get_by_label("Why shall it be adopted?").fill(WHY)
    either.get_by_test_id("adopt").click()
    expect(either.get_by_test_id("request")).to_have_attribute("data-state", "in_review")
    expect(either.get_by_test_id("asked")).to_have_text("Asked by name: approver, teammate.")
    expect(either.get_by_test_id("turn")).to_have_text("Waits on an approver of Platform")

    mate = others("teammate")
    mate.get_by_role("link", name="Review 1").click()
    mate.get_by_role("link", name="old deploy").click()
    expect(mate.get_by_test_id("your-turn")).to_be_visible()
    fits(mate)
    mate.get_by_test_id("your-turn").click()
    mate.get_by_test_id("opinion").fill("We still need it.")
    mate.get_by_test_id("say").click()
    mate.get_by_role("link", name="Review", exact=True).click()
    expect(mate.get_by_test_id("tab-you")).to_contain_text("0")
    mate.get_by_role("link", name="old deploy").click()
    expect(mate.get_by_test_id("has-said")).to_contain_text("You have said what you think")

    phone = others("approver")
    phone.get_by_test_id("notices").click()
    expect(phone.get_by_test_id("notice").last).to_contain_text("admin asks you to review the adoption of “old deploy”.")
    phone.get_by_test_id("see-request").last.click()
    phone.get_by_test_id("approve").click()
    expect(phone.get_by_test_id("request")).to_have_attribute("data-state", "approved")

    either.get_by_role("navigation", name="Main").get_by_role("link", name="Review").click()
    expect(either.get_by_role("link", name="Review 1")).to_be_visible()
    either.get_by_role("link", name="old deploy").click()
    either.get_by_test_id("go-on").click()
    either.get_by_test_id("create").click()
    expect(either.get_by_text("Platform answers for it now. Its secret is the same.")).to_be_visible()
    token.refresh_from_db()
    assert (str(token.team), str(token.owner), token.purpose) == ("Platform", "requester", "The old deploy job.")


def test_changes_are_asked_for_and_the_next_round_shows_what_changed(
    waiting: TokenRequest, site: str, either: Page, others: As
) -> None:  # fmt: skip
    phone = others("approver")
    phone.get_by_role("link", name="Review 1").click()
    phone.get_by_role("link", name="shop-plugin").click()
    phone.get_by_test_id("changes").click()
    expect(phone.get_by_test_id("errors")).to_contain_text("Say what should change.")
    phone.get_by_test_id("comment").fill("A month is enough.")
    phone.get_by_test_id("changes").click()
    expect(phone.get_by_text("It is a draft again, and requester is told.")).to_be_visible()
    until(phone, status(waiting), Status.DRAFT)

    sign_in(either, site, "requester")
    either.goto(f"{site}{at(waiting, '')}")
    expect(either.get_by_test_id("returned")).to_contain_text("A month is enough.")
    either.get_by_label("30 days", exact=True).check(force=True)
    either.get_by_test_id("check").first.click()
    expect(either.get_by_test_id("returned")).to_contain_text("A month is enough.")
    expect(either.get_by_test_id("reason")).to_have_value(WHY)
    either.get_by_test_id("send").click()
    expect(either.get_by_test_id("against-version")).to_have_attribute("data-verdict", "narrower")

    phone.goto(f"{site}{at(waiting)}")
    expect(phone.get_by_test_id("against-version")).to_contain_text("Compared with version 1, reviewed before")
    expect(phone.get_by_test_id("approve")).to_have_text("Approve version 2")
    fits(phone)


def test_denied_with_a_reason_and_begun_again_from_it(waiting: TokenRequest, site: str, either: Page, others: As) -> None:
    sign_in(either, site, "approver")
    either.goto(f"{site}{at(waiting)}")
    either.get_by_test_id("comment").fill("Shops are off limits.")
    either.get_by_test_id("deny").click()
    expect(either.get_by_text("You denied it. requester is told why.")).to_be_visible()
    until(either, status(waiting), Status.REJECTED)
    phone = others("requester")
    phone.goto(f"{site}{at(waiting, '')}")
    expect(phone.get_by_test_id("ended")).to_contain_text("Shops are off limits.")
    phone.get_by_test_id("like-it").click()
    expect(phone.get_by_role("heading", level=1)).to_contain_text("shop-plugin")
    fits(phone)


def test_taken_back_while_somebody_reads_it_their_comment_is_shown_again(
    waiting: TokenRequest, site: str, either: Page, others: As
) -> None:  # fmt: skip
    phone = others("approver")
    phone.goto(f"{site}{at(waiting)}")
    phone.get_by_test_id("comment").fill("A long thought.")
    sign_in(either, site, "requester")
    either.goto(f"{site}{at(waiting)}")
    either.get_by_test_id("withdraw").click()
    expect(either.get_by_text("It is a draft again. What was approved of it counts no more.")).to_be_visible()
    phone.get_by_test_id("approve").click()
    expect(phone.get_by_role("heading", name="Not found")).to_be_visible()
    expect(phone.get_by_test_id("typed")).to_contain_text("A long thought.")
    assert fresh(waiting).status == Status.DRAFT


@pytest.mark.parametrize("name", ["auditor", "teammate"])
def test_who_has_no_standing_reads_it_and_is_told_who_can_answer(
    waiting: TokenRequest, site: str, without_script: Page, name: str
) -> None:  # fmt: skip
    sign_in(without_script, site, name)
    without_script.goto(f"{site}/review/")
    without_script.get_by_role("link", name="shop-plugin").click()
    expect(without_script.get_by_test_id("reason")).to_have_text(WHY)
    expect(without_script.get_by_test_id("why-not")).to_have_text(
        "Only approvers of the team Platform, or whom the rules name, can answer this."
    )
    expect(without_script.get_by_test_id("decision")).to_have_count(0)
    expect(without_script.get_by_test_id("withdraw")).to_have_count(0)


def test_an_outsider_finds_nothing(waiting: TokenRequest, site: str, without_script: Page) -> None:
    newcomer("outsider")
    sign_in(without_script, site, "outsider")
    without_script.goto(f"{site}/review/")
    expect(without_script.get_by_text("Nothing waits on you")).to_be_visible()
    without_script.goto(f"{site}{at(waiting)}")
    expect(without_script.get_by_role("heading", name="Not found")).to_be_visible()


def test_the_queue_is_filtered_as_one_types_and_the_address_keeps_it(waiting: TokenRequest, site: str, quiet: Page) -> None:
    arrange.sent(wide(name="other-thing"), WHY)
    sign_in(quiet, site, "approver")
    quiet.goto(f"{site}/review/")
    expect(quiet.get_by_test_id("review-row")).to_have_count(2)
    quiet.get_by_test_id("q").press_sequentially("other")
    expect(quiet.get_by_test_id("review-row")).to_have_count(1)
    expect(quiet.locator("#spoken")).to_have_text("1 request")
    expect(quiet.get_by_test_id("q")).to_be_focused()
    expect(quiet).to_have_url(f"{site}/review/?tab=you&q=other&team=&person=")
    quiet.reload()
    expect(quiet.get_by_test_id("review-row")).to_have_count(1)
    answer(waiting, "approve", "approver")
    quiet.goto(f"{site}/review/")
    expect(quiet.get_by_role("link", name="Review 1")).to_be_visible()

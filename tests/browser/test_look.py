"""Pages in a browser: accessible in both themes, no wider than a phone, usable without a pointer."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests import arrange
from tests.browser.conftest import axe_finds_nothing, fits
from tests.browser.test_walk import sign_in
from tokenportal.actions import reviewing
from tokenportal.models import TokenRequest
from tokenportal.policy.spec import Validity


def denied() -> TokenRequest:
    one = arrange.sent(arrange.draft("wordpress"))
    reviewing.deny(one, by=arrange.person("approver"), comment="Not now.", **arrange.answering(one))
    return one


def visit_all(page: Page, site: str, draft_path: str, token_path: str) -> Any:
    """Also a draft that somebody must approve, one that a rule does not let through, and a request in each state of a review."""
    reviewed = arrange.sent(arrange.draft("wordpress")), arrange.approved(arrange.draft("wordpress")), denied()
    held = [arrange.checked(arrange.draft("wordpress", validity=one)) for one in (Validity(), Validity(lifetime="never"))]
    for path in (
        "/",
        "/?tab=team",
        "/templates/",
        "/permissions/",
        "/permissions/?q=no+such+name",
        "/drafts/",
        draft_path,
        f"{draft_path}summary/",
        f"{draft_path}summary/?as=curl&call=dns",
        f"{draft_path}summary/?as=terraform&call=GET+/zones/{{zone_id}}/dns_records&on=acme",
        f"{draft_path}share/",
        token_path,
        f"{token_path}?call=GET+/zones",
        f"{token_path}?call=DELETE+/zones/{{zone_id}}",
        *(f"/requests/{one.pk}/summary/" for one in (*held, reviewed[1])),
        *(f"/requests/{one.pk}/review/" for one in reviewed),
        "/review/",
        "/review/?tab=decided",
        "/notices/",
    ):
        page.goto(site + path)
        yield path


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_pages_of_the_walk(lasting_portal: None, site: str, browser: Browser, theme: Any) -> None:
    issued = arrange.issue(arrange.draft())
    assert issued
    draft = arrange.checked(arrange.draft())
    context = browser.new_context(color_scheme=theme)
    page = context.new_page()
    sign_in(page, site, "requester")
    for path in visit_all(page, site, f"/requests/{draft.pk}/", issued.token.get_absolute_url()):
        axe_finds_nothing(page, path)
    page.goto(f"{site}/requests/{draft.pk}/summary/")
    page.get_by_test_id("create").click()
    page.get_by_test_id("secret").wait_for()
    axe_finds_nothing(page)
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_pages_of_an_admin(lasting_portal: None, site: str, browser: Browser, theme: Any) -> None:
    context = browser.new_context(color_scheme=theme)
    page = context.new_page()
    sign_in(page, site, "admin")
    connection = f"/settings/connections/{arrange.connection().pk}/"
    waiting, approved = arrange.sent(arrange.draft("wordpress")), arrange.approved(arrange.draft("wordpress"))
    for path in (
        "/review/",
        f"/requests/{waiting.pk}/review/",
        f"/requests/{approved.pk}/review/",
        "/audit/",
        "/audit/1/",
        "/settings/people/",
        "/settings/teams/",
        "/settings/connections/",
        connection,
        "/settings/guardrails/",
        "/settings/guardrails/new/",
        "/account/",
    ):
        page.goto(site + path)
        axe_finds_nothing(page, path)
    context.close()


def test_no_page_is_wider_than_a_phone(lasting_portal: None, site: str, browser: Browser) -> None:
    issued = arrange.issue(arrange.draft())
    assert issued
    draft = arrange.checked(arrange.draft())
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    sign_in(page, site, "requester")
    for path in visit_all(page, site, f"/requests/{draft.pk}/", issued.token.get_absolute_url()):
        fits(page, path)
    context.close()

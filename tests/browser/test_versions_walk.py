"""Versions of a draft in a browser, with and without JavaScript: made by two people in turn, compared, one restored."""

from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from tests import arrange
from tests.browser.conftest import axe_finds_nothing, fits
from tests.browser.test_walk import sign_in
from tokenportal.actions import drafts, sharing
from tokenportal.models import TokenRequest


def save(pk: object, by: str, **changes: str) -> None:
    draft = TokenRequest.objects.get(pk=pk)
    copy = draft.working_copy
    drafts.save(
        draft, by=arrange.person(by), revision=copy.revision, spec=replace(copy.spec, **changes), connection=copy.connection,
        owner=copy.owner, backup_owner=copy.backup_owner,
    )  # fmt: skip


@pytest.fixture
def draft(lasting_portal: None) -> TokenRequest:
    """With two versions, and what stands there now."""
    made = arrange.draft(name="shop-dns")
    sharing.share(made, by=made.requester, colleague=arrange.person("teammate"), role="editor")
    save(made.pk, "requester", purpose="The first job.")
    save(made.pk, "teammate", purpose="The second job.")
    save(made.pk, "requester", name="shop-dns-2")
    return made


def test_two_versions_are_compared_and_the_earlier_one_restored(draft: TokenRequest, site: str, either: Page) -> None:
    sign_in(either, site, "requester")
    either.goto(f"{site}{draft.get_absolute_url()}")
    either.get_by_test_id("tab-versions").click()
    expect(either.get_by_test_id("version-2")).to_contain_text("The second job.")
    either.get_by_test_id("version-1").get_by_label("From").check()
    either.get_by_test_id("version-now").get_by_label("To").check()
    either.get_by_test_id("compare").click()
    compared = either.get_by_test_id("compared-purpose")
    expect(compared).to_contain_text("The first job.")
    expect(compared).to_contain_text("shop-dns-2")
    either.get_by_test_id("restore-1").click()
    expect(either.get_by_test_id("difference")).to_contain_text("The first job.")
    either.get_by_test_id("restore").click()
    expect(either.get_by_test_id("version-4")).to_be_visible()
    spec = TokenRequest.objects.get(pk=draft.pk).working_copy.spec
    assert (spec.name, spec.purpose) == ("shop-dns", "The first job.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_versions_is_legible_for_everybody(draft: TokenRequest, site: str, quiet: Page, scheme: str) -> None:
    quiet.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    sign_in(quiet, site, "requester")
    quiet.goto(f"{site}{draft.get_absolute_url()}versions/?from=1&to=now")
    axe_finds_nothing(quiet)
    quiet.set_viewport_size({"width": 360, "height": 800})
    fits(quiet)

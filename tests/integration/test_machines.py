"""The summary's box "The same for machines": each format reachable by its own address, one shown at a time."""

import json
import re
from html import unescape

import pytest
from django.conf import settings
from django.test import Client

from tests import arrange
from tokenportal.models import Version
from tokenportal.policy import formats
from tokenportal.policy.spec import ClientIPs
from tokenportal.upstream import owner

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true", "HX-Target": "machines"}


@pytest.fixture
def web(portal: None) -> Client:
    return arrange.signed_in("requester")


@pytest.fixture
def version(portal: None) -> Version:
    name = 'it\'s <b>&amp; "zürich"'
    return arrange.checked(arrange.draft(name=name, client_ips=ClientIPs(allow=("203.0.113.7",)))).versions.get()


def shown(page: str) -> tuple[str, str]:
    """The slug and the text of the format that the page shows."""
    found = re.search(r'<code id="as-text" data-testid="as-(\w+)">(.*?)</code>', page, re.DOTALL)
    assert found, page
    return found[1], unescape(found[2])


def test_each_format_has_an_address_and_json_is_the_first(web: Client, version: Version) -> None:
    url, whose = f"/requests/{version.token_request_id}/summary/", owner(version.connection)
    body = version.payload
    assert shown(web.get(url).content.decode()) == ("json", formats.as_json(body))
    assert json.loads(shown(web.get(url).content.decode())[1]) == body
    assert shown(web.get(f"{url}?as=curl").content.decode()) == (
        "curl", formats.as_curl(body, whose, base_url=settings.PUBLIC_API_BASE_URL)
    )  # fmt: skip
    names = {"4755a26eedb94da69e1066d98aa820be": "DNS Write"}
    assert shown(web.get(f"{url}?as=terraform").content.decode()) == (
        "terraform", formats.as_terraform(body, whose, label=body["name"], names=names)
    )  # fmt: skip
    assert shown(web.get(f"{url}?as=nonsense").content.decode())[0] == "json"


def test_the_tabs_are_links_that_say_which_is_current_and_keep_the_rest_of_the_address(web: Client, version: Version) -> None:
    page = web.get(f"/requests/{version.token_request_id}/summary/", {"as": "curl", "call": "GET /zones"}).content.decode()
    tabs = re.findall(r'<a id="as-(\w+)" href="([^"]*)"[^>]*?( aria-current="page")?>(\w+)</a>', page)
    assert [(slug, unescape(href), bool(current), name) for slug, href, current, name in tabs] == [
        ("json", "?as=json&call=GET+%2Fzones#machines", False, "JSON"),
        ("curl", "?as=curl&call=GET+%2Fzones#machines", True, "curl"),
        ("terraform", "?as=terraform&call=GET+%2Fzones#machines", False, "Terraform"),
    ]
    assert '<input type="hidden" name="as" value="curl">' in page


def test_htmx_gets_the_box_alone(web: Client, version: Version) -> None:
    answer = web.get(f"/requests/{version.token_request_id}/summary/?as=curl", headers=HTMX)
    page = answer.content.decode().strip()
    assert page.startswith('<section id="machines"')
    assert page.endswith("</section>")
    assert page.count("<section") == 1
    assert len(answer.content) < 15_000
    assert shown(page)[0] == "curl"


def test_the_largest_template_s_box_stays_within_fifteen_kibibytes(web: Client) -> None:
    draft = arrange.checked(arrange.draft("read-all-resources", through="Acme user"))
    for slug in ("json", "curl", "terraform"):
        assert len(web.get(f"/requests/{draft.pk}/summary/?as={slug}", headers=HTMX).content) < 15 * 1024

"""The page of all permissions: each under all its names, found by any of them."""

import re
from html import unescape

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests import arrange
from tokenportal.policy.catalogue import Catalogue

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true", "HX-Target": "found"}
GROUPS = {group.id: group for group in Catalogue.from_facts()}


@pytest.fixture
def web(portal: None) -> Client:
    return arrange.signed_in("requester")


def ids(page: str) -> list[str]:
    return re.findall(r'<code id="g([0-9a-f]{32})">', page)


def counted(page: str) -> str:
    found = re.search(r'data-testid="counted">(.*?)</p>', page)
    assert found
    return re.sub("<[^>]+>", "", found[1])


def found(web: Client, **sought: str) -> list[str]:
    """The names and scopes of what is found, in the page's order."""
    page = web.get("/permissions/", sought).content.decode()
    assert counted(page) == f"{len(ids(page))} of 328 permissions"
    return [f"{GROUPS[id].name} ({GROUPS[id].scope})" for id in ids(page)]


def row(page: str, id: str) -> str:
    text = next(row for row in page.split("<li>") if f'id="g{id}"' in row)
    return " ".join(unescape(re.sub("<[^>]+>", " ", text)).split())


def test_every_permission_stands_there_once_under_its_category_and_the_page_is_light(web: Client) -> None:
    answer = web.get("/permissions/")
    page = answer.content.decode()
    assert sorted(ids(page)) == sorted(GROUPS)
    assert counted(page) == "All 328 permissions"
    assert len(answer.content) < 150_000
    headings = [unescape(text) for text in re.findall(r'<h2 id="c\d+">(.*?)</h2>', page)]
    assert headings == sorted({group.category_label for group in GROUPS.values()})
    counts = [int(number) for number in re.findall(r'</h2><span class="count">(\d+)</span>', page)]
    assert sum(counts) == 328


def test_a_row_holds_all_the_names(web: Client) -> None:
    page = web.get("/permissions/").content.decode()
    dns = "4755a26eedb94da69e1066d98aa820be"
    assert row(page, dns) == f"DNS Edit Zone Can delete API DNS Write Key dns {dns} Copy"
    renamed = next(group for group in GROUPS.values() if group.aliases)
    assert row(page, renamed.id) == " ".join(
        (
            renamed.label, renamed.level_label, renamed.scope.capitalize(),
            {"reads": "Reads", "changes": "Can change", "deletes": "Can delete"}[renamed.risk], "API", renamed.name,
            *(("Key", renamed.key) if renamed.key else ()), *(f"Before {alias}" for alias in renamed.aliases), renamed.id, "Copy",
        )
    )  # fmt: skip
    tokens = next(group for group in GROUPS.values() if group.risk == "creates")
    assert "Can create tokens" in row(page, tokens.id)


@pytest.mark.parametrize(
    ("sought", "names"),
    [
        ({"q": "dns zone edit"}, ["Zone DNS Settings Write (zone)"]),
        ({"q": "DNS Write", "scope": "zone"}, ["DNS Write (zone)", "Zone DNS Settings Write (zone)"]),
        ({"q": "dns", "scope": "zone"},
         ["DNS Read (zone)", "DNS Write (zone)", "Zone DNS Settings Read (zone)", "Zone DNS Settings Write (zone)"]),
        ({"q": "4755a26eedb94da69e1066d98aa820be"}, ["DNS Write (zone)"]),
        ({"q": "cache"},
         ["Cache Purge (zone)", "Cache Settings Read (zone)", "Cache Settings Write (zone)", "Hyperdrive Read (account)",
          "Hyperdrive Write (account)"]),
        ({"q": "argo tunnel", "scope": "account"}, ["Cloudflare Tunnel Read (account)", "Cloudflare Tunnel Write (account)"]),
        ({"scope": "bucket"}, ["Workers R2 Storage Bucket Item Read (bucket)", "Workers R2 Storage Bucket Item Write (bucket)"]),
        ({"q": "logs read"},
         ["Logs Read (account)", "Logs Read (zone)", "Access: Audit Logs Read (account)", "Access: SCIM Logs Read (account)"]),
    ],
)  # fmt: skip
def test_it_is_found_by_every_name_scope_and_category(web: Client, sought: dict[str, str], names: list[str]) -> None:
    assert found(web, **sought) == names


def test_the_category_narrows(web: Client) -> None:
    for category in sorted({group.category for group in GROUPS.values()})[:3]:
        page = web.get("/permissions/", {"category": category}).content.decode()
        assert sorted(ids(page)) == sorted(id for id, group in GROUPS.items() if group.category == category)
        assert f'<option value="{category}" selected>' in page


def test_what_nothing_matches_is_said_with_a_way_back(web: Client) -> None:
    page = web.get("/permissions/", {"q": "<i>zebra"}).content.decode()
    assert counted(page) == "0 of 328 permissions"
    assert "No permission matches" in page
    assert '<a class="btn" href="/permissions/">Show all permissions</a>' in page
    assert 'value="&lt;i&gt;zebra"' in page


def test_while_typing_htmx_gets_the_first_ones_alone_and_how_many_there_are(web: Client) -> None:
    for q in ("", "a", "write", "zzz"):
        answer = web.get("/permissions/", {"q": q}, headers=HTMX)
        page = answer.content.decode()
        assert page.strip().startswith('<div id="found"')
        assert "<form" not in page
        assert len(answer.content) < 15_000
        assert len(ids(page)) == (30 if q != "zzz" else 0)
    page = web.get("/permissions/", {"q": "write"}, headers=HTMX).content.decode()
    every = ids(web.get("/permissions/", {"q": "write"}).content.decode())
    assert ids(page) == every[:30]
    assert counted(page) == f"{len(every)} of 328 permissions, the first 30 shown. Show all of them"
    assert '<a href="/permissions/?q=write">Show all of them</a>' in page
    assert f'hx-swap-oob="innerHTML:#spoken">{len(every)} of 328 permissions<' in page


def test_it_asks_the_database_for_nothing_but_who_is_signed_in_and_what_waits_for_them(
    web: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    web.get("/permissions/")
    with django_assert_num_queries(4):
        assert web.get("/permissions/", {"q": "dns"}).status_code == 200

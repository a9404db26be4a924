"""Tokens that hold already what is asked for: told to reviewers and to who builds, as far as each of them may see them."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tests.integration.test_builder import text
from tests.integration.test_inventory import found_outside
from tokenportal import clock, upstream
from tokenportal.actions import caring, people, similar, snapshots
from tokenportal.models import Token, TokenRequest
from tokenportal.policy.body import named_zones
from tokenportal.policy.spec import AccessBlock, AccountChoice, Validity, ZoneChoice
from tokenportal.policy.surroundings import Surroundings

pytestmark = pytest.mark.django_db


def issued(name: str = "a-token", template: str = "edit-zone-dns", **changes: Any) -> Token:
    made = arrange.issue(arrange.draft(template, name=name, **changes))
    assert made
    return made.token


def dns_edit() -> str:
    return arrange.draft().working_copy.spec.blocks[0].permissions[0]


def blocks(**zones: Any) -> tuple[AccessBlock, ...]:
    return (AccessBlock(permissions=(dns_edit(),), zones=ZoneChoice(**zones)),)


def whole_account() -> tuple[AccessBlock, ...]:
    return blocks(mode="accounts", accounts=(arrange.connection().owner_id,))


def begun(name: str) -> str:
    """What a token's name begins with: its reference is left out."""
    return name.rpartition(" (")[0] or name


def like(token_request: TokenRequest, name: str = "requester", **options: Any) -> list[tuple[str, str, str]]:
    version = arrange.checked(token_request).versions.latest("number")
    found = similar.like(arrange.person(name), version.payload, version.agreed_connection, besides=token_request, **options)
    return [(begun(one.token.name), one.how, one.can_do) for one in found]


def same(token_request: TokenRequest, name: str = "requester") -> list[str]:
    version = arrange.checked(token_request).versions.latest("number")
    around = snapshots.surroundings(version.agreed_connection, named_zones(version.payload))
    return [begun(one.name) for one in similar.same(arrange.person(name), version.payload, around, besides=token_request)]


def test_what_does_the_same_comes_first_then_what_does_more_then_what_overlaps(portal: None) -> None:
    ids = tuple(arrange.zone_ids(*arrange.zone_names(4)))
    issued("overlapping", blocks=blocks(zones=ids[1:3]))
    issued("wider", blocks=whole_account())
    issued("the-same", zones=2)
    issued("elsewhere", blocks=blocks(zones=ids[3:]))
    issued("other-permission", "read-billing-info")
    expected = [
        ("the-same", "same", "DNS: edit on 2 zones"), ("wider", "more", "DNS: edit on all zones of Acme production, also those added later"),
        ("overlapping", "overlaps", "DNS: edit on 2 zones"),
    ]  # fmt: skip
    assert like(arrange.draft(zones=2)) == expected
    assert like(arrange.draft(zones=2), at_most=1) == expected[:1]
    assert same(arrange.draft(zones=2)) == ["the-same"]


def test_who_asks_for_all_zones_is_told_of_tokens_for_some(portal: None) -> None:
    issued("one-zone")
    assert like(arrange.draft(blocks=whole_account())) == [("one-zone", "overlaps", "DNS: edit on 1 zone")]
    assert same(arrange.draft(blocks=whole_account())) == []


def test_only_tokens_that_a_person_may_see_are_told(portal: None) -> None:
    issued("ours")
    found_outside()
    assert [name for name, _, _ in like(arrange.draft())] == ["ours"]
    assert sorted(name for name, _, _ in like(arrange.draft(), "admin")) == ["ours", "outside"]
    people.create_person(by=None, username="outsider", email="outsider@example.com")
    assert [like(arrange.draft(), "outsider"), same(arrange.draft(), "outsider")] == [[], []]
    assert sorted(same(arrange.draft(), "auditor")) == ["ours", "outside"]


def test_what_does_not_work_any_more_is_not_told(portal: None) -> None:
    ended = issued("ended", validity=Validity(days=3))
    stopped, gone, kept = issued("stopped"), issued("gone"), issued("kept")
    caring.disable(stopped, by=arrange.person("requester"))
    caring.revoke(gone, by=arrange.person("requester"))
    with clock.at(clock.now() + timedelta(days=10)):
        assert Token.objects.alive().filter(pk__in=[ended.pk, stopped.pk, kept.pk]).count() == 3
        assert [name for name, _, _ in like(arrange.draft())] == ["kept"]
        assert same(arrange.draft()) == ["kept"]


def test_a_request_is_not_like_its_own_token_or_the_one_that_it_changes(portal: None) -> None:
    made = issued("one")
    change = arrange.change(made, validity=Validity(days=30))
    assert [like(change), same(change)] == [[], []]
    assert made.token_request
    _, version = made.token_request, made.token_request.versions.latest("number")
    here = (arrange.person("requester"), version.payload, version.agreed_connection)
    assert similar.like(*here, besides=made.token_request) == ()
    assert [one.how for one in similar.like(*here)] == ["same"]


def test_what_grants_nothing_is_like_nothing_and_asks_nothing(portal: None, django_assert_num_queries: Any) -> None:
    user, source = arrange.person("requester"), arrange.connection()
    around = Surroundings(upstream.owner(source))
    with django_assert_num_queries(0):
        assert similar.like(user, {"policies": []}, source) == ()
        assert similar.same(user, {"policies": []}, around) == ()


def test_the_same_words_in_another_order_of_things_are_not_the_same(portal: None) -> None:
    first, second = arrange.zone_ids(*arrange.zone_names(2))
    account = arrange.connection().owner_id
    billing = arrange.draft("read-billing-info").working_copy.spec.blocks[0].permissions[0]
    apart = (
        AccessBlock(permissions=(dns_edit(),), zones=ZoneChoice(zones=(first, second))),
        AccessBlock(permissions=(billing,), accounts=AccountChoice(accounts=(account,))),
    )
    issued("with-billing", blocks=apart)
    without = (replace(apart[0], zones=ZoneChoice(mode="accounts", accounts=(account,), except_zones=(first,))), apart[1])
    issued("with-an-exception", blocks=without)
    wide = (replace(apart[0], zones=ZoneChoice(mode="accounts", accounts=(account,))), apart[1])
    assert same(arrange.draft(blocks=apart)) == ["with-billing"]
    assert same(arrange.draft(blocks=wide)) == []
    assert same(arrange.draft(blocks=without)) == ["with-an-exception"]


# On the pages


def test_a_reviewer_sees_similar_tokens_and_the_preflight(portal: None) -> None:
    made = issued("another-one")
    waiting = arrange.sent(arrange.draft())
    page = text(arrange.signed_in("admin").get(f"/requests/{waiting.pk}/review/"))
    rows = re.findall(r'data-testid="like" data-how="(\w+)">.*?<a class="name" href="([^"]+)">([^<]+)</a>', page, re.DOTALL)
    assert [(how, where, unescape(name)) for how, where, name in rows] == [("same", made.get_absolute_url(), made.name)]
    assert ("Does the same" in page, "Owned by requester, for Platform." in page) == (True, True)
    assert f"The token {made.name} already does just the same." in unescape(page)
    assert 'data-testid="preflight"' in page


def test_a_page_without_similar_tokens_has_no_empty_place_for_them(portal: None) -> None:
    waiting = arrange.sent(arrange.draft())
    assert 'data-testid="similar"' not in text(arrange.signed_in("admin").get(f"/requests/{waiting.pk}/review/"))


def test_who_builds_the_same_again_is_told_by_name(portal: None) -> None:
    made = issued("another-one")
    draft = arrange.draft()
    page = text(arrange.signed_in("requester").get(f"/requests/{draft.pk}/"))
    told = f'The token {made.name} already does just the same. <a href="{made.get_absolute_url()}">Open that token</a>'
    assert told in unescape(page)
    narrower = arrange.draft(zones=2)
    assert "already does just the same" not in text(arrange.signed_in("requester").get(f"/requests/{narrower.pk}/"))


# With many


def test_as_many_queries_for_one_token_as_for_three(portal: None) -> None:
    waiting = arrange.sent(arrange.draft())
    web, counts = arrange.signed_in("admin"), []
    for made in (1, 2):
        for _ in range(made):
            issued()
        web.get(f"/requests/{waiting.pk}/review/")
        with CaptureQueriesContext(database) as queries:
            web.get(f"/requests/{waiting.pk}/review/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_what_does_the_same_is_found_among_many_that_overlap(portal: None) -> None:
    issued("the-same", zones=2)
    for number in range(4):
        issued(f"other-{number}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similar, "COMPARED", 2)
        assert like(arrange.draft(zones=2))[0] == ("the-same", "same", "DNS: edit on 2 zones")

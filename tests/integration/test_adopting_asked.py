"""Who asks to adopt a token asks people by name to look at it, on the same form and in the same way as who sends a draft."""

import re
from html import unescape
from typing import Any

import pytest

from tests import arrange
from tests.integration.review_world import WHY, at, newcomer, page, text, texts
from tests.integration.test_adopting import wanted
from tests.integration.test_adopting_reviewed import approve, confirm, fresh, outside, second_admin
from tests.integration.test_approvals import other_rule
from tests.integration.test_inventory import found_outside
from tokenportal.actions import people
from tokenportal.models import Notice, Token, TokenRequest

pytestmark = pytest.mark.django_db


def here(token: Token) -> str:
    return f"/tokens/{token.pk}/adopt/"


def offered(markup: str) -> dict[str, str]:
    """Whom the form offers, with what it says of them; "*" before it where they are ticked."""
    found = re.findall(r'name="asked" value="[^"]+"( checked)?><span>(.*?)</span></label>', markup, re.DOTALL)
    said = {name: re.sub("<[^>]*>", "", told).split() for _, told in found for name in [told.split()[0].split("<")[0]]}
    ticked = {told.split()[0].split("<")[0] for checked, told in found if checked}
    return {name: ("*" if name in ticked else "") + unescape(" ".join(words[1:])) for name, words in said.items()}


def ids(*names: str) -> list[str]:
    return [str(arrange.person(name).pk) for name in names]


def post(token: Token, *names: str, **changes: Any) -> Any:
    return arrange.signed_in("admin").post(here(token), wanted(token, reason=WHY, asked=ids(*names), **changes))


def asked_for(token: Token) -> TokenRequest:
    return TokenRequest.objects.get(kind="adopt", target=token)


def test_the_form_says_for_whom_each_could_approve_it_and_offers_nobody_themselves(portal: None) -> None:
    newcomer("web-approver", "Web", is_approver=True)
    second_admin()
    people.set_active(newcomer("left", "Web", is_approver=True), by=arrange.person("admin"), active=False)
    found = offered(page(arrange.signed_in("admin"), here(outside())))
    assert found == {
        "approver": "can approve it for Platform, Web", "second": "can approve it", "web-approver": "can approve it for Web",
        "requester": "Platform, Web", "teammate": "Platform",
    }  # fmt: skip


def test_where_a_rule_names_a_team_its_approvers_count_whichever_is_chosen(portal: None) -> None:
    newcomer("web-approver", "Web", is_approver=True)
    other_rule("Web looks too", when={}, then={"approvals": 1, "source": str(arrange.team("Web").pk)})
    found = offered(page(arrange.signed_in("admin"), here(found_outside())))
    assert (found["web-approver"], found["teammate"]) == ("can approve it", "Platform")


def test_who_is_asked_is_told_and_named_in_the_review(portal: None) -> None:
    token = outside()
    sent = post(token, "approver", "teammate")
    one = asked_for(token)
    assert (sent.status_code, sent["Location"]) == (302, at(one))
    assert text(page(arrange.signed_in("admin"), at(one)), "asked") == "Asked by name: approver, teammate."
    told = Notice.objects.filter(token_request=one, sentence__contains="asks you to review the adoption of")
    assert sorted(told.values_list("user__username", flat=True)) == ["approver", "teammate"]
    assert texts(page(arrange.signed_in("teammate"), at(one)), "opinion") == [""]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("webber", "webber is not in the team Platform, and could not approve it. Ask somebody else."),
        ("admin", "admin wrote this, so somebody else must look at it."),
    ],
)
def test_who_cannot_be_asked_is_told_beside_the_names_and_all_is_kept(portal: None, name: str, sentence: str) -> None:
    newcomer("webber", "Web", is_requester=True)
    token = outside()
    refused = post(token, "approver", name, purpose="kept as typed")
    markup = unescape(refused.content.decode())
    assert (refused.status_code, TokenRequest.objects.filter(kind="adopt").count(), fresh(token).team) == (422, 0, None)
    assert markup.count(sentence) == 2
    assert f'<a href="#asked">{sentence}</a>' in markup
    assert "<title>Error: " in markup
    assert "kept as typed" in markup
    assert offered(markup)["approver"].startswith("*")


def test_what_is_wrong_elsewhere_leaves_the_names_ticked(portal: None) -> None:
    refused = post(outside(), "approver", purpose="")
    found = offered(refused.content.decode())
    assert (refused.status_code, [name for name in found if found[name].startswith("*")]) == (422, ["approver"])


def test_what_no_rule_asks_approval_for_is_sent_for_review_where_somebody_is_asked(portal: None) -> None:
    token = found_outside()
    assert post(token, "approver").status_code == 302
    one = asked_for(token)
    assert (one.status, fresh(token).team, one.reviews.get().demands.get().count) == ("in_review", None, 1)
    approve(one)
    confirm(one)
    assert fresh(token).team == arrange.team()


def test_ids_that_are_nobody_s_ask_nobody(portal: None) -> None:
    token = outside()
    answer = arrange.signed_in("admin").post(here(token), wanted(token, reason=WHY, asked=["nobody", "\0"]))
    assert (answer.status_code, asked_for(token).reviews.get().asked.count()) == (302, 0)

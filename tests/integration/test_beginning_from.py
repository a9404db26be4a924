"""Beginning a draft from an address of Cloudflare's dashboard, or from another draft; and such an address for every draft."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests import arrange
from tokenportal.actions import people, sharing
from tokenportal.models import AuditEvent, TokenRequest
from tokenportal.policy import template_urls
from tokenportal.policy.catalogue import Catalogue

pytestmark = pytest.mark.django_db


def query(*pairs: tuple[str, str], **more: str) -> str:
    keys = json.dumps([{"key": key, "type": type} for key, type in pairs])
    return urlencode({"permissionGroupKeys": keys, **more})


def permissions(token_request: TokenRequest) -> list[str]:
    catalogue = Catalogue.from_facts()
    return [group.name for id in token_request.working_copy.spec.blocks[0].permissions if (group := catalogue.known(id))]


def test_swapping_the_host_shows_what_would_begin_and_begins_it(portal: None) -> None:
    [zone] = arrange.zone_ids(*arrange.zone_names())
    asked = query(("zone_dns", "edit"), ("nonsense", "edit"), zoneId=zone, accountId="x", name="certs")
    web = arrange.signed_in("requester")
    page = web.get(f"/profile/api-tokens?{asked}").content.decode()
    assert ["<h2>certs</h2>" in page, "nonsense (edit)" in page, zone in page, "Its accountId is no account" in page] == [
        True
    ] * 4
    assert not TokenRequest.objects.exists()
    answer = web.post(
        "/profile/api-tokens", {"url": f"https://dash.cloudflare.com/profile/api-tokens?{asked}", "team": arrange.team().pk}
    )
    begun = TokenRequest.objects.get()
    assert answer["Location"] == begun.get_absolute_url()
    assert (begun.working_copy.spec.name, permissions(begun)) == ("certs", ["DNS Write"])
    assert begun.working_copy.spec.blocks[0].zones.zones == (zone,)
    assert AuditEvent.objects.filter(action="draft.started").count() == 1


def test_the_form_for_account_owned_tokens_leads_to_the_same_page(portal: None) -> None:
    asked = query(("dns", "read"))
    answer = arrange.signed_in("requester").get(f"/?to=/:account/api-tokens&{asked}")
    assert answer["Location"] == f"/profile/api-tokens?to=/:account/api-tokens&{asked}"


def test_a_pasted_address_is_read_and_what_is_none_stays_in_the_field(portal: None) -> None:
    web = arrange.signed_in("requester")
    plain = web.get("/profile/api-tokens")
    assert (plain.status_code, "Error:" in plain.content.decode()) == (200, False)
    wrong = web.get("/profile/api-tokens", {"url": "https://example.com/<b>"})
    page = wrong.content.decode()
    assert (wrong.status_code, "There is no permissionGroupKeys in it." in page, "https://example.com/&lt;b&gt;" in page) == (
        422,
        True,
        True,
    )
    right = web.get(
        "/profile/api-tokens", {"url": f"https://dash.cloudflare.com/?to=/:account/api-tokens&{query(('dns', 'read'))}"}
    )
    assert 'data-testid="begin"' in right.content.decode()
    assert web.post("/profile/api-tokens", {"url": "x"}).status_code == 422
    assert web.put("/profile/api-tokens").status_code == 405


@pytest.mark.parametrize(
    ("through", "kept"), [("Acme production", ["DNS Read"]), ("Acme user", ["DNS Read", "User Details Read"])]
)
def test_user_permissions_fall_away_where_the_token_will_be_account_owned(portal: None, through: str, kept: list[str]) -> None:
    asked = query(("dns", "read"), ("user_details", "read"))
    fields = {"url": asked, "team": arrange.team().pk, "connection": arrange.connection(through).pk}
    web = arrange.signed_in("requester")
    page = web.post("/profile/api-tokens", fields, follow=True).content.decode()
    assert permissions(TokenRequest.objects.get()) == kept
    left_out = "An account-owned token cannot hold user permissions, so this was left out: User Details: Read."
    assert (left_out in page) == (through == "Acme production")


def test_an_address_with_what_cannot_be_kept_is_read_all_the_same(portal: None) -> None:
    web, keys = arrange.signed_in("requester"), '[{"key":"\\ud800","type":"edit"},{"key":"dns","type":"read"}]'
    asked = {"permissionGroupKeys": keys, "name": "a\0b"}
    page = web.get("/profile/api-tokens", asked).content.decode()
    assert "\ufffd (edit)" in page
    there = web.post("/profile/api-tokens", {"url": f"?{urlencode(asked)}", "team": arrange.team().pk})["Location"]
    assert TokenRequest.objects.get().working_copy.spec.name == "a\ufffdb"
    assert "Take the invisible character U+FFFD out of the name." in web.get(there).content.decode()


def test_without_a_choice_the_connection_is_the_one_that_holds_the_most(portal: None) -> None:
    arrange.signed_in("requester").post(
        "/profile/api-tokens", {"url": query(("user_details", "read")), "team": arrange.team().pk}
    )
    assert str(TokenRequest.objects.get().working_copy.connection) == "Acme user"


def test_a_team_without_a_connection_begins_all_the_same(portal: None) -> None:
    team = people.create_team(by=None, name="Others")
    people.set_membership(by=None, team=team, person=arrange.person("requester"), is_requester=True, is_approver=False)
    arrange.signed_in("requester").post("/profile/api-tokens", {"url": query(("dns", "read")), "team": team.pk})
    assert (TokenRequest.objects.get().working_copy.connection, permissions(TokenRequest.objects.get())) == (None, ["DNS Read"])


def test_whoever_is_no_requester_is_told_so(portal: None) -> None:
    answer = arrange.signed_in("auditor").get(f"/profile/api-tokens?{query(('dns', 'read'))}")
    assert (answer.status_code, b"You are not a requester in any team" in answer.content) == (403, True)
    other = arrange.signed_in("requester").post("/profile/api-tokens", {"url": query(("dns", "read")), "team": "x"})
    assert other.status_code == 403


def test_a_draft_has_an_address_that_begins_the_same_again(portal: None, settings: Any) -> None:
    draft = arrange.draft(name="certs")
    web = arrange.signed_in("requester")
    page = web.get(f"{draft.get_absolute_url()}?as=address").content.decode()
    spec = draft.working_copy.spec
    made = template_urls.address_of(spec, Catalogue.from_facts(), "account")
    for host in (template_urls.DASHBOARD, settings.PUBLIC_ORIGIN):
        assert made.at(host).replace("&", "&amp;") in page
    assert "- How long it lives: Cloudflare’s form begins without an end." in page
    again = web.get(made.at("").removeprefix(settings.PUBLIC_ORIGIN), follow=True).content.decode()
    assert "<h2>certs</h2>" in again


def test_a_copy_of_a_shared_draft_is_the_copier_s_alone(portal: None) -> None:
    draft = arrange.draft(name="certs", zones=2)
    sharing.share(draft, by=draft.requester, colleague=arrange.person("teammate"), role="viewer")
    web = arrange.signed_in("teammate")
    assert b"Duplicate certs" in web.get(f"/requests/{draft.pk}/duplicate/").content
    there = web.post(f"/requests/{draft.pk}/duplicate/", {"team": arrange.team().pk})["Location"]
    copy = TokenRequest.objects.exclude(pk=draft.pk).get()
    mine, theirs = copy.working_copy.spec, draft.working_copy.spec
    assert (there, copy.requester.username, mine.name, mine.blocks) == (
        copy.get_absolute_url(),
        "teammate",
        "Copy of certs",
        theirs.blocks,
    )
    assert (copy.working_copy.connection, copy.template) == (draft.working_copy.connection, "edit-zone-dns")
    assert arrange.signed_in("requester").get(there).status_code == 404


def test_a_copy_for_a_team_that_may_not_use_the_connection_has_none(portal: None) -> None:
    draft, person = arrange.draft(), arrange.person("requester")
    team = people.create_team(by=None, name="Others")
    people.set_membership(by=None, team=team, person=person, is_requester=True, is_approver=False)
    arrange.signed_in("requester").post(f"/requests/{draft.pk}/duplicate/", {"team": team.pk})
    assert TokenRequest.objects.get(team=team).working_copy.connection is None


def test_a_request_that_failed_or_became_a_token_is_copied_as_well(portal: None) -> None:
    draft = arrange.draft()
    arrange.issue(draft)
    arrange.signed_in("teammate").post(f"/requests/{draft.pk}/duplicate/", {"team": arrange.team().pk})
    assert TokenRequest.objects.get(requester=arrange.person("teammate")).status == "draft"


def test_others_find_nothing_to_copy(portal: None) -> None:
    draft = arrange.draft()
    assert arrange.signed_in("teammate").post(f"/requests/{draft.pk}/duplicate/").status_code == 404
    assert arrange.signed_in("requester").put(f"/requests/{draft.pk}/duplicate/").status_code == 405

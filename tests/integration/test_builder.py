"""The builder: saved while one types, its parts replaced by htmx, and the same by plain forms."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from tests import arrange
from tests.integration.test_every_choice import BILLING_READ, DNS_READ, DNS_WRITE, ZONE_READ
from tokenportal import clock
from tokenportal.models import TokenRequest, WorkingCopy
from tokenportal.policy.spec import AccessBlock, AccountChoice, ClientIPs, TokenSpec, Validity, ZoneChoice

pytestmark = pytest.mark.django_db
LARGEST_PART = 15 * 1024


def control(name: str) -> str:
    """A control's name, of which Python takes no hyphens."""
    return name if name == "backup_owner" else name.replace("_", "-")


class Draft:
    """A draft as its requester's browser sees it: what the form holds is posted with whatever a press or a keystroke adds."""

    def __init__(self, template: str = "edit-zone-dns", **changes: Any) -> None:
        self.request = arrange.draft(template, **changes)
        self.url = f"/requests/{self.request.pk}/"
        self.web = arrange.signed_in("requester")

    @property
    def copy(self) -> WorkingCopy:
        return WorkingCopy.objects.get(pk=self.request.pk)

    @property
    def spec(self) -> TokenSpec:
        return self.copy.spec

    def fields(self) -> dict[str, Any]:
        spec, block = self.spec, self.spec.blocks[0]
        return {
            "revision": self.copy.revision, "name": spec.name, "purpose": spec.purpose, "owner": str(self.copy.owner_id),
            "blocks": len(spec.blocks), "b1-rows": len(block.permissions), "b1-zmode": block.zones.mode,
            "b1-zone": list(block.zones.zones), "b1-zone-paste": "\n".join(block.zones.unknown),
            **{f"b1-p{row}": id for row, id in enumerate(block.permissions)},
            "allow": [*spec.client_ips.allow, ""], "block": [*spec.client_ips.block, ""], "lifetime": "90",
        }  # fmt: skip

    def post(self, target: str = "", do: str = "", **typed: Any) -> HttpResponse:
        fields = {
            **self.fields(),
            **{control(name): value for name, value in typed.items()},
            **({"do": do} if do else {}),
        }
        return self.web.post(self.url, fields, headers={"HX-Request": "true", "HX-Target": target} if target else {})

    def ask(self, target: str, **typed: str) -> HttpResponse:
        sought = {control(name): value for name, value in typed.items()}
        return self.web.get(self.url, sought, headers={"HX-Request": "true", "HX-Target": target})


@pytest.fixture
def draft(portal: None) -> Draft:
    return Draft()


def text(response: HttpResponse) -> str:
    return unescape(response.content.decode())


def part(response: HttpResponse, id: str) -> str:
    """What an answer puts into the element of this id, without its tags."""
    found = re.search(rf'<(\w+) [^>]*id="{id}"[^>]*>(.*?)</\1>', text(response), re.DOTALL)
    assert found, id
    return " ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", found[2], flags=re.DOTALL).split())


# Saved while one types


def test_what_is_typed_is_saved_and_the_summary_follows(draft: Draft) -> None:
    answer = draft.post("told", name="shop dns", allow=["203.0.113.0/24", ""])
    assert answer.status_code == 200
    assert (draft.spec.name, draft.spec.client_ips.allow) == ("shop dns", ("203.0.113.0/24",))
    assert "From 1 network" in " ".join(re.sub(r"<[^>]+>", "", text(answer)).split())
    assert part(answer, "title") == "shop dns"
    assert part(answer, "saved").startswith("Saved ")
    assert f'name="revision" value="{draft.copy.revision}"' in text(answer)
    assert part(answer, "restrictions-gist") == text(answer).split('id="restrictions-gist"')[1].split(">")[1].split("<")[0]
    assert "<html" not in text(answer)
    assert len(answer.content) <= LARGEST_PART


def test_a_mistake_is_saved_and_told_in_its_place(draft: Draft) -> None:
    answer = draft.post("told", name="x" * 121, allow=["10.0.0.5/8", ""])
    assert answer.status_code == 200
    assert draft.spec.name == "x" * 121
    assert part(answer, "name-slot") == "Shorten the name to 107 characters or fewer; it has 121."
    assert part(answer, "allow-0-slot") == "10.0.0.5/8 has host bits set. Did you mean 10.0.0.0/8?"
    assert part(answer, "purpose-state") == "There is a problem"
    assert part(answer, "open-points") == "2 to mend before it can be created"


def test_the_same_again_saves_nothing_and_is_never_stale(draft: Draft) -> None:
    before = draft.copy.revision
    draft.post("told", name="once")
    assert draft.copy.revision == before + 1
    answer = draft.post("told", name="once", revision=before)
    assert (answer.status_code, draft.copy.revision) == (200, before + 1)


def test_a_zone_that_is_still_being_typed_is_no_choice_yet(draft: Draft) -> None:
    chosen, other = arrange.zone_names(2)
    answer = draft.post("told", b1_zone_add="acm")
    assert draft.spec.blocks[0].zones.unknown == ()
    answer = draft.post("access-1", do=f"add:1:{ZONE_READ}", b1_zone_add="acm")
    assert 'name="b1-zone-add" value="acm"' in text(answer)
    assert draft.spec.blocks[0].zones.unknown == ()
    draft.post(do="save", b1_zone_add=other)
    assert draft.spec.blocks[0].zones.zones == tuple(arrange.zone_ids(chosen, other))
    draft.post(do="add-block", b1_zone_add="nowhere.example")
    assert draft.spec.blocks[0].zones.unknown == ("nowhere.example",)


def test_a_stale_save_is_told_in_place_and_overwrites_nothing(draft: Draft) -> None:
    stale = draft.fields()
    draft.post("told", name="first")
    answer = draft.web.post(draft.url, {**stale, "name": "second"}, headers={"HX-Request": "true", "HX-Target": "told"})
    assert answer.status_code == 409
    assert (answer["HX-Retarget"], answer["HX-Reswap"]) == ("#conflict", "innerHTML")
    assert "You saved this draft in another window meanwhile." in text(answer)
    assert draft.spec.name == "first"
    chosen = {"seen": draft.copy.revision, "keep-name": "mine", "do": "choose"}
    assert draft.web.post(draft.url, {**stale, "name": "second", **chosen})["Location"] == draft.url
    assert draft.spec.name == "second"


def test_another_connection_brings_the_page_anew(draft: Draft) -> None:
    user = arrange.connection("Acme user")
    answer = draft.post("told", do="connect", connection=str(user.pk))
    assert (answer.status_code, answer["HX-Refresh"]) == (204, "true")
    assert draft.copy.connection == user
    draft.post("told", do="connect", connection="nonsense")
    assert draft.copy.connection == user


def test_owners_are_chosen_among_the_team(draft: Draft) -> None:
    teammate = arrange.person("teammate")
    draft.post("told", owner=str(teammate.pk), backup_owner=str(arrange.person("requester").pk))
    assert (draft.copy.owner, draft.copy.backup_owner) == (teammate, arrange.person("requester"))
    draft.post("told", owner=str(arrange.person("auditor").pk), backup_owner="")
    assert (draft.copy.owner, draft.copy.backup_owner) == (teammate, None)


@pytest.mark.parametrize("target", ["told", "access-1", "addresses", "nonsense"])
def test_every_part_is_small_and_varies_with_the_header(draft: Draft, target: str) -> None:
    shown = re.search(r'name="found" value="([0-9a-f]{8})"', text(draft.web.get(draft.url)))
    assert shown
    answer = draft.post(target, name="n", found=shown[1])
    assert answer.status_code == 200
    assert len(answer.content) <= LARGEST_PART
    assert "Draft</span>" not in text(answer)


def test_boosted_and_restored_pages_are_whole(draft: Draft) -> None:
    for header in ("HX-Boosted", "HX-History-Restore-Request"):
        answer = draft.web.get(draft.url, headers={"HX-Request": "true", "HX-Target": "b1-found", header: "true"})
        assert "<html" in text(answer)


# Permissions


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("dns write", "DNS"), ("cache_purge", ""), ("zone_settings", "Zone Settings"), ("argo tunnel", "Cloudflare Tunnel"),
        ("argotunnel", "Cloudflare Tunnel"),
        ("Load Balancing: Monitors", "Load Balancing: Monitors and Pools"), ("zone", "Zone"),
    ],
)  # fmt: skip
def test_a_permission_is_found_by_label_api_name_key_and_older_name(draft: Draft, typed: str, first: str) -> None:
    answer = draft.ask("b1-found", b1_find=typed)
    labels = re.findall(r"<li><div>(.*?)<span", text(answer))
    assert re.sub("</?mark>", "", labels[0] if labels else "") == first
    assert len(answer.content) <= LARGEST_PART


def test_what_the_block_holds_is_not_offered_again(draft: Draft) -> None:
    answer = text(draft.ask("b1-found", b1_find="dns"))
    assert "Edit chosen" in answer
    assert f'value="add:1:{DNS_WRITE}"' not in answer
    assert f'value="add:1:{DNS_READ}"' in answer


def test_an_older_name_is_shown_where_it_is_what_matched(draft: Draft) -> None:
    assert "Once called" in text(draft.ask("b1-found", b1_find="argo tunnel"))
    assert "Once called" not in text(draft.ask("b1-found", b1_find="cloudflare tunnel"))


def test_nothing_typed_finds_nothing_and_nonsense_says_so(draft: Draft) -> None:
    assert "<li>" not in text(draft.ask("b1-found", b1_find="  "))
    answer = text(draft.ask("b1-found", b1_find="<b>nonsense"))
    assert "No permission matches “<b>nonsense”" in answer
    assert "<b>nonsense" not in draft.ask("b1-found", b1_find="<b>nonsense").content.decode()
    assert draft.ask("b7-found", b7_find="dns").status_code == 200


def test_a_permission_is_added_taken_away_and_given_another_level(draft: Draft) -> None:
    answer = draft.post("access-1", do=f"add:1:{ZONE_READ}", b1_find="zone")
    assert draft.spec.blocks[0].permissions == (DNS_WRITE, ZONE_READ)
    assert "Read chosen" in text(answer)
    draft.post("access-1", do=f"remove:1:{DNS_WRITE}")
    assert draft.spec.blocks[0].permissions == (ZONE_READ,)
    draft.post("access-1", b1_p0=DNS_READ)
    assert draft.spec.blocks[0].permissions == (DNS_READ,)


def test_zone_read_is_offered_beside_dns_until_it_is_held(draft: Draft) -> None:
    page = text(draft.web.get(draft.url))
    assert "Many tools look their zone up by its name" in page
    draft.post("access-1", do=f"add:1:{ZONE_READ}")
    assert "Many tools look their zone up by its name" not in text(draft.web.get(draft.url))


def test_many_permissions_are_all_there_and_the_later_ones_in_short(portal: None) -> None:
    draft = Draft("read-all-resources")
    page = text(draft.web.get(draft.url))
    count = len(draft.spec.blocks[0].permissions)
    assert count > 100
    assert len(re.findall(r'name="b1-p\d+" value="[0-9a-f]{32}"[^>]*(?:checked)?', page)) >= count
    assert page.count('<li class="short">') == count - 12


# Zones


def test_zones_are_found_by_a_part_of_their_name_with_those_chosen_marked(draft: Draft) -> None:
    chosen, other = arrange.zone_names(2)
    draft.post(do="save", b1_zone=arrange.zone_ids(chosen))
    answer = text(draft.ask("b1-zone-list", b1_zone_add=chosen[:6]))
    assert f'data-value="{arrange.zone_ids(chosen)[0]}" aria-selected="false" aria-disabled="true"' in answer
    assert "already chosen" in answer
    assert f'data-value="{arrange.zone_ids(other)[0]}" aria-selected="false">' in answer
    assert len(re.findall('role="option"', answer)) <= 8
    assert "No zone of this connection has “nowhere” in its name." in text(draft.ask("b1-zone-list", b1_zone_add="nowhere"))


def test_a_zone_is_added_by_its_id_or_its_name_and_taken_away(draft: Draft) -> None:
    one, two, three = arrange.zone_ids(*arrange.zone_names(3))
    draft.post("access-1", do=f"add-zone:1:{two}")
    draft.post("access-1", do="add-zone:1", b1_zone_add=arrange.zone_names(3)[2])
    assert draft.spec.blocks[0].zones.zones == (one, two, three)
    answer = draft.post("access-1", do=f"remove-zone:1:{one}")
    assert draft.spec.blocks[0].zones.zones == (two, three)
    assert "2 zones" in part(answer, "told")


def test_a_pasted_list_takes_the_known_and_reports_the_others_line_by_line(draft: Draft) -> None:
    one, two = arrange.zone_names(2)
    answer = draft.post("access-1", b1_zone_paste=f"{one}\n{two.upper()}.\nshop.exmaple, nowhere.example")
    choice = draft.spec.blocks[0].zones
    assert choice.zones == tuple(arrange.zone_ids(one, two))
    assert choice.unknown == ("shop.exmaple", "nowhere.example")
    shown = text(answer)
    for name in choice.unknown:
        assert f"No zone of this connection is called '{name}'. Correct or remove it." in shown
    assert "\nshop.exmaple\nnowhere.example</textarea>" in shown
    draft.post("access-1", b1_zone_paste="")
    assert draft.spec.blocks[0].zones.unknown == ()


def test_a_list_of_a_thousand_domains_is_read_whole(draft: Draft) -> None:
    names = [f"site-{number}.example" for number in range(1000)]
    draft.post("access-1", b1_zone_paste="\n".join(names))
    assert list(draft.spec.blocks[0].zones.unknown) == names


def test_an_exclusion_is_chosen_like_a_zone(draft: Draft) -> None:
    one, two = arrange.zone_names(2)
    draft.post("access-1", b1_zmode="all")
    draft.post("access-1", do=f"add-xzone:1:{arrange.zone_ids(one)[0]}", b1_zmode="all")
    assert draft.spec.blocks[0].zones.except_zones == (arrange.zone_ids(one)[0],)
    draft.post("access-1", do="add-xzone:1", b1_zmode="all", b1_xzone=arrange.zone_ids(one), b1_xzone_add=two)
    assert draft.spec.blocks[0].zones.except_zones == tuple(arrange.zone_ids(one, two))
    draft.post("access-1", do=f"remove-xzone:1:{arrange.zone_ids(one)[0]}", b1_zmode="all", b1_xzone=arrange.zone_ids(one, two))
    assert draft.spec.blocks[0].zones.except_zones == (arrange.zone_ids(two)[0],)


def test_all_of_an_account_says_how_many_zones_that_is_today(draft: Draft) -> None:
    page = text(draft.post("access-1", b1_zmode="accounts"))
    account = arrange.connection().owner_name
    assert re.search(rf"All zones of {account} <span class=\"muted\">\(\d+ today\)</span>", page)


# Blocks, and what is kept aside


def test_blocks_are_added_named_and_removed(draft: Draft) -> None:
    answer = draft.post(do="add-block")
    assert answer["Location"] == f"{draft.url}#access-2"
    draft.post(do="save", b2_label="Find zones")
    page = text(draft.web.get(draft.url))
    assert "<h2>Access 2: Find zones</h2>" in page
    draft.post(do="remove-block:2")
    assert len(draft.spec.blocks) == 1
    draft.post(do="remove-block:1")
    assert draft.spec.blocks == (AccessBlock(),)
    draft.post(do="remove-block:9")
    draft.post(do="remove-block:x")
    assert draft.spec.blocks == (AccessBlock(),)


def test_what_no_longer_applies_is_kept_aside_until_somebody_drops_it(draft: Draft) -> None:
    zone = draft.spec.blocks[0].zones.zones
    answer = draft.post("access-1", do=f"remove:1:{DNS_WRITE}")
    assert draft.spec.blocks[0].zones.zones == zone
    assert "No chosen permission is about zones." in text(answer)
    draft.post("access-1", do=f"add:1:{DNS_READ}", b1_zone=list(zone))
    assert draft.spec.blocks[0].zones.zones == zone
    draft.post("access-1", do=f"remove:1:{DNS_READ}", b1_zone=list(zone))
    draft.post("access-1", do="drop:1:zones", b1_zone=list(zone))
    assert draft.spec.blocks[0].zones == ZoneChoice()


def test_accounts_kept_aside_travel_with_the_form(portal: None) -> None:
    account = arrange.connection().owner_id
    block = AccessBlock(
        permissions=(BILLING_READ,), accounts=AccountChoice("these", (account,)), buckets=(f"{account}/default/b-1",)
    )
    draft = Draft("scratch", blocks=(block,))
    page = text(draft.web.get(draft.url))
    assert f'value="{account}" checked' in page
    assert f'name="b1-buckets" value="{account}/default/b-1"' in page


# Restrictions


def test_ranges_are_rows_and_one_s_own_address_is_added_by_a_press(draft: Draft) -> None:
    page = text(draft.web.get(draft.url))
    assert 'Your address now: <span class="mono">127.0.0.1</span>' in page
    answer = draft.post("addresses", do="add-range:allow:127.0.0.1")
    assert draft.spec.client_ips.allow == ("127.0.0.1",)
    assert "1 address. Sent as 127.0.0.1/32." in text(answer)
    assert "A private range. Cloudflare sees the public address behind it, so this lets nobody in." in text(answer)
    assert "Your address now" not in text(answer)
    draft.post("addresses", do="add-range:allow:2001:db8::1")
    draft.post("addresses", do="remove-range:allow:0")
    assert draft.spec.client_ips.allow == ("2001:db8::1",)
    for nonsense in ("remove-range:allow:9", "remove-range:allow:x", "add-range:nobody:1.1.1.1", "add-range:allow"):
        draft.post("addresses", do=nonsense)
    assert draft.spec.client_ips == ClientIPs(("2001:db8::1",))
    assert draft.post(do="add-range:block:192.0.2.1")["Location"] == f"{draft.url}#block-title"


def test_several_ranges_pasted_into_one_row_become_rows(draft: Draft) -> None:
    answer = draft.post("addresses", allow=["203.0.113.0/24, 198.51.100.7 2001:db8::/48", ""])
    assert draft.spec.client_ips.allow == ("203.0.113.0/24", "198.51.100.7", "2001:db8::/48")
    assert text(answer).count('name="allow"') == 4


def test_a_save_speaks_only_of_rows_that_are_on_the_page(draft: Draft) -> None:
    answer = draft.post("told", allow=["203.0.113.0/24"])
    assert 'id="allow-0-slot"' in text(answer)
    assert 'id="allow-1-slot"' not in text(answer)


@pytest.mark.parametrize(
    ("typed", "until", "says"),
    [
        ({"lifetime": "until", "until": "2031-03-31"}, "2031-03-31", "Mon 31 Mar 2031 23:59 UTC"),
        ({"lifetime": "until", "until": "2031-03-31", "until_time": "18:30"}, "2031-03-31T18:30Z", "Mon 31 Mar 2031 18:30 UTC"),
        ({"lifetime": "until", "until": "soon", "until_time": "18:30"}, "soon", ""),
        ({"lifetime": "never"}, "", "Never ends: somebody must remember to end it."),
    ],
)
def test_an_end_is_said_as_the_exact_moment(draft: Draft, typed: dict[str, Any], until: str, says: str) -> None:
    answer = draft.post("told", **typed)
    assert draft.spec.validity.until == until
    assert says in part(answer, "ends")
    page = text(draft.web.get(draft.url))
    if until == "soon":
        assert '<input type="text" id="until" name="until" value="soon"' in page
    elif until:
        assert f'<input type="date" id="until" name="until" value="{until[:10]}"' in page


def test_a_start_is_kept_with_its_time(draft: Draft) -> None:
    answer = draft.post("told", starts="2031-01-01", starts_time="06:00")
    assert draft.spec.validity.starts == "2031-01-01T06:00Z"
    assert "Starts Wed 1 Jan 2031 06:00 UTC" in part(answer, "ends")
    page = text(draft.web.get(draft.url))
    assert 'id="starts-time" name="starts-time" value="06:00"' in page


def test_an_end_that_is_chosen_otherwise_is_kept_and_does_not_count(portal: None) -> None:
    draft = Draft(validity=Validity(lifetime="never", until="2031-01-01"))
    assert 'value="2031-01-01"' in text(draft.web.get(draft.url))


# The page


def test_nothing_folds_under_one_s_hands_and_what_is_complete_folds_later(draft: Draft) -> None:
    draft.post("access-1", do="drop:1:accounts")
    assert len(re.findall(r'<details class="card section" open', text(draft.web.get(draft.url)))) == 5
    with clock.at(clock.now() + timedelta(minutes=11)):
        page = text(draft.web.get(draft.url))
    # The findings are never complete, so they stay open.
    assert len(re.findall(r'<details class="card section" open', page)) == 1
    assert re.sub(r"\s+", " ", page.split('id="access-1-gist">')[1].split("<")[0]) == "DNS: edit on 1 zone"


def test_what_is_missing_is_no_error_until_the_token_is_checked(portal: None) -> None:
    draft = Draft("scratch", blocks=(AccessBlock(),))
    answer = draft.post(do="save", name="")
    assert answer.status_code == 302
    page = text(draft.web.get(draft.url))
    assert "Still missing: Give the token a name that says what it is for." in page
    checked = draft.post(do="check", name="")
    assert checked.status_code == 422
    assert "<title>Error: Untitled, draft" in text(checked)
    assert '<a href="#b1-permissions">Choose at least one permission.</a>' in text(checked)


def test_a_draft_without_a_connection_asks_for_one(portal: None) -> None:
    begun = arrange.draft()
    WorkingCopy.objects.filter(pk=begun.pk).update(connection=None)
    web = arrange.signed_in("requester")
    page = text(web.get(f"/requests/{begun.pk}/"))
    assert "Choose the connection that will create the token." in page
    found = web.get(f"/requests/{begun.pk}/", {"b1-find": "dns"}, headers={"HX-Request": "true", "HX-Target": "b1-found"})
    assert "DNS" in text(found)
    zones = web.get(f"/requests/{begun.pk}/", {"b1-zone-add": "a"}, headers={"HX-Request": "true", "HX-Target": "b1-zone-list"})
    assert "No zone of this connection" in text(zones)


def test_without_script_a_search_is_a_page_with_its_answers(draft: Draft) -> None:
    answer = draft.post(do="find:1", b1_find="cache purge")
    assert answer.status_code == 200
    assert "Cache Purge" in text(answer)
    page = draft.web.get(draft.url, {"b1-find": "cache purge"})
    assert 'name="b1-find" value="cache purge"' in text(page)
    assert "<mark>Cache</mark> <mark>Purge</mark>" in text(page)


def test_a_viewer_s_page_has_no_way_to_save(draft: Draft) -> None:
    from_teammate: Client = share_with_teammate(draft.request)
    page = text(from_teammate.get(draft.url))
    assert "You can look at this draft, not change it." in page
    assert "data-autosave" not in page
    answer = from_teammate.post(draft.url, draft.fields(), headers={"HX-Request": "true", "HX-Target": "told"})
    assert (answer.status_code, answer["HX-Retarget"]) == (403, "#messages")
    assert draft.spec.name == "a-token"


def share_with_teammate(request: TokenRequest) -> Client:
    arrange.signed_in("requester").post(f"/requests/{request.pk}/share/", {"colleague": "teammate", "role": "viewer"})
    return arrange.signed_in("teammate")


def test_somebody_who_was_signed_out_is_told_in_place(draft: Draft) -> None:
    draft.web.logout()
    answer = draft.web.post(draft.url, {"name": "lost?"}, headers={"HX-Request": "true", "HX-Target": "told"})
    assert (answer.status_code, answer["HX-Retarget"]) == (403, "#messages")
    assert "You are signed out" in text(answer)


# The same for machines


@pytest.mark.parametrize("format", ["json", "curl", "terraform"])
def test_the_draft_is_told_to_machines_in_place_and_on_a_page(draft: Draft, format: str) -> None:
    part_of_page = text(draft.web.get(draft.url, {"as": format}, headers={"HX-Request": "true", "HX-Target": "machines"}))
    assert f'data-testid="as-{format}"' in part_of_page
    assert "<html" not in part_of_page
    assert draft.request.reference in part_of_page
    page = text(draft.web.get(draft.url, {"as": format}))
    assert f'data-testid="as-{format}"' in page
    assert 'id="same" open' in page
    assert "<pre" not in text(draft.web.get(draft.url))

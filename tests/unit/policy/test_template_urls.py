"""Cloudflare's template addresses, read and written: nothing is dropped silently, and what can be said comes back."""

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenportal import facts
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.spec import AccessBlock, AccountChoice, ClientIPs, TokenSpec, ZoneChoice
from tokenportal.policy.template_urls import DASHBOARD, Address, NoTemplate, Parsed, address_of, group_of, parse

CATALOGUE = Catalogue.from_facts()
ZONE, ACCOUNT = "1" * 32, "a" * 32
GROUPS = {
    (row.key, row.type): group for row in facts.template_keys() if (group := group_of(row.key, row.type, CATALOGUE))
}  # fmt: skip


def address(*pairs: tuple[str, str], **more: str) -> str:
    keys = json.dumps([{"key": key, "type": type} for key, type in pairs])
    return f"{DASHBOARD}/profile/api-tokens?{urlencode({'permissionGroupKeys': keys, **more})}"


def read(text: str) -> Parsed:
    found = parse(text, CATALOGUE)
    assert isinstance(found, Parsed)
    return found


def names(found: Parsed) -> list[str]:
    return [group.name for id in found.spec.blocks[0].permissions if (group := CATALOGUE.get(id))]


def test_an_address_gives_permissions_zone_account_and_name() -> None:
    found = read(address(("dns", "edit"), ("zone", "read"), zoneId=ZONE, accountId=ACCOUNT, name="certs"))
    assert names(found) == ["DNS Write", "Zone Read"]
    [block] = found.spec.blocks
    assert (block.zones, block.accounts, found.spec.name) == (
        ZoneChoice(zones=(ZONE,)),
        AccountChoice(accounts=(ACCOUNT,)),
        "certs",
    )
    assert (found.unknown, found.notes) == ((), ())


def test_all_zones_and_accounts_and_the_form_of_account_owned_tokens() -> None:
    query = address(("dns", "read"), zoneId="all", accountId="*").split("?")[1]
    for text in (query, f"{DASHBOARD}/?to=/:account/api-tokens&{query}", f"  https://tokens.example.com/?to=%2F&{query}\n"):
        [block] = read(text).spec.blocks
        assert (block.zones.mode, block.accounts.mode, names(read(text))) == ("all", "all", ["DNS Read"])


@pytest.mark.parametrize(("old", "new"), sorted(facts.older_aliases().items()))
def test_older_keys_count_as_what_replaced_them(old: str, new: str) -> None:
    types = [row.type for row in facts.template_keys() if row.key == new]
    assert types
    assert [group_of(old, type, CATALOGUE) for type in types] == [group_of(new, type, CATALOGUE) for type in types]


def test_what_is_not_known_is_said_by_name() -> None:
    found = read(address(("dns", "edit"), ("nonsense", "edit"), ("dns", "fly"), ("", "")) + "&zoneId=x&accountId=y&expires=1")
    assert found.unknown == ("nonsense (edit)", "dns (fly)", "without a key (without a type)")
    assert found.notes == (
        "Its zoneId is no zone’s id. Choose the zone in the draft.",
        "Its accountId is no account’s id. Choose the account in the draft.",
        "expires is not known here and was left out.",
    )
    assert read(f"permissionGroupKeys={json.dumps(['dns'])}").unknown == ("without a key (without a type)",)


@pytest.mark.parametrize(
    "text",
    ["", "certbot", "https://example.com/", "?permissionGroupKeys=", "?permissionGroupKeys={}", "?permissionGroupKeys=" + "[" * 9999,
     f"?permissionGroupKeys={json.dumps([{}] * 501)}", "http://[::1?permissionGroupKeys=[]"],
)  # fmt: skip
def test_what_is_no_such_address_is_told(text: str) -> None:
    assert isinstance(parse(text, CATALOGUE), NoTemplate)


def test_what_can_be_neither_kept_nor_shown_is_marked() -> None:
    keys = '[{"key":"\\ud800dns","type":"ed\\u0000it"}]'
    found = read(f"?{urlencode({'permissionGroupKeys': keys, 'name': 'a\0b', 'x\0': ''})}")
    assert found.unknown == ("\ufffddns (ed\ufffdit)",)
    assert (found.spec.name, found.notes) == ("a\ufffdb", ("x\ufffd is not known here and was left out.",))


def test_an_address_is_written_for_each_kind_and_host() -> None:
    group = CATALOGUE.named("DNS Write", "zone")
    assert group
    spec = TokenSpec("a b", blocks=(AccessBlock(permissions=(group.id,), zones=ZoneChoice(zones=(ZONE,))),))
    query = f"permissionGroupKeys=%5B%7B%22key%22%3A%22dns%22%2C%22type%22%3A%22edit%22%7D%5D&zoneId={ZONE}&name=a+b"
    lifetime = "How long it lives: Cloudflare’s form begins without an end."
    assert address_of(spec, CATALOGUE, "user") == Address(query, "user", (lifetime,))
    assert address_of(spec, CATALOGUE, "user").at(DASHBOARD) == f"{DASHBOARD}/profile/api-tokens?{query}"
    assert address_of(spec, CATALOGUE, "account").at("https://x.example") == (
        f"https://x.example/?to=/:account/api-tokens&{query}"
    )


def test_what_an_address_cannot_say_is_said_beside_it() -> None:
    groups = [group.id for group in CATALOGUE][:2]
    blocks = (
        AccessBlock(permissions=("f" * 32, *groups), zones=ZoneChoice(mode="all", except_zones=(ZONE,)), buckets=("b",)),
        AccessBlock(zones=ZoneChoice(zones=(ZONE, "2" * 32)), accounts=AccountChoice(mode="all", except_accounts=(ACCOUNT,))),
    )
    spec = TokenSpec(blocks=blocks, client_ips=ClientIPs(allow=("192.0.2.0/24",)))
    said = address_of(spec, CATALOGUE, "user").unsaid
    assert said == (
        f"Cloudflare has no key for {'f' * 32}.",
        "Which permissions are for which resources: it holds one list for all.",
        "The choice of zones: it holds one zone or all.",
        "The choice of accounts: it holds one account or all.",
        "The R2 buckets.",
        "From which addresses it works.",
        "How long it lives: Cloudflare’s form begins without an end.",
    )
    for block in blocks:
        alone = address_of(TokenSpec(blocks=(block,)), CATALOGUE, "user")
        assert "zoneId" not in alone.query
        assert "accountId" not in alone.query
    many = TokenSpec(blocks=(AccessBlock(permissions=tuple(f"{n:032x}" for n in range(5))),))
    assert address_of(many, CATALOGUE, "user").unsaid[0].endswith(" and more.")


@settings(max_examples=150)
@given(
    pairs=st.lists(st.sampled_from(sorted(GROUPS)), unique_by=lambda pair: GROUPS[pair].id, max_size=6),
    zone=st.sampled_from(["", "all", ZONE]), account=st.sampled_from(["", "*", ACCOUNT]), name=st.text(max_size=30),
)  # fmt: skip
def test_what_an_address_can_say_comes_back(pairs: list[tuple[str, str]], zone: str, account: str, name: str) -> None:
    first = read(address(*pairs, zoneId=zone, accountId=account, name=name.strip()))
    written = address_of(first.spec, CATALOGUE, "user")
    assert read(written.at(DASHBOARD)) == Parsed(first.spec)
    assert written.unsaid == ("How long it lives: Cloudflare’s form begins without an end.",)


@settings(max_examples=200)
@given(text=st.text(max_size=200) | st.text(max_size=80).map(lambda text: f"?permissionGroupKeys={text}"))
def test_any_text_has_an_answer(text: str) -> None:
    assert isinstance(parse(text, CATALOGUE), Parsed | NoTemplate)

"""The control page, its changes past the portal, the commands and the deploy check."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.utils import timezone

from tests.sandbox.world import ALL_ZONES, USER_ID, World, account_id, account_key, on_zone, policy, zone_key
from tokenportal.sandbox import checks, groups, outside, seeding, values
from tokenportal.sandbox.models import Account, DNSRecord, Fault, PermissionGroup, Token, Zone


@pytest.fixture
def browser(world: World) -> Client:
    """A browser nobody signed in with, which sends the form's CSRF token as a person's would."""
    client = Client(enforce_csrf_checks=True)
    text = client.get("/sandbox/").content.decode()
    client.defaults["HTTP_X_CSRFTOKEN"] = text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    return client


def text_of(client: Client, path: str = "/sandbox/") -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_the_page_says_loudly_that_it_imitates(browser: Client) -> None:
    text = text_of(browser)
    assert "This is not Cloudflare." in text
    assert "An imitation of Cloudflare" in text


def test_the_page_shows_ids_and_never_values(world: World, browser: Client) -> None:
    created = world.token(on_zone("acme.example", "DNS Read", "DNS Write"), name="<b>made</b>")
    text = text_of(browser)
    for shown in (account_id(), USER_ID, created["id"], "&lt;b&gt;made&lt;/b&gt;", "Allow DNS Read, DNS Write on acme.example"):
        assert shown in text
    for secret in (created["value"], *world.credentials.values()):
        assert secret not in text
        assert values.digest(secret) not in text


def test_the_page_has_no_inline_script_or_style(browser: Client) -> None:
    text = text_of(browser)
    assert "<script" not in text
    assert "style=" not in text
    assert " on" + "click" not in text


def test_an_empty_sandbox_says_what_fills_it(db: None) -> None:
    text = text_of(Client())
    assert "manage.py sandbox_seed" in text
    assert "No tokens yet." in text
    assert "No calls yet." in text


def test_policies_of_every_shape_are_told_in_words(world: World, browser: Client) -> None:
    world.token(policy({account_key(): {ALL_ZONES: "*"}}, "Zone Read"), on_zone("acme.test", "Zone Read", effect="deny"))
    world.token(policy({f"{groups.USER}.{USER_ID}": "*"}, "User Details Read", scope=groups.USER), owner="Acme user")
    bucket = f"{groups.BUCKET}.{account_id()}_eu_pictures"
    world.token(policy({bucket: "*"}, "Workers R2 Storage Bucket Item Read", scope=groups.BUCKET))
    text = text_of(browser)
    assert "Allow Zone Read on all zones of Acme production" in text
    assert "Deny Zone Read on acme.test" in text
    assert f"on the user {USER_ID}" in text
    assert f"on {account_id()}_eu_pictures" in text
    assert "Allow Account Settings Read on all accounts" in text


def test_tokens_are_paged(world: World, browser: Client) -> None:
    for number in range(48):
        Token.objects.create(account_id=account_id(), name=f"n{number}", value_sha256=str(number))
    assert "Page 1 of 2" in text_of(browser)
    assert "Page 2 of 2" in text_of(browser, "/sandbox/?page=2")
    assert "No tokens on this page." in text_of(browser, "/sandbox/?page=9")


def test_a_fault_is_armed_and_cleared(browser: Client) -> None:
    form = {"kind": "slow", "method": "POST", "path": " /user/tokens ", "times": "3", "seconds": "2.5"}
    response = browser.post("/sandbox/faults/", form)
    assert (response.status_code, response.headers["Location"]) == (303, "/sandbox/#faults")
    fault = Fault.objects.get()
    assert (fault.kind, fault.method, fault.path, fault.remaining, fault.seconds) == ("slow", "POST", "/user/tokens", 3, 2.5)
    assert "For 3 more calls." in text_of(browser)
    assert browser.post("/sandbox/faults/clear/").status_code == 303
    assert Fault.objects.count() == 0


@pytest.mark.parametrize("wrong", [{"kind": "nothing"}, {"times": "x"}, {"times": "-1"}, {"seconds": "9999"}, {"seconds": "nan"}])
def test_a_wrong_fault_is_explained_and_what_was_typed_is_kept(browser: Client, wrong: dict[str, str]) -> None:
    response = browser.post("/sandbox/faults/", {"kind": "drop", "path": "/typed", **wrong})
    text = response.content.decode()
    assert response.status_code == 422
    assert "<title>Error: " in text
    assert 'value="/typed"' in text
    assert Fault.objects.count() == 0


def test_changes_need_a_csrf_token_and_a_post(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    token = Token.objects.first()
    assert token is not None
    for path in ("/sandbox/faults/", "/sandbox/faults/clear/", f"/sandbox/tokens/{token.pk}/delete/"):
        assert client.get(path).status_code == 405
        assert client.post(path).status_code == 403
    assert Token.objects.filter(pk=token.pk).exists()


def test_a_token_is_changed_past_the_portal(world: World, browser: Client) -> None:
    created = world.token(on_zone("acme.example", "DNS Read"))

    def click(change: str) -> int:
        return browser.post(f"/sandbox/tokens/{created['id']}/{change}/").status_code

    assert click("disable") == 303
    assert world.call("GET", "/zones", created["value"]).error == (403, 9109)
    assert click("enable") == 303
    assert world.call("GET", "/zones", created["value"]).status == 200
    assert click("explode") == 404
    assert click("delete") == 303
    assert click("delete") == 404
    assert world.call("GET", "/zones", created["value"]).error == (403, 9109)


@pytest.mark.parametrize(
    ("owner", "resources", "scope", "names", "widest"),
    [
        ("Acme production", {zone_key("acme.example"): "*"}, groups.ZONE, "DNS Read", {account_key(): {ALL_ZONES: "*"}}),
        ("Acme user", {zone_key("acme.example"): "*"}, groups.ZONE, "DNS Read", {ALL_ZONES: "*"}),
        (
            "Acme production",
            {account_key(): {zone_key("acme.example"): "*"}},
            groups.ZONE,
            "DNS Read",
            {account_key(): {ALL_ZONES: "*"}},
        ),
        ("Acme user", {account_key(): "*"}, groups.ACCOUNT, "Billing Read", {f"{groups.ACCOUNT}.*": "*"}),
        ("Acme user", {f"{groups.USER}.{USER_ID}": "*"}, groups.USER, "Memberships Read", {f"{groups.USER}.{USER_ID}": "*"}),
    ],
)
def test_a_widened_token_reaches_all_its_owner_has(
    world: World, owner: str, resources: dict[str, Any], scope: str, names: str, widest: dict[str, Any]
) -> None:
    end = (timezone.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    created = world.token(
        policy(resources, names, scope=scope), owner=owner, expires_on=end, condition={"request_ip": {"in": ["192.0.2.0/24"]}}
    )
    outside.widen(Token.objects.get(pk=created["id"]))
    shown = world.call("GET", f"{world.tokens_path(owner)}/{created['id']}", world.parent(owner)).result
    assert shown["policies"][0]["resources"] == widest
    assert "expires_on" not in shown
    assert "condition" not in shown


def test_widening_takes_exclusions_away(world: World) -> None:
    deny = on_zone("acme.test", "DNS Read", effect="deny")
    created = world.token(policy({account_key(): {ALL_ZONES: "*"}}, "DNS Read"), deny)
    outside.widen(Token.objects.get(pk=created["id"]))
    assert [entry["effect"] for entry in Token.objects.get(pk=created["id"]).policies] == ["allow"]


# Commands


def seeded(*arguments: str) -> list[dict[str, Any]]:
    out = StringIO()
    call_command("sandbox_seed", *arguments, stdout=out)
    return json.loads(out.getvalue())["connections"]


def test_seeding_prints_the_credentials_once(db: None) -> None:
    first, second, rotated = seeded(), seeded(), seeded("--rotate")
    assert [entry["name"] for entry in first] == ["Acme production", "Acme staging", "Acme media", "Acme user"]
    assert first[0] == {
        "name": "Acme production",
        "kind": "account",
        "account_id": account_id(),
        "credential": first[0]["credential"],
        "teams": ["Platform", "Web"],
    }
    assert {name: first[3][name] for name in ("kind", "user_id")} == {"kind": "user", "user_id": USER_ID}
    assert [entry["credential"][:5] for entry in first] == ["cfat_", "cfat_", "cfat_", "cfut_"]
    assert ["credential" in entry for entry in second] == [False] * 4
    assert not {entry["credential"] for entry in rotated} & {entry["credential"] for entry in first}


def test_seeding_twice_changes_nothing(db: None) -> None:
    def counts() -> list[int]:
        return [model.objects.count() for model in (Account, Zone, DNSRecord, Token, PermissionGroup)]

    seeded()
    first = counts()
    seeded()
    assert counts() == first == [3, 60, 240, 4, 328]


def test_ids_follow_from_names(db: None) -> None:
    seeded()
    assert (
        Zone.objects.get(name="acme.example").pk
        == seeding.stable_id("zone", "acme.example")
        == "1cdc3e32116d527d823623662fd2b167"
    )


def test_zones_are_added_in_number(world: World) -> None:
    out = StringIO()
    call_command("sandbox_zones", "1500", "--account", "Acme media", stdout=out)
    assert out.getvalue() == "Added 1500 zones to Acme media.\n"
    assert Zone.objects.filter(account=account_id("Acme media")).count() == 1512
    call_command("sandbox_zones", "2", stdout=out)
    assert Zone.objects.count() == 1562


def test_zones_need_an_account_and_a_number(world: World) -> None:
    with pytest.raises(CommandError, match="There is no account"):
        call_command("sandbox_zones", "1", "--account", "Nobody")
    with pytest.raises(CommandError, match="above zero"):
        call_command("sandbox_zones", "0")


def test_a_fault_is_armed_and_cleared_by_command(db: None) -> None:
    call_command("sandbox_fault", "slow", "--method", "GET", "--path", "/zones", "--seconds", "2")
    assert list(Fault.objects.values_list("kind", "method", "path", "seconds", "remaining")) == [
        ("slow", "GET", "/zones", 2.0, 1)
    ]
    call_command("sandbox_fault", "clear")
    assert Fault.objects.count() == 0
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("sandbox_fault", "explode")


# The rest


def test_production_refuses_the_sandbox() -> None:
    with override_settings(PRODUCTION=True):
        assert [error.id for error in checks.refused_in_production(None)] == ["sandbox.E001"]
    assert checks.refused_in_production(None) == []


def test_a_value_has_prefix_forty_characters_and_a_checksum() -> None:
    assert {values.new_value("user")[:5], values.new_value("account")[:5]} == {"cfut_", "cfat_"}
    assert values.looks_like_a_token(values.new_value("user"))
    assert values.looks_like_a_token("x" * 40)
    assert not values.looks_like_a_token("cfat_" + "x" * 40)
    assert not values.looks_like_a_token("!" * 40)

"""Every template and every choice of the form, through the pages, down to the policy and to what a call may do."""

import re
from html import unescape
from typing import Any

import pytest
import requests
from django.test import Client

from tests import arrange
from tokenportal import visible
from tokenportal.models import Token, TokenRequest
from tokenportal.policy import templates
from tokenportal.policy.catalogue import Catalogue
from tokenportal.sandbox.transport import SandboxAdapter
from tokenportal.upstream import client as upstream_client

pytestmark = pytest.mark.django_db

ACCOUNT, ZONE, USER = "com.cloudflare.api.account", "com.cloudflare.api.account.zone", "com.cloudflare.api.user"
DNS_WRITE, DNS_READ = "4755a26eedb94da69e1066d98aa820be", "82e64a83756745bbbb1c9c2701bf816b"
ZONE_READ, BILLING_READ = "c8fed203ed3043cba015a93ad1616f1f", "7cf72faf220841aabcfdfab81c43c4f6"
IDS = {
    "edit-zone-dns": [("4755a26eedb94da69e1066d98aa820be", ZONE)],
    "read-billing-info": [("7cf72faf220841aabcfdfab81c43c4f6", ACCOUNT)],
    "read-analytics-and-logs": [("9c88f9c5bce24ce7af9a958ba9c504db", ZONE), ("c4a30cd58c5d42619c86a3c36c441e2d", ZONE)],
    "edit-cloudflare-workers": [
        ("28f4b596e7d643029c524985477ae49a", ZONE), ("e086da7e2179491d91ee5f35b3ca210a", ACCOUNT),
        ("f7f0eda5697f475c90846e879bab8666", ACCOUNT), ("05880cd1bdc24d8bae0be2136972816b", ACCOUNT),
        ("bf7481a1826f439697cb59a20b22293e", ACCOUNT), ("c1fde68c7bcc44588cbb6ddbc16d6480", ACCOUNT),
        ("8acbe5bb0d54464ab867149d7f7cf8ac", USER), ("3518d0f75557482e952c6762d3e64903", USER),
    ],
    "edit-load-balancing-configuration": [
        ("d2a1802cc9a34e30852f8b33869b2f3c", ACCOUNT), ("6d7f2f5f5b1d4a0e9081fdc98d432fd1", ZONE),
    ],
    "wordpress": [
        ("9c88f9c5bce24ce7af9a958ba9c504db", ZONE), (ZONE_READ, ZONE), ("3030687196b94b638145a3953da2b699", ZONE),
        (DNS_READ, ZONE), ("e17beae8b8cb423a99b1730f21238bed", ZONE), ("c1fde68c7bcc44588cbb6ddbc16d6480", ACCOUNT),
    ],
    "create-additional-tokens": [("686d18d5ac6c441c867cbf6771e58a0a", USER)],
    "read-and-write-to-cloudflare-stream-and-images": [
        ("714f9c13a5684c2885a793f5edb36f59", ACCOUNT), ("618ec6c64a3a42f8b08bdcb147ded4e4", ACCOUNT),
        ("b89a480218d04ceb98b4fe57ca29dc1f", ACCOUNT),
    ],
    "read-cloudflare-radar-data": [("dfe525ec7b07472c827d8d009178b2ac", ACCOUNT)],
    "workers-ai": [("a92d2450e05d4e7bb7d0a64968f83d11", ACCOUNT), ("bacc64e0f6c34fc0883a1223f938a104", ACCOUNT)],
}  # fmt: skip


class Form:
    """The builder's form as a browser would send it: what the page holds, changed by what a person does."""

    def __init__(self, client: Client, template: str, through: str = "Acme production") -> None:
        self.client = client
        begun = client.post(
            "/templates/start/",
            {"template": template, "team": str(arrange.team().pk), "connection": str(arrange.connection(through).pk)},
        )
        self.url = begun["Location"]
        self.load()

    def load(self, page: str | None = None) -> None:
        page = page or self.client.get(self.url).content.decode()
        fields: dict[str, list[str]] = {}
        for tag in re.findall(r"<input [^>]*>", page.split('id="draft"')[1].split("</form>")[0]):
            attributes = dict(re.findall(r'([a-z-]+)="([^"]*)"', tag))
            if attributes.get("type") in ("radio", "checkbox") and " checked" not in tag:
                continue
            if "name" in attributes:
                fields.setdefault(attributes["name"], []).append(unescape(attributes.get("value", "")))
        for name, text in re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>\n?([^<]*)</textarea>', page):
            fields[name] = [unescape(text)]
        self.fields = fields

    def press(self, do: str, **typed: Any) -> Any:
        sent: dict[str, Any] = {**self.fields, **{name.replace("_", "-"): value for name, value in typed.items()}, "do": do}
        answer = self.client.post(self.url, sent)
        if answer.status_code == 200:
            self.load(answer.content.decode())
        elif answer.status_code == 302 and "summary" not in answer["Location"]:
            self.load()
        return answer

    def create(self, **typed: Any) -> tuple[dict[str, Any], str]:
        """Check and confirm. Gives the token as the sandbox tells it, and its secret."""
        checked = self.press("check", name="a-token", **typed)
        assert checked.status_code == 302, re.findall(r"<li><a href=\"#[^<]*", checked.content.decode())
        found = arrange.agreed(TokenRequest.objects.get(pk=self.url.split("/")[2]))
        page = self.client.post(f"{self.url}create/", arrange.confirming(found)).content.decode()
        secret = re.search(r"cf[au]t_[A-Za-z0-9]+", page)
        assert secret, (re.findall(r"<p>([^<]{20,})</p>", page), found.status)
        token = Token.objects.get(token_request=found)
        record = upstream_client(token.connection).get_token(token.cloudflare_id)
        return {
            "policies": record.policies,
            "condition": record.condition,
            "from": record.not_before,
            "to": record.expires_on,
        }, secret[0]


def as_set(policies: list[dict[str, Any]]) -> set[Any]:
    """Policies as a set of (effect, group, resource), which neither order nor splitting changes."""
    return {
        (policy["effect"], group["id"], key, str(value))
        for policy in policies
        for group in policy["permission_groups"]
        for key, value in policy["resources"].items()
    }


def nested(account_id: str) -> tuple[str, str]:
    return f"{ACCOUNT}.{account_id}", str({f"{ZONE}.*": "*"})


def status(secret: str, method: str, path: str, body: Any = None) -> int:
    """What the sandbox answers to a call with this secret, through the same door that the portal uses."""
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://sandbox.invalid/", SandboxAdapter())
        headers = {"Authorization": f"Bearer {secret}"}
        return session.request(
            method, f"https://sandbox.invalid/client/v4/{path}", json=body, headers=headers, timeout=5
        ).status_code


@pytest.fixture
def web(portal: None) -> Client:
    return arrange.signed_in("requester")


def where(scope: str, through: str, template: str) -> tuple[str, str]:
    """The resource that the table of templates gives a scope, once zone and account were chosen where they are open."""
    connection = arrange.connection(through)
    wide = template in ("wordpress", "read-billing-info", "read-all-resources")
    if scope == USER:
        return f"{USER}.{connection.owner_id}", "*"
    if through == "Acme user":
        production = arrange.connection().owner_id
        if scope == ZONE:
            return (f"{ZONE}.*", "*") if wide else (f"{ZONE}.{arrange.zone_ids(*arrange.zone_names(1))[0]}", "*")
        return (f"{ACCOUNT}.*", "*") if wide else (f"{ACCOUNT}.{production}", "*")
    if scope == ZONE:
        return nested(connection.owner_id) if wide else (f"{ZONE}.{arrange.zone_ids(*arrange.zone_names(1))[0]}", "*")
    return f"{ACCOUNT}.{connection.owner_id}", "*"


@pytest.mark.parametrize("through", ["Acme production", "Acme user"])
@pytest.mark.parametrize("template", [template.slug for template in templates.TEMPLATES])
def test_each_template_reaches_a_token_with_the_policies_of_the_table(web: Client, template: str, through: str) -> None:
    if template == "create-additional-tokens" and through == "Acme production":
        page = Form(web, template, through).press("check", name="x").content.decode()
        assert "Choose at least one permission." in page
        return
    form = Form(web, template, through)
    typed: dict[str, Any] = {}
    if "b1-zone-add" in form.fields and form.fields.get("b1-zmode") == ["these"]:
        typed["b1_zone_add"] = arrange.zone_names(1)[0]
    if form.fields.get("b1-amode") == ["these"]:
        typed["b1_acc"] = [arrange.connection().owner_id]
    seen, _ = form.create(**typed)
    wanted = IDS.get(template) or [
        (group.id, {"account": ACCOUNT, "zone": ZONE, "user": USER}[group.scope])
        for group in Catalogue.from_facts()
        if group.level == "read" and group.scope in ("account", "zone", "user")
    ]
    assert as_set(seen["policies"]) == {
        ("allow", id, *where(scope, through, template)) for id, scope in wanted if scope != USER or through == "Acme user"
    }


def scratch(web: Client, *groups: str, through: str = "Acme production") -> Form:
    form = Form(web, "scratch", through)
    for group in groups:
        form.press(f"add:1:{group}")
    return form


def test_a_permission_is_found_by_searching_and_added(web: Client) -> None:
    form = Form(web, "scratch")
    found = form.press("find:1", b1_find="dns write")
    assert found.status_code == 200
    assert f"add:1:{DNS_WRITE}" in found.content.decode()
    form.press(f"add:1:{DNS_WRITE}")
    assert form.fields["b1-p0"] == [DNS_WRITE]


def test_several_zones_and_only_those(web: Client) -> None:
    one, two, three = arrange.zone_names(3)
    ids = arrange.zone_ids(one, two, three)
    seen, secret = scratch(web, DNS_WRITE).create(b1_zone_add=f"{one}, {two}")
    assert as_set(seen["policies"]) == {("allow", DNS_WRITE, f"{ZONE}.{id}", "*") for id in ids[:2]}
    assert [status(secret, "GET", f"zones/{id}/dns_records") for id in ids] == [200, 200, 403]


def test_all_zones_of_an_account_except_one(web: Client) -> None:
    one, two = arrange.zone_names(2)
    ids = arrange.zone_ids(one, two)
    account = arrange.connection().owner_id
    seen, secret = scratch(web, DNS_READ).create(b1_zmode="accounts", b1_zacc=[account], b1_xzone_add=one)
    assert as_set(seen["policies"]) == {("allow", DNS_READ, *nested(account)), ("deny", DNS_READ, f"{ZONE}.{ids[0]}", "*")}
    assert [status(secret, "GET", f"zones/{id}/dns_records") for id in ids] == [403, 200]


def test_all_zones_of_an_account_owned_token_are_its_account_s(web: Client) -> None:
    seen, _ = scratch(web, DNS_READ).create(b1_zmode="all")
    assert as_set(seen["policies"]) == {("allow", DNS_READ, *nested(arrange.connection().owner_id))}


def test_all_zones_of_a_user_token_except_an_account_s_and_one(web: Client) -> None:
    staging, media = arrange.connection("Acme staging").owner_id, arrange.zone_names(1, "Acme media")[0]
    mine = arrange.zone_ids(*arrange.zone_names(1))[0]
    theirs = arrange.zone_ids(*arrange.zone_names(1, "Acme staging"), of="Acme staging")[0]
    media_id = arrange.zone_ids(media, of="Acme media")[0]
    form = scratch(web, DNS_READ, through="Acme user")
    seen, secret = form.create(b1_zmode="all", b1_xacc=[staging], b1_xzone_add=media)
    assert as_set(seen["policies"]) == {
        ("allow", DNS_READ, f"{ZONE}.*", "*"), ("deny", DNS_READ, *nested(staging)), ("deny", DNS_READ, f"{ZONE}.{media_id}", "*"),
    }  # fmt: skip
    assert [status(secret, "GET", f"zones/{id}/dns_records") for id in (mine, theirs, media_id)] == [200, 403, 403]


def test_one_account_and_all_accounts_except_one(web: Client) -> None:
    production, staging = arrange.connection().owner_id, arrange.connection("Acme staging").owner_id
    seen, _ = scratch(web, BILLING_READ, through="Acme user").create(b1_acc=[production])
    assert as_set(seen["policies"]) == {("allow", BILLING_READ, f"{ACCOUNT}.{production}", "*")}
    seen, _ = scratch(web, BILLING_READ, through="Acme user").create(b1_amode="all", b1_axacc=[staging])
    assert as_set(seen["policies"]) == {
        ("allow", BILLING_READ, f"{ACCOUNT}.*", "*"),
        ("deny", BILLING_READ, f"{ACCOUNT}.{staging}", "*"),
    }
    seen, _ = scratch(web, BILLING_READ).create(b1_amode="all")
    assert as_set(seen["policies"]) == {("allow", BILLING_READ, f"{ACCOUNT}.{production}", "*")}


def test_read_all_zones_and_edit_dns_on_one_in_one_token(web: Client) -> None:
    one, two = arrange.zone_names(2)
    ids = arrange.zone_ids(one, two)
    form = scratch(web, ZONE_READ)
    form.press("add-block", b1_zmode="all")
    form.press(f"add:2:{DNS_WRITE}")
    seen, secret = form.create(b2_zone_add=one)
    assert as_set(seen["policies"]) == {
        ("allow", ZONE_READ, *nested(arrange.connection().owner_id)), ("allow", DNS_WRITE, f"{ZONE}.{ids[0]}", "*"),
    }  # fmt: skip
    assert [status(secret, "GET", f"zones/{id}") for id in ids] == [200, 200]
    assert [status(secret, "GET", f"zones/{id}/dns_records") for id in ids] == [200, 403]


def test_addresses_in_and_not_in(web: Client) -> None:
    one = arrange.zone_names(1)[0]
    path = f"zones/{arrange.zone_ids(one)[0]}/dns_records"
    seen, secret = scratch(web, DNS_READ).create(b1_zone_add=one, allow="127.0.0.0/8\n2001:db8::1", block="127.9.9.9")
    assert seen["condition"] == {"request_ip": {"in": ["127.0.0.0/8", "2001:db8::1/128"], "not_in": ["127.9.9.9/32"]}}
    assert status(secret, "GET", path) == 200
    _, secret = scratch(web, DNS_READ).create(b1_zone_add=one, allow="203.0.113.0/24")
    assert status(secret, "GET", path) == 403
    _, secret = scratch(web, DNS_READ).create(b1_zone_add=one, block="127.0.0.1")
    assert status(secret, "GET", path) == 403


def test_a_start_in_the_future_and_an_end_on_a_day(web: Client) -> None:
    one = arrange.zone_names(1)[0]
    seen, secret = scratch(web, DNS_READ).create(b1_zone_add=one, starts="2031-01-01", lifetime="until", until="2031-12-31")
    assert (seen["from"].isoformat(), seen["to"].isoformat()) == ("2031-01-01T00:00:00+00:00", "2031-12-31T23:59:59+00:00")
    assert status(secret, "GET", f"zones/{arrange.zone_ids(one)[0]}/dns_records") == 403
    seen, _ = scratch(web, DNS_READ).create(b1_zone_add=one, lifetime="never")
    assert seen["to"] is None


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"name": ""}, "Give the token a name that says what it is for."),
        ({"name": "x" * 121}, "Shorten the name to 107 characters or fewer; it has 121."),
        ({"name": "bell\x07"}, "Take the invisible character U+0007 out of the name."),
        ({"name": "nul\x00"}, "Take the invisible character U+FFFD out of the name."),
        ({"name": "turn\u202ename"}, "Take the invisible character U+202E out of the name."),
        ({"allow": "300.1.1.1/24"}, "is not an IP range. Enter it in CIDR form, like 203.0.113.0/24."),
        ({"allow": "10.0.0.5/8"}, "10.0.0.5/8 has host bits set. Did you mean 10.0.0.0/8?"),
        ({"block": "nonsense"}, "is not an IP range. Enter it in CIDR form, like 203.0.113.0/24."),
        ({"lifetime": "until", "until": "2001-01-01"}, "is in the past. Choose a later end."),
        ({"lifetime": "until", "until": "soon"}, "Enter a day like 2027-03-31"),
        ({"lifetime": "until", "until": ""}, "Enter the day on which the token ends."),
        ({"starts": "2031-02-02", "lifetime": "until", "until": "2031-01-01"}, "The token would end before it starts."),
        ({"b1_zone_add": "nowhere.example"}, "No zone of this connection is called"),
        ({"b1_zone": ["f" * 32]}, "is not among those that this connection sees"),
        ({"b1_p0": "0" * 32}, "This connection does not offer one of the permissions."),
        ({"b1_xzone_add": "acme-api.example"}, "An exclusion needs a wider choice beside it."),
    ],
)
def test_bad_input_gets_its_sentence_and_loses_nothing_typed(web: Client, typed: dict[str, Any], sentence: str) -> None:
    form = Form(web, "edit-zone-dns")
    kept = {"purpose": "a purpose that stays", "b1_zone_add": arrange.zone_names(1)[0]}
    answer = form.press("check", **{"name": "fine", **kept, **typed})
    page = unescape(answer.content.decode())
    assert answer.status_code == 422
    assert sentence in page
    assert "<title>Error: " in page
    assert "a purpose that stays" in page
    shown = unescape(form.client.get(form.url).content.decode())
    for value in typed.values():
        text = value[0] if isinstance(value, list) else value
        if text and text not in ("until", "acme-api.example"):
            assert visible.in_page(text.replace("\x00", "\ufffd")) in shown


def test_markup_in_a_name_is_shown_as_text(web: Client) -> None:
    form = Form(web, "edit-zone-dns")
    form.press("save", name="<b>bold</b>")
    page = web.get(form.url).content.decode()
    assert "<b>bold" not in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page


def test_somebody_who_saved_first_is_not_overwritten(web: Client) -> None:
    form = Form(web, "edit-zone-dns")
    stale = dict(form.fields)
    form.press("save", name="first")
    form.fields = stale
    answer = form.press("save", name="second")
    page = answer.content.decode()
    assert answer.status_code == 409
    assert 'value="second"' in page
    assert 'value="first"' in web.get(form.url).content.decode()
    form.load(page)
    form.press("choose:mine")
    assert 'value="second"' in web.get(form.url).content.decode()

"""The curl that the portal prints makes the same token as the portal does, against the sandbox, for both kinds of connection."""

import shlex
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from tests import arrange
from tokenportal.actions import drafts
from tokenportal.models import TokenRequest
from tokenportal.policy import formats
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.compile import same_grant
from tokenportal.policy.spec import AccountChoice, ClientIPs, Validity, ZoneChoice
from tokenportal.upstream import client as upstream_client
from tokenportal.upstream import credential, owner

pytestmark = pytest.mark.django_db

OBJECTS = Catalogue.from_facts().named("Workers R2 Storage Bucket Item Read", "bucket")
FROM_TWO = ClientIPs(allow=("203.0.113.0/24", "2001:db8::1"), block=("203.0.113.9",))
LATER = Validity(starts="2031-01-01", lifetime="until", until="2032-02-29")


def every_zone(block: Any) -> Any:
    return replace(block, zones=ZoneChoice(mode="all"), accounts=AccountChoice(mode="all"))


def all_but_one(block: Any) -> Any:
    return replace(block, zones=ZoneChoice(mode="all", except_zones=block.zones.zones[:1]))


def of_its_account(block: Any) -> Any:
    return replace(block, zones=ZoneChoice(mode="accounts", accounts=(arrange.connection().owner_id,)))


def in_a_bucket(block: Any) -> Any:
    assert OBJECTS
    return replace(block, permissions=(OBJECTS.id,), buckets=(f"{arrange.connection().owner_id}/eu/papers",))


@pytest.mark.parametrize(
    ("template", "through", "turn", "changes"),
    [
        ("edit-zone-dns", "Acme production", None, {}),
        ("edit-zone-dns", "Acme production", of_its_account, {"name": 'it\'s "mine" $(id)', "client_ips": FROM_TWO}),
        ("edit-zone-dns", "Acme production", all_but_one, {"validity": LATER}),
        ("wordpress", "Acme production", None, {"name": "zürich 東京"}),
        ("workers-ai", "Acme production", None, {"validity": Validity(lifetime="never")}),
        ("edit-cloudflare-workers", "Acme production", every_zone, {"client_ips": FROM_TWO, "validity": LATER}),
        ("edit-zone-dns", "Acme production", in_a_bucket, {}),
        ("edit-zone-dns", "Acme user", None, {"name": "back\\slash `id`"}),
        ("edit-zone-dns", "Acme user", every_zone, {"client_ips": FROM_TWO}),
        ("edit-zone-dns", "Acme user", of_its_account, {"validity": LATER}),
        ("edit-cloudflare-workers", "Acme user", None, {}),
        ("read-analytics-and-logs", "Acme user", all_but_one, {"client_ips": ClientIPs(block=("198.51.100.0/24",))}),
    ],
)
def test_the_curl_makes_a_token_equal_to_the_portal_s(
    portal: None, template: str, through: str, turn: Any, changes: dict[str, Any]
) -> None:
    draft = arrange.draft(template, through=through, zones=2, **changes)
    if turn:
        copy = draft.working_copy
        spec = replace(copy.spec, blocks=tuple(map(turn, copy.spec.blocks)))
        drafts.save(
            draft, by=draft.requester, revision=copy.revision, spec=spec, connection=copy.connection, owner=copy.owner,
            backup_owner=None,
        )  # fmt: skip
    ready = arrange.checked(TokenRequest.objects.get(pk=draft.pk))
    version = ready.versions.get()
    text = formats.as_curl(version.payload, owner(version.connection), base_url=settings.PUBLIC_API_BASE_URL)
    command = shlex.split(text.replace("\\\n", ""))
    assert command[1].startswith(settings.PUBLIC_API_BASE_URL)
    made = Client().post(
        command[1].removeprefix(settings.PUBLIC_ORIGIN),
        command[command.index("--data") + 1],
        content_type="application/json",
        headers={"Authorization": f"Bearer {credential(version.connection).reveal()}"},
    )
    assert made.status_code == 200, made.content
    issued = arrange.issue(ready)
    assert issued
    upstream = upstream_client(version.connection)
    mine, portals = (upstream.get_token(id) for id in (made.json()["result"]["id"], issued.token.cloudflare_id))
    assert same_grant(mine.body, portals.body)
    assert same_grant(mine.body, version.payload)
    assert mine.name == portals.name == version.payload["name"]

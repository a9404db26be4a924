"""What the portal sends fits Cloudflare's schema of creating a token."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.contract import openapi
from tokenportal.policy import templates
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.compile import compile
from tokenportal.policy.spec import ClientIPs, freeze
from tokenportal.policy.surroundings import Owner

CATALOGUE = Catalogue.from_facts()
OWNERS = {"/accounts/{account_id}/tokens": Owner("account", "a" * 32), "/user/tokens": Owner("user", "b" * 32)}


@pytest.mark.parametrize("path", OWNERS)
@pytest.mark.parametrize("template", templates.TEMPLATES, ids=lambda template: template.slug)
def test_the_payload_of_each_template_fits_the_schema(path: str, template: templates.Template) -> None:
    spec, _ = templates.for_owner(template, CATALOGUE, OWNERS[path].kind)
    block = spec.blocks[0]
    block = replace(
        block,
        zones=replace(block.zones, zones=("c" * 32,), except_zones=("d" * 32,)),
        accounts=replace(block.accounts, accounts=("a" * 32,)),
    )
    restricted = replace(spec, blocks=(block,), client_ips=ClientIPs(allow=("203.0.113.7",), block=("2001:db8::/32",)))
    body = compile(freeze(restricted, datetime(2026, 11, 24, tzinfo=UTC)), CATALOGUE, OWNERS[path], reference="ABCDEFGHJK").body
    assert openapi.problems(openapi.request_schema("POST", path), body, request=True) == []

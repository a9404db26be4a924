"""Cloudflare's official SDK against the sandbox, over real HTTP."""

from datetime import UTC, datetime
from typing import Any

import cloudflare
import pytest
from cloudflare import Cloudflare

from tests.sandbox.world import World, account_id, new_world, on_zone, zone_id

POLICIES: Any = [on_zone("acme.example", "DNS Write", "DNS Read")]
END = datetime(2040, 1, 1, tzinfo=UTC)


@pytest.fixture
def world(transactional_db: None) -> World:
    return new_world()


@pytest.fixture
def sdk(live_server: Any, world: World) -> Any:
    def connect(credential: str) -> Cloudflare:
        return Cloudflare(api_token=credential, base_url=f"{live_server.url}/sandbox/client/v4", max_retries=0)

    return connect


@pytest.mark.parametrize("owner", ["Acme user", "Acme production"])
def test_a_token_from_creation_to_deletion(sdk: Any, world: World, owner: str) -> None:
    client = sdk(world.parent(owner))
    tokens = client.user.tokens if owner == "Acme user" else client.accounts.tokens
    where = {} if owner == "Acme user" else {"account_id": account_id()}

    created = tokens.create(
        **where, name="made", policies=POLICIES, condition={"request_ip": {"in": ["127.0.0.0/8", "::1/128"]}}, expires_on=END
    )
    assert created.value
    assert created.expires_on == END
    assert [token.name for token in tokens.list(**where, per_page=5)] == ["made", f"Token Portal ({owner})"]
    shown = tokens.get(created.id, **where)
    assert (shown.status, [group.name for group in shown.policies[0].permission_groups]) == ("active", ["DNS Write", "DNS Read"])

    own = sdk(created.value)
    mine = own.user.tokens if owner == "Acme user" else own.accounts.tokens
    assert mine.verify(**where).status == "active"
    updated = tokens.update(created.id, **where, name="renamed", policies=POLICIES, status="active")
    assert (updated.name, updated.expires_on, updated.condition) == ("renamed", None, None)
    rolled = tokens.value.update(created.id, **where)
    with pytest.raises(cloudflare.AuthenticationError):
        mine.verify(**where)
    fresh = sdk(rolled)
    assert (fresh.user.tokens if owner == "Acme user" else fresh.accounts.tokens).verify(**where).id == created.id
    assert tokens.delete(created.id, **where).id == created.id
    with pytest.raises(cloudflare.NotFoundError):
        tokens.get(created.id, **where)
    assert "DNS Write" in {group.name for group in tokens.permission_groups.list(**where)}


def test_all_zones_are_iterated(sdk: Any, world: World) -> None:
    client = sdk(world.parent("Acme user"))
    assert len({zone.name for zone in client.zones.list(per_page=50)}) == 60
    assert len(list(client.zones.list(account={"id": account_id("Acme media")}, per_page=5))) == 12
    assert [zone.name for zone in client.zones.list(name="contains:acme-pay.test")] == ["acme-pay.test"]
    assert len(list(client.accounts.list())) == 3


def test_records_under_a_scoped_token(sdk: Any, world: World) -> None:
    own = sdk(world.token(*POLICIES)["value"])
    zone = zone_id("acme.example")
    record = own.dns.records.create(zone_id=zone, type="A", name="new", content="192.0.2.1", ttl=300)
    assert own.dns.records.edit(record.id, zone_id=zone, type="A", name="new", ttl=600).ttl == 600
    assert len(list(own.dns.records.list(zone_id=zone))) == 5
    assert own.dns.records.delete(record.id, zone_id=zone).id == record.id
    assert list(own.zones.list()) == []
    with pytest.raises(cloudflare.PermissionDeniedError) as purge:
        own.cache.purge(zone_id=zone, purge_everything=True)
    with pytest.raises(cloudflare.PermissionDeniedError) as other:
        list(own.dns.records.list(zone_id=zone_id("acme.test")))
    for caught in (purge, other):
        assert [error.code for error in caught.value.errors] == [10000]


def test_settings_are_read_and_changed(sdk: Any, world: World) -> None:
    own = sdk(world.token(on_zone("acme.example", "Zone Settings Write"))["value"])
    zone = zone_id("acme.example")
    assert own.zones.settings.get("ssl", zone_id=zone).value == "full"
    assert own.zones.settings.edit("ssl", zone_id=zone, value="strict").value == "strict"

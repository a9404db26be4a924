"""Broken answers over a real socket: what a client sees when the sandbox hangs up."""

from typing import Any

import pytest
import requests

from tests.sandbox.world import World, new_world, on_zone
from tokenportal.sandbox import faults
from tokenportal.sandbox.models import Token


@pytest.fixture
def world(transactional_db: None) -> World:
    return new_world()


def post(live_server: Any, world: World, **options: Any) -> requests.Response:
    return requests.post(
        f"{live_server.url}/sandbox/client/v4{world.tokens_path()}",
        headers={"Authorization": f"Bearer {world.parent()}"},
        json={"name": "made", "policies": [on_zone("acme.example", "DNS Read")]},
        timeout=options.pop("timeout", 5),
        **options,
    )


def test_a_dropped_answer_breaks_the_connection(live_server: Any, world: World) -> None:
    faults.arm("drop")
    with pytest.raises(requests.exceptions.ConnectionError):
        post(live_server, world)
    assert Token.objects.filter(name="made").count() == 1


def test_a_cut_answer_ends_early(live_server: Any, world: World) -> None:
    faults.arm("truncate")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        post(live_server, world)
    assert Token.objects.filter(name="made").count() == 1


def test_a_slow_answer_runs_into_the_timeout(live_server: Any, world: World) -> None:
    faults.arm("slow", seconds=0.6)
    with pytest.raises(requests.exceptions.ReadTimeout):
        post(live_server, world, timeout=0.2)
    assert Token.objects.filter(name="made").count() == 1


def test_both_doors_answer_alike(live_server: Any, world: World) -> None:
    for path in ("/zones?per_page=5&page=2", "/accounts", "/nope", "/user"):
        inside = world.send("GET", path, world.parent())
        outside = requests.get(
            f"{live_server.url}/sandbox/client/v4{path}", headers={"Authorization": f"Bearer {world.parent()}"}, timeout=5
        )
        assert (inside.status_code, inside.json()) == (outside.status_code, outside.json())
        ours = {name.lower() for name in inside.headers}
        assert {"cf-ray", "content-type"} <= ours <= {name.lower() for name in outside.headers}

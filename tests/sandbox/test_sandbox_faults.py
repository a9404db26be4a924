"""Every fault, through the in-process door and, where it looks the same, through the Django test client."""

import json
import time
from typing import Any

import pytest
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from tests.sandbox.world import BASE, World, on_zone
from tokenportal.sandbox import faults
from tokenportal.sandbox.models import Call, Fault, Token

DNS = on_zone("acme.example", "DNS Read")
BODY = {"name": "made", "policies": [DNS]}


def post(world: World, **options: Any) -> requests.Response:
    return world.send("POST", world.tokens_path(), world.parent(), json=BODY, **options)


def http_post(world: World) -> Any:
    return world.client.post(
        f"/sandbox/client/v4{world.tokens_path()}",
        data=json.dumps(BODY),
        content_type="application/json",
        headers={"Authorization": f"Bearer {world.parent()}"},
    )


def made() -> int:
    return Token.objects.filter(name="made").count()


PLAIN: dict[str, tuple[int, int | None, bool]] = {
    "forbidden": (403, 9109, False),
    "invalid": (400, 1001, False),
    "rate_limit": (429, 971, False),
    "error": (500, 10001, True),
    "html": (200, None, False),
    "bad_gateway": (502, None, False),
    "redirect": (307, None, False),
    "empty": (200, None, True),
    "lie": (400, 1001, True),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_an_answer_that_stands_in_for_the_real_one(world: World, kind: str) -> None:
    status, code, took_effect = PLAIN[kind]
    faults.arm(kind, method="POST", times=2)
    inside, outside = post(world), http_post(world)
    assert (inside.status_code, outside.status_code) == (status, status)
    assert inside.content == outside.content
    assert (inside.json()["errors"][0]["code"] if code else None) == code
    assert made() == (2 if took_effect else 0)
    assert post(world).status_code == 200


@pytest.mark.parametrize("kind", PLAIN)
def test_whether_the_call_took_effect_can_be_said(world: World, kind: str) -> None:
    faults.arm(kind, method="POST", after=True)
    faults.arm(kind, method="POST", after=False)
    assert post(world).status_code == PLAIN[kind][0]
    assert made() == 1
    assert post(world).status_code == PLAIN[kind][0]
    assert made() == 1


def test_a_rate_limit_says_when_to_come_back(world: World) -> None:
    faults.arm("rate_limit", seconds=7)
    assert post(world).headers["Retry-After"] == "7"


def test_a_redirect_leads_to_a_host_that_cannot_resolve(world: World) -> None:
    faults.arm("redirect")
    assert post(world).headers["location"].startswith("https://elsewhere.invalid/")


def test_a_success_without_the_value(world: World) -> None:
    faults.arm("no_value", times=2)
    for body in (post(world).json(), http_post(world).json()):
        assert body["success"] is True
        assert body["result"]["name"] == "made"
        assert "value" not in body["result"]
    faults.arm("no_value", method="PUT")
    token = Token.objects.filter(name="made").first()
    assert token is not None
    rolled = world.send("PUT", f"{world.tokens_path()}/{token.pk}/value", world.parent(), json={})
    assert rolled.json()["result"] == ""


def test_slower_than_the_timeout(world: World) -> None:
    faults.arm("slow", seconds=30)
    began = time.monotonic()
    with pytest.raises(requests.exceptions.ReadTimeout):
        post(world, timeout=(5, 0.2))
    assert 0.2 <= time.monotonic() - began < 2
    assert made() == 1


def test_slow_but_within_the_timeout(world: World) -> None:
    faults.arm("slow", seconds=0.1, times=2)
    for send in (post, http_post):
        began = time.monotonic()
        assert send(world).status_code == 200
        assert time.monotonic() - began >= 0.1


def test_slow_before_the_work(world: World) -> None:
    faults.arm("slow", seconds=5, after=False)
    with pytest.raises(requests.exceptions.ReadTimeout):
        post(world, timeout=0.1)
    assert made() == 1


def test_without_a_timeout_the_answer_is_awaited(world: World) -> None:
    faults.arm("slow", seconds=0.1)
    assert post(world, timeout=None).status_code == 200


def test_a_dropped_answer(world: World) -> None:
    faults.arm("drop", times=2)
    with pytest.raises(requests.exceptions.ConnectionError, match="Connection aborted"):
        post(world)
    assert made() == 1
    dropped = http_post(world)
    assert (dropped.content, dropped.headers["Content-Length"]) == (b"", "512")
    assert made() == 2


def test_a_connection_that_broke_before_the_work(world: World) -> None:
    faults.arm("drop", after=False)
    with pytest.raises(requests.exceptions.ConnectionError):
        post(world)
    assert made() == 0


def test_a_refused_connection_says_that_nothing_was_sent(world: World) -> None:
    faults.arm("refuse_connection", times=2)
    with pytest.raises(requests.exceptions.ConnectionError) as caught:
        post(world)
    (reason,) = caught.value.args
    assert isinstance(reason, MaxRetryError)
    assert isinstance(reason.reason, NewConnectionError)
    assert http_post(world).status_code == 503
    assert made() == 0


def test_a_cut_answer_is_noticed_by_reading(world: World) -> None:
    faults.arm("truncate", times=3)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        post(world)
    streamed = post(world, stream=True)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        list(streamed.iter_content(64))
    outside = http_post(world)
    assert len(outside.content) < int(outside.headers["Content-Length"])
    assert made() == 3


def test_a_huge_answer(world: World) -> None:
    faults.arm("huge")
    assert len(post(world).content) > 3 * 1024 * 1024
    assert made() == 1


def test_a_token_that_is_listed_late(world: World) -> None:
    faults.arm("lag", seconds=60)
    created = post(world).json()["result"]["id"]
    assert created not in [row["id"] for row in world.call("GET", world.tokens_path(), world.parent()).result]
    assert world.call("GET", f"{world.tokens_path()}/{created}", world.parent()).status == 200


def test_a_list_that_lags_while_the_answer_is_lost(world: World) -> None:
    faults.arm("lag", seconds=0.3)
    faults.arm("drop")
    with pytest.raises(requests.exceptions.ConnectionError):
        post(world)
    names = [row["name"] for row in world.call("GET", world.tokens_path(), world.parent()).result]
    time.sleep(0.35)
    later = [row["name"] for row in world.call("GET", world.tokens_path(), world.parent()).result]
    assert ("made" in names, "made" in later) == (False, True)


def test_an_effect_that_comes_late(world: World) -> None:
    faults.arm("late", seconds=0.3)
    with pytest.raises(requests.exceptions.ConnectionError):
        post(world)
    early = [row["name"] for row in world.call("GET", world.tokens_path(), world.parent()).result]
    time.sleep(0.35)
    later = [row["name"] for row in world.call("GET", world.tokens_path(), world.parent()).result]
    assert ("made" in early, "made" in later) == (False, True)


def test_a_fault_strikes_what_it_matches_and_as_often_as_said(world: World) -> None:
    faults.arm("forbidden", method="get", path="/zones", times=2)
    assert post(world).status_code == 200
    statuses = [
        world.send("GET", path, world.parent()).status_code for path in ("/accounts", "/zones", "/zones?page=2", "/zones")
    ]
    assert statuses == [200, 403, 403, 200]


def test_faults_strike_in_the_order_of_arming_until_they_are_cleared(world: World) -> None:
    for kind in ("html", "forbidden", "empty"):
        faults.arm(kind, method="")
    assert [post(world).status_code for _ in range(2)] == [200, 403]
    faults.clear()
    assert (Fault.objects.count(), post(world).json()["success"]) == (0, True)


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "nothing"}, {"kind": "drop", "method": "BREW"}, {"kind": "drop", "times": 0}, {"kind": "slow", "seconds": -1}],
)
def test_a_fault_that_makes_no_sense_cannot_be_armed(db: None, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        faults.arm(**wrong)


def test_the_log_keeps_what_was_called_and_never_a_value(world: World) -> None:
    faults.arm("drop")
    with pytest.raises(requests.exceptions.ConnectionError):
        post(world)
    world.send("GET", "/zones?page=3", world.parent())
    rows = list(Call.objects.order_by("pk").values_list("method", "path", "status", "fault"))
    assert rows == [("POST", world.tokens_path(), 0, "drop"), ("GET", "/zones", 200, "")]


def test_the_log_forgets_what_is_old(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenportal.sandbox.door.LOG_KEEPS", 10)
    newest = Call.objects.create(method="GET", path="/", status=200).pk
    Call.objects.bulk_create([Call(method="GET", path="/", status=200) for _ in range(199 - newest % 200)])
    world.call("GET", "/zones", world.parent())
    assert Call.objects.count() == 10


def test_a_real_stream_can_be_read_in_pieces(world: World) -> None:
    response = world.send("GET", "/zones?per_page=50", world.parent(), stream=True)
    pieces = list(response.iter_content(1000))
    assert json.loads(b"".join(pieces))["success"] is True
    assert int(response.headers["content-length"]) == sum(map(len, pieces))
    again = world.send("GET", "/zones", world.parent(), stream=True)
    assert again.raw.read(8) == b'{"result'
    assert again.url == f"{BASE}/zones"


def test_bodies_of_every_kind_arrive(world: World) -> None:
    whole = json.dumps(BODY)
    for data in (whole, whole.encode(), iter([whole[:9].encode(), whole[9:].encode()])):
        response = world.send(
            "POST", world.tokens_path(), world.parent(), data=data, headers={"Content-Type": "application/json"}
        )
        assert response.status_code == 200

"""The client over transports that do not behave as sockets do: nothing rests on what lies beneath it."""

import io
import socket
import time
from typing import Any

import pytest
import requests
import urllib3
from requests.adapters import BaseAdapter

from tests.unit.cloudflare.test_client import CREATED, ID, VALUE, Server, client, envelope, http, says, server
from tokenportal.cloudflare import Client, NeverSent, OutcomeUnknown, new_session, shapes
from tokenportal.secret import Secret

__all__ = ["server"]


class Slow(io.BytesIO):
    """Gives a byte at a time, and takes its time for each."""

    def read1(self, size: int | None = -1) -> bytes:
        time.sleep(0.02)
        return super().read1(1)

    read = read1


class Scripted(BaseAdapter):
    def __init__(self, body: io.BytesIO, length: int | str) -> None:
        super().__init__()
        self.raw = urllib3.HTTPResponse(
            body, {"Content-Length": str(length)}, status=200, preload_content=False, enforce_content_length=False
        )

    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response.raw, response.request, response.url = 200, self.raw, request, request.url
        response.headers["Content-Length"] = self.raw.headers["Content-Length"]
        return response

    def close(self) -> None:
        self.raw.close()


def over(adapter: BaseAdapter, deadline: float = 5) -> Client:
    session = requests.Session()
    session.mount("http://", adapter)
    return Client("http://api.invalid", Secret(VALUE), owner_path="user", session=session, deadline=deadline)


def test_a_body_that_is_not_as_long_as_it_said_is_cut_off() -> None:
    with pytest.raises(OutcomeUnknown, match="the answer was cut off"):
        over(Scripted(io.BytesIO(CREATED), len(CREATED) + 1)).create_token({})


def test_a_length_that_is_no_number_says_nothing_about_the_body() -> None:
    assert over(Scripted(io.BytesIO(CREATED), "²")).create_token({}).token.id


def test_a_body_that_drips_without_a_socket_ends_at_the_deadline() -> None:
    with pytest.raises(OutcomeUnknown, match="the answer did not end in time"):
        over(Scripted(Slow(CREATED), len(CREATED)), deadline=0.1).create_token({})


def test_an_address_that_no_library_takes_is_not_a_crash() -> None:
    odd = Client(f"http://{'a' * 64}.invalid", Secret(VALUE), owner_path="user", session=new_session())
    with pytest.raises(OutcomeUnknown, match="the connection broke"):
        odd.verify()


def test_a_name_that_does_not_resolve_was_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NeverSent, match="its name does not resolve"):
        Client("http://api.invalid", Secret(VALUE), owner_path="user", session=new_session()).create_token({})


def test_replacing_a_token_sends_the_whole_of_it(server: Server) -> None:
    server.script = says(http(200, envelope({"id": ID, "name": "another"})))
    assert client(server).update_token(ID, {"name": "another", "policies": []}).name == "another"
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(f"PUT /client/v4/{client(server).owner_path}/tokens/{ID} ".encode())
    assert body == b'{"name":"another","policies":[]}'
    assert b"Content-Type: application/json" in head


def test_what_json_cannot_say_is_never_sent(server: Server) -> None:
    with pytest.raises(NeverSent, match="JSON cannot say"):
        client(server).create_token({"name": float("nan")})
    assert server.requests == []


@pytest.mark.parametrize("scopes", [None, "zone", ["zone", 7]])
def test_a_group_whose_scopes_are_no_texts_is_not_believed(server: Server, scopes: Any) -> None:
    server.script = says(http(200, envelope([{"id": ID, "name": "DNS Read", "scopes": scopes}])))
    with pytest.raises(OutcomeUnknown, match="scopes are not a list of texts"):
        client(server).permission_groups()


def test_what_is_nested_deeper_than_any_answer_is_not_kept() -> None:
    deep: Any = "x"
    for _ in range(shapes.MAX_DEPTH):
        deep = [deep]
    assert shapes.bounded(deep) == deep
    with pytest.raises(shapes.WrongShape, match="nested too deeply"):
        shapes.bounded([deep])

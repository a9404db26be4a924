"""The client against a server on a real socket that answers whatever the test scripts."""

import gzip
import os
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.wire import envelope, http, read_whole, refusal
from tokenportal import clock, cloudflare
from tokenportal.cloudflare import Client, CloudflareError, NeverSent, OutcomeUnknown, RateLimited, Refused
from tokenportal.secret import Secret

VALUE = "cfat_" + "s3cretS3cret" * 4
ID = "0123456789abcdef" * 2
Script = Callable[[socket.socket], None]


class Server:
    """Reads one whole request a connection, then does what the script says. Counts what it got."""

    read = staticmethod(read_whole)

    def __init__(self) -> None:
        self.script: Script = lambda connection: None
        self.requests: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(5)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/client/v4"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                try:
                    self.requests.append(self.read(connection))
                    self.script(connection)
                except OSError:
                    pass


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.listener.close()


def says(text: bytes) -> Script:
    return lambda connection: connection.sendall(text)


def drips(text: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        for byte in text:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    return script


def resets(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def floods(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    for _ in range(40):
        connection.sendall(b"x" * 65536)


CREATED = envelope({"id": ID, "name": "a", "status": "active", "value": VALUE})
DEEP = b'{"success": true, "errors": [], "result": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
UNKNOWN: dict[str, Script] = {
    "fin": lambda connection: None,
    "reset": resets,
    "hang": lambda connection: time.sleep(0.8),
    "slow drip": drips(http(200, CREATED)),
    "truncated": says(http(200, CREATED[:-20], length=len(CREATED))),
    "length too short": says(http(200, CREATED, length=10)),
    "bad chunk": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n"),
    "empty": says(http(200, b"")),
    "html": says(http(200, b"<html>hello</html>", "Content-Type: text/html")),
    "a list": says(http(200, b"[]")),
    "no success": says(http(200, b'{"result": {}}')),
    "success is a word": says(http(200, b'{"success": "yes", "errors": [], "result": {}}')),
    "success without value": says(http(200, envelope({"id": ID, "name": "a"}))),
    "value too short": says(http(200, envelope({"id": ID, "value": "short"}))),
    "strange id": says(http(200, envelope({"id": "../x", "value": VALUE}))),
    "deeply nested": says(http(200, DEEP)),
    "drip of the body": lambda connection: (connection.sendall(http(200, b"", length=len(CREATED))), drips(CREATED)(connection)),
    "a chunk that is never followed by the last one": says(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(CREATED), CREATED)
    ),
    "endless chunks": lambda connection: (
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        [connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n") for _ in range(40)],
    ),
    "chunks that drip": lambda connection: (
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        drips(b"1\r\n \r\n" * 8)(connection),
    ),
    "success false": says(http(200, refusal(1001, "no"))),
    "result is null": says(http(200, envelope(None))),
    "result is a list": says(http(200, envelope([]))),
    "no result": says(http(200, b'{"success": true, "errors": []}')),
    "errors are no list": says(http(200, envelope({"id": ID, "value": VALUE}).replace(b'"errors": []', b'"errors": {"a": 1}'))),
    "value with a line break": says(http(200, envelope({"id": ID, "value": VALUE + "\r\nx"}))),
    "NUL in the name": says(http(200, envelope({"id": ID, "value": VALUE, "name": "a\x00b"}))),
    "half a surrogate in a policy": says(
        http(200, envelope({"id": ID, "value": VALUE, "policies": [{"resources": {"\ud800": "*"}}]}))
    ),
    "a moment before all time": says(http(200, envelope({"id": ID, "value": VALUE, "expires_on": "0001-01-01T00:00:00+23:00"}))),
    "gzip that is none": says(http(200, CREATED, "Content-Encoding: gzip")),
    "only an interim answer": says(b"HTTP/1.1 100 Continue\r\n\r\n" * 3),
    "not utf-8": says(http(200, b'{"success": true, "errors": [], "result": "\xff\xfe"}')),
    "a number too long to read": says(http(200, b'{"success": true, "errors": [], "result": ' + b"9" * 5000 + b"}")),
    "gzip bomb": says(http(200, gzip.compress(b" " * 5_000_000), "Content-Encoding: gzip")),
    "endless": floods,
    "huge header": says(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n"),
    "500": says(http(500, refusal(10001, "internal"))),
    "502 page": says(http(502, b"<html>")),
    "503": says(http(503, refusal(1, "busy"))),
    "400 page": says(http(400, b"<html>")),
    "403 without errors": says(http(403, b'{"success": false, "errors": [], "result": null}')),
    "201": says(http(201, CREATED)),
    "not http": says(b"SSH-2.0-OpenSSH\r\n"),
}


def client(server: Server, deadline: float = 0.4) -> Client:
    return Client(server.url, Secret(VALUE), owner_path=f"accounts/{ID}", deadline=deadline)


def shown(error: CloudflareError) -> str:
    return "".join((str(error), repr(error), error.safe, *traceback.format_exception(error)))


def test_a_complete_success_gives_token_and_secret(server: Server) -> None:
    server.script = says(http(200, CREATED, "CF-Ray: 0123456789abcdef-AMS"))
    created = client(server).create_token({"name": "a"})
    assert (created.token.id, created.token.name, created.secret) == (ID, "a", Secret(VALUE))
    assert len(server.requests) == 1
    assert server.requests[0].startswith(f"POST /client/v4/accounts/{ID}/tokens".encode())


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_no_complete_success_is_unknown_after_one_post(server: Server, name: str) -> None:
    server.script = UNKNOWN[name]
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown) as raised:
        client(server).create_token({"name": "a"})
    assert time.monotonic() - began < 2
    assert len(server.requests) == 1
    assert VALUE not in shown(raised.value)


def test_a_refusal_is_told_in_words_without_our_credential(server: Server) -> None:
    server.script = says(http(403, refusal(9109, f"Invalid access token {VALUE} \u202e\x07"), "CF-Ray: nonsense"))
    with pytest.raises(Refused) as raised:
        client(server).create_token({})
    assert (raised.value.status, raised.value.codes, raised.value.ray) == (403, (9109,), "")
    assert "does not accept the connection's credential" in raised.value.safe
    assert VALUE not in shown(raised.value)
    assert not {"\u202e", "\x07"} & set(raised.value.safe)


@pytest.mark.parametrize(
    ("status", "code", "message", "words"),
    [
        (403, 9109, "Cannot use the access token from location: 203.0.113.9", "because of where the portal calls from"),
        (400, 1001, "failed common permission check against resources", "cannot grant what this token asks for"),
        (400, 1001, "permission group abc not found", "does not know one of the permissions"),
        (404, 1003, "Token not found", "does not know it (any more)"),
        (403, 10000, "Authentication error", "the connection may not do this"),
        (400, 400, "name must have a length", "empty or too long. Choose another one."),
    ],
)
def test_a_refusal_is_read_by_status_code_and_message(server: Server, status: int, code: int, message: str, words: str) -> None:
    server.script = says(http(status, refusal(code, message)))
    with pytest.raises(Refused) as raised:
        client(server).create_token({})
    assert words in raised.value.safe
    assert "widen" not in raised.value.safe


def test_a_rate_limit_says_when_to_come_back(server: Server) -> None:
    server.script = says(http(429, refusal(971, "throttle"), "Retry-After: 30"))
    with clock.at(datetime(2026, 11, 25, 14, 5, 10, tzinfo=UTC)), pytest.raises(RateLimited) as raised:
        client(server).create_token({})
    assert (raised.value.seconds, raised.value.quiet) == (30, 30)
    assert raised.value.safe == (
        "Cloudflare takes no calls for now, because there were too many. It takes them again from 14:05:40 UTC on."
    )


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_other_host_gets_nothing(server: Server, status: int) -> None:
    other = Server()
    server.script = says(http(status, b"", f"Location: {other.url}/accounts/{ID}/tokens"))
    with pytest.raises(OutcomeUnknown):
        client(server).create_token({})
    assert (len(server.requests), other.requests) == (1, [])
    other.listener.close()


def test_proxies_of_the_environment_are_not_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Server()
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    server.script = says(http(200, CREATED))
    client(server).create_token({})
    assert (len(server.requests), proxy.requests) == (1, [])
    proxy.listener.close()


class SecureServer(Server):
    """The same behind TLS, with a certificate of its own for 127.0.0.1, made where `folder` is."""

    def __init__(self, folder: Path) -> None:
        self.authority = folder / "authority.pem"
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        day = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(day - timedelta(days=1))
            .not_valid_after(day + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.authority.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        pair = folder / "pair.pem"
        pair.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + self.authority.read_bytes()
        )
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pair)
        super().__init__()
        self.url = self.url.replace("http://", "https://")

    def read(self, connection: socket.socket) -> bytes:  # type: ignore[override]
        self.secure = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self.secure.do_handshake()
        return super().read(self.secure)


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[SecureServer]:
    made = SecureServer(tmp_path)
    yield made
    made.listener.close()
    made.secure.close()


def trusting(secure: SecureServer) -> Client:
    session = cloudflare.new_session()
    session.verify = str(secure.authority)
    return Client(secure.url, Secret(VALUE), owner_path="user", session=session, deadline=1)


def test_a_certificate_that_nobody_vouches_for_gets_nothing(secure: SecureServer) -> None:
    with pytest.raises(NeverSent) as raised:
        Client(secure.url, Secret(VALUE), owner_path="user", deadline=1).create_token({})
    assert "certificate could not be checked" in raised.value.safe
    assert secure.requests == []


def test_a_certificate_that_the_environment_vouches_for_gets_nothing_either(
    secure: SecureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(secure.authority))
    with pytest.raises(NeverSent):
        Client(secure.url, Secret(VALUE), owner_path="user", deadline=1).create_token({})
    assert secure.requests == []


def test_over_tls_a_success_is_a_success(secure: SecureServer) -> None:
    secure.script = lambda _: secure.secure.sendall(http(200, CREATED))
    assert trusting(secure).create_token({}).secret == Secret(VALUE)


def test_tls_that_breaks_after_the_request_has_left_is_not_called_never_sent(secure: SecureServer) -> None:
    def garbage(_: socket.socket) -> None:
        with socket.socket(fileno=os.dup(secure.secure.fileno())) as bare:
            bare.sendall(b"HTTP/1.1 200 OK in the clear\r\n" * 4)

    secure.script = garbage
    with pytest.raises(OutcomeUnknown):
        trusting(secure).create_token({})
    assert len(secure.requests) == 1


def test_where_connecting_took_all_the_time_nothing_is_sent(secure: SecureServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handshake has a time of its own, so it can end after the deadline; headers that drip would have none then."""
    settled = secure.context.wrap_socket

    def slowly(*args: Any, **options: Any) -> ssl.SSLSocket:
        time.sleep(0.35)
        return settled(*args, **options)

    secure.context.wrap_socket = slowly  # type: ignore[method-assign]
    secure.script = lambda _: drips(http(200, CREATED))(secure.secure)
    real = urllib3.connection.connection.create_connection

    def slow_connect(*args: Any, **options: Any) -> socket.socket:
        time.sleep(0.35)
        return real(*args, **options)

    monkeypatch.setattr(urllib3.connection.connection, "create_connection", slow_connect)
    session = cloudflare.new_session()
    session.verify = str(secure.authority)
    began = time.monotonic()
    with pytest.raises(NeverSent):
        Client(secure.url, Secret(VALUE), owner_path="user", session=session, deadline=0.5).create_token({})
    assert time.monotonic() - began < 1.2
    assert secure.requests in ([], [b""])


def test_what_never_left_is_known_not_to_have_left(server: Server) -> None:
    closed = socket.create_server(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    for base in (f"http://127.0.0.1:{port}", "http://", "nonsense://x", f"https://127.0.0.1:{port}"):
        with pytest.raises(NeverSent):
            Client(base, Secret(VALUE), owner_path="user", deadline=0.4).create_token({})


def test_a_server_without_a_certificate_gets_nothing(server: Server) -> None:
    secure = server.url.replace("http://", "https://")
    with pytest.raises(CloudflareError):
        Client(secure, Secret(VALUE), owner_path="user", deadline=0.4).create_token({})
    assert all(b"Authorization" not in request for request in server.requests)


def test_every_page_of_tokens_is_read(server: Server) -> None:
    rows = [{"id": f"{number:032x}", "name": f"t{number}", "status": "active"} for number in range(60)]
    pages = iter([rows[:50], rows[50:]])
    server.script = lambda connection: connection.sendall(http(200, envelope(next(pages))))
    listing = client(server).list_tokens()
    assert (len(listing.tokens), listing.complete, len(server.requests)) == (60, True, 2)
    assert b"include_expired=true" in server.requests[0]


@pytest.mark.parametrize(("total", "calls"), [(60, 3), ("60", 1), (True, 1), (2**40, 1), (0, 1)])
def test_a_short_page_is_the_last_only_where_the_answer_does_not_tell_of_more(server: Server, total: Any, calls: int) -> None:
    rows = [{"id": f"{number:032x}", "name": f"t{number}", "status": "active"} for number in range(60)]
    pages = iter([rows[:20], rows[20:40], rows[40:], []])
    server.script = lambda connection: connection.sendall(
        http(200, envelope(next(pages), result_info={"total_count": total, "per_page": 20}))
    )
    listing = client(server).list_tokens()
    assert (len(server.requests), len(listing.tokens), listing.complete) == (calls, min(20 * calls, 60), True)


def test_a_list_that_never_ends_is_not_complete(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenportal.cloudflare.client.MAX_PAGES", 3)
    rows = [{"id": f"{number:032x}"} for number in range(50)]
    server.script = says(http(200, envelope(rows)))
    listing = client(server).list_tokens()
    assert (len(server.requests), listing.complete) == (3, False)


def test_a_roll_gives_the_new_secret_and_delete_and_verify_are_checked(server: Server) -> None:
    server.script = says(http(200, envelope(VALUE)))
    assert client(server).roll_token(ID) == Secret(VALUE)
    server.script = says(http(200, envelope({"id": ID})))
    client(server).delete_token(ID)
    server.script = says(http(200, envelope({"id": ID, "status": "active", "expires_on": "2030-01-01T00:00:00Z"})))
    verified = client(server).verify()
    assert (verified.id, verified.status, verified.expires_on.year if verified.expires_on else 0) == (ID, "active", 2030)
    server.script = says(http(200, envelope({"id": ID, "status": 5})))
    with pytest.raises(OutcomeUnknown):
        client(server).verify()
    assert cloudflare.new_session().trust_env is False

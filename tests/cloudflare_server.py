"""Cloudflare on a real socket, as far as creating and looking up tokens goes, for tests in which its answers break.

Every connection has a thread of its own. A POST takes effect or not, and is then answered as the test's script says; lists and
questions about the credential itself are answered well, unless it hangs.
"""

import json
import socket
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.wire import envelope, http, read_whole

VALUE = "cfat_" + "V4lue0fThe" * 4 + "01234567"
Script = Callable[[socket.socket, bytes], None]
"""Answers on a connection; the bytes are the body of the whole, well-formed answer."""


def well(connection: socket.socket, whole: bytes) -> None:
    connection.sendall(http(200, whole))


class Elsewhere:
    """Another host: whatever reaches it is kept."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(20)
            with suppress(OSError, IndexError):
                self.serve(connection)

    def serve(self, connection: socket.socket) -> None:
        self.got.append(b"")
        self.got.append(connection.recv(65536))

    def close(self) -> None:
        """Stop listening at once, also for the thread that waits for the next caller."""
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Cloudflare(Elsewhere):
    """``calls`` are (method, path below the base); ``tokens`` what exists."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.tokens: list[dict[str, Any]] = []
        self.script: Script = well
        self.takes_effect = True
        self.well = threading.Event()
        self.well.set()
        super().__init__()
        self.url += "/client/v4"

    def serve(self, connection: socket.socket) -> None:
        request = read_whole(connection)
        head, _, body = request.partition(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        asked = urlsplit(target)
        self.calls.append((method, asked.path.removeprefix("/client/v4")))
        if not self.well.is_set():
            self.well.wait(600)
        elif method == "POST":
            token = {"id": uuid.uuid4().hex, "status": "active", **json.loads(body)}
            if self.takes_effect:
                self.tokens.append(token)
            self.script(connection, envelope({**token, "value": VALUE}))
        else:
            well(connection, self.answer(asked.path, parse_qs(asked.query)))

    def answer(self, path: str, query: dict[str, list[str]]) -> bytes:
        if path.endswith("/verify"):
            return envelope({"id": "0" * 32, "status": "active"})
        page, size = int(query["page"][0]), int(query["per_page"][0])
        rows = self.tokens[(page - 1) * size : page * size]
        return envelope(rows, result_info={"total_count": len(self.tokens), "page": page, "per_page": size})

    def count(self, method: str) -> int:
        return sum(1 for called, _ in self.calls if called == method)

    def hang(self) -> None:
        """From now on every call is read and never answered."""
        self.well.clear()

    def recover(self) -> None:
        """Hang up on those who wait, and answer again."""
        self.well.set()

    def close(self) -> None:
        self.recover()
        super().close()

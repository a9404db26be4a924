"""A session whose calls end when their time is up, even while a server drips its headers byte by byte.

A socket's own timeout starts anew with every byte. Here a timer shuts the socket down at the end of the call's time;
the read that waits on it ends at once, as a broken connection does. The call also learns whether a byte of
the request itself can have left: before that, every failure means that nothing happened.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


@dataclass
class Watch:
    """The running call. ``began`` is true from just before the first byte of the request is written."""

    until: float
    sockets: list[Any] = field(default_factory=list)
    began: bool = False


_running: ContextVar[Watch | None] = ContextVar("running_call", default=None)


class _Watched:
    """Mixed into a connection: tells the running call which socket it uses, and when its request begins to leave."""

    sock: Any

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        watch = _running.get()
        if watch is not None and not watch.began:
            # In this order: a timer that fired before it could see the socket has left no time to send anything.
            watch.sockets.append(self.sock)
            if time.monotonic() >= watch.until:
                raise urllib3.exceptions.ConnectTimeoutError("connecting took all the time there was")
            watch.began = True
        super().send(data)  # type: ignore[misc]


class _PlainConnection(_Watched, HTTPConnection):
    pass


class _SecureConnection(_Watched, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    """Never repeats a request, and lets the deadline reach its sockets."""

    def __init__(self) -> None:
        super().__init__(max_retries=urllib3.Retry(0, read=False))

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}


def new_session() -> requests.Session:
    """A session that takes no proxy, credential or certificate from the environment and repeats nothing."""
    session = requests.Session()
    session.trust_env = False
    session.max_redirects = 0
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter())
    return session


def _shut(sockets: list[Any]) -> None:
    for sock in sockets:
        with contextlib.suppress(OSError, AttributeError):
            sock.shutdown(socket.SHUT_RDWR)


@contextmanager
def within(seconds: float) -> Iterator[Watch]:
    """Shut the socket that is read from in this block once so many seconds have passed."""
    watch = Watch(time.monotonic() + seconds)
    token = _running.set(watch)
    timer = threading.Timer(seconds, _shut, [watch.sockets])
    timer.daemon = True
    timer.start()
    try:
        yield watch
    finally:
        timer.cancel()
        _running.reset(token)

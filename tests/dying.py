"""A server that ends itself, as by kill -9, at the point around the creating call that ``DIE_AT`` names.

Run as a module by tests/processes.py. The product has no such hooks: its functions are wrapped here, from outside.
"""

import os
import signal
from collections.abc import Callable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from tokenportal.actions import issuing  # noqa: E402
from tokenportal.audit import chain  # noqa: E402
from tokenportal.cloudflare import Client  # noqa: E402
from tokenportal.sandbox.transport import SandboxAdapter  # noqa: E402
from tokenportal.views import create  # noqa: E402


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def around(
    holder: Any, name: str, *, before: Callable[..., bool] | None = None, after: Callable[..., bool] | None = None
) -> None:
    """Die before or after a call of a function, where its arguments say so."""
    real = getattr(holder, name)

    def wrapped(*args: Any, **options: Any) -> Any:
        if before and before(*args):
            die()
        result = real(*args, **options)
        if after and after(*args):
            die()
        return result

    setattr(holder, name, wrapped)


def always(*args: Any) -> bool:
    return True


def posts(adapter: Any, request: Any) -> bool:
    return request.method == "POST"


def event(action: str) -> Callable[[Any], bool]:
    return lambda event: event.action == action


POINTS: dict[str, Callable[[], None]] = {
    "before the intent": lambda: around(issuing, "_begin", before=always),
    "before the intent is committed": lambda: around(chain, "append", after=event("token.issuing")),
    "after the intent is committed": lambda: around(issuing, "_begin", after=always),
    "before the request leaves": lambda: around(Client, "create_token", before=always),
    "before Cloudflare does it": lambda: around(SandboxAdapter, "send", before=posts),
    "after Cloudflare did it": lambda: around(SandboxAdapter, "send", after=posts),
    "after the answer came": lambda: around(Client, "create_token", after=always),
    "before the outcome is recorded": lambda: around(chain, "append", before=event("token.issued")),
    "before the outcome is committed": lambda: around(chain, "append", after=event("token.issued")),
    "after the outcome is committed": lambda: around(issuing, "complete", after=always),
    "after the page is made": lambda: around(create, "show_secret", after=always),
}


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Nothing is logged."""


if __name__ == "__main__":
    POINTS[os.environ["DIE_AT"]]()
    make_server("127.0.0.1", int(os.environ["PORT"]), application, Server, Quiet).serve_forever()

"""Where a request comes from, what must be done before anything else, that no cache keeps anything, and what is compressed."""

import hashlib
import logging
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import PermissionDenied
from django.db import Error
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.middleware.gzip import GZipMiddleware
from django.urls import reverse

from tokenportal import visible
from tokenportal.models import User
from tokenportal.models.guard import SESSION_NAME, SIGN_IN, Origin, coming_from
from tokenportal.models.outage import is_outage

log = logging.getLogger("tokenportal.middleware")
Handler = Callable[[HttpRequest], HttpResponse]
ALWAYS_OPEN = ("/healthz", "/readyz", "/sandbox/")
"""Answered without asking who is there."""


@lru_cache(maxsize=4)
def networks_of(texts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(text, strict=False) for text in texts)


def client_address(request: HttpRequest) -> str:
    """The address of the person's browser: what a trusted proxy says, else the other end of the connection."""
    address = request.META.get("REMOTE_ADDR", "")
    networks = networks_of(tuple(settings.TRUSTED_PROXIES))
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    try:
        while hops and any(ip_address(address) in network for network in networks):
            address = str(ip_address(hops.pop()))
    except ValueError:
        return request.META.get("REMOTE_ADDR", "")[:45]
    return address[:45]


class OriginMiddleware:
    """Says where the work of this request comes from, for the events that it will write."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        session, sign_in = ("", "") if request.path.startswith(ALWAYS_OPEN) else session_of(request)
        with coming_from(Origin("web", client_address(request), session, sign_in)):
            return self.get_response(request)


def session_of(request: HttpRequest) -> tuple[str, str]:
    """What events call this session, and how it was begun. One that is older than its name is called by its key's hash."""
    key = request.session.session_key or ""
    unnamed = hashlib.sha256(key.encode()).hexdigest()[:16] if key else ""
    return request.session.get(SESSION_NAME, unnamed), request.session.get(SIGN_IN, "")


class LenientSessionMiddleware(SessionMiddleware):
    """An answer that is made leaves, also where the session cannot be saved: a page that was only read, or a secret.

    What is lost is a message for the next page, or that one was shown already.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        try:
            return super().process_response(request, response)
        except (Error, SessionInterrupted) as error:
            if not is_outage(error):
                raise
            log.warning("a session could not be saved: %s", type(error).__name__)
            return response


class SignedOut(PermissionDenied):
    """A part of a page was asked for by somebody who is signed out by now."""


class SignInMiddleware(LoginRequiredMiddleware):
    """Leads to the sign-in page, but never into the middle of a page: htmx follows redirects unseen."""

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> HttpResponseRedirect:
        if request.headers.get("HX-Request") == "true" and request.headers.get("HX-Boosted") != "true":
            raise SignedOut("Sign in again in another window. What you typed stays here until you leave this page.")
        return super().handle_no_permission(request, view_func)


class FirstStepsMiddleware:
    """Leads to what comes first: setting up where there is nobody yet, and a password of one's own after a reset."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        first = self.first_step(request)
        return HttpResponseRedirect(first) if first else self.get_response(request)

    def first_step(self, request: HttpRequest) -> str:
        if request.path.startswith((*ALWAYS_OPEN, settings.STATIC_URL)):
            return ""
        if not isinstance(request.user, User):
            set_up = reverse("set-up")
            return "" if request.path == set_up or User.objects.exists() else set_up
        own = (reverse("account"), reverse("sign-out"))
        return own[0] if request.user.must_change_password and request.path not in own else ""


class NothingIsCachedMiddleware:
    """Pages are personal: neither browser nor proxy keeps them."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not request.path.startswith(settings.STATIC_URL):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class VisibleMiddleware:
    """No page holds a character that nobody sees or that turns text around, whatever a name was made of.

    No page needs one, so it is the same for texts, titles, attributes and fields: what one sees in a field is what will be
    sent. A secret is ASCII, so its page is as it was. Line ends are layout here; names lose theirs where they come in.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        page = not response.streaming and response.headers.get("Content-Type", "").startswith("text/html")
        if page and visible.hides_something(response.content):
            response.content = visible.in_page(response.content.decode("utf-8", "replace")).encode()
            if "Content-Length" in response.headers:
                response.headers["Content-Length"] = str(len(response.content))
        return response


class CompressionMiddleware(GZipMiddleware):
    """Compresses pages, never an answer that forbids it with ``no-transform``, as those that show a secret do.

    The size of a compressed answer tells whether a guess that an attacker had reflected into it stands in it elsewhere
    as well (the BREACH attack). What is constant and worth guessing, a created token or a one-time password, is shown
    once and uncompressed. The session's key stands in no page, the CSRF token is masked anew in each answer, and
    Django's compression adds a header of random length. Other pages hold names and ids, which let nobody in. The
    sandbox's API answers, which may hold a token, are no pages.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        page = response.headers.get("Content-Type", "").startswith("text/html")
        if not page or "no-transform" in response.headers.get("Cache-Control", ""):
            return response
        return super().process_response(request, response)

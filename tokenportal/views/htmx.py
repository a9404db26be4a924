"""Whole pages, and the one part of a page that htmx is about to replace."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


def wants_part(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of the page that stands. Boosted links and restored history need whole pages."""
    headers = request.headers
    whole = headers.get("HX-Boosted") == "true" or headers.get("HX-History-Restore-Request") == "true"
    return headers.get("HX-Request") == "true" and not whole


def target_of(request: HttpRequest) -> str:
    """The id of the element that htmx is about to fill; "" where a whole page is asked for."""
    return request.headers.get("HX-Target", "") if wants_part(request) else ""


def wanted_partial(request: HttpRequest, partials: tuple[str, ...]) -> str:
    """The allowed partial that fills the element named by HX-Target; empty where the whole page is wanted."""
    target = target_of(request)
    return target if target in partials else ""


def render_page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    partials: tuple[str, ...] = (),
    status: int = 200,
) -> HttpResponse:
    """Render the page, or just the partial that htmx is about to replace.

    A partial's name is the id of the element that it fills, defined in the page's own template with ``partialdef``.
    """
    partial = wanted_partial(request, partials)
    name = f"{template}#{partial}" if partial else template
    response = render(request, name, dict(context), status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response

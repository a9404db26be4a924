"""What every page shows around its content: the sections open to this person, the theme, whether this is a sandbox."""

import re
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from tokenportal import rules
from tokenportal.actions import verifying
from tokenportal.models import User
from tokenportal.views import access, access_reviews

UNDER_REVIEW = re.compile(r"/requests/[^/]+/review/")
THEME_COOKIE = "theme"
THEMES = ("light", "dark")


def theme_of(request: HttpRequest) -> str:
    """``light`` or ``dark``; empty where the system decides."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return theme if theme in THEMES else ""


@dataclass(frozen=True)
class Section:
    """``count`` is how much in it waits on this person, where that is counted."""

    name: str
    url: str
    current: bool
    count: Any = 0


def chrome(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    found: dict[str, Any] = {"sandbox_on": settings.SANDBOX, "header_sections": [], "theme": theme_of(request)}
    if not isinstance(user, User):
        return found
    # Counted where the header is drawn: parts of a page that htmx fills have none.
    found["unread"] = SimpleLazyObject(lambda: access.unread(user))
    found["chain_broken"] = SimpleLazyObject(verifying.known_bad)  # asked only by pages of the audit
    found["on_notices"] = request.path == reverse("notices")
    wanted: list[tuple[str, str, tuple[str, ...]]] = [
        ("Tokens", "tokens", ("/tokens/", "/templates/", "/permissions/")),
        ("Drafts", "drafts", ("/drafts/", "/requests/")),
        ("Review", "reviews", ("/review/",)),
    ]
    if rules.may_read_audit(user):
        # Guardrails are a tab of Settings for admins, and of Audit for whoever only reads them.
        wanted.append(("Audit", "audit", ("/audit/",) if rules.may_administer(user) else ("/audit/", "/settings/guardrails/")))
    if rules.may_administer(user):
        wanted.append(("Settings", "people", ("/settings/",)))
    waiting = SimpleLazyObject(lambda: access_reviews.count_waiting(user))
    found["header_sections"] = [
        Section(name, reverse(url), is_current(request.path, url, prefixes), waiting if url == "reviews" else 0)
        for name, url, prefixes in wanted
    ]
    return found


def is_current(path: str, url: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a page belongs to a section. The review of a request is found among the reviews, whatever its address."""
    if UNDER_REVIEW.match(path):
        return url == "reviews"
    return path == reverse(url) or path.startswith(prefixes)

"""What every page shows around its content: the sections open to this person, the theme, whether this is a sandbox."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from tokenportal import rules
from tokenportal.actions import verifying
from tokenportal.models import User
from tokenportal.views import access

THEME_COOKIE = "theme"
THEMES = ("light", "dark")


def theme_of(request: HttpRequest) -> str:
    """``light`` or ``dark``; empty where the system decides."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return theme if theme in THEMES else ""


@dataclass(frozen=True)
class Section:
    name: str
    url: str
    current: bool


def chrome(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    found: dict[str, Any] = {"sandbox_on": settings.SANDBOX, "sections": [], "theme": theme_of(request)}
    if not isinstance(user, User):
        return found
    # Counted where the header is drawn: parts of a page that htmx fills have none.
    found["unread"] = SimpleLazyObject(lambda: access.unread(user))
    found["chain_broken"] = SimpleLazyObject(verifying.known_bad)  # asked only by pages of the audit
    found["on_notices"] = request.path == reverse("notices")
    wanted: list[tuple[str, str, tuple[str, ...]]] = [
        ("Tokens", "tokens", ("/tokens/", "/templates/", "/permissions/")),
        ("Drafts", "drafts", ("/drafts/", "/requests/")),
    ]
    if rules.may_read_audit(user):
        wanted.append(("Audit", "audit", ("/audit/",)))
    if rules.may_administer(user):
        wanted.append(("Settings", "people", ("/settings/",)))
    found["sections"] = [
        Section(name, reverse(url), request.path == reverse(url) or request.path.startswith(prefixes))
        for name, url, prefixes in wanted
    ]
    return found

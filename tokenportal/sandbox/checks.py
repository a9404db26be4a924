"""The sandbox holds no real power, but a portal that talks to an imitation must never look like one that talks to Cloudflare."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error


def refused_in_production(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """A deploy check: one Error when the sandbox is installed in production mode, else nothing."""
    if not settings.PRODUCTION:
        return []
    return [
        Error(
            "The Cloudflare sandbox is installed in production.",
            hint="Take tokenportal.sandbox out of INSTALLED_APPS: it imitates Cloudflare, and its pages need no sign-in.",
            id="sandbox.E001",
        )
    ]

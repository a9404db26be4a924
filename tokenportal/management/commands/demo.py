import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from tokenportal.actions import demo
from tokenportal.models import TokenRequest


def password() -> str:
    """What the cast signs in with: DEMO_PASSWORD, or one made once and kept beside the demo's database."""
    given = os.environ.get("DEMO_PASSWORD", "")
    if given:
        return given
    path = Path(settings.STATE_DIR) / "password"
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write("-".join(secrets.token_hex(2) for _ in range(4)))
    return path.read_text()


def arm_fault(kind: str) -> None:
    """The next creation meets this fault. The sandbox is reached by its command's name: nobody imports it."""
    call_command("sandbox_fault", kind, method="POST")


def alter(deed: str, name: str) -> None:
    call_command("sandbox_alter", deed, name)


class Command(BaseCommand):
    help = "Fill the demo with its cast and their requests, and print how to sign in. Needs the seeded sandbox."

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.MODE != "demo":
            raise CommandError("The demo is filled in demo mode only: TOKENPORTAL_MODE=demo.")
        word = password()
        demo.cast(word)
        demo.reset_passwords(word)
        if not TokenRequest.objects.exists():
            demo.fill(arm_fault, alter)
        self.stdout.write(f"Token Portal, the demo: {settings.PUBLIC_ORIGIN}")
        for name in demo.CAST:
            self.stdout.write(f"  sign in as {name:<10} password {word}")

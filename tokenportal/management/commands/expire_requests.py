from typing import Any

from django.core.management.base import BaseCommand

from tokenportal.actions import reviewing


class Command(BaseCommand):
    help = "Let requests expire that waited too long for review, and approvals that nobody used in time."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Requests expired: {reviewing.expire_due()}")

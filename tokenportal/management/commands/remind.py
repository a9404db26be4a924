from typing import Any

from django.core.management.base import BaseCommand

from tokenportal.actions import reminding


class Command(BaseCommand):
    help = "Remind the owners of tokens that end within 30, 14, 7 and 1 days: once each, by notice and by mail."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Reminders given: {reminding.remind_all()}")

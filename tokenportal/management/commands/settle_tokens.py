from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tokenportal import visible
from tokenportal.actions import settling_changes, watching
from tokenportal.audit import AuditUnavailable


class Command(BaseCommand):
    help = "Look up every token whose creation or change is not certain, and what came late to requests settled within a day."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            changes = [(what, look()) for what, look in settling_changes.steps()]
            for what, sentence in (*changes, *watching.pass_over()):
                self.stdout.write(visible.in_page(f"{what}: {sentence}"))
        except AuditUnavailable as error:
            raise CommandError(str(error)) from None

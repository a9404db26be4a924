from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tokenportal.actions import watching
from tokenportal.audit import AuditUnavailable


class Command(BaseCommand):
    help = "Look up every token whose creation is not certain, and what came late to requests settled within a day."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            for what, sentence in watching.pass_over():
                self.stdout.write(f"{what}: {sentence}")
        except AuditUnavailable as error:
            raise CommandError(str(error)) from None

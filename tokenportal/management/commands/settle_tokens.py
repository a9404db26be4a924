from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tokenportal.actions import settling
from tokenportal.audit import AuditUnavailable


class Command(BaseCommand):
    help = "Look up every token whose creation is not certain."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            for token_request in settling.open_requests():
                self.stdout.write(f"{token_request.reference}: {settling.look_up(token_request).sentence}")
        except AuditUnavailable as error:
            raise CommandError(str(error)) from None

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tokenportal import visible
from tokenportal.actions import syncing


class Command(BaseCommand):
    help = "Read every connection's list of tokens, and bring up to date what is known of them."

    def handle(self, *args: Any, **options: Any) -> None:
        results = syncing.sync_all()
        for result in results:
            self.stdout.write(visible.in_page(f"{result.connection}: {result.sentence}"))
        if not all(result.worked for result in results):
            raise CommandError("Not every connection's tokens could be read.")

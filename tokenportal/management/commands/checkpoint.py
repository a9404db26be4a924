from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tokenportal import audit
from tokenportal.actions import checkpointing
from tokenportal.audit import checkpoints


class Command(BaseCommand):
    help = "Print the newest signed checkpoint of the audit log as one line of JSON, to be kept elsewhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--make", action="store_true", help="sign one first that covers all events")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = checkpointing.make() if options["make"] else checkpoints.newest()
        except (audit.AuditUnavailable, OSError) as error:
            raise CommandError(f"There is no checkpoint. {error}") from None
        if found is None:
            raise CommandError("There is no checkpoint yet. Make one with --make, or let manage.py work run.")
        self.stdout.write(found.line)

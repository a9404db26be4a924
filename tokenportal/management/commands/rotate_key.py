from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tokenportal import audit
from tokenportal.actions import checkpointing


class Command(BaseCommand):
    help = "Add a key to a key file: events are sealed (audit) or checkpoints signed (checkpoint) with it from now on. An event says so."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", choices=["audit", "checkpoint"])

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            key_id = checkpointing.rotate(options["name"])
        except (audit.AuditUnavailable, OSError) as error:
            raise CommandError(f"The key was not rotated, or no event says so yet. {error}") from None
        self.stdout.write(
            f"{key_id} is the current key of {options['name']}.key. Keep a copy of the file apart from the database."
        )

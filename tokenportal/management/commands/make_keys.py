from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tokenportal import keys


class Command(BaseCommand):
    help = "Make the key files of a new installation in a directory, and those that an earlier release did not know. Never overwrites one."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        directory: Path = options["directory"]
        missing = [name for name in keys.NAMES if not keys.path_of(directory, name).exists()]
        present = [str(keys.path_of(directory, name)) for name in keys.NAMES if name not in missing]
        # Any other key that is missing beside the rest was lost, and a new one would not open what the old one sealed.
        if present and missing != ["checkpoint"]:
            raise CommandError(f"Nothing was made: {', '.join(present)} exists. What it sealed needs it.")
        try:
            for name in missing:
                self.stdout.write(f"Made {keys.make(directory, name)}")
        except OSError as error:
            raise CommandError(f"The keys cannot be written to {directory}: {error.strerror}.") from None
        self.stdout.write("Keep copies of them apart from the database's: neither is of use without the other.")

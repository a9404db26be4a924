import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tokenportal.actions import seeding

NO_CREDENTIAL = 3
"""The exit status by which `make demo` knows that parent tokens need new values."""


class Command(BaseCommand):
    help = (
        "Make people, teams, roles, connections and guardrails from a JSON file, or from standard input with -. Prints their ids."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="a JSON file, or - for standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            text = sys.stdin.read() if options["file"] == "-" else Path(options["file"]).read_text("utf-8")
            description = json.loads(text)
            found = seeding.seed(description)
        except seeding.NoCredential as error:
            raise CommandError(str(error), returncode=NO_CREDENTIAL) from None
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from None
        for part in seeding.ignored(description):
            self.stderr.write(f"{part}: not known to this version, ignored.")
        self.stdout.write(json.dumps(found, indent=2))

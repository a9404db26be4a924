import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from tokenportal.sandbox import seeding


class Command(BaseCommand):
    help = "Fill the sandbox, and print its parent credentials once, as JSON for `manage.py seed -`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rotate", action="store_true", help="give every parent token a new value and print it")

    def handle(self, *args: Any, **options: Any) -> None:
        parents = seeding.seed(rotate=options["rotate"])
        self.stdout.write(json.dumps({"connections": [parent.to_json() for parent in parents]}, indent=2))

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from tokenportal import urls


class Command(BaseCommand):
    help = "Every address of the portal: path, methods, who may come in, and the event that a change writes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = [asdict(route) for route in urls.ROUTES]
        if options["json"]:
            self.stdout.write(json.dumps(rows, indent=2))
            return
        for row in rows:
            self.stdout.write(f"{row['path']:<50} {' '.join(row['methods']):<10} {row['rule']:<16} {row['event']}")

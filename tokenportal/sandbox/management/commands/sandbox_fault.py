from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tokenportal.sandbox import faults


class Command(BaseCommand):
    help = "Arm a fault in the sandbox, or clear them all with `clear`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=[*faults.KINDS, "clear"])
        parser.add_argument("--method", default="POST")
        parser.add_argument("--path", default="")
        parser.add_argument("--seconds", type=float, default=30)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["kind"] == "clear":
            faults.clear()
            return
        faults.arm(options["kind"], method=options["method"], path=options["path"], times=1, seconds=options["seconds"])

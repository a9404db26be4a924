import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError

from tokenportal import audit
from tokenportal.audit import chain

CLEAN, TAMPERED, CANNOT_TELL = 0, 1, 2


def told() -> tuple[int, dict[str, Any]]:
    """The exit status, and what to say. A traceback would end with 1, so what fails must be told apart from tampering."""
    try:
        count, finding = chain.verify()
    except audit.AuditUnavailable as error:
        return CANNOT_TELL, {"result": "unknown", "sentence": str(error)}
    except DatabaseError as error:
        return CANNOT_TELL, {"result": "unknown", "sentence": f"The audit log cannot be read: {type(error).__name__}."}
    if finding:
        return TAMPERED, {
            "result": "tampered",
            "events": count,
            "first_bad": finding.number,
            "kind": finding.kind,
            "sentence": finding.sentence,
        }
    sentence = f"The chain holds: {count} events. Whether later ones were cut off, it cannot tell."
    return CLEAN, {"result": "clean", "events": count, "sentence": sentence}


class Command(BaseCommand):
    help = "Recompute the audit chain. Exit status 0: it holds; 1: it was tampered with; 2: nobody can tell."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        status, answer = told()
        self.stdout.write(json.dumps(answer) if options["json"] else answer["sentence"])
        if status:
            sys.exit(status)

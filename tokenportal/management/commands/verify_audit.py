import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from tokenportal import audit
from tokenportal.actions import verifying
from tokenportal.audit import checkpoints
from tokenportal.audit.checkpoints import Checkpoint

CLEAN, TAMPERED, CANNOT_TELL = 0, 1, 2


class CannotTell(Exception):
    """Why nobody can tell, as a sentence."""


def kept_elsewhere(source: str) -> tuple[Checkpoint, ...]:
    """The checkpoints in a file, or on the standard input for ``-``; those that this portal did not sign say nothing."""
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text("utf-8")
        ring = checkpoints.keyring()
        return tuple(checkpoints.require_ours(checkpoints.parse(line), ring) for line in text.splitlines() if line.strip())
    except (OSError, ValueError) as error:
        raise CannotTell(f"The checkpoint that was kept elsewhere cannot be used. {error}") from None


def told(against: str, progress: Callable[[int, int], None] | None) -> tuple[int, dict[str, Any]]:
    """The exit status, and what to say. A traceback would end with 1, so what fails must be told apart from tampering."""
    try:
        result = verifying.verify(kept=kept_elsewhere(against) if against else (), progress=progress)
    except (audit.AuditUnavailable, CannotTell) as error:
        return CANNOT_TELL, {"result": "unknown", "sentence": str(error)}
    except Exception as error:
        return CANNOT_TELL, {"result": "unknown", "sentence": f"The audit log cannot be read: {type(error).__name__}."}
    known = {
        "events": result.events, "unprotected": result.unprotected, "checkpoints": result.checkpoints,
        "newest_checkpoint": result.newest.at if result.newest else None, "sentence": verifying.in_words(result),
    }  # fmt: skip
    if result.finding:
        return TAMPERED, {"result": "tampered", "first_bad": result.finding.number, "kind": result.finding.kind, **known}
    return CLEAN, {"result": "clean", **known}


class Command(BaseCommand):
    help = (
        "Recompute the audit chain and compare it with its signed checkpoints. Exit status 0: it holds; 1: it was tampered with; "
        "2: nobody can tell."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true")
        parser.add_argument(
            "--against",
            default="",
            metavar="FILE",
            help="also checkpoints kept elsewhere, a line each; - reads them from standard input",
        )
        parser.add_argument("--progress", action="store_true", help="show progress where standard error is no terminal, too")

    def handle(self, *args: Any, **options: Any) -> None:
        shows = options["progress"] or self.stderr.isatty()
        status, answer = told(options["against"], self.show if shows else None)
        if shows:
            self.stderr.write("")
        self.stdout.write(json.dumps(answer) if options["json"] else answer["sentence"])
        if status:
            sys.exit(status)

    def show(self, events: int, total: int) -> None:
        self.stderr.write(f"\r{events} of {total} events", ending="")
        self.stderr.flush()

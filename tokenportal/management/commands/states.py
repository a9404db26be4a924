from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from tokenportal.models import TRANSITIONS, WAITS_ON, Status
from tokenportal.models.status import LABELS

HEAD = "# States of a token request\n\nDrawn from `models/status.py` by `manage.py states`; a test fails when it is stale.\n"
ADOPTING = """An adoption sends nothing to Cloudflare, so it is never being created. Once it is approved it goes straight to its end, which is
called Adopted. Where no rule asks for approval there is no request at all: the token is adopted at once.
"""


def goes_to(status: Status) -> str:
    return ", ".join(sorted(to.value for to in TRANSITIONS[status])) or "nothing: it ends here"


def drawing() -> str:
    rows = [
        f"| {status.label} | {LABELS['edit'].get(status, status.label)} | `{status.value}` | {WAITS_ON[status] or 'nobody'} | {goes_to(status)} |"
        for status in Status
    ]
    arrows = [f"    {status.value} --> {to.value}" for status in Status for to in sorted(TRANSITIONS[status])]
    table = "\n".join(["| state | of a change | value | waits on | goes to |", "| --- | --- | --- | --- | --- |", *rows])
    return "\n".join([HEAD, table, "", ADOPTING, "```mermaid", "stateDiagram-v2", "    [*] --> draft", *arrows, "```", ""])


class Command(BaseCommand):
    help = "Write docs/states.md from the table of transitions."

    def handle(self, *args: Any, **options: Any) -> None:
        (Path(settings.BASE_DIR) / "docs" / "states.md").write_text(drawing(), "utf-8")

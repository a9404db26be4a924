"""One budget for all threads and processes on one database."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections

from tests import arrange
from tokenportal import upstream
from tokenportal.cloudflare import Answer, HeldBack
from tokenportal.models import UpstreamState
from tokenportal.upstream.gate import Gate

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).parents[2]
CALLS_OF_ANOTHER_PROCESS = """
import sys, uuid, django
django.setup()
from tokenportal.actions import connections as asking
from tokenportal.cloudflare import Answer, HeldBack
from tokenportal.upstream.gate import Gate
gate, made = Gate(uuid.UUID(sys.argv[1])), 0
for _ in range(30):
    try:
        gate(lambda: Answer({}, {}, ""), None)
        made += 1
    except HeldBack:
        pass
print(made)
"""


def address_of_the_test_database() -> str:
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    return f"postgres://{found['USER']}:{found['PASSWORD']}@{found['HOST']}:{found['PORT']}/{found['NAME']}"


def test_threads_and_processes_together_make_no_call_more_than_the_budget(lasting_portal: None, settings: Any) -> None:
    settings.UPSTREAM_BUDGET_CALLS, settings.UPSTREAM_BUDGET_SECONDS = 60, 3600
    UpstreamState.objects.all().delete()
    here = arrange.connection().pk
    environment = {
        "PATH": os.environ["PATH"], "TOKENPORTAL_MODE": "test", "KEYS_DIR": str(settings.KEYS_DIR),
        "DATABASE_URL": address_of_the_test_database(), "DJANGO_SETTINGS_MODULE": "tokenportal.settings",
        "UPSTREAM_BUDGET_CALLS": "60", "UPSTREAM_BUDGET_SECONDS": "3600",
    }  # fmt: skip
    others = [
        subprocess.Popen(
            [sys.executable, "-c", CALLS_OF_ANOTHER_PROCESS, str(here)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]  # fmt: skip

    def calls(_: int) -> int:
        made = 0
        try:
            for _ in range(15):
                try:
                    Gate(here)(lambda: Answer({}, {}, ""), None)
                    made += 1
                except HeldBack:
                    pass
        finally:
            connections.close_all()
        return made

    with ThreadPoolExecutor(4) as pool:
        made = sum(pool.map(calls, range(4)))
    made += sum(int(other.communicate(timeout=300)[0]) for other in others)
    assert made == upstream.standing(arrange.connection()).used == 60

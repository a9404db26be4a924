"""Sixteen writers in two processes, and more that are killed in the middle: no number is missing, none comes twice."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from tests import processes
from tokenportal.audit import chain
from tokenportal.models import AuditEvent, AuditHead, append_only

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS, THREADS = 3, 8


@contextmanager
def writing() -> Iterator[subprocess.Popen[str]]:
    """A process whose threads write events; see tests/writers.py."""
    env = {
        **os.environ, "TOKENPORTAL_MODE": "test", "DATABASE_URL": processes.database_url(), "KEYS_DIR": str(settings.KEYS_DIR),
        "DJANGO_SETTINGS_MODULE": "tokenportal.settings", "SECONDS": str(SECONDS), "THREADS": str(THREADS),
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.writers"]
    process = subprocess.Popen(command, cwd=processes.HERE, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def result(process: subprocess.Popen[str]) -> tuple[int, Any]:
    """How many events it says it has written, and its last word."""
    out, err = process.communicate(timeout=60)
    *lines, last = out.splitlines() or [""]
    assert err == ""
    return lines.count("written"), json.loads(last)


def test_sixteen_writers_in_two_processes_leave_one_chain_though_others_are_killed(lasting_portal: None) -> None:
    """It takes some seconds, since writers have to meet."""
    append_only.install(connection)
    before = AuditEvent.objects.count()
    try:
        with writing() as one, writing() as two, writing() as killed:
            assert killed.stdout
            seen = [killed.stdout.readline() for _ in range(20)]
            killed.send_signal(signal.SIGKILL)
            told = seen.count("written\n") + killed.communicate()[0].count("written\n")
            (first, clean), (second, clean_too) = result(one), result(two)
    finally:
        append_only.remove(connection)
    assert (clean, clean_too, killed.returncode) == ({"errors": []}, {"errors": []}, -signal.SIGKILL)
    numbers = list(AuditEvent.objects.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    assert 0 <= len(numbers) - before - first - second - told <= THREADS
    assert min(first, second) > THREADS
    assert chain.verify() == (len(numbers), None)
    assert AuditHead.objects.get().number == len(numbers)

"""The same at a server process of its own, as in production: what it cannot record does not happen, and it needs no restart after."""

import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import requests
from django.apps import apps

from tests import arrange, processes, unrecorded
from tokenportal.models import Token

pytestmark = pytest.mark.django_db(transaction=True)

NOT_RECORDED = "what cannot be recorded does not happen. Nothing was changed."


def posts_seen() -> int:
    return apps.get_model("sandbox", "Call").objects.exclude(method="GET").count()


def probe(server: processes.Server) -> tuple[int, bool]:
    answer = requests.get(f"{server.origin}/readyz", timeout=30)
    return answer.status_code, answer.json()["checks"]["audit"]


def test_a_server_that_cannot_record_sends_nothing_and_goes_on_afterwards(
    lasting_portal: None, settings: Any, tmp_path: Path
) -> None:
    """It takes some seconds: a server starts, and waits for a lock that nobody gives back."""
    keys = unrecorded.own_keys(settings, tmp_path)
    browser = processes.Browser("requester")
    with processes.serving(1, DATABASE_LOCK_SECONDS="1", KEYS_DIR=str(keys)) as (server,):
        ways: list[AbstractContextManager[None]] = [unrecorded.held_by_somebody(), unrecorded.WAYS["the key is missing"](keys)]
        for number, way in enumerate(ways, start=1):
            ready = arrange.checked(arrange.draft())
            here, confirming, before = f"/requests/{ready.pk}/create/", arrange.confirming(ready), posts_seen()
            with way:
                began = time.monotonic()
                answer = browser.post(server, here, confirming)
                assert (answer.status_code, NOT_RECORDED in answer.text) == (503, True)
                assert time.monotonic() - began < 8
                assert browser.get(server, f"/requests/{ready.pk}/summary/").status_code == 200
                assert probe(server) == (503, False)
            assert (posts_seen(), Token.objects.count()) == (before, number - 1)
            assert probe(server) == (200, True)
            answer = browser.post(server, here, confirming)
            assert (answer.status_code, "cfat_" in answer.text, posts_seen()) == (200, True, before + 1)

"""Threads that write events by real actions as fast as they can, run as a module: ``SECONDS`` long, ``THREADS`` at once.

Prints a line "written" for each action that was done, at once, then one JSON object: how many, and what went wrong.
"""

import json
import os
import sys
import threading
import time

import django

django.setup()

from django.db import connection  # noqa: E402

from tokenportal.actions import drafts, sharing  # noqa: E402
from tokenportal.models import Connection, Share, Team, User  # noqa: E402

SECONDS, THREADS = float(os.environ["SECONDS"]), int(os.environ["THREADS"])
errors: list[str] = []
out = threading.Lock()


def say(text: str) -> None:
    with out:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def one_round(person: User, team: Team, source: Connection, colleague: User) -> None:
    """Three events: a draft is begun, shared and discarded."""
    begun = drafts.start(by=person, team=team, template="scratch", connection=source)
    say("written")
    sharing.share(begun, by=person, colleague=colleague, role=Share.Role.VIEWER)
    say("written")
    drafts.discard(begun, by=person)
    say("written")


def write(until: float) -> None:
    try:
        found = User.objects.get(username="requester"), Team.objects.get(name="Platform")
        source, colleague = Connection.objects.get(name="Acme production"), User.objects.get(username="teammate")
        while time.monotonic() < until:
            one_round(*found, source, colleague)
    except Exception as error:
        errors.append(f"{type(error).__name__}: {error}")
    finally:
        connection.close()


if __name__ == "__main__":
    end = time.monotonic() + SECONDS
    threads = [threading.Thread(target=write, args=[end]) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say(json.dumps({"errors": errors}))

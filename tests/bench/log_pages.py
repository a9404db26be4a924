"""Pages of the log with a short log and with a long one, in one run: the first page, a filter by person, by thing, a deep page."""

import hashlib
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from django.db import connection as database
from django.db.models import QuerySet

from tests import arrange
from tokenportal import clock
from tokenportal.audit import following, raw, seals
from tokenportal.models import AuditEvent, AuditHead, Token, User

SHORT, LONG = 1_000, 1_000_000
AT_ONCE = 10_000
ACTIONS = ("session.started", "draft.started", "draft.checked", "token.issuing", "token.issued", "token.rolled", "token.revoked")
AIM = 1.5
UNBOUNDED = "Text that is not there"
"""It looks at a whole window, of which a short log has none."""

type Ask = Callable[[str], tuple[str, bytes]]


def grow(to: int) -> None:
    """Append honest events, sealed and linked as the portal does it, until there are so many."""
    ring, head = seals.keyring(), AuditHead.objects.get(id=1)
    people, tokens = list(User.objects.order_by("username")), list(Token.objects.order_by("pk")[:10])
    number, previous, began = head.number, head.hash, clock.now()
    while number < to:
        batch = []
        for _ in range(min(AT_ONCE, to - number)):
            by, token = people[number % len(people)], tokens[number // 7 % len(tokens)]
            event = AuditEvent(
                at=began + timedelta(milliseconds=number), by_id=by.pk, by_name=by.username, channel="web", session=f"{number // 50:016x}",
                address="192.0.2.7", action=ACTIONS[number % len(ACTIONS)], object_type="token", object_id=str(token.pk),
                object_name=token.name, trail=token.trail, changes={"status": ["draft", "issuing"]}, details={"version": 1},
            )  # fmt: skip
            seals.seal(event, number + 1, previous, ring)
            number, previous = event.number, event.hash
            batch.append(event)
        # Django's own: the model's refuses to write in bulk.
        QuerySet(AuditEvent).bulk_create(batch)
    AuditHead.objects.filter(id=1).update(number=number, hash=previous, key_id=ring.current)
    with database.cursor() as cursor:
        cursor.execute("ANALYZE")


def paths() -> dict[str, str]:
    newest, token = AuditHead.objects.get(id=1).number, Token.objects.order_by("pk").first()
    assert token
    return {
        "First page": "/audit/",
        "By person": "/audit/?actor=requester",
        "By thing, its id": f"/audit/?object={token.pk}",
        "By thing, its name": f"/audit/?object={token.name}",
        "Deep page": f"/audit/?before={newest // 2}",
        "By person, deep": f"/audit/?actor=requester&before={newest // 2}",
        "By kind": "/audit/?action=token.issued",
        "Two conditions": "/audit/?actor=requester&action=token.issued",
        UNBOUNDED: "/audit/?q=nowhere",
    }


@contextmanager
def copied() -> Iterator[str]:
    """The database as it stands, under another name for as long as it is needed."""
    name = str(database.settings_dict["NAME"])
    other = f"{name}_short"
    if database.vendor == "sqlite":
        with database.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [other])
        yield other
        return
    database.close()
    with database._nodb_cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{other}" TEMPLATE "{name}"')
    yield other
    database.close()
    with database._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{other}"')


def use(name: str) -> None:
    database.close()
    database.settings_dict["NAME"] = name


def times(ask: Ask, names: Sequence[str], rounds: int) -> list[dict[str, float]]:
    """For each database the median of each page in seconds, measured in turns, so that whatever slows the machine slows both."""
    pages, measured = [], [defaultdict(list) for _ in names]
    for name in names:
        use(name)
        pages.append(paths())
    for _ in range(rounds):
        for name, asked, found in zip(names, pages, measured, strict=True):
            use(name)
            ask("/audit/")
            for page, path in asked.items():
                began = time.perf_counter()
                status, _ = ask(path)
                found[page].append(time.perf_counter() - began)
                if not status.startswith("200"):
                    raise SystemExit(f"{page} answered {status}.")
    return [{page: statistics.median(values) for page, values in found.items()} for found in measured]


def verifying() -> None:
    """What verifying takes, as a multiple of a loop that only reads and hashes the same rows, in turns."""
    ratios = []
    for _ in range(3):
        began = time.perf_counter()
        for page in raw.pages(0):
            for row in page:
                hashlib.sha256(repr(row).encode())
        plain, began = time.perf_counter() - began, time.perf_counter()
        result = following.follow()
        if result.finding:
            raise SystemExit(result.finding.sentence)
        ratios.append((time.perf_counter() - began) / plain)
    print(f"{'verify_audit':30} {result.events:>12} events {statistics.median(ratios):>11.2f} times reading and hashing (aim 3)")


def measure(ask: Ask, *, long: int = LONG, rounds: int = 40) -> None:
    arrange.issue(arrange.draft())
    grow(SHORT)
    name = str(database.settings_dict["NAME"])
    with copied() as other:
        began = time.perf_counter()
        grow(long)
        print(f"{database.vendor}, {long - SHORT} events appended in {time.perf_counter() - began:.0f} s")
        few, many = times(ask, (other, name), rounds)
        use(name)
    print(f"{'':30} {SHORT:>12} {long:>12} {'ratio':>6}")
    for page, took in many.items():
        before = few[page]
        mark = " LONG" if took / before > AIM and page != UNBOUNDED else ""
        print(f"{page:30} {before * 1000:>9.1f} ms {took * 1000:>9.1f} ms {took / before:>6.2f}{mark}")
    verifying()

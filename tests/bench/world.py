"""A throw-away database of a large installation: 400 permission groups, 20,000 zones, a few hundred tokens."""

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection as database

from tests import arrange
from tokenportal import audit
from tokenportal.audit import Event
from tokenportal.models import KnownAccount, KnownZone, Token, TokenRequest

GROUPS, ZONES, TOKENS = 400, 20_000, 300
TEMPLATES = ("edit-zone-dns", "wordpress", "read-billing-info", "read-all-resources", "workers-ai")
WORDS = [
    "api",
    "blog",
    "cdn",
    "cloud",
    "data",
    "dns",
    "edge",
    "lab",
    "mail",
    "media",
    "node",
    "pix",
    "shop",
    "store",
    "test",
    "web",
]


@contextmanager
def throw_away_database() -> Iterator[None]:
    name = database.settings_dict["NAME"]
    database.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        database.creation.destroy_test_db(name, verbosity=0)


def fill(groups: int = GROUPS, zones: int = ZONES, tokens: int = TOKENS) -> tuple[TokenRequest, TokenRequest]:
    """Build it all, and give back two drafts of the cast's requester on three zones each: one checked, one to type in."""
    arrange.sandbox_and_cast()
    checked, typed = arrange.checked(arrange.draft(zones=3)), arrange.draft(zones=3)
    _more_tokens(tokens)
    larger_snapshot(groups, zones)
    with database.cursor() as cursor:
        cursor.execute("ANALYZE")
    return checked, typed


def larger_snapshot(groups: int, zones: int) -> None:
    """The present snapshot with more groups and zones, under a new generation, as a refresh leaves it."""
    here, chance = arrange.connection(), random.Random(1)
    snapshot = here.snapshot
    added = groups - len(snapshot.groups)
    snapshot.groups += [
        {
            "id": uuid.UUID(int=chance.getrandbits(128)).hex, "name": f"Bench {number // 2} {('Read', 'Write')[number % 2]}",
            "scopes": ["com.cloudflare.api.account.zone"], "category": "bench",
        }
        for number in range(added)
    ]  # fmt: skip
    snapshot.generation = uuid.uuid4()
    snapshot.save()
    for model in (KnownAccount, KnownZone):
        model.objects.filter(connection=here).update(generation=snapshot.generation)
    KnownZone.objects.bulk_create(
        (
            KnownZone(
                connection=here, generation=snapshot.generation, zone_id=uuid.UUID(int=chance.getrandbits(128)).hex,
                name=f"{chance.choice(WORDS)}-{chance.choice(WORDS)}-{number}.example", account_id=here.owner_id, status="active",
            )
            for number in range(zones - KnownZone.objects.filter(connection=here).count())
        ),
        batch_size=1000,
    )  # fmt: skip


def _more_tokens(count: int) -> None:
    """Real tokens of several templates, and copies of them."""
    real = [issued.token for template in TEMPLATES if (issued := arrange.issue(arrange.draft(template)))]
    with audit.recording(Event.TOKEN_ISSUED, by=None, subject=real[0]):
        for number in range(count - len(real)):
            copy = Token.objects.get(pk=real[number % len(real)].pk)
            copy.pk, copy.token_request, copy.cloudflare_id = uuid.uuid4(), None, f"{number:032x}"
            copy.name = f"{WORDS[number % len(WORDS)]}-{number} (BENCH)"
            copy._state.adding = True
            copy.save()

"""A throw-away database of a large installation: 400 permission groups, 20,000 zones, a few hundred tokens, 2,000 open reviews."""

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection as database

from tests import arrange
from tokenportal import audit
from tokenportal.audit import Event
from tokenportal.models import Demand, KnownAccount, KnownZone, Review, Token, TokenRequest, Version, WorkingCopy
from tokenportal.models.token_request import new_reference

GROUPS, ZONES, TOKENS, REVIEWS = 400, 20_000, 300, 2_000
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
    more_reviews(arrange.sent(arrange.draft("wordpress")), REVIEWS - 1)
    larger_snapshot(groups, zones)
    counted_anew()
    return checked, typed


def counted_anew() -> None:
    """Let the database count its rows, as PostgreSQL does by itself a while after many came."""
    with database.cursor() as cursor:
        cursor.execute("ANALYZE")


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


def more_reviews(of: TokenRequest, count: int) -> None:
    """So many more requests in review that are like this one, each sent a second after the one before."""
    review = of.reviews.get()
    version, copy, demands = of.versions.get(number=of.version), of.working_copy, list(review.demands.all())
    made: dict[Any, list[Any]] = {model: [] for model in (TokenRequest, WorkingCopy, Version, Review, Demand)}
    for number in range(count):
        request = _like(of, id=uuid.uuid4(), reference=new_reference())
        sent_at = review.sent_at + timedelta(seconds=number + 1)
        sent = _like(review, id=uuid.uuid4(), token_request_id=request.pk, sent_at=sent_at)
        made[TokenRequest].append(request)
        made[WorkingCopy].append(_like(copy, token_request_id=request.pk))
        made[Version].append(_like(version, id=uuid.uuid4(), token_request_id=request.pk))
        made[Review].append(sent)
        made[Demand] += [_like(one, id=uuid.uuid4(), review_id=sent.pk) for one in demands]
    with audit.recording(Event.REVIEW_SENT, by=None, subject=of):
        for model, rows in made.items():
            model.objects.bulk_create(rows, batch_size=500)


def _like(row: Any, **changes: Any) -> Any:
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return type(row)(**{**values, **changes})

"""What Cloudflare last told us through a connection: read anew, looked up, and turned into the policy's terms."""

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, lru_cache
from itertools import batched
from types import MappingProxyType

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from tokenportal import audit, clock, cloudflare, rules, upstream, visible
from tokenportal.audit import Event
from tokenportal.models import Connection, KnownAccount, KnownZone, Snapshot, User
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.resources import is_id
from tokenportal.policy.surroundings import Surroundings, Zone

BATCH = 1000
COUNTED = 100
"""A search that finds more zones than this says only that there are more."""
GIVEN_UP_AFTER = timedelta(minutes=15)
"""A reading that is older was killed on its way; the next one takes over."""
BROKE_OFF = "The portal itself stopped on its way. Read it again."


class Overtaken(Exception):
    """Another reading has begun since, so this one ends without a trace."""


def refresh(connection: Connection, *, by: User | None = None) -> Snapshot:
    """Read permission groups, accounts and zones. A failure leaves the old snapshot standing and says why in ``error``.

    Where another reading is under way, nothing is read and that one's state is the answer.
    """
    if by is not None:
        rules.require(rules.may_administer(by))
    snapshot = _claimed(connection)
    if snapshot is None:
        return Snapshot.objects.get(connection=connection)
    generation = uuid.uuid4()
    try:
        groups, complete = _read(snapshot, generation)
        with audit.recording(Event.SNAPSHOT_REFRESHED, by=by, subject=connection, zones=snapshot.zones_read):
            _tell(
                snapshot, state=Snapshot.State.READY, generation=generation, groups=groups, read_at=clock.now(),
                zones_total=snapshot.zones_read, zones_complete=complete,
            )  # fmt: skip
            for model in (KnownAccount, KnownZone):
                model.objects.filter(connection=connection).exclude(generation=generation).delete()
    except Overtaken:
        _forget(connection, generation)
        snapshot.refresh_from_db()
    except cloudflare.CloudflareError as error:
        _forget(connection, generation)
        _give_up(snapshot, error.safe)
        with audit.recording(Event.SNAPSHOT_REFRESHED, by=by, subject=connection, ray=error.ray) as record:
            record.outcome, record.reason = "failed", error.safe
    except Exception:
        _forget(connection, generation)
        _give_up(snapshot, BROKE_OFF)
        raise
    return snapshot


def _claimed(connection: Connection) -> Snapshot | None:
    """The connection's row, marked as being read by us; None where somebody else is reading. Decided in one update."""
    connection.known_generation = None
    if SNAPSHOT.is_cached(connection):
        SNAPSHOT.delete_cached_value(connection)
    snapshot, _ = Snapshot.objects.get_or_create(connection=connection)
    now = clock.now()
    free = ~Q(state=Snapshot.State.READING) | Q(started_at__lt=now - GIVEN_UP_AFTER)
    begun = {"state": Snapshot.State.READING, "started_at": now, "zones_read": 0, "zones_total": None, "error": ""}
    if not Snapshot.objects.filter(free, connection=connection).update(**begun):
        return None
    snapshot.refresh_from_db()
    return snapshot


def _tell(snapshot: Snapshot, **values: object) -> None:
    """Save fields of a snapshot that is still ours. Raises Overtaken where another reading has taken it over."""
    mine = Snapshot.objects.filter(pk=snapshot.pk, state=Snapshot.State.READING, started_at=snapshot.started_at)
    if not mine.update(**values):
        raise Overtaken
    for name, value in values.items():
        setattr(snapshot, name, value)


def _give_up(snapshot: Snapshot, why: str) -> None:
    try:
        _tell(snapshot, state=Snapshot.State.FAILED, error=why[:400])
    except Overtaken:
        snapshot.refresh_from_db()


def _forget(connection: Connection, generation: uuid.UUID) -> None:
    for model in (KnownAccount, KnownZone):
        model.objects.filter(connection=connection, generation=generation).delete()


def _read(snapshot: Snapshot, generation: uuid.UUID) -> tuple[list[dict[str, object]], bool]:
    """Write the rows of a new generation; gives back the permission groups, and whether these are all zones.

    Lists shift while one pages through them, so that a row may come twice; the first one stays.
    """
    connection = snapshot.connection
    client = upstream.client(connection, background=True)
    groups = client.permission_groups()
    KnownAccount.objects.bulk_create(
        (
            KnownAccount(
                connection=connection, generation=generation, account_id=account.id, name=visible.on_one_line(account.name, 200)
            )
            for account in client.accounts()
        ),
        ignore_conflicts=True,
    )

    complete = False

    def progress(done: int, total: int | None, last: bool) -> None:
        nonlocal complete
        complete = last
        _tell(snapshot, zones_read=done, zones_total=total)

    for rows in batched(client.zones(progress), BATCH):
        with transaction.atomic():
            KnownZone.objects.bulk_create(
                (
                    KnownZone(
                        connection=connection, generation=generation, zone_id=zone.id, name=visible.on_one_line(zone.name.lower(), 253),
                        account_id=zone.account_id, status=zone.status,
                    )
                    for zone in rows
                ),
                ignore_conflicts=True,
            )  # fmt: skip
    return groups, complete


@dataclass(frozen=True)
class _Known:
    """One generation of a snapshot, which never changes: read once in each process, since counting zones is slow."""

    connection_id: uuid.UUID
    generation: uuid.UUID
    catalogue: Catalogue
    accounts: dict[str, str]
    zone_counts: dict[str, int]
    zones_complete: bool = True

    @cached_property
    def names(self) -> str:
        """The name of every zone on a line of its own: 20,000 of them are half a megabyte, searched in half a millisecond."""
        zones = KnownZone.objects.filter(connection_id=self.connection_id, generation=self.generation)
        return "\n".join(("", *sorted(zones.order_by().values_list("name", flat=True)), ""))


SNAPSHOT = Connection._meta.get_field("snapshot")
PART_OF_AN_ID = re.compile(r"[0-9a-f]{6,32}")
NEVER_READ = uuid.UUID(int=0)
"""A generation that no row has."""
_known: dict[uuid.UUID, _Known] = {}
"""By connection: its newest generation."""


def _present(connection: Connection) -> _Known:
    """What the present snapshot says; nothing before the first one."""
    generation = _generation(connection)
    known = _known.get(connection.pk)
    if known is None or known.generation != generation:
        known = _known[connection.pk] = _read_known(connection)
    return known


def _generation(connection: Connection) -> uuid.UUID:
    """Of the snapshot that was loaded with the connection, else asked for."""
    if connection.known_generation:
        return connection.known_generation
    if SNAPSHOT.is_cached(connection):
        snapshot = getattr(connection, "snapshot", None)
        return snapshot.generation if snapshot else NEVER_READ
    return Snapshot.objects.filter(connection=connection).values_list("generation", flat=True).first() or NEVER_READ


def _read_known(connection: Connection) -> _Known:
    snapshot = Snapshot.objects.filter(connection=connection).first()
    if snapshot is None:
        return _Known(connection.pk, NEVER_READ, Catalogue(()), {}, {})
    rows = {"connection": connection, "generation": snapshot.generation}
    accounts = KnownAccount.objects.filter(**rows).values_list("account_id", "name")
    counts = KnownZone.objects.filter(**rows).order_by().values_list("account_id").annotate(number=Count("pk"))
    groups, complete = Catalogue.from_api(snapshot.groups), snapshot.zones_complete
    return _Known(connection.pk, snapshot.generation, groups, dict(accounts), dict(counts), complete)


def catalogue(connection: Connection) -> Catalogue:
    """The permission groups that a connection offers; empty before its first snapshot."""
    return _present(connection).catalogue


@lru_cache(maxsize=1)
def all_known_groups() -> Catalogue:
    """Every group of public knowledge, for lists: no query, and groups keep their names when a connection loses them."""
    return Catalogue.from_facts()


def accounts(connection: Connection) -> list[KnownAccount]:
    return list(KnownAccount.objects.filter(connection=connection, generation=_present(connection).generation))


def _zones(connection: Connection) -> "QuerySet[KnownZone]":
    return KnownZone.objects.filter(connection=connection, generation=_present(connection).generation)


def surroundings(connection: Connection, zone_ids: Iterable[str] = ()) -> Surroundings:
    """What a spec stands in: its accounts, just the zones that are named, and today's counts, if they are known to the end."""
    known = _present(connection)
    return Surroundings(
        owner=upstream.owner(connection),
        accounts=known.accounts,
        zones=_named(connection.pk, known.generation, frozenset(zone_ids)),
        zone_counts=known.zone_counts if known.zones_complete else {},
    )


@lru_cache(maxsize=256)
def _named(connection_id: uuid.UUID, generation: uuid.UUID, ids: frozenset[str]) -> Mapping[str, Zone]:
    """The zones of one generation, which never changes, by id: whoever works on a draft asks for the same ones again."""
    rows = KnownZone.objects.filter(connection_id=connection_id, generation=generation, zone_id__in=ids)
    return MappingProxyType({row.zone_id: Zone(row.zone_id, row.name, row.account_id, row.status) for row in rows} if ids else {})


def find_zones(connection: Connection, text: str = "", limit: int = 100) -> list[KnownZone]:
    """Zones in whose name the text occurs, in order of name."""
    return list(_zones(connection).filter(name__icontains=text.strip())[:limit])


def search_zones(connection: Connection, text: str, *, limit: int = 8) -> tuple[list[KnownZone], int | None]:
    """At most ``limit`` zones: that whose id begins so, those whose name does, then those in whose name it occurs, by name.

    With them how many there are in all; None for more than ``COUNTED``.
    """
    known, sought = _present(connection), text.strip().lower().replace("\n", " ")
    here = KnownZone.objects.filter(connection=connection, generation=known.generation)
    if PART_OF_AN_ID.fullmatch(sought) and (by_id := list(here.filter(zone_id__startswith=sought)[:limit])):
        return by_id, len(by_id)
    inside = _lines_with(known.names, sought or "\n", COUNTED + 1)
    first = _lines_with(known.names, f"\n{sought}", limit)
    places = {name: place for place, name in enumerate(dict.fromkeys((*first, *inside[:limit])))}
    found = sorted(here.filter(name__in=places), key=lambda zone: (places[zone.name], zone.account_id))
    return found[:limit], len(inside) if len(inside) <= COUNTED else None


def _lines_with(lines: str, sought: str, at_most: int) -> list[str]:
    """The first lines in which the text occurs. The text may begin with a line break, to stand where a line begins."""
    found: list[str] = []
    end = 0
    while len(found) < at_most and (at := lines.find(sought, end, len(lines) - 1)) >= 0:
        start = lines.rindex("\n", 0, at + len(sought)) + 1
        end = lines.index("\n", start)
        found.append(lines[start:end])
    return found


def size(connection: Connection) -> tuple[int, int]:
    """How many accounts and zones the present snapshot holds, also while the next one is being read."""
    known = _present(connection)
    return len(known.accounts), sum(known.zone_counts.values())


def zones_by_name(connection: Connection, names: Iterable[str]) -> dict[str, list[Zone]]:
    """The zones of each name, in lower case, or id. Several accounts may hold one name: the best answer stands first.

    Best is a zone of the account that will own the token, then one that is active.
    """
    wanted = {name.strip().lower().rstrip(".") for name in names}
    found: dict[str, list[KnownZone]] = {}
    ids = {text for text in wanted if is_id(text)}
    for zone in _zones(connection).filter(Q(name__in=wanted) | Q(zone_id__in=ids)):
        for key in {zone.name, zone.zone_id} & wanted:
            found.setdefault(key, []).append(zone)

    def rank(zone: KnownZone) -> tuple[bool, bool, str]:
        return zone.account_id != connection.owner_id, zone.status != "active", zone.account_id

    return {
        name: [Zone(zone.zone_id, zone.name, zone.account_id) for zone in sorted(rows, key=rank)] for name, rows in found.items()
    }


def zones_named(connection: Connection, names: Iterable[str]) -> dict[str, str]:
    """The id of the best zone of each exact name (see ``zones_by_name``)."""
    return {name: zones[0].id for name, zones in zones_by_name(connection, names).items()}

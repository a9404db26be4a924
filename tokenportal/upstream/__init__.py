"""From a connection's row to a client that can call: opened credential, transport, deadline, gate."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.module_loading import import_string

from tokenportal import clock, cloudflare, crypto, keys
from tokenportal.models import Connection, UpstreamState
from tokenportal.policy.surroundings import Owner
from tokenportal.secret import Secret
from tokenportal.upstream import breaker, gate
from tokenportal.upstream.budget import Budget
from tokenportal.upstream.gate import Gate
from tokenportal.upstream.gate import Uncounted as Uncounted

TABLE, COLUMN = "connection", "sealed_credential"


def sealing_keys() -> keys.Keyring:
    """Raises keys.KeyMissing where the file is not there."""
    load = keys.load_or_make if settings.KEYS_ARE_MADE_ON_DEMAND else keys.load
    return load(Path(settings.KEYS_DIR), "sealing")


def seal(connection: Connection, credential: Secret) -> str:
    return crypto.seal(credential, sealing_keys(), table=TABLE, column=COLUMN, row_id=connection.pk)


def is_the_one_stored(connection: Connection, mark: str) -> bool | None:
    """Whether the sealed text has this fingerprint; None where the key is not here."""
    try:
        return crypto.has_fingerprint(connection.sealed_credential, mark, sealing_keys())
    except keys.KeyMissing:
        return None


def credential(connection: Connection) -> Secret:
    """Raises NeverSent where the sealed text does not belong to this row, or its key is not here."""
    try:
        return crypto.open_sealed(connection.sealed_credential, sealing_keys(), table=TABLE, column=COLUMN, row_id=connection.pk)
    except (crypto.CannotOpen, keys.KeyMissing):
        raise cloudflare.NeverSent(
            "The stored credential of this connection does not open: it was changed, moved, or its key is missing. "
            "Ask an admin to look at the connection. Nothing was sent."
        ) from None


def client(connection: Connection, *, secret: Secret | None = None, background: bool = False) -> cloudflare.Client:
    """Whatever it calls passes the connection's gate. Raises NeverSent where the stored credential does not open.

    ``secret`` takes the place of the stored credential; ``background``: nobody waits for what is read (see gate).
    """
    session = cloudflare.new_session()
    base = settings.CLOUDFLARE_API_BASE_URL
    if settings.UPSTREAM_TRANSPORT:
        parts = urlsplit(base)
        session.mount(f"{parts.scheme}://{parts.netloc}/", import_string(settings.UPSTREAM_TRANSPORT)())
    return cloudflare.Client(
        base, secret or credential(connection), owner_path=connection.owner_path, session=session,
        deadline=settings.UPSTREAM_DEADLINE_SECONDS, gate=Gate(connection.pk, background=background),
    )  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """How a connection's calls stand. ``used`` of the budget's calls were made within its period.

    ``blocked_until``: Cloudflare wants no calls before. ``failures`` in a row had no answer; with enough of them
    ``is_silent`` is true, and none is made until ``open_until``; where that is None, the next one finds out.
    """

    budget: Budget
    used: int = 0
    blocked_until: datetime | None = None
    failures: int = 0
    is_silent: bool = False
    open_until: datetime | None = None

    @property
    def goes_on_at(self) -> str:
        """The time of day at which calls go on, where none is made now."""
        until = self.blocked_until or self.open_until
        return cloudflare.time_of_day(until) if until else ""


def standing(connection: Connection) -> Standing:
    """Read from what is shared between all processes; Cloudflare is not asked."""
    return standing_of(UpstreamState.objects.filter(pk=connection.pk).first())


def standing_of(state: UpstreamState | None) -> Standing:
    budget, now = gate.budget(), clock.now()
    if state is None:
        return Standing(budget)
    return Standing(
        budget, budget.used(state.slots, now), breaker.blocked_until(state, now),
        state.failures, state.open_until is not None, breaker.open_until(state, now),
    )  # fmt: skip


def owner(connection: Connection) -> Owner:
    """Who will own the tokens of this connection."""
    return Owner("account" if connection.kind == Connection.Kind.ACCOUNT else "user", connection.owner_id, connection.owner_name)

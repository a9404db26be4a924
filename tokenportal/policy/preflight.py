"""What speaks for and against a body before it is sent, from what is known without asking Cloudflare, and since when.

Only what is certain `stops` it: a permission that is not offered, a zone or an account that is not there, no room for a token.
What a credential may hand on is Cloudflare's to say, so nothing is concluded from it, and nobody is told to widen one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from tokenportal.policy import diff, listing, moments
from tokenportal.policy.body import UNKNOWN, atoms, policies_of, restrictions_of
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.resources import Resource
from tokenportal.policy.surroundings import Surroundings

State = Literal["ok", "problem", "unknown"]
NEARLY_FULL: Final = 0.8
SOON: Final = timedelta(days=14)
ONLY_CLOUDFLARE: Final = "Whether Cloudflare will let this connection grant it is known only when it is asked."


@dataclass(frozen=True, slots=True)
class Check:
    """`slug` and `what` name the question. `known_at` is when its answer was learnt; None where it was not, or is about no moment."""

    slug: str
    what: str
    state: State
    sentence: str
    known_at: datetime | None = None
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Offered:
    """What a connection offers, as read at `read_at` (None: never). `complete`: all its zones were read."""

    catalogue: Catalogue
    around: Surroundings
    read_at: datetime | None
    complete: bool


@dataclass(frozen=True, slots=True)
class Credential:
    """What is known of a connection's own credential.

    `may_create` is what its last test said, `end_told` what that said of its end. `body`, `expires_on` and `status` are of the
    token itself as listed at `seen_at`; None, None and "" where no reading has met it.
    """

    tested_at: datetime | None = None
    may_create: bool | None = None
    end_told: str = ""
    seen_at: datetime | None = None
    body: Mapping[str, Any] | None = None
    expires_on: datetime | None = None
    status: str = ""


@dataclass(frozen=True, slots=True)
class Room:
    """How many tokens the owner has of how many that it may have. `certain`: the last list was read to its end."""

    count: int
    quota: int
    counted_at: datetime | None
    certain: bool


@dataclass(frozen=True, slots=True)
class Line:
    """How the connection's calls went: when one was last made and whether it worked; `quiet`: why none is made now, if so."""

    worked: bool | None = None
    at: datetime | None = None
    quiet: str = ""


def checks(
    body: Mapping[str, Any], offered: Offered, credential: Credential, room: Room | None, line: Line, now: datetime
) -> tuple[Check, ...]:
    """Every question with its answer. `room` is None where no token would be added."""
    return (
        *_permissions(body, offered), *_places(body, offered), _grant(body, offered, credential),
        *([_room(room)] if room else []), _credential(body, credential, now), _line(line),
    )  # fmt: skip


def stopping(found: Iterable[Check]) -> tuple[Check, ...]:
    return tuple(check for check in found if check.stops)


def _permissions(body: Mapping[str, Any], offered: Offered) -> Iterator[Check]:
    what = "Permissions"
    ids = {id for policy in policies_of(body) for id in policy.groups}
    if offered.read_at is None:
        yield Check("permissions", what, "unknown", "What this connection offers has never been read.")
        return
    missing = [listing.named(id, offered.catalogue) for id in sorted(ids) if id not in offered.catalogue]
    if missing:
        names = diff.some([f"{group.label}: {group.level_label}" for group in missing])
        sentence = f"Cloudflare does not offer {names} through this connection any more. Take it out."
        yield Check("permissions", what, "problem", sentence, offered.read_at, stops=True)
    else:
        yield Check("permissions", what, "ok", f"Cloudflare offers {_all(len(ids), 'permission')} asked for.", offered.read_at)


def _places(body: Mapping[str, Any], offered: Offered) -> Iterator[Check]:
    """Zones and accounts that are named, in an exclusion too: an answer for what is gone, and one for what is not active."""
    what, around = "Zones and accounts", offered.around
    named = {resource for policy in policies_of(body) for resource in policy.resources}
    zones = sorted(resource.id for resource in named if resource.kind == "zone")
    accounts = sorted({id for resource in named if (id := _account_in(resource))})
    if not (zones or accounts):
        return
    if offered.read_at is None:
        yield Check("places", what, "unknown", "The zones of this connection have never been read.")
        return
    owner = around.owner.id if around.owner.kind == "account" else ""
    gone = [f"the zone {id}" for id in zones if id not in around.zones]
    away = [f"the account {id}" for id in accounts if id != owner and id not in around.accounts]
    if (gone and not offered.complete) or (away and not around.accounts):
        sentence = f"It is not known whether {diff.some([*gone, *away])} is there: this connection does not show all there is."
        yield Check("places", what, "unknown", sentence, offered.read_at)
    elif gone or away:
        sentence = f"This connection does not see {diff.some([*gone, *away])} any more. Take it out."
        yield Check("places", what, "problem", sentence, offered.read_at, stops=True)
    elif asleep := [zone for id in zones if (zone := around.zones[id]).status not in ("", "active")]:
        names = diff.some([f"{zone.name} ({zone.status})" for zone in asleep])
        sentence = f"Not active at Cloudflare: {names}. The token can be made, and may not be able to do anything there yet."
        yield Check("places", what, "problem", sentence, offered.read_at)
    else:
        told = [_all(len(zones), "zone")] if zones else []
        told += [_all(len(accounts), "account")] if accounts else []
        yield Check("places", what, "ok", f"This connection sees {' and '.join(told)} named.", offered.read_at)


def _account_in(resource: Resource) -> str:
    if resource.kind in ("account", "zones of"):
        return resource.id
    return resource.id.split("/")[0] if resource.kind == "bucket" else ""


def _grant(body: Mapping[str, Any], offered: Offered, credential: Credential) -> Check:
    slug, what = "grant", "What the connection can grant"
    if credential.may_create is False:
        sentence = "When it was last tested, it could not be shown to create tokens. An admin must look at it."
        return Check(slug, what, "problem", sentence, credential.tested_at)
    if offered.around.owner.kind == "user":
        sentence = f"A user’s credential grants what its user may. {ONLY_CLOUDFLARE}"
        return Check(slug, what, "unknown", sentence, credential.tested_at)
    held = credential.body
    if held is None:
        return Check(slug, what, "unknown", f"What its own credential holds has not been read. {ONLY_CLOUDFLARE}")
    if any(effect in (UNKNOWN, "deny") for effect, _, _ in atoms(held)):
        sentence = f"What its own credential holds is more than the portal can tell apart. {ONLY_CLOUDFLARE}"
        return Check(slug, what, "unknown", sentence, credential.seen_at)
    if lacking := diff.lacking(held, body, offered.catalogue, offered.around):
        groups = [listing.named(id, offered.catalogue) for id in lacking]
        names = diff.some([f"{group.label}: {group.level_label}" for group in groups])
        sentence = (
            f"Its own credential does not hold {names} there, and an account-owned one grants no more than it holds. "
            f"Ask for less, or choose another connection. {ONLY_CLOUDFLARE}"
        )
        return Check(slug, what, "problem", sentence, credential.seen_at)
    return Check(slug, what, "ok", f"Its own credential holds all of it. {ONLY_CLOUDFLARE}", credential.seen_at)


def _room(room: Room) -> Check:
    slug, what = "quota", "Limit of tokens"
    told = f"{room.count} of {room.quota} tokens are in use"
    if room.counted_at is None:
        return Check(slug, what, "unknown", "How many tokens its owner has is not known: they have never been read.")
    if not room.certain:
        state: State = "problem" if room.count >= room.quota else "unknown"
        return Check(slug, what, state, f"At least {told}; there may be more, for the list is not whole.", room.counted_at)
    if room.count >= room.quota:
        sentence = f"There is no room for another token: {told}. Revoke one that nobody needs."
        return Check(slug, what, "problem", sentence, room.counted_at, stops=True)
    if room.count >= NEARLY_FULL * room.quota:
        return Check(slug, what, "problem", f"It is nearly full: {told}.", room.counted_at)
    return Check(slug, what, "ok", f"{told}.", room.counted_at)


def _credential(body: Mapping[str, Any], credential: Credential, now: datetime) -> Check:
    slug, what = "credential", "The connection’s credential"
    end = credential.expires_on
    if credential.body is None:
        state: State = "ok" if credential.end_told else "unknown"
        told = credential.end_told or "When the connection’s own credential ends is not known."
        return Check(slug, what, state, told, credential.tested_at)
    if end and end <= now:
        sentence = f"It ended on {moments.in_words(end)}, so Cloudflare will refuse it. An admin must replace it."
        return Check(slug, what, "problem", sentence, credential.seen_at)
    if credential.status != "active":
        sentence = f"It was {credential.status}, so Cloudflare will refuse it. An admin must look at it."
        return Check(slug, what, "problem", sentence, credential.seen_at)
    if end is None:
        return Check(slug, what, "ok", "It works, and never ends.", credential.seen_at)
    if end <= now + SOON:
        sentence = f"It ends {moments.relative(end, now)}, on {moments.in_words(end)}. An admin must replace it before."
        return Check(slug, what, "problem", sentence, credential.seen_at)
    own_end = restrictions_of(body).expires_on
    before = " That is before this token’s end, and without it nobody can care for the token from here."
    told = before if own_end is None or own_end > end else ""
    return Check(slug, what, "ok", f"It works until {moments.in_words(end)}.{told}", credential.seen_at)


def _line(line: Line) -> Check:
    slug, what = "cloudflare", "Cloudflare"
    if line.quiet:
        return Check(slug, what, "problem", line.quiet)
    if line.worked is None:
        return Check(slug, what, "unknown", "Nothing has been asked through this connection yet.")
    if not line.worked:
        return Check(slug, what, "problem", "It did not answer as it should when it was last asked.", line.at)
    return Check(slug, what, "ok", "It answered when it was last asked.", line.at)


def _all(number: int, noun: str) -> str:
    return f"the {noun}" if number == 1 else f"both {noun}s" if number == 2 else f"all {number} {noun}s"

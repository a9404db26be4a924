"""The circuit breaker: after a few calls without an answer none is made for a while, then one finds out.

These functions read and change a connection's UpstreamState in memory; the gate loads, locks and saves it. Closed: ``open_until`` is
None. Open: it lies ahead. Half open: it has passed, and one call at a time, the probe, is let through until one is answered.
"""

from datetime import datetime, timedelta

from django.conf import settings

from tokenportal.cloudflare import CloudflareError, HeldBack, Refused, time_of_day
from tokenportal.cloudflare.quiet import LONGEST
from tokenportal.models import UpstreamState

SILENT = "Cloudflare has not answered lately."


def is_failure(error: CloudflareError | None) -> bool:
    """Whether nothing that can be worked with answered: no connection, no answer, a broken one, a 5xx. A refusal is an answer."""
    return error is not None and not isinstance(error, Refused) and not 400 <= error.status < 500


def blocked_until(state: UpstreamState, now: datetime) -> datetime | None:
    """Until when Cloudflare wants no call; None where it takes them."""
    return _ahead(state.blocked_until, now, timedelta(seconds=LONGEST))


def open_until(state: UpstreamState, now: datetime) -> datetime | None:
    """Until when the breaker is open; None where it is closed or half open."""
    return _ahead(state.open_until, now, timedelta(seconds=settings.UPSTREAM_BREAKER_SECONDS))


def _ahead(until: datetime | None, now: datetime, longest: timedelta) -> datetime | None:
    """The moment, if it lies ahead, and no further than it can: beyond that, the clock has been put back since."""
    return until if until and now < until <= now + longest else None


def hold_back(state: UpstreamState, now: datetime) -> None:
    """Raises HeldBack where no call may be made."""
    if until := blocked_until(state, now):
        raise HeldBack(
            f"Cloudflare takes no calls from the portal until {time_of_day(until)}, because there were too many.", until=until
        )
    if until := open_until(state, now):
        raise HeldBack(f"{SILENT} It is asked again at {time_of_day(until)}.", until=until)
    if state.open_until and _ahead(state.probing_since, now - _longest_probe(), _longest_probe()):
        raise HeldBack(f"{SILENT} The portal is finding out just now whether it does again.")


def be_quiet(state: UpstreamState, now: datetime, seconds: float) -> None:
    """Of two wishes to be left alone the longer one counts."""
    state.blocked_until = max(blocked_until(state, now) or now, now + timedelta(seconds=seconds))


def _longest_probe() -> timedelta:
    """A probe that takes longer belongs to a process that was ended."""
    return timedelta(seconds=2 * settings.UPSTREAM_DEADLINE_SECONDS + 5)


def let_through(state: UpstreamState, now: datetime) -> bool:
    """Note that a call goes out; True where it is the probe."""
    if state.open_until is None:
        return False
    state.probing_since = now
    return True


def failed(state: UpstreamState, now: datetime, *, probe: bool) -> None:
    """A call that left before the breaker opened says nothing new once it is open."""
    if state.open_until is not None and not probe:
        return
    state.failures += 1
    if probe or state.failures >= settings.UPSTREAM_BREAKER_FAILURES:
        state.open_until = now + timedelta(seconds=settings.UPSTREAM_BREAKER_SECONDS)
        state.probing_since = None


def answered(state: UpstreamState) -> None:
    state.failures = 0
    state.open_until = state.probing_since = None


def at_rest(state: UpstreamState) -> bool:
    """Whether an answer has nothing to put right."""
    return state.failures == 0 and state.open_until is None

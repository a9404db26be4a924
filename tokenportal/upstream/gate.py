"""What every call through a connection passes: a seat, what Cloudflare and the breaker say, the budget.

All processes share it, in the connection's UpstreamState. A row is locked for as long as it takes to count, in a transaction of its own, never
while a call is under way. Its commit does not wait for the disk: only a loss of power can lose the last counts.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import Error

from tokenportal import clock
from tokenportal.cloudflare import Answer, CloudflareError, HeldBack, Send, time_of_day
from tokenportal.models import UpstreamState
from tokenportal.models.durability import committed_soon
from tokenportal.models.outage import is_outage
from tokenportal.upstream import breaker
from tokenportal.upstream.budget import Budget
from tokenportal.upstream.seats import Seats

log = logging.getLogger("tokenportal.upstream")
SEATS = Seats()
FIELDS = ("slots", "blocked_until", "failures", "open_until", "probing_since")


class Uncounted(HeldBack):
    """A call that was not made because the database could not be written, so that nothing else can be recorded either."""


def budget() -> Budget:
    return Budget(settings.UPSTREAM_BUDGET_CALLS, settings.UPSTREAM_BUDGET_SECONDS)


@dataclass(frozen=True)
class Gate:
    """``background``: nobody waits for these calls, so that they leave a part of the budget to others."""

    connection_id: UUID
    background: bool = False

    def __call__(self, send: Send, ask: Send | None) -> Answer:
        """Raises HeldBack where the call is not made, else what the call raises.

        A write is never the probe. While nobody knows whether Cloudflare answers, a harmless read goes first: should that
        get lost, nothing is uncertain.
        """
        with SEATS.seat(self.connection_id):
            probe = self._let_through()
            if probe and ask is not None:
                self._find_out(ask)
                probe = self._let_through()
            return self._noted(send, probe=probe)

    def _find_out(self, ask: Send) -> None:
        try:
            self._noted(ask, probe=True)
        except CloudflareError as error:
            if breaker.is_failure(error):
                raise HeldBack(f"{breaker.SILENT} It was asked once more, and did not answer.") from None

    def _let_through(self) -> bool:
        """Count one call, and say whether it is the probe. What cannot be counted is not sent."""
        try:
            return self._change(self._admit)
        except Error as error:
            held = Uncounted if is_outage(error) else HeldBack
            raise held("The portal's database did not take down this call.") from None

    def _admit(self, state: UpstreamState) -> bool:
        now = clock.now()
        breaker.hold_back(state, now)
        if until := budget().goes_on_at(state.slots, now, background=self.background):
            raise HeldBack(f"{self._used_up()} It goes on at {time_of_day(until)}.", until=until)
        state.slots = budget().spent(state.slots, now)
        return breaker.let_through(state, now)

    def _used_up(self) -> str:
        if self.background:
            return "What is left of the portal's calls to Cloudflare is kept for people."
        return f"The portal has made all the calls to Cloudflare that it allows itself: {budget().calls} in {budget().period}."

    def _noted(self, send: Send, *, probe: bool) -> Answer:
        try:
            answer = send()
        except CloudflareError as error:
            self._note(error, error.quiet, probe=probe)
            raise
        self._note(None, answer.quiet, probe=probe)
        return answer

    def _note(self, error: CloudflareError | None, quiet: float, *, probe: bool) -> None:
        """Write down what the answer says about the next calls. Whatever goes wrong here must not hide the answer."""
        failed = breaker.is_failure(error)

        def put_right(state: UpstreamState) -> None:
            now = clock.now()
            if failed:
                breaker.failed(state, now, probe=probe)
            else:
                breaker.answered(state)
            if quiet:
                breaker.be_quiet(state, now, quiet)

        try:
            state = UpstreamState.objects.filter(pk=self.connection_id).first()
            if failed or quiet or state is None or not breaker.at_rest(state):
                self._change(put_right)
        except Error as trouble:
            log.warning("what a call told could not be written down: %s", type(trouble).__name__)

    def _change[Result](self, change: Callable[[UpstreamState], Result]) -> Result:
        with committed_soon():
            state, _ = UpstreamState.objects.select_for_update().get_or_create(connection_id=self.connection_id)
            result = change(state)
            state.save(update_fields=FIELDS)
        return result

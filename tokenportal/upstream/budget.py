"""How many calls were made lately, and when the next one may be: plain arithmetic on counts by slices of the period."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SLICES = 30
BACKGROUND_PERCENT = 80
"""How much of the budget reading in the background may use: the rest is for what a person waits for."""

type Slots = Mapping[str, int]
"""Calls by slice: ``{"<slice number>": calls}``, as JSON keeps it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """At most ``calls`` in any ``seconds`` on end.

    A thirtieth of the period is a slice. Each slice that a period ending now touches counts as a whole, so that the promise
    holds for every period, wherever it begins; a call may have to wait one slice longer than it strictly had to.
    """

    calls: int
    seconds: int

    @property
    def period(self) -> str:
        """The period in words, such as "5 minutes"."""
        number, unit = (self.seconds, "second") if self.seconds % 60 else (self.seconds // 60, "minute")
        return f"{number} {unit}{'' if number == 1 else 's'}"

    @property
    def _slice(self) -> timedelta:
        """Rounded up, so that the slices together are never shorter than the period."""
        return timedelta(microseconds=-(-self.seconds * 1_000_000 // SLICES))

    def _recent(self, slots: Slots, now: datetime) -> dict[int, int]:
        """What still counts. Slices ahead count too, since a clock may have been put back; distant ones are another clock's."""
        here = (now - EPOCH) // self._slice
        return {int(number): calls for number, calls in slots.items() if abs(here - int(number)) <= SLICES}

    def used(self, slots: Slots, now: datetime) -> int:
        return sum(self._recent(slots, now).values())

    def spent(self, slots: Slots, now: datetime) -> dict[str, int]:
        """The counts after one more call; those that count no more are dropped."""
        recent = self._recent(slots, now)
        here = (now - EPOCH) // self._slice
        recent[here] = recent.get(here, 0) + 1
        return {str(number): calls for number, calls in recent.items()}

    def most(self, *, background: bool) -> int:
        return max(self.calls * BACKGROUND_PERCENT // 100, 1) if background else self.calls

    def goes_on_at(self, slots: Slots, now: datetime, *, background: bool = False) -> datetime | None:
        """The moment from which a call may be made; None where one may be made now."""
        used, most = self.used(slots, now), self.most(background=background)
        if used < most:
            return None
        recent = sorted(self._recent(slots, now).items())
        past = zip(recent, accumulate(calls for _, calls in recent), strict=True)
        number = next(number for (number, _), gone in past if used - gone < most)
        return EPOCH + (number + SLICES + 1) * self._slice

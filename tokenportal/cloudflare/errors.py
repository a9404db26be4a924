"""Failures, named by what is known after them.

NeverSent: no byte of the request reached the server. Refused: a complete, well-formed refusal (which may still lie).
OutcomeUnknown: anything else; a write may have worked. Each carries words that are safe to show and to keep.
"""

from datetime import datetime, timedelta

from tokenportal import clock
from tokenportal.cloudflare.words import explain, time_of_day

NO_SUCH_ADDRESS = 7003
"""Cloudflare's code for an address that it cannot route: a 404 that says nothing about the token."""


class CloudflareError(Exception):
    """``safe``: our sentence about what is known, with at most a few scrubbed words of the upstream's.

    ``quiet``: the seconds for which the answer, if there was one, wants no further call (see quiet).
    """

    def __init__(self, safe: str, *, ray: str = "", status: int = 0) -> None:
        super().__init__(safe)
        self.safe = safe
        self.ray = ray
        self.status = status
        self.quiet = 0.0

    @property
    def is_absence(self) -> bool:
        """Whether Cloudflare says, completely, that what was asked for does not exist."""
        return False


class NeverSent(CloudflareError):
    """It is certain that nothing reached the server: unknown host, refused connection, bad certificate, bad address."""


class HeldBack(NeverSent):
    """The portal itself did not make the call. ``until``: when calls go on, where that is known."""

    def __init__(self, safe: str, *, until: datetime | None = None) -> None:
        super().__init__(f"{safe} Nothing was sent.")
        self.until = until


class OutcomeUnknown(CloudflareError):
    """The request may have been processed. ``why`` is a few plain words, such as "the answer was cut off"."""

    def __init__(self, why: str, *, ray: str = "", status: int = 0) -> None:
        super().__init__(f"It is not known whether Cloudflare did it: {why}.", ray=ray, status=status)
        self.why = why


class Refused(CloudflareError):
    """A complete 4xx error envelope. ``codes`` and ``messages`` are Cloudflare's, the messages scrubbed.

    ``read_on``: the page of Cloudflare's documentation on the refused operation, where the envelope named one.
    """

    def __init__(
        self, status: int, codes: tuple[int, ...], messages: tuple[str, ...], *, ray: str = "", read_on: str = ""
    ) -> None:
        self.codes = codes
        self.messages = messages
        self.read_on = read_on
        sentence = explain(status, codes, messages)
        super().__init__(f"{sentence} Its page: {read_on}" if read_on else sentence, ray=ray, status=status)

    @property
    def is_absence(self) -> bool:
        return self.status == 404 and NO_SUCH_ADDRESS not in self.codes


class RateLimited(Refused):
    """Too many calls. ``seconds``: for how long Cloudflare wants no further one."""

    def __init__(self, codes: tuple[int, ...], messages: tuple[str, ...], *, seconds: float, ray: str = "") -> None:
        super().__init__(429, codes, messages, ray=ray)
        self.seconds = seconds
        self.safe += f" It takes them again from {time_of_day(clock.now() + timedelta(seconds=seconds))} on."

"""A verdict is true, or carries the sentence that the page and the disabled button show."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    sentence: str = ""

    def __bool__(self) -> bool:
        return not self.sentence


ALLOWED = Verdict()
ALARMED = "There is an alarm about a token of this request. An admin must resolve it before anything else happens."


class NotAllowed(Exception):
    """A rule said no; the message is its sentence."""


def require(verdict: Verdict) -> None:
    """Raises NotAllowed unless the verdict is true."""
    if not verdict:
        raise NotAllowed(verdict.sentence)

"""When Cloudflare wants to be left alone: what an answer's headers say about the calls that come after it."""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from tokenportal import clock

AFTER_TOO_MANY = 300.0
"""Seconds during which Cloudflare refuses every call, once there were too many (CLOUDFLARE.md, section 5)."""
LONGEST = 900.0
"""Nothing that an answer says keeps the portal quiet for longer."""
NUMBER = re.compile(r"\d{1,9}")
REMAINING = re.compile(r";\s*r\s*=\s*(\d{1,9})(?!\d)")
RESETS_IN = re.compile(r";\s*t\s*=\s*(\d{1,9})(?!\d)")


def asked_for(status: int, headers: Mapping[str, str]) -> float:
    """For how many seconds no call shall be made after this answer; 0 where it asks for nothing.

    ``Retry-After`` counts with 429 and 503, in seconds or as a date; a 429 without one means five minutes. ``Ratelimit``
    (``"default";r=50;t=30``: 50 calls left, 30 seconds until there are more) counts with every answer, once none is left.
    """
    told = [_until_more_are_left(headers.get("Ratelimit", ""))]
    if status in (429, 503):
        told.append(_retry_after(headers.get("Retry-After", "")))
    if status == 429 and not any(told):
        told.append(AFTER_TOO_MANY)
    return min(max(told), LONGEST)


def _retry_after(text: str) -> float:
    text = text.strip()
    if NUMBER.fullmatch(text):
        return max(float(text), 1.0)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max((at - clock.now()).total_seconds(), 1.0)


def _until_more_are_left(text: str) -> float:
    """The longest wait of the header's policies that have no call left."""
    spent = [policy for policy in text.split(",") if (left := REMAINING.search(policy)) and int(left[1]) == 0]
    resets = (RESETS_IN.search(policy) for policy in spent)
    return max((max(float(found[1]), 1.0) if found else AFTER_TOO_MANY for found in resets), default=0.0)

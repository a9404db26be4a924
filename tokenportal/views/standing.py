"""How a token stands against what was agreed to, and who answers for it, for its page."""

from typing import Any

from tokenportal import rules
from tokenportal.actions import snapshots
from tokenportal.models import Token, User
from tokenportal.policy import drift
from tokenportal.policy.body import named_zones
from tokenportal.policy.catalogue import Catalogue


def standing(user: User, token: Token, catalogue: Catalogue) -> dict[str, Any]:
    """``differences``: what it holds otherwise than agreed. ``list_read_at``: when the connection's list was last read."""
    approved, read = token.approved, getattr(token.connection, "token_reading", None)
    found: tuple[drift.Difference, ...] = ()
    if approved is not None and token.is_alive:
        zones = named_zones(approved) | named_zones(token.body)
        around = snapshots.surroundings(token.connection, zones)
        found = drift.differences(approved, token.body, catalogue, around)
    return {
        "differences": found, "may_adopt": rules.may_adopt(user, token), "list_read_at": read.read_at if read else None,
    }  # fmt: skip

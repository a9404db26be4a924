"""How a token stands against what was agreed to, and who answers for it, for its page."""

from typing import Any

from tokenportal.actions import adopting, comparing
from tokenportal.models import Token, User
from tokenportal.views import access_reviews


def standing(user: User, token: Token) -> dict[str, Any]:
    """``drift``: what it may do otherwise than agreed. ``list_read_at``: when the connection's list was last read.

    ``adoption``: a request to adopt it that is not done yet and that this person may see; the one that waits, before a draft.
    """
    read = getattr(token.connection, "token_reading", None)
    found = comparing.drift(token.connection, token.approved or {}, token.body) if token.drifted and token.is_alive else None
    return {
        "drift": found.changes if found else (),
        "may_adopt": adopting.may_adopt(user, token),
        "adoption": None if token.is_managed else access_reviews.adoption(user, token),
        "list_read_at": read.read_at if read else None,
    }

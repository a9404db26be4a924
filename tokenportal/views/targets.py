"""The token that a request is about, and the one that came of it, as somebody meets them who may see the request."""

from typing import Any

from tokenportal.models import TokenRequest, User
from tokenportal.views import access


def seen_by(user: User, token_request: TokenRequest) -> dict[str, Any]:
    """Whether their pages are for these eyes too: one may answer or share a request of a team that is not one's own."""
    pk, result = token_request.target_id, token_request.result
    wanted = {one for one in (pk, result.pk if result else None) if one}
    seen = set(access.openable_tokens(user, map(str, wanted))) if wanted else set()
    return {"hidden_target": bool(pk) and pk not in seen, "hidden_result": result is not None and result.pk not in seen}

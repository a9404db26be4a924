"""A live token as the body that leaves it as it is: a PUT replaces the whole, so nothing may be lost on the way back."""

from typing import Any

from tokenportal.cloudflare import TokenRecord
from tokenportal.policy import moments
from tokenportal.policy.compile import same_grant

TOLD_OF_GROUPS = {"id", "name", "meta", "label", "description", "category", "scopes"}
"""What Cloudflare tells of a permission group inside a policy. Only its id is an input."""


class CannotSendBack(Exception):
    """The token holds something that would be lost, or that cannot be read. The message says what."""


def body_of(live: TokenRecord) -> dict[str, Any]:
    """Name, policies, condition and times just as Cloudflare told them, without the ids that it gives to policies.

    Raises CannotSendBack where the body would not say all that the answer said.
    """
    if live.unread:
        raise CannotSendBack(f"It holds something that the portal does not know ({', '.join(live.unread)}).")
    if not live.name or not live.policies:
        raise CannotSendBack("Cloudflare did not tell all that it holds.")
    times = {"not_before": live.not_before, "expires_on": live.expires_on}
    if any(moment and moment.microsecond for moment in times.values()):
        raise CannotSendBack("It starts or ends within a second, which the portal cannot say.")
    body: dict[str, Any] = {"name": live.name, "policies": [_policy(policy) for policy in live.policies]}
    if live.condition:
        body["condition"] = live.condition
    return body | {name: moments.as_cloudflare(moment) for name, moment in times.items() if moment}


def came_back(sent: dict[str, Any], seen: TokenRecord) -> bool:
    """Whether the token grants what was sent, compared without what Cloudflare adds."""
    try:
        return same_grant(sent, body_of(seen))
    except CannotSendBack:
        return False


def _policy(policy: dict[str, Any]) -> dict[str, Any]:
    groups = policy.get("permission_groups")
    if not isinstance(groups, list) or not all(_is_known(group) for group in groups):
        raise CannotSendBack("One of its policies names permissions in a way that the portal does not know.")
    kept = {name: held for name, held in policy.items() if name != "id"}
    return kept | {"permission_groups": [{"id": group["id"]} for group in groups]}


def _is_known(group: Any) -> bool:
    return isinstance(group, dict) and isinstance(group.get("id"), str) and set(group) <= TOLD_OF_GROUPS

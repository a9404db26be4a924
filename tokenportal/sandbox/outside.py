"""What somebody does in Cloudflare's dashboard, past the portal: the portal learns of it only by looking."""

from collections.abc import Callable

from django.utils import timezone

from tokenportal.sandbox import groups
from tokenportal.sandbox.models import Token


def delete(token: Token) -> None:
    token.delete()


def disable(token: Token) -> None:
    _change(token, disabled=True)


def enable(token: Token) -> None:
    _change(token, disabled=False)


def widen(token: Token) -> None:
    """The same permission groups on everything its owner has, from anywhere, without end, and without exclusions."""
    allowed = [policy for policy in token.policies if policy["effect"] == "allow"]
    _change(
        token,
        policies=[{**policy, "resources": _widest(token, policy["resources"])} for policy in allowed],
        condition={},
        expires_on=None,
    )


CHANGES: dict[str, Callable[[Token], None]] = {"delete": delete, "disable": disable, "enable": enable, "widen": widen}


def _change(token: Token, **values: object) -> None:
    for name, value in values.items():
        setattr(token, name, value)
    token.modified_on = timezone.now()
    token.save(update_fields=[*values, "modified_on"])


def _widest(token: Token, resources: dict[str, object]) -> dict[str, object]:
    """All accounts or all zones where some were named; users and buckets stay as they are."""
    key = next(iter(resources))
    account = f"{groups.ACCOUNT}.{token.account_id or '*'}"
    if key.startswith(f"{groups.ZONE}.") or isinstance(resources[key], dict):
        return {account: {f"{groups.ZONE}.*": "*"}} if token.account_id else {f"{groups.ZONE}.*": "*"}
    return {account: "*"} if key.startswith(f"{groups.ACCOUNT}.") else resources

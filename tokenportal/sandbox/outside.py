"""What somebody does in Cloudflare's dashboard, past the portal: the portal learns of it only by looking."""

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from tokenportal.sandbox import groups, values
from tokenportal.sandbox.models import Token, new_id


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


def rename(token: Token) -> None:
    _change(token, name=f"renamed {token.name}"[:120])


def roll(token: Token) -> None:
    """A new value, which nobody is told."""
    _change(token, value_sha256=values.digest(values.new_value(token.kind)))


def reorder(token: Token) -> None:
    """The same policies the other way round, as the API may list them at any time: nothing has changed."""
    Token.objects.filter(pk=token.pk).update(policies=token.policies[::-1])


def copy(token: Token) -> None:
    """Another token that may do the same, made by nobody's portal: no end, and not used since long ago."""
    now = timezone.now()
    Token.objects.create(
        pk=new_id(), account=token.account, user=token.user, name=f"old {token.name.rpartition(' (')[0] or token.name}"[:120],
        value_sha256=values.digest(values.new_value(token.kind)), policies=token.policies, condition={},
        issued_on=now - timedelta(days=400), modified_on=now - timedelta(days=400), last_used_on=now - timedelta(days=120),
        creator_email=token.creator_email,
    )  # fmt: skip


def expire(token: Token) -> None:
    """Its end was yesterday, as if time had passed: nobody has changed anything."""
    Token.objects.filter(pk=token.pk).update(expires_on=timezone.now() - timedelta(days=1))


CHANGES: dict[str, Callable[[Token], None]] = {
    "delete": delete, "disable": disable, "enable": enable, "widen": widen, "rename": rename, "roll": roll,
    "reorder": reorder, "copy": copy, "expire": expire,
}  # fmt: skip


def _change(token: Token, **changed: object) -> None:
    for name, value in changed.items():
        setattr(token, name, value)
    token.modified_on = timezone.now()
    token.save(update_fields=[*changed, "modified_on"])


def _widest(token: Token, resources: dict[str, object]) -> dict[str, object]:
    """All accounts or all zones where some were named; users and buckets stay as they are."""
    key = next(iter(resources))
    account = f"{groups.ACCOUNT}.{token.account_id or '*'}"
    if key.startswith(f"{groups.ZONE}.") or isinstance(resources[key], dict):
        return {account: {f"{groups.ZONE}.*": "*"}} if token.account_id else {f"{groups.ZONE}.*": "*"}
    return {account: "*"} if key.startswith(f"{groups.ACCOUNT}.") else resources

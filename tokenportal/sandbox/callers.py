"""Who calls: the token behind an Authorization header, its address rule and its budget of calls."""

from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from tokenportal.sandbox import refusals, values
from tokenportal.sandbox.models import CallCounter, Token

WINDOW = timedelta(seconds=300)
CALLS_PER_WINDOW = 1200


def identify(header: str, *, verifying: bool) -> Token:
    """The token that a header names, whatever its state. Raises Refusal when there is none, or the header has the wrong form."""
    if not header:
        raise refusals.no_credentials_on_verify() if verifying else refusals.no_credentials()
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "bearer" or not values.looks_like_a_token(value.strip()):
        raise refusals.malformed_credentials()
    token = Token.objects.filter(value_sha256=values.digest(value.strip()), appears_at__lte=timezone.now()).first()
    if token is None or (verifying and token.status() == "expired"):
        raise refusals.unknown_token_on_verify() if verifying else refusals.unknown_token()
    return token


def admit(token: Token, address: str) -> None:
    """Let this token in from this address now, or raise Refusal: by status, by start and end, by address."""
    now = timezone.now()
    if token.status(now) != "active" or (token.not_before and token.not_before > now):
        raise refusals.unknown_token()
    if not address_allowed(token.condition, address):
        raise refusals.wrong_address(address)


def address_allowed(condition: dict[str, Any], address: str) -> bool:
    """True when the address lies in one of `in` (if there are any) and in none of `not_in`."""
    lists = condition.get("request_ip", {})
    if not lists.get("in") and not lists.get("not_in"):
        return True
    try:
        caller = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(caller, "ipv4_mapped", None)
    caller = mapped or caller

    def lies_in(ranges: list[str]) -> bool:
        return any(caller in ip_network(text, strict=False) for text in ranges)

    return (not lists.get("in") or lies_in(lists["in"])) and not lies_in(lists.get("not_in", []))


def call_limit() -> int:
    return getattr(settings, "SANDBOX_CALLS_PER_WINDOW", CALLS_PER_WINDOW)


def count(token: Token) -> tuple[int, int]:
    """Count one call against the user's or the account token's budget; hand back what remains and the seconds to the reset.

    Over the budget every call is refused for one whole window (raises Refusal, 429).
    """
    now = timezone.now()
    caller = f"user:{token.user_id}" if token.user_id else f"token:{token.pk}"
    with transaction.atomic():
        Token.objects.filter(pk=token.pk).update(last_used_on=now)
        row, _ = CallCounter.objects.select_for_update().get_or_create(caller=caller, defaults={"window_ends": now + WINDOW})
        if row.blocked_until is None or row.blocked_until <= now:
            if row.window_ends <= now:
                CallCounter.objects.filter(pk=caller).update(calls=0, window_ends=now + WINDOW, blocked_until=None)
                row.window_ends = now + WINDOW
            CallCounter.objects.filter(pk=caller).update(calls=F("calls") + 1)
            row.refresh_from_db(fields=["calls"])
            if row.calls > call_limit():
                row.blocked_until = now + WINDOW
                CallCounter.objects.filter(pk=caller).update(blocked_until=row.blocked_until, window_ends=row.blocked_until)
            else:
                row.blocked_until = None
    if row.blocked_until:
        raise refusals.too_many_calls(_seconds(row.blocked_until - now))
    return call_limit() - row.calls, _seconds(row.window_ends - now)


def _seconds(span: timedelta) -> int:
    return max(1, round(span.total_seconds()))


def forget() -> None:
    """Set every counter back, as if a window had passed."""
    CallCounter.objects.all().delete()

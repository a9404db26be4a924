"""What there is to say of a spec's end, of where it works from, and of the token as a whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Final

from tokenportal.policy import guardrails, moments, networks
from tokenportal.policy.body import restrictions_of
from tokenportal.policy.finding import Finding, Seen
from tokenportal.policy.fixes import EVERY_IPV4, EVERY_IPV6, Fix, apply
from tokenportal.policy.networks import Network
from tokenportal.policy.spec import freeze

A_YEAR: Final = 366
DEFAULT_END: Final = 90


def of_times(seen: Seen) -> Iterator[Finding]:
    restrictions, validity = restrictions_of(seen.payload.body), seen.spec.validity
    if restrictions.expires_on is None:
        if validity.lifetime == "never":
            yield Finding(
                "security", "no-end", "restrictions", "until", "It never ends.",
                "A lost secret works until somebody notices. Renewing a token takes a click.",
                _ending(seen, Fix(f"End it in {DEFAULT_END} days", "days", str(DEFAULT_END)), "Choose an end"),
            )  # fmt: skip
    elif restrictions.expires_on > moments.end_of_lifetime(seen.now, A_YEAR):
        yield Finding(
            "warning", "far-end", "restrictions", "until", f"It ends only on {moments.in_words(restrictions.expires_on)}.",
            "Few people will know then what it was for. Renewing it once a year takes a click.",
            _ending(seen, Fix("End it in 365 days", "days", "365"), "Choose an earlier start and an earlier end"),
        )  # fmt: skip
    if validity.lifetime == "until" and restrictions.expires_on and restrictions.expires_on.time() == time():
        day_before = (restrictions.expires_on - timedelta(days=1)).date().isoformat()
        yield Finding(
            "warning", "midnight", "restrictions", "until",
            f"It ends as {restrictions.expires_on:%a} {restrictions.expires_on.day} {restrictions.expires_on:%b %Y} begins, in UTC.",
            "Midnight belongs to the day that begins. If it should last for that day, choose the day without a time.",
            _ending(seen, Fix("End it with the day before", "until", day_before), "Choose the day without a time"),
        )  # fmt: skip


def _ending(seen: Seen, fix: Fix, otherwise: str) -> Fix:
    """By hand where the token would then end before it starts."""
    mended = freeze(apply(seen.spec, fix.code, fix.argument), seen.now).validity
    starts, until = moments.parse(mended.starts), moments.parse(mended.until, end_of_day=True)
    return Fix(otherwise) if starts and until and starts >= until else fix


@dataclass(frozen=True, slots=True)
class _Row:
    """A typed range: its place in the list, what was typed, and what it says, if anything."""

    place: int
    text: str
    network: Network | None


def _rows(typed: tuple[str, ...]) -> tuple[_Row, ...]:
    return tuple(_Row(place, row.strip(), networks.parse(row)) for place, row in enumerate(typed) if row.strip())


def of_addresses(seen: Seen) -> Iterator[Finding]:
    allow, block = _rows(seen.spec.client_ips.allow), _rows(seen.spec.client_ips.block)
    restrictions = restrictions_of(seen.payload.body)
    if not allow:
        here = seen.beside.address
        yield Finding(
            "security", "from-anywhere", "restrictions", "allow", "It works from anywhere.",
            "Whoever finds its secret can use it. Where it runs at fixed addresses, name them.",
            Fix(f"Only from your address now, {here}", "allow", here) if here else Fix("Name the addresses"),
        )  # fmt: skip
    elif restrictions.allow and guardrails.from_anywhere(restrictions):
        widest = min((row for row in allow if row.network), key=_widest_first)
        yield Finding(
            "security", "as-good-as-anywhere", "restrictions", "allow", "The allowed ranges hold nearly every address.",
            "That restricts nothing.", _without(widest, allow, "Name narrower ranges"), widest.place,
        )  # fmt: skip
    for row in allow:
        if row.network:
            yield from _of_range(row, row.network, allow, block)
    for row in block:
        known = [other.network for other in allow if other.network]
        if row.network and known and row.network not in _MEANT and not any(row.network.overlaps(other) for other in known):
            yield Finding(
                "suggestion", "block-idle", "restrictions", "block", f"{row.text} is blocked, and not allowed anyway.",
                fix=Fix("Remove it", "no-block", row.text), index=row.place,
            )  # fmt: skip
    yield from _of_versions(allow, block)


def _widest_first(row: _Row) -> tuple[int, str]:
    return row.network.prefixlen if row.network else 128, row.text


def _of_range(row: _Row, network: Network, allow: tuple[_Row, ...], block: tuple[_Row, ...]) -> Iterator[Finding]:
    if networks.is_private(network):
        yield Finding(
            "warning", "private-range", "restrictions", "allow", f"{row.text} is a private range, so it lets nobody in.",
            "Cloudflare sees the public address behind it.", _without(row, allow, "Name the public range"), row.place,
        )  # fmt: skip
    elif any(other.network and _within(network, other.network) for other in block):
        yield Finding(
            "warning", "range-blocked", "restrictions", "allow", f"{row.text} is allowed, and blocked as a whole.",
            "What is blocked is refused, whatever is allowed.", _without(row, allow, "Decide which of the two is meant"), row.place,
        )  # fmt: skip
    for other in allow:
        earlier = other.place < row.place
        if other.network and other is not row and _within(network, other.network) and (network != other.network or earlier):
            yield Finding(
                "suggestion", "range-twice", "restrictions", "allow", f"{row.text} is already inside {other.text}.",
                fix=Fix("Remove it", "no-row", str(row.place)), index=row.place,
            )  # fmt: skip
            return


_MEANT: Final = tuple(network for text in (EVERY_IPV4, EVERY_IPV6) if (network := networks.parse(text)))
"""Blocking all of one IP version says that the other alone is meant, and changes nothing else."""


def _of_versions(allow: tuple[_Row, ...], block: tuple[_Row, ...]) -> Iterator[Finding]:
    versions = {row.network.version for row in allow if row.network}
    blocked = {row.network for row in block}
    for lacking, only, meant in ((6, {4}, _MEANT[1]), (4, {6}, _MEANT[0])):
        if versions == only and meant not in blocked:
            yield Finding(
                "warning", "one-ip-version", "restrictions", "allow", f"No IPv{lacking} range is allowed.",
                f"A machine that connects by IPv{lacking} is refused, and which one it uses may change by itself.",
                Fix(f"That is meant: block IPv{lacking}", "block", str(meant)),
            )  # fmt: skip


def _without(row: _Row, allow: tuple[_Row, ...], otherwise: str) -> Fix:
    """Remove the row, where another one stays: without any, the token would work from anywhere."""
    stays = any(other.network and other.text != row.text for other in allow)
    return Fix(f"Remove {row.text}", "no-allow", row.text) if stays else Fix(otherwise)


def _within(network: Network, other: Network) -> bool:
    return network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]


def of_whole(seen: Seen) -> Iterator[Finding]:
    """What is true of the token as a whole."""
    if seen.around.owner.kind == "user" and seen.payload.body["policies"]:
        yield Finding(
            "warning", "user-token", "connection", "connection", "It acts as a user, and ends with that user.",
            "For a service, a token that an account owns goes on working when people leave.",
            Fix("Choose a connection of an account"),
        )  # fmt: skip
    for alike in seen.beside.alike:
        yield Finding(
            "warning", "alike", "purpose", "name", f"The token {alike.name} already does just the same.",
            "If it is for the same use, one of them is enough; each counts against the limit of tokens.",
            Fix("Look at it before you ask for another one"), token=alike.id,
        )  # fmt: skip
    if not seen.spec.purpose.strip():
        yield Finding(
            "suggestion", "no-purpose", "purpose", "purpose", "Nobody will know what uses it.",
            "Whoever finds it next year has nobody to ask.", Fix("Say what will use it"),
        )  # fmt: skip

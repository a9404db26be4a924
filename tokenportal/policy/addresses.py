"""What there is to say about the typed IP ranges: how much each holds, and where it does not do what it seems to.

`problems` says what cannot be sent; this says what can be sent and may surprise.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from tokenportal.policy import networks
from tokenportal.policy.networks import Network
from tokenportal.policy.spec import ClientIPs

# From so many addresses on a number tells less than the word "network".
_COUNTED_UP_TO: Final = 1 << 24


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence about one range, or about all of them. `warns`: it may not do what was meant."""

    sentence: str
    warns: bool = False


@dataclass(frozen=True, slots=True)
class AddressNotes:
    """For each row of `allow` and `block` its notes, in the order of the rows, and what is true of the whole."""

    allow: tuple[tuple[Note, ...], ...] = ()
    block: tuple[tuple[Note, ...], ...] = ()
    overall: tuple[Note, ...] = ()


def notes(client_ips: ClientIPs, own_address: str = "") -> AddressNotes:
    """What to say about these rows. `own_address`: from where the person looks at this, "" where that is not known."""
    allowed, blocked = _read(client_ips.allow), _read(client_ips.block)
    return AddressNotes(
        allow=tuple(
            (*_about(row, network), *_widening(network), *_repeated(network, allowed[:index] + allowed[index + 1 :], index))
            if network
            else ()
            for index, (row, network) in enumerate(zip(client_ips.allow, allowed, strict=True))
        ),
        block=tuple(
            (*_about(row, network), *_blocking(network, allowed)) if network else ()
            for row, network in zip(client_ips.block, blocked, strict=True)
        ),
        overall=tuple(_overall([one for one in allowed if one], [one for one in blocked if one], own_address)),
    )


def permits(client_ips: ClientIPs, address: str) -> bool:
    """Whether a call from this address passes; an address that cannot be read does not."""
    try:
        typed = ip_address(address)
    except ValueError:
        return False
    asked = getattr(typed, "ipv4_mapped", None) or typed
    allowed = [one for one in _read(client_ips.allow) if one]
    blocked = [one for one in _read(client_ips.block) if one]
    return (not allowed or any(asked in one for one in allowed)) and not any(asked in one for one in blocked)


def _read(rows: Iterable[str]) -> list[Network | None]:
    return [networks.parse(row) for row in rows]


def _about(row: str, network: Network) -> list[Note]:
    """How much the range holds, and its full spelling where a bare address was typed."""
    full = "" if "/" in row else f" Sent as {network}."
    if network.num_addresses == 1:
        return [Note(f"1 address.{full}")]
    if network.num_addresses <= _COUNTED_UP_TO:
        return [Note(f"{network.num_addresses:,} addresses.")]
    return [Note("An IPv6 network." if network.version == 6 else "A very large network.")]


def _widening(network: Network) -> list[Note]:
    """What is wrong with allowing it."""
    if network.prefixlen == 0:
        return [
            Note(
                f"It holds every IPv{network.version} address, so it keeps out nobody who connects by IPv{network.version}.",
                warns=True,
            )
        ]
    if networks.is_private(network):
        return [Note("A private range. Cloudflare sees the public address behind it, so this lets nobody in.", warns=True)]
    return []


def _repeated(network: Network, others: list[Network | None], index: int) -> list[Note]:
    """Whether another row already holds it; of two equal rows the later one is the one too many."""
    for place, other in enumerate(others):
        if other is None or other.version != network.version or not network.subnet_of(other):  # type: ignore[arg-type]
            continue
        if network != other or place < index:
            return [Note(f"Already inside {other}.", warns=True)]
    return []


def _blocking(network: Network, allowed: list[Network | None]) -> list[Note]:
    """What a block cuts from what is allowed."""
    known = [one for one in allowed if one]
    if known and not any(network.overlaps(one) for one in known):
        return [Note("Outside of what is allowed, so it changes nothing.", warns=True)]
    swallowed = [one for one in known if one.version == network.version and one.subnet_of(network)]  # type: ignore[arg-type]
    if swallowed:
        return [Note(f"It cuts all of {swallowed[0]}, which is allowed above.", warns=True)]
    return []


def _overall(allowed: list[Network], blocked: list[Network], own_address: str) -> Iterable[Note]:
    versions = {network.version for network in allowed}
    if versions == {4}:
        yield Note("No IPv6 network is allowed: a caller that connects by IPv6 is refused.", warns=True)
    if versions == {6}:
        yield Note("No IPv4 network is allowed: a caller that connects by IPv4 is refused.", warns=True)
    rows = ClientIPs(tuple(map(str, allowed)), tuple(map(str, blocked)))
    if own_address and (allowed or blocked) and not permits(rows, own_address):
        yield Note("Your own address is not allowed: you cannot try the token from here.", warns=True)

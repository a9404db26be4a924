"""IP ranges as people type them and as Cloudflare takes them: CIDR, a bare address being a range of one."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Final, Literal

Network = IPv4Network | IPv6Network
Span = tuple[int, int, int]
"""IP version, first and last address, as numbers."""

_SHAPE: Final = re.compile(r"[0-9A-Fa-f:.]+(/[0-9]{1,3})?")


def parse(text: object, *, host_bits: bool = False) -> Network | None:
    """The typed range; None for what is none, and for one with host bits set (10.0.0.5/8) unless they are allowed."""
    if not isinstance(text, str) or not _SHAPE.fullmatch(typed := text.strip()):
        return None
    try:
        return ip_network(typed, strict=not host_bits)
    except ValueError:
        return None


def normal(networks: Iterable[Network]) -> tuple[str, ...]:
    """The ranges as Cloudflare takes them: CIDR, each once, IPv4 before IPv6, in address order."""
    return tuple(str(network) for network in sorted(set(networks), key=_place))


def everything(networks: Iterable[Network]) -> frozenset[Literal[4, 6]]:
    """The IP versions of which the ranges, taken together, hold every address."""
    return frozenset(network.version for network in joined(networks) if network.prefixlen == 0)


def joined(networks: Iterable[Network]) -> tuple[Network, ...]:
    """The fewest ranges that hold just the same addresses."""
    found = list(networks)
    four = [network for network in found if isinstance(network, IPv4Network)]
    six = [network for network in found if isinstance(network, IPv6Network)]
    return (*collapse_addresses(four), *collapse_addresses(six))


# Python counts the documentation ranges as private; here they stand in examples, and are no mistake of that kind.
_DOCUMENTATION: Final[tuple[Network, ...]] = (
    IPv4Network("192.0.2.0/24"), IPv4Network("198.51.100.0/24"), IPv4Network("203.0.113.0/24"), IPv6Network("2001:db8::/32"),
)  # fmt: skip


_BEHIND_A_CARRIER: Final = IPv4Network("100.64.0.0/10")


def is_private(network: Network) -> bool:
    """Whether no caller from outside has an address in it."""
    documentation = any(one.version == network.version and network.subnet_of(one) for one in _DOCUMENTATION)  # type: ignore[arg-type]
    shared = isinstance(network, IPv4Network) and network.subnet_of(_BEHIND_A_CARRIER)
    return (network.is_private or network.is_link_local or network.is_loopback or shared) and not documentation


def _place(network: Network) -> tuple[int, int, int]:
    return network.version, int(network.network_address), network.prefixlen


def spans(ranges: Iterable[str]) -> list[Span]:
    found = [network for text in ranges if (network := parse(text))]
    return [(network.version, int(network.network_address), int(network.broadcast_address)) for network in found]


def without(all_of: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """What is left of the spans when these are taken away."""
    left = list(all_of)
    for version, first, last in taken:
        parts: list[Span] = []
        for span in left:
            if span[0] != version or span[2] < first or span[1] > last:
                parts.append(span)
                continue
            parts += [(version, span[1], first - 1)] if span[1] < first else []
            parts += [(version, last + 1, span[2])] if span[2] > last else []
        left = parts
    return left

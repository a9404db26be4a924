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
    four = [network for network in networks if isinstance(network, IPv4Network)]
    six = [network for network in networks if isinstance(network, IPv6Network)]
    whole: set[Literal[4, 6]] = set()
    if any(network.prefixlen == 0 for network in collapse_addresses(four)):
        whole.add(4)
    if any(network.prefixlen == 0 for network in collapse_addresses(six)):
        whole.add(6)
    return frozenset(whole)


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

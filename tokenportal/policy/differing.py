"""How a live token differs from what was agreed to, in one short sentence for each kind of difference."""

from collections.abc import Mapping
from typing import Any

from tokenportal.policy.body import atoms, restrictions_of


def differing(agreed: Mapping[str, Any], live: Mapping[str, Any]) -> tuple[str, ...]:
    """Empty just where `compile.same_grant` says that both grant the same."""
    wanted, is_now = restrictions_of(agreed), restrictions_of(live)
    more, less = atoms(live) - atoms(agreed), atoms(agreed) - atoms(live)
    addresses = (wanted.allow, wanted.block, wanted.unknown) != (is_now.allow, is_now.block, is_now.unknown)
    said = (
        (bool(more), "It grants something that was not asked for."),
        (bool(less), "It lacks something that was asked for."),
        (addresses, "It works from other addresses."),
        (wanted.not_before != is_now.not_before, "It starts at another time."),
        (wanted.expires_on != is_now.expires_on, "It ends at another time."),
    )
    return tuple(sentence for differs, sentence in said if differs)

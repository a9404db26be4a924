"""What a team's template asks of whoever begins from it, beyond what every token needs."""

from collections.abc import Iterable
from typing import Final

from tokenportal.policy.problems import Problem
from tokenportal.policy.spec import TokenSpec

FIELDS: Final = {
    "purpose": "What will use it",
    "addresses": "From which addresses it works",
    "end": "An end",
}  # fmt: skip
"""The fields that a template can require, with their names. A name and resources are needed anyway."""


def missing(spec: TokenSpec, required: Iterable[str]) -> tuple[Problem, ...]:
    """What the spec still lacks of these fields. Unknown ones ask for nothing."""
    lacks = {
        "purpose": Problem("purpose", "purpose", "Its template asks for what will use the token.", missing=True)
        if not spec.purpose.strip()
        else None,
        "addresses": Problem(
            "restrictions", "allow", "Its template asks for the addresses that it works from.", missing=True, index=0
        )
        if not any(row.strip() for row in spec.client_ips.allow)
        else None,
        "end": Problem("restrictions", "until", "Its template asks for an end.", missing=True)
        if spec.validity.lifetime == "never"
        else None,
    }
    return tuple(problem for field in FIELDS if field in set(required) and (problem := lacks[field]))

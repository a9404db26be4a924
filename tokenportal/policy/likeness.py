"""How what one body grants relates to what another one would: the same, more, or some of it."""

from collections.abc import Mapping
from typing import Any, Literal

from tokenportal.policy import diff
from tokenportal.policy.body import UNKNOWN, atoms
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.surroundings import Surroundings

How = Literal["same", "more", "overlaps"]


def likeness(
    held: Mapping[str, Any], wanted: Mapping[str, Any], catalogue: Catalogue, around: Surroundings
) -> How | None:  # fmt: skip
    """What `held` is to `wanted`: it grants the same, that and more, or part of it; None where they have nothing in common.

    Only what may be done where counts, not from where nor until when. Of what nobody can read nothing is said.
    """
    held, wanted = ({"policies": body.get("policies")} for body in (held, wanted))
    mine, other = atoms(held), atoms(wanted)
    if any(effect == UNKNOWN for effect, _, _ in mine | other) or not _meet(held, wanted, catalogue, around):
        return None
    verdict = diff.compare(held, wanted, catalogue, around).verdict
    return "same" if verdict == "same" else "more" if verdict == "narrower" else "overlaps"


def _meet(held: Mapping[str, Any], wanted: Mapping[str, Any], catalogue: Catalogue, around: Surroundings) -> bool:
    """Whether some group is granted on one thing by both, or wholly within what the other grants."""
    mine, other = ({atom for atom in atoms(body) if atom[0] == "allow"} for body in (held, wanted))
    if mine & other:
        return True
    pairs = ((held, wanted, other), (wanted, held, mine))
    return any(
        len(diff.lacking(wide, narrow, catalogue, around)) < len({group for _, group, _ in granted})
        for wide, narrow, granted in pairs
    )

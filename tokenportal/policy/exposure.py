"""What a body leaves open, as words for a column that can be searched: how much a lost secret would give away.

Only what the body alone shows; who answers for a token and when it was used is asked of its row. What has a shape that we
do not know counts as the worst.
"""

from collections.abc import Mapping
from typing import Any, Final

from tokenportal.policy import moments, networks, words
from tokenportal.policy.body import UNKNOWN, policies_of, restrictions_of
from tokenportal.policy.catalogue import Catalogue, Risk
from tokenportal.policy.evaluate import Grant, grants
from tokenportal.policy.resources import Kind, Resource

NO_EXPIRY: Final = "no-expiry"
NO_IP: Final = "no-ip"
WIDE_EDIT: Final = "wide-edit"
_RISK: Final = "risk:"

_WIDE: Final[Mapping[Kind, Kind]] = {
    "account": "every account",
    "every account": "every account",
    "zones of": "every zone",
    "every zone": "every zone",
}
"""The resources that are a whole account or more, each with the one that holds it."""


def column(body: Mapping[str, Any], catalogue: Catalogue) -> str:
    """The words of a body, each between blanks: " no-expiry no-ip risk:deletes wide-edit "."""
    found = {of_risk(words.risk(body, catalogue))}
    restrictions = restrictions_of(body)
    if restrictions.unknown or _from_anywhere(restrictions.allow):
        found.add(NO_IP)
    if moments.parse(body.get("expires_on")) is None:
        found.add(NO_EXPIRY)
    unknown = any(policy.unknown for policy in policies_of(body))
    if unknown:
        found.add(UNKNOWN)
    if unknown or any(_edits_widely(grant, catalogue) for grant in grants(body)):
        found.add(WIDE_EDIT)
    return f" {' '.join(sorted(found))} "


def of_risk(risk: str) -> str:
    """The word of a risk."""
    return f"{_RISK}{risk}"


def risk_in(column: str) -> Risk:
    """The risk that a column tells; the worst where it tells none."""
    return next((risk for risk in words.RISK_ORDER if of_risk(risk) in column.split()), "creates")


def _from_anywhere(ranges: tuple[str, ...]) -> bool:
    """Whether nothing is restricted. Every address of one IP version is anywhere too: most of the world has both."""
    found = [network for text in ranges if (network := networks.parse(text))]
    return not ranges or bool(networks.everything(found))


def _edits_widely(grant: Grant, catalogue: Catalogue) -> bool:
    """Whether the group does more than read on a whole account, on all its zones, or on more.

    A group applies to the resources of its scope alone; one that nobody knows may apply to any.
    """
    group = catalogue.known(grant.group_id)
    if group is not None and group.risk == "reads":
        return False
    return any(
        (group is None or resource.scope == group.scope) and not grant.denied & {resource, Resource(_WIDE[resource.kind])}
        for resource in grant.allowed
        if resource.kind in _WIDE
    )

"""From a body back to a spec, for looking at and changing a token that exists.

Not every body can be said with a spec: an exclusion that no access block has, or a shape that we do not know. Then the
answer says why, and such a token can be rolled, disabled and revoked, but not edited.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenportal.policy import moments
from tokenportal.policy.body import Policy, policies_of, restrictions_of
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.compile import compile, same_grant
from tokenportal.policy.resources import Resource
from tokenportal.policy.spec import AccessBlock, AccountChoice, ClientIPs, TokenSpec, Validity, ZoneChoice
from tokenportal.policy.surroundings import Owner


@dataclass(frozen=True, slots=True)
class NotExpressible:
    """Why a body has no spec, as a sentence."""

    reason: str


def decompile(body: Mapping[str, Any], catalogue: Catalogue, owner: Owner) -> TokenSpec | NotExpressible:
    """A spec that compiles to the same grant, or why there is none. The result is compiled and compared before it is given."""
    policies, restrictions = policies_of(body), restrictions_of(body)
    if restrictions.unknown or any(policy.unknown for policy in policies):
        return NotExpressible("The token has a policy or a condition of a kind that this portal does not know.")
    denies = [policy for policy in policies if policy.effect == "deny"]
    blocks = tuple(_block(policy, denies) for policy in policies if policy.effect == "allow")
    until = moments.as_typed(restrictions.expires_on, end_of_day=True) if restrictions.expires_on else ""
    name = body.get("name")
    spec = TokenSpec(
        name=name if isinstance(name, str) else "",
        blocks=blocks,
        client_ips=ClientIPs(restrictions.allow, restrictions.block),
        validity=Validity(
            starts=moments.as_typed(restrictions.not_before) if restrictions.not_before else "",
            lifetime="until" if until else "never",
            until=until,
        ),
    )
    if not same_grant(compile(spec, catalogue, owner).body, body):
        return NotExpressible("The token's policies are combined in a way that access blocks cannot say.")
    return spec


def _block(policy: Policy, denies: list[Policy]) -> AccessBlock:
    """The access block of one allow, with the exclusions that name exactly its permissions."""
    excluded = {item for deny in denies if deny.groups == policy.groups for item in deny.resources}
    return AccessBlock(
        permissions=tuple(sorted(policy.groups)),
        zones=_zones(policy.resources, excluded),
        accounts=_accounts(policy.resources, excluded),
        buckets=_ids(policy.resources, "bucket"),
    )


def _ids(resources: frozenset[Resource] | set[Resource], kind: str) -> tuple[str, ...]:
    return tuple(sorted(resource.id for resource in resources if resource.kind == kind))


def _zones(allowed: frozenset[Resource], excluded: set[Resource]) -> ZoneChoice:
    accounts = _ids(allowed, "zones of")
    return ZoneChoice(
        mode="all" if Resource("every zone") in allowed else "accounts" if accounts else "these",
        zones=_ids(allowed, "zone"),
        accounts=accounts,
        except_zones=_ids(excluded, "zone"),
        except_accounts=_ids(excluded, "zones of"),
    )


def _accounts(allowed: frozenset[Resource], excluded: set[Resource]) -> AccountChoice:
    return AccountChoice(
        mode="all" if Resource("every account") in allowed else "these",
        accounts=_ids(allowed, "account"),
        except_accounts=_ids(excluded, "account"),
    )

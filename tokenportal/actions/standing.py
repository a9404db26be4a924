"""A draft seen against what its connection offers today: what it compiles to, and what stands between it and a token."""

from dataclasses import dataclass
from uuid import UUID

from tokenportal import clock, rules
from tokenportal.actions import snapshots
from tokenportal.actions.invalid import OWN_BACK_UP
from tokenportal.models import Connection, TeamTemplateVersion, TokenRequest, WorkingCopy
from tokenportal.policy import compile as compiling
from tokenportal.policy import problems as problem_finding
from tokenportal.policy import required
from tokenportal.policy import spec as specs
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.compile import Payload
from tokenportal.policy.problems import Problem
from tokenportal.policy.spec import TokenSpec
from tokenportal.policy.surroundings import Owner, Surroundings

NOBODY = Owner("account", "0" * 32)
"""Owns what a draft without a connection compiles to, which is nothing that can be sent."""


@dataclass(frozen=True)
class Standing:
    """``frozen`` is the spec with its lifetime as an exact moment, ``payload`` what it compiles to: what would be sent now."""

    spec: TokenSpec
    frozen: TokenSpec
    catalogue: Catalogue
    around: Surroundings
    problems: tuple[Problem, ...]
    payload: Payload


def mentioned_zones(spec: TokenSpec) -> set[str]:
    return {zone for block in spec.blocks for zone in (*block.zones.zones, *block.zones.except_zones)}


def compiled(token_request: TokenRequest, spec: TokenSpec, catalogue: Catalogue, owner: Owner) -> Payload:
    """The body that this request sends for a frozen spec, with what a change keeps of its token."""
    return compiling.compile(
        spec, catalogue, owner, reference=token_request.name_reference, status=token_request.kept_status
    )  # fmt: skip


def offered(connection: Connection | None, *specs_of_it: TokenSpec) -> tuple[Catalogue, Surroundings]:
    """What a connection, if there is one, offers today, with the accounts and zones that these specs name."""
    if connection is None:
        return Catalogue.from_facts(), Surroundings(NOBODY)
    zones = set().union(*map(mentioned_zones, specs_of_it))
    return snapshots.catalogue(connection), snapshots.surroundings(connection, zones)


def of(copy: WorkingCopy, spec: TokenSpec | None = None) -> Standing:
    """How a working copy stands; ``spec`` is looked at in place of its own, for entries that are not saved."""
    spec = copy.spec if spec is None else spec
    catalogue, around = offered(copy.connection, spec)
    frozen = specs.freeze(spec, clock.now())
    payload = compiled(copy.token_request, frozen, catalogue, around.owner)
    return Standing(spec, frozen, catalogue, around, tuple(_problems(copy, spec, catalogue, around)), payload)


def _problems(copy: WorkingCopy, spec: TokenSpec, catalogue: Catalogue, around: Surroundings) -> list[Problem]:
    found: list[Problem] = []
    if copy.connection is None:
        found.append(Problem("connection", "connection", "Choose the connection that will create the token.", missing=True))
        found += [problem for problem in problem_finding.problems(spec, catalogue, around, now=clock.now()) if problem.missing]
    else:
        verdict = rules.may_use(copy.connection, copy.token_request.team_id)
        if not verdict:
            found.append(Problem("connection", "connection", verdict.sentence))
        found += problem_finding.problems(spec, catalogue, around, now=clock.now())
    found += required.missing(spec, _required(copy.token_request))
    if not copy.owner.is_active:
        found.append(Problem("purpose", "owner", f"{copy.owner} is deactivated. Choose another owner."))
    elif copy.owner_id == copy.backup_owner_id:
        found.append(Problem("purpose", "owner", OWN_BACK_UP))
    return found


def _required(token_request: TokenRequest) -> list[str]:
    """What the template asks for from which the draft was begun; only teams' own ask for anything."""
    if token_request.template_version is None:
        return []
    template = UUID(token_request.template.removeprefix("team:"))
    made_from = TeamTemplateVersion.objects.filter(template=template, number=token_request.template_version)
    return list(made_from.values_list("required", flat=True).first() or [])

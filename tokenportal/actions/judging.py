"""A request seen with everything that findings are made from: its spec, what it compiles to, and what it stands beside."""

from uuid import UUID

from tokenportal import clock
from tokenportal.actions import similar
from tokenportal.models import TeamTemplateVersion, TokenRequest, User
from tokenportal.policy import recipes
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.compile import Payload
from tokenportal.policy.finding import Alike, Beside, Seen
from tokenportal.policy.spec import TokenSpec
from tokenportal.policy.surroundings import Surroundings


def seen(
    token_request: TokenRequest, spec: TokenSpec, payload: Payload, catalogue: Catalogue, around: Surroundings, *, address: str = "",
    alike: tuple[Alike, ...] = (), by: User | None = None,
) -> Seen:  # fmt: skip
    """``address``: from where the person looks at it; ``alike``: tokens that already do just the same.

    They are looked up, in one query, among those that ``by`` may see, where a person is given.
    """
    if by is not None:
        alike = similar.same(by, payload.body, around, besides=token_request)
    beside = Beside(template_groups(token_request, catalogue), alike, address)
    return Seen(spec, payload, catalogue, around, clock.now(), beside)


def template_groups(token_request: TokenRequest, catalogue: Catalogue) -> frozenset[str] | None:
    """What the template holds from which the draft was begun; None where it was begun from nothing, or the template holds nothing."""
    if token_request.template_version is not None:
        template = UUID(token_request.template.removeprefix("team:"))
        version = TeamTemplateVersion.objects.filter(template=template, number=token_request.template_version).first()
        held = [id for block in version.spec.blocks for id in block.permissions] if version else []
    else:
        found = recipes.get(token_request.template) if token_request.template else None
        held = [group.id for group in found.groups(catalogue)] if found else []
    return frozenset(held) or None

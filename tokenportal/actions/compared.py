"""What a version under review is held against: the token that it changes, what was reviewed before, the template it began from."""

from dataclasses import dataclass, replace

from tokenportal.actions import adopting, carrying_out, comparing, drafts, team_templates, versions
from tokenportal.models import Review, Token, TokenRequest, User, Version
from tokenportal.policy import changes, recipes
from tokenportal.policy.diff import Difference
from tokenportal.policy.spec import AccessBlock, TokenSpec

OF_A_TEMPLATE = ("access", "restrictions")
"""The sections that a template says something of; a name and a purpose are each token's own."""


@dataclass(frozen=True)
class Comparison:
    """``against`` is token, version, template, or since: what became of the token meanwhile; ``name`` says which one."""

    against: str
    name: str
    difference: Difference


def comparisons(user: User, token_request: TokenRequest, version: Version, review: Review) -> tuple[Comparison, ...]:
    """What this person may see of them, the most telling one first; none where there is nothing to compare with."""
    found = (_with_token(token_request, version), _with_reviewed(token_request, version, review))
    told = tuple(one for one in found if one)
    template = None if token_request.target_id else _with_template(user, token_request, version)
    return (*told, template) if template else told


def before_sending(user: User, token_request: TokenRequest, version: Version) -> tuple[Comparison, ...]:
    """What a draft differs in from the version that was reviewed last, and from its template. What it does to a token is told apart."""
    if token_request.is_adoption:
        return ()
    template = None if token_request.target_id else _with_template(user, token_request, version)
    found = (_with_reviewed(token_request, version), template)
    return tuple(one for one in found if one and one.difference.changes)


def _with_token(token_request: TokenRequest, version: Version) -> Comparison | None:
    token = token_request.target
    if token is None:
        return None
    if token_request.is_adoption:
        return _with_adopted(token_request, version, token)
    if token_request.is_edit:
        return Comparison("token", token.name, carrying_out.difference(token_request, version))
    return Comparison("token", token.name, comparing.difference(token.connection, token.body, version.payload))


def _with_adopted(token_request: TokenRequest, version: Version, token: Token) -> Comparison | None:
    """What became of the token since somebody asked to adopt it, as long as that matters: it cannot be adopted so."""
    if token_request.status not in adopting.UNDER_WAY or adopting.mark(token) == version.digest:
        return None
    return Comparison("since", token.name, comparing.difference(token.connection, version.payload, token.body))


def _with_reviewed(token_request: TokenRequest, version: Version, review: Review | None = None) -> Comparison | None:
    """The version that was last under review, before this review if there is one, if it was another one."""
    earlier = token_request.reviews.filter(version__lt=version.number)
    earlier = earlier.filter(number__lt=review.number) if review else earlier
    before = earlier.order_by("-number").first()
    if before is None:
        return None
    old = token_request.versions.select_related(*versions.RELATED).get(number=before.version)
    return Comparison("version", str(old.number), _since(old, version, is_adoption=token_request.is_adoption))


def _since(old: Version, version: Version, *, is_adoption: bool) -> Difference:
    """What differs between two versions; of an adoption, whose spec may not say it all, by the bodies themselves."""
    if not is_adoption:
        return changes.compare(*versions.documents([old, version]))
    was, now = ((one.owner, one.backup_owner, one.spec.purpose) for one in (old, version))
    found = comparing.difference(version.agreed_connection, old.payload, version.payload)
    return Difference((*found.changes, *comparing.answering(was, now)))


def _with_template(user: User, token_request: TokenRequest, version: Version) -> Comparison | None:
    name, spec = _template_of(user, token_request, version)
    if spec is None:
        return None
    begun = Version(
        token_request_id=token_request.pk, spec_json=_placed(spec, version.spec).to_json(), connection=version.connection,
        owner=version.owner, backup_owner=version.backup_owner, made_at=version.made_at, reason=Version.Reason.SITTING,
    )  # fmt: skip
    found = changes.compare(*versions.documents([begun, version]))
    return Comparison("template", name, Difference(tuple(one for one in found.changes if one.section in OF_A_TEMPLATE)))


def _template_of(user: User, token_request: TokenRequest, version: Version) -> tuple[str, TokenSpec | None]:
    """The name of the template that a request was begun from, and what it says; None where there is none, or no more.

    None too where it is not one of this person's teams': one may see a request, or a copy of it, and not what it was begun from.
    """
    if pk := team_templates.of_slug(token_request.template):
        template = team_templates.seen_by(user).filter(pk=pk).first()
        made = template.versions.filter(number=token_request.template_version or 0).first() if template else None
        return (template.title, made.spec) if template and made else ("", None)
    found = recipes.get(token_request.template) if token_request.template else None
    return (found.name, drafts.spec_from(token_request.template, version.connection)) if found else ("", None)


def _placed(spec: TokenSpec, like: TokenSpec) -> TokenSpec:
    """A template with the zones and accounts that were chosen where it leaves the choice open: choosing one makes nothing wider."""
    pairs = zip(spec.blocks, like.blocks, strict=False)
    blocks = tuple(_placed_block(block, other) for block, other in pairs)
    return replace(spec, blocks=(*blocks, *spec.blocks[len(blocks) :]))


def _placed_block(block: AccessBlock, like: AccessBlock) -> AccessBlock:
    zones, accounts = block.zones, block.accounts
    if not zones.zones and zones.mode == like.zones.mode == "these":
        zones = like.zones
    if not accounts.accounts and accounts.mode == like.accounts.mode == "these":
        accounts = like.accounts
    return replace(block, zones=zones, accounts=accounts)

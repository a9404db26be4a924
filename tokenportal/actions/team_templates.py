"""Templates that a team makes of its own drafts: saved as versions, begun from, retired."""

import re
from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from django.db import IntegrityError

from tokenportal import audit, clock, rules
from tokenportal.actions import drafts, standing
from tokenportal.actions.invalid import Invalid
from tokenportal.audit import Event
from tokenportal.models import Connection, Team, TeamTemplate, TeamTemplateVersion, TokenRequest, User
from tokenportal.policy import required as requiring
from tokenportal.policy.diff import Difference, compare
from tokenportal.policy.problems import unshowable
from tokenportal.policy.spec import AccessBlock, AccountChoice, TokenSpec, ZoneChoice

TITLE_MAX, PURPOSE_MAX = 80, 200
SLUG = re.compile(r"team:([0-9a-f-]{36})")


def save(
    token_request: TokenRequest, *, by: User, title: str, purpose: str, required: Iterable[str] = (), keeps_resources: bool = True
) -> TeamTemplate:  # fmt: skip
    """Make a template of a draft's spec without its name, or a new version of the team's template of this title.

    Raises NotAllowed, or Invalid for ``title`` or ``purpose``.
    """
    rules.require(rules.may_save_template(by, token_request))
    title, purpose = _text("title", title, TITLE_MAX), _text("purpose", purpose, PURPOSE_MAX)
    spec = spec_for(token_request.working_copy.spec, keeps_resources=keeps_resources)
    template = named(token_request.team, title) or TeamTemplate(team=token_request.team, title=title)
    try:
        with audit.recording(Event.TEMPLATE_SAVED, by=by, subject=template, trail=token_request.pk) as record:
            if template.version:
                template = TeamTemplate.objects.select_for_update().get(pk=template.pk)
                record.subject = template
                record.change(template, version=template.version + 1)
            else:
                template.version = 1
                record.add(template)
            TeamTemplateVersion(
                template=template, number=template.version, purpose=purpose, spec_json=spec.to_json(),
                required=[field for field in requiring.FIELDS if field in set(required)], made_by=by, made_at=clock.now(),
            ).save()  # fmt: skip
    except IntegrityError:
        raise Invalid(
            "title", "Somebody has just saved a template of this title. Save again to make a new version of it."
        ) from None
    return template


def _text(field: str, typed: str, limit: int) -> str:
    text = " ".join(typed.split())
    if not text:
        raise Invalid(field, "Give it a title." if field == "title" else "Say in a line what it is for.")
    if len(text) > limit:
        raise Invalid(field, f"Shorten this to {limit} characters or fewer; it has {len(text)}.")
    if code := unshowable(text):
        raise Invalid(field, f"Take the invisible character {code} out.")
    return text


def spec_for(spec: TokenSpec, *, keeps_resources: bool) -> TokenSpec:
    """What a template keeps of a spec: not its name, nor what it is used for; its zones and accounts if asked to."""
    blocks = spec.blocks
    if not keeps_resources:
        blocks = tuple(
            replace(
                block, buckets=(),
                zones=ZoneChoice(mode="these") if block.zones.mode == "these" else block.zones,
                accounts=AccountChoice(mode="these") if block.accounts.mode == "these" else block.accounts,
            )
            for block in blocks
        )  # fmt: skip
    return replace(spec, name="", purpose="", blocks=blocks or (AccessBlock(),))


def named(team: Team, title: str) -> TeamTemplate | None:
    """The team's template of this title that is not retired. None for a title that ``save`` will refuse."""
    if unshowable(title):
        return None
    return TeamTemplate.objects.filter(team=team, title=" ".join(title.split()), retired_at=None).first()


def changed(token_request: TokenRequest, template: TeamTemplate, *, keeps_resources: bool) -> Difference:
    """What saving the draft as this template would change, in words."""
    copy = token_request.working_copy
    newest = template.versions.get(number=template.version).spec
    found = standing.of(copy, replace(newest, name=copy.spec.name))
    mine = standing.of(copy, replace(spec_for(copy.spec, keeps_resources=keeps_resources), name=copy.spec.name))
    return compare(found.payload.body, mine.payload.body, found.catalogue, found.around)


def retire(template: TeamTemplate, *, by: User) -> None:
    """Take a template out of the gallery. Drafts that were begun from it stay as they are. Raises NotAllowed."""
    rules.require(rules.may_retire_template(by, template))
    if template.retired_at is None:
        with audit.recording(Event.TEMPLATE_RETIRED, by=by, subject=template) as record:
            record.change(template, retired_at=clock.now())


def of_slug(slug: str) -> UUID | None:
    """The id in what ``TokenRequest.template`` holds for a draft that was begun from a team's template."""
    found = SLUG.fullmatch(slug)
    return UUID(found[1]) if found else None


def begin(template: TeamTemplate, *, by: User, team: Team, connection: Connection | None) -> TokenRequest:
    """Begin a draft from the newest version of a template. Raises NotAllowed."""
    rules.require(rules.may_start_in(by, team.pk))
    rules.require(rules.may_use_template(by, template))
    if connection is not None:
        rules.require(rules.may_use(connection, team.pk))
    version = template.versions.get(number=template.version)
    return drafts.begun(
        team=team, by=by, owner=by, spec=drafts.with_only_account(version.spec, connection), connection=connection,
        template=template.slug, template_version=version.number,
    )  # fmt: skip

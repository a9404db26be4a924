"""Templates that a team makes of its own drafts: saved as versions, begun from, retired."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import IntegrityError

from tokenportal import audit, clock, rules
from tokenportal.actions import drafts, standing
from tokenportal.actions.invalid import Invalid
from tokenportal.audit import Event
from tokenportal.models import Connection, Team, TeamTemplate, TeamTemplateVersion, TokenRequest, User
from tokenportal.policy import changes
from tokenportal.policy import required as requiring
from tokenportal.policy.changes import Document
from tokenportal.policy.diff import Change, Difference
from tokenportal.policy.problems import unshowable
from tokenportal.policy.spec import AccessBlock, AccountChoice, TokenSpec, ZoneChoice

TITLE_MAX, PURPOSE_MAX = 80, 200
SLUG = re.compile(r"team:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


class Unseen(Exception):
    """There is a template of this title in a version that whoever saves has not been shown."""

    def __init__(self, template: TeamTemplate) -> None:
        super().__init__(f"{template} is in version {template.version} by now.")
        self.template = template


def save(
    token_request: TokenRequest, *, by: User, title: str, purpose: str, required: Iterable[str] = (), keeps_resources: bool = True,
    over: str | None = None,
) -> TeamTemplate:  # fmt: skip
    """Make a template of a draft's spec without its name, or a new version of the team's template of this title.

    ``over`` is the ``mark`` of the template that whoever saves was shown, "" for none; without it, it goes over whichever there is.
    Raises NotAllowed, Unseen, or Invalid for ``title`` or ``purpose``.
    """
    rules.require(rules.may_save_template(by, token_request))
    title, purpose = _text("title", title, TITLE_MAX), _text("purpose", purpose, PURPOSE_MAX)
    spec = spec_for(token_request.working_copy.spec, keeps_resources=keeps_resources)
    template = named(token_request.team, title) or TeamTemplate(team=token_request.team, title=title)
    try:
        with audit.recording(Event.TEMPLATE_SAVED, by=by, subject=template, trail=token_request.pk) as record:
            if template.version:
                template = TeamTemplate.objects.select_for_update().get(pk=template.pk)
                if over not in (None, template.mark):
                    raise Unseen(template)
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
    """What a template keeps of a spec: not its name, nor what it is used for; its zones and accounts if asked to.

    Without them, all but a few is no choice that is left: without the few it would be wider than what was saved.
    """
    blocks = spec.blocks
    if not keeps_resources:
        blocks = tuple(
            replace(
                block, buckets=(),
                zones=ZoneChoice(mode="these" if _excludes(block.zones) else block.zones.mode),
                accounts=AccountChoice(mode="these" if block.accounts.except_accounts else block.accounts.mode),
            )
            for block in blocks
        )  # fmt: skip
    return replace(spec, name="", purpose="", blocks=blocks or (AccessBlock(),))


def _excludes(zones: ZoneChoice) -> bool:
    return bool(zones.except_zones or zones.except_accounts or zones.unknown_except)


def seen_by(user: User) -> Any:
    """The templates of this person's teams, retired or not; nobody else knows of them."""
    return TeamTemplate.objects.filter(team__memberships__user=user)


def named(team: Team, title: str) -> TeamTemplate | None:
    """The team's template of this title that is not retired. None for a title that ``save`` will refuse."""
    if unshowable(title):
        return None
    return TeamTemplate.objects.filter(team=team, title=" ".join(title.split()), retired_at=None).first()


def changed(
    token_request: TokenRequest, template: TeamTemplate, *, purpose: str, required: Iterable[str], keeps_resources: bool
) -> Difference:  # fmt: skip
    """What saving the draft as this template would change of it, in words: also what allows nothing before a draft says for what."""
    connection = token_request.working_copy.connection
    newest = template.versions.get(number=template.version)
    old, new = newest.spec, spec_for(token_request.working_copy.spec, keeps_resources=keeps_resources)
    seen_through = (*standing.offered(connection, old, new), clock.now())
    found = changes.compare(Document(old, "", "", "", *seen_through), Document(new, "", "", "", *seen_through))
    purpose = " ".join(purpose.split())
    about = [Change(f"Is for “{purpose}”; before, “{newest.purpose}”.", "same")] if purpose != newest.purpose else []
    return Difference((*about, *found.changes, *_asked(set(newest.required), set(required))))


def _asked(before: set[str], now: set[str]) -> Iterator[Change]:
    """What differs in what whoever begins from it must say."""
    for field, name in requiring.FIELDS.items():
        if (field in now) != (field in before):
            verb = "must now say" if field in now else "no longer has to say"
            yield Change(f"Whoever begins from it {verb}: {name[0].lower()}{name[1:]}.", "same")


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

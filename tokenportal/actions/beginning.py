"""Beginning a draft from what there is already: another draft or request, or an address of Cloudflare's dashboard."""

from dataclasses import replace

from tokenportal import rules
from tokenportal.actions import drafts
from tokenportal.models import Connection, Status, Team, TokenRequest, User
from tokenportal.policy.compile import NAME_MAX
from tokenportal.policy.spec import TokenSpec


def from_spec(spec: TokenSpec, *, by: User, team: Team, connection: Connection | None) -> TokenRequest:
    """A draft with this spec. Raises NotAllowed."""
    rules.require(rules.may_start_in(by, team.pk))
    if connection is not None:
        rules.require(rules.may_use(connection, team.pk))
    return drafts.begun(team=team, by=by, owner=by, spec=drafts.with_only_account(spec, connection), connection=connection)


def from_request(token_request: TokenRequest, *, by: User, team: Team) -> TokenRequest:
    """A copy of a draft or request, which is the copier's alone: neither its shares nor its comments come along.

    Its connection stays where the team may use it. Who wrote it does not approve the copy either, unless it became a token:
    that was agreed to. Raises NotAllowed.
    """
    rules.require(rules.may_start_in(by, team.pk))
    copy = token_request.working_copy
    connection = copy.connection if copy.connection and rules.may_use(copy.connection, team.pk) else None
    spec = replace(copy.spec, name=f"Copy of {copy.name}"[:NAME_MAX])
    return drafts.begun(
        team=team, by=by, owner=by, spec=spec, connection=connection,
        template=token_request.template, template_version=token_request.template_version,
        writers=frozenset() if token_request.status == Status.ISSUED else copy.editors,
    )  # fmt: skip

"""The product's table of contents, in the order in which a person meets its pages.

Every route says which rule guards it and which event each changing method writes; a test walks them all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import URLPattern, include, path

from tokenportal import admin
from tokenportal.views import (
    adopting,
    alarms,
    all_tokens,
    audit,
    audit_people,
    builder,
    care,
    chain,
    changing,
    comments,
    connections,
    create,
    drafts,
    evidence,
    guardrails,
    health,
    here,
    inventory,
    leaks,
    log_export,
    notices,
    ownership,
    people,
    permissions,
    renewing,
    review,
    review_queue,
    sessions,
    sharing,
    starting,
    summary,
    team_templates,
    teams,
    templates,
    theme,
    token_list,
    token_trail,
    tokens,
    versions,
)
from tokenportal.views.answers import noted


@dataclass(frozen=True)
class Route:
    """``rule`` is who may come in, in a word or two.

    ``event`` is what its POST writes, or "none: <reason>"; where the form's fields decide, all that it can write, with blanks between.
    """

    path: str
    name: str
    methods: tuple[str, ...]
    rule: str
    event: str


ROUTES: list[Route] = []


def route(
    where: str, view: Callable[..., Any], name: str, *, rule: str, methods: str = "GET", event: str = "", refused: str = ""
) -> URLPattern:
    """A URL with its declarations. A POST that is refused writes its event too, saying so (views.answers).

    ``refused`` is what a refusal writes where success writes nothing. Raises ValueError where a changing method has no
    declared event, and KeyError for one that does not exist.
    """
    allowed = tuple(methods.split())
    if "POST" in allowed and not event:
        raise ValueError(f"{where} changes something and declares no event.")
    events = refused if event.startswith("none: ") else event
    pattern = path(where, noted(view, *events.split()) if events else view, name=name)
    ROUTES.append(Route(f"/{where}", name, allowed, rule, event))
    return pattern


def windows(where: str, site: Any, *, rule: str) -> Any:
    """The pages of an admin site, declared like ours: they are only looked at."""
    patterns = site.get_urls()
    for pattern in patterns:
        ROUTES.append(Route(f"/{where}{pattern.pattern}", f"{site.name}:{pattern.name}", ("GET",), rule, ""))
    return path(where, include((patterns, site.name)))


urlpatterns: list[Any] = [
    # In and out
    route("set-up/", sessions.set_up, "set-up", rule="open", methods="GET POST", event="portal.set_up"),
    route("sign-in/", sessions.sign_in, "sign-in", rule="open", methods="GET POST", event="session.started"),
    route("sign-out/", sessions.sign_out, "sign-out", rule="signed in", methods="POST", event="session.ended"),
    route("again/", sessions.again, "again", rule="signed in", methods="GET POST", event="session.confirmed"),
    route("account/", sessions.account, "account", rule="signed in", methods="GET POST",
          event="password.changed person.changed"),
    route("theme/", theme.choose, "theme", rule="open", methods="POST",
          event="none: a choice that is kept in this browser's cookie only"),
    # Tokens
    route("", token_list.index, "tokens", rule="signed in"),
    route("tokens/sync/", inventory.sync, "tokens-sync", rule="auditor or admin", methods="POST", event="tokens.synced"),
    route("tokens/<uuid:pk>/", tokens.detail, "token", rule="team"),
    route("tokens/<uuid:pk>/trail/", token_trail.page, "token-trail", rule="team"),
    route("tokens/<uuid:pk>/adopt/", adopting.adopt, "token-adopt", rule="admin who sees it", methods="GET POST",
          event="token.taken_over review.sent"),
    route("tokens/<uuid:pk>/owners/", ownership.page, "token-owners", rule="who answers for it", methods="GET POST",
          event="token.owner_set"),
    route("tokens/<uuid:pk>/renew/", renewing.renew, "token-renew", rule="who answers for it", methods="POST",
          event="draft.started"),
    route("tokens/<uuid:pk>/try/", create.try_out, "try", rule="its owner", methods="POST", event="token.tried"),
    route("tokens/<uuid:pk>/edit/", changing.edit, "token-edit", rule="who answers for it", methods="POST", event="draft.started"),
    route("tokens/<uuid:pk>/replace/", changing.replace, "token-replace", rule="who answers for it", methods="POST",
          event="draft.started"),
    route("tokens/<uuid:pk>/roll/", care.roll, "token-roll", rule="who answers for it", methods="GET POST", event="token.rolling"),
    route("tokens/<uuid:pk>/disable/", care.disable, "token-disable", rule="who answers for it", methods="GET POST",
          event="token.disabling"),
    route("tokens/<uuid:pk>/enable/", care.enable, "token-enable", rule="who answers for it", methods="GET POST",
          event="token.enabling"),
    route("tokens/<uuid:pk>/revoke/", care.revoke, "token-revoke", rule="who answers for it", methods="GET POST",
          event="token.revoking"),
    route("tokens/<uuid:pk>/ask/", care.ask, "token-ask", rule="who answers for it", methods="POST", event="token.looked_up"),
    route("tokens/<uuid:pk>/duplicate/", care.duplicate, "token-duplicate", rule="team and requester", methods="GET POST",
          event="draft.started"),
    route("notices/", notices.index, "notices", rule="signed in", methods="GET POST",
          event="none: whether a notice was read is nobody else's business"),
    # From a template to a secret
    route("templates/", templates.gallery, "templates", rule="signed in"),
    route("templates/start/", templates.start, "start", rule="requester", methods="POST", event="draft.started"),
    route("templates/team/<uuid:pk>/", team_templates.detail, "team-template", rule="its team"),
    route("templates/team/<uuid:pk>/retire/", team_templates.retire, "team-template-retire", rule="its team", methods="POST",
          event="template.retired"),
    route("profile/api-tokens", starting.from_address, "template-url", rule="requester", methods="GET POST", event="draft.started"),
    route("permissions/", permissions.index, "permissions", rule="signed in"),
    route("drafts/", drafts.index, "drafts", rule="signed in"),
    route(
        "requests/<uuid:pk>/", builder.page, "request", rule="draft access", methods="GET POST",
        event="none: a working copy is saved while one types; the version made from it is the event", refused="draft.saved",
    ),
    route("requests/<uuid:pk>/here/", here.ping, "here", rule="draft access", methods="POST",
          event="none: who looks at a draft just now is forgotten within a minute"),
    route("requests/<uuid:pk>/summary/", summary.page, "summary", rule="draft access", methods="GET POST",
          event="draft.checked"),
    route("requests/<uuid:pk>/create/", create.create, "create", rule="its requester", methods="POST",
          event="token.issuing token.changing token.taken_over"),
    route("requests/<uuid:pk>/send/", review.send, "send", rule="its requester", methods="POST", event="review.sent"),
    route("requests/<uuid:pk>/review/", review.page, "review", rule="draft access"),
    route("requests/<uuid:pk>/review/approve/", review.approve, "approve", rule="its reviewers", methods="POST",
          event="review.approved"),
    route("requests/<uuid:pk>/review/changes/", review.request_changes, "request-changes", rule="its reviewers", methods="POST",
          event="review.returned"),
    route("requests/<uuid:pk>/review/deny/", review.deny, "deny", rule="its reviewers", methods="POST", event="review.denied"),
    route("requests/<uuid:pk>/review/withdraw/", review.withdraw, "withdraw", rule="its requester", methods="POST",
          event="review.withdrawn"),
    route("requests/<uuid:pk>/review/ask/", review.ask, "review-ask", rule="its requester", methods="POST", event="review.asked"),
    route("review/", review_queue.index, "reviews", rule="signed in"),
    route("requests/<uuid:pk>/look-up/", create.look_up, "look-up", rule="its requester", methods="POST",
          event="token.looked_up"),
    route("requests/<uuid:pk>/alarm/", alarms.resolve, "alarm", rule="an admin who sees it", methods="GET POST",
          event="alarm.resolved token.revoking"),
    route("requests/<uuid:pk>/reopen/", drafts.reopen, "reopen", rule="its requester", methods="POST",
          event="draft.reopened"),
    route("requests/<uuid:pk>/discard/", drafts.discard, "discard", rule="its requester", methods="GET POST",
          event="draft.discarded"),
    route("requests/<uuid:pk>/share/", sharing.page, "share", rule="its requester", methods="GET POST",
          event="draft.shared"),
    route("requests/<uuid:pk>/share/<uuid:share_pk>/", sharing.set_role, "share-role", rule="its requester", methods="POST",
          event="draft.shared"),
    route("requests/<uuid:pk>/share/<uuid:share_pk>/remove/", sharing.remove, "unshare", rule="its requester",
          methods="POST", event="draft.unshared"),
    route("requests/<uuid:pk>/links/", sharing.new_link, "links", rule="its requester", methods="POST", event="link.made"),
    route("requests/<uuid:pk>/links/<uuid:link_pk>/revoke/", sharing.revoke_link, "link-revoke", rule="its requester",
          methods="POST", event="link.revoked"),
    route("requests/<uuid:pk>/transfer/", sharing.transfer, "transfer", rule="its requester", methods="GET POST",
          event="draft.transferred"),
    route("drafts/link/<str:code>/", sharing.by_link, "link", rule="who has the link", methods="GET POST", event="link.taken"),
    route("requests/<uuid:pk>/versions/", versions.page, "versions", rule="draft access"),
    route("requests/<uuid:pk>/versions/<int:number>/restore/", versions.restore, "restore", rule="draft access",
          methods="GET POST", event="draft.restored"),
    route("requests/<uuid:pk>/comments/", comments.page, "comments", rule="draft access", methods="GET POST",
          event="comment.added"),
    route("requests/<uuid:pk>/comments/<uuid:comment_pk>/resolve/", comments.resolve, "comment-resolve", rule="draft access",
          methods="POST", event="comment.resolved"),
    route("requests/<uuid:pk>/comments/<uuid:comment_pk>/reopen/", comments.reopen, "comment-reopen", rule="draft access",
          methods="POST", event="comment.reopened"),
    route("requests/<uuid:pk>/duplicate/", starting.duplicate, "duplicate", rule="draft access", methods="GET POST",
          event="draft.started"),
    route("requests/<uuid:pk>/template/", team_templates.save, "template-save", rule="draft access", methods="GET POST",
          event="template.saved"),
    # Audit
    route("audit/", audit.index, "audit", rule="auditor"),
    route("audit/<int:number>/", audit.detail, "audit-event", rule="auditor"),
    route("audit/export/", log_export.export_log, "audit-export", rule="auditor", methods="POST", event="audit.exported"),
    route("audit/people/<uuid:pk>/", audit_people.activity, "audit-person", rule="auditor"),
    route("audit/chain/", chain.page, "audit-chain", rule="auditor"),
    route("audit/chain/verify/", chain.verify, "audit-verify", rule="auditor", methods="POST", event="audit.verifying"),
    route("audit/tokens/", all_tokens.index, "audit-tokens", rule="auditor"),
    route("audit/tokens/export/", all_tokens.export_all, "audit-tokens-export", rule="auditor", methods="POST",
          event="tokens.exported"),
    route("audit/evidence/", evidence.page, "audit-evidence", rule="auditor", methods="GET POST", event="evidence.exported"),
    route("audit/value/", leaks.page, "audit-value", rule="auditor", methods="GET POST", event="value.looked_up"),
    # Settings
    route("settings/people/", people.index, "people", rule="admin"),
    route("settings/people/new/", people.new, "person-new", rule="admin", methods="GET POST", event="person.created"),
    route("settings/people/<uuid:pk>/", people.detail, "person", rule="admin", methods="GET POST",
          event="person.changed"),
    route("settings/people/<uuid:pk>/password/", people.reset_password, "person-password", rule="admin",
          methods="POST", event="password.reset"),
    route("settings/people/<uuid:pk>/active/", people.set_active, "person-active", rule="admin", methods="POST",
          event="person.deactivated person.reactivated"),
    route("settings/teams/", teams.index, "teams", rule="admin", methods="GET POST", event="team.created"),
    route("settings/teams/<uuid:pk>/", teams.detail, "team", rule="admin", methods="GET POST", event="team.renamed"),
    route("settings/teams/<uuid:pk>/members/", teams.set_member, "team-members", rule="admin", methods="POST",
          event="membership.set membership.removed"),
    route("settings/connections/", connections.index, "connections", rule="admin"),
    route("settings/connections/new/", connections.new, "connection-new", rule="admin", methods="GET POST",
          event="connection.created"),
    route("settings/connections/<uuid:pk>/", connections.detail, "connection", rule="admin", methods="GET POST",
          event="connection.changed"),
    route("settings/connections/<uuid:pk>/test/", connections.test, "connection-test", rule="admin", methods="POST",
          event="connection.tested"),
    route("settings/connections/<uuid:pk>/refresh/", connections.refresh, "connection-refresh", rule="admin",
          methods="POST", event="snapshot.refreshed"),
    route("settings/connections/<uuid:pk>/credential/", connections.replace_credential, "connection-credential",
          rule="admin", methods="POST", event="credential.replaced"),
    route("settings/guardrails/", guardrails.index, "guardrails", rule="auditor"),
    route("settings/guardrails/new/", guardrails.new, "guardrail-new", rule="admin", methods="GET POST", event="guardrail.set"),
    route("settings/guardrails/<slug:key>/", guardrails.detail, "guardrail", rule="admin", methods="GET POST",
          event="guardrail.set"),
    route("settings/guardrails/<slug:key>/switch/", guardrails.switch, "guardrail-switch", rule="admin", methods="POST",
          event="guardrail.switched"),
    route("settings/guardrails/<slug:key>/remove/", guardrails.remove, "guardrail-remove", rule="admin", methods="GET POST",
          event="guardrail.removed"),
    windows("admin/", admin.site, rule="admin"),
    # For machines
    route("healthz", health.healthz, "healthz", rule="open"),
    route("readyz", health.readyz, "readyz", rule="open"),
]  # fmt: skip

if settings.SANDBOX:
    # Open as a whole: it answers to its own tokens, as Cloudflare does, and production refuses to have it.
    urlpatterns.append(path("sandbox/", include("tokenportal.sandbox.urls")))

handler400 = "tokenportal.views.errors.bad_request"
handler403 = "tokenportal.views.errors.forbidden"
handler404 = "tokenportal.views.errors.not_found"
handler500 = "tokenportal.views.errors.server_error"

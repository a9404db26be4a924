"""The templates of a team: saved from a draft, looked at with their versions, retired."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from tokenportal import rules
from tokenportal.actions import snapshots, team_templates
from tokenportal.actions.invalid import Invalid
from tokenportal.models import TeamTemplate, TokenRequest
from tokenportal.policy import listing, required
from tokenportal.policy.catalogue import PermissionGroup
from tokenportal.policy.spec import TokenSpec
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def save(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask for title, purpose and what is required; where there is one of that title, say first what would change."""
    user = access.person(request)
    token_request = access.token_request(user, pk)
    rules.require(rules.may_save_template(user, token_request))
    typed = typed_in(request, token_request)
    context: dict[str, Any] = {"token_request": token_request, "copy": token_request.working_copy, "fields": required.FIELDS}
    if request.method != "POST":
        return render_page(request, "drafts/template.html", {**context, **typed})
    try:
        template = team_templates.save(token_request, by=user, over=request.POST.get("over", ""), **typed)
    except team_templates.Unseen as unseen:
        # What it would change is said first.
        difference = team_templates.changed(
            token_request, unseen.template, purpose=typed["purpose"], required=typed["required"],
            keeps_resources=typed["keeps_resources"],
        )  # fmt: skip
        context |= {"existing": unseen.template, "difference": difference}
        return render_page(request, "drafts/template.html", {**context, **typed}, status=409)
    except Invalid as error:
        errors = [{"href": f"#{error.field}", "sentence": str(error)}]
        return render_page(request, "drafts/template.html", {**context, **typed, "errors": errors}, status=422)
    messages.success(request, f"{template.title} is a template of the team {template.team} now, in version {template.version}.")
    return redirect("team-template", pk=template.pk)


def typed_in(request: HttpRequest, token_request: TokenRequest) -> dict[str, Any]:
    """The form's fields: as posted, or as a draft that was begun from a template of the team suggests them."""
    if request.method == "POST":
        post = request.POST
        return {
            "title": post.get("title", ""), "purpose": post.get("purpose", ""), "required": post.getlist("required"),
            "keeps_resources": "keeps_resources" in post,
        }  # fmt: skip
    template = access.template_of(access.person(request), token_request)
    if template is None:
        return {
            "title": token_request.working_copy.spec.name[: team_templates.TITLE_MAX],
            "required": [],
            "keeps_resources": False,
        }
    newest = access.template_version(template, template.version)
    return {"title": template.title, "purpose": newest.purpose, "required": newest.required, "keeps_resources": False}


@answers
@require_http_methods(["GET", "HEAD"])
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    template = access.team_template(user, pk)
    versions = list(access.template_versions(template))
    context = {
        "template": template, "versions": versions, "newest": versions[0], "groups": permissions(versions[0].spec),
        "asks_for": [name for field, name in required.FIELDS.items() if field in versions[0].required],
        "may_retire": rules.may_retire_template(user, template), "may_use": rules.may_use_template(user, template),
        "used": access.template_uses(user).get(template.slug, 0),
    }  # fmt: skip
    return render_page(request, "templates/team.html", context)


def permissions(spec: TokenSpec) -> list[PermissionGroup]:
    """What a template's blocks hold, without the resources, which a draft will choose."""
    catalogue = snapshots.all_known_groups()
    return [listing.named(id, catalogue) for block in spec.blocks for id in block.permissions]


@answers
@require_POST
def retire(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    template: TeamTemplate = access.team_template(user, pk)
    team_templates.retire(template, by=user)
    messages.success(request, f"{template.title} is retired. Drafts that were begun from it stay as they are.")
    return redirect("templates")

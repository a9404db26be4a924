"""Connections: listed, added in steps, tested line by line, opened to teams."""

import json
from collections.abc import Iterable
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from tokenportal import audit, rules, upstream
from tokenportal.actions import connections, snapshots
from tokenportal.forms.connections import ChangeForm, ConnectionForm, CredentialForm
from tokenportal.models import Connection, Snapshot, Team, User
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page

# Where Cloudflare's dashboard makes parent tokens (CLOUDFLARE.md, section 6). The permission to create user tokens is
# in no prefilled form, only in a template of the dashboard.
PARENT_GROUPS = [
    {"key": "account_api_tokens", "type": "edit"}, {"key": "account_settings", "type": "read"}, {"key": "zone", "type": "read"},
]  # fmt: skip
ACCOUNT_LINK = "https://dash.cloudflare.com/?" + urlencode(
    {"to": "/:account/api-tokens", "permissionGroupKeys": json.dumps(PARENT_GROUPS), "name": "Token Portal"}, safe="/:"
)
USER_LINK = "https://dash.cloudflare.com/profile/api-tokens"


def admin(request: HttpRequest) -> User:
    user = access.person(request)
    rules.require(rules.may_administer(user))
    return user


def chosen_teams(request: HttpRequest) -> list[Team]:
    wanted = set(request.POST.getlist("teams"))
    return [team for team in access.teams() if str(team.pk) in wanted]


def noted(found: Iterable[forms.Form]) -> list[dict[str, str]]:
    """The errors of several forms, for the summary above the heading."""
    return [
        {"href": f"#id_{name}", "sentence": str(sentence)}
        for form in found
        for name, sentences in form.errors.items()
        for sentence in sentences
    ]


@answers
@require_http_methods(["GET", "HEAD"])
def index(request: HttpRequest) -> HttpResponse:
    admin(request)
    return render_page(request, "settings/connections.html", {"connections": access.connections(), "tab": "connections"})


@answers
@sensitive_post_parameters("credential")
@sensitive_variables()
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    user = admin(request)
    form = ConnectionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = connections.create(
                by=user, name=form.cleaned_data["name"], kind=form.cleaned_data["kind"], pasted=form.cleaned_data["credential"],
                account_id=form.cleaned_data["account_id"], teams=chosen_teams(request),
            )  # fmt: skip
        except connections.BadCredential as error:
            form.add_error(error.field, str(error))
        except connections.NameTaken as error:
            form.add_error("name", str(error))
        else:
            if made.kind != form.cleaned_data["kind"]:
                messages.info(request, f"The token's prefix told its kind: {made.get_kind_display().lower()}.")
            try_out(request, made, user)
            return redirect("connection", pk=made.pk)
    context = {
        "form": form, "errors": noted([form]), "teams": access.teams(), "chosen": request.POST.getlist("teams"),
        "kind": request.POST.get("kind", Connection.Kind.ACCOUNT), "account_link": ACCOUNT_LINK, "user_link": USER_LINK,
    }  # fmt: skip
    return render_page(request, "settings/connection-new.html", context, status=422 if form.errors else 200)


def try_out(request: HttpRequest, connection: Connection, user: User) -> None:
    """Test it, and read what it sees if its credential is accepted."""
    lines = connections.test(connection, by=user)
    if not lines[0]["ok"]:
        messages.warning(request, "The connection does not work yet. The first line of the test says why.")
        return
    snapshot = snapshots.refresh(connection, by=user)
    if snapshot.state != Snapshot.State.READY or any(line["ok"] is False for line in lines):
        messages.warning(request, "The connection works in part. The lines of the test say what is missing.")
    else:
        messages.success(request, "The connection works, and its accounts and zones have been read.")


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = admin(request)
    connection = access.connection(pk)
    form = ChangeForm(request.POST or None, initial={"name": connection.name, "is_active": connection.is_active})
    if request.method == "POST" and form.is_valid():
        try:
            connections.change(connection, by=user, teams=chosen_teams(request), **form.cleaned_data)
            return redirect("connection", pk=pk)
        except connections.NameTaken as error:
            connection.refresh_from_db()
            form.add_error("name", str(error))
    return show(request, connection, form)


def show(
    request: HttpRequest, connection: Connection, form: ChangeForm, credential: CredentialForm | None = None
) -> HttpResponse:
    accounts, zones = snapshots.size(connection)
    posted = form.is_bound
    granted = request.POST.getlist("teams") if posted else [str(team.pk) for team in connection.teams.all()]
    errors = noted([form, *([credential] if credential else [])])
    context = {
        "connection": connection, "form": form, "credential_form": credential or CredentialForm(), "errors": errors,
        "snapshot": getattr(connection, "snapshot", None), "teams": access.teams(), "granted": granted,
        "accounts": accounts, "zones": zones, "calls": upstream.standing(connection),
    }  # fmt: skip
    status = 422 if errors else 200
    return render_page(request, "settings/connection.html", context, partials=("seen",), status=status)


@answers
@require_POST
def test(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = admin(request)
    connections.test(access.connection(pk), by=user)
    return redirect("connection", pk=pk)


@answers
@require_POST
def refresh(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = admin(request)
    snapshot = snapshots.refresh(access.connection(pk), by=user)
    if snapshot.state == Snapshot.State.FAILED:
        messages.warning(request, f"It could not be read. {snapshot.error}")
    elif snapshot.state == Snapshot.State.READING:
        messages.info(request, audit.refusing("It is being read already."))
    return redirect("connection", pk=pk)


@answers
@sensitive_post_parameters("credential")
@sensitive_variables()
@require_POST
def replace_credential(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = admin(request)
    connection = access.connection(pk)
    form = CredentialForm(request.POST)
    if form.is_valid():
        try:
            connections.replace_credential(connection, by=user, pasted=form.cleaned_data["credential"])
            try_out(request, connection, user)
            return redirect("connection", pk=pk)
        except connections.BadCredential as error:
            form.add_error("credential", str(error))
    return show(request, connection, ChangeForm(initial={"name": connection.name, "is_active": connection.is_active}), form)

"""Settings, Guardrails: the rules in words for admins and auditors, and for admins the form, its dry run, on and off."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tokenportal import audit, rules
from tokenportal.actions import guarding, rehearsing, rulemaking
from tokenportal.actions.guarding import Standing
from tokenportal.actions.invalid import Invalid
from tokenportal.actions.rulemaking import MovedOn, Wanted
from tokenportal.forms.guardrails import GuardrailForm, filled
from tokenportal.models import Guardrail
from tokenportal.policy import guardrail_words
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.guardrail_form import boxes, choices, shown
from tokenportal.views.htmx import render_page
from tokenportal.views.people import admin

MOVED = "Somebody else has changed this rule since you opened it."


def _standing(key: str) -> Standing:
    found = rulemaking.find(key)
    if found is None:
        raise Http404
    return found


def _list(request: HttpRequest, *, moved: str = "", status: int = 200) -> HttpResponse:
    names = rulemaking.names()
    found = [shown(one, names) for one in guarding.standing_rules()]
    context = {
        "default_set": [one for one in found if one.standing.default], "own": [one for one in found if not one.standing.default],
        "administers": rules.may_administer(access.person(request)), "moved": moved, "tab": "guardrails",
    }  # fmt: skip
    return render_page(request, "settings/guardrails.html", context, status=status)


@require_safe
@answers
def index(request: HttpRequest) -> HttpResponse:
    rules.require(rules.may_read_audit(access.person(request)))
    return _list(request)


@require_http_methods(["GET", "HEAD", "POST"])
@answers
def new(request: HttpRequest) -> HttpResponse:
    admin(request)
    return _edit(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@answers
def detail(request: HttpRequest, key: str) -> HttpResponse:
    admin(request)
    return _edit(request, _standing(key))


def _edit(request: HttpRequest, standing: Standing | None) -> HttpResponse:
    data = request.POST if request.method == "POST" else None
    beginning = filled(standing.rule if standing else None, _revision(standing))
    form = GuardrailForm(data, choices=choices(standing), initial=beginning)
    if not form.is_valid():
        return _page(request, form, standing, status=422 if form.errors else 200)
    given = form.cleaned_data
    wanted = Wanted(given["title"], form.when, form.then, given["explanation"], given["revision"])
    user = access.person(request)
    try:
        if "try" in request.POST:
            trial = rehearsing.dry_run(wanted, by=user, replacing=standing)
            return _page(request, form, standing, trial=trial)
        row = rulemaking.set_rule(wanted, by=user, replacing=standing)
    except Invalid as error:
        form.add_error(error.field if error.field in form.fields else None, list(error.sentences))
        return _page(request, form, standing, status=422)
    except MovedOn:
        audit.refusing(MOVED)
        return _moved(request, standing)
    messages.success(request, _saved(row, is_new=row.revision != _revision(standing)))
    return redirect("guardrails")


def _saved(row: Guardrail, *, is_new: bool) -> str:
    if not is_new:
        return f"“{row.title}” is as it was."
    counts = "It counts from now on, also for what is waiting for review." if row.is_on else "It counts once it is switched on."
    return f"“{row.title}” is saved. {counts}"


def _revision(standing: Standing | None) -> int:
    return standing.revision if standing else 0


def _moved(request: HttpRequest, standing: Standing | None) -> HttpResponse:
    """The form with what was typed, and the rule as it is now, over which it can be saved."""
    now = _standing(standing.rule.id) if standing else None
    data = request.POST.copy()
    data["revision"] = str(_revision(now))
    form = GuardrailForm(data, choices=choices(now))
    return _page(request, form, now, moved=MOVED, status=409)


def _page(
    request: HttpRequest, form: GuardrailForm, standing: Standing | None, *, status: int = 200, **more: Any
) -> HttpResponse:
    context = {
        "form": form, "boxes": boxes(form), "row": shown(standing, rulemaking.names()) if standing else None, "tab": "guardrails",
        **more,
    }  # fmt: skip
    return render_page(request, "settings/guardrail.html", context, status=status)


@require_POST
@answers
def switch(request: HttpRequest, key: str) -> HttpResponse:
    user = admin(request)
    standing, on = _standing(key), request.POST.get("on") == "yes"
    try:
        rulemaking.switch(standing, by=user, on=on, revision=_posted_revision(request))
    except MovedOn:
        audit.refusing(MOVED)
        return _list(request, moved=f"{MOVED} This is how it stands now; nothing was switched.", status=409)
    messages.success(request, f"“{standing.rule.title}” is switched {'on' if on else 'off'}.")
    return redirect("guardrails")


@require_http_methods(["GET", "HEAD", "POST"])
@answers
def remove(request: HttpRequest, key: str) -> HttpResponse:
    user = admin(request)
    standing = _standing(key)
    if standing.row is None:
        raise Http404  # it is as it ships: there is nothing to remove
    if request.method != "POST":
        names = rulemaking.names()
        ships = guardrail_words.said(standing.default, names) if standing.default else ()
        return render_page(request, "settings/guardrail-remove.html", {"row": shown(standing, names), "ships": ships})
    try:
        rulemaking.remove(standing, by=user, revision=_posted_revision(request))
    except MovedOn:
        audit.refusing(MOVED)
        return _list(request, moved=f"{MOVED} This is how it stands now; nothing was removed.", status=409)
    done = "is as it ships again, and switched on" if standing.default else "is removed"
    messages.success(request, f"“{standing.rule.title}” {done}.")
    return redirect("guardrails")


def _posted_revision(request: HttpRequest) -> int:
    """-1, which no row has, for what is no number."""
    text = request.POST.get("revision", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1

"""Settings, People: who may sign in, and what they are in this installation."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tokenportal import audit, rules
from tokenportal.actions import people
from tokenportal.actions.invalid import Invalid
from tokenportal.audit import Event
from tokenportal.forms.people import PersonForm
from tokenportal.models import User
from tokenportal.secret import Secret
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page


def admin(request: HttpRequest) -> User:
    """Who is signed in, if they administer. Raises NotAllowed."""
    user = access.person(request)
    rules.require(rules.may_administer(user))
    return user


def shown_once(request: HttpRequest, person: User, password: Secret, *, new: bool) -> HttpResponse:
    """The one answer that holds a one-time password. Neither browser nor proxy keeps it, and nothing compresses it."""
    context = {"person": person, "password": password.reveal(), "new": new, "tab": "people"}
    response = render_page(request, "settings/person-password.html", context)
    response["Cache-Control"] = "no-store, no-transform"
    return response


@require_safe
@answers
def index(request: HttpRequest) -> HttpResponse:
    admin(request)
    return render_page(request, "settings/people.html", {"people": access.people(), "tab": "people"})


@require_http_methods(["GET", "HEAD", "POST"])
@answers
def new(request: HttpRequest) -> HttpResponse:
    user = admin(request)
    form = PersonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            person, password = people.create_person(by=user, **form.cleaned_data)
        except Invalid as error:
            form.add_error(error.field, error.sentences[0])
        else:
            return shown_once(request, person, password, new=True)
    context = {"form": form, "tab": "people"}
    return render_page(request, "settings/person-new.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@answers
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = admin(request)
    person = access.one_person(pk)
    initial = {name: getattr(person, name) for name in ("username", "email", "is_admin", "is_auditor")}
    form = PersonForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        try:
            people.change_person(person, by=user, **form.cleaned_data)
        except Invalid as error:
            form.add_error(error.field, error.sentences[0])
        else:
            if person == user:
                update_session_auth_hash(request, person)
            messages.success(request, f"{person} is saved.")
            return redirect("person", pk=person.pk)
    context = {
        "form": form, "person": person, "tab": "people", "memberships": person.memberships.select_related("team"),
        "may_deactivate": rules.may_deactivate(user, person), "is_self": person == user,
    }  # fmt: skip
    return render_page(request, "settings/person.html", context, status=422 if form.errors else 200)


@require_POST
@answers
def reset_password(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = admin(request)
    person = access.one_person(pk)
    return shown_once(request, person, people.reset_password(person, by=user), new=False)


@require_POST
@answers
def set_active(request: HttpRequest, pk: UUID) -> HttpResponse:
    active = request.POST.get("active") == "yes"
    audit.means(Event.PERSON_REACTIVATED if active else Event.PERSON_DEACTIVATED)
    user = admin(request)
    person = access.one_person(pk)
    people.set_active(person, by=user, active=active)
    words = "can sign in again." if active else "is deactivated and signed out everywhere."
    messages.success(request, f"{person} {words}")
    return redirect("person", pk=person.pk)

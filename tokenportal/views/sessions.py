"""In and out: setting up, signing in and out, being asked again, one's own account."""

import math

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.http import require_http_methods, require_POST

from tokenportal import clock
from tokenportal.actions import people, sessions, setting_up
from tokenportal.actions.invalid import Invalid
from tokenportal.audit import Event
from tokenportal.forms.people import AgainForm, PasswordForm, SetUpForm, SignInForm, TimeZoneForm
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page

WRONG = "The name or the password is wrong. Check both, and whether Caps Lock is on."
is_fresh = sessions.is_fresh


def safe_next(request: HttpRequest) -> str:
    """Where to go afterwards: a path of this portal, or the tokens."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe and wanted.startswith("/") else reverse("tokens")


def ask_again(request: HttpRequest, *, back: str = "") -> HttpResponse:
    """Lead to the page that asks for the password, and from there to ``back``, which is a page and never a step."""
    return redirect(f"{reverse('again')}?{urlencode({'next': back or request.get_full_path()})}")


def wait(request: HttpRequest, error: sessions.TooMany) -> HttpResponse:
    """429 with the moment from which another attempt is looked at."""
    seconds = max(1, math.ceil((error.until - clock.now()).total_seconds()))
    response = render_page(request, "sessions/wait.html", {"until": error.until}, status=429)
    response["Retry-After"] = str(seconds)
    return response


def note_invalid(form: SetUpForm | PasswordForm, error: Invalid) -> None:
    for sentence in error.sentences:
        form.add_error(error.field or None, sentence)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@answers
def set_up(request: HttpRequest) -> HttpResponse:
    if setting_up.anybody():
        return redirect("sign-in")
    form = SetUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            person = setting_up.set_up(**form.cleaned_data)
        except Invalid as error:
            note_invalid(form, error)
        else:
            sessions.start(request, by=person)
            messages.success(request, "The portal is set up, and you are its first admin. Add a connection and people next.")
            return redirect("connections")
    return render_page(request, "sessions/set-up.html", {"form": form}, status=422 if form.errors else 200)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@answers
def sign_in(request: HttpRequest) -> HttpResponse:
    form = SignInForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            person = sessions.check(**form.cleaned_data)
        except sessions.WrongPassword:
            form.add_error(None, WRONG)
        except sessions.TooMany as error:
            return wait(request, error)
        else:
            sessions.start(request, by=person)
            return redirect(safe_next(request))
    elif request.user.is_authenticated:
        return redirect(safe_next(request))
    context = {"form": form, "next": safe_next(request)}
    return render_page(request, "sessions/sign-in.html", context, status=422 if form.errors else 200)


@require_POST
@answers
def sign_out(request: HttpRequest) -> HttpResponse:
    sessions.end(request, by=access.person(request))
    return redirect("sign-in")


@require_http_methods(["GET", "HEAD", "POST"])
@answers
def again(request: HttpRequest) -> HttpResponse:
    form = AgainForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            sessions.confirm(request, by=access.person(request), password=form.cleaned_data["password"])
        except sessions.WrongPassword:
            form.add_error("password", "This is not your password. Check whether Caps Lock is on.")
        except sessions.TooMany as error:
            return wait(request, error)
        else:
            return redirect(safe_next(request))
    context = {"form": form, "next": safe_next(request)}
    return render_page(request, "sessions/again.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@answers
def account(request: HttpRequest) -> HttpResponse:
    user = access.person(request)
    part = request.POST.get("part", "") if request.method == "POST" else ""
    passwords = PasswordForm(request.POST if part == "password" else None)
    zone = TimeZoneForm(request.POST if part == "time-zone" else None, initial={"time_zone": user.time_zone})
    if part == "password" and passwords.is_valid():
        try:
            if change_password(request, passwords):
                messages.success(request, "Your password is changed. Other sessions of yours have ended.")
                return redirect("account")
        except sessions.TooMany as error:
            return wait(request, error)
    if part == "time-zone" and zone.is_valid():
        people.choose_time_zone(by=user, time_zone=zone.cleaned_data["time_zone"])
        messages.success(request, "Your time zone is saved.")
        return redirect("account")
    form = zone if part == "time-zone" else passwords
    context = {"form": form, "passwords": passwords, "zone": zone, "memberships": user.memberships.select_related("team")}
    status = 422 if request.method == "POST" else 200
    return render_page(request, "sessions/account.html", context, status=status)


def change_password(request: HttpRequest, form: PasswordForm) -> bool:
    """Whether the password was changed; where not, the form says why. Raises TooMany."""
    user = access.person(request)
    try:
        sessions.check(
            username=user.username, password=form.cleaned_data["current_password"], by=user, event=Event.PASSWORD_CHANGED
        )
        people.change_password(by=user, new=form.cleaned_data["new_password"])
    except sessions.WrongPassword:
        form.add_error("current_password", "This is not your present password.")
        return False
    except Invalid as error:
        note_invalid(form, error)
        return False
    update_session_auth_hash(request, user)
    return True

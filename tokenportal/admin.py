"""Read-only windows on three tables at /admin/, for admins. Nothing can be changed here: only GET and HEAD are answered.

Who is signed in and what they may see is the portal's to say. The admin site's own sign-in, permissions, log and actions
are not used, and neither are its scripts.
"""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.functional import cached_property
from django.views.decorators.http import require_http_methods

from tokenportal import rules
from tokenportal.audit import reading
from tokenportal.models import AuditEvent, Token, TokenRequest, User
from tokenportal.models.audit_event import canonical_json

NEWEST = 1000
"""A window shows so many rows at most: counting a million takes longer than reading a page of them."""

View = Callable[..., Any]


def person(request: HttpRequest) -> User:
    """Who is signed in; the middleware has turned everybody else away."""
    assert isinstance(request.user, User)  # noqa: S101
    return request.user


def when(name: str) -> View:
    """A column or field with a moment to the second, as Django's own formats have none."""

    @admin.display(description=f"{name.replace('_', ' ')}, UTC", empty_value="-")
    def shown(row: Any) -> str | None:
        at = getattr(row, name)
        return f"{at:%Y-%m-%d %H:%M:%S}" if at else None

    return shown


def whens(*names: str) -> tuple[View, ...]:
    return tuple(map(when, names))


class Newest(Paginator):
    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:NEWEST].count())


class Window(admin.ModelAdmin):
    """A list and a page for each row. ``where`` is the kind of the key in its address."""

    where = "<uuid:pk>"
    actions = None
    paginator = Newest
    show_full_result_count = False
    view_on_site = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 0
    sortable_by = ()
    search_help_text = f"The newest {NEWEST:,} that match are listed."
    change_list_template = "admin/window_list.html"
    change_form_template = "admin/window_row.html"

    def get_urls(self) -> list[URLPattern]:
        def row(request: HttpRequest, pk: UUID | int | None = None, number: int | None = None) -> HttpResponse:
            return self.change_view(request, str(number or pk))

        here = f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            path("", self.admin_site.admin_view(self.changelist_view), name=f"{here}_changelist"),
            path(f"{self.where}/", self.admin_site.admin_view(row), name=f"{here}_change"),
        ]

    @property
    def media(self) -> forms.Media:
        return forms.Media()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.admin_site.has_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        raise Http404


class TokenWindow(Window):
    list_display = ("name", "status", "team", "owner", "connection", *whens("issued_on", "expires_on", "last_used_on"))
    list_filter = ("status", "drifted", "is_parent")
    list_select_related = ("team", "owner", "connection")
    search_fields = ("name", "cloudflare_id", "owner__username", "team__name")
    fields: ClassVar[Any] = (
        "name", "purpose", "status", "team", "owner", "backup_owner", "connection", "cloudflare_id", "token_request", "replaces",
        *whens("issued_on", "modified_on", "last_used_on", "not_before", "expires_on", "ended_at", "seen_at"), "doing",
        when("doing_since"), "value_lost", "drifted", "is_parent", "body", "approved",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        return Token.objects.visible_to(person(request)).order_by("-seen_at", "pk")


class TokenRequestWindow(Window):
    list_display = ("reference", "kind", "status", "team", "requester", "version", *whens("created_at", "changed_at"))
    list_filter = ("status", "kind")
    list_select_related = ("team", "requester")
    search_fields = ("reference", "requester__username", "team__name", "cloudflare_id")
    fields: ClassVar[Any] = (
        "reference", "kind", "status", "team", "requester", "template", "target", "version", "digest", "cloudflare_id", "alarm",
        *whens("created_at", "changed_at"),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        return TokenRequest.objects.visible_to(person(request)).order_by("-changed_at", "pk")


class ReadableList(ChangeList):
    """A row into which somebody wrote is told as such, and takes the others not with it."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list: Any = reading.read(self.result_list)


class AuditEventWindow(Window):
    where = "<int:number>"
    list_display = ("number", when("at"), "by_name", "action", "object_type", "object_name", "outcome", "address")
    list_filter = ("outcome",)
    search_fields = ("by_name",)
    search_help_text = (
        f"A number, a sign-in name, an action such as token.rolled, or the id of a thing. {Window.search_help_text}"
    )
    fields: ClassVar[Any] = (
        "number", when("at"), "by_name", "by_id", "channel", "sign_in", "session", "address", "action", "object_type", "object_id",
        "object_name", "trail", "outcome", "reason", "digest", "ray", "cloudflare_id", "fingerprint", "changed", "more", "previous",
        "hash", "key_id", "mac",
    )  # fmt: skip
    readonly_fields = ("changed", "more")

    def get_queryset(self, request: HttpRequest) -> Any:
        return AuditEvent.objects.order_by("-number")

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return ReadableList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> AuditEvent | None:
        return next(iter(reading.read(AuditEvent.objects.filter(number=int(object_id)))), None)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """One column, by how the text looks, and exactly: each has its index, and a search in all would read every event."""
        return queryset.filter(**searched(search_term.strip())), False

    @admin.display(description="changes")
    def changed(self, event: AuditEvent) -> str:
        return canonical_json(event.changes)

    @admin.display(description="details")
    def more(self, event: AuditEvent) -> str:
        return canonical_json(event.details)


def searched(text: str) -> dict[str, Any]:
    """The filter that a search among events means; none for no text."""
    if not text:
        return {}
    if text.isdecimal() and len(text) < 19:
        return {"number": int(text)}
    if "." in text and " " not in text and "@" not in text:
        return {"action": text}
    return {"object_id": text} if len(text) in (32, 36) else {"by_name": text}


class Windows(admin.AdminSite):
    site_header = site_title = "Token Portal: tables"
    index_title = "Tables, to be read only"
    enable_nav_sidebar = False
    index_template = app_index_template = "admin/windows.html"

    def get_urls(self) -> list[Any]:
        found = [
            path("", self.admin_view(self.index), name="index"),
            path("tokenportal/", self.admin_view(self.app_index), {"app_label": "tokenportal"}, name="app_list"),
        ]
        for model, window in self._registry.items():
            found += [
                path(f"tokenportal/{model._meta.model_name}/{one.pattern}", one.callback, name=one.name)
                for one in window.get_urls()
            ]
        return found

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(rules.may_administer(person(request)))

    def admin_view(self, view: View, cacheable: bool = False) -> Any:
        """The middleware has led the signed out to the portal's own sign-in; everybody else is asked for the admin role."""

        @require_http_methods(["GET", "HEAD"])
        def looking(request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
            if verdict := rules.may_administer(person(request)):
                return view(request, *args, **options)
            raise PermissionDenied(verdict.sentence)

        return looking

    def get_log_entries(self, request: HttpRequest) -> Any:
        """None: nobody does anything here."""
        return ()


site = Windows(name="admin")
for model, window in ((Token, TokenWindow), (TokenRequest, TokenRequestWindow), (AuditEvent, AuditEventWindow)):
    site.register(model, window)

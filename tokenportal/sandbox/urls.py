"""Cloudflare's paths under client/v4/, and the sandbox's own control page. The in-process door resolves against this too."""

from django.urls import path, re_path

from tokenportal.sandbox import control
from tokenportal.sandbox.door import endpoint, no_route
from tokenportal.sandbox.views import accounts, dns, settings, tokens, zones

OWNERS = (("user/tokens", "user/subresources/tokens"), ("accounts/<str:account_id>/tokens", "accounts/subresources/tokens"))
RECORDS = "dns/subresources/records"
SETTINGS = "zones/subresources/settings"

api = [
    pattern
    for root, docs in OWNERS
    for pattern in (
        path(root, endpoint(docs, GET=tokens.list_, POST=tokens.create)),
        path(f"{root}/verify", endpoint(docs, verify=True, GET=tokens.verify)),
        path(f"{root}/permission_groups", endpoint(f"{docs}/subresources/permission_groups", GET=tokens.permission_groups)),
        path(f"{root}/<str:token_id>", endpoint(docs, GET=tokens.get, PUT=tokens.update, DELETE=tokens.delete)),
        path(f"{root}/<str:token_id>/value", endpoint(f"{docs}/subresources/value", PUT=tokens.roll)),
    )
] + [
    path("user", endpoint("user", GET=accounts.user)),
    path("memberships", endpoint("memberships", GET=accounts.memberships)),
    path("accounts", endpoint("accounts", GET=accounts.list_)),
    path("accounts/<str:account_id>", endpoint("accounts", GET=accounts.get)),
    path("zones", endpoint("zones", GET=zones.list_)),
    path("zones/<str:zone_id>", endpoint("zones", GET=zones.get)),
    path("zones/<str:zone_id>/purge_cache", endpoint("cache", POST=zones.purge)),
    path("zones/<str:zone_id>/dns_records", endpoint(RECORDS, GET=dns.list_, POST=dns.create)),
    path(
        "zones/<str:zone_id>/dns_records/<str:record_id>",
        endpoint(RECORDS, GET=dns.get, PATCH=dns.edit, PUT=dns.update, DELETE=dns.delete),
    ),
    path("zones/<str:zone_id>/settings", endpoint(SETTINGS, GET=settings.list_, PATCH=settings.edit_many)),
    path("zones/<str:zone_id>/settings/<str:setting>", endpoint(SETTINGS, GET=settings.get, PATCH=settings.edit)),
]

urlpatterns = [
    path("", control.page, name="sandbox"),
    path("faults/", control.arm, name="sandbox-arm"),
    path("faults/clear/", control.clear, name="sandbox-clear"),
    path("tokens/<str:token_id>/<str:change>/", control.change, name="sandbox-change"),
]
urlpatterns += [path(f"client/v4/{pattern.pattern}", pattern.callback) for pattern in api]
urlpatterns += [re_path(r"^client/v4(?P<rest>/.*)?$", no_route)]

"""An auditor reads and exports everything and changes nothing; a requester sees the trail of what they may see, only."""

import re
from typing import Any

import pytest
from django.apps import apps

from tests import arrange
from tests.integration.test_routes import filled, listed, things  # noqa: F401
from tokenportal.actions import syncing
from tokenportal.models import AuditEvent, Token

pytestmark = pytest.mark.django_db

READING = {"audit.exported", "tokens.exported", "evidence.exported", "audit.verifying", "value.looked_up", "tokens.synced"}
"""What an auditor may have done: each only tells, or looks again."""
THEIR_OWN = {"open", "signed in"}
FORBIDDEN = {403, 404}


def kept() -> dict[str, list[Any]]:
    """Every guarded row but the events themselves, and every token at the imitation of Cloudflare.

    When a credential was last used is left out: reading tokens uses it.
    """
    models: list[Any] = [apps.get_model("sandbox", "Token"), *apps.get_app_config("tokenportal").get_models()]
    rows = {model._meta.label: model._base_manager.order_by("pk").values() for model in models if getattr(model, "GUARDED", True)}
    del rows["tokenportal.AuditEvent"]
    return {label: [{**row, "last_used_on": None, "seen_at": None} for row in found] for label, found in rows.items()}


def answered(answer: Any) -> int:
    """The status, after all of a stream was read."""
    if answer.streaming:
        assert b"".join(answer)
    return int(answer.status_code)


def test_an_auditor_reads_every_page_that_is_theirs_and_none_that_is_an_admin_s(things: dict[str, Any]) -> None:  # noqa: F811
    auditor = arrange.person("auditor")
    assert (auditor.is_auditor, auditor.is_admin, auditor.memberships.count()) == (True, False, 0)
    web = arrange.signed_in("auditor")
    for row in listed():
        if "GET" not in row["methods"] or row["rule"] in THEIR_OWN:
            continue
        status = web.get(filled(row["path"], things)).status_code
        readable = row["rule"] in {"auditor", "auditor or admin", "team"}
        assert status == 200 if readable else status in FORBIDDEN, row["path"]


def test_an_auditor_changes_nothing_whatever_they_send(things: dict[str, Any]) -> None:  # noqa: F811
    syncing.sync_all()  # what Cloudflare holds is known, so that reading it again has nothing to write down
    web, before = arrange.signed_in("auditor"), kept()
    sent = {
        "name": "stolen",
        "purpose": "x",
        "team": str(arrange.team().pk),
        "format": "csv",
        "confirm": "on",
        **arrange.confirming(things["draft"]),
    }
    for row in listed():
        if "POST" not in row["methods"] or row["rule"] in THEIR_OWN:
            continue
        status = answered(web.post(filled(row["path"], things), sent))
        if row["rule"] in {"auditor", "auditor or admin"}:
            assert row["event"] in READING, row["path"]
            assert status not in FORBIDDEN, row["path"]
        else:
            assert status in FORBIDDEN, row["path"]
    assert kept() == before


def test_an_auditor_s_own_account_is_all_that_is_theirs_to_change(things: dict[str, Any]) -> None:  # noqa: F811
    own = {row["name"] for row in listed() if "POST" in row["methods"] and row["rule"] in THEIR_OWN}
    assert own == {"set-up", "sign-in", "sign-out", "again", "account", "theme", "notices"}
    web, before = arrange.signed_in("auditor"), kept()
    for name in ("/set-up/", "/again/", "/account/", "/notices/"):
        assert web.post(name, {"is_admin": "on", "is_auditor": "", "username": "admin"}).status_code != 500
    assert kept() == before


def test_every_export_of_an_auditor_is_an_event(things: dict[str, Any]) -> None:  # noqa: F811
    web = arrange.signed_in("auditor")
    exports = [row for row in listed() if row["event"].endswith(".exported")]
    assert exports
    for row in exports:
        count = AuditEvent.objects.filter(action=row["event"], by_name="auditor").count()
        assert answered(web.post(row["path"], {"format": "jsonl"})) == 200
        assert AuditEvent.objects.filter(action=row["event"], by_name="auditor").count() == count + 1


def test_a_requester_sees_the_trail_of_what_their_team_holds_and_of_nothing_else(things: dict[str, Any]) -> None:  # noqa: F811
    made = apps.get_model("sandbox", "Token").objects.get(pk=things["token"].cloudflare_id)
    made.pk, made.name, made.value_sha256 = "f" * 32, "made elsewhere", "f" * 64
    made._state.adding = True
    made.save()
    syncing.sync(things["token"].connection)
    stranger = Token.objects.get(cloudflare_id="f" * 32)
    web, auditor = arrange.signed_in("requester"), arrange.signed_in("auditor")
    for row in listed():
        if row["path"].startswith("/tokens/<uuid:pk>/") and "GET" in row["methods"] and row["rule"] == "team":
            their_own, other = (re.sub("<uuid:pk>", str(token.pk), row["path"]) for token in (things["token"], stranger))
            assert (web.get(their_own).status_code, web.get(other).status_code) == (200, 404), row["path"]
            assert auditor.get(other).status_code == 200, row["path"]
    for number in AuditEvent.objects.values_list("number", flat=True)[:5]:
        assert web.get(f"/audit/{number}/").status_code == 403

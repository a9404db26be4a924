"""Names that would run, obey, hide or turn text around: on every page and in every export they are seen and do nothing."""

import io
import logging
import re
import sys
import zipfile
from html import unescape
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.test import Client

from tests import arrange
from tests.integration.test_routes import filled, listed
from tokenportal import visible
from tokenportal.actions import snapshots, syncing
from tokenportal.logs import ScrubFormatter
from tokenportal.models import AuditEvent, KnownAccount, KnownZone, Token

pytestmark = pytest.mark.django_db

HOSTILE = {
    "formula": '=HYPERLINK("https://example.com","x")',
    "line ends": "two\r\nlines",
    "ansi": "\x1b[31mred\x1b[0m\x07",
    "bidi": "safe\u202egnp.exe\u2066",
    "no width": "ze\u200bro\ufeff\u00ad\u2060",
    "tags": "tag\U000e0041\U000e0101",
    "separators": "line\u2028para\u2029",
    "blank letters": "fill\u3164er\u115f",
    "c1": "csi\x9b31m",
    "markup": "<img src=x onerror=alert(1)>\"'<script>alert(2)</script>",
}
ALL = "".join(HOSTILE.values())
MARKUP = ("<img src=x", "<script>alert")


def hidden_in(text: str) -> set[str]:
    return {one for one in text if visible.is_hidden(one)} - set(visible.KEPT)


def sandbox(model: str) -> Any:
    return apps.get_model("sandbox", model).objects


@pytest.fixture
def hostile(portal: None) -> dict[str, Any]:
    """A token for each hostile name, made past the portal, a zone and an account of such a name, and a draft."""
    issued = arrange.issue(arrange.draft())
    assert issued
    source, made = arrange.connection(), sandbox("Token").get(pk=issued.token.cloudflare_id)
    for number, name in enumerate((*HOSTILE.values(), ALL[:120])):
        made.pk, made.name, made.value_sha256 = f"{number:032x}", name, f"{number:064x}"
        made._state.adding = True
        made.save()
    zone = sandbox("Zone").order_by("name").first()
    sandbox("Zone").filter(pk=zone.pk).update(name=f"a{ALL}"[:200])
    sandbox("Account").filter(pk=zone.account_id).update(name=ALL[:90])
    snapshots.refresh(source)
    syncing.sync(source)
    draft = arrange.draft(name=ALL[:90], purpose=ALL)
    return {"draft": draft, "token": Token.objects.get(cloudflare_id=f"{len(HOSTILE):032x}"), "person": arrange.person("teammate"),
            "share": draft}  # fmt: skip


def addresses(things: dict[str, Any]) -> list[str]:
    """Every page, for the token with the worst name and for each token of another, with its newest events."""
    found = [filled(row["path"], things) for row in listed() if "GET" in row["methods"]]
    found += [token.get_absolute_url() for token in Token.objects.all()]
    newest = AuditEvent.objects.filter(action__in=["token.found", "token.changed_outside"]).values_list("number", flat=True)
    return [*found, *(f"/audit/{number}/" for number in newest), "/?tab=unmanaged", "/?status=parent", "/?q=HYPER"]


@pytest.mark.parametrize("name", ["admin", "auditor", "requester"])
def test_no_page_holds_what_is_hidden_or_unescaped(hostile: dict[str, Any], name: str) -> None:
    web, looked = arrange.signed_in(name), 0
    for where in dict.fromkeys(addresses(hostile)):
        answer = web.get(where)
        if answer.streaming:
            continue
        page = answer.content.decode()
        assert hidden_in(page) == set(), where
        assert hidden_in("".join(answer.headers.values())) == set(), where
        if answer.headers["Content-Type"].startswith("text/html"):
            assert not any(markup in page for markup in MARKUP), where
        looked += answer.status_code == 200
    assert looked >= 8


def test_a_name_stands_visibly_where_the_name_stands(hostile: dict[str, Any]) -> None:
    web = arrange.signed_in("auditor")
    for number, name in enumerate(HOSTILE.values()):
        token = Token.objects.get(cloudflare_id=f"{number:032x}")
        page = unescape(web.get(token.get_absolute_url()).content.decode())
        assert token.name == visible.shown(name)
        assert f"<title>{visible.shown(name)}" in page
        assert re.search(rf"<h1[^>]*>\s*{re.escape(visible.shown(name))}", page), name
    unmanaged = unescape(web.get("/?tab=unmanaged").content.decode())
    assert all(visible.shown(name)[:20] in unmanaged for name in HOSTILE.values())


def test_names_of_zones_and_accounts_are_kept_visibly(hostile: dict[str, Any]) -> None:
    assert KnownZone.objects.filter(name=visible.on_one_line(f"a{ALL}"[:200].lower(), 253)).exists()
    assert KnownAccount.objects.filter(name=visible.on_one_line(ALL[:90], 200)).exists()


@pytest.mark.parametrize("kind", sorted(set(HOSTILE) - {"formula", "markup"}))
def test_people_teams_connections_and_tokens_made_here_get_no_such_names(portal: None, kind: str) -> None:
    admin, name = arrange.signed_in("admin"), HOSTILE[kind]
    for where, typed in (
        ("/settings/people/new/", {"username": name, "email": "x@example.com"}),
        ("/settings/teams/", {"name": name}),
        (f"/settings/connections/{arrange.connection().pk}/", {"name": name}),
    ):
        answer = admin.post(where, typed)
        sentence = ("This holds characters that nobody can see", "Use letters, digits and")
        assert answer.status_code == 422, where
        assert any(part in answer.content.decode() for part in sentence), where
        assert hidden_in(answer.content.decode()) == set(), where
    draft = arrange.draft(name=f"x{name}x")
    page = arrange.signed_in("requester").get(f"/requests/{draft.pk}/").content.decode()
    assert "Take the invisible character U+" in page


def test_a_log_line_and_its_traceback_obey_nobody() -> None:
    try:
        raise ValueError(ALL)
    except ValueError:
        told = logging.LogRecord("work", logging.INFO, "", 0, "%s", (ALL,), sys.exc_info())
    line = ScrubFormatter("{message}", style="{").format(told)
    assert hidden_in(line) == set()
    assert line.count("␛[31m") == 2


def exports(web: Client) -> dict[str, str]:
    """What every address that exports something answers, by the name of each file in it."""
    found: dict[str, str] = {}
    for row in listed():
        if not row["event"].endswith(".exported"):
            continue
        for form in ("csv", "jsonl"):
            answer = web.post(row["path"], {"format": form})
            assert answer.status_code == 200, row["path"]
            content = b"".join(answer)  # type: ignore[arg-type]
            if answer.headers["Content-Type"] != "application/zip":
                found[f"{row['path']}{form}"] = content.decode()
                continue
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                found |= {name: archive.read(name).decode() for name in archive.namelist() if not name.endswith(".sig")}
    return found


def test_no_export_holds_what_is_hidden_or_runs(hostile: dict[str, Any]) -> None:
    found = exports(arrange.signed_in("auditor"))
    assert any(name.endswith("csv") for name in found)
    assert any(name.endswith("jsonl") for name in found)
    for name, text in found.items():
        assert hidden_in(text) == set(), name
        if name.endswith("csv"):
            assert '"=' not in text.replace('""', ""), name
            assert "\r" not in text.replace("\r\n", ""), name
        if "tokens" in name:
            assert "HYPERLINK" in text, name


def test_what_commands_print_is_visible(hostile: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    printed = io.StringIO()
    for name in ("sync_tokens", "settle_tokens", "verify_audit"):
        call_command(name, stdout=printed)
    call_command("work", "--once", stdout=printed)
    shown = capsys.readouterr()
    assert hidden_in(printed.getvalue() + shown.out + shown.err) == set()


def test_a_field_shows_what_would_be_sent(hostile: dict[str, Any]) -> None:
    page = arrange.signed_in("requester").get(f"/requests/{hostile['draft'].pk}/").content.decode()
    assert visible.in_page(ALL[:90]).replace("\r\n", "\n") in unescape(page).replace("\r\n", "\n")

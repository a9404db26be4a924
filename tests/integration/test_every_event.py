"""Every address that changes something writes its event, once: when it works, and when somebody who may not tries."""

import io
import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from tests import arrange
from tests.integration.test_caring import unanswered
from tests.integration.test_resolving import widened
from tokenportal.actions import adopting as adopting_actions
from tokenportal.actions import (
    caring,
    commenting,
    drafts,
    people,
    reviewing,
    sessions,
    setting_up,
    sharing,
    syncing,
    team_templates,
)
from tokenportal.audit import chain
from tokenportal.models import AuditEvent, Connection, Share, Token, TokenRequest
from tokenportal.upstream import client as upstream_client
from tokenportal.urls import route

pytestmark = pytest.mark.django_db

type Step = tuple[Client, str, dict[str, Any]]
"""Who, to which address, with what."""
type Way = Callable[[pytest.MonkeyPatch], Step]
NEW = "four loud badgers"


def changing() -> dict[str, str]:
    """The addresses that change something, with their events, as `routes --json` lists them."""
    printed = io.StringIO()
    call_command("routes", "--json", stdout=printed)
    rows = [row for row in json.loads(printed.getvalue()) if set(row["methods"]) - {"GET", "HEAD"}]
    return {row["path"]: row["event"] for row in rows}


def token() -> Token:
    made = arrange.issue(arrange.draft())
    assert made
    return made.token


def seen_on(web: Client, address: str) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', web.get(address).content.decode())
    assert found
    return found[1]


def signed_in(name: str, address: str, **fields: Any) -> Way:
    return lambda _: (arrange.signed_in(name), address, fields)


def with_token(what: str, **fields: Any) -> Way:
    return lambda _: (arrange.signed_in("requester"), f"/tokens/{token().pk}/{what}/", fields)


def in_settings(where: str, **fields: Any) -> Way:
    """What an admin posts; a field that is called as a person has that person's id."""

    def step(_: pytest.MonkeyPatch) -> Step:
        pks = {"team": arrange.team().pk, "connection": arrange.connection().pk, "person": arrange.person("teammate").pk}
        ids = {name: arrange.person(value).pk if name == "person" else value for name, value in fields.items()}
        return arrange.signed_in("admin"), f"/settings/{where.format(**pks)}", ids

    return step


def with_draft(what: str, ready: Callable[[], TokenRequest] = arrange.draft, **fields: Any) -> Way:
    return lambda _: (arrange.signed_in("requester"), f"/requests/{ready().pk}/{what}/", fields)


def confirmed(begun: Callable[[], TokenRequest]) -> Way:
    def step(_: pytest.MonkeyPatch) -> Step:
        ready = begun()
        return arrange.signed_in("requester"), f"/requests/{ready.pk}/create/", arrange.confirming(ready)

    return step


def uncertain() -> TokenRequest:
    call_command("sandbox_fault", "drop", method="POST")
    ready = arrange.draft()
    assert arrange.issue(ready) is None
    return ready


def failed() -> TokenRequest:
    call_command("sandbox_fault", "forbidden", method="POST")
    ready = arrange.draft()
    assert arrange.issue(ready) is None
    return ready


def resolved(do: str, **fields: Any) -> Way:
    def step(_: pytest.MonkeyPatch) -> Step:
        one = widened()
        there = upstream_client(arrange.connection()).list_tokens().tokens
        pk = next(token.id for token in there if one.reference in token.name)
        return arrange.signed_in("admin"), f"/requests/{one.pk}/alarm/", {"do": do.format(pk), **fields}

    return step


def setting_up_first(_: pytest.MonkeyPatch) -> Step:
    code = setting_up.new_set_up_code().reveal()
    return Client(), "/set-up/", {"code": code, "username": "first", "email": "first@example.com", "password": NEW}


def trying(_: pytest.MonkeyPatch) -> Step:
    made = arrange.issue(arrange.draft())
    assert made
    return arrange.signed_in("requester"), f"/tokens/{made.token.pk}/try/", {"secret": made.secret.reveal()}


def rolling(_: pytest.MonkeyPatch) -> Step:
    web, here = arrange.signed_in("requester"), f"/tokens/{token().pk}/roll/"
    return web, here, {"seen": seen_on(web, here)}


def enabling(_: pytest.MonkeyPatch) -> Step:
    one = token()
    assert caring.disable(one, by=arrange.person("requester")).done
    return arrange.signed_in("requester"), f"/tokens/{one.pk}/enable/", {}


def asking(monkeypatch: pytest.MonkeyPatch) -> Step:
    one = token()
    unanswered(monkeypatch, one, caring.disable)
    return arrange.signed_in("requester"), f"/tokens/{one.pk}/ask/", {}


def stranger(template: str) -> Token:
    body = arrange.checked(arrange.draft(template)).versions.get().payload
    upstream_client(arrange.connection()).create_token({**body, "name": "a stranger"})
    syncing.sync(arrange.connection())
    return Token.objects.get(name="a stranger")


def adopting(template: str) -> Way:
    """What an admin posts to adopt a token with what a template grants."""

    def step(_: pytest.MonkeyPatch) -> Step:
        web, here = arrange.signed_in("admin"), f"/tokens/{stranger(template).pk}/adopt/"
        who = {"team": arrange.team().pk, "owner": arrange.person("requester").pk}
        return web, here, {**who, "purpose": "A test.", "reason": "A test.", "seen": seen_on(web, here)}

    return step


def adopting_what_was_approved(_: pytest.MonkeyPatch) -> Step:
    token_request = adopting_actions.adopt(
        stranger("wordpress"), by=arrange.person("admin"), team=arrange.team(), owner=arrange.person("requester"),
        backup_owner=None, purpose="A test.", reason="A test.",
    )  # fmt: skip
    assert token_request
    reviewing.approve(token_request, by=arrange.person("approver"), **arrange.answering(token_request))
    return arrange.signed_in("admin"), f"/requests/{token_request.pk}/create/", arrange.confirming(token_request)


def sending(_: pytest.MonkeyPatch) -> Step:
    ready = arrange.checked(arrange.draft())
    return arrange.signed_in("requester"), f"/requests/{ready.pk}/send/", arrange.confirming(ready)


def in_review(who: str, what: str, **fields: Any) -> Way:
    """What somebody posts about a request that is in review."""

    def step(_: pytest.MonkeyPatch) -> Step:
        waiting = arrange.sent(arrange.draft())
        return arrange.signed_in(who), f"/requests/{waiting.pk}/review/{what}/", arrange.answering(waiting) | fields

    return step


def asking_by_name(monkeypatch: pytest.MonkeyPatch) -> Step:
    return in_review("requester", "ask", person=arrange.person("admin").pk)(monkeypatch)


def owning(_: pytest.MonkeyPatch) -> Step:
    fields = {"owner": arrange.person("teammate").pk, "purpose": "A test."}
    return arrange.signed_in("requester"), f"/tokens/{token().pk}/owners/", fields


def duplicating(_: pytest.MonkeyPatch) -> Step:
    return arrange.signed_in("requester"), f"/tokens/{token().pk}/duplicate/", {"team": arrange.team().pk}


def shared(what: str, **fields: Any) -> Way:
    """What the owner of a draft posts about a share of it."""

    def step(_: pytest.MonkeyPatch) -> Step:
        draft = arrange.draft()
        share = sharing.share(draft, by=draft.requester, colleague=arrange.person("teammate"), role=Share.Role.VIEWER)
        return arrange.signed_in("requester"), f"/requests/{draft.pk}/share/{share.pk}/{what}", fields

    return step


def revoking_a_link(_: pytest.MonkeyPatch) -> Step:
    draft = arrange.draft()
    link, _code = sharing.make_link(draft, by=draft.requester, role=Share.Role.VIEWER, days=7)
    return arrange.signed_in("requester"), f"/requests/{draft.pk}/links/{link.pk}/revoke/", {}


def taking_a_link(_: pytest.MonkeyPatch) -> Step:
    draft = arrange.draft()
    _link, code = sharing.make_link(draft, by=draft.requester, role=Share.Role.VIEWER, days=7)
    return arrange.signed_in("teammate"), f"/drafts/link/{code.reveal()}/", {}


def handing_on(_: pytest.MonkeyPatch) -> Step:
    to = arrange.person("teammate").pk
    return arrange.signed_in("requester"), f"/requests/{arrange.draft().pk}/transfer/", {"to": to}


def on_a_thread(what: str) -> Way:
    def step(_: pytest.MonkeyPatch) -> Step:
        draft = arrange.draft()
        thread = commenting.comment(draft, by=draft.requester, text="Why?")
        if what == "reopen":
            commenting.resolve(thread, by=draft.requester)
        return arrange.signed_in("requester"), f"/requests/{draft.pk}/comments/{thread.pk}/{what}/", {}

    return step


def restoring(_: pytest.MonkeyPatch) -> Step:
    draft = arrange.checked(arrange.draft())
    copy = draft.working_copy
    changed = replace(copy.spec, purpose="Something else.")
    saved = drafts.save(
        draft,
        by=draft.requester,
        revision=copy.revision,
        spec=changed,
        connection=copy.connection,
        owner=copy.owner,
        backup_owner=None,
    )
    return arrange.signed_in("requester"), f"/requests/{draft.pk}/versions/1/restore/", {"revision": saved.revision}


def retiring(_: pytest.MonkeyPatch) -> Step:
    draft = arrange.draft()
    template = team_templates.save(draft, by=draft.requester, title="A title", purpose="A purpose.")
    return arrange.signed_in("requester"), f"/templates/team/{template.pk}/retire/", {}


def removing_a_rule(_: pytest.MonkeyPatch) -> Step:
    arrange.without_rule("ends")
    return arrange.signed_in("admin"), "/settings/guardrails/ends/remove/", {"revision": 1}


def with_credential(where: str, **fields: Any) -> Way:
    """What an admin posts with a parent token that Cloudflare takes: the one that a connection has, rolled."""

    def step(_: pytest.MonkeyPatch) -> Step:
        one = arrange.connection()
        pasted = upstream_client(one).roll_token(one.parent_token_id).reveal()
        sent = {"kind": one.kind, "account_id": one.owner_id, "credential": pasted}
        return arrange.signed_in("admin"), f"/settings/connections/{where.format(one.pk)}", {**sent, **fields}

    return step


WAYS: dict[str, dict[str, Way]] = {
    "/set-up/": {"portal.set_up": setting_up_first},
    "/sign-in/": {"session.started": lambda _: (Client(), "/sign-in/", {"username": "requester", "password": arrange.PASSWORD})},
    "/sign-out/": {"session.ended": signed_in("requester", "/sign-out/")},
    "/again/": {"session.confirmed": signed_in("requester", "/again/", password=arrange.PASSWORD)},
    "/account/": {
        "password.changed": signed_in(
            "requester", "/account/", part="password", current_password=arrange.PASSWORD, new_password=NEW
        ),
        "person.changed": signed_in("requester", "/account/", part="time-zone", time_zone="Europe/Berlin"),
    },
    "/tokens/sync/": {"tokens.synced": signed_in("auditor", "/tokens/sync/")},
    "/tokens/<uuid:pk>/adopt/": {"token.taken_over": adopting("edit-zone-dns"), "review.sent": adopting("wordpress")},
    "/tokens/<uuid:pk>/owners/": {"token.owner_set": owning},
    "/tokens/<uuid:pk>/renew/": {"draft.started": with_token("renew")},
    "/tokens/<uuid:pk>/try/": {"token.tried": trying},
    "/tokens/<uuid:pk>/edit/": {"draft.started": with_token("edit")},
    "/tokens/<uuid:pk>/replace/": {"draft.started": with_token("replace")},
    "/tokens/<uuid:pk>/roll/": {"token.rolling": rolling},
    "/tokens/<uuid:pk>/disable/": {"token.disabling": with_token("disable")},
    "/tokens/<uuid:pk>/enable/": {"token.enabling": enabling},
    "/tokens/<uuid:pk>/revoke/": {"token.revoking": with_token("revoke")},
    "/tokens/<uuid:pk>/ask/": {"token.looked_up": asking},
    "/tokens/<uuid:pk>/duplicate/": {"draft.started": duplicating},
    "/templates/start/": {"draft.started": signed_in("requester", "/templates/start/", template="edit-zone-dns")},
    "/requests/<uuid:pk>/summary/": {"draft.checked": with_draft("summary")},
    "/requests/<uuid:pk>/create/": {
        "token.issuing": confirmed(lambda: arrange.checked(arrange.draft())),
        "token.changing": confirmed(lambda: arrange.change(token(), name="renamed")),
        "token.taken_over": adopting_what_was_approved,
    },
    "/requests/<uuid:pk>/send/": {"review.sent": sending},
    "/requests/<uuid:pk>/review/approve/": {"review.approved": in_review("approver", "approve")},
    "/requests/<uuid:pk>/review/changes/": {"review.returned": in_review("approver", "changes", comment="Name the zone.")},
    "/requests/<uuid:pk>/review/deny/": {"review.denied": in_review("approver", "deny", comment="Nobody needs it.")},
    "/requests/<uuid:pk>/review/withdraw/": {"review.withdrawn": in_review("requester", "withdraw")},
    "/requests/<uuid:pk>/review/ask/": {"review.asked": asking_by_name},
    "/requests/<uuid:pk>/look-up/": {"token.looked_up": with_draft("look-up", uncertain)},
    "/requests/<uuid:pk>/alarm/": {
        "alarm.resolved": resolved("close", reason="A test made it."), "token.revoking": resolved("revoke {}"),
    },
    "/requests/<uuid:pk>/reopen/": {"draft.reopened": with_draft("reopen", failed)},
    "/requests/<uuid:pk>/discard/": {"draft.discarded": with_draft("discard")},
    "/requests/<uuid:pk>/share/": {"draft.shared": with_draft("share", colleague="teammate", role="viewer")},
    "/requests/<uuid:pk>/share/<uuid:share_pk>/remove/": {"draft.unshared": shared("remove/")},
    "/requests/<uuid:pk>/share/<uuid:share_pk>/": {"draft.shared": shared("", role="editor")},
    "/requests/<uuid:pk>/links/": {"link.made": with_draft("links", role="viewer", days="7")},
    "/requests/<uuid:pk>/links/<uuid:link_pk>/revoke/": {"link.revoked": revoking_a_link},
    "/drafts/link/<str:code>/": {"link.taken": taking_a_link},
    "/requests/<uuid:pk>/transfer/": {"draft.transferred": handing_on},
    "/requests/<uuid:pk>/versions/<int:number>/restore/": {"draft.restored": restoring},
    "/requests/<uuid:pk>/comments/": {"comment.added": with_draft("comments", text="Why?")},
    "/requests/<uuid:pk>/comments/<uuid:comment_pk>/resolve/": {"comment.resolved": on_a_thread("resolve")},
    "/requests/<uuid:pk>/comments/<uuid:comment_pk>/reopen/": {"comment.reopened": on_a_thread("reopen")},
    "/requests/<uuid:pk>/duplicate/": {
        "draft.started": lambda _: (
            arrange.signed_in("requester"), f"/requests/{arrange.draft().pk}/duplicate/", {"team": arrange.team().pk},
        ),
    },
    "/requests/<uuid:pk>/template/": {"template.saved": with_draft("template", title="A title", purpose="A purpose.")},
    "/templates/team/<uuid:pk>/retire/": {"template.retired": retiring},
    "/profile/api-tokens": {
        "draft.started": lambda _: (
            arrange.signed_in("requester"), "/profile/api-tokens",
            {"url": 'permissionGroupKeys=[{"key":"dns","type":"edit"}]', "team": arrange.team().pk},
        ),
    },
    "/audit/export/": {"audit.exported": signed_in("auditor", "/audit/export/", format="csv")},
    "/audit/chain/verify/": {"audit.verifying": signed_in("auditor", "/audit/chain/verify/")},
    "/audit/tokens/export/": {"tokens.exported": signed_in("auditor", "/audit/tokens/export/", format="csv")},
    "/audit/evidence/": {"evidence.exported": signed_in("auditor", "/audit/evidence/", period="all")},
    "/audit/value/": {"value.looked_up": signed_in("auditor", "/audit/value/", value="cfat_" + "a1B2" * 12)},
    "/settings/people/new/": {
        "person.created": in_settings("people/new/", username="somebody", email="somebody@example.com"),
    },
    "/settings/people/<uuid:pk>/": {
        "person.changed": in_settings("people/{person}/", username="teammate", email="new@example.com"),
    },
    "/settings/people/<uuid:pk>/password/": {"password.reset": in_settings("people/{person}/password/")},
    "/settings/people/<uuid:pk>/active/": {
        "person.deactivated": in_settings("people/{person}/active/", active="no"),
        "person.reactivated": in_settings("people/{person}/active/", active="yes"),
    },
    "/settings/teams/": {"team.created": in_settings("teams/", name="Another")},
    "/settings/teams/<uuid:pk>/": {"team.renamed": in_settings("teams/{team}/", name="Renamed")},
    "/settings/teams/<uuid:pk>/members/": {
        "membership.set": in_settings("teams/{team}/members/", person="auditor", is_requester="on"),
        "membership.removed": in_settings("teams/{team}/members/", person="teammate", remove=""),
    },
    "/settings/connections/new/": {"connection.created": with_credential("new/", name="Another")},
    "/settings/connections/<uuid:pk>/": {"connection.changed": in_settings("connections/{connection}/", name="Renamed")},
    "/settings/connections/<uuid:pk>/test/": {"connection.tested": in_settings("connections/{connection}/test/")},
    "/settings/connections/<uuid:pk>/refresh/": {"snapshot.refreshed": in_settings("connections/{connection}/refresh/")},
    "/settings/guardrails/new/": {
        "guardrail.set": in_settings("guardrails/new/", title="Another", warn="Mind it.", revision=0),
    },
    "/settings/guardrails/<slug:key>/": {
        "guardrail.set": in_settings("guardrails/ends/", title="Another", warn="Mind it.", revision=0),
    },
    "/settings/guardrails/<slug:key>/switch/": {
        "guardrail.switched": in_settings("guardrails/ends/switch/", on="no", revision=0),
    },
    "/settings/guardrails/<slug:key>/remove/": {"guardrail.removed": removing_a_rule},
    "/settings/connections/<uuid:pk>/credential/": {"credential.replaced": with_credential("{}/credential/")},
}  # fmt: skip
"""For each address, how to do each thing that it can do."""


def newer_than(number: int) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(number__gt=number).order_by("number"))


@pytest.fixture(autouse=True)
def chained(db: None) -> Iterator[None]:
    """Whatever a test does, numbers are contiguous and the chain holds afterwards."""
    yield
    numbers = list(AuditEvent.objects.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    if numbers:
        assert chain.verify() == (len(numbers), None)


def test_every_address_that_changes_something_declares_its_events_and_is_tried_here() -> None:
    declared = {path: set(event.split()) for path, event in changing().items() if not event.startswith("none: ")}
    assert {path: set(ways) for path, ways in WAYS.items()} == declared
    reasons = [event for event in changing().values() if event.startswith("none: ")]
    assert all(len(reason) > len("none: because") for reason in reasons)


def test_an_address_that_declares_no_event_or_an_unknown_one_is_not_taken() -> None:
    with pytest.raises(ValueError, match="declares no event"):
        route("somewhere/", lambda request: None, "somewhere", rule="open", methods="POST")
    with pytest.raises(KeyError):
        route("somewhere/", lambda request: None, "somewhere", rule="open", methods="POST", event="no.such")


SET_UP = "/set-up/"


@pytest.mark.parametrize(("path", "event"), [(path, event) for path, ways in WAYS.items() for event in ways if path != SET_UP])
def test_what_works_is_one_event(portal: None, monkeypatch: pytest.MonkeyPatch, path: str, event: str) -> None:
    web, address, fields = WAYS[path][event](monkeypatch)
    before = AuditEvent.objects.count()
    answer = web.post(address, fields)
    assert answer.status_code in (200, 302)
    # A pack is signed, and the first use of a key that signs is an event of the portal's own.
    written = [one for one in newer_than(before) if one.action != "checkpoint_key.set"]
    # Reading the tokens is one event for each connection whose list is read.
    times = Connection.objects.filter(is_active=True).count() if event == "tokens.synced" else 1
    assert [one.action for one in written].count(event) == times, [one.action for one in written]
    assert {one.outcome for one in written if one.action == event} == {"done"}
    assert len({one.by_name for one in written}) == 1
    assert written[0].by_name in {"requester", "teammate", "approver", "auditor", "admin"}
    assert {(one.channel, one.address, one.sign_in) for one in written} == {("web", "127.0.0.1", "password")}


def test_setting_up_is_one_event(monkeypatch: pytest.MonkeyPatch) -> None:
    web, address, fields = setting_up_first(monkeypatch)
    assert web.post(address, fields).status_code == 302
    told = [(one.action, one.outcome, one.by_name, one.sign_in) for one in newer_than(0)]
    assert told == [("portal.set_up", "done", "first", ""), ("session.started", "done", "first", "password")]


REFUSED_BY_THEIR_PASSWORD = {
    "/sign-in/": ("session.refused", {"username": "requester", "password": "wrong"}, "Wrong name or password."),
    "/again/": ("session.confirmed", {"password": "wrong"}, "Wrong name or password."),
    "/account/": (
        "password.changed", {"part": "password", "current_password": "wrong", "new_password": NEW}, "Wrong name or password.",
    ),
}  # fmt: skip
CANNOT_BE_REFUSED = {"/set-up/", "/sign-out/"}
"""The one is for nobody once there is somebody, the other for everybody who is signed in."""


def test_what_is_refused_is_one_event(portal: None) -> None:
    people.create_person(by=None, username="outsider", email="outsider@example.com", password=arrange.PASSWORD)
    web = arrange.signed_in("outsider")
    for path, declared in changing().items():
        if declared.startswith("none: ") or path in CANNOT_BE_REFUSED | set(REFUSED_BY_THEIR_PASSWORD):
            continue
        pk = uuid.uuid4()
        before = AuditEvent.objects.count()
        address = re.sub(r"<uuid:\w+_pk>", str(uuid.uuid4()), path.replace("<uuid:pk>", str(pk)))
        answer = web.post(
            address.replace("<str:code>", "no-such-code").replace("<int:number>", "1").replace("<slug:key>", "ends")
        )
        assert answer.status_code in (403, 404), path
        (event,) = newer_than(before)
        assert event.action in declared.split(), path
        assert (event.outcome, event.by_name, event.sign_in) == ("refused", "outsider", "password"), path
        assert event.object_id == (str(pk) if "<uuid:pk>" in path else "ends" if "<slug:key>" in path else ""), path
        assert event.reason.encode() in answer.content.replace(b"&#x27;", b"'"), path


@pytest.mark.parametrize("path", REFUSED_BY_THEIR_PASSWORD)
def test_a_wrong_password_is_one_event(portal: None, path: str) -> None:
    action, fields, reason = REFUSED_BY_THEIR_PASSWORD[path]
    web = Client() if path == "/sign-in/" else arrange.signed_in("requester")
    before = AuditEvent.objects.count()
    assert web.post(path, fields).status_code == 422
    (event,) = newer_than(before)
    told = (event.action, event.outcome, event.reason, event.object_name, event.by_name)
    assert told == (action, "refused", reason, "requester", "" if path == "/sign-in/" else "requester")


def test_a_wrong_set_up_code_is_an_event_once_in_a_while() -> None:
    setting_up.new_set_up_code()
    for _ in range(3):
        fields = {"code": "0" * 32, "username": "eve", "email": "eve@example.com", "password": NEW}
        assert Client().post("/set-up/", fields).status_code == 422
    (event,) = newer_than(0)
    assert (event.action, event.outcome, event.reason) == ("portal.set_up", "refused", "The set-up code was wrong.")


def test_a_form_that_another_site_may_have_sent_is_an_event_of_who_is_signed_in(portal: None) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = arrange.signed_in("requester").cookies
    before = AuditEvent.objects.count()
    assert strict.post("/templates/start/").status_code == 403
    assert Client(enforce_csrf_checks=True).post("/sign-in/").status_code == 403
    (event,) = newer_than(before)
    told = (event.action, event.outcome, event.by_name, event.details)
    assert told == ("form.refused", "refused", "requester", {"form": "templates/start/"})


def test_a_refusal_names_what_the_person_may_know_of_and_stands_in_its_trail(portal: None) -> None:
    one, web = token(), arrange.signed_in("teammate")
    before = AuditEvent.objects.count()
    assert web.post(f"/tokens/{one.pk}/revoke/").status_code == 403
    (event,) = newer_than(before)
    told = (event.action, event.object_type, event.object_name, event.trail, event.cloudflare_id)
    assert told == ("token.revoking", "token", one.name, one.trail, one.cloudflare_id)
    assert event.reason == "Only the token's owner, its back-up owner or an admin can do this."
    assert "Refused: revoking sent to Cloudflare" in web.get(f"/tokens/{one.pk}/").content.decode()


def test_a_conflict_is_an_event_too(portal: None) -> None:
    web, here, fields = rolling(pytest.MonkeyPatch())
    assert web.post(here, fields).status_code == 200
    before = AuditEvent.objects.count()
    assert web.post(here, fields).status_code == 409
    (event,) = newer_than(before)
    assert (event.action, event.outcome, event.reason[:21]) == ("token.rolling", "refused", "Somebody was first, o")
    # What was refused began nothing: the page that is opened now does not count it.
    assert web.post(here, {"seen": seen_on(web, here)}).status_code == 200


def test_a_draft_that_may_not_be_saved_is_told_though_a_save_is_not(portal: None) -> None:
    draft = arrange.draft()
    before = AuditEvent.objects.count()
    assert arrange.signed_in("approver").post(f"/requests/{draft.pk}/").status_code == 404
    events = [event for event in newer_than(before) if event.by_name == "approver" and event.action != "session.started"]
    (event,) = events
    assert (event.action, event.outcome, event.object_type, event.object_id, event.trail) == (
        "draft.saved", "refused", "tokenrequest", str(draft.pk), None,
    )  # fmt: skip


def test_who_is_refused_is_refused_also_where_that_cannot_be_recorded(
    portal: None, settings: Any, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    web = arrange.signed_in("requester")
    kept, settings.KEYS_DIR = settings.KEYS_DIR, tmp_path
    assert web.post("/settings/teams/", {"name": "Mine"}).status_code == 403
    settings.KEYS_DIR = kept
    assert "A refusal could not be recorded: team.created." in caplog.text


def test_too_many_failures_are_one_event_for_an_account_and_one_for_an_address(portal: None) -> None:
    for _ in range(sessions.ACCOUNT_LIMIT):
        Client().post("/sign-in/", {"username": "requester", "password": "wrong"})
    before = AuditEvent.objects.count()
    for _ in range(3):
        assert Client().post("/sign-in/", {"username": "requester", "password": "wrong"}).status_code == 429
    (event,) = newer_than(before)
    told = (event.action, event.outcome, event.object_name, event.reason)
    assert told == ("session.refused", "refused", "requester", "Too many failed attempts for this account.")


def test_a_session_has_one_name_from_its_beginning_to_its_end(portal: None) -> None:
    web = arrange.signed_in("requester")
    key, before = web.session.session_key, AuditEvent.objects.latest("number")
    web.post("/again/", {"password": arrange.PASSWORD})
    web.post("/account/", {"part": "password", "current_password": arrange.PASSWORD, "new_password": NEW})
    assert web.session.session_key != key
    web.post("/sign-out/")
    events = [before, *newer_than(before.number)]
    assert [event.action for event in events] == ["session.started", "session.confirmed", "password.changed", "session.ended"]
    assert {(event.session, event.sign_in) for event in events} == {(before.session, "password")}
    assert len(before.session) == 16
    assert events[2].details == {"sessions": "All others have ended."}
    assert Client().post("/sign-in/", {"username": "requester", "password": NEW}).status_code == 302
    assert AuditEvent.objects.latest("number").session != before.session

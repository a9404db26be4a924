"""A value that leaked is known again by its fingerprint, and nothing of it is kept."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from tests import arrange
from tests.integration.care_world import fresh, issued
from tokenportal import audit, clock, keys, upstream
from tokenportal.actions import caring, connections, leaks, noticing, people
from tokenportal.actions.invalid import Invalid
from tokenportal.audit import Event, fingerprints
from tokenportal.models import AuditEvent, Token
from tokenportal.rules import NotAllowed
from tokenportal.secret import Secret

pytestmark = pytest.mark.django_db

STRANGE = "cfat_" + "a1B2" * 12


def states(text: str) -> list[tuple[str, str]]:
    found = leaks.look_up(text, by=arrange.person("auditor"))
    return [(str(leak.row), leak.state) for leak in found]


def last() -> AuditEvent:
    return AuditEvent.objects.latest("number")


def test_a_fingerprint_depends_on_the_value_and_the_key_and_tells_neither(portal: None) -> None:
    secret = Secret(STRANGE)
    one = fingerprints.of(secret)
    assert re.fullmatch(r"a[0-9a-f]{8}:[0-9a-f]{32}", one)
    assert fingerprints.of(Secret(STRANGE[:-1])) != one
    assert fingerprints.under_every_key([secret]) == [one]


def test_what_is_handed_out_leaves_its_fingerprint_with_what_cloudflare_answered(portal: None) -> None:
    made = issued()
    event = AuditEvent.objects.get(action="token.issued")
    assert event.fingerprint == fingerprints.of(made.secret)
    assert (event.cloudflare_id, event.digest) == (made.token.cloudflare_id, made.token.token_request.digest)
    assert event.ray
    rolled = caring.roll(fresh(made.token), by=arrange.person("requester"))
    assert rolled
    event = AuditEvent.objects.get(action="token.rolled")
    assert (event.fingerprint, event.cloudflare_id) == (fingerprints.of(rolled.secret), made.token.cloudflare_id)
    assert event.ray
    caring.disable(fresh(made.token), by=arrange.person("requester"))
    event = AuditEvent.objects.get(action="token.disabled")
    assert (len(event.digest), bool(event.ray), event.fingerprint) == (64, True, "")
    caring.revoke(fresh(made.token), by=arrange.person("requester"))
    event = AuditEvent.objects.get(action="token.revoked")
    assert (event.cloudflare_id, bool(event.ray)) == (made.token.cloudflare_id, True)


def test_a_value_is_found_in_the_text_around_it_and_its_state_is_told(portal: None) -> None:
    made = issued()
    by, value, name = arrange.person("requester"), made.secret.reveal(), made.token.name
    assert states(f'curl -H "Authorization: Bearer {value}" https://example.com') == [(name, "works")]
    assert (last().action, last().by_name, last().details) == (
        "value.looked_up", "auditor", {"found": 1, "result": "works"},
    )  # fmt: skip
    assert (last().object_name, last().trail) == (name, made.token.trail)
    assert states(f"TOKEN={value}_old") == [(name, "works")]
    caring.disable(fresh(made.token), by=by)
    assert states(value) == [(name, "stopped")]
    caring.enable(fresh(made.token), by=by)
    with clock.at(clock.now() + timedelta(days=400)):
        assert states(value) == [(name, "stopped")]
    rolled = caring.roll(fresh(made.token), by=by)
    assert rolled
    assert states(f"{value}\n{rolled.secret.reveal()}") == [(name, "works"), (name, "dead")]
    caring.revoke(fresh(made.token), by=by)
    assert states(rolled.secret.reveal()) == [(name, "dead")]


def test_a_value_whose_token_was_rolled_perhaps_may_work(portal: None) -> None:
    one, other = issued(), issued()
    with audit.recording(Event.TOKEN_CHANGED_OUTSIDE, by=None, subject=one.token) as record:
        record.reason = noticing.ROLLED
    with audit.recording(Event.TOKEN_ROLL_FAILED, by=None, subject=other.token) as record:
        record.change(other.token, value_lost=True)
    assert [state for _, state in states(f"{one.secret.reveal()} {other.secret.reveal()}")] == ["perhaps", "perhaps"]


def test_the_credential_of_a_connection_is_known_too(portal: None) -> None:
    one = arrange.connection()
    value = upstream.credential(one).reveal()
    assert states(value) == [("Acme production", "works")]
    new = upstream.client(one).roll_token(one.parent_token_id).reveal()
    connections.replace_credential(one, by=arrange.person("admin"), pasted=new)
    assert states(value) == [("Acme production", "perhaps")]
    assert states(new) == [("Acme production", "works")]


def test_each_thing_that_is_found_has_an_event_of_its_own_and_no_trail_tells_of_another(portal: None) -> None:
    mine, theirs = issued(), issued(name="of-somebody-else")
    rolled = caring.roll(fresh(mine.token), by=arrange.person("requester"))
    assert rolled
    held = upstream.credential(arrange.connection()).reveal()
    before = last().number
    states(" ".join([held, mine.secret.reveal(), theirs.secret.reveal(), rolled.secret.reveal()]))
    events = AuditEvent.objects.filter(number__gt=before).order_by("number")
    assert [(one.action, one.object_name, one.trail, one.details) for one in events] == [
        ("value.looked_up", "", None, {"found": 4, "result": "works: 3, dead: 1"}),
        ("value.looked_up", mine.token.name, mine.token.trail, {"found": 2, "result": "works, dead"}),
        ("value.looked_up", theirs.token.name, theirs.token.trail, {"found": 1, "result": "works"}),
        ("value.looked_up", "Acme production", None, {"found": 1, "result": "works"}),
    ]
    trail = arrange.signed_in("teammate").get(f"/tokens/{mine.token.pk}/trail/").content.decode()
    assert re.findall(r'<dt>Result</dt><dd class="mono">\s*(.*?)\s*</dd>', trail) == ["works, dead"]
    assert "of-somebody-else" not in trail


def test_what_the_portal_did_not_hand_out_is_not_found_and_that_is_recorded(portal: None) -> None:
    assert states(f"{STRANGE} {'a1B2' * 10}") == []
    assert (last().action, last().details, last().object_id) == (
        "value.looked_up", {"found": 0, "result": "not handed out here"}, "",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nothing of the kind", leaks.NO_VALUE),
        ("x" * 20_001, leaks.TOO_MANY),
        (" ".join(f"{number:040d}" for number in range(101)), leaks.TOO_MANY),
    ],
)
def test_a_text_with_no_value_or_too_many_is_refused(portal: None, text: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=re.escape(sentence)):
        states(text)


def test_an_event_whose_thing_is_not_here_is_left_out(portal: None) -> None:
    for row in (Token(name="gone"), arrange.connection()):
        row.pk = "0" * 8 + "-0000-0000-0000-" + "0" * 12
        with audit.recording(Event.TOKEN_ISSUED, by=None, subject=row) as record:
            record.fingerprint = fingerprints.of(Secret(STRANGE))
    assert states(STRANGE) == []


def page(web: Client, value: str) -> tuple[int, str]:
    answer = web.post("/audit/value/", {"value": value})
    assert answer.headers["Cache-Control"] == ("no-store, no-transform" if answer.status_code in (200, 422) else "no-store")
    return answer.status_code, answer.content.decode()


@pytest.mark.parametrize("name", ["auditor", "admin"])
def test_the_page_says_whose_it_is_and_never_shows_the_value(portal: None, name: str) -> None:
    made, web = issued(), arrange.signed_in(name)
    assert 'data-testid="leak-form"' in web.get("/audit/value/").content.decode()
    value = made.secret.reveal()
    status, found = page(web, value)
    assert status == 200
    assert 'data-state="works"' in found
    assert f'href="/tokens/{made.token.pk}/"' in found
    assert "requester" in found
    assert value not in found
    status, unknown = page(web, STRANGE)
    assert (status, 'data-testid="unknown"' in unknown, STRANGE in unknown) == (200, True, False)
    status, wrong = page(web, "not-a-token-at-all")
    assert (status, leaks.NO_VALUE in wrong, "not-a-token-at-all" in wrong) == (422, True, False)
    assert page(web, "")[0] == 422
    status, parent = page(web, upstream.credential(arrange.connection()).reveal())
    assert (status, "The credential of" in parent) == (200, True)


def test_only_auditors_and_admins_look_values_up(portal: None) -> None:
    for name in ("requester", "approver"):
        web = arrange.signed_in(name)
        assert (web.get("/audit/value/").status_code, page(web, STRANGE)[0]) == (403, 403)
        assert (last().action, last().outcome, last().by_name) == ("value.looked_up", "refused", name)
        with pytest.raises(NotAllowed):
            leaks.look_up(STRANGE, by=arrange.person(name))
    assert arrange.signed_in("auditor").put("/audit/value/").status_code == 405
    people.create_person(by=None, username="outsider", email="outsider@example.com", password=arrange.PASSWORD)
    assert arrange.signed_in("outsider").get("/audit/value/").status_code == 403


def test_a_value_from_before_a_key_was_rotated_is_found(portal: None, settings: Any, tmp_path: Any) -> None:
    ring = tmp_path / "audit.key"
    ring.write_text((keys.path_of(settings.KEYS_DIR, "audit")).read_text())
    made = issued()
    settings.KEYS_DIR = tmp_path
    keys.rotate(tmp_path, "audit")
    before, after = fingerprints.under_every_key([made.secret])
    assert before == AuditEvent.objects.get(action="token.issued").fingerprint
    assert after == fingerprints.of(made.secret)
    assert states(made.secret.reveal()) == [(made.token.name, "works")]


def test_nobody_is_told_whose_a_value_is_where_that_cannot_be_recorded(portal: None, settings: Any, tmp_path: Any) -> None:
    made, web = issued(), arrange.signed_in("auditor")
    settings.KEYS_DIR = tmp_path
    status, answer = page(web, made.secret.reveal())
    assert (status, made.token.name in answer) == (503, False)


def test_whoever_may_end_a_leak_is_led_to_it_and_everybody_else_is_told_who_can(portal: None) -> None:
    made = issued()
    roll, revoke = (f'href="/tokens/{made.token.pk}/{deed}/" data-testid="leak-{deed}"' for deed in ("roll", "revoke"))
    instead = "Its owner, its back-up owner or an admin can do that. Tell them now."
    told = page(arrange.signed_in("admin"), made.secret.reveal())[1]
    assert (roll in told, revoke in told, instead in told) == (True, True, False)
    told = page(arrange.signed_in("auditor"), made.secret.reveal())[1]
    assert (roll in told, revoke in told, instead in told) == (False, False, True)
    with audit.recording(Event.TOKEN_OWNER_SET, by=None, subject=made.token, trail=made.token.trail) as record:
        record.change(made.token, owner=None, backup_owner=None)
    assert "An admin can do that. Tell them now." in page(arrange.signed_in("auditor"), made.secret.reveal())[1]
    with audit.recording(Event.TOKEN_ROLLING, by=None, subject=made.token, trail=made.token.trail) as record:
        record.change(made.token, doing=Token.Doing.ROLLING)
    told = page(arrange.signed_in("admin"), made.secret.reveal())[1]
    assert (roll in told, revoke in told, "Wait a moment and reload the page." in told) == (False, False, True)


def test_a_dead_value_asks_for_nothing(portal: None) -> None:
    made = issued()
    assert caring.revoke(fresh(made.token), by=arrange.person("requester"))
    told = page(arrange.signed_in("admin"), made.secret.reveal())[1]
    assert ("It is dead" in told, "leak-roll" in told, "leak-revoke" in told, "leak-instead" in told) == (
        True,
        False,
        False,
        False,
    )

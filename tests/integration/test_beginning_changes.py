"""A change or a replacement begins with what the token holds, once for each person, and says why where it cannot begin."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command

from tests import arrange
from tokenportal import audit, clock, rules
from tokenportal.actions import carrying_out, changing, connections, drafts, issuing, people, sharing, together, versions
from tokenportal.audit import Event
from tokenportal.models import AuditEvent, Status, Token, TokenRequest
from tokenportal.policy.spec import ClientIPs, Validity

pytestmark = pytest.mark.django_db


def issued(**changes: Any) -> Token:
    made = arrange.issue(arrange.draft(**changes))
    assert made
    return Token.objects.get(pk=made.token.pk)


def at_cloudflare(token: Token) -> Any:
    return apps.get_model("sandbox", "Token").objects.filter(pk=token.cloudflare_id)


def gets_seen() -> int:
    return apps.get_model("sandbox", "Call").objects.filter(method="GET").count()


def adopted(token: Token) -> Token:
    """As after an adoption: no request of the portal's made it."""
    with audit.recording(Event.TOKEN_TAKEN_OVER, by=None, subject=token) as record:
        record.change(token, token_request=None)
    return token


def test_a_change_begins_with_what_the_token_holds_at_cloudflare_now(portal: None) -> None:
    token = issued(zones=2, client_ips=ClientIPs(allow=("192.0.2.0/24",)))
    at_cloudflare(token).update(condition={"request_ip": {"in": ["198.51.100.7"]}})
    before = gets_seen()
    begun = changing.begin_edit(token, by=arrange.person("requester"))
    assert gets_seen() == before + 1
    spec, agreed = begun.working_copy.spec, token.token_request.versions.get().spec
    assert (begun.kind, begun.target, begun.status, begun.team) == ("edit", token, Status.DRAFT, token.team)
    assert (spec.name, spec.purpose, spec.client_ips.allow) == ("a-token", "A test uses it.", ("198.51.100.7/32",))
    assert set(spec.blocks[0].zones.zones) == set(agreed.blocks[0].zones.zones)
    assert spec.validity.until == token.expires_on.date().isoformat()
    assert (begun.working_copy.owner, begun.working_copy.connection) == (token.owner, token.connection)
    assert (begun.base["name"], begun.base["status"]) == (token.name, "active")
    assert AuditEvent.objects.filter(trail=begun.pk).values_list("action", flat=True)[0] == "draft.started"


def test_an_untouched_change_compiles_to_the_token_itself_with_its_own_reference(portal: None) -> None:
    token = issued()
    begun = arrange.checked(changing.begin_edit(token, by=arrange.person("requester")))
    version = begun.versions.get()
    assert version.payload == {**token.approved, "status": "active"}
    assert begun.reference not in version.payload["name"]


def test_a_renewal_counts_its_days_from_today(portal: None) -> None:
    token = issued()
    begun = changing.begin_edit(token, by=arrange.person("requester"), days=30)
    assert begun.working_copy.spec.validity == Validity(lifetime="days", days=30, until=token.expires_on.date().isoformat())
    again = changing.begin_edit(token, by=arrange.person("requester"), days=60)
    assert (again.pk, again.working_copy.spec.validity.days) == (begun.pk, 60)


def test_a_person_has_one_open_change_of_a_token_and_keeps_what_they_typed(portal: None) -> None:
    token, by = issued(), arrange.person("requester")
    begun = changing.begin_edit(token, by=by)
    copy = begun.working_copy
    typed = replace(copy.spec, name="typed")
    drafts.save(begun, by=by, revision=1, spec=typed, connection=copy.connection, owner=by, backup_owner=None)
    again = changing.begin_edit(token, by=by)
    assert (again.pk, again.working_copy.spec.name, again.working_copy.revision) == (begun.pk, "typed", 2)
    other = changing.begin_edit(token, by=teammate_who_answers(token))
    assert other.pk != begun.pk


def teammate_who_answers(token: Token) -> Any:
    with audit.recording(Event.TOKEN_OWNER_SET, by=None, subject=token) as record:
        record.change(token, backup_owner=arrange.person("teammate"))
    return arrange.person("teammate")


def test_a_change_that_goes_on_is_compared_with_the_token_as_it_is_now(portal: None) -> None:
    token, by = issued(), arrange.person("requester")
    begun = arrange.checked(changing.begin_edit(token, by=by))
    call_command("sandbox_alter", "widen", "a-token")
    again = changing.begin_edit(token, by=by)
    assert again.pk == begun.pk
    assert again.base["policies"] != begun.base["policies"]
    assert again.working_copy.spec == begun.working_copy.spec
    assert drafts.current_version(again) is None


def test_a_summary_from_before_the_token_changed_never_counts_again_however_long_the_draft_rests(portal: None) -> None:
    token, by = issued(), arrange.person("requester")
    before = arrange.change(token, purpose="Another build uses it.")
    seen = arrange.confirming(before)
    call_command("sandbox_alter", "widen", "a-token")
    changing.begin_edit(token, by=by)
    with clock.at(clock.now() + timedelta(minutes=11)):
        versions.put_down_rested()
        again = TokenRequest.objects.get(pk=before.pk)
        assert drafts.current_version(again) is None
        with pytest.raises(issuing.Changed, match="The draft has changed since this summary was opened"):
            carrying_out.carry_out(again, by=by, **seen)
        assert drafts.current_version(arrange.checked(again)) == before.versions.get()


def test_whoever_has_the_draft_open_while_its_token_is_read_anew_saves_as_before(portal: None) -> None:
    token, by = issued(), arrange.person("requester")
    begun = changing.begin_edit(token, by=by)
    mate = arrange.person("teammate")
    sharing.share(begun, by=by, colleague=mate, role="editor")
    copy = TokenRequest.objects.get(pk=begun.pk).working_copy
    call_command("sandbox_alter", "widen", "a-token")
    changing.begin_edit(token, by=by)
    saved = together.save(
        TokenRequest.objects.get(pk=begun.pk), by=mate, revision=copy.revision, spec=replace(copy.spec, purpose="For two builds."),
        connection=copy.connection, owner=copy.owner, backup_owner=None,
    )  # fmt: skip
    assert (saved.copy.spec.purpose, saved.merged) == ("For two builds.", None)


def test_a_failed_change_is_taken_back_to_draft(portal: None) -> None:
    token, by = issued(), arrange.person("requester")
    for begin in (changing.begin_edit, changing.begin_replacement):
        begun = arrange.checked(begin(token, by=by))
        with audit.recording(Event.TOKEN_CHANGE_FAILED, by=by, subject=begun):
            begun.move(Status.ISSUING)
            begun.move(Status.FAILED)
        again = begin(token, by=by)
        assert (again.pk, again.status) == (begun.pk, Status.DRAFT)


def test_a_token_that_was_not_made_here_has_no_reference_in_its_name(portal: None) -> None:
    token = adopted(issued())
    begun = arrange.checked(changing.begin_edit(token, by=arrange.person("requester")))
    assert begun.name_reference == ""
    assert begun.versions.get().payload["name"] == begun.working_copy.spec.name == token.name


def test_a_disabled_token_stays_disabled_and_an_expired_one_becomes_active(portal: None) -> None:
    token, by = issued(), arrange.person("requester")
    at_cloudflare(token).update(disabled=True)
    disabled = arrange.checked(changing.begin_edit(token, by=by))
    assert disabled.versions.get().payload["status"] == "disabled"
    at_cloudflare(token).update(disabled=False, expires_on=datetime(2026, 1, 31, 12, tzinfo=UTC))
    begun = changing.begin_edit(token, by=by, days=30)
    assert (begun.kept_status, begun.base["expires_on"]) == ("active", "2026-01-31T12:00:00Z")


def test_what_a_spec_cannot_say_is_told_and_begins_nothing(portal: None) -> None:
    token, by = issued(), arrange.person("requester")
    (other,) = arrange.zone_ids(*arrange.zone_names(2)[1:])
    policies = [
        *token.body["policies"],
        {"effect": "deny", "permission_groups": [{"id": "c8fed203ed3043cba015a93ad1616f1f"}],
         "resources": {f"com.cloudflare.api.account.zone.{other}": "*"}},
    ]  # fmt: skip
    at_cloudflare(token).update(policies=policies)
    with pytest.raises(changing.CannotBegin, match="combined in a way that access blocks cannot say"):
        changing.begin_edit(token, by=by)
    assert changing.may_edit(by, token)
    with audit.recording(Event.TOKENS_SYNCED, by=None, subject=token) as record:
        record.change(token, body={**token.body, "policies": policies}, approved={**token.body, "policies": policies})
    assert "cannot say" in changing.may_edit(by, token).sentence
    with pytest.raises(changing.CannotBegin, match="Make a new token and revoke this one"):
        changing.begin_replacement(token, by=by)
    assert not TokenRequest.objects.filter(target=token).exists()


@pytest.mark.parametrize("fault", ["refuse_connection", "bad_gateway", "forbidden"])
def test_a_token_that_cannot_be_read_begins_nothing(portal: None, fault: str) -> None:
    token = issued()
    call_command("sandbox_fault", fault, method="GET")
    with pytest.raises(changing.CannotBegin, match="could not be asked how this token stands"):
        changing.begin_edit(token, by=arrange.person("requester"))
    assert not TokenRequest.objects.filter(target=token).exists()


def test_those_who_may_not_change_a_token_are_told_why(portal: None) -> None:
    token = issued()
    for begin in (changing.begin_edit, changing.begin_replacement):
        with pytest.raises(rules.NotAllowed, match="Only the token's owner"):
            begin(token, by=arrange.person("teammate"))
    people.set_membership(by=None, team=token.team, person=arrange.person("admin"), is_requester=False, is_approver=True)
    with pytest.raises(rules.NotAllowed, match="not a requester in that team"):
        changing.begin_edit(token, by=arrange.person("admin"))
    connections.change(token.connection, by=arrange.person("admin"), name="Acme production", is_active=False, teams=[token.team])
    with pytest.raises(rules.NotAllowed, match="switched off"):
        changing.begin_edit(token, by=arrange.person("requester"))
    assert "switched off" in changing.may_edit(arrange.person("requester"), token).sentence


def test_a_replacement_repeats_what_was_agreed_for_as_long_as_before(portal: None) -> None:
    token, by = issued(validity=Validity(days=30)), arrange.person("requester")
    call_command("sandbox_alter", "widen", "a-token")
    begun = changing.begin_replacement(token, by=by)
    spec, agreed = begun.working_copy.spec, token.token_request.versions.get().spec
    assert (begun.kind, begun.target, begun.base) == ("replace", token, None)
    assert (spec.name, spec.blocks[0].zones, spec.validity) == ("a-token", agreed.blocks[0].zones, Validity(days=30))
    assert changing.begin_replacement(token, by=by).pk == begun.pk
    made = arrange.issue(begun)
    assert made
    assert (made.token.replaces, made.token.name) == (token, f"a-token ({begun.reference})")


def test_a_replacement_of_a_token_without_an_end_gets_the_usual_ninety_days(portal: None) -> None:
    token = issued(validity=Validity(lifetime="never"))
    assert changing.begin_replacement(token, by=arrange.person("requester")).working_copy.spec.validity == Validity(days=90)

"""What is found wrong with tokens: each finding shows and ends, numbers equal lists, and an export holds what was agreed."""

import json
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tests.integration.care_world import issued
from tests.integration.test_inventory import at_sandbox, found_outside, later, many, sync
from tokenportal import audit, clock, upstream
from tokenportal.actions import adopting, caring, carrying_out, findings, gists, holdings, ownership, people
from tokenportal.audit import Event
from tokenportal.models import Token
from tokenportal.policy.spec import ClientIPs, Validity, ZoneChoice

pytestmark = pytest.mark.django_db

OFFICE = ClientIPs(allow=("203.0.113.0/24",))


def closed(**changes: Any) -> Token:
    """A token about which nothing is found, but for what is changed."""
    return issued(**{"client_ips": OFFICE, **changes}).token


def found(token: Token) -> list[str]:
    [holding] = holdings.holdings(Token.objects.filter(pk=token.pk))
    return [finding.slug for finding in holding.findings]


def change(token: Token, **changes: Any) -> None:
    request = arrange.change(token, **changes)
    carrying_out.carry_out(request, by=request.requester, version=request.version, digest=request.digest)


def leave(name: str) -> None:
    membership = arrange.team().memberships.get(user__username=name)
    people.remove_membership(membership, by=arrange.person("admin"))


def test_about_a_closed_token_nothing_is_found(portal: None) -> None:
    assert found(closed()) == []


# Each finding: one token that shows it, and the action that ends it


def test_no_expiry_and_no_ip_restriction_end_with_a_change(portal: None) -> None:
    token = closed(client_ips=ClientIPs(), validity=Validity(lifetime="never"))
    assert found(token) == ["no-expiry", "no-ip"]
    change(token, client_ips=ClientIPs(allow=("0.0.0.0/0", "::/0")), validity=Validity(lifetime="days", days=30))
    assert found(token) == ["no-ip"]
    change(token, client_ips=OFFICE)
    assert found(token) == []


def test_account_wide_edit_ends_with_a_change_to_single_zones(portal: None) -> None:
    [block] = arrange.draft().working_copy.spec.blocks
    everywhere = ZoneChoice(mode="accounts", accounts=(arrange.connection().owner_id,))
    token = closed(blocks=(replace(block, zones=everywhere),))
    assert found(token) == ["wide-edit"]
    change(token, blocks=(block,))
    assert found(token) == []


def test_a_token_that_creates_tokens_is_found_until_it_is_disabled_or_revoked(portal: None) -> None:
    token = closed(template="create-additional-tokens", through="Acme user")
    assert found(token) == ["creates"]
    caring.disable(token, by=arrange.person("admin"))
    assert found(token) == []
    caring.enable(Token.objects.get(pk=token.pk), by=arrange.person("admin"))
    assert found(token) == ["creates"]
    caring.revoke(Token.objects.get(pk=token.pk), by=arrange.person("admin"))
    assert found(token) == []


def test_a_token_that_was_not_used_for_90_days_is_found_until_it_is_revoked(portal: None) -> None:
    token, other = closed(), closed()
    now = clock.now()
    at_sandbox(token, last_used_on=now - timedelta(days=90))
    at_sandbox(other, last_used_on=now - timedelta(days=89))
    sync()
    assert (found(token), found(other)) == (["unused"], [])
    with clock.at(now + timedelta(days=2)):
        assert found(other) == ["unused"]
    caring.revoke(Token.objects.get(pk=token.pk), by=arrange.person("requester"))
    assert found(token) == []


def test_a_token_that_was_never_used_must_have_existed_for_90_days(portal: None) -> None:
    token = closed(validity=Validity(lifetime="days", days=300))
    with clock.at(clock.now() + timedelta(days=89)):
        assert found(token) == []
    with clock.at(clock.now() + timedelta(days=91)):
        assert found(token) == ["unused"]


def test_an_owner_who_left_is_found_and_without_a_back_up_it_is_worse(portal: None) -> None:
    token = closed(by="teammate")
    admin, requester = arrange.person("admin"), arrange.person("requester")
    ownership.set_owners(token, by=admin, owner=arrange.person("teammate"), backup_owner=requester, purpose="A test.")
    assert found(token) == []
    leave("teammate")
    assert found(token) == ["owner-left"]
    people.set_active(requester, by=admin, active=False)
    assert found(token) == ["no-owner"]
    ownership.set_owners(Token.objects.get(pk=token.pk), by=admin, owner=admin, backup_owner=None, purpose="A test.")
    assert found(token) == []


def test_a_deactivated_owner_has_left_and_an_admin_outside_the_team_has_not(portal: None) -> None:
    token, own = closed(), closed(by="admin")
    people.set_active(arrange.person("requester"), by=arrange.person("admin"), active=False)
    leave("admin")
    assert (found(token), found(own)) == (["no-owner"], [])


def test_who_is_found_to_have_left_is_who_cannot_answer(portal: None) -> None:
    """The database's condition and the rule of the token's page agree, whoever owns it."""
    admin = arrange.person("admin")
    people.set_active(arrange.person("approver"), by=admin, active=False)
    token = closed()
    for owner in (arrange.person(name) for name in ("requester", "approver", "admin", "auditor")):
        for backup in (None, *(arrange.person(name) for name in ("teammate", "approver", "auditor"))):
            with audit.recording(Event.TOKEN_OWNER_SET, by=admin, subject=token) as record:
                record.change(token, owner=owner, backup_owner=backup)
            able = ownership.answering(token)
            expected = [] if owner in able else ["owner-left"] if able else ["no-owner"]
            assert found(token) == expected, (owner, backup)


def test_drift_ends_when_the_token_is_as_agreed_again(portal: None) -> None:
    token = closed()
    call_command("sandbox_alter", "widen", "a-token")
    sync()
    assert found(token) == ["wide-edit", "drifted", "no-expiry", "no-ip"]
    arrange.without_rule("all-zones")
    arrange.without_rule("ends")
    change(Token.objects.get(pk=token.pk), client_ips=OFFICE)
    assert found(token) == ["wide-edit", "no-expiry"]


def test_an_unmanaged_token_is_found_until_it_is_adopted(portal: None) -> None:
    token = found_outside()
    assert found(token) == ["unmanaged", "no-expiry", "no-ip"]
    admin = arrange.person("admin")
    adopting.adopt(token, by=admin, team=arrange.team(), owner=arrange.person("requester"), backup_owner=None, purpose="Old.")
    assert found(token) == ["no-expiry", "no-ip"]


def test_an_expired_token_is_found_for_being_there_and_for_nothing_that_it_could_do(portal: None) -> None:
    token = closed(client_ips=ClientIPs())
    assert found(token) == ["no-ip"]
    call_command("sandbox_alter", "expire", "a-token")
    sync()
    assert "expired" in found(token)
    assert "no-ip" not in found(token)
    caring.revoke(Token.objects.get(pk=token.pk), by=arrange.person("requester"))
    assert found(token) == []


def test_an_end_that_passes_counts_before_anybody_reads_the_list(portal: None) -> None:
    token = closed(validity=Validity(lifetime="days", days=7))
    with clock.at(clock.now() + timedelta(days=8)):
        assert found(token) == ["expired"]


def test_a_connection_s_own_credential_needs_no_owner_and_is_found_for_what_it_leaves_open(portal: None) -> None:
    sync()
    parent = Token.objects.get(is_parent=True)
    assert found(parent) == ["creates", "wide-edit", "no-expiry", "no-ip"]


# Numbers


def test_numbers_equal_what_the_conditions_find(portal: None) -> None:
    closed(), closed(client_ips=ClientIPs(), validity=Validity(lifetime="days", days=7)), found_outside()
    gone = closed()
    call_command("sandbox_alter", "delete", gone.name)
    with later():
        sync()
    now = clock.now()
    told = findings.numbers(Token.objects.all(), now)
    assert told.by_finding == {
        slug: Token.objects.filter(findings.condition(slug, now)).count() for slug in findings.BY_SLUG
    }  # fmt: skip
    assert (told.total, told.soon, told.nobody) == (4, 1, 1)
    assert told.by_risk == {"reads": 0, "changes": 0, "deletes": 3, "creates": 1}
    assert Token.objects.filter(findings.condition("any", now)).count() == 3
    order = list(Token.objects.alive().order_by(findings.danger(now).desc(), "name").values_list("name", flat=True))
    weights = [sum(findings.BY_SLUG[slug].weight for slug in found(Token.objects.get(name=name))) for name in order]
    assert weights == sorted(weights, reverse=True)


def test_without_tokens_all_numbers_are_nothing(db: None) -> None:
    told = findings.numbers(Token.objects.all(), clock.now())
    assert {told.total, told.soon, told.nobody, *told.by_risk.values(), *told.by_finding.values()} == {0}


# Who asked, and who agreed


def agreed(token: Token) -> tuple[Any, ...]:
    [holding] = holdings.holdings(Token.objects.filter(pk=token.pk))
    one = holding.agreed
    return (holding.asked_by, *((one.by, one.how, one.version, one.digest) if one else ()))


def test_who_agreed_is_who_confirmed_what_it_holds_now(portal: None) -> None:
    token = closed()
    created = token.token_request
    assert created
    assert agreed(token) == ("requester", "requester", "created", 1, created.digest)
    request = arrange.change(token, client_ips=ClientIPs(allow=("198.51.100.0/24",)))
    assert agreed(token) == ("requester", "requester", "created", 1, created.digest)
    carrying_out.carry_out(request, by=request.requester, version=request.version, digest=request.digest)
    assert agreed(token) == ("requester", "requester", "changed", request.version, request.digest)


def test_a_change_that_was_refused_is_no_agreement(portal: None) -> None:
    token = closed()
    before = agreed(token)
    call_command("sandbox_fault", "forbidden", method="PUT")
    change(token, client_ips=ClientIPs(allow=("198.51.100.0/24",)))
    assert agreed(token) == before


def test_a_token_that_nobody_here_made_was_agreed_to_by_who_adopted_it(portal: None) -> None:
    token = found_outside()
    assert agreed(token) == ("",)
    admin = arrange.person("admin")
    adopting.adopt(token, by=admin, team=arrange.team(), owner=arrange.person("requester"), backup_owner=None, purpose="Old.")
    assert agreed(token) == ("", "admin", "adopted", None, adopting.mark(token))


# Exports


def test_an_export_says_everything_in_one_row(portal: None) -> None:
    token = closed()
    [holding] = holdings.holdings(Token.objects.filter(pk=token.pk))
    told = holdings.as_json(holding)
    assert list(told) == list(holdings.COLUMNS)
    created = token.token_request
    assert created
    assert {name: told[name] for name in ("token", "status", "team", "owner", "asked_by", "agreed_by", "digest", "risk", "findings")} == {
        "token": token.name, "status": "active", "team": "Platform", "owner": "requester", "asked_by": "requester",
        "agreed_by": "requester", "digest": created.digest, "risk": "deletes", "findings": [],
    }  # fmt: skip
    assert told["ends"].endswith("T23:59:59Z")
    assert told["last_used"] == ""
    assert json.loads(json.dumps(told)) == told
    row = holdings.as_row(holding)
    assert len(row) == len(holdings.COLUMNS)
    assert row[holdings.COLUMNS.index("findings")] == ""


def test_holdings_come_in_their_order_with_a_few_queries_a_chunk(portal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    closed()
    many(500)
    sync()
    rows = Token.objects.order_by("name", "pk")
    list(holdings.holdings(rows))
    counts = []
    for chunk in (1000, 100):
        monkeypatch.setattr(holdings, "CHUNK", chunk)
        with CaptureQueriesContext(connection) as asked:
            told = list(holdings.holdings(rows))
        counts.append(len(asked))
        assert [holding.token.pk for holding in told] == list(rows.values_list("pk", flat=True))
    assert counts == [4, 1 + 6 * 3]


def test_no_body_is_read_for_numbers_and_what_a_row_does_not_show(portal: None) -> None:
    closed()
    [holding] = holdings.holdings(Token.objects.filter(token_request__isnull=False))
    assert {"body", "approved", "reach"} <= holding.token.get_deferred_fields()
    assert "sealed_credential" in holding.token.connection.get_deferred_fields()
    assert "password" in (holding.token.owner.get_deferred_fields() if holding.token.owner else ())


def test_what_is_kept_in_memory_does_not_grow_without_end(portal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = [closed(), closed(template="workers-ai")]
    monkeypatch.setattr(gists, "KEPT", 0)
    for _ in range(2):
        told = {holding.token.pk: holding.can_do for holding in holdings.holdings(Token.objects.order_by("pk"))}
        assert told == {tokens[0].pk: "DNS: edit on 1 zone", tokens[1].pk: "Workers AI: edit on Acme production"}
    for token in tokens:
        list(holdings.holdings(Token.objects.filter(pk=token.pk)))
        assert len(gists._gists) <= 2


# Earlier versions


def test_the_tokens_of_an_older_version_get_their_exposure(portal: None) -> None:
    token = closed(client_ips=ClientIPs())
    before = token.exposure
    with audit.recording(Event.TOKEN_ISSUED, by=None, subject=token) as record:
        record.change(token, exposure="")
    import_module("tokenportal.migrations.0016_token_exposure").fill(MigrationLoader(connection).project_state().apps, None)
    assert Token.objects.get(pk=token.pk).exposure == before == " no-ip risk:deletes "


def test_a_row_that_tells_no_risk_counts_as_the_worst(portal: None) -> None:
    token = closed()
    with audit.recording(Event.TOKEN_ISSUED, by=None, subject=token) as record:
        record.change(token, exposure="")
    [holding] = holdings.holdings(Token.objects.filter(pk=token.pk).order_by(findings.risk_order().desc()))
    assert (holding.risk, upstream.owner(token.connection).kind) == ("creates", "account")

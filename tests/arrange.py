"""Rows arranged through the real actions, so that no test starts from a state that the program cannot reach."""

import io
import json
from dataclasses import replace
from typing import Any

from django.core.management import call_command
from django.test import Client

from tokenportal import audit, clock
from tokenportal.actions import changing, demo, drafts, guarding, issuing, seeding, snapshots
from tokenportal.audit import Event
from tokenportal.models import Connection, Guardrail, Team, Token, TokenRequest, User
from tokenportal.policy.spec import TokenSpec

PASSWORD = "correct horse battery"


def sandbox_and_cast() -> None:
    """The sandbox with its accounts and zones, its connections tested and read, two teams, and the cast."""
    printed = io.StringIO()
    call_command("sandbox_seed", stdout=printed)
    demo.cast(PASSWORD)
    seeding.seed(json.loads(printed.getvalue()))


def person(name: str) -> User:
    return User.objects.get(username=name)


def connection(name: str = "Acme production") -> Connection:
    return Connection.objects.get(name=name)


def team(name: str = "Platform") -> Team:
    return Team.objects.get(name=name)


def signed_in(name: str) -> Client:
    client = Client()
    answer = client.post("/sign-in/", {"username": name, "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    return client


def zone_names(count: int = 1, name: str = "Acme production") -> list[str]:
    return list(demo.named_zones(connection(name), count))


def zone_ids(*names: str, of: str = "Acme production") -> list[str]:
    found = snapshots.zones_named(connection(of), names)
    return [found[name] for name in names]


def draft(
    template: str = "edit-zone-dns", *, by: str = "requester", zones: int = 1, through: str = "Acme production", **changes: Any
) -> TokenRequest:
    """A saved draft that can be created: named, with a purpose, on its first zones and accounts."""
    source = connection(through)
    user = person(by)
    begun = drafts.start(by=user, team=team(), template=template, connection=source)
    copy = begun.working_copy
    spec = filled(copy.spec, source, zones)
    drafts.save(
        begun, by=user, revision=copy.revision, spec=replace(spec, **changes), connection=source, owner=user, backup_owner=None
    )
    return TokenRequest.objects.get(pk=begun.pk)


def filled(spec: TokenSpec, source: Connection, zones: int) -> TokenSpec:
    ids = tuple(zone.zone_id for zone in snapshots.find_zones(source))[:zones]
    accounts = tuple(account.account_id for account in snapshots.accounts(source))[:1]
    blocks = tuple(
        replace(
            block,
            zones=replace(block.zones, zones=ids) if block.zones.mode == "these" else block.zones,
            accounts=replace(block.accounts, accounts=accounts) if block.accounts.mode == "these" else block.accounts,
        )
        for block in spec.blocks
    )
    return replace(spec, name="a-token", purpose="A test uses it.", blocks=blocks)


def checked(token_request: TokenRequest) -> TokenRequest:
    """With a version, as after the summary was opened."""
    drafts.check(token_request, by=token_request.requester, revision=token_request.working_copy.revision)
    return TokenRequest.objects.get(pk=token_request.pk)


def sent(token_request: TokenRequest, reason: str = "A test needs it.") -> TokenRequest:
    """In review, as after its requester sent it."""
    ready = checked(token_request)
    demo.send(ready, reason)
    return TokenRequest.objects.get(pk=ready.pk)


def approved(token_request: TokenRequest) -> TokenRequest:
    """Approved by as many of the cast as it takes, as after a review."""
    waiting = sent(token_request)
    demo.approve(waiting)
    return TokenRequest.objects.get(pk=waiting.pk)


def without_rule(slug: str) -> None:
    """Switch a default guardrail off, for what can exist only where there is none."""
    rule = guarding.DEFAULTS[slug]
    row = Guardrail(slug=slug, title=rule.title, is_on=False, changed_at=clock.now(), **rule.to_json())
    with audit.recording(Event.GUARDRAIL_SWITCHED, by=None, subject=row) as record:
        record.add(row)


def agreed(token_request: TokenRequest) -> TokenRequest:
    """Ready to be created: after whatever approvals the rules ask for; a rule that would not let it through is switched off."""
    ready = checked(token_request)
    version = ready.versions.get(number=ready.version)
    found = guarding.of_version(ready, version, reason="A test needs it.")
    for slug in {ruling.rule.id for ruling in found.unmet}:
        without_rule(slug)
    return approved(token_request) if found.demands else ready


def issue(token_request: TokenRequest) -> issuing.Issued | None:
    ready = agreed(token_request)
    return issuing.issue(ready, by=ready.requester, version=ready.version, digest=ready.digest)


def change(token: Token, *, by: str = "requester", **changes: Any) -> TokenRequest:
    """A change of this token with a version, ready to be confirmed: fields of its spec, or ``owner`` and ``backup_owner``."""
    user = person(by)
    begun = changing.begin_edit(token, by=user)
    copy = begun.working_copy
    people = {"owner": changes.pop("owner", copy.owner), "backup_owner": changes.pop("backup_owner", copy.backup_owner)}
    drafts.save(
        begun, by=user, revision=copy.revision, spec=replace(copy.spec, **changes), connection=copy.connection, **people
    )  # fmt: skip
    return checked(TokenRequest.objects.get(pk=begun.pk))


def confirming(token_request: TokenRequest) -> dict[str, Any]:
    """What the summary's form posts."""
    return {"version": token_request.version, "digest": token_request.digest}


def answering(token_request: TokenRequest) -> dict[str, Any]:
    """What the form of its latest review posts."""
    return {**confirming(token_request), "review_number": token_request.reviews.count()}

"""Before it is sent: what is certain keeps it back, on the page and in what is posted; everything else is only told."""

import re
import uuid
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.apps import apps
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tokenportal import clock
from tokenportal.actions import connections, issuing, preflight, reviewing, snapshots, syncing
from tokenportal.actions.issuing import Changed
from tokenportal.models import KnownAccount, KnownZone, Review, Snapshot, Status, TokenRequest, UpstreamState
from tokenportal.policy.catalogue import Catalogue
from tokenportal.policy.preflight import ONLY_CLOUDFLARE
from tokenportal.rules import NotAllowed
from tokenportal.sandbox import faults
from tokenportal.sandbox.transport import SandboxAdapter

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of Cloudflare."""
    asked: list[str] = []
    send = SandboxAdapter.send

    def noting(self: Any, request: Any, *args: Any, **options: Any) -> Any:
        asked.append(f"{request.method} {request.path_url}")
        return send(self, request, *args, **options)

    monkeypatch.setattr(SandboxAdapter, "send", noting)
    return asked


def sandbox(model: str) -> Any:
    return apps.get_model("sandbox", model).objects


def parent(through: str = "Acme production") -> Any:
    """The sandbox's row of a connection's own credential."""
    return sandbox("Token").filter(pk=arrange.connection(through).parent_token_id)


def sync(through: str = "Acme production") -> None:
    syncing.sync(arrange.connection(through), by=None)


def version_of(token_request: TokenRequest) -> Any:
    """Its newest version, as a page loads it."""
    here = TokenRequest.objects.get(pk=token_request.pk)
    return here, here.versions.select_related("connection__snapshot").get(number=here.version)


def told(token_request: TokenRequest) -> dict[str, tuple[str, str, bool]]:
    return {check.slug: (check.state, check.sentence, check.stops) for check in preflight.of(*version_of(token_request))}


def page(token_request: TokenRequest, name: str = "requester", part: str = "summary") -> str:
    answer = arrange.signed_in(name).get(f"/requests/{token_request.pk}/{part}/")
    assert answer.status_code == 200
    return answer.content.decode()


def shown(text: str) -> dict[str, tuple[str, str]]:
    """The checks on a page: state and word of each."""
    rows = re.findall(
        r'data-testid="check-(\w+)" data-state="(\w+)" data-stops="\w+">.*?<span class="badge[^"]*">([^<]+)<', text, re.DOTALL
    )
    return {slug: (state, word) for slug, state, word in rows}


def without_zone(name: str) -> str:
    """The sentence about a zone that somebody removed, once that has been read."""
    id = arrange.zone_ids(name)[0]
    sandbox("Zone").filter(name=name).delete()
    snapshots.refresh(arrange.connection())
    return f"This connection does not see the zone {id} any more. Take it out."


def filled(through: str, count: int) -> None:
    """So many tokens at Cloudflare that its owner has ``count`` in all, and all of them read."""
    here, rows = parent(through).get(), []
    for number in range(count - sandbox("Token").filter(user=here.user, account=here.account).count()):
        copy = parent(through).get()
        copy.pk, copy.name, copy.value_sha256 = uuid.uuid4().hex, f"other-{number}", uuid.uuid4().hex * 2
        rows.append(copy)
    sandbox("Token").bulk_create(rows)
    sync(through)


def test_a_summary_says_what_is_known_and_since_when_without_a_call(portal: None, calls: list[str]) -> None:
    draft = arrange.checked(arrange.draft())
    sync()
    calls.clear()
    text = page(draft)
    assert calls == []
    assert shown(text) == {
        "permissions": ("ok", "Fine"), "places": ("ok", "Fine"), "grant": ("ok", "Fine"), "quota": ("ok", "Fine"),
        "credential": ("ok", "Fine"), "cloudflare": ("ok", "Fine"),
    }  # fmt: skip
    assert f"Its own credential holds all of it. {ONLY_CLOUDFLARE}" in text
    assert len(re.findall(r"As of <time [^>]*>[^<]+</time>, <time [^>]*>[^<]+</time> UTC\.", text)) == 6
    assert 'data-verb="create"' in text


def test_what_nobody_has_read_is_not_known_and_keeps_nothing_back(portal: None) -> None:
    draft = arrange.checked(arrange.draft(through="Acme user"))
    assert told(draft) | {"permissions": "", "places": "", "cloudflare": ""} == {
        "permissions": "", "places": "", "cloudflare": "",
        "grant": ("unknown", f"A user’s credential grants what its user may. {ONLY_CLOUDFLARE}", False),
        "quota": ("unknown", "How many tokens its owner has is not known: they have never been read.", False),
        "credential": ("ok", "It never ends.", False),
    }  # fmt: skip
    assert shown(page(draft))["grant"] == ("unknown", "Not known")
    assert arrange.issue(draft)


def test_a_connection_that_was_never_used_knows_nothing(portal: None) -> None:
    draft, version = version_of(arrange.checked(arrange.draft()))
    version.connection = connections.create(
        by=arrange.person("admin"), name="Another", kind="user", account_id="", pasted="cfut_" + "x" * 48, teams=[]
    )
    found = preflight.of(draft, version)
    states = {check.slug: check.state for check in found}
    assert states == dict.fromkeys(("permissions", "places", "grant", "quota", "credential", "cloudflare"), "unknown")
    assert preflight.verdict(found)


def test_an_adoption_sends_nothing_so_nothing_is_asked(portal: None) -> None:
    _, version = version_of(arrange.checked(arrange.draft()))
    assert preflight.of(TokenRequest(kind=TokenRequest.Kind.ADOPT), version) == ()


# What is certain


def test_a_zone_that_is_gone_keeps_it_from_being_created_and_sent(portal: None, calls: list[str]) -> None:
    zone = arrange.zone_names(1)[0]
    draft = arrange.checked(arrange.draft())
    sentence = without_zone(zone)
    text = page(draft)
    assert shown(text)["places"] == ("problem", "In the way")
    assert ('data-verb=""' in text, f'data-testid="why-not">{sentence}<' in text) == (True, True)
    calls.clear()
    with pytest.raises(NotAllowed) as refused:
        issuing.issue(draft, by=draft.requester, **arrange.confirming(draft))
    with pytest.raises(Changed) as moved:
        reviewing.send(draft, by=draft.requester, **arrange.confirming(draft))
    assert (str(refused.value), str(moved.value), calls) == (sentence, sentence, [])
    web = arrange.signed_in("requester")
    for way, status in (("create", 403), ("send", 409)):
        answer = web.post(f"/requests/{draft.pk}/{way}/", arrange.confirming(draft))
        assert (answer.status_code, sentence in unescape(answer.content.decode())) == (status, True)
    assert TokenRequest.objects.get(pk=draft.pk).status == Status.DRAFT


def test_a_zone_that_is_gone_since_it_was_approved_is_seen_by_who_asked_and_who_approved(portal: None) -> None:
    zone = arrange.zone_names(1)[0]
    ready = arrange.approved(arrange.draft())
    assert shown(page(ready, "approver", "review"))["places"] == ("ok", "Fine")
    sentence = without_zone(zone)
    assert f'data-testid="why-not">{sentence}<' in page(ready)
    assert shown(page(ready, "approver", "review"))["places"] == ("problem", "In the way")
    with pytest.raises(NotAllowed, match="does not see the zone"):
        issuing.issue(ready, by=ready.requester, **arrange.confirming(ready))


def test_a_review_that_is_over_says_nothing_of_what_comes_next(portal: None) -> None:
    waiting = arrange.sent(arrange.draft())
    reviewing.deny(waiting, by=arrange.person("admin"), comment="Not now.", **arrange.answering(waiting))
    assert shown(page(waiting, part="review")) == {}
    assert Review.objects.get().outcome == "denied"


def test_a_permission_that_is_not_offered_any_more_is_named(portal: None) -> None:
    draft = arrange.checked(arrange.draft())
    here, generation = arrange.connection(), uuid.uuid4()
    kept = [row for row in Snapshot.objects.get(pk=here.pk).groups if row["name"] != "DNS Write"]
    Snapshot.objects.filter(pk=here.pk).update(groups=kept, generation=generation)
    for model in (KnownAccount, KnownZone):
        model.objects.filter(connection=here).update(generation=generation)
    sentence = "Cloudflare does not offer DNS: Edit through this connection any more. Take it out."
    assert told(draft)["permissions"] == ("problem", sentence, True)
    assert 'data-verb=""' in page(draft)
    with pytest.raises(Changed):
        issuing.issue(draft, by=draft.requester, **arrange.confirming(draft))


def test_where_there_is_no_room_nothing_is_created_and_a_change_goes_through(portal: None, calls: list[str]) -> None:
    made = arrange.issue(arrange.draft(through="Acme user"))
    assert made
    draft, change = arrange.checked(arrange.draft(through="Acme user")), arrange.change(made.token, purpose="Another one.")
    filled("Acme user", 50)
    sentence = "There is no room for another token: 50 of 50 tokens are in use. Revoke one that nobody needs."
    assert told(draft)["quota"] == ("problem", sentence, True)
    calls.clear()
    with pytest.raises(NotAllowed, match="There is no room"):
        issuing.issue(draft, by=draft.requester, **arrange.confirming(draft))
    assert calls == []
    assert "quota" not in told(change)
    assert 'data-verb="create"' in page(change)
    assert issuing.may_issue(change.requester, *version_of(change))


def test_a_list_that_could_not_be_read_is_no_proof_that_there_is_no_room(portal: None) -> None:
    draft = arrange.checked(arrange.draft(through="Acme user"))
    filled("Acme user", 50)
    faults.arm("forbidden", method="GET", path="/user/tokens")
    sync("Acme user")
    state, sentence, stops = told(draft)["quota"]
    assert (state, sentence.partition(";")[0], stops) == ("problem", "At least 50 of 50 tokens are in use", False)
    assert 'data-verb="create"' in page(draft)


# What is told and keeps nothing back


def test_a_zone_that_is_not_active_is_told(portal: None) -> None:
    zone = arrange.zone_names(1)[0]
    draft = arrange.checked(arrange.draft())
    sandbox("Zone").filter(name=zone).update(status="pending")
    snapshots.refresh(arrange.connection())
    state, sentence, stops = told(draft)["places"]
    assert (state, sentence.partition(". ")[0], stops) == ("problem", f"Not active at Cloudflare: {zone} (pending)", False)
    assert shown(page(draft))["places"] == ("problem", "Look at it")


def test_a_credential_that_ends_soon_is_told(portal: None) -> None:
    draft, now = arrange.checked(arrange.draft()), clock.now()
    parent().update(expires_on=now + timedelta(days=5, hours=1))
    sync()
    state, sentence, stops = told(draft)["credential"]
    assert (state, sentence.partition(",")[0], stops) == ("problem", "It ends in 5 days", False)
    assert 'data-verb="create"' in page(draft)


def test_an_account_owned_credential_that_holds_less_is_told_and_may_still_be_asked(portal: None) -> None:
    draft = arrange.checked(arrange.draft())
    dns = Catalogue.from_facts().named("DNS Write", "zone")
    assert dns
    held = parent().get().policies
    for policy in held:
        policy["permission_groups"] = [group for group in policy["permission_groups"] if group["id"] != dns.id]
    parent().update(policies=held)
    sync()
    state, sentence, stops = told(draft)["grant"]
    assert (state, sentence.partition(" there, ")[0], stops) == ("problem", "Its own credential does not hold DNS: Edit", False)
    assert 'data-verb="create"' in page(draft)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"open_until": 20}, "Cloudflare is left alone until {}: it has not answered lately."),
        ({"blocked_until": 20}, "Cloudflare is left alone until {}: there were too many calls."),
        ({"open_until": -20}, "Cloudflare has not answered lately. The next call finds out whether it does again."),
    ],
)
def test_a_cloudflare_that_does_not_answer_is_told(portal: None, state: dict[str, int], expected: str) -> None:
    draft, now = arrange.checked(arrange.draft()), clock.now()
    values = {name: now + timedelta(seconds=seconds) for name, seconds in state.items()}
    UpstreamState.objects.update_or_create(connection=arrange.connection(), defaults={"failures": 5, **values})
    with clock.at(now):
        found, sentence, stops = told(draft)["cloudflare"]
    assert (found, stops) == ("problem", False)
    assert re.fullmatch(re.escape(expected).replace(r"\{\}", r".+"), sentence)


def test_a_last_call_that_went_wrong_is_told(portal: None) -> None:
    draft = arrange.checked(arrange.draft())
    faults.arm("forbidden", method="GET", path="/zones")
    snapshots.refresh(arrange.connection())
    assert told(draft)["cloudflare"] == ("problem", "It did not answer as it should when it was last asked.", False)


def test_as_many_queries_for_one_token_as_for_three(portal: None) -> None:
    draft = arrange.checked(arrange.draft(zones=3))
    counts = []
    for made in (1, 2):
        for _ in range(made):
            arrange.issue(arrange.draft())
        sync()
        request, version = version_of(draft)
        preflight.of(request, version)
        with CaptureQueriesContext(database) as queries:
            preflight.of(request, version)
        counts.append(len(queries))
    assert counts == [3, 3]

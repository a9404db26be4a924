"""Who sees a request, asked of everybody at once, is what is asked of each person, in every state and through every way."""

from collections.abc import Iterator

import pytest

from tests import arrange
from tests.integration.review_world import WHY, answer, fresh, minter, newcomer, wide
from tokenportal import audit, clock
from tokenportal.actions import alarms, drafts, guarding, people, reviewing, seeing, sharing
from tokenportal.audit import Event
from tokenportal.models import TokenRequest, User

pytestmark = pytest.mark.django_db


def of_each(token_request: TokenRequest) -> set[str]:
    active = User.objects.filter(is_active=True)
    return {one.username for one in active if TokenRequest.objects.visible_to(one).filter(pk=token_request.pk).exists()}


def at_once(token_request: TokenRequest) -> set[str]:
    found = list(seeing.who_sees(fresh(token_request)).values_list("username", flat=True))
    assert len(found) == len(set(found)), "nobody stands there twice"
    return set(found)


def web_looks_too() -> None:
    row = guarding.Guardrail(
        title="Web looks too", when={"levels": ["edit"]}, then={"approvals": 1, "source": str(arrange.team("Web").pk)},
        changed_at=clock.now(),
    )  # fmt: skip
    with audit.recording(Event.GUARDRAIL_SET, by=None, subject=row) as record:
        record.add(row)


def stations() -> Iterator[tuple[str, TokenRequest]]:
    """A request, each time that somebody else may see it or nobody but some may any more."""
    draft = wide()
    yield "a draft", draft
    mate, link_guest = arrange.person("teammate"), newcomer("link-guest", "Platform")
    shares = [sharing.share(draft, by=draft.requester, colleague=one, role="viewer") for one in (mate, arrange.team())]
    link, _ = sharing.make_link(draft, by=draft.requester, role="viewer", days=1)
    sharing.take_link(link, by=link_guest)
    yield "shared in three ways", draft
    sharing.unshare(shares[1], by=draft.requester)
    yield "shared in two ways", draft
    people.remove_membership(link_guest.memberships.get(), by=arrange.person("admin"))
    yield "one by whom it was taken is no colleague any more", draft
    web_looks_too()
    for name in ("web-first", "web-second"):
        newcomer(name, "Web", is_approver=True)
    newcomer("web-member", "Web", is_requester=True)
    arrange.sent(fresh(draft), WHY)
    yield "in review", draft
    reviewing.ask(fresh(draft), by=draft.requester, person=newcomer("asked", "Web"))
    yield "one was asked by name", draft
    for name in ("web-first", "approver"):
        answer(draft, "approve", name)
    yield "approved", draft
    ready = fresh(draft)
    arrange_issued(ready)
    yield "issued", draft
    people.set_active(mate, by=arrange.person("admin"), active=False)
    yield "one was deactivated", draft


def arrange_issued(ready: TokenRequest) -> None:
    with audit.recording(Event.TOKEN_ISSUING, by=ready.requester, subject=ready):
        ready.move(ready.state.ISSUING)
        ready.move(ready.state.ISSUED, cloudflare_id="0" * 32)


def test_it_is_the_same_at_every_station_of_a_request(portal: None) -> None:
    seen = {}
    for name, one in stations():
        seen[name] = at_once(one)
        assert seen[name] == of_each(one), name
    every = {"requester", "teammate", "approver", "admin", "auditor"}
    assert seen["a draft"] == {"requester"}
    assert seen["shared in two ways"] == {"requester", "teammate", "link-guest"}
    assert seen["one by whom it was taken is no colleague any more"] == {"requester", "teammate"}
    assert seen["in review"] == every | {"web-first", "web-second"}
    assert seen["one was asked by name"] == seen["approved"] == every | {"web-first", "web-second", "asked"}
    assert seen["issued"] == every | {"web-first"}
    assert seen["one was deactivated"] == seen["issued"] - {"teammate"}


def test_what_is_discarded_is_its_requester_s_alone_and_what_has_an_alarm_is_an_admin_s_too(portal: None) -> None:
    draft = minter()
    sharing.share(draft, by=draft.requester, colleague=arrange.person("teammate"), role="viewer")
    alarms.sound(draft, alarms.STRAY, by=None)
    assert at_once(draft) == of_each(draft) == {"requester", "teammate", "admin"}
    other = wide()
    sharing.share(other, by=other.requester, colleague=arrange.person("teammate"), role="viewer")
    drafts.discard(other, by=other.requester)
    assert at_once(other) == of_each(other) == {"requester"}

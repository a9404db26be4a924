"""The builder's findings: what the rules ask for and what there is to say, each with a button that mends it."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from tests import arrange
from tests.integration.test_builder import Draft, part, text
from tokenportal import audit, clock
from tokenportal.actions import drafts, judging, sharing, team_templates
from tokenportal.actions.standing import of
from tokenportal.audit import Event
from tokenportal.models import Guardrail, TokenRequest
from tokenportal.policy import findings
from tokenportal.policy.finding import Alike
from tokenportal.policy.spec import ClientIPs, Validity
from tokenportal.views import builder_findings

pytestmark = pytest.mark.django_db


def lines(page: str, group: str) -> list[str]:
    """The sentences of one group, in their order."""
    found = re.search(rf'data-testid="found-{group}">(.*?)</section>', page, re.DOTALL)
    rows = re.findall(r"<li><div><p>(.*?) <a ", found[1]) if found else []
    return [unescape(row) for row in rows]


def buttons(page: str) -> dict[str, str]:
    section = page.split('id="findings"')[1].split("</form>")[0]
    return {unescape(label): unescape(value) for value, label in re.findall(r'name="do" value="(fix:[^"]*)">([^<]*)<', section)}


def test_what_the_rules_ask_comes_first_with_the_rule_that_asks(portal: None) -> None:
    draft = Draft("wordpress", validity=Validity(lifetime="never"))
    page = text(draft.web.get(draft.url))
    assert lines(page, "rules") == [
        "Say why it is needed, or name the ticket.", "One person among the team’s approvers and the admins must approve it.",
        "It must end within 366 days.",
    ]  # fmt: skip
    assert "Rule: More than reading on all zones of an account." in page
    assert "About Zone Settings: Edit, Cache Purge: Purge on a whole account, or all its zones." in page
    assert "You are asked for it on the next page." in page
    assert part(draft.web.get(draft.url), "findings-gist") == "3 rules, 2 security risks"


def test_a_press_mends_it_and_leads_back_with_everything_that_was_typed(portal: None) -> None:
    draft = Draft("edit-zone-dns", validity=Validity(lifetime="never"))
    page = text(draft.web.get(draft.url))
    answer = draft.post(do=buttons(page)["End it in 366 days"], name="typed meanwhile", lifetime="never")
    assert (answer.status_code, answer["Location"]) == (302, f"{draft.url}#findings")
    assert (draft.spec.name, draft.spec.validity) == ("typed meanwhile", Validity(lifetime="days", days=366))
    assert lines(text(draft.web.get(draft.url)), "rules") == []


def test_each_button_of_a_draft_makes_its_own_line_go_away(portal: None) -> None:
    draft = Draft("edit-zone-dns", client_ips=ClientIPs(allow=("203.0.113.0/24", "203.0.113.7")), validity=Validity(days=400))
    expected = {
        "Remove it": "203.0.113.7 is already inside 203.0.113.0/24.", "That is meant: block IPv6": "No IPv6 range is allowed.",
        "End it in 366 days": "It must end within 366 days.",
        "Add Zone: Read": "It can change DNS records, and cannot find a zone by its name.",
    }  # fmt: skip
    for label, sentence in expected.items():
        page = text(draft.web.get(draft.url))
        assert sentence in page
        lifetime = {"lifetime": str(draft.spec.validity.days)}
        assert draft.post(do=buttons(page)[label], **lifetime).status_code == 302
        assert sentence not in text(draft.web.get(draft.url)).split('id="findings"')[1].split("</form>")[0], label


def test_an_autosave_brings_the_findings_only_where_they_changed(portal: None) -> None:
    draft = Draft()
    mark = re.search(r'name="found" value="([0-9a-f]{8})"', text(draft.web.get(draft.url)))
    assert mark
    assert 'id="findings"' not in text(draft.post("told", name="another", found=mark[1]))
    changed = text(draft.post("told", lifetime="never", found=mark[1]))
    assert "It never ends." in changed.split('id="findings"')[1]


def test_a_mistake_is_an_error_with_its_place_and_what_mends_it(portal: None) -> None:
    draft = Draft(validity=Validity(lifetime="until", until="2020-01-01"))
    page = text(draft.web.get(draft.url))
    assert lines(page, "error") == ["Wed 1 Jan 2020 23:59 UTC is in the past. Choose a later end."]
    assert draft.post(do=buttons(page)["End it in 90 days"], lifetime="until").status_code == 302
    assert lines(text(draft.web.get(draft.url)), "error") == []


WAIT = "Mend the errors first. Then it is said here what the rules ask for."


def test_while_a_mistake_leaves_nothing_to_judge_it_is_said_that_the_rules_wait(portal: None) -> None:
    draft = Draft("wordpress", client_ips=ClientIPs(allow=("203.0.113.300",)))
    page = text(draft.web.get(draft.url))
    mark = re.search(r'name="found" value="([0-9a-f]{8})"', page)
    assert mark
    assert (lines(page, "rules"), len(lines(page, "error")), page.count(WAIT)) == ([], 1, 1)
    mended = text(draft.post("told", allow=["203.0.113.30", ""], found=mark[1])).split('id="findings"')[1]
    assert (bool(lines(mended, "rules")), lines(mended, "error"), WAIT in mended) == (True, [], False)


def test_where_something_is_only_missing_nothing_is_said_of_rules(portal: None) -> None:
    begun = drafts.start(by=arrange.person("requester"), team=arrange.team(), template="scratch", connection=arrange.connection())
    assert WAIT not in text(arrange.signed_in("requester").get(begun.get_absolute_url()))


def test_whoever_may_not_edit_sees_what_there_is_to_say_and_no_button(portal: None) -> None:
    draft = Draft()
    sharing.share(draft.request, by=draft.request.requester, colleague=arrange.person("teammate"), role="viewer")
    page = text(arrange.signed_in("teammate").get(draft.url))
    assert lines(page, "security") == ["It works from anywhere."]
    assert buttons(page) == {}


def test_a_refusal_stands_with_what_it_is_about(portal: None) -> None:
    row = Guardrail(
        title="No purging", when={"levels": ["purge"]}, then={"refuse": "Purging is done by the deploy job.", "addresses": True},
        changed_at=clock.now(),
    )  # fmt: skip
    with audit.recording(Event.GUARDRAIL_SET, by=None, subject=row) as record:
        record.add(row)
    draft = Draft("tool-deploy-purge")
    page = text(draft.web.get(draft.url, REMOTE_ADDR="8.8.4.4"))
    assert lines(page, "rules") == ["Purging is done by the deploy job.", "It must work from certain addresses only."]
    assert draft.post(do=buttons(page)["Only from your address now, 8.8.4.4"]).status_code == 302
    assert draft.spec.client_ips.allow == ("8.8.4.4",)


def test_nobody_is_advised_to_allow_only_an_address_that_cloudflare_never_sees(portal: None) -> None:
    draft = Draft()
    assert "Only from your address now, 8.8.4.4" in buttons(text(draft.web.get(draft.url, REMOTE_ADDR="8.8.4.4")))
    for address in ("127.0.0.1", "10.1.2.3", "fd00::1", ""):
        page = text(draft.web.get(draft.url, REMOTE_ADDR=address))
        assert [label for label in buttons(page) if "your address" in label] == []
        assert "Name the addresses" in page


def test_what_goes_beyond_the_team_s_template_is_told(portal: None) -> None:
    first = arrange.draft()
    template = team_templates.save(first, by=first.requester, title="Records", purpose="Changes records.")
    begun = team_templates.begin(template, by=first.requester, team=first.team, connection=first.working_copy.connection)
    found = of(begun.working_copy)
    assert judging.template_groups(begun, found.catalogue) == frozenset(first.working_copy.spec.blocks[0].permissions)
    nothing = TokenRequest(template="no-such")
    assert judging.template_groups(nothing, found.catalogue) is None
    assert judging.template_groups(TokenRequest(), found.catalogue) is None


def test_a_version_tells_its_findings_to_those_who_review_it(portal: None) -> None:
    waiting = arrange.sent(arrange.draft("wordpress"))
    version = waiting.versions.get()
    found = of(waiting.working_copy)
    another = Alike("another", "0b9a4d6e-0000-4000-8000-000000000000")
    told: Any = builder_findings.of_version(waiting, version, found.catalogue, found.around, alike=(another,))
    assert told["found_counts"] == "1 security risk, 1 warning"
    assert [line.sentence for group in told["found_groups"] for line in group.lines][:2] == [
        "It works from anywhere.", "The token another already does just the same.",
    ]  # fmt: skip


def test_places_are_called_by_their_label_or_number(portal: None) -> None:
    draft = arrange.draft()
    spec = draft.working_copy.spec
    [block] = spec.blocks
    (finding,) = [one for one in _found(draft, replace(spec, blocks=(block,))) if one.code == "finds-no-zone"]
    assert builder_findings.place(finding, (block,)) == "Access"
    assert builder_findings.place(finding, (block, block)) == "Access 1"
    assert builder_findings.place(finding, (replace(block, label="Shops"),)) == "Access 1: Shops"
    assert builder_findings.anchor(finding) == "b1-permissions"


def _found(token_request: TokenRequest, spec: Any) -> Any:
    found = of(token_request.working_copy, spec)
    return findings.find(judging.seen(token_request, spec, found.payload, found.catalogue, found.around))


def test_nobody_is_their_own_back_up(portal: None) -> None:
    draft = Draft()
    owner = str(arrange.person("requester").pk)
    draft.post(do="save", owner=owner, backup_owner=owner)
    page = text(draft.web.get(draft.url))
    said = "The back-up owner is somebody else than the owner. Choose another person, or nobody."
    assert said in lines(page, "error")
    assert said in page.split('id="owner-slot"')[1].split("</div>")[0]
    draft.post(do="save", owner=owner, backup_owner="")
    assert said not in text(draft.web.get(draft.url))


def test_a_section_whose_rule_is_not_met_stands_open_after_a_rest(portal: None) -> None:
    def stands_open(draft: Draft) -> list[str]:
        with clock.at(clock.now() + timedelta(minutes=11)):
            page = text(arrange.signed_in("requester").get(draft.url))
        return re.findall(r'<details class="card section" open data-testid="section-(\w+)">', page)

    assert stands_open(Draft(client_ips=ClientIPs(allow=("203.0.113.0/24",)))) == ["findings"]
    endless = ClientIPs(allow=("203.0.113.0/24",))
    assert stands_open(Draft(client_ips=endless, validity=Validity(lifetime="never"))) == ["restrictions", "findings"]

"""Templates of a team: saved from a draft, saved again, shown, begun from, required, retired."""

import re
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tests.integration.review_world import newcomer
from tokenportal import rules
from tokenportal.actions import beginning, drafts, people, reviewing, sharing, snapshots, standing, team_templates
from tokenportal.actions.invalid import Invalid
from tokenportal.models import AuditEvent, TeamTemplate, TokenRequest, WorkingCopy
from tokenportal.policy.spec import AccountChoice, ClientIPs, Validity, ZoneChoice

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(portal: None) -> TokenRequest:
    return arrange.draft(name="shop-certs", validity=Validity(days=30), client_ips=ClientIPs(allow=("192.0.2.0/24",)))


def save(draft: TokenRequest, title: str = "Certificates", **more: Any) -> TeamTemplate:
    return team_templates.save(draft, by=draft.requester, title=title, purpose="A certificate client.", **more)


def begin(template: TeamTemplate, by: str = "teammate") -> TokenRequest:
    return team_templates.begin(template, by=arrange.person(by), team=arrange.team(), connection=arrange.connection())


def told(answer: Any) -> list[str]:
    """What saving over a template would change, as the page says it."""
    banner = answer.content.decode().split('data-testid="existing"')[1].split("</ul>")[0]
    return re.findall(r"<li>([^<]+)</li>", banner)


def shown(page: str) -> str:
    """What the form posts back of the template that its page shows."""
    [found] = re.findall(r'name="over" value="([^"]*)"', page)
    return found


def resaved(draft: TokenRequest, **changes: Any) -> None:
    """The draft, saved again with these fields of its spec."""
    copy = WorkingCopy.objects.get(pk=draft.pk)
    drafts.save(
        TokenRequest.objects.get(pk=draft.pk), by=draft.requester, revision=copy.revision, spec=replace(copy.spec, **changes),
        connection=copy.connection, owner=copy.owner, backup_owner=None,
    )  # fmt: skip


def against(token_request: TokenRequest, there: str, by: str) -> list[str]:
    """The templates that a version is held against on a page, as this person finds it."""
    found = arrange.signed_in(by).get(f"/requests/{token_request.pk}/{there}/")
    assert found.status_code == 200
    names = [one.name for one in found.context["comparisons"] if one.against == "template"]
    assert ("Certificates" in found.content.decode()) == bool(names)
    return names


def posted(**more: Any) -> dict[str, Any]:
    return {"title": "Certificates", "purpose": "A certificate client.", **more}


def test_a_template_keeps_what_a_draft_asks_for_and_neither_name_nor_purpose(draft: TokenRequest) -> None:
    web = arrange.signed_in("requester")
    page = web.get(f"/requests/{draft.pk}/template/").content.decode()
    assert 'name="title" value="shop-certs"' in page
    answer = web.post(f"/requests/{draft.pk}/template/", posted(required=["purpose", "nonsense"]))
    template = TeamTemplate.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/templates/team/{template.pk}/")
    version = template.versions.get()
    spec, mine = version.spec, draft.working_copy.spec
    assert (spec.name, spec.purpose, spec.client_ips, spec.validity) == ("", "", mine.client_ips, mine.validity)
    assert spec.blocks[0].permissions == mine.blocks[0].permissions
    assert (spec.blocks[0].zones, version.required, version.number) == (ZoneChoice(), ["purpose"], 1)
    event = AuditEvent.objects.get(action="template.saved")
    assert (event.object_name, event.trail, event.changes["title"]) == ("Certificates", draft.pk, [None, "Certificates"])
    assert "Certificates is a template of the team Platform now, in version 1." in web.get(answer["Location"]).content.decode()


def test_chosen_zones_and_accounts_stay_if_asked_for_and_wide_ones_anyway(draft: TokenRequest) -> None:
    kept = save(draft, keeps_resources=True).versions.get().spec
    assert kept.blocks[0].zones == draft.working_copy.spec.blocks[0].zones
    block = replace(kept.blocks[0], zones=ZoneChoice(mode="all"), accounts=AccountChoice(mode="all"), buckets=("b",))
    wide = team_templates.spec_for(replace(kept, blocks=(block,)), keeps_resources=False).blocks[0]
    assert (wide.zones.mode, wide.accounts.mode, wide.buckets) == ("all", "all", ())


def test_a_second_save_of_a_title_says_what_it_changes_and_makes_a_version(draft: TokenRequest) -> None:
    template = save(draft, keeps_resources=True)
    web, there = arrange.signed_in("requester"), f"/requests/{draft.pk}/template/"
    same = web.post(there, posted(keeps_resources="on"))
    assert (same.status_code, told(same)) == (409, ["Nothing in it changes."])
    copy = WorkingCopy.objects.get(pk=draft.pk)
    spec = replace(copy.spec, client_ips=ClientIPs())
    drafts.save(
        draft,
        by=draft.requester,
        revision=copy.revision,
        spec=spec,
        connection=copy.connection,
        owner=copy.owner,
        backup_owner=None,
    )
    page = web.post(there, posted(keeps_resources="on", title=" Certificates ")).content.decode()
    assert "Works from anywhere; before, from 192.0.2.0/24 only." in page
    assert TeamTemplate.objects.get().version == 1
    assert web.post(there, posted(keeps_resources="on", over=shown(page))).status_code == 302
    template.refresh_from_db()
    assert (template.version, [one.number for one in template.versions.all()]) == (2, [1, 2])
    assert web.post(there, posted(over=shown(page))).status_code == 409, "somebody saved meanwhile"


def test_what_saving_over_a_template_changes_is_said_though_it_allows_nothing_by_itself(draft: TokenRequest) -> None:
    save(draft, required=["addresses", "end"], keeps_resources=False)
    web, there = arrange.signed_in("requester"), f"/requests/{draft.pk}/template/"
    [block] = draft.working_copy.spec.blocks
    routes = next(one.id for one in snapshots.catalogue(arrange.connection()) if one.name == "Workers Routes Write")
    resaved(draft, blocks=(replace(block, label="Routes", permissions=(*block.permissions, routes)),))
    answer = web.post(there, posted(purpose="A  router.", required=["end", "purpose"]))
    assert told(answer) == [
        "Is for “A router.”; before, “A certificate client.”.",
        "Access is labelled “Routes”.",
        "Access now also holds the permission Workers Routes: Edit; that alone allows and refuses nothing.",
        "Whoever begins from it must now say: what will use it.",
        "Whoever begins from it no longer has to say: from which addresses it works.",
    ]


def test_whoever_saves_over_a_version_that_came_meanwhile_is_told_first(draft: TokenRequest) -> None:
    template = save(draft, keeps_resources=True)
    first = template.mark
    save(draft, keeps_resources=True, over=first)
    with pytest.raises(team_templates.Unseen) as unseen:
        save(draft, over=first)
    assert (unseen.value.template, str(unseen.value)) == (template, "Certificates is in version 2 by now.")
    web, there = arrange.signed_in("requester"), f"/requests/{draft.pk}/template/"
    for over in (first, "", "1", "2", "x", "9" * 5000):
        answer = web.post(there, posted(keeps_resources="on", over=over))
        assert (answer.status_code, shown(answer.content.decode())) == (409, f"{template.pk}:2")
    assert (TeamTemplate.objects.get().version, AuditEvent.objects.filter(action="template.saved", outcome="done").count()) == (
        2,
        2,
    )


def test_who_was_shown_one_template_saves_over_no_other_of_the_same_version(draft: TokenRequest) -> None:
    other = save(draft, "Routers", keeps_resources=True)
    save(draft)
    web, there = arrange.signed_in("requester"), f"/requests/{draft.pk}/template/"
    page = web.post(there, posted()).content.decode()
    renamed = web.post(there, posted(title="Routers", over=shown(page)))
    markup = renamed.content.decode()
    assert (renamed.status_code, shown(markup), 'name="title" value="Routers"' in markup) == (409, other.mark, True)
    team_templates.retire(TeamTemplate.objects.get(title="Certificates"), by=draft.requester)
    anew = save(draft)
    assert web.post(there, posted(over=shown(page))).status_code == 409, "another one has the title by now"
    assert {one.title: one.version for one in TeamTemplate.objects.filter(retired_at=None)} == {"Routers": 1, anew.title: 1}


@pytest.mark.parametrize("exclusion", ["except_zones", "except_accounts", "unknown_except"])
def test_without_what_is_chosen_by_name_no_id_stays_and_nothing_gets_wider(draft: TokenRequest, exclusion: str) -> None:
    [block] = draft.working_copy.spec.blocks
    [zone], account = block.zones.zones, arrange.connection().owner_id
    aside = ZoneChoice(mode="all", zones=(zone,), accounts=(account,), unknown=("typed",))
    few = replace(aside, **{exclusion: (zone,)})
    chosen = replace(block, zones=aside, accounts=AccountChoice(mode="all", accounts=(account,)))
    excluding = replace(block, zones=few, accounts=AccountChoice(mode="all", except_accounts=(account,)))
    spec = replace(draft.working_copy.spec, blocks=(chosen, excluding))
    one, two = team_templates.spec_for(spec, keeps_resources=False).blocks
    assert (one.zones, one.accounts) == (ZoneChoice(mode="all"), AccountChoice(mode="all"))
    assert (two.zones, two.accounts) == (ZoneChoice(), AccountChoice())


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"title": " "}, "Give it a title."),
        ({"purpose": ""}, "Say in a line what it is for."),
        ({"title": "x" * 81}, "Shorten this to 80 characters or fewer; it has 81."),
        ({"purpose": "a\u202eb"}, "Take the invisible character U+202E out."),
    ],
)
def test_what_is_missing_or_wrong_is_told_and_stays_in_the_form(
    draft: TokenRequest, fields: dict[str, str], sentence: str
) -> None:
    answer = arrange.signed_in("requester").post(f"/requests/{draft.pk}/template/", posted(required=["end"], **fields))
    page = answer.content.decode()
    assert (answer.status_code, sentence in page, TeamTemplate.objects.exists()) == (422, True, False)
    assert 'value="end" checked' in page
    assert "<title>Error:" in page


def test_two_saves_of_one_new_title_at_once_make_one_template(draft: TokenRequest, monkeypatch: Any) -> None:
    save(draft)
    monkeypatch.setattr(team_templates, "named", lambda team, title: None)
    with pytest.raises(Invalid, match="Somebody has just saved a template of this title"):
        save(draft)
    assert TeamTemplate.objects.get().version == 1


def test_the_gallery_shows_it_to_its_team_with_how_often_it_was_used(draft: TokenRequest) -> None:
    template = save(draft, keeps_resources=True)
    begun = begin(template)
    copy = begun.working_copy
    spec = replace(copy.spec, name="used", purpose="x")
    drafts.save(
        begun,
        by=begun.requester,
        revision=copy.revision,
        spec=spec,
        connection=copy.connection,
        owner=copy.owner,
        backup_owner=None,
    )
    assert arrange.issue(TokenRequest.objects.get(pk=begun.pk))
    page = arrange.signed_in("teammate").get("/templates/").content.decode()
    card = page.split(f'data-testid="template-team:{template.pk}"')[1].split("</li>")[0]
    assert [
        words in card for words in ("Certificates", "A certificate client.", "version 1 by requester", "1 made by your teams")
    ] == [True] * 4
    found = arrange.signed_in("teammate").get("/templates/?q=certificate client dns").content.decode()
    assert f"template-team:{template.pk}" in found
    admin = arrange.person("admin")
    people.remove_membership(arrange.person("teammate").memberships.get(team=arrange.team()), by=admin)
    assert "team:" not in arrange.signed_in("teammate").get("/templates/").content.decode()


def test_a_draft_begins_from_it_and_knows_its_version(draft: TokenRequest) -> None:
    template = save(draft, required=["purpose", "end"])
    web = arrange.signed_in("teammate")
    there = web.post("/templates/start/", {"template": template.slug, "team": arrange.team().pk})["Location"]
    begun = TokenRequest.objects.exclude(pk=draft.pk).get()
    assert (begun.template, begun.template_version, begun.working_copy.spec.validity.days) == (template.slug, 1, 30)
    page = web.get(there).content.decode()
    assert "Its template asks for what will use the token." in page
    assert 'data-testid="newer-template"' not in page
    save(draft, required=[])
    assert "has a newer version, 2. This draft was begun from version 1" in re.sub(
        r"<[^>]+>", "", web.get(there).content.decode()
    )
    found = {problem.sentence for problem in standing.of(begun.working_copy).problems}
    assert "Its template asks for what will use the token." in found
    begun.template_version = 9
    assert "Its template asks for what will use the token." not in {
        one.sentence for one in standing.of(begun.working_copy).problems
    }


@pytest.mark.parametrize("id", ["-" * 36, "0" * 36, "01234567-89ab-cdef-0123-456789abcde\u0663"])
def test_what_is_no_id_of_a_template_begins_from_scratch(portal: None, id: str) -> None:
    web = arrange.signed_in("requester")
    answer = web.post("/templates/start/", {"template": f"team:{id}", "team": arrange.team().pk})
    assert (answer.status_code, TokenRequest.objects.get().template) == (302, "")


def test_a_copy_in_another_team_tells_nothing_of_the_template_that_it_was_begun_from(draft: TokenRequest) -> None:
    begun = begin(save(draft), by="requester")
    people.create_person(by=None, username="webber", email="webber@example.com", password=arrange.PASSWORD)
    people.set_membership(
        by=None, team=arrange.team("Web"), person=arrange.person("webber"), is_requester=True, is_approver=False
    )  # fmt: skip
    sharing.share(begun, by=begun.requester, colleague=arrange.person("webber"), role="viewer")
    web = arrange.signed_in("webber")
    copy = web.post(f"/requests/{begun.pk}/duplicate/", {"team": str(arrange.team("Web").pk)})["Location"]
    save(draft, required=["end"])
    assert 'data-testid="newer-template"' not in web.get(copy).content.decode()
    page = web.get(f"{copy}template/").content.decode()
    assert re.findall(r'(?:name="title"|name="purpose") value="([^"]*)"', page) == ["Copy of Untitled", ""]
    assert re.findall(r"<input[^>]+ checked", page) == []


def test_only_who_may_see_a_template_is_told_what_differs_from_it(draft: TokenRequest) -> None:
    begun = begin(save(draft), by="requester")
    web = arrange.team("Web")
    people.set_membership(by=None, team=web, person=begun.requester, is_requester=True, is_approver=False)
    newcomer("guest", web.name, is_requester=True)
    for team in (arrange.team(), web):
        copy = beginning.from_request(begun, by=begun.requester, team=team)
        resaved(copy, blocks=draft.working_copy.spec.blocks, purpose="A test uses it.", validity=Validity(days=20))
        copy = arrange.checked(TokenRequest.objects.get(pk=copy.pk))
        sharing.share(copy, by=begun.requester, colleague=arrange.person("guest"), role="viewer")
        names = {"requester": ["Certificates"], "guest": []}
        assert {name: against(copy, "summary", name) for name in names} == names
        reviewing.send(copy, by=copy.requester, reason="", **arrange.confirming(copy))
        names = {"requester": ["Certificates"], "auditor": []}
        assert {name: against(copy, "review", name) for name in names} == names


def test_a_draft_begins_without_a_connection_where_the_team_has_none(draft: TokenRequest) -> None:
    begun = team_templates.begin(save(draft), by=draft.requester, team=arrange.team(), connection=None)
    assert begun.working_copy.connection is None


def test_a_draft_begun_from_it_suggests_its_next_version(draft: TokenRequest) -> None:
    begun = begin(save(draft, required=["end"]))
    page = arrange.signed_in("teammate").get(f"/requests/{begun.pk}/template/").content.decode()
    assert ('name="title" value="Certificates"' in page, 'value="end" checked' in page) == (True, True)


def test_its_page_shows_versions_and_its_makers_retire_it(draft: TokenRequest) -> None:
    template = save(draft, required=["purpose"])
    save(draft)
    here, mate, web = f"/templates/team/{template.pk}/", arrange.signed_in("teammate"), arrange.signed_in("requester")
    page = mate.get(here).content.decode()
    assert re.findall(r"Version (\d)<small>", page) == ["2", "1"]
    assert 'data-testid="retire"' not in page
    answer = mate.post(f"{here}retire/")
    assert (answer.status_code, b"Only who made a version of this template" in answer.content) == (403, True)
    for _ in range(2):
        assert web.post(f"{here}retire/")["Location"] == "/templates/"
    assert AuditEvent.objects.filter(action="template.retired", outcome="done").count() == 1
    assert "team:" not in web.get("/templates/").content.decode()
    assert "Retired" in web.get(here).content.decode()
    with pytest.raises(rules.NotAllowed, match="This template is retired"):
        begin(TeamTemplate.objects.get())
    assert save(draft).pk != template.pk, "its title is free again"
    assert rules.may_retire_template(arrange.person("admin"), template)


def test_other_teams_and_those_without_the_role_are_kept_out(draft: TokenRequest) -> None:
    template = save(draft)
    people.create_person(by=None, username="outsider", email="outsider@example.com", password=arrange.PASSWORD)
    here = f"/templates/team/{template.pk}/"
    for name in ("outsider", "auditor"):
        web = arrange.signed_in(name)
        assert [web.get(here).status_code, web.post(f"{here}retire/").status_code] == [404, 404]
        assert web.get(f"/requests/{draft.pk}/template/").status_code == 404
    people.set_membership(
        by=None, team=arrange.team("Web"), person=arrange.person("outsider"), is_requester=True, is_approver=False
    )
    assert arrange.signed_in("outsider").post("/templates/start/", {"template": template.slug}).status_code == 404
    with pytest.raises(rules.NotAllowed, match="This template is another team's"):
        team_templates.begin(template, by=arrange.person("outsider"), team=arrange.team("Web"), connection=None)
    web = arrange.signed_in("teammate")
    assert [web.put(here).status_code, web.get(f"{here}retire/").status_code] == [405, 405]


def test_the_gallery_takes_as_many_queries_for_many_templates_as_for_one(draft: TokenRequest) -> None:
    web = arrange.signed_in("requester")

    def queries(web: Client) -> int:
        web.get("/templates/")
        with CaptureQueriesContext(database) as made:
            web.get("/templates/")
        return len(made)

    save(draft)
    few = queries(web)
    for number in range(5):
        save(draft, f"Another {number}")
    assert queries(web) == few

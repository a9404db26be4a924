"""Settings, Guardrails: read by admins and auditors, changed by admins, and tried out before they count."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tests.integration.test_adopting_reviewed import asked, outside
from tests.integration.test_inventory import found_outside
from tokenportal import audit, rules
from tokenportal.actions import guarding, rehearsing, rulemaking, sharing
from tokenportal.actions.guarding import Standing
from tokenportal.actions.invalid import Invalid
from tokenportal.actions.rehearsing import DryRun
from tokenportal.actions.rulemaking import MovedOn, Wanted
from tokenportal.audit import Event
from tokenportal.models import AuditEvent, Guardrail, Status, Token, TokenRequest
from tokenportal.policy.default_rules import DEFAULT_RULES
from tokenportal.policy.guardrails import ADMINS, Effects, Match, Rule
from tokenportal.policy.spec import Validity

pytestmark = pytest.mark.django_db

HERE = "/settings/guardrails/"
NEW = f"{HERE}new/"
EDITS = Match(levels=("edit",))
GONE = "0" * 8 + "-0000-4000-8000-" + "0" * 12


@pytest.fixture
def office(portal: None) -> Client:
    return arrange.signed_in("admin")


def typed(**changes: Any) -> dict[str, Any]:
    """A whole form: what can edit needs approval."""
    return {"title": "Edits are agreed to", "levels": ["edit"], "approvals": "1", "source": "team", "revision": "0", **changes}


def wanted(*, when: Match = EDITS, then: Effects | None = None, **changes: Any) -> Wanted:
    return Wanted("Edits are agreed to", when, then or Effects(approvals=1), **changes)


def standing(key: str = "ends") -> Standing:
    found = rulemaking.find(key)
    assert found
    return found


def made(**changes: Any) -> Guardrail:
    return rulemaking.set_rule(wanted(**changes), by=arrange.person("admin"))


def dry(rule: Wanted | None = None, **changes: Any) -> DryRun:
    return rehearsing.dry_run(rule or wanted(), by=arrange.person("admin"), **changes)


def text_of(answer: Any) -> str:
    """What the page says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def events() -> list[tuple[str, str, str]]:
    found = AuditEvent.objects.filter(action__startswith="guardrail.").order_by("number")
    return list(found.values_list("action", "outcome", "object_name"))


# ---- what stands there


def test_every_rule_is_told_in_words(office: Client) -> None:
    made(explanation="Two pairs of eyes.")
    answer = office.get(HERE)
    told = text_of(answer)
    for rule in DEFAULT_RULES:
        assert f'data-testid="rule-{rule.id}" data-state="on"' in answer.content.decode()
        assert f"{rule.title} On" in told
        assert rule.explanation in told
    assert (
        "About tokens that can create tokens. 2 people among the team’s approvers and the admins must approve it. Whoever asks says"
        " why it is needed, or names the ticket. It must end within 90 days." in told
    )
    assert (
        "About tokens with a permission at level Edit. One person among the team’s approvers and the admins must approve" in told
    )
    assert re.search(r"Two pairs of eyes\. Changed .* by admin", told)


@pytest.mark.parametrize("path", [HERE, NEW, f"{HERE}ends/"])
def test_the_pages_work_and_are_not_kept(office: Client, path: str) -> None:
    answer = office.get(path)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert "style=" not in answer.content.decode()


def test_a_form_begins_with_the_rule_as_it_is(office: Client) -> None:
    page = office.get(f"{HERE}creates-tokens-admin/").content.decode()
    assert 'name="title" value="Tokens that can create tokens: an admin among them"' in page
    for control in ('name="creates_tokens"', 'name="addresses"'):
        assert re.search(rf"<input[^>]*{control}[^>]* checked", page), control
    assert '<option value="admins" selected>' in page
    assert re.search(r'<input[^>]*name="approvals" value="1"', page)
    assert not re.search(r'<input[^>]*name="reason"[^>]* checked', page)


# ---- who may


@pytest.mark.parametrize("name", ["requester", "teammate", "approver"])
def test_people_without_the_role_are_told_that_they_lack_it(portal: None, name: str) -> None:
    web = arrange.signed_in(name)
    assert (web.get(HERE).status_code, "Only auditors and admins" in text_of(web.get(HERE))) == (403, True)
    for path in (NEW, f"{HERE}ends/"):
        answer = web.get(path)
        assert (answer.status_code, "Only admins can do this" in text_of(answer)) == (403, True)


def test_an_auditor_reads_and_changes_nothing(portal: None) -> None:
    arrange.without_rule("everything")
    web = arrange.signed_in("auditor")
    answer = web.get(HERE)
    page = answer.content.decode()
    assert (answer.status_code, page.count('data-testid="rule-')) == (200, len(DEFAULT_RULES))
    assert 'data-testid="switch"' not in page
    assert 'data-testid="new-guardrail"' not in page
    assert f'href="{HERE}ends/"' not in page
    for path, data in (
        (NEW, typed()),
        (NEW, typed(**{"try": "yes"})),
        (f"{HERE}ends/", typed()),
        (f"{HERE}ends/switch/", {"on": "no", "revision": 0}),
        (f"{HERE}everything/remove/", {"revision": 1}),
    ):
        answer = web.post(path, data)
        assert (answer.status_code, "Only admins can do this" in text_of(answer)) == (403, True), path
    assert [(row.slug, row.is_on) for row in Guardrail.objects.all()] == [("everything", False)]


def test_who_is_not_signed_in_is_asked_to_be(portal: None) -> None:
    for path in (HERE, NEW, f"{HERE}ends/", f"{HERE}ends/remove/"):
        assert Client().get(path).headers["Location"] == f"/sign-in/?next={path}"


def test_the_actions_themselves_are_for_admins_only(portal: None) -> None:
    arrange.without_rule("ends")
    auditor = arrange.person("auditor")
    for deed in (
        lambda: rulemaking.set_rule(wanted(), by=auditor),
        lambda: rulemaking.switch(standing(), by=auditor, on=True, revision=1),
        lambda: rulemaking.remove(standing(), by=auditor, revision=1),
        lambda: rehearsing.dry_run(wanted(), by=auditor),
    ):
        with pytest.raises(rules.NotAllowed, match="Only admins can do this"):
            deed()


@pytest.mark.parametrize(
    ("method", "path"),
    [("post", ""), ("put", ""), ("delete", "new/"), ("put", "ends/"), ("get", "ends/switch/"), ("put", "ends/remove/")],
)
def test_the_wrong_method_is_refused(office: Client, method: str, path: str) -> None:
    assert getattr(office, method)(f"{HERE}{path}").status_code == 405


@pytest.mark.parametrize("path", [f"{HERE}no-such-rule/", f"{HERE}{GONE}/", f"{HERE}no-such-rule/remove/", f"{HERE}ends/remove/"])
def test_what_is_not_there_is_not_found(office: Client, path: str) -> None:
    assert office.get(path).status_code == 404
    assert office.post(path, typed(revision=1)).status_code == 404
    assert not Guardrail.objects.exists()


# ---- rules are made and changed


def test_a_rule_is_made_and_its_event_tells_it_in_words(office: Client) -> None:
    web = arrange.team("Web")
    sent = typed(
        title="  Web  agrees ", explanation="They run it.", source=str(web.pk), connections=[str(arrange.connection().pk)],
        end_within="30",
    )  # fmt: skip
    answer = office.post(NEW, sent, follow=True)
    assert "“Web agrees” is saved. It counts from now on" in text_of(answer)
    row = Guardrail.objects.get()
    assert row.rule == Rule(
        str(row.pk), "Web agrees", Match(levels=("edit",), connections=(str(arrange.connection().pk),)),
        Effects(approvals=1, source=str(web.pk), end_within=30), "They run it.",
    )  # fmt: skip
    assert (row.slug, row.is_on, row.revision, row.changed_by) == (None, True, 1, arrange.person("admin"))
    event = AuditEvent.objects.get(action="guardrail.set")
    assert (event.object_id, event.object_name) == (str(row.pk), "Web agrees")
    assert {name: event.changes[name] for name in ("title", "when", "then")} == {
        "title": [None, "Web agrees"],
        "when": [None, "About tokens with a permission at level Edit, made through Acme production."],
        "then": [None, "One person among the approvers of Web and the admins must approve it. It must end within 30 days."],
    }
    assert guarding.active()[-1] == row.rule


def test_a_rule_is_changed_and_its_event_tells_before_and_after(office: Client) -> None:
    row = made()
    assert office.post(f"{HERE}{row.pk}/", typed(approvals="", reason="on", revision=1)).headers["Location"] == HERE
    row.refresh_from_db()
    assert (row.rule.then, row.revision) == (Effects(reason=True), 2)
    assert AuditEvent.objects.filter(action="guardrail.set").latest("number").changes == {
        "then": [
            "One person among the team’s approvers and the admins must approve it.",
            "Whoever asks says why it is needed, or names the ticket.",
        ]
    }


def test_a_rule_of_ones_own_is_switched_off_on_and_removed(office: Client) -> None:
    row = made()
    assert "“Edits are agreed to” is switched off." in text_of(
        office.post(f"{HERE}{row.pk}/switch/", {"on": "no", "revision": 1}, follow=True)
    )
    assert row.rule not in guarding.active()
    assert "It is switched off." in text_of(office.get(f"{HERE}{row.pk}/"))
    assert "“Edits are agreed to” is switched on." in text_of(
        office.post(f"{HERE}{row.pk}/switch/", {"on": "yes", "revision": 2}, follow=True)
    )
    assert row.rule in guarding.active()
    assert "Remove “Edits are agreed to”?" in text_of(office.get(f"{HERE}{row.pk}/remove/"))
    answer = office.post(f"{HERE}{row.pk}/remove/", {"revision": 3}, follow=True)
    assert "“Edits are agreed to” is removed." in text_of(answer)
    assert not Guardrail.objects.exists()
    assert events() == [
        ("guardrail.set", "done", "Edits are agreed to"), ("guardrail.switched", "done", "Edits are agreed to"),
        ("guardrail.switched", "done", "Edits are agreed to"), ("guardrail.removed", "done", "Edits are agreed to"),
    ]  # fmt: skip
    switched, removed = AuditEvent.objects.filter(action__in=["guardrail.switched", "guardrail.removed"]).order_by("-number")[:2][
        ::-1
    ]
    assert switched.changes == {"is_on": [False, True]}
    assert removed.object_id == str(row.pk)
    assert removed.changes["when"] == ["About tokens with a permission at level Edit.", None]


def test_a_default_can_be_switched_off_changed_and_set_back_to_as_it_ships(office: Client) -> None:
    ships = guarding.DEFAULTS["ends"]
    office.post(f"{HERE}ends/switch/", {"on": "no", "revision": 0})
    assert ships not in guarding.active()
    assert AuditEvent.objects.get(action="guardrail.switched").changes == {"is_on": [True, False]}
    page = office.get(HERE).content.decode()
    assert 'data-testid="rule-ends" data-state="off"' in page
    assert page.count('data-testid="rule-') == len(DEFAULT_RULES)

    office.post(f"{HERE}ends/switch/", {"on": "yes", "revision": 1})
    changed = typed(title=ships.title, levels=list(ships.when.levels), approvals="", end_within="30", revision=2)
    assert office.post(f"{HERE}ends/", changed).headers["Location"] == HERE
    now = standing()
    assert (now.rule.id, now.rule.then, now.is_on, now.is_changed) == ("ends", Effects(end_within=30), True, True)
    assert [rule.id for rule in guarding.active()] == [rule.id for rule in DEFAULT_RULES]

    question = "Go back to the default of “What can change things ends within a year”? It is switched on, and what was changed"
    assert (
        f"{question} of it is gone. As it ships: About tokens with a permission that does more than read. It must end"
        in text_of(office.get(f"{HERE}ends/remove/"))
    )
    answer = office.post(f"{HERE}ends/remove/", {"revision": 3}, follow=True)
    assert "“What can change things ends within a year” is as it ships again, and switched on." in text_of(answer)
    assert guarding.active() == DEFAULT_RULES
    assert not Guardrail.objects.exists()


def test_a_default_that_is_changed_says_what_was_before(office: Client) -> None:
    office.post(f"{HERE}ends/", typed(approvals="", end_within="30"))
    assert AuditEvent.objects.get(action="guardrail.set").changes == {
        "title": ["What can change things ends within a year", "Edits are agreed to"],
        "explanation": [guarding.DEFAULTS["ends"].explanation, ""],
        "when": ["About tokens with a permission that does more than read.", "About tokens with a permission at level Edit."],
        "then": ["It must end within a year.", "It must end within 30 days."],
    }


def test_a_default_that_has_a_row_is_found_by_its_slug_and_by_the_row_s_id(office: Client) -> None:
    arrange.without_rule("ends")
    assert office.get(HERE).content.decode().count('data-state="off"') == 1
    found = standing(str(Guardrail.objects.get().pk))
    assert found.rule.id == "ends"


def test_the_log_leads_from_a_rule_to_the_rules(office: Client) -> None:
    made()
    for web in (office, arrange.signed_in("auditor")):
        page = web.get("/audit/?action=guardrail.set").content.decode()
        assert f'<a href="{HERE}">Edits are agreed to</a>' in page


# ---- somebody else was first


def test_a_rule_that_somebody_else_changed_is_shown_as_it_is_now_with_what_was_typed(office: Client) -> None:
    row = made()
    rulemaking.set_rule(
        wanted(then=Effects(reason=True), revision=1), by=arrange.person("admin"), replacing=standing(str(row.pk))
    )
    answer = office.post(f"{HERE}{row.pk}/", typed(title="Mine", approvals="3", revision=1))
    page, told = answer.content.decode(), text_of(answer)
    assert answer.status_code == 409
    assert "Somebody else has changed this rule since you opened it." in told
    assert "Whoever asks says why it is needed, or names the ticket." in told
    assert 'name="title" value="Mine"' in page
    assert 'name="approvals" value="3"' in page
    assert 'name="revision" value="2"' in page
    assert (Guardrail.objects.get().title, events()[-1][:2]) == ("Edits are agreed to", ("guardrail.set", "refused"))
    assert office.post(f"{HERE}{row.pk}/", typed(title="Mine", revision=2)).status_code == 302
    assert Guardrail.objects.get().title == "Mine"


@pytest.mark.parametrize("revision", ["0", "2", "", "-1", "1e3", "9" * 12, "٣"])
def test_who_looked_at_another_revision_neither_switches_nor_removes(office: Client, revision: str) -> None:
    arrange.without_rule("ends")
    for what, data in (("switch", {"on": "yes"}), ("remove", {})):
        answer = office.post(f"{HERE}ends/{what}/", {**data, "revision": revision})
        done = {"switch": "switched", "remove": "removed"}[what]
        assert answer.status_code == 409
        assert f"This is how it stands now; nothing was {done}." in text_of(answer)
    assert [(row.slug, row.is_on, row.revision) for row in Guardrail.objects.all()] == [("ends", False, 1)]
    assert [event[:2] for event in events()] == [
        ("guardrail.switched", "done"), ("guardrail.switched", "refused"), ("guardrail.removed", "refused"),
    ]  # fmt: skip


@contextmanager
def meanwhile(deed: Callable[[], Any]) -> Iterator[None]:
    """Right after the look for the row that would be written, somebody else does something."""
    done: list[bool] = []

    def between(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        answer = execute(sql, params, many, context)
        if not done and 'FROM "tokenportal_guardrail" WHERE' in sql:
            done.append(True)
            deed()
        return answer

    with database.execute_wrapper(between):
        yield
    assert done, "nobody looked"


def test_of_two_who_change_a_default_at_one_moment_the_second_is_told(office: Client) -> None:
    with meanwhile(lambda: arrange.without_rule("ends")):
        answer = office.post(f"{HERE}ends/", typed())
    assert (answer.status_code, "Somebody else has changed this rule" in text_of(answer)) == (409, True)


def test_a_rule_that_was_removed_meanwhile_is_neither_changed_nor_switched_nor_removed_again(portal: None) -> None:
    admin, seen = arrange.person("admin"), standing(str(made().pk))
    rulemaking.remove(seen, by=admin, revision=1)
    for revision in (0, 1):
        for deed in (
            lambda revision=revision: rulemaking.set_rule(wanted(revision=revision), by=admin, replacing=seen),
            lambda revision=revision: rulemaking.switch(seen, by=admin, on=False, revision=revision),
            lambda revision=revision: rulemaking.remove(seen, by=admin, revision=revision),
        ):
            with pytest.raises(MovedOn):
                deed()
    assert not Guardrail.objects.exists()


# ---- what cannot be


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        ({"title": " "}, "title", "Enter a title."),
        ({"title": "WHAT CAN CHANGE things ends within a year"}, "title", "There is a rule with this title already."),
        ({"title": "t" * 121}, "title", "Shorten this to 120 characters or fewer; it has 121."),
        ({"title": "a\x07b"}, "title", "Take the invisible character U+0007 out of the text."),
        ({"explanation": "e" * 401}, "explanation", "Shorten this to 400 characters or fewer; it has 401."),
        ({"refuse": "r" * 301}, "refuse", "Shorten this to 300 characters or fewer; it has 301."),
        ({"warn": "a\u202eb"}, "warn", "Take the invisible character U+202E out of the text."),
        ({"approvals": ""}, "", "Choose at least one thing that the rule asks for."),
        ({"approvals": "0"}, "approvals", "Enter a number from 1 to 9, or leave it empty."),
        ({"approvals": "10"}, "approvals", "Enter a number from 1 to 9, or leave it empty."),
        ({"end_within": "soon"}, "end_within", "Enter a number from 1 to 3650, or leave it empty."),
        ({"longer_than": "-3"}, "longer_than", "Enter a number from 1 to 3650, or leave it empty."),
        ({"levels": ["sudo"]}, "levels", "This is not on the list any more. Choose from the list."),
        ({"groups": ["f" * 32]}, "groups", "This is not on the list any more. Choose from the list."),
        ({"teams": [GONE]}, "teams", "This is not on the list any more. Choose from the list."),
        ({"breadth": "wide"}, "breadth", "This is not on the list any more. Choose from the list."),
        ({"source": "nobody"}, "source", "This is not on the list any more. Choose from the list."),
    ],
)
@pytest.mark.parametrize("button", ["save", "try"])
def test_what_cannot_be_is_said_and_what_was_typed_is_kept(
    office: Client, wrong: dict[str, Any], field: str, sentence: str, button: str
) -> None:
    answer = office.post(NEW, typed(**{"explanation": "Kept as typed.", "end_within": "", **wrong, button: "yes"}))
    page = answer.content.decode()
    assert (answer.status_code, "<title>Error: Add a rule" in page) == (422, True)
    assert unescape(page).count(sentence) == (2 if field else 1), text_of(answer)
    if field:
        assert f'href="#id_{field}"' in page
        assert f'id="id_{field}"' in page
    assert re.search(r'<input type="checkbox" name="levels" value="edit" checked', page) or "levels" in wrong
    assert "Kept as typed." in page or "explanation" in wrong
    assert not Guardrail.objects.exists()
    assert 'data-testid="trial"' not in page


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (wanted(when=Match(groups=("f" * 32,))), "groups"),
        (wanted(when=Match(levels=("sudo",))), "levels"),
        (wanted(when=Match(categories=("pets",))), "categories"),
        (wanted(when=Match(scopes=("planet",))), "scopes"),
        (wanted(when=Match(breadth="wide")), "breadth"),  # type: ignore[arg-type]
        (wanted(when=Match(connections=(GONE,))), "connections"),
        (wanted(when=Match(teams=("Platform",))), "teams"),
        (wanted(when=Match(longer_than=3651)), "longer_than"),
        (wanted(then=Effects(approvals=1, source=GONE)), "source"),
        (wanted(then=Effects(approvals=1, source="nobody\0")), "source"),
        (wanted(then=Effects(end_within=-1)), "end_within"),
        (wanted(then=Effects(approvals=10)), "approvals"),
    ],
)  # fmt: skip
def test_the_actions_take_nothing_that_does_not_exist(portal: None, rule: Wanted, field: str) -> None:
    for deed in (lambda: rulemaking.set_rule(rule, by=arrange.person("admin")), lambda: dry(rule)):
        with pytest.raises(Invalid) as raised:
            deed()
        assert raised.value.field == field
    assert not Guardrail.objects.exists()


def test_what_a_rule_names_and_is_gone_can_be_seen_and_let_go(office: Client) -> None:
    row = arrange_gone()
    told = text_of(office.get(f"{HERE}{row.pk}/"))
    assert f"No longer there: {GONE}" in told
    assert "asked for by a team that is gone" in told
    assert office.post(f"{HERE}{row.pk}/", typed(teams=[GONE], revision=1)).status_code == 422
    assert office.post(f"{HERE}{row.pk}/", typed(revision=1)).status_code == 302
    assert Guardrail.objects.get().rule.when == EDITS


def arrange_gone() -> Guardrail:
    """A rule of a team that has been removed from the database since: nothing of ours removes one."""
    row = made(when=replace(EDITS, teams=(str(arrange.team("Web").pk),)))
    with audit.recording(Event.GUARDRAIL_SET, by=None, subject=row) as record:
        record.change(row, when={**row.when, "teams": [GONE]})
    return row


# ---- tried out


def sides(answer: Any) -> dict[str, tuple[int, int, int]]:
    found = re.findall(
        r'data-testid="trial-(\w+)" data-touched="(\d+)" data-newly="(\d+)" data-no-longer="(\d+)"', answer.content.decode()
    )
    return {key: (int(touched), int(newly), int(gone)) for key, touched, newly, gone in found}


def token(**changes: Any) -> Token:
    issued = arrange.issue(arrange.draft(**changes))
    assert issued
    return issued.token


def test_a_dry_run_shows_what_it_would_have_touched_and_saves_nothing(office: Client) -> None:
    one = token(name="shop-dns")
    token(template="read-billing-info", name="only-reads")
    arrange.sent(arrange.draft("wordpress", name="in-review"))
    before = AuditEvent.objects.count()
    answer = office.post(NEW, typed(explanation="Typed.", **{"try": "yes"}))
    page, told = answer.content.decode(), text_of(answer)
    assert (answer.status_code, sides(answer)) == (200, {"tokens": (1, 1, 0), "requests": (1, 1, 0)})
    assert "Tried out, not saved" in told
    assert "1 of 2 tokens would have been touched Of these, 1 would need approval. Which token shop-dns of Platform" in told
    assert "1 of 1 open request would have been touched" in told
    assert f'<a href="/tokens/{one.pk}/">shop-dns</a>' in page
    assert "only-reads" not in page
    assert "shop-dns of Platform One person among the team’s approvers and the admins must approve it." in told
    assert "Typed." in page
    assert (Guardrail.objects.count(), AuditEvent.objects.count()) == (0, before)


def test_a_dry_run_says_what_is_different_from_the_rule_as_it_is(portal: None) -> None:
    token(validity=Validity(lifetime="days", days=60))
    token(validity=Validity(lifetime="days", days=300))
    seen = standing()
    assert seen.rule.then == Effects(end_within=366)

    def of(days: int, replacing: Standing | None = None) -> tuple[int, int, int]:
        side = dry(wanted(when=seen.rule.when, then=Effects(end_within=days)), replacing=replacing or standing()).tokens
        return side.touched, side.newly, side.no_longer

    assert of(366) == (0, 0, 0)
    assert of(90) == (1, 1, 0)
    rulemaking.set_rule(Wanted("Shorter", seen.rule.when, Effects(end_within=90)), by=arrange.person("admin"), replacing=seen)
    assert of(90) == (1, 0, 0)
    assert of(30) == (2, 1, 0)
    assert of(366) == (0, 0, 1)
    rulemaking.switch(standing(), by=arrange.person("admin"), on=False, revision=1)
    assert of(90) == (1, 1, 0)


def test_a_dry_run_says_what_each_effect_would_have_asked(portal: None) -> None:
    token(name="shop-dns")
    then = Effects(refuse="Never.", approvals=2, source=ADMINS, reason=True, end_within=10, addresses=True, warn="Mind it.")
    found = dry(wanted(then=then)).tokens
    assert [(row.name, row.difference, row.asks) for row in found.rows] == [
        (
            "shop-dns", "newly",
            (
                "Never.", "It must end within 10 days.", "It must work from certain addresses only.",
                "Say why it is needed, or name the ticket.", "2 people among the admins must approve it.", "Mind it.",
            ),
        )
    ]  # fmt: skip
    assert found.in_words == (
        "Of these, 1 would be refused, 1 would need approval, 1 would need a reason, 1 would need an earlier end, 1 would need"
        " certain addresses, 1 would be warned about."
    )


def test_drafts_that_the_admin_may_not_see_are_counted_and_not_named(office: Client) -> None:
    arrange.checked(arrange.draft(name="private-one"))
    shared = arrange.checked(arrange.draft(name="shared-one"))
    sharing.share(shared, by=shared.requester, colleague=arrange.person("admin"), role="viewer")
    arrange.draft(name="never-checked")
    answer = office.post(NEW, typed(**{"try": "yes"}))
    told = text_of(answer)
    assert sides(answer)["requests"] == (2, 2, 0)
    assert "shared-one" in told
    assert "private-one" not in told
    assert "1 is a private draft: counted, not named." in told


def test_a_dry_run_lists_fifty_and_counts_the_rest(portal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsing, "MOST_ROWS", 2)
    for name in ("c", "a", "b"):
        token(name=name)
    found = dry().tokens
    assert ([row.name for row in found.rows], found.touched, found.unlisted, found.unnamed) == (["a", "b"], 3, 1, 0)


def test_a_token_that_nobody_here_made_is_tried_too_and_a_parent_token_is_not(portal: None) -> None:
    stray = found_outside()
    found = dry(wanted(when=Match())).tokens
    assert [(row.name, row.team) for row in found.rows] == [("a-token", "Platform"), ("outside", "")]
    assert found.rows[1].pk == stray.pk
    assert Token.objects.filter(is_parent=True).exists()


def test_what_is_asked_to_be_adopted_is_tried_as_what_exists_already(portal: None) -> None:
    begun = asked(outside(name="old-deploy"))
    found = dry(wanted(then=Effects(approvals=1, end_within=10))).requests
    assert [(row.pk, row.name) for row in found.rows] == [(begun.pk, "old-deploy")]
    draft, adoption = {"approvals": 1, "end": 1}, {"approvals": 1, "warn": 1}
    assert found.by_effect == Counter(draft) + Counter(adoption)


def test_what_was_not_created_and_can_be_tried_again_is_tried_too_for_the_rule_would_hold_it_up(portal: None) -> None:
    ready = arrange.checked(arrange.draft(name="failed-once"))
    with audit.recording(Event.TOKEN_ISSUING, by=None, subject=ready):
        ready.move(Status.ISSUING)
    with audit.recording(Event.TOKEN_ISSUE_FAILED, by=None, subject=ready):
        ready.move(Status.FAILED)
    [row] = dry().requests.rows
    assert (row.pk, row.name, row.difference) == (ready.pk, "failed-once", "newly")
    version = ready.versions.get()
    assert guarding.may_issue(ready.requester, ready, version)
    made()
    assert "must approve it. (Edits are agreed to)" in guarding.may_issue(ready.requester, ready, version).sentence


def test_a_dry_run_asks_the_database_equally_often_for_one_and_for_three(office: Client) -> None:
    counts = []
    for more in (1, 2):
        for _ in range(more):
            token()
            arrange.checked(arrange.draft())
            arrange.sent(arrange.draft("wordpress"))
        office.post(NEW, typed(**{"try": "yes"}))  # what stands in a process's memory is there from now on
        with CaptureQueriesContext(database) as queries:
            answer = office.post(NEW, typed(**{"try": "yes"}))
        assert sides(answer)["tokens"][0] == TokenRequest.objects.filter(status="issued").count()
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_list_asks_the_database_equally_often_for_one_rule_and_for_three(office: Client) -> None:
    counts = []
    for title in ("One", "Two", "Three"):
        rulemaking.set_rule(Wanted(title, EDITS, Effects(reason=True)), by=arrange.person("admin"))
        with CaptureQueriesContext(database) as queries:
            assert f"{title} On" in text_of(office.get(HERE))
        counts.append(len(queries))
    assert len(set(counts)) == 1


def test_the_rules_stand_among_the_settings_for_admins_and_in_the_audit_for_auditors(portal: None) -> None:
    for name, section in (("admin", "Settings"), ("auditor", "Audit")):
        page = arrange.signed_in(name).get("/settings/guardrails/").content.decode()
        header = page.split('aria-label="Main"')[1].split("</nav>")[0]
        assert re.findall(r'aria-current="page">(\w+)', header) == [section]

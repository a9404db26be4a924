"""The queue of reviews: what waits on whom, the oldest first, however many there are; and the number in the header."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tests.bench.world import counted_anew, more_reviews
from tests.integration.review_world import WHY, answer, at, edit, fresh, minter, newcomer, page, text, texts, wide
from tokenportal import audit, clock, rules
from tokenportal.actions import guarding, people, reviewing, sharing
from tokenportal.audit import Event
from tokenportal.models import Answer, Review, Team, TokenRequest, User
from tokenportal.views import review_queue

pytestmark = pytest.mark.django_db

COUNTED_IN_HEADER = re.compile(r"SELECT COUNT\(\*\) FROM \(SELECT .*tokenportal_review.* LIMIT 100\)")
CAST = ("requester", "teammate", "approver", "auditor", "admin")


def named(name: str, *, of: Any = wide, days_ago: int = 0, **options: Any) -> TokenRequest:
    """A request with this name that was sent so many days ago."""
    with clock.at(clock.now() - timedelta(days=days_ago)):
        return arrange.sent(of(name=name, **options), WHY)


def listed(web: Client, tab: str = "", **more: str) -> list[str]:
    """The names of a list's requests, in their order."""
    query = {"tab": tab, **more} if tab else more
    return names(web.get("/review/", query).content.decode())


def names(markup: str) -> list[str]:
    return re.findall(r'<a class="name" href="/requests/[^"]+/review/">([^<]*)</a>', markup)


def tabs(web: Client) -> dict[str, int]:
    markup = page(web, "/review/")
    return {slug: int(texts(markup, f"tab-{slug}")[0].split()[-1]) for slug in ("you", "others", "mine", "decided")}


def header(web: Client, path: str = "/drafts/") -> str:
    return number(page(web, path))


def number(markup: str) -> str:
    """What stands beside Review in the header; "" where nothing does."""
    found = re.search(r'<a href="/review/"[^>]*>Review(.*?)</a>', markup, re.DOTALL)
    assert found
    return re.sub("<[^>]*>", "", found[1]).strip().split(" ")[0]


def test_each_sees_what_waits_on_them_on_others_and_of_their_own(portal: None) -> None:
    newcomer("outsider")
    for name, ago in (("second", 2), ("first", 3), ("third", 1)):
        named(name, days_ago=ago)
    theirs = {name: arrange.signed_in(name) for name in (*CAST, "outsider")}
    assert {name: tabs(web) for name, web in theirs.items()} == {
        "requester": {"you": 0, "others": 0, "mine": 3, "decided": 0},
        "teammate": {"you": 0, "others": 3, "mine": 0, "decided": 0},
        "approver": {"you": 3, "others": 0, "mine": 0, "decided": 0},
        "auditor": {"you": 0, "others": 3, "mine": 0, "decided": 0},
        "admin": {"you": 3, "others": 0, "mine": 0, "decided": 0},
        "outsider": {"you": 0, "others": 0, "mine": 0, "decided": 0},
    }
    for web in (theirs["approver"], theirs["requester"], theirs["auditor"]):
        assert listed(web) == ["first", "second", "third"], "the list that holds something comes first, the oldest at its head"
    assert listed(theirs["outsider"]) == []
    assert "Nothing waits on you" in page(theirs["outsider"], "/review/")


def test_a_row_says_what_it_can_do_who_asks_why_and_whose_turn_it_is(portal: None) -> None:
    hard = named("minter", of=minter)
    web = arrange.signed_in("approver")
    [row] = texts(page(web, "/review/"), "review-row")
    assert row.startswith(f"minter {WHY} API Tokens: edit on the user sandbox-user@acme.example")
    assert "requester Platform" in row
    assert row.endswith(
        "Waits on you, and on an admin Rules: Changing people, access or billing; Tokens that can create tokens; "
        "Tokens that can create tokens: an admin among them"
    )
    answer(hard, "approve", "approver")
    assert listed(web) == ["minter"]
    [row] = texts(page(web, "/review/?tab=others"), "review-row")
    assert "Waits on an approver of Platform, and on an admin Approved by approver" in row
    answer(hard, "approve", "admin")
    [row] = texts(page(arrange.signed_in("requester"), "/review/?tab=mine"), "review-row")
    assert "You can create it Approved by approver, admin" in row
    [row] = texts(page(web, "/review/?tab=decided"), "review-row")
    assert "requester can create it" in row


def test_a_row_of_what_one_is_asked_for_by_name_says_so_and_whose_approval_is_lacking(portal: None) -> None:
    one = arrange.sent(arrange.draft(name="small"), WHY)
    reviewing.ask(fresh(one), by=one.requester, person=arrange.person("auditor"))
    [row] = texts(page(arrange.signed_in("auditor"), "/review/"), "review-row")
    assert row.startswith(f"small Asked by name {WHY} ")
    assert row.endswith("Waits on you, and on an approver of Platform No rule asks for it")
    [theirs] = texts(page(arrange.signed_in("admin"), "/review/"), "review-row")
    assert theirs.endswith("Waits on you No rule asks for it")


def world() -> list[TokenRequest]:
    """Requests in review that differ in whose turn it is, with people who differ in what they may do."""
    newcomer("outsider")
    newcomer("idle", "Platform")
    newcomer("second", "Platform", is_approver=True, is_requester=True)
    newcomer("other", "Web", is_approver=True)
    plain, hard = named("plain"), named("hard", of=minter)
    half, full = named("half", of=minter), named("full", of=minter)
    answer(half, "approve", "approver")
    for name in ("approver", "second"):
        answer(full, "approve", name)
    edited = wide(name="edited")
    sharing.share(edited, by=edited.requester, colleague=arrange.person("second"), role="editor")
    edit(edited, by=arrange.person("second"), purpose="Another says.")
    asked = named("asked")
    for name in ("auditor", "idle"):
        reviewing.ask(fresh(asked), by=asked.requester, person=arrange.person(name))
    own = arrange.sent(arrange.draft("wordpress", by="admin", name="own"), WHY)
    return [plain, hard, half, full, arrange.sent(fresh(edited), WHY), asked, own]


def may_help(user: User, token_request: TokenRequest) -> bool:
    """Whether this person may approve it and an approval that they could give is lacking; or was asked by name to look."""
    here = fresh(token_request)
    review = guarding.live_review(here)
    if review is None or review.answers.filter(by=user).exists():
        return False
    lacking = [one.demand.team_id for one in guarding.progress(review, here) if not one.is_met]
    needed = any(rules.approves_for(user, team_id) for team_id in lacking)
    asked = user in review.asked.all() and not rules.wrote(user, here)
    return asked or (needed and bool(rules.may_approve(user, here, review)))


def test_what_waits_on_you_is_what_you_may_approve_and_what_you_are_asked_for_by_name(portal: None) -> None:
    requests = world()
    everybody = (*CAST, "outsider", "idle", "second", "other")
    webs = {name: arrange.signed_in(name) for name in everybody}

    def compared(*readers: str) -> dict[str, list[str]]:
        found = {}
        for name in readers:
            helps = sorted(one.working_copy.name for one in requests if may_help(arrange.person(name), one))
            markup = page(webs[name], "/review/?tab=you")
            assert (sorted(names(markup)), number(markup)) == (helps, str(len(helps)) if helps else ""), name
            found[name] = helps
        return found

    assert compared(*everybody) == {
        "requester": [], "teammate": [], "outsider": [], "other": [],
        "auditor": ["asked"], "idle": ["asked"],
        "approver": ["asked", "edited", "hard", "own", "plain"],
        "second": ["asked", "half", "hard", "own", "plain"],
        "admin": ["asked", "edited", "full", "half", "hard", "plain"],
    }  # fmt: skip
    people.remove_membership(arrange.team().memberships.get(user__username="approver"), by=arrange.person("admin"))
    later = compared("approver", "second", "admin")
    assert (later["approver"], "full" in later["second"], later["admin"][:3]) == ([], False, ["asked", "edited", "full"])
    newcomer("third", "Platform", is_approver=True)
    webs["third"] = arrange.signed_in("third")
    assert "full" in compared("third")["third"], "who approved it can do so no more, so another has to"


def test_the_page_says_whose_turn_it_is_as_the_queue_does(portal: None) -> None:
    requests = world()
    answer(requests[0], "approve", "approver")
    for name in (*CAST, "idle", "second", "other"):
        web = arrange.signed_in(name)
        rows = {tab: {name: row.turn for name, row in of_tab(web, tab).items()} for tab in ("you", "others", "mine")}
        turns = {**rows["mine"], **rows["others"], **rows["you"]}
        for one in requests:
            found = web.get(at(one))
            if found.status_code == 200:
                markup, title = found.content.decode(), one.working_copy.name
                shown = (text(markup, "turn") if title in turns else "", texts(markup, "your-turn"))
                assert shown == (turns.get(title, ""), ["Your turn"] if title in rows["you"] else []), (name, title)


def of_tab(web: Client, tab: str) -> dict[str, review_queue.Row]:
    rows = web.get(f"/review/?tab={tab}").context["rows"]
    return {row.review.token_request.working_copy.name: row for row in rows}


def test_whose_approval_is_not_lacking_may_give_it_and_is_told_that_it_waits_on_others(portal: None) -> None:
    newcomer("second", "Platform", is_approver=True)
    hard = named("minter", of=minter)
    answer(hard, "approve", "approver")
    rule = hard.reviews.get().demands.get(count=2)
    with audit.recording(Event.REVIEW_SENT, by=None, subject=hard) as record:
        record.change(rule, count=1)
    web = arrange.signed_in("second")
    markup = page(web, at(hard))
    assert (listed(web, "you"), header(web), texts(markup, "your-turn")) == ([], "", [])
    assert (text(markup, "turn"), text(markup, "approve")) == ("Waits on an admin", "Approve version 1")
    assert text(markup, "not-needed") == "The approvals that you can give are there already. It does not wait on you."
    assert texts(page(arrange.signed_in("admin"), at(hard)), "not-needed") == []


def test_what_is_approved_waits_on_who_asked_for_it_until_it_is_carried_out(portal: None) -> None:
    one = named("ready")
    mine, web = arrange.signed_in("requester"), arrange.signed_in("approver")
    assert (listed(mine, "you"), header(mine)) == ([], "")
    answer(one, "approve", "approver")
    assert (listed(mine), listed(mine, "mine"), header(mine), header(web)) == (["ready"], ["ready"], "1", "")
    markup = page(mine, at(one))
    assert (text(markup, "your-turn"), text(markup, "turn")) == ("Your turn", "You can create it")
    assert text(page(web, at(one)), "turn") == "requester can create it"
    mine.post(at(one, "create/"), arrange.confirming(fresh(one)))
    assert (listed(mine, "you"), header(mine)) == ([], "")


def test_what_was_decided_stands_in_its_list_with_what_became_of_it(portal: None) -> None:
    denied, returned, created = named("denied"), named("returned"), named("created")
    answer(denied, "deny", "approver")
    answer(returned, "request_changes", "approver")
    answer(created, "approve", "approver")
    ready = fresh(created)
    web = arrange.signed_in("requester")
    assert listed(web, "decided") == ["returned", "denied"]
    assert listed(web, "mine") == ["created"]
    web.post(at(ready, "create/"), arrange.confirming(ready))
    rows = texts(page(web, "/review/?tab=decided"), "review-row")
    said = {row.split()[0]: row for row in rows}
    assert "Created Approved by approver" in said["created"]
    assert "Denied Denied by approver" in said["denied"]
    assert "Changes requested Requested changes by approver" in said["returned"]
    assert sorted(listed(arrange.signed_in("approver"), "decided")) == ["created", "denied"], (
        "a draft is not for a reviewer's eyes"
    )
    with clock.at(clock.now() + timedelta(days=31)):
        assert listed(arrange.signed_in("requester"), "decided") == []


def test_filters_stand_in_the_address_and_narrow_each_list(portal: None) -> None:
    people.set_membership(
        by=None, team=arrange.team("Web"), person=arrange.person("requester"), is_requester=True, is_approver=False
    )  # fmt: skip
    named("alpha"), named("beta")
    mate = arrange.sent(arrange.draft("wordpress", by="teammate", name="gamma"), "Ticket 4711")
    web = arrange.signed_in("approver")
    team, requester = arrange.team(), arrange.person("requester")
    assert listed(web, "you", q="alp") == ["alpha"]
    assert listed(web, "you", q="4711") == ["gamma"]
    assert listed(web, "you", q=mate.reference.lower()) == ["gamma"]
    assert listed(web, "you", person=str(requester.pk)) == ["alpha", "beta"]
    assert listed(web, "you", team=str(team.pk), person=str(mate.requester_id)) == ["gamma"]
    assert listed(web, "you", team=str(arrange.team("Web").pk)) == []
    markup = page(web, f"/review/?tab=you&q=alp&person={requester.pk}")
    assert 'name="q" value="alp"' in markup
    assert f'<option value="{requester.pk}" selected>requester</option>' in markup
    nothing = page(web, "/review/?tab=you&q=nothing+like+it")
    assert "No request matches" in nothing
    assert 'href="/review/?tab=you"' in nothing


@pytest.mark.parametrize("query", ["q=\x00", "team=x&person=\x00", "tab=nonsense", "page=minus", "page=999", "q=%25_'"])
def test_filters_that_make_no_sense_are_as_if_they_were_not_there_or_find_nothing(portal: None, query: str) -> None:
    named("alpha")
    assert page(arrange.signed_in("approver"), f"/review/?{query}")


def test_with_htmx_only_the_list_comes_and_the_header_is_not_counted(portal: None) -> None:
    named("alpha")
    web = arrange.signed_in("approver")
    with CaptureQueriesContext(connection) as asked:
        part = web.get("/review/?tab=you&q=alp", headers={"HX-Request": "true", "HX-Target": "list"})
    markup = part.content.decode()
    assert ("<html" in markup, 'data-testid="tab-you"' in markup, markup.count("review-row")) == (False, False, 1)
    assert '<p id="spoken" hx-swap-oob="innerHTML">1 request</p>' in markup
    assert [one["sql"] for one in asked if COUNTED_IN_HEADER.match(one["sql"])] == []


def test_the_header_counts_with_one_query_if_anything_is_in_review_and_only_on_whole_pages(portal: None) -> None:
    for name in ("alpha", "beta", "gamma"):
        named(name)
    web = arrange.signed_in("approver")
    assert (header(web), header(web, "/"), header(arrange.signed_in("requester"))) == ("3", "3", "")

    def about_reviews(path: str, **headers: str) -> list[str]:
        with CaptureQueriesContext(connection) as asked:
            web.get(path, headers=headers)
        return [one["sql"] for one in asked if "tokenportal_review" in one["sql"]]

    [counted] = about_reviews("/account/")
    assert COUNTED_IN_HEADER.match(counted)
    assert about_reviews("/?tab=team&q=a", **{"HX-Request": "true", "HX-Target": "list"}) == []
    reviewing.withdraw(Review.objects.latest("sent_at").token_request, by=arrange.person("requester"))
    assert header(web) == "2"
    for review in Review.objects.filter(outcome=Review.Outcome.OPEN):
        reviewing.withdraw(review.token_request, by=arrange.person("requester"))
    assert about_reviews("/account/") == []


def test_two_thousand_open_requests_take_the_same_queries_as_twenty(portal: None) -> None:
    of = named("alpha", days_ago=1)
    more_reviews(of, 19)
    webs = {name: arrange.signed_in(name) for name in ("approver", "requester", "auditor")}
    paths = (("approver", "/review/?tab=you&q=alp"), ("requester", "/review/"), ("auditor", "/review/"), ("approver", "/drafts/"))

    def measured() -> dict[tuple[str, str], int]:
        found = {}
        for name, path in paths:
            with CaptureQueriesContext(connection) as asked:
                page(webs[name], path)
            found[name, path] = len(asked)
        return found

    few = measured()
    more_reviews(of, 1980)
    counted_anew()
    assert Review.objects.count() == 2000
    assert measured() == few
    many = page(webs["approver"], "/review/?tab=you&q=alp")
    assert (text(many, "tab-you"), len(texts(many, "review-row"))) == ("Waits on you 2000", 50)
    assert "1 to 50 of 2000" in many
    assert 'href="/review/?tab=you&amp;q=alp&amp;page=2"' in many
    assert header(webs["approver"]) == "99+"


def test_one_answer_and_three_take_the_same_queries(portal: None) -> None:
    hard = named("minter", of=minter)
    for name in ("second", "third", "fourth"):
        newcomer(name, "Platform", is_approver=True)
    web = arrange.signed_in("auditor")

    def count() -> int:
        page(web, "/review/?tab=others")
        with CaptureQueriesContext(connection) as asked:
            page(web, "/review/?tab=others")
        return len(asked)

    answer(hard, "approve", "second")
    one = count()
    for name in ("third", "fourth"):
        answer(hard, "approve", name)
        reviewing.ask(fresh(hard), by=hard.requester, person=arrange.person("admin" if name == "third" else "teammate"))
    assert (count(), Answer.objects.count()) == (one, 3)


def test_the_review_of_a_team_that_a_rule_names_is_in_its_approvers_queue(portal: None) -> None:
    other = newcomer("other", "Web", is_approver=True)
    web_team = Team.objects.get(name="Web")
    row = guarding.Guardrail(
        title="Web looks too", when={"levels": ["edit"]}, then={"approvals": 1, "source": str(web_team.pk)}, changed_at=clock.now()
    )  # fmt: skip
    with audit.recording(Event.GUARDRAIL_SET, by=None, subject=row) as record:
        record.add(row)
    one = named("theirs-too")
    web = arrange.signed_in("other")
    assert (listed(web), header(web)) == (["theirs-too"], "1")
    assert text(page(web, at(one)), "approve") == "Approve version 1"
    answer(one, "approve", "other")
    assert (listed(web, "you"), header(web), other.is_active) == ([], "", True)


# Going on


def next_one(web: Client, token_request: TokenRequest) -> list[tuple[str, str]]:
    return re.findall(r'<a href="([^"]*)" data-testid="next-one">([^<]*)</a>', page(web, at(token_request)))


def approve(web: Client, token_request: TokenRequest) -> None:
    assert web.post(at(token_request, "review/approve/"), arrange.answering(token_request)).status_code == 302


def test_who_has_answered_is_led_to_what_has_waited_longest_on_them(portal: None) -> None:
    named("second", days_ago=2)
    oldest = named("first", days_ago=3)
    here = named("third")
    web = arrange.signed_in("approver")
    assert next_one(web, here) == []
    approve(web, here)
    assert next_one(web, here) == [(at(oldest), "Next one that waits on you: first")]
    assert next_one(arrange.signed_in("admin"), here) == []


def test_who_has_answered_everything_is_led_nowhere(portal: None) -> None:
    here, web = named("only"), arrange.signed_in("approver")
    approve(web, here)
    assert next_one(web, here) == []

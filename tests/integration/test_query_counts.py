"""How often pages ask the database: the same for one token or three, for few zones and permission groups or many."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import arrange
from tests.bench import world
from tokenportal.actions import connections, drafts, people
from tokenportal.models import KnownZone, Team

pytestmark = pytest.mark.django_db

FINDERS = (("b1-find=dns", "b1-found"), ("b1-zone-add=shop", "b1-zone-list"))


def count(ask: Callable[[], Any]) -> int:
    """The queries of one question, asked a second time: what stands in a process's memory is there then."""
    assert ask().status_code == 200
    with CaptureQueriesContext(connection) as queries:
        assert ask().status_code == 200
    return len(queries)


def questions(web: Client, draft: Any) -> dict[str, Callable[[], Any]]:
    here = f"/requests/{draft.pk}/"
    pages = {path: lambda path=path: web.get(path) for path in ("/?tab=team", "/templates/", here, f"{here}summary/")}
    parts = {
        query: lambda query=query, target=target: web.get(f"{here}?{query}", headers={"HX-Request": "true", "HX-Target": target})
        for query, target in FINDERS
    }
    live = {"list": lambda: web.get("/?tab=team&q=a", headers={"HX-Request": "true", "HX-Target": "list"})}
    return {**pages, **parts, **live}


def test_pages_and_keystrokes_ask_equally_often_for_few_and_for_many(portal: None) -> None:
    draft = arrange.checked(arrange.draft(zones=3))
    arrange.issue(arrange.draft())
    asked = questions(arrange.signed_in("requester"), draft)
    few = {name: count(ask) for name, ask in asked.items()}
    for template in ("workers-ai", "wordpress"):
        arrange.issue(arrange.draft(template))
    world.larger_snapshot(groups=400, zones=1000)
    assert KnownZone.objects.filter(connection=arrange.connection()).count() == 1000
    assert {name: count(ask) for name, ask in asked.items()} == few


def test_who_is_in_many_teams_waits_no_longer_for_what_each_may_use(portal: None) -> None:
    web, address = arrange.signed_in("requester"), f"/profile/api-tokens?{urlencode({'permissionGroupKeys': '[]'})}"
    few = [count(lambda path=path: web.get(path)) for path in ("/templates/", address)]
    before = drafts.connections_for(*(team.pk for team in Team.objects.all()))
    for number in range(3):
        team = people.create_team(by=None, name=f"Team {number}")
        people.set_membership(by=None, team=team, person=arrange.person("requester"), is_requester=True, is_approver=False)
        one = arrange.connection()
        connections.change(one, by=arrange.person("admin"), name=one.name, is_active=True, teams=[*Team.objects.all()])
    assert [count(lambda path=path: web.get(path)) for path in ("/templates/", address)] == few
    assert drafts.connections_for(*(team.pk for team in Team.objects.all())) == before, "each stands there once"


def test_a_token_that_was_not_seen_before_costs_no_query_of_its_own(portal: None) -> None:
    web = arrange.signed_in("requester")
    counts = []
    for made in (1, 2, 3):
        for _ in range(made):
            arrange.issue(arrange.draft())
        with CaptureQueriesContext(connection) as queries:
            web.get("/")
        counts.append(len(queries))
    assert len(set(counts)) == 1

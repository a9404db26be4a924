"""While nothing can be written no address answers with a fault: a page is shown, or a sentence says why nothing happened."""

from pathlib import Path
from typing import Any

import pytest

from tests import arrange, unrecorded
from tests.integration.test_routes import filled, listed
from tokenportal.actions import sharing

pytestmark = pytest.mark.django_db(transaction=True)

USUAL = {200, 204, 302, 400, 403, 404, 405, 409, 422, 503}


@pytest.mark.parametrize("way", ["the database is read-only", "the key is missing"])
def test_no_address_answers_with_a_fault(lasting_portal: None, settings: Any, tmp_path: Path, way: str) -> None:
    issued = arrange.issue(arrange.draft())
    assert issued
    draft = arrange.checked(arrange.draft())
    sharing.share(draft, by=draft.requester, colleague=arrange.person("teammate"), role="viewer")
    things = {"draft": draft, "token": issued.token, "share": draft.shares.get(), "person": arrange.person("approver")}
    paths = [(method, filled(row["path"], things)) for row in listed() for method in row["methods"] if row["path"] != "/readyz"]
    web = [arrange.signed_in(name) for name in ("requester", "admin")]
    faults = []
    with unrecorded.WAYS[way](unrecorded.own_keys(settings, tmp_path)):
        for person in web:
            person.raise_request_exception = False
            for method, path in paths:
                status = person.generic(method, path).status_code
                wrong = status not in USUAL or (method == "GET" and status == 503)
                faults += [(method, path, status)] if wrong else []
    assert faults == []

"""What the rules say where nothing else has said no before them."""

import pytest

from tests import arrange
from tokenportal import rules
from tokenportal.actions import connections, drafts
from tokenportal.models import Snapshot, TokenRequest

pytestmark = pytest.mark.django_db


def test_a_requester_of_one_team_begins_nothing_for_another(portal: None) -> None:
    with pytest.raises(rules.NotAllowed, match="You are not a requester in that team"):
        drafts.start(by=arrange.person("teammate"), team=arrange.team("Web"))
    assert TokenRequest.objects.count() == 0


def test_a_draft_may_begin_before_there_is_a_connection(portal: None) -> None:
    begun = drafts.start(by=arrange.person("requester"), team=arrange.team("Web"), template="edit-zone-dns")
    assert begun.working_copy.connection is None
    assert [group for block in begun.working_copy.spec.blocks for group in block.permissions] != []


def test_a_connection_that_is_switched_off_or_closed_to_the_team_says_so(portal: None) -> None:
    draft, connection, admin = arrange.draft(), arrange.connection(), arrange.person("admin")
    web = arrange.signed_in("requester")
    sentences = {
        (False, (arrange.team(),)): "The connection Acme production is switched off. Choose another one.",
        (True, ()): "The connection Acme production is not open to this team. Choose another one.",
    }
    for (active, teams), sentence in sentences.items():
        connections.change(connection, by=admin, name=connection.name, is_active=active, teams=teams)
        assert sentence in web.get(f"/requests/{draft.pk}/").content.decode()
        with pytest.raises(drafts.NotReady):
            drafts.check(draft, by=draft.requester, revision=draft.working_copy.revision)


def test_what_was_created_is_not_created_again(portal: None) -> None:
    issued = arrange.issue(arrange.draft())
    assert issued
    done = TokenRequest.objects.get(token=issued.token)
    verdict = rules.may_issue(done.requester, done)
    assert verdict.sentence == "This token has been created already, or is being created now."


def test_the_summary_of_a_draft_that_was_never_checked_leads_to_the_draft(portal: None) -> None:
    draft = arrange.draft()
    answer = arrange.signed_in("requester").get(f"/requests/{draft.pk}/summary/")
    assert (answer.status_code, answer["Location"]) == (302, f"/requests/{draft.pk}/")


def test_readiness_knows_connections_that_were_never_read(portal: None) -> None:
    Snapshot.objects.all().delete()
    answer = arrange.signed_in("requester").get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)

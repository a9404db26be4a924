"""Who may do what with a draft, in every status: the table is written by hand, and every cell of it is tried.

302 is done (a page that follows) or, signed out, the sign-in page; 200 is shown; 403 comes with a sentence; 404 is what one may
not know of; 409 is what is over already; 422 is saved, with what the summary still misses.
"""

import re
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.test import Client, override_settings

from tests import arrange
from tokenportal import audit, clock
from tokenportal.actions import commenting, drafts, issuing, people, reviewing, sharing
from tokenportal.audit import Event
from tokenportal.models import Comment, Share, ShareLink, Status, Team, TokenRequest

pytestmark = pytest.mark.django_db

PEOPLE = (
    "owner", "editor", "commenter", "viewer", "link editor", "link viewer", "team share", "member", "approver", "auditor", "admin",
    "outsider", "signed out",
)  # fmt: skip
"""Those with a share or a link are in a team together with the owner, and not in the draft's; "team share" can comment."""

ACTIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "open": ("GET", "", {}),
    "save": ("POST", "", {"do": "save", "blocks": "1", "name": "another"}),
    "check": ("POST", "", {"do": "check"}),
    "summary": ("GET", "summary/", {}),
    "create": ("POST", "create/", {}),
    "look up": ("POST", "look-up/", {}),
    "reopen": ("POST", "reopen/", {}),
    "discard": ("POST", "discard/", {}),
    "see shares": ("GET", "share/", {}),
    "share": ("POST", "share/", {"colleague": "viewer", "role": "editor"}),
    "set a role": ("POST", "share/{share}/", {"role": "editor"}),
    "unshare": ("POST", "share/{share}/remove/", {}),
    "make a link": ("POST", "links/", {"role": "viewer", "days": "1"}),
    "revoke a link": ("POST", "links/{link}/revoke/", {}),
    "take a link": ("POST", "/drafts/link/{code}/", {}),
    "transfer": ("POST", "transfer/", {"to": "{member}"}),
    "read comments": ("GET", "comments/", {}),
    "comment": ("POST", "comments/", {"text": "A remark."}),
    "resolve": ("POST", "comments/{comment}/resolve/", {}),
    "reopen a thread": ("POST", "comments/{comment}/reopen/", {}),
    "read versions": ("GET", "versions/", {}),
    "compare": ("GET", "versions/?from=1&to=1", {}),
    "restore": ("POST", "versions/1/restore/", {}),
    "ping": ("POST", "here/", {}),
    "duplicate": ("POST", "duplicate/", {"team": "{own team}"}),
    "save as template": ("POST", "template/", {"title": "T", "purpose": "P"}),
    "send": ("POST", "send/", {}),
    "see review": ("GET", "review/", {}),
    "approve": ("POST", "review/approve/", {}),
    "request changes": ("POST", "review/changes/", {"comment": "Only one zone, please."}),
    "deny": ("POST", "review/deny/", {"comment": "Nobody needs it."}),
    "withdraw": ("POST", "review/withdraw/", {}),
    "ask by name": ("POST", "review/ask/", {"person": "{asked}"}),
}  # fmt: skip

#                     own  edi  com  vie  l-e  l-v  t-s  mem  app  aud  adm  out  off
DRAFT = """
    open              200  200  200  200  200  200  200  404  404  404  404  404  302
    save              302  302  403  403  302  403  403  404  404  404  404  404  302
    check             422  422  403  403  422  403  403  404  404  404  404  404  302
    summary           200  200  200  200  200  200  200  404  404  404  404  404  302
    create            200  403  403  403  403  403  403  404  404  404  404  404  302
    look up           302  403  403  403  403  403  403  404  404  404  404  404  302
    reopen            403  403  403  403  403  403  403  404  404  404  404  404  302
    discard           302  403  403  403  403  403  403  404  404  404  404  404  302
    see shares        200  403  403  403  403  403  403  404  404  404  404  404  302
    share             302  403  403  403  403  403  403  404  404  404  404  404  302
    set a role        302  403  403  403  403  403  403  404  404  404  404  404  302
    unshare           302  403  403  403  403  403  403  404  404  404  404  404  302
    make a link       200  403  403  403  403  403  403  404  404  404  404  404  302
    revoke a link     302  403  403  403  403  403  403  404  404  404  404  404  302
    take a link       302  302  302  302  302  302  302  302  302  404  404  404  302
    transfer          302  403  403  403  403  403  403  404  404  404  404  404  302
    read comments     200  200  200  200  200  200  200  404  404  404  404  404  302
    comment           302  302  302  403  302  403  302  404  404  404  404  404  302
    resolve           302  302  403  403  302  403  403  404  404  404  404  404  302
    reopen a thread   302  302  403  403  302  403  403  404  404  404  404  404  302
    read versions     200  200  200  200  200  200  200  404  404  404  404  404  302
    compare           200  200  200  200  200  200  200  404  404  404  404  404  302
    restore           302  302  403  403  302  403  403  404  404  404  404  404  302
    ping              200  200  200  200  200  200  200  404  404  404  404  404  302
    duplicate         302  302  302  302  302  302  302  404  404  404  404  404  302
    save as template  302  403  403  403  403  403  403  404  404  404  404  404  302
    send              302  403  403  403  403  403  403  404  404  404  404  404  302
    see review        302  302  302  302  302  302  302  404  404  404  404  404  302
    approve           403  403  403  403  403  403  403  404  404  404  404  404  302
    request changes   403  403  403  403  403  403  403  404  404  404  404  404  302
    deny              403  403  403  403  403  403  403  404  404  404  404  404  302
    withdraw          403  403  403  403  403  403  403  404  404  404  404  404  302
    ask by name       403  403  403  403  403  403  403  404  404  404  404  404  302
"""
#                     own  edi  com  vie  l-e  l-v  t-s  mem  app  aud  adm  out  off
LEFT = """
    open              200  200  200  200  200  200  200  200  200  200  200  404  302
    save              403  403  403  403  403  403  403  403  403  403  403  404  302
    check             403  403  403  403  403  403  403  403  403  403  403  404  302
    summary           302  302  302  302  302  302  302  302  302  302  302  404  302
    create            409  403  403  403  403  403  403  403  403  403  403  404  302
    look up           302  403  403  403  403  403  403  403  403  403  302  404  302
    reopen            403  403  403  403  403  403  403  403  403  403  403  404  302
    discard           403  403  403  403  403  403  403  403  403  403  403  404  302
    see shares        200  403  403  403  403  403  403  403  403  403  403  404  302
    share             403  403  403  403  403  403  403  403  403  403  403  404  302
    set a role        403  403  403  403  403  403  403  403  403  403  403  404  302
    unshare           302  403  403  403  403  403  403  403  403  403  403  404  302
    make a link       403  403  403  403  403  403  403  403  403  403  403  404  302
    revoke a link     302  403  403  403  403  403  403  403  403  403  403  404  302
    take a link       404  404  404  404  404  404  404  404  404  404  404  404  302
    transfer          403  403  403  403  403  403  403  403  403  403  403  404  302
    read comments     200  200  200  200  200  200  200  200  200  200  200  404  302
    comment           403  403  403  403  403  403  403  403  403  403  403  404  302
    resolve           403  403  403  403  403  403  403  403  403  403  403  404  302
    reopen a thread   403  403  403  403  403  403  403  403  403  403  403  404  302
    read versions     200  200  200  200  200  200  200  200  200  200  200  404  302
    compare           200  200  200  200  200  200  200  200  200  200  200  404  302
    restore           403  403  403  403  403  403  403  403  403  403  403  404  302
    ping              200  200  200  200  200  200  200  200  200  200  200  404  302
    duplicate         302  302  302  302  302  302  302  302  403  403  403  404  302
    save as template  302  403  403  403  403  403  403  302  403  403  403  404  302
    send              403  403  403  403  403  403  403  403  403  403  403  404  302
    see review        302  302  302  302  302  302  302  302  302  302  302  404  302
    approve           403  403  403  403  403  403  403  403  403  403  403  404  302
    request changes   403  403  403  403  403  403  403  403  403  403  403  404  302
    deny              403  403  403  403  403  403  403  403  403  403  403  404  302
    withdraw          403  403  403  403  403  403  403  403  403  403  403  404  302
    ask by name       403  403  403  403  403  403  403  403  403  403  403  404  302
"""
#                     own  edi  com  vie  l-e  l-v  t-s  mem  app  aud  adm  out  off
IN_REVIEW_DIFFERS = """
    open              302  302  302  302  302  302  302  302  302  302  302  404  302
    create            403  403  403  403  403  403  403  403  403  403  403  404  302
    look up           302  403  403  403  403  403  403  403  403  403  302  404  302
    see review        200  200  200  200  200  200  200  200  200  200  200  404  302
    approve           403  403  403  403  403  403  403  403  302  403  302  404  302
    request changes   403  403  403  403  403  403  403  403  302  403  302  404  302
    deny              403  403  403  403  403  403  403  403  302  403  302  404  302
    withdraw          302  403  403  403  403  403  403  403  403  403  403  404  302
    ask by name       302  403  403  403  403  403  403  403  403  403  403  404  302
"""
#                     own  edi  com  vie  l-e  l-v  t-s  mem  app  aud  adm  out  off
APPROVED_DIFFERS = """
    summary           200  200  200  200  200  200  200  200  200  200  200  404  302
    create            200  403  403  403  403  403  403  403  403  403  403  404  302
    approve           403  403  403  403  403  403  403  403  403  403  403  404  302
    ask by name       403  403  403  403  403  403  403  403  403  403  403  404  302
"""
#                     own  edi  com  vie  l-e  l-v  t-s  mem  app  aud  adm  out  off
OVER_DIFFERS = """
    summary           302  302  302  302  302  302  302  302  302  302  302  404  302
    create            403  403  403  403  403  403  403  403  403  403  403  404  302
    discard           302  403  403  403  403  403  403  403  403  403  403  404  302
    request changes   403  403  403  403  403  403  403  403  403  403  403  404  302
    deny              403  403  403  403  403  403  403  403  403  403  403  404  302
    withdraw          403  403  403  403  403  403  403  403  403  403  403  404  302
"""
#                     own  edi  com  vie  l-e  l-v  t-s  mem  app  aud  adm  out  off
FAILED_DIFFERS = """
    summary           200  200  200  200  200  200  200  200  200  200  200  404  302
    create            409  403  403  403  403  403  403  403  403  403  403  404  302
    reopen            302  403  403  403  403  403  403  403  403  403  403  404  302
    discard           302  403  403  403  403  403  403  403  403  403  403  404  302
"""
#                     own  edi  com  vie  l-e  l-v  t-s  mem  app  aud  adm  out  off
DISCARDED_DIFFERS = """
    open              200  404  404  404  404  404  404  404  404  404  404  404  302
    save              403  404  404  404  404  404  404  404  404  404  404  404  302
    check             403  404  404  404  404  404  404  404  404  404  404  404  302
    summary           302  404  404  404  404  404  404  404  404  404  404  404  302
    create            409  404  404  404  404  404  404  404  404  404  404  404  302
    look up           302  404  404  404  404  404  404  404  404  404  404  404  302
    reopen            403  404  404  404  404  404  404  404  404  404  404  404  302
    discard           403  404  404  404  404  404  404  404  404  404  404  404  302
    see shares        200  404  404  404  404  404  404  404  404  404  404  404  302
    share             403  404  404  404  404  404  404  404  404  404  404  404  302
    set a role        403  404  404  404  404  404  404  404  404  404  404  404  302
    unshare           302  404  404  404  404  404  404  404  404  404  404  404  302
    make a link       403  404  404  404  404  404  404  404  404  404  404  404  302
    revoke a link     302  404  404  404  404  404  404  404  404  404  404  404  302
    transfer          403  404  404  404  404  404  404  404  404  404  404  404  302
    read comments     200  404  404  404  404  404  404  404  404  404  404  404  302
    comment           403  404  404  404  404  404  404  404  404  404  404  404  302
    resolve           403  404  404  404  404  404  404  404  404  404  404  404  302
    reopen a thread   403  404  404  404  404  404  404  404  404  404  404  404  302
    read versions     200  404  404  404  404  404  404  404  404  404  404  404  302
    compare           200  404  404  404  404  404  404  404  404  404  404  404  302
    restore           403  404  404  404  404  404  404  404  404  404  404  404  302
    ping              200  404  404  404  404  404  404  404  404  404  404  404  302
    duplicate         302  404  404  404  404  404  404  404  404  404  404  404  302
    save as template  302  404  404  404  404  404  404  404  404  404  404  404  302
    send              403  404  404  404  404  404  404  404  404  404  404  404  302
    see review        302  404  404  404  404  404  404  404  404  404  404  404  302
    approve           403  404  404  404  404  404  404  404  404  404  404  404  302
    request changes   403  404  404  404  404  404  404  404  404  404  404  404  302
    deny              403  404  404  404  404  404  404  404  404  404  404  404  302
    withdraw          403  404  404  404  404  404  404  404  404  404  404  404  302
    ask by name       403  404  404  404  404  404  404  404  404  404  404  404  302
"""


def table(*texts: str) -> dict[str, list[int]]:
    """The rows of the tables; a later one takes the place of an earlier one."""
    rows = [re.fullmatch(r"    (\S.*?)  +(\d.*)", line) for text in texts for line in text.splitlines() if line.strip()]
    return {row[1]: [int(one) for one in row[2].split()] for row in rows if row}


TABLES = {
    Status.DRAFT: table(DRAFT),
    Status.IN_REVIEW: table(LEFT, IN_REVIEW_DIFFERS),
    Status.APPROVED: table(LEFT, IN_REVIEW_DIFFERS, APPROVED_DIFFERS),
    Status.REJECTED: table(LEFT, IN_REVIEW_DIFFERS, APPROVED_DIFFERS, OVER_DIFFERS),
    Status.EXPIRED: table(LEFT, IN_REVIEW_DIFFERS, APPROVED_DIFFERS, OVER_DIFFERS),
    Status.ISSUING: table(LEFT),
    Status.UNCERTAIN: table(LEFT),
    Status.ISSUED: table(LEFT),
    Status.FAILED: table(LEFT, FAILED_DIFFERS),
    Status.DISCARDED: table(LEFT, DISCARDED_DIFFERS),
}


class Scene:
    """A draft of the owner's, shared in every way, in one status."""

    def __init__(self, status: Status) -> None:
        self.webs = {name: self.person(name) for name in PEOPLE if name != "signed out"} | {"signed out": Client()}
        draft = arrange.checked(arrange.draft(by="owner"))
        owner = draft.requester
        for name in ("editor", "commenter", "viewer"):
            sharing.share(draft, by=owner, colleague=arrange.person(name), role=name)
        sharing.share(draft, by=owner, colleague=arrange.team("Others"), role="commenter")
        for name in ("editor", "viewer"):
            link, self.code = sharing.make_link(draft, by=owner, role=name, days=7)
            sharing.take_link(link, by=arrange.person(f"link-{name}"))
        commenting.comment(draft, by=owner, text="What for?")
        self.draft = self.brought_to(draft, status)
        self.places = {
            "share": str(Share.objects.filter(user__username="viewer").get().pk), "link": str(ShareLink.objects.first().pk),  # type: ignore[union-attr]
            "code": self.code.reveal(), "comment": str(Comment.objects.get().pk), "member": str(arrange.person("member").pk),
            "asked": str(arrange.person("approver-").pk),
        }  # fmt: skip

    def person(self, name: str) -> Client:
        """Requesters of a team that has nothing to do with the draft, but for the owner, the draft's team and those above it."""
        username = name.replace(" ", "-")
        made, _ = people.create_person(
            by=None, username=f"{username}-" if username in ("approver", "auditor", "admin") else username,
            email=f"{username}-matrix@example.com", password=arrange.PASSWORD, is_admin=name == "admin", is_auditor=name == "auditor",
        )  # fmt: skip
        teams = {
            "owner": ("Platform", "Web", "Others"),
            "member": ("Platform",),
            "approver": ("Platform",),
            "team share": ("Others",),
        }
        for team in teams.get(name, () if name in ("auditor", "admin", "outsider") else ("Web",)):
            known = arrange.team(team) if team != "Others" else self.others()
            people.set_membership(
                by=None, team=known, person=made, is_requester=name != "approver", is_approver=name == "approver"
            )
        return arrange.signed_in(made.username)

    def others(self) -> Team:
        return Team.objects.filter(name="Others").first() or people.create_team(by=None, name="Others")

    def brought_to(self, draft: TokenRequest, status: Status) -> TokenRequest:
        if status == Status.DISCARDED:
            drafts.discard(draft, by=draft.requester)
        elif status in (Status.IN_REVIEW, Status.APPROVED, Status.REJECTED, Status.EXPIRED):
            self.reviewed(draft, status)
        elif status == Status.ISSUING:
            with audit.recording(Event.TOKEN_ISSUING, by=draft.requester, subject=draft, trail=draft.pk):
                draft.move(Status.ISSUING, changed_at=clock.now())
        elif status != Status.DRAFT:
            if status != Status.ISSUED:
                call_command("sandbox_fault", "drop" if status == Status.UNCERTAIN else "forbidden", method="POST")
            arrange.issue(draft)
        found = TokenRequest.objects.get(pk=draft.pk)
        assert found.status == status
        return found

    def reviewed(self, draft: TokenRequest, status: Status) -> None:
        seen: dict[str, Any] = arrange.confirming(draft)
        with override_settings(REVIEW_EXPIRES_SECONDS=0 if status == Status.EXPIRED else 3600):
            reviewing.send(draft, by=draft.requester, **seen)
        seen |= {"review_number": 1}
        reviewer = arrange.person("approver-")
        if status == Status.APPROVED:
            reviewing.approve(draft, by=reviewer, **seen)
        elif status == Status.REJECTED:
            reviewing.deny(draft, by=reviewer, comment="Nobody needs it.", **seen)
        elif status == Status.EXPIRED:
            assert reviewing.expire_due() == 1

    def answers(self, action: str) -> list[int]:
        """What each person is answered, each as if nobody else had tried."""
        method, path, fields = ACTIONS[action]
        where = path.format(**self.places) if path.startswith("/") else f"/requests/{self.draft.pk}/{path.format(**self.places)}"
        known = {**self.places, "own team": ""}
        sent = {name: value.format(**known) for name, value in fields.items()}
        if action in ("save", "check", "restore"):
            sent["revision"] = str(self.draft.working_copy.revision)
        if action in ("create", "send"):
            sent |= arrange.confirming(self.draft)
        if action in ("approve", "request changes", "deny"):
            sent |= arrange.answering(self.draft)
        found = []
        for name, web in self.webs.items():
            if name == "owner" and "team" in sent:
                sent["team"] = str(self.draft.team_id)
            elif "team" in sent:
                sent["team"] = ""  # everybody else is in one team at most
            with transaction.atomic():
                answer = web.post(where, sent) if method == "POST" else web.get(where)
                transaction.set_rollback(True)
            found.append(answer.status_code)
            if answer.status_code == 403:
                said = re.search(r'data-testid="refusal">.*?<p>([^<]+)</p>', answer.content.decode(), re.DOTALL)
                assert said, action
                assert len(said[1]) > 20, (action, said[1])
        return found


def test_every_row_stands_in_every_table() -> None:
    assert {status: set(rows) for status, rows in TABLES.items()} == {status: set(ACTIONS) for status in TABLES}
    assert set(TABLES) == set(Status)
    assert {len(cells) for rows in TABLES.values() for cells in rows.values()} == {len(PEOPLE)}


@pytest.mark.parametrize("status", TABLES)
def test_everybody_may_do_what_the_table_says_and_nothing_else(
    portal: None, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuing, "DURABLE", False)
    scene = Scene(status)
    found = {action: scene.answers(action) for action in ACTIONS}
    wrong = {action: (cells, TABLES[status][action]) for action, cells in found.items() if cells != TABLES[status][action]}
    assert wrong == {}

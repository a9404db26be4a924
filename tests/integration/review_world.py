"""What the tests of the review pages share: requests that must be approved, how they stand, and what a page says."""

import html
import re
from dataclasses import replace
from typing import Any

from django.test import Client

from tests import arrange
from tokenportal.actions import drafts, people, reviewing
from tokenportal.models import AuditEvent, TokenRequest, User
from tokenportal.policy.spec import ClientIPs

WHY = "The build needs it."
OFFICE = ClientIPs(allow=("203.0.113.0/24",))


def wide(**changes: Any) -> TokenRequest:
    """A draft for all zones, which one approver of its team must approve, and which needs a reason."""
    return arrange.draft("wordpress", **{"name": "shop-plugin", **changes})


def minter(**changes: Any) -> TokenRequest:
    """A draft for a token that creates tokens, which two people must approve, one of them an admin."""
    return arrange.draft("create-additional-tokens", through="Acme user", **{"client_ips": OFFICE, **changes})


def fresh(token_request: TokenRequest) -> TokenRequest:
    return TokenRequest.objects.get(pk=token_request.pk)


def newcomer(name: str, team: str = "", **roles: bool) -> User:
    """Another person who can sign in, with these roles in this team, if one is given."""
    made, _ = people.create_person(by=None, username=name, email=f"{name}@example.com", password=arrange.PASSWORD)
    if team:
        standing = {"is_requester": False, "is_approver": False, **roles}
        people.set_membership(by=None, team=arrange.team(team), person=made, **standing)
    return made


def edit(token_request: TokenRequest, *, by: User | None = None, **changes: Any) -> TokenRequest:
    """Another spec in the working copy of a draft, saved by its requester or by somebody else who may."""
    here = fresh(token_request)
    copy = here.working_copy
    drafts.save(
        here, by=by or here.requester, revision=copy.revision, spec=replace(copy.spec, **changes), connection=copy.connection,
        owner=copy.owner, backup_owner=copy.backup_owner,
    )  # fmt: skip
    return fresh(here)


def answer(token_request: TokenRequest, verb: str, by: str, comment: str = "Because.") -> None:
    """``verb`` is approve, request_changes or deny."""
    here = fresh(token_request)
    getattr(reviewing, verb)(here, by=arrange.person(by), comment=comment, **arrange.answering(here))


def at(token_request: TokenRequest, rest: str = "review/") -> str:
    return f"/requests/{token_request.pk}/{rest}"


def page(web: Client, path: str, status: int = 200) -> str:
    found = web.get(path)
    assert found.status_code == status, path
    return found.content.decode()


def texts(markup: str, testid: str) -> list[str]:
    """What stands in each element with this data-testid, as one reads it; cut at the first end of an inner one of its kind."""
    markup = re.sub("<template.*?</template>", "", markup, flags=re.DOTALL)
    found = re.findall(rf'<(\w+)[^>]*data-testid="{testid}"[^>]*>(.*?)</\1>', markup, re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]*>", " ", inner)).split()) for _, inner in found]


def text(markup: str, testid: str) -> str:
    [found] = texts(markup, testid)
    return found


def typed(markup: str, testid: str) -> str:
    """What a text field holds, as a browser reads it: without the line break behind its tag. Pages show NUL as a sign."""
    found = re.search(rf'<textarea[^>]*data-testid="{testid}"[^>]*>\n?(.*?)</textarea>', markup, re.DOTALL)
    assert found, testid
    return html.unescape(found[1]).replace("\N{SYMBOL FOR NULL}", "\0")


def events(token_request: TokenRequest) -> list[tuple[str, str]]:
    """Its reviews' events with their outcomes, in order."""
    rows = AuditEvent.objects.filter(trail=token_request.pk, action__startswith="review.").order_by("number")
    return list(rows.values_list("action", "outcome"))

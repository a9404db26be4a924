"""What one person did and holds, for auditors and admins."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tokenportal import rules
from tokenportal.audit import reading
from tokenportal.models import Token, User
from tokenportal.views import access, audit_told
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page
from tokenportal.views.token_rows import short

SHOWN = 20


@dataclass(frozen=True)
class Held:
    """A token and what the person has to do with it, such as "owner"."""

    token: Token
    name: str
    label: str
    parts: tuple[str, ...]


@answers
@require_http_methods(["GET", "HEAD"])
def activity(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    rules.require(rules.may_read_audit(user))
    person = access.one_person(pk)
    done, refused = (
        reading.read(events[:SHOWN], *reading.LONG) for events in (reading.done_by(person), reading.refused_sign_ins(person))
    )
    context = {
        "tab": "log", "person": person, "memberships": person.memberships.select_related("team"), "last_sign_in": reading.last_sign_in(person),
        "days": audit_told.by_day(audit_told.lines(done, user)), "refused": refused, "held": held(person),
        "all_url": f"{reverse('audit')}?{urlencode({'actor': str(person.pk)})}",
        "about_url": f"{reverse('audit')}?{urlencode({'object': str(person.pk)})}",
        "may_administer": rules.may_administer(user),
    }  # fmt: skip
    return render_page(request, "audit/person.html", context)


def held(person: User) -> list[Held]:
    """The tokens that they answer for, asked for or agreed to, in two queries whatever their number."""
    agreed = access.requests_agreed_by(person)
    return [
        Held(token, short(token.name), Token.Status(token.status).label, parts(token, person, agreed))
        for token in access.tokens_of(person)
    ]


def parts(token: Token, person: User, agreed: set[Any]) -> tuple[str, ...]:
    made_by = token.token_request
    said = (
        ("owner", token.owner_id == person.pk), ("back-up owner", token.backup_owner_id == person.pk),
        ("asked for it", made_by is not None and made_by.requester_id == person.pk),
        ("agreed to it", token.token_request_id in agreed),
    )  # fmt: skip
    return tuple(words for words, is_so in said if is_so)

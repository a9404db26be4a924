"""The versions of a draft: what each changed in words, any two side by side, and an earlier one restored."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods

from tokenportal import clock, rules
from tokenportal.actions import drafts, restoring, standing, versions
from tokenportal.actions.versions import State
from tokenportal.models import Status, TokenRequest, Version, WorkingCopy
from tokenportal.policy import changes, moments, words
from tokenportal.policy.changes import Document
from tokenportal.policy.diff import Difference
from tokenportal.policy.words import Phrase
from tokenportal.views import access, comments
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page

NOW = "now"
SECTIONS = {"purpose": "Purpose", "connection": "Connection", "access": "Access", "restrictions": "Restrictions"}


A_PAGE = 25
RELATED = ("connection", "owner", "backup_owner", "made_by")


@dataclass(frozen=True)
class Row:
    """A version, or the draft as it stands now; ``difference`` is that to the version before, None for the first one."""

    key: str
    state: State
    difference: Difference | None


@answers
@require_http_methods(["GET", "HEAD"])
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token_request = access.token_request(user, pk)
    before = number_in(request.GET.get("before", "")) or token_request.version + 1
    found = list(older_than(token_request, before=before, at_most=A_PAGE + 1))
    copy, is_newest_page = token_request.working_copy, before > token_request.version
    rows = rows_of([*([copy] if is_newest_page and token_request.status == Status.DRAFT else []), *found])
    # The next page goes on after the last row that is shown, which what the draft says now may have pushed down by one.
    shown = rows[:A_PAGE]
    context = {
        "token_request": token_request, "copy": copy, "rows": shown,
        "is_newest_page": is_newest_page, "older": shown[-1].key if len(rows) > A_PAGE else "",
        "compared": compared(token_request, request.GET.get("from", ""), request.GET.get("to", "")),
        "can_restore": bool(rules.may_edit(user, token_request)), **comments.counted(token_request),
    }  # fmt: skip
    return render_page(request, "drafts/versions.html", context)


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def restore(request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
    """Say what restoring would change, then do it."""
    user = access.person(request)
    token_request = access.token_request(user, pk)
    rules.require(rules.may_edit(user, token_request))
    version = one_version(token_request, number)
    stale: WorkingCopy | None = None
    if request.method == "POST":
        try:
            restoring.restore(version, by=user, revision=number_in(request.POST.get("revision", "")))
            return redirect("versions", pk=pk)
        except drafts.Stale as refusal:
            stale = refusal.copy
    copy = stale or token_request.working_copy
    current, earlier = versions.documents([copy, version])
    ends = moments.parse(version.spec.validity.until, end_of_day=True) if version.spec.validity.lifetime == "until" else None
    context = {
        "token_request": token_request, "copy": copy, "version": version, "stale": stale,
        "difference": changes.compare(current, earlier), "ended_at": ends if ends and ends <= clock.now() else None,
    }  # fmt: skip
    return render_page(request, "drafts/restore.html", context, status=409 if stale else 200)


def older_than(token_request: TokenRequest, *, before: int, at_most: int) -> Any:
    """The versions with a lower number than this, newest first, with what is needed to compare them."""
    found = token_request.versions.filter(number__lt=before).order_by("-number").defer("payload")
    return found.select_related(*RELATED)[:at_most]


def one_version(token_request: TokenRequest, number: int) -> Version:
    return get_object_or_404(token_request.versions.select_related(*RELATED), number=number)


def number_in(typed: str) -> int:
    return int(typed) if typed.isdecimal() and len(typed) < 10 else 0


def rows_of(states: list[State]) -> list[Row]:
    """A row for each state, newest first; the copy has none where the newest version says the same."""
    documents = versions.documents(states)
    steps: list[Difference | None] = [changes.compare(earlier, later) for later, earlier in pairwise(documents)]
    rows = [Row(key_of(state), state, step) for state, step in zip(states, [*steps, None], strict=True)]
    is_old_news = bool(rows) and rows[0].key == NOW and rows[0].difference is not None and not rows[0].difference.changes
    return rows[1:] if is_old_news else rows


def key_of(state: State) -> str:
    return str(state.number) if isinstance(state, Version) else NOW


def compared(token_request: TokenRequest, one: str, other: str) -> dict[str, Any] | None:
    """Two states side by side; None unless both are asked for. Raises Http404 for a version that there is not."""
    if not (one and other):
        return None
    states = [state_of(token_request, key) for key in (one, other)]
    old, new = versions.documents(states)
    found = changes.compare(old, new)
    return {
        "from": one, "to": other, "difference": found,
        "sections": [(SECTIONS[slug], group) for slug, group in changes.by_section(found).items()],
        "sides": [(key, state, sentence_of(state, document))
                  for key, state, document in zip((one, other), states, (old, new), strict=True)],
    }  # fmt: skip


def state_of(token_request: TokenRequest, key: str) -> State:
    if key != NOW:
        return one_version(token_request, number_in(key))
    if token_request.status != Status.DRAFT:
        raise Http404
    return token_request.working_copy


def sentence_of(state: State, document: Document) -> tuple[Phrase, ...]:
    body = state.payload if isinstance(state, Version) else standing.of(state).payload.body
    return words.sentence(body, document.catalogue, document.around).phrases

"""The builder: one page of sections, saved as it stands; and what a request shows once it is no draft any more.

One address for everything. A whole page is asked for by a browser; htmx names the part that it is about to replace.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from tokenportal import audit, rules
from tokenportal.actions import drafts, settling, snapshots, standing, together
from tokenportal.actions.standing import Standing
from tokenportal.forms import builder as form
from tokenportal.middleware import client_address
from tokenportal.models import Connection, Status, TeamTemplate, TokenRequest, User, WorkingCopy
from tokenportal.policy.spec import TokenSpec
from tokenportal.views import (
    access,
    access_reviews,
    adopting,
    builder_drawn,
    builder_page,
    builder_search,
    comments,
    conflict,
    here,
    machines,
    targets,
)
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page, target_of

PAGE = "builder/page.html"
REVIEWED = (Status.IN_REVIEW, Status.APPROVED, Status.REJECTED, Status.EXPIRED)
"""What the page of its review shows."""
TAKES_TYPED_ZONES = {"add-zone", "add-xzone", "connect"}
"""The verbs at which a name that was typed to look a zone up counts as a choice, though the page goes on standing."""


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    user = access.person(request)
    token_request = access.token_request(user, pk)
    if token_request.status != Status.DRAFT or token_request.is_adoption:
        return no_draft(request, user, token_request)
    if request.method == "POST":
        return save(request, user, token_request)
    copy = token_request.working_copy
    target = target_of(request)
    if builder_search.is_wanted(target):
        return builder_search.answer(request, copy)
    if target == machines.PARTIAL:
        return render_page(
            request, PAGE, for_machines(request, standing.of(copy), changing=token_request.is_edit), partials=(machines.PARTIAL,)
        )
    verdict = rules.may_edit(user, token_request)
    context = seen(request, user, copy, echo=echoed(request.GET, copy.spec.blocks))
    return show(request, user, token_request, {**context, "can_edit": bool(verdict), "why_not": verdict.sentence})


def seen(request: HttpRequest, user: User, copy: WorkingCopy, spec: TokenSpec | None = None, **options: Any) -> dict[str, Any]:
    """The builder's context for a working copy, or for entries that are not saved."""
    found = standing.of(copy, spec)
    context = builder_page.context(copy.token_request, copy, found, user, address=client_address(request), **options)
    return {**context, **for_machines(request, found, changing=copy.token_request.is_edit)}


def for_machines(request: HttpRequest, found: Standing, *, changing: bool = False) -> dict[str, Any]:
    """The same as JSON, curl or Terraform, where the address asks for one of them."""
    told = machines.machines(request, found.payload.body, found.around.owner, found.catalogue, changing=changing, spec=found.spec)
    return {**told, "format": told["format"] if request.GET.get("as") else None, "quiet": True}


def show(
    request: HttpRequest, user: User, token_request: TokenRequest, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    extra = {
        "may_share": rules.may_share(user, token_request), "may_discard": rules.may_discard(user, token_request),
        "here": here.others(token_request, user),
        "drawn": builder_drawn.sections(context, builder_search.finds(context["copy"], context["blocks"])),
        **comments.counted(token_request), "newer_template": newer_template(user, token_request),
        "returned": access_reviews.returned(token_request), **targets.seen_by(user, token_request),
    }  # fmt: skip
    return render_page(request, PAGE, {**context, **extra}, status=status)


def newer_template(user: User, token_request: TokenRequest) -> TeamTemplate | None:
    """The template from which the draft was begun, where it has a newer version by now and is one of this person's teams'."""
    template = access.template_of(user, token_request)
    return template if template and template.version != token_request.template_version else None


def no_draft(request: HttpRequest, user: User, token_request: TokenRequest) -> HttpResponse:
    """The page of a request that has left the draft, or has no builder: where it stands and what to do next."""
    if token_request.status in REVIEWED and request.method != "POST":
        return redirect("review", pk=token_request.pk)
    if token_request.is_adoption:
        return adopting.request_page(request, user, token_request)
    if request.method == "POST":
        raise rules.NotAllowed("This is no longer a draft, so nothing was saved.")
    attempts = list(token_request.attempts.select_related("by"))
    context = {
        "token_request": token_request,
        "copy": token_request.working_copy,
        "attempts": attempts,
        "looks_needed": settling.EMPTY_LISTINGS_NEEDED,
        "attempt": attempts[-1] if attempts else None,
        "version": drafts.current_version(token_request),
        "trail": access.trail(token_request.pk),
        "may_look_up": rules.may_look_up(user, token_request),
        "may_resolve": rules.may_resolve(user, token_request),
        "may_reopen": rules.may_reopen(user, token_request),
        "may_discard": rules.may_discard(user, token_request),
        "may_unshare": rules.may_unshare(user, token_request),
        **targets.seen_by(user, token_request),
    }
    return render_page(request, "requests/change.html" if token_request.is_edit else "requests/status.html", context)


def save(request: HttpRequest, user: User, token_request: TokenRequest) -> HttpResponse:
    """Save what was posted, then answer as the pressed button and htmx's target ask."""
    press, target = form.pressed(request.POST), target_of(request)
    chosen = press.verb == "choose"
    # What was pressed when a conflict came up has waited for the choice.
    applied = form.pressed(request.POST, "press") if chosen else press
    # A page that is sent as a whole takes everything on it; while it stands, somebody may be in the middle of a name.
    half_typed = (bool(target) or chosen) and applied.verb not in TAKES_TYPED_ZONES
    spec, beside = read(request.POST, applied, token_request, half_typed=half_typed)
    entries = {"by": user, "revision": number_in(request.POST, "revision"), "spec": spec, **beside}
    try:
        saved = decide(request.POST, press, token_request, entries) if chosen else together.save(token_request, **entries)
    except together.Clashing as clash:
        return clashing(request, user, token_request, clash, press)
    saved.copy.token_request = token_request
    if press.verb == "connect" and target:
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    if target:
        return changes(
            request, user, saved, entries, press, target, echo=echoed(request.POST, spec.blocks, half_typed=half_typed)
        )
    return whole(request, user, token_request, saved, press, spec)


def whole(
    request: HttpRequest, user: User, token_request: TokenRequest, saved: together.Saved, press: form.Pressed, spec: TokenSpec
) -> HttpResponse:  # fmt: skip
    """Where a save leads that was sent as a whole page."""
    if saved.merged:
        messages.success(request, conflict.news(saved.merged, saved.others))
    if press.verb == "check":
        return check(request, user, token_request, saved.copy.revision)
    context = seen(request, user, saved.copy, echo=echoed(request.POST, spec.blocks))
    if context["errors"] or press.verb == "find":
        return show(request, user, token_request, context, 422 if context["errors"] else 200)
    return redirect(f"{token_request.get_absolute_url()}{place_of(press, spec)}")


def decide(post: QueryDict, press: form.Pressed, token_request: TokenRequest, entries: dict[str, Any]) -> together.Saved:
    """Save as somebody chose between theirs and mine, field by field or for all at once."""
    choices = {name.removeprefix("keep-"): post.get(name, "") for name in post if name.startswith("keep-")}
    return together.choose(token_request, seen=number_in(post, "seen"), choices=choices, rest=press.about, **entries)


def place_of(press: form.Pressed, spec: TokenSpec) -> str:
    """Where on the page the pressed button did something, as the fragment of an address."""
    if press.verb == "add-block":
        return f"#access-{len(spec.blocks)}"
    if press.verb == "fix":
        return "#findings"
    if press.verb.endswith("-range"):
        return f"#{press.about}-title"
    return f"#access-{press.block}" if 0 < press.block <= len(spec.blocks) else ""


def read(
    post: QueryDict, press: form.Pressed, token_request: TokenRequest, *, half_typed: bool
) -> tuple[TokenSpec, dict[str, Any]]:
    """The posted spec after the pressed button, and the connection and people that go with it; ids not on offer change nothing."""
    copy = token_request.working_copy
    connection: Connection | None = copy.connection
    if post.get("connection") and post["connection"] != str(copy.connection_id):
        offered = drafts.connections_for(token_request.team_id)
        connection = next((one for one in offered if str(one.pk) == post["connection"]), connection)
    spec = form.apply(form.spec_from(post, zone_names(connection), half_typed=half_typed), press)
    now = {str(copy.owner_id): copy.owner, str(copy.backup_owner_id): copy.backup_owner, "": None}
    asked = {name: post.get(name, "") for name in ("owner", "backup_owner")}
    people = now
    if not set(asked.values()) <= set(now):
        people = {**now, **{str(person.pk): person for person in drafts.owners(token_request, copy)}}
    return spec, {
        "connection": connection,
        "owner": people.get(asked["owner"]) or copy.owner,
        "backup_owner": people.get(asked["backup_owner"]),
    }


def number_in(post: QueryDict, name: str) -> int:
    """A revision that a form carries, such as the one from which its entries were made; 0 for nonsense."""
    typed = post.get(name, "")
    return int(typed) if typed.isdecimal() and len(typed) < 10 else 0


def zone_names(connection: Connection | None) -> form.FindZones:
    return lambda names: snapshots.zones_named(connection, names) if connection else {}


def echoed(typed: QueryDict, blocks: Iterable[Any], *, half_typed: bool = False) -> dict[str, str]:
    """What was typed into the fields of a page that only look something up, so that it stands there again."""
    fields = ("find", "zone-add", "xzone-add") if half_typed else ("find",)
    names = [f"b{number}-{name}" for number, _ in enumerate(blocks, start=1) for name in fields]
    return {name: form.text(typed, name, 200) for name in names if typed.get(name)}


def check(request: HttpRequest, user: User, token_request: TokenRequest, revision: int) -> HttpResponse:
    try:
        drafts.check(token_request, by=user, revision=revision)
    except drafts.NotReady as not_ready:
        copy = token_request.working_copy
        copy.refresh_from_db()
        context = seen(request, user, copy, strict=True, problems=not_ready.problems)
        return show(request, user, token_request, context, 422)
    return redirect("summary", pk=token_request.pk)


def changes(
    request: HttpRequest, user: User, saved: together.Saved, entries: dict[str, Any], press: form.Pressed, target: str,
    *, echo: dict[str, str],
) -> HttpResponse:  # fmt: skip
    """What a save has changed: the part that htmx replaces, and whatever else on the page speaks of the same."""
    copy = saved.copy
    context = seen(request, user, copy, copy.spec if saved.merged else entries["spec"], echo=echo)
    context["found_before"] = request.POST.get("found", "")
    fresh = conflict.sections_from_others(copy, entries) if saved.merged else set()
    block = next((view for view in context["blocks"] if target == view.section.slug and "blocks" not in fresh), None)
    part = "access" if block else target if target == "addresses" else "told"
    context["slots"] = [
        slot for slot in context["slots"] if stands_still(slot[0], request.POST, part, block) and section_of(slot[0]) not in fresh
    ]
    if fresh:
        context["drawn"] = builder_drawn.sections(context, builder_search.finds(copy, context["blocks"]))
        context |= {"fresh": fresh, "can_edit": True}
    elif block:
        found = builder_search.finds(copy, [block]).get(block.number)
        context["block_html"] = builder_drawn.block(block, context, found, press.verb)
    if part == "addresses":
        context["drawn"] = {**context.get("drawn", {}), "addresses": builder_drawn.addresses(context, press)}
    if saved.merged:
        context |= {"others": saved.others, "news": conflict.news(saved.merged, saved.others)}
    response = render(request, f"{PAGE}#changes", {**context, "part": part})
    response["HX-Trigger"] = "saved"
    if "blocks" in fresh:
        response["HX-Reswap"] = "none"  # the part that was asked for is within what comes anew
    return response


def section_of(slot: str) -> str:
    """In which part of the page that can come anew a place for messages stands."""
    name = slot.partition("-")[0]
    named = {"connection": "connection", "starts": "lifetime", "until": "lifetime", "allow": "addresses", "block": "addresses"}
    return named.get(name, "purpose" if name in ("name", "purpose", "owner") else "blocks")


def stands_still(slot: str, post: QueryDict, part: str, block: builder_page.BlockView | None) -> bool:
    """Whether a place for messages is on the page now, and outside of the part that is replaced as a whole."""
    name, _, rest = slot.partition("-")
    if name in ("allow", "block"):
        return part != "addresses" and int(rest.partition("-")[0]) < len(post.getlist(name))
    return block is None or name != f"b{block.number}"


def clashing(
    request: HttpRequest, user: User, token_request: TokenRequest, clash: together.Clashing, press: form.Pressed
) -> HttpResponse:  # fmt: skip
    """Both changed the same: I choose. My entries stay on the page, or come back with it, and nothing is saved until then."""
    audit.refusing("Somebody else changed the same meanwhile.")
    undecided = press.verb == "choose" and number_in(request.POST, "seen") == clash.copy.revision
    panel = conflict.panel(token_request, clash, request.POST if undecided else {})
    if target_of(request):
        context = {"builder_url": token_request.get_absolute_url(), "conflict": panel, "in_place": True}
        context["press"] = request.POST.get("do", "")
        response = render(request, f"{PAGE}#conflict", context, status=409)
        response["HX-Retarget"], response["HX-Reswap"] = "#conflict", "innerHTML"
        return response
    mine = clash.mine
    mine.token_request, mine.saved_at, mine.saved_by = token_request, clash.copy.saved_at, clash.copy.saved_by
    context = seen(request, user, mine, echo=echoed(request.POST, mine.spec.blocks))
    context |= {"conflict": panel, "errors": panel.undecided if undecided else []}
    return show(request, user, token_request, context, 422 if undecided else 409)

"""The builder's sections as HTML. Each is drawn from frozen values alone, so the same section is drawn once for everybody."""

from collections.abc import Mapping
from typing import Any

from django.utils.safestring import SafeString

from tokenportal.actions import drafts
from tokenportal.forms.builder import Pressed
from tokenportal.models import WorkingCopy
from tokenportal.views.builder_blocks import BlockView
from tokenportal.views.builder_search import Found
from tokenportal.views.drawing import drawn


def sections(context: Mapping[str, Any], finds: Mapping[int, Found]) -> dict[str, Any]:
    """Every section of a whole page, from what builder_page.context gives."""
    copy: WorkingCopy = context["copy"]
    people = drafts.owner_choices(copy)
    return {
        "blocks": [(view.section, view.block.key, block(view, context, finds.get(view.number))) for view in context["blocks"]],
        "connections": drawn(
            "builder/connections.html", connections=drafts.connection_choices(copy.token_request.team_id),
            chosen=copy.connection_id, team=str(copy.token_request.team),
        ),
        "owners": drawn("builder/options.html", people=people, chosen=copy.owner_id),
        "backup_owners": drawn("builder/options.html", people=people, chosen=copy.backup_owner_id),
        "addresses": addresses(context),
        "lifetime": drawn("builder/lifetime.html", **context["lifetime"]),
    }  # fmt: skip


def block(view: BlockView, context: Mapping[str, Any], found: Found | None = None, verb: str = "") -> SafeString:
    """The inside of an access block's section. ``verb`` is of the button that led here, which tells where to go on."""
    return drawn(
        "builder/block.html", view=view, found=found, verb=verb, accounts=context["accounts"], several=len(context["blocks"]) > 1,
        account_owned=context["account_owned"], owner_name=context["owner_name"],
    )  # fmt: skip


def addresses(context: Mapping[str, Any], press: Pressed | None = None) -> SafeString:
    """The ranges. ``press`` is of the button that led here, which tells where to go on."""
    go_on = (press.verb, press.about) if press else ("", "")
    return drawn(
        "builder/addresses.html", go_on=go_on, ranges=tuple(context["ranges"].items()), own_address=context["own_address"],
        overall_notes=context["overall_notes"], open_to_all=not context["spec"].client_ips.allow,
    )  # fmt: skip

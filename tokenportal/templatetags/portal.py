"""What templates need beyond Django's own: moments in words, icons, the mark of risk. A builtin, so nobody loads it."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django_htmx.jinja import htmx_script
from lucide.templatetags.lucide import lucide

from tokenportal import clock
from tokenportal.policy import moments

register = template.Library()
register.simple_tag(static, name="static")
register.simple_tag(htmx_script, name="htmx_script")

RISKS = {
    "reads": (1, "Reads"),
    "changes": (2, "Can change"),
    "deletes": (3, "Can delete"),
    "creates": (4, "Can create tokens"),
}
"""How far a token reaches: how many of the four bars are lit, and the word that always stands beside them."""

MARK = mark_safe(
    '<svg class="mark" viewBox="0 0 20 20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.8" '
    'stroke-linecap="round" stroke-linejoin="round"><path d="M3 17.5V9a7 7 0 0 1 14 0v8.5Z"/>'
    '<circle cx="10" cy="9.3" r="1.6"/><path d="M10 11v3"/></svg>'
)


@register.simple_tag
def brand_mark() -> SafeString:
    """The portal's own mark."""
    return MARK


@register.simple_tag
def icon(name: str, size: int = 16) -> str:
    """A Lucide icon beside a word, never instead of it: readers of the screen do not hear it."""
    return _icon(str(name), size)


@lru_cache(maxsize=512)
def _icon(name: str, size: int) -> str:
    """Drawn once: the package copies and writes out an XML tree for each icon, which took half of a page's time."""
    return lucide(name, size=size, aria_hidden="true", stroke_width=1.5, **{"class": "icon"})


def absolute(at: datetime) -> str:
    """A moment in UTC: ``Thu 5 Nov 2026 23:59 UTC``."""
    at = at.astimezone(UTC)
    return f"{at:%a} {at.day} {at:%b %Y %H:%M} UTC"


def offset_words(at: datetime, zone: str) -> str:
    """The same moment on the clock of a time zone, where that clock shows something else; else empty."""
    try:
        local = at.astimezone(ZoneInfo(zone))
    except (KeyError, ValueError, OSError):
        return ""
    if local.utcoffset() == timedelta(0):
        return ""
    day = "" if local.date() == at.astimezone(UTC).date() else f"{local:%a} {local.day} {local:%b} "
    return f"{day}{local:%H:%M} for you"


def machine(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@register.filter
def moment(at: Any, zone: str = "") -> str:
    """An aware moment as ``<time>``, in UTC; with a time zone (``user.time_zone``) in that zone as well."""
    if not isinstance(at, datetime):
        return ""
    here = offset_words(at, zone) if zone else ""
    return format_html('<time datetime="{}">{}{}</time>', machine(at), absolute(at), f" ({here})" if here else "")


@register.filter
def moment_exact(at: Any, zone: str = "") -> str:
    """``moment`` to the second, for what is looked at closely."""
    if not isinstance(at, datetime):
        return ""
    utc = at.astimezone(UTC)
    here = offset_words(at, zone) if zone else ""
    words = f"{utc:%a} {utc.day} {utc:%b %Y %H:%M:%S} UTC"
    return format_html('<time datetime="{}">{}{}</time>', machine(at), words, f" ({here})" if here else "")


@register.filter
def second_of_day(at: Any) -> str:
    """An aware moment under a heading that says its day, on a page that says that times are UTC: ``23:59:07``."""
    if not isinstance(at, datetime):
        return ""
    return format_html('<time datetime="{}">{}</time>', machine(at), f"{at.astimezone(UTC):%H:%M:%S}")


@register.filter
def day_in_words(day: Any) -> str:
    """A day as ``<time>``: ``Thu 5 Nov 2026``."""
    if not isinstance(day, date):
        return ""
    return format_html('<time datetime="{}">{}</time>', day.isoformat(), f"{day:%a} {day.day} {day:%b %Y}")


@register.filter
def moment_in_list(at: Any) -> str:
    """An aware moment for a column whose page says that times are UTC: ``5 Nov 2026 23:59``."""
    if not isinstance(at, datetime):
        return ""
    utc = at.astimezone(UTC)
    return format_html('<time datetime="{}">{}</time>', machine(at), f"{utc.day} {utc:%b %Y %H:%M}")


@register.filter
def ago(at: Any) -> str:
    """An aware moment in relative words, as ``<time>``; the absolute moment stands beside it (``moment``)."""
    if not isinstance(at, datetime):
        return ""
    return format_html('<time datetime="{}">{}</time>', machine(at), moments.relative(at, clock.now()))


@register.filter
def meter(risk: Any) -> str:
    """The risk meter with its word, for reads, changes, deletes or creates. Empty for anything else."""
    return _meter(risk) if risk in RISKS else ""


@lru_cache
def _meter(risk: str) -> str:
    lit, word = RISKS[risk]
    bars = "".join(
        f'<rect{"" if bar < lit else ' class="off"'} x="{4 * bar}" y="{9 - 3 * bar}" width="2.5" height="{3 + 3 * bar}"/>'
        for bar in range(4)
    )
    return format_html(
        '<span class="risk {}"><svg class="meter" viewBox="0 0 14.5 12" aria-hidden="true">{}</svg>{}</span>',
        risk, mark_safe(bars), word,
    )  # fmt: skip


@register.filter
def risk_words(risk: Any) -> str:
    return RISKS.get(risk, (0, ""))[1]


LEVEL_TONES = {"reads": "reads", "creates": "deletes"}


@register.filter
def chip(group: Any) -> str:
    """A permission and its level in one: green where it only reads, red where it makes credentials."""
    tone = "reads" if group.level == "read" else LEVEL_TONES.get(group.risk, "changes")
    return format_html(
        '<span class="chip"><span>{}</span> <span class="level {}">{}</span></span>', group.label, tone, group.level_label
    )


@register.filter
def section_name(slug: Any) -> str:
    """``access-2`` as its heading says it: Access 2."""
    return str(slug or "").replace("-", " ").capitalize()


@register.filter
def marked(text: Any, sought: Any) -> str:
    """The text with every word that was searched for marked in it."""
    words = [re.escape(word) for word in str(sought).split()]
    if not words:
        return str(text)
    pieces = re.split(f"({'|'.join(words)})", str(text), flags=re.IGNORECASE)
    return format_html_join(
        "", "{}{}", ((piece, mark_piece(pieces[at + 1 : at + 2])) for at, piece in enumerate(pieces) if at % 2 == 0)
    )


def mark_piece(found: list[str]) -> SafeString | str:
    return format_html("<mark>{}</mark>", found[0]) if found else ""


@register.filter
def clock_time(at: Any, zone: str = "UTC") -> str:
    """The time of day of a moment just past: on the reader's clock, and in UTC where that differs."""
    if not isinstance(at, datetime):
        return ""
    here = offset_words(at, zone)
    utc = f"{at.astimezone(UTC):%H:%M} UTC"
    return format_html('<time datetime="{}">{}</time>', machine(at), f"{here.removesuffix(' for you')} ({utc})" if here else utc)


@register.filter
def on_lines(rows: Any) -> str:
    """Texts as a text area shows them, one a line."""
    return "\n".join(map(str, rows or ()))


@register.filter
def get(mapping: Any, key: str) -> Any:
    """A value whose key is not a name that templates can write."""
    return mapping.get(key) if isinstance(mapping, dict) else None


@register.filter
def event_words(event: Any) -> str:
    """What an event says happened, in words: ``token.issued`` is kept as ``Token issued`` where nothing better is known."""
    noun, _, verb = str(getattr(event, "action", "")).partition(".")
    words = EVENT_WORDS.get(f"{noun}.{verb}", f"{noun} {verb}".replace("_", " ").capitalize())
    return f"Refused: {words[:1].lower()}{words[1:]}" if getattr(event, "outcome", "") == "refused" else words


EVENT_WORDS = {
    "draft.started": "Draft begun",
    "draft.checked": "Summary opened",
    "draft.versioned": "Version made",
    "draft.restored": "Version restored",
    "draft.shared": "Draft shared",
    "draft.unshared": "Sharing ended",
    "draft.transferred": "Handed on",
    "link.made": "A link was made",
    "link.revoked": "A link was revoked",
    "link.taken": "Came by a link",
    "comment.added": "Commented on",
    "comment.resolved": "A comment was closed",
    "comment.reopened": "A comment was opened again",
    "draft.reopened": "Taken back to draft",
    "draft.discarded": "Discarded",
    "review.sent": "Sent for review",
    "review.asked": "Asked somebody to review it",
    "review.approved": "Approved",
    "review.returned": "Changes requested",
    "review.denied": "Denied",
    "review.withdrawn": "Taken back from review",
    "review.expired": "Review expired",
    "token.issuing": "Sent to Cloudflare",
    "token.issued": "Created",
    "token.issue_failed": "Not created",
    "token.uncertain": "Outcome not known",
    "token.looked_up": "Looked up",
    "token.tried": "Tried out",
    "token.owner_set": "Owners changed",
    "token.reminded": "Owners reminded of the end",
    "token.changing": "Change sent to Cloudflare",
    "token.changed": "Changed",
    "token.change_failed": "Not changed",
    "token.rolling": "Roll sent to Cloudflare",
    "token.rolled": "Rolled: a new secret",
    "token.roll_failed": "Not rolled",
    "token.disabling": "Disabling sent to Cloudflare",
    "token.disabled": "Disabled",
    "token.disable_failed": "Not disabled",
    "token.enabling": "Enabling sent to Cloudflare",
    "token.enabled": "Enabled",
    "token.enable_failed": "Not enabled",
    "token.revoking": "Revoking sent to Cloudflare",
    "token.revoked": "Revoked",
    "token.revoke_failed": "Not revoked",
    "token.taken_over": "Adopted",
    "token.found": "Found at Cloudflare",
    "token.changed_outside": "Changed at Cloudflare",
    "token.drifted": "Differs from what was agreed",
    "token.drift_ended": "As agreed again",
    "token.gone": "Gone from Cloudflare",
    "token.expired": "Expired",
    "alarm.resolved": "Alarm resolved",
    "token.adopted": "Found and taken over",
    "token.alarm": "Alarm",
    "value.looked_up": "Looked up as a leaked value",
}

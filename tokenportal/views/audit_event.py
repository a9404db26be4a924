"""One event opened: its fields in words, whether its seal holds, what was agreed to, and where to go on."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from tokenportal.audit import AuditUnavailable, one_event, reading
from tokenportal.models import AuditEvent, User
from tokenportal.policy.compile import Payload
from tokenportal.policy.formats import as_json
from tokenportal.views import access, audit_told
from tokenportal.views.audit_rows import PORTAL, STRANGER, who
from tokenportal.views.summary import known, told

AGREEING = {"draft.checked", "token.issuing", "token.changing"}
"""What names a version of a request and its digest."""


@dataclass(frozen=True)
class Way:
    """A list of events that this one is one of."""

    words: str
    url: str


def opened(number: int, user: User) -> dict[str, Any]:
    """What the page of one event shows. Raises Http404."""
    event = access.event(number)
    return {
        "event": event, "words": audit_told.words_of(event), "tone": audit_told.TONES.get(event.outcome, "warn"),
        "line": audit_told.lines([event], user)[0], "kind": kind_of(event),
        "channel": audit_told.CHANNELS.get(event.channel, event.channel),
        "sign_in": audit_told.SIGN_INS.get(event.sign_in, event.sign_in),
        "changes": audit_told.changes_of(event), "details": audit_told.details_of(event), "ways": ways(event),
        "newer": reading.exists(number + 1), "older": reading.exists(number - 1),
        **seal(event), **agreed(event, user),
    }  # fmt: skip


def kind_of(event: AuditEvent) -> str:
    """What kind of thing it is about; empty where its name says so by itself, as that of a request does."""
    kind = audit_told.KINDS.get(event.object_type, event.object_type)
    return "" if event.object_name.lower().startswith(f"{kind.lower()} ") else kind


def seal(event: AuditEvent) -> dict[str, Any]:
    """Whether the seal holds, recomputed now; None where the key is not here."""
    try:
        wrong = one_event.wrong_with(event)
    except AuditUnavailable as error:
        return {"holds": None, "wrong": str(error)}
    return {"holds": not wrong, "wrong": wrong}


def ways(event: AuditEvent) -> list[Way]:
    def way(words: str, **query: Any) -> Way:
        return Way(words, f"{reverse('audit')}?{urlencode(query)}")

    actor = who(event)
    words = {PORTAL: "The portal itself", STRANGER: "Whoever was not signed in"}.get(actor, "The same person")
    found = [way(words, actor=event.by_id or actor)]
    found.append(way("The same kind of event", action=event.action))
    if event.session:
        found.append(way("The same session", q=f"session:{event.session}"))
    if event.object_id:
        found.append(way("The same thing", object=event.object_id))
    if event.trail:
        found.append(way("The whole trail", q=f"trail:{event.trail}"))
    return found


def agreed(event: AuditEvent, user: User) -> dict[str, Any]:
    """The version that an event names, as sentence and JSON, and whether what is stored still has the digest that it names.

    What a draft holds is private until it is sent: then ``agreed_private`` is all that is said.
    """
    if event.action not in AGREEING or not event.trail:
        return {}
    number, digest = version_of(event), digest_of(event)
    version = access.version(user, event.trail, number) if number else None
    if version is None:
        return {"agreed_number": number, "agreed_private": True}
    payload = Payload.from_body(version.payload)
    return {
        "agreed": version, "agreed_number": number, "agreed_digest": digest, "agreed_same": payload.digest == digest,
        "agreed_json": as_json(version.payload),
        **told(version.payload, *known(version.payload, version.agreed_connection)),
    }  # fmt: skip


def version_of(event: AuditEvent) -> int | None:
    """Its number stands in the details, or among what changed."""
    pair = reading.change(event, "version")
    number = reading.detail(event, "version") or (pair[1] if pair else None)
    return number if isinstance(number, int) else None


def digest_of(event: AuditEvent) -> str:
    return event.digest or str(reading.detail(event, "digest") or "")

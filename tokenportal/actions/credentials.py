"""Whether the credentials that the portal stores are those of which the audit log tells.

A sealed credential opens only in its own row, but an old one of the same row, put back, would open. Its keyed fingerprint stands in
the event that stored it, so one that was put back shows.
"""

from uuid import UUID

from tokenportal import upstream
from tokenportal.audit import Event, reading
from tokenportal.models import AuditEvent, Connection

STORED = (Event.CONNECTION_CREATED, Event.CREDENTIAL_REPLACED)


def put_back() -> tuple[int, str] | None:
    """The first event of which a stored credential is not the one that it tells of, and a sentence; None where all agree.

    None as well where the key of the fingerprints is not here: the credentials do not open then either.
    """
    wrong = map(_wrong, Connection.objects.values_list("pk", flat=True))
    return min(filter(None, wrong), default=None)


def _told(connection_id: UUID) -> AuditEvent | None:
    events = AuditEvent.objects.filter(object_id=str(connection_id), action__in=STORED).order_by("-number")
    return next(iter(reading.read(events[:1])), None)


def _wrong(connection_id: UUID) -> tuple[int, str] | None:
    while True:
        event, row = _told(connection_id), Connection.objects.filter(pk=connection_id).first()
        # Whoever replaces the credential between the two does no wrong: look again.
        if event == _told(connection_id):
            break
    if row is None:
        return None
    if event is None:
        newest = AuditEvent.objects.order_by("-number").values_list("number", flat=True).first() or 1
        return newest, f"The connection {row} holds a credential of which no event tells."
    told = reading.detail(event, "ciphertext") or reading.detail(event, "fingerprint")  # as earlier events call it
    if upstream.is_the_one_stored(row, told) is not False:
        return None
    return event.number, f"The connection {row} holds another credential than the one that was stored by event {event.number}."

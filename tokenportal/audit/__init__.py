"""The audit: the only way to change anything, and the chain that shows whether somebody changed the record itself."""

from tokenportal.audit.attempts import about, attempting, means, refuse, refusing
from tokenportal.audit.chain import AuditUnavailable, take_turn
from tokenportal.audit.events import Event
from tokenportal.audit.recording import Record, can_record, note, recording, refused

__all__ = [
    "AuditUnavailable", "Event", "Record", "about", "attempting", "can_record", "means", "note", "recording", "refuse", "refused",
    "refusing", "take_turn",
]  # fmt: skip

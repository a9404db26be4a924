"""Verification: one pass over all events and all checkpoints, in constant memory.

It recomputes what each event's hash and seal must be, that each follows the one before, that a new key begins with
its event, and that each checkpoint says of the log what the log says of itself. What this proves: of the events up to the newest
none was changed, removed, added or moved by somebody without the keys, but for the tail after the newest checkpoint, of which
the newest events may have been cut off. What it does not prove: that what the portal was told was true, and
nothing where somebody has the keys, or could cut off the tail and the checkpoint file alike: only a checkpoint kept elsewhere shows that.
"""

import heapq
import hmac
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from tokenportal import keys
from tokenportal.audit import checkpoints, raw, seals
from tokenportal.audit.checkpoints import Checkpoint
from tokenportal.audit.events import Event
from tokenportal.models import AuditEvent, AuditHead
from tokenportal.models.audit_event import canonical_json


@dataclass(frozen=True)
class Finding:
    """The first event at which the log does not hold, and what is wrong with it.

    ``kind`` is missing, link, content, key, mac or checkpoint; actions.verifying adds credential.
    """

    number: int
    kind: str
    sentence: str


@dataclass(frozen=True)
class Result:
    """``events`` hold, counted from event 1 (those before ``start`` were not looked at), and then comes the finding, if any.

    ``checkpoints`` is how many of them agree with the log, ``newest`` the last of those.
    """

    events: int
    finding: Finding | None
    checkpoints: int = 0
    newest: Checkpoint | None = None

    @property
    def unprotected(self) -> int:
        """How many of the events that hold came after the newest checkpoint: these could be cut off unseen."""
        return max(0, self.events - self.newest.size) if self.newest else self.events


@dataclass(frozen=True)
class Due:
    """What the checkpoint file has to say once event ``at`` was read: a checkpoint, or what is wrong with a line."""

    at: int
    checkpoint: Checkpoint | None
    wrong: str = ""


type Progress = Callable[[int, int], None]
"""Called after each page of events with how many were looked at, and how many there were when it began."""


def dues(start: Checkpoint | None) -> Iterator[Due]:
    """The lines of the checkpoint file after that of ``start``, judged one by one. Raises AuditUnavailable."""
    lines: Iterable[str] = checkpoints.lines()
    if start:
        lines = iter(lines)
        for line in lines:
            if line == start.line:
                break
    before, ring = start, None
    for line in lines:
        size = before.size if before else 0
        try:
            found = checkpoints.parse(line)
            ring = ring or checkpoints.keyring()
            checkpoints.require_ours(found, ring)
            _require_order(before, found, list(ring.keys))
        except checkpoints.NotACheckpoint as wrong:
            yield Due(size + 1, None, f"The checkpoint after the one of {size} events was changed. {wrong}")
            continue
        yield Due(found.size, found)
        before = found


def _require_order(before: Checkpoint | None, found: Checkpoint, order: list[str]) -> None:
    if before and (found.size, order.index(found.key)) <= (before.size, order.index(before.key)):
        raise checkpoints.NotACheckpoint("It does not follow the one before it.")
    if before and order.index(found.key) < order.index(before.key):
        raise checkpoints.NotACheckpoint("It goes back to an earlier key.")


class Pass:
    """One walk along the events. ``number``, ``hash`` and ``key_id`` are those of the last event that holds."""

    def __init__(self, ring: keys.Keyring, start: Checkpoint | None, kept: Iterable[Checkpoint]) -> None:
        self.ring, self.order = ring, {key_id: place for place, key_id in enumerate(ring.keys)}
        self.number, self.hash, self.key_id = (start.size, start.head, "") if start else (0, seals.START, "")
        self.origin = start.origin if start else ""
        elsewhere = (Due(one.size, one) for one in sorted(kept, key=lambda one: one.size) if one.size > self.number)
        self.dues = heapq.merge(dues(start), elsewhere, key=lambda due: due.at)
        self.due = next(self.dues, None)
        self.agreed, self.newest = 0, start
        self.canonical = raw.canonical()

    def wrong_with(self, row: raw.Row) -> tuple[str, str] | None:
        """The kind and the sentence of what is wrong with the next event, or None, and then it is the last one that holds."""
        number = self.number + 1
        if row[raw.NUMBER] != number:
            return "missing", f"Event {number} is missing."
        try:
            _, previous, claimed, key_id, mac, action, details = row[:7]
            if previous != self.hash:
                return "link", f"Event {number} does not follow the event before it."
            if claimed != sha256(self.canonical(row)).hexdigest():
                return "content", f"The content of event {number} was changed."
            if key_id not in self.ring.keys:
                return "key", f"Event {number} names the key {key_id[:20]!r}, which is not here."
            if not hmac.compare_digest(mac, seals.mac(claimed, self.ring.keys[key_id])):
                return "mac", f"Event {number} was not sealed with this portal's key."
        except raw.UNREADABLE:
            return "content", f"The content of event {number} was changed: it cannot be read any more."
        if key_id != self.key_id and self.key_id and not self.may_begin(key_id, action, details):
            return "key", f"Event {number} is sealed with another key than the event before it, and no event says so."
        self.number, self.hash, self.key_id = number, claimed, key_id
        self.origin = self.origin or claimed
        return None

    def may_begin(self, key_id: str, action: str, details: str) -> bool:
        """Whether this event is the one that says that a later key of the file seals from here on."""
        said = canonical_json({"from": self.key_id, "to": key_id})
        return action == Event.AUDIT_KEY_ROTATED and details == said and self.order[key_id] > self.order[self.key_id]

    def checkpoint_finding(self) -> Finding | None:
        """What the checkpoints that are due by now say against the log."""
        while self.due and self.due.at <= self.number:
            due, self.due = self.due, next(self.dues, None)
            found = due.checkpoint
            wrong = due.wrong
            if found and found.origin != self.origin:
                wrong = f"The checkpoint of {found.size} events, signed at {found.at}, is of another log."
            elif found and found.head != self.hash:
                wrong = f"The log is not the one of which the checkpoint of {found.size} events was signed at {found.at}."
            if wrong:
                return Finding((self.newest.size if self.newest else 0) + 1, "checkpoint", wrong)
            self.agreed, self.newest = self.agreed + 1, found
        return None

    def end_finding(self, reached: int, needs: str) -> Finding | None:
        """What is wrong once there are no more events: some are missing at the end, or checkpoints are."""
        number = self.number + 1
        if reached > self.number:
            return Finding(number, "missing", f"Event {number} is missing: the log should reach {reached}.")
        if self.due and self.due.checkpoint:
            found = self.due.checkpoint
            sentence = f"Event {number} is missing: a checkpoint of {found.size} events was signed at {found.at}."
            return Finding(number, "missing", sentence)
        if self.due:
            return Finding(number, "checkpoint", self.due.wrong)
        if needs and not self.signed_since(needs):
            after = self.newest.size if self.newest else 0
            sentence = "The checkpoint file lacks what the log says was signed: it is gone, or its end was cut off."
            return Finding(after + 1, "checkpoint", sentence)
        below = AuditEvent.objects.filter(number__lt=1).order_by("number").values_list("number", flat=True).first()
        if below is not None:
            return Finding(below, "missing", f"Event {below} was put in before the beginning.")
        return None

    def signed_since(self, key_id: str) -> bool:
        """Whether a checkpoint was found that this signing key or a later one signed."""
        order = list(checkpoints.keyring().keys)
        return bool(self.newest and key_id in order and order.index(self.newest.key) >= order.index(key_id))


def follow(
    *, start: Checkpoint | None = None, kept: Iterable[Checkpoint] = (), progress: Progress | None = None
) -> Result:  # fmt: skip
    """Recompute every link from the beginning, or from a signed checkpoint on; ``kept`` are checkpoints from elsewhere.

    Raises AuditUnavailable where a key is not here, for then nobody can tell.
    """
    # What must be there is asked first: what is written meanwhile is then no cause for alarm.
    reached = AuditHead.objects.filter(id=1).values_list("number", flat=True).first() or 0
    needs = _signing_key_begun()
    walk = Pass(seals.keyring(), start, kept)
    for page in raw.pages(start.size if start else 0):
        for row in page:
            wrong = walk.wrong_with(row)
            if wrong:
                return _result(walk, Finding(walk.number + 1, *wrong))
            finding = walk.checkpoint_finding()
            if finding:
                return _result(walk, finding)
        if progress:
            progress(walk.number, max(reached, walk.number))
    return _result(walk, walk.end_finding(reached, needs))


def _result(walk: Pass, finding: Finding | None) -> Result:
    return Result(finding.number - 1 if finding else walk.number, finding, walk.agreed, walk.newest)


def _signing_key_begun() -> str:
    """The id of the signing key of which the newest event says that checkpoints are signed with it; empty where none does."""
    events = AuditEvent.objects.filter(action=Event.CHECKPOINT_KEY_SET).order_by("-number")
    try:
        return str((events.values_list("details", flat=True).first() or {}).get("key", ""))
    except raw.UNREADABLE:
        return ""

"""The evidence pack: who holds which token, who agreed to exactly what, and the log that says so, as one signed zip.

It is written while it is sent, a piece at a time, so that a log of a million events takes no more memory than a short one.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tokenportal import audit, clock, rules
from tokenportal.actions import checkpointing, evidence_rows, holdings, verified, verifying
from tokenportal.actions.evidence_rows import Period
from tokenportal.actions.evidence_words import readme
from tokenportal.audit import AuditUnavailable, Event, checkpoints, export, signing
from tokenportal.audit.signing import Signer
from tokenportal.models import AuditEvent, Token, User

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
NO_RESULT = "There is no result that can be believed. Verify the log, then export again."
PIECE = 64 * 1024
"""At least so many bytes are collected before they are sent, but for the last."""


@dataclass(frozen=True)
class Contents:
    """What is decided before the first byte: the events reach up to ``newest``, the number of the log's newest one."""

    by: User
    period: Period
    at: datetime
    newest: int
    signer: Signer

    @property
    def name(self) -> str:
        return f"evidence-{self.at:%Y-%m-%dT%H%MZ}"


def begin(*, by: User, period: Period) -> Contents:
    """Record that the pack is taken, before anything leaves.

    Raises NotAllowed, and AuditUnavailable where nothing can be signed or recorded.
    """
    rules.require(rules.may_read_audit(by))
    signer, tokens = signing.signer(), Token.objects.visible_to(by).count()
    audit.note(
        Event.EVIDENCE_EXPORTED, by=by, format="zip", first_day=period.first, last_day=period.last, tokens=tokens,
        events_up_to=_newest(),
    )  # fmt: skip
    if made := checkpoints.try_to_make():
        checkpointing.tell_key(made)
    return Contents(by, period, clock.now(), _newest(), signer)


def _newest() -> int:
    return AuditEvent.objects.order_by("-number").values_list("number", flat=True).first() or 0


def pieces(contents: Contents) -> Iterator[bytes]:
    """The zip, with the manifest and its signature last."""
    out, told = _Out(), {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, texts in _files(contents):
            told[name] = entry = {"sha256": "", "bytes": 0}
            yield from _written(archive, out, contents, name, map(str.encode, texts), entry)
        manifest = json.dumps(_manifest(contents, told), indent=1, ensure_ascii=True).encode()
        for name, content in ((MANIFEST, manifest), (SIGNATURE, contents.signer.sign(manifest))):
            yield from _written(archive, out, contents, name, [content], {})
    yield out.taken()


def _files(contents: Contents) -> Iterator[tuple[str, Iterable[str]]]:
    tokens = Token.objects.visible_to(contents.by).order_by("name", "pk")
    yield "README.txt", [readme(contents.by.username, contents.at, contents.newest, contents.period, contents.signer)]
    yield "tokens.csv", export.csv_lines(holdings.COLUMNS, map(holdings.as_row, holdings.holdings(tokens)))
    yield "tokens.jsonl", export.json_lines(map(holdings.as_json, holdings.holdings(tokens)))
    yield "owners.csv", export.csv_lines(evidence_rows.OWNERS, evidence_rows.owners())
    yield "reviews.csv", export.csv_lines(evidence_rows.REVIEWS, evidence_rows.reviews())
    yield "approvals.csv", export.csv_lines(evidence_rows.APPROVALS, evidence_rows.approvals())
    yield "events.jsonl", export.json_lines(evidence_rows.events(contents.period, contents.newest))
    yield "verification.json", [_json(verification())]
    yield "checkpoint.json", [_json(checkpoint())]
    yield "public-key.pem", [contents.signer.pem]


def verification() -> dict[str, Any]:
    """The log verified now where that takes a moment, else the last result that was kept, and whether it can be believed."""
    if _newest() > verifying.AT_ONCE:
        return _kept()
    at = clock.now()
    try:
        result = verifying.verify()
    except AuditUnavailable as error:
        return {"verified": at, "result": "unknown", "sentence": str(error)}
    bad = result.finding
    found = {"first_bad": bad.number, "kind": bad.kind} if bad else {}
    said = "tampered" if bad else "clean"
    return {"verified": at, "result": said, "events": result.events, "unprotected": result.unprotected} | found | {
        "sentence": verifying.in_words(result)
    }  # fmt: skip


def _kept() -> dict[str, Any]:
    """What was found stands before a clean look at the whole log that was over before it."""
    kept = verified.standing() or verified.last(verified.Scope.WHOLE)
    if kept is None or not verified.trusted(kept):
        return {"verified": None, "result": "unknown", "sentence": NO_RESULT}
    return {
        "verified": kept.ended_at, "result": kept.result, "events": kept.events, "unprotected": kept.unprotected,
        "first_bad": kept.first_bad, "kind": kept.kind, "sentence": kept.sentence,
    }  # fmt: skip


def checkpoint() -> dict[str, Any]:
    """The newest checkpoint as its file holds it, or why there is none."""
    stands = checkpoints.standing()
    return json.loads(stands.newest.line) if stands.newest else {"sentence": stands.trouble or "There is no checkpoint yet."}


def _manifest(contents: Contents, told: dict[str, Any]) -> dict[str, Any]:
    return {
        "what": "evidence pack of Token Portal", "at": evidence_rows.moment(contents.at), "by": contents.by.username,
        "events_up_to": contents.newest, "first_day": _day(contents.period.first), "last_day": _day(contents.period.last),
        "key": contents.signer.key_id, "public_key": contents.signer.public, "files": told,
    }  # fmt: skip


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=True, default=evidence_rows.moment) + "\n"


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


class _Out:
    """What the zip is written to: it has no beginning to go back to, and gives away what it holds."""

    def __init__(self) -> None:
        self.held = bytearray()

    def write(self, content: bytes) -> int:
        self.held += content
        return len(content)

    def flush(self) -> None:
        """Nothing is held back."""

    close = flush

    def taken(self) -> bytes:
        content = bytes(self.held)
        self.held.clear()
        return content


def _written(
    archive: zipfile.ZipFile, out: _Out, contents: Contents, name: str, parts: Iterable[bytes], entry: dict[str, Any]
) -> Iterator[bytes]:
    """One file of the pack; ``entry`` is told its SHA-256 and size."""
    about = zipfile.ZipInfo(f"{contents.name}/{name}", contents.at.timetuple()[:6])
    about.compress_type, about.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
    digest, size = hashlib.sha256(), 0
    with archive.open(about, "w", force_zip64=True) as file:
        for part in parts:
            file.write(part)
            digest.update(part)
            size += len(part)
            if len(out.held) >= PIECE:
                yield out.taken()
    entry |= {"sha256": digest.hexdigest(), "bytes": size}

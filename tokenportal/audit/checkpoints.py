"""Signed checkpoints: how long the log was and how its newest event hashed, in a file outside the database.

The chain alone cannot tell whether its tail was cut off. A checkpoint can, as far as it reaches. The file holds JSON Lines,
``{"at", "head", "key", "origin", "signature", "size"}``, each signed with Ed25519 (RFC 8032) over its canonical JSON without the
signature. ``origin`` is the hash of event 1, which tells logs apart. The public key is worked out from the key file and
never read from the line or from the database, or whoever writes those could sign for us.
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.db import DatabaseError

from tokenportal import clock, keys
from tokenportal.audit import reading
from tokenportal.audit.seals import AuditUnavailable
from tokenportal.models import AuditEvent
from tokenportal.models.audit_event import canonical_json

EVERY = 100
"""After so many events at the latest there is a checkpoint."""
LABEL = b"tokenportal checkpoint 1\n"
LONGEST = 1024
"""No line is longer, in bytes."""

log = logging.getLogger("tokenportal.checkpoints")


class NotACheckpoint(ValueError):
    """A line that this portal did not sign, or that was changed since."""


@dataclass(frozen=True)
class Checkpoint:
    """``size`` events, of which event 1 has the hash ``origin`` and the last the hash ``head``; ``at`` is ISO 8601, in UTC."""

    origin: str
    size: int
    head: str
    at: str
    key: str
    signature: str = ""

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.at)

    @property
    def line(self) -> str:
        return canonical_json(asdict(self))

    @property
    def signed(self) -> bytes:
        content = asdict(self)
        del content["signature"]
        return LABEL + canonical_json(content).encode()


def path() -> Path:
    return Path(settings.CHECKPOINTS_FILE)


def keyring() -> keys.Keyring:
    """The signing keys, read anew each time. Never made where there are checkpoints: a new key would make them all look forged.

    Raises AuditUnavailable.
    """
    load = keys.load_or_make if settings.KEYS_ARE_MADE_ON_DEMAND and not _is_begun() else keys.load
    try:
        return load(Path(settings.KEYS_DIR), "checkpoint")
    except (keys.KeyMissing, OSError) as error:
        raise AuditUnavailable(str(error)) from None


def _is_begun() -> bool:
    try:
        return path().stat().st_size > 0
    except OSError:
        return False


@lru_cache(maxsize=64)
def public_key(seed: bytes) -> Ed25519PublicKey:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key()


def public_hex(key_id: str) -> str:
    """The public key of a signing key, as 64 hexadecimal digits."""
    return public_key(keyring().keys[key_id]).public_bytes_raw().hex()


def parse(line: str) -> Checkpoint:
    """A line as a checkpoint, its signature not looked at. Raises NotACheckpoint for any other form of the same content."""
    try:
        found = Checkpoint(**json.loads(line))
        texts = (found.origin, found.head, found.at, found.key, found.signature)
        whole = type(found.size) is int and found.size > 0 and all(type(text) is str for text in texts)
        whole = whole and found.line == line and bytes.fromhex(found.signature).hex() == found.signature
    except (ValueError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise NotACheckpoint("It does not have the form of a checkpoint.")
    return found


def require_ours(found: Checkpoint, ring: keys.Keyring) -> Checkpoint:
    """Raises NotACheckpoint where none of our keys signed it."""
    if found.key not in ring.keys:
        raise NotACheckpoint(f"It names the key {found.key!r}, which is not in the key file.")
    try:
        public_key(ring.keys[found.key]).verify(bytes.fromhex(found.signature), found.signed)
    except InvalidSignature:
        raise NotACheckpoint("Its signature does not belong to it.") from None
    return found


def sign(origin: str, size: int, head: str, ring: keys.Keyring) -> Checkpoint:
    at = clock.now().astimezone(UTC).isoformat(timespec="seconds")
    bare = Checkpoint(origin, size, head, at, ring.current)
    signature = Ed25519PrivateKey.from_private_bytes(ring.current_key).sign(bare.signed).hex()
    return Checkpoint(origin, size, head, at, ring.current, signature)


def lines() -> Iterator[str]:
    """The whole lines of the file as it is now; none where there is no file. Raises AuditUnavailable.

    What follows the last line break is the rest of a write that a crash cut off, or one under way.
    """
    try:
        with path().open("rb") as file:
            left = os.fstat(file.fileno()).st_size
            while left > 0 and (line := file.readline(min(left, LONGEST))):
                left -= len(line)
                if line.endswith(b"\n") or left > 0:
                    yield line.decode("utf-8", "replace").removesuffix("\n")
    except FileNotFoundError:
        return
    except OSError as error:
        raise AuditUnavailable(f"The checkpoint file cannot be read: {error.strerror}.") from None


def newest() -> Checkpoint | None:
    """The last line that is signed by us, without reading the whole file. Raises AuditUnavailable."""
    try:
        with path().open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4 * LONGEST))
            return _newest_of(file.read())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AuditUnavailable(f"The checkpoint file cannot be read: {error.strerror}.") from None


def _newest_of(tail: bytes) -> Checkpoint | None:
    ring = None
    for line in reversed(tail.split(b"\n")[:-1]):
        try:
            found = parse(line.decode("utf-8", "replace"))
            ring = ring or keyring()
            return require_ours(found, ring)
        except NotACheckpoint:
            continue
    return None


@contextmanager
def _locked() -> Iterator[int]:
    """The file, open to be appended to, by one process and thread at a time."""
    path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path(), os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def make() -> Checkpoint | None:
    """Sign how the log stands and append that to the file; the newest checkpoint. None for an empty log.

    Where the newest one covers as much already, nothing is written. Raises AuditUnavailable or OSError.
    """
    with _locked() as file:
        end = os.fstat(file).st_size
        tail = os.pread(file, 4 * LONGEST, max(0, end - 4 * LONGEST))
        if torn := len(tail) - tail.rfind(b"\n") - 1:
            # A line that a crash cut off. Nobody was told of it, so it goes.
            os.ftruncate(file, end - torn)
        ring = keyring()
        before = _newest_of(tail)
        size = reading.newest()
        if not size or (before and before.size >= size and before.key == ring.current):
            return before
        origin, head = reading.hash_of(1) or (before.origin if before else ""), reading.hash_of(size)
        if not (origin and head):
            raise AuditUnavailable("An event that a checkpoint has to name cannot be read.")
        made = sign(origin, size, head, ring)
        _write(file, made.line.encode() + b"\n")
        return made


def _write(file: int, text: bytes) -> None:
    if os.write(file, text) != len(text):
        raise OSError(28, "No space left on the device")
    os.fsync(file)


_told = ""


def try_to_make() -> Checkpoint | None:
    """The same where a failure must not undo anything: it is logged, once for as long as it lasts, and None."""
    global _told
    try:
        made, told = make(), ""
    except (AuditUnavailable, OSError, DatabaseError) as error:
        made, told = None, f"No checkpoint can be written: {error}"
    if told and told != _told:
        log.warning("%s", told)
    _told = told
    return made


@dataclass(frozen=True)
class Standing:
    """The newest checkpoint, how many events came after it, and what is wrong, as a sentence; empty where nothing is."""

    newest: Checkpoint | None
    unprotected: int
    trouble: str


def standing() -> Standing:
    """How the checkpoints stand, as any process can see it."""
    size = AuditEvent.objects.order_by("-number").values_list("number", flat=True).first() or 0
    try:
        found = newest()
    except AuditUnavailable as error:
        return Standing(None, size, str(error))
    unprotected = max(0, size - found.size) if found else size
    return Standing(found, unprotected, _trouble(found, unprotected))


def _trouble(found: Checkpoint | None, unprotected: int) -> str:
    place = path() if path().exists() else path().parent
    if place.exists() and not os.access(place, os.W_OK):
        return "The checkpoint file cannot be written."
    patience = timedelta(seconds=3 * settings.CHECKPOINT_INTERVAL_SECONDS)
    since = _unprotected_since(found) if unprotected else clock.now()
    if since is None or clock.now() - since > patience:
        return "No checkpoint was written lately, although there are new events. Is manage.py work running?"
    return ""


def _unprotected_since(found: Checkpoint | None) -> datetime | None:
    """When the first event after the checkpoint came. Of one that cannot be read it is known that it came after the checkpoint."""
    after = reading.readable([found.size + 1 if found else 1], *reading.LONG)
    return next((event.at for event in after if event.at), found.moment if found else None)

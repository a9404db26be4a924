"""The key files: for sealing credentials, for the audit chain, for signing its checkpoints, for Django's signatures.

A key file holds one key a line, ``<id> <base64 of 32 bytes>``; the last line is the current key, earlier ones still
open what they sealed. Files are made with mode 0600 and never overwritten. They live outside the database, so that
somebody who holds only the database can neither open a credential nor forge an event.
"""

import base64
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

NAMES = ("sealing", "audit", "checkpoint", "django")


class KeyMissing(Exception):
    """A key file is absent, unreadable or malformed. The message names the file and never its content."""


@dataclass(frozen=True)
class Keyring:
    """Keys of one purpose by id; ``current`` is the id that new work uses."""

    current: str
    keys: dict[str, bytes] = field(repr=False)

    def key(self, key_id: str) -> bytes:
        """The 32 bytes of a key. Raises KeyMissing for an id that the file does not hold."""
        try:
            return self.keys[key_id]
        except KeyError:
            raise KeyMissing(f"There is no key {key_id!r} in the key file.") from None

    @property
    def current_key(self) -> bytes:
        return self.keys[self.current]


def path_of(directory: Path, name: str) -> Path:
    return directory / f"{name}.key"


def load(directory: Path, name: str) -> Keyring:
    """Read one key file. Raises KeyMissing where it is absent or not of the form above."""
    path = path_of(directory, name)
    try:
        lines = [line.split() for line in path.read_text("ascii").splitlines() if line.strip()]
        found = {key_id: base64.b64decode(text, validate=True) for key_id, text in lines}
    except OSError as error:
        raise KeyMissing(f"The key file {path} cannot be read: {error.strerror}.") from None
    except (ValueError, UnicodeDecodeError):
        raise KeyMissing(f"The key file {path} is not of the form '<id> <base64>'.") from None
    if not found or any(len(key) != 32 for key in found.values()):
        raise KeyMissing(f"The key file {path} holds no key of 32 bytes.")
    return Keyring(current=lines[-1][0], keys=found)


def make(directory: Path, name: str) -> Path:
    """Write a new key file with one key. Raises FileExistsError rather than overwrite one."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = path_of(directory, name)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(_line(name))
    return path


def _line(name: str) -> str:
    return f"{name[0]}{secrets.token_hex(4)} {base64.b64encode(secrets.token_bytes(32)).decode()}\n"


def rotate(directory: Path, name: str) -> Keyring:
    """Add a key to a key file, which is the current one from then on; earlier ones stay. Raises KeyMissing or OSError.

    The file is replaced as a whole, so that nobody reads half of it.
    """
    load(directory, name)
    path = path_of(directory, name)
    spare = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(path.read_text("ascii").rstrip("\n") + "\n" + _line(name))
        file.flush()
        os.fsync(file.fileno())
    spare.replace(path)
    return load(directory, name)


def load_or_make(directory: Path, name: str) -> Keyring:
    """Read a key file, making it first where it is absent; two processes that race both get the winner's."""
    if not path_of(directory, name).exists():
        # Written whole under another name and linked into place, so that nobody reads half a key.
        spare = f"{name}.{os.getpid()}.{secrets.token_hex(4)}"
        made = make(directory, spare)
        try:
            os.link(made, path_of(directory, name))
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return load(directory, name)

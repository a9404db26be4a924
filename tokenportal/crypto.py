"""Sealing of stored credentials: AES-256-GCM, bound to the very row that holds them.

The associated data names table, column, row and key, so that a ciphertext moved to another row does not open. The
key lies in a file outside the database (see keys).
"""

import base64
import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tokenportal.keys import Keyring
from tokenportal.secret import Secret


class CannotOpen(Exception):
    """A ciphertext does not belong to this row, or was changed, or its key is not here."""


def bound_to(table: str, column: str, row_id: object, key_id: str) -> bytes:
    return "\x1f".join(("tokenportal", table, column, str(row_id), key_id)).encode()


def seal(secret: Secret, keyring: Keyring, *, table: str, column: str, row_id: object) -> str:
    """The text to store: ``1.<key id>.<base64 of nonce and ciphertext>``."""
    nonce = secrets.token_bytes(12)
    box = AESGCM(keyring.current_key)
    sealed = box.encrypt(nonce, secret.reveal().encode(), bound_to(table, column, row_id, keyring.current))
    return f"1.{keyring.current}.{base64.b64encode(nonce + sealed).decode()}"


def open_sealed(text: str, keyring: Keyring, *, table: str, column: str, row_id: object) -> Secret:
    """The secret of this row. Raises CannotOpen where the text was sealed for another row or was changed."""
    try:
        form, key_id, body = text.split(".")
        raw = base64.b64decode(body, validate=True)
        if form != "1" or key_id not in keyring.keys:
            raise ValueError(form)
        box = AESGCM(keyring.key(key_id))
        return Secret(box.decrypt(raw[:12], raw[12:], bound_to(table, column, row_id, key_id)).decode())
    except (ValueError, InvalidTag):
        raise CannotOpen("The stored credential does not open: it was changed, moved, or sealed with another key.") from None


def fingerprint(text: str, keyring: Keyring) -> str:
    """A keyed fingerprint, 16 hex digits: tells whether two texts are equal and nothing else about them."""
    return _fingerprint(text, keyring.current_key)


def has_fingerprint(text: str, mark: str, keyring: Keyring) -> bool:
    """Whether a text had this fingerprint under the current key or an earlier one."""
    return any(_fingerprint(text, key) == mark for key in keyring.keys.values())


def _fingerprint(text: str, key: bytes) -> str:
    return hmac.new(key, b"fingerprint\x1f" + text.encode(), hashlib.sha256).hexdigest()[:16]

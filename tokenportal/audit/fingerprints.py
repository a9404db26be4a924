"""Keyed fingerprints of secrets that were handed out, so that a leaked one can be told apart, and nothing more.

A fingerprint is ``<id of the audit key>:<32 hexadecimal digits>``: an HMAC-SHA-256 under a key that is derived from the
audit key for this alone. Who holds the database and not the key can neither test a guess nor recognise a value.
"""

import hashlib
import hmac
from collections.abc import Iterable

from tokenportal.audit.chain import keyring
from tokenportal.secret import Secret

LABEL = b"tokenportal fingerprint of a secret 1"
DIGITS = 32


def of(secret: Secret) -> str:
    """Under the present key. Raises AuditUnavailable."""
    ring = keyring()
    return _under(ring.current, ring.current_key, secret)


def under_every_key(secrets: Iterable[Secret]) -> list[str]:
    """Whatever fingerprint one of these secrets may have got, since the first key that is still here. Raises AuditUnavailable."""
    ring = keyring()
    return [_under(key_id, key, secret) for secret in secrets for key_id, key in ring.keys.items()]


def _under(key_id: str, key: bytes, secret: Secret) -> str:
    derived = hmac.digest(key, LABEL, hashlib.sha256)
    return f"{key_id}:{hmac.new(derived, secret.reveal().encode(), hashlib.sha256).hexdigest()[:DIGITS]}"

"""Signing what leaves the portal with the key that signs checkpoints, so that anybody can tell that it came from here."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tokenportal.audit import checkpoints


@dataclass(frozen=True)
class Signer:
    """One key: its id in the key file, its public half as 64 hexadecimal digits and as PEM (RFC 8410)."""

    key_id: str
    public: str
    pem: str
    _private: Ed25519PrivateKey

    def sign(self, content: bytes) -> bytes:
        """An Ed25519 signature (RFC 8032), 64 bytes. What is signed of a checkpoint begins with a label that no JSON begins with."""
        return self._private.sign(content)


def signer() -> Signer:
    """The current key. Raises AuditUnavailable where it cannot be read."""
    ring = checkpoints.keyring()
    private = Ed25519PrivateKey.from_private_bytes(ring.current_key)
    public = private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return Signer(ring.current, public.public_bytes_raw().hex(), pem, private)

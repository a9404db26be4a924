"""Token values: their form, their checksum, and the hash that is kept in their stead."""

import hashlib
import secrets
import string
import zlib

ALPHABET = string.ascii_letters + string.digits
PREFIXES = {"user": "cfut_", "account": "cfat_"}


def new_value(kind: str) -> str:
    """A fresh value: prefix, 40 characters, 8 hexadecimal digits. Cloudflare's checksum is unpublished; this one is CRC-32."""
    stem = PREFIXES[kind] + "".join(secrets.choice(ALPHABET) for _ in range(40))
    return f"{stem}{zlib.crc32(stem.encode()):08x}"


def digest(value: str) -> str:
    """What the tables keep: SHA-256 in hexadecimal. A value has over 200 random bits, so it needs no salt."""
    return hashlib.sha256(value.encode()).hexdigest()


def looks_like_a_token(value: str) -> bool:
    """True for 40 characters of the old form, or a prefix with 48 characters after it."""
    stem = value
    for prefix in (*PREFIXES.values(), "cfk_"):
        if value.startswith(prefix):
            stem = value.removeprefix(prefix)
            if len(stem) != 48:
                return False
    return len(stem) in {40, 48} and all(letter in ALPHABET + "-_" for letter in stem)

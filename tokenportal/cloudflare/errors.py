"""Failures, named by what is known after them.

NeverSent: no byte of the request reached the server. Refused: a complete, well-formed refusal (which may still lie).
OutcomeUnknown: anything else; a write may have worked. Each carries words that are safe to show and to keep.
"""

import re
import unicodedata

from tokenportal.secret import Secret, scrub

UPSTREAM_WORDS_LIMIT = 200
RAY_PATTERN = re.compile(r"[0-9a-f]{8,32}(-[A-Z]{3})?")


def safe_words(text: object, *secrets: Secret) -> str:
    """What an upstream said, without credentials, control characters and length: at most 200 characters."""
    cleaned = "".join(
        " " if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp", "Co", "Cs", "Cn"} else character
        for character in str(text)[:4000]
    )
    words = " ".join(scrub(cleaned, *secrets).split())
    return words if len(words) <= UPSTREAM_WORDS_LIMIT else words[: UPSTREAM_WORDS_LIMIT - 1] + "…"


def safe_ray(text: str | None) -> str:
    """Cloudflare's ray id, or nothing where the header is not of that form."""
    return text if text and RAY_PATTERN.fullmatch(text) else ""


class CloudflareError(Exception):
    """``safe``: our sentence about what is known, with at most a few scrubbed words of the upstream's."""

    def __init__(self, safe: str, *, ray: str = "", status: int = 0) -> None:
        super().__init__(safe)
        self.safe = safe
        self.ray = ray
        self.status = status


class NeverSent(CloudflareError):
    """It is certain that nothing reached the server: unknown host, refused connection, bad certificate, bad address."""


class OutcomeUnknown(CloudflareError):
    """The request may have been processed. ``why`` is a few plain words, such as "the answer was cut off"."""

    def __init__(self, why: str, *, ray: str = "", status: int = 0) -> None:
        super().__init__(f"It is not known whether Cloudflare did it: {why}.", ray=ray, status=status)
        self.why = why


class Refused(CloudflareError):
    """A complete 4xx error envelope. ``codes`` and ``messages`` are Cloudflare's, the messages scrubbed."""

    def __init__(self, status: int, codes: tuple[int, ...], messages: tuple[str, ...], *, ray: str = "") -> None:
        self.codes = codes
        self.messages = messages
        super().__init__(explain(status, codes, messages), ray=ray, status=status)


class RateLimited(Refused):
    """Too many calls. ``retry_after`` is seconds, None where the answer does not say."""

    def __init__(self, codes: tuple[int, ...], messages: tuple[str, ...], *, retry_after: int | None, ray: str = "") -> None:
        super().__init__(429, codes, messages, ray=ray)
        self.retry_after = retry_after
        when = f" Try again in {retry_after} seconds." if retry_after else " Try again in five minutes."
        self.safe += when


def explain(status: int, codes: tuple[int, ...], messages: tuple[str, ...]) -> str:
    """A refusal as a sentence. Status, code and message are read together: a code alone has several meanings."""
    said = "; ".join(messages)
    text = said.lower()
    quoted = f" It said: “{said}”" if said else ""
    if status == 429:
        return "Cloudflare refuses calls for now, because there were too many."
    if "from location" in text:
        return f"Cloudflare refused the connection's credential, because of where the portal calls from.{quoted}"
    if "common permission check" in text:
        return f"The connection cannot grant what this token asks for.{quoted}"
    if "invalid api token" in text or "invalid access token" in text:
        return f"Cloudflare does not accept the connection's credential: it was revoked, rolled or has expired.{quoted}"
    if "permission group" in text and "not found" in text:
        return f"Cloudflare does not know one of the permissions.{quoted}"
    if status == 404:
        return f"Cloudflare does not know it (any more).{quoted}"
    if status in (401, 403):
        return f"Cloudflare says that the connection may not do this.{quoted}"
    return f"Cloudflare refused it ({status}).{quoted}"

"""What may be shown of what Cloudflare said, and its refusals as sentences."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tokenportal.secret import Secret, scrub

UPSTREAM_WORDS_LIMIT = 200
RAY_PATTERN = re.compile(r"[0-9a-f]{8,32}(-[A-Z]{3})?")
DOCUMENTATION = re.compile(r"https://developers\.cloudflare\.com/[A-Za-z0-9/._~-]{0,120}")


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


def safe_documentation(text: object, *secrets: Secret) -> str:
    """The address of a page of Cloudflare's own documentation, or nothing: no other host, query or credential gets on a page."""
    found = isinstance(text, str) and DOCUMENTATION.fullmatch(text) and scrub(text, *secrets) == text
    return str(text) if found else ""


def time_of_day(at: datetime) -> str:
    """A moment that is near, as people read it: up to the next whole second, in UTC."""
    return f"{at + timedelta(microseconds=-at.microsecond % 1_000_000):%H:%M:%S} UTC"


@dataclass(frozen=True, slots=True)
class Told:
    """A refusal as it came; ``text`` is its messages in lower case."""

    status: int
    codes: frozenset[int]
    text: str

    def says(self, *parts: str) -> bool:
        return all(part in self.text for part in parts)


NO_MORE_ROOM = re.compile(r"\b(limit|quota|maximum)\b.*\btokens?\b|\btokens?\b.*\b(limit|quota|maximum)\b")
REFUSALS: tuple[tuple[Callable[[Told], bool], str], ...] = (
    (lambda told: told.status == 429, "Cloudflare takes no calls for now, because there were too many."),
    (
        lambda told: told.says("from location"),
        "Cloudflare refused the connection's credential, because of where the portal calls from.",
    ),
    (
        lambda told: told.says("common permission check"),
        "The connection cannot grant what this token asks for: it hands on only what it may do itself.",
    ),
    (lambda told: told.says("permission group", "not found"), "Cloudflare does not know one of the permissions."),
    (
        lambda told: told.says("name", "length"),
        "Cloudflare does not take the token's name: it is empty or too long. Choose another one.",
    ),
    (
        lambda told: bool(NO_MORE_ROOM.search(told.text)),
        "There is no room for another token: an account may have 500 of them, a user 50. Revoke one that nobody uses.",
    ),
    (
        lambda told: told.status == 403 and 9106 in told.codes,
        "Cloudflare does not open this address to a credential of this kind: user and account-owned tokens have their own.",
    ),
    (
        lambda told: 9106 in told.codes or told.says("missing", "authorization") or told.says("authorization", "missing"),
        "Cloudflare saw no credential with the call. Something between the portal and Cloudflare takes it away.",
    ),
    (
        lambda told: bool({6003, 6111} & told.codes),
        "Cloudflare cannot read the connection's credential: it does not have the form of a token.",
    ),
    (
        lambda told: told.says("invalid api token") or told.says("invalid access token") or told.codes == {1000},
        "Cloudflare does not accept the connection's credential: it was revoked, rolled or has expired.",
    ),
    (
        lambda told: bool({7000, 7003} & told.codes) or told.says("could not route"),
        "Cloudflare does not know this address: an id in it is wrong, or has another form.",
    ),
    (lambda told: told.status == 404, "Cloudflare does not know it (any more)."),
    (lambda told: told.status == 409, "Cloudflare says that something else changed it at the same time."),
    (
        lambda told: told.status in (401, 403) or 10000 in told.codes,
        "Cloudflare says that the connection may not do this: a permission is missing, or what it is about is out of its reach.",
    ),
)
"""Status, code and message are read together, since a code alone has several meanings (CLOUDFLARE.md, section 4): the first
that fits is said. None advises to widen a credential."""


def explain(status: int, codes: tuple[int, ...], messages: tuple[str, ...]) -> str:
    """A refusal as a sentence, with Cloudflare's own words, which are safe already."""
    said = safe_words("; ".join(messages))
    told = Told(status, frozenset(codes), said.lower())
    sentence = next((sentence for fits, sentence in REFUSALS if fits(told)), f"Cloudflare refused it ({status}).")
    return f"{sentence} It said: “{said}”" if said and status != 429 else sentence

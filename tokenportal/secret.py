"""A value that must not be seen by accident, and a broom for text that may hold one.

A `Secret` is for credentials on their way through the program: it prints as dots, and whatever would write it
somewhere (JSON, pickle, copies that outlive their owner) is refused. `scrub` is for text that others wrote, such as
an upstream's error message or a log line, before a person or a file gets it.
"""

import base64
import hmac
import re
from typing import Final, NoReturn, final

DOTS: Final = "••••••••"

# Cloudflare's credential prefixes: user token, account-owned token, global key (CLOUDFLARE.md, section 5); and the two
# headers that carry a credential, however the text around them is punctuated. The code in a link to a draft is one of ours.
_LOOKS_LIKE_A_CREDENTIAL: Final = re.compile(
    r"""cf(?:ut|at|k)_[A-Za-z0-9_-]{4,}
    | (?<=/drafts/link/)[\w-]{16,}
    | (?<=\bbearer)(?:\s|:|=|\+|%20)+ [^\s"'<>,;\\]+
    | (?<=\bx-auth-key)["']?(?:\s|:|=)+ ["']?[^\s"'<>,;\\]+""",
    re.IGNORECASE | re.VERBOSE,
)


@final
class Secret:
    """Holds one secret text. Only `reveal()` gives it back.

    Raises TypeError for anything but a str and ValueError for an empty one; neither message holds the value.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError("a secret is made from text")
        if not value:
            raise ValueError("a secret is not empty")
        self._value = value

    def reveal(self) -> str:
        """The value. Each call is a place to look at in a review."""
        return self._value

    def __repr__(self) -> str:
        return DOTS

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return DOTS

    def __eq__(self, other: object) -> bool:
        """Compare without telling, by the time it takes, how much of the value was right."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    # A hash would let the value be guessed offline from a set or a dictionary's order.
    __hash__ = None  # type: ignore[assignment]

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse pickle, `copy.copy` and `copy.deepcopy`, which all come through here."""
        raise TypeError("a secret is neither pickled nor copied")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is neither pickled nor copied")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret is neither pickled nor copied")


def scrub(text: str, *secrets: Secret) -> str:
    """The text with dots in place of each secret, and of whatever looks like a Cloudflare credential.

    A secret is found in any letter case, raw, percent-encoded (wholly, partly or repeatedly) or in base64, also when
    it was encoded together with what stood around it.
    """
    for secret in secrets:
        value = secret.reveal()
        text = re.sub(_percent_forms(value), DOTS, text, flags=re.IGNORECASE)
        text = re.sub(_base64_forms(value), DOTS, text)
    return _LOOKS_LIKE_A_CREDENTIAL.sub(_dots_after_the_word, text)


def _dots_after_the_word(found: re.Match[str]) -> str:
    """Keep the space between a header's word and the value that was removed."""
    return DOTS if found[0][:2].lower() == "cf" else f" {DOTS}"


def _percent_forms(value: str) -> str:
    return "".join(f"(?:{re.escape(char)}|{_percent_encoded(char)})" for char in value)


def _percent_encoded(char: str) -> str:
    return "".join(f"%(?:25)*{byte:02x}" for byte in char.encode())


def _base64_forms(value: str) -> str:
    """A pattern for the value inside base64 text, at each of the three places a byte can have in a group of four."""
    return "|".join(filter(None, (_base64_core(value.encode(), offset) for offset in range(3))))


def _base64_core(value: bytes, offset: int) -> str:
    """What of the value's base64 does not depend on its neighbours, with up to three characters on each side."""
    encoded = base64.b64encode(bytes(offset) + value).decode().rstrip("=")
    depends_on_what_follows = (len(value) + offset) % 3 != 0
    core = encoded[(0, 2, 3)[offset] : len(encoded) - depends_on_what_follows]
    if len(core) < 6:  # so short a piece would be found in any text
        return ""
    either_alphabet = "".join({"+": "[+-]", "/": "[/_]"}.get(char, char) for char in core)
    return f"[A-Za-z0-9+/_-]{{0,3}}{either_alphabet}[A-Za-z0-9+/_-]{{0,3}}=*"

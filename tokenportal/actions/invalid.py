"""What an action says about a value that it cannot take."""

from tokenportal.policy.problems import PURPOSE_MAX, unshowable
from tokenportal.secret import scrub

OWN_BACK_UP = "The back-up owner is somebody else than the owner. Choose another person, or nobody."


class Invalid(ValueError):
    """A value cannot be taken: ``field`` is the name of its form field, ``sentences`` say what to do about it."""

    def __init__(self, field: str, *sentences: str) -> None:
        super().__init__(" ".join(sentences))
        self.field = field
        self.sentences = sentences


def checked_text(field: str, text: str, *, needed: str = "", longest: int = PURPOSE_MAX) -> str:
    """A text as it is kept. Raises Invalid for what is too long, not seen, or must not be kept, and with ``needed`` for nothing."""
    text = text.replace("\r\n", "\n").strip()
    if needed and not text:
        raise Invalid(field, needed)
    if len(text) > longest:
        raise Invalid(field, f"Shorten this to {longest} characters or fewer; it has {len(text)}.")
    if code := unshowable(text.replace("\n", "").replace("\t", "")):
        raise Invalid(field, f"Take the invisible character {code} out of the text.")
    if scrub(text) != text:
        raise Invalid(
            field, "This holds what looks like a Cloudflare credential. Take it out: what you write here is kept and mailed."
        )
    return text

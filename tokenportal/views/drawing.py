"""Parts of pages that are the same for the same content, drawn once in each process.

A kept part can be wrong in nothing: it is drawn from its key alone, the template and the values that it is given. So these
are frozen values, never rows, and nothing of the person, the session or the time of day.
"""

from collections.abc import Hashable
from functools import lru_cache

from django.template import loader
from django.utils.safestring import SafeString, mark_safe

KEPT = 2000
KEPT_CHARACTERS = 32_000
"""What is longer, such as a section with hundreds of zones, is drawn each time: two thousand of them would fill the memory."""


class TooLong(Exception):
    """Carries a part that is too long to be kept, past the cache: what is raised is not kept."""

    def __init__(self, html: SafeString) -> None:
        super().__init__("The part is too long to be kept.")
        self.html = html


def drawn(template: str, **values: Hashable) -> SafeString:
    """The template with these values, as HTML. Raises TypeError for a value that could change, such as a list."""
    try:
        return _kept(template, **values)
    except TooLong as part:
        return part.html


@lru_cache(maxsize=KEPT)
def _kept(template: str, **values: Hashable) -> SafeString:
    html = mark_safe(loader.get_template(template).render(values))
    if len(html) > KEPT_CHARACTERS:
        raise TooLong(html)
    return html

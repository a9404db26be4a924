"""Characters that are not seen, or that turn text around, made visible: names come from people and from upstream.

Control characters, ANSI codes and line ends in a name are shown as their pictures (␛, ␍, ␊), bidirectional marks and what else
has no width as their code (⟦U+202E⟧), so that what stands there can be read, and does nothing.
"""

import re
import unicodedata

KEPT = frozenset("\t\n\r")
HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Co", "Cs", "Cn"})
_SUSPECT = re.compile(r"[^\x20-\x7e\u00a0-\u00ac\u00ae-\u024f]")
"""What needs a look: everything but the letters and signs that most text is made of."""


def shown(text: str, *, kept: frozenset[str] = frozenset()) -> str:
    """The text with each hidden character in visible form, but for those in ``kept``."""
    return _SUSPECT.sub(lambda found: found[0] if found[0] in kept else _of(found[0]), text)


def in_page(text: str) -> str:
    """The same for the text of a page or a log, where tabs and line ends are layout."""
    return shown(text, kept=KEPT)


def _of(character: str) -> str:
    code = ord(character)
    if code < 0x20 or code == 0x7F:
        return chr(0x2421 if code == 0x7F else 0x2400 + code)
    return f"⟦U+{code:04X}⟧" if unicodedata.category(character) in HIDDEN else character

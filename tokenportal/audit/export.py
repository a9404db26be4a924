"""Rows as CSV and JSON Lines, a piece at a time, so that a long export takes no more memory than a short one.

A spreadsheet runs a cell that begins like a formula, so such a cell gets an apostrophe before it, as OWASP advises for CSV
injection. JSON holds the text as it is; whatever is not printed ASCII stands there escaped.
"""

import csv
import itertools
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tokenportal import visible

FORMULA = ("=", "+", "-", "@", "|", "%", "\N{MINUS SIGN}")
"""What a spreadsheet may take for the beginning of a formula or a command. Full-width forms count as these."""
QUOTES = "\"'"


class _Line:
    """A file that gives back what was written to it last: one line of CSV."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def cell(value: Any) -> str:
    """A value as text of one line that no spreadsheet runs and no terminal obeys."""
    text = "" if value is None else str(value)
    safe = visible.shown(text)
    return f"'{safe}" if _first(text).startswith(FORMULA) else safe


def _first(text: str) -> str:
    """The first character that counts, for programs pass over blanks, quotes and what is not seen."""
    counts = (one for one in text if not (one.isspace() or one in QUOTES or visible.is_hidden(one)))
    return unicodedata.normalize("NFKC", next(counts, ""))


def csv_lines(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """CSV (RFC 4180) with a line of headings first; each piece is one line."""
    line = _Line()
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    for row in itertools.chain([columns], rows):
        writer.writerow(map(cell, row))
        yield line.text


def json_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """JSON Lines: one object a line, ASCII only."""
    for row in rows:
        yield json.dumps(row, ensure_ascii=True, separators=(",", ":"), default=str) + "\n"

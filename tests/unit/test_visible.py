"""What cannot be seen is shown, and what a spreadsheet or a terminal would obey does nothing."""

import csv
import json
import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenportal import visible
from tokenportal.audit import export
from tokenportal.policy.problems import unshowable

ANYTHING = st.text(st.characters(codec="utf-8"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nb\tc", "a␍␊b␉c"),
        ("\x1b[31mred\x7f", "␛[31mred␡"),
        ("safe\u202egnp.exe", "safe⟦U+202E⟧gnp.exe"),
        ("ze\u200bro\ufeff", "ze⟦U+200B⟧ro⟦U+FEFF⟧"),
        ("soft\u00adhyphen\u2028line", "soft⟦U+00AD⟧hyphen⟦U+2028⟧line"),
        ("tags\U000e0041\U000e0101", "tags⟦U+E0041⟧⟦U+E0101⟧"),
        ("fill\u3164er\u034f\u2800", "fill⟦U+3164⟧er⟦U+034F⟧⟦U+2800⟧"),
        ("\N{WOMAN}\u200d\N{PERSONAL COMPUTER}", "\N{WOMAN}⟦U+200D⟧\N{PERSONAL COMPUTER}"),
        ("Größe “x” – 漢字 ❤\ufe0f …", "Größe “x” – 漢字 ❤\ufe0f …"),
    ],
)
def test_what_is_hidden_is_shown_and_the_rest_is_left_alone(text: str, expected: str) -> None:
    assert visible.shown(text) == expected


def test_tabs_and_line_ends_are_layout_in_a_page() -> None:
    assert visible.in_page("a\r\n\tb\x1b\x85") == "a\r\n\tb␛⟦U+0085⟧"


def test_a_name_from_elsewhere_has_its_length() -> None:
    assert visible.on_one_line("a\nb" * 100, 5) == "a␊ba␊"


@given(ANYTHING)
def test_nothing_hidden_is_left_and_showing_twice_is_showing_once(text: str) -> None:
    once = visible.shown(text)
    assert not any(map(visible.is_hidden, once))
    assert visible.shown(once) == once


@given(ANYTHING)
def test_a_page_is_rewritten_exactly_where_it_hides_something(text: str) -> None:
    assert visible.hides_something(text.encode()) == (visible.in_page(text) != text)


def test_no_character_that_a_form_refuses_goes_unseen_elsewhere() -> None:
    refused = {one for one in map(chr, range(sys.maxunicode + 1)) if unshowable(one)} - {"\ufffd", "\ufe0e", "\ufe0f"}
    assert {one for one in refused if not visible.is_hidden(one)} == set()


@pytest.mark.parametrize(
    "text",
    [
        "=HYPERLINK(\"https://example.com\",\"x\")", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "|calc", "%0A",
        "＝1+1", "＋1", "－1", "＠x", "\u22121", "﹦1", " =1", "\u00a0=1", "\u3000=1", "\t=1", "\r\n=1", "\u200b=1", "\ufeff=1",
        "\u202e=1", '"=1', "'=1", " \"' \u200b=1",
    ],
)  # fmt: skip
def test_no_cell_begins_like_a_formula(text: str) -> None:
    assert export.cell(text) == f"'{visible.shown(text)}"


@given(st.lists(st.lists(ANYTHING | st.integers() | st.none(), min_size=2, max_size=2)))
def test_a_table_comes_back_with_its_rows_and_nothing_in_them_that_acts(rows: list[list[object]]) -> None:
    lines = list(export.csv_lines(["a", "b"], rows))
    assert list(csv.reader(lines)) == [["a", "b"], *([export.cell(value) for value in row] for row in rows)]
    for line in lines:
        assert line.endswith('"\r\n')
        assert not any(map(visible.is_hidden, line.removesuffix("\r\n")))
        assert not re.search(r"""(^|,)"[\s'"]*[=+\-@|%]""", line.replace("\"'", '"\N{LOCK}'))


@given(st.dictionaries(st.text(), ANYTHING))
def test_a_json_line_is_ascii_on_one_line_and_holds_what_was_there(row: dict[str, str]) -> None:
    (line,) = export.json_lines([row])
    assert line.isascii()
    assert line.count("\n") == 1
    assert not any(unicodedata.category(one) == "Cc" for one in line.removesuffix("\n"))
    assert json.loads(line) == row

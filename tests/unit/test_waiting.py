"""A test in a browser waits for what it wants to see: an answer that is read at once is whatever the machine had got to by then."""

import ast
from pathlib import Path

BROWSER_TESTS = Path(__file__).parent.parent / "browser"
READ_AT_ONCE = {
    "all_inner_texts", "all_text_contents", "is_checked", "is_disabled", "is_editable", "is_enabled", "is_hidden", "is_visible",
    "input_value", "get_attribute", "text_content", "title",
}  # fmt: skip


def hasty(source: str) -> list[int]:
    """The lines that assert what a page says without waiting for it."""
    return [
        node.lineno
        for claim in ast.walk(ast.parse(source))
        if isinstance(claim, ast.Assert)
        for node in ast.walk(claim)
        if (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READ_AT_ONCE)
        or (isinstance(node, ast.Attribute) and node.attr == "url")
    ]


def test_no_browser_test_asserts_what_it_has_not_waited_for() -> None:
    found = {path.name: lines for path in BROWSER_TESTS.glob("test_*.py") if (lines := hasty(path.read_text()))}
    assert found == {}


def test_a_hasty_assertion_would_be_found() -> None:
    assert hasty("page.click()\nassert page.get_by_test_id('x').is_visible()\nassert page.url == '/'\n") == [2, 3]

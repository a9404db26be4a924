"""A small reader of HCL for the tests: comments, one resource block, attributes, objects, tuples, strings and jsonencode."""

import json
import re
from typing import Any

TOKEN = re.compile(
    r"""(?P<space>[ \t]+|\#[^\n]*)|(?P<newline>\n)|(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<name>[A-Za-z_][\w-]*)|(?P<mark>[={}\[\](),])"""
)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(text):
        match = TOKEN.match(text, at)
        assert match, f"no HCL at {text[at : at + 40]!r}"
        at = match.end()
        if match.lastgroup != "space":
            found.append((str(match.lastgroup), match[0]))
    return found


def unquoted(literal: str) -> str:
    """The value of a quoted string. An unescaped ${ or %{ would be a template, which these texts never hold."""

    def value(match: re.Match[str]) -> str:
        text = match[0]
        if text[0] == "\\":
            return ESCAPES[text[1]] if text[1] in ESCAPES else chr(int(text[2:], 16))
        assert len(text) == 3, f"a template in {literal}"
        return text[1:]

    return re.sub(r'\\u[0-9a-f]{4}|\\U[0-9a-f]{8}|\\[nrt"\\]|\$\$\{|%%\{|\$\{|%\{', value, literal[1:-1])


class Reader:
    def __init__(self, text: str) -> None:
        self.rest = tokens(text)[::-1]

    def skip_lines(self) -> None:
        while self.rest and self.rest[-1][0] == "newline":
            self.rest.pop()

    def take(self, *wanted: str) -> str:
        kind, text = self.rest.pop()
        assert not wanted or kind in wanted or text in wanted, f"{text!r} where {wanted} was expected"
        return text

    def is_next(self, text: str) -> bool:
        return self.rest[-1][1] == text

    def resource(self) -> tuple[str, str, dict[str, Any]]:
        """The type, the label and the attributes of the only block."""
        self.skip_lines()
        self.take("resource")
        kind, label = unquoted(self.take("string")), unquoted(self.take("string"))
        self.take("{")
        found = self.attributes()
        self.skip_lines()
        assert self.rest == []
        return kind, label, found

    def attributes(self) -> dict[str, Any]:
        """Up to and with the closing brace; each attribute ends with its line, or, in braces on one line, with the brace."""
        found: dict[str, Any] = {}
        self.skip_lines()
        while not self.is_next("}"):
            key = self.take("name", "string")
            key = unquoted(key) if key[0] == '"' else key
            assert key not in found, f"{key} stands twice"
            self.take("=")
            found[key] = self.value()
            if not self.is_next("}"):
                self.take("newline")
            self.skip_lines()
        self.take("}")
        return found

    def value(self) -> Any:
        text = self.take("string", "{", "[", "jsonencode")
        if text == "{":
            return self.attributes()
        if text == "[":
            return self.items()
        if text == "jsonencode":
            self.take("(")
            inner = self.value()
            self.take(")")
            return json.loads(json.dumps(inner))
        return unquoted(text)

    def items(self) -> list[Any]:
        found = []
        self.skip_lines()
        while not self.is_next("]"):
            found.append(self.value())
            self.skip_lines()
            if not self.is_next("]"):
                self.take(",")
            self.skip_lines()
        self.take("]")
        return found


def read(text: str) -> tuple[str, str, dict[str, Any]]:
    """The type, the label and the attributes of a text with one resource."""
    return Reader(text).resource()

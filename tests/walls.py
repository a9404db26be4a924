"""The rules that the architecture test holds, each a function over a parsed module or a template's text."""

import ast
import re
import sys
from pathlib import Path
from typing import Any

EVERYBODY_MAY = {"clock"}
MAY_IMPORT: dict[str, set[str]] = {
    "secret": set(), "keys": set(), "facts": set(), "clock": set(), "visible": set(), "environment": set(),
    "logs": {"secret", "visible"}, "settings": {"keys", "environment"},
    "policy": {"facts"}, "cloudflare": {"secret"}, "crypto": {"secret", "keys"}, "sandbox": set(),
    "models": {"policy", "crypto"}, "audit": {"models", "keys", "secret", "visible"},
    "upstream": {"cloudflare", "models", "crypto", "secret", "keys", "policy"},
    "rules": {"models", "policy"}, "forms": {"policy", "models", "visible"}, "templatetags": {"policy"},
    "actions": {"audit", "rules", "models", "policy", "upstream", "cloudflare", "secret", "crypto", "visible"},
    "views": {"actions", "rules", "forms", "models", "policy", "audit", "secret", "upstream", "middleware"},
    "management": {"actions", "models", "policy", "audit", "keys", "rules", "urls", "secret", "visible"},
    "admin": {"models", "rules", "audit"}, "urls": {"views", "admin"}, "middleware": {"models", "visible"}, "wsgi": set(), "apps": set(),
}  # fmt: skip
STANDARD_LIBRARY_ONLY = {"policy", "facts", "secret", "keys", "clock", "visible", "environment"}
NO_CLOCK = {"policy", "facts", "secret", "keys", "visible", "environment"}
KNOW_REQUESTS = {"cloudflare", "upstream", "sandbox/transport"}
MANAGERS = {"objects", "_default_manager", "_base_manager"}
LINES = 300

type Place = tuple[str, ...]
"""A module's path below the package without its ending: ("views", "access")."""


def place_of(path: Path, code: Path) -> Place:
    return path.relative_to(code).with_suffix("").parts


def targets(tree: ast.AST, place: Place) -> set[str]:
    """The full dotted names of everything imported; relative ones are resolved from the module's place."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = ("tokenportal", *place)[: -node.level] if node.level else ()
            base = ".".join([*package, *([node.module] if node.module else [])])
            found |= {f"{base}.{name.name}" for name in node.names}
    return found


def imported_rooms(tree: ast.AST, place: Place) -> set[str]:
    parts = [target.split(".") for target in targets(tree, place)]
    return {names[1] if len(names) > 1 else "the whole portal" for names in parts if names[0] == "tokenportal"}


def packages(tree: ast.AST, place: Place) -> set[str]:
    return {target.split(".")[0] for target in targets(tree, place)} - {"tokenportal"}


def wrong_imports(tree: ast.AST, place: Place) -> set[str]:
    """Rooms that a module imports from and may not."""
    room = place[0]
    clock = set() if room in NO_CLOCK | {"sandbox"} else EVERYBODY_MAY
    return imported_rooms(tree, place) - MAY_IMPORT[room] - clock - {room}


def wrong_packages(tree: ast.AST, place: Place) -> set[str]:
    """Packages from outside that a module may not know."""
    found = packages(tree, place)
    if place[0] in STANDARD_LIBRARY_ONLY:
        return found - sys.stdlib_module_names
    wrong = {"django"} if place[0] == "cloudflare" else set()
    if place[0] not in KNOW_REQUESTS and "/".join(place) not in KNOW_REQUESTS:
        wrong |= {"requests", "urllib3", "httpx"}
    return found & wrong


def hidden_imports(tree: ast.AST) -> list[int]:
    """Lines of imports inside functions, and of imports by a computed name, which no wall can see."""
    inside = [
        inner.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    computed = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (getattr(node.func, "id", "") or getattr(node.func, "attr", "")) in {"__import__", "import_module"}
    ]
    return sorted({*inside, *computed})


def signals(tree: ast.AST, place: Place) -> set[str]:
    """Whatever is imported from a module of signals."""
    return {name for name in targets(tree, place) if "signals" in name.split(".") or name.startswith("django.dispatch")}


def manager_lines(tree: ast.AST) -> list[int]:
    """Lines that reach for all rows of a model, where only a person's own would be right."""
    return [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in MANAGERS]


def inline_code(text: str) -> list[str]:
    """Scripts, styles and handlers written into a template, which the content security policy would refuse."""
    found = [tag for tag in re.findall(r"<script\b[^>]*>", text, re.IGNORECASE) if not re.search(r"\ssrc\s*=", tag)]
    found += re.findall(r"<style\b", text, re.IGNORECASE)
    found += re.findall(r"<[^<>]*?\s(style|on[a-z]+|hx-on[\w:.-]*)\s*=", text, re.IGNORECASE)
    return found + re.findall(r"javascript:", text, re.IGNORECASE)


def undecided(model: Any) -> bool:
    """Whether a model has neither said that it is guarded, nor why it need not be."""
    guarded = getattr(model, "GUARDED", None)
    return not (guarded is True or (guarded is False and bool(getattr(model, "WHY_FREE", ""))))

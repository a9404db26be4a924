"""The walls between the rooms (docs/architecture.md): every module is held to them, and each is seen to fail."""

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.urls import URLPattern, URLResolver, get_resolver

from tests import walls
from tokenportal import urls

ROOT = Path(__file__).parent.parent
CODE = ROOT / "tokenportal"
MODULES = sorted(path for path in CODE.rglob("*.py") if "migrations" not in path.parts and path != CODE / "__init__.py")
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))

every_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(CODE)))
every_template = pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))


def parsed(path: Path) -> tuple[ast.AST, walls.Place]:
    return ast.parse(path.read_text("utf-8")), walls.place_of(path, CODE)


@every_module
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    assert walls.wrong_imports(*parsed(path)) == set()
    assert walls.wrong_packages(*parsed(path)) == set()


@every_module
def test_a_module_hides_no_import_and_uses_no_signal(path: Path) -> None:
    tree, place = parsed(path)
    assert walls.hidden_imports(tree) == []
    assert walls.signals(tree, place) == set()


@every_module
def test_a_module_stays_under_three_hundred_lines(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= walls.LINES


@pytest.mark.parametrize("path", [path for path in MODULES if path.parent == CODE / "views"], ids=lambda path: path.stem)
def test_rows_are_reached_in_access_and_in_no_other_view(path: Path) -> None:
    assert bool(walls.manager_lines(parsed(path)[0])) is (path.stem in ("access", "access_reviews"))


@every_template
def test_a_template_has_no_inline_script_style_or_handler(path: Path) -> None:
    assert walls.inline_code(path.read_text("utf-8")) == []


def test_every_room_has_its_walls_and_every_wall_a_room() -> None:
    rooms = {walls.place_of(path, CODE)[0] for path in MODULES}
    assert rooms == set(walls.MAY_IMPORT)


def test_the_table_in_the_docs_is_the_one_that_is_held() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    told = {}
    for rooms, _, may in re.findall(r"^\| (`[^|]*) \|([^|]*)\| ([^|]*) \|$", text, re.MULTILINE):
        allowed = set() if may.startswith("nothing") else set(may.split(", "))
        told.update(dict.fromkeys(re.findall(r"`(\w+)`", rooms), allowed))
    assert told == walls.MAY_IMPORT


def test_every_model_says_whether_it_is_guarded() -> None:
    models = [model for model in apps.get_app_config("tokenportal").get_models() if not model._meta.auto_created]
    assert [model for model in models if walls.undecided(model)] == []


def test_every_address_has_declared_its_rule_and_its_event() -> None:
    patterns = get_resolver().url_patterns
    inner = {str(found.pattern): found for found in patterns if isinstance(found, URLResolver)}
    assert set(inner) == {"admin/", "sandbox/"}
    listed = [(f"/{found.pattern}", found.name) for found in patterns if isinstance(found, URLPattern)]
    tables = [(f"/admin/{found.pattern}", f"admin:{found.name}") for found in inner["admin/"].url_patterns]
    assert sorted([*listed, *tables]) == sorted((route.path, route.name) for route in urls.ROUTES)
    assert all(route.rule for route in urls.ROUTES)
    assert all(route.event for route in urls.ROUTES if "POST" in route.methods)
    assert all(route.event.removeprefix("none:").strip() for route in urls.ROUTES if route.event.startswith("none"))


@pytest.mark.parametrize(
    ("place", "source"),
    [
        (("policy", "spec"), "from tokenportal.models import User"),
        (("policy", "spec"), "from tokenportal import clock"),
        (("policy", "spec"), "from .. import models"),
        (("policy", "spec"), "from ..models.people import User"),
        (("cloudflare", "client"), "from tokenportal import upstream"),
        (("crypto",), "from tokenportal.models import Connection"),
        (("sandbox", "grants"), "from tokenportal.policy import words"),
        (("sandbox", "grants"), "from tokenportal import clock"),
        (("views", "tokens"), "import tokenportal.cloudflare"),
        (("views", "tokens"), "import tokenportal"),
        (("views", "tokens"), "from tokenportal.sandbox import models"),
        (("models", "token"), "from tokenportal.actions import drafts"),
        (("rules",), "from tokenportal import audit"),
        (("rules",), "from . import audit"),
        (("actions", "drafts"), "from tokenportal.views import access"),
        (("forms", "builder"), "from tokenportal.actions import drafts"),
        (("audit", "chain"), "from tokenportal import upstream"),
        (("upstream", "__init__"), "from tokenportal import audit"),
        (("templatetags", "words"), "from tokenportal.models import Token"),
        (("management", "commands", "work"), "from tokenportal.views import tokens"),
        (("middleware",), "from tokenportal.actions import sessions"),
        (("urls",), "from tokenportal import actions"),
        (("keys",), "from tokenportal import secret"),
        (("facts", "__init__"), "from tokenportal import policy"),
    ],
)
def test_a_broken_wall_is_seen(place: walls.Place, source: str) -> None:
    assert walls.wrong_imports(ast.parse(source), place) != set()


@pytest.mark.parametrize(
    ("place", "source"),
    [
        (("policy", "spec"), "from django.conf import settings"),
        (("policy", "spec"), "import requests"),
        (("facts", "__init__"), "import django"),
        (("cloudflare", "client"), "from django.utils import timezone"),
        (("actions", "issuing"), "import requests"),
        (("views", "tokens"), "from requests.exceptions import Timeout"),
        (("sandbox", "bodies"), "import requests"),
    ],
)
def test_a_package_in_the_wrong_room_is_seen(place: walls.Place, source: str) -> None:
    assert walls.wrong_packages(ast.parse(source), place) != set()


@pytest.mark.parametrize(
    ("place", "source"),
    [
        (("policy", "spec"), "import ipaddress\nfrom tokenportal import facts\nfrom tokenportal.policy import moments"),
        (("cloudflare", "client"), "import requests\nfrom tokenportal.secret import Secret\nfrom tokenportal import clock"),
        (("sandbox", "transport"), "from requests import Response\nfrom tokenportal.sandbox import door"),
        (("policy", "__init__"), "from . import spec"),
    ],
)
def test_what_is_allowed_is_not_called_broken(place: walls.Place, source: str) -> None:
    tree = ast.parse(source)
    assert (walls.wrong_imports(tree, place), walls.wrong_packages(tree, place)) == (set(), set())


@pytest.mark.parametrize(
    "source",
    ["def f():\n    import os", "async def f():\n    from os import path", "class A:\n  def f(self):\n    import os",
     "x = __import__('os')", "import importlib\nimportlib.import_module('tokenportal.models')"],
)  # fmt: skip
def test_a_hidden_import_is_seen(source: str) -> None:
    assert walls.hidden_imports(ast.parse(source)) != []


@pytest.mark.parametrize(
    "source",
    ["from django.db.models.signals import post_save", "from django.db.models import signals",
     "from django.dispatch import receiver", "from django.contrib.auth.signals import user_logged_in"],
)  # fmt: skip
def test_a_signal_is_seen(source: str) -> None:
    assert walls.signals(ast.parse(source), ("actions", "drafts")) != set()


@pytest.mark.parametrize("source", ["User.objects.all()", "User._default_manager.get(pk=1)", "type(user)._base_manager"])
def test_a_view_that_reaches_for_all_rows_is_seen(source: str) -> None:
    assert walls.manager_lines(ast.parse(source)) == [1]


@pytest.mark.parametrize(
    ("markup", "found"),
    [
        ('<p style="color: red">', ["style"]),
        ("<p\n  style='color: red'>", ["style"]),
        ('<button onclick="x()">', ["onclick"]),
        ("<button onclick='x()'>", ["onclick"]),
        ("<button onclick=x()>", ["onclick"]),
        ('<button hx-on:click="x()">', ["hx-on:click"]),
        ("<script>alert(1)</script>", ["<script>"]),
        ('<script type="module">alert(1)</script>', ['<script type="module">']),
        ("<style media=print>", ["<style"]),
        ('<a href="javascript:alert(1)">', ["javascript:"]),
        ('<script src="/static/js/portal.js" defer></script>', []),
        ('<p class="on style">The style = the one on the left</p>', []),
    ],
)
def test_inline_code_is_seen_and_nothing_else_is(markup: str, found: list[str]) -> None:
    assert walls.inline_code(markup) == found


@pytest.mark.parametrize(
    ("said", "undecided"),
    [
        ({}, True),
        ({"GUARDED": False}, True),
        ({"GUARDED": False, "WHY_FREE": ""}, True),
        ({"GUARDED": False, "WHY_FREE": "It is a cache."}, False),
        ({"GUARDED": True}, False),
    ],
)
def test_a_model_that_says_nothing_is_seen(said: dict[str, Any], undecided: bool) -> None:
    assert walls.undecided(type("Model", (), said)) is undecided


def test_an_address_that_changes_something_without_an_event_is_refused() -> None:
    view: Callable[..., Any] = lambda request: None  # noqa: E731
    with pytest.raises(ValueError, match="declares no event"):
        urls.route("nowhere/", view, "nowhere", rule="open", methods="POST")

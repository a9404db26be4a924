"""What the tests in a browser share."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Page, expect

# A page that takes longer than usual on a busy machine is not what these tests are about.
PATIENCE = 20.0
expect.set_options(timeout=PATIENCE * 1000)


def until[T](page: Page, read: Callable[[], T], wanted: T) -> None:
    """Read again and again until it is what is wanted, also while a page that is just being replaced cannot be read."""
    end = monotonic() + PATIENCE
    while monotonic() < end:
        with suppress(Error):
            if read() == wanted:
                return
        page.wait_for_timeout(50)
    assert read() == wanted


def fits(page: Page, at: object = "") -> None:
    """Nothing asks to be scrolled sideways. A document that is just being replaced has no root element yet: it is asked again."""
    assert page.viewport_size
    width = page.viewport_size["width"]
    until(page, lambda: (at, page.evaluate(f"(document.documentElement?.scrollWidth ?? Infinity) <= {width}")), (at, True))


def axe_finds_nothing(page: Page, at: object = "") -> None:
    """What axe finds on the whole page, colours that are still changing given the time to arrive."""
    page.wait_for_load_state()

    def found() -> tuple[object, list[str]]:
        return at, [f"{one['id']}: {one['nodes'][0]['html']}" for one in Axe().run(page).response["violations"]]

    until(page, found, (at, []))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A second try, told in the summary as "rerun": a browser on a busy machine may lose a race that no person would see."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture
def quiet(page: Page) -> Iterator[Page]:
    """A page in which nothing is said in the console."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    assert said == []


@pytest.fixture
def without_script(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


@pytest.fixture(params=["with script", "without script"])
def either(request: pytest.FixtureRequest) -> Page:
    return request.getfixturevalue("page" if request.param == "with script" else "without_script")

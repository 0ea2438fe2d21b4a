"""Pages in a real browser: Debian's Chromium, driven by Playwright, which downloads nothing."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.web.local_pages import ServedPage

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE_MILLISECONDS: Final = 30_000
"""How long a page may take to become what a test expects; Playwright's own 5 s are not enough on a busy machine."""
NEEDS_CHROMIUM: Final = "needs Chromium: `make system` installs it as root on Debian; elsewhere install `chromium`"

# Five seconds, Playwright's default, are not enough on a machine that does other work as well.
expect.set_options(timeout=30_000)


_OPTIONS: Final = {"rules": {"target-size": {"enabled": True}}}
"""A rule of WCAG 2.2 that axe-core applies only if asked: what one clicks is at least 24 CSS pixels large, or apart."""


BOXES: Final = "all => all.map(one => { const b = one.getBoundingClientRect(); return [b.x, b.y, b.right, b.bottom] })"
"""Of elements: left, top, right and bottom in CSS pixels, by JavaScript."""


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser. Skips the test if none is installed."""
    if CHROMIUM is None:
        pytest.skip(NEEDS_CHROMIUM)
    with sync_playwright() as playwright:
        # Its own sandbox needs rights that root in a container does not have. Pages are ours and offline.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        expect.set_options(timeout=PATIENCE_MILLISECONDS)
        try:
            yield browser
        finally:
            browser.close()


class OpenedPage:
    """A page that is offline, with what went wrong in it and what it asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, file: Path, *names: str) -> Page:
        """Open a file at a place in it, as if by a link from elsewhere."""
        self.page.goto("about:blank")
        self.requests.clear()
        self.page.goto(f"{file.as_uri()}#/{'/'.join(name.replace('/', '%2F') for name in names)}")
        return self.page


@contextmanager
def opened(browser: Browser, *, scheme: str = "light", width: int = 1440) -> Iterator[OpenedPage]:
    """A page in a fresh context, of a colour scheme and a width in CSS pixels."""
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        offline=True,
        viewport={"width": width, "height": 900},
        locale="en-US",
        timezone_id="UTC",
    )
    try:
        yield OpenedPage(context.new_page())
    finally:
        context.close()


@contextmanager
def opened_from(browser: Browser, server: ServedPage) -> Iterator[Page]:
    """A page of a server, opened by the address with the token; it must ask nobody else, and report no error."""
    context = browser.new_context(reduced_motion="reduce", viewport={"width": 1600, "height": 1200})
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: errors.extend([] if request.url.startswith(server.origin) else [request.url]))
    page.goto(server.entrance)
    yield page
    context.close()
    assert errors == []


def violations(page: Page) -> list[str]:
    """What breaks a rule of axe-core (WCAG 2.2 and its best practices), each with the first element that does."""
    found = Axe().run(page, options=_OPTIONS).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]


def focused(page: Page) -> str:
    """The name of what has the focus; an editor has its text inside as well."""
    return str(page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"))


def scrolled(grid: Locator) -> list[float]:
    """How far a matrix is scrolled down and across."""
    found: list[float] = grid.evaluate("grid => [grid.scrollTop, grid.scrollLeft]")
    return found

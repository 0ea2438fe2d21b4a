"""The browser, which is started once: each test has a context of its own, without cookies and storage of others."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.pages import launched


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found

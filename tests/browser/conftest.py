"""The browser, which is started once: each test has a context of its own, without cookies and storage of others."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from ringfence.cluster import Cluster
from tests.browser.pages import OpenedPage, launched, opened
from tests.browser.shop import SHOP
from tests.semantics.objects import pod, policy


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with launched() as found:
        yield found


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "shop.html"
    file.write_text(Cluster.load(SHOP).report("the shop"))
    return file


@pytest.fixture
def page(browser: Browser) -> Iterator[OpenedPage]:
    with opened(browser) as found:
        yield found
        assert found.errors == []


@pytest.fixture(scope="package")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of 300 unlike workloads."""
    cluster = Cluster()
    for number in range(300):
        cluster.upsert(pod(f"n{number % 20}/p{number:03}", {"app": f"a{number}"}))
        peer = {"podSelector": {"matchLabels": {"app": f"a{number // 2}"}}, "namespaceSelector": {}}
        rule = {"from": [peer], "ports": [{"port": number + 1}]}
        cluster.upsert(policy(f"n{number % 20}/p{number}", {"matchLabels": {"app": f"a{number}"}}, ingress=[rule]))
    file = tmp_path_factory.mktemp("large") / "large.html"
    file.write_text(cluster.report("large"))
    return file

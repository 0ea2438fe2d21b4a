"""The page follows what changes: one reading for all that has come, and a problem while it cannot be read."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.web.test_app import EXAMPLE

from ringfence.cluster import Cluster
from ringfence.errors import LiveClusterError
from ringfence.model.problems import Problem
from ringfence.web import FileChanges, LocalPage, Simulation, follow, following


class PreparedChanges:
    """Changes that are pending while `are_there` is set."""

    def __init__(self) -> None:
        self.are_there = False

    def are_pending(self) -> bool:
        return self.are_there

    def take(self) -> None:
        self.are_there = False

    def pause_factor(self, _: object) -> float:
        return 0.0

    def problems(self) -> list[Problem]:
        return []


def problems(page: LocalPage) -> list[tuple[str, str, str]]:
    return [(one.code, one.place.file, one.message) for one in page.problems]


def test_a_cluster_that_cannot_be_read_is_a_problem_of_the_page_until_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    for pause in ("_POLL_INTERVAL", "_RETRY_INTERVAL"):
        monkeypatch.setattr(following, pause, 0.001)
    broken: list[Exception] = []

    def read() -> Cluster:
        if broken:
            raise broken[0]
        return Cluster.load(EXAMPLE)

    page, changes = LocalPage(Simulation(read, "prod")), PreparedChanges()

    async def until(holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                await asyncio.sleep(0.001)

    async def run() -> None:
        task = asyncio.create_task(follow(page, changes, "prod"))
        for error, reason in [
            (LiveClusterError("https://server: refused"), "https://server: refused"),
            (KeyError("x"), "a defect of ringfence: KeyError('x')"),
        ]:
            broken[:] = [error]
            changes.are_there = True
            await until(lambda: bool(problems(page)))
            problem = f"the page shows the cluster as it was before: {reason}"
            assert problems(page) == [("not-followed", "prod", problem)]
            broken.clear()  # it is tried again, though nothing else changes
            await until(lambda: not problems(page))
        task.cancel()

    asyncio.run(run())


def test_a_file_that_is_written_made_or_removed_has_changed(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a")
    changes = FileChanges([str(tmp_path)])
    assert not changes.are_pending()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "index").write_text("hidden")
    assert not changes.are_pending()
    for change in (
        lambda: (tmp_path / "a.yaml").write_text("longer"),
        lambda: (tmp_path / "b.yaml").write_text("b"),
        lambda: (tmp_path / "a.yaml").unlink(),
    ):
        change()
        assert changes.are_pending()
        changes.take()
        assert not changes.are_pending()

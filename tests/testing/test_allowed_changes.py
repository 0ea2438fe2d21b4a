"""Changes that were reviewed: what an entry covers, until when, and what is wrong in a file of them."""

from datetime import date
from pathlib import Path

import pytest
from tests.analysis.differences.clusters import BLOCKS, DB, WORKLOADS, compared

from ringfence.analysis.differences import ClusterDifference, ConnectionChange
from ringfence.errors import InputError
from ringfence.testing.allowed_changes import ReviewedDifference, read_allowed_changes, review

OPENED = DB.replace("      podSelector: {matchLabels: {app: web}}\n", "")
TODAY = date(2027, 1, 31)
ENTRY = "change: opened, source: tools/probe, destination: prod/db, ports: [3306], reason: moving, until: 2027-01-31"


def written(folder: Path, *entries: str) -> str:
    path = folder / "reviewed.yaml"
    listed = "".join(f"- {{{entry}}}\n" for entry in entries)
    path.write_text(f"apiVersion: ringfence/v1\nkind: AllowedChanges\nchanges:\n{listed}")
    return str(path)


def reviewed(folder: Path, found: ClusterDifference, *entries: str) -> ReviewedDifference:
    return review(found, read_allowed_changes(written(folder, *entries)), TODAY)


def opening(folder: Path) -> ClusterDifference:
    return compared(folder, (WORKLOADS, DB), (WORKLOADS, OPENED))


def test_an_entry_that_covers_a_row_puts_it_apart_with_its_reason(tmp_path: Path) -> None:
    found = reviewed(tmp_path, opening(tmp_path), ENTRY)
    assert found.difference.connections == ()
    ((reason, last, place),) = found.difference.reviewed[0].entries
    assert (reason, last, place.line) == ("moving", TODAY, 4)
    assert (found.expired, found.unused) == ((), ())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("opened", "closed", id="the other change"),
        pytest.param("tools/probe", "tools/other", id="another source"),
        pytest.param("prod/db", "prod/Deployment/db", id="another kind"),
        pytest.param("3306", "3307", id="another port"),
        pytest.param("3306", "3306/UDP", id="another protocol"),
    ],
)
def test_an_entry_about_something_else_is_unused(tmp_path: Path, old: str, new: str) -> None:
    found = reviewed(tmp_path, opening(tmp_path), ENTRY.replace(old, new))
    assert len(found.difference.connections) == len(found.unused) == 1


@pytest.mark.parametrize("source", ["tools/Deployment/probe", "tools/*", '"*"'])
def test_a_workload_is_named_with_or_without_its_kind_or_by_its_namespace(tmp_path: Path, source: str) -> None:
    assert not reviewed(tmp_path, opening(tmp_path), ENTRY.replace("tools/probe", source)).difference.connections


def test_an_entry_counts_on_its_last_day_and_not_on_the_next(tmp_path: Path) -> None:
    found = reviewed(tmp_path, opening(tmp_path), ENTRY.replace("2027-01-31", "2027-01-30"))
    assert len(found.difference.connections) == len(found.expired) == 1


def test_a_row_is_allowed_only_if_entries_cover_all_of_it(tmp_path: Path) -> None:
    wide = compared(
        tmp_path, (WORKLOADS, DB), (WORKLOADS, OPENED.replace("[{port: 3306}]", "[{port: 3306}, {port: 3307}]"))
    )
    assert reviewed(tmp_path, wide, ENTRY).difference.of(ConnectionChange.OPENED)
    both = (ENTRY, ENTRY.replace("3306", "3307"))
    assert not reviewed(tmp_path, wide, *both).difference.of(ConnectionChange.OPENED)


def test_addresses_are_covered_by_blocks_together(tmp_path: Path) -> None:
    found = compared(tmp_path, (WORKLOADS, BLOCKS.replace("198.51.100.0/24", "192.0.2.0/24")), (WORKLOADS, BLOCKS))
    entry = 'change: opened, source: 198.51.100.0/25, destination: prod/web, reason: x, until: "2027-01-31"'
    assert reviewed(tmp_path, found, entry).difference.of(ConnectionChange.OPENED)
    halves = (entry, entry.replace("100.0/25", "100.128/25"))
    assert not reviewed(tmp_path, found, *halves).difference.of(ConnectionChange.OPENED)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        pytest.param(ENTRY.replace("opened", "open"), "changes[0].change", id="no such change"),
        pytest.param(ENTRY.replace("tools/probe", "probe"), "changes[0].source", id="no namespace"),
        pytest.param(ENTRY.replace("[3306]", "[http]"), "changes[0].ports", id="a port name"),
        pytest.param(ENTRY.replace("[3306]", "[99999]"), "changes[0].ports", id="no such port"),
        pytest.param(ENTRY.replace("[3306]", "[{a: b}]"), "changes[0].ports", id="no port"),
        pytest.param(ENTRY.replace("[3306]", "[]"), "changes[0].ports", id="no ports"),
        pytest.param(ENTRY.replace("2027-01-31", "2027-02-31"), "changes[0].until", id="no such day"),
        pytest.param(ENTRY.replace("reason: moving, ", ""), "changes[0].reason: Required value", id="no reason"),
        pytest.param(ENTRY.replace("until", "til"), "changes[0].until: Required value", id="no last day"),
        pytest.param(f"{ENTRY}, by: me", 'unknown field "by"', id="an unknown field"),
        pytest.param('"a": [', "reviewed.yaml:", id="no YAML"),
    ],
)
def test_a_mistake_is_an_error_with_its_place(tmp_path: Path, entry: str, message: str) -> None:
    path = written(tmp_path, entry)
    with pytest.raises(InputError) as error:
        read_allowed_changes(path)
    assert message in str(error.value)
    assert f"{path}:" in str(error.value)


def test_another_document_is_refused(tmp_path: Path) -> None:
    (tmp_path / "reviewed.yaml").write_text(DB)
    with pytest.raises(InputError, match="no document with apiVersion ringfence/v1 and kind AllowedChanges"):
        read_allowed_changes(str(tmp_path / "reviewed.yaml"))

"""The options of `test` that check more than the tests: their coverage, a snapshot, and the kernel."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from ringfence.cli import EXIT_NO, EXIT_YES
from ringfence.cli.options import as_one
from ringfence.cli.terminal import print_message
from ringfence.cli.written_files import write_file
from ringfence.cluster import Cluster
from ringfence.errors import InputError, ManifestError
from ringfence.render.coverage import coverage_document, coverage_text
from ringfence.render.formats import API_VERSION, yaml_text
from ringfence.render.snapshots import read_snapshot, snapshot_difference_text, snapshot_lines
from ringfence.sources.manifests import parse_yaml
from ringfence.testing.netassert import read_netassert
from ringfence.testing.outcomes import JudgedTests
from ringfence.testing.reachability_tests import KIND, ReachabilityTest

Print = Callable[[str], None]
"""Prints text for people: on standard output, or on standard error if a document goes there."""


class ProofOptions(msgspec.Struct, frozen=True):
    """What is checked besides the tests."""

    coverage: bool
    coverage_json: str | None
    min_coverage: float | None
    snapshot: str | None
    update: bool
    record: tuple[tuple[str, str, str], ...]
    import_from: tuple[str, str] | None
    lab: bool

    @property
    def writes_tests(self) -> bool:
        """Whether tests are written, and none are judged."""
        return bool(self.record or self.import_from)

    def written(self, cluster: Cluster | None) -> str:
        """The document of the tests that are recorded or imported; only what is recorded needs a cluster."""
        tests: list[dict[str, Any]] = []
        if self.import_from is not None:
            tests += _imported(Path(self.import_from[1]))
        for source, destination, port in self.record:
            assert cluster is not None
            tests += cluster.recorded_tests(source, destination, port=port)
        return yaml_text({"apiVersion": API_VERSION, "kind": KIND, "tests": tests})

    @property
    def wants_coverage(self) -> bool:
        """Whether the coverage of the tests is measured."""
        return self.coverage or self.coverage_json is not None or self.min_coverage is not None

    @property
    def is_only_snapshot(self) -> bool:
        """Whether only the snapshot is compared, and no tests are run unless paths are given."""
        return self.snapshot is not None and not self.wants_coverage and not self.lab

    def check(self) -> None:
        """Raise InputError for options that contradict each other, or that would have no effect."""
        if self.update and self.snapshot is None:
            raise InputError("--update writes a snapshot again: name its file with --snapshot FILE")
        if self.writes_tests and (ignored := self._checks()):
            raise InputError(f"--record and --import write tests and run none: use them without {ignored[0]}")

    def _checks(self) -> list[str]:
        """The options that are given to check something."""
        wanted = {
            "--lab": self.lab,
            "--coverage": self.coverage,
            "--min-coverage": self.min_coverage is not None,
            "--coverage-json": self.coverage_json is not None,
            "--snapshot": self.snapshot is not None,
        }
        return [option for option, is_given in wanted.items() if is_given]

    def beside_kernel(self, cluster: Cluster, judged: JudgedTests) -> JudgedTests:
        """The outcomes with a column for the kernel, if a laboratory is asked for."""
        if not self.lab:
            return judged
        # The laboratory takes longer to import than most tests take.
        from ringfence.lab.kernel_outcomes import beside_kernel

        return beside_kernel(cluster, judged)

    def checked(self, cluster: Cluster, tests: Iterable[ReachabilityTest], show: Print) -> list[int]:
        """The exit code of each check that is asked for, after its text is shown."""
        codes = []
        if self.snapshot is not None:
            codes.append(self._compare(Path(self.snapshot), cluster, show))
        if self.wants_coverage:
            codes.append(self._cover(cluster, tests, show))
        return codes

    def _compare(self, path: Path, cluster: Cluster, show: Print) -> int:
        try:
            before = read_snapshot(_text_of(path), str(path))
        except ManifestError:
            if not self.update:
                raise
            # A snapshot that is missing or damaged is what --update is for.
            return _write(path, "".join(snapshot_lines(cluster.snapshot())))
        if not self.update:
            _check_same_plugin(path, before.plugin, cluster)
        found = cluster.changes_since(before)
        if not found:
            show(f"{path}: nothing changed")
            return EXIT_YES
        show(snapshot_difference_text(found, str(path), "now"))
        if self.update:
            # With possible pods only if the old one had them, so that an update changes no more than what has changed.
            return _write(path, "".join(snapshot_lines(cluster.snapshot(possible=before.possible is not None))))
        print_message(f"if this is meant, write the snapshot again with --snapshot {path} --update")
        return EXIT_NO

    def _cover(self, cluster: Cluster, tests: Iterable[ReachabilityTest], show: Print) -> int:
        found = cluster.coverage_by(tests)
        show(coverage_text(found))
        if self.coverage_json is not None:
            _write(Path(self.coverage_json), coverage_document(found))
        # Without rounding: 89.6 % is less than 90, although it is shown as such.
        if self.min_coverage is None or found.reaches(self.min_coverage):
            return EXIT_YES
        print_message(f"the coverage is less than {self.min_coverage:g} %")
        return EXIT_NO


def _check_same_plugin(path: Path, plugin: str, cluster: Cluster) -> None:
    """Raise InputError unless a cluster is asked about with the network plugin that its snapshot was taken with."""
    enforced_by = cluster.state.enforced_by
    now = enforced_by.argument if enforced_by else ""
    # Every row could differ because of the plugin, and none of them would be a change of the cluster.
    if now != plugin:
        taken = f"was taken with --plugin {plugin}" if plugin else "was taken without --plugin"
        remedy = f"--plugin {plugin}" if plugin else "no --plugin"
        raise InputError(f"{path}: the snapshot {taken}, and cannot be compared: use {remedy}, or take a new snapshot")


def _imported(path: Path) -> list[dict[str, Any]]:
    try:
        documents = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ManifestError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise ManifestError(f"{path}: not a text in UTF-8") from None
    except InputError as error:
        raise ManifestError(f"{path}: {error}") from None
    return read_netassert(documents, str(path))


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ManifestError(f"{path}: no such file: write it with --snapshot {path} --update") from None
    except UnicodeDecodeError:
        raise ManifestError(f"{path}: not a text in UTF-8: write it again with --snapshot {path} --update") from None


def _write(path: Path, text: str) -> int:
    write_file(path, text, str(path))
    print_message(f"wrote {path}")
    return EXIT_YES


_FILE: Final = click.Path(readable=False, dir_okay=False)

_OPTIONS: Final = (
    click.option("--lab", is_flag=True, help="Have the kernel judge the tests as well, in a laboratory."),
    click.option("--coverage", is_flag=True, help="List which mistakes in the policies no test would notice."),
    click.option(
        "--min-coverage",
        type=click.FloatRange(0, 100),
        metavar="PERCENT",
        help="Exit with 1 if the tests notice a smaller part of the mistakes.",
    ),
    click.option(
        "--coverage-json", type=_FILE, metavar="FILE", help="Write every mistake that was tried to this file, as JSON."
    ),
    click.option(
        "--snapshot",
        type=_FILE,
        metavar="FILE",
        help="Exit with 1 if anything differs from this file, which `ringfence snapshot` has written.",
    ),
    click.option(
        "--record",
        type=(str, str, str),
        multiple=True,
        metavar="SOURCE DESTINATION PORT",
        help="Print tests of what these workloads may do today, and run none. Repeatable.",
    ),
    click.option(
        "--import",
        "import_from",
        type=(click.Choice(["netassert"]), _FILE),
        metavar="netassert FILE",
        help="Print the tests of a netassert file as tests of ringfence, and run none.",
    ),
    click.option("--update", is_flag=True, help="Write the current state to the file of --snapshot."),
)

proof_options = as_one(ProofOptions, "proofs", _OPTIONS)
"""Gives a command the options for further checks; it receives them as `proofs`."""

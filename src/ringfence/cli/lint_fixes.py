"""`lint --fix`: mistakes corrected in files, each edit proved or shown before it is written."""

import sys
from collections.abc import Callable
from pathlib import Path

import click
import msgspec

from ringfence.analysis.possible import Outcome
from ringfence.cli.terminal import print_exactly, print_message, terminal_width
from ringfence.cluster import Cluster
from ringfence.errors import InputError
from ringfence.lint import FixedInput, LintFindings, fix, text_diff
from ringfence.lint.fixing import LintedInput
from ringfence.model.problems import Severity
from ringfence.render.differences import difference_text
from ringfence.render.formats import one_line
from ringfence.sources.manifests import STANDARD_INPUT_NAME, FileContents
from ringfence.whole_files import write_whole


class FixOptions(msgspec.Struct, frozen=True):
    """The options that say what is corrected, and whether it is written."""

    fix: bool
    unsafe_fixes: bool
    diff: bool

    @property
    def wanted(self) -> bool:
        """Whether anything is to be corrected."""
        return self.fix or self.diff

    def check(self, *, is_live: bool) -> None:
        """Raise InputError for options without files to edit, or that have no effect."""
        if self.unsafe_fixes and not self.wanted:
            raise InputError("--unsafe-fixes says which fixes count: use it with --fix, or with --diff to see them")
        if self.wanted and is_live:
            raise InputError("--fix and --diff edit files: name them with -f; a live cluster is not edited")


FIX_OPTIONS = (
    click.option("--fix", is_flag=True, help="Apply the fixes that are proved to change no verdict in any cluster."),
    click.option(
        "--unsafe-fixes", is_flag=True, help="With --fix or --diff: also fixes that change verdicts; print which."
    ),
    click.option("--diff", is_flag=True, help="Print what --fix would change, and write nothing."),
)


class LintedCluster(msgspec.Struct, frozen=True):
    """A cluster, and what was found in it."""

    cluster: Cluster
    findings: LintFindings

    @property
    def errors(self) -> int:
        """The number of errors in the input."""
        return sum(problem.severity is Severity.ERROR for problem in self.cluster.problems)

    def difference(self, after: LintedInput) -> str:
        """Why the policies of another input are not proved to mean the same; empty if they are."""
        assert isinstance(after, LintedCluster)
        compared = self.cluster.equivalent(after.cluster, names=("before", "after"))
        if compared.outcome is Outcome.HOLDS:
            return ""
        if compared.outcome is Outcome.FAILS:
            return "it would change what policies allow"
        return f"it is not proved to change nothing: {compared.unknown[0] if compared.unknown else 'unknown'}"


def fixed(
    contents: FileContents,
    before: LintedCluster,
    read: Callable[[FileContents], LintedCluster],
    options: FixOptions,
) -> tuple[LintedCluster, FileContents]:
    """The input after its mistakes have been corrected, as the options say. With --diff, this never returns."""
    found = fix(contents, before, read, unsafe=options.unsafe_fixes)
    after = found.after
    assert isinstance(after, LintedCluster)
    _report(found, "would fix" if options.diff else "fixed")
    # Safe fixes are proved to change nothing. Of unsafe ones, the user must see the effect before it is merged.
    if any(not one.is_safe for one in found.applied):
        change = before.cluster.diff(after.cluster, names=("before", "after"))
        print_message(f"what the unsafe fixes change:\n{difference_text(change, 'before', 'after', terminal_width())}")
    if options.diff:
        print_exactly("".join(text_diff(contents, found.contents)))
        # As `diff`: 1 if there is a difference, so that a pipeline can require that nothing is left to fix.
        sys.exit(1 if found.applied else 0)
    _write(contents, found.contents)
    return after, found.contents


def _report(found: FixedInput, verb: str) -> None:
    for one in found.applied:
        print_message(one_line(f"{verb} {one.place.file_and_line}: {one.rule} {one.name}, {one.object}"))
    for refused in found.refused:
        one = refused.finding
        head = f"not fixed {one.place.file_and_line}: {one.rule} {one.name}, {one.object}"
        print_message(one_line(f"{head}: {refused.reason}"))
    if not found.is_finished:
        print_message("more can be fixed: run the command again")
    if found.unsafe:
        number = len(found.unsafe)
        print_message(f"{number} {'more has a fix' if number == 1 else 'more have fixes'} with --unsafe-fixes")
    if not found.applied:
        print_message("nothing was fixed" if found.unsafe or found.refused else "there is nothing to fix")


def _write(before: FileContents, after: FileContents) -> None:
    """Write the files that have changed, unless another program has changed them in between."""
    for file in after.files():
        old, new = before.data(file), after.data(file)
        if file == STANDARD_INPUT_NAME and new is not None:
            print_exactly(new)
        elif new is not None and new != old:
            try:
                # Proofs take time, in which an editor may have saved the file.
                if Path(file).read_bytes() != old:
                    raise InputError(f"{file}: another program has changed it, and it was not written: try again")
                write_whole(Path(file), new)
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                raise InputError(f"{file}: the fixes cannot be written: {reason}") from None

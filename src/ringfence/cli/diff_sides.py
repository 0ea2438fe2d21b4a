"""One of two clusters that are compared: read from files, a revision, the index or an API server.

`diff` compares any of these; `equivalent` and `allows-at-most` what is in files and what is in an API server.
"""

from copy import deepcopy
from typing import Final, NamedTuple, TypedDict

import click
import msgspec

from ringfence.cli import progress
from ringfence.cli.inputs import STRICTNESS_OPTIONS, Inputs, folder_options, refuse_errors
from ringfence.cli.terminal import print_message
from ringfence.cli.what_if import enforced, supposed
from ringfence.cluster import Cluster
from ringfence.model.compared_problems import ComparedProblem, ProblemsOfSide, compared_problems
from ringfence.model.objects import DEFAULT_NAMESPACE
from ringfence.render.differences import ComparedSide
from ringfence.render.problems import compared_problem_text
from ringfence.shared_input import SharedInput
from ringfence.sources.git import commit_of
from ringfence.trait_files import plugin_traits


class Sources(TypedDict):
    """What is read besides files and folders, and how folders are read, as the arguments of `Cluster.load`."""

    recursive: bool
    exclude: tuple[str, ...]
    kustomize: str | None
    chart: str | None
    values: tuple[str, ...]


class SideInputs(Inputs, frozen=True):
    """Files and folders, or a live cluster, with what is supposed; its documents are shared with the other side."""

    suppose: tuple[str, ...]
    without: tuple[str, ...]
    chart: str | None
    values: tuple[str, ...]
    shared: SharedInput
    listed: dict[str | None, Cluster]
    """The live clusters that either side has listed, by context."""
    plugin: str | None

    @property
    def is_live(self) -> bool:
        """Whether the cluster is that of an API server, not of files."""
        return not (self.filenames or self.kustomize or self.chart)

    def read(self) -> Cluster:
        """The cluster, with what is supposed, as a network plugin enforces it."""
        return enforced(supposed(self._from_source(), self.suppose, self.without), self.plugin)

    def sources(self) -> Sources:
        """What is read besides files and folders, and how folders are read."""
        return {
            "recursive": self.recursive,
            "exclude": self.exclude,
            "kustomize": self.kustomize,
            "chart": self.chart,
            "values": self.values,
        }

    def _from_source(self) -> Cluster:
        if self.is_live:
            return self._listed()
        with progress.reading() as reading:
            return Cluster.load(
                *self.filenames,
                **self.sources(),
                namespace=self.namespace or DEFAULT_NAMESPACE,
                progress=reading,
                shared=self.shared,
            )

    def _listed(self) -> Cluster:
        """The live cluster. It is listed once: what happens in between would look like a part of what is supposed."""
        if self.context in self.listed:
            # A copy, because what is supposed on one side must not change the other.
            return deepcopy(self.listed[self.context])
        cluster = Cluster.live(self.context, self.kubeconfig, namespace=self.namespace)
        # A plugin changes the cluster itself, and the other side may have another plugin, or none.
        self.listed[self.context] = deepcopy(cluster) if self.plugin else cluster
        return cluster


class RevisionInputs(SideInputs, frozen=True):
    """What -f, -k and --chart name as it is in a revision; without one, as it is in the index."""

    revision: str | None

    def _from_source(self) -> Cluster:
        return Cluster.of_revision(
            self.revision,
            *self.filenames,
            **self.sources(),
            namespace=self.namespace or DEFAULT_NAMESPACE,
            shared=self.shared,
        )

    def has_same_files(self, other: Inputs) -> bool:
        """Whether another input is a revision with the same files: then nothing differs, whatever is in them."""
        return (
            isinstance(other, RevisionInputs)
            and not (other.strict or other.suppose or other.without)
            and self.plugin == other.plugin
            and Cluster.same_in_revisions(
                self.revision,
                other.revision,
                *self.filenames,
                **self.sources(),
                shared=self.shared,
            )
        )


class Chosen(msgspec.Struct, frozen=True):
    """The files and folders, the kustomization and the chart that are read; false if there are none."""

    filenames: tuple[str, ...] = ()
    kustomize: str | None = None
    chart: str | None = None
    values: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the output calls them."""
        return " ".join((*self.filenames, *(one for one in (self.kustomize, self.chart) if one)))

    def __bool__(self) -> bool:
        return bool(self.filenames or self.kustomize or self.chart)


class ComparedInput(msgspec.Struct, frozen=True):
    """One of the two clusters, and what the output calls it."""

    name: str
    inputs: Inputs

    def described(self) -> ComparedSide:
        """Where it comes from, for documents."""
        inputs = self.inputs
        chart = [inputs.chart] if isinstance(inputs, SideInputs) and inputs.chart else []
        paths = (*inputs.filenames, *([inputs.kustomize] if inputs.kustomize else []), *chart)
        revision = inputs.revision if isinstance(inputs, RevisionInputs) else None
        plugin = plugin_traits(inputs.plugin) if isinstance(inputs, SideInputs) and inputs.plugin else None
        return ComparedSide(self.name, revision, commit_of(revision) if revision else None, paths, plugin)

    def has_same_files(self, other: "ComparedInput") -> bool:
        """Whether both are revisions with the same files, so that none need be read; --strict reads them all."""
        return isinstance(self.inputs, RevisionInputs) and self.inputs.has_same_files(other.inputs)

    def problems(self, cluster: Cluster, other: "ComparedInput") -> ProblemsOfSide:
        """The problems of this input, and what its places begin with that those of the other one do not."""
        return ProblemsOfSide(self.name, cluster.problems, self._folder(other))

    def _folder(self, other: "ComparedInput") -> str:
        if isinstance(self.inputs, RevisionInputs):
            return f"{self.inputs.revision or ''}:"
        paths = self.described().paths
        return paths[0] if len(paths) == 1 and paths != other.described().paths else ""


class ComparedClusters(NamedTuple):
    """Two clusters, and the problems of both inputs, each once."""

    first: Cluster
    second: Cluster
    problems: list[ComparedProblem]


def read_both(first: ComparedInput, second: ComparedInput) -> ComparedClusters:
    """The clusters of both inputs. Their problems, and what was skipped, are printed on stderr, each once.

    Raises InputError for an error in either with `--strict`, and for `--strict` together with `--ignore-errors`.
    """
    first.inputs.check_strictness()
    clusters = first.inputs.read(), second.inputs.read()
    remarks = [list(one.inputs.remarks(cluster)) for one, cluster in zip((first, second), clusters, strict=True)]
    # Equal remarks are printed once, without the name of a side.
    if remarks[0] != remarks[1]:
        remarks = [
            [f"{one.name}: {text}" for text in texts] for one, texts in zip((first, second), remarks, strict=True)
        ]
    for text in dict.fromkeys([*remarks[0], *remarks[1]]):
        print_message(text)
    problems = compared_problems(first.problems(clusters[0], second), second.problems(clusters[1], first))
    for one in problems:
        print_message(compared_problem_text(one))
    refuse_errors((one.problem for one in problems), strict=first.inputs.strict)
    return ComparedClusters(*clusters, problems)


READING_OPTIONS: Final = (
    *folder_options("folders"),
    click.option("-n", "--namespace", metavar="NAME", help="The namespace of objects without one."),
    *STRICTNESS_OPTIONS,
)
"""How both inputs are read."""

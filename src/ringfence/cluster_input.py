"""The input of a cluster: its objects, from files, git revisions, a live cluster, or one by one, and their problems."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

from ringfence.admission import Admission
from ringfence.analysis.endpoints import named_policy, similar
from ringfence.argument_checks import checked_namespace, checked_path, checked_patterns, checked_text
from ringfence.engine.state import State
from ringfence.errors import InputError, ManifestError
from ringfence.model.documents import custom_document, stored_document
from ringfence.model.kinds import KINDS, kind_of, namespace_of
from ringfence.model.objects import DEFAULT_NAMESPACE, Manifest, NetworkPolicy, Object, Policy
from ringfence.model.origin import Origin
from ringfence.model.problems import Problem, Severity
from ringfence.model.server_versions import ServerVersion
from ringfence.model.unread_kinds import unread_kind
from ringfence.shared_input import SharedInput

if TYPE_CHECKING:
    from ringfence.sources.loaded_objects import LoadedObjects
    from ringfence.sources.manifests import FileContents


class ClusterInput:
    """The objects of a cluster, loaded from manifests or an API server, or added one by one.

    `problems` are the problems of the input, each with file and line. An object with an error is left out; all others
    count. Only a policy that an API server has stored is never left out: what newer servers would refuse is in force
    there nevertheless. `skipped` counts the objects of unsupported kinds, `unrelated` the documents without an object.
    Names without a namespace are looked up in `namespace`, and objects without one are put there, as by `kubectl -n`.
    """

    def __init__(
        self,
        *,
        live: bool = False,
        namespace: str = DEFAULT_NAMESPACE,
        server_version: ServerVersion | None = None,
        shared: SharedInput | None = None,
    ) -> None:
        self.namespace = checked_namespace(namespace)
        self.problems: list[Problem] = []
        self.skipped: Counter[str] = Counter()
        self.unrelated = 0
        self.has_objects = False
        """Whether anything that was loaded is an object, of whatever kind."""
        self._contents: FileContents | None = None
        self.revision = ""
        """The revision of a git repository that the objects are from; empty if they are from none."""
        self._state = State(live=live)
        self._admission = Admission(
            self._state, self.namespace, live=live, server_version=server_version, shared=shared
        )

    @property
    def state(self) -> State:
        """All objects in the engine, and what follows from them."""
        # Shared objects enter the engine when it is first asked: comparisons often can do without.
        if self._admission.kept:
            self._admission.kept.enter()
        return self._state

    @classmethod
    def load(  # noqa: PLR0913  (keywords of the public API)
        cls,
        *paths: str | PathLike[str],
        recursive: bool = True,
        exclude: Sequence[str] = (),
        kustomize: str | PathLike[str] | None = None,
        chart: str | PathLike[str] | None = None,
        values: Sequence[str | PathLike[str]] = (),
        namespace: str = DEFAULT_NAMESPACE,
        strict: bool = False,
        server_version: ServerVersion | None = None,
        progress: Callable[[int, int], None] | None = None,
        shared: SharedInput | None = None,
        contents: "FileContents | None" = None,
    ) -> Self:
        """A cluster from files and folders (`-` is standard input), a kustomization, and a Helm chart with `values`.

        In folders, hidden folders and whatever matches a pattern of `exclude` by its name or path are left out.
        `progress` is called repeatedly with the number of bytes read and the number of bytes in total. Raises
        ManifestError for a path that does not exist; problems inside files are in `problems`. With `strict`, it raises
        ManifestError for the errors among them, too, each on a line with its remedy below it: then no answer can lack a
        policy.

        With a `server_version`, what servers of this version would refuse is an error. Without one, the rules are those
        of the newest version that is known, but an `apiVersion` that only older servers have is a warning.

        Clusters that are loaded with the same `shared` input, to compare them, have their equal documents read once.
        With `contents`, what is in the files is kept there, for `lint`.
        """
        from ringfence.render.problems import problem_text
        from ringfence.sources.manifests import FolderFiles, read_files

        cluster = cls(namespace=namespace, server_version=server_version, shared=shared)
        cluster._contents = contents
        if paths:
            texts = [checked_path(path) for path in paths]
            patterns = checked_patterns(exclude)
            documents = shared.documents if shared else None
            of_folders = FolderFiles(recursive, patterns)
            loaded = read_files(texts, of_folders, progress=progress, shared=documents, contents=contents)
            cluster._load(loaded)
        if kustomize is not None:
            from ringfence.sources.manifests import build_kustomization

            cluster._load(build_kustomization(checked_path(kustomize)))
        if chart is not None:
            from ringfence.sources.manifests import render_chart

            cluster._load(render_chart(checked_path(chart), [checked_path(file) for file in values], namespace))
        # After everything was read, so that one message has all errors.
        if strict and (errors := [one for one in cluster.problems if one.severity is Severity.ERROR]):
            raise ManifestError("\n".join(map(problem_text, errors)))
        return cluster

    @classmethod
    def of_revision(  # noqa: PLR0913  (keywords of the public API)
        cls,
        revision: str | None,
        *paths: str | PathLike[str],
        recursive: bool = True,
        exclude: Sequence[str] = (),
        kustomize: str | PathLike[str] | None = None,
        chart: str | PathLike[str] | None = None,
        values: Sequence[str | PathLike[str]] = (),
        namespace: str = DEFAULT_NAMESPACE,
        shared: SharedInput | None = None,
    ) -> Self:
        """A cluster from files and folders as they are in a revision of the git repository of the working directory.

        None is the index: what would be committed next. Nothing is checked out, and nothing that the repository
        configures is run. A kustomization and a chart are rendered from the files of the revision; what they refer to
        elsewhere is not fetched. `shared` is as in `load`. Raises InputError for a revision, and ManifestError for a
        path, that is not there.
        """
        from ringfence.sources.git import Repository, read_rendered, read_stored

        cluster, repository, known = cls(namespace=namespace, shared=shared), Repository(), shared or SharedInput()
        cluster.revision = revision or "the index"
        documents = shared.documents if shared else None
        if paths:
            files = known.stored_files(repository, revision, paths, recursive=recursive, exclude=exclude)
            cluster._load(read_stored(repository, files, documents))
        for folder in known.rendered_folders(repository, revision, kustomize, chart, values):
            cluster._load(read_rendered(repository, revision, folder, namespace, documents))
        return cluster

    @classmethod
    def same_in_revisions(  # noqa: PLR0913  (keywords of the public API)
        cls,
        revision: str | None,
        other: str | None,
        *paths: str | PathLike[str],
        recursive: bool = True,
        exclude: Sequence[str] = (),
        kustomize: str | PathLike[str] | None = None,
        chart: str | PathLike[str] | None = None,
        values: Sequence[str | PathLike[str]] = (),
        shared: SharedInput | None = None,
    ) -> bool:
        """Whether files and folders are the same in two revisions, or in one and the index (None), byte for byte.

        For a kustomization and a chart, all files that are needed to render them are compared. Nothing else is read. If
        they are the same, the clusters of both revisions are equal. Raises as `of_revision`.
        """
        from ringfence.sources.git import Repository

        repository, known = Repository(), shared or SharedInput()

        def content(of: str | None) -> tuple[object, ...]:
            rendered = known.rendered_folders(repository, of, kustomize, chart, values)
            if not paths:
                return (rendered,)
            return rendered, known.stored_files(repository, of, paths, recursive=recursive, exclude=exclude).entries

        # Hashes of git are compared, and no file is read.
        return content(revision) == content(other)

    @classmethod
    def live(
        cls,
        context: str | None = None,
        kubeconfig: str | PathLike[str] | None = None,
        *,
        namespace: str | None = None,
        service_users: bool = False,
    ) -> Self:
        """The cluster of a kubeconfig context (by default the current one), listed once.

        With `service_users`, webhooks, aggregated APIs, Ingresses and routes are listed as well, as far as the user
        may: `lint` then finds those whose Services policies cut off.

        If the user may not list all namespaces, only `namespace` is read, by default that of the context; problems and
        assumptions say so. Raises LiveClusterError if the API server cannot be reached or refuses.
        """
        from ringfence.sources.cluster import current_namespace, read

        file = None if kubeconfig is None else checked_path(kubeconfig)
        if context is not None:
            checked_text("context", context, "prod")
        loaded = read(context, file, namespace, service_users=service_users)
        namespace = namespace or current_namespace(context, file)
        cluster = cls(live=True, namespace=namespace)
        cluster._load(loaded)
        return cluster

    # --- objects in and out ---------------------------------------------------------------------------------------

    def upsert(self, obj: Object | Mapping[str, Any], origin: Origin | None = None, *, is_stored: bool = False) -> None:
        """Add one object, or replace the one with its kind and name. `obj` is a dict as in the API, or a model object.

        Of a policy that ringfence does not read (`model.unread_kinds`) it notes which answers are in doubt. Raises
        DecodingError or InputError if the API server would refuse the object; the cluster is then unchanged. What only
        newer servers refuse is accepted if `is_stored` says that a server has stored the object; a dict with a `uid` or
        a `resourceVersion` has been stored, and so has every object of a live cluster.
        """
        self._admission.upsert(obj, origin, is_stored=is_stored)

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Remove one object, if it is there; `namespace` is ignored for kinds without one.

        Raises InputError for a kind that is not known: an object that stays by mistake would still count.
        """
        checked_text("kind", kind, "Pod")
        checked_text("namespace", namespace, "prod")
        checked_text("name", name, "web")
        row = KINDS.keyed(kind) or unread_kind(kind)
        if row is None:
            meant = similar(kind, [one.key for one in KINDS])
            raise InputError(f"{kind!r} is not a known kind{meant or ': use one such as NetworkPolicy'}")
        key = kind, namespace or self.namespace if row.is_namespaced else "", name
        # Policies of kinds that are not read are never kept: they enter the state at once, and are removed from there.
        if self._admission.kept and KINDS.keyed(kind):
            self._admission.kept.remove(key)
        else:
            self.state.remove(*key)

    def suppose(self, *paths: str | PathLike[str]) -> None:
        """Add the objects of files as if they had been applied: each replaces the one with its kind and name.

        Their problems are added to `problems`. Raises ManifestError for a path that does not exist.
        """
        from ringfence.sources.manifests import ALL_FILES, read_files

        loaded = read_files([checked_path(path) for path in paths], ALL_FILES)
        self._report(loaded, self._admission.suppose(loaded))

    def leave_out(self, policy: str) -> None:
        """Remove a policy: `NAMESPACE/NAME`, or `NAME` in the namespace of the cluster.

        One of administrators is `cnp/NAME`, `anp/NAME` or `banp/NAME`. Raises InputError if there is none.
        """
        reference = named_policy(self.state, checked_text("policy", policy, "prod/db-policy"), self.namespace)
        self.remove(reference.kind, reference.namespace, reference.name)

    def as_enforced_by(self, plugin: str) -> Self:
        """Answer as a network plugin enforces the policies, from now on; returns the cluster itself.

        `plugin` is `NAME`, `NAME@VERSION`, `NAME:SETTING=VALUE,...`, such as `cilium@1.19`, or a file with traits.
        Raises InputError for a plugin that is not known, and for what is wrong in the file.
        """
        from ringfence.trait_files import plugin_traits

        self.state.enforce(plugin_traits(checked_text("plugin", plugin, "cilium@1.19")))
        return self

    def follow(self, changed: Sequence[Object], removed: Sequence[tuple[str, str, str]], origin: Origin) -> bool:
        """Apply changes of single objects of a live cluster: the result is the same as if it were listed now.

        `removed` are kinds, namespaces and names. False if these objects are not enough to know the result: the cluster
        must then be loaded again, and this one must not be used any more. This is so for an object with a problem,
        which the change may solve, for a custom resource that is kept as it is stored, for an object with annotations
        that suppress findings, and for the last object of a namespace that no Namespace defines.
        """
        # All changes are checked first, so that none is applied in vain.
        if not self._can_follow(changed, removed):
            return False
        for key, namespace, name in removed:
            kind = KINDS.keyed(key)
            if kind is None or kind.is_custom:
                return False
            self._admission.forget(kind, namespace, name)
        return not any(self._admission.replace(Manifest(one, origin)) for one in changed)

    def _can_follow(self, changed: Iterable[Object], removed: Iterable[tuple[str, str, str]]) -> bool:
        """Whether the changes of these objects are enough to know the result."""
        names = [(kind_of(one), namespace_of(one), one.metadata.name) for one in changed]
        with_problems = {one.object for one in self.problems}
        return not (
            self._state.only_namespace
            or self._admission.has_suppressions
            or any(KINDS.of(one).is_custom for one in changed)
            or any(kind == "Namespace" or not self._is_defined(namespace) for kind, namespace, _ in removed)
            or any(f"{kind} {'/'.join(filter(None, path))}" in with_problems for kind, *path in [*names, *removed])
        )

    def _is_defined(self, namespace: str) -> bool:
        """Whether a namespace still exists when objects in it are removed; true for objects without a namespace."""
        return not namespace or self._state.namespaces.is_defined(namespace)

    def policies(self) -> list[NetworkPolicy]:
        """The policies in force, with the defaults that the API server sets, by namespace and name."""
        return [compiled.policy for compiled in self.state.policies.network_policies.all_policies()]

    def policies_of(self, kind: str) -> list[Policy]:
        """The policies of one kind in force, in no order; the administrators' kinds have their group in the name."""
        return [compiled.policy for compiled in self.state.tiers.policies() if kind_of(compiled.policy) == kind]

    def document(self, policy: Policy) -> dict[str, Any]:
        """A policy of this cluster as `kubectl get` prints it."""
        if isinstance(policy, NetworkPolicy):
            return stored_document(policy)
        return custom_document(policy, self._admission.tree_of(policy))

    def _load(self, loaded: "LoadedObjects") -> None:
        """Add all objects that a source has found, and report its problems and theirs."""
        self._report(loaded, self._admission.load(loaded))

    def _report(self, loaded: "LoadedObjects", found: Iterable[Problem]) -> None:
        """Report the problems of a source, those that were found with its objects, and what it left out."""
        self.problems.extend(loaded.problems)
        self.problems.extend(found)
        # By place, whatever source they come from: a reader corrects a file from top to bottom.
        self.problems.sort(key=lambda problem: problem.place)
        self.has_objects |= bool(loaded.manifests or loaded.skipped or loaded.unread or loaded.operated or loaded.own)
        self.skipped.update(loaded.skipped)
        self.unrelated += loaded.unrelated

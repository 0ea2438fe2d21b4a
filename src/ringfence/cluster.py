"""The Python face of ringfence: a cluster that takes objects in and answers questions.

    cluster = Cluster.load("manifests/")
    assert not cluster.can("prod/web", "prod/db", port=3306)

Everything that the command line does goes through here.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from itertools import count
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ringfence.analysis import reach
from ringfence.analysis.connections import Connection, connections
from ringfence.analysis.edits import Edit, smallest_edit
from ringfence.analysis.endpoints import resolve
from ringfence.analysis.questions import Answer
from ringfence.engine.state import State
from ringfence.errors import InputError
from ringfence.model.decoding import decode, unknown_fields
from ringfence.model.kinds import KINDS, Kind, kind_of, namespace_of
from ringfence.model.objects import DEFAULT_NAMESPACE, NetworkPolicy, Object
from ringfence.model.origin import Origin
from ringfence.model.problems import Problem, ProblemCode, Severity

if TYPE_CHECKING:
    from ringfence.sources.loading import LoadedObjects


class Verdict(Answer):
    """The answer to a question: true or false, with its reasons (`reasons`, `assumptions`) and in words (`explain`)."""

    @cached_property
    def edits(self) -> tuple[Edit, ...]:
        """The smallest edit of policies that would turn the answer, checked by the engine; empty where none does."""
        self._check_fresh()
        return smallest_edit(self._state, self)

    def explain(self) -> str:
        """The answer, why it is so, and what would turn it, as `ringfence explain` prints them."""
        from ringfence.render.answers import explanation

        return explanation(self, self.edits)


class Cluster:
    """The objects of a cluster, from manifests, from an API server or put in one by one, and what they mean.

    `problems` is what was wrong in the input, each with file and line: an object with an error does not count, all
    others do. `skipped` counts the objects of kinds that have no meaning here. `namespace` is where names without a
    namespace are looked up.
    """

    def __init__(self, *, live: bool = False, namespace: str = DEFAULT_NAMESPACE) -> None:
        self.namespace = namespace
        self.problems: list[Problem] = []
        self.skipped: Counter[str] = Counter()
        self.state = State(live=live)
        self._origins: dict[tuple[Kind, str, str], Origin] = {}
        self._numbers = count(1)

    @classmethod
    def load(
        cls,
        *paths: str | PathLike[str],
        recursive: bool = True,
        kustomize: str | PathLike[str] | None = None,
        namespace: str = DEFAULT_NAMESPACE,
        progress: Callable[[int, int], None] | None = None,
    ) -> "Cluster":
        """A cluster from files and folders (`-` is standard input), and from a kustomization if one is given.

        `progress` is told, again and again, how many bytes of how many are read. Raises ManifestError for a path that
        does not exist; whatever is wrong inside files goes to `problems`.
        """
        from ringfence.sources.manifests import read

        cluster = cls(namespace=namespace)
        if paths:
            cluster._take(read([fspath(path) for path in paths], recursive=recursive, progress=progress))
        if kustomize is not None:
            from ringfence.sources.manifests import build

            cluster._take(build(fspath(kustomize)))
        return cluster

    @classmethod
    def live(cls, context: str | None = None, kubeconfig: str | None = None) -> "Cluster":
        """The cluster of a kubeconfig context (the current one, without a name), listed once.

        Raises LiveClusterError when it cannot be reached or refuses.
        """
        from ringfence.sources.cluster import current_namespace, read

        reading = read(context, kubeconfig)
        namespace = current_namespace(context, kubeconfig)
        cluster = cls(live=True, namespace=namespace)
        cluster._take(reading)
        return cluster

    # --- objects in and out ---------------------------------------------------------------------------------------

    def upsert(self, obj: Object | Mapping[str, Any], origin: Origin | None = None) -> None:
        """Take in one object, a dict in the API's shape or a model object, in place of an older one of its name.

        Raises DecodingError or InputError for what the API server would refuse; the cluster is then unchanged.
        """
        if isinstance(obj, Mapping):
            if unknown := unknown_fields(obj):
                raise InputError(f'strict decoding error: unknown field "{unknown[0]}"')
            decoded = decode(obj)
            if decoded is None:
                raise InputError(
                    f"{obj.get('kind')!r} of {obj.get('apiVersion')!r} is a kind that ringfence does not read"
                )
        else:
            decoded = obj
        if not decoded.metadata.name:
            message = "metadata.name: Required value: objects are put in and taken out by their names"
            raise InputError(f"{kind_of(decoded)}: {message}")
        kind = KINDS.of(decoded)
        decoded = kind.default(decoded)
        if errors := kind.validate(decoded):
            raise InputError(f'{kind.name} "{decoded.metadata.name}" is invalid: {"; ".join(map(str, errors))}')
        self.state.upsert(decoded, origin)

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Let one object go, if it is there; `namespace` is ignored for kinds that live in none."""
        is_namespaced = any(known.is_namespaced for known in KINDS.called(kind))
        self.state.remove(kind, namespace or DEFAULT_NAMESPACE if is_namespaced else "", name)

    def policies(self) -> list[NetworkPolicy]:
        """The policies in force, with the defaults that the API server fills in, by namespace and name."""
        return [compiled.policy for compiled in self.state.network_policies.all_policies()]

    # --- questions --------------------------------------------------------------------------------------------------

    def can(self, source: str, destination: str, *, port: int | None = None, protocol: str = "TCP") -> Verdict:
        """Whether `source` may open a connection to `destination`: a verdict that is true or false and knows why.

        Endpoints are written as on the command line (`analysis.endpoints`). Without a port it is about all traffic.
        Raises EndpointError for an endpoint that names nothing.
        """
        return Verdict(
            self.state,
            resolve(self.state, source, self.namespace),
            resolve(self.state, destination, self.namespace),
            protocol,
            port,
        )

    def connections(self, pods: bool = False) -> Iterator[Connection]:
        """Every allowed connection, by workload or by pod, streamed."""
        return connections(self.state, pods=pods)

    def sources(self, destination: str, port: int, protocol: str = "TCP") -> reach.Pods:
        """The pods that may open a connection to a port of `destination`, which is none of them itself."""
        return reach.sources(self.state, resolve(self.state, destination, self.namespace), protocol, port)

    def destinations(self, source: str, port: int, protocol: str = "TCP") -> reach.Pods:
        """The pods to whose port `source` may open a connection, which is none of them itself."""
        return reach.destinations(self.state, resolve(self.state, source, self.namespace), protocol, port)

    # --- loading ----------------------------------------------------------------------------------------------------

    def _take(self, reading: "LoadedObjects") -> None:
        self.problems.extend(reading.problems)
        self.skipped.update(reading.skipped)
        for manifest in sorted(reading.manifests, key=lambda manifest: not manifest.object.metadata.name):
            obj, origin = manifest.object, manifest.origin
            obj = KINDS.of(obj).default(obj)
            if not self._check(obj, origin):
                continue
            obj = self._named(obj)
            self._note_origin(obj, origin)
            self.state.upsert(obj, origin)
        self.problems.sort(key=lambda problem: problem.place)

    def _check(self, obj: Object, origin: Origin) -> bool:
        """Whether the API server would accept an object; what it would say about it is noted."""
        kind = KINDS.of(obj)
        errors = kind.validate(obj)
        found = errors or kind.warnings(obj)
        if not found:
            return True
        severity = Severity.ERROR if errors else Severity.WARNING
        path = "/".join(filter(None, (namespace_of(obj), obj.metadata.name or obj.metadata.generate_name)))
        subject = f"{kind.name} {path}"
        for one in found:
            self.problems.append(Problem(origin.at(one.path), one.code, str(one), severity, subject))
        return not errors

    def _named(self, obj: Object) -> Object:
        """The object with a name: a number after a `generateName`, where the API server puts random letters.

        Whoever has a name of his own must be in already, so that nobody gets the same.
        """
        metadata = obj.metadata
        if metadata.name:
            return obj
        kind, namespace, prefix = KINDS.of(obj), namespace_of(obj), metadata.generate_name
        names = (f"{prefix}{number}" for number in self._numbers)
        name = next(name for name in names if (kind, namespace, name) not in self._origins)
        return replace(obj, metadata=replace(metadata, name=name))

    def _note_origin(self, obj: Object, origin: Origin) -> None:
        """Report an object that was read before: as with `kubectl apply`, the last one counts."""
        kind, namespace, name = KINDS.of(obj), namespace_of(obj), obj.metadata.name
        earlier = self._origins.get((kind, namespace, name))
        self._origins[kind, namespace, name] = origin
        if earlier:
            subject = f"{kind.name} {namespace}/{name}" if namespace else f"{kind.name} {name}"
            message = f"defined before at {earlier.at()}; this one counts"
            place, code = origin.at(), ProblemCode.DUPLICATE_OBJECT
            self.problems.append(Problem(place, code, message, Severity.WARNING, subject))

"""What differs from kind to kind (`Kind`), and a table of kinds, by `apiVersion` and name and by type.

The table itself is in `model.kinds`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

import msgspec

from ringfence.model.api_versions import is_later
from ringfence.model.field_errors import FieldError
from ringfence.model.objects import Namespace, Object, Workload
from ringfence.model.server_versions import NEWEST, OLDEST, ServerVersion
from ringfence.model.service_users import ServiceUser
from ringfence.model.structural_schemas import Schema
from ringfence.model.validation import FieldWarning, name_errors


def _as_written(kind: str, written: Any) -> Any:
    return written


def unchanged(obj: Any) -> Any:
    """The object without defaults, of a kind that has none."""
    return obj


def _nothing_remains(obj: Any) -> None:
    return None


def _nothing_wrong(obj: Any) -> list[Any]:
    return []


def _nothing_refused(obj: Any, server: ServerVersion) -> list[FieldError]:
    return []


_GROUPS_OF_UNIQUE_NAMES: Final = frozenset(
    (
        "",
        "admissionregistration.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "apps.openshift.io",
        "argoproj.io",
        "autoscaling",
        "batch",
        "discovery.k8s.io",
        "gateway.networking.k8s.io",
        "networking.k8s.io",
        "route.openshift.io",
    )
)
"""The groups of which the kinds that are read have names that no other kind that is read has."""


_WITH_KINDS: Final = (Workload, ServiceUser)
"""The types that objects of several kinds share; the kind is a field of the object."""


_MISSPELT: Final = 0.8
"""The lowest `difflib` ratio of similar kinds, in lower case; `NetworkPolcy` and `NetworkPolicys` have more."""


class SubjectReading(msgspec.Struct, frozen=True, eq=False):
    """How a policy is read without its rules: the struct of what is decoded, and how a policy is made of it."""

    shape: type[msgspec.Struct]
    build: Callable[[Any], Any]


class Kind(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A row of the table. Two groups may each have a kind of the same name: group and name together identify it.

    `api_versions` are those under which it is read, the current one first; `added` and `removed` say since which
    release servers have them or no longer have them, where not all of those that are known do. `shape` is the struct
    that it is written in, and `build` makes an object of the type `model` of one. `only_in_manifests` says that a live
    cluster has something better than objects of the kind: the pods that are made of a template, the EndpointSlices of
    Endpoints; or that only `lint` asks for it.
    `is_custom` says that a server has the kind only if its definition (a CustomResourceDefinition) exists;
    `schema` is that of the definition, if it is known. `short_name` is the short name of the resource in kubectl.
    With `reads_later`, versions that are later than all that are known are read as the current one.

    A policy's unknown fields are errors, except `former_fields`, which earlier versions of Kubernetes had: they map to
    a message. Its defaults, its errors and its warnings are those of the API server; other kinds have only the fields
    that matter here, and their errors are about these. `validate` says what a server of a version would refuse to
    create; `validate_stored` does not refuse what any server accepted, and finds errors one by one. `former_defaults`
    sets the defaults of the `removed` versions that the present ones do not have.
    `remaining` gives the part of a policy that stays in force if a server has stored it although it is not valid: it
    fails closed. It gives None if the subject is not known. `subject` reads a policy without decoding the rules.
    """

    name: str
    plural: str
    short_name: str = ""
    api_versions: tuple[str, ...]
    shape: type[msgspec.Struct]
    model: type[Any]
    build: Callable[[str, Any], Any] = _as_written
    is_namespaced: bool = True
    is_policy: bool = False
    is_custom: bool = False
    reads_later: bool = False
    schema: Schema | None = None
    only_in_manifests: bool = False
    added: Mapping[str, ServerVersion] = {}
    removed: Mapping[str, ServerVersion] = {}
    former_fields: Mapping[str, str] = {}
    default: Callable[[Any], Any] = unchanged
    former_defaults: Callable[[Any], Any] = unchanged
    validate: Callable[[Any, ServerVersion], list[FieldError]] = _nothing_refused
    warnings: Callable[[Any], list[FieldWarning]] = _nothing_wrong
    validate_stored: Callable[[Any], Iterable[FieldError]] = name_errors
    remaining: Callable[[Any], Any | None] = _nothing_remains
    subject: SubjectReading | None = None

    @property
    def group(self) -> str:
        """The API group of the current version; empty for the core group."""
        return self.api_versions[0].rpartition("/")[0]

    @property
    def groups(self) -> tuple[str, ...]:
        """The API groups of all versions."""
        return tuple(dict.fromkeys(version.rpartition("/")[0] for version in self.api_versions))

    @property
    def may_concern_policies(self) -> bool:
        """Whether policies mean something else without an object of this kind.

        Policies select namespaces by their labels. A missing pod or Service does not change what a policy means.
        """
        return self.is_policy or self.model is Namespace

    def is_later(self, api_version: str) -> bool:
        """Whether this is a later version of the kind, which is read as the current one."""
        group, _, version = api_version.rpartition("/")
        return self.reads_later and group == self.group and is_later(version, self.api_versions[0].rpartition("/")[2])

    def is_served(self, api_version: str, server: ServerVersion) -> bool:
        """Whether servers of this version have the kind under `api_version`, one of `api_versions`."""
        added, removed = self.added.get(api_version), self.removed.get(api_version)
        return (added is None or added <= server) and (removed is None or server < removed)

    def may_be_refused(self, obj: Any) -> bool:
        """Whether some version of the API server would refuse to create the object.

        Each rule holds either since some version or until some version, so the oldest and the newest show all of them.
        """
        return any(self.validate(self.default(obj), server) for server in (OLDEST, NEWEST))

    @property
    def key(self) -> str:
        """The key of the kind: its name, with the group unless its name is unique.

        kubectl names resources in the same way: `NetworkPolicy`, but `NetworkPolicy.crd.example.com`.
        """
        return self.name if self.group in _GROUPS_OF_UNIQUE_NAMES else f"{self.name}.{self.group}"

    @property
    def path(self) -> str:
        """Where an API server has the objects of all namespaces."""
        return self.path_in("")

    def path_in(self, namespace: str, api_version: str = "") -> str:
        """Where an API server has the objects of a namespace; of all, if it is empty or the kind has no namespaces.

        `api_version` is the one under which they are asked for, if it is not the current one.
        """
        version = f"/{'apis' if self.group else 'api'}/{api_version or self.api_versions[0]}"
        within = f"/namespaces/{namespace}" if namespace and self.is_namespaced else ""
        return f"{version}{within}/{self.plural}"

    def __str__(self) -> str:
        return self.key


class KindTable:
    """Kinds, by `apiVersion` and `kind` and by the type of their objects."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds: list[Kind] = []
        self._by_version: dict[tuple[object, object], Kind] = {}
        self._by_model: dict[type, Kind] = {}
        self._sharing: dict[str, Kind] = {}
        for kind in kinds:
            self.add(kind)

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds)

    def add(self, kind: Kind) -> None:
        """Add a row. Raises ValueError if one of its API versions already has a kind of this name."""
        for api_version in kind.api_versions:
            if (api_version, kind.name) in self._by_version:
                raise ValueError(f"{api_version} {kind.name} is already in the table")
        if self.keyed(kind.key):
            raise ValueError(f"{kind.key} is already in the table: write all its versions in one row")
        self._kinds.append(kind)
        self._by_version |= {(api_version, kind.name): kind for api_version in kind.api_versions}
        if kind.model in _WITH_KINDS:
            self._sharing[kind.name] = kind
        else:
            self._by_model[kind.model] = kind

    def discard(self, kind: Kind) -> None:
        """Remove a row."""
        self._kinds.remove(kind)
        for api_version in kind.api_versions:
            del self._by_version[api_version, kind.name]
        if kind.model in _WITH_KINDS:
            del self._sharing[kind.name]
        else:
            del self._by_model[kind.model]

    def find(self, api_version: object, name: object) -> Kind | None:
        """The kind of this `apiVersion` and name; None if it is not supported."""
        try:
            found = self._by_version.get((api_version, name))
        except TypeError:  # a list or a mapping, where a manifest should have a string
            return None
        return found or next((kind for kind in self.called(name) if kind.is_later(str(api_version))), None)

    def has(self, obj: object) -> bool:
        """Whether a value is an object of one of the kinds."""
        return type(obj) in self._by_model or (isinstance(obj, _WITH_KINDS) and obj.kind in self._sharing)

    def keyed(self, key: str) -> Kind | None:
        """The kind with this key; None if there is none."""
        return next((kind for kind in self._kinds if kind.key == key), None)

    def called(self, name: object) -> list[Kind]:
        """The kinds of this name, of all groups."""
        return [kind for kind in self._kinds if kind.name == name]

    def meant_by(self, api_version: str, name: str) -> Kind | None:
        """The kind that was meant by an unknown `apiVersion` and `kind`; None if they may be another system's.

        Either the group is right and the kind is much like one of it, or the kind is right, perhaps in another case or
        in the plural, and the group is much like its group. An unknown kind of a group that is read is not enough: the
        table has only some of the kinds of Kubernetes.
        """
        group, kind_name = api_version.rpartition("/")[0].lower(), name.lower()
        for kind in self._kinds:
            if kind_name in (kind.name.lower(), kind.plural) and get_close_matches(group, kind.groups, 1, _MISSPELT):
                return kind
        # `PodList` is much like `Pod`, and a List of a kind is another matter: its items are read one by one.
        if kind_name.endswith("list"):
            return None
        of_group = {kind.name.lower(): kind for kind in self._kinds if group in kind.groups}
        close = get_close_matches(kind_name, of_group, n=1, cutoff=_MISSPELT)
        return of_group[close[0]] if close else None

    def of(self, obj: Object) -> Kind:
        """The kind of an object. Several have one type, with the kind as a field."""
        return self._sharing[obj.kind] if isinstance(obj, _WITH_KINDS) else self._by_model[type(obj)]

    def policies(self) -> list[Kind]:
        """The kinds that are policies."""
        return [kind for kind in self._kinds if kind.is_policy]

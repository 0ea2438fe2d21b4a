"""Admission: objects enter the state as an API server would store them, or are refused in its words.

An object gets the namespace, the defaults and the name that the API server would give it, and is validated. What the
API server would refuse stays out of the state, and becomes an error or a problem with its place. Only a policy that an
API server has stored is never left out: what newer servers would refuse is in force there nevertheless.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from ringfence.engine.population import Reference
from ringfence.engine.state import State
from ringfence.errors import InputError
from ringfence.model.decoding import decode, must_count, refusals, stored_tree, unknown_fields
from ringfence.model.field_errors import FieldError, each_once, go_quoted
from ringfence.model.kinds import KINDS, Kind, in_namespace, kind_of, namespace_of, object_name
from ringfence.model.metadata import Labels
from ringfence.model.objects import Manifest, Object, Policy
from ringfence.model.origin import Origin, Place
from ringfence.model.problems import Problem, ProblemCode, Severity
from ringfence.model.refusals import refusal
from ringfence.model.remedies import Mistake, remedy_of
from ringfence.model.served_versions import version_problem
from ringfence.model.server_versions import NEWEST, ServerVersion
from ringfence.model.suppressions import suppressions_of
from ringfence.model.unread_kinds import unread_policy
from ringfence.model.validation import FieldWarning
from ringfence.shared_input import KeptObjects, SharedInput, Terms

if TYPE_CHECKING:
    from ringfence.sources.loaded_objects import LoadedObjects


class _Review(NamedTuple):
    """An object with defaults and a name, the errors for which the API server would refuse it, and its warnings."""

    object: Object
    errors: Sequence[FieldError]
    warnings: Sequence[FieldWarning]


class Admission:
    """Adds objects to a state with the defaults of the API server, unless the API server would refuse them.

    With `live`, every object is one that an API server has stored. Objects without a namespace are put in `namespace`.
    With a `server_version`, what servers of this version would refuse is refused; without one, the rules are those of
    the newest version that is known. What is `shared` with another cluster and was admitted there is admitted here.
    """

    def __init__(
        self,
        state: State,
        namespace: str,
        *,
        live: bool,
        server_version: ServerVersion | None,
        shared: SharedInput | None = None,
    ) -> None:
        self._state = state
        self._shared = shared
        self.kept = None if shared is None else KeptObjects(state)
        """The objects, if something is shared; they are in the state only after they have been entered."""
        self._namespace = namespace
        self._is_live = live
        self._server_version = server_version
        self._origins: dict[tuple[Kind, str, str], Origin] = {}
        self._trees: dict[tuple[Kind, str], Mapping[str, Any]] = {}
        self._suppressions: dict[Reference, tuple[Labels, Origin | None]] = {}
        self._numbers = count(1)

    def upsert(self, obj: Object | Mapping[str, Any], origin: Origin | None, *, is_stored: bool) -> None:
        """Add one object, or replace the one with its kind and name: a dict as in the API, or a model object.

        Raises DecodingError or InputError for one that the API server would refuse; the state is then unchanged.
        `is_stored` says that a server has stored the object; a dict may say so itself.
        """
        if isinstance(obj, Mapping):
            place = (origin or Origin("added by a program")).at()
            # Such a policy is not refused: answers then say that they depend on it.
            if unread := unread_policy(obj, place, self._namespace):
                self._state.upsert(unread)
                return
            is_stored = is_stored or must_count(obj)
            decoded, tree = _decoded(obj, is_stored=is_stored), stored_tree(obj)
        elif KINDS.has(obj):
            decoded, tree = obj, None
        else:
            raise InputError(f"{obj!r} is not an object: use a dict as in the API, or load a file with Cluster.load")
        # A generated name would be another one in every call, so a program could never remove the object.
        if not decoded.metadata.name:
            message = "metadata.name: Required value: objects are added and removed by name"
            raise InputError(f"{kind_of(decoded)}: {message}")
        if errors := self._add(decoded, origin, is_accepted=is_stored).errors:
            raise InputError(f'{kind_of(decoded)} "{decoded.metadata.name}" is invalid: {"; ".join(map(str, errors))}')
        self._note_tree(decoded, tree)
        found = suppressions_of(obj) if isinstance(obj, Mapping) and not KINDS.of(decoded).is_policy else None
        self._note_suppressions(decoded, found, origin)

    def load(self, loaded: "LoadedObjects") -> list[Problem]:
        """Add all objects that a source has found, and return their problems, without those of the source itself."""
        self._state.only_namespace = loaded.only_namespace
        self._state.unlisted_users = loaded.unlisted_users
        for operated in loaded.operated:
            self._state.operated[replace(operated, namespace=operated.namespace or self._namespace)] = None
        for unlisted in loaded.unlisted:
            self._state.upsert(unlisted)
        for unread in loaded.unread:
            if policy := unread_policy(unread.written, unread.place, self._namespace):
                self._state.upsert(policy)
        # Objects without a name come last: a name is generated when all names that are taken are known.
        manifests = sorted(loaded.manifests, key=lambda manifest: not manifest.object.metadata.name)
        return [problem for manifest in manifests for problem in self._admit(manifest)]

    def suppose(self, loaded: "LoadedObjects") -> list[Problem]:
        """Add objects as `load` does, as if they had been applied: each replaces the one with its kind and name."""
        # They are new to a live cluster, too: its API server has not stored them. Here replacing one is intended.
        is_live, origins = self._is_live, self._origins
        self._is_live, self._origins = False, {}
        try:
            return self.load(loaded)
        finally:
            self._is_live, self._origins = is_live, origins | self._origins

    def replace(self, manifest: Manifest) -> list[Problem]:
        """Take the present state of an object in place of what was loaded of it, and return its problems."""
        obj = manifest.object
        self._origins.pop((KINDS.of(obj), namespace_of(obj), obj.metadata.name), None)
        return list(self._admit(manifest))

    def forget(self, kind: Kind, namespace: str, name: str) -> None:
        """Remove an object that was loaded."""
        self._state.remove(kind.key, namespace, name)
        self._origins.pop((kind, namespace, name), None)
        self._trees.pop((kind, name), None)
        self._suppressions.pop(Reference(namespace, kind.key, name), None)

    def tree_of(self, policy: Policy) -> Mapping[str, Any] | None:
        """The custom resource as a server stores it of which a policy was read; None if it was not read of one."""
        return self._trees.get((KINDS.of(policy), policy.metadata.name))

    def place_of(self, reference: Reference) -> Place:
        """Where an object was read; an empty place for one that a program added, and for one that does not exist."""
        kind = next((kind for kind in KINDS if kind.key == reference.kind), None)
        origin = self._origins.get((kind, reference.namespace, reference.name)) if kind else None
        return origin.at() if origin else Place("")

    def _admit(self, manifest: Manifest) -> Iterator[Problem]:
        """Add an object that was read, unless the API server would refuse it; yields what is wrong with it."""
        if problem := version_problem(manifest, self._server_version):
            yield problem
            if problem.severity is Severity.ERROR:
                return
        # An object with a tree was validated against its schema when it was read.
        is_accepted = manifest.is_stored or manifest.tree is not None
        review = self._add(manifest.object, manifest.origin, is_accepted=is_accepted)
        if review.errors or review.warnings:
            yield from _problems(manifest, review)
        if not review.errors or self._add_what_remains(manifest):
            yield from self._note_origin(review.object, manifest.origin)
            self._note_tree(review.object, manifest.tree)
            self._note_suppressions(review.object, manifest.suppressions, manifest.origin)

    def _add(self, obj: Object, origin: Origin | None, *, is_accepted: bool = False) -> _Review:
        """Add an object with the defaults of the API server, unless the API server would refuse it.

        Every object of the input enters the state here, whether it was loaded or added by a program. With `is_accepted`
        it is known that a server has stored the object or would not refuse it.
        """
        terms = Terms(self._namespace, is_accepted or self._is_live, self._server_version)
        # Two revisions have nearly all objects in common: each of these is validated only once.
        if self._shared and (admitted := self._shared.admitted(obj, terms)):
            self._enter(admitted, origin)
            return _Review(admitted, (), ())
        review = self._reviewed(obj, terms)
        if not review.errors:
            named = self._with_name(review.object)
            self._enter(named, origin)
            # A warning is reported for each cluster, and a generated name depends on the names that are taken in it.
            if self._shared and named is review.object and not review.warnings:
                self._shared.note_admitted(obj, terms, named)
            review = review._replace(object=named)
        return review

    def _reviewed(self, obj: Object, terms: Terms) -> _Review:
        """An object with the defaults of the API server, the errors for which that would refuse it, or its warnings."""
        kind = KINDS.of(obj)
        # Defaults come before validation, as in the API server, where they may make an object valid.
        obj = in_namespace(kind.default(obj), terms.namespace)
        if terms.is_accepted:
            errors = each_once(kind.validate_stored(obj))
        else:
            errors = kind.validate(obj, terms.server_version or NEWEST)
        return _Review(obj, errors, () if errors else kind.warnings(obj))

    def _enter(self, obj: Object, origin: Origin | None) -> None:
        if self.kept is None:
            self._state.upsert(obj, origin)
        else:
            self.kept.upsert(obj, origin)

    def _add_what_remains(self, manifest: Manifest) -> bool:
        """Add what remains of an invalid policy if a server has stored it, as in the agent; whether anything does."""
        if not (manifest.is_stored or self._is_live):
            return False
        kind = KINDS.of(manifest.object)
        remaining = kind.remaining(in_namespace(kind.default(manifest.object), self._namespace))
        if remaining is not None:
            self._enter(self._with_name(remaining), manifest.origin)
        return remaining is not None

    def _with_name(self, obj: Object) -> Object:
        """The object with a name: its `generateName` and a number, where the API server appends random letters."""
        metadata = obj.metadata
        if metadata.name:
            return obj
        kind, namespace = KINDS.of(obj), namespace_of(obj)
        names = (f"{metadata.generate_name}{number}" for number in self._numbers)
        name = next(name for name in names if (kind, namespace, name) not in self._origins)
        return replace(obj, metadata=replace(metadata, name=name))

    def _note_origin(self, obj: Object, origin: Origin) -> Iterator[Problem]:
        """Report an object that was read before: as with `kubectl apply`, the last one counts."""
        kind, namespace, name = key = KINDS.of(obj), namespace_of(obj), obj.metadata.name
        earlier = self._origins.get(key)
        self._origins[key] = origin
        if earlier:
            subject = f"{kind.key} {namespace}/{name}" if namespace else f"{kind.key} {name}"
            message = f"defined before at {earlier.at()}; this one counts"
            place, code = origin.at(), ProblemCode.DUPLICATE_OBJECT
            remedy = remedy_of(Mistake(code, ""))
            yield Problem(place, code, message, Severity.WARNING, subject, remedy=remedy)

    def _note_tree(self, obj: Object, tree: Mapping[str, Any] | None) -> None:
        """Keep an object of a custom resource as a server stores it, without what was kept of the one before it."""
        # Most inputs have no custom resources, so nothing is looked up for their objects.
        if tree is None and not self._trees:
            return
        key = (KINDS.of(obj), obj.metadata.name)
        self._trees.pop(key, None)
        if tree is not None:
            self._trees[key] = tree

    @property
    def has_suppressions(self) -> bool:
        """Whether any object has annotations that suppress findings."""
        return bool(self._suppressions)

    def suppressions(self) -> Iterator[tuple[Reference, Labels, Origin | None]]:
        """The annotations that suppress findings, of the pods and workloads that there are, and where these are."""
        state = self._state
        for one, (annotations, origin) in self._suppressions.items():
            # A pod may have been removed since. Its suppressions would be reported as unused.
            if state.workloads.get(one) or state.member(one) or one in state.absent:
                yield one, annotations, origin

    def _note_suppressions(self, obj: Object, annotations: Labels | None, origin: Origin | None) -> None:
        """Keep the annotations of an object that suppress findings, without those of the object before it."""
        if not (annotations or self._suppressions):
            return
        reference = Reference(namespace_of(obj), kind_of(obj), obj.metadata.name)
        self._suppressions.pop(reference, None)
        if annotations:
            self._suppressions[reference] = annotations, origin


def _problems(manifest: Manifest, review: _Review) -> Iterator[Problem]:
    """The errors of an object that was read, or else its warnings, as problems."""
    concern = KINDS.of(manifest.object).may_concern_policies
    # An object that counts although it has an unknown field is reported for that field: that another is missing beside
    # it, such as any field of a peer, may be wrong in the version of the API that has it.
    beside = {one.path.rpartition(".")[0] for one in unknown_fields(manifest.tree)} if review.errors else ()
    errors = [one for one in review.errors if one.path not in beside]
    for one in errors if review.errors else review.warnings:
        yield refusal(one, manifest.origin, object_name(review.object), may_concern_policies=concern)


def _decoded(obj: Mapping[str, Any], *, is_stored: bool) -> Object:
    """The object in a dict. Raises DecodingError or InputError for one that cannot be read as its kind."""
    # Strict, as `kubectl apply` is: a misspelt field of a policy opens or closes something.
    if unknown := unknown_fields(obj):
        raise InputError(f"strict decoding error: unknown field {go_quoted(unknown[0].path)}")
    if not is_stored and (refused := refusals(obj)):
        raise InputError(f"{obj['kind']} is invalid: {'; '.join(map(str, refused))}")
    decoded = decode(obj)
    if decoded is None:
        raise InputError(f"{obj.get('kind')!r} of {obj.get('apiVersion')!r} is a kind that ringfence does not read")
    return decoded

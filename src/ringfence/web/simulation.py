"""A cluster, and policies of it that are edited: what is allowed now, and what the edits would open and close.

The cluster stays as it is. Each question about the edits puts them into the engine, which answers, and takes them out
again (`PoliciesInForce.supposing`). All calls are from one thread at a time: `lock` is held by the caller.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock
from time import monotonic
from typing import Any, Final

import msgspec

from ringfence.analysis.edits import Edit, side_effects
from ringfence.analysis.lists import ExposureList
from ringfence.analysis.possible import Redundancy
from ringfence.cluster import Cluster
from ringfence.engine.policies import CompiledPolicy
from ringfence.engine.population import Member, Reference
from ringfence.errors import InputError
from ringfence.lint import Linted, LintFinding, LintFindings, chosen_rules, find_mistakes
from ringfence.model.documents import document
from ringfence.model.kinds import KINDS, kind_of, namespace_of, object_name
from ringfence.model.objects import NetworkPolicy, Object, Policy
from ringfence.model.origin import Origin
from ringfence.model.yaml_text import Comments
from ringfence.plugins import UPSTREAM
from ringfence.render.formats import Json, yaml_text
from ringfence.render.reports import with_findings, workload_numbers
from ringfence.sources.manifests import find_comments
from ringfence.testing.outcomes import JudgedTest
from ringfence.testing.reachability_tests import ReachabilityTest
from ringfence.verdict import Verdict
from ringfence.web.edit_effects import EditEffects, edit_effects, effects_map
from ringfence.web.policy_texts import ReadText, read_text

MOST_PAIRS: Final = 20_000
"""The largest number of changed pairs of workloads that the page gets; it shows the number of all."""

LONG: Final = 0.3
"""Seconds that exposure and mistakes take at least, so that the page gets all else before them."""


class PolicyKey(msgspec.Struct, frozen=True, order=True):
    """The kind without its group (`NetworkPolicy`), the namespace and the name of a policy, as the page uses them."""

    kind: str
    namespace: str
    name: str


class Edited(msgspec.Struct, frozen=True):
    """The new text of a policy, and what was read from it. An empty text removes the policy."""

    text: str
    read: ReadText

    @property
    def is_applied(self) -> bool:
        """Whether it counts: a text with errors does not, and the policy stays as it is."""
        return self.read.is_valid


class ObjectChanges(msgspec.Struct, frozen=True):
    """The new contents of changed objects of a live cluster, and the names of deleted ones."""

    changed: tuple[Object, ...]
    removed: tuple[tuple[str, str, str], ...]
    origin: Origin


class ReadCluster(msgspec.Struct, frozen=True):
    """A cluster, the data of the page about it, and the changes by which it was made from an earlier one, if known.

    Without `has_findings`, exposure and the mistakes in policies are left out of the data.
    """

    cluster: Cluster
    report: Json
    changes: ObjectChanges | None = None
    has_findings: bool = True


class RestOfReport(msgspec.Struct, frozen=True):
    """What was left out of the data `basis`: exposure, if it can be decided, and the mistakes in policies."""

    basis: Json
    exposed: ExposureList | None
    mistakes: LintFindings


class Simulation:
    """The cluster that `read` gives, and the edits. `version` changes with the cluster, which may be read again.

    `report` is the data of the page: the cluster without the edits. Exposure and the mistakes in policies take most of
    its time. When the cluster has changed, the page can have all else first: `has_findings` says whether it has these.
    """

    def __init__(self, read: Callable[[], Cluster], title: str) -> None:
        self._read = read
        self.title = title
        self.lock = Lock()
        self.version = 0
        self.edits: dict[PolicyKey, Edited] = {}
        self._earlier: Cluster | None = None
        self._missed: ObjectChanges | None = None
        """The changes that the earlier cluster lacks. One cluster answers while the other is brought up to date."""
        self.report: Json = {}
        self.has_findings = True
        self._findings_took = 0.0
        self._take(self.read())

    def read_again(self) -> None:
        """Read the cluster again, as after a change of files, and use it from now on."""
        self.take(self.read())

    def read(self, changes: ObjectChanges | None = None, *, at_once: bool = True) -> ReadCluster:
        """The cluster as it is now. This may take long, and needs no lock.

        `changes` are those since the present one was read: if possible, they are applied to an earlier one instead of
        reading everything. If not `at_once`, what takes long may be left out of the data: `find_rest` finds it.
        """
        earlier, missed = self._earlier, self._missed
        self._earlier = None
        # The earlier cluster lacks the changes of the last round, during which the other one was brought up to date.
        is_up_to_date = earlier and (missed is None or _follow(earlier, missed))
        if changes and earlier and is_up_to_date and _follow(earlier, changes):
            cluster, is_read = earlier, False
        else:
            cluster, is_read = self._read(), True
        # What is left out is found in another cluster. That of a live one would have to be listed once more.
        if at_once or self._findings_took < LONG or (is_read and cluster.state.is_live):
            report = with_findings(cluster.report_data(self.title, findings=False), *self._findings_of(cluster))
            return ReadCluster(cluster, report, changes)
        return ReadCluster(cluster, cluster.report_data(self.title, findings=False), changes, has_findings=False)

    def _findings_of(self, cluster: Cluster) -> tuple[ExposureList | None, LintFindings]:
        began = monotonic()
        found = cluster._report_findings()
        self._findings_took = monotonic() - began
        return found

    def take(self, found: ReadCluster) -> None:
        """Replace the cluster. Edits stay, except those whose text is now that of the cluster."""
        # The two clusters change places. After a full reading the old one is of no use, since what changed is not
        # known.
        self._earlier, self._missed = (self.cluster, found.changes) if found.changes else (None, None)
        report = found.report
        if not found.has_findings and self.has_findings and _without_findings(self.report) == report:
            report = self.report  # as far as it is known, nothing has changed
            found = msgspec.structs.replace(found, report=report, has_findings=True)
        self.version += report != self.report or found.has_findings != self.has_findings
        self._take(found)
        for key, edited in list(self.edits.items()):
            # It was saved, here or in an editor, so that nothing is left to suppose.
            if key in self._texts and _is_same(self._texts[key]["yaml"], edited.text):
                del self.edits[key]

    def find_rest(self) -> RestOfReport:
        """What `read` has left out of the data that were taken. This may take long, and needs no lock.

        The cluster that answers is not asked: another one, which is equal, is brought up to date or read for this.
        """
        basis, twin, missed = self.report, self._earlier, self._missed
        self._earlier = None
        if twin is None or missed is None or not _follow(twin, missed):
            return RestOfReport(basis, *self._findings_of(self._read()))
        found = self._findings_of(twin)
        self._earlier, self._missed = twin, None
        return RestOfReport(basis, *found)

    def take_rest(self, rest: RestOfReport) -> None:
        """Complete the data of the page, unless other data were taken in between."""
        # Identity, not equality: these must be the very data from which the rest was left out.
        if self.report is rest.basis:
            report = with_findings(self.report, rest.exposed, rest.mistakes)
            self.version += report != self.report or not self.has_findings
            self.report, self.has_findings = report, True

    def _take(self, found: ReadCluster) -> None:
        # Texts are copied now. `save` compares a file with them later, so that it overwrites no other change.
        self.cluster, self.report, self._members = found.cluster, found.report, dict[Reference, Member]()
        self.has_findings = found.has_findings
        self._linted = Linted(self.cluster.state, lambda: Redundancy((), ()))
        self._texts: dict[PolicyKey, dict[str, Any]] = {
            PolicyKey(one["kind"], one["namespace"], one["name"]): one for one in self.report["policies"]
        }

    def text(self, key: PolicyKey) -> Json:
        """A policy in the data of the page: its text is `yaml`. Raises InputError if there is no such policy."""
        if key not in self._texts:
            raise InputError(f"{key.kind} {key.namespace}/{key.name}: there is no such policy")
        return self._texts[key]

    # --- edits --------------------------------------------------------------------------------------------------------

    def edit(self, key: PolicyKey, text: str) -> Edited:
        """Suppose that a policy has another text; an empty one removes it. Raises InputError for an unknown policy."""
        shown = self.text(key)
        file, line = str(shown.get("file", key.name)), int(shown["line"])
        self.edits[key] = Edited(text, read_text(text, file, line, self.cluster.namespace))
        # Typed back to what the file has, the text is no edit any more. It is still returned, with its problems.
        if _is_same(text, str(shown["yaml"])):
            return self.edits.pop(key)
        return self.edits[key]

    def discard(self, key: PolicyKey) -> None:
        """Forget the edit of a policy."""
        self.edits.pop(key, None)

    def _find(self, key: PolicyKey) -> CompiledPolicy[Any] | None:
        return next((one for one in self.cluster.state.tiers.policies_in(key.namespace) if _key(one) == key), None)

    def changes(self) -> EditEffects:
        """What all edits together open and close, exactly."""
        state, changed, removed = self.cluster.state, *self._edited()
        effects = side_effects(state, changed, (), removed)
        if not self._members:
            self._members = {state.workload(one): one for one in state.members()}
            self._members |= {one.reference: one for one in state.members()}
        with self.supposing():
            return edit_effects(state, self._members, effects)

    def _edited(self) -> tuple[list[Policy], list[Policy]]:
        """The policies that the edits put in force, and those that they remove."""
        applied = {key: edited for key, edited in self.edits.items() if edited.is_applied}
        changed = [one.policy for edited in applied.values() for one in edited.read.policies]
        # The text may have another name now. Then the old policy is removed, and one of the new name added.
        kept = {(kind_of(policy), namespace_of(policy), policy.metadata.name) for policy in changed}
        originals = [one.policy for key in applied if (one := self._find(key)) is not None]
        removed = [
            policy for policy in originals if (kind_of(policy), namespace_of(policy), policy.metadata.name) not in kept
        ]
        return changed, removed

    @contextmanager
    def supposing(self) -> Iterator[None]:
        """Until the context ends, the edits are in force."""
        changed, removed = self._edited()
        origins = {id(one.policy): one.origin for edited in self.edits.values() for one in edited.read.policies}
        with self.cluster.state.policies.supposing() as suppose:
            for policy in removed:
                suppose.without(policy)
            for policy in changed:
                suppose(policy, origins[id(policy)])
            yield

    def changes_map(self) -> Json:
        """The map of what the edits open and close, and of what stays between the same workloads."""
        state, effects = self.cluster.state, self.changes()
        names = self.report["namespaces"]
        references = [Reference(names[one["namespace"]], one["kind"], one["name"]) for one in self.report["workloads"]]
        with self.supposing():
            return effects_map(state, effects, workload_numbers(state, references))

    # --- questions ----------------------------------------------------------------------------------------------------

    @contextmanager
    def asked(self, source: str, destination: str) -> Iterator[Verdict]:
        """The verdict on all traffic between two endpoints, with the edits in force until the context ends."""
        with self.supposing():
            yield self.cluster.can(source, destination)

    def judged(self, tests: Iterable[ReachabilityTest]) -> list[JudgedTest]:
        """The outcomes of tests with the edits in force."""
        with self.supposing():
            return list(self.cluster.judged(tests))

    def mistakes(self) -> dict[PolicyKey, list[LintFinding]]:
        """The findings of `lint` in the edited policies, with the edits in force.

        Redundant parts are not looked for: that depends on all policies, and takes too long while the user types.
        """
        found: dict[PolicyKey, list[LintFinding]] = {}
        if not self.edits:
            return found
        with self._as_upstream_means(), self.supposing():
            policies = self.cluster.state.policies.network_policies
            edited = [policy for key in self.edits if (policy := policies.policy(key.kind, key.namespace, key.name))]
            keys = {object_name(one.policy): _key(one) for one in edited}
            for one in find_mistakes(self._linted.restricted_to(edited), (), chosen_rules((), ())).found:
                if one.object in keys:
                    found.setdefault(keys[one.object], []).append(one)
        return found

    def _as_upstream_means(self) -> AbstractContextManager[None]:
        """Upstream's meaning of the policies, on which lint rules are based, whichever network plugin enforces them."""
        state = self.cluster.state
        return state.policies.enforcing(UPSTREAM) if state.enforced_by else nullcontext()

    def text_after(self, edit: Edit) -> tuple[PolicyKey, str]:
        """The policy that a proposed edit changes, and its whole text afterwards, with the comments that it has."""
        policy = edit.after
        key = PolicyKey(KINDS.of(policy).key.partition(".")[0], namespace_of(policy), policy.metadata.name)
        comments = self._comments(key)
        written = document(policy) if isinstance(policy, NetworkPolicy) else self.cluster.document(policy)
        return key, yaml_text(written, comments)

    def _comments(self, key: PolicyKey) -> Comments:
        """The comments in the text of a policy, edited or not. Those around it in its file are not part of it."""
        compiled = self._find(key)
        if compiled is None or compiled.origin is None or key not in self._texts:
            return {}
        first, text = int(self._texts[key]["line"]), str(self._texts[key]["yaml"])
        if key in self.edits and self.edits[key].is_applied:
            text = self.edits[key].text
        # The text was read as if it stood in its file, below as many empty lines as there are above it.
        return find_comments(("\n" * (first - 1) + text).split("\n"), compiled.origin)


def _without_findings(report: Json) -> Json:
    return with_findings(report, None, LintFindings(()))


def _follow(cluster: Cluster, changes: ObjectChanges) -> bool:
    return cluster.follow(changes.changed, changes.removed, changes.origin)


def _is_same(text: str, other: str) -> bool:
    """Whether two texts of a policy differ at most by empty lines at the end, which belong to the file around it."""
    return text.rstrip("\n") == other.rstrip("\n")


def _key(compiled: CompiledPolicy[Any]) -> PolicyKey:
    return PolicyKey(compiled.kind_name, compiled.namespace, compiled.name)

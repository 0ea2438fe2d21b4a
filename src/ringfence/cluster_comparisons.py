"""The part of the Python API that compares: with another cluster, a snapshot, a plugin, or with parts left out.

What does the comparing is imported only when it is called: most commands compare nothing.
"""

from collections.abc import Sequence
from operator import is_not
from typing import TYPE_CHECKING

from ringfence.argument_checks import checked_text
from ringfence.cluster_input import ClusterInput
from ringfence.errors import InputError
from ringfence.model.problems import Severity

if TYPE_CHECKING:
    from ringfence.analysis.conversion import Conversion
    from ringfence.analysis.differences import (
        AffectingTrait,
        ClusterDifference,
        ClusterSnapshot,
        RedundancyHere,
        SnapshotDifference,
    )
    from ringfence.analysis.possible import Comparison, Redundancy, Relation


class ComparedCluster(ClusterInput):
    """A cluster that can be compared with another one, and with itself without some parts of its policies."""

    def equivalent(self, other: "ComparedCluster", *, names: tuple[str, str] = ("this", "the other")) -> "Comparison":
        """Whether the policies of two clusters allow the same connections in every possible cluster.

        Only policies count: which pods, namespaces and nodes the two have does not matter. True if they do; otherwise
        `counterexample` is a connection about which they differ, unless the `outcome` is unknown. `names` are what
        texts call the two.
        """
        from ringfence.analysis.possible import Relation

        return self._compared(other, Relation.EQUIVALENT, names)

    def allows_at_most(
        self, other: "ComparedCluster", *, names: tuple[str, str] = ("this", "the other")
    ) -> "Comparison":
        """Whether the policies of `other` allow everything that these allow, in every possible cluster.

        The result is as that of `equivalent`.
        """
        from ringfence.analysis.possible import Relation

        return self._compared(other, Relation.AT_MOST, names)

    def diff(self, other: "ComparedCluster", *, names: tuple[str, str] = ("this", "the other")) -> "ClusterDifference":
        """What changes if this cluster becomes `other`: which connections are opened and closed, for whom, and why.

        Workloads are matched by namespace, kind and name. The result is false if nothing differs. `names` are what
        texts call the two.
        """
        from ringfence.analysis.differences import (
            ObjectPlaces,
            changes_of_policies_alone,
            difference,
            difference_in_policies,
            with_plugin_causes,
        )

        self._check_cluster(other)
        mine, theirs = self._admission.kept, other._admission.kept
        # `_state`, not `state`: if only policies changed, the objects of the second cluster need never enter the
        # engine.
        is_upstream = self._state.enforced_by is other._state.enforced_by is None
        if is_upstream and mine and theirs and (changes := changes_of_policies_alone(mine, theirs)) is not None:
            return difference_in_policies(self.state, changes, names, theirs.origin)
        places = ObjectPlaces(self._admission.place_of, other._admission.place_of)
        found = difference(self.state, other.state, names, places)
        return with_plugin_causes(self.state, other.state, found)

    def snapshot(self, *, possible: bool = True) -> "ClusterSnapshot":
        """Every connection that is allowed now, to be compared with those that are allowed later (`changes_since`).

        With `possible`, those of pods that do not exist yet are included. Raises UndecidedError where selectors overlap
        in too many ways for that.
        """
        from ringfence.analysis.differences import take_snapshot

        return take_snapshot(self.state, possible=possible)

    def changes_since(self, snapshot: "ClusterSnapshot") -> "SnapshotDifference":
        """What differs between a snapshot and this cluster; false if nothing does."""
        from ringfence.analysis.differences import compare_snapshots

        return compare_snapshots(snapshot, self.snapshot(possible=snapshot.possible is not None))

    def affected_by(self, plugin: str) -> "tuple[AffectingTrait, ...]":
        """What a network plugin changes for the policies of this cluster: each of its traits that changes something.

        Each trait has the rules that it affects, and the connections that it opens and closes. `plugin` is as in
        `as_enforced_by`; the cluster itself does not change. Raises InputError for an unknown plugin, and if this
        cluster already answers as a plugin enforces its policies.
        """
        from ringfence.analysis.differences import affecting_traits
        from ringfence.trait_files import plugin_traits

        if self.state.enforced_by:
            raise InputError("this cluster already answers as a plugin enforces policies: load it without one")
        return affecting_traits(self.state, plugin_traits(checked_text("plugin", plugin, "cilium@1.19")))

    def redundant(self) -> "Redundancy":
        """The policies, rules, peers and port entries whose removal changes nothing in any possible cluster.

        Each has what covers it. `undecided` are those that would take too long to decide.
        """
        # Only policies count, so the answer stays the same while pods come and go, as they always do in the local page.
        policies = [*self.state.tiers.policies(), *self.state.doubts]
        # The policies are compared by identity: a policy that was replaced is another object, even with equal contents.
        known, found = self._redundant
        if found is None or len(known) != len(policies) or any(map(is_not, known, policies)):
            found = self._find_redundant()
            self._redundant = policies, found
        return found

    _redundant: "tuple[Sequence[object], Redundancy | None]" = (), None
    """What is redundant among some policies."""

    def _find_redundant(self) -> "Redundancy":
        from ringfence.analysis.possible import policy_set, redundancy

        return redundancy(policy_set("these policies", self.state))

    def redundant_here(self, everywhere: "Redundancy | None" = None) -> "RedundancyHere":
        """The parts of policies whose removal changes nothing for the pods of the input, but may for future pods.

        Those that are redundant in every cluster are left out; `everywhere` is what `redundant` found, if it is known.
        """
        from ringfence.analysis.differences import redundancy_here

        return redundancy_here(self.state, self.redundant() if everywhere is None else everywhere)

    def convert(self) -> "Conversion":
        """The AdminNetworkPolicies and BaselineAdminNetworkPolicies as ClusterNetworkPolicies that mean the same.

        `policies` are proven, by the engine, to change nothing for any pod. Without them, `refusals` say what cannot be
        converted exactly, each with its place.
        """
        from ringfence.analysis.conversion import convert

        # A policy with an error is missing from the state. It must be refused, and not be lost without a word.
        return convert(self.state, {one.object for one in self.problems if one.severity is Severity.ERROR})

    def _compared(self, other: "ComparedCluster", relation: "Relation", names: tuple[str, str]) -> "Comparison":
        from ringfence.analysis.possible import compare, policy_set

        self._check_cluster(other)
        first, second = names
        return compare(policy_set(first, self.state), policy_set(second, other.state), relation)

    def _check_cluster(self, other: object) -> None:
        if not isinstance(other, ComparedCluster):
            raise InputError(f"{other!r} is not a Cluster: use Cluster.load(path) to read the other policies")

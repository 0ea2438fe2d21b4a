"""What a change opens and closes in a cluster, for which workloads, and because of which policies and labels.

The comparison is exact: it covers all traffic between every two workloads that both clusters have, and between these
and all addresses outside. Pods that do not exist yet are covered by a proof whether the policies of both have the same
effect in any possible cluster (`analysis.possible`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from ringfence.analysis.differences.causes import (
    Causes,
    Origins,
    PolicyKey,
    key_of,
)
from ringfence.analysis.differences.changed_assumptions import (
    ChangedAssumptions,
    assumed,
    assumed_of,
    changed_assumptions,
    common_names,
    counterpart_assumptions,
)
from ringfence.analysis.differences.changed_connections import (
    ChangedSides,
    changed_sides,
)
from ringfence.analysis.differences.changed_exposure import (
    ExposureComparison,
    exposure_rows,
    is_relabelled,
)
from ringfence.analysis.differences.changed_routes import changed_routes
from ringfence.analysis.differences.changed_services import changed_services
from ringfence.analysis.differences.exposure_examples import ComparedViews, ExposureClaim
from ringfence.analysis.differences.matched_workloads import (
    ClusterView,
    MatchedWorkloads,
    former_policies,
    match,
    match_alone,
)
from ringfence.analysis.differences.object_places import NO_PLACES, ObjectPlaces
from ringfence.analysis.differences.relabelling import Relabelling
from ringfence.analysis.differences.rows_of_change import connection_rows, isolation_rows
from ringfence.analysis.differences.unread_changes import UnreadChange, unread_changes
from ringfence.analysis.differences.what_changed import ClusterDifference, PolicyCount
from ringfence.analysis.possible import Comparison, Outcome, Relation, compare, set_of_policies
from ringfence.engine.population import Reference
from ringfence.engine.possible import Undecided
from ringfence.engine.state import State
from ringfence.model.dns_servers import DNS_SERVERS, dns_server
from ringfence.model.objects import Policy
from ringfence.model.origin import Origin


class PolicyChange(NamedTuple):
    """A policy before and after; None where it is missing. `origin` is where the later one was read."""

    before: Policy | None
    after: Policy | None
    origin: Origin | None


def difference(
    before: State,
    after: State,
    names: tuple[str, str] = ("A", "B"),
    places: ObjectPlaces = NO_PLACES,
) -> ClusterDifference:
    """The difference between two clusters.

    `names` are used for the two sets of policies in texts. `places` are where the objects of both were read.
    """
    workloads = match(before, after)
    views = (
        ClusterView(before, [one.before for one in workloads.common]),
        ClusterView(after, [one.after for one in workloads.common]),
    )
    everyone = range(len(workloads.common))
    found = changed_assumptions(assumed(before), assumed(after), common_names(before, after, workloads.renamed))
    unread = unread_changes(before.doubts, after.doubts)
    compared = _Compared(views, workloads, everyone, changed_sides(*views, everyone), names, found, unread)
    difference, claims = _compared(compared, ExposureComparison(views[0], after))
    return msgspec.structs.replace(
        difference,
        exposure=exposure_rows(ComparedViews(views, workloads.common), claims),
        services=changed_services(views, workloads.common, workloads.renamed, places),
        routes=changed_routes(before, after, places),
    )


def difference_in_policies(
    state: State, changes: Sequence[PolicyChange], names: tuple[str, str] = ("A", "B"), origins: Origins | None = None
) -> ClusterDifference:
    """The difference that a change of policies makes: the same result as `difference`, without building a second state.

    The policies are changed in the state itself for a while, and only the pods that they select are looked at.
    `difference` takes as long as reading all objects. `origins` are where the policies were read after the change.
    """
    policies = [policy for change in changes for policy in (change.before, change.after) if policy]
    with state.policies.telling_apart(policies) as affected:
        former = former_policies(state, affected)
        workloads = match_alone(state)
        groups = [one.before for one in workloads.common]
        before = ClusterView(state, groups, former)
        # Before the policies change: it reads what they mean now.
        exposure = ExposureComparison(before, state, [policy.metadata.namespace for policy in policies])
        # Policies are assumed not to apply to hostNetwork pods. Which of them would select one is an assumption to
        # name.
        hosts, subjects = list(state.host_network_members()), [pod for one in affected for pod in one.pods()]
        of_hosts, old = assumed(state, hosts), assumed_of(state, subjects)

        @contextmanager
        def changed() -> Iterator[None]:
            with state.policies.supposing() as suppose:
                for change in changes:
                    if change.after:
                        suppose(change.after, change.origin)
                    elif change.before:
                        suppose.without(change.before)
                yield

        with changed():
            views = before, ClusterView(state, groups)
            places = [place for place, group in enumerate(groups) if group.identity in affected]
            sides = changed_sides(*views, places)
            # Whether an answer depends on an assumption depends on the policies of all peers, too. To look at all of
            # them takes long, so it is done only if the changed policies make other assumptions about some pair.
            new = assumed_of(state, subjects)
            differs = old.facts != new.facts or any(counterpart_assumptions(views[1], sides))
            today = assumed(state) if differs else assumed(state, hosts)
        then = assumed(state) if differs else of_hosts
        found = changed_assumptions(then, today, (state.workload, state.workload))
        if not differs:
            found = found.with_unchanged((*old.sentences, *new.sentences))

        with changed():
            compared = _Compared(views, workloads, places, sides, names, found, (), origins)
            difference, claims = _compared(compared, exposure)
        rows = exposure_rows(ComparedViews(views, workloads.common, changed, origins), claims)
        return msgspec.structs.replace(difference, exposure=rows)


class _Compared(NamedTuple):
    """Two clusters that are compared; `affected` are the workloads whose policies the change may concern."""

    views: tuple[ClusterView, ClusterView]
    workloads: MatchedWorkloads
    affected: Sequence[int]
    changed: ChangedSides
    names: tuple[str, str]
    assumptions: ChangedAssumptions
    unread: tuple[UnreadChange, ...]
    origins: Origins | None = None


def _compared(compared: _Compared, exposure: ExposureComparison) -> tuple[ClusterDifference, Sequence[ExposureClaim]]:
    """The difference without exposure rows, and the claims about exposure, which the caller tries and explains."""
    views, workloads = compared.views, compared.workloads
    causes = Causes(*views, Relabelling(*views, workloads.common), compared.origins)
    meaning = _meaning(views, causes.unchanged, compared.names)
    assumptions = compared.assumptions
    if meaning is not None and meaning.outcome is Outcome.HOLDS:
        # Assumptions name the blocks and selectors of rules. Here only their notation differs, so none is new.
        assumptions = ChangedAssumptions(assumptions.all, (), ())
    claims, undecided = _claims(compared, causes.unchanged, meaning, exposure)
    difference = ClusterDifference(
        tuple(sorted(connection_rows(views, workloads.common, compared.changed, causes), key=lambda one: one.order)),
        tuple(isolation_rows(views, workloads.common, compared.affected, causes)),
        workloads.added,
        workloads.removed,
        len(workloads.common),
        _policy_count(views, causes.unchanged),
        meaning,
        # They are found in the order of the input, on which the result must not depend.
        tuple(sorted(assumptions.added)),
        tuple(sorted(assumptions.gone)),
        compared.unread,
        tuple(sorted(assumptions.all)),
        exposure_undecided=undecided,
        renamed=workloads.renamed,
        namespaces=tuple(views[1].state.namespaces.names()),
        dns_servers=frozenset(_dns_servers(views[1])),
    )
    return difference, claims


def _dns_servers(view: ClusterView) -> Iterator[Reference]:
    """The workloads that are DNS servers of Kubernetes or of OpenShift, by the labels of their pods."""
    servers = list(map(dns_server, DNS_SERVERS))
    for group, pod in zip(view.groups, view.members, strict=True):
        if any(pod.namespace == one.namespace and one.labels.items() <= pod.labels.items() for one in servers):
            yield group.reference


def _meaning(
    views: tuple[ClusterView, ClusterView], unchanged: set[PolicyKey], names: tuple[str, str]
) -> Comparison | None:
    """Whether the policies have the same effect in any cluster; None if no policy differs.

    Policies of unsupported kinds are not part of it: they are named on their own.
    """
    old, new = (view.policies for view in views)
    if all(key_of(policy) in unchanged for policy in (*old, *new)):
        return None
    first, second = (set_of_policies(name, view.policies) for name, view in zip(names, views, strict=True))
    removed, added = ([one for one in these.policies if key_of(one) not in unchanged] for these in (first, second))
    mine = first.meaning
    # The second meaning is made from the first, so that the unchanged policies are the same objects and are not
    # compared.
    return compare(first, second, Relation.EQUIVALENT, meanings=(mine, mine.with_changes(removed, added)))


def _claims(
    compared: _Compared,
    unchanged: set[PolicyKey],
    meaning: Comparison | None,
    exposure: ExposureComparison,
) -> tuple[Sequence[ExposureClaim], str]:
    """The claims about the exposure of workloads, or the reason why it is undecided."""
    # Equivalent policies treat possible pods alike; only other labels or addresses of existing objects can make a
    # difference then.
    if meaning is not None and meaning.outcome is Outcome.HOLDS and not is_relabelled(compared.views):
        return (), ""
    try:
        return exposure.claims(compared.views[1], compared.workloads.common, unchanged, compared.affected), ""
    except Undecided as error:
        return (), str(error)


def _policy_count(views: tuple[ClusterView, ClusterView], unchanged: set[PolicyKey]) -> PolicyCount:
    old, new = ({key_of(policy) for policy in view.policies} for view in views)
    return PolicyCount(len(new - old), len(old - new), len((old & new) - unchanged))

"""The Python API of ringfence: a cluster to which objects are added, and which answers questions.

    cluster = Cluster.load("manifests/")
    assert cluster.can("prod/web", "prod/db", port=3306).none

Every command that reads manifests or a live cluster once loads them through `Cluster`. The agent does not: it keeps a
`State` of its own, which follows the API server (`ringfence.agent.view`).
"""

from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from datetime import date
from functools import partial
from operator import is_not
from os import PathLike
from typing import TYPE_CHECKING, Any

from ringfence.analysis.endpoints import (
    AskedPorts,
    Endpoint,
    PortArgument,
    agreed,
    alternatives,
    asked_ports,
    check_namespace,
    represented,
    represented_alone,
)
from ringfence.analysis.lists import (
    ClusterPart,
    Connection,
    ExposureList,
    IsolationList,
    Reach,
    ReachQuestion,
    connection_assumptions,
    connection_filter,
    exposure,
    exposure_of,
    isolation,
    isolation_of,
    list_connections,
    list_selector,
)
from ringfence.argument_checks import checked_namespace, checked_path, checked_patterns, checked_text
from ringfence.cluster_input import ClusterInput
from ringfence.engine.answers import trait_effects
from ringfence.engine.state import State
from ringfence.errors import InputError, UndecidedError
from ringfence.model.policies import Direction
from ringfence.model.problems import Severity, errors_about_policies
from ringfence.plugins import UPSTREAM
from ringfence.verdict import Verdict, explanation_of

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
    from ringfence.lint import LintConfiguration, LintFindings, LintSettings
    from ringfence.testing.coverage import Coverage
    from ringfence.testing.judging import Judge
    from ringfence.testing.outcomes import JudgedTest, JudgedTests
    from ringfence.testing.reachability_tests import ReachabilityTest


class Cluster(ClusterInput):
    """The objects of a cluster, and what they mean: all questions that ringfence answers.

    How objects come in, and what is known of them, is in `ClusterInput`. Endpoints are written as on the command line
    (`analysis.endpoints`).
    """

    def can(self, source: str, destination: str, *, port: PortArgument = None, protocol: str | None = None) -> Verdict:
        """Whether `source` may open a connection to `destination`: a verdict (`all`, `any` or `none`) with its reasons.

        Endpoints are written as on the command line (`analysis.endpoints`). `port` is a number, a text such as
        "53/UDP", "8000-8080" or the name of a port, a `range`, or several of these; `protocol` is TCP unless given.
        Without a port, the question is about all traffic. Raises EndpointError for an endpoint that matches nothing,
        and for a port that a Service or, by name, no pod of the destination has.
        """
        ports = asked_ports(port, protocol)
        return agreed(
            (self._alternatives(source), self._alternatives(destination)),
            lambda one, other: Verdict(self.state, *represented(self.state, one, other), ports),
            lambda verdict: (verdict.result, verdict.traffic),
        )

    def equivalent(self, other: "Cluster", *, names: tuple[str, str] = ("this", "the other")) -> "Comparison":
        """Whether the policies of two clusters allow the same connections in every cluster that could be.

        Only policies count: which pods, namespaces and nodes the two have does not matter. True if they do; otherwise
        `counterexample` is a connection about which they differ, unless the `outcome` is unknown. `names` are what
        texts call the two.
        """
        from ringfence.analysis.possible import Relation

        return self._compared(other, Relation.EQUIVALENT, names)

    def allows_at_most(self, other: "Cluster", *, names: tuple[str, str] = ("this", "the other")) -> "Comparison":
        """Whether, in every cluster that could be, all that the policies of this one allow those of `other` allow, too.

        The result is as that of `equivalent`.
        """
        from ringfence.analysis.possible import Relation

        return self._compared(other, Relation.AT_MOST, names)

    def diff(self, other: "Cluster", *, names: tuple[str, str] = ("this", "the other")) -> "ClusterDifference":
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
        is_upstream = self._state.enforced_by is other._state.enforced_by is None
        if is_upstream and mine and theirs and (changes := changes_of_policies_alone(mine, theirs)) is not None:
            return difference_in_policies(self.state, changes, names, theirs.origin)
        places = ObjectPlaces(self._admission.place_of, other._admission.place_of)
        found = difference(self.state, other.state, names, places)
        return with_plugin_causes(self.state, other.state, found)

    def snapshot(self, *, possible: bool = True) -> "ClusterSnapshot":
        """Everything that passes now, to be compared with what passes later (`changes_since`).

        With `possible`, of pods that do not exist yet as well. Raises Undecided where selectors overlap in too many
        ways for that.
        """
        from ringfence.analysis.differences import take_snapshot

        return take_snapshot(self.state, possible=possible)

    def changes_since(self, snapshot: "ClusterSnapshot") -> "SnapshotDifference":
        """What differs between a snapshot and this cluster; false if nothing does."""
        from ringfence.analysis.differences import compare_snapshots

        return compare_snapshots(snapshot, self.snapshot(possible=snapshot.possible is not None))

    def affected_by(self, plugin: str) -> "tuple[AffectingTrait, ...]":
        """What a network plugin changes for the policies of this cluster: each of its traits that changes something.

        Each with the rules that it is about, and the connections that it opens and closes. `plugin` is as in
        `as_enforced_by`; the cluster stays as it is. Raises InputError as well if it answers as a plugin already.
        """
        from ringfence.analysis.differences import affecting_traits
        from ringfence.trait_files import plugin_traits

        if self.state.enforced_by:
            raise InputError("this cluster answers as a network plugin already: use one that does not")
        return affecting_traits(self.state, plugin_traits(checked_text("plugin", plugin, "cilium@1.19")))

    def redundant(self) -> "Redundancy":
        """The policies, rules, peers and port entries without which nothing changes in every cluster that could be.

        Each with what covers it. `undecided` are those about which it would take too long to find out.
        """
        # Only policies count, so the answer stays while pods come and go: in the local page they do all the time.
        policies = [*self.state.tiers.policies(), *self.state.doubts]
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
        """The parts of policies without which nothing changes for the pods of the input, but may for pods to come.

        Without those that are redundant in every cluster; `everywhere` is what `redundant` found, if it is known.
        """
        from ringfence.analysis.differences import redundancy_here

        return redundancy_here(self.state, self.redundant() if everywhere is None else everywhere)

    def lint(
        self,
        *,
        select: Sequence[str] = (),
        ignore: Sequence[str] = (),
        settings: "LintSettings | None" = None,
        configuration: "LintConfiguration | str | PathLike[str] | None" = None,
        baseline: str | PathLike[str] | None = None,
        since: "Cluster | None" = None,
        today: date | None = None,
    ) -> "LintFindings":
        """The mistakes in the policies, each with its place, its reason and its remedy, and the problems of the input.

        `select` and `ignore` name rules as `ringfence lint` does: by identifier (`RF101`), the beginning of several
        (`RF1`), name, group, or `all`. Without any, the rules of the default group are applied. `settings` say what the
        input does not, such as that it is the whole cluster. A `configuration`, or a file with one, has all this and
        more; without one, no file is looked for. What comments and annotations suppress is among the `suppressed`, and
        so is what a file that is a `baseline` has, or an earlier cluster, `since` which only new ones count. Whether
        something has expired is judged by `today`. Raises InputError for a word that names no rule, and for a file that
        is no baseline or no configuration.
        """
        from ringfence.lint import (
            LintConfiguration,
            Linted,
            check,
            directives_of,
            read_baseline,
            read_configuration,
            with_chart_sources,
            without_baseline,
            without_earlier,
        )

        if since is not None:
            self._check_cluster(since)
        known = None if baseline is None else read_baseline(checked_path(baseline))
        if not isinstance(configuration, LintConfiguration | None):
            configuration = read_configuration(checked_path(configuration))
        example = '["RF101"]'
        wanted = (configuration or LintConfiguration()).with_words(
            checked_patterns(select, "select", example), checked_patterns(ignore, "ignore", example)
        )
        linted = Linted(self.state, self.redundant, settings or wanted.settings, self._admission.place_of)
        directives = directives_of(self.state, self._contents, self._admission.suppressions())
        found = check(linted, self.problems, directives, wanted, today or date.today())
        if known is not None:
            found = without_baseline(found, known, str(baseline), wanted.rules())
        if since is not None:
            earlier = since.lint(settings=settings, configuration=wanted, today=today)
            found = without_earlier(found, earlier, since.revision or "the earlier cluster")
        return with_chart_sources(found, self._contents)

    def _compared(self, other: "Cluster", relation: "Relation", names: tuple[str, str]) -> "Comparison":
        from ringfence.analysis.possible import compare, policy_set

        self._check_cluster(other)
        first, second = names
        return compare(policy_set(first, self.state), policy_set(second, other.state), relation)

    def _check_cluster(self, other: object) -> None:
        if not isinstance(other, Cluster):
            raise InputError(f"{other!r} is not a Cluster: use Cluster.load(path) to read the other policies")

    def test(
        self, *paths: str | PathLike[str], exclude: Sequence[str] = (), today: date | None = None
    ) -> "JudgedTests":
        """What this cluster says about the tests in files and folders: true if all of them hold.

        Folders are searched with the folders in them. `today` decides which skips have ended; by default the present
        day. Raises ManifestError for a path that does not exist, and InputError if there is no test.
        """
        from ringfence.testing.finding import find_tests
        from ringfence.testing.outcomes import JudgedTests

        found = find_tests([checked_path(path) for path in paths], exclude=checked_patterns(exclude))
        return JudgedTests(tuple(self.judged(found.tests, today=today)), found.problems)

    def coverage(
        self, *paths: str | PathLike[str], exclude: Sequence[str] = (), today: date | None = None
    ) -> "Coverage":
        """Which mistakes in the policies the tests in files and folders would notice, and which they would miss.

        Paths are as in `test`. Raises InputError also if something is wrong in a test file: it could not count.
        """
        from ringfence.testing.finding import find_tests

        found = find_tests([checked_path(path) for path in paths], exclude=checked_patterns(exclude))
        if found.problems:
            raise InputError("\n".join(map(str, found.problems)))
        return self.coverage_by(found.tests, today=today)

    def coverage_by(self, tests: Iterable["ReachabilityTest"], *, today: date | None = None) -> "Coverage":
        """Which mistakes in the policies some tests would notice: as `coverage`, of tests that were read before."""
        from ringfence.testing.coverage import measure_coverage

        def supposing(test: "ReachabilityTest") -> State:
            return self.supposed_by(test).state

        now = today or date.today()
        return measure_coverage(self.state, self.namespace, tests, today=now, supposing=supposing)

    def recorded_tests(
        self, source: str, destination: str, *, port: PortArgument = None, protocol: str | None = None
    ) -> list[dict[str, Any]]:
        """Tests of what passes today, for each pair of workloads that two endpoints name, as a file has them.

        Raises EndpointError for an endpoint that matches nothing, and InputError for more than 1,000 pairs.
        """
        from ringfence.testing.recording import record_tests

        ports = asked_ports(port, protocol)
        return list(record_tests(self.state, self.namespace, source, destination, ports, str(port or "all")))

    def judged(self, tests: Iterable["ReachabilityTest"], *, today: date | None = None) -> Iterator["JudgedTest"]:
        """The outcome of each test, in their order, one by one as they are judged.

        A test that supposes changes is judged in a copy of this cluster.
        """
        now = today or date.today()
        from ringfence.testing.judging import judged

        return judged(tests, self._judge(now), lambda test: self.supposed_by(test)._judge(now, self.namespace))

    def _judge(self, today: date, namespace: str = "") -> "Judge":
        from ringfence.testing.judging import Judge

        explain = partial(explanation_of, self.state)
        return Judge(self.state, namespace or self.namespace, today=today, explain=explain)

    def supposed_by(self, test: "ReachabilityTest") -> "Cluster":
        """A copy of this cluster, with what a test supposes. Raises InputError for an error in that."""
        copied = deepcopy(self)
        copied.problems = []
        copied.namespace = test.namespace or self.namespace
        for policy in test.without:
            copied.leave_out(policy)
        if test.after:
            copied.suppose(*test.after)
        if errors := errors_about_policies(copied.problems):
            raise InputError("; ".join(map(str, errors)))
        return copied

    def connections(
        self,
        pods: bool = False,
        *,
        by: str = "workload",
        sources: Sequence[str] = (),
        destinations: Sequence[str] = (),
        port: PortArgument = None,
        protocol: str | None = None,
        namespace: str | None = None,
        selector: str = "",
    ) -> Iterator[Connection]:
        """Every allowed connection by `namespace`, `workload` or `pod` (as with `pods`), streamed.

        Only those from any of the endpoints `sources` to any of `destinations`, to the ports that `port` and `protocol`
        name as in `can`, and with an end in `namespace` whose labels `selector` matches (as kubectl's `-l`). Raises
        InputError for an argument that is none of these.
        """
        part = ClusterPart(namespace, list_selector(selector))
        ports = asked_ports(port, protocol)
        wanted = connection_filter(self.state, self.namespace, sources, destinations, ports, part)
        return list_connections(self.state, wanted, "pod" if pods else by)

    def assumptions(self, namespace: str | None = None) -> tuple[str, ...]:
        """What the list of connections assumes, or the part of it about the pods of a namespace."""
        return connection_assumptions(self.state, namespace)

    def sources(self, destination: str, port: PortArgument = None, protocol: str | None = None) -> Reach:
        """Who may open a connection to a port of `destination`, or without a port any connection, by which rule.

        A collection of pods, without those of `destination`; `addresses` are those outside the cluster, and `rows` what
        passes from each workload and address, and the rules that let it. `port` and `protocol` are as in `can`.
        """
        return self._reach(destination, Direction.INGRESS, asked_ports(port, protocol))

    def destinations(self, source: str, port: PortArgument = None, protocol: str | None = None) -> Reach:
        """To whose port `source` may open a connection, or without a port any connection: as in `sources`.

        A port that is given by name is that of each destination; those that have none are left out.
        """
        return self._reach(source, Direction.EGRESS, asked_ports(port, protocol))

    def isolation(self, endpoint: str | None = None, *, namespace: str | None = None) -> IsolationList:
        """Which policies isolate each workload, of all namespaces or of one, or the pods of an endpoint.

        Raises EndpointError for a namespace that is in no object.
        """
        if endpoint is not None:
            return isolation_of(self.state, self._represented(endpoint))
        if namespace is not None:
            check_namespace(self.state, checked_namespace(namespace))
        return isolation(self.state, namespace=namespace)

    def convert(self) -> "Conversion":
        """The AdminNetworkPolicies and BaselineAdminNetworkPolicies as ClusterNetworkPolicies that mean the same.

        `policies` are proven, by the engine, to change nothing for any pod. Without them, `refusals` say what cannot be
        converted exactly, each with its place.
        """
        from ringfence.analysis.conversion import convert

        return convert(self.state, {one.object for one in self.problems if one.severity is Severity.ERROR})

    def exposure(
        self, endpoint: str | None = None, *, namespace: str | None = None, examples: bool = False
    ) -> ExposureList:
        """Which pods that do not exist yet, and which addresses, could reach each workload or be reached by it.

        Of the workloads of all namespaces or of one, or of the pods of an endpoint. With `examples`, each row has one
        of its pods, which was put into the engine and asked about. Raises EndpointError for a namespace that is in no
        object, and Undecided where selectors overlap in too many ways.
        """
        if endpoint is not None:
            return exposure_of(self.state, self._alternatives(endpoint), examples=examples)
        if namespace is not None:
            check_namespace(self.state, checked_namespace(namespace))
        return exposure(self.state, namespace=namespace, examples=examples)

    def report(
        self,
        title: str = "",
        *,
        since: "Cluster | None" = None,
        change: "ClusterDifference | None" = None,
        names: tuple[str, str] = ("before", "after"),
        sources: Sequence[str] = (),
        destinations: Sequence[str] = (),
        namespace: str | None = None,
        selector: str = "",
    ) -> str:
        """All that is allowed in the cluster, and why, as one HTML page that needs no server and no network.

        With another cluster `since`, the page says what has changed since then: all, or as much of it as `change` has.
        `names` are what texts call the two. With `sources`, `destinations`, `namespace` or `selector`, which are as in
        `connections`, the matrix first shows only these rows and columns.

        Of a cluster that answers as a network plugin enforces (`as_enforced_by`), the page says so, and what the plugin
        changes. What pods to come could reach is then left out, and mistakes are those of the policies as upstream
        means them.
        """
        from ringfence.render.reports import report_html

        data = self.report_data(
            title,
            since=since,
            change=change,
            names=names,
            sources=sources,
            destinations=destinations,
            namespace=namespace,
            selector=selector,
        )
        return report_html(data)

    def report_data(
        self,
        title: str = "",
        *,
        since: "Cluster | None" = None,
        change: "ClusterDifference | None" = None,
        names: tuple[str, str] = ("before", "after"),
        sources: Sequence[str] = (),
        destinations: Sequence[str] = (),
        namespace: str | None = None,
        selector: str = "",
    ) -> dict[str, Any]:
        """The data of `report`, with the shape that `schemas/report.json` describes."""
        from ringfence.analysis.differences import changed_arrows, several_in_both
        from ringfence.render.pictures import MOST_BOXES
        from ringfence.render.reports import ReportedChange, report_json

        part = ClusterPart(namespace, list_selector(selector))
        listed = connection_filter(self.state, self.namespace, sources, destinations, part=part)
        reported = None
        if since is not None:
            found = since.diff(self, names=names) if change is None else change
            several = several_in_both(found, since.state, self.state)
            reported = ReportedChange(
                found, *names, several, changed_arrows(found, since.state, self.state, MOST_BOXES)
            )
        return report_json(
            self.state,
            checked_text("title", title, "prod"),
            self.problems,
            self.document,
            self._decided_exposure(),
            self._upstream_mistakes(),
            reported,
            effects=trait_effects(self.state, lambda: frozenset(self.connections())),
            listed=listed,
        )

    def _upstream_mistakes(self) -> "LintFindings":
        """The mistakes in the policies as upstream means them, whichever network plugin enforces them."""
        if not self.state.enforced_by:
            return self.lint()
        with self.state.policies.enforcing(UPSTREAM):
            return self.lint()

    def _decided_exposure(self) -> ExposureList | None:
        """What `exposure` answers; None where it cannot be decided, and of a network plugin, which depends on more."""
        if self.state.enforced_by:
            return None
        try:
            return self.exposure()
        except UndecidedError:
            return None

    def _reach(self, text: str, direction: Direction, ports: AskedPorts) -> Reach:
        choices = self._represented(text)
        namesakes = {endpoint.reference for endpoint in choices}
        return agreed(
            (choices,),
            lambda endpoint: Reach(ReachQuestion(self.state, endpoint, direction, ports)),
            lambda found: [(row.end, row.traffic) for row in found.rows if row.end not in namesakes],
        )

    def _represented(self, text: str) -> tuple[Endpoint, ...]:
        """What a text may name, with examples for pods that could exist: of each part that policies tell apart."""
        return tuple(represented_alone(self.state, one) for one in self._alternatives(text))

    def _alternatives(self, text: str) -> tuple[Endpoint, ...]:
        return alternatives(self.state, text, self.namespace)

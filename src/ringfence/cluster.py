"""The Python API of ringfence: a cluster to which objects are added, and which answers questions.

    cluster = Cluster.load("manifests/")
    assert cluster.can("prod/web", "prod/db", port=3306).none

Every command that reads manifests or a live cluster once loads them through `Cluster`. The agent does not: it keeps a
`State` of its own, which follows the API server (`ringfence.agent.view`).
"""

from collections.abc import Iterator, Sequence
from datetime import date
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
from ringfence.cluster_comparisons import ComparedCluster
from ringfence.cluster_tests import ClusterUnderTest
from ringfence.engine.answers import trait_effects
from ringfence.errors import UndecidedError
from ringfence.model.policies import Direction
from ringfence.plugins import UPSTREAM
from ringfence.verdict import Verdict

if TYPE_CHECKING:
    from ringfence.analysis.differences import ClusterDifference
    from ringfence.lint import LintConfiguration, LintFindings, LintSettings


class Cluster(ComparedCluster, ClusterUnderTest):
    """The objects of a cluster, and what they mean: all questions that ringfence answers.

    How objects come in is in `ClusterInput`, comparisons are in `ComparedCluster`, and tests in `ClusterUnderTest`.
    Endpoints are written as on the command line (`analysis.endpoints`).
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

    def lint(  # noqa: PLR0913  (keywords of the public API)
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
        identifiers (`RF1`), name, group, or `all`. Without `select`, the rules of the default group are applied.
        `settings` are facts that the input does not contain, such as that it is the whole cluster. A `configuration`,
        or the path of its file, contains all of these; without one, no file is searched for.

        `suppressed` has the findings that comments and annotations suppress, that the file `baseline` contains, or that
        the earlier cluster `since` has as well. `today` decides which suppressions have expired. Raises InputError for
        a word that names no rule, and for a file that is not a baseline or not a configuration.
        """
        from ringfence.lint import (
            LintConfiguration,
            Linted,
            check,
            directives_of,
            read_baseline,
            read_configuration,
            without_baseline,
            without_earlier,
        )

        if since is not None:
            self._check_cluster(since)
        # Files are read before the search for mistakes, which takes longer and would be in vain if one is wrong.
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
            # The same rules and the same day: otherwise a difference of these would look like a difference of the
            # clusters.
            earlier = since.lint(settings=settings, configuration=wanted, today=today)
            found = without_earlier(found, earlier, since.revision or "the earlier cluster")
        return found

    def connections(  # noqa: PLR0913  (keywords of the public API)
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

        The connections are those from any of the endpoints `sources` to any of `destinations`, to the ports that `port`
        and `protocol` name as in `can`, and with an end in `namespace` whose labels `selector` matches (as kubectl's
        `-l`). Raises InputError for another value of `by`, and for a port or a selector that cannot be read.
        """
        part = ClusterPart(namespace, list_selector(selector))
        ports = asked_ports(port, protocol)
        wanted = connection_filter(self.state, self.namespace, sources, destinations, ports).within(part)
        return list_connections(self.state, wanted, "pod" if pods else by)

    def assumptions(self, namespace: str | None = None) -> tuple[str, ...]:
        """What the list of connections assumes, or the part of it about the pods of a namespace."""
        return connection_assumptions(self.state, namespace)

    def sources(self, destination: str, port: PortArgument = None, protocol: str | None = None) -> Reach:
        """The pods and addresses that may open a connection to a port of `destination`, or without a port to any port.

        The result is a collection of pods, without those of `destination`. `addresses` are those outside the cluster,
        and `rows` the allowed traffic from each workload and address with the rules that allow it. `port` and
        `protocol` are as in `can`.
        """
        return self._reach(destination, Direction.INGRESS, asked_ports(port, protocol))

    def destinations(self, source: str, port: PortArgument = None, protocol: str | None = None) -> Reach:
        """The pods and addresses to whose port, or without a port to any port, `source` may open a connection.

        The result is as that of `sources`. A port name is looked up at each destination; destinations without a port of
        that name are left out.
        """
        return self._reach(source, Direction.EGRESS, asked_ports(port, protocol))

    def isolation(self, endpoint: str | None = None, *, namespace: str | None = None) -> IsolationList:
        """Which policies isolate each workload, of all namespaces or of one, or the pods of an endpoint.

        Raises EndpointError for a namespace that no object is in or defines.
        """
        if endpoint is not None:
            return isolation_of(self.state, self._represented(endpoint))
        if namespace is not None:
            check_namespace(self.state, checked_namespace(namespace))
        return isolation(self.state, namespace=namespace)

    def exposure(
        self, endpoint: str | None = None, *, namespace: str | None = None, examples: bool = False
    ) -> ExposureList:
        """Which pods that do not exist yet, and which addresses, could reach each workload or be reached by it.

        The workloads are those of all namespaces or of one, or the pods of an endpoint. With `examples`, each row has
        an example of its pods, for which the engine has confirmed the row. Raises EndpointError for a namespace that no
        object is in or defines, and UndecidedError where selectors overlap in too many ways.
        """
        if endpoint is not None:
            return exposure_of(self.state, self._alternatives(endpoint), examples=examples)
        if namespace is not None:
            check_namespace(self.state, checked_namespace(namespace))
        return exposure(self.state, namespace=namespace, examples=examples)

    def report(  # noqa: PLR0913  (keywords of the public API)
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

    def report_data(  # noqa: PLR0913  (keywords of the public API)
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
        findings: bool = True,
    ) -> dict[str, Any]:
        """The data of `report`, with the shape that `schemas/report.json` describes.

        Without `findings`, exposure and the mistakes in policies are left out, which take most of the time.
        """
        from ringfence.analysis.differences import changed_arrows, several_in_both
        from ringfence.render.pictures import MOST_BOXES
        from ringfence.render.reports import Report, ReportedChange, report_json, with_findings

        part = ClusterPart(namespace, list_selector(selector))
        listed = connection_filter(self.state, self.namespace, sources, destinations).within(part)
        reported = None
        if since is not None:
            found = since.diff(self, names=names) if change is None else change
            several = several_in_both(found, since.state, self.state)
            reported = ReportedChange(
                found, *names, several, changed_arrows(found, since.state, self.state, MOST_BOXES)
            )
        report = Report(
            self.state,
            checked_text("title", title, "prod"),
            self.problems,
            self.document,
            reported,
            effects=trait_effects(self.state, lambda: frozenset(self.connections())),
            listed=listed,
        )
        data = report_json(report)
        return with_findings(data, *self._report_findings()) if findings else data

    def _report_findings(self) -> "tuple[ExposureList | None, LintFindings]":
        """What `report_data` leaves out without `findings`; `render.reports.with_findings` adds it."""
        return self._decided_exposure(), self._upstream_mistakes()

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
        # A pod and a workload of one name may each have the other in their lists, which must not make their answers
        # differ.
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

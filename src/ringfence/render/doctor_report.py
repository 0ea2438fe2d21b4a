"""What `doctor` found out about a cluster: the values, as JSON, and in words."""

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from ringfence.analysis.differences import AffectingTrait
from ringfence.plugins import PluginTraits
from ringfence.render.affecting_traits import affecting_json, affecting_text
from ringfence.render.formats import document_json, one_line

_NODES_NAMED = 5
"""The largest number of nodes with the same answer that the text names."""


_EXPERIMENT = "ringfence doctor --probe asks the cluster itself, with pods and a policy of its own"


class PluginReport(msgspec.Struct, frozen=True, rename="camel"):
    """A plugin that was detected: the evidence, its configuration, and the number of nodes on which it is ready.

    `plugin` is its name for `--plugin`. `note` says why it enforces nothing, or why that is not certain.
    """

    plugin: str
    title: str
    version: str
    settings: dict[str, str]
    shown_by: str
    ready_nodes: int
    enforces: bool
    note: str = ""


class NodeReport(msgspec.Struct, frozen=True, rename="camel"):
    """The answer for a node: `enforced`, `not enforced` or `inconclusive`, and why."""

    node: str
    answer: str
    reason: str


class Deviations(msgspec.Struct, frozen=True):
    """Each trait of a plugin that changes what the policies of the cluster mean, compared with upstream."""

    plugin: PluginTraits
    traits: tuple[AffectingTrait, ...]


class ProofReport(msgspec.Struct, frozen=True, rename="camel"):
    """What the experiment showed on a node: the answer, why, and the seconds until a policy was in force, and gone."""

    node: str
    answer: str
    reason: str
    denied_after: float | None = None
    allowed_after: float | None = None


class MeasuredReport(msgspec.Struct, frozen=True, rename="camel"):
    """What the experiment showed about a trait: its value, and one of four answers.

    They are `as upstream`, `differs`, `not supported` and `inconclusive`.
    """

    topic: str
    answer: str
    value: str
    text: str


class NodeFinding(msgspec.Struct, frozen=True):
    """A finding of `doctor --node` on one node: its subject, and whether it keeps policies from being enforced."""

    subject: str
    prevents: bool
    text: str


class UnseenReport(msgspec.Struct, frozen=True, rename="camel"):
    """What could not be read, and why."""

    what: str
    reason: str


class DoctorReport(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The whole report. `answer` is that of the cluster; `unread` counts the policies of each kind that is not read.

    `foreign_policies` are those that another program created in the namespace of the experiment.
    """

    answer: str
    plugins: tuple[PluginReport, ...] = ()
    candidates: tuple[str, ...] = ()
    clash: str = ""
    nodes: tuple[NodeReport, ...] = ()
    proofs: tuple[ProofReport, ...] = ()
    measured: tuple[MeasuredReport, ...] = ()
    foreign_policies: tuple[str, ...] = ()
    service_proxy: str = ""
    dns: str = ""
    deviations: tuple[Deviations, ...] = ()
    unread: dict[str, int] = {}
    unseen: tuple[UnseenReport, ...] = ()

    @property
    def deviates(self) -> bool:
        """Whether a deviation changes an answer about the policies of the cluster."""
        return any(trait.changes_answers for one in self.deviations for trait in one.traits)


def doctor_json(report: DoctorReport) -> str:
    """The report as a JSON document."""
    # Deviations have values of the engine in them, so they are written by hand below.
    plain = msgspec.to_builtins(msgspec.structs.replace(report, deviations=()))
    deviations = [{"plugin": one.plugin.name, "traits": affecting_json(one.traits)} for one in report.deviations]
    return document_json({**plain, "deviations": deviations}) + "\n"


def node_json(findings: Sequence[NodeFinding]) -> str:
    """What was found on a node, as a JSON document."""
    return document_json({"findings": msgspec.to_builtins(findings)}) + "\n"


def node_text(findings: Sequence[NodeFinding]) -> str:
    """What was found on a node, in words."""
    return "\n".join(_lines([(one.subject, one.text) for one in findings]))


def doctor_text(report: DoctorReport) -> str:
    """The report in words: a line for each finding, those about nodes folded by answer and reason."""
    rows = [
        *(("plugin", line) for line in _plugins(report)),
        *(("enforced", line) for line in _answers(report)),
        *(("proved", line) for line in map(_proof, report.proofs)),
        *(("measured", f"{one.answer}: {one.text}") for one in report.measured),
        *(("noticed", f"another program created the policy {one}") for one in report.foreign_policies),
        *([("conflict", report.clash)] if report.clash else []),
        *([("services", report.service_proxy)] if report.service_proxy else []),
        *([("DNS", report.dns)] if report.dns else []),
        *(("differs", line) for one in report.deviations for line in _deviation(one)),
        *(("unread", line) for line in _unread(report.unread)),
        *(("not seen", f"{one.what}: {one.reason}") for one in report.unseen),
        *([("next", _EXPERIMENT)] if report.answer == "inconclusive" and report.nodes and not report.proofs else []),
    ]
    return "\n".join(_lines(rows))


def _lines(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Each row with its heading, which is not repeated on the rows below it."""
    before = ""
    for heading, line in rows:
        yield f"{heading if heading != before else '':10} {one_line(line)}"
        before = heading


def _plugins(report: DoctorReport) -> Iterator[str]:
    for one in report.plugins:
        settings = "".join(f", {key}={value}" for key, value in sorted(one.settings.items()))
        version = f" {one.version}" if one.version else ""
        note = f": {one.note}" if one.note else ""
        yield f"{one.title}{version} ({one.shown_by}, ready on {_of(one.ready_nodes, report)}{settings}){note}"
    yield from report.candidates
    if not report.plugins and not report.candidates:
        unseen = any(one.what == "daemonsets" for one in report.unseen)
        yield (
            "unknown: the DaemonSets of the cluster cannot be read"
            if unseen
            else "none is seen that is known to enforce policies, or may watch them"
        )


def _of(count: int, report: DoctorReport) -> str:
    total = len(report.nodes)
    return f"{count} of {total} {'node' if total == 1 else 'nodes'}"


def _answers(report: DoctorReport) -> Iterator[str]:
    """The answer, and the nodes by answer and reason, the answer that most have first."""
    yield {"enforced": "yes", "not enforced": "no"}.get(report.answer, report.answer)
    counted = Counter((one.answer, one.reason) for one in report.nodes)
    # A cluster of 1,000 nodes usually has one answer, and one line for it.
    for (answer, reason), count in counted.most_common():
        names = [one.node for one in report.nodes if (one.answer, one.reason) == (answer, reason)]
        named = ", ".join(names[:_NODES_NAMED]) + (f" and {count - _NODES_NAMED} more" if count > _NODES_NAMED else "")
        yield f"  {answer} on {named}: {reason}"
    if not report.nodes:
        unseen = any(one.what == "nodes" for one in report.unseen)
        yield "  the nodes of the cluster cannot be read" if unseen else "  the cluster has no nodes"


def _proof(one: ProofReport) -> str:
    times = ""
    if one.denied_after is not None:
        times = f", denied after {one.denied_after:.1f} s"
    if one.allowed_after is not None:
        times += f", allowed again after {one.allowed_after:.1f} s"
    return f"{one.answer} on {one.node}: {one.reason}{times}"


def _deviation(one: Deviations) -> Iterator[str]:
    if not one.traits:
        yield f"{one.plugin.name} enforces every policy here as upstream means it"
        return
    yield from affecting_text(one.traits).splitlines()


def _unread(counts: dict[str, int]) -> Iterator[str]:
    if counts:
        listed = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        yield f"{listed}: what they allow and deny is not known to ringfence"

"""Converts a diagnosis to the report that is printed."""

from collections import Counter

from ringfence.doctor.answers import IsEnforced, on_all
from ringfence.doctor.deviations import NO_POLICIES, PolicyFindings
from ringfence.doctor.diagnosis import Diagnosis, NodeDiagnosis
from ringfence.doctor.observed import Observed
from ringfence.doctor.probe import NO_EXPERIMENT, Measured, Results
from ringfence.doctor.service_proxy import dns_text, proxy_text
from ringfence.doctor.sightings import Presence, Sighting
from ringfence.plugins import LEFT_OPEN, TOPICS
from ringfence.render.doctor_report import (
    DoctorReport,
    MeasuredReport,
    NodeReport,
    PluginReport,
    ProofReport,
    UnseenReport,
)


def report(
    observed: Observed,
    diagnosis: Diagnosis,
    *,
    policies: PolicyFindings = NO_POLICIES,
    results: Results = NO_EXPERIMENT,
) -> DoctorReport:
    """The report of a diagnosis, of the findings about policies, and of the results of the experiment.

    If the experiment gave an answer for a node, the report uses this answer and not that of the diagnosis, because the
    experiment observed connections.
    """
    proved = {one.node: one for one in results.proofs}
    nodes = tuple(_node(one, proved.get(one.node)) for one in diagnosis.nodes)
    return DoctorReport(
        answer=on_all(one.answer for one in nodes),
        plugins=tuple(map(_plugin, diagnosis.plugins)),
        candidates=tuple(f"{one.daemon_set} {one.reason}" for one in diagnosis.candidates),
        clash=diagnosis.clash,
        nodes=nodes,
        proofs=tuple(proved.values()),
        measured=tuple(map(_measured, results.measured)),
        foreign_policies=results.foreign_policies,
        service_proxy=proxy_text(observed),
        dns=dns_text(observed),
        deviations=policies.deviations,
        unread=dict(Counter(policies.unread)),
        unseen=tuple(
            UnseenReport(one.what, one.reason) for one in (*diagnosis.unseen, *results.unseen, *policies.unseen)
        ),
    )


def _node(node: NodeDiagnosis, proof: ProofReport | None) -> NodeReport:
    if proof and proof.answer != IsEnforced.UNKNOWN:
        return NodeReport(node.node, proof.answer, "proved by the experiment")
    return NodeReport(node.node, node.answer, node.reason)


def _measured(one: Measured) -> MeasuredReport:
    topic = TOPICS[one.topic]
    if not one.value:
        return MeasuredReport(one.topic, one.outcome, "", f"{topic.title}: {one.reason}")
    answer = "as upstream" if topic.upstream in (one.value, LEFT_OPEN) else "differs"
    counted = f": {one.reason}" if one.reason else ""
    return MeasuredReport(one.topic, answer, one.value, f"{topic.text(one.value)}{counted}")


def _plugin(one: Sighting) -> PluginReport:
    return PluginReport(
        plugin=one.plugin,
        title=one.title,
        version=one.version,
        settings=dict(one.settings),
        shown_by=one.shown_by,
        ready_nodes=sum(presence is Presence.READY for presence in one.nodes.values()),
        enforces=one.enforces and not one.unproven,
        note="; ".join(filter(None, (one.unproven, *one.doubts))) if one.enforces else one.why_not,
    )

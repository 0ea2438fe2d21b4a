"""Finds how the plugins of a cluster change the meaning of its policies, and makes documents of measured traits."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from ringfence.analysis.differences import affecting_traits
from ringfence.cluster import Cluster
from ringfence.doctor.diagnosis import Diagnosis
from ringfence.doctor.observed import Unseen
from ringfence.doctor.probe import Measured
from ringfence.engine.state import State
from ringfence.model.problems import ProblemCode
from ringfence.model.unread_policies import Doubt
from ringfence.plugins import Confidence, PluginTraits
from ringfence.render.doctor_report import Deviations
from ringfence.render.formats import yaml_text
from ringfence.trait_files import API_VERSION, KIND, traits_of_text

MEASURED_BY: Final = "ringfence doctor --probe=full"


class PolicyFindings(msgspec.Struct, frozen=True):
    """The findings about the policies of a cluster.

    `deviations` are the traits of plugins that change the meaning of these policies. `unread` contains the kind of each
    policy that ringfence does not read. `unseen` names the kinds that could not be listed.
    """

    deviations: tuple[Deviations, ...] = ()
    unread: tuple[str, ...] = ()
    unseen: tuple[Unseen, ...] = ()


NO_POLICIES: Final = PolicyFindings()


def policy_findings(cluster: Cluster, diagnosis: Diagnosis, measured: Iterable[Measured] = ()) -> PolicyFindings:
    """The findings about the policies of a cluster."""
    state = cluster.state
    return PolicyFindings(
        tuple(deviations(state, diagnosis, measured)),
        tuple(one.kind for one in state.doubts if one.name and one.doubt is not Doubt.INERT),
        tuple(Unseen("policies", one.message) for one in cluster.problems if one.code is ProblemCode.UNLISTED_KIND),
    )


def deviations(state: State, diagnosis: Diagnosis, measured: Iterable[Measured] = ()) -> Iterator[Deviations]:
    """For each plugin that enforces policies on some node, the traits that change what the policies of a state mean.

    A value that was measured in the cluster takes precedence over the value in the table of plugins.
    """
    seen: list[PluginTraits] = []
    for document in trait_documents(diagnosis, measured):
        # As text, so that a document is checked as one of a user is.
        traits = traits_of_text(yaml_text(document).encode(), MEASURED_BY)
        if traits not in seen:
            seen.append(traits)
            yield Deviations(traits, affecting_traits(state, traits))


def trait_documents(diagnosis: Diagnosis, measured: Iterable[Measured] = ()) -> list[dict[str, Any]]:
    """The documents with the traits of each plugin that enforces policies, in the format of `--plugin FILE`.

    If no plugin enforces policies, one document contains the measured traits. If nothing was measured either, there is
    no document.
    """
    found = [
        {"topic": one.topic, "value": one.value, "confidence": str(Confidence.MEASURED), "source": MEASURED_BY}
        for one in measured
        if one.value
    ]
    head = {"apiVersion": API_VERSION, "kind": KIND}
    documents: list[dict[str, Any]] = []
    for one in diagnosis.enforcers:
        document: dict[str, Any] = {**head, "plugin": one.plugin}
        if one.version:
            document["version"] = one.version
        if one.settings:
            document["settings"] = dict(one.settings)
        documents.append({**document, "traits": found})
    return documents or ([{**head, "title": "this cluster", "traits": found}] if found else [])

"""The cases of the experiment, evaluated by the engine: subject and witness distinguish the values of each trait.

This shows that the policies of each case have the intended meaning. It also shows that a measured value, which the
engine reads with `--plugin FILE`, predicts the connections by which it was measured.
"""

from pathlib import Path

import msgspec
import pytest

from ringfence import Cluster
from ringfence.doctor.probe.cases import CASES, CLIENTS, CONTROL, FROM_NODE, LATER_CLIENTS, SUBJECT, Case
from ringfence.doctor.probe.manifests import (
    SERVER,
    Client,
    Manifest,
    ProbeTarget,
    Site,
    client,
    policy,
    server,
    service,
)
from ringfence.plugins import TOPICS
from ringfence.render.formats import yaml_text
from ringfence.trait_files import API_VERSION, KIND

NAMESPACE, NODE_ADDRESS = "probe", "172.18.0.11"
SITE = Site("p0", "n1", "run", "image")
ADDRESSES = {SERVER: ["10.0.0.1", "fd00::1"]} | {
    one.name: [f"10.0.0.{number}", f"fd00::{number}"] for number, one in enumerate((*CLIENTS, *LATER_CLIENTS), start=2)
}
MODELLED = [case for case in CASES if TOPICS[case.topic].field]


def _pod(made: Manifest, name: str, family: int) -> Manifest:
    """The running pod of a ReplicaSet, or one without an owner, with an address of one family."""
    template = made["spec"]["template"] if made["kind"] == "ReplicaSet" else made
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": name, "controller": True}
    owners = {"ownerReferences": [owner]} if made["kind"] == "ReplicaSet" else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": template["metadata"]["labels"], **owners},
        "spec": {**template["spec"], "nodeName": "n1"},
        "status": {"phase": "Running", "hostIP": NODE_ADDRESS, "podIPs": [{"ip": ADDRESSES[name][family == 6]}]},
    }


def _cluster(case: Case, value: str, folder: Path, family: int) -> Cluster:
    cluster = Cluster()
    addresses = [{"type": "InternalIP", "address": NODE_ADDRESS}]
    cluster.upsert({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}, "status": {"addresses": addresses}})
    cluster.upsert(_pod(server(SITE, full=True), SERVER, family))
    for one in (*CLIENTS, *LATER_CLIENTS):
        cluster.upsert(_pod(client(one, SITE, "10.0.0.1"), one.name, family))
    made = policy("case", SITE, case.selected, case.spec("10.0.0.1"))
    for manifest in (made, service(SITE)):
        manifest["metadata"]["namespace"] = NAMESPACE
        cluster.upsert(manifest)
    traits = folder / "traits.yaml"
    written = [{"topic": case.topic, "value": value}]
    traits.write_text(yaml_text({"apiVersion": API_VERSION, "kind": KIND, "traits": written}))
    return cluster.as_enforced_by(str(traits))


def _is_open(case: Case, value: str, folder: Path, one: Client) -> bool:
    family = 6 if one.target is ProbeTarget.SERVER_OVER_IPV6 else 4
    cluster = _cluster(case, value, folder, family)
    destinations = {ProbeTarget.SERVICE: f"{NAMESPACE}/svc/p0-{SERVER}", ProbeTarget.NODE: NODE_ADDRESS}
    source = NODE_ADDRESS if one == FROM_NODE else f"{NAMESPACE}/{one.name}"
    destination = destinations.get(one.target, f"{NAMESPACE}/{SERVER}")
    return cluster.can(source, destination, port=one.port, protocol=one.protocol).all


@pytest.mark.parametrize(
    ("case", "value"),
    [
        pytest.param(case, value, id=f"{case.topic}={value}")
        for case in MODELLED
        for value in (case.if_open, case.if_denied)
    ],
)
def test_a_case_shows_the_value_of_its_trait(case: Case, value: str, tmp_path: Path) -> None:
    assert not _is_open(case, value, tmp_path, case.witness), "the witness is denied, whatever the value is"
    assert _is_open(case, value, tmp_path, case.subject) == (value == case.if_open)


@pytest.mark.parametrize("case", MODELLED, ids=lambda one: one.topic)
def test_a_case_has_two_values_of_its_topic(case: Case) -> None:
    assert {case.if_open, case.if_denied} <= set(TOPICS[case.topic].values)
    assert case.if_open != case.if_denied


def test_the_policy_of_the_basic_experiment_denies_the_subject_alone(tmp_path: Path) -> None:
    [basic] = (case for case in CASES if case.topic == "established")
    as_upstream = msgspec.structs.replace(basic, topic="sctp")
    assert _is_open(as_upstream, "yes", tmp_path, CONTROL)
    assert not _is_open(as_upstream, "yes", tmp_path, SUBJECT)

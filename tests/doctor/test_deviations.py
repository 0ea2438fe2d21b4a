"""Deviations: how the plugin of a cluster changes the meaning of its policies, and the file with its traits."""

import json
from pathlib import Path

from ringfence import Cluster
from ringfence.doctor import PolicyFindings, diagnose, policy_findings, report, trait_documents
from ringfence.doctor.probe import Measured, Results
from ringfence.render.doctor_report import DoctorReport, ProofReport, doctor_json, doctor_text
from ringfence.render.formats import yaml_text
from tests.render.json_shapes import fits, schema, strict
from tests.semantics.objects import block, labelled, namespace, pod, policy, sends

from .clusters import CLUSTERS, SampleCluster
from .seen import seen

_CILIUM = next(one for one in CLUSTERS if one.name == "Cilium")
_CALICO = next(one for one in CLUSTERS if one.name == "Calico")


def shop() -> Cluster:
    """A cluster in which a policy matches a pod by its address."""
    cluster = Cluster()
    for obj in (
        namespace("shop"),
        pod("shop/web", {"app": "web"}, addresses=["10.0.0.1"]),
        pod("shop/db", {"app": "db"}, addresses=["10.0.0.2"]),
        policy("shop/to-db", labelled(app="web"), egress=[sends(block("10.0.0.2/32"))]),
    ):
        cluster.upsert(obj)
    return cluster


def found(sample: SampleCluster = _CILIUM, *measured: Measured) -> DoctorReport:
    objects = sample.objects
    diagnosis = diagnose(seen(objects))
    return report(seen(objects), diagnosis, policies=policy_findings(shop(), diagnosis, measured))


def test_a_policy_that_the_plugin_enforces_otherwise_is_named_with_its_connections() -> None:
    text = doctor_text(found())
    assert found().deviates
    assert "an ipBlock matches no pods" in text
    assert "shop/to-db egress[0]" in text
    assert "- shop/web -> shop/db" in text


def test_a_trait_that_concerns_no_policy_is_not_listed() -> None:
    assert "SCTP" not in doctor_text(found())


def test_a_plugin_that_changes_nothing_says_so() -> None:
    assert not found(_CALICO).deviates
    sentence = "enforces every policy here as upstream means it"
    assert f"Calico 3.30.1 {sentence}" in doctor_text(found(_CALICO))
    assert sentence not in doctor_text(found())


def test_what_was_measured_counts_before_what_is_known_of_the_plugin() -> None:
    assert not found(_CILIUM, Measured("ipBlock-pods", "yes")).deviates
    assert found(_CALICO, Measured("ipBlock-pods", "no")).deviates


def test_what_was_measured_without_a_result_changes_nothing() -> None:
    assert found(_CILIUM, Measured("ipBlock-pods", "", "not open")).deviates


def test_the_saved_traits_are_those_with_which_commands_answer(tmp_path: Path) -> None:
    file = tmp_path / "traits.yaml"
    [document] = trait_documents(diagnose(seen(_CALICO.objects)), [Measured("ipBlock-pods", "no")])
    file.write_text(yaml_text(document))
    assert shop().can("shop/web", "shop/db", port=80)
    assert not shop().as_enforced_by(str(file)).can("shop/web", "shop/db", port=80)


def test_without_a_plugin_and_without_measurements_there_is_nothing_to_save() -> None:
    assert trait_documents(diagnose(seen([]))) == []


def test_policies_that_are_not_read_are_counted() -> None:
    cluster = shop()
    cilium = {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy"}
    cluster.upsert(
        {**cilium, "metadata": {"name": "a", "namespace": "shop"}, "spec": {"endpointSelector": {}, "ingress": [{}]}}
    )
    findings = policy_findings(cluster, diagnose(seen(_CILIUM.objects)))
    assert findings.unread == ("CiliumNetworkPolicy.cilium.io",)
    text = doctor_text(report(seen([]), diagnose(seen([])), policies=PolicyFindings(unread=findings.unread)))
    assert "1 CiliumNetworkPolicy.cilium.io" in text


def test_the_report_has_the_shape_of_its_schema() -> None:
    full = report(
        seen(_CILIUM.objects),
        diagnose(seen(_CILIUM.objects)),
        policies=policy_findings(shop(), diagnose(seen(_CILIUM.objects))),
        results=Results((ProofReport("a", "enforced", "proved", 1.0, 2.0),), (Measured("sctp", "ignored"),), ("x",)),
    )
    assert fits(json.loads(doctor_json(full)), strict(schema("doctor")))

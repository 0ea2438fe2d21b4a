"""Validation of cluster policies: ringfence refuses what an API server with their definitions refuses, word for word.

That server has all fields (the experimental channel). For policies without the fields that only this channel has, a
server with the standard channel reports the same. The experimental channel alone refuses named ports beside networks,
although both channels have these fields: ringfence reports a warning.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ringfence.cluster import Cluster
from ringfence.model.cluster_policy_schemas import NAMED_PORTS_ARE_OF_PODS
from ringfence.model.problems import Severity
from tests.cluster_policy_strategies import cluster_policies
from tests.model.policy_trees import Tree

from .control_plane import Answer, ControlPlane
from .edge_cluster_policies import documents, resource_of
from .policy_definitions import GROUP, path_of
from .test_validation_agrees import in_known_characters, judgement_of_server

STRICTLY = "?dryRun=All&fieldValidation=Strict"
NAMED_PORTS = f"Invalid value: {NAMED_PORTS_ARE_OF_PODS}"
UNCHECKED = "<nil>: Invalid value: null: some validation rules were not checked"
EXPERIMENTAL = re.compile(r"\b(?:nodes|domainNames|namedPort)\b")


def errors_of_server(answer: Answer) -> list[str]:
    """The errors of the server, without the remark that some rules were not checked.

    If the server names the field in the text only, the error has that field. Equal errors count once.
    """
    errors = (error for error in judgement_of_server(answer).errors if not error.startswith(UNCHECKED))
    return sorted({_placed(error) for error in errors})


def _placed(error: str) -> str:
    if named := re.fullmatch(r"<nil>: (.*Checked value .* in (\S+))", error):
        return f"{named[2]}: {named[1]}"
    return error.removeprefix("<nil>: ")


def only_experimental(tree: Any) -> set[str]:
    """Errors about rules with named ports beside networks, and no peers that only the experimental channel has."""
    match tree:
        case {"kind": "ClusterNetworkPolicy", "spec": {"egress": [*rules]}}:
            return {f"spec.egress[{i}]: {NAMED_PORTS}" for i, rule in enumerate(rules) if _is_by_network(rule)}
    return set()


def _is_by_network(rule: Any) -> bool:
    match rule:
        case {"to": [*peers]}:
            others = ("nodes", "domainNames")
            known = [peer for peer in peers if isinstance(peer, dict)]
            return not any(peer.get(field) is not None for peer in known for field in others)
    return False


def our_errors(file: Path) -> list[str]:
    """The errors of ringfence, without those about selectors that servers accept and nobody can evaluate."""
    problems = Cluster.load(file).problems
    errors = [one.message for one in problems if one.severity is Severity.ERROR]
    return sorted(error for error in errors if "nobody can evaluate it" not in error)


@pytest.mark.parametrize(
    ("resource", "manifest"), [pytest.param(resource, text, id=name) for name, resource, text in documents()]
)
def test_every_check_gives_the_errors_of_the_api_server(
    experimental_server: ControlPlane, standard_server: ControlPlane, tmp_path: Path, resource: str, manifest: str
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(manifest)
    ours = our_errors(file)
    path = path_of(resource) + STRICTLY
    theirs = errors_of_server(experimental_server.request("POST", path, manifest, "application/yaml"))
    assert ours == [error for error in theirs if error not in only_experimental(yaml.safe_load(manifest))]
    if not EXPERIMENTAL.search(manifest + "".join(ours)):
        assert ours == errors_of_server(standard_server.request("POST", path, manifest, "application/yaml"))


strays: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 80.0, 80.5, 2**31, 1e21, 1e-7, "", "x", [], [None], ["x", "x"], {}, {"x": "y"}, {"pods": {}}]
)


@st.composite
def mistaken(draw: st.DrawFn) -> Tree:
    """A policy in which a value is replaced, missing, repeated too often, or renamed."""
    tree: Tree = json.loads(json.dumps(draw(cluster_policies)))
    for _ in range(draw(st.integers(1, 3))):
        part: Any = tree
        place: Any = draw(st.sampled_from(["spec", "spec", "spec", "metadata"]))
        while (inner := part.get(place) if isinstance(part, dict) else part[place]) and draw(st.integers(0, 3)):
            if not isinstance(inner, dict | list):
                break
            part, place = inner, draw(st.sampled_from(list(inner) if isinstance(inner, dict) else range(len(inner))))
        change = draw(st.sampled_from(["another", "another", "missing", "more", "renamed"]))
        if change == "more" and isinstance(inner, list):
            part[place] = inner * draw(st.sampled_from([2, 30, 101]))
        elif change == "missing" and isinstance(part, dict):
            part.pop(place, None)
        elif change == "renamed" and isinstance(part, dict) and part is not tree:
            part[draw(st.sampled_from(["pods", "namespaces", "networks", "number", "range", "x"]))] = inner
        else:
            part[place] = draw(strays)
    return in_known_characters(tree)


@settings(
    deadline=None,
    # Shrinking a case takes minutes on a real server.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(cluster_policies | mistaken())
def test_any_policy_has_the_errors_of_the_api_server(
    experimental_server: ControlPlane, standard_server: ControlPlane, tmp_path: Path, tree: Tree
) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(tree))
    ours = our_errors(file)
    path = path_of(resource_of(tree)) + STRICTLY
    theirs = errors_of_server(experimental_server.request("POST", path, tree))
    assert ours == [error for error in theirs if error not in only_experimental(tree)]
    if not EXPERIMENTAL.search(json.dumps(tree) + "".join(ours)):
        assert ours == errors_of_server(standard_server.request("POST", path, tree))


def test_named_ports_beside_networks_are_refused_by_the_experimental_channel_only(
    experimental_server: ControlPlane, standard_server: ControlPlane, tmp_path: Path
) -> None:
    rule = {"action": "Accept", "to": [{"networks": ["::/0"]}], "protocols": [{"destinationNamedPort": "http"}]}
    spec = {"tier": "Admin", "priority": 1, "subject": {"namespaces": {}}, "egress": [rule]}
    types = {"apiVersion": f"{GROUP}/v1alpha2", "kind": "ClusterNetworkPolicy"}
    tree = types | {"metadata": {"name": "x"}, "spec": spec}
    path = path_of("clusternetworkpolicies") + STRICTLY
    refused = errors_of_server(experimental_server.request("POST", path, tree))
    assert refused == [f"spec.egress[0]: {NAMED_PORTS}"]
    assert errors_of_server(standard_server.request("POST", path, tree)) == []
    (tmp_path / "policy.json").write_text(json.dumps(tree))
    (warning,) = Cluster.load(tmp_path).problems
    assert warning.severity is Severity.WARNING
    assert NAMED_PORTS_ARE_OF_PODS in warning.message

"""Decoding and validation report what the real API server reports, word for word, for any error in a policy."""

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ringfence.cluster import Cluster
from ringfence.errors import DecodingError
from ringfence.model.decoding import decode, unknown_fields
from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import defaulted
from ringfence.model.problems import ProblemCode, Severity
from ringfence.model.server_versions import LAST_LENIENT, NEWEST, ServerVersion
from ringfence.model.validation import network_policy_errors, network_policy_warnings
from tests.model.policy_trees import Tree, ip_blocks, policies

from .control_plane import Answer, ControlPlane, running
from .edge_policies import manifests

POLICIES = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies?dryRun=All&fieldValidation=Strict"

agreement = settings(suppress_health_check=[HealthCheck.too_slow])


class Judgement(NamedTuple):
    """Why a policy is refused, or the warnings with which it is accepted.

    The order does not matter: servers have changed theirs, and the order of several bad labels is random.
    """

    errors: list[str]
    warnings: list[str]


def judgement_of_server(answer: Answer) -> Judgement:
    match answer.status, answer.body:
        case 201, _:
            return Judgement([], sorted(answer.warnings))
        case 422, {"details": {"causes": causes}}:
            return Judgement(sorted({f"{cause['field']}: {cause['message']}" for cause in causes}), [])
        case 400, {"message": message}:
            return Judgement(sorted(unreadable(message)), [])
    raise AssertionError(answer)


def unreadable(message: str) -> list[str]:
    """Unknown fields are reported together, unless a worse error comes first."""
    _, strict, fields = message.partition("strict decoding error: ")
    return [f"{strict}{field}" for field in fields.split(", ")] if strict else [message]


def our_judgement(tree: Tree, server: ServerVersion = NEWEST) -> Judgement:
    try:
        policy = decode(tree)
    except DecodingError as error:
        return Judgement([str(error)], [])
    assert isinstance(policy, NetworkPolicy)
    if unknown := unknown_fields(tree):
        return Judgement([f'strict decoding error: unknown field "{field.path}"' for field in unknown], [])
    stored = defaulted(policy)
    if errors := network_policy_errors(stored, server):
        return Judgement(sorted(map(str, errors)), [])
    return Judgement([], sorted(map(str, network_policy_warnings(stored))))


@pytest.mark.parametrize("manifest", [pytest.param(text, id=name) for name, text in manifests()])
def test_every_check_gives_the_errors_of_the_api_server(
    api_server: ControlPlane, tmp_path: Path, manifest: str
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(manifest)
    found: dict[Severity, list[str]] = {severity: [] for severity in Severity}
    for problem in Cluster.load(file).problems:
        if problem.code == ProblemCode.FORMER_FIELD:
            # A warning here, since older servers stored such policies; a newer server refuses them.
            found[Severity.ERROR].append(f"strict decoding error: {problem.message.partition(':')[0]}")
        else:
            found[problem.severity].append(problem.message)
    theirs = judgement_of_server(api_server.request("POST", POLICIES, manifest, "application/yaml"))
    assert sorted(found[Severity.ERROR]) == theirs.errors
    # A server that refuses a policy does not get as far as its warnings; ringfence may report them.
    assert theirs.errors or sorted(found[Severity.WARNING]) == theirs.warnings


def typed(tree: Tree) -> Tree:
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", **tree}


def in_known_characters(tree: Tree) -> Tree:
    """The text without the characters that Python's Unicode tables lack.

    Go's tables may be newer, and Go prints what Python escapes.
    """
    text = json.dumps(tree, ensure_ascii=False)
    known: Tree = json.loads("".join("?" if unicodedata.category(letter) == "Cn" else letter for letter in text))
    return known


@st.composite
def postable(draw: st.DrawFn) -> Tree:
    """A policy that has a name and no namespace: the request contains the namespace."""
    tree = in_known_characters(typed(draw(policies)))
    tree["metadata"].pop("namespace", None)
    tree["metadata"]["name"] = tree["metadata"].get("name") or "x"
    return tree


@agreement
@given(postable())
def test_any_policy_has_the_errors_of_the_api_server(api_server: ControlPlane, tree: Tree) -> None:
    assert our_judgement(tree) == judgement_of_server(api_server.request("POST", POLICIES, tree))


strays = st.sampled_from([None, True, 0, -1, 80.0, 80.5, 2**31, 1e21, 1e-7, "", "x", [], [None], ["x"], {}, {"x": "y"}])


@st.composite
def mistaken(draw: st.DrawFn) -> Tree:
    """A policy in which one of the values is replaced."""
    tree = draw(postable())
    part: Any = tree
    place: Any = draw(st.sampled_from(["metadata", "spec"]))
    while (inner := part[place]) and isinstance(inner, dict | list) and draw(st.booleans()):
        part, place = inner, draw(st.sampled_from(list(inner) if isinstance(inner, dict) else range(len(inner))))
    part[place] = draw(strays)
    # The server would generate a name and then report an error about it.
    match tree["metadata"]:
        case {"generateName": _, **others}:
            assume(others.get("name"))
    return tree


@agreement
@given(mistaken())
def test_any_value_of_a_wrong_type_has_the_errors_of_the_api_server(api_server: ControlPlane, tree: Tree) -> None:
    assert our_judgement(tree) == judgement_of_server(api_server.request("POST", POLICIES, tree))


def blocking(block: Tree) -> Tree:
    return typed({"metadata": {"name": "x"}, "spec": {"ingress": [{"from": [{"ipBlock": block}]}]}})


@pytest.fixture(scope="module")
def older_server(real_parts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A server that accepts CIDRs as leniently as all servers did before Kubernetes 1.36."""
    with running(tmp_path_factory.mktemp("older"), "--feature-gates=StrictIPCIDRValidation=false") as control_plane:
        yield control_plane


@agreement
@given(ip_blocks.map(blocking).map(in_known_characters))
def test_any_block_of_addresses_has_the_errors_of_the_api_server(
    api_server: ControlPlane, older_server: ControlPlane, tree: Tree
) -> None:
    assert our_judgement(tree) == judgement_of_server(api_server.request("POST", POLICIES, tree))
    lenient = judgement_of_server(older_server.request("POST", POLICIES, tree))
    assert our_judgement(tree, LAST_LENIENT) == lenient

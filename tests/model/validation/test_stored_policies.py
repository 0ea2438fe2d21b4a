"""Policies that a server has stored although they are not valid here: what remains of them fails closed."""

import json
from pathlib import Path
from typing import Any

import pytest

from ringfence import Cluster
from ringfence.model.cluster_policies import ClusterPolicy
from ringfence.model.decoding import decode
from ringfence.model.kinds import KINDS
from ringfence.model.problems import Severity

GROUP = "policy.networking.k8s.io"
DB: Any = {"pods": {"podSelector": {"matchLabels": {"app": "db"}}}}
EVERYWHERE: Any = {"namespaces": {}}
BAD: Any = {"namespaces": {"matchExpressions": [{"key": "a", "operator": "in", "values": ["b"]}]}}
LATER: Any = {"serviceAccounts": {"matchNames": ["x"]}}


def cluster_policy(**spec: Any) -> Any:
    return {
        "apiVersion": f"{GROUP}/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": "guard", "uid": "1", "resourceVersion": "1"},
        "spec": {"tier": "Admin", "priority": 1, "subject": DB, **spec},
    }


def stored(written: Any) -> ClusterPolicy:
    found = decode(written)
    assert isinstance(found, ClusterPolicy)
    return found


def errors(**spec: Any) -> list[str]:
    policy = stored(cluster_policy(**spec))
    return [str(error) for error in KINDS.of(policy).validate_stored(policy)]


def reaches_db(**spec: Any) -> bool:
    """Whether `x/web` reaches `x/db` on port 80 with what remains of a policy."""
    cluster = Cluster()
    for app, address in (("web", "10.0.0.1"), ("db", "10.0.0.2")):
        metadata = {"namespace": "x", "name": app, "labels": {"app": app}}
        status = {"phase": "Running", "podIPs": [{"ip": address}]}
        cluster.upsert({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {}, "status": status})
    policy = stored(cluster_policy(**spec))
    assert any(KINDS.of(policy).validate_stored(policy)), "it cannot be evaluated as it is"
    remaining = KINDS.of(policy).remaining(policy)
    assert remaining is not None
    cluster.state.upsert(remaining)
    return bool(cluster.can("x/web", "x/db", port=80))


def rule(action: str, *peers: Any, **fields: Any) -> Any:
    return {"action": action, "from": list(peers), **fields}


DENIED = rule("Deny", EVERYWHERE)


@pytest.mark.parametrize("peer", [BAD, LATER, {**EVERYWHERE, **DB}], ids=["unclear", "unknown", "two fields"])
class TestAPeerThatCannotBeEvaluated:
    def test_a_rule_that_accepts_matches_nothing(self, peer: Any) -> None:
        assert not reaches_db(ingress=[rule("Accept", EVERYWHERE, peer), DENIED])
        assert reaches_db(ingress=[rule("Accept", peer)]), "nothing is denied by it"

    @pytest.mark.parametrize("action", ["Deny", "Pass"])
    def test_any_other_rule_denies_everything(self, peer: Any, action: str) -> None:
        ports = [{"tcp": {"destinationPort": {"number": 443}}}]
        assert not reaches_db(ingress=[rule(action, peer, protocols=ports), rule("Accept", EVERYWHERE)])

    def test_other_rules_mean_what_they_say(self, peer: Any) -> None:
        assert reaches_db(ingress=[rule("Accept", EVERYWHERE), rule("Deny", peer)])


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(rule("Log", EVERYWHERE), id="an action that is not known"),
        pytest.param(rule("Deny"), id="no peer"),
        pytest.param(rule("Deny", EVERYWHERE, protocols=[{"icmp": {}}]), id="a protocol that is not known"),
    ],
)
def test_a_rule_that_cannot_be_evaluated_denies_everything(wrong: Any) -> None:
    assert not reaches_db(ingress=[wrong, rule("Accept", EVERYWHERE)])


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"tier": "Middle"}, id="a tier that is not known"),
        pytest.param({"priority": None}, id="no priority"),
        pytest.param({"subject": {}}, id="no subject"),
        pytest.param({"subject": BAD}, id="a subject that is not clear"),
    ],
)
def test_of_a_policy_whose_place_or_subject_is_not_clear_nothing_remains(spec: Any) -> None:
    policy = stored(cluster_policy(**spec, ingress=[DENIED]))
    assert any(KINDS.of(policy).validate_stored(policy))
    assert KINDS.of(policy).remaining(policy) is None


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"priority": 1001}, id="a higher priority"),
        pytest.param({"ingress": [DENIED] * 26}, id="more rules"),
        pytest.param({"ingress": [rule("Deny", *[EVERYWHERE] * 26)]}, id="more peers"),
    ],
)
def test_what_another_version_may_allow_is_no_error(spec: Any) -> None:
    assert errors(**spec) == []


def test_a_cluster_keeps_what_remains_of_one_that_a_server_has_stored(tmp_path: Path) -> None:
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"namespace": "x", "name": app, "labels": {"app": app}},
            "spec": {},
        }
        for app in ("web", "db")
    ]
    policy = cluster_policy(ingress=[rule("Deny", LATER)])
    (tmp_path / "dump.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [*pods, policy]}))
    cluster = Cluster.load(tmp_path)
    assert [one.code for one in cluster.problems if one.severity is Severity.ERROR]
    assert not cluster.can("x/web", "x/db", port=80)


def test_a_network_that_is_none_is_an_error_of_its_rule() -> None:
    peers = [{"networks": ["10.0.0.0/8"]}, {"networks": ["10.0.0.0/8", "10.0.0.0/33"]}]
    assert errors(egress=[{"action": "Accept", "to": peers}]) == [
        'spec.egress[0].to[1].networks[1]: Invalid value: "10.0.0.0/33": Invalid CIDR format provided'
    ]

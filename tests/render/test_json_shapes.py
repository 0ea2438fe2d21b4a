"""JSON in exactly the shapes that docs/formats.md promises."""

import json
from pathlib import Path
from types import NoneType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.analysis.test_answers import FROM_CLIENT, WORLD
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object

from ringfence import Cluster, Verdict
from ringfence.model.origin import Place, Range
from ringfence.model.problems import Problem, Severity
from ringfence.model.text_edits import TextEdit
from ringfence.render.answers import answer_json
from ringfence.render.connection_views import connections_json
from ringfence.render.problems import problems_json

Shape = Any
"""A type; a dict of shapes by key, of which those that end in `?` may be missing; a list of one shape; or a tuple of
shapes of which one must fit."""

OBJECT = {"namespace": str, "kind": str, "name": str}
ADDRESSES = {"addresses": [str]}
PARTY = (OBJECT, ADDRESSES)
NAMED = (OBJECT, ADDRESSES, {"pods": [PARTY]})
TRAFFIC = [{"protocol": str, "ports": str}]
PEER = {"index": int, "matches": bool, "reason": str, "line?": int}
RULE = {"index": int, "allows": bool, "reason": str, "line?": int, "peers": [PEER], "hints?": [str]}
POLICY = {"namespace": str, "name": str, "file?": str, "line?": int, "rules": [RULE]}
SIDE = {"isolated": bool, "allowed": bool, "exempt?": str, "policies": [POLICY]}
ANSWER = {
    "allowed": bool,
    "source": NAMED,
    "destination": NAMED,
    "protocol": (str, NoneType),
    "port": (int, NoneType),
    "traffic?": TRAFFIC,
    "egress": SIDE,
    "ingress": SIDE,
    "pairs?": [{"source": PARTY, "destination": PARTY, "port": (int, NoneType), "allowed": bool}],
    "assumptions": [str],
}
EXPLANATION = {**ANSWER, "edits": [{"action": str, "file?": str, "line?": int, "lines": [str], "others": int}]}
CONNECTIONS = {"connections": [{"source": PARTY, "destination": PARTY, "traffic": TRAFFIC}]}
RANGE = {"line": int, "column": int, "endLine": int, "endColumn": int}
PROBLEMS = {
    "problems": [
        {
            "code": str,
            "severity": str,
            "file": str,
            **RANGE,
            "object": str,
            "message": str,
            "fix?": {**RANGE, "newText": str},
        }
    ]
}


def fits(value: object, shape: Shape) -> bool:
    """Whether a value has a shape, with no key too many and none missing."""
    match shape:
        case dict():
            required = {key for key in shape if not key.endswith("?")}
            known = {key.removesuffix("?"): inner for key, inner in shape.items()}
            return (
                isinstance(value, dict)
                and required <= value.keys() <= known.keys()
                and all(fits(inner, known[key]) for key, inner in value.items())
            )
        case list():
            return isinstance(value, list) and all(fits(inner, shape[0]) for inner in value)
        case tuple():
            return any(fits(value, inner) for inner in shape)
    return type(value) is shape


def written(verdict: Verdict, *, edits: bool = False) -> Any:
    return json.loads(answer_json(verdict, verdict.edits if edits else None))


MANIFESTS = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: db-policy
  namespace: prod
spec:
  podSelector:
    matchLabels:
      role: db
  policyTypes:
  - Ingress
  ingress:
  # Only the api.
  - from:
    - podSelector:
        matchLabels:
          name: api-pod
    ports:
    - port: 3306
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: prod, labels: {name: web-pod}}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: prod, labels: {role: db}}
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    (tmp_path / "db.yaml").write_text(MANIFESTS)
    monkeypatch.chdir(tmp_path)
    return Cluster.load("db.yaml")


def test_an_answer_word_for_word(cluster: Cluster) -> None:
    assert written(cluster.can("prod/web", "prod/db", port=3306)) == {
        "allowed": False,
        "source": {"namespace": "prod", "kind": "Pod", "name": "web"},
        "destination": {"namespace": "prod", "kind": "Pod", "name": "db"},
        "protocol": "TCP",
        "port": 3306,
        "egress": {"isolated": False, "allowed": True, "policies": []},
        "ingress": {
            "isolated": True,
            "allowed": False,
            "policies": [
                {
                    "namespace": "prod",
                    "name": "db-policy",
                    "file": "db.yaml",
                    "line": 1,
                    "rules": [
                        {
                            "index": 0,
                            "allows": False,
                            "reason": "no peer selects prod/web",
                            "line": 14,
                            "peers": [
                                {
                                    "index": 0,
                                    "matches": False,
                                    "reason": "podSelector wants name=api-pod, prod/web has name=web-pod",
                                    "line": 17,
                                }
                            ],
                        }
                    ],
                }
            ],
        },
        "assumptions": [],
    }


def test_an_explanation_adds_what_would_turn_the_answer(cluster: Cluster) -> None:
    (edit,) = written(cluster.can("prod/web", "prod/db", port=3306), edits=True)["edits"]
    assert edit == {
        "action": "in prod/db-policy, add to spec.ingress[0].from",
        "file": "db.yaml",
        "line": 14,
        "lines": ["- podSelector:", "    matchLabels:", "      name: web-pod"],
        "others": 0,
    }


def test_without_a_port_the_traffic_is_what_passes(cluster: Cluster) -> None:
    everything = written(cluster.can("prod/db", "prod/web"))
    assert (everything["protocol"], everything["port"]) == (None, None)
    assert everything["traffic"] == [{"protocol": name, "ports": "1-65535"} for name in ("TCP", "UDP", "SCTP")]
    assert written(cluster.can("prod/web", "prod/db"))["traffic"] == []
    assert "traffic" not in written(cluster.can("prod/db", "prod/web", port=80))


class TestEnds:
    @pytest.fixture
    def world(self) -> Cluster:
        return cluster_of([*WORLD, FROM_CLIENT])

    @pytest.mark.parametrize(
        ("text", "named"),
        [
            ("192.0.2.7", {"addresses": ["192.0.2.7/32"]}),
            ("192.0.2.0/24", {"addresses": ["192.0.2.0/24"]}),
            ("x/svc/web", {"namespace": "x", "kind": "Service", "name": "web"}),
            ("x/app=stranger", {"namespace": "x", "kind": "Pod", "name": "stranger"}),
            ("x/app=web", {"pods": [{"namespace": "x", "kind": "Pod", "name": name} for name in ("new", "old")]}),
        ],
    )
    def test_what_is_named(self, world: Cluster, text: str, named: object) -> None:
        assert written(world.can(text, "x/client"))["source"] == named

    def test_several_pairs_are_listed_with_the_pods_own_ports(self, world: Cluster) -> None:
        service = written(world.can("x/stranger", "x/svc/web", port=80))
        assert service["destination"] == {"namespace": "x", "kind": "Service", "name": "web"}
        assert [(pair["destination"]["name"], pair["port"], pair["allowed"]) for pair in service["pairs"]] == [
            ("new", 8080, False),
            ("old", 80, False),
        ]

    def test_the_sides_are_those_of_the_pair_that_decided(self, world: Cluster) -> None:
        one = written(world.can("x/*", "x/new", port=8080))
        assert not one["allowed"]
        assert not one["ingress"]["allowed"]
        assert not one["pairs"][0]["allowed"]
        assert one["pairs"][-1]["allowed"]


def test_connections_word_for_word(cluster: Cluster) -> None:
    found = json.loads("".join(connections_json(cluster.connections())))
    web = {"namespace": "prod", "kind": "Pod", "name": "web"}
    everything = [{"protocol": name, "ports": "1-65535"} for name in ("TCP", "UDP", "SCTP")]
    assert {
        "source": {"namespace": "prod", "kind": "Pod", "name": "db"},
        "destination": web,
        "traffic": everything,
    } in (found["connections"])
    assert {"source": {"addresses": ["0.0.0.0/0", "::/0"]}, "destination": web, "traffic": everything} in (
        found["connections"]
    )


def test_no_connections_are_an_empty_list() -> None:
    assert json.loads("".join(connections_json([]))) == {"connections": []}


def test_problems_word_for_word() -> None:
    found = [
        Problem(
            Place("a.yaml", 7, 3, 8, 1),
            "invalid-value",
            "wrong",
            object="NetworkPolicy x/p",
            fix=TextEdit("a.yaml", Range(7, 9, 7, 13), "80"),
        ),
        Problem(Place("b.yaml"), "duplicate-key", 'odd "text"\n', Severity.WARNING),
    ]
    assert json.loads(problems_json(found)) == {
        "problems": [
            {
                "code": "invalid-value",
                "severity": "error",
                "file": "a.yaml",
                "line": 7,
                "column": 3,
                "endLine": 8,
                "endColumn": 1,
                "object": "NetworkPolicy x/p",
                "message": "wrong",
                "fix": {"line": 7, "column": 9, "endLine": 7, "endColumn": 13, "newText": "80"},
            },
            {
                "code": "duplicate-key",
                "severity": "warning",
                "file": "b.yaml",
                "line": 0,
                "column": 0,
                "endLine": 0,
                "endColumn": 0,
                "object": "",
                "message": 'odd "text"\n',
            },
        ]
    }
    assert fits(json.loads(problems_json(found)), PROBLEMS)


@settings(max_examples=settings().max_examples // 4)
@given(strategies.clusters(), st.none() | st.sampled_from(strategies.PORT_NUMBERS), st.data())
def test_every_answer_has_the_shape(objects: list[Object], number: int | None, data: st.DataObject) -> None:
    cluster = cluster_of(objects)
    inside = sorted({f"{one.namespace}/*" for one in cluster.state.members()})
    if inside:
        source = data.draw(st.sampled_from([*inside, "192.0.2.1"]))
        verdict = cluster.can(source, data.draw(st.sampled_from(inside)), port=number)
        assert fits(written(verdict), ANSWER)
        assert fits(written(verdict, edits=True), EXPLANATION)
    assert fits(json.loads("".join(connections_json(cluster.connections()))), CONNECTIONS)

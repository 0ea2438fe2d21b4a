"""An answer and its reasons, as text and as JSON."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.analysis.questions.test_questions import FROM_CLIENT, ONLY_NEW, WORLD
from tests.example_counts import examples
from tests.render.json_shapes import ANSWER, EXPLANATION, fits
from tests.semantics.judges import cluster_of
from tests.semantics.objects import (
    Object,
    admits,
    block,
    container_port,
    labelled,
    owned,
    pod,
    pods,
    policy,
    port,
    sends,
)

from ringfence import Cluster, Verdict
from ringfence.model.origin import Place
from ringfence.model.problems import Problem
from ringfence.render.answers import answer_json, explanation, headline, short_answer

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


def test_a_no_names_the_policy_the_reason_the_place_and_an_edit(cluster: Cluster) -> None:
    assert (
        cluster.can("prod/web", "prod/db", port=3306).explain()
        == """\
no: prod/web -> prod/db on TCP 3306

egress of prod/web: allowed: no policy isolates it
ingress of prod/db: denied
  prod/db-policy  (db.yaml:1)
    ✗ ingress[0]: no peer selects prod/web  (db.yaml:14)
        from[0]: podSelector wants name=api-pod, prod/web has name=web-pod  (db.yaml:17)

the smallest edit that would allow it, checked by the engine:
  in prod/db-policy, add to spec.ingress[0].from  (db.yaml:14)
      - podSelector:
          matchLabels:
            name: web-pod
  nothing else changes"""
    )


def test_a_yes_names_the_policy_and_an_edit_that_forbids_it(cluster: Cluster) -> None:
    cluster.upsert(pod("prod/api", {"name": "api-pod"}))
    assert (
        cluster.can("prod/api", "prod/db", port=3306).explain()
        == """\
yes: prod/api -> prod/db on TCP 3306

egress of prod/api: allowed: no policy isolates it
ingress of prod/db: allowed
  prod/db-policy  (db.yaml:1)
    ✓ ingress[0]: from[0] matches, on TCP 3306  (db.yaml:14)

the smallest edit that would forbid it, checked by the engine:
  in prod/db-policy, remove ingress[0]  (db.yaml:14)
  nothing else changes"""
    )


def lines_of(cluster: Cluster, source: str, destination: str, number: int | None = None) -> list[str]:
    verdict = cluster.can(source, destination, port=number)
    return explanation(verdict).split("\n")


def test_without_a_port_the_first_line_has_the_allowed_traffic(cluster: Cluster) -> None:
    cluster.upsert(pod("prod/api", {"name": "api-pod"}))
    assert lines_of(cluster, "prod/api", "prod/db")[0] == "partly: prod/api -> prod/db: TCP 3306"
    assert "ingress of prod/db: allowed on TCP 3306" in lines_of(cluster, "prod/api", "prod/db")
    assert lines_of(cluster, "prod/web", "prod/db")[0] == "no: prod/web -> prod/db: nothing passes"
    assert lines_of(cluster, "prod/db", "prod/web")[0] == "yes: prod/db -> prod/web: all traffic"


def test_a_policy_without_rules_says_that_it_allows_nothing() -> None:
    closed = cluster_of([*WORLD, ONLY_NEW])
    assert "    ✗ it has no ingress rules, so it allows nothing" in lines_of(closed, "x/client", "x/old", 80)


def test_the_denied_pairs_of_several_are_named() -> None:
    closed = cluster_of([*WORLD, ONLY_NEW])
    assert headline(closed.can("x/client", "x/app=web", port=80)) == (
        "partly: x/client -> x/app=web on TCP 80: 1 of 2 pairs; refused: x/client -> x/old"
    )
    assert headline(closed.can("x/client", "x/app=web")) == (
        "partly: x/client -> x/app=web: 1 of 2 pairs; refused: x/client -> x/old"
    )


def test_the_addresses_that_are_allowed_and_refused_are_named() -> None:
    from_one_range = policy("x/p", labelled(release="old"), ingress=[admits(block("10.0.0.0/25"))])
    only_80 = policy("x/q", labelled(release="new"), ingress=[admits(block("10.0.0.0/25"), ports=[port(80)])])
    world = cluster_of([*WORLD, from_one_range, only_80])
    assert headline(world.can("10.0.0.0/24", "x/old", port=80)) == (
        "partly: 10.0.0.0/24 -> x/old on TCP 80: from 10.0.0.0/25; refused: from 10.0.0.128/25"
    )
    assert headline(world.can("10.0.0.0/24", "x/new")) == (
        "partly: 10.0.0.0/24 -> x/new: TCP 80 from 10.0.0.0/25; refused: from 10.0.0.128/25"
    )
    to_one_range = policy("x/r", labelled(app="client"), egress=[sends(block("10.0.0.0/25"))])
    assert headline(cluster_of([*WORLD, to_one_range]).can("x/client", "10.0.0.0/24", port=80)) == (
        "partly: x/client -> 10.0.0.0/24 on TCP 80: to 10.0.0.0/25; refused: to 10.0.0.128/25"
    )


def test_a_pair_that_is_refused_at_several_ports_of_a_service_is_named_once() -> None:
    assert headline(cluster_of([*WORLD, FROM_CLIENT]).can("x/app=client", "x/svc/web")) == (
        "partly: x/app=client -> x/svc/web: 0 of 2 pairs; TCP 80 x/client -> x/new, TCP 80 x/client -> x/old"
    )
    assert headline(cluster_of([*WORLD, ONLY_NEW]).can("x/client", "x/svc/web")) == (
        "partly: x/client -> x/svc/web: 1 of 2 pairs; refused: x/client -> x/old"
    )


def test_three_pairs_are_named_and_equal_reasons_written_once() -> None:
    many = cluster_of(
        [
            *(pod(f"x/p{number}") for number in range(5)),
            pod("x/web", {"app": "web"}),
            pod("x/db", {"app": "db"}),
            policy("x/p", labelled(app="db"), ingress=[admits(pods(labelled(app="web")))]),
        ]
    )
    written = lines_of(many, "x/*", "x/db", 80)
    assert written[0] == (
        "partly: x/* -> x/db on TCP 80: 1 of 6 pairs; refused: x/p0 -> x/db, x/p1 -> x/db, x/p2 -> x/db, ..."
    )
    assert [line for line in written if line.startswith(("✗ ", "✓ "))] == [
        "✗ 5 pairs, as for x/p0 -> x/db: x/p0, x/p1, x/p2 and 2 more -> x/db",
        "✓ x/web -> x/db",
    ]
    assert sum(line.startswith("ingress of") for line in written) == 2


def test_pods_of_a_workload_are_named_by_the_workload_and_counted() -> None:
    web = [owned(pod(f"x/web-{number}", {"app": "web"}), "Deployment", "web") for number in range(3)]
    closed = cluster_of([*web, pod("x/db", {"app": "db"}), policy("x/p", labelled(app="db"), ingress=[])])
    assert "✗ 3 pairs, as for x/web-0 -> x/db: x/Deployment/web (3 pods) -> x/db" in lines_of(
        closed, "x/app=web", "x/db", 80
    )


def test_of_many_different_reasons_the_first_are_written_and_the_other_pairs_counted() -> None:
    labels = [labelled(app=f"a{number}") for number in range(12)]
    different = [pod(f"x/p{number:02}", {"app": f"a{number}"}) for number in range(12)]
    rules = [admits(pods(selector)) for selector in labels]
    written = lines_of(
        cluster_of([*different, pod("x/db", {"app": "db"}), policy("x/p", labelled(app="db"), ingress=rules)]),
        "x/*",
        "x/db",
        80,
    )
    assert [line for line in written if line.startswith("✓ ")] == [f"✓ x/p{number:02} -> x/db" for number in range(8)]
    assert "... and 4 more pairs of pods" in written


def test_a_service_is_followed_to_the_pods_and_ports_behind_it() -> None:
    written = lines_of(cluster_of([*WORLD, FROM_CLIENT]), "x/client", "x/svc/web", 80)
    assert written[:3] == [
        "yes: x/client -> x/svc/web on TCP 80",
        "  x/Service/web leads to x/new on TCP 8080",
        "  x/Service/web leads to x/old on TCP 80",
    ]


def test_hints_are_below_their_rule() -> None:
    confused = policy("x/p", labelled(release="new"), ingress=[admits(pods({}), ports=[port(80)])])
    written = lines_of(cluster_of([*WORLD, confused]), "x/client", "x/svc/web", 80)
    (hint,) = (line for line in written if "hint:" in line)
    assert hint == (
        "        hint: 80 is the port of Service x/web, which leads to port http of its pods: "
        "a rule must name the pods' port"
    )


def test_assumptions_have_a_list_of_their_own() -> None:
    unsure = cluster_of([*WORLD, policy("x/p", labelled(release="old"), ingress=[admits(block("10.0.0.0/8"))])])
    written = lines_of(unsure, "x/client", "x/old", 80)
    assert written[-2:] == [
        "assumptions:",
        "  ? the address of x/client is not known: it is assumed not to lie in ipBlock 10.0.0.0/8",
    ]


def test_a_policy_that_selects_the_pod_but_does_not_isolate_it_is_below_its_side(cluster: Cluster) -> None:
    assert lines_of(cluster, "prod/db", "prod/web", 80)[2:5] == [
        "egress of prod/db: allowed: no policy isolates it",
        "  prod/db-policy selects prod/db, but its policyTypes are [Ingress]; replies are always allowed  (db.yaml:1)",
        "ingress of prod/web: allowed: no policy isolates it",
    ]
    assert written(cluster.can("prod/db", "prod/web", port=80))["egress"]["bystanders"] == [
        {
            "namespace": "prod",
            "name": "db-policy",
            "file": "db.yaml",
            "line": 1,
            "reason": "selects prod/db, but its policyTypes are [Ingress]; replies are always allowed",
        }
    ]


# --- as JSON --------------------------------------------------------------------------------------------------------


def written(verdict: Verdict, *, edits: bool = False) -> Any:
    return json.loads(answer_json(verdict, verdict.proposal if edits else None))


def test_an_answer_word_for_word(cluster: Cluster) -> None:
    assert written(cluster.can("prod/web", "prod/db", port=3306)) == {
        "apiVersion": "ringfence/v1",
        "allowed": False,
        "result": "none",
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
                            "action": "allow",
                            "matches": False,
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
        "problems": [],
    }


def test_an_answer_has_the_problems_of_the_input(cluster: Cluster) -> None:
    problem = Problem(Place("p.yaml", 3), "invalid-yaml", "not YAML")
    document = json.loads(answer_json(cluster.can("prod/web", "prod/db"), problems=[problem]))
    assert fits(document, ANSWER)
    assert [one["message"] for one in document["problems"]] == ["not YAML"]


def test_an_explanation_adds_the_edits_that_reverse_the_answer(cluster: Cluster) -> None:
    explained = written(cluster.can("prod/web", "prod/db", port=3306), edits=True)
    (edit,) = explained["edits"]
    assert edit == {
        "action": "in prod/db-policy, add to spec.ingress[0].from",
        "file": "db.yaml",
        "line": 14,
        "lines": ["- podSelector:", "    matchLabels:", "      name: web-pod"],
    }
    assert explained["sideEffects"] == {"opens": [], "closes": []}


def test_without_a_port_there_is_the_allowed_traffic(cluster: Cluster) -> None:
    everything = written(cluster.can("prod/db", "prod/web"))
    assert (everything["protocol"], everything["port"]) == (None, None)
    assert everything["traffic"] == [{"protocol": name, "ports": "1-65535"} for name in ("TCP", "UDP", "SCTP")]
    assert written(cluster.can("prod/web", "prod/db"))["traffic"] == []
    assert "traffic" not in written(cluster.can("prod/db", "prod/web", port=80))


class TestSeveralPorts:
    @pytest.fixture
    def verdict(self) -> Verdict:
        only_8080 = policy("x/p", labelled(app="web"), ingress=[admits(ports=[port(8080)])])
        metrics = pod("x/m", {"app": "web"}, ports=[container_port("metrics", 9100)])
        return cluster_of([*WORLD, metrics, only_8080]).can("x/client", "x/app=web", port=["metrics", "8079-8080"])

    def test_the_answer_names_all_ports_and_the_pods_without_one(self, verdict: Verdict) -> None:
        assert short_answer(verdict).splitlines()[1:] == [
            "  x/new has no port called metrics: it is left out",
            "  x/old has no port called metrics: it is left out",
        ]

    def test_each_explanation_says_which_ports_it_is_about(self, verdict: Verdict) -> None:
        marked = [line for line in explanation(verdict).splitlines() if line.startswith(("✗ ", "✓ "))]
        assert marked == [
            "✗ 2 pairs, as for x/client -> x/new: x/client -> x/new, x/old on TCP 8079",
            "✓ 3 pairs, as for x/client -> x/new: x/client -> x/new, x/old, x/m on TCP 8080",
            "✗ x/client -> x/m on TCP 8079,9100",
        ]

    def test_in_json_they_are_listed_by_number_and_by_name(self, verdict: Verdict) -> None:
        document = written(verdict)
        assert (document["protocol"], document["port"]) == (None, None)
        assert document["ports"]["numbers"] == [{"protocol": "TCP", "ports": "8079-8080"}]
        assert document["ports"]["names"] == ["metrics"]
        assert [(one["pod"]["name"], one["name"]) for one in document["ports"]["missing"]] == [
            ("new", "metrics"),
            ("old", "metrics"),
        ]
        assert document["traffic"] == [{"protocol": "TCP", "ports": "8080"}]
        assert [(one["destination"]["name"], one["port"], one.get("ports")) for one in document["pairs"]][-2:] == [
            ("m", None, [{"protocol": "TCP", "ports": "8079,9100"}]),
            ("m", 8080, None),
        ]


def test_a_partial_answer_lists_what_passes_and_what_is_refused() -> None:
    from_one_range = policy("x/p", labelled(release="old"), ingress=[admits(block("10.0.0.0/25"), ports=[port(80)])])
    partly = written(cluster_of([*WORLD, from_one_range]).can("10.0.0.0/24", "x/old", port=80))
    old = {"namespace": "x", "kind": "Pod", "name": "old"}
    on_80 = [{"protocol": "TCP", "ports": "80"}]
    assert (partly["allowed"], partly["result"]) == (False, "some")
    assert partly["parts"] == [
        {"source": {"addresses": ["10.0.0.0/25"]}, "destination": old, "passing": on_80, "refused": []},
        {"source": {"addresses": ["10.0.0.128/25"]}, "destination": old, "passing": [], "refused": on_80},
    ]


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
    def test_an_endpoint_in_json(self, world: Cluster, text: str, named: object) -> None:
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


def test_hints_and_exemptions_are_in_json() -> None:
    confused = policy("x/p", labelled(release="new"), ingress=[admits(pods({}), ports=[port(80)])])
    world = cluster_of([*WORLD, confused])
    (rule,) = written(world.can("x/client", "x/svc/web", port=80))["ingress"]["policies"][0]["rules"]
    assert [hint.split(":")[0] for hint in rule["hints"]] == [
        "80 is the port of Service x/web, which leads to port http of its pods"
    ]
    itself = written(world.can("x/new", "x/new", port=80))
    assert itself["egress"]["exempt"] == itself["ingress"]["exempt"] == "a pod always reaches itself"
    assert "exempt" not in written(world.can("x/client", "x/new", port=80))["ingress"]


@settings(max_examples=examples(25))
@given(
    strategies.clusters(),
    st.none() | st.lists(st.sampled_from([*strategies.PORT_NUMBERS, "1-70", "all"]), min_size=1, max_size=2),
    st.data(),
)
def test_every_answer_has_the_shape(objects: list[Object], ports: list[int | str] | None, data: st.DataObject) -> None:
    cluster = cluster_of(objects)
    inside = sorted({f"{one.namespace}/*" for one in cluster.state.members()})
    if inside:
        source = data.draw(st.sampled_from([*inside, "192.0.2.1"]))
        verdict = cluster.can(source, data.draw(st.sampled_from(inside)), port=ports)
        assert fits(written(verdict), ANSWER)
        assert fits(written(verdict, edits=True), EXPLANATION)


def test_json_has_at_most_100_groups_and_counts_the_other_pairs() -> None:
    """Otherwise, n ports that n rules decide would be n groups of n reasons."""
    numbers = [*range(1_000, 1_120)]
    rules = [admits(pods({}), ports=[port(number)]) for number in numbers]
    cluster = cluster_of(
        [pod("x/a"), pod("x/b"), pod("x/db", {"app": "db"}), policy("x/p", labelled(app="db"), ingress=rules)]
    )
    written = json.loads(answer_json(cluster.can("x/*", "x/db", port=numbers)))
    assert [group["pairs"] for group in written["groups"]] == [2] * 100
    assert written["pairsWithoutGroup"] == len(written["pairs"]) - 200 == 40
    assert fits(written, ANSWER)
    few = json.loads(answer_json(cluster.can("x/*", "x/db", port=numbers[:100])))
    assert len(few["groups"]) == 100
    assert "pairsWithoutGroup" not in few

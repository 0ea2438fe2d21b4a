"""The diagnosis of a cluster: one of three answers for each node, with the reasons."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.doctor import IsEnforced, Unseen, diagnose, nodes_for_experiment, report
from ringfence.doctor.observed import Observed
from ringfence.doctor.signatures import FLANNEL, SIGNATURES, UNDESCRIBED
from ringfence.render.doctor_report import doctor_text

from .clusters import CLUSTERS, Object, SampleCluster, config_map, container, daemon_set, node, pod_of, watching
from .seen import seen

_KNOWN_NAMES = sorted({*FLANNEL, *UNDESCRIBED, *(name for row in SIGNATURES for name in row.daemon_sets)})
_GAPS = ("daemonsets", "clusterroles", "clusterrolebindings")


@pytest.mark.parametrize("cluster", CLUSTERS, ids=lambda one: one.name)
def test_each_plugin_is_known_by_what_it_leaves(cluster: SampleCluster) -> None:
    observed = seen(cluster.objects)
    diagnosis = diagnose(observed)
    text = doctor_text(report(observed, diagnosis))
    assert {one.node: one.answer.value for one in diagnosis.nodes} == cluster.answers
    for word in cluster.words:
        assert word in text


def _unknown_names() -> st.SearchStrategy[str]:
    return st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True).filter(lambda name: name not in _KNOWN_NAMES)


@st.composite
def _unknown_clusters(draw: st.DrawFn) -> list[Object]:
    """Nodes that run unknown programs. Each of the programs may have the right to watch policies."""
    nodes = draw(st.lists(st.sampled_from("abc"), min_size=1, unique=True))
    objects: list[Object] = [node(name) for name in nodes]
    for name in draw(st.lists(_unknown_names(), max_size=3, unique=True)):
        owner = daemon_set(name, container("main", draw(st.sampled_from(["example.com/calico:v1", "x"]))))
        objects += [owner, *(pod_of(owner, one) for one in nodes if draw(st.booleans()))]
        objects += watching(name) if draw(st.booleans()) else []
    return objects


@given(objects=_unknown_clusters(), gaps=st.sets(st.sampled_from(_GAPS)))
def test_an_unknown_cluster_is_never_enforced(objects: list[Object], gaps: set[str]) -> None:
    observed = msgspec.structs.replace(seen(objects), unseen=tuple(Unseen(one, "forbidden") for one in gaps))
    found = report(observed, diagnose(observed))
    assert found.answer != IsEnforced.YES
    assert all(one.answer != IsEnforced.YES for one in found.nodes)


_CONTAINERS = sorted({row.container for row in SIGNATURES if row.container})
_PROGRAMS = ("calico/node", "rancher/mirrored-calico-node", "cilium", "kube-router", "aojea/kindnetd", "pause")
_REGISTRIES = ("", "docker.io/", "calico.example:5000/", "cilium.example/kindnet.d/")


@st.composite
def _daemon_sets_of_tenants(draw: st.DrawFn) -> list[Object]:
    """DaemonSets with the names, containers or images of plugins. Some are in reserved namespaces, some have rights."""
    objects: list[Object] = [node("a"), config_map("cilium-config", {}, "tenant")]
    for name in draw(st.lists(st.sampled_from(_KNOWN_NAMES) | _unknown_names(), max_size=3, unique=True)):
        image = draw(st.sampled_from(_REGISTRIES)) + draw(st.sampled_from(_PROGRAMS)) + ":v3.0.0"
        namespace = draw(st.sampled_from(["kube-system", "tenant", "openshift-ovn-kubernetes", "calico-system"]))
        owner = daemon_set(name, container(draw(st.sampled_from(_CONTAINERS)), image), namespace=namespace)
        objects += [owner, pod_of(owner, "a")]
        objects += draw(st.sampled_from([[], watching(name, namespace), _watching_one_object(name, namespace)]))
    return objects


def _watching_one_object(account: str, namespace: str) -> list[Object]:
    role, binding = watching(account, namespace)
    return [{**role, "rules": [{**role["rules"][0], "resourceNames": ["default-deny"]}]}, binding]


def _has_evidence(objects: list[Object], owner: Object) -> bool:
    """Whether there is an image of a plugin, and a namespace or a right that only an administrator grants."""
    template = owner["spec"]["template"]["spec"]
    path = template["containers"][0]["image"].removeprefix("docker.io/").split("example/")[-1].split("5000/")[-1]
    has_image = any(word in path for word in ("calico", "cilium", "kube-router", "kindnet"))
    rules = {one["metadata"]["name"]: one["rules"][0] for one in objects if one["kind"] == "ClusterRole"}
    may_watch = any(
        (template["serviceAccountName"], owner["metadata"]["namespace"])
        == (one["subjects"][0]["name"], one["subjects"][0]["namespace"])
        and "resourceNames" not in rules[one["roleRef"]["name"]]
        for one in objects
        if one["kind"] == "ClusterRoleBinding"
    )
    return has_image and (owner["metadata"]["namespace"] == "kube-system" or may_watch)


@given(objects=_daemon_sets_of_tenants(), gaps=st.sets(st.sampled_from(_GAPS)))
def test_a_daemon_set_without_evidence_never_makes_a_node_enforced(objects: list[Object], gaps: set[str]) -> None:
    """A name is no evidence.

    An image in a namespace in which every user may create a DaemonSet is no evidence either.
    """
    found = report(_with_gaps(seen(objects), gaps), diagnose(_with_gaps(seen(objects), gaps)))
    if not any(_has_evidence(objects, one) for one in objects if one["kind"] == "DaemonSet"):
        assert found.answer != IsEnforced.YES
        assert not any(one.enforces for one in found.plugins)
        assert not diagnose(_with_gaps(seen(objects), gaps)).enforcers


def test_the_reason_says_which_evidence_cannot_be_read() -> None:
    owner = daemon_set("calico-node", container("calico-node", "calico/node:v3.30.1"), namespace="calico-system")
    objects = [node("a"), owner, pod_of(owner, "a"), *watching("calico-node", "calico-system")]
    [found] = diagnose(_with_gaps(seen(objects), {"clusterrolebindings"})).nodes
    assert found.answer is IsEnforced.UNKNOWN
    assert "the rights of its service account cannot be read" in found.reason


@given(cluster=st.sampled_from(CLUSTERS), gaps=st.sets(st.sampled_from(["pods", "nodes", *_GAPS]), min_size=1))
def test_what_cannot_be_seen_never_makes_a_cluster_enforced(cluster: SampleCluster, gaps: set[str]) -> None:
    """A user with fewer rights sees less, and gets no stronger answer."""
    complete = {one.node: one.answer for one in diagnose(seen(cluster.objects)).nodes}
    for one in diagnose(_with_gaps(seen(cluster.objects), gaps)).nodes:
        assert one.answer is not IsEnforced.YES or complete[one.node] is IsEnforced.YES


def _with_gaps(observed: Observed, gaps: set[str]) -> Observed:
    unseen = [Unseen(one, "forbidden") for one in gaps if one != "pods"]
    if "pods" in gaps:
        unseen += [Unseen(f"the pods of {one.title}", "forbidden") for one in observed.daemon_sets]
    return msgspec.structs.replace(
        observed,
        unseen=tuple(unseen),
        pods={} if "pods" in gaps else observed.pods,
        nodes=() if "nodes" in gaps else observed.nodes,
        daemon_sets=() if "daemonsets" in gaps else observed.daemon_sets,
        cluster_roles=() if "clusterroles" in gaps else observed.cluster_roles,
        cluster_role_bindings=() if "clusterrolebindings" in gaps else observed.cluster_role_bindings,
    )


def test_a_missing_right_is_named_and_makes_no_enforcement_unknown() -> None:
    observed = msgspec.structs.replace(seen([node("a")]), unseen=(Unseen("daemonsets", "you may not list daemonsets"),))
    found = report(observed, diagnose(observed))
    assert found.answer == IsEnforced.UNKNOWN
    assert "you may not list daemonsets" in doctor_text(found)


def test_a_cluster_without_a_node_that_is_seen_is_inconclusive() -> None:
    observed = seen([])
    assert report(observed, diagnose(observed)).answer == IsEnforced.UNKNOWN


def test_the_experiment_is_on_nodes_whose_pods_can_run_it_and_first_where_policies_seem_to_be_enforced() -> None:
    plugin = daemon_set("kube-router", container("kube-router", "kube-router:v2.5.0"))
    objects = [
        node("fargate", labels={"eks.amazonaws.com/compute-type": "fargate"}),
        node("bare"),
        node("guarded"),
        node("windows", labels={"kubernetes.io/os": "windows"}),
        plugin,
        *(pod_of(plugin, name) for name in ("guarded", "windows")),
    ]
    observed = seen(objects)
    assert nodes_for_experiment(observed, diagnose(observed)) == ["guarded", "bare"]


def test_what_could_not_be_read_is_not_said_to_be_missing() -> None:
    gaps = tuple(Unseen(one, "forbidden") for one in ("daemonsets", "nodes"))
    text = doctor_text(report(found := msgspec.structs.replace(seen([]), unseen=gaps), diagnose(found)))
    assert "unknown: the DaemonSets of the cluster cannot be read" in text
    assert "the nodes of the cluster cannot be read" in text
    assert "none is seen" not in text


def test_an_inconclusive_answer_names_the_experiment() -> None:
    for objects, is_named in (([node("a", kubelet="v1.34.0-eks-1")], True), ([node("a")], False)):
        observed = seen(objects)
        assert ("ringfence doctor --probe" in doctor_text(report(observed, diagnose(observed)))) is is_named


_POLICIES_IMAGE = "registry.k8s.io/networking/kube-network-policies:v0.9.2"


@pytest.mark.parametrize(
    ("owner", "established"),
    [
        (daemon_set("kindnet", container("kindnet-cni", "kindest/kindnetd:v20250512-df8de77b")), "continue"),
        (daemon_set("kube-network-policies", container("kube-network-policies", _POLICIES_IMAGE)), "cut"),
        (
            daemon_set(
                "kube-network-policies", container("kube-network-policies", _POLICIES_IMAGE, "--strict-mode=false")
            ),
            "continue",
        ),
        (
            daemon_set(
                "kube-flannel",
                container("kube-flannel", "ghcr.io/siderolabs/flannel:v0.28.0"),
                container("kube-network-policies", _POLICIES_IMAGE, "--strict-mode=false"),
            ),
            "continue",
        ),
    ],
)
def test_the_strict_mode_of_kube_network_policies_is_read_where_it_is_built_in_too(
    owner: Object, established: str
) -> None:
    [plugin] = diagnose(seen([node("a"), owner, pod_of(owner, "a")])).plugins
    assert plugin.traits.chosen["established"].trait.value == established

"""The data of a pod that the engine keeps, and the pod that stands for a workload's template."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import strategies
from tests.engine.members import decoded_pod, member, member_from
from tests.semantics.objects import ANY_LABELS, NEED_A_SELECTOR, Object, container_port, node, pod

from ringfence.engine.population.pods import (
    DeclaredPort,
    NamedPort,
    PodBefore,
    Reference,
    is_finished,
    member_of_pod,
    member_of_workload,
    owner_of,
    possible_pod,
)
from ringfence.model.decoding import decode
from ringfence.model.metadata import LabelSelector, ObjectMeta, OwnerReference
from ringfence.model.objects import Node, Workload
from ringfence.model.selectors import compile_selector
from ringfence.sets.addresses import FAMILIES, Family, parse_address

HTTP = container_port("http", 8080)
DNS = container_port("dns", 53, "UDP")


def workload(kind: str, name: str, template: Object, **metadata: object) -> Workload:
    inner: Object = {"template": template}
    if kind in NEED_A_SELECTOR:
        inner["selector"] = ANY_LABELS
    spec = {"jobTemplate": {"spec": inner}} if kind == "CronJob" else inner
    versions = {"Job": "batch/v1", "CronJob": "batch/v1", "ReplicationController": "v1"}
    versions |= {"Rollout": "argoproj.io/v1alpha1", "DeploymentConfig": "apps.openshift.io/v1"}
    api = versions.get(kind, "apps/v1")
    made = decode({"apiVersion": api, "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec})
    assert isinstance(made, Workload)
    return made


@st.composite
def pods_that_follow_another(draw: st.DrawFn) -> tuple[Object, Object]:
    """A written pod, and one each field of which is as in the first or as in any other."""
    one, other = draw(strategies.pods()), draw(strategies.pods())
    sections = ("metadata", "spec", "status")
    fields = {name: {*one.get(name, {}), *other.get(name, {})} for name in sections}
    taken = {
        name: {key: draw(st.sampled_from((one, other))).get(name, {}) for key in fields[name]} for name in sections
    }
    mixed = {name: {key: of[key] for key, of in taken[name].items() if key in of} for name in sections}
    mixed["metadata"].setdefault("name", "following")
    return one, {**one, **mixed}


@given(pods_that_follow_another())
def test_a_pod_has_the_same_member_whatever_pod_was_read_before(pair: tuple[Object, Object]) -> None:
    before, following = map(decoded_pod, pair)
    found = member_of_pod(following, {}, PodBefore(before, member_of_pod(before, {})))
    assert msgspec.structs.astuple(found) == msgspec.structs.astuple(member_of_pod(following, {}))


def test_a_pod_has_the_ports_of_its_own_sidecars() -> None:
    plain = decoded_pod(pod("x/a", ports=[HTTP]))
    sidecar = {"name": "mesh", "restartPolicy": "Always", "ports": [DNS]}
    meshed = decoded_pod(pod("x/b", ports=[HTTP], initContainers=[sidecar]))
    found = member_of_pod(meshed, {}, PodBefore(plain, member_of_pod(plain, {})))
    assert found.named_ports == {NamedPort("http", "TCP", 8080), NamedPort("dns", "UDP", 53)}


def test_a_pod_shares_the_labels_of_the_pod_before_if_they_are_equal() -> None:
    before = member("x/a", {"app": "web"})
    one, other = (decoded_pod(pod("x/b", {"app": app})) for app in ("web", "db"))
    known = PodBefore(decoded_pod(pod("x/a", {"app": "web"})), before)
    assert member_of_pod(one, {}, known).labels is before.labels
    assert member_of_pod(other, {}, known).labels == {"app": "db"}


def test_references_are_printed_as_users_write_them() -> None:
    assert str(Reference("prod", "Pod", "web")) == "prod/web"
    assert str(Reference("prod", "Deployment", "web")) == "prod/Deployment/web"


def test_a_pod_without_a_namespace_is_in_default() -> None:
    written = pod("x/a")
    del written["metadata"]["namespace"]
    assert str(member_from(written)) == "default/a"


class TestAddresses:
    def test_the_first_address_of_each_family_is_kept(self) -> None:
        addresses = ["10.0.0.1", "fd00::1", "10.0.0.2"]
        assert member("x/a", addresses=addresses).addresses == (parse_address("10.0.0.1"), parse_address("fd00::1"))

    def test_the_order_of_families_does_not_matter(self) -> None:
        assert member("x/a", addresses=["fd00::1", "10.0.0.1"]).families == FAMILIES

    def test_podip_counts_if_there_is_no_list(self) -> None:
        written = pod("x/a") | {"status": {"podIP": "10.0.0.1"}}
        assert member_from(written).addresses == (parse_address("10.0.0.1"),)

    def test_a_pod_without_a_known_address_may_have_either_family(self) -> None:
        assert member("x/a").addresses == ()
        assert member("x/a").families == FAMILIES

    def test_an_invalid_address_is_ignored(self) -> None:
        assert member("x/a", addresses=["none", "fd00::1"]).families == (Family.IPV6,)

    @pytest.mark.parametrize("status", [{"podIP": "none"}, {"podIPs": [{"ip": "none"}]}])
    def test_a_single_invalid_address_is_ignored(self, status: Object) -> None:
        assert member_from(pod("x/a") | {"status": status}).addresses == ()

    def test_the_list_counts_if_there_is_one(self) -> None:
        written = pod("x/a") | {"status": {"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.2"}]}}
        assert member_from(written).addresses == (parse_address("10.0.0.2"),)

    def test_addresses_of_ipv4_come_first(self) -> None:
        addresses = (parse_address("10.0.0.1"), parse_address("fd00::1"))
        assert member("x/a", addresses=["fd00::1", "10.0.0.1"]).addresses == addresses

    def test_the_addresses_of_its_node_are_those_that_its_status_reports(self) -> None:
        reported = {"podIP": "10.0.0.1", "hostIP": "192.168.0.1", "hostIPs": [{"ip": "192.168.0.1"}, {"ip": "fd09::1"}]}
        one = member_from(pod("x/a") | {"status": reported})
        assert one.host_addresses == (parse_address("192.168.0.1"), parse_address("fd09::1"))


class TestHostNetwork:
    @pytest.fixture
    def nodes(self) -> dict[str, Node]:
        decoded = decode(node("n", "192.168.0.1", "fd09::1"))
        assert isinstance(decoded, Node)
        return {"n": decoded}

    def test_its_addresses_are_those_of_its_node(self, nodes: dict[str, Node]) -> None:
        one = member_from(pod("x/a", hostNetwork=True, nodeName="n"), nodes)
        assert one.addresses == (parse_address("192.168.0.1"), parse_address("fd09::1"))

    def test_addresses_that_the_kubelet_reports_come_first(self, nodes: dict[str, Node]) -> None:
        written = pod("x/a", hostNetwork=True, nodeName="n", addresses=["192.168.0.9"])
        assert member_from(written, nodes).addresses == (parse_address("192.168.0.9"), parse_address("fd09::1"))

    def test_hostip_counts_if_there_is_nothing_else(self) -> None:
        written = pod("x/a", hostNetwork=True) | {"status": {"hostIP": "192.168.0.7"}}
        assert member_from(written).addresses == (parse_address("192.168.0.7"),)

    def test_external_addresses_of_the_node_are_not_its_own(self) -> None:
        written = node("n", "192.168.0.1")
        written["status"]["addresses"].insert(0, {"type": "ExternalIP", "address": "203.0.113.1"})
        decoded = decode(written)
        assert isinstance(decoded, Node)
        one = member_from(pod("x/a", hostNetwork=True, nodeName="n"), {"n": decoded})
        assert one.addresses == (parse_address("192.168.0.1"),)

    @pytest.mark.parametrize("host_network", [False, True])
    def test_a_template_has_the_addresses_of_its_node_only_on_the_host_network(
        self, nodes: dict[str, Node], host_network: bool
    ) -> None:
        template = {"spec": {"nodeName": "n", "hostNetwork": host_network, "containers": []}}
        one = member_of_workload(workload("Deployment", "web", template), nodes)
        assert bool(one.addresses) is host_network

    def test_an_unknown_node_leaves_the_address_unknown(self) -> None:
        assert member("x/a", hostNetwork=True, nodeName="m").addresses == ()


class TestPorts:
    def test_only_ports_with_names_can_be_named(self) -> None:
        one = member("x/a", ports=[HTTP, DNS, {"containerPort": 9000}])
        assert one.named_ports == {NamedPort("http", "TCP", 8080), NamedPort("dns", "UDP", 53)}
        assert one.container_ports == (
            DeclaredPort("TCP", 8080, "http"),
            DeclaredPort("UDP", 53, "dns"),
            DeclaredPort("TCP", 9000),
        )

    def test_a_port_without_a_protocol_is_tcp(self) -> None:
        assert member("x/a", ports=[{"name": "http", "containerPort": 80}]).named_ports == {
            NamedPort("http", "TCP", 80)
        }

    @pytest.mark.parametrize(("restart", "counts"), [({}, False), ({"restartPolicy": "Always"}, True)])
    def test_ports_of_an_init_container_count_only_if_it_is_a_sidecar(self, restart: Object, counts: bool) -> None:
        one = member("x/a", initContainers=[{"name": "init", "ports": [HTTP], **restart}])
        assert bool(one.named_ports) is counts
        assert bool(one.container_ports) is counts

    def test_a_port_that_two_containers_declare_is_one_port(self) -> None:
        containers = [{"name": name, "ports": [{"containerPort": 80}]} for name in ("a", "b")]
        assert member("x/a", containers=containers).container_ports == (DeclaredPort("TCP", 80),)

    def test_a_port_of_the_node_may_lead_to_it(self) -> None:
        one = member("x/a", ports=[{"containerPort": 80, "hostPort": 8080, "hostIP": "192.168.0.1"}])
        assert one.container_ports == (DeclaredPort("TCP", 80, host_port=8080, host_ip="192.168.0.1"),)


class TestTargetPorts:
    """A Service's target port by name, which several containers may have."""

    @staticmethod
    def target(name: str, protocol: str = "TCP", **spec: Any) -> int | None:
        return member("x/a", **spec).target_port(name, protocol)

    def test_the_first_container_with_the_name_counts_not_the_smallest_number(self) -> None:
        containers = [{"name": str(number), "ports": [container_port("web", number)]} for number in (9090, 8080)]
        assert self.target("web", containers=containers) == 9090

    def test_sidecars_come_after_all_containers(self) -> None:
        sidecar = {"name": "proxy", "restartPolicy": "Always", "ports": [container_port("web", 15001), DNS]}
        containers = [{"name": "server", "ports": [container_port("web", 8080)]}]
        assert self.target("web", containers=containers, initContainers=[sidecar]) == 8080
        assert self.target("dns", "UDP", containers=containers, initContainers=[sidecar]) == 53

    def test_a_name_under_another_protocol_is_another_port(self) -> None:
        assert self.target("dns", containers=[{"name": "server", "ports": [DNS]}]) is None


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended(phase: str) -> None:
    assert is_finished(decoded_pod(pod("x/a", phase=phase)))


@pytest.mark.parametrize("phase", ["Pending", "Running", "Unknown"])
def test_a_pod_that_has_not_ended(phase: str) -> None:
    assert not is_finished(decoded_pod(pod("x/a", phase=phase)))


class TestOwners:
    @staticmethod
    def owner(**owner: object) -> Reference | None:
        return owner_of(ObjectMeta("a", "x", owner_references=(OwnerReference(**owner),)))  # type: ignore[arg-type]

    def test_the_controller_is_the_owner(self) -> None:
        found = self.owner(kind="ReplicaSet", name="web-7d9", controller=True)
        assert found == Reference("x", "ReplicaSet", "web-7d9")

    def test_an_owner_without_the_controller_field_counts(self) -> None:
        assert self.owner(kind="Job", name="nightly") is not None

    def test_an_owner_that_is_not_the_controller_does_not_count(self) -> None:
        assert self.owner(kind="Job", name="nightly", controller=False) is None

    def test_a_kind_that_owns_no_pods_does_not_count(self) -> None:
        assert self.owner(kind="Node", name="n", controller=True) is None

    def test_the_controller_is_found_among_several(self) -> None:
        owners = (OwnerReference("ReplicaSet", "other", False), OwnerReference("ReplicaSet", "mine", True))
        assert owner_of(ObjectMeta("a", "x", owner_references=owners)) == Reference("x", "ReplicaSet", "mine")


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController"])
def test_the_pod_of_a_template_has_the_name_of_its_workload(kind: str) -> None:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"nodeName": "n", "containers": [{"name": "server", "ports": [HTTP]}]},
    }
    one = member_of_workload(workload(kind, "web", template, namespace="x", labels={"app": "not-this"}), {})
    assert one.reference == Reference("x", kind, "web")
    assert one.labels["app"] == "web", "the labels of the pods are the template's, not those of the workload"
    assert one.named_ports == {NamedPort("http", "TCP", 8080)}
    assert (one.addresses, one.owner, one.node, one.host_network) == ((), None, "n", False)


def test_an_empty_template_has_a_pod_too() -> None:
    one = member_of_workload(workload("ReplicationController", "web", {}), {})
    assert (str(one), one.labels, one.container_ports) == ("default/ReplicationController/web", {}, ())


NUMBERED = {"statefulset.kubernetes.io/pod-name": "db-1"}
REVISION = {"controller-revision-hash": "db-5f6"}


class TestUnknownLabels:
    """Selectors that match the pods of a template, although not every value of their labels is known."""

    DB = member_of_workload(workload("StatefulSet", "db", {"metadata": {"labels": {"app": "db"}}}), {})

    @pytest.mark.parametrize(
        ("selector", "may"),
        [
            ({"matchLabels": {"app": "db"} | NUMBERED}, True),
            ({"matchLabels": REVISION}, True),
            ({"matchLabels": {"app": "web"} | NUMBERED}, False),
            ({"matchLabels": {"statefulset.kubernetes.io/pod-name": "web-1"}}, False),
            ({"matchExpressions": [{"key": "controller-revision-hash", "operator": "DoesNotExist"}]}, False),
            (
                {"matchExpressions": [{"key": "controller-revision-hash", "operator": "NotIn", "values": ["db-5f6"]}]},
                True,
            ),
        ],
    )
    def test_a_selector_may_match_with_some_value(self, selector: dict[str, object], may: bool) -> None:
        assert self.DB.may_match(compile_selector(msgspec.convert(selector, LabelSelector))) is may

    @pytest.mark.parametrize(
        ("labels", "has"),
        [
            ({"app": "db"} | NUMBERED, True),
            (REVISION, False),
            ({"app": "web"}, False),
            ({"other": "x"}, False),
            ({}, True),
        ],
    )
    def test_some_pod_has_a_label_in_which_all_pods_differ(self, labels: dict[str, str], has: bool) -> None:
        assert self.DB.some_pod_has(labels) is has

    def test_of_a_pod_every_label_is_known(self) -> None:
        db = member("x/db-0", {"app": "db"})
        assert db.some_pod_has({"app": "db"})
        assert not db.some_pod_has(NUMBERED)
        assert not db.may_match(compile_selector(LabelSelector(NUMBERED)))


def test_pods_with_the_same_labels_that_do_not_exist_yet_have_one_name() -> None:
    first, second = (possible_pod("x", dict(labels)) for labels in ([("a", "1"), ("b", "2")], [("b", "2"), ("a", "1")]))
    assert first.reference.name == second.reference.name == "a=1,b=2"

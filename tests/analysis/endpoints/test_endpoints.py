"""Endpoints of a question: every form, the pods and addresses that it names, and every way to name nothing."""

import pytest
from tests.engine.population.test_workloads import made, owned_pod
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, block, namespace, node, pod, policy

from ringfence.analysis.endpoints.endpoint_text import KINDS
from ringfence.analysis.endpoints.endpoints import Endpoint, alternatives, check_namespace, resolve
from ringfence.engine.policies import end_text
from ringfence.engine.population.pods import Member, Reference
from ringfence.errors import EndpointError
from ringfence.model.added_labels import TEMPLATE_HASH
from ringfence.model.objects import WORKLOAD_KINDS

WEB = Reference("prod", "Deployment", "web")
WEB_PODS = Reference("prod", "ReplicaSet", "web-7d9")


def service(path: str, selector: dict[str, str], **spec: object) -> Object:
    space, name = path.split("/")
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": space},
        "spec": {"selector": selector, "ports": [{"port": 80, "targetPort": 8080}], **spec},
    }


WORLD = [
    namespace("prod"),
    namespace("empty"),
    node("n", "192.168.0.1"),
    pod("default/web", {"app": "web"}),
    pod("prod/db", {"app": "db", "app.kubernetes.io/name": "mysql"}, addresses=["10.0.0.9", "fd00::9"]),
    pod("prod/agent", {"app": "agent"}, hostNetwork=True, nodeName="n"),
    made(WEB),
    made(WEB_PODS, WEB),
    owned_pod("prod/web-7d9-a", WEB_PODS, app="web", **{TEMPLATE_HASH: "7d9"}),
    owned_pod("prod/web-7d9-b", WEB_PODS, app="web", **{TEMPLATE_HASH: "7d9"}),
    made(Reference("prod", "StatefulSet", "queue")),
    made(Reference("prod", "Deployment", "twin")),
    made(Reference("prod", "Job", "twin")),
    made(Reference("prod", "Deployment", "idle")),
    made(Reference("prod", "ReplicaSet", "idle-1"), Reference("prod", "Deployment", "idle")),
    made(Reference("prod", "StatefulSet", "off"), replicas=0),
    service("prod/web", {"app": "web"}, clusterIP="10.96.0.7", clusterIPs=["10.96.0.7", "fd96::7"]),
    service("prod/lonely", {"app": "nobody"}),
]


def resolved(text: str, namespace: str = "default") -> Endpoint:
    return resolve(cluster_of(WORLD).state, text, namespace)


def named(text: str, namespace: str = "default") -> list[str]:
    return [end_text(end) for end in resolved(text, namespace).ends]


BOTH_WEBS = ["prod/web-7d9-a", "prod/web-7d9-b"]


@pytest.mark.parametrize(
    ("text", "ends", "reference"),
    [
        pytest.param("web", ["default/web"], Reference("default", "Pod", "web"), id="a pod of the current namespace"),
        pytest.param("prod/db", ["prod/db"], Reference("prod", "Pod", "db"), id="a pod"),
        pytest.param("prod/pod/db", ["prod/db"], Reference("prod", "Pod", "db"), id="a pod by its kind"),
        pytest.param("pod/web", ["default/web"], Reference("default", "Pod", "web"), id="a kind, not a namespace"),
        pytest.param("prod/web", BOTH_WEBS, WEB, id="a workload is its pods, through all that it owns"),
        pytest.param("prod/deploy/web", BOTH_WEBS, WEB, id="a workload by its kind"),
        pytest.param("prod/DEPLOYMENT/web", BOTH_WEBS, WEB, id="kinds in any case"),
        pytest.param("prod/rs/web-7d9", BOTH_WEBS, WEB_PODS, id="what a workload owns"),
        pytest.param(
            "prod/queue",
            ["prod/StatefulSet/queue"],
            Reference("prod", "StatefulSet", "queue"),
            id="a workload without pods is its template",
        ),
        pytest.param("prod/job/twin", ["prod/Job/twin"], Reference("prod", "Job", "twin"), id="one of two namesakes"),
        pytest.param(
            "prod/svc/web", BOTH_WEBS, Reference("prod", "Service", "web"), id="a Service is what it leads to"
        ),
        pytest.param("prod/app=web", BOTH_WEBS, None, id="pods by a label"),
        pytest.param("app=web", ["default/web"], None, id="by a label in the current namespace"),
        pytest.param("prod/app.kubernetes.io/name=mysql", ["prod/db"], None, id="a key with a slash of its own"),
        pytest.param("default/*", ["default/web"], None, id="all pods of a namespace"),
        pytest.param("*/app=web", ["default/web", *BOTH_WEBS], None, id="a label in all namespaces"),
        pytest.param("prod/app=web,pod-template-hash", BOTH_WEBS, None, id="pods by a label selector"),
        pytest.param("prod/app in (db,agent)", ["prod/db", "prod/agent"], None, id="by a set-based selector"),
        pytest.param("default/app!=db", ["default/web"], None, id="by what a label is not"),
        pytest.param("192.0.2.7", ["192.0.2.7"], None, id="an address"),
        pytest.param("2001:db8::7", ["2001:db8::7"], None, id="an IPv6 address"),
        pytest.param("192.0.2.0/24", ["192.0.2.0/24"], None, id="a network"),
        pytest.param("2001:db8::/32", ["2001:db8::/32"], None, id="an IPv6 network"),
        pytest.param("10.0.0.9", ["prod/db"], Reference("prod", "Pod", "db"), id="a pod by its address"),
        pytest.param("fd00::9", ["prod/db"], Reference("prod", "Pod", "db"), id="by its address of the other family"),
        pytest.param("10.0.0.9/32", ["prod/db"], Reference("prod", "Pod", "db"), id="a network of one address"),
        pytest.param("10.0.0.8/31", ["prod/db", "10.0.0.8"], None, id="a network is the pods in it and the rest"),
        pytest.param("192.168.0.1", ["192.168.0.1"], None, id="the address of a node is not that of a pod"),
        pytest.param("10.96.0.7", BOTH_WEBS, Reference("prod", "Service", "web"), id="a Service by its address"),
        pytest.param("fd96::7", BOTH_WEBS, Reference("prod", "Service", "web"), id="by its other address"),
    ],
)
def test_what_a_text_names(text: str, ends: list[str], reference: Reference | None) -> None:
    endpoint = resolved(text)
    assert ([end_text(end) for end in endpoint.ends], endpoint.reference) == (ends, reference)
    assert endpoint.text == text


def test_names_are_looked_up_in_the_namespace_that_is_given() -> None:
    assert named("db", "prod") == ["prod/db"]
    assert named("svc/web", "prod") == BOTH_WEBS
    assert named("app.kubernetes.io/name=mysql", "prod") == ["prod/db"]
    assert named("deploy/web", "prod") == BOTH_WEBS


@pytest.mark.parametrize("kind", ["Pod", "Service", *WORKLOAD_KINDS])
def test_every_kind_has_the_names_that_kubectl_gives_it(kind: str) -> None:
    names = {alias for alias, meant in KINDS.items() if meant == kind}
    assert {kind.lower(), f"{kind.lower()}s"} <= names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prod/dbb", "there is no pod or workload dbb in namespace prod; did you mean db?"),
        ("prod/zzz", "there is no pod or workload zzz in namespace prod"),
        ("db", "there is no pod or workload db in namespace default; there is prod/db"),
        ("prod/pod/web", "there is no Pod web in namespace prod; there is default/web"),
        ("prod/sts/web", "there is no StatefulSet web in namespace prod; there is default/web"),
        ("prod/deploy/queue", "there is no Deployment queue in namespace prod; there is prod/StatefulSet/queue"),
        ("prdo/db", "there is no pod or workload db in namespace prdo; there is prod/db"),
        ("prdo/zzz", "there is no pod in namespace prdo; did you mean prod?"),
        ("empty/zzz", "there is no pod in namespace empty"),
        ("prod/rs/idle-1", "ReplicaSet idle-1 in namespace prod has no pods"),
        ("prod/sts/off", "StatefulSet off in namespace prod has no pods: spec.replicas is 0"),
        ("prod/off", "StatefulSet off in namespace prod has no pods: spec.replicas is 0"),
        (
            "prod/made-by=off",
            "no pod in namespace prod has the label made-by=off; prod/StatefulSet/off would have such pods, but "
            "spec.replicas is 0",
        ),
        (
            "prod/lonely",
            "there is no pod or workload lonely in namespace prod, but there is a Service: use prod/svc/lonely",
        ),
        ("prod/svc/lonely", "prod/Service/lonely has no endpoints: no pod matches its selector app=nobody"),
        ("prod/svc/wbe", "there is no Service wbe in namespace prod; did you mean web?"),
        ("svc/web", "there is no Service web in namespace default; there is prod/svc/web"),
        ("prdo/svc/zzz", "no Service zzz in namespace prdo, which is in no object; did you mean prod?"),
        (
            "prod/twin",
            "prod/twin is ambiguous, because a Deployment and a Job have this name: "
            "use prod/deployment/twin or prod/job/twin",
        ),
        ("empty/*", "there is no pod in namespace empty"),
        ("nowhere/*", "there is no pod in namespace nowhere"),
        ("prdo/*", "there is no pod in namespace prdo; did you mean prod?"),
        (
            "prod/app=nobody",
            "no pod in namespace prod has the label app=nobody; "
            "for a pod that does not exist yet, use pod:prod/app=nobody",
        ),
        ("prod/app=", "no pod in namespace prod has the label app=;"),
        ("prod/app=dbb", "use pod:prod/app=dbb; did you mean app=db?"),
        ("prod/ap=db", "use pod:prod/ap=db; did you mean app=db?"),
        ("prod/app=web,app!=web", "prod/app=web,app!=web: no pod in namespace prod matches app=web,app!=web"),
        (
            "*/app=nobody",
            "no pod has the label app=nobody; for a pod that does not exist yet, use pod:default/app=nobody",
        ),
        (
            "nowhere/app=web",
            "there is no pod in namespace nowhere; for a pod that does not exist yet, use pod:nowhere/",
        ),
        ("example.com", "example.com looks like a host name, which policies cannot match"),
        ("300.1.1.1", "300.1.1.1 is not a valid IP address"),
    ],
)
def test_an_endpoint_that_matches_nothing_is_an_error_that_says_why(text: str, message: str) -> None:
    with pytest.raises(EndpointError) as raised:
        resolved(text)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("::ffff:10.9.0.1", "10.9.0.1"), ("::ffff:a09:1", "10.9.0.1"), ("::ffff:10.9.0.0/112", "10.9.0.0/16")],
)
def test_ipv4_addresses_written_as_ipv6_are_ipv4(written: str, meant: str) -> None:
    assert named(written) == [meant]
    assert named("::ffff:10.0.0.9") == ["prod/db"]


class TestLoopback:
    """127.0.0.0/8 and ::1 are the pod itself, to whose own traffic no policy applies."""

    CLOSED = (pod("x/a"), policy("x/closed", ingress=[], egress=[]))

    @pytest.mark.parametrize("destination", ["127.0.0.1", "127.0.0.0/8", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
    def test_a_pod_always_reaches_itself(self, destination: str) -> None:
        verdict = cluster_of(self.CLOSED).can("x/a", destination)
        assert (verdict.all, verdict.assumptions) == (True, ())
        assert "egress of x/a: allowed: a pod always reaches itself" in verdict.explain()

    def test_of_a_block_only_its_loopback_addresses_are_the_pod(self) -> None:
        verdict = cluster_of(self.CLOSED).can("x/a", "126.0.0.0/7", port=80)
        assert [(end_text(one.destination), bool(one.passing)) for one in verdict.parts] == [
            ("126.0.0.0/8", False),
            ("127.0.0.0/8", True),
        ]

    @pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.0/8", "::1"])
    def test_as_a_source_they_are_an_error(self, source: str) -> None:
        with pytest.raises(EndpointError) as raised:
            cluster_of(self.CLOSED).can(source, "x/a")
        assert str(raised.value) == f"{source} is the loopback address of every pod: name the pod that connects"

    def test_nothing_else_comes_from_them(self) -> None:
        closed_to_loopback = policy("x/closed", ingress=[admits(block("0.0.0.0/0", "127.0.0.0/8"))])
        assert cluster_of([pod("x/a"), closed_to_loopback]).can("0.0.0.0/0", "x/a").all


def test_an_address_of_two_pods_names_both() -> None:
    state = cluster_of([pod("x/a", addresses=["10.0.0.1"]), pod("x/b", addresses=["10.0.0.1"])]).state
    endpoint = resolve(state, "10.0.0.1")
    assert [str(end) for end in endpoint.ends] == ["x/a", "x/b"]
    assert endpoint.reference is None, "it names no single object"


def test_a_star_names_all_pods() -> None:
    assert named("*") == named("*/*") == [str(member) for member in cluster_of(WORLD).state.members()]


def test_a_pod_that_does_not_exist_yet_has_exactly_the_labels_that_are_written() -> None:
    (pod,) = resolved("pod:dev/app=web,tier=x").ends
    assert isinstance(pod, Member)
    assert (pod.namespace, pod.labels, str(pod)) == ("dev", {"app": "web", "tier": "x"}, "pod:dev/app=web,tier=x")


def test_a_policy_file_without_pods_proposes_pods_that_do_not_exist_yet() -> None:
    state = cluster_of([policy("prod/p", ingress=[])]).state
    for text, message in (
        (
            "web",
            "there is no pod in namespace default; for a pod that does not exist yet, use pod:default/KEY=VALUE,...",
        ),
        (
            "prod/web",
            "there is no pod in namespace prod; for a pod that does not exist yet, use pod:prod/KEY=VALUE,...",
        ),
    ):
        with pytest.raises(EndpointError) as raised:
            resolve(state, text)
        assert str(raised.value) == f"{text}: {message}"


def test_a_pod_and_a_workload_of_one_name_are_alternatives() -> None:
    state = cluster_of([pod("x/web"), made(Reference("x", "Deployment", "web"))]).state
    assert [str(one.reference) for one in alternatives(state, "x/web")] == ["x/web", "x/Deployment/web"]
    assert [str(one.reference) for one in alternatives(state, "x/deploy/web")] == ["x/Deployment/web"]
    with pytest.raises(EndpointError, match="use x/pod/web or x/deployment/web"):
        resolve(state, "x/web")


def test_a_workload_that_is_gone_makes_no_name_ambiguous() -> None:
    cluster = cluster_of([pod("x/web"), made(Reference("x", "Deployment", "web"))])
    cluster.remove("Deployment", "x", "web")
    assert resolve(cluster.state, "x/web").reference == Reference("x", "Pod", "web")


def test_a_misspelt_namespace_is_an_error() -> None:
    state = cluster_of(WORLD).state
    check_namespace(state, "prod")
    check_namespace(state, "empty")
    with pytest.raises(EndpointError, match=r"^there is no namespace prdo; did you mean prod\?$"):
        check_namespace(state, "prdo")


@pytest.mark.parametrize("text", ["bank/web", "bank/app=web", "*/*", "pod:bank/app=web", "bank/svc/web"])
def test_pods_of_a_namespace_that_could_not_be_read_are_an_error(text: str) -> None:
    cluster = cluster_of([pod("shop/web"), namespace("bank")])
    cluster.state.only_namespace = "shop"
    with pytest.raises(EndpointError, match="only namespace shop could be read"):
        resolve(cluster.state, text)


def test_the_namespace_that_could_be_read_is_asked_about_as_usual() -> None:
    cluster = cluster_of([pod("shop/web")])
    cluster.state.only_namespace = "shop"
    assert resolve(cluster.state, "shop/*").ends == resolve(cluster.state, "web", "shop").ends

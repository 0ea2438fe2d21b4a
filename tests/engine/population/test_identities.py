"""Templates and identities: the properties that pods share, and those that distinguish them."""

import msgspec
import pytest
from tests.engine.members import decoded_pod, member, member_from
from tests.semantics.objects import Object, container_port, owned, pod

from ringfence.engine.population.identities import Identity, Template, bounds_of, template_key
from ringfence.engine.population.marks import NO_FACTS
from ringfence.engine.population.pods import Member, PodBefore, member_of_pod
from ringfence.sets.addresses import Family

HTTP = container_port("http", 80)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(member("x/b", {"app": "web"}, addresses=["10.0.0.9"]), True, id="name and address may differ"),
        pytest.param(member("y/a", {"app": "web"}, addresses=["10.0.0.1"]), False, id="the namespace"),
        pytest.param(member("x/a", {"app": "db"}, addresses=["10.0.0.1"]), False, id="a label"),
        pytest.param(member("x/a", {"app": "web"}, ports=[HTTP], addresses=["10.0.0.1"]), False, id="a named port"),
        pytest.param(member("x/a", {"app": "web"}, addresses=["fd00::1"]), False, id="the address family"),
        pytest.param(member("x/a", {"app": "web"}), False, id="an address that is not known"),
        pytest.param(member("x/a", {"app": "web"}, hostNetwork=True), False, id="the host network"),
    ],
)
def test_pods_with_the_same_template(other: Member, same: bool) -> None:
    one = member("x/a", {"app": "web"}, addresses=["10.0.0.1"])
    assert (template_key(one) == template_key(other)) is same


WEB = pod("x/a", {"app": "web"}, addresses=["10.0.0.1"])


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(pod("x/b", {"app": "web"}, addresses=["10.0.0.9"]), True, id="name and address may differ"),
        pytest.param(pod("y/a", {"app": "web"}, addresses=["10.0.0.1"]), False, id="the namespace"),
        pytest.param(pod("x/b", {"app": "db"}, addresses=["10.0.0.1"]), False, id="a label"),
        pytest.param(pod("x/b", {"app": "web"}, ports=[HTTP], addresses=["10.0.0.1"]), False, id="a named port"),
        pytest.param(pod("x/b", {"app": "web"}, addresses=["fd00::1"]), False, id="the address family"),
        pytest.param(pod("x/b", {"app": "web"}), False, id="an address that is not known"),
        pytest.param(pod("x/b", {"app": "web"}, hostNetwork=True), False, id="the host network"),
        pytest.param(owned(pod("x/b", {"app": "web"}, addresses=["10.0.0.1"]), "ReplicaSet", "web"), False, id="owner"),
    ],
)
def test_the_template_of_the_pod_before_is_shared_by_pods_that_have_it(other: Object, same: bool) -> None:
    one = member_from(WEB)
    following = member_of_pod(decoded_pod(other), {}, PodBefore(decoded_pod(WEB), one))
    template = Template(template_key(one), one)
    assert template.is_shared_by(following) is (template_key(following) == template_key(one)) is same


def test_pods_with_the_same_labels_share_no_template_if_only_one_has_an_owner() -> None:
    one = member_from(WEB)
    owned_one = msgspec.structs.replace(one, standalone=False)
    assert owned_one.labels is one.labels
    assert not Template(template_key(one), one).is_shared_by(owned_one)


def test_the_template_of_host_network_pods_is_never_taken_for_that_of_another() -> None:
    written = pod("x/a", hostNetwork=True)
    one = member_from(written)
    template = Template(template_key(one), one)
    assert not template.is_shared_by(member_of_pod(decoded_pod(pod("x/b")), {}, PodBefore(decoded_pod(written), one)))


def test_host_network_pods_share_a_template_whatever_their_labels_and_namespaces() -> None:
    one, other = member("x/a", {"app": "web"}, hostNetwork=True), member("y/b", ports=[HTTP], hostNetwork=True)
    assert template_key(one) == template_key(other)
    template = Template(template_key(one), one)
    assert (template.namespace, dict(template.labels), template.named_ports) == ("", {}, frozenset())


def test_bounds_are_the_lowest_and_highest_address_of_each_family() -> None:
    pods = [member(f"x/{n}", addresses=[f"10.0.0.{n}", f"fd00::{9 - n}"]) for n in (3, 1, 2)]
    four, six = (10 << 24), 0xFD00 << 112
    assert bounds_of(pods) == {Family.IPV4: (four + 1, four + 3), Family.IPV6: (six + 6, six + 8)}
    assert bounds_of([member("x/a")]) == {}


def test_the_bounds_of_an_identity_contain_those_of_all_pods_that_ever_joined() -> None:
    pods = [member(f"x/{n}", addresses=[f"10.0.0.{n}"]) for n in (3, 1, 2)]
    identity = Identity(0, Template(template_key(pods[0]), pods[0]), NO_FACTS)
    assert identity.bounds == {}
    for joining in pods:
        identity.widen(bounds_of([joining]))
    assert identity.bounds == {Family.IPV4: ((10 << 24) + 1, (10 << 24) + 3)}


def test_a_port_name_may_be_several_numbers_each_under_its_protocol() -> None:
    ports = [container_port("http", 80), container_port("http", 81), container_port("http", 82, "UDP")]
    pod = member("x/a", ports=[*ports, container_port("dns", 53)])
    identity = Identity(0, Template(template_key(pod), pod), NO_FACTS)
    assert sorted(identity.ports_named("http", "TCP")) == [80, 81]
    assert list(identity.ports_named("dns", "UDP")) == []


def test_what_tells_identities_apart() -> None:
    one, other = member("x/a"), member("y/a")
    template = Template(template_key(one), one)
    key = Identity(0, template, 1).key
    assert key == Identity(1, template, 1).key
    assert key != Identity(0, template, 2).key
    assert key != Identity(0, Template(template_key(other), other), 1).key
    template.mark = 5
    assert key != Identity(0, template, 1).key

"""Templates and identities: the properties that pods share, and those that distinguish them."""

import pytest
from tests.engine.members import member
from tests.semantics.objects import container_port

from ringfence.engine.population.identities import Identity, Template, bounds_of, template_key
from ringfence.engine.population.marks import NO_FACTS
from ringfence.engine.population.pods import Member
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
    for pod in pods:
        identity.widen(bounds_of([pod]))
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

"""What is known of a plugin in one version and with some settings, and what is not."""

import pytest

from ringfence.errors import InputError
from ringfence.plugins import UPSTREAM, Excepts, OwnNode, named_traits, plugins


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        pytest.param("cilium", "blocks_match_pods", False, id="by default"),
        pytest.param("cilium@1.20:policy-cidr-match-mode=pods", "blocks_match_pods", True, id="by a setting"),
        pytest.param("cilium@1.19:policy-cidr-match-mode=pods", "blocks_match_pods", False, id="too early for it"),
        pytest.param(
            "cilium@1.20:policy-cidr-match-mode=nodes+pods", "blocks_match_nodes", True, id="of several values"
        ),
        pytest.param("cilium@1.15", "port_ranges", False, id="before a version"),
        pytest.param("cilium@v1.16.0-rc.1", "port_ranges", True, id="from a version on"),
        pytest.param("cilium@1.16.9", "port_ranges", True, id="a version with more numbers than the bound"),
        pytest.param("cilium@1", "port_ranges", False, id="a version with fewer: 1 is 1.0"),
        pytest.param("EKS", "standalone_pods", False, id="an alias, in capitals"),
        pytest.param("flannel", "enforced", False, id="no enforcement"),
        pytest.param("antrea", "own_node", OwnNode.POLICY, id="what upstream leaves open"),
        pytest.param("ovn-kubernetes", "own_node", OwnNode.OPEN, id="what is not known is as upstream"),
        pytest.param("windows", "excepts", Excepts.IGNORED, id="what is not certain"),
    ],
)
def test_what_the_engine_takes(text: str, field: str, value: object) -> None:
    assert getattr(named_traits(text).traits, field) == value


@pytest.mark.parametrize(
    ("text", "topic", "because"),
    [
        ("cilium", "endPort", "the version of Cilium is not given: it is assumed to be 1.16 or later"),
        ("cilium@1.19", "endPort", None),
        (
            "cilium:policy-cidr-match-mode=pods",
            "ipBlock-pods",
            "the version of Cilium is not given: it is assumed to be 1.20 or later",
        ),
        ("cilium@1.19", "ipBlock-pods", None),
        ("cilium@1.20", "ipBlock-pods", "Cilium is assumed to be configured without policy-cidr-match-mode=pods"),
        ("cilium@1.20:policy-cidr-match-mode=nodes", "ipBlock-pods", None),
        (
            "azure-npm",
            "service-port",
            "it is not verified of Azure NPM which port of a Service egress rules name: the assumption is that egress "
            "rules name the target port of a Service",
        ),
        (
            "windows",
            "endPort",
            "it is not known of Windows nodes (HNS) whether endPort counts: the assumption is that an entry with "
            "endPort means the whole range",
        ),
        (
            "aws-vpc-cni",
            "named-ports",
            "Amazon VPC CNI: a named port counts only if a Service has a port of the same name: it is assumed to count",
        ),
        ("calico", "ipBlock-pods", None),
    ],
)
def test_what_else_might_hold_and_why(text: str, topic: str, because: str | None) -> None:
    found = {one.because for one in named_traits(text).chosen[topic].alternatives}
    assert found == ({because} if because else set())


def test_the_agent_enforces_as_upstream_and_leaves_nothing_open() -> None:
    found = named_traits("ringfence")
    assert found.traits == type(UPSTREAM)(own_node=OwnNode.POLICY)
    assert not any(one.alternatives for one in found.modelled())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("celium", "there is no plugin 'celium'; did you mean cilium? Known are calico, cilium, antrea, "),
        ("xyz", "there is no plugin 'xyz': known are calico, cilium, "),
        ("", "'' does not name a plugin: write NAME, NAME@VERSION or NAME:SETTING=VALUE"),
        ("cilium@", "'cilium@' does not name a plugin"),
        ("cilium:", "'cilium:' does not name a plugin"),
        ("cilium@new", "'new' is not a version: use numbers, such as 1.19 or v1.19.5"),
        ("cilium:sctp", "'sctp' is not a setting: write SETTING=VALUE"),
        ("cilium:enable-stcp=true", "depends on the setting 'enable-stcp': use one of allow-localhost, enable-"),
        ("antrea:a=b", "no trait of Antrea depends on the setting 'a': it has none"),
    ],
)
def test_what_names_no_enforcement_is_an_error(text: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        named_traits(text)
    assert message in str(refused.value)


def test_the_message_lists_all_plugins() -> None:
    with pytest.raises(InputError) as refused:
        named_traits("xyz")
    assert all(name in str(refused.value) for name in plugins())

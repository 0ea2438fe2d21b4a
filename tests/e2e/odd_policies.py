"""Random policies that are hardly ever valid: made of texts, numbers and addresses at the edges of what is allowed."""

from typing import TypeVar

from hypothesis import strategies as st

from ringfence.model.objects import (
    IPBlock,
    LabelSelector,
    LabelSelectorRequirement,
    NetworkPolicy,
    NetworkPolicyEgressRule,
    NetworkPolicyIngressRule,
    NetworkPolicyPeer,
    NetworkPolicyPort,
    NetworkPolicySpec,
    PolicyMeta,
)

T = TypeVar("T")


def few(values: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(values, max_size=2).map(tuple)


# Characters that Go and Python agree upon whether they can be printed: their tables of Unicode differ in age.
odd_texts = st.text(st.sampled_from('aZ09-_./ é%\n"\\<\u2028\u07ff'), max_size=8)
long_texts = st.text(st.sampled_from("a0-.A"), min_size=60, max_size=66)
words = st.sampled_from(["web", "a", "", "x-1"]) | odd_texts | long_texts
long_prefixes = st.text(st.sampled_from("a.-"), min_size=250, max_size=256)
prefixes = st.sampled_from(["example.com", "a"]) | odd_texts | long_prefixes
keys = words | st.builds("{}/{}".format, prefixes, words)

selectors = st.builds(
    LabelSelector,
    match_labels=st.dictionaries(keys, words, max_size=2),
    match_expressions=few(
        st.builds(
            LabelSelectorRequirement,
            key=keys,
            operator=st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "in", ""]) | odd_texts,
            values=few(words),
        )
    ),
)

port_numbers = st.sampled_from([-(2**31), -1, 0, 1, 80, 65535, 65536, 2**31 - 1])
port_names = st.text(st.sampled_from("a0-"), max_size=17) | words
ports = st.builds(
    NetworkPolicyPort,
    protocol=st.none() | st.sampled_from(["TCP", "UDP", "SCTP", "tcp"]) | odd_texts,
    port=st.none() | port_numbers | port_names,
    end_port=st.none() | port_numbers,
)

octets = st.sampled_from(["0", "1", "10", "128", "255", "00", "010", "08", "256"])
groups = st.sampled_from(["0", "1", "ffff", "db8", "DB8", "0db8", "00", "0001", "00001", "g"])
ipv4 = st.lists(octets, min_size=4, max_size=4).map(".".join) | st.lists(octets, max_size=5).map(".".join)
ipv6 = (
    st.lists(groups, min_size=8, max_size=8).map(":".join)
    | st.builds("{}::{}".format, groups, groups)
    | st.builds("{}:0:0:{}:{}:0:0:{}".format, groups, groups, groups, groups)
    | st.builds("2001:db8::{}".format, groups)
    | st.builds("::{}".format, ipv4)
    | st.builds("::ffff:{}".format, ipv4)
    | st.builds("fe80::1%{}".format, words)
)
ipv4_lengths = st.sampled_from(["0", "8", "9", "16", "24", "31", "32", "33", "08", "+8", ""])
ipv6_lengths = st.sampled_from(["0", "32", "33", "64", "95", "96", "97", "104", "128", "0128", "129"])
cidrs = st.builds("{}/{}".format, ipv4, ipv4_lengths) | st.builds("{}/{}".format, ipv6, ipv6_lengths) | odd_texts
blocks = st.builds(
    IPBlock,
    cidr=cidrs | st.sampled_from(["10.0.0.0/8", "0.0.0.0/0", "::/0", "2001:db8::/32", "::ffff:10.0.0.0/104"]),
    excepts=few(cidrs | st.sampled_from(["10.1.0.0/16", "::ffff:10.1.0.0/112", "2001:db8::/33"])),
)

some_ports = few(ports)
some_peers = few(
    st.builds(
        NetworkPolicyPeer,
        pod_selector=st.none() | selectors,
        namespace_selector=st.none() | selectors,
        ip_block=st.none() | blocks,
    )
)
policies = st.builds(
    NetworkPolicy,
    metadata=st.builds(
        PolicyMeta,
        name=st.just("x") | words.filter(bool),
        generate_name=st.just("") | words,
        labels=st.none() | st.dictionaries(keys, words, max_size=1),
        annotations=st.none() | st.dictionaries(keys, words, max_size=1),
    ),
    spec=st.builds(
        NetworkPolicySpec,
        pod_selector=selectors,
        policy_types=st.lists(st.sampled_from(["Ingress", "Egress"]) | odd_texts, max_size=3).map(tuple),
        ingress=few(st.builds(NetworkPolicyIngressRule, ports=some_ports, peers=some_peers)),
        egress=few(st.builds(NetworkPolicyEgressRule, ports=some_ports, peers=some_peers)),
    ),
)

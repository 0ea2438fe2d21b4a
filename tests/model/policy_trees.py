"""Policies for tests of validation: from YAML, or random, with mistakes in some places."""

from typing import Any

import msgspec
import yaml
from hypothesis import strategies as st

from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import defaulted

Tree = dict[str, Any]


def policy_of(spec: Tree) -> NetworkPolicy:
    """The policy `a-policy` with this spec, as the API server validates it."""
    tree = {"metadata": {"name": "a-policy", "namespace": "default"}, "spec": spec}
    return defaulted(msgspec.convert(tree, NetworkPolicy))


def written(spec: str) -> NetworkPolicy:
    """The policy `a-policy` with the spec that is written here as YAML."""
    return policy_of(yaml.load(spec, Loader=yaml.CSafeLoader))


odd_texts = st.one_of(st.text("aB0-_./ ", max_size=6), st.text(st.characters(codec="utf-8"), max_size=8))


def _mostly(right: list[Any], wrong: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(*[st.sampled_from(right)] * 4, wrong)


def _wrong(texts: list[str], odd: st.SearchStrategy[str] = odd_texts) -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(texts), odd)


def _object(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Tree]:
    return st.fixed_dictionaries({}, optional={name.strip("_"): field for name, field in fields.items()})


names = _mostly(["web", "a.b", "x" * 253], _wrong(["A", "a-", "x" * 254]))
keys = _mostly(["app", "example.com/role", "k" * 63], _wrong(["a/", "/b", "", "k" * 64, "P" * 254 + "/k", "a/b/c"]))
values = _mostly(["web", "", "v" * 63], _wrong(["v" * 64, "*", "<x>", 'a"b']))
labels = st.dictionaries(keys, values, max_size=3)

requirements = st.one_of(
    st.fixed_dictionaries(
        {"key": keys, "operator": st.sampled_from(["In", "NotIn"]), "values": st.lists(values, min_size=1, max_size=3)}
    ),
    st.fixed_dictionaries({"key": keys, "operator": st.sampled_from(["Exists", "DoesNotExist"])}),
    _object(
        key=keys,
        operator=_mostly(["In", "NotIn", "Exists", "DoesNotExist"], _wrong(["in", "Gt", "<"])),
        values=st.lists(values, max_size=3),
    ),
)
selectors = _object(matchLabels=labels, matchExpressions=st.lists(requirements, max_size=3))

_octets = _mostly(["0", "10", "255"], _wrong(["010", "256", "00"], st.integers(0, 300).map(str)))
_groups = _mostly(
    ["", "0", "ffff", "2001"], _wrong(["FFFF", "0db8", "00001"], st.text("0123456789abcdefF", max_size=5))
)
_ipv4 = st.lists(_octets, min_size=4, max_size=4).map(".".join)
_ipv6 = st.one_of(
    st.lists(_groups, min_size=1, max_size=8).map(":".join),
    _groups.map("2001:db8::{}".format),
    _ipv4.map("::ffff:{}".format),
    _ipv4.map("::{}".format),
)
_lengths = _mostly(
    ["0", "8", "24", "32"], _wrong(["08", "33", "96", "104", "-1", "+8", ""], st.integers(0, 130).map(str))
)
cidrs = st.one_of(
    st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0", "::/0", "2001:db8::/32"]),
    st.builds("{}/{}".format, st.one_of(_ipv4, _ipv6), _lengths),
    st.text("0123456789abcdef:./% ", max_size=12),
    odd_texts,
)
ip_blocks = _object(cidr=cidrs, except_=st.lists(cidrs, max_size=3))

_numbers = _mostly([1, 80, 90, 65535], st.integers(-(2**31), 2**31 - 1) | st.sampled_from([0, 65536]))
ports = st.one_of(
    _object(protocol=st.sampled_from(["TCP", "UDP", "SCTP"]), port=_numbers),
    _object(
        protocol=_mostly(["TCP", "UDP", "SCTP"], _wrong(["tcp", ""])),
        port=_numbers | _mostly(["http", "a-1"], _wrong(["80", "a--b", "-", "x" * 16, ""])),
        endPort=_numbers,
    ),
)
peers = st.one_of(
    _object(podSelector=selectors, namespaceSelector=selectors),
    _object(podSelector=selectors, namespaceSelector=selectors, ipBlock=ip_blocks),
)


def rules(peers_field: str) -> st.SearchStrategy[Tree]:
    """Rules of one direction."""
    return _object(**{"ports": st.lists(ports, max_size=3), f"{peers_field}_": st.lists(peers, max_size=3)})


policies = st.fixed_dictionaries(
    {
        "metadata": _object(
            name=names, generateName=names, namespace=names, labels=labels, annotations=st.dictionaries(keys, values)
        ),
        "spec": _object(
            podSelector=selectors,
            policyTypes=st.lists(_mostly(["Ingress", "Egress"], _wrong(["ingress"])), max_size=3),
            ingress=st.lists(rules("from"), max_size=2),
            egress=st.lists(rules("to"), max_size=2),
        ),
    }
)
"""NetworkPolicies as trees of dicts and lists."""

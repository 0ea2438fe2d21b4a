"""Every check that the API server makes of a policy: the places, the messages and their order."""

from collections.abc import Iterable
from typing import Final

import msgspec
import pytest
from hypothesis import given
from tests.model.policy_trees import Tree, ip_blocks, policies, policy_of, ports, selectors, written

from ringfence.model.cidrs import parse_cidr
from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import defaulted
from ringfence.model.selectors import compile_selector
from ringfence.model.server_versions import LAST_LENIENT, NEWEST, OLDEST, ServerVersion
from ringfence.model.validation import labels, network_policy_errors, network_policy_warnings
from ringfence.model.validation import network_policies as validation
from ringfence.sets.traffic import PROTOCOLS

DIRECTIONS: Final = (("ingress", "from"), ("egress", "to"))

KEY_RULE: Final = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
VALUE_RULE: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
SUBDOMAIN_RULE: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_RULE: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
NOT_A_CIDR: Final = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


def errors_of(policy: NetworkPolicy, server: ServerVersion = NEWEST) -> list[str]:
    return [str(error) for error in network_policy_errors(policy, server)]


def at(path: str, complaints: Iterable[str]) -> list[str]:
    """Complaints whose paths were relative to `path`; those that start with a colon are about `path` itself."""
    return [path + complaint if complaint.startswith(":") else f"{path}.{complaint}" for complaint in complaints]


@pytest.mark.parametrize("direction", ["ingress", "egress"])
@pytest.mark.parametrize(
    ("port", "complaints"),
    [
        ("{protocol: TCP}", []),
        ("{protocol: SCTP, port: 1}", []),
        ("{port: 65535}", []),
        ("{port: http}", []),
        ("{port: a-1}", []),
        ("{port: fifteen-letters}", []),
        ("{port: 90, endPort: 90}", []),
        ("{}", []),
        ("{protocol: tcp}", ['protocol: Unsupported value: "tcp": supported values: "TCP", "UDP", "SCTP"']),
        ("{protocol: ICMP}", ['protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"']),
        ('{protocol: ""}', ['protocol: Unsupported value: "": supported values: "TCP", "UDP", "SCTP"']),
        ("{protocol: <é>}", [r'protocol: Unsupported value: "\u003cé\u003e": supported values: "TCP", "UDP", "SCTP"']),
        ("{port: 0}", ["port: Invalid value: 0: must be between 1 and 65535, inclusive"]),
        ("{port: -1}", ["port: Invalid value: -1: must be between 1 and 65535, inclusive"]),
        ("{port: 65536}", ["port: Invalid value: 65536: must be between 1 and 65535, inclusive"]),
        (
            "{port: a-very-long-port-name}",
            ['port: Invalid value: "a-very-long-port-name": must be no more than 15 characters'],
        ),
        (
            "{port: my_port}",
            ['port: Invalid value: "my_port": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)'],
        ),
        (
            "{port: HTTP}",
            [
                'port: Invalid value: "HTTP": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
                'port: Invalid value: "HTTP": must contain at least one letter (a-z)',
            ],
        ),
        (
            '{port: ""}',
            [
                'port: Invalid value: "": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
                'port: Invalid value: "": must contain at least one letter (a-z)',
            ],
        ),
        ('{port: "80"}', ['port: Invalid value: "80": must contain at least one letter (a-z)']),
        ("{port: 8080-8090}", ['port: Invalid value: "8080-8090": must contain at least one letter (a-z)']),
        ("{port: a--b}", ['port: Invalid value: "a--b": must not contain consecutive hyphens']),
        ("{port: -a-}", ['port: Invalid value: "-a-": must not begin or end with a hyphen']),
        ("{port: 90, endPort: 80}", ["endPort: Invalid value: 80: must be greater than or equal to `port`"]),
        ("{port: 90, endPort: 70000}", ["endPort: Invalid value: 70000: must be between 1 and 65535, inclusive"]),
        (
            "{port: 90, endPort: 0}",
            [
                "endPort: Invalid value: 0: must be greater than or equal to `port`",
                "endPort: Invalid value: 0: must be between 1 and 65535, inclusive",
            ],
        ),
        ("{port: 0, endPort: 90}", ["port: Invalid value: 0: must be between 1 and 65535, inclusive"]),
        ("{port: http, endPort: 90}", ["endPort: Invalid value: 90: may not be specified when `port` is non-numeric"]),
        ("{endPort: 90}", ["endPort: Invalid value: 90: may not be specified when `port` is not specified"]),
        (
            '{protocol: udp, port: "80", endPort: 90}',
            [
                'protocol: Unsupported value: "udp": supported values: "TCP", "UDP", "SCTP"',
                "endPort: Invalid value: 90: may not be specified when `port` is non-numeric",
                'port: Invalid value: "80": must contain at least one letter (a-z)',
            ],
        ),
    ],
)
def test_ports(port: str, complaints: list[str], direction: str) -> None:
    policy = written(f"{direction}: [{{ports: [{port}]}}]")
    assert errors_of(policy) == at(f"spec.{direction}[0].ports[0]", complaints)


@pytest.mark.parametrize(("direction", "peers"), DIRECTIONS)
@pytest.mark.parametrize(
    ("peer", "complaints"),
    [
        ("{podSelector: {}}", []),
        ("{namespaceSelector: {}}", []),
        ("{podSelector: {}, namespaceSelector: {}}", []),
        ("{ipBlock: {cidr: 10.0.0.0/8}}", []),
        ("{}", [": Required value: must specify a peer"]),
        ("{podSelector: null}", [": Required value: must specify a peer"]),
        (
            "{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}",
            [": Forbidden: may not specify both ipBlock and another peer"],
        ),
        (
            "{namespaceSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}",
            [": Forbidden: may not specify both ipBlock and another peer"],
        ),
        (
            "{ipBlock: {}, namespaceSelector: {matchLabels: {n: /}}, podSelector: {matchLabels: {p: /}}}",
            [
                f'podSelector.matchLabels: Invalid value: "/": {VALUE_RULE}',
                f'namespaceSelector.matchLabels: Invalid value: "/": {VALUE_RULE}',
                "ipBlock.cidr: Required value",
                ": Forbidden: may not specify both ipBlock and another peer",
            ],
        ),
    ],
)
def test_peers(peer: str, complaints: list[str], direction: str, peers: str) -> None:
    policy = written(f"{direction}: [{{{peers}: [{peer}]}}]")
    assert errors_of(policy) == at(f"spec.{direction}[0].{peers}[0]", complaints)


@pytest.mark.parametrize(("direction", "peers"), DIRECTIONS)
@pytest.mark.parametrize(
    ("block", "complaints"),
    [
        pytest.param(
            "{cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.1.0.0/16, 10.1.2.0/24]}",
            [],
            id="excepts may be repeated and overlap",
        ),
        ('{cidr: "::/0", except: ["2001:db8::/32"]}', []),
        ("{}", ["cidr: Required value"]),
        pytest.param('{cidr: "", except: [x]}', ["cidr: Required value"], id="excepts of no CIDR are not looked at"),
        ("{cidr: 10.0.0.1}", [f'cidr: Invalid value: "10.0.0.1": {NOT_A_CIDR}']),
        ("{cidr: 300.0.0.0/8}", [f'cidr: Invalid value: "300.0.0.0/8": {NOT_A_CIDR}']),
        ("{cidr: 10.0.0.0/33}", [f'cidr: Invalid value: "10.0.0.0/33": {NOT_A_CIDR}']),
        ("{cidr: 10.0/16}", [f'cidr: Invalid value: "10.0/16": {NOT_A_CIDR}']),
        ("{cidr: 10.0.0.0/255.0.0.0}", [f'cidr: Invalid value: "10.0.0.0/255.0.0.0": {NOT_A_CIDR}']),
        ('{cidr: " 10.0.0.0/8"}', [f'cidr: Invalid value: " 10.0.0.0/8": {NOT_A_CIDR}']),
        ('{cidr: "fe80::%eth0/64"}', [f'cidr: Invalid value: "fe80::%eth0/64": {NOT_A_CIDR}']),
        (r'{cidr: "\"\t\x00\u200b"}', [rf'cidr: Invalid value: "\"\t\x00\u200b": {NOT_A_CIDR}']),
        pytest.param(
            "{cidr: x, except: [y]}", [f'cidr: Invalid value: "x": {NOT_A_CIDR}'], id="nor those of a bad one"
        ),
        ("{cidr: 10.0.0.0/8, except: [10.0.0.1]}", [f'except[0]: Invalid value: "10.0.0.1": {NOT_A_CIDR}']),
        (
            "{cidr: 10.0.0.0/8, except: [10.1.0.0/16, '']}",
            [f'except[1]: Invalid value: "": {NOT_A_CIDR}'],
        ),
        (
            "{cidr: 10.0.0.0/8, except: [10.0.0.0/8]}",
            ['except[0]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`'],
        ),
        (
            "{cidr: 10.0.0.0/8, except: [0.0.0.0/0]}",
            ['except[0]: Invalid value: "0.0.0.0/0": must be a strict subset of `cidr`'],
        ),
        (
            "{cidr: 10.0.0.0/8, except: [192.168.0.0/16]}",
            ['except[0]: Invalid value: "192.168.0.0/16": must be a strict subset of `cidr`'],
        ),
        (
            '{cidr: 10.0.0.0/8, except: ["2001:db8::/32"]}',
            ['except[0]: Invalid value: "2001:db8::/32": must be a strict subset of `cidr`'],
        ),
        (
            "{cidr: 10.0.0.5/24}",
            ['cidr: Invalid value: "10.0.0.5/24": must not have bits set beyond the prefix length'],
        ),
        (
            "{cidr: 010.0.0.0/8}",
            ['cidr: Invalid value: "010.0.0.0/8": must not have leading 0s in IP or prefix length'],
        ),
        (
            '{cidr: "::ffff:10.0.0.0/104"}',
            ['cidr: Invalid value: "::ffff:10.0.0.0/104": must not have an IPv4-mapped IPv6 address'],
        ),
        (
            "{cidr: 10.0.0.5/24, except: [010.0.1.0/24]}",
            [
                'cidr: Invalid value: "10.0.0.5/24": must not have bits set beyond the prefix length',
                'except[0]: Invalid value: "010.0.1.0/24": must not have leading 0s in IP or prefix length',
                'except[0]: Invalid value: "010.0.1.0/24": must be a strict subset of `cidr`',
            ],
        ),
    ],
)
def test_ip_blocks(block: str, complaints: list[str], direction: str, peers: str) -> None:
    policy = written(f"{direction}: [{{{peers}: [{{ipBlock: {block}}}]}}]")
    assert errors_of(policy) == at(f"spec.{direction}[0].{peers}[0].ipBlock", complaints)


@pytest.mark.parametrize(("direction", "peers"), DIRECTIONS)
@pytest.mark.parametrize(
    ("block", "complaints"),
    [
        pytest.param(
            "{cidr: 10.0.0.5/24, except: [10.0.0.130/25]}",
            [
                'cidr: CIDR value "10.0.0.5/24" is ambiguous in this context '
                '(should be "10.0.0.0/24" or "10.0.0.5/32"?)',
                'except[0]: CIDR value "10.0.0.130/25" is ambiguous in this context '
                '(should be "10.0.0.128/25" or "10.0.0.130/32"?)',
            ],
            id="bits beyond the prefix length",
        ),
        pytest.param(
            "{cidr: 010.0.0.0/08}",
            ['cidr: non-standard CIDR value "010.0.0.0/08" is invalid: use "10.0.0.0/8"'],
            id="leading zeros",
        ),
        pytest.param(
            '{cidr: "::ffff:10.0.0.0/104"}',
            ['cidr: non-standard CIDR value "::ffff:10.0.0.0/104" is invalid: use "10.0.0.0/8"'],
            id="an IPv4-mapped address",
        ),
    ],
)
def test_a_lenient_server_warns_of_what_a_strict_one_refuses(
    block: str, complaints: list[str], direction: str, peers: str
) -> None:
    policy = written(f"{direction}: [{{{peers}: [{{podSelector: {{}}}}, {{ipBlock: {block}}}]}}]")
    assert errors_of(policy)
    assert errors_of(policy, LAST_LENIENT) == []
    assert [str(warning) for warning in network_policy_warnings(policy)] == at(
        f"spec.{direction}[0].{peers}[1].ipBlock", complaints
    )


def test_an_address_that_is_not_canonical_is_accepted_with_a_warning() -> None:
    policy = written('ingress: [{from: [{ipBlock: {cidr: "2001:DB8::/32"}}]}]')
    assert errors_of(policy) == []
    assert [str(warning) for warning in network_policy_warnings(policy)] == [
        'spec.ingress[0].from[0].ipBlock.cidr: IPv6 CIDR value "2001:DB8::/32" should be in RFC 5952 canonical format '
        '("2001:db8::/32")'
    ]


def test_a_mapped_block_compares_its_prefix_length_as_written() -> None:
    policy = written('ingress: [{from: [{ipBlock: {cidr: "::ffff:10.0.0.0/104", except: [10.1.0.0/16]}}]}]')
    assert errors_of(policy, LAST_LENIENT) == [
        'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "10.1.0.0/16": must be a strict subset of `cidr`'
    ]


@pytest.mark.parametrize(
    ("mapped", "is_accepted"),
    [
        pytest.param("::ffff:10.1.0.0/112", True, id="a part of the block"),
        pytest.param("::ffff:10.0.0.0/104", True, id="all of the block: 104 is more than 8"),
        pytest.param("::ffff:11.0.0.0/112", False, id="outside of the block"),
    ],
)
def test_a_mapped_exception_compares_its_prefix_length_as_written(mapped: str, is_accepted: bool) -> None:
    policy = written(f'ingress: [{{from: [{{ipBlock: {{cidr: 10.0.0.0/8, except: ["{mapped}"]}}}}]}}]')
    expected = [
        f'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "{mapped}": must be a strict subset of `cidr`'
    ]
    assert errors_of(policy, LAST_LENIENT) == ([] if is_accepted else expected)


@pytest.mark.parametrize(
    ("types", "complaints"),
    [
        ("[Egress, Ingress]", []),
        ("[Ingress, Ingress]", []),
        ("[]", []),
        (
            "[ingress, Egress, '']",
            [': Invalid value: ["ingress","Egress",""]: may not specify more than two policyTypes'],
        ),
        (
            "[ingress, <x>]",
            [
                '[0]: Unsupported value: "ingress": supported values: "Ingress", "Egress"',
                r'[1]: Unsupported value: "\u003cx\u003e": supported values: "Ingress", "Egress"',
            ],
        ),
    ],
)
def test_policy_types(types: str, complaints: list[str]) -> None:
    assert errors_of(written(f"policyTypes: {types}")) == [f"spec.policyTypes{complaint}" for complaint in complaints]


def test_rules_need_not_agree_with_policy_types() -> None:
    assert errors_of(written("{policyTypes: [Ingress], egress: [{}]}")) == []
    assert errors_of(written("{policyTypes: [Egress], ingress: [{}]}")) == []


SELECTORS: Final = (
    pytest.param("{matchLabels: {a: '', example.com/B_b: v-1.x}}", [], id="a value may be empty"),
    pytest.param(
        "{matchLabels: {bad key: v}}",
        [f'matchLabels: Invalid value: "bad key": name part {KEY_RULE}'],
        id="a blank in a key",
    ),
    pytest.param(
        "{matchLabels: {a: x y}}", [f'matchLabels: Invalid value: "x y": {VALUE_RULE}'], id="a blank in a value"
    ),
    pytest.param(
        "{matchLabels: {a: '*'}}", [f'matchLabels: Invalid value: "*": {VALUE_RULE}'], id="there are no wildcards"
    ),
    pytest.param(
        f"{{matchLabels: {{a: {'v' * 64}}}}}",
        [f'matchLabels: Invalid value: "{"v" * 64}": must be no more than 63 bytes'],
        id="a value of 64 bytes",
    ),
    pytest.param(
        f"{{matchLabels: {{a: {'é' * 32}}}}}",
        [
            f'matchLabels: Invalid value: "{"é" * 32}": must be no more than 63 bytes',
            f'matchLabels: Invalid value: "{"é" * 32}": {VALUE_RULE}',
        ],
        id="lengths are of bytes, not of characters",
    ),
    pytest.param(
        f"{{matchLabels: {{{'k' * 64}: v}}}}",
        [f'matchLabels: Invalid value: "{"k" * 64}": name part must be no more than 63 bytes'],
        id="a key's name of 64 bytes",
    ),
    pytest.param(
        "{matchLabels: {'': v}}",
        [
            'matchLabels: Invalid value: "": name part must be non-empty',
            f'matchLabels: Invalid value: "": name part {KEY_RULE}',
        ],
        id="no key",
    ),
    pytest.param(
        "{matchLabels: {a/: v}}",
        [
            'matchLabels: Invalid value: "a/": name part must be non-empty',
            f'matchLabels: Invalid value: "a/": name part {KEY_RULE}',
        ],
        id="a prefix without a name",
    ),
    pytest.param(
        "{matchLabels: {/b: v}}",
        ['matchLabels: Invalid value: "/b": prefix part must be non-empty'],
        id="a slash without a prefix",
    ),
    pytest.param(
        "{matchLabels: {-x/y: v}}",
        [f'matchLabels: Invalid value: "-x/y": prefix part {SUBDOMAIN_RULE}'],
        id="a prefix that is no subdomain",
    ),
    pytest.param(
        f"{{matchLabels: {{{'P' * 254}/y: v}}}}",
        [
            f'matchLabels: Invalid value: "{"P" * 254}/y": prefix part must be no more than 253 bytes',
            f'matchLabels: Invalid value: "{"P" * 254}/y": prefix part {SUBDOMAIN_RULE}',
        ],
        id="a prefix that is too long as well",
    ),
    pytest.param(
        "{matchLabels: {a/b/c: v}}",
        [
            f'matchLabels: Invalid value: "a/b/c": a valid label key {KEY_RULE} with an optional DNS subdomain prefix '
            "and '/' (e.g. 'example.com/MyName')"
        ],
        id="two slashes",
    ),
    pytest.param(
        "{matchLabels: {a: x y, b: x y}}",
        [f'matchLabels: Invalid value: "x y": {VALUE_RULE}'],
        id="what was said is not said again",
    ),
    pytest.param("{matchExpressions: [{key: a, operator: In, values: ['', x]}]}", [], id="In with values"),
    pytest.param("{matchExpressions: [{key: a, operator: DoesNotExist}]}", [], id="DoesNotExist without values"),
    pytest.param(
        "{matchExpressions: [{key: a, operator: In}, {key: a, operator: NotIn, values: []}]}",
        [
            f"matchExpressions[{i}].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"
            for i in (0, 1)
        ],
        id="In and NotIn without values",
    ),
    pytest.param(
        "{matchExpressions: [{key: a, operator: Exists, values: [x]}, {key: a, operator: DoesNotExist, values: ['']}]}",
        [
            f"matchExpressions[{i}].values: Forbidden: "
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            for i in (0, 1)
        ],
        id="Exists and DoesNotExist with values",
    ),
    pytest.param(
        "{matchExpressions: [{key: a, operator: in, values: [x]}, {key: a, operator: Gt, values: ['1']}, {key: a}]}",
        [
            'matchExpressions[0].operator: Invalid value: "in": not a valid selector operator',
            'matchExpressions[1].operator: Invalid value: "Gt": not a valid selector operator',
            'matchExpressions[2].operator: Invalid value: "": not a valid selector operator',
        ],
        id="operators that do not exist",
    ),
    pytest.param(
        "{matchLabels: {a: /}, matchExpressions: [{key: bad key, operator: In, values: [x, x y]}]}",
        [
            f'matchLabels: Invalid value: "/": {VALUE_RULE}',
            f'matchExpressions[0].key: Invalid value: "bad key": name part {KEY_RULE}',
            f'matchExpressions[0].values[1]: Invalid value: "x y": {VALUE_RULE}',
        ],
        id="labels first, then each expression's key, then its values",
    ),
)


@pytest.mark.parametrize(("selector", "complaints"), SELECTORS)
def test_the_selector_of_the_subject(selector: str, complaints: list[str]) -> None:
    assert errors_of(written(f"podSelector: {selector}")) == at("spec.podSelector", complaints)


@pytest.mark.parametrize(("direction", "peers"), DIRECTIONS)
@pytest.mark.parametrize("field", ["podSelector", "namespaceSelector"])
@pytest.mark.parametrize(("selector", "complaints"), SELECTORS)
def test_the_selectors_of_peers(selector: str, complaints: list[str], field: str, direction: str, peers: str) -> None:
    policy = written(f"{direction}: [{{{peers}: [{{{field}: {selector}}}]}}]")
    assert errors_of(policy) == at(f"spec.{direction}[0].{peers}[0].{field}", complaints)


@pytest.mark.parametrize(
    ("metadata", "complaints"),
    [
        ({"name": "a.policy-1", "namespace": "default"}, []),
        ({"name": "x" * 253}, []),
        ({"generateName": "deny-"}, []),
        ({"name": "p", "annotations": {"Example.COM/Key": "any text: ünï\n"}}, []),
        ({"name": "p", "annotations": {"k": "x" * (256 * 1024 - 1)}}, []),
        ({}, ["name: Required value: name or generateName is required"]),
        ({"name": "My_Policy"}, [f'name: Invalid value: "My_Policy": {SUBDOMAIN_RULE}']),
        ({"name": "x" * 254}, [f'name: Invalid value: "{"x" * 254}": must be no more than 253 characters']),
        ({"generateName": "Deny-"}, [f'generateName: Invalid value: "Deny-": {SUBDOMAIN_RULE}']),
        ({"generateName": "-"}, [f'generateName: Invalid value: "-": {SUBDOMAIN_RULE}']),
        ({"name": "p", "namespace": "a.b"}, ['namespace: Invalid value: "a.b": must not contain dots']),
        ({"name": "p", "namespace": "Prod"}, [f'namespace: Invalid value: "Prod": {LABEL_RULE}']),
        (
            {"name": "p", "namespace": "n" * 64},
            [f'namespace: Invalid value: "{"n" * 64}": must be no more than 63 characters'],
        ),
        ({"name": "p", "labels": {"a": "x y"}}, [f'labels: Invalid value: "x y": {VALUE_RULE}']),
        ({"name": "p", "annotations": {"a b": ""}}, [f'annotations: Invalid value: "a b": name part {KEY_RULE}']),
        (
            {"name": "p", "annotations": {"k": "x" * 256 * 1024}},
            ["annotations: Too long: may not be more than 262144 bytes"],
        ),
        (
            {"annotations": {"": "x"}, "labels": {"a": "/"}, "namespace": "A", "name": "B", "generateName": "C"},
            [
                f'generateName: Invalid value: "C": {SUBDOMAIN_RULE}',
                f'name: Invalid value: "B": {SUBDOMAIN_RULE}',
                f'namespace: Invalid value: "A": {LABEL_RULE}',
                f'labels: Invalid value: "/": {VALUE_RULE}',
                'annotations: Invalid value: "": name part must be non-empty',
                f'annotations: Invalid value: "": name part {KEY_RULE}',
            ],
        ),
    ],
)
def test_metadata(metadata: Tree, complaints: list[str]) -> None:
    policy = msgspec.convert({"metadata": metadata}, NetworkPolicy)
    assert errors_of(defaulted(policy)) == at("metadata", complaints)


def test_errors_come_in_the_order_of_the_api_server() -> None:
    policy = written("""
        podSelector: {matchLabels: {a: /}}
        policyTypes: [ingress]
        egress:
        - to: [{}]
        ingress:
        - from: [{ipBlock: {cidr: x}}, {}]
          ports: [{port: 0}, {endPort: 1}]
        - ports: [{protocol: tcp}]
    """)
    assert [error.path for error in network_policy_errors(policy)] == [
        "spec.podSelector.matchLabels",
        "spec.ingress[0].ports[0].port",
        "spec.ingress[0].ports[1].endPort",
        "spec.ingress[0].from[0].ipBlock.cidr",
        "spec.ingress[0].from[1]",
        "spec.ingress[1].ports[0].protocol",
        "spec.egress[0].to[0]",
        "spec.policyTypes[0]",
    ]


@given(policies)
def test_any_policy_can_be_judged(tree: Tree) -> None:
    policy = defaulted(msgspec.convert(tree, NetworkPolicy))
    strict, lenient = network_policy_errors(policy), network_policy_errors(policy, LAST_LENIENT)
    assert set(lenient) <= set(strict)
    assert len({str(error) for error in strict}) == len(strict)
    assert all(".ipBlock." in warning.path for warning in network_policy_warnings(policy))


@given(tree=policies)
def test_what_is_plainly_valid_has_no_errors(tree: Tree) -> None:
    """The quick tests skip no value that has an error or a warning."""
    policy = defaulted(msgspec.convert(tree, NetworkPolicy))
    for server in (NEWEST, LAST_LENIENT, OLDEST):
        with pytest.MonkeyPatch.context() as patch:
            for name in ("is_plain_port", "is_plain_port_or_range"):
                patch.setattr(validation, name, lambda _: False)
            patch.setattr(validation, "plain_peers", lambda policy, strict_cidrs: lambda _: False)
            patch.setattr(labels, "_MANY", 100)
            patch.setattr(labels, "_is_plain_requirement", lambda _: False)
            expected = network_policy_errors(policy, server)
            patch.undo()
            patch.setattr(labels, "_MANY", -1)
            assert network_policy_errors(policy, server) == expected


@given(ports)
def test_a_port_without_errors_has_a_meaning(tree: Tree) -> None:
    policy = policy_of({"ingress": [{"ports": [tree]}]})
    if not network_policy_errors(policy):
        [port] = policy.spec.ingress[0].ports
        assert port.protocol in PROTOCOLS
        if isinstance(port.port, int):
            assert 1 <= port.port <= (port.end_port or port.port) <= 65535
        else:
            assert port.end_port is None
            assert port.port != ""


@given(selectors)
def test_a_selector_without_errors_compiles(tree: Tree) -> None:
    policy = policy_of({"podSelector": tree})
    if not network_policy_errors(policy):
        compile_selector(policy.spec.pod_selector)


@given(ip_blocks)
def test_a_block_without_errors_has_addresses(tree: Tree) -> None:
    policy = policy_of({"ingress": [{"from": [{"ipBlock": tree}]}]})
    if not network_policy_errors(policy, LAST_LENIENT):
        block = policy.spec.ingress[0].peers[0].ip_block
        assert block
        whole = parse_cidr(block.cidr)
        assert all(parse_cidr(text).network_address in whole for text in block.excepts)

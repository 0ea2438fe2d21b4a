"""Every check that the API server makes of an `ipBlock`, and what a lenient server only warns of."""

from typing import Final

import pytest
from hypothesis import given
from tests.model.policy_trees import Tree, ip_blocks, policy_of, written
from tests.model.validation.network_policy_errors import DIRECTIONS, at, errors_of

from ringfence.model.cidrs import parse_cidr
from ringfence.model.server_versions import LAST_LENIENT
from ringfence.model.validation import network_policy_errors, network_policy_warnings

NOT_A_CIDR: Final = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


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


@given(ip_blocks)
def test_a_block_without_errors_has_addresses(tree: Tree) -> None:
    policy = policy_of({"ingress": [{"from": [{"ipBlock": tree}]}]})
    if not network_policy_errors(policy, LAST_LENIENT):
        block = policy.spec.ingress[0].peers[0].ip_block
        assert block
        whole = parse_cidr(block.cidr)
        assert all(parse_cidr(text).network_address in whole for text in block.excepts)

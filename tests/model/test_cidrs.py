"""What a CIDR means to Kubernetes, and its errors and warnings for one that is not canonical."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.model.policy_trees import cidrs

from ringfence.model.cidrs import (
    cidr_range,
    cidr_ranges,
    cidr_ranges_in_steps,
    cidr_spelling,
    cidr_warnings,
    parse_cidr,
    plain_cidr_range,
    strict_error,
)
from ringfence.sets.addresses import Family, span
from ringfence.steps import finish


@pytest.mark.parametrize(
    ("text", "network"),
    [
        pytest.param("10.0.0.0/8", "10.0.0.0/8", id="as it should be"),
        pytest.param("10.0.0.5/24", "10.0.0.0/24", id="bits beyond the prefix length are dropped"),
        pytest.param("2001:db8::1/32", "2001:db8::/32", id="in both families"),
        pytest.param("010.002.0.0/16", "10.2.0.0/16", id="leading zeros are decimal, not octal"),
        pytest.param("10.0.0.0/08", "10.0.0.0/8", id="in the prefix length too"),
        pytest.param("00001:000db8::/32", "1:db8::/32", id="and in IPv6 beyond four digits"),
        pytest.param("::ffff:10.0.0.0/104", "10.0.0.0/8", id="an IPv4-mapped CIDR is an IPv4 one"),
        pytest.param("::ffff:a00:0/104", "10.0.0.0/8", id="however it is spelt"),
        pytest.param("::ffff:0:0/96", "0.0.0.0/0", id="down to all of IPv4"),
        pytest.param("::ffff:0:0/95", "::fffe:0:0/95", id="but no further"),
        pytest.param("2001:DB8:0::/48", "2001:db8::/48", id="IPv6 need not be canonical"),
    ],
)
def test_a_cidr_is_read_leniently(text: str, network: str) -> None:
    assert str(parse_cidr(text)) == network


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.1",
        "10.0.0.0/",
        "/8",
        "300.0.0.0/8",
        "10.0.0.0/33",
        "10.0/16",
        "10.0.0.0/255.0.0.0",
        "10.0.0.0/8/8",
        "10.0.0.0/-1",
        "10.0.0.0/+8",
        "10.0.0.0/ 8",
        " 10.0.0.0/8",
        "10.0.0.0/8\n",
        "10.0.0.0/٨",
        "fe80::1%eth0/64",
        "fe80::%0/64",
        "2001:db8::/129",
        "::ffff:10.0.0.0/129",
        "1:2:3:4:5:6:7:8:9/64",
        "1::2::3/64",
        "::12345/64",
        "10.0.0.0/" + "9" * 5000,
    ],
)
def test_a_lenient_server_refuses_this_too(text: str) -> None:
    with pytest.raises(ValueError, match="is not a CIDR such as"):
        parse_cidr(text)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("10.0.0.0/8", None),
        ("0.0.0.0/0", None),
        ("::/0", None),
        ("2001:DB8:0::/48", None),
        ("64:ff9b::10.0.0.0/104", None),
        ("10.0.0.5/24", "must not have bits set beyond the prefix length"),
        ("2001:db8::1/64", "must not have bits set beyond the prefix length"),
        ("010.0.0.0/8", "must not have leading 0s in IP or prefix length"),
        ("10.0.0.0/08", "must not have leading 0s in IP or prefix length"),
        ("00001::/16", "must not have leading 0s in IP or prefix length"),
        ("010.0.0.5/08", "must not have leading 0s in IP or prefix length"),
        ("::ffff:010.0.0.0/104", "must not have leading 0s in IP or prefix length"),
        ("::ffff:10.0.0.0/104", "must not have an IPv4-mapped IPv6 address"),
        ("::ffff:10.0.0.5/104", "must not have an IPv4-mapped IPv6 address"),
    ],
)
def test_a_strict_server_names_the_worst(text: str, error: str | None) -> None:
    assert strict_error(cidr_spelling(text)) == error


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        ("10.0.0.0/8", []),
        ("::/0", []),
        (
            "10.0.0.5/24",
            ['CIDR value "10.0.0.5/24" is ambiguous in this context (should be "10.0.0.0/24" or "10.0.0.5/32"?)'],
        ),
        ("010.0.0.0/08", ['non-standard CIDR value "010.0.0.0/08" is invalid: use "10.0.0.0/8"']),
        ("::ffff:10.0.0.0/104", ['non-standard CIDR value "::ffff:10.0.0.0/104" is invalid: use "10.0.0.0/8"']),
        (
            "2001:DB8::/32",
            ['IPv6 CIDR value "2001:DB8::/32" should be in RFC 5952 canonical format ("2001:db8::/32")'],
        ),
        pytest.param(
            "::ffff:10.0.0.5/104",
            [
                'CIDR value "::ffff:10.0.0.5/104" is ambiguous in this context '
                '(should be "10.0.0.0/8" or "10.0.0.5/128"?)',
                'non-standard CIDR value "::ffff:10.0.0.5/104" is invalid: use "10.0.0.0/8"',
            ],
            id="upstream itself advises an IPv4 address of 128 bits",
        ),
        pytest.param(
            "2001:DB8::1/32",
            [
                'CIDR value "2001:DB8::1/32" is ambiguous in this context '
                '(should be "2001:db8::/32" or "2001:db8::1/128"?)'
            ],
            id="the spelling is not worth a second warning",
        ),
    ],
)
def test_warnings(text: str, warnings: list[str]) -> None:
    assert cidr_warnings(cidr_spelling(text)) == warnings


@given(st.ip_addresses(), st.integers(0, 128))
def test_a_canonical_cidr_means_itself_and_draws_no_comment(address: object, length: int) -> None:
    try:
        network = parse_cidr(f"{address}/{length}")
    except ValueError:
        return
    spelling = cidr_spelling(str(network))
    assert spelling.network == network
    assert strict_error(spelling) is None
    assert cidr_warnings(spelling) == []


@given(cidrs)
def test_what_a_strict_server_refuses_a_lenient_one_warns_of(text: str) -> None:
    try:
        spelling = cidr_spelling(text)
    except ValueError:
        return
    if strict_error(spelling):
        assert cidr_warnings(spelling)


@given(cidrs)
def test_the_range_of_a_cidr_is_that_of_its_network(text: str) -> None:
    plain = plain_cidr_range(text)
    try:
        network = parse_cidr(text)
    except ValueError:
        assert plain is None
        with pytest.raises(ValueError, match="is not a CIDR"):
            cidr_range(text)
    else:
        expected = (Family(network.version), span(network))
        assert cidr_range(text) == expected
        assert plain in (None, expected)


@given(st.lists(cidrs))
def test_many_cidrs_are_read_as_each_of_them_is(texts: list[str]) -> None:
    expected = {}
    for text in texts:
        with suppress(ValueError):
            expected[text] = cidr_range(text)
    assert cidr_ranges(tuple(texts)) == expected


def test_many_cidrs_are_read_in_steps_which_others_may_go_on_with() -> None:
    texts = tuple(f"10.{i >> 8}.{i & 255}.0/24" for i in range(50_000))
    steps = cidr_ranges_in_steps(texts)
    next(steps)
    assert cidr_ranges(texts) == {text: cidr_range(text) for text in texts}
    assert finish(steps) == cidr_ranges(texts)
    assert len(list(cidr_ranges_in_steps(texts[1:]))) == 2, "steps after the first"


@given(cidrs)
def test_no_server_refuses_a_cidr_in_the_usual_spelling(text: str) -> None:
    if plain_cidr_range(text) is not None:
        assert strict_error(cidr_spelling(text)) is None
        assert not cidr_warnings(cidr_spelling(text)) or ":" in text


@pytest.mark.parametrize(
    ("text", "usual"),
    [
        pytest.param("10.0.0.0/8", True, id="IPv4"),
        pytest.param("2001:db8::/32", True, id="IPv6"),
        pytest.param("2001:DB8::/32", True, id="IPv6 that is warned of"),
        pytest.param("10.0.0.5/8", False, id="bits beyond the prefix length"),
        pytest.param("10.0.0.0/08", False, id="a leading zero in the length"),
        pytest.param("010.0.0.0/8", False, id="a leading zero in the address"),
        pytest.param("::ffff:10.0.0.0/104", False, id="an IPv4-mapped address"),
        pytest.param("fe80::%0/64", False, id="a zone"),
    ],
)
def test_which_spellings_are_usual(text: str, usual: bool) -> None:
    assert (plain_cidr_range(text) is not None) is usual

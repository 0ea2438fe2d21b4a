"""Which EndpointSlices the API server refuses: where, and in which words."""

import pytest
from tests.model.validation.written import errors_of

from ringfence.model.server_versions import OLDEST


def errors_of_slice(fields: str) -> list[str]:
    return errors_of(f"{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, {fields}}}")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ("endpoints: []", "addressType: Required value"),
        ("addressType: ipv4", 'addressType: Unsupported value: "ipv4": supported values: "FQDN", "IPv4", "IPv6"'),
        (
            "addressType: IPv4, endpoints: [{addresses: [web]}]",
            'endpoints[0].addresses[0]: Invalid value: "web": must be a valid IP address, '
            "(e.g. 10.9.8.7 or 2001:db8::ffff)",
        ),
        (
            "addressType: IPv4, endpoints: [{addresses: ['::2']}]",
            'endpoints[0].addresses: Invalid value: "::2": must be an IPv4 address',
        ),
        (
            "addressType: IPv6, endpoints: [{addresses: ['2001:DB8::1']}]",
            'endpoints[0].addresses[0]: Invalid value: "2001:DB8::1": must be in canonical form ("2001:db8::1")',
        ),
        (
            "addressType: IPv4, endpoints: [{addresses: [127.0.0.1]}]",
            'endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range '
            "(127.0.0.0/8, ::1/128)",
        ),
        (
            "addressType: FQDN, endpoints: [{addresses: [web]}]",
            'endpoints[0].addresses[0]: Invalid value: "web": should be a domain with at least two segments '
            "separated by dots",
        ),
        ("addressType: IPv4, endpoints: [{addresses: []}]", "endpoints[0].addresses: Required value"),
        (
            "addressType: IPv4, ports: [{name: a, port: 1}, {name: a, port: 2}]",
            'ports[1].name: Duplicate value: "a"',
        ),
    ],
)
def test_what_is_refused(fields: str, error: str) -> None:
    assert errors_of_slice(fields) == [error]


def test_at_most_1000_endpoints() -> None:
    endpoints = ", ".join(["{addresses: [10.0.0.1]}"] * 1001)
    assert errors_of_slice(f"addressType: IPv4, endpoints: [{endpoints}]") == [
        "endpoints: Too many: 1001: must have at most 1000 items"
    ]


def test_ambiguous_addresses_are_refused_since_1_36() -> None:
    written = """{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4,
        endpoints: [{addresses: ["::ffff:10.0.0.1"]}]}"""
    assert errors_of(written) == [
        'endpoints[0].addresses[0]: Invalid value: "::ffff:10.0.0.1": must not be an IPv4-mapped IPv6 address'
    ]
    assert errors_of(written, OLDEST) == []

"""The names of a cluster."""

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.lab.network.topology import LabBackend, LabPod, LabPort, LabService, LabServicePort, Topology
from ringfence.lab.probing import dns

A, CNAME, AAAA, ANY = 1, 5, 28, 255
NO_ERROR, FORMAT_ERROR, NO_SUCH_NAME, NOT_IMPLEMENTED = 0, 1, 3, 4

WEB = LabPod("prod/web-0", "node", (ip_address("10.0.0.1"), ip_address("fd00::1")))
DB = LabPod("prod/db", "node", (ip_address("10.0.0.2"),))
TOPOLOGY = Topology(
    (),
    (WEB, DB),
    (
        LabService(
            "prod/db",
            (ip_address("10.96.0.1"),),
            (LabServicePort("", LabPort(5432), (LabBackend(DB.addresses[0], 5432),)),),
        ),
        LabService("prod/web", (), (), ("prod/web-0",)),
        LabService("prod/mail", (), (), external_name="smtp.example.com"),
        LabService("prod/alias", (), (), external_name="db.prod.svc.cluster.local"),
        LabService("prod/crowd", (), (), tuple(f"prod/crowd-{i}" for i in range(60))),
    ),
)
CROWD = tuple(LabPod(f"prod/crowd-{i}", "node", (ip_address(f"10.0.1.{i + 1}"),)) for i in range(60))
NAMES = dns.build_zone(Topology((), (*TOPOLOGY.pods, *CROWD), TOPOLOGY.services))


def query(name: str, kind: int = A, flags: int = 0x0100, number: int = 7) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", number, flags, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def outcome(response: bytes | None) -> int:
    assert response is not None
    return response[3] & 0x0F


def addresses(response: bytes | None) -> list[str]:
    """The addresses among the answers, in order."""
    assert response is not None
    found, at = [], 12
    for part in range(1 + struct.unpack_from("!H", response, 6)[0]):
        while response[at]:
            at += 1 + response[at]
        at += 1
        if part == 0:  # the question
            at += 4
            continue
        kind, _, _, length = struct.unpack_from("!HHIH", response, at)
        if kind in (A, AAAA):
            found.append(str(ip_address(response[at + 10 : at + 10 + length])))
        at += 10 + length
    return found


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        pytest.param("db.prod.svc.cluster.local", A, ["10.96.0.1"], id="a LabService by its cluster address"),
        pytest.param("DB.Prod.svc.cluster.local", A, ["10.96.0.1"], id="names have no case"),
        pytest.param("db.prod.svc.cluster.local", AAAA, [], id="a family that it does not have"),
        pytest.param("web.prod.svc.cluster.local", A, ["10.0.0.1"], id="a headless LabService by its pods"),
        pytest.param("web.prod.svc.cluster.local", ANY, ["10.0.0.1", "fd00::1"], id="both families"),
        pytest.param("web-0.web.prod.svc.cluster.local", AAAA, ["fd00::1"], id="a pod behind a headless LabService"),
        pytest.param("10-0-0-2.prod.pod.cluster.local", A, ["10.0.0.2"], id="a pod by its address"),
        pytest.param("fd00--1.prod.pod.cluster.local", AAAA, ["fd00::1"], id="a pod by its IPv6 address"),
        pytest.param("db.prod.pod.cluster.local", A, ["10.0.0.2"], id="a pod by its name"),
        pytest.param("alias.prod.svc.cluster.local", A, ["10.96.0.1"], id="an alias inside the cluster is followed"),
        pytest.param("mail.prod.svc.cluster.local", A, [], id="an alias outside is only told"),
        pytest.param("prod.svc.cluster.local", A, [], id="a domain exists although nothing is there"),
    ],
)
def test_a_name_that_exists(name: str, kind: int, expected: list[str]) -> None:
    response = dns.answer(NAMES, query(name, kind))
    assert outcome(response) == NO_ERROR
    assert addresses(response) == expected


@pytest.mark.parametrize("name", ["nothing.prod.svc.cluster.local", "example.com", "db", "local.cluster"])
def test_a_name_that_does_not_exist(name: str) -> None:
    assert outcome(dns.answer(NAMES, query(name))) == NO_SUCH_NAME


def test_what_does_not_fit_into_a_datagram_is_left_to_tcp() -> None:
    asked = query("crowd.prod.svc.cluster.local")
    short, whole = dns.answer_datagram(NAMES, asked), dns.answer(NAMES, asked)
    assert short is not None
    assert len(short) <= 512
    assert short[2] & 0x02, "the response says that it is truncated"
    assert len(addresses(whole)) == 60


def test_over_tcp_a_query_may_come_in_pieces() -> None:
    asked = query("db.prod.svc.cluster.local")
    framed = len(asked).to_bytes(2, "big") + asked
    assert [dns.answer_stream(NAMES, framed[:length]) for length in (0, 1, 2, len(framed) - 1)] == [None] * 4
    response = dns.answer_stream(NAMES, framed)
    assert response is not None
    assert response[2:] == dns.answer(NAMES, asked)


@pytest.mark.parametrize(
    ("malformed", "expected"),
    [
        pytest.param(query("db")[:-1], FORMAT_ERROR, id="cut short"),
        pytest.param(query("db")[:14], FORMAT_ERROR, id="the name does not end"),
        pytest.param(query("db")[:12] + b"\xc0\x0c\0\1\0\1", FORMAT_ERROR, id="a name that points to itself"),
        pytest.param(query("db", flags=0x2800), NOT_IMPLEMENTED, id="an update"),
        pytest.param(query("db")[:4] + b"\0\2" + query("db")[6:], FORMAT_ERROR, id="two questions"),
        pytest.param(query("db")[:4] + b"\0\0" + query("db")[6:], FORMAT_ERROR, id="no question"),
    ],
)
def test_what_cannot_be_answered(malformed: bytes, expected: int) -> None:
    assert outcome(dns.answer(NAMES, malformed)) == expected


def test_a_response_is_not_answered() -> None:
    """Otherwise two servers could answer each other endlessly."""
    assert dns.answer(NAMES, query("db", flags=0x8000)) is None


@given(st.binary(max_size=80))
def test_anything_may_arrive(data: bytes) -> None:
    for answer in (dns.answer, dns.answer_datagram, dns.answer_stream):
        response = answer(NAMES, data)
        assert response is None or isinstance(response, bytes)

"""The ends of a connection in few words, in full and as JSON."""

import pytest
from tests.render.test_connection_views import API, BACKUP, DB, addresses

from ringfence.engine.population import Reference
from ringfence.render.ends import end_json, full_text, short_text, traffic_json
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic


@pytest.mark.parametrize(
    ("end", "written"),
    [
        (DB, "prod/db"),
        (API, "prod/Deployment/api"),
        (ALL_ADDRESSES, "any address"),
        (BACKUP, "192.168.5.10/32"),
        (addresses("10.0.0.0/8", "fd00::/8"), "10.0.0.0/8, fd00::/8"),
        (
            addresses("10.0.0.0/32", "10.0.0.2/32", "10.0.0.4/32", "10.0.0.6/32", "10.0.0.8/32", "10.0.0.10/32"),
            "10.0.0.0/32, 10.0.0.2/32, 10.0.0.4/32, 10.0.0.6/32 and 2 more",
        ),
    ],
)
def test_the_short_text_of_an_end(end: Reference | Addresses, written: str) -> None:
    assert short_text(end) == written


def test_in_full_every_cidr_is_there() -> None:
    five = addresses("10.0.0.0/32", "10.0.0.2/32", "10.0.0.4/32", "10.0.0.6/32", "10.0.0.8/32")
    assert full_text(five) == "10.0.0.0/32 10.0.0.2/32 10.0.0.4/32 10.0.0.6/32 10.0.0.8/32"
    assert full_text(ALL_ADDRESSES) == "0.0.0.0/0 ::/0"
    assert full_text(API) == "prod/Deployment/api"


def test_as_json() -> None:
    assert end_json(API) == {"namespace": "prod", "kind": "Deployment", "name": "api"}
    assert end_json(BACKUP) == {"addresses": ["192.168.5.10/32"]}


def test_traffic_is_listed_by_protocol() -> None:
    assert traffic_json(NO_TRAFFIC) == []
    assert traffic_json(Traffic(((80, 80), (8000, 8080)), ((53, 53),))) == [
        {"protocol": "TCP", "ports": "80,8000-8080"},
        {"protocol": "UDP", "ports": "53"},
    ]
    assert traffic_json(ALL_TRAFFIC) == [{"protocol": name, "ports": "1-65535"} for name in ("TCP", "UDP", "SCTP")]

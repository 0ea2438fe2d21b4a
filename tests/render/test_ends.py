"""The ends of a connection, and traffic, as JSON."""

from tests.render.test_connection_views import API, BACKUP

from ringfence.render.ends import end_json, traffic_json
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic


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

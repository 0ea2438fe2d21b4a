"""The forms of ports, on the command line and in a program, and their meaning at a pod."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.members import member_in
from tests.semantics.judges import cluster_of
from tests.semantics.objects import container_port, pod

from ringfence.analysis.endpoints.ports import AskedPorts, PortName, asked_ports, parse_port
from ringfence.errors import InputError
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic

POD = pod(
    "x/db",
    {},
    ports=[container_port("dns", 53, "UDP"), container_port("dns-tcp", 53), container_port("metrics", 9187)],
)


def tcp(low: int, high: int = 0) -> Traffic:
    return Traffic.of("TCP", ((low, high or low),))


class TestText:
    @pytest.mark.parametrize(
        ("text", "meaning"),
        [
            pytest.param("3306", tcp(3306), id="a number is a TCP port"),
            pytest.param("53/UDP", Traffic.of("UDP", ((53, 53),)), id="with a protocol"),
            pytest.param("53/udp", Traffic.of("UDP", ((53, 53),)), id="in small letters"),
            pytest.param("2905/SCTP", Traffic.of("SCTP", ((2905, 2905),)), id="SCTP"),
            pytest.param("80/", tcp(80), id="an empty protocol is the default"),
            pytest.param("00080", tcp(80), id="leading zeros are ignored"),
            pytest.param("8000-8080", tcp(8000, 8080), id="a range"),
            pytest.param("8000-8080/UDP", Traffic.of("UDP", ((8000, 8080),)), id="a range of UDP"),
            pytest.param("1-65535", tcp(1, 65535), id="every port"),
            pytest.param("metrics", PortName("metrics"), id="a name, of any protocol"),
            pytest.param("dns/udp", PortName("dns", "UDP"), id="a name of one protocol"),
            pytest.param("all", ALL_TRAFFIC, id="all traffic"),
        ],
    )
    def test_valid(self, text: str, meaning: Traffic | PortName) -> None:
        assert parse_port(text) == meaning

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "'' is not a valid port: use 3306, 53/UDP, 8000-8080, the name of a port, or all"),
            ("-1", "'-1' is not a valid port: use 3306, 53/UDP, 8000-8080, the name of a port, or all"),
            ("80,443", "'80,443' is not a valid port: give each port separately: -p 80 -p 443"),
            ("tcp/80", "'tcp/80' is not a valid port: use 80/TCP"),
            ("UDP:53", "'UDP:53' is not a valid port: use 53/UDP"),
            ("٨٠", "'٨٠' is not a valid port: use 3306, 53/UDP, 8000-8080, the name of a port, or all"),
            ("0", "'0' is not a valid port: use a number from 1 to 65535"),
            ("65536", "'65536' is not a valid port: use a number from 1 to 65535"),
            ("90-80", "'90-80' is not a valid range of ports: it ends before it begins: use 80-90"),
            ("80-70000", "'80-70000' is not a valid range of ports: use numbers from 1 to 65535, such as 8000-8080"),
            ("80/ICMP", "'80/ICMP' has an unknown protocol: use TCP, UDP or SCTP"),
            ("80/TCP/x", "'80/TCP/x' has an unknown protocol: use TCP, UDP or SCTP"),
        ],
    )
    def test_invalid(self, text: str, message: str) -> None:
        with pytest.raises(InputError) as raised:
            parse_port(text)
        assert str(raised.value) == message

    @given(st.text("0123456789-/TCPUDPSCTPudp allmetrics", max_size=10))
    def test_any_text_is_a_port_or_a_mistake(self, text: str) -> None:
        try:
            found = parse_port(text)
        except InputError:
            return
        assert isinstance(found, PortName) or found

    @given(st.integers(1, 65535), st.integers(1, 65535), st.sampled_from(["TCP", "UDP", "SCTP"]))
    def test_a_range_has_all_ports_between_its_ends(self, one: int, other: int, protocol: str) -> None:
        low, high = sorted((one, other))
        assert parse_port(f"{low}-{high}/{protocol}") == Traffic.of(protocol, ((low, high),))


class TestInAProgram:
    @pytest.mark.parametrize(
        ("port", "protocol", "text"),
        [
            (3306, None, "TCP 3306"),
            (53, "udp", "UDP 53"),
            ("53/UDP", None, "UDP 53"),
            ("53/UDP", "UDP", "UDP 53"),
            (range(8000, 8081), None, "TCP 8000-8080"),
            ([22, "8000-8080", "metrics"], None, "TCP 22,8000-8080 and metrics"),
            ("metrics", "TCP", "metrics/TCP"),
            (["dns", "dns"], None, "dns"),
            (None, None, "all traffic"),
            ("all", None, "all traffic"),
        ],
    )
    def test_valid(self, port: int, protocol: str | None, text: str) -> None:
        assert str(asked_ports(port, protocol)) == text

    @pytest.mark.parametrize("port", [True, 3.5, b"80", [[80]], {}, [], range(80, 80), range(80, 90, 2), 0, "80/ICMP"])
    def test_invalid_ports(self, port: int) -> None:
        with pytest.raises(InputError, match=r": use |: name a port"):
            asked_ports(port)

    @pytest.mark.parametrize("protocol", ["ICMP", "", 6])
    def test_invalid_protocols(self, protocol: str) -> None:
        with pytest.raises(InputError, match="is not a protocol of NetworkPolicies: use TCP, UDP or SCTP"):
            asked_ports(80, protocol)

    def test_a_protocol_that_contradicts_the_port(self) -> None:
        with pytest.raises(InputError, match="'53/UDP' contradicts the protocol TCP: give the protocol once"):
            asked_ports("53/UDP", "TCP")


class TestAtAPod:
    @pytest.mark.parametrize(
        ("ports", "traffic"),
        [
            (["dns"], Traffic.of("UDP", ((53, 53),))),
            (["dns/TCP"], NO_TRAFFIC),
            (["metrics", 80], tcp(80) | tcp(9187)),
            (["http", 80], tcp(80)),
            (["metrics", "all"], ALL_TRAFFIC),
            ([], ALL_TRAFFIC),
        ],
    )
    def test_a_name_stands_for_the_ports_that_the_pod_gives_it(self, ports: list[int | str], traffic: Traffic) -> None:
        asked = asked_ports(ports) if ports else AskedPorts()
        assert asked.at(member_in(cluster_of([POD]).state, "x/db")) == traffic

    @pytest.mark.parametrize(
        ("ports", "single"),
        [(80, ("TCP", 80)), ([80, 80], ("TCP", 80)), ([80, 81], None), ("80-81", None), ("dns", None), ("all", None)],
    )
    def test_a_question_about_a_single_port(self, ports: int, single: tuple[str, int] | None) -> None:
        assert asked_ports(ports).single == single

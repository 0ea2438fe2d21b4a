"""The prober: an answer means allowed, silence means denied, and what could not be sent is an error."""

import errno
import os
import resource
import socket
import subprocess
import time
from collections.abc import Callable
from ipaddress import ip_address

import pytest
from tests.lab.bench import PORTS, Bench, cluster
from tests.lab.sandboxes import in_sandbox

from ringfence.errors import LaboratoryError
from ringfence.lab.network.linux import in_network_namespace
from ringfence.lab.network.topology import LabPort
from ringfence.lab.probing import prober
from ringfence.lab.probing.event_loop import EventLoop
from ringfence.lab.probing.prober import SILENCE_TIMEOUT, Attempt, observe
from ringfence.lab.probing.servers import name_responder, open_server

WEB = LabPort(80)


@pytest.mark.parametrize(("version", "drop"), [(4, "ip daddr 10.0.0.2"), (6, "ip6 daddr fd00::2")])
def test_what_is_dropped_is_not_reached(version: int, drop: str) -> None:
    """Everything else is: other destinations, the other direction, other ports, the other family."""
    expected = [False, True, True, True, True]

    def reached() -> dict[str, list[bool]]:
        bench = Bench(cluster(3, 2))
        found = {}
        for port in PORTS:
            bench.filter(f"{drop} meta l4proto {port.protocol.lower()} th dport {port.number} drop")
            (other,) = (one for one in PORTS if one.protocol == port.protocol and one != port)
            attempts = [
                bench.attempt("x/0", "x/1", port, version),
                bench.attempt("x/0", "x/2", port, version),
                bench.attempt("x/1", "x/0", port, version),
                bench.attempt("x/0", "x/1", other, version),
                bench.attempt("x/0", "x/1", port, 10 - version),
            ]
            found[str(port)] = bench.observe(attempts, expected)
        return found

    assert in_sandbox(reached) == {str(port): expected for port in PORTS}


def test_results_are_in_the_order_of_the_attempts() -> None:
    """They are sent sender by sender."""
    denied, allowed = [False] * len(PORTS), [True] * len(PORTS)
    expected = [*denied, *allowed, *allowed, *denied, *allowed, *denied]

    def reached() -> list[bool]:
        bench = Bench(cluster(4, 2))
        bench.filter("ip daddr 10.0.0.4 drop")
        names = [("x/0", "x/3"), ("x/1", "x/0"), ("x/0", "x/1"), ("x/1", "x/3"), ("x/2", "x/0"), ("x/2", "x/3")]
        attempts = (bench.attempt(source, destination, port, 4) for source, destination in names for port in PORTS)
        return bench.observe(attempts, expected)

    assert in_sandbox(reached) == expected


@pytest.mark.parametrize("protocol", ["TCP", "UDP", "SCTP"])
def test_more_attempts_of_one_sender_than_are_sent_at_once(protocol: str) -> None:
    def progress() -> tuple[list[bool], list[int]]:
        bench = Bench(cluster(2, 1))
        port = next(port for port in PORTS if port.protocol == protocol)
        sent: list[int] = []
        attempts = [bench.attempt("x/0", "x/1", port, 4)] * 150
        return observe(bench.loop, attempts, SILENCE_TIMEOUT, sent.append), sent

    reached, sent = in_sandbox(progress)
    assert reached == [True] * 150
    assert sent == [64, 128, 150]


def test_many_silent_attempts_do_not_use_up_the_descriptors() -> None:
    def reached() -> list[bool]:
        bench = Bench(cluster(2, 1))
        bench.filter("ip daddr 10.0.0.2 drop")
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
        return observe(bench.loop, [bench.attempt("x/0", "x/1", WEB, 4)] * 400, 0.05)

    assert in_sandbox(reached) == [False] * 400


def test_without_a_route_an_attempt_is_not_answered() -> None:
    expected = [False] * len(PORTS)

    def reached() -> list[bool]:
        bench = Bench(cluster(1, 1))
        with in_network_namespace(bench.network.pod(bench.topology.pods[0])):
            subprocess.run(["ip", "route", "del", "default"], check=True)
        here = bench.network.pod(bench.topology.pods[0])
        attempts = [Attempt(here, ip_address("8.8.8.8"), LabPort(1, port.protocol)) for port in PORTS]
        return bench.observe(attempts, expected)

    assert in_sandbox(reached) == expected


def test_a_rule_in_the_pod_itself_denies_like_any_other() -> None:
    """The kernel then refuses to send (EPERM), which is not an error of the prober."""
    expected = [False] * len(PORTS)

    def reached() -> list[bool]:
        bench = Bench(cluster(2, 1))
        with in_network_namespace(bench.network.pod(bench.topology.pods[0])):
            rules = "table inet t { chain o { type filter hook output priority 0; drop; }; }"
            subprocess.run(["/usr/sbin/nft", "-f", "-"], input=rules, text=True, check=True)
        return bench.observe((bench.attempt("x/0", "x/1", port, 4) for port in PORTS), expected)

    assert in_sandbox(reached) == expected


def failing(protocol: str) -> Callable[[], str]:
    """The error of a probe that the kernel does not send for lack of memory."""

    def message() -> str:
        bench = Bench(cluster(2, 1))

        def refuse(*arguments: object) -> bool:
            raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))

        def connect_ex(sock: socket.socket, address: object) -> int:
            return errno.ENOBUFS

        monkeypatch = pytest.MonkeyPatch()  # never undone: this process ends with the sandbox
        monkeypatch.setattr(prober, "send", refuse)
        monkeypatch.setattr(socket.socket, "connect_ex", connect_ex)
        port = next(port for port in PORTS if port.protocol == protocol)
        with pytest.raises(LaboratoryError) as caught:
            bench.observe([bench.attempt("x/0", "x/1", port, 4)])
        return str(caught.value)

    return message


@pytest.mark.parametrize("protocol", ["TCP", "UDP", "SCTP"])
def test_what_cannot_be_sent_is_an_error_and_not_denied(protocol: str) -> None:
    """Otherwise a machine without memory would agree with every policy that denies."""
    assert in_sandbox(failing(protocol)) == "probes cannot be sent: No buffer space available"


def test_a_connection_that_is_reset_at_once_was_reached() -> None:
    def reached() -> list[bool]:
        bench = Bench(cluster(2, 1))

        def reset(request: bytes) -> bytes | None:
            raise ConnectionResetError

        pod = bench.topology.pods[1]
        with in_network_namespace(bench.network.pod(pod)):
            open_server(bench.loop, pod.addresses[0], LabPort(99), reset)
        return bench.observe([bench.attempt("x/0", "x/1", LabPort(99), 4)])

    assert in_sandbox(reached) == [True]


def test_a_closed_port_is_not_answered() -> None:
    expected = [False] * 3

    def reached() -> list[bool]:
        bench = Bench(cluster(2, 1))
        closed = (LabPort(7), LabPort(7, "UDP"), LabPort(7, "SCTP"))
        return bench.observe((bench.attempt("x/0", "x/1", port, 4) for port in closed), expected)

    assert in_sandbox(reached) == expected


def test_silence_lasts_for_the_given_time() -> None:
    def seconds() -> float:
        bench = Bench(cluster(2, 1))
        bench.filter("ip daddr 10.0.0.2 drop")
        begin = time.monotonic()
        observe(bench.loop, [bench.attempt("x/0", "x/1", WEB, 4)], 0.6)
        return time.monotonic() - begin

    assert in_sandbox(seconds) >= 0.6


def test_when_all_are_answered_it_does_not_wait_for_silence() -> None:
    """Otherwise the test would take ten minutes, which is longer than it may."""

    def reached() -> list[bool]:
        bench = Bench(cluster(2, 1))
        return observe(bench.loop, [bench.attempt("x/0", "x/1", port, 4) for port in PORTS] * 20, 600)

    assert in_sandbox(reached) == [True] * 20 * len(PORTS)


def test_nothing_to_observe_takes_no_time() -> None:
    begin = time.monotonic()
    assert observe(EventLoop(), [], 60) == []
    assert time.monotonic() - begin < 10


def test_no_socket_stays_open() -> None:
    def descriptors() -> tuple[int, int]:
        bench = Bench(cluster(2, 1))
        bench.filter("ip daddr 10.0.0.2 drop")
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        attempts = [attempt for _, _, attempt in bench.all_attempts()]
        observe(bench.loop, attempts, SILENCE_TIMEOUT)
        return before, len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    before, after = in_sandbox(descriptors)
    assert after == before


@pytest.mark.parametrize("port", PORTS[::2], ids=str)
def test_a_repeated_probe_does_not_pass_as_part_of_the_first_ones_connection(port: LabPort) -> None:
    """The rules accept what is established, and the kernel still tracks the first connection."""

    def reached() -> list[bool]:
        bench = Bench(cluster(2, 1))
        bench.filter("ip daddr 10.0.0.99 drop")
        first = bench.observe([bench.attempt("x/0", "x/1", port, 4)])
        bench.filter("ip daddr 10.0.0.2 drop")
        return first + bench.observe([bench.attempt("x/0", "x/1", port, 4)], [False])

    assert in_sandbox(reached) == [True, False]


@pytest.mark.parametrize("port", PORTS[::2], ids=str)
def test_the_same_can_be_attempted_twice_at_once(port: LabPort) -> None:
    """Two pods of the host network have one address: both attempts are answered, by rules that track connections."""

    def reached() -> list[bool]:
        bench = Bench(cluster(2, 1))
        bench.filter("ct state != new drop")
        return bench.observe([bench.attempt("x/0", "x/1", port, 4)] * 3)

    assert in_sandbox(reached) == [True] * 3


def test_a_datagram_that_is_not_the_probe_does_not_count() -> None:
    """Each run has a nonce of its own, which must come back."""
    expected = [False, True]

    def reached() -> list[bool]:
        bench = Bench(cluster(2, 1))
        pod = bench.topology.pods[1]
        with in_network_namespace(bench.network.pod(pod)):
            open_server(bench.loop, pod.addresses[0], LabPort(99, "UDP"), lambda request: b"\0" * len(request))
            open_server(bench.loop, pod.addresses[0], LabPort(98, "UDP"), name_responder("x"))
        attempts = (bench.attempt("x/0", "x/1", LabPort(number, "UDP"), 4) for number in (99, 98))
        return bench.observe(attempts, expected)

    assert in_sandbox(reached) == expected

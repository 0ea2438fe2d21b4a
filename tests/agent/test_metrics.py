"""The Prometheus metrics of an agent."""

import re

from ringfence.agent.metrics import Metrics
from ringfence.dataplane.packet_counts import BridgeCounts, DropCount
from ringfence.dataplane.program import Program
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family


def drops(packets: int, address: int = 1, direction: Direction = Direction.INGRESS) -> DropCount:
    return DropCount(direction, Family.IPV4, address, packets, 100 * packets)


def value(metrics: Metrics, sample: str) -> float:
    found = re.search(rf"^{re.escape(sample)} (\S+)$", metrics.text().decode(), re.M)
    assert found, sample
    return float(found[1])


INGRESS = 'ringfence_dropped_packets_total{direction="ingress"}'


class TestDrops:
    def test_the_increase_of_a_counter_of_the_kernel_is_added(self) -> None:
        metrics = Metrics()
        metrics.show_drops([drops(5)])
        metrics.show_drops([drops(5)])
        assert value(metrics, INGRESS) == 5
        metrics.show_drops([drops(7)])
        assert value(metrics, INGRESS) == 7

    def test_a_counter_of_the_kernel_that_restarted_adds_up(self) -> None:
        metrics = Metrics()
        metrics.show_drops([drops(5)])
        metrics.show_drops([drops(2)])
        assert value(metrics, INGRESS) == 7

    def test_an_address_that_was_not_isolated_meanwhile_starts_from_zero(self) -> None:
        metrics = Metrics()
        metrics.show_drops([drops(5)])
        metrics.show_drops([])
        metrics.show_drops([drops(6)])
        assert value(metrics, INGRESS) == 11

    def test_addresses_and_directions_are_counted_apart(self) -> None:
        metrics = Metrics()
        metrics.show_drops([drops(5), drops(3, address=2), drops(1, direction=Direction.EGRESS)])
        metrics.show_drops([drops(5), drops(4, address=2), drops(2, direction=Direction.EGRESS)])
        assert value(metrics, INGRESS) == 9
        assert value(metrics, 'ringfence_dropped_packets_total{direction="egress"}') == 2
        assert value(metrics, 'ringfence_isolated_addresses{direction="ingress"}') == 2
        assert value(metrics, 'ringfence_isolated_addresses{direction="egress"}') == 1


def test_frames_on_bridges_are_counted_by_reason_also_if_the_counters_of_the_kernel_restart() -> None:
    metrics = Metrics()
    for spoofed in (3, 5, 4):
        metrics.show_bridges(BridgeCounts(spoofed, 1))
    assert value(metrics, 'ringfence_bridge_dropped_frames_total{reason="spoofed"}') == 9
    assert value(metrics, 'ringfence_bridge_dropped_frames_total{reason="denied"}') == 1


def test_ports_of_bridges_are_counted_by_where_they_lead() -> None:
    metrics = Metrics()
    metrics.show_ports({"pod": 3, "other": 0, "unknown": 1})
    assert value(metrics, 'ringfence_bridge_ports{leads_to="pod"}') == 3


def test_spoofed_packets_are_counted_by_family_also_if_the_counters_of_the_kernel_restart() -> None:
    metrics = Metrics()
    for count in (5, 5, 7, 2):
        metrics.show_spoofed({Family.IPV4: count, Family.IPV6: 0})
    assert value(metrics, 'ringfence_spoofed_packets_total{family="IPv4"}') == 9
    assert value(metrics, 'ringfence_spoofed_packets_total{family="IPv6"}') == 0


def test_held_packets_are_counted_by_reason_and_family() -> None:
    metrics = Metrics()
    for count in (5, 7, 2):
        metrics.show_held("unknown", {Family.IPV4: count, Family.IPV6: 0})
    metrics.show_held("closed", {Family.IPV4: 0, Family.IPV6: 4})
    assert value(metrics, 'ringfence_held_packets_total{family="IPv4",reason="unknown"}') == 9
    assert value(metrics, 'ringfence_held_packets_total{family="IPv6",reason="closed"}') == 4
    assert value(metrics, 'ringfence_held_packets_total{family="IPv4",reason="closed"}') == 0


def test_packets_that_others_exempt_from_tracking_are_counted_by_family() -> None:
    metrics = Metrics()
    for count in (5, 7):
        metrics.show_untracked({Family.IPV4: count, Family.IPV6: 0})
    assert value(metrics, 'ringfence_untracked_packets_total{family="IPv4"}') == 7


def test_totals_since_the_start_are_counters() -> None:
    metrics = Metrics()
    metrics.show_program(Program(), transactions=3, ended=1)
    metrics.show_program(Program(), transactions=5, ended=1)
    assert value(metrics, "ringfence_transactions_total") == 5
    assert value(metrics, "ringfence_ended_connections_total") == 1


def test_objects_are_shown_by_kind() -> None:
    metrics = Metrics()
    metrics.show_objects({"Pod": 7, "Node": 1}, identities=3, problems=2)
    assert value(metrics, 'ringfence_objects{kind="Pod"}') == 7
    assert value(metrics, "ringfence_identities") == 3
    assert value(metrics, "ringfence_unusable_objects") == 2


def test_two_agents_of_one_process_do_not_share_metrics() -> None:
    one, other = Metrics(), Metrics()
    one.repairs.inc()
    assert value(other, "ringfence_repairs_total") == 0


def test_lines_that_the_log_dropped_are_counted() -> None:
    lost = 0
    metrics = Metrics(lambda: lost)
    for lost in (0, 3, 5):
        metrics.show_log()
        assert value(metrics, "ringfence_dropped_log_lines_total") == lost


def test_the_lag_is_that_of_the_time_when_somebody_asks() -> None:
    metrics = Metrics()
    seconds = [3.0]
    metrics.show_lag(lambda: seconds[0])
    assert value(metrics, "ringfence_lag_seconds") == 3
    seconds[0] = 7.5
    assert value(metrics, "ringfence_lag_seconds") == 7.5


def test_changes_that_wait_and_closed_pods_are_counted() -> None:
    metrics = Metrics()
    metrics.show_waiting(12)
    metrics.show_closed_pods("share", 3)
    metrics.show_closed_pods("new", 2)
    assert value(metrics, "ringfence_waiting_changes") == 12
    assert value(metrics, 'ringfence_closed_pods{reason="share"}') == 3
    assert value(metrics, 'ringfence_closed_pods{reason="new"}') == 2

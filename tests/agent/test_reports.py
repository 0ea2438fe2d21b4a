"""What the agent logs and counts, and how often."""

import io
from collections.abc import Iterator

import pytest

from ringfence.agent.inbox import PacketLogFailed
from ringfence.agent.log import logging_to
from ringfence.agent.metrics import Metrics
from ringfence.agent.reports import CLOSING_INTERVAL, Reports
from ringfence.agent.view import View
from ringfence.dataplane.adoption import Adopted
from ringfence.dataplane.kernel import ProfileRefused
from ringfence.errors import KernelError
from ringfence.sources.cluster.events import (
    Alive,
    CaughtUp,
    Listed,
    Served,
    Unchecked,
    WatchFailed,
    WatchInterrupted,
)


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    with logging_to(stream, as_json=False):
        yield stream


class Reporting:
    """A reporter, and what it has counted."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.reports = Reports(self.metrics)

    def count(self, name: str) -> float:
        lines = self.metrics.text().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


@pytest.fixture
def one(stream: io.StringIO) -> Reporting:
    return Reporting()


class TestInterruptions:
    def test_the_same_reason_is_logged_once_and_counted_each_time(self, one: Reporting, stream: io.StringIO) -> None:
        for _ in range(3):
            one.reports.watch(WatchInterrupted("Pod", "connection refused", 0.1), 0.0)
        assert stream.getvalue().count("watch interrupted: connection refused kind=Pod") == 1
        assert one.count('ringfence_watch_restarts_total{kind="Pod"}') == 3

    def test_another_reason_or_another_kind_is_logged(self, one: Reporting, stream: io.StringIO) -> None:
        for kind, reason in (("Pod", "refused"), ("Pod", "forbidden"), ("Node", "forbidden")):
            one.reports.watch(WatchInterrupted(kind, reason, 0.1), 0.0)
        assert stream.getvalue().count("watch interrupted") == 3

    def test_a_watch_that_is_open_again_is_logged_once(self, one: Reporting, stream: io.StringIO) -> None:
        one.reports.watch(WatchInterrupted("Pod", "refused", 0.1), 0.0)
        for _ in range(3):
            one.reports.watch(Alive("Pod"), 0.0)
        assert stream.getvalue().count("watching again kind=Pod") == 1

    def test_the_same_reason_is_logged_again_after_the_watch_was_open(
        self, one: Reporting, stream: io.StringIO
    ) -> None:
        for event in (WatchInterrupted("Pod", "refused", 0.1), Alive("Pod"), WatchInterrupted("Pod", "refused", 0.1)):
            one.reports.watch(event, 0.0)
        assert stream.getvalue().count("watch interrupted") == 2

    def test_an_interruption_lasts_until_the_watch_is_open_for_more_than_a_moment(self, one: Reporting) -> None:
        def interrupt(at: float) -> float:
            one.reports.watch(WatchInterrupted("Pod", "refused", 0.1), at)
            return one.reports.interruptions["Pod"].since

        assert [interrupt(at) for at in (1.0, 2.0)] == [1.0, 1.0]
        one.reports.watch(Alive("Pod"), 3.0)
        assert not one.reports.interruptions
        assert interrupt(3.5) == 1.0
        one.reports.watch(Alive("Pod"), 4.0)
        assert interrupt(5.0) == 5.0

    def test_a_watch_that_was_never_interrupted_is_not_logged(self, one: Reporting, stream: io.StringIO) -> None:
        one.reports.watch(Alive("Pod"), 0.0)
        assert stream.getvalue() == ""

    def test_a_watch_that_a_defect_has_ended_stays_known_until_it_is_open(
        self, one: Reporting, stream: io.StringIO
    ) -> None:
        for kind in ("Pod", "Node"):
            one.reports.watch(WatchFailed(kind, KeyError("x"), 0.1), 0.0)
        assert one.reports.failed_watches == {"Pod", "Node"}
        one.reports.watch(Alive("Pod"), 0.0)
        assert one.reports.failed_watches == {"Node"}
        assert stream.getvalue().count("a defect of ringfence (watch)") == 2


def test_a_list_is_logged_with_its_size(one: Reporting, stream: io.StringIO) -> None:
    one.reports.watch(Listed("Pod", frozenset({("x", "a"), ("x", "b")})), 0.0)
    assert "listed kind=Pod objects=2" in stream.getvalue()


def test_a_check_of_a_watch_that_fails_is_logged_once_until_one_succeeds(one: Reporting, stream: io.StringIO) -> None:
    text = "the check whether all objects are known has failed"
    for _ in range(2):
        for kind in ("Pod", "Node", "Pod"):
            one.reports.watch(Unchecked(kind, "the server is busy", 0.1), 0.0)
        one.reports.watch(CaughtUp("Pod", "", 0.0), 0.0)
    assert stream.getvalue().count(f"{text}: the server is busy kind=Pod") == 2
    assert stream.getvalue().count(f"{text}: the server is busy kind=Node") == 1
    one.reports.watch(Unchecked("Node", "forbidden", 0.1), 0.0)
    assert stream.getvalue().count(f"{text}: forbidden kind=Node") == 1


class TestServedKinds:
    KIND = "AdminNetworkPolicy.policy.networking.k8s.io"

    @pytest.mark.parametrize(
        ("version", "text"),
        [
            pytest.param("", "the API server does not have this kind", id="a kind that the server lacks"),
            pytest.param("policy.networking.k8s.io/v9", "does not know: it is read as", id="an unknown version"),
        ],
    )
    def test_what_the_server_has_is_logged_when_it_changes(
        self, one: Reporting, stream: io.StringIO, version: str, text: str
    ) -> None:
        for _ in range(3):
            one.reports.watch(Served(self.KIND, version), 0.0)
        assert stream.getvalue().count(text) == 1
        for served in ("policy.networking.k8s.io/v1alpha1", version):
            one.reports.watch(Served(self.KIND, served), 0.0)
        again = text if version else "the API server no longer has this kind"
        assert stream.getvalue().count(again) == (2 if version else 1)
        assert one.count(f'ringfence_kind_served{{kind="{self.KIND}"}}') == bool(version)

    def test_a_list_of_a_kind_that_the_server_lacks_is_not_logged(self, one: Reporting, stream: io.StringIO) -> None:
        for version in ("", "policy.networking.k8s.io/v1alpha1"):
            one.reports.watch(Served(self.KIND, version), 0.0)
            one.reports.watch(Listed(self.KIND, frozenset()), 0.0)
        assert stream.getvalue().count("listed") == 1


class TestFailures:
    def test_the_same_failure_is_logged_once_and_counted_each_time(self, one: Reporting, stream: io.StringIO) -> None:
        for _ in range(3):
            one.reports.failures("kernel", [KernelError("no memory", 12)])
        assert stream.getvalue().count("no memory: the kernel may not hold all rules") == 1
        assert one.count('ringfence_failures_total{stage="kernel"}') == 3

    def test_pods_are_called_closed_only_if_they_are(self, one: Reporting, stream: io.StringIO) -> None:
        one.reports.failures("kernel", [ProfileRefused(KernelError("no memory", 12, "chain"))])
        assert "no memory: the pods concerned are closed until an attempt succeeds" in stream.getvalue()

    def test_the_end_of_failures_is_logged_once(self, one: Reporting, stream: io.StringIO) -> None:
        one.reports.failures("kernel", [KernelError("no memory", 12)])
        for _ in range(3):
            one.reports.failures("kernel", [])
        assert stream.getvalue().count("the kernel accepts the rules that it refused before") == 1

    def test_a_defect_is_logged_with_its_traceback_each_time(self, one: Reporting, stream: io.StringIO) -> None:
        for _ in range(2):
            one.reports.failures("kernel", [ZeroDivisionError("ours")])
        assert stream.getvalue().count("a defect of ringfence (compile): ZeroDivisionError: ours trace=") == 2
        assert one.count('ringfence_failures_total{stage="compile"}') == 2
        assert one.count('ringfence_failures_total{stage="kernel"}') == 0


class TestObjects:
    def test_a_problem_is_logged_once_and_again_when_it_changes(self, one: Reporting, stream: io.StringIO) -> None:
        view = View()
        for text in ("port 0", "port 0", "port 70000"):
            view.problems["NetworkPolicy", "x", "p"] = text
            one.reports.objects(view)
        assert stream.getvalue().count("NetworkPolicy cannot be used as it is") == 2
        assert stream.getvalue().count("cannot be used as it is: port 0") == 1

    def test_a_problem_that_comes_back_is_logged_again(self, one: Reporting, stream: io.StringIO) -> None:
        view = View()
        for problems in ({("Pod", "x", "p"): "bad"}, {}, {("Pod", "x", "p"): "bad"}):
            view.problems = dict(problems)
            one.reports.objects(view)
        assert stream.getvalue().count("cannot be used as it is") == 2

    def test_a_defect_with_an_object_is_logged_once(self, one: Reporting, stream: io.StringIO) -> None:
        view = View()
        view.defects = {("Pod", "x", "p"): KeyError("ours")}
        for _ in range(3):
            one.reports.objects(view)
        assert stream.getvalue().count("a defect of ringfence (event)") == 1
        view.defects = {("Pod", "x", "p"): KeyError("ours")}
        one.reports.objects(view)
        assert stream.getvalue().count("a defect of ringfence (event)") == 2


def test_errors_of_the_node_are_logged_once_while_they_last(one: Reporting, stream: io.StringIO) -> None:
    for errors in (["a"], ["a", "b"], ["b"], ["a", "b"]):
        one.reports.node(errors)
    assert [line.split()[-1] for line in stream.getvalue().splitlines()] == ["a", "b", "a"]


def test_packets_that_others_exempt_from_tracking_are_logged_once(one: Reporting, stream: io.StringIO) -> None:
    for packets in (0, 3, 0, 5):
        one.reports.untracked(packets)
    assert stream.getvalue().count("another program exempts packets from connection tracking") == 1


def test_a_review_that_fails_is_logged_once_while_it_lasts_and_counted(one: Reporting, stream: io.StringIO) -> None:
    for _ in range(2):
        for failure in (KernelError("no memory", 12), KernelError("no memory", 12)):
            one.reports.review(failure)
            one.reports.review(failure)
        one.reports.review(None)
        one.reports.review(None)
    assert stream.getvalue().count("may be open until they can be judged: no memory") == 2
    assert stream.getvalue().count("tracked connections are judged again") == 2
    assert one.count('ringfence_failures_total{stage="review"}') == 4


def test_links_that_cannot_be_read_are_logged_once_while_this_lasts_and_counted(
    one: Reporting, stream: io.StringIO
) -> None:
    for _ in range(2):
        for _ in range(2):
            one.reports.veth_pairs(OSError(1, "Operation not permitted"))
        for _ in range(2):
            one.reports.veth_pairs(None)
    text = "the links of pods cannot be read, so new pods stay closed: Operation not permitted"
    assert stream.getvalue().count(text) == 2
    assert stream.getvalue().count("the links of pods are read again") == 2
    assert one.count('ringfence_failures_total{stage="links"}') == 4
    one.reports.veth_pairs(KeyError("ours"))
    assert "a defect of ringfence (links): KeyError: 'ours' trace=" in stream.getvalue()


def test_connections_that_were_adopted_are_logged_once(one: Reporting, stream: io.StringIO) -> None:
    for adopted in (None, Adopted(7, 2, 1), Adopted(8, 2, 1)):
        one.reports.adopted(adopted)
    text = "adopted connections that the kernel had not tracked before"
    assert stream.getvalue().count(text) == 1
    assert f"{text} connections=7 reversed=2 ambiguous=1" in stream.getvalue()


def test_a_defect_of_a_review_has_its_traceback(one: Reporting, stream: io.StringIO) -> None:
    one.reports.review(KeyError("ours"))
    assert "a defect of ringfence (review): KeyError: 'ours' trace=" in stream.getvalue()


def test_a_packet_log_that_fails_is_logged_once_while_it_lasts_and_counted(one: Reporting, stream: io.StringIO) -> None:
    for _ in range(2):
        one.reports.packet_log_failed(PacketLogFailed(KernelError("taken", 16), 2.0))
        one.reports.packet_log_failed(PacketLogFailed(KernelError("taken", 16), 4.0))
        one.reports.packet_log_restored()
    assert stream.getvalue().count("denied packets are not logged: taken retry_in=2.0") == 2
    assert "retry_in=4.0" not in stream.getvalue()
    assert stream.getvalue().count("denied packets are logged again") == 2
    assert one.count('ringfence_failures_total{stage="log"}') == 4


def test_a_standby_process_that_fails_is_logged_once_while_it_lasts_and_counted(
    one: Reporting, stream: io.StringIO
) -> None:
    one.reports.standby_restored()
    assert not stream.getvalue(), "it had not failed"
    for _ in range(2):
        one.reports.standby_failed(OSError(2, "no program"))
        one.reports.standby_failed(OSError(2, "no program"))
        one.reports.standby_restored()
        one.reports.standby_restored()
    assert stream.getvalue().count("is restored later: [Errno 2] no program") == 2
    assert stream.getvalue().count("the standby process runs again") == 2
    assert one.count('ringfence_failures_total{stage="standby"}') == 4


def test_a_defect_of_the_packet_log_has_its_traceback(one: Reporting, stream: io.StringIO) -> None:
    one.reports.packet_log_failed(PacketLogFailed(KeyError("ours"), 2.0))
    assert "a defect of ringfence (log): KeyError: 'ours' trace=" in stream.getvalue()
    assert one.count('ringfence_failures_total{stage="log"}') == 1


class TestClosedNamespaces:
    def test_a_namespace_that_is_closed_repeatedly_is_counted_each_time_and_logged_now_and_then(
        self, one: Reporting, stream: io.StringIO
    ) -> None:
        for second in range(10):
            one.reports.closed(frozenset({"x"}), second)
            one.reports.closed(frozenset(), second)
        assert one.count("ringfence_closings_total") == 10
        assert stream.getvalue().count("its pods are closed for now namespace=x") == 1
        assert stream.getvalue().count("the policies of the namespace are in force namespace=x") == 1
        one.reports.closed(frozenset({"x", "y"}), CLOSING_INTERVAL)
        assert stream.getvalue().count("its pods are closed for now namespace=x") == 2
        assert stream.getvalue().count("its pods are closed for now namespace=y") == 1

    def test_a_namespace_that_stays_closed_is_logged_once(self, one: Reporting, stream: io.StringIO) -> None:
        for second in range(1_000):
            one.reports.closed(frozenset({"x"}), second)
        assert one.count("ringfence_closings_total") == 1
        assert stream.getvalue().count("namespace=x") == 1

"""Running an agent: the only one of its network namespace, until it is stopped."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec

from ringfence.agent import health
from ringfence.agent.enforcement import NodeKernel
from ringfence.agent.event_writer import writing_events
from ringfence.agent.garbage import shorten_collections
from ringfence.agent.inbox import Arrival, Inbox
from ringfence.agent.initial_hold import hold_from_start
from ringfence.agent.link_thread import following_veth_pairs
from ringfence.agent.log import log, values
from ringfence.agent.loop import AgentLoop, LoopOutputs
from ringfence.agent.metrics import Metrics
from ringfence.agent.new_pods import CHECKED_KINDS
from ringfence.agent.packet_log_thread import reading_packet_log
from ringfence.agent.readiness_log import reporting_readiness
from ringfence.agent.remembered_ranges import RememberedRanges, forget_ranges
from ringfence.agent.repair_thread import repairing
from ringfence.agent.settings import Settings
from ringfence.agent.singleton import only_agent
from ringfence.agent.taint import TaintRemoval, removing_taint
from ringfence.agent.view import FOLLOWED
from ringfence.dataplane import forwarding
from ringfence.dataplane.adoption import Adoption
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.pod_ports import PodPorts
from ringfence.dataplane.preflight import FOR_BRIDGES, FOR_LOGGING, REQUIRED, Feature
from ringfence.errors import AgentError
from ringfence.sources.cluster import ApiServer, Deliver, Delivered, FreshnessChecks, Watch, running_watches

SWITCH_INTERVAL: Final = 0.0005
"""Seconds after which Python makes a computing thread release the interpreter; a tenth of Python's default.

A repair makes about fifteen system calls. After each of them its thread may wait this long for the interpreter while
another thread compiles rules. A flushed table is repaired after 4 ms (99th percentile 10 ms), with Python's default
after 25 ms (70 ms).
"""


def run(
    settings: Settings,
    api_server: ApiServer,
    listen: tuple[str, int] | None,
    *,
    dropped_lines: Callable[[], int] = lambda: 0,
) -> None:
    """Enforce until SIGTERM or SIGINT. The rules in the kernel stay in force.

    `dropped_lines` returns how many log lines could not be written so far.

    Raises AgentError or KernelError if nothing can be enforced on this node.
    """
    if forwarding.translates_with_ipvs():
        raise AgentError(
            "this node translates Services with IPVS, so packets to pods bypass the forward hook: "
            "set kube-proxy's mode to nftables or iptables"
        )
    sys.setswitchinterval(SWITCH_INTERVAL)
    shorten_collections()
    with only_agent(), closing(Kernel()) as kernel:
        # Before any other request: rules make the kernel track connections, and `Adoption` asks whether it did before.
        adoption = Adoption()
        settings = _supported(settings, kernel)
        ports = _ports_to_guard(kernel)
        remembered = RememberedRanges.of(settings)
        hold_from_start(settings, kernel, remembered, guards_bridges=ports is not None)
        inbox: Inbox = Inbox()
        followers = _Followers(api_server, lambda event: inbox.put(Arrival(event, time.monotonic())))
        # Without --unknown-pods hold, pods are open from the start, so there is nothing to check first.
        request_check = followers.checks.request if settings.holds else None
        relist = followers.relist if settings.second_look and settings.drops else None
        remember = remembered.remember if remembered else lambda ranges: None
        metrics = Metrics(dropped_lines)
        # `Adoption` allows no rule that drops packets before its end, so not those of a table that is there already.
        adopts = adoption if adoption.is_needed and not kernel.has_table else None
        outputs = LoopOutputs(metrics, request_check, relist, remember)
        loop = AgentLoop(settings, NodeKernel(kernel, adopts, ports), inbox, time.monotonic, outputs)

        def status(pod: str) -> bytes:
            return msgspec.json.encode(loop.inquiries.status(pod))

        sources = health.HealthSources(loop.metrics_text, loop.liveness_error, loop.readiness_error, status)
        # Health is served before anything is listed: the first list may take longer than the patience of a liveness
        # probe.
        with _stopping(lambda: inbox.put(None)), health.serving(listen, sources) if listen else nullcontext():
            log.info(
                "started",
                extra=values(node=settings.node, mode=settings.mode, unknown_pods=settings.unknown_pods),
            )
            events = writing_events(settings.node, api_server, loop.inquiries.causes, metrics)
            taint = TaintRemoval(
                settings.node, api_server, loop.inquiries.node, lambda: not loop.readiness_errors(), metrics
            )
            logging_denials = reading_packet_log(settings.log_group, inbox) if settings.log_denied else nullcontext()
            following = following_veth_pairs(ports, kernel, inbox) if ports else nullcontext()
            with (
                # The followers begin last and end first: no event arrives before everything runs that handles it.
                repairing(kernel, inbox),
                reporting_readiness(loop.readiness_errors),
                logging_denials,
                following,
                events if settings.events else nullcontext(),
                removing_taint(taint) if settings.remove_taint else nullcontext(),
                followers.running(),
            ):
                loop.run()
        log.info("stopped: the rules in the kernel stay in force")


def _supported(settings: Settings, kernel: Kernel) -> Settings:
    """The settings without those that this kernel does not support.

    Raises AgentError if the kernel lacks something that enforcement needs.
    """
    if missing := kernel.missing(REQUIRED):
        raise AgentError(
            f"this kernel cannot enforce policies because it lacks {_list(missing)}: load the modules with modprobe, "
            "or use a kernel that has them; the rules in the kernel stay as they are"
        )
    if settings.log_denied and (missing := kernel.missing(FOR_LOGGING)):
        log.error(f"denied packets cannot be logged because this kernel lacks {_list(missing)}")
        return msgspec.structs.replace(settings, log_denied=False)
    return settings


def _ports_to_guard(kernel: Kernel) -> PodPorts | None:
    """The finder of the bridge ports of pods; None, with a log line, if the kernel cannot filter bridged frames."""
    if missing := kernel.missing(FOR_BRIDGES):
        log.error(
            "on bridges, pods can send with the addresses of other pods, and link-local and broadcast packets pass, "
            f"because this kernel lacks {_list(missing)}"
        )
        return None
    return PodPorts()


def _list(features: list[Feature]) -> str:
    return ", ".join(map(str, features))


def clean_up(state_file: Path | None = None) -> bool:
    """Remove all rules from the kernel, so that no pod is isolated, and the state file.

    Returns whether there were any rules.

    Raises AgentError while an agent runs or if the file cannot be removed, KernelError if the kernel refuses.
    """
    with only_agent(), closing(Kernel()) as kernel:
        if state_file:
            forget_ranges(state_file)
        had_table = kernel.has_table
        kernel.remove()
        return had_table


class _Followers:
    """The watches of all kinds, and the checks whether the watches of policies and Namespaces are up to date."""

    def __init__(self, api_server: ApiServer, deliver: Deliver) -> None:
        self._api_server = api_server
        self._watches = [
            Watch(
                one, api_server, deliver, delivered=Delivered(one.kind, deliver) if one.kind in CHECKED_KINDS else None
            )
            for one in FOLLOWED
        ]
        self.checks = FreshnessChecks(self._watches, api_server, deliver)

    def relist(self) -> None:
        """Have all kinds listed again."""
        for watch in self._watches:
            watch.relist()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run each watch and the checks in threads of their own while the context lasts."""
        with running_watches(self._watches, self._api_server, {"checks": self.checks.run}):
            yield


@contextmanager
def _stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` when this process receives SIGTERM or SIGINT, instead of exiting, while the context lasts."""

    def handle(number: int, frame: FrameType | None) -> None:
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

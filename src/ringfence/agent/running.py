"""Running an agent: one process, alone in its network namespace, until it is told to stop."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from types import FrameType

from ringfence.agent import checks, health
from ringfence.agent.journal import Journal
from ringfence.agent.loop import AgentLoop, Arrival, Inbox
from ringfence.agent.metrics import Metrics
from ringfence.agent.settings import Settings
from ringfence.agent.singleton import alone
from ringfence.agent.view import FOLLOWED
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.packet_log import PacketLog
from ringfence.errors import AgentError, KernelError
from ringfence.sources.cluster import ApiServer, Event, follow


def run(settings: Settings, connections: ApiServer, listen: tuple[str, int] | None, journal: Journal) -> None:
    """Enforce until SIGTERM or SIGINT; what is in force then stays so.

    Raises AgentError or KernelError where nothing can be enforced at all.
    """
    if checks.translates_with_ipvs():
        raise AgentError(
            "this node translates Services with IPVS, behind which packets to pods never meet the filter's hook: "
            "set kube-proxy's mode to nftables or iptables"
        )
    with alone(), closing(Kernel()) as kernel:
        inbox: Inbox = Inbox()
        loop = AgentLoop(settings, kernel, inbox, journal, Metrics(), time.monotonic)
        answers = health.Answers(loop.metrics, loop.ailing, loop.unready)
        with _stopping(lambda: inbox.put(None)), health.serving(listen, answers) if listen else nullcontext():
            journal.info("started", node=settings.node, mode=settings.mode, unknown_pods=settings.unknown_pods)
            with (
                listening(settings, inbox),
                _following(connections, lambda event: inbox.put(Arrival(event, time.monotonic()))),
            ):
                loop.run()
        journal.info("stopped: what is enforced stays in force")


def clean_up() -> bool:
    """Take everything out of the kernel, so that nobody is isolated any more; whether there was anything.

    Raises AgentError while an agent runs, KernelError where the kernel refuses.
    """
    with alone(), closing(Kernel()) as kernel:
        had_table = kernel.has_table
        kernel.remove()
        return had_table


@contextmanager
def listening(settings: Settings, inbox: Inbox) -> Iterator[None]:
    """Put denied packets into the inbox for a while, if they are to be logged."""
    if not settings.log_denied:
        yield
        return
    log = PacketLog(settings.log_group)

    def listen() -> None:
        try:
            for logged in log.packets():
                inbox.put(logged)
        except KernelError as error:
            inbox.put(error)

    threading.Thread(target=listen, name="packet log", daemon=True).start()
    with closing(log):
        yield


@contextmanager
def _following(connections: ApiServer, deliver: Callable[[Event], None]) -> Iterator[None]:
    """Follow all kinds for a while, each in a thread, which ends with the process at the latest."""
    ended = threading.Event()
    for resource in FOLLOWED:
        arguments = (resource, connections, deliver, ended)
        threading.Thread(target=follow, args=arguments, name=f"watch {resource.plural}", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        connections.close()


@contextmanager
def _stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` when this process is asked to end, for a while."""

    def handle(number: int, frame: FrameType | None) -> None:
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

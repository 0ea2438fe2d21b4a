"""The client of the agent's status. If no agent answers, the status is read from the kernel."""

import http.client
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import msgspec

from ringfence.agent.singleton import is_running
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import CLOSED, HELD, ISOLATED, Program, RangeSet, VerdictMap
from ringfence.errors import AgentError, InputError, KernelError
from ringfence.model.policies import Direction
from ringfence.render.agent_status import AgentStatus, KernelAddress, KernelStatus
from ringfence.sets.addresses import FAMILIES, Addresses, Family, address_text

_TIMEOUT: Final = 10.0
"""Seconds to wait for an answer. The agent itself waits 5 s for its loop."""


def ask(listen: tuple[str, int], pod: str) -> AgentStatus:
    """The status of a pod (`NAMESPACE/NAME`, or an address), or of all pods of this node if `pod` is empty.

    Raises InputError if the agent does not know the pod, AgentError if the agent cannot be asked, and KernelError if no
    agent runs and this process may not read the rules in the kernel.
    """
    found = ask_agent(listen, pod)
    if found is None:
        return AgentStatus(None, kernel=_about(pod, ask_kernel()))
    if found.agent and not found.agent.answers:
        with suppress(KernelError):  # without rights to read the kernel, the answer of the agent is still useful
            return msgspec.structs.replace(found, kernel=_about(pod, ask_kernel()))
    return found


def ask_agent(listen: tuple[str, int], pod: str) -> AgentStatus | None:
    """The status from the agent; None if no agent runs on this node. Raises InputError and AgentError as `ask` does."""
    if not is_running():
        return None
    host, port = listen
    where = f"{host}:{port}"
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
    try:
        connection.request("GET", f"/status?pod={quote(pod)}")
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise AgentError(
            f"an agent runs on this node, but does not answer at {where} ({error or type(error).__name__}): "
            "use the --listen of that agent"
        ) from None
    finally:
        connection.close()
    if response.status == HTTPStatus.OK:
        try:
            return msgspec.json.decode(body, type=AgentStatus)
        except msgspec.DecodeError:
            raise AgentError(f"what answers at {where} is not an agent of this version") from None
    text = body.decode(errors="replace").strip()
    if response.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        raise InputError(text)
    raise AgentError(f"{where}: {response.status} {text}: is this an agent of this version?")


def ask_kernel() -> KernelStatus:
    """The status from the rules in the kernel, which are not changed. Raises KernelError without the right to read."""
    kernel = Kernel()
    try:
        program = kernel.present
        isolated: dict[tuple[Family, bytes], dict[Direction, str]] = {}
        for (direction, family), name in ISOLATED.items():
            verdicts = program.collections.get(name)
            if isinstance(verdicts, VerdictMap):
                for chain, keys in verdicts.elements.items():
                    state = "closed" if chain == CLOSED[direction] else "isolated"
                    for key in keys:
                        isolated.setdefault((family, key), {})[direction] = state
        held = Addresses.of_ranges(_held_ranges(program))
        addresses = [
            KernelAddress(
                address_text(family, int.from_bytes(key, "big")),
                sides.get(Direction.INGRESS, "open"),
                sides.get(Direction.EGRESS, "open"),
            )
            for (family, key), sides in sorted(isolated.items(), key=lambda item: item[0])
        ]
        return KernelStatus(kernel.has_table, kernel.is_dormant, tuple(addresses), tuple(held.cidrs()))
    finally:
        kernel.close()


def _held_ranges(program: Program) -> Iterator[tuple[Family, tuple[int, int]]]:
    for family in FAMILIES:
        held = program.collections.get(HELD[family])
        if isinstance(held, RangeSet):
            for low, high in held.elements:
                yield family, (int.from_bytes(low, "big"), int.from_bytes(high, "big"))


def _about(pod: str, kernel: KernelStatus) -> KernelStatus:
    """The status of one address; for a pod all addresses, because only an agent knows those of the pod."""
    if not pod or "/" in pod:
        return kernel
    return msgspec.structs.replace(kernel, isolated=tuple(one for one in kernel.isolated if one.address == pod))
